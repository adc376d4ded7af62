//! What one peer tells of others: a newcomer to a large network asks for it once, and believes none of it.
//! Pure; its shell is `lan/shell.rs`.
//!
//! A table names addresses, so a liar could point us at anyone. What comes of it is bounded: an address is
//! asked five times, at the rate of all questions, if it is one that a peer of this
//! link may have; and nobody is listed who does not echo our nonce.

use std::sync::Arc;

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use super::announcing::ANNOUNCE_GAP_MS;
use super::hearing::spread;
use super::table::{Candidate, Voice, Window};
use super::{Machine, PresenceOutput, Via};
use crate::address::Host;
use crate::identity::PeerId;
use crate::lan::Event;
use crate::lan::limits;
use crate::time::Time;
use crate::wire::datagram::{Body, DatagramMessage};

/// After a burst of hellos, when a table is asked for if peers are missing. The second and third time only
/// if many are: the one that was asked may have been new itself, or gone.
const ASK: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(6), Duration::from_secs(20)];

/// One of this many peers may be missing the second time: numbers that peers announce lag behind.
const LAG_PEERS: u64 = 16;

/// Those that a table names are asked within this time, after the time in which they answer the hello.
const WITHIN: Duration = Duration::from_millis(300);

impl Machine {
    /// When to see whether a table is needed.
    pub(super) fn table_at(&self) -> Option<Time> {
        let after = ASK.get(self.tables)?;
        self.burst.map(|burst| burst + *after)
    }

    /// Asks one of those that are here for its table, if more are said to be here than that.
    pub(super) fn table_step(&mut self, now: Time) {
        if self.table_at().is_none_or(|at| at > now) {
            return;
        }
        let again = self.tables > 0;
        self.tables += 1;
        let (here, said) = (self.table.len() as u64 + 1, self.said());
        let missing = if again { said.saturating_sub(said / LAG_PEERS) > here } else { said > here };
        // Of many that start together everyone would load the same from everyone else.
        if missing && !self.is_one_of_many() {
            let place = self.rng.below(here - 1);
            let teller = usize::try_from(place).ok().and_then(|place| self.table.iter().nth(place));
            if let Some((teller, _)) = teller {
                self.outputs.push_back(PresenceOutput::Event(Event::Lacking(teller)));
            }
        }
    }

    /// Peers of the network, as the intervals of those that are here tell, and those that were heard.
    fn said(&self) -> u64 {
        let longest = self.table.iter().map(|(_, e)| u64::from(e.voice.presence.interval)).max().unwrap_or(0);
        // The shortest interval tells nothing: all small networks have it.
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let tells = longest > ms(limits::INTERVAL_MIN);
        let said = if tells { longest.min(ms(limits::INTERVAL_MAX)) / ANNOUNCE_GAP_MS } else { 0 };
        self.network().max(said)
    }

    /// True if nothing is known of `id` yet.
    #[must_use]
    pub fn lacks(&mut self, id: PeerId) -> bool {
        id != self.id && !self.table.has(id) && self.table.candidate_mut(id).is_none()
    }

    /// A signed datagram of `id` that `teller` passed on, with the address at which it answers there. Both
    /// may be old, or a lie: nothing is believed yet.
    pub fn handle_table(
        &mut self,
        now: Time,
        teller: PeerId,
        id: PeerId,
        at: SocketAddr,
        body: &Body,
        signed: &Arc<[u8]>,
    ) {
        self.observe(now);
        if self.lacks(id)
            && body.message != DatagramMessage::Leave
            && !self.table.is_buried(now, id, body.instance)
            && self.table.candidates() < limits::CANDIDATES
            && self.may_ask(teller, at)
        {
            let mut voice = Voice::new(body, signed);
            // Its own words will come with the same numbers: they are no copies of this one.
            voice.window = Window::default();
            let nonce = self.rng.nonce();
            let answers = self.burst.map_or(now, |burst| burst + spread(self.said()));
            let due = now.max(answers) + self.rng.delay(WITHIN);
            let mut candidate = Candidate::new(now, voice, at, Via::Own, nonce);
            candidate.exchanged = true;
            self.table.propose(id, candidate, Some(due));
        }
        self.rearm(now);
    }

