//! What time brings: stalled sources, and files that nobody gives. Pure; part of swarm/mod.rs.

use super::download::{DownloadPhase, FileDownload, NotGiven};
use super::jobs::Jobs;
use super::sources::{Source, SourceLink, Sources};
use super::{LOOK, Output, Outputs, Swarm, TICK};
use crate::content::{Claim, SafePath};
use crate::disk::{self, FileToken};
use crate::error::{Code, Failure};
use crate::identity::PeerId;
use crate::swarm::limits;
use crate::time::Time;

impl Swarm {
    /// Looks for stalled sources and for files that nobody gives, and reports.
    pub(crate) fn handle_timeout(&mut self, now: Time) {
        if self.stopping {
            return;
        }
        if self.sources.look <= now {
            self.sources.look = now + LOOK;
            for peer in self.sources.watch_lanes(now, &mut self.outputs) {
                self.fill(now, peer);
            }
        }
        if self.tick > now {
            return;
        }
        self.tick = now + TICK;
        self.sources.expect_no_answer(now);
        for peer in self.sources.stalled(now) {
            if let Some(source) = self.sources.get_mut(peer) {
                source.stalls = source.stalls.saturating_add(1);
            }
            self.drop_source(now, peer, "it owes blocks and sends nothing");
        }
        self.ignore_mute(now);
        self.fail_stuck(now);
        self.jobs.downloads.values_mut().for_each(|download| download.ask_again(now));
        self.planner.background.refill();
        self.planner.turns.retain(|job| self.jobs.running.contains_key(&job));
        self.schedule(now);
        self.jobs.report(&self.sources, &mut self.outputs);
        if self.jobs.running.is_empty() {
            self.sources.by_peer.retain(|_, s| s.link != SourceLink::Down || s.known);
        }
    }

    /// Who does not even say what it has for as long as a file waits for a holder is none of it.
    fn ignore_mute(&mut self, now: Time) {
        let then =
            Time(now.0.saturating_sub(u64::try_from(limits::NO_HOLDER.as_nanos()).unwrap_or(u64::MAX)));
        let mute =
            |d: &FileDownload| d.mute_since(then).into_iter().map(|peer| (d.token, peer)).collect::<Vec<_>>();
        for (token, peer) in self.jobs.downloads.values().flat_map(mute).collect::<Vec<_>>() {
            let (downloads, outputs) = (&mut self.jobs.downloads, &mut self.outputs);
            self.sources.take_back(peer, |item| item.token == token, Some(token), downloads, outputs);
            if let Some(download) = self.jobs.downloads.get_mut(&token) {
                download.ignore(peer);
            }
        }
    }

    /// Gives up files that nobody could give for [`limits::NO_HOLDER`], or if they were begun for
    /// [`limits::NO_HOLDER_BEGUN`]. Whoever has another content in the place of one does not come back with it: that
    /// one is not waited for longer.
    fn fail_stuck(&mut self, now: Time) {
        let stuck: Vec<_> = self
            .jobs
            .downloads
            .values()
            .filter(|d| d.phase == DownloadPhase::Fetching)
            .filter(|d| {
                // Of those that have some, only who has something that is missing is of use.
                let holders = d.candidates().filter(|p| d.may_give(*p));
                let is_awaited = d.is_begun() && !d.is_changed();
                let timeout = if is_awaited { limits::NO_HOLDER_BEGUN } else { limits::NO_HOLDER };
                self.sources
                    .stuck_since(d.since.max(d.moved), holders, |p| d.refusals.busy_since(p))
                    .is_some_and(|since| now.since(since) >= timeout)
            })
            .map(|d| (d.token, why_stuck(d, &self.sources)))
            .collect();
        let any = !stuck.is_empty();
        for (token, failure) in stuck {
            self.fail_download(token, &failure);
        }
        if any {
            self.jobs.fail_queued(now, &self.sources, &mut self.outputs);
        }
        self.finish_what_is_over();
    }

    /// `peer` shares something else in the place of this content. Files that nobody else can give fail at once.
    pub(crate) fn handle_changed(&mut self, now: Time, claim: Claim, peer: PeerId) {
        let wanted = self.jobs.downloads.values_mut().filter(|d| d.claim() == claim);
        let mut lost = Vec::new();
        for download in wanted {
            download.refused(now, peer, NotGiven::Changed);
            let mut others = download.candidates().filter(|p| download.may_give(*p));
            if !others.any(|p| self.sources.get(p).is_some_and(Source::is_usable)) {
                lost.push(download.token);
            }
        }
        for token in lost {
            self.fail_download(token, &changed());
        }
        self.jobs.fail_changed(claim, peer, &mut self.outputs);
        self.finish_what_is_over();
        self.schedule(now);
    }

