//! The running downloads as users see them: progress, speed, time left, who waits for which. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::destinations::Destinations;
use super::download_tally::{DownloadTally, Ending};
use super::event::AskId;
use super::happenings;
use super::holders::claim;
use super::jobs::{JobPurpose, Jobs};
use super::limits;
use super::output::{Outputs, PeerOutput};
use super::owners::Owners;
use super::queue::{Queue, QueueOver, QueueSizes, QueuedDownload};
use super::roster::Roster;
use super::speeds::{Speed, SpeedsSeen};
use super::through::ThroughPeers;
use super::transfers::EndedDownload;
use crate::content::{Claim, FileId, SafePath};
use crate::control::{DownloadOutcome, DownloadRow, DownloadSum, Notice, Reply};
use crate::error::Failure;
use crate::identity::PeerId;
use crate::receiver::through::ThroughFile;
use crate::swarm::{Job, JobGivers, JobId, Progress, Wanted};
use crate::text::number;
use crate::time::Time;

/// Files of a download up to which each one is reported at the prompt.
const TOLD: usize = 20;

/// Why a download does not begin.
const MANY_DESTINATIONS: &str = "others go to many folders: waiting for one of them to be done";

/// What a download is to bring, and where.
#[derive(Clone, Debug, Default)]
pub(super) struct DownloadOrder {
    /// What was asked for, in short.
    pub(super) what: String,
    /// From whom.
    pub(super) owners: Owners,
    /// The folder that everything goes into. It exists.
    pub(super) destination: PathBuf,
    pub(super) files: Vec<Wanted>,
    /// Empty folders.
    pub(super) folders: Vec<SafePath>,
    /// What is to be said of what was taken for what was typed.
    pub(super) notes: Vec<String>,
    /// It is an offer that was accepted.
    pub(super) is_offered: bool,
}

/// One download, and whoever waits for its end.
#[derive(Debug)]
pub(super) struct DownloadState {
    /// What was asked for, in short.
    what: String,
    /// The contents that it is to bring.
    pub(super) wants: Vec<Claim>,
    /// How large each of them is.
    sizes: BTreeMap<FileId, u64>,
    /// From whom.
    owners: Owners,
    /// Where each peer listed them.
    listed: BTreeMap<PeerId, BTreeMap<SafePath, Claim>>,
    /// Those of them that are here.
    arrived: BTreeSet<FileId>,
    /// Files that others fetch for this peer.
    through: BTreeMap<FileId, ThroughPeers>,
    /// Files and empty folders that it is to bring.
    things: usize,
    /// What it brings and does not, counted.
    tally: DownloadTally,
    /// True if its end is told as a sum: of a file that is repaired others tell.
    is_summed: bool,
    progress: Progress,
    speed: Speed,
    /// What of it was here before the receiver had it; `held` is what the receiver said last, once it said anything.
    earlier: QueueSizes,
    watchers: Vec<AskId>,
}

/// All that run, and those that users asked for and that are not done.
#[derive(Debug, Default)]
pub(super) struct Downloads {
    running: BTreeMap<JobId, DownloadState>,
    destinations: Destinations,
    pub(super) queue: Queue,
    /// How fast others gave.
    pub(super) speeds: SpeedsSeen,
}

impl Downloads {
    /// None that runs yet. What goes below `near` needs no disk workers of its own; `None`: nothing does.
    pub(super) fn beside(near: Option<PathBuf>, queue: Queue) -> Self {
        let destinations = near.map(Destinations::beside).unwrap_or_default();
        Self { destinations, queue, ..Self::default() }
    }

    /// Begins to bring files and empty folders to a destination.
    pub(super) fn begin(
        &mut self,
        now: Time,
        jobs: &mut Jobs,
        purpose: JobPurpose,
        order: DownloadOrder,
        out: &mut Outputs,
    ) -> JobId {
        let id = jobs.begin(purpose);
        let is_summed = !matches!(jobs.get(id), Some(JobPurpose::Repair(_)));
        self.run(now, id, order, out);
        if let Some(download) = self.running.get_mut(&id) {
            download.is_summed = is_summed;
        }
        id
    }

