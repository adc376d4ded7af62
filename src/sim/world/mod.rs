//! A network of peers, with the machines of `lan`, in virtual time. Pure: it opens no socket and reads no
//! clock.
//!
//! `node` is one peer of it, `wall` what its system does, `carrying` how datagrams get from one to others.

mod carrying;
mod flight;
mod links;
mod node;
mod wall;

use self::flight::{Next, PlainDatagram, SimEnvelope, What};
pub use self::links::{Networks, SimLink};
pub use self::node::{Node, RoomLog, Seen};
pub use self::wall::{NodeSystem, Wall};

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;

use crate::address::Ports;
use crate::content::FileId;
use crate::identity::{Identity, Instance, PeerId, PeerName, PublicKey};
use crate::lan::{Event, IndexDuty, LanOutput, Machines, NetworkPrefix as OnLink, NotSaid, OwnPresence};
use crate::sim::queue::Queue;
use crate::sim::{Link, Rng};
use crate::time::Time;
use crate::wire::datagram::PresenceState;

/// How long a table of peers takes to come over TCP: a connection, TLS, half a megabyte.
const TABLE: Duration = Duration::from_millis(50);

/// The world.
#[derive(Debug)]
pub struct World {
    /// Now.
    pub now: Time,
    /// Chance.
    pub rng: Rng,
    /// The network.
    pub link: Link,
    /// The peers.
    pub nodes: Vec<Node>,
    /// What each of them showed of the room.
    pub rooms: Vec<RoomLog>,
    /// The ticket that each of them told last; 0: none.
    pub tickets: Vec<u64>,
    /// All that was told, in order.
    pub log: Vec<Seen>,
    /// Datagrams sent by all.
    pub sent: u64,
    /// Links between networks: who made it, and to whom.
    pub links: Vec<SimLink>,
    /// Envelopes broadcast by all; they count among what was sent, too.
    pub envelopes: u64,
    /// Dials to where gateways say that peers are.
    pub told_dials: u64,
    /// Tables asked for over TCP.
    pub tables: u64,
    queue: Queue<What>,
    places: BTreeMap<PeerId, usize>,
    addresses: BTreeMap<SocketAddr, usize>,
    hosts: BTreeMap<Ipv4Addr, usize>,
    unsigned: Arc<[u8]>,
    recording: Option<Vec<Rc<PlainDatagram>>>,
}

impl World {
    /// `count` peers that do not run yet.
    #[must_use]
    pub fn new(seed: u64, count: usize, link: Link) -> Self {
        let mut world = Self {
            now: Time::ZERO + Duration::from_secs(1_000),
            rng: Rng::new(seed),
            link,
            nodes: Vec::new(),
            rooms: Vec::new(),
            tickets: Vec::new(),
            log: Vec::new(),
            sent: 0,
            links: Vec::new(),
            envelopes: 0,
            told_dials: 0,
            tables: 0,
            queue: Queue::default(),
            places: BTreeMap::new(),
            addresses: BTreeMap::new(),
            hosts: BTreeMap::new(),
            unsigned: Arc::from([]),
            recording: None,
        };
        for place in 0..count {
            let id = PublicKey(world.rng.seed()).peer_id();
            world.add(place, id, None);
        }
        world
    }

    /// A world as [`Self::new`] makes it, with real keys and signatures.
    #[must_use]
    pub fn signed(seed: u64, count: usize, link: Link) -> Self {
        let mut world = Self::new(seed, 0, link);
        for place in 0..count {
            // A seed always makes a key; with a provider that knows no Ed25519 nothing works at all.
            let Ok(identity) = Identity::from_seed(world.rng.seed()) else { continue };
            world.add(place, identity.id(), Some(identity));
        }
        world
    }

