//! `verify`: all that is shared and kept is read again (`distribution/chunk_store.rs`), and what has rotted
//! is fetched from other peers. A shared file takes its place again only once the good one is whole; the
//! damaged one is not thrown away.

use core::time::Duration;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crossbeam_channel::Sender;

use super::{Controller, reply};
use crate::content::{ChunkIndex, EntryKind, FileId, SafePath, Span, Stamp};
use crate::control::{Location, Reply, VerifyResult, VerifyRow};
use crate::disk::PARTIAL;
use crate::distribution::chunk_store::{self, Finding, Verify};
use crate::error::Failure;
use crate::peer::away::whole_or_some;
use crate::settings::Settings;
use crate::swarm::{JobId, Wanted};
use crate::sys::facts::Facts;
use crate::time::Time;

/// What is not repaired after this time in which nothing came of any repair counts as not repaired.
const PATIENCE: Duration = Duration::from_secs(60);

/// One reading, and what came of it so far.
#[derive(Debug, Default)]
pub(super) struct Verifying {
    /// Whoever waits for it.
    asks: Vec<Sender<Reply>>,
    /// Files and bytes, once all was read.
    read: Option<(u64, u64)>,
    bad: u64,
    /// Of them, those that are still bad.
    left: u64,
    /// Kept files that are fetched again: the path under which their owner shares them.
    kept: BTreeMap<FileId, String>,
    /// Shared files that are fetched again, by the job that brings them.
    shared: BTreeMap<JobId, Damaged>,
    /// When it is over at the latest.
    until: Option<Time>,
}

/// A shared file that has rotted: where, and of which size and time of modification (milliseconds since
/// 1970).
#[derive(Clone, Debug)]
struct Damaged {
    path: SafePath,
    size: u64,
    modified: i64,
}

impl Verifying {
    pub(super) const fn poll_timeout(&self) -> Option<Time> {
        self.until
    }

    /// Bytes came of what a job fetches again.
    pub(super) fn moved(&mut self, now: Time, job: JobId) {
        if self.shared.contains_key(&job) {
            self.wait_on(now);
        }
    }

    /// Bytes of a kept file came that is fetched again.
    pub(super) fn kept_moved(&mut self, now: Time, file: FileId) {
        if self.kept.contains_key(&file) {
            self.wait_on(now);
        }
    }

    fn wait_on(&mut self, now: Time) {
        self.until = self.until.map(|_| now + PATIENCE);
    }

    fn say(&mut self, row: &VerifyRow) {
        self.left += u64::from(row.repaired != Some(true) && row.result != VerifyResult::Changed);
        self.asks.iter().for_each(|ask| reply(ask, Reply::Verified(row.clone())));
    }
}

fn row(path: &str, what: Location, result: VerifyResult, repaired: Option<bool>) -> VerifyRow {
    VerifyRow { path: path.to_owned(), what, result, repaired }
}

impl Controller {
    /// Begins to read everything again, or lets one more wait for it.
    pub(super) fn verify(&mut self, ask: Sender<Reply>) {
        let is_running = !self.state.verifying.asks.is_empty();
        self.state.verifying.asks.push(ask);
        if is_running {
            return;
        }
        // Of an earlier reading something may have come since.
        (self.state.verifying.bad, self.state.verifying.left) = (0, 0);
        let mut kept: BTreeMap<FileId, (u64, Vec<Span>)> = BTreeMap::new();
        for ((_, file), row, _) in self.custody.machine.keeper().all().filter(|(_, row, _)| row.whole) {
            kept.entry(file).or_insert((row.size, Vec::new())).1.push(row.span);
        }
        let kept = kept.into_iter().map(|(file, (size, spans))| (file, size, spans)).collect();
        let verify = Verify { shelf: Arc::clone(&self.state.shelf), kept };
        self.parts.chunks.send(chunk_store::Command::Verify(Box::new(verify)));
    }

