//! `verify`: all that is shared and kept is read again (`distribution/chunk_store.rs`), and what has rotted
//! is fetched from other peers. A shared file takes its place again only once the good one is whole; the
//! damaged one is not thrown away. Pure.

use core::time::Duration;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::away::whole_or_some;
use super::downloads::DownloadOrder;
use super::event::AskId;
use super::file_work::{Damaged, FilePlace, FileWork};
use super::output::{Outputs, PeerOutput, ShareOrder};
use super::own_peer::OwnPeer;
use super::owners::Owners;
use super::roster::Roster;
use crate::content::{EntryKind, FileId, SafePath, Span};
use crate::control::{Location, Reply, VerifyResult, VerifyRow};
use crate::custody::custodian::Custodian;
use crate::custody::keeper::Keeper;
use crate::disk::PARTIAL;
use crate::distribution::chunk_store::{self, Finding, Verify};
use crate::error::Failure;
use crate::library::Shelf;
use crate::swarm::Wanted;
use crate::time::Time;

/// What is not repaired after this time in which nothing came of any repair counts as not repaired.
const PATIENCE: Duration = Duration::from_secs(60);

/// One reading, and what came of it so far.
#[derive(Debug, Default)]
pub(super) struct Verifying {
    /// Whoever waits for it.
    asks: Vec<AskId>,
    /// Who still reads: the thread of the chunk store, and one for each share beside `shared/`.
    readers: usize,
    /// How much was read so far.
    sum: AllRead,
    /// Once all was read.
    read: Option<AllRead>,
    bad: u64,
    /// Of them, those that are still bad.
    left: u64,
    /// Kept files that are fetched again: the path under which their owner shares them.
    kept: BTreeMap<FileId, String>,
    /// Shared files that are being repaired, until the good one is in its place.
    shared: BTreeMap<SafePath, Repair>,
    /// When it is over at the latest.
    until: Option<Time>,
}

/// A shared file that is being repaired.
#[derive(Clone, Debug)]
struct Repair {
    file: FileId,
    /// What it was when it was found: whatever lies there later is not replaced.
    damaged: Damaged,
}

/// How much was read.
#[derive(Clone, Copy, Debug, Default)]
struct AllRead {
    files: u64,
    bytes: u64,
}

/// Where a good one of a damaged file may be had.
#[derive(Clone, Copy, Debug)]
pub(super) struct RepairSources<'a> {
    pub(super) own: &'a OwnPeer,
    pub(super) shelf: &'a Shelf,
    pub(super) roster: &'a Roster,
    pub(super) custodian: &'a Custodian,
}

impl Verifying {
    /// When [`Self::handle_timeout`] is to be called.
    pub(super) const fn poll_timeout(&self) -> Option<Time> {
        self.until
    }

    /// Ends it if nothing came of any repair for too long.
    pub(super) fn handle_timeout(&mut self, now: Time, out: &mut Outputs) {
        if self.until.is_some_and(|at| at <= now) {
            self.end_if_over(now, out);
        }
    }

    /// Begins to read everything again, or lets one more wait for it.
    pub(super) fn begin(&mut self, ask: AskId, shelf: &Arc<Shelf>, keeper: &Keeper, out: &mut Outputs) {
        let is_running = !self.asks.is_empty();
        self.asks.push(ask);
        if is_running {
            return;
        }
        // Of an earlier reading something may have come since.
        (self.bad, self.left) = (0, 0);
        let mut kept: BTreeMap<FileId, (u64, Vec<Span>)> = BTreeMap::new();
        for ((_, file), row, _) in keeper.all().filter(|(_, row, _)| row.whole) {
            kept.entry(file).or_insert((row.size, Vec::new())).1.push(row.span);
        }
        let kept = kept.into_iter().map(|(file, (size, spans))| (file, size, spans)).collect();
        out.chunks(chunk_store::Command::Verify(Box::new(Verify { shelf: Arc::clone(shelf), kept })));
        (self.readers, self.sum) = (1 + shelf.roots.named.len(), AllRead::default());
        for name in shelf.roots.named.keys() {
            out.push(PeerOutput::Share(ShareOrder::ReadAgain(name.clone(), Arc::clone(shelf))));
        }
    }