    /// Begins the job of a download, which has its number.
    pub(super) fn run(&mut self, now: Time, id: JobId, order: DownloadOrder, out: &mut Outputs) {
        let DownloadOrder { what, owners, destination, files, folders, notes: _, is_offered } = order;
        let wants: Vec<Claim> = files.iter().map(|f| (f.id, f.size)).collect();
        let mut tally = DownloadTally::new(now, destination.clone(), folders.len() as u64);
        tally.is_offered = is_offered;
        let mut download = DownloadState::new(id, what, owners, wants, tally);
        download.things += folders.len();
        let job = Job { id, destination, files, folders, background: false };
        match self.destinations.enter(job) {
            Some(job) => out.push(PeerOutput::Fetch(job)),
            None => download.progress.waiting = Some(MANY_DESTINATIONS.to_owned()),
        }
        out.event(|| happenings::download_started(&download.progress, &download.what));
        self.running.insert(id, download);
    }

    /// What of a running download was here before the receiver had it, and who waits for it from before.
    pub(super) fn note_earlier(&mut self, id: JobId, earlier: QueueSizes, watchers: Vec<AskId>) {
        if let Some(d) = self.running.get_mut(&id) {
            d.tally.was_there(earlier.files_here, earlier.bytes_here);
            d.earlier = earlier;
            let progress = d.progress.clone();
            d.note(progress);
            d.watchers.extend(watchers);
        }
    }

    /// True if a download waits for another one to be over before it is begun.
    pub(super) fn is_waiting(&self, job: JobId) -> bool {
        self.destinations.is_waiting(job)
    }

    /// A download is over: begins those that waited for that. Whoever came meanwhile can be asked for them, too.
    pub(super) fn begin_waiting(&mut self, now: Time, over: JobId, roster: &Roster, out: &mut Outputs) {
        for mut job in self.destinations.leave(over) {
            let Some(download) = self.running.get_mut(&job.id) else { continue };
            download.progress.waiting = None;
            self.queue.handle_progress(now, job.id, false, download.progress.done);
            let claims: BTreeSet<Claim> = download.wants.iter().copied().collect();
            let holders = roster.holders(&claims, &download.owners);
            for file in &mut job.files {
                let now = holders.get(&(file.id, file.size)).into_iter().flatten();
                let new: Vec<_> = now.filter(|peer| !file.holders.contains(peer)).copied().collect();
                file.holders.extend(new);
            }
            out.push(PeerOutput::Fetch(job));
        }
    }

    /// Lets whoever asked hear how a download goes on, and how it ends.
    pub(super) fn watch(&mut self, job: JobId, ask: AskId) {
        if let Some(d) = self.running.get_mut(&job) {
            d.watchers.push(ask);
        }
    }

    /// Nobody waits for a download any more, whether it runs or rests; those who did.
    pub(super) fn take_watchers(&mut self, job: JobId) -> Vec<AskId> {
        let mut watchers = self.queue.take_watchers(job);
        watchers.extend(self.running.get_mut(&job).into_iter().flat_map(|d| d.watchers.drain(..)));
        watchers
    }

    /// Notes how far a download is and tells whoever waits for it.
    pub(super) fn progress(&mut self, now: Time, progress: Progress, roster: &Roster, out: &mut Outputs) {
        let Some(d) = self.running.get_mut(&progress.job) else { return };
        d.speed.note(now, progress.fetched);
        d.note(progress);
        d.tally.moved(d.progress.done);
        let waits = d.progress.waiting.is_some() && d.progress.sources.is_empty();
        self.queue.handle_progress(now, d.progress.job, waits, d.progress.done);
        if d.progress.sources.iter().any(|peer| d.tally.lacks_name(*peer)) {
            let names = d.names(&d.progress.sources, roster);
            d.tally.note_names(&d.progress.sources, names);
        }
        for ask in &d.watchers {
            out.reply(*ask, Reply::Progress(self.queue.with_waiting(d.row(now, roster), roster)));
        }
    }

