//! Other groups on this wire, and the ways to other networks. Pure.

use super::facts::PeerFacts;
use super::judging::{fine, note, problem};
use crate::control::{Diagnosis, DoctorFinding, PortMappingFinding, PortMappingRow, RouteRow};

/// What is to be said of them.
pub(super) fn findings(peer: &PeerFacts) -> Vec<DoctorFinding> {
    let mut findings: Vec<DoctorFinding> = outsiders(peer).into_iter().collect();
    findings.extend(peer.routes.iter().map(route));
    findings.extend(peer.port_mapping.as_ref().map(|row| port_mapping(peer.ports.sender, row)));
    findings
}

/// Whoever sees nobody of its own network has most often mistyped the passphrase, or never joined the group.
fn outsiders(peer: &PeerFacts) -> Option<DoctorFinding> {
    let hosts = peer.lan.outsiders as u64;
    let what = Diagnosis::Outsiders { hosts, group: peer.group.clone(), peers: peer.members.len() as u64 };
    match (hosts, peer.members.is_empty(), peer.group.is_some()) {
        (0, ..) => None,
        (_, false, _) => Some(fine(what)),
        (_, true, true) => {
            let again = "potluck group leave && potluck group join".to_owned();
            Some(problem(what).with(vec!["potluck group show".to_owned(), again]))
        }
        (_, true, false) => Some(note(what).with(vec!["potluck group join".to_owned()])),
    }
}

fn route(row: &RouteRow) -> DoctorFinding {
    let found = Diagnosis::Route(Box::new(row.clone()));
    match (row.state.as_str(), &row.fault) {
        ("up" | "served", _) => fine(found),
        // The first attempt goes on.
        (_, None) => note(found),
        (_, Some(_)) => problem(found),
    }
}

fn port_mapping(port: u16, row: &PortMappingRow) -> DoctorFinding {
    let found = Diagnosis::PortMapping(PortMappingFinding { port, mapping: row.clone() });
    match row.state.as_str() {
        "mapped" => fine(found),
        "asking" => note(found),
        _ => problem(found),
    }
}