    /// Chunks of a kept file are not what they should be.
    pub(super) fn found_rotten(&mut self, file: FileId, chunks: Vec<ChunkIndex>) {
        let keeper = self.custody.machine.keeper();
        let path = keeper.all().find(|((_, f), ..)| *f == file).map(|(_, row, _)| row.path.to_string());
        let path = path.unwrap_or_else(|| file.to_string());
        self.state.verifying.bad += 1;
        self.state.verifying.kept.insert(file, path);
        self.lose(file, chunks);
    }

    /// A kept file that was damaged was fetched again, or could not be.
    pub(super) fn kept_again(&mut self, now: Time, file: FileId, is_good: bool) {
        if let Some(path) = self.state.verifying.kept.remove(&file) {
            self.state.verifying.say(&row(&path, Location::Kept, VerifyResult::Rotten, Some(is_good)));
            self.state.verifying.wait_on(now);
            self.verified_if_over(now);
        }
    }

    /// A shared file is not what it should be.
    pub(super) fn found_bad(&mut self, path: &SafePath, file: FileId, finding: Finding) {
        let verifying = &mut self.state.verifying;
        match finding {
            // It is hashed again, as whenever somebody writes.
            Finding::Changed => {
                verifying.say(&row(path.as_str(), Location::Shared, VerifyResult::Changed, None))
            }
            Finding::Unreadable => {
                verifying.bad += 1;
                verifying.say(&row(path.as_str(), Location::Shared, VerifyResult::Unreadable, None));
            }
            Finding::Rotten => {
                verifying.bad += 1;
                if !self.fetch_good(path, file) {
                    self.state.verifying.say(&row(
                        path.as_str(),
                        Location::Shared,
                        VerifyResult::Rotten,
                        Some(false),
                    ));
                }
            }
        }
    }

    /// Fetches a good one of a shared file that has rotted, beside it. False: nobody has one.
    fn fetch_good(&mut self, path: &SafePath, file: FileId) -> bool {
        let Some(entry) = self.state.shelf.catalogue.get(path).cloned() else { return false };
        let EntryKind::File { id, size, modified, executable, .. } = entry.kind else { return false };
        let claim = (file, size);
        let mut holders = self.state.roster.holders(&[claim].into(), None).remove(&claim).unwrap_or_default();
        let places = self.custody.machine.distributor().places((self.identity.id(), file));
        let (whole, mut some) = whole_or_some(size, places.into_iter().map(|place| (place.peer, place.span)));
        holders.extend(whole);
        // It may lie here under another name, too.
        if self.state.shelf.files.get(&file).is_some_and(|other| other.path != *path) {
            some.push(self.identity.id());
        }
        if id != file || holders.is_empty() && some.is_empty() {
            return false;
        }
        let destination = repairs(&self.config);
        let (asked, to) = (Arc::from("verify"), path.clone());
        let wanted = Wanted { id, size, modified, executable, asked, to, holders, keep: None, some };
        let begun = clear(&destination, path).map_err(|e| Failure::other(e.to_string())).and_then(|()| {
            self.begin_download(format!("verify {path}"), None, destination, vec![wanted], Vec::new())
        });
        match begun {
            Ok(job) => {
                let damaged = Damaged { path: path.clone(), size, modified };
                self.state.verifying.shared.insert(job, damaged);
                true
            }
            Err(failure) => {
                log::warn!("{path} cannot be repaired: {}", failure.message);
                false
            }
        }
    }

    /// A download ended: if it brought a good one of a shared file, that takes the place of the rotten one.
    pub(super) fn good_came(&mut self, now: Time, job: JobId, failure: Option<&Failure>) {
        let Some(damaged) = self.state.verifying.shared.remove(&job) else { return };
        let done = match failure {
            None => self.swap(&damaged).map_err(|e| e.to_string()),
            Some(failure) => Err(failure.message.clone()),
        };
        let path = damaged.path;
        if let Err(e) = &done {
            log::warn!("{path} is damaged, and could not be repaired: {e}");
        }
        self.state.verifying.say(&row(
            path.as_str(),
            Location::Shared,
            VerifyResult::Rotten,
            Some(done.is_ok()),
        ));
        self.state.verifying.wait_on(now);
        self.verified_if_over(now);
    }