    /// Notes that a part of a download will not come. True: it is to be reported, for there are others, whose
    /// end says nothing of this one.
    pub(super) fn part_failed(&mut self, job: JobId, path: &SafePath, failure: &Failure) -> bool {
        let Some(d) = self.running.get_mut(&job) else { return false };
        d.tally.failed(path.as_str(), failure);
        self.queue.handle_failed(job, path, failure);
        d.things > 1
    }

    /// What came over the network for a download, and from whom.
    pub(super) fn given(&mut self, job: JobId, givers: JobGivers) {
        if let Some(d) = self.running.get_mut(&job) {
            d.tally.given(givers);
        }
    }

    /// The user wants no more of a download.
    pub(super) fn note_stopped(&mut self, job: JobId) {
        if let Some(d) = self.running.get_mut(&job) {
            d.tally.stopped();
        }
    }

    /// Tells whoever waits for a download how a part of it went, else the prompt if the download is of few
    /// files.
    pub(super) fn tell(&self, job: JobId, reply: Reply, out: &mut Outputs) {
        match self.running.get(&job) {
            Some(d) if d.wants.len() <= TOLD => d.tell(job, reply, out),
            Some(d) => d.watchers.iter().for_each(|ask| out.reply(*ask, reply.clone())),
            None => {}
        }
    }

    /// Tells whoever waits for a download, else the prompt.
    pub(super) fn tell_always(&self, job: JobId, reply: Reply, out: &mut Outputs) {
        if let Some(d) = self.running.get(&job) {
            d.tell(job, reply, out);
        }
    }

    /// A download is over; `Some`: why it did not bring everything. What it was is told, then that it is over,
    /// but for no reason that was reported for a part of it. Of one that rests in the queue nothing is told.
    pub(super) fn end(
        &mut self,
        now: Time,
        job: JobId,
        failure: Option<Failure>,
        roster: &Roster,
        out: &mut Outputs,
    ) -> Option<EndedDownload> {
        let mut d = self.running.remove(&job)?;
        let over = self.queue.handle_over(now, job, failure.as_ref());
        let goes_on = matches!(over, QueueOver::Rests | QueueOver::Waits);
        let left = goes_on.then_some(DownloadOutcome::Waiting);
        let mut ended = d.is_summed.then(|| d.ended(d.sum(now, failure.as_ref(), left, roster)));
        if over == QueueOver::Rests {
            self.queue.add_watchers(job, core::mem::take(&mut d.watchers));
            return ended;
        }
        let waits_for =
            self.queue.get(job).map(QueuedDownload::waits_for).filter(|_| over == QueueOver::Waits);
        if let Some(ended) = &mut ended {
            ended.sum.waits_for = waits_for.clone().unwrap_or_default();
            d.tell(job, Reply::DownloadSum(Box::new(ended.sum.clone())), out);
        }
        let failed = |failure: Failure| {
            let failure = d.end_of(failure);
            Reply::Failed(match &waits_for {
                Some(names) => waits_in_queue(job, &failure, names),
                None => failure,
            })
        };
        d.tell(job, failure.map_or(Reply::Done, failed), out);
        ended
    }

