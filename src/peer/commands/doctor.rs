//! `doctor`: why peers do not find or reach each other; answered once `lan` and this machine told what they know.
//! Pure.

use std::collections::BTreeSet;

use super::status::port_mapping;
use super::{Answer, Command, Needs};
use crate::control::{DoctorRequest, IndexFinding, NamedPeers, Reply, ThroughFinding};
use crate::doctor::{self, DoctorFacts, PEERS_NAMED, PeerFacts, SilentPeer, UndialledPeers};
use crate::error::Failure;
use crate::identity::PeerId;
use crate::lan::{self, UnansweredPeer};
use crate::peer::event::AskId;
use crate::peer::file_work::DiagnosisFacts;
use crate::peer::machine::PeerMachine;
use crate::peer::reachability::Attempts;
use crate::peer::through::CarriedOwner;
use crate::peer::unanswered::Unanswered;
use crate::time::Time;

impl Command for DoctorRequest {
    fn needs(&self) -> Needs {
        Needs::Nothing
    }

    fn answer(self: Box<Self>, _: Time, ask: AskId, peer: &mut PeerMachine) -> Result<Answer, Failure> {
        peer.requests.diagnose(ask);
        peer.out.discovery(lan::Command::Facts);
        Ok(Answer::Later)
    }
}

/// The answer to `doctor`.
pub(super) fn answer(now: Time, ask: AskId, facts: DiagnosisFacts, peer: &mut PeerMachine) {
    let DiagnosisFacts { lan, confinement, machine } = facts;
    let own = &peer.own;
    let roster = &peer.presence.roster;
    // What cannot connect either way is told once.
    let one_way = |attempts: &Attempts, at: Option<Time>| at.filter(|_| attempts.blocked.is_none());
    let cannot_reach = peers_with(now, peer, |_, attempts| one_way(attempts, attempts.was_asked));
    let not_reachable = peers_with(now, peer, |_, attempts| one_way(attempts, attempts.asked_us));
    // What comes through others is told with them.
    let blocked =
        |id: PeerId, attempts: &Attempts| attempts.blocked.filter(|_| peer.through.carrier_of(id).is_none());
    let facts = PeerFacts {
        ports: own.presence.ports,
        wanted: own.settings.port,
        moved: own.moved.clone(),
        discovery_port: own.settings.on.discovery_port,
        running: now.since(own.started),
        lan,
        confinement,
        members: roster.iter().map(|(_, member)| member.host()).collect(),
        callers: peer.reachability.callers(now),
        not_reachable: not_reachable.map(|found| found.named),
        cannot_reach: cannot_reach.and_then(|found| {
            let ports = roster.contact(found.first)?.ports;
            Some(UndialledPeers { peers: found.named, ports })
        }),
        blocked: peers_with(now, peer, blocked).map(|found| found.named),
        through: through(peer),
        silent: peer.unanswered.heard(now).map(|one| silent(now, one)).collect(),
        index: index(peer),
        group: own.group.as_ref().map(ToString::to_string),
        routes: peer.routes.rows(now, roster),
        port_mapping: peer.routes.port_mapping.map(port_mapping),
    };
    let findings = doctor::findings(&DoctorFacts { machine, peer: Some(facts) });
    let verdict = doctor::verdict(&findings);
    for finding in findings {
        peer.out.reply(ask, Reply::Finding(finding));
    }
    peer.out.reply(ask, verdict);
}

/// Who keeps the index, as this peer sees it.
fn index(peer: &PeerMachine) -> IndexFinding {
    let (own, roster, offices) = (&peer.own, &peer.presence.roster, &peer.presence.offices);
    let name = |id: PeerId| if id == own.id() { own.presence.name.to_string() } else { roster.name(id) };
    let [supernode, deputy] = offices.holders().map(|holder| holder.map(name));
    IndexFinding { supernode, deputy, own: offices.of(own.id()), large: roster.is_large() }
}

fn silent(now: Time, one: &Unanswered) -> SilentPeer {
    let UnansweredPeer { id, name, host, ports } = one.peer.clone();
    SilentPeer { id, name, host, ports, since: now.since(one.since) }
}

/// Some peers that are here, and the first of them.
struct FoundPeers {
    named: NamedPeers,
    first: PeerId,
}

/// The peers with which something was lately so.
fn peers_with(
    now: Time,
    peer: &PeerMachine,
    when: impl Fn(PeerId, &Attempts) -> Option<Time>,
) -> Option<FoundPeers> {
    let found = peer.reachability.lately(now, when);
    let first = found.first()?.id;
    let seconds = found.iter().map(|learned| learned.ago.as_secs()).min().unwrap_or(0);
    let named = found.iter().take(PEERS_NAMED);
    let names = named.map(|learned| peer.presence.roster.name(learned.id)).collect();
    Some(FoundPeers { named: NamedPeers { names, count: found.len() as u64, seconds }, first })
}

/// The peers whose files come through others.
fn through(peer: &PeerMachine) -> Option<ThroughFinding> {
    let roster = &peer.presence.roster;
    let carried: Vec<CarriedOwner> = peer.through.carried().collect();
    let carriers: BTreeSet<PeerId> = carried.iter().map(|one| one.carrier).collect();
    let names = carried.iter().take(PEERS_NAMED).map(|one| roster.name(one.owner)).collect();
    let carriers = carriers.into_iter().take(PEERS_NAMED).map(|id| roster.name(id)).collect();
    (!carried.is_empty()).then_some(ThroughFinding { names, count: carried.len() as u64, carriers })
}
