//! What the machine of `mod.rs` does for custody: what custody's machine wants, and what is due for own files.
//! Pure.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::PeerMachine;
use crate::content::{Entry, SafePath};
use crate::control::Notice;
use crate::custody::custodian::CustodianOutput;
use crate::custody::recovery::{Decision, Fate, FileCount};
use crate::identity::PeerId;
use crate::library::Share;
use crate::peer::custody::{Challenge, CustodyDriver, KeepOrder};
use crate::peer::file_work::FilePlace;
use crate::peer::jobs::JobPurpose;
use crate::receiver::ReceiverCommand;
use crate::text;
use crate::time::Time;

impl PeerMachine {
    /// Brings custody's machine and everything else up to each other, after each event.
    pub(super) fn turn_custody(&mut self, now: Time) {
        self.custody.handle_timeout(now);
        self.do_own(now);
        while let Some(output) = self.custody.next_act(now, &mut self.own, &mut self.shared, &mut self.out) {
            self.act_on(now, output);
        }
        self.custody.serve(now, self.own.id(), &mut self.presence.roster, &mut self.out);
    }

    /// Does what is due for own files.
    fn do_own(&mut self, now: Time) {
        if self.custody.own.is_due(now) && !self.departure.is_begun() {
            self.custody.publish(now, &self.own, &mut self.shared, &mut self.out);
        }
        if self.custody.restoring.is_due(now) {
            self.restore(now);
        }
    }

    fn act_on(&mut self, now: Time, output: CustodianOutput) {
        match output {
            CustodianOutput::Send(to, message) => self.custody.send(to, message, &mut self.out),
            // Who is about to leave is a keeper no longer.
            CustodianOutput::Fetch { .. } if self.departure.is_begun() => {}
            CustodianOutput::Fetch { file, size, span, sources } => {
                let is_here = self.shared.shelf.files.contains_key(&file)
                    || !self.swarms.here(&[file]).is_empty();
                let order = KeepOrder { file, size, span, sources, is_here };
                self.custody.fetch(order, &self.own, &mut self.jobs, &mut self.out);
            }
            CustodianOutput::Drop { file, keep } => {
                // What is carried of it goes, too: whoever wants it asks again.
                self.carrier.lost(file);
                CustodyDriver::drop_kept(file, keep, &mut self.jobs, &mut self.out);
            }
            CustodianOutput::Challenge { peer, key, size, chunk } => {
                let challenge = Challenge { peer, key, size, chunk };
                self.custody.challenge(challenge, &self.own, &mut self.jobs, &mut self.out);
            }
            CustodianOutput::Pull { origin, from } => {
                self.out.receiver(ReceiverCommand::OwnerCatalogue { from, origin });
            }
            CustodianOutput::Ask { files, bytes } => self.on_lost(now, files, bytes),
            CustodianOutput::Absent(on, count) => {
                let is_kept = self.custody.machine.copies().may_exist();
                if !is_kept {
                    // Nobody has a copy to hold on to.
                    self.custody.machine.give_up(now, |_, fate| fate == Fate::Absent);
                }
                let share = self.shared.shares.of(&on).filter(|share| *share.name.path() == on);
                let text = share
                    .map_or_else(|| absent(&on, count, is_kept), |share| absent_share(&share, count, is_kept));
                self.warn(text);
            }
            CustodianOutput::Withdrawn(count) => self.warn(withdrawn(count)),
            CustodianOutput::Restore(..) => self.custody.restoring.wanted(now),
            CustodianOutput::Publish => self.custody.own.look_again(now),
            CustodianOutput::Conflict => self.warn(
                "another peer with this folder's key gives out what is shared (a copied folder?): this one places \
                 no copies any more; make one of them a peer of its own with `potluck identity new`"
                    .to_owned(),
            ),
            CustodianOutput::Leaving(progress) => {
                self.departure.handing_over(now, &progress, || self.shared.paths(), &mut self.out);
            }
            CustodianOutput::Left(report) => {
                self.departure.handed_over(now, &report, &self.shared.paths(), &mut self.out);
            }
            // Written before, and nothing else is to be done.
            CustodianOutput::Record(_) => {}
        }
    }