    fn add(&mut self, place: usize, id: PeerId, identity: Option<Identity>) {
        let low = u32::try_from(place).unwrap_or(u32::MAX) + 1;
        let ip = Ipv4Addr::from_bits(0x0a00_0000 + low);
        self.places.insert(id, place);
        self.hosts.insert(ip, place);
        self.rooms.push(RoomLog::default());
        self.tickets.push(0);
        self.nodes.push(Node {
            id,
            identity,
            instance: Instance { count: 0, random: 0 },
            ip,
            port: 40_000,
            side: 0,
            system: NodeSystem::default(),
            asleep: false,
            machines: None,
            armed: None,
            shown: BTreeMap::new(),
            settled: false,
            nobody: false,
            unanswered: BTreeSet::new(),
            copied: false,
            others: BTreeMap::new(),
            fetches: Vec::new(),
            sent: 0,
            busiest: 0,
            last_second: VecDeque::new(),
        });
    }

    /// Starts peer `place`, as a later instance, from another port.
    pub fn start(&mut self, place: usize) {
        let (now, seed) = (self.now, self.rng.seed());
        let random = self.rng.next();
        let node = &mut self.nodes[place];
        self.addresses.remove(&SocketAddr::from((node.ip, node.port)));
        node.instance = Instance { count: node.instance.count + 1, random };
        // Apart from those of other peers of the same address.
        let port = (node.instance.count + 100 * place as u64) % 20_000;
        node.port = 40_000 + u16::try_from(port).unwrap_or(0);
        self.addresses.insert(SocketAddr::from((node.ip, node.port)), place);
        let mut machines = Machines::new(now, node.id, node.instance, own(0), seed);
        let all = OnLink { ip: IpAddr::V4(Ipv4Addr::new(10, 0, 0, 0)), prefix: 8 };
        machines.handle_links(now, vec![node.system.network.unwrap_or(all)]);
        node.machines = Some(machines);
        (node.asleep, node.settled, node.nobody, node.copied) = (false, false, false, false);
        node.shown.clear();
        node.fetches.clear();
        node.others.clear();
        self.rooms[place] = RoomLog::default();
        self.tickets[place] = 0;
        self.drain(place);
    }

    /// Starts all of them within `within`.
    pub fn start_all(&mut self, within: Duration) {
        let mut starts: Vec<_> = (0..self.nodes.len()).map(|i| (self.rng.time(within), i)).collect();
        starts.sort_unstable();
        let begun = self.now;
        for (after, place) in starts {
            self.run_until(begun + after);
            self.start(place);
        }
    }

    /// Kills peer `place`: not a word more.
    pub fn crash(&mut self, place: usize) {
        let node = &mut self.nodes[place];
        node.machines = None;
        node.armed = None;
        node.shown.clear();
    }

    /// Lets peer `place` leave.
    pub fn leave(&mut self, place: usize) {
        let now = self.now;
        self.with(place, |m| m.handle_leave(now));
    }

    /// Puts peer `place` to sleep, or wakes it.
    pub fn sleep(&mut self, place: usize, asleep: bool) {
        self.nodes[place].asleep = asleep;
        if !asleep {
            let now = self.now;
            self.with(place, |m| m.handle_timeout(now));
        }
    }

    /// Gives peer `place` another address (it notices only if it is told so by a restart).
    pub fn readdress(&mut self, place: usize, ip: Ipv4Addr) {
        let node = &mut self.nodes[place];
        self.addresses.remove(&SocketAddr::from((node.ip, node.port)));
        self.hosts.remove(&node.ip);
        self.hosts.insert(ip, place);
        node.ip = ip;
        self.addresses.insert(SocketAddr::from((ip, node.port)), place);
    }

    /// Gives peer `place`, before its start, an address that others may have, too.
    pub fn share_address(&mut self, place: usize, ip: Ipv4Addr) {
        self.nodes[place].ip = ip;
    }

    /// Changes what peer `place` says of itself.
    pub fn catalogue(&mut self, place: usize, version: u64) {
        let now = self.now;
        self.with(place, |m| m.handle_own(now, own(version)));
    }

    /// Lets peer `place` fetch these files, and no others.
    pub fn fetch(&mut self, place: usize, files: Vec<FileId>) {
        let now = self.now;
        self.nodes[place].fetches.clone_from(&files);
        self.with(place, |m| m.handle_seek(now, files));
    }