    /// This peer leaves: what each download was is told, and everybody who waits for one that nothing more comes.
    pub(super) fn end_all(
        &self,
        now: Time,
        failure: &Failure,
        roster: &Roster,
        out: &mut Outputs,
    ) -> Vec<EndedDownload> {
        let mut all = Vec::new();
        for (job, d) in &self.running {
            if d.is_summed {
                let outcome = match self.queue.get(*job) {
                    Some(download) if !download.is_removed() => DownloadOutcome::Continues,
                    _ => DownloadOutcome::Left,
                };
                let ended = d.ended(d.sum(now, Some(failure), Some(outcome), roster));
                d.tell(*job, Reply::DownloadSum(Box::new(ended.sum.clone())), out);
                all.push(ended);
            }
            d.watchers.iter().for_each(|ask| out.reply(*ask, Reply::Failed(failure.clone())));
        }
        all
    }

    /// A running one.
    #[must_use]
    pub(super) fn get(&self, job: JobId) -> Option<&DownloadState> {
        self.running.get(&job)
    }

    /// The contents that running downloads are to bring, of those that take them from whom `is_asked` allows.
    pub(super) fn wants(&self, is_asked: impl Fn(&Owners) -> bool) -> BTreeSet<Claim> {
        let running = self.running.values().filter(|d| is_asked(&d.owners));
        running.flat_map(|d| d.wants.iter().copied()).collect()
    }

    /// A download was begun: notes where those who share its contents list them.
    pub(super) fn note_holders(&mut self, job: JobId, roster: &Roster) {
        let Some(download) = self.running.get_mut(&job) else { return };
        let wants: BTreeSet<Claim> = download.wants.iter().copied().collect();
        let owners = download.owners.clone();
        for (peer, entry) in roster.entries(&owners) {
            if let Some(claim) = claim(entry).filter(|claim| wants.contains(claim)) {
                download.note_listed(peer, entry.path.clone(), claim);
            }
        }
    }

    /// A peer lists contents that running downloads are to bring under these paths.
    pub(super) fn note_listed(&mut self, peer: PeerId, held: &[(SafePath, Claim)]) {
        for download in self.running.values_mut().filter(|d| !held.is_empty() && d.owners.has(peer)) {
            let wants: BTreeSet<Claim> = download.wants.iter().copied().collect();
            for (path, claim) in held.iter().filter(|(_, claim)| wants.contains(claim)) {
                download.note_listed(peer, path.clone(), *claim);
            }
        }
    }

    /// A file of a download is here, and `was_there` before. How many it is to bring in all.
    pub(super) fn arrived(&mut self, job: JobId, file: FileId, was_there: bool) -> u64 {
        let Some(download) = self.running.get_mut(&job) else { return 0 };
        download.arrived.insert(file);
        let size = download.sizes.get(&file).copied().unwrap_or_default();
        download.tally.arrived(size, was_there);
        download.earlier.files_here + download.wants.len() as u64
    }

    /// This content comes through another peer.
    pub(super) fn note_through(&mut self, claim: Claim, peers: ThroughPeers) {
        for download in self.running.values_mut().filter(|d| d.listed.contains_key(&peers.owner)) {
            if download.wants.contains(&claim) {
                download.through.insert(claim.0, peers);
            }
        }
    }

    /// Through whom a file of a download came, as it is shown.
    pub(super) fn through(&self, job: JobId, file: FileId, roster: &Roster) -> Option<String> {
        let peers = self.running.get(&job)?.through.get(&file)?;
        Some(peers.shown(roster))
    }

    /// Of what running downloads lack the first `most` files that only those list who cannot be reached.
    pub(super) fn lacking_of(&self, is_blocked: impl Fn(PeerId) -> bool, most: usize) -> Vec<ThroughFile> {
        let mut lacking = Vec::new();
        for (job, download) in &self.running {
            if !self.destinations.is_waiting(*job) && lacking.len() < most {
                lacking.extend(download.lacking_of(&is_blocked).take(most - lacking.len()));
            }
        }
        lacking
    }

    /// Where a peer listed contents that running downloads are to bring.
    pub(super) fn listed(&self, peer: PeerId) -> impl Iterator<Item = (&SafePath, Claim)> {
        let listed = self.running.values().filter_map(move |download| download.listed.get(&peer));
        listed.flatten().map(|(path, claim)| (path, *claim))
    }

