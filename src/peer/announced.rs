//! Files of which members of the group are to find that this peer has them, wherever they are (`announce`). Pure.
//!
//! They are remembered over a restart. One that this peer has no more is taken back after a while.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use super::file_work::FileWork;
use super::output::{Outputs, PeerOutput};
use crate::content::FileId;
use crate::control::Notice;
use crate::dht::{DhtCommand, limits};
use crate::error::Failure;
use crate::time::Time;

/// A file that this peer has not, although all is looked at, is taken back after this time: a program that saves it
/// may write it anew.
const GONE: Duration = Duration::from_secs(10);

/// A file that is announced.
#[derive(Debug, Default)]
struct AnnouncedFile {
    /// True while nodes know of it.
    is_known: bool,
    /// Since when this peer has it no more.
    gone: Option<Time>,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct AnnouncedFiles {
    /// At most [`limits::FILES`].
    files: BTreeMap<FileId, AnnouncedFile>,
}

impl AnnouncedFiles {
    /// Those that are remembered.
    pub(super) fn new(remembered: Vec<FileId>) -> Self {
        let files = remembered.into_iter().take(limits::FILES);
        Self { files: files.map(|file| (file, AnnouncedFile::default())).collect() }
    }

    /// All of them, with true for those of which nodes know.
    pub(super) fn iter(&self) -> impl Iterator<Item = (FileId, bool)> {
        self.files.iter().map(|(file, announced)| (*file, announced.is_known))
    }

    /// True if nodes know of this one; `None`: it is not announced.
    pub(super) fn is_known(&self, file: FileId) -> Option<bool> {
        self.files.get(&file).map(|announced| announced.is_known)
    }

    /// From now on this one is announced.
    ///
    /// # Errors
    /// There are too many.
    pub(super) fn add(&mut self, file: FileId, out: &mut Outputs) -> Result<(), Failure> {
        if self.files.contains_key(&file) {
            return Ok(());
        }
        if self.files.len() >= limits::FILES {
            let text =
                format!("{} files are announced, which is the most: `announce --stop` one", limits::FILES);
            return Err(Failure::other(text));
        }
        self.files.insert(file, AnnouncedFile::default());
        self.changed(out);
        Ok(())
    }

    /// From now on this one is not announced.
    pub(super) fn remove(&mut self, file: FileId, out: &mut Outputs) {
        if self.files.remove(&file).is_some() {
            self.changed(out);
        }
    }

    /// Nodes know of this one from now on, or no longer.
    pub(super) fn set_known(&mut self, file: FileId, is_known: bool) {
        if let Some(announced) = self.files.get_mut(&file) {
            announced.is_known = is_known;
        }
    }

    /// Tells the table what there is.
    pub(super) fn tell(&self, out: &mut Outputs) {
        let files: BTreeSet<_> = self.files.keys().copied().collect();
        out.push(PeerOutput::Dht(DhtCommand::Files(files)));
    }

    /// Takes back what this peer has no more. `has` tells whether it has one; only asked once it is known.
    pub(super) fn handle_timeout(&mut self, now: Time, has: impl Fn(FileId) -> bool, out: &mut Outputs) {
        for (file, announced) in &mut self.files {
            announced.gone = if has(*file) { None } else { announced.gone.or(Some(now)) };
        }
        let is_over = |announced: &AnnouncedFile| announced.gone.is_some_and(|at| now.since(at) >= GONE);
        let over: Vec<_> = self.files.iter().filter(|(_, file)| is_over(file)).map(|(id, _)| *id).collect();
        for file in &over {
            self.files.remove(file);
            let text = format!("b3:{file} was deleted or changed here: it is announced no more");
            out.debug(text.clone());
            out.notice(Notice::Text(text));
        }
        if !over.is_empty() {
            self.changed(out);
        }
    }

    /// When [`Self::handle_timeout`] is due.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.files.values().filter_map(|announced| announced.gone).min().map(|at| at + GONE)
    }

    fn changed(&self, out: &mut Outputs) {
        self.tell(out);
        out.files(FileWork::Announced(self.files.keys().copied().collect()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(1_000 + seconds)
    }

    fn file(n: u8) -> FileId {
        FileId([n; 32])
    }

    /// What the table was told last, and what was remembered last.
    fn told(out: &mut Outputs) -> (Option<Vec<FileId>>, Option<Vec<FileId>>) {
        let (mut table, mut disk) = (None, None);
        while let Some(output) = out.pop() {
            match output {
                PeerOutput::Dht(DhtCommand::Files(files)) => table = Some(files.into_iter().collect()),
                PeerOutput::Files(FileWork::Announced(files)) => disk = Some(files),
                _ => {}
            }
        }
        (table, disk)
    }

    #[test]
    fn what_is_announced_is_told_and_remembered() {
        let (mut files, mut out) = (AnnouncedFiles::new(vec![file(1)]), Outputs::default());
        files.add(file(2), &mut out).unwrap();
        let both = Some(vec![file(1), file(2)]);
        assert_eq!(told(&mut out), (both.clone(), both));
        files.add(file(2), &mut out).unwrap();
        files.remove(file(3), &mut out);
        assert_eq!(told(&mut out), (None, None), "nothing changed");
        files.set_known(file(2), true);
        assert_eq!(files.iter().collect::<Vec<_>>(), [(file(1), false), (file(2), true)]);
        files.remove(file(1), &mut out);
        assert_eq!(told(&mut out), (Some(vec![file(2)]), Some(vec![file(2)])));
        for n in 10..=u8::MAX {
            drop(files.add(file(n), &mut out));
        }
        assert_eq!(files.iter().count(), limits::FILES);
        let said = "64 files are announced, which is the most: `announce --stop` one";
        assert_eq!(files.add(file(9), &mut out), Err(Failure::other(said)));
    }

    #[test]
    fn a_file_that_is_gone_is_taken_back_and_one_that_is_written_anew_is_not() {
        let (mut files, mut out) = (AnnouncedFiles::new(vec![file(1), file(2)]), Outputs::default());
        files.handle_timeout(at(0), |_| true, &mut out);
        assert_eq!(files.poll_timeout(), None);
        files.handle_timeout(at(1), |id| id != file(1), &mut out);
        assert_eq!(files.poll_timeout(), Some(at(11)));
        files.handle_timeout(at(5), |_| true, &mut out);
        files.handle_timeout(at(20), |id| id != file(1), &mut out);
        files.handle_timeout(at(29), |id| id != file(1), &mut out);
        assert_eq!(told(&mut out), (None, None));
        files.handle_timeout(at(30), |id| id != file(1), &mut out);
        assert_eq!(told(&mut out), (Some(vec![file(2)]), Some(vec![file(2)])));
        assert_eq!(files.poll_timeout(), None);
    }
}
