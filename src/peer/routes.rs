//! The routes of this peer: what the user wants of them, and what goes between the links and discovery. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::announced::AnnouncedFiles;
use super::event::AskId;
use super::file_work::FileWork;
use super::output::{Outputs, PeerOutput};
use super::roster::Roster;
use super::sites::{PeerSites, dialled_port, speaks_for_network};
use crate::accounts::{AccountHost, Payer};
use crate::address::RouteTarget;
use crate::control::{Notice, Reply, RouteRow};
use crate::dht::{DhtEvent, SitePort};
use crate::error::Failure;
use crate::identity::{Contact, PeerId};
use crate::lan::{self, LinkChange, LinkDatagram};
use crate::port_mapping::MappingState;
use crate::routes::{
    FoundAddresses, LinkPeer, LinksCommand, LinksEvent, ResolveFor, Resolved, Route, RouteFault, RouteId,
    RouteOrigin, RouteOutput, RouteState, Routes, ToResolve, ToldAddress, ToldAddresses, found_address,
    found_target,
};
use crate::sender::SenderCommand;
use crate::settings::NetworkSettings;
use crate::time::Time;
use crate::transfer::link_queue::QueuedDatagram;

/// The routes, and the links that others made.
#[derive(Debug)]
pub(super) struct PeerRoutes {
    me: PeerId,
    machine: Routes,
    told: ToldAddresses,
    /// Where other networks of the group may be.
    found: FoundAddresses,
    /// The table that says so.
    pub(super) sites: PeerSites,
    /// Peers that made a link to us.
    served: BTreeMap<PeerId, LinkPeer>,
    /// Peers to which we made one.
    made: BTreeSet<PeerId>,
    /// Who waits for a route.
    asks: BTreeMap<RouteId, Vec<AskId>>,
    /// What becomes of the port that the router is asked for; `None`: it is asked for none.
    pub(super) port_mapping: Option<MappingState>,
}

impl PeerRoutes {
    /// Those of `--connect`, and those that are remembered.
    pub(super) fn new(
        me: PeerId,
        settings: &NetworkSettings,
        remembered: Vec<RouteTarget>,
        announced: AnnouncedFiles,
    ) -> Self {
        Self {
            me,
            machine: Routes::new(settings.connect.clone(), remembered),
            told: ToldAddresses::default(),
            found: FoundAddresses::default(),
            sites: PeerSites::new(settings, announced),
            served: BTreeMap::new(),
            made: BTreeSet::new(),
            asks: BTreeMap::new(),
            port_mapping: settings.map_port.then_some(MappingState::Asking),
        }
    }

    /// The user wants a route.
    ///
    /// # Errors
    /// Why there is none, or no other one.
    pub(super) fn connect(
        &mut self,
        now: Time,
        ask: AskId,
        target: &RouteTarget,
        out: &mut Outputs,
    ) -> Result<(), Failure> {
        let id = self.machine.handle_connect(target.clone()).map_err(|fault| failure(target, fault))?;
        self.asks.entry(id).or_default().push(ask);
        self.drain(now, out);
        Ok(())
    }

    /// The user wants a route no more; `None`: none of them. False: there was none.
    pub(super) fn disconnect(&mut self, now: Time, target: Option<&RouteTarget>, out: &mut Outputs) -> bool {
        let was_there = self.machine.handle_disconnect(target);
        let gone: Vec<_> = self.asks.keys().copied().filter(|id| self.machine.get(*id).is_none()).collect();
        for ask in gone.into_iter().filter_map(|id| self.asks.remove(&id)).flatten() {
            out.reply(ask, Reply::Failed(Failure::other("disconnected")));
        }
        self.drain(now, out);
        was_there
    }

    /// A name was looked up.
    pub(super) fn on_resolved(&mut self, now: Time, resolved: Resolved, out: &mut Outputs) {
        match resolved.purpose {
            ResolveFor::Route(route) => self.machine.handle_resolved(now, route, resolved.found),
            ResolveFor::Node(place) => self.sites.on_resolved(place, resolved.found, out),
        }
        self.drain(now, out);
    }

    /// The table between sites reports.
    pub(super) fn on_table(&mut self, now: Time, event: DhtEvent, out: &mut Outputs) {
        let is_own = self.sites.is_own();
        match event {
            DhtEvent::Candidate(address) => self.found.handle_found(now, address, is_own),
            DhtEvent::Holder(_, address) => self.found.handle_sought(now, address, is_own),
            DhtEvent::Known(file, is_known) => self.sites.announced.set_known(file, is_known),
            DhtEvent::State(state) => self.sites.on_state(state),
        }
        self.dial_found(now, out);
    }

    /// This machine is elsewhere, or slept.
    pub(super) fn network_changed(&mut self, now: Time, out: &mut Outputs) {
        self.sites.network_changed(now, out);
    }

