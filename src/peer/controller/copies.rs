//! What users ask of custody (custody.rs): how many copies there are and should be, and what becomes of what
//! is missing.

use std::collections::{BTreeMap, BTreeSet};

use crossbeam_channel::Sender;

use super::{Controller, reply};
use crate::content::{Entry, EntryKind, FileId, SafePath};
use crate::control::{CustodyRow, KeptFor, Reply};
use crate::custody::recovery::Decision;
use crate::error::{Code, Failure};
use crate::identity::PeerId;
use crate::peer::limits;
use crate::peer::listing::OwnCopies;
use crate::text;
use crate::time::Time;

impl Controller {
    /// How an own file stands, for `list`.
    pub(super) fn own_copies(&self, file: FileId) -> OwnCopies {
        let machine = &self.custody.machine;
        let wanted = machine.copies().of(file);
        let standing = machine.distributor().standing((self.identity.id(), file));
        OwnCopies {
            kept: standing.map_or(0, |s| s.kept.into()),
            wanted,
            large: wanted > 1 && standing.is_none() && self.custody.own.is_recorded(),
        }
    }

    /// `copies N FILE`.
    pub(super) fn set_copies(
        &mut self,
        now: Time,
        replies: &Sender<Reply>,
        copies: Option<u8>,
        words: &[String],
    ) -> Result<Option<Reply>, Failure> {
        let mut chosen: BTreeMap<FileId, SafePath> = BTreeMap::new();
        for word in words {
            let found = self.own_files(word)?;
            chosen.extend(found);
        }
        for (file, path) in chosen {
            self.custody.machine.set_copies(now, file, copies);
            reply(replies, Reply::Copied { path: path.to_string(), copies });
        }
        Ok(Some(Reply::Done))
    }

    /// Own files that a word means: a path, a folder, or `b3:` and the first digits of an id.
    fn own_files(&self, word: &str) -> Result<Vec<(FileId, SafePath)>, Failure> {
        let meant = self.state.shelf.catalogue.entries().filter_map(|e| match e.kind {
            EntryKind::File { id, .. } if is_meant(word, e) => Some((id, e.path.clone())),
            _ => None,
        });
        let meant: Vec<_> = meant.collect();
        if meant.is_empty() {
            let message =
                format!("`{}` is no file that this peer shares; see `list --mine`", text::shown(word));
            return Err(Failure::new(Code::NotFound, message));
        }
        Ok(meant)
    }

    /// `restore`: what is missing, or was deleted while others still keep it, comes back.
    pub(super) fn bring_back(
        &mut self,
        now: Time,
        replies: &Sender<Reply>,
        words: &[String],
    ) -> Result<Option<Reply>, Failure> {
        let own = &self.custody.own;
        let count = self.custody.machine.bring_back(now, |entry, was_deleted| {
            let is_asked = words.is_empty() || words.iter().any(|word| is_meant(word, entry));
            is_asked && (!was_deleted || own.is_kept(entry))
        });
        let coming = self.custody.machine.recovery().restoring().count();
        let text = match (count, coming) {
            (0, _) if !words.is_empty() => {
                let words: Vec<_> = words.iter().map(|word| format!("`{}`", text::shown(word))).collect();
                return Err(Failure::new(
                    Code::NotFound,
                    format!(
                        "nothing that was shared here as {} is missing and kept by others",
                        words.join(", ")
                    ),
                ));
            }
            (0, 0) => "nothing that was shared here is missing and kept by others".to_owned(),
            (0, 1) => "1 file comes back already; `status` shows how far that is".to_owned(),
            (0, n) => format!("{n} files come back already; `status` shows how far that is"),
            (1, _) => {
                "1 file is fetched from the peers that keep it; `status` shows how far that is".to_owned()
            }
            (n, _) => {
                format!("{n} files are fetched from the peers that keep them; `status` shows how far that is")
            }
        };
        reply(replies, Reply::Note { text });
        Ok(Some(Reply::Done))
    }

    /// `restore --forget`: what is missing was deleted on purpose.
    pub(super) fn forget_missing(&mut self, now: Time, replies: &Sender<Reply>) -> Reply {
        let machine = &mut self.custody.machine;
        let text = match machine.recovery().n_missing() + machine.recovery().restoring().count() {
            0 => "nothing that was shared here is missing".to_owned(),
            1 => "1 file counts as deleted: others drop it after a while".to_owned(),
            n => format!("{n} files count as deleted: others drop them after a while"),
        };
        machine.decide(now, Decision::Forget);
        self.custody.own.restore_no_more(&self.parts.receiver);
        reply(replies, Reply::Note { text });
        Reply::Done
    }

    /// What `status` tells of custody.
    pub(super) fn custody_row(&self) -> CustodyRow {
        let (me, machine) = (self.identity.id(), &self.custody.machine);
        let keeper = machine.keeper();
        let mut row = CustodyRow {
            copies: self.config.copies,
            lent: keeper.quota().lent(),
            used: keeper.quota().taken(),
            free_reserve: limits::LEND_RESERVE,
            fetching: self.custody.n_fetching() as u64,
            conflict: machine.is_overruled(),
            lost: machine.recovery().n_missing() as u64,
            ..CustodyRow::default()
        };
        let paths = self.paths();
        for (key, want) in machine.distributor().wanted().filter(|((owner, _), _)| *owner == me) {
            // What is on its way back lies at no path yet.
            let files = paths.get(&key.1).map_or(1, |paths| paths.len() as u64);
            row.own_files += files;
            if let Some(standing) = machine.distributor().standing(key) {
                let others = u32::from(want.copies.saturating_sub(1));
                row.own_whole += if standing.kept >= others { files } else { 0 };
                row.moving +=
                    if standing.kept < others && standing.coming > standing.kept { files } else { 0 };
            }
        }
        let mut files = BTreeSet::new();
        let mut owners: BTreeMap<PeerId, u64> = BTreeMap::new();
        for ((owner, file), ..) in keeper.all() {
            files.insert(file);
            *owners.entry(owner).or_default() += 1;
        }
        row.kept_files = files.len() as u64;
        let kept_for = owners.into_iter().map(|(owner, files)| KeptFor {
            name: self.custody.served.name(owner).unwrap_or_else(|| self.state.roster.name(owner)),
            id: owner.full(),
            files,
            bytes: keeper.quota().taken_for(owner),
            away: self.state.roster.contact(owner).is_none(),
        });
        row.kept_for = kept_for.collect();
        row.kept_for.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.id.cmp(&b.id)));
        row.kept_for.truncate(limits::KEPT_FOR_TOLD);
        row
    }
}

/// True if a word means this file: its path, a folder that it is in, or `b3:` and the first digits of its id.
fn is_meant(word: &str, entry: &Entry) -> bool {
    let EntryKind::File { id, .. } = entry.kind else { return false };
    let path: Option<SafePath> = word.trim_end_matches('/').parse().ok();
    let is_path = path.is_some_and(|path| entry.path == path || entry.path.below(&path).is_some());
    let digits = word.strip_prefix("b3:").map(str::to_lowercase);
    is_path || digits.is_some_and(|digits| digits.len() >= 4 && id.to_string().starts_with(&digits))
}
