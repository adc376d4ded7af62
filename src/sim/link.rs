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
    /// Of those that go to everyone, lost beside these so many times in a thousand: an access point repeats
    /// what goes to one, and sends the rest once, slowly, or not at all.
    pub broadcast_loss: u32,
    /// Arrives twice so many times in a thousand.
    pub copies: u32,
}

impl Link {
    /// A wired network without faults.
    pub const WIRE: Self = Self {
        delay: Duration::from_micros(200),
        jitter: Duration::from_micros(300),
        loss: 0,
        broadcast_loss: 0,
        copies: 0,
    };

    /// A network that loses so many of a thousand packets, reorders some and copies a few.
    #[must_use]
    pub const fn lossy(permille: u32) -> Self {
        let (delay, jitter) = (Duration::from_millis(1), Duration::from_millis(4));
        Self { delay, jitter, loss: permille, broadcast_loss: 0, copies: 10 }
    }

    /// How a datagram that goes to everyone fares on this link.
    pub(super) const fn of_broadcasts(self) -> Self {
        let arrive = (1_000 - self.loss) * (1_000 - self.broadcast_loss) / 1_000;
        Self { loss: 1_000 - arrive, ..self }
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
