//! What one peer tells of others: a newcomer to a large network asks for it once, and believes none of it.
//! Pure.
//!
//! A table names addresses, so a liar could point us at anyone. What comes of it is bounded: an address is
//! asked five times, at the rate of all questions, if it is one that a peer of this
//! link may have; and nobody is listed who does not echo our nonce.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use super::candidate::Candidate;
use super::hellos::Hellos;
use super::listing::Listing;
use super::table::PeerTable;
use super::voice::{Voice, Window};
use crate::accounts::Payer;
use crate::address::Host;
use crate::identity::PeerId;
use crate::lan::limits;
use crate::lan::rng::Rng;
use crate::lan::traffic::Packet;
use crate::time::Time;
use crate::wire::datagram::DatagramMessage;

/// After a burst of hellos, when a table is asked for if peers are missing. The second and third time only
/// if many are: the one that was asked may have been new itself, or gone.
const ASK: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(6), Duration::from_secs(20)];

/// One of this many peers may be missing the second time: numbers that peers announce lag behind.
const LAG_PEERS: u64 = 16;

/// Those that a table names are asked within this time, after the time in which they answer the hello.
const WITHIN: Duration = Duration::from_millis(300);

/// When this peer asks another one for its table.
#[derive(Debug)]
pub(super) struct TableRequests {
    /// When the last burst of hellos began.
    burst: Time,
    /// Times since then that a table was thought of.
    thought_of: usize,
}

impl TableRequests {
    /// Those after a burst that begins now.
    pub(super) const fn new(burst: Time) -> Self {
        Self { burst, thought_of: 0 }
    }

    /// Another burst begins.
    pub(super) const fn restart(&mut self, burst: Time) {
        *self = Self::new(burst);
    }

    /// When to see whether a table is needed.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        ASK.get(self.thought_of).map(|after| self.burst + *after)
    }

    /// One of those that are here, to be asked now for its table, if more are said to be here than that.
    pub(super) fn take_due(
        &mut self,
        now: Time,
        table: &mut PeerTable,
        hellos: &Hellos,
        rng: &mut Rng,
    ) -> Option<PeerId> {
        self.poll_timeout().filter(|at| *at <= now)?;
        let again = self.thought_of > 0;
        self.thought_of += 1;
        let (here, said) = (table.len() as u64 + 1, table.ask_said().peers());
        let missing = if again { said.saturating_sub(said / LAG_PEERS) > here } else { said > here };
        // Of many that start together everyone would load the same from everyone else.
        if !missing || hellos.are_of_many() {
            return None;
        }
        let place = usize::try_from(rng.below(here - 1)).ok()?;
        table.iter().nth(place).map(|(teller, _)| teller)
    }
}

impl Listing {
    /// True if nothing is known of `id` yet.
    pub(super) fn lacks(&self, id: PeerId) -> bool {
        !self.table.has(id) && self.table.candidate(id).is_none()
    }

    /// A signed datagram that `teller` passed on; its source is the address at which its sender answers
    /// there. Both may be old, or a lie: nothing is believed yet. `burst` is when our last hellos began,
    /// which it may still answer.
    pub(super) fn hear_of(
        &mut self,
        now: Time,
        teller: PeerId,
        packet: &Packet<'_>,
        burst: Time,
        rng: &mut Rng,
    ) {
        let Packet { source, peer: id, body, signed } = *packet;
        if self.lacks(id)
            && body.message != DatagramMessage::Leave
            && !self.table.is_buried(now, id, body.instance)
            && self.table.strangers() < limits::CANDIDATES
            && self.may_ask(teller, source.at)
        {
            let mut voice = Voice::new(body, signed);
            // Its own words will come with the same numbers: they are no copies of this one.
            voice.window = Window::default();
            let answers = burst + self.table.last_said().spread();
            let due = now.max(answers) + rng.delay(WITHIN);
            let mut candidate = Candidate::new(now, id, voice, source, rng).asked_at(Some(due));
            candidate.exchanged = true;
            // Else a liar could take the places of as many hosts as it makes up.
            candidate.payer = Payer { host: self.table.host(teller), peer: teller };
            self.table.propose(now, id, candidate);
        }
    }

