//! What a network does to a datagram: delay, jitter (and with it reordering), loss, copies. Pure.

use core::time::Duration;

use super::Rng;

/// How a datagram fares on its way to one receiver.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// Time on the way, at least.
    pub delay: Duration,
    /// More time, at most, different for each: what it exceeds the gap between two by, they overtake.
    pub jitter: Duration,
    /// Lost so many times in a thousand, by each receiver for itself.
    pub loss: u32,
    /// Arrives twice so many times in a thousand.
    pub copies: u32,
}

impl Link {
    /// A wired network without faults.
    pub const WIRE: Self =
        Self { delay: Duration::from_micros(200), jitter: Duration::from_micros(300), loss: 0, copies: 0 };

    /// A network that loses so many of a thousand packets, reorders some and copies a few.
    #[must_use]
    pub const fn lossy(permille: u32) -> Self {
        Self { delay: Duration::from_millis(1), jitter: Duration::from_millis(4), loss: permille, copies: 10 }
    }

    /// When the copies of one datagram arrive, after it was sent: none, one or two.
    pub fn arrivals(&self, rng: &mut Rng) -> [Option<Duration>; 2] {
        if rng.permille(self.loss) {
            return [None, None];
        }
        let first = self.delay + rng.time(self.jitter);
        let second = rng.permille(self.copies).then(|| self.delay + rng.time(self.jitter));
        [Some(first), second]
    }
}