    /// Those in this network changed, or where others dial this peer, whose sender is at that port: so may who speaks
    /// for the network.
    pub(super) fn speak(&mut self, sender: u16, roster: &Roster, out: &mut Outputs) {
        if self.sites.is_on() {
            let is_linked = |id| self.made.contains(&id) || self.served.contains_key(&id);
            let speaks = speaks_for_network(self.me, roster, is_linked);
            let outside = dialled_port(sender, self.port_mapping);
            self.sites.speak(SitePort { outside, inside: sender, speaks }, out);
        }
    }

    /// The links report.
    pub(super) fn on_links(&mut self, now: Time, event: LinksEvent, out: &mut Outputs) {
        match event {
            LinksEvent::Up(id, link) => {
                self.machine.handle_up(now, id, link, self.me);
                if self.served.contains_key(&link.peer) {
                    self.machine.handle_served(link.peer, self.me);
                }
            }
            LinksEvent::Down(id, fault) => self.machine.handle_failed(now, id, fault),
            LinksEvent::Relayed(from, datagrams) => {
                out.discovery(lan::Command::Relayed(from, datagrams));
            }
            LinksEvent::Proved(peer, host) => {
                self.told.handle_over(peer);
                out.discovery(lan::Command::Proved(peer, host));
            }
            LinksEvent::NotThere(address) => self.told.handle_failed(now, address),
        }
        self.drain(now, out);
        self.dial_told(now, out);
    }

    /// A peer made a link to us.
    pub(super) fn on_linked(&mut self, now: Time, link: LinkPeer, out: &mut Outputs) {
        if link.peer == self.me {
            // A route led here; it ends as soon as it is noticed.
            return;
        }
        self.served.insert(link.peer, link);
        out.discovery(lan::Command::Link(link.peer, LinkChange::Up(link.host)));
        out.discovery(lan::Command::Proved(link.peer, link.host));
        self.machine.handle_served(link.peer, self.me);
        self.drain(now, out);
    }

    /// The link that a peer made to us is over.
    pub(super) fn on_unlinked(&mut self, peer: PeerId, out: &mut Outputs) {
        let was_there = self.served.remove(&peer).is_some();
        if was_there && !self.made.contains(&peer) {
            out.discovery(lan::Command::Link(peer, LinkChange::Lost));
            self.lost(out);
        }
    }

    /// To be passed on over a link.
    pub(super) fn relay(&self, relay: LinkDatagram, out: &mut Outputs) {
        let LinkDatagram { to, payer, is_presence, datagram } = relay;
        debug_assert!(to != payer.peer, "nobody is told what it said itself");
        let queued = QueuedDatagram { payer, is_presence, datagram };
        if self.made.contains(&to) {
            out.push(PeerOutput::Links(LinksCommand::Relay(to, queued)));
        } else if self.served.contains_key(&to) {
            out.sender(SenderCommand::Relay(to, queued));
        }
    }

    /// A gateway tells where a peer is that is to be dialled there.
    pub(super) fn told(
        &mut self,
        now: Time,
        gateway: PeerId,
        contact: &Contact,
        roster: &Roster,
        out: &mut Outputs,
    ) {
        let host = roster.account_host(gateway).unwrap_or(AccountHost::Unproved);
        self.told.handle_told(now, Payer { host, peer: gateway }, contact);
        self.dial_told(now, out);
    }

    /// A peer is gone.
    pub(super) fn gone(&mut self, peer: PeerId) {
        self.told.handle_over(peer);
    }

