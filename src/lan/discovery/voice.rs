//! What one instance of a peer said of itself, and which of its datagrams were heard. Pure.

use std::sync::Arc;

use crate::identity::Instance;
use crate::lan::order::OrderClaim;
use crate::rate::TokenBucket;
use crate::time::Time;
use crate::wire::datagram::{Body, Presence, PresenceState};

/// Which sequence numbers of an instance were heard: the highest and the 64 below it (as the
/// anti-replay window of RFC 4303 §3.4.3).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Window {
    highest: u64,
    seen: u64,
}

/// What a sequence number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SequenceState {
    /// Not heard before.
    New,
    /// Another copy, by another way or replayed.
    Copy,
    /// Too old to tell.
    Old,
}

impl Window {
    /// Looks `sequence` up and remembers it.
    pub(super) const fn take(&mut self, sequence: u64) -> SequenceState {
        if sequence > self.highest {
            let ahead = sequence - self.highest;
            self.seen = if ahead >= 64 { 1 } else { self.seen << ahead | 1 };
            self.highest = sequence;
            return SequenceState::New;
        }
        let behind = self.highest - sequence;
        if behind >= 64 {
            return SequenceState::Old;
        }
        let bit = 1 << behind;
        if self.seen & bit != 0 {
            return SequenceState::Copy;
        }
        self.seen |= bit;
        SequenceState::New
    }
}

/// The newest that an instance of a peer said.
#[derive(Clone, Debug)]
pub(super) struct Voice {
    pub instance: Instance,
    pub window: Window,
    pub presence: Presence,
    pub signed: Arc<[u8]>,
    /// Questions of it that are taken.
    pub questions: TokenBucket,
    /// The last one that was answered, and when.
    pub answered: Option<(u64, Time)>,
}

impl Voice {
    /// The voice that `body` is the first word of.
    pub(super) fn new(body: &Body, signed: &Arc<[u8]>) -> Self {
        let mut window = Window::default();
        window.take(body.sequence);
        Self {
            instance: body.instance,
            window,
            presence: body.presence.clone(),
            signed: Arc::clone(signed),
            questions: TokenBucket::default(),
            answered: None,
        }
    }

    /// Takes over what a newer datagram says. True if a fact changed that others want to know.
    pub(super) fn update(&mut self, body: &Body, signed: &Arc<[u8]>) -> bool {
        self.signed = Arc::clone(signed);
        let (old, new) = (&self.presence, &body.presence);
        // One that overtook a newer one: within an instance a catalogue never goes back, and who leaves goes.
        if new.catalogue < old.catalogue
            || (old.state, new.state) == (PresenceState::Leaving, PresenceState::Here)
        {
            return false;
        }
        let (was, is) = (OrderClaim::of(old), OrderClaim::of(new));
        // While a peer has none, its ticket is lower than before: a datagram that was overtaken tells nothing of it.
        let is_overtaken = body.sequence < self.window.highest;
        let changed = (&old.name, old.ports, old.catalogue, old.state)
            != (&new.name, new.ports, new.catalogue, new.state)
            || was != is && !is_overtaken;
        if changed || *old != *new {
            let ticket = if is_overtaken { old.ticket } else { new.ticket };
            self.presence = Presence { ticket, ..new.clone() };
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_window_knows_new_copied_and_old() {
        let mut window = Window::default();
        assert_eq!(window.take(5), SequenceState::New);
        assert_eq!(window.take(5), SequenceState::Copy);
        assert_eq!(window.take(3), SequenceState::New);
        assert_eq!(window.take(3), SequenceState::Copy);
        assert_eq!(window.take(100), SequenceState::New);
        assert_eq!(window.take(37), SequenceState::New);
        assert_eq!(window.take(36), SequenceState::Old);
        assert_eq!(window.take(u64::MAX), SequenceState::New);
        assert_eq!(window.take(u64::MAX), SequenceState::Copy);
        assert_eq!(window.take(100), SequenceState::Old);
    }

    proptest! {
        #[test]
        fn no_number_is_new_twice(numbers in proptest::collection::vec(1_u64..200, 0..400)) {
            let (mut window, mut seen) = (Window::default(), BTreeSet::new());
            for n in numbers {
                let heard = window.take(n);
                prop_assert_eq!(heard == SequenceState::New, heard != SequenceState::Old && !seen.contains(&n));
                if heard == SequenceState::New {
                    seen.insert(n);
                }
            }
        }
    }
}
