//! How far each job is, and why one does not move. Pure; part of swarm/mod.rs.

use std::collections::BTreeSet;

use super::download::{DownloadPhase, Downloads, FileDownload};
use super::job::RunningJob;
use super::jobs::Jobs;
use super::sources::{SourceLink, Sources};
use super::{Output, Outputs};
use crate::identity::PeerId;
use crate::swarm::{JobEvent, Progress, SourceRate};

/// Why nothing moves although connections stand: packets above some size are lost on the way, or somebody hangs.
const STALLED: &str = "connected, but what is asked for does not come through: trying again";

impl Jobs {
    /// Tells how far those jobs are that have moved.
    pub(super) fn report(&mut self, sources: &Sources, outputs: &mut Outputs) {
        for job in self.running.values_mut() {
            let progress = progress(job, &self.downloads, sources);
            if job.reported.as_ref() != Some(&progress) {
                job.reported = Some(progress.clone());
                outputs.push_back(Output::Event(JobEvent::Progress(progress)));
            }
        }
    }
}

fn progress(job: &RunningJob, downloads: &Downloads, peers: &Sources) -> Progress {
    let mine = || downloads.values().filter(|d| d.job == job.id);
    let sources: BTreeSet<_> = mine().flat_map(FileDownload::givers).collect();
    let stalls = |peer: &PeerId| peers.get(*peer).is_some_and(|source| source.stalls > 0);
    let waiting = match sources.iter().all(stalls) {
        _ if sources.is_empty() => waiting(job, downloads, peers),
        true => Some(STALLED),
        false => None,
    };
    Progress {
        job: job.id,
        done: job.arrived_bytes + mine().map(|d| d.done).sum::<u64>(),
        size: job.size,
        files_done: job.arrived,
        files: job.files,
        fetched: job.fetched,
        rates: sources.iter().filter_map(|peer| rate(peers, *peer)).collect(),
        sources: sources.into_iter().collect(),
        waiting: waiting.map(str::to_owned),
    }
}

/// How fast a source gives, once that is known.
fn rate(sources: &Sources, peer: PeerId) -> Option<SourceRate> {
    let rate = sources.get(peer)?.pacing.rate()?;
    Some(SourceRate { peer, rate })
}

/// Why nothing of a job without sources moves.
fn waiting(job: &RunningJob, downloads: &Downloads, sources: &Sources) -> Option<&'static str> {
    let mine = || downloads.values().filter(|d| d.job == job.id);
    if mine().all(|d| !d.waits()) {
        let writing =
            job.queue.is_empty() && job.begun > 0 && mine().all(|d| d.phase == DownloadPhase::Publishing);
        return writing.then_some("writing");
    }
    let holders = || mine().filter(|d| d.waits()).flat_map(|d| d.candidates().filter(|p| d.may_give(*p)));
    let usable = || holders().filter_map(|p| sources.get(p)).filter(|s| s.is_usable());
    if holders().filter_map(|p| sources.get(p)).any(|s| s.blocked) {
        return Some("firewalls keep this peer and a holder from connecting to each other: trying again");
    }
    if holders().filter_map(|p| sources.get(p)).any(|s| s.stalls > 0) {
        return Some(STALLED);
    }
    if usable().any(|s| s.link == SourceLink::Up) {
        Some("its holders are busy: trying again")
    } else if usable().any(|s| s.failures == 0) {
        // It is being dialled for the first time.
        None
    } else if usable().next().is_some() {
        Some("no holder answers: trying again")
    } else if mine().any(|d| d.waits() && d.is_changed()) {
        Some("it changed at its owner meanwhile: waiting for somebody who has it as it was")
    } else {
        Some("no holder is here: waiting")
    }
}