    /// True if a running download is to bring this content.
    pub(super) fn is_wanted(&self, claim: Claim) -> bool {
        self.running.values().any(|d| d.wants.contains(&claim))
    }

    /// True if a running download is to bring this file, of whatever size.
    pub(super) fn brings(&self, file: FileId) -> bool {
        self.running.values().flat_map(|d| &d.wants).any(|(wanted, _)| *wanted == file)
    }

    /// True if this content is wanted of anyone who has it, not of certain peers alone.
    pub(super) fn is_wanted_of_anyone(&self, claim: Claim) -> bool {
        // Mostly nothing is, and the lists of what is wanted may be long.
        self.running.values().all(|d| d.owners.is_anyone())
            || self.running.values().any(|d| d.owners.is_anyone() && d.wants.contains(&claim))
    }

    /// What `status` shows of them, the oldest first.
    pub(super) fn rows(&self, now: Time, roster: &Roster) -> Vec<DownloadRow> {
        let rows = self.running.values().map(|d| d.row(now, roster));
        rows.map(|row| self.queue.with_waiting(row, roster)).collect()
    }

    /// Shows at the prompt how far they are.
    pub(super) fn show(&self, now: Time, roster: &Roster, out: &mut Outputs) {
        let rows = self.rows(now, roster);
        happenings::downloads(&rows, out);
        out.notice(Notice::Downloads(rows));
    }
}

impl DownloadState {
    fn new(job: JobId, what: String, owners: Owners, wants: Vec<Claim>, tally: DownloadTally) -> Self {
        let things = wants.len();
        let progress = Progress {
            job,
            done: 0,
            size: wants.iter().map(|(_, size)| *size).fold(0, u64::saturating_add),
            files_done: 0,
            files: wants.len() as u64,
            fetched: 0,
            sources: Vec::new(),
            rates: Vec::new(),
            waiting: None,
        };
        let (speed, watchers, is_summed) = (Speed::default(), Vec::new(), true);
        let (listed, through, arrived) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        let sizes = wants.iter().copied().collect();
        Self {
            what,
            sizes,
            wants,
            owners,
            listed,
            arrived,
            through,
            things,
            tally,
            is_summed,
            progress,
            speed,
            earlier: QueueSizes::default(),
            watchers,
        }
    }

    /// The receiver says how far it is, which knows nothing of the files that were here before, and of what is here of
    /// others only once it has opened them.
    fn note(&mut self, mut progress: Progress) {
        if progress.done > 0 {
            self.earlier.held = progress.done;
        }
        let QueueSizes { files_here, bytes_here, held, .. } = self.earlier;
        (progress.files, progress.files_done) =
            (progress.files + files_here, progress.files_done + files_here);
        progress.size = progress.size.saturating_add(bytes_here);
        progress.done = held.saturating_add(bytes_here);
        self.progress = progress;
    }

    /// A peer lists a content of it there. Of strangers who list it under many paths, or come with many keys, no more is
    /// noted than of those who were here at the beginning.
    fn note_listed(&mut self, peer: PeerId, path: SafePath, claim: Claim) {
        if self.listed.len() < limits::LISTED_PEERS || self.listed.contains_key(&peer) {
            let listed = self.listed.entry(peer).or_default();
            if listed.len() < self.wants.len() {
                listed.insert(path, claim);
            }
        }
    }

