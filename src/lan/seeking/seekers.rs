//! Who else fetches a file or has some of it, as far as it was heard. Pure.

use core::time::Duration;
use std::collections::BTreeMap;

use crate::content::FileId;
use crate::identity::PeerId;
use crate::lan::limits;
use crate::time::Time;

/// Seeks of a file up to this time after the first one of the same peer are answered by those, too, whose
/// own seeks it will hear.
const FIRST: Duration = Duration::from_secs(2);

/// Peers that have some of a file are counted for this time after they sought it: they may have given it to
/// others for as long.
const COUNTED: Duration = Duration::from_secs(2 * limits::LINGER.as_secs());

/// With no room left, those that were silent for long are looked for this often, at most: it is a look at all
/// of them, and many peers that say much must not have it done for each file.
const LOOK: Duration = Duration::from_secs(1);

/// A peer that seeks a file.
#[derive(Clone, Copy, Debug)]
struct Seeker {
    /// When it was heard first, since it was silent for long.
    first: Time,
    last: Time,
}

/// The peers that seek files, or have some of them, at most [`limits::SEEKERS`] pairs of both.
#[derive(Debug, Default)]
pub(super) struct Seekers {
    of: BTreeMap<FileId, BTreeMap<PeerId, Seeker>>,
    count: usize,
    /// When those that were silent for long were looked for last.
    looked: Time,
}

impl Seekers {
    /// Those of a file.
    pub(super) fn of(&self, file: FileId) -> impl Iterator<Item = PeerId> {
        self.of.get(&file).into_iter().flat_map(|all| all.keys().copied())
    }

    /// True if `peer` is not known to have sought `file` for longer than [`FIRST`].
    pub(super) fn is_first(&self, now: Time, peer: PeerId, file: FileId) -> bool {
        let seeker = self.of.get(&file).and_then(|all| all.get(&peer));
        seeker.is_none_or(|seeker| now.since(seeker.first) < FIRST)
    }

    /// Notes that `peer` fetches a file, or has some of it; heard again after more than `silence`, it counts
    /// as one that began now. Without room for one more it is not counted.
    pub(super) fn note(&mut self, now: Time, peer: PeerId, file: FileId, silence: Duration) {
        if let Some(seeker) = self.of.get_mut(&file).and_then(|all| all.get_mut(&peer)) {
            if now.since(seeker.last) > silence {
                seeker.first = now;
            }
            seeker.last = now;
            return;
        }
        if self.count >= limits::SEEKERS && now.since(self.looked) >= LOOK {
            self.looked = now;
            self.forget(now);
        }
        if self.count < limits::SEEKERS {
            self.of.entry(file).or_default().insert(peer, Seeker { first: now, last: now });
            self.count += 1;
        }
    }

    /// Forgets those that were not heard for long.
    fn forget(&mut self, now: Time) {
        for seekers in self.of.values_mut() {
            seekers.retain(|_, seeker| now.since(seeker.last) < COUNTED);
        }
        self.of.retain(|_, seekers| !seekers.is_empty());
        self.count = self.of.values().map(BTreeMap::len).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: FileId = FileId([7; 32]);

    fn at(s: u64) -> Time {
        Time::ZERO + Duration::from_secs(1_000 + s)
    }

    fn id(n: usize) -> PeerId {
        let mut id = [9; 32];
        id[..8].copy_from_slice(&n.to_be_bytes());
        PeerId(id)
    }

    #[test]
    fn who_sought_a_file_just_now_is_first_again_only_after_a_silence() {
        let (mut seekers, silence) = (Seekers::default(), Duration::from_secs(30));
        assert!(seekers.is_first(at(0), id(1), FILE));
        seekers.note(at(0), id(1), FILE, silence);
        assert!(seekers.is_first(at(1), id(1), FILE) && !seekers.is_first(at(2), id(1), FILE));
        seekers.note(at(30), id(1), FILE, silence);
        assert!(!seekers.is_first(at(30), id(1), FILE));
        seekers.note(at(61), id(1), FILE, silence);
        assert!(seekers.is_first(at(61), id(1), FILE));
        assert_eq!(seekers.of(FILE).collect::<Vec<_>>(), [id(1)]);
    }

    #[test]
    fn memory_is_bounded_and_those_that_were_silent_for_long_make_room() {
        let (mut seekers, silence) = (Seekers::default(), Duration::from_secs(30));
        for n in 0..limits::SEEKERS + 3 {
            seekers.note(at(0), id(n), FILE, silence);
        }
        assert_eq!((seekers.count, seekers.of(FILE).count()), (limits::SEEKERS, limits::SEEKERS));
        seekers.note(at(0) + COUNTED, id(limits::SEEKERS + 9), FILE, silence);
        assert_eq!((seekers.count, seekers.of(FILE).count()), (1, 1));
    }

    #[test]
    fn those_that_were_silent_are_looked_for_once_a_second() {
        let (mut seekers, silence) = (Seekers::default(), Duration::from_secs(30));
        for n in 0..limits::SEEKERS {
            seekers.note(at(0), id(n), FILE, silence);
        }
        let (gone, other) = (at(0) + COUNTED, id(limits::SEEKERS));
        seekers.note(gone - LOOK / 2, other, FILE, silence);
        seekers.note(gone, other, FILE, silence);
        assert_eq!(seekers.count, limits::SEEKERS, "half a second ago nobody was silent for long enough");
        seekers.note(gone + LOOK / 2, other, FILE, silence);
        assert_eq!(seekers.count, 1);
    }
}
