//! What others fetch in the background (copies, repairs) is throttled at the sender, too: while content goes
//! to anybody else, a fifth of all that goes is theirs. Pure; the shell is sender/mod.rs.

use core::time::Duration;
use std::collections::VecDeque;

use crate::sender::limits;
use crate::time::Time;

/// So long after the last byte for anybody else the background is still throttled.
const AFTER: Duration = Duration::from_millis(500);

/// Of this many bytes that go to others, one may go to the background.
const SHARE: u64 = 4;

/// What may be saved up, in bytes.
const SAVED: u64 = 1 << 20;

/// However little goes to others, nobody in the line waits longer than this: less than half of what lets a
/// silent source be given up ([`limits::STALL`]).
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Bytes for one who has waited that long.
const LEAST: u64 = 16 << 10;

/// The line of those who fetch in the background; `K` names a connection.
#[derive(Debug)]
pub(super) struct BackgroundThrottle<K> {
    /// Until then they are throttled.
    until: Time,
    /// Bytes that may go to them.
    credit: u64,
    line: VecDeque<K>,
    /// Who was called and has not asked again, and the bytes that may go to it.
    allowed: Vec<(K, u64)>,
    /// When one of them was called last.
    called: Time,
}

impl<K> Default for BackgroundThrottle<K> {
    fn default() -> Self {
        Self { until: Time::ZERO, credit: 0, line: VecDeque::new(), allowed: Vec::new(), called: Time::ZERO }
    }
}

impl<K: Copy + Eq> BackgroundThrottle<K> {
    /// Content went to somebody who does not fetch in the background.
    pub(super) fn others(&mut self, now: Time, bytes: u64) {
        self.until = now + AFTER;
        self.credit = (self.credit + bytes / SHARE).min(SAVED);
    }

    /// Bytes that may go now to one who fetches in the background. 0: it stands in the line.
    pub(super) fn ask(&mut self, now: Time, key: K) -> u64 {
        if now >= self.until {
            self.forget(key);
            return u64::MAX;
        }
        if let Some(at) = self.allowed.iter().position(|(k, _)| *k == key) {
            return self.allowed.swap_remove(at).1;
        }
        if !self.line.contains(&key) {
            if self.line.is_empty() {
                self.called = self.called.max(now);
            }
            self.line.push_back(key);
        }
        0
    }

    /// When [`Self::call`] is due; `None` while nobody waits.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        let waiting = u32::try_from(self.line.len()).ok().filter(|n| *n > 0)?;
        if self.credit >= limits::BLOCK as u64 {
            return Some(Time::ZERO);
        }
        Some(self.until.min(self.called + LONGEST_WAIT / waiting))
    }

    /// The connection whose turn it is, which is to ask again.
    pub(super) fn call(&mut self, now: Time) -> Option<K> {
        self.poll_timeout().filter(|due| *due <= now)?;
        let key = self.line.pop_front()?;
        self.called = now;
        if now < self.until {
            let bytes = self.credit.clamp(LEAST, limits::BLOCK as u64);
            self.credit = self.credit.saturating_sub(bytes);
            self.allowed.push((key, bytes));
        }
        Some(key)
    }

    /// This connection is over.
    pub(super) fn forget(&mut self, key: K) {
        self.line.retain(|k| *k != key);
        self.allowed.retain(|(k, _)| *k != key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Bytes that go to each of `n` in the background in ten seconds, while that many go to others in each
    /// millisecond.
    fn run(n: usize, others: u64) -> (Vec<u64>, Duration) {
        let mut machine = BackgroundThrottle::default();
        let (mut got, mut last) = (vec![0; n], vec![Time(1); n]);
        let (mut now, mut longest) = (Time(1), Duration::ZERO);
        for _ in 0..10_000 {
            machine.others(now, others);
            for key in 0..n {
                assert_eq!(machine.ask(now, key), 0);
            }
            while let Some(key) = machine.call(now) {
                got[key] += machine.ask(now, key);
                longest = longest.max(now.since(last[key]));
                last[key] = now;
                assert_eq!(machine.ask(now, key), 0);
            }
            now = now + MS;
        }
        let still = last.iter().map(|at| now.since(*at)).max().unwrap();
        (got, longest.max(still))
    }

    #[test]
    fn the_background_gets_a_fifth_and_all_of_it_the_same() {
        for n in [1, 3, 16] {
            let (got, longest) = run(n, 10_000);
            let (sum, all) = (got.iter().sum::<u64>(), 100_000_000);
            assert!(sum * 4 <= all && sum * 4 >= all - 4 * SAVED, "{sum}");
            let most = got.iter().max().unwrap();
            assert!(got.iter().all(|g| g + limits::BLOCK as u64 >= *most), "{got:?}");
            assert!(longest < LONGEST_WAIT);
        }
    }

    #[test]
    fn nobody_waits_until_it_gives_its_source_up() {
        for n in [1, 16, 64] {
            let (got, longest) = run(n, 1);
            assert!(longest <= LONGEST_WAIT + 64 * MS && longest < limits::STALL / 2, "{longest:?}");
            assert!(got.iter().sum::<u64>() <= n as u64 * LEAST * 6, "{got:?}");
        }
    }

    #[test]
    fn nobody_waits_once_nothing_goes_to_others() {
        let mut machine = BackgroundThrottle::default();
        assert_eq!(machine.ask(Time(1), 7), u64::MAX);
        machine.others(Time(1), 1_000);
        assert!([7, 8, 9].into_iter().all(|key| machine.ask(Time(1), key) == 0));
        machine.forget(8);
        let end = Time(1) + AFTER;
        assert_eq!((machine.poll_timeout(), machine.call(Time(1))), (Some(end), None));
        assert_eq!(machine.call(end), Some(7));
        assert_eq!(machine.call(end), Some(9));
        assert_eq!((machine.call(end), machine.poll_timeout()), (None, None));
        assert_eq!(machine.ask(end, 7), u64::MAX);
    }
}
