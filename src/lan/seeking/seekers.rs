//! Who else fetches a file or has some of it, as far as it was heard. Pure.

use core::time::Duration;
use std::collections::BTreeMap;

use crate::accounts::{Account, Grant, Payer};
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

/// The peers that seek files, or have some of them, at most [`limits::SEEKERS`] pairs of both. The hosts have equal
/// shares of them.
#[derive(Debug)]
pub(super) struct Seekers {
    of: BTreeMap<FileId, BTreeMap<PeerId, Seeker>>,
    places: Account<PeerId, (FileId, PeerId)>,
    /// When those that were silent for long were looked for last.
    looked: Time,
}

impl Default for Seekers {
    fn default() -> Self {
        let places = Account::new(limits::SEEKERS as u64, limits::SEEKERS_OF_HOST);
        Self { of: BTreeMap::new(), places, looked: Time::default() }
    }
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

    /// Notes that the payer fetches a file, or has some of it; heard again after more than `silence`, it counts
    /// as one that began now. Without room for one more it is not counted.
    pub(super) fn note(&mut self, now: Time, payer: Payer<PeerId>, file: FileId, silence: Duration) {
        let peer = payer.peer;
        if let Some(seeker) = self.of.get_mut(&file).and_then(|all| all.get_mut(&peer)) {
            if now.since(seeker.last) > silence {
                seeker.first = now;
            }
            seeker.last = now;
            return;
        }
        if self.places.held() >= limits::SEEKERS as u64 && now.since(self.looked) >= LOOK {
            self.looked = now;
            self.forget(now);
        }
        let Grant::Given(yielding) = self.places.charge(now, payer, (file, peer), 1) else { return };
        for (file, peer) in yielding {
            self.remove(file, peer);
        }
        self.of.entry(file).or_default().insert(peer, Seeker { first: now, last: now });
        self.check();
    }

    /// In a debug build: the account gave a place to those that have one. Of many only now and then, for it is a look
    /// at all of them.
    fn check(&self) {
        if self.places.held() > 64 && !self.places.held().is_multiple_of(256) {
            return;
        }
        let pairs = self.of.iter().flat_map(|(file, all)| all.keys().map(|peer| ((*file, *peer), 1)));
        self.places.check("seekers", pairs);
    }

    /// There are no more than may be, and each has a place.
    #[cfg(any(test, feature = "sim"))]
    pub(super) fn check_bounds(&self) {
        let count = self.of.values().map(BTreeMap::len).sum::<usize>();
        assert!(count <= limits::SEEKERS && count as u64 == self.places.held(), "{count} seekers");
    }

    /// Forgets those that were not heard for long.
    fn forget(&mut self, now: Time) {
        let pairs =
            self.of.iter().flat_map(|(file, all)| all.iter().map(|(peer, seeker)| (*file, *peer, seeker)));
        let silent = pairs.filter(|(.., seeker)| now.since(seeker.last) >= COUNTED);
        let silent: Vec<_> = silent.map(|(file, peer, _)| (file, peer)).collect();
        for (file, peer) in silent {
            self.places.free((file, peer));
            self.remove(file, peer);
        }
    }

    fn remove(&mut self, file: FileId, peer: PeerId) {
        if let Some(all) = self.of.get_mut(&file) {
            all.remove(&peer);
            if all.is_empty() {
                self.of.remove(&file);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use core::net::SocketAddr;

    use super::*;
    use crate::address::Host;

    const FILE: FileId = FileId([7; 32]);

    fn at(s: u64) -> Time {
        Time::ZERO + Duration::from_secs(1_000 + s)
    }

    fn id(n: usize) -> PeerId {
        let mut id = [9; 32];
        id[..8].copy_from_slice(&n.to_be_bytes());
        PeerId(id)
    }

    fn payer(host: u8, n: usize) -> Payer<PeerId> {
        Payer { host: Host::from(SocketAddr::from(([10, 0, 0, host], 1))).into(), peer: id(n) }
    }

    #[test]
    fn who_sought_a_file_just_now_is_first_again_only_after_a_silence() {
        let (mut seekers, silence) = (Seekers::default(), Duration::from_secs(30));
        assert!(seekers.is_first(at(0), id(1), FILE));
        seekers.note(at(0), payer(1, 1), FILE, silence);
        assert!(seekers.is_first(at(1), id(1), FILE) && !seekers.is_first(at(2), id(1), FILE));
        seekers.note(at(30), payer(1, 1), FILE, silence);
        assert!(!seekers.is_first(at(30), id(1), FILE));
        seekers.note(at(61), payer(1, 1), FILE, silence);
        assert!(seekers.is_first(at(61), id(1), FILE));
        assert_eq!(seekers.of(FILE).collect::<Vec<_>>(), [id(1)]);
    }

    #[test]
    fn memory_is_bounded_and_those_that_were_silent_for_long_make_room() {
        let (mut seekers, silence) = (Seekers::default(), Duration::from_secs(30));
        for n in 0..limits::SEEKERS + 3 {
            seekers.note(at(0), payer(1, n), FILE, silence);
        }
        assert_eq!(
            (seekers.places.held(), seekers.of(FILE).count()),
            (limits::SEEKERS as u64, limits::SEEKERS)
        );
        seekers.note(at(0) + COUNTED, payer(1, limits::SEEKERS + 9), FILE, silence);
        assert_eq!((seekers.places.held(), seekers.of(FILE).count()), (1, 1));
    }

    #[test]
    fn those_that_were_silent_are_looked_for_once_a_second() {
        let (mut seekers, silence) = (Seekers::default(), Duration::from_secs(30));
        for n in 0..limits::SEEKERS {
            seekers.note(at(0), payer(1, n), FILE, silence);
        }
        let (gone, other) = (at(0) + COUNTED, payer(1, limits::SEEKERS));
        seekers.note(gone - LOOK / 2, other, FILE, silence);
        seekers.note(gone, other, FILE, silence);
        assert_eq!(
            seekers.places.held(),
            limits::SEEKERS as u64,
            "half a second ago nobody was silent for long enough"
        );
        seekers.note(gone + LOOK / 2, other, FILE, silence);
        assert_eq!(seekers.places.held(), 1);
    }

    #[test]
    fn many_seekers_at_one_host_do_not_keep_those_of_others_from_being_counted() {
        let (mut seekers, silence) = (Seekers::default(), Duration::from_secs(30));
        for n in 0..limits::SEEKERS + 3 {
            seekers.note(at(0), payer(1, n), FILE, silence);
        }
        let honest = payer(2, limits::SEEKERS + 9);
        seekers.note(at(1), honest, FILE, silence);
        assert!(seekers.of(FILE).any(|peer| peer == honest.peer));
        assert_eq!(
            (seekers.places.held(), seekers.of(FILE).count()),
            (limits::SEEKERS as u64, limits::SEEKERS)
        );
        // And one of those does not put it out.
        seekers.note(at(2), payer(1, limits::SEEKERS + 10), FILE, silence);
        assert!(seekers.of(FILE).any(|peer| peer == honest.peer));
        seekers.check();
    }
}