    /// True if a peer of this link may be at `at`, and no group of hosts.
    fn may_ask(&mut self, teller: PeerId, at: SocketAddr) -> bool {
        let Host { ip, .. } = Host::from(at);
        if at.port() == 0 {
            return false;
        }
        if ip.is_loopback() {
            let near = |host: &Host| host.ip.is_loopback();
            let near = self.table.get_mut(teller).is_some_and(|e| e.hosts.iter().any(near));
            return near && ip != IpAddr::from([127, 255, 255, 255]);
        }
        let unfit = match ip {
            IpAddr::V4(ip) => {
                ip.is_unspecified() || ip.is_broadcast() || ip.is_multicast() || ip.is_link_local()
            }
            IpAddr::V6(ip) => ip.is_unspecified() || ip.is_multicast() || ip.is_unicast_link_local(),
        };
        !unfit && self.links.iter().any(|l| l.contains(ip)) && !self.links.iter().any(|l| l.is_all(ip))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Ports;
    use crate::identity::{Instance, PeerName};
    use crate::lan::NetworkPrefix;
    use crate::lan::OwnPresence;
    use crate::wire::datagram::{Presence, PresenceState};

    const TELLER: PeerId = PeerId([1; 32]);

    fn id(n: u16) -> PeerId {
        let mut id = [9; 32];
        id[..2].copy_from_slice(&n.to_be_bytes());
        PeerId(id)
    }

    fn body(interval: u32, message: DatagramMessage) -> Body {
        let name = PeerName::of_folder("peer", PeerId([0; 32]));
        let ports = Ports { receiver: 1, sender: 2, distributor: 3, distributee: 4 };
        let presence = Presence::new(PresenceState::Here, name, ports, interval, 0);
        Body { instance: Instance { count: 1, random: 1 }, sequence: 7, presence, message }
    }

    /// A machine that lists TELLER, which answered its hello from `from`.
    fn newcomer(from: &str, interval: u32) -> (Machine, Time) {
        let (machine, now, _) = newcomer_with_nonces(from, interval);
        (machine, now)
    }

    /// A machine that lists TELLER, as [`newcomer`] makes it, and the nonces of its hello.
    fn newcomer_with_nonces(from: &str, interval: u32) -> (Machine, Time, Vec<u64>) {
        let now = Time::ZERO + Duration::from_secs(100);
        let ports = Ports { receiver: 1, sender: 2, distributor: 3, distributee: 4 };
        let name = PeerName::of_folder("new", PeerId([0; 32]));
        let own = OwnPresence { name, ports, catalogue: 0, state: PresenceState::Here };
        let instance = Instance { count: 1, random: 0 };
        let mut machine = Machine::new(now, PeerId([0; 32]), instance, own, [3; 32]);
        machine.handle_links(now, vec![NetworkPrefix { ip: [10, 0, 0, 1].into(), prefix: 8 }]);
        machine.handle_timeout(now);
        let mut echoes = Vec::new();
        while let Some(output) = machine.poll_output() {
            if let PresenceOutput::Broadcast(Body { message: DatagramMessage::Hello { nonce }, .. }) = output
            {
                echoes.push(nonce);
            }
        }
        let answer = body(interval, DatagramMessage::Proof { ask: None, echoes: echoes.clone() });
        let signed = Arc::from([]);
        machine.handle_packet(now, from.parse().unwrap(), Via::Own, TELLER, &answer, &signed).unwrap();
        assert!(machine.is_here(TELLER));
        (machine, now, echoes)
    }

    /// Lets `time` pass; the datagrams that go to one, and whose table is asked for.
    fn run(machine: &mut Machine, now: &mut Time, time: Duration) -> (Vec<SocketAddr>, Vec<PeerId>) {
        let (until, mut sent, mut asked) = (*now + time, Vec::new(), Vec::new());
        while let Some(at) = machine.poll_timeout().filter(|at| *at <= until) {
            *now = at;
            machine.handle_timeout(at);
            while let Some(output) = machine.poll_output() {
                match output {
                    PresenceOutput::Unicast { to, .. } => sent.push(to),
                    PresenceOutput::Event(Event::Lacking(teller)) => asked.push(teller),
                    _ => {}
                }
            }
        }
        *now = until;
        (sent, asked)
    }

    fn tell(machine: &mut Machine, now: Time, n: u16, at: &str) {
        let signed = Arc::from([]);
        machine.handle_table(
            now,
            TELLER,
            id(n),
            at.parse().unwrap(),
            &body(1_000, DatagramMessage::Here),
            &signed,
        );
    }

    #[test]
    fn many_strangers_do_not_keep_answers_out_and_many_answers_are_bounded() {
        let (mut machine, now, hello) = newcomer_with_nonces("10.0.0.2:5", 1_000);
        let mut admit = |from: u16, nonce: u64| {
            let source = SocketAddr::from(([10, 0, from.to_be_bytes()[0], from.to_be_bytes()[1]], 7));
            machine.admit(now, source, Via::Shared, id(from), |n| n == nonce)
        };
        let strangers = (0..1_000).filter(|n| admit(*n, 0)).count();
        assert_eq!(strangers, 200);
        let answers = (1_000..2_000).filter(|n| admit(*n, hello[0])).count();
        assert_eq!(answers, 200, "of those with our nonce the other limit");
    }

    #[test]
    fn who_lists_fewer_than_are_said_to_be_here_asks_for_a_table() {
        let (mut machine, mut now) = newcomer("10.0.0.2:5", 22_000);
        let (_, asked) = run(&mut machine, &mut now, Duration::from_millis(1_100));
        assert_eq!(asked, [TELLER]);
        let (mut machine, mut now) = newcomer("10.0.0.2:5", 1_000);
        let (_, asked) = run(&mut machine, &mut now, Duration::from_secs(5));
        assert!(asked.is_empty());
    }

    #[test]
    fn no_address_is_asked_that_no_peer_of_the_link_can_have() {
        let (mut machine, mut now) = newcomer("10.0.0.2:5", 1_000);
        let bad = [
            "127.0.0.1:5",
            "0.0.0.0:5",
            "10.255.255.255:5",
            "10.0.0.0:5",
            "255.255.255.255:5",
            "224.0.0.1:5",
            "169.254.1.1:5",
            "192.168.0.1:5",
            "8.8.8.8:5",
            "10.0.0.3:0",
            "[::1]:5",
            "[ff02::1]:5",
            "[fe80::1]:5",
            "[::ffff:127.0.0.1]:5",
            "[::]:5",
            "[::ffff:10.255.255.255]:5",
        ];
        for (n, at) in (0..).zip(bad) {
            tell(&mut machine, now, n, at);
        }
        assert_eq!(machine.candidates(), 0);
        let (sent, _) = run(&mut machine, &mut now, Duration::from_secs(5));
        assert_eq!(sent, []);
        // On loopback those who are on loopback may be named, but not all of them at once.
        let (mut machine, now) = newcomer("127.0.0.1:7", 1_000);
        tell(&mut machine, now, 1, "127.255.255.255:5");
        assert_eq!(machine.candidates(), 0);
        tell(&mut machine, now, 2, "127.0.0.1:5");
        assert_eq!(machine.candidates(), 1);
    }

    #[test]
    fn a_table_of_lies_costs_little_and_lists_nobody() {
        let (mut machine, mut now) = newcomer("10.0.0.2:5", 1_000);
        for n in 0..5_000 {
            tell(&mut machine, now, n, "10.0.0.66:5");
        }
        assert_eq!(machine.candidates(), limits::CANDIDATES);
        let (sent, _) = run(&mut machine, &mut now, Duration::from_secs(1));
        assert!((10..=20).contains(&sent.len()), "{} in one second", sent.len());
        let (sent, _) = run(&mut machine, &mut now, Duration::from_secs(1_000));
        assert!(sent.len() <= 5 * limits::CANDIDATES, "{}", sent.len());
        assert_eq!((machine.candidates(), machine.peers()), (0, 0), "forgotten, and the teller is silent");
        let (sent, _) = run(&mut machine, &mut now, Duration::from_secs(100));
        assert_eq!(sent, []);
    }
}
