//! How this peer takes part in the table between sites (`--wan`): by which nodes it joins, and whether it speaks for
//! its network. Pure.

use core::net::{IpAddr, SocketAddrV4};
use core::time::Duration;
use std::collections::BTreeSet;

use super::announced::AnnouncedFiles;
use super::output::{Outputs, PeerOutput};
use super::roster::{Member, Roster};
use crate::address::{Host, RouteTarget};
use crate::content::FileId;
use crate::dht::{DhtCommand, DhtState, PUBLIC_NODES, SitePort, limits};
use crate::identity::PeerId;
use crate::lan::Gone;
use crate::port_mapping::MappingState;
use crate::routes::{ResolveFor, RouteFault, ToResolve};
use crate::settings::NetworkSettings;
use crate::time::Time;
use crate::wire::datagram::features;

/// Peers of one network that speak for it, at most: the second one is there should the first one fail.
const SPEAKERS: usize = 2;

/// Names of nodes are looked up again after this time, as long as no node took an announcement.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// The nodes of the group's own are tried as peers this often: they are peers with `--wan`, as a rule.
const TRY_NODES: Duration = Duration::from_secs(15 * 60);

/// Peers that are looked for at the same time, at most: as many as the thread takes.
const MISSING: usize = limits::MISSING;

/// What is known of the table.
#[derive(Debug)]
pub(super) struct PeerSites {
    /// Names of the nodes by which it is joined; none without `--wan`.
    nodes: Vec<RouteTarget>,
    /// True if the user named them: the table is that of the group.
    is_own: bool,
    /// What was found of each name.
    found: Vec<Vec<SocketAddrV4>>,
    /// Which of them are being looked up.
    awaited: BTreeSet<usize>,
    /// When the names are looked up next.
    look: Time,
    /// When the nodes are tried as peers next.
    try_nodes: Time,
    /// True once it is known who is in this network.
    is_settled: bool,
    /// What the thread was told.
    told: Option<SitePort>,
    /// Peers that went silent, and are looked for; at most [`MISSING`].
    missing: BTreeSet<PeerId>,
    /// Files that others are to find.
    pub(super) announced: AnnouncedFiles,
    state: DhtState,
}

impl PeerSites {
    /// As the settings say.
    pub(super) fn new(settings: &NetworkSettings, announced: AnnouncedFiles) -> Self {
        let is_own = !settings.dht_bootstrap.is_empty();
        let public = PUBLIC_NODES.map(|(host, port)| RouteTarget { host: host.to_owned(), port });
        let nodes = match () {
            () if !settings.wan => Vec::new(),
            () if is_own => settings.dht_bootstrap.clone(),
            () => public.to_vec(),
        };
        Self {
            found: vec![Vec::new(); nodes.len()],
            awaited: BTreeSet::new(),
            nodes,
            is_own,
            look: Time::ZERO,
            try_nodes: Time::ZERO,
            is_settled: false,
            told: None,
            missing: BTreeSet::new(),
            announced,
            state: DhtState::Resolving,
        }
    }

    /// The thread is there: it hears what is announced from the start.
    pub(super) fn begin(&self, out: &mut Outputs) {
        if self.is_on() && self.announced.iter().next().is_some() {
            self.announced.tell(out);
        }
    }

    /// Takes announcements back of what this peer has no more.
    pub(super) fn keep_announced(&mut self, now: Time, has: impl Fn(FileId) -> bool, out: &mut Outputs) {
        if self.is_on() {
            self.announced.handle_timeout(now, has, out);
        }
    }

    /// True with `--wan`.
    pub(super) const fn is_on(&self) -> bool {
        !self.nodes.is_empty()
    }

    /// True if the table is that of the group.
    pub(super) const fn is_own(&self) -> bool {
        self.is_own
    }

    /// Where the table stands; `None` without `--wan`.
    pub(super) fn state(&self) -> Option<DhtState> {
        self.is_on().then_some(self.state)
    }

    /// It is known who is in this network.
    pub(super) const fn settled(&mut self) {
        self.is_settled = true;
    }

