//! What is fetched here, and when each file is sought. Pure.

use core::time::Duration;
use std::collections::BTreeMap;

use super::seekers::Seekers;
use crate::content::FileId;
use crate::time::Time;
use crate::wire::datagram::FILES;

/// After the first and the second seek of a file, when the next one goes out, unless enough are known then:
/// a datagram may be lost.
const AGAIN: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(800)];

/// Then the first announcement after this time is a seek.
pub(super) const REPEAT: Duration = Duration::from_secs(10);

/// A file that is fetched here.
#[derive(Clone, Copy, Debug)]
struct SoughtFile {
    /// When it is sought next.
    due: Time,
    /// How often it was.
    said: usize,
}

/// The files that are fetched here.
#[derive(Debug, Default)]
pub(super) struct WantedFiles {
    all: BTreeMap<FileId, SoughtFile>,
    /// When the first seek is due that is not a repetition.
    next: Option<Time>,
}

impl WantedFiles {
    fn plan(&mut self) {
        self.next = self.all.values().filter(|w| w.said <= AGAIN.len()).map(|w| w.due).min();
    }

    /// True if this one is among them.
    pub(super) fn contains(&self, file: FileId) -> bool {
        self.all.contains_key(&file)
    }

    /// When the first seek is due that is not a repetition.
    pub(super) const fn next(&self) -> Option<Time> {
        self.next
    }

    /// These, and no others.
    pub(super) fn replace(&mut self, now: Time, files: Vec<FileId>) {
        let mut before = core::mem::take(&mut self.all);
        for file in files {
            let wanted = before.remove(&file).unwrap_or(SoughtFile { due: now, said: 0 });
            self.all.insert(file, wanted);
        }
        self.plan();
    }

    /// Up to [`FILES`] files that are due, the one that waits longest first, as said now.
    pub(super) fn take_due(&mut self, now: Time) -> Vec<FileId> {
        let mut due: Vec<_> =
            self.all.iter().filter(|(_, w)| w.due <= now).map(|(file, w)| (w.due, *file)).collect();
        due.sort_unstable();
        due.truncate(FILES);
        for (_, file) in &due {
            if let Some(wanted) = self.all.get_mut(file) {
                wanted.due = now + AGAIN.get(wanted.said).copied().unwrap_or(REPEAT);
                wanted.said += 1;
            }
        }
        self.plan();
        due.into_iter().map(|(_, file)| file).collect()
    }

    /// Of a file of which `enough` others are known the second and third seek wait, as later ones do.
    pub(super) fn skip_known(&mut self, now: Time, enough: usize, seekers: &Seekers) {
        for (file, wanted) in self.all.iter_mut().filter(|(_, w)| w.due <= now) {
            if (1..=AGAIN.len()).contains(&wanted.said) && seekers.of(*file).count() >= enough {
                *wanted = SoughtFile { due: now + REPEAT, said: AGAIN.len() + 1 };
            }
        }
        self.plan();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Time {
        Time::ZERO + Duration::from_millis(1_000_000 + ms)
    }

    fn file(n: u8) -> FileId {
        FileId([n; 32])
    }

    #[test]
    fn of_many_files_those_that_wait_longest_are_sought_first() {
        let mut wanted = WantedFiles::default();
        wanted.replace(at(0), vec![file(200)]);
        wanted.replace(at(10), (0..40).chain([200]).map(file).collect());
        let first = wanted.take_due(at(10));
        assert_eq!((first[0], first.len()), (file(200), FILES));
        let second = wanted.take_due(at(10));
        assert_eq!(second.len(), FILES);
        assert!(second.iter().all(|file| !first.contains(file)));
        assert_eq!(wanted.take_due(at(10)).len(), 41 - 2 * FILES);
        assert_eq!((wanted.take_due(at(10)).len(), wanted.next()), (0, Some(at(10) + AGAIN[0])));
    }

    #[test]
    fn a_file_that_goes_on_being_fetched_keeps_its_place() {
        let mut wanted = WantedFiles::default();
        wanted.replace(at(0), vec![file(1)]);
        assert_eq!(wanted.take_due(at(0)), [file(1)]);
        wanted.replace(at(1), vec![file(1), file(2)]);
        assert_eq!(wanted.take_due(at(1)), [file(2)]);
        wanted.replace(at(2), vec![file(2)]);
        assert!(!wanted.contains(file(1)) && wanted.contains(file(2)));
        wanted.replace(at(3), vec![file(1), file(2)]);
        assert_eq!(wanted.take_due(at(3)), [file(1)], "begun again, it is sought at once");
    }
}
