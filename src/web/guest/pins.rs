//! The PIN of a link, and the pauses of those who guess. Pure.
//!
//! Who guesses wrong waits, longer each time; nobody else does, so that no guest can keep another one out. Whoever guesses
//! has the link already.

use core::time::Duration;
use std::collections::BTreeMap;

use super::limits;
use crate::accounts::AccountHost;
use crate::time::Time;

/// What came of a guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PinGuess {
    Right,
    /// The next one is heard after this time.
    Wrong(Duration),
    /// This one was not looked at, and none is for this time.
    TooSoon(Duration),
}

/// A PIN.
#[derive(Debug)]
pub(super) struct Pin {
    /// Compared by its hash, which takes as long whatever is guessed.
    hash: blake3::Hash,
    /// Wrong guesses of each host, and when its pause ends.
    wrong: BTreeMap<AccountHost, (u32, Time)>,
}

impl Pin {
    /// This one.
    pub(super) fn new(pin: &str) -> Self {
        Self { hash: blake3::hash(pin.as_bytes()), wrong: BTreeMap::new() }
    }

    /// Somebody guesses.
    pub(super) fn guess(&mut self, now: Time, from: AccountHost, guess: &str) -> PinGuess {
        if let Some((_, until)) = self.wrong.get(&from)
            && *until > now
        {
            return PinGuess::TooSoon(until.since(now));
        }
        // Blake3 compares its hashes in constant time.
        if blake3::hash(guess.trim().as_bytes()) == self.hash {
            self.wrong.remove(&from);
            return PinGuess::Right;
        }
        let (wrong, until) = self.wrong.entry(from).or_insert((0, now));
        *wrong += 1;
        let pause = (limits::PIN_PAUSE * 2_u32.saturating_pow(*wrong - 1)).min(limits::PIN_PAUSE_MOST);
        *until = now + pause;
        while self.wrong.len() > limits::PIN_HOSTS
            && let Some(first) = self.wrong.iter().min_by_key(|(_, (_, until))| *until).map(|(host, _)| *host)
        {
            self.wrong.remove(&first);
        }
        PinGuess::Wrong(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_guesses_waits_longer_each_time_and_nobody_else_does() {
        let (mut pin, now) = (Pin::new("1234"), Time(0));
        let (guesser, guest) = (AccountHost::V6(1), AccountHost::V6(2));
        let mut at = now;
        let mut waited = Duration::ZERO;
        for _ in 0..12 {
            let PinGuess::Wrong(pause) = pin.guess(at, guesser, "0000") else { panic!() };
            assert!(pause > waited || pause == limits::PIN_PAUSE_MOST);
            assert_eq!(pin.guess(at, guesser, "1234"), PinGuess::TooSoon(pause), "also if it is right");
            waited = pause;
            at = at + pause;
        }
        assert_eq!(waited, limits::PIN_PAUSE_MOST);
        assert_eq!(pin.guess(now, guest, " 1234\n"), PinGuess::Right);
        assert_eq!(pin.guess(at, guesser, "1234"), PinGuess::Right);
        for n in 0..2 * limits::PIN_HOSTS as u64 {
            pin.guess(at + Duration::from_secs(n), AccountHost::V6(n), "0");
        }
        assert_eq!(pin.wrong.len(), limits::PIN_HOSTS);
    }
}
