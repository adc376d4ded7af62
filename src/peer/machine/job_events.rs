//! What the machine of `mod.rs` does when the receiver tells how a job goes. Pure.

use super::PeerMachine;
use crate::content::FileId;
use crate::control::{DownloadOutcome, Reply, Saved};
use crate::disk::Arrival;
use crate::error::Failure;
use crate::peer::jobs::JobPurpose;
use crate::peer::output::Outputs;
use crate::peer::owners::Owners;
use crate::receiver::ReceiverCommand;
use crate::swarm::{JobEvent, JobId, Progress};
use crate::time::Time;

impl PeerMachine {
    pub(in crate::peer) fn on_job(&mut self, now: Time, event: JobEvent) {
        match event {
            JobEvent::Progress(progress) => self.job_moved(now, progress),
            JobEvent::Arrived(job, file, arrival) => self.file_arrived(now, job, file, arrival),
            JobEvent::Failed(job, path, failure) => {
                if self.downloads.part_failed(job, &path, &failure) {
                    let missing = Reply::Missing { path: path.to_string(), failure };
                    self.downloads.tell_always(job, missing, &mut self.out);
                }
            }
            JobEvent::Given(job, mut givers) => {
                givers.peers.retain(|peer| *peer != self.own.id());
                self.downloads.given(job, givers);
            }
            JobEvent::Finished(job, files, failure) => self.job_over(now, job, files, failure),
        }
    }

    fn job_moved(&mut self, now: Time, mut progress: Progress) {
        // What is kept here for somebody else comes over no network, and this peer is no source to be named.
        progress.sources.retain(|source| *source != self.own.id());
        self.downloads.speeds.note(&progress.rates, &self.presence.roster);
        match self.jobs.get(progress.job) {
            Some(JobPurpose::Repair(_)) => self.verifying.repair_moved(now),
            Some(purpose @ JobPurpose::Keep { file, .. }) => {
                self.verifying.kept_moved(now, *file);
                return self.custody.job_moved(now, purpose, progress.done);
            }
            Some(JobPurpose::Carry(file)) => return self.carrier.moved(*file, progress.done),
            Some(JobPurpose::Download | JobPurpose::Restore) => {}
            // It was taken back, or nobody is interested in how far it is.
            Some(JobPurpose::Prove { .. }) | None => return,
        }
        self.downloads.progress(now, progress, &self.presence.roster, &mut self.out);
        self.downloads.show(now, &self.presence.roster, &mut self.out);
    }

    fn file_arrived(&mut self, now: Time, job: JobId, file: FileId, arrival: Arrival) {
        let mut wanted = None;
        let (how, path) = match arrival {
            Arrival::Saved(path) => ("saved", path),
            Arrival::SavedAs(path) => ("saved_as", path),
            Arrival::Renamed { path, wanted: original } => {
                wanted = Some(original.as_str().to_owned());
                ("renamed", path)
            }
            Arrival::AlreadyThere(path) => ("already_there", path),
            // It is told when the job is over.
            Arrival::Kept => return,
        };
        if self.downloads.get(job).is_none() {
            return;
        }
        self.downloads.queue.handle_arrived(now, job, file, &path);
        let files = self.downloads.arrived(job, file, how == "already_there");
        self.keep_own_download(file);
        let through = self.downloads.through(job, file, &self.presence.roster);
        let (how, id) = (how.to_owned(), file.to_string());
        let saved = Saved { job: job.0, id, path, how, wanted, through, files };
        self.downloads.tell(job, Reply::Saved(saved), &mut self.out);
        self.swarms.seek(&mut self.out);
    }

    /// A user's download arrived: should it be fetched into the store as well, it can be had from here.
    fn keep_own_download(&mut self, file: FileId) {
        if let Some(size) = self.jobs.kept_size(file)
            && !self.swarms.here(&[file]).is_empty()
        {
            self.out.receiver(ReceiverCommand::Swarm((file, size), vec![self.own.id()]));
        }
    }

    fn job_over(&mut self, now: Time, job: JobId, files: u64, failure: Option<Failure>) {
        let is_good = failure.is_none();
        match self.jobs.end(job) {
            Some(JobPurpose::Keep { file, span, .. }) => {
                log_own_failure(failure.as_ref(), &mut self.out);
                self.custody.kept(now, file, span, is_good, &mut self.out);
                return self.verifying.kept_again(now, file, is_good, &mut self.out);
            }
            Some(JobPurpose::Carry(file)) => {
                log_own_failure(failure.as_ref(), &mut self.out);
                return self.carrier.job_over(now, file, is_good, &mut self.custody, &mut self.out);
            }
            Some(JobPurpose::Prove { peer, key, folder }) => {
                log_own_failure(failure.as_ref(), &mut self.out);
                return self.custody.proved(now, peer, key, is_good, folder, &mut self.out);
            }
            Some(JobPurpose::Repair(path)) => {
                self.verifying.good_came(now, &path, failure.as_ref(), &mut self.out);
            }
            Some(JobPurpose::Restore) => self.custody.restoring.is_over(now),
            Some(JobPurpose::Download) => {}
            // It was taken back.
            None => return,
        }
        self.out.debug(format!("download {} is over: {files} files arrived", job.0));
        let ended = self.downloads.end(now, job, failure, &self.presence.roster, &mut self.out);
        if let Some(ended) = ended {
            if ended.sum.outcome == DownloadOutcome::Done {
                self.transfers.offers.note_done(job);
            }
            self.transfers.ended(now, ended, &mut self.out);
        }
        if !self.departure.is_begun() {
            self.downloads.begin_waiting(now, job, &self.presence.roster, &mut self.out);
        }
        // What none of the other downloads wants is not sought any more.
        self.swarms.seek_only(&self.downloads.wants(Owners::is_anyone));
        self.swarms.seek(&mut self.out);
        self.downloads.show(now, &self.presence.roster, &mut self.out);
    }
}

fn log_own_failure(failure: Option<&Failure>, out: &mut Outputs) {
    if let Some(failure) = failure {
        out.debug(format!("a job of custody's own failed: {}", failure.message));
    }
}