    /// Lets peer `place` say something to everyone. `None`: it does not run.
    pub fn say(&mut self, place: usize, text: &str) -> Option<Result<(), NotSaid>> {
        let now = self.now;
        let mut result = None;
        self.with(place, |m| result = Some(m.handle_say(now, 0, text)));
        result
    }

    /// Tells peer `place` that a connection to `of` broke.
    pub fn doubt(&mut self, place: usize, of: usize) {
        let (now, id) = (self.now, self.nodes[of].id);
        self.with(place, |m| m.handle_doubt(now, id));
    }

    /// Calls the machines of `place`, if it runs, and does what they want.
    pub fn with(&mut self, place: usize, call: impl FnOnce(&mut Machines)) {
        if let Some(machines) = &mut self.nodes[place].machines {
            call(machines);
            self.drain(place);
        }
    }

    /// Lets `time` pass.
    pub fn run(&mut self, time: Duration) {
        self.run_until(self.now + time);
    }

    /// Lets time pass until `until`.
    pub fn run_until(&mut self, until: Time) {
        while let Some((now, Some(next))) = self.queue.pop_part(until, What::take) {
            self.now = now;
            match next {
                Next::Timer(place) => self.timer(place),
                Next::Table { to, teller } => self.table(to, teller),
                Next::Relayed { to, datagram } => links::bring(self, to, &datagram),
                Next::Packet { to, source, payload } => self.arrive(to, source, payload),
            }
        }
        self.now = until;
    }

    /// Lets time pass until `done`, at most `limit`; how long it took.
    pub fn run_while(&mut self, limit: Duration, mut done: impl FnMut(&Self) -> bool) -> Option<Duration> {
        let begun = self.now;
        loop {
            if done(self) {
                return Some(self.now.since(begun));
            }
            let next = self.queue.first().filter(|at| *at <= begun + limit)?;
            // Everything of this instant, and of the next millisecond (20 of them with 1,000 peers): asking
            // costs.
            let step = Duration::from_micros(1_000.max(20 * self.nodes.len() as u64));
            self.run_until(next + step);
        }
    }

    /// True if all that run show exactly the others that run on their side, in their present instance.
    #[must_use]
    pub fn agrees(&self) -> bool {
        let mut sides: BTreeMap<u8, usize> = BTreeMap::new();
        for node in self.nodes.iter().filter(|n| n.is_up()) {
            *sides.entry(node.side).or_default() += 1;
        }
        let up = || self.nodes.iter().filter(|n| n.is_up());
        // The numbers first: they are cheap, and tell nearly always.
        up().all(|n| n.shown.len() + 1 == sides[&n.side])
            && up().all(|n| {
                n.shown.iter().all(|(id, info)| {
                    let of = &self.nodes[self.places[id]];
                    of.is_up() && of.side == n.side && of.instance == info.instance
                })
            })
    }

    /// Peers that run and show peer `of`.
    #[must_use]
    pub fn showing(&self, of: usize) -> usize {
        let id = self.nodes[of].id;
        self.nodes.iter().filter(|n| n.is_up() && n.shown.contains_key(&id)).count()
    }

    fn timer(&mut self, place: usize) {
        let now = self.now;
        let node = &mut self.nodes[place];
        if node.armed != Some(now) || node.asleep {
            return;
        }
        node.armed = None;
        self.with(place, |m| m.handle_timeout(now));
    }

    /// Does what the machines of `place` want, and sets their timer.
    fn drain(&mut self, place: usize) {
        loop {
            let node = &mut self.nodes[place];
            let Some(machines) = &mut node.machines else { return };
            let Some(output) = machines.poll_output() else { break };
            match output {
                LanOutput::Broadcast(body) => self.broadcast(place, body),
                LanOutput::Unicast { to, body } => self.unicast(place, to, body),
                LanOutput::Forward { to, peer, signed } => self.forward(place, to, peer, &signed),
                LanOutput::Envelope { hops, peer, at, signed } => {
                    let gateway = self.nodes[place].id;
                    let envelope = SimEnvelope::new(gateway, hops, peer, Some(at), signed);
                    links::broadcast_envelope(self, place, envelope);
                }
                LanOutput::LookAround => self.look_around(place),
                LanOutput::Event(event) => self.tell(place, event),
                LanOutput::Left => {
                    self.crash(place);
                    return;
                }
            }
        }
        let node = &mut self.nodes[place];
        let next = node.machines.as_ref().and_then(Machines::poll_timeout).map(|at| at.max(self.now));
        if let Some(at) = next
            && node.armed != next
        {
            node.armed = next;
            self.queue.push(at, What::Timer(place));
        }
    }