    /// Chunks of a kept file are not what they should be: they are fetched again.
    pub(super) fn found_rotten(&mut self, file: FileId, keeper: &Keeper) {
        let path = keeper.all().find(|((_, f), ..)| *f == file).map(|(_, row, _)| row.path.to_string());
        self.bad += 1;
        self.kept.insert(file, path.unwrap_or_else(|| file.to_string()));
    }

    /// Bytes of a kept file came that is fetched again.
    pub(super) fn kept_moved(&mut self, now: Time, file: FileId) {
        if self.kept.contains_key(&file) {
            self.wait_on(now);
        }
    }

    /// A kept file that was damaged was fetched again, or could not be.
    pub(super) fn kept_again(&mut self, now: Time, file: FileId, is_good: bool, out: &mut Outputs) {
        if let Some(path) = self.kept.remove(&file) {
            self.say(row(&path, Location::Kept, VerifyResult::Rotten, Some(is_good)), out);
            self.wait_on(now);
            self.end_if_over(now, out);
        }
    }

    /// A shared file is not what it should be. One that has rotted is fetched again, beside it, if anybody
    /// has a good one.
    pub(super) fn found_bad(
        &mut self,
        path: &SafePath,
        file: FileId,
        finding: Finding,
        sources: RepairSources<'_>,
        out: &mut Outputs,
    ) {
        match finding {
            // It is hashed again, as whenever somebody writes.
            Finding::Changed => {
                self.say(row(path.as_str(), Location::Shared, VerifyResult::Changed, None), out);
            }
            Finding::Unreadable => {
                self.bad += 1;
                self.say(row(path.as_str(), Location::Shared, VerifyResult::Unreadable, None), out);
            }
            Finding::Rotten => {
                self.bad += 1;
                if self.shared.contains_key(path) {
                    // An earlier reading found it too, and a good one is still on its way.
                } else if let Some((Wanted { size, modified, .. }, place)) = sources.good(path, file) {
                    out.files(FileWork::Repair(path.clone(), place.clone()));
                    let damaged = Damaged { path: path.clone(), place, size, modified };
                    self.shared.insert(path.clone(), Repair { file, damaged });
                } else {
                    self.say(row(path.as_str(), Location::Shared, VerifyResult::Rotten, Some(false)), out);
                }
            }
        }
    }

    /// Where a good one is to be fetched to, nothing is in the way, or that could not be had. Returns what is
    /// to be fetched.
    pub(super) fn repair_prepared(
        &mut self,
        now: Time,
        path: &SafePath,
        prepared: Result<(), String>,
        sources: RepairSources<'_>,
        out: &mut Outputs,
    ) -> Option<DownloadOrder> {
        let Repair { file, .. } = self.shared.get(path)?;
        // Who is here may have changed since.
        let good = prepared.and_then(|()| {
            sources.good(path, *file).ok_or_else(|| "nobody has a good one any more".to_owned())
        });
        match good {
            Ok((wanted, place)) => Some(DownloadOrder {
                notes: Vec::new(),
                what: format!("verify {path}"),
                owners: Owners::Anyone,
                destination: repairs(&place.folder),
                files: vec![wanted],
                folders: Vec::new(),
                is_offered: false,
            }),
            Err(e) => {
                out.log_warning(format!("{path} cannot be repaired: {e}"));
                self.repaired(now, path, false, out);
                None
            }
        }
    }

    /// Bytes came of a good one of a shared file.
    pub(super) fn repair_moved(&mut self, now: Time) {
        self.wait_on(now);
    }

    /// The job ended that was to bring a good one of a shared file: it takes the place of the rotten one.
    pub(super) fn good_came(
        &mut self,
        now: Time,
        path: &SafePath,
        failure: Option<&Failure>,
        out: &mut Outputs,
    ) {
        match (failure, self.shared.get(path)) {
            (None, Some(Repair { damaged, .. })) => {
                out.files(FileWork::Swap(damaged.clone()));
                self.wait_on(now);
            }
            (Some(failure), Some(_)) => self.not_repaired(now, path, &failure.message, out),
            (_, None) => {}
        }
    }

    /// The good one is in the place of the rotten one, or could not be put there.
    pub(super) fn swapped(
        &mut self,
        now: Time,
        path: &SafePath,
        done: Result<(), String>,
        out: &mut Outputs,
    ) {
        match done {
            Ok(()) => self.repaired(now, path, true, out),
            Err(e) => self.not_repaired(now, path, &e, out),
        }
    }

