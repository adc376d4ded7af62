//! `status`: this peer, what it does and did; answered once the shell told what it knows. Pure.

use core::num::NonZeroU64;

use super::{Answer, Command, Needs};
use crate::content::FileId;
use crate::control::{
    NetworkStatus, OutsideStatus, PortMappingRow, QueueState, QueuedCounts, Reply, RestingDownloads,
    SpeedLimits, Status, StatusRequest, Unfinished,
};
use crate::dht::DhtState;
use crate::disk::Leftover;
use crate::error::Failure;
use crate::lan::IndexDuty;
use crate::peer::event::AskId;
use crate::peer::file_work::LocalFacts;
use crate::peer::machine::PeerMachine;
use crate::peer::offices::numbers;
use crate::peer::output::PeerOutput;
use crate::port_mapping::{MappingProtocol, MappingState};
use crate::time::Time;

impl Command for StatusRequest {
    fn needs(&self) -> Needs {
        Needs::Own
    }

    fn answer(self: Box<Self>, _: Time, ask: AskId, peer: &mut PeerMachine) -> Result<Answer, Failure> {
        peer.out.push(PeerOutput::Facts(ask));
        Ok(Answer::Later)
    }
}

/// What `status` shows.
pub(super) fn status(now: Time, facts: LocalFacts, peer: &PeerMachine) -> Status {
    let (own, settings, roster) = (&peer.own, &peer.own.settings, &peer.presence.roster);
    let ports = own.presence.ports;
    let unanswered = peer.unanswered.rows(now, settings.on.discovery_port, &peer.interface_names);
    let is_fetched = |file| peer.downloads.brings(file) || peer.downloads.queue.is_resting_with(file);
    Status {
        name: own.presence.name.to_string(),
        id: own.id().full(),
        directory: settings.directory.clone(),
        ports: [ports.receiver, ports.sender, ports.distributor, ports.distributee],
        discovery_port: settings.on.discovery_port,
        uptime: now.since(own.started).as_secs(),
        on: network(peer),
        sharing: peer.shared.sharing(),
        shares: peer.shared.share_rows(&settings.shared()),
        downloads: peer.downloads.rows(now, roster),
        resting: RestingDownloads {
            queued: queued(now, peer),
            unfinished: unfinished(facts.unfinished, is_fetched),
        },
        uploads: peer.transfers.uploads.rows(now, roster),
        counters: facts.counters,
        gives: settings.swarm.then(|| peer.swarms.len() as u64),
        confinement: facts.confinement,
        limits: SpeedLimits {
            up_limit: settings.speed.up_limit.map(NonZeroU64::get),
            down_limit: settings.speed.down_limit.map(NonZeroU64::get),
        },
        outside: OutsideStatus {
            port_mapping: peer.routes.port_mapping.map(port_mapping),
            table: peer.routes.sites.state().map(|state| table(state).to_owned()),
            routes: peer.routes.rows(now, roster),
        },
        custody: Some(peer.custody.row(own, &peer.shared, &peer.jobs, roster)),
        key_exported: facts.key_exported,
        warnings: peer.warnings.rows().into_iter().chain(unanswered).collect(),
    }
}

/// The network that it is on, and its part in it.
fn network(peer: &PeerMachine) -> NetworkStatus {
    let (own, presence) = (&peer.own, &peer.presence);
    let index = match own.presence.duty {
        IndexDuty::InTurn => None,
        IndexDuty::First => Some("first".to_owned()),
        IndexDuty::Never => Some("never".to_owned()),
    };
    let order = numbers(own.arrival(), &presence.roster).get(&own.id()).copied();
    NetworkStatus {
        network: if own.group.is_some() { "group" } else { "open" }.to_owned(),
        group: own.group.as_ref().map(ToString::to_string),
        order: order.filter(|_| own.ticket > 0),
        office: presence.offices.of(own.id()),
        index,
        peers: presence.roster.len() as u64,
    }
}

/// What became of the port that the router is asked for.
pub(super) fn port_mapping(state: MappingState) -> PortMappingRow {
    let (state, outside, protocol, result) = match state {
        MappingState::Asking => ("asking", None, None, None),
        MappingState::Mapped(outside, protocol) => ("mapped", Some(outside), Some(protocol), None),
        MappingState::NoGateway => ("no_gateway", None, None, None),
        MappingState::NoAnswer => ("no_answer", None, None, None),
        MappingState::Refused(protocol, result) => ("refused", None, Some(protocol), Some(result)),
    };
    let protocol = protocol.map(|protocol| match protocol {
        MappingProtocol::Pcp => "PCP".to_owned(),
        MappingProtocol::NatPmp => "NAT-PMP".to_owned(),
    });
    let outside = outside.map(|outside| outside.to_string());
    PortMappingRow { state: state.to_owned(), outside, protocol, result }
}

/// Where the table between sites stands.
const fn table(state: DhtState) -> &'static str {
    match state {
        DhtState::Resolving => "resolving",
        DhtState::Joining => "joining",
        DhtState::Announced => "announced",
        DhtState::StandingBy => "standing_by",
        DhtState::Ended => "ended",
    }
}

/// How many downloads of the queue do not run.
fn queued(now: Time, peer: &PeerMachine) -> QueuedCounts {
    let mut counts = QueuedCounts::default();
    for (id, _) in peer.downloads.queue.in_order() {
        match peer.downloads.queue.state(now, id) {
            Some(QueueState::Queued) => counts.queued += 1,
            Some(QueueState::Waiting) if peer.downloads.get(id).is_none() => counts.waiting += 1,
            Some(QueueState::Paused) => counts.paused += 1,
            Some(QueueState::Failed) => counts.failed += 1,
            _ => {}
        }
    }
    counts
}

/// What lies in `downloads/` from before and is not being fetched.
fn unfinished(left: Vec<Leftover>, is_fetched: impl Fn(FileId) -> bool) -> Vec<Unfinished> {
    let unfinished = left.into_iter().filter(|l| l.size.is_some() && !is_fetched(l.id));
    let row = |l: Leftover| {
        let (path, asked) = l.asked.map_or_else(Default::default, |(to, asked)| (to.to_string(), asked));
        Unfinished { id: l.id.to_string(), path, asked, held: l.have, size: l.size }
    };
    unfinished.map(row).collect()
}

/// The answer to `status`.
pub(super) fn answer(now: Time, ask: AskId, facts: LocalFacts, peer: &mut PeerMachine) {
    let status = status(now, facts, peer);
    peer.out.reply(ask, Reply::Status(Box::new(status)));
    peer.out.reply(ask, Reply::Done);
}
