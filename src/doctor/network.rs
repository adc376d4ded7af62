//! The interfaces, and whether anyone is heard by them. Pure.

use super::commands::Openings;
use super::facts::{DoctorFacts, LinkFacts, PeerFacts};
use super::judging::{fine, note, problem};
use super::limits::FIRST_ANSWERS;
use crate::address::Host;
use crate::control::{Diagnosis, DoctorFinding, FirewallState, InterfaceFinding};
use crate::lan::{InterfaceAddress, InterfaceTraffic, UsedInterface};

/// What is to be said of them.
pub(super) fn findings(facts: &DoctorFacts, openings: &Openings) -> Vec<DoctorFinding> {
    let links: Vec<&LinkFacts> = facts.machine.links.iter().filter(|link| !link.is_loopback).collect();
    let works = |link: &&LinkFacts| link.is_up && link.is_connected && !link.addresses.is_empty();
    let has_network = links.iter().any(works);
    let mut findings: Vec<DoctorFinding> =
        links.iter().map(|link| interface(facts, link, has_network)).collect();
    if !has_network {
        findings.push(problem(Diagnosis::NoNetwork));
    } else if let Some(peer) = &facts.peer {
        findings.extend(hearing(facts, peer, openings));
    }
    findings.push(firewalls(facts, openings));
    findings
}

fn interface(facts: &DoctorFacts, link: &LinkFacts, has_network: bool) -> DoctorFinding {
    let lan = facts.peer.as_ref().map(|peer| &peer.lan);
    let used = lan.and_then(|lan| lan.interfaces.iter().find(|one| one.index == link.index));
    let InterfaceTraffic { sent, unsent, error, heard } =
        used.map(|one| one.traffic.clone()).unwrap_or_default();
    let peers = facts.peer.iter().flat_map(|peer| &peer.members);
    let peers = used.map_or(0, |one| peers.filter(|host| is_by(one, **host)).count() as u64);
    let fails = error.is_some();
    let is_bare = link.is_connected && link.addresses.is_empty();
    let found = Diagnosis::Interface(InterfaceFinding {
        name: link.name.clone(),
        addresses: link.addresses.iter().map(|address| shown(*address, link)).collect(),
        up: link.is_up,
        connected: link.is_connected,
        used: used.is_some(),
        sent,
        unsent,
        error,
        heard,
        peers,
    });
    match (link.is_up && link.is_connected, fails) {
        (true, true) => problem(found),
        // A machine has many interfaces that nobody uses: with one that works they are no matter.
        (false, _) if !has_network => note(found),
        (true, false) if is_bare && !has_network => note(found),
        _ => fine(found),
    }
}

/// True if a peer at this address is on a network of the interface.
fn is_by(one: &UsedInterface, host: Host) -> bool {
    if host.scope != 0 {
        return host.scope == one.index;
    }
    one.addresses.iter().any(|address| address.contains(host.ip))
}

fn shown(address: InterfaceAddress, link: &LinkFacts) -> String {
    let InterfaceAddress { ip, prefix } = address;
    match ip {
        core::net::IpAddr::V6(v6) if v6.is_unicast_link_local() => format!("{ip}%{}/{prefix}", link.name),
        _ => format!("{ip}/{prefix}"),
    }
}

/// Whether anyone is heard at all.
fn hearing(facts: &DoctorFacts, peer: &PeerFacts, openings: &Openings) -> Option<DoctorFinding> {
    let firewall = facts.machine.has_firewall();
    let elsewhere = peer.members.iter().filter(|host| !facts.machine.is_here(**host)).count() as u64;
    let sum = |of: fn(&InterfaceTraffic) -> u64| peer.lan.interfaces.iter().map(|one| of(&one.traffic)).sum();
    let (sent, heard): (u64, u64) = (sum(|traffic| traffic.sent), sum(|traffic| traffic.heard));
    // Where another group is heard, no firewall is in the way.
    let hears = heard > 0 || peer.lan.outsiders > 0;
    if elsewhere == 0 && !hears && peer.running >= FIRST_ANSWERS {
        let seconds = peer.running.as_secs();
        let what = Diagnosis::NobodyHeard { sent, seconds, firewall };
        let found = if firewall { problem(what) } else { note(what) };
        return Some(found.with(openings.lines()));
    }
    if elsewhere > 0 && peer.lan.is_deaf {
        let what = Diagnosis::Deaf { peers: elsewhere, seconds: peer.lan.deaf.as_secs() };
        return Some(note(what).with(openings.lines()));
    }
    None
}

/// Which programs there are. What they let in is not known: whether that matters is said by other findings.
fn firewalls(facts: &DoctorFacts, openings: &Openings) -> DoctorFinding {
    let state = |state: Option<FirewallState>| state.unwrap_or(FirewallState::Unknown);
    let (ufw, firewalld) = (state(facts.machine.ufw), state(facts.machine.firewalld));
    let found = Diagnosis::Firewalls { ufw, firewalld };
    match facts.machine.has_firewall() {
        true if facts.peer.is_none() => note(found).with(openings.lines()),
        _ => fine(found),
    }
}
