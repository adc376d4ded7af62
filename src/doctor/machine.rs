//! What this machine has left of what a peer needs. Pure.

use super::facts::{DoctorFacts, MachineFacts, SpaceFacts};
use super::judging::{fine, note, problem};
use super::limits::{CLOCK_STEP, DESCRIPTORS, OLDEST_CLOCK, SPACE_NOTE, SPACE_PROBLEM, USED_PERCENT};
use crate::control::{ClockFinding, Diagnosis, DoctorFinding};

/// What is to be said of it.
pub(super) fn findings(facts: &DoctorFacts) -> Vec<DoctorFinding> {
    let machine = &facts.machine;
    let mut findings: Vec<DoctorFinding> = machine.spaces.iter().map(space).collect();
    findings.push(descriptors(machine));
    findings.extend(watches(machine));
    findings.extend(dropped(machine));
    findings.push(clock(machine));
    if let Some(peer) = &facts.peer {
        let sandbox = &peer.confinement;
        let what =
            Diagnosis::Sandbox { confined: sandbox.confined.clone(), why: sandbox.confined_why.clone() };
        findings.push(if sandbox.confined == "yes" { fine(what) } else { note(what) });
        let peers = peer.members.iter().filter(|host| machine.is_here(**host)).count() as u64;
        if peers > 0 || machine.sharers.is_some_and(|sockets| sockets > 0) {
            findings.push(fine(Diagnosis::SameMachine { peers, sockets: machine.sharers }));
        }
    }
    findings
}

fn space(facts: &SpaceFacts) -> DoctorFinding {
    let SpaceFacts { folder, available } = facts.clone();
    let what = Diagnosis::Space { folder, available };
    match available {
        Some(0..SPACE_PROBLEM) => problem(what),
        Some(SPACE_PROBLEM..SPACE_NOTE) | None => note(what),
        Some(_) => fine(what),
    }
}

fn descriptors(machine: &MachineFacts) -> DoctorFinding {
    let (used, allowed) = (machine.descriptors, machine.descriptors_allowed);
    let what = Diagnosis::Descriptors { used, allowed };
    let raise = vec![format!("ulimit -n {DESCRIPTORS}")];
    if used.is_some_and(|used| is_nearly(used, allowed)) {
        problem(what).with(raise)
    } else if used.is_some() && allowed < DESCRIPTORS {
        note(what).with(raise)
    } else {
        fine(what)
    }
}

fn watches(machine: &MachineFacts) -> Option<DoctorFinding> {
    let (used, allowed) = (machine.watches, machine.watches_allowed?);
    let what = Diagnosis::Watches { used, allowed };
    let raise = vec![format!("sudo sysctl fs.inotify.max_user_watches={}", allowed.saturating_mul(8))];
    let is_full = used.is_some_and(|used| is_nearly(used, allowed));
    Some(if is_full { problem(what).with(raise) } else { fine(what) })
}

fn dropped(machine: &MachineFacts) -> Option<DoctorFinding> {
    let count = machine.dropped.filter(|count| *count > 0)?;
    let raise = vec!["sudo sysctl net.core.rmem_max=1048576".to_owned()];
    Some(note(Diagnosis::DroppedDatagrams { count }).with(raise))
}

fn clock(machine: &MachineFacts) -> DoctorFinding {
    let was_set = machine.clock_jumped.unsigned_abs() > CLOCK_STEP;
    let jumped = if was_set { machine.clock_jumped } else { 0 };
    let too_early = machine.unix < OLDEST_CLOCK;
    let what = Diagnosis::Clock(ClockFinding { unix: machine.unix, jumped, too_early });
    if too_early {
        problem(what).with(vec!["sudo timedatectl set-ntp true".to_owned()])
    } else if was_set {
        note(what)
    } else {
        fine(what)
    }
}

const fn is_nearly(used: u64, allowed: u64) -> bool {
    used.saturating_mul(100) >= allowed.saturating_mul(USED_PERCENT)
}
