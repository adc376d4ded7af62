//! When a peer says unasked that it is here, and what it says of itself in each datagram. Pure.

use core::time::Duration;

use crate::identity::Instance;
use crate::lan::OwnPresence;
use crate::lan::limits;
use crate::lan::network_size::NetworkSize;
use crate::lan::rng::Rng;
use crate::time::Time;
use crate::wire::datagram::{Body, DatagramMessage, Presence};

/// Announcements of a change, at least this far apart.
const CHANGE_GAP: Duration = Duration::from_millis(250);

/// The announcements of this peer.
#[derive(Debug)]
pub(super) struct Announcements {
    interval: Duration,
    due: Time,
    /// When the last one went out.
    last: Time,
    /// True if something changed since.
    is_changed: bool,
}

impl Announcements {
    /// The first one is due now.
    pub(super) const fn new(now: Time) -> Self {
        Self { interval: limits::INTERVAL_MIN, due: now, last: now, is_changed: false }
    }

    /// The next one is due soon, because something changed.
    pub(super) const fn change(&mut self) {
        self.is_changed = true;
    }

    /// When the next one is due.
    pub(super) fn due(&self) -> Time {
        if !self.is_changed {
            return self.due;
        }
        // In a large network a change is heard by many: the wait grows with it.
        let large = self.interval > limits::INTERVAL_MIN;
        let gap = if large { CHANGE_GAP.max(self.interval / 8) } else { CHANGE_GAP };
        self.due.min(self.last + gap)
    }

    /// Between two of them, at most.
    pub(super) const fn interval(&self) -> Duration {
        self.interval
    }

    /// One goes out now. The next comes 0.96 to 1 interval from now: so many intervals of silence are so many
    /// missed announcements, and peers that started together drift apart. The first after a hello is anywhere
    /// in the interval, else all of a power cut fall together.
    pub(super) fn plan(&mut self, now: Time, size: NetworkSize, after_hello: bool, rng: &mut Rng) {
        self.interval = size.interval();
        self.last = now;
        self.is_changed = false;
        let jitter = if after_hello { self.interval * 3 / 5 } else { self.interval / 25 };
        self.due = now + self.interval - rng.delay(jitter);
    }
}

/// Puts around a message what this peer says of itself.
#[derive(Debug)]
pub(super) struct Speaker {
    instance: Instance,
    own: OwnPresence,
    sequence: u64,
    /// The number of its newest line in the room.
    room: u64,
}

impl Speaker {
    /// One that has said nothing yet.
    pub(super) const fn new(instance: Instance, own: OwnPresence) -> Self {
        Self { instance, own, sequence: 0, room: 0 }
    }

    /// The start that is told.
    pub(super) const fn instance(&self) -> Instance {
        self.instance
    }

    /// Tells a later start from now on. False if that is none.
    pub(super) fn advance(&mut self, instance: Instance) -> bool {
        let later = instance > self.instance;
        if later {
            (self.instance, self.room) = (instance, 0);
        }
        later
    }

    /// Tells this from now on. True if that is something else.
    pub(super) fn replace(&mut self, own: OwnPresence) -> bool {
        core::mem::replace(&mut self.own, own) != self.own
    }

    /// Tells from now on that this is the newest line in the room.
    pub(super) const fn say_line(&mut self, number: u64) {
        self.room = number;
    }

    /// The next datagram, with that message.
    pub(super) fn body(
        &mut self,
        message: DatagramMessage,
        ticket: u64,
        announcements: &Announcements,
    ) -> Body {
        self.sequence += 1;
        let interval = u32::try_from(announcements.interval.as_millis()).unwrap_or(u32::MAX);
        let OwnPresence { state, name, ports, catalogue, duty, features } = &self.own;
        let presence = Presence::new(*state, name.clone(), *ports, interval, *catalogue);
        let features = presence.features | duty.features() | features;
        let presence = Presence { ticket, room: self.room, features, ..presence };
        Body { instance: self.instance, sequence: self.sequence, presence, message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Ports;
    use crate::identity::{PeerId, PeerName};

    fn at(ms: u64) -> Time {
        Time::ZERO + Duration::from_millis(10_000 + ms)
    }

    #[test]
    fn announcements_keep_their_interval_and_a_change_comes_sooner() {
        let mut rng = Rng::new([0; 32]);
        let mut announcements = Announcements::new(at(0));
        assert_eq!(announcements.due(), at(0));
        for n in 0..100 {
            let now = at(n * 1_000);
            announcements.plan(now, NetworkSize::of(9, 0), false, &mut rng);
            assert!((at(n * 1_000 + 960)..=at(n * 1_000 + 1_000)).contains(&announcements.due()));
            announcements.change();
            assert_eq!(announcements.due(), now + CHANGE_GAP);
        }
        announcements.plan(at(0), NetworkSize::of(999, 0), false, &mut rng);
        announcements.change();
        assert_eq!(announcements.due(), at(22_000 / 8));
    }

    #[test]
    fn the_first_after_a_hello_is_anywhere_in_the_interval() {
        let mut rng = Rng::new([0; 32]);
        let mut announcements = Announcements::new(at(0));
        let early = (0..100).filter(|_| {
            announcements.plan(at(0), NetworkSize::of(9, 0), true, &mut rng);
            announcements.due() < at(700)
        });
        assert!((30..70).contains(&early.count()));
    }

    #[test]
    fn each_datagram_has_the_next_number_and_what_holds_now() {
        let ports = Ports { receiver: 1, sender: 2, distributor: 3, distributee: 4 };
        let name = PeerName::of_folder("peer", PeerId([0; 32]));
        let own = |catalogue| OwnPresence { catalogue, ..OwnPresence::new(name.clone(), ports) };
        let start = |count| Instance { count, random: 0 };
        let (mut speaker, announcements) = (Speaker::new(start(2), own(0)), Announcements::new(at(0)));
        assert_eq!(speaker.body(DatagramMessage::Here, 0, &announcements).sequence, 1);
        assert!(!speaker.replace(own(0)) && speaker.replace(own(7)));
        assert!(!speaker.advance(start(2)) && speaker.advance(start(3)));
        let body = speaker.body(DatagramMessage::Leave, 5, &announcements);
        assert_eq!((body.sequence, body.instance, body.presence.catalogue), (2, start(3), 7));
        assert_eq!(body.presence.ticket, 5);
        assert_eq!(body.presence.interval, 1_000);
    }
}
