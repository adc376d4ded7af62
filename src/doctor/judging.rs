//! Puts together what the judges find. Pure; `look.rs` is the shell.

use super::commands::Openings;
use super::facts::DoctorFacts;
use super::{index, machine, network, outside, reachability};
use crate::control::{Diagnosis, DoctorFinding, Reply, Severity};
use crate::error::Failure;

/// All findings, what matters least first.
pub(crate) fn findings(facts: &DoctorFacts) -> Vec<DoctorFinding> {
    let openings = Openings::of(facts);
    let mut findings = network::findings(facts, &openings);
    match &facts.peer {
        Some(peer) => {
            findings.extend(reachability::findings(&facts.machine, peer, &openings));
            findings.extend(outside::findings(peer));
            findings.extend(index::findings(peer));
        }
        None => findings.push(note(Diagnosis::NoPeer)),
    }
    findings.extend(machine::findings(facts));
    findings.sort_by_key(|finding| finding.severity);
    findings
}

/// The end of the answer: it failed if there is a problem.
pub(crate) fn verdict(findings: &[DoctorFinding]) -> Reply {
    let problems = findings.iter().filter(|finding| finding.severity == Severity::Problem).count();
    match problems {
        0 => Reply::Done,
        1 => Reply::Failed(Failure::other("1 problem was found")),
        _ => Reply::Failed(Failure::other(format!("{problems} problems were found"))),
    }
}

/// All is well with it.
pub(super) fn fine(what: Diagnosis) -> DoctorFinding {
    DoctorFinding { severity: Severity::Fine, what, commands: Vec::new() }
}

/// It is worth knowing.
pub(super) fn note(what: Diagnosis) -> DoctorFinding {
    DoctorFinding { severity: Severity::Note, what, commands: Vec::new() }
}

/// Something does not work because of it.
pub(super) fn problem(what: Diagnosis) -> DoctorFinding {
    DoctorFinding { severity: Severity::Problem, what, commands: Vec::new() }
}

impl DoctorFinding {
    /// This finding, with what helps.
    pub(super) fn with(self, commands: Vec<String>) -> Self {
        Self { commands, ..self }
    }
}