    /// When [`Self::handle_timeout`] is due.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        let all = [
            self.machine.poll_timeout(),
            self.told.poll_timeout(),
            self.found.poll_timeout(),
            self.sites.poll_timeout(),
        ];
        all.into_iter().flatten().min()
    }

    /// Does what is due.
    pub(super) fn handle_timeout(&mut self, now: Time, out: &mut Outputs) {
        self.machine.handle_timeout(now);
        self.drain(now, out);
        self.dial_told(now, out);
        for address in self.sites.handle_timeout(now, out) {
            self.found.handle_found(now, address, self.sites.is_own());
        }
        self.dial_found(now, out);
    }

    /// What was typed for each of them.
    pub(super) fn targets(&self) -> impl Iterator<Item = String> {
        self.machine.iter().map(|route| route.target.to_string())
    }

    /// What is told of them all; the links of others come last.
    pub(super) fn rows(&self, now: Time, roster: &Roster) -> Vec<RouteRow> {
        let own = self.machine.iter().map(|route| row(now, route, roster));
        let served = self
            .served
            .values()
            .map(|link| RouteRow { state: "served".to_owned(), ..up_row(String::new(), *link, roster) });
        own.chain(served).collect()
    }

    fn dial_told(&mut self, now: Time, out: &mut Outputs) {
        while let Some((address, sender)) = self.told.next_dial(now) {
            let ToldAddress { peer, host } = address;
            out.push(PeerOutput::Links(LinksCommand::Try(address, peer_at(peer, host, sender))));
        }
    }

    /// A link to another network was lost.
    fn lost(&mut self, out: &mut Outputs) {
        self.found.handle_lost();
        self.sites.lost(out);
    }

    fn dial_found(&mut self, now: Time, out: &mut Outputs) {
        while let Some(address) = self.found.next_dial(now) {
            self.machine.handle_found(found_target(address));
        }
        self.drain(now, out);
    }

    fn drain(&mut self, now: Time, out: &mut Outputs) {
        while let Some(output) = self.machine.poll_output() {
            match output {
                RouteOutput::Resolve(route, target) => {
                    let purpose = ResolveFor::Route(route);
                    out.push(PeerOutput::Resolve(ToResolve { purpose, target }));
                }
                RouteOutput::Dial(id, hosts, port) => {
                    out.push(PeerOutput::Links(LinksCommand::Dial(id, hosts, port)));
                }
                RouteOutput::Close(id) => out.push(PeerOutput::Links(LinksCommand::Close(id))),
                RouteOutput::Up(id, link) => self.up(id, link, out),
                RouteOutput::Down(peer, is_wanted) => self.down(peer, is_wanted, out),
                RouteOutput::Failed(id, target, fault) => {
                    use RouteFault::{AlreadyConnected, Unwanted, Yourself};
                    let is_vain = matches!(fault, Yourself | AlreadyConnected | Unwanted);
                    if let Some(address) = found_address(&target).filter(|_| is_vain) {
                        self.found.handle_vain(now, address);
                    }
                    self.failed(id, &target, fault, out);
                }
                RouteOutput::Remember(targets) => out.files(FileWork::Routes(targets)),
            }
        }
    }

    fn up(&mut self, id: RouteId, link: LinkPeer, out: &mut Outputs) {
        self.made.insert(link.peer);
        out.discovery(lan::Command::Link(link.peer, LinkChange::Up(link.host)));
        out.discovery(lan::Command::Proved(link.peer, link.host));
        let Some(route) = self.machine.get(id) else { return };
        let target = route.target.to_string();
        for ask in self.asks.remove(&id).unwrap_or_default() {
            out.reply(ask, Reply::Route(up_row(target.clone(), link, &Roster::default())));
            out.reply(ask, Reply::Done);
        }
    }

    fn down(&mut self, peer: PeerId, is_wanted: bool, out: &mut Outputs) {
        self.made.remove(&peer);
        if !self.served.contains_key(&peer) {
            let change = if is_wanted { LinkChange::Closed } else { LinkChange::Lost };
            out.discovery(lan::Command::Link(peer, change));
            if !is_wanted {
                self.lost(out);
            }
        }
    }

    fn failed(&mut self, id: RouteId, target: &RouteTarget, fault: RouteFault, out: &mut Outputs) {
        // Who waits for a route that is tried again is told all the same.
        for ask in self.asks.remove(&id).unwrap_or_default() {
            out.reply(ask, Reply::Failed(failure(target, fault)));
        }
        let text = format!("{target}: {fault}");
        out.debug(format!("a route: {text}"));
        if fault == RouteFault::Lost {
            out.notice(Notice::Text(text));
        }
    }
}

/// A peer that may be at this address, of which only the sender port matters.
fn peer_at(id: PeerId, host: crate::address::Host, sender: u16) -> Contact {
    let ports = crate::address::Ports { receiver: 0, sender, distributor: 0, distributee: 0 };
    Contact { id, hosts: vec![host], ports }
}

fn failure(target: &RouteTarget, fault: RouteFault) -> Failure {
    Failure::new(fault.code(), format!("{target}: {fault}"))
}

fn row(now: Time, route: &Route, roster: &Roster) -> RouteRow {
    let target = route.target.to_string();
    let row = match route.state {
        RouteState::Up(link, since) => {
            RouteRow { seconds: now.since(since).as_secs(), ..up_row(target, link, roster) }
        }
        RouteState::Resolving | RouteState::Dialling => {
            RouteRow { target, state: "connecting".to_owned(), ..RouteRow::default() }
        }
        RouteState::Waiting(at) => {
            let seconds = at.since(now).as_secs();
            RouteRow { target, state: "waiting".to_owned(), seconds, ..RouteRow::default() }
        }
    };
    let fault = route.fault.map(|fault| fault.to_string());
    let is_setting = route.origin == RouteOrigin::Setting;
    RouteRow { fault, is_setting, is_found: route.origin == RouteOrigin::Found, ..row }
}

fn up_row(target: String, link: LinkPeer, roster: &Roster) -> RouteRow {
    let is_behind = |told: &lan::ToldPeer| told.through == link.peer;
    let behind = roster.iter().filter(|(_, m)| m.info.told.as_ref().is_some_and(is_behind));
    RouteRow {
        target,
        state: "up".to_owned(),
        peer: Some(link.peer.full()),
        name: roster.contact(link.peer).map(|_| roster.name(link.peer)),
        address: Some(link.host.to_string()),
        peers: behind.count() as u64,
        ..RouteRow::default()
    }
}