    /// A name was looked up.
    pub(super) fn on_resolved(&mut self, at: usize, found: Result<Vec<Host>, RouteFault>, out: &mut Outputs) {
        let (Some(node), Some(place)) = (self.nodes.get(at), self.found.get_mut(at)) else { return };
        let port = node.port;
        // The table speaks IPv4 alone.
        let v4 = |host: Host| match host.ip {
            IpAddr::V4(ip) => Some(SocketAddrV4::new(ip, port)),
            IpAddr::V6(_) => None,
        };
        match found {
            Ok(hosts) => *place = hosts.into_iter().filter_map(v4).collect(),
            // What was found before may still be right.
            Err(fault) => out.debug(format!("a node of the table: {node}: {fault}")),
        }
        self.awaited.remove(&at);
        if self.awaited.is_empty() && self.addresses().next().is_some() {
            out.push(PeerOutput::Dht(DhtCommand::Nodes(self.addresses().collect())));
        }
    }

    /// The thread reports where the table stands.
    pub(super) const fn on_state(&mut self, state: DhtState) {
        self.state = state;
    }

    /// This peer speaks for its network, or does no longer, as those say who are in it; or others dial another port.
    pub(super) fn speak(&mut self, port: SitePort, out: &mut Outputs) {
        if self.is_on() && self.is_settled && self.told != Some(port) {
            self.told = Some(port);
            self.try_nodes = Time::ZERO;
            out.push(PeerOutput::Dht(DhtCommand::Port(port)));
        }
    }

    /// A peer is here.
    pub(super) fn here(&mut self, peer: PeerId, out: &mut Outputs) {
        if self.missing.remove(&peer) {
            out.push(PeerOutput::Dht(DhtCommand::Here(peer)));
        }
    }

    /// A peer is gone, of which the roster still knows what it can. One that said nothing may be elsewhere.
    pub(super) fn gone(&mut self, peer: PeerId, why: Gone, roster: &Roster, out: &mut Outputs) {
        let uses_table = |member: &Member| member.info.features & features::SITES != 0;
        let is_known = || roster.iter().any(|(id, member)| *id == peer && uses_table(member));
        let is_missed = self.is_on() && why == Gone::Silent && is_known();
        if is_missed && self.missing.len() < MISSING && self.missing.insert(peer) {
            out.push(PeerOutput::Dht(DhtCommand::Missing(peer)));
        }
    }

    /// This machine is elsewhere, or slept.
    pub(super) fn network_changed(&mut self, now: Time, out: &mut Outputs) {
        if self.is_on() {
            (self.look, self.try_nodes) = (now, now);
            out.push(PeerOutput::Dht(DhtCommand::NetworkChanged));
        }
    }

    /// A link to another network was lost.
    pub(super) fn lost(&mut self, out: &mut Outputs) {
        if self.is_on() {
            self.try_nodes = Time::ZERO;
            out.push(PeerOutput::Dht(DhtCommand::Lost));
        }
    }

    /// When [`Self::handle_timeout`] is due.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        let look = Some(self.look).filter(|_| self.looks());
        let try_nodes = Some(self.try_nodes).filter(|_| self.tries_nodes());
        let announced = self.announced.poll_timeout().filter(|_| self.is_on());
        [look, try_nodes, announced].into_iter().flatten().min()
    }

    /// Looks names up, if that is due. The addresses at which nodes of the group's own are tried as peers now.
    pub(super) fn handle_timeout(&mut self, now: Time, out: &mut Outputs) -> Vec<SocketAddrV4> {
        if self.looks() && self.look <= now {
            self.look = now + LOOK_AGAIN;
            for (place, target) in self.nodes.iter().enumerate() {
                self.awaited.insert(place);
                let purpose = ResolveFor::Node(place);
                out.push(PeerOutput::Resolve(ToResolve { purpose, target: target.clone() }));
            }
        }
        if !self.tries_nodes() || self.try_nodes > now {
            return Vec::new();
        }
        self.try_nodes = now + TRY_NODES;
        // A peer has its node at the number of its first port, and is dialled at the second one.
        let dialled = |node: SocketAddrV4| SocketAddrV4::new(*node.ip(), node.port().saturating_add(1));
        self.addresses().map(dialled).collect()
    }

    /// True while names are to be looked up now and then.
    fn looks(&self) -> bool {
        self.is_on() && matches!(self.state, DhtState::Resolving | DhtState::Joining)
    }

    /// True while the nodes are to be tried as peers now and then.
    fn tries_nodes(&self) -> bool {
        self.is_own && self.told.is_some_and(|port| port.speaks) && self.addresses().next().is_some()
    }

    fn addresses(&self) -> impl Iterator<Item = SocketAddrV4> {
        self.found.iter().flatten().copied()
    }
}

