//! What users ask of custody (custody.rs): how many copies there are and should be, and what becomes of what is
//! missing.

use std::collections::{BTreeMap, BTreeSet};

use crossbeam_channel::Sender;

use super::{Controller, reply};
use crate::content::{Entry, FileId, Kind, SafePath};
use crate::control::{CustodyRow, KeptFor, Reply};
use crate::custody::homecoming::Decision;
use crate::error::{Code, Failure};
use crate::identity::PeerId;
use crate::limits;
use crate::peer::listing::OwnCopies;
use crate::text;
use crate::time::Time;

impl Controller {
    /// How an own file stands, for `list`.
    pub(super) fn own_copies(&self, file: FileId) -> OwnCopies {
        let machine = &self.custody.machine;
        let wanted = machine.copies_of(file);
        let standing = machine.distributor().standing((self.identity.id(), file));
        OwnCopies {
            held: standing.map_or(0, |s| s.held.into()),
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
        let trimmed = word.trim_end_matches('/');
        let path: Option<SafePath> = trimmed.parse().ok();
        let digits = word.strip_prefix("b3:").map(str::to_lowercase);
        let is_meant = |entry: &Entry, id: FileId| {
            let is_path = path.as_ref().is_some_and(|p| entry.path == *p || entry.path.below(p).is_some());
            is_path || digits.as_ref().is_some_and(|d| d.len() >= 4 && id.to_string().starts_with(d.as_str()))
        };
        let meant = self.state.shelf.catalogue.entries().filter_map(|e| match e.kind {
            Kind::File { id, .. } if is_meant(e, id) => Some((id, e.path.clone())),
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

    /// `restore`: what is missing comes back, or (`forget`) was deleted on purpose.
    pub(super) fn restore_or_forget(&mut self, now: Time, replies: &Sender<Reply>, forget: bool) -> Reply {
        let machine = &mut self.custody.machine;
        let (missing, coming) = (machine.n_missing(), machine.restoring().count());
        let text = match (missing, coming) {
            (0, 0) => "nothing that was shared here is missing".to_owned(),
            (0, n) => format!("{n} files come back already; `status` shows how far that is"),
            (n, _) if forget => {
                machine.decide(now, Decision::Forget);
                format!("{n} files count as deleted: others drop them after a while")
            }
            (n, _) => {
                machine.decide(now, Decision::GiveBack);
                format!("{n} files are fetched from the peers that keep them; `status` shows how far that is")
            }
        };
        reply(replies, Reply::Note { text });
        Reply::Done
    }

    /// What `status` tells of custody.
    pub(super) fn custody_row(&self) -> CustodyRow {
        let (me, machine) = (self.identity.id(), &self.custody.machine);
        let keeper = machine.keeper();
        let mut row = CustodyRow {
            copies: self.config.copies,
            lent: keeper.lent(),
            used: keeper.taken(),
            free_reserve: limits::LEND_RESERVE,
            fetching: self.custody.n_fetching() as u64,
            conflict: machine.is_overruled(),
            lost: machine.n_missing() as u64,
            ..CustodyRow::default()
        };
        for (key, want) in machine.distributor().tended().filter(|((owner, _), _)| *owner == me) {
            row.own_files += 1;
            if let Some(standing) = machine.distributor().standing(key) {
                let others = u32::from(want.copies.saturating_sub(1));
                row.own_whole += u64::from(standing.held >= others);
                row.moving += u64::from(standing.held < others && standing.coming > standing.held);
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
            bytes: keeper.taken_for(owner),
            away: self.state.roster.contact(owner).is_none(),
        });
        row.kept_for = kept_for.collect();
        row.kept_for.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.id.cmp(&b.id)));
        row.kept_for.truncate(limits::KEPT_FOR_TOLD);
        row
    }
}