    /// One of those who read has read all of its own.
    pub(super) fn all_read(&mut self, now: Time, files: u64, bytes: u64, out: &mut Outputs) {
        self.sum.files += files;
        self.sum.bytes = self.sum.bytes.saturating_add(bytes);
        self.readers = self.readers.saturating_sub(1);
        if self.readers > 0 {
            return;
        }
        self.read = Some(self.sum);
        self.until = Some(now + PATIENCE);
        self.end_if_over(now, out);
    }

    fn not_repaired(&mut self, now: Time, path: &SafePath, why: &str, out: &mut Outputs) {
        out.log_warning(format!("{path} is damaged, and could not be repaired: {why}"));
        self.repaired(now, path, false, out);
    }

    fn repaired(&mut self, now: Time, path: &SafePath, is_good: bool, out: &mut Outputs) {
        if self.shared.remove(path).is_some() {
            self.say(row(path.as_str(), Location::Shared, VerifyResult::Rotten, Some(is_good)), out);
            self.wait_on(now);
            self.end_if_over(now, out);
        }
    }

    fn wait_on(&mut self, now: Time) {
        self.until = self.until.map(|_| now + PATIENCE);
    }

    fn say(&mut self, row: VerifyRow, out: &mut Outputs) {
        self.left += u64::from(row.repaired != Some(true) && row.result != VerifyResult::Changed);
        for ask in &self.asks {
            out.reply(*ask, Reply::Verified(row.clone()));
        }
    }

    /// Ends it once nothing is being fetched again any more, or for too long.
    fn end_if_over(&mut self, now: Time, out: &mut Outputs) {
        let Some(AllRead { files, bytes }) = self.read else { return };
        let is_over = self.kept.is_empty() && self.shared.is_empty();
        if !is_over && self.until.is_none_or(|until| now < until) {
            return;
        }
        for path in std::mem::take(&mut self.kept).values() {
            self.say(row(path, Location::Kept, VerifyResult::Rotten, Some(false)), out);
        }
        self.left += self.shared.len() as u64;
        let sum = Reply::VerifySum { files, bytes, bad: self.bad };
        let end = match self.left {
            0 => Reply::Done,
            1 => Reply::Failed(Failure::other("1 file is damaged, and was not repaired")),
            n => Reply::Failed(Failure::other(format!("{n} files are damaged, and were not repaired"))),
        };
        // What is still fetched goes on; nobody waits for it.
        (self.read, self.until, self.bad, self.left) = (None, None, 0, 0);
        for ask in std::mem::take(&mut self.asks) {
            out.reply(ask, sum.clone());
            out.reply(ask, end.clone());
        }
    }
}

impl RepairSources<'_> {
    /// A good one of the shared file at this path, of which that was the content; `None`: nobody has one.
    /// And where that lies.
    fn good(&self, path: &SafePath, file: FileId) -> Option<(Wanted, FilePlace)> {
        let place = self.shelf.roots.place(path);
        let place = FilePlace { folder: place.folder.to_owned(), inner: place.inner? };
        let entry = self.shelf.catalogue.get(path)?;
        let EntryKind::File { id, size, modified, executable, .. } = entry.kind else { return None };
        let claim = (file, size);
        let mut holders =
            self.roster.holders(&[claim].into(), &Owners::Anyone).remove(&claim).unwrap_or_default();
        let me = self.own.id();
        let places = self.custodian.distributor().places((me, file));
        let (whole, mut some) = whole_or_some(size, places.into_iter().map(|place| (place.peer, place.span)));
        holders.extend(whole);
        // It may lie here under another name, too.
        if self.shelf.files.get(&file).is_some_and(|other| other.path != *path) {
            some.push(me);
        }
        if id != file || holders.is_empty() && some.is_empty() {
            return None;
        }
        let (asked, to) = (Arc::from("verify"), place.inner.clone());
        Some((
            Wanted { here: None, id, size, modified, executable, asked, to, holders, keep: None, some },
            place,
        ))
    }
}

fn row(path: &str, what: Location, result: VerifyResult, repaired: Option<bool>) -> VerifyRow {
    VerifyRow { path: path.to_owned(), what, result, repaired }
}

/// Where good ones of damaged files are fetched to: on the file system of their share, where nothing is shared.
pub(super) fn repairs(share: &Path) -> PathBuf {
    share.join(PARTIAL).join("repair")
}
