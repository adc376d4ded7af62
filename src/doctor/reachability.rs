//! The ports of the peer, and who reaches whom. Pure.

use super::commands::{Openings, lines_there};
use super::facts::{MachineFacts, PeerFacts, SilentPeer};
use super::judging::{fine, note, problem};
use crate::address::Ports;
use crate::control::{Diagnosis, DoctorFinding, PortsFinding, UnansweredFinding};

/// What is to be said of them.
pub(super) fn findings(machine: &MachineFacts, peer: &PeerFacts, openings: &Openings) -> Vec<DoctorFinding> {
    let mut findings = vec![ports(peer)];
    // Who is on this machine passes no firewall.
    let callers = peer.callers.iter().filter(|caller| !machine.is_here(caller.host));
    let ages: Vec<u64> = callers.map(|caller| caller.ago.as_secs()).collect();
    if let Some(seconds) = ages.iter().min() {
        findings.push(fine(Diagnosis::Reached { peers: ages.len() as u64, seconds: *seconds }));
    }
    let here = |what| note(what).with(openings.lines());
    findings.extend(peer.not_reachable.clone().map(Diagnosis::NotReachable).map(here));
    findings.extend(peer.cannot_reach.clone().map(|undialled| {
        note(Diagnosis::CannotReach(undialled.peers)).with(lines_there(peer.discovery_port, undialled.ports))
    }));
    let blocked = peer.blocked.clone().map(Diagnosis::Blocked);
    findings.extend(blocked.map(|what| problem(what).with(openings.lines())));
    findings.extend(peer.through.clone().map(Diagnosis::Through).map(here));
    findings.extend(peer.silent.iter().map(|silent| unanswered(machine, peer, silent)));
    findings
}

fn ports(peer: &PeerFacts) -> DoctorFinding {
    let found = Diagnosis::Ports(PortsFinding {
        tcp: numbers(peer.ports),
        wanted: peer.wanted,
        moved: peer.moved.clone(),
        udp: peer.discovery_port,
        own_udp: peer.lan.own_ports.clone(),
    });
    if peer.moved.is_some() { note(found) } else { fine(found) }
}

fn unanswered(machine: &MachineFacts, peer: &PeerFacts, silent: &SilentPeer) -> DoctorFinding {
    let found = Diagnosis::Unanswered(UnansweredFinding {
        name: silent.name.to_string(),
        id: silent.id.full(),
        address: machine.shown(silent.host),
        ports: numbers(silent.ports),
        seconds: silent.since.as_secs(),
    });
    problem(found).with(lines_there(peer.discovery_port, silent.ports))
}

const fn numbers(ports: Ports) -> [u16; 4] {
    [ports.receiver, ports.sender, ports.distributor, ports.distributee]
}