    /// Puts what was fetched in the place of what rotted, of which a name in `.potluck/rotten/` is left;
    /// where `shared/` is another file system than that, in `shared/.potluck-partial/rotten/`.
    fn swap(&self, Damaged { path, size, modified }: &Damaged) -> io::Result<()> {
        let shared = self.config.shared();
        let (good, place) = (repairs(&self.config).join(path.as_str()), shared.join(path.as_str()));
        let stamp = Stamp::of(&Facts::at_link(&place)?);
        if (stamp.size, stamp.modified_millis()) != (*size, *modified) {
            let good = good.display();
            return Err(io::Error::other(format!("it was changed meanwhile; what it was is in {good}")));
        }
        let aside = |folder: PathBuf| {
            let aside = folder.join("rotten").join(path.as_str());
            set_aside(&place, &aside).map(|()| aside)
        };
        let aside = match aside(self.config.state()) {
            Err(e) if e.kind() == io::ErrorKind::CrossesDevices => aside(shared.join(PARTIAL)),
            done => done,
        }?;
        // Should it fail, the user has what was there.
        std::fs::rename(&good, &place).or_else(|e| match place.try_exists() {
            Ok(true) => Err(e),
            _ => std::fs::rename(&aside, &place).and(Err(e)),
        })
    }

    /// All was read.
    pub(super) fn verified(&mut self, now: Time, files: u64, bytes: u64) {
        self.state.verifying.read = Some((files, bytes));
        self.state.verifying.until = Some(now + PATIENCE);
        self.verified_if_over(now);
    }

    /// Ends it once nothing is being fetched again any more, or for too long.
    pub(super) fn verified_if_over(&mut self, now: Time) {
        let verifying = &mut self.state.verifying;
        let Some((files, bytes)) = verifying.read else { return };
        let is_over = verifying.kept.is_empty() && verifying.shared.is_empty();
        if !is_over && verifying.until.is_none_or(|until| now < until) {
            return;
        }
        for path in std::mem::take(&mut verifying.kept).values() {
            verifying.say(&row(path, Location::Kept, VerifyResult::Rotten, Some(false)));
        }
        verifying.left += verifying.shared.len() as u64;
        let asks = std::mem::take(&mut verifying.asks);
        let sum = Reply::VerifySum { files, bytes, bad: verifying.bad };
        let end = match verifying.left {
            0 => Reply::Done,
            1 => Reply::Failed(Failure::other("1 file is damaged, and was not repaired")),
            n => Reply::Failed(Failure::other(format!("{n} files are damaged, and were not repaired"))),
        };
        // What is still fetched goes on; nobody waits for it.
        (verifying.read, verifying.until, verifying.bad, verifying.left) = (None, None, 0, 0);
        for ask in asks {
            reply(&ask, sum.clone());
            reply(&ask, end.clone());
        }
    }
}

/// Where good ones of damaged files are fetched to: on the file system of `shared/`, where nothing is shared.
fn repairs(config: &Settings) -> PathBuf {
    config.shared().join(PARTIAL).join("repair")
}

/// Makes the folder, and space in it: what an earlier repair left under this path may be another version.
fn clear(folder: &Path, path: &SafePath) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    match std::fs::remove_file(folder.join(path.as_str())) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

/// Gives what lies at `place` the name `aside`, too, under which it outlives what takes its place. Where a
/// file can have but one name it is moved there.
fn set_aside(place: &Path, aside: &Path) -> io::Result<()> {
    if let Some(folder) = aside.parent() {
        std::fs::create_dir_all(folder)?;
    }
    match std::fs::remove_file(aside) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    match std::fs::hard_link(place, aside) {
        Err(e) if e.kind() != io::ErrorKind::CrossesDevices => std::fs::rename(place, aside),
        done => done,
    }
}