    /// True if a peer of this link may be at `at`, and no group of hosts.
    fn may_ask(&self, teller: PeerId, at: SocketAddr) -> bool {
        let Host { ip, .. } = Host::from(at);
        if at.port() == 0 {
            return false;
        }
        if ip.is_loopback() {
            let near = |host: &Host| host.ip.is_loopback();
            let near = self.table.get(teller).is_some_and(|e| e.hosts.iter().any(near));
            return near && ip != IpAddr::from([127, 255, 255, 255]);
        }
        self.links.may_hold_peer(ip)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::address::Ports;
    use crate::identity::{Instance, PeerName};
    use crate::lan::discovery::{Discovery, DiscoveryOutput};
    use crate::lan::traffic::{Endpoint, Recipient, Via};
    use crate::lan::{Event, NetworkPrefix, OwnPresence};
    use crate::wire::datagram::{Body, Presence, PresenceState};

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

    fn packet<'a>(from: &str, peer: PeerId, body: &'a Body, signed: &'a Arc<[u8]>) -> Packet<'a> {
        let source = Endpoint { at: from.parse().unwrap(), via: Via::Own };
        Packet { source, peer, body, signed }
    }

    /// A machine that lists TELLER, which answered its hello from `from`.
    fn newcomer(from: &str, interval: u32) -> (Discovery, Time) {
        let (machine, now, _) = newcomer_with_nonces(from, interval);
        (machine, now)
    }

    /// A machine that lists TELLER, as [`newcomer`] makes it, and the nonces of its hello.
    fn newcomer_with_nonces(from: &str, interval: u32) -> (Discovery, Time, Vec<u64>) {
        let now = Time::ZERO + Duration::from_secs(100);
        let ports = Ports { receiver: 1, sender: 2, distributor: 3, distributee: 4 };
        let name = PeerName::of_folder("new", PeerId([0; 32]));
        let own = OwnPresence::new(name, ports);
        let instance = Instance { count: 1, random: 0 };
        let mut machine = Discovery::new(now, PeerId([0; 32]), instance, own, [3; 32]);
        machine.handle_links(now, vec![NetworkPrefix { ip: [10, 0, 0, 1].into(), prefix: 8 }]);
        machine.handle_timeout(now);
        let mut echoes = Vec::new();
        while let Some(output) = machine.poll_output() {
            if let DiscoveryOutput::Send { message: DatagramMessage::Hello { nonce }, .. } = output {
                echoes.push(nonce);
            }
        }
        let answer = body(interval, DatagramMessage::Proof { ask: None, echoes: echoes.clone() });
        machine.handle_packet(now, &packet(from, TELLER, &answer, &Arc::from([]))).unwrap();
        assert!(machine.listing.table.has(TELLER));
        machine.handle_proved(now, TELLER, Host::from(from.parse::<SocketAddr>().unwrap()));
        (machine, now, echoes)
    }

    /// Lets `time` pass; the datagrams that go to one, and whose table is asked for.
    fn run(machine: &mut Discovery, now: &mut Time, time: Duration) -> (Vec<SocketAddr>, Vec<PeerId>) {
        let (until, mut sent, mut asked) = (*now + time, Vec::new(), Vec::new());
        while let Some(at) = machine.poll_timeout(*now).filter(|at| *at <= until) {
            *now = at;
            machine.handle_timeout(at);
            while let Some(output) = machine.poll_output() {
                match output {
                    DiscoveryOutput::Send { to: Recipient::At(to), .. } => sent.push(to.at),
                    DiscoveryOutput::Event(Event::Lacking(teller)) => asked.push(teller),
                    _ => {}
                }
            }
        }
        *now = until;
        (sent, asked)
    }

    fn tell(machine: &mut Discovery, now: Time, n: u16, at: &str) {
        let body = body(1_000, DatagramMessage::Here);
        machine.handle_table(now, TELLER, &packet(at, id(n), &body, &Arc::from([])));
    }

    #[test]
    fn many_strangers_do_not_keep_answers_out_and_many_answers_are_bounded() {
        let (mut machine, now, hello) = newcomer_with_nonces("10.0.0.2:5", 1_000);
        let mut admit = |from: u16, nonce: u64| {
            let source = SocketAddr::from(([10, 0, from.to_be_bytes()[0], from.to_be_bytes()[1]], 7));
            machine.admit(now, Endpoint { at: source, via: Via::Shared }, id(from), false, |n| n == nonce)
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
        assert_eq!(machine.listing.table.strangers(), 0);
        let (sent, _) = run(&mut machine, &mut now, Duration::from_secs(5));
        assert_eq!(sent, []);
        // On loopback those who are on loopback may be named, but not all of them at once.
        let (mut machine, now) = newcomer("127.0.0.1:7", 1_000);
        tell(&mut machine, now, 1, "127.255.255.255:5");
        assert_eq!(machine.listing.table.strangers(), 0);
        tell(&mut machine, now, 2, "127.0.0.1:5");
        assert_eq!(machine.listing.table.strangers(), 1);
    }

    #[test]
    fn a_table_of_lies_costs_little_and_lists_nobody() {
        let (mut machine, mut now) = newcomer("10.0.0.2:5", 1_000);
        for n in 0..5_000 {
            tell(&mut machine, now, n, "10.0.0.66:5");
        }
        assert_eq!(machine.listing.table.strangers(), limits::CANDIDATES);
        let (sent, _) = run(&mut machine, &mut now, Duration::from_secs(1));
        assert!((10..=20).contains(&sent.len()), "{} in one second", sent.len());
        let (sent, _) = run(&mut machine, &mut now, Duration::from_secs(1_000));
        assert!(sent.len() <= 5 * limits::CANDIDATES, "{}", sent.len());
        assert_eq!(
            (machine.listing.table.strangers(), machine.listing.table.len()),
            (0, 0),
            "forgotten, and the teller is silent"
        );
        let (sent, _) = run(&mut machine, &mut now, Duration::from_secs(100));
        assert_eq!(sent, []);
    }
}
