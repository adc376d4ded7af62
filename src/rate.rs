//! How often something may happen, and how fast bytes may pass. Pure.

use core::num::NonZeroU64;
use core::time::Duration;

use crate::time::Time;

/// A limit of speed in bytes a second; `None`: there is none.
pub(crate) type Limit = Option<NonZeroU64>;

/// How often something may happen: once a `period` on average, `burst` times at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    /// Time that one token takes to come.
    pub period: Duration,
    /// Tokens that can be saved up, at least 1.
    pub burst: u32,
}

/// A token bucket in one number (GCRA, ITU-T I.371): the time at which it will be full again.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TokenBucket {
    full_at: Time,
}

impl TokenBucket {
    /// When the next token is there.
    pub(crate) fn next(&self, rate: Rate) -> Time {
        self.full_at - rate.period * (rate.burst - 1)
    }

    /// True if there is a token.
    pub(crate) fn has(&self, now: Time, rate: Rate) -> bool {
        self.next(rate) <= now
    }

    /// Takes a token if there is one.
    pub(crate) fn take(&mut self, now: Time, rate: Rate) -> bool {
        if !self.has(now, rate) {
            return false;
        }
        self.full_at = self.full_at.max(now) + rate.period;
        true
    }

    /// True if nothing was taken for so long that it is as good as new.
    pub(crate) fn is_full(&self, now: Time) -> bool {
        self.full_at <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Time {
        Time(ms * 1_000_000)
    }

    #[test]
    fn a_bucket_gives_its_burst_then_its_rate() {
        let rate = Rate { period: Duration::from_millis(50), burst: 3 };
        let mut bucket = TokenBucket::default();
        let taken = |bucket: &mut TokenBucket, ms| (0..10).filter(|_| bucket.take(at(ms), rate)).count();
        assert_eq!(taken(&mut bucket, 1_000), 3);
        assert_eq!(taken(&mut bucket, 1_049), 0);
        assert_eq!(bucket.next(rate), at(1_050));
        assert_eq!(taken(&mut bucket, 1_050), 1);
        assert_eq!(taken(&mut bucket, 10_000), 3);
    }
}
