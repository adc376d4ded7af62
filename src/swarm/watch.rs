//! What time brings: stalled sources, files that nobody gives, reports of how far it is. Pure; part of
//! swarm/mod.rs.

use std::collections::{BTreeSet, VecDeque};

use super::download::{DownloadPhase, FileDownload};
use super::job::RunningJob;
use super::sources::SourceLink;
use super::{LOOK, Output, Swarm, TICK};
use crate::disk;
use crate::error::{Code, Failure};
use crate::swarm::limits;
use crate::swarm::{JobEvent, Progress, Wanted};
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
        for peer in self.sources.stalled(now) {
            self.drop_source(now, peer, "it owes blocks and sends nothing");
        }
        self.ignore_mute(now);
        self.fail_stuck(now);
        self.downloads.values_mut().for_each(|download| download.ask_again(now));
        self.refill_credit();
        self.schedule(now);
        self.report();
        if self.jobs.is_empty() {
            self.sources.by_peer.retain(|_, s| s.link != SourceLink::Down || s.known);
        }
    }

    /// Who does not even say what it has for as long as a file waits for a holder is none of it.
    fn ignore_mute(&mut self, now: Time) {
        let then =
            Time(now.0.saturating_sub(u64::try_from(limits::NO_HOLDER.as_nanos()).unwrap_or(u64::MAX)));
        let mute =
            |d: &FileDownload| d.mute_since(then).into_iter().map(|peer| (d.token, peer)).collect::<Vec<_>>();
        for (token, peer) in self.downloads.values().flat_map(mute).collect::<Vec<_>>() {
            let (downloads, outputs) = (&mut self.downloads, &mut self.outputs);
            self.sources.take_back(peer, |item| item.token == token, Some(token), downloads, outputs);
            if let Some(download) = self.downloads.get_mut(&token) {
                download.ignore(peer);
            }
        }
    }

    /// Gives up files that nobody could give for [`limits::NO_HOLDER`], or if they were begun for
    /// [`limits::NO_HOLDER_BEGUN`].
    fn fail_stuck(&mut self, now: Time) {
        let stuck: Vec<_> = self
            .downloads
            .values()
            .filter(|d| d.phase == DownloadPhase::Fetching)
            .filter(|d| {
                // Of those that have some, only who has something that is missing is of use.
                let holders = d.candidates().filter(|p| d.may_give(*p));
                let timeout = if d.is_begun() { limits::NO_HOLDER_BEGUN } else { limits::NO_HOLDER };
                self.sources
                    .stuck_since(d.since.max(d.moved), holders, |p| d.busy_since(p))
                    .is_some_and(|since| now.since(since) >= timeout)
            })
            .map(|d| d.token)
            .collect();
        let any = !stuck.is_empty();
        for token in stuck {
            self.outputs.push_back(Output::Disk(disk::Command::Close(token)));
            let Some(download) = self.forget(token) else { continue };
            let twins = self.jobs.get_mut(&download.job).map(|job| job.give_up(download.claim()));
            let twins = twins.into_iter().flatten().map(|wanted| wanted.to);
            for to in std::iter::once(download.to).chain(twins) {
                self.fail(download.job, to, no_holder());
            }
        }
        if any {
            self.fail_queued(now);
        }
        let ids: Vec<_> = self.jobs.keys().copied().collect();
        ids.into_iter().for_each(|id| self.finish_if_over(id));
    }

    /// Of files not begun yet, those that nobody can give for as long are given up too.
    fn fail_queued(&mut self, now: Time) {
        let mut jobs = std::mem::take(&mut self.jobs);
        let mut failed = Vec::new();
        for job in jobs.values_mut() {
            let (stuck, queue) = std::mem::take(&mut job.queue).into_iter().partition(|w: &Wanted| {
                let holders = w.holders.iter().chain(&w.some).copied();
                let since = self.sources.stuck_since(Time::ZERO, holders, |_| None);
                since.is_some_and(|t| now.since(t) >= limits::NO_HOLDER)
            });
            job.queue = queue;
            let stuck: VecDeque<Wanted> = stuck;
            for wanted in stuck {
                let twins = job.give_up((wanted.id, wanted.size)).into_iter().map(|w| w.to);
                failed.extend(std::iter::once(wanted.to).chain(twins).map(|to| (job.id, to)));
            }
        }
        self.jobs = jobs;
        for (id, to) in failed {
            self.fail(id, to, no_holder());
        }
    }

    pub(super) fn report(&mut self) {
        let mut jobs = std::mem::take(&mut self.jobs);
        for job in jobs.values_mut() {
            let progress = self.progress(job);
            if job.reported.as_ref() != Some(&progress) {
                job.reported = Some(progress.clone());
                self.outputs.push_back(Output::Event(JobEvent::Progress(progress)));
            }
        }
        self.jobs = jobs;
    }

    fn progress(&self, job: &RunningJob) -> Progress {
        let mine = || self.downloads.values().filter(|d| d.job == job.id);
        let sources: BTreeSet<_> = mine().flat_map(FileDownload::givers).collect();
        let waiting = if sources.is_empty() { self.waiting(job) } else { None };
        Progress {
            job: job.id,
            done: job.arrived_bytes + mine().map(|d| d.done).sum::<u64>(),
            size: job.size,
            files_done: job.arrived,
            files: job.files,
            fetched: job.fetched,
            sources: sources.into_iter().collect(),
            waiting: waiting.map(str::to_owned),
        }
    }

    /// Why nothing of a job without sources moves.
    fn waiting(&self, job: &RunningJob) -> Option<&'static str> {
        let mine = || self.downloads.values().filter(|d| d.job == job.id);
        if mine().all(|d| !d.waits()) {
            let writing =
                job.queue.is_empty() && job.begun > 0 && mine().all(|d| d.phase == DownloadPhase::Publishing);
            return writing.then_some("writing");
        }
        let holders = || mine().filter(|d| d.waits()).flat_map(|d| d.candidates().filter(|p| d.may_give(*p)));
        let usable = || holders().filter_map(|p| self.sources.get(p)).filter(|s| s.is_usable());
        if holders().filter_map(|p| self.sources.get(p)).any(|s| s.blocked) {
            return Some("firewalls keep this peer and a holder from connecting to each other: trying again");
        }
        if usable().any(|s| s.link == SourceLink::Up) {
            Some("its holders are busy: trying again")
        } else if usable().any(|s| s.failures == 0) {
            // It is being dialled for the first time.
            None
        } else if usable().next().is_some() {
            Some("no holder answers: trying again")
        } else {
            Some("no holder is here: waiting")
        }
    }
}

fn no_holder() -> Failure {
    Failure::new(
        Code::NoHolder,
        "no peer that has it could be reached or gives it (with the right bytes); what arrived is kept",
    )
}