    /// What it lacks that only those list who cannot be reached.
    fn lacking_of(&self, is_blocked: impl Fn(PeerId) -> bool) -> impl Iterator<Item = ThroughFile> {
        let mut blocked = BTreeMap::new();
        let mut others = BTreeSet::new();
        if self.listed.keys().any(|peer| is_blocked(*peer)) {
            for (peer, listed) in &self.listed {
                let claims = listed.iter().map(|(path, (file, size))| ThroughFile {
                    owner: *peer,
                    file: *file,
                    size: *size,
                    bucket: path.bucket(),
                });
                if is_blocked(*peer) {
                    blocked.extend(claims.map(|file| (file.claim(), file)));
                } else {
                    others.extend(claims.map(|file| file.claim()));
                }
            }
        }
        let lacks = move |claim: &Claim| !self.arrived.contains(&claim.0) && !others.contains(claim);
        self.wants
            .iter()
            .filter(move |claim| lacks(claim))
            .filter_map(move |claim| blocked.get(claim).copied())
    }

    /// These peers that it comes from, as they are shown.
    fn names(&self, peers: &[PeerId], roster: &Roster) -> Vec<String> {
        let names = roster.shown_names(peers);
        let carrier: BTreeMap<PeerId, ThroughPeers> =
            self.through.values().map(|p| (p.carrier, *p)).collect();
        let through =
            |(name, source): (String, &PeerId)| carrier.get(source).map_or(name, |peers| peers.shown(roster));
        names.into_iter().zip(peers).map(through).collect()
    }

    /// Tells whoever waits for it, else the prompt.
    fn tell(&self, job: JobId, reply: Reply, out: &mut Outputs) {
        let shown = Notice::Download(job.0, reply.clone());
        match self.watchers.split_first() {
            Some((ask, others)) => {
                others.iter().for_each(|other| out.reply(*other, reply.clone()));
                out.push(PeerOutput::ReplyOr(*ask, reply, shown));
            }
            None => out.notice(shown),
        }
    }

    /// What is said at its end if it ended so: no reason that was reported for a part of it.
    fn end_of(&self, failure: Failure) -> Failure {
        let (failed, last) = self.tally.failures();
        if self.things > 1 && last == Some(&failure) {
            Failure::new(
                failure.code,
                format!("{} of {} files failed", number(failed), number(self.things as u64)),
            )
        } else {
            failure
        }
    }

    /// What it was, all in all.
    fn sum(
        &self,
        now: Time,
        failure: Option<&Failure>,
        left: Option<DownloadOutcome>,
        roster: &Roster,
    ) -> DownloadSum {
        let givers = self.tally.named_givers().iter().copied();
        let here: Vec<PeerId> = givers.filter(|peer| roster.contact(*peer).is_some()).collect();
        let names = here.iter().copied().zip(self.names(&here, roster)).collect();
        self.tally.sum(now, &self.what, &Ending { progress: &self.progress, failure, left, names })
    }

    /// What is noted of it, as this sum tells it.
    fn ended(&self, sum: DownloadSum) -> EndedDownload {
        let file = self.wants.first().filter(|_| self.wants.len() == 1).map(|(file, _)| *file);
        EndedDownload { sum, file, from: self.tally.named_givers().to_vec() }
    }

    /// One row of `status`.
    pub(super) fn row(&self, now: Time, roster: &Roster) -> DownloadRow {
        let p = &self.progress;
        let speed = self.speed.get(now);
        DownloadRow {
            job: p.job.0,
            what: self.what.clone(),
            done: p.done,
            size: p.size,
            files_done: p.files_done,
            files: p.files,
            speed,
            left: p.size.saturating_sub(p.done).checked_div(speed),
            fetched: p.fetched,
            from: self.names(&p.sources, roster),
            waiting: p.waiting.clone(),
            holders: Vec::new(),
        }
    }
}

/// Why nobody gives the rest of a download, and that it waits for them.
pub(super) fn waits_in_queue(job: JobId, failure: &Failure, names: &[String]) -> Failure {
    let whom = if names.is_empty() { String::new() } else { format!(" for {}", names.join(", ")) };
    let message =
        format!("{}; download {} waits{whom} in the queue (`queue` shows it)", failure.message, job.0);
    Failure::new(failure.code, message)
}