/// True if `me` is one of the peers that speak for their network: those of the lowest ids that use the table. The only
/// place that says who they are. `is_linked` is true of a peer at the other end of a link, which is of another network.
pub(super) fn speaks_for_network(me: PeerId, roster: &Roster, is_linked: impl Fn(PeerId) -> bool) -> bool {
    let speaks_before = |(id, member): &(&PeerId, &Member)| {
        let uses_table = member.info.features & features::SITES != 0;
        uses_table && member.info.told.is_none() && !is_linked(**id)
    };
    let before = roster.iter().take_while(|(id, _)| **id < me).filter(speaks_before);
    before.take(SPEAKERS).count() < SPEAKERS
}

/// The port that others dial, at the address that the table sees.
pub(super) fn dialled_port(sender: u16, mapping: Option<MappingState>) -> u16 {
    match mapping {
        Some(MappingState::Mapped(outside, _)) => outside.port(),
        _ => sender,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lan::PeerInfo;
    use crate::peer::roster::tests::{info, key};
    use crate::port_mapping::MappingProtocol;
    use crate::settings::Settings;

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(1_000 + seconds)
    }

    fn sites(wan: bool, bootstrap: &[&str]) -> PeerSites {
        let dht_bootstrap = bootstrap.iter().map(|text| text.parse().unwrap()).collect();
        let settings = NetworkSettings { wan, dht_bootstrap, ..Settings::new("/peer".into()).on };
        PeerSites::new(&settings, AnnouncedFiles::default())
    }

    fn port(speaks: bool) -> SitePort {
        SitePort { outside: 9, inside: 9, speaks }
    }

    fn host(text: &str) -> Host {
        Host { ip: text.parse().unwrap(), scope: 0 }
    }

    /// What the thread is told, and how many names are looked up.
    fn done(out: &mut Outputs) -> (Vec<DhtCommand>, usize) {
        let (mut commands, mut names) = (Vec::new(), 0);
        while let Some(output) = out.pop() {
            match output {
                PeerOutput::Dht(command) => commands.push(command),
                PeerOutput::Resolve(_) => names += 1,
                _ => {}
            }
        }
        (commands, names)
    }

    #[test]
    fn without_the_setting_nothing_is_done() {
        let (mut sites, mut out) = (sites(false, &[]), Outputs::default());
        sites.settled();
        sites.speak(port(true), &mut out);
        sites.network_changed(at(0), &mut out);
        sites.lost(&mut out);
        assert!(sites.handle_timeout(at(0), &mut out).is_empty());
        assert_eq!((done(&mut out), sites.poll_timeout(), sites.state()), ((vec![], 0), None, None));
    }

    #[test]
    fn the_table_is_joined_once_all_names_are_looked_up() {
        let (mut sites, mut out) = (sites(true, &["a:5", "b"]), Outputs::default());
        sites.handle_timeout(at(0), &mut out);
        assert_eq!(done(&mut out), (vec![], 2));
        sites.on_resolved(1, Err(RouteFault::NoSuchHost), &mut out);
        assert_eq!(done(&mut out).0, []);
        sites.on_resolved(0, Ok(vec![host("fd00::1"), host("10.0.0.1")]), &mut out);
        assert_eq!(done(&mut out).0, [DhtCommand::Nodes(vec!["10.0.0.1:5".parse().unwrap()])]);
        // As long as no node answers, the names are looked up again.
        assert_eq!(sites.poll_timeout(), Some(at(0) + LOOK_AGAIN));
        sites.handle_timeout(at(30), &mut out);
        assert_eq!(done(&mut out), (vec![], 2));
        sites.on_state(DhtState::Announced);
        assert_eq!(sites.poll_timeout(), None);
    }

    #[test]
    fn whoever_speaks_tries_the_nodes_of_its_group_as_peers() {
        let (mut sites, mut out) = (sites(true, &["a:5"]), Outputs::default());
        sites.handle_timeout(at(0), &mut out);
        sites.on_resolved(0, Ok(vec![host("10.0.0.1")]), &mut out);
        sites.speak(port(true), &mut out);
        assert_eq!(done(&mut out).0.len(), 1, "it is not known yet who is here");
        sites.settled();
        sites.speak(port(true), &mut out);
        sites.speak(port(true), &mut out);
        assert_eq!(done(&mut out).0, [DhtCommand::Port(port(true))]);
        assert_eq!(sites.handle_timeout(at(1), &mut out), ["10.0.0.1:6".parse().unwrap()]);
        assert!(sites.handle_timeout(at(2), &mut out).is_empty());
        assert_eq!(sites.handle_timeout(at(1) + TRY_NODES, &mut out).len(), 1);
        done(&mut out);
        sites.speak(port(false), &mut out);
        assert_eq!(done(&mut out).0, [DhtCommand::Port(port(false))]);
        assert!(sites.handle_timeout(at(9_000), &mut out).is_empty());
        // Nobody else's nodes are dialled.
        let mut world = self::sites(true, &[]);
        world.settled();
        world.speak(port(true), &mut out);
        world.on_resolved(0, Ok(vec![host("11.0.0.1")]), &mut out);
        assert!(world.handle_timeout(at(0), &mut out).is_empty());
    }

    #[test]
    fn two_of_those_that_use_the_table_speak() {
        let mut ids: Vec<_> = (1..=5).map(|n| (key(n).peer_id(), n)).collect();
        ids.sort_unstable();
        let mut roster = Roster::default();
        let speaks = |roster: &Roster, linked: Option<PeerId>| {
            speaks_for_network(ids[3].0, roster, |id| linked == Some(id))
        };
        assert!(speaks(&roster, None), "it is alone");
        for (place, features, why) in [
            (0, features::SITES, "it is the second one"),
            (1, 0, "that one does not use the table"),
            (4, features::SITES, "that one comes later"),
        ] {
            let info = PeerInfo { features, ..info(ids[place].1, "peer", 0) };
            roster.here(at(0), info);
            assert!(speaks(&roster, None), "{why}");
        }
        roster.here(at(0), PeerInfo { features: features::SITES, ..info(ids[2].1, "peer", 0) });
        assert!(!speaks(&roster, None), "it is the third one");
        assert!(speaks(&roster, Some(ids[0].0)), "the first one is of another network");
    }

    #[test]
    fn whoever_went_silent_is_looked_for() {
        let (mut sites, mut out, mut roster) = (sites(true, &[]), Outputs::default(), Roster::default());
        let ids: Vec<_> = (1..=3).map(|n| key(n).peer_id()).collect();
        roster.here(at(0), PeerInfo { features: features::SITES, ..info(1, "one", 0) });
        roster.here(at(0), info(2, "two", 0));
        for id in &ids {
            sites.gone(*id, Gone::Left, &roster, &mut out);
            sites.gone(*id, Gone::Closed, &roster, &mut out);
        }
        assert_eq!(done(&mut out).0, [], "they said so, or the user did");
        for id in ids.iter().chain(&ids) {
            sites.gone(*id, Gone::Silent, &roster, &mut out);
        }
        assert_eq!(done(&mut out).0, [DhtCommand::Missing(ids[0])], "the others use no table");
        sites.here(ids[0], &mut out);
        sites.here(ids[1], &mut out);
        assert_eq!(done(&mut out).0, [DhtCommand::Here(ids[0])]);
    }

    #[test]
    fn the_port_is_that_of_the_router_if_there_is_one() {
        let mapped = MappingState::Mapped("11.0.0.1:40000".parse().unwrap(), MappingProtocol::Pcp);
        assert_eq!(dialled_port(2, Some(mapped)), 40_000);
        assert_eq!((dialled_port(2, None), dialled_port(2, Some(MappingState::NoAnswer))), (2, 2));
    }
}