    /// Own files are missing that nobody deleted.
    fn on_lost(&mut self, now: Time, files: usize, bytes: u64) {
        if !self.custody.machine.copies().may_exist() {
            // Nobody could give any of it back.
            self.custody.machine.decide(now, Decision::Forget);
        } else if self.own.settings.asks {
            self.out.notice(Notice::Lost { files: files as u64, bytes });
        } else {
            let text =
                format!("{files} shared files are missing that nobody deleted: they are fetched again");
            self.out.log_warning(text);
            self.custody.machine.decide(now, Decision::GiveBack);
        }
    }

    /// Fetches what was lost, if that is not under way.
    fn restore(&mut self, now: Time) {
        if !self.jobs.restoring().is_empty() || self.departure.is_begun() {
            return;
        }
        let lost: Vec<Entry> = self.custody.machine.recovery().restoring().cloned().collect();
        if lost.is_empty() {
            return;
        }
        let here: Vec<PeerId> = self.presence.roster.iter().map(|(id, _)| *id).collect();
        let mut by_share: BTreeMap<PathBuf, Vec<Entry>> = BTreeMap::new();
        for Entry { path, kind } in lost {
            match self.shared.place_to_restore(&path, &self.own.settings.shared()) {
                Some(FilePlace { folder, inner }) => {
                    by_share.entry(folder).or_default().push(Entry { path: inner, kind });
                }
                // Its folder is not there: it is tried again later.
                None => self.custody.restoring.is_over(now),
            }
        }
        for (folder, lost) in by_share {
            let order = self.custody.restoring.order(lost, &here, folder);
            self.downloads.begin(now, &mut self.jobs, JobPurpose::Restore, order, &mut self.out);
        }
    }
}

/// What should be mounted on a folder is not there, and own files with it; `is_kept`: others may have copies.
fn absent(on: &SafePath, count: FileCount, is_kept: bool) -> String {
    let (files, them, they) = match count.files {
        1 => ("1 shared file".to_owned(), "it", "it was"),
        n => (format!("{n} shared files"), "them", "they were"),
    };
    let folder = text::shown(on.as_str());
    let what = format!(
        "{files} in {folder} (a drive, or something else that is mounted there) cannot be seen any more, and count \
         as missing, not as deleted"
    );
    if !is_kept {
        return format!("{what}: this peer shares {them} again once what was mounted is back");
    }
    format!(
        "{what}: others keep their copies and go on listing {them}, and this peer shares {them} again once what was \
         mounted is back; `restore {folder}` fetches {them} from others, `restore --forget {folder}` says that {they} \
         deleted"
    )
}

/// The folder of a share is not there, or another one lies in its place; `is_kept`: others may have copies of its files.
fn absent_share(share: &Share, count: FileCount, is_kept: bool) -> String {
    let (files, them, they) = match count.files {
        1 => ("1 file".to_owned(), "it", "it was"),
        n => (format!("{n} files"), "them", "they were"),
    };
    let folder = text::shown(&share.folder.to_string_lossy()).into_owned();
    let (shown, name) = (&share.name, share.name.typed());
    let what = format!(
        "the share {shown} ({folder}) is not there: {files} of it count as missing, not as deleted, and this peer \
         shares {them} again once the folder is back"
    );
    if !is_kept {
        return format!("{what}; `unshare {name}` ends that");
    }
    format!(
        "{what}; others keep their copies and go on listing {them}; `restore --forget {name}` says that {they} deleted, \
         `unshare {name}` shares {them} no more"
    )
}

/// So many files were shared until now, and are left out by rule from now on.
fn withdrawn(count: FileCount) -> String {
    let files = match count.files {
        1 => "1 file is".to_owned(),
        n => format!("{n} files are"),
    };
    format!(
        "{files} no longer shared (hidden, temporary, or named in a .potluckignore); others will drop their copies; \
         --hidden shares hidden files"
    )
}