    /// Tells the machines of `place` which neighbours it has. The caller drains.
    fn look_around(&mut self, place: usize) {
        let now = self.now;
        let node = &mut self.nodes[place];
        let told = node.system.told_neighbours();
        if let Some(machines) = &mut node.machines {
            machines.handle_neighbours(now, told);
        }
    }

    fn tell(&mut self, by: usize, event: Event) {
        let seen = match &event {
            Event::Here(info) => Some((info.contact.id, None)),
            Event::Gone(id, how) => Some((*id, Some(*how))),
            _ => None,
        };
        if let Some((id, gone)) = seen {
            let of = self.places.get(&id).copied();
            let reachable = of.is_some_and(|of| {
                let (by, of) = (&self.nodes[by], &self.nodes[of]);
                of.is_up() && of.side == by.side
            });
            let leaving = of.and_then(|of| self.nodes[of].machines()).is_some_and(Machines::is_leaving);
            let right = if gone.is_none() { reachable } else { !reachable || leaving };
            self.log.push(Seen { at: self.now, by, of: of.unwrap_or(usize::MAX), gone, right });
        }
        let node = &mut self.nodes[by];
        match event {
            Event::Here(info) => drop(node.shown.insert(info.contact.id, info)),
            Event::Gone(id, _) => drop(node.shown.remove(&id)),
            Event::Settled => node.settled = true,
            Event::Ticket(ticket) => self.tickets[by] = ticket,
            Event::NobodyHeard => node.nobody = true,
            Event::CopiedFolder(_) => node.copied = true,
            Event::Unanswered(peer) => {
                node.unanswered.insert(peer.id);
            }
            Event::Lacking(teller) => {
                let teller = self.places[&teller];
                self.queue.push(self.now + TABLE, What::Table { to: by, teller });
            }
            Event::Has(id, files) => {
                for file in files {
                    node.others.entry(file).or_default().insert(id);
                }
            }
            Event::Sought(id, mut files) => {
                files.retain(|file| node.fetches.contains(file));
                for file in &files {
                    node.others.entry(*file).or_default().insert(id);
                }
                // As the controller: it answers out of what it knows, at once. The caller drains.
                if let Some(machines) = &mut node.machines
                    && !files.is_empty()
                {
                    machines.handle_has(self.now, id, files);
                }
            }
            Event::Line(line) => self.rooms[by].lines.push(line),
            Event::LinesMissed(missed) => {
                *self.rooms[by].missed.entry(missed.peer).or_default() += missed.count;
            }
            Event::Relay(relay) => links::relay(self, by, relay),
            // Where TCP leads there, TLS proves it.
            Event::Told(_, contact) => links::prove_told(self, by, &contact),
            Event::DialBack(_)
            | Event::AskedToMeet(_)
            | Event::Overtaken(_)
            | Event::NetworkChanged
            | Event::Trouble(_)
            | Event::Facts(_)
            | Event::Interfaces(_)
            | Event::Said(_)
            | Event::Outsiders(_) => {}
        }
    }
}

/// What every simulated peer says of itself.
fn own(catalogue: u64) -> OwnPresence {
    let ports = Ports { receiver: 1, sender: 2, distributor: 3, distributee: 4 };
    let name = PeerName::of_folder("peer", PeerId([0; 32]));
    OwnPresence { name, ports, catalogue, state: PresenceState::Here, duty: IndexDuty::InTurn, features: 0 }
}