    /// A file that is being fetched, and those that were to be copied from it, will not come.
    fn fail_download(&mut self, token: FileToken, failure: &Failure) {
        self.outputs.push_back(Output::Disk(disk::Command::Close(token)));
        let Some(download) = self.forget(token) else { return };
        let twins = self.jobs.running.get_mut(&download.job).map(|job| job.give_up(download.claim()));
        let twins = twins.into_iter().flatten().map(|wanted| wanted.to);
        for to in std::iter::once(download.to).chain(twins) {
            self.jobs.fail(download.job, to, failure.clone(), &mut self.outputs);
        }
    }

    fn finish_what_is_over(&mut self) {
        let ids: Vec<_> = self.jobs.running.keys().copied().collect();
        ids.into_iter().for_each(|id| self.jobs.finish_if_over(id, &self.sources, &mut self.outputs));
    }
}

impl Jobs {
    /// Of files not begun yet, those that nobody can give for as long are given up too.
    fn fail_queued(&mut self, now: Time, sources: &Sources, outputs: &mut Outputs) {
        let mut failed = Vec::new();
        for job in self.running.values_mut() {
            let stuck = job.queue.take(|wanted| {
                let holders = wanted.holders.iter().chain(&wanted.some).copied();
                let since = sources.stuck_since(Time::ZERO, holders, |_| None);
                since.is_some_and(|t| now.since(t) >= limits::NO_HOLDER)
            });
            for wanted in stuck {
                let twins = job.give_up(wanted.claim()).into_iter().map(|w| w.to);
                failed.extend(std::iter::once(wanted.to).chain(twins).map(|to| (job.id, to)));
            }
        }
        for (id, to) in failed {
            self.fail(id, to, no_holder(), outputs);
        }
    }

    /// Of files not begun yet, `peer` has another content in the place of this one: those that nobody else has are
    /// given up.
    fn fail_changed(&mut self, claim: Claim, peer: PeerId, outputs: &mut Outputs) {
        let mut failed = Vec::new();
        for job in self.running.values_mut() {
            job.queue.each_of(claim, |wanted| wanted.holders.retain(|holder| *holder != peer));
            let lost = job.queue.take_of(claim, |wanted| wanted.holders.is_empty() && wanted.some.is_empty());
            let mut lost: Vec<SafePath> = lost.into_iter().map(|wanted| wanted.to).collect();
            if !lost.is_empty() {
                lost.extend(job.give_up(claim).into_iter().map(|wanted| wanted.to));
            }
            failed.extend(lost.into_iter().map(|to| (job.id, to)));
        }
        for (id, to) in failed {
            self.fail(id, to, changed(), outputs);
        }
    }
}

/// Why nobody gives a file.
fn why_stuck(download: &FileDownload, sources: &Sources) -> Failure {
    let stalls = |peer: PeerId| sources.get(peer).is_some_and(|source| source.stalls > 0);
    let why = match download.why_not_given() {
        Some(NotGiven::Changed) => return changed(),
        Some(NotGiven::Unknown) => "nobody who had it shares it any more; what arrived is kept",
        Some(NotGiven::Wrong) => "what those gave who have it was wrong; what arrived is kept",
        None if download.candidates().any(stalls) => {
            "connections to who has it stand, but what is asked for does not come through: packets above some size may \
             be lost on the way (a wrong MTU), or it hangs; what arrived is kept"
        }
        None => return no_holder(),
    };
    Failure::new(Code::NoHolder, why)
}

/// Why a file does not come that its owner changed.
const CHANGED: &str =
    "changed: its owner has something else there by now, and nobody has it as it was; try again";

fn changed() -> Failure {
    Failure::new(Code::NoHolder, CHANGED)
}

/// True if a file failed because its owner changed it: nobody is likely to come who has it as it was.
pub(crate) fn is_changed(failure: &Failure) -> bool {
    failure.message == CHANGED
}

fn no_holder() -> Failure {
    Failure::new(
        Code::NoHolder,
        "no peer that has it could be reached or gives it (with the right bytes); what arrived is kept",
    )
}
