//! The running downloads as users see them: progress, speed, time left, who waits for which. Pure.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;

use super::destinations::Destinations;
use super::event::AskId;
use super::holders::claim;
use super::jobs::{JobPurpose, Jobs};
use super::limits;
use super::output::{Outputs, PeerOutput};
use super::owners::Owners;
use super::roster::Roster;
use super::speeds::SpeedsSeen;
use crate::content::{Claim, FileId, SafePath};
use crate::control::{DownloadRow, Notice, Reply};
use crate::error::Failure;
use crate::identity::PeerId;
use crate::receiver::through::ThroughFile;
use crate::swarm::{Job, JobId, Progress, Wanted};
use crate::time::Time;

/// Speeds are means over this time.
const WINDOW: Duration = Duration::from_secs(3);

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
}

/// Bytes against time, over the last seconds.
#[derive(Clone, Debug, Default)]
pub(super) struct Speed {
    points: VecDeque<(Time, u64)>,
}

impl Speed {
    /// Notes that `bytes` in all had passed at `now`.
    pub(super) fn note(&mut self, now: Time, bytes: u64) {
        self.points.push_back((now, bytes));
        while self.points.len() > 2 && self.points.get(1).is_some_and(|p| now.since(p.0) >= WINDOW) {
            self.points.pop_front();
        }
    }

    /// Bytes a second; 0 when nothing was noted for a while.
    #[must_use]
    pub(super) fn get(&self, now: Time) -> u64 {
        let (Some(first), Some(last)) = (self.points.front(), self.points.back()) else { return 0 };
        let millis = now.since(first.0).as_millis().max(1);
        let bytes = u128::from(last.1.saturating_sub(first.1));
        if now.since(last.0) > WINDOW { 0 } else { u64::try_from(bytes * 1_000 / millis).unwrap_or(u64::MAX) }
    }
}

/// One download, and whoever waits for its end.
#[derive(Debug)]
pub(super) struct DownloadState {
    /// What was asked for, in short.
    what: String,
    /// The contents that it is to bring.
    pub(super) wants: Vec<Claim>,
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
    /// Those that it will not, and the last one's failure.
    failed: (usize, Option<Failure>),
    progress: Progress,
    speed: Speed,
    watcher: Option<AskId>,
}

/// Who shares a file that this peer cannot reach, and who fetches it for this peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ThroughPeers {
    pub(super) owner: PeerId,
    pub(super) carrier: PeerId,
}

impl ThroughPeers {
    /// As they are shown.
    fn shown(&self, roster: &Roster) -> String {
        roster.shown_names(&[self.owner, self.carrier]).join(" through ")
    }
}

/// All that run.
#[derive(Debug, Default)]
pub(super) struct Downloads {
    running: BTreeMap<JobId, DownloadState>,
    destinations: Destinations,
    /// How fast others gave.
    pub(super) speeds: SpeedsSeen,
}

impl Downloads {
    /// None yet. What goes below `near` needs no disk workers of its own; `None`: nothing does.
    pub(super) fn beside(near: Option<PathBuf>) -> Self {
        let destinations = near.map(Destinations::beside).unwrap_or_default();
        Self { destinations, ..Self::default() }
    }

    /// Begins to bring files and empty folders to a destination.
    pub(super) fn begin(
        &mut self,
        jobs: &mut Jobs,
        purpose: JobPurpose,
        order: DownloadOrder,
        out: &mut Outputs,
    ) -> JobId {
        let DownloadOrder { what, owners, destination, files, folders } = order;
        let id = jobs.begin(purpose);
        let wants: Vec<Claim> = files.iter().map(|f| (f.id, f.size)).collect();
        let mut download = DownloadState::new(id, what, owners, wants, folders.len());
        let job = Job { id, destination, files, folders, background: false };
        match self.destinations.enter(job) {
            Some(job) => out.push(PeerOutput::Fetch(job)),
            None => download.progress.waiting = Some(MANY_DESTINATIONS.to_owned()),
        }
        self.running.insert(id, download);
        id
    }

    /// True if a download waits for another one to be over before it is begun.
    pub(super) fn is_waiting(&self, job: JobId) -> bool {
        self.destinations.is_waiting(job)
    }

    /// A download is over: begins those that waited for that. Whoever came meanwhile can be asked for them, too.
    pub(super) fn begin_waiting(&mut self, over: JobId, roster: &Roster, out: &mut Outputs) {
        for mut job in self.destinations.leave(over) {
            let Some(download) = self.running.get_mut(&job.id) else { continue };
            download.progress.waiting = None;
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
            d.watcher = Some(ask);
        }
    }

    /// Notes how far a download is and tells whoever waits for it.
    pub(super) fn progress(&mut self, now: Time, progress: Progress, roster: &Roster, out: &mut Outputs) {
        let Some(d) = self.running.get_mut(&progress.job) else { return };
        d.speed.note(now, progress.fetched);
        d.progress = progress;
        if let Some(ask) = d.watcher {
            out.reply(ask, Reply::Progress(d.row(now, roster)));
        }
    }

    /// Notes that a part of a download will not come. True: it is to be reported, for there are others, whose
    /// end says nothing of this one.
    pub(super) fn part_failed(&mut self, job: JobId, failure: &Failure) -> bool {
        let Some(d) = self.running.get_mut(&job) else { return false };
        d.failed = (d.failed.0 + 1, Some(failure.clone()));
        d.things > 1
    }

    /// Tells whoever waits for a download how a part of it went, else the prompt if the download is of few
    /// files.
    pub(super) fn tell(&self, job: JobId, reply: Reply, out: &mut Outputs) {
        match self.running.get(&job) {
            Some(d) if d.wants.len() <= TOLD => d.tell(job, reply, out),
            Some(DownloadState { watcher: Some(ask), .. }) => out.reply(*ask, reply),
            _ => {}
        }
    }

    /// Tells whoever waits for a download, else the prompt.
    pub(super) fn tell_always(&self, job: JobId, reply: Reply, out: &mut Outputs) {
        if let Some(d) = self.running.get(&job) {
            d.tell(job, reply, out);
        }
    }

    /// A download is over; `Some`: why it did not bring everything. That is told, but no reason that was
    /// reported for a part of it.
    pub(super) fn end(&mut self, job: JobId, failure: Option<Failure>, out: &mut Outputs) {
        let Some(d) = self.running.remove(&job) else { return };
        d.tell(job, failure.map_or(Reply::Done, |failure| Reply::Failed(d.end_of(failure))), out);
    }

    /// Tells everybody who waits for a download that nothing more comes.
    pub(super) fn end_all(&self, failure: &Failure, out: &mut Outputs) {
        for ask in self.running.values().filter_map(|d| d.watcher) {
            out.reply(ask, Reply::Failed(failure.clone()));
        }
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

    /// A file of a download is here.
    pub(super) fn arrived(&mut self, job: JobId, file: FileId) {
        if let Some(download) = self.running.get_mut(&job) {
            download.arrived.insert(file);
        }
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
        self.running.values().map(|d| d.row(now, roster)).collect()
    }

    /// Shows at the prompt how far they are.
    pub(super) fn show(&self, now: Time, roster: &Roster, out: &mut Outputs) {
        out.notice(Notice::Downloads(self.rows(now, roster)));
    }
}

impl DownloadState {
    fn new(job: JobId, what: String, owners: Owners, wants: Vec<Claim>, folders: usize) -> Self {
        let things = wants.len() + folders;
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
        let (failed, speed, watcher) = ((0, None), Speed::default(), None);
        let (listed, through, arrived) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        Self { what, wants, owners, listed, arrived, through, things, failed, progress, speed, watcher }
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

    /// The peers that it comes from, as they are shown.
    fn from(&self, roster: &Roster) -> Vec<String> {
        let names = roster.shown_names(&self.progress.sources);
        let carrier: BTreeMap<PeerId, ThroughPeers> =
            self.through.values().map(|p| (p.carrier, *p)).collect();
        let through =
            |(name, source): (String, &PeerId)| carrier.get(source).map_or(name, |peers| peers.shown(roster));
        names.into_iter().zip(&self.progress.sources).map(through).collect()
    }

    /// Tells whoever waits for it, else the prompt.
    fn tell(&self, job: JobId, reply: Reply, out: &mut Outputs) {
        let shown = Notice::Download(job.0, reply.clone());
        match self.watcher {
            Some(ask) => out.push(PeerOutput::ReplyOr(ask, reply, shown)),
            None => out.notice(shown),
        }
    }

    /// What is said at its end if it ended so: no reason that was reported for a part of it.
    fn end_of(&self, failure: Failure) -> Failure {
        if self.things > 1 && self.failed.1.as_ref() == Some(&failure) {
            let (failed, all) = (self.failed.0, self.things);
            Failure::new(failure.code, format!("{failed} of {all} could not be fetched"))
        } else {
            failure
        }
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
            from: self.from(roster),
            waiting: p.waiting.clone(),
            holders: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    fn at(millis: u64) -> Time {
        Time::ZERO + Duration::from_millis(millis)
    }

    fn wanted(n: u8, size: u64) -> Wanted {
        Wanted {
            id: FileId([n; 32]),
            size,
            modified: 0,
            executable: false,
            asked: "x".into(),
            to: format!("x{n}").parse().unwrap(),
            holders: Vec::new(),
            keep: None,
            some: Vec::new(),
        }
    }

    /// Begins a download of so many files of 10 bytes.
    fn begin(downloads: &mut Downloads, jobs: &mut Jobs, files: u8) -> JobId {
        let files = (1..=files).map(|n| wanted(n, 10)).collect();
        let order = DownloadOrder { what: "x".to_owned(), files, ..DownloadOrder::default() };
        downloads.begin(jobs, JobPurpose::Download, order, &mut Outputs::default())
    }

    /// What whoever asked is told, and what the prompt is told, if that is somebody else.
    fn told(out: &mut Outputs) -> (Vec<Reply>, Vec<Notice>) {
        let (mut replies, mut notices) = (Vec::new(), Vec::new());
        while let Some(output) = out.pop() {
            match output {
                PeerOutput::Reply(AskId(7), reply) | PeerOutput::ReplyOr(AskId(7), reply, _) => {
                    replies.push(reply);
                }
                PeerOutput::Notice(notice) => notices.push(notice),
                other => panic!("{other:?}"),
            }
        }
        (replies, notices)
    }

    #[test]
    fn speed_is_the_mean_of_the_last_seconds() {
        let mut s = Speed::default();
        assert_eq!(s.get(at(0)), 0);
        for i in 0..=100 {
            s.note(at(i * 100), i * 1_000);
        }
        assert_eq!(s.get(at(10_000)), 10_000);
        for i in 101..=200 {
            s.note(at(i * 100), 100_000);
        }
        assert_eq!(s.get(at(20_000)), 0);
        s.note(at(20_100), 150_000);
        assert!(s.get(at(20_100)) > 10_000);
        assert_eq!(s.get(at(30_000)), 0);
        assert!(s.points.len() < 50);
    }

    #[test]
    fn whoever_waits_hears_of_that_download_only() {
        let (mut d, mut jobs, mut out) = (Downloads::default(), Jobs::default(), Outputs::default());
        let (a, b) = (begin(&mut d, &mut jobs, 10), begin(&mut d, &mut jobs, 3));
        assert_ne!(a, b);
        d.watch(a, AskId(7));
        let roster = Roster::default();
        let mut p = d.get(a).unwrap().progress.clone();
        (p.done, p.fetched) = (50, 50);
        d.progress(at(0), p.clone(), &roster, &mut out);
        (p.done, p.fetched) = (75, 75);
        d.progress(at(1_000), p, &roster, &mut out);
        let last = told(&mut out).0.pop().unwrap();
        let Reply::Progress(row) = last else { panic!("{last:?}") };
        assert_eq!((row.done, row.size, row.speed, row.left), (75, 100, 25, Some(1)));
        let other = d.get(b).unwrap().progress.clone();
        d.progress(at(1_000), other, &roster, &mut out);
        assert_eq!(told(&mut out), (Vec::new(), Vec::new()), "nobody waits for it");
        assert_eq!(d.rows(at(0), &roster)[1].size, 30);
        d.end(a, None, &mut out);
        d.end(b, None, &mut out);
        assert_eq!(told(&mut out), (vec![Reply::Done], vec![Notice::Download(b.0, Reply::Done)]));
        d.end(a, None, &mut out);
        assert_eq!((told(&mut out), d.rows(at(0), &roster).len()), ((Vec::new(), Vec::new()), 0));
    }

    #[test]
    fn the_prompt_is_told_of_a_download_whose_watcher_went_away() {
        let (mut d, mut jobs, mut out) = (Downloads::default(), Jobs::default(), Outputs::default());
        let job = begin(&mut d, &mut jobs, 1);
        d.watch(job, AskId(7));
        let missing =
            Reply::Missing { path: "x".to_owned(), failure: Failure::new(Code::NoHolder, "nobody has it") };
        d.tell(job, missing.clone(), &mut out);
        let Some(PeerOutput::ReplyOr(AskId(7), reply, shown)) = out.pop() else { panic!() };
        assert_eq!((reply, shown), (missing.clone(), Notice::Download(job.0, missing.clone())));
        // Each of many files would be too much of it; only its end is shown.
        let many = begin(&mut d, &mut jobs, 21);
        d.tell(many, missing.clone(), &mut out);
        assert_eq!(told(&mut out), (Vec::new(), Vec::new()));
        d.tell_always(many, missing.clone(), &mut out);
        d.watch(many, AskId(7));
        d.tell(many, missing.clone(), &mut out);
        assert_eq!(told(&mut out), (vec![missing.clone()], vec![Notice::Download(many.0, missing)]));
        d.end(many, None, &mut out);
        assert!(matches!(out.pop(), Some(PeerOutput::ReplyOr(_, Reply::Done, Notice::Download(..)))));
    }

    #[test]
    fn a_reason_is_said_once() {
        let (mut d, mut jobs, mut out) = (Downloads::default(), Jobs::default(), Outputs::default());
        let (one, many, third) =
            (begin(&mut d, &mut jobs, 1), begin(&mut d, &mut jobs, 4), begin(&mut d, &mut jobs, 4));
        for job in [one, many, third] {
            d.watch(job, AskId(7));
        }
        let (full, none) = (Failure::new(Code::Full, "no room"), Failure::new(Code::NoHolder, "nobody"));
        let mut ended = |d: &mut Downloads, job, failure| {
            d.end(job, Some(failure), &mut out);
            told(&mut out).0
        };
        assert!(!d.part_failed(one, &full));
        assert_eq!(ended(&mut d, one, full.clone()), [Reply::Failed(full.clone())]);
        assert!(d.part_failed(many, &full) && d.part_failed(many, &none) && d.part_failed(third, &none));
        let sum = Failure::new(Code::NoHolder, "2 of 4 could not be fetched");
        assert_eq!(ended(&mut d, many, none), [Reply::Failed(sum)]);
        let stopped = Failure::other("the download was stopped");
        assert_eq!(ended(&mut d, third, stopped.clone()), [Reply::Failed(stopped)]);
    }

    #[test]
    fn strangers_with_many_paths_and_keys_are_noted_no_more_than_others() {
        let (mut d, mut jobs) = (Downloads::default(), Jobs::default());
        begin(&mut d, &mut jobs, 3);
        let path = |n: usize| format!("p{n}").parse().unwrap();
        let held: Vec<_> = (0..1_000).map(|n| (path(n), (FileId([1; 32]), 10))).collect();
        for n in 0..200 {
            d.note_listed(PeerId([n; 32]), &held);
        }
        assert_eq!(d.listed(PeerId([0; 32])).count(), 3);
        let all: usize = (0..200).map(|n| d.listed(PeerId([n; 32])).count()).sum();
        assert_eq!(all, 3 * limits::LISTED_PEERS);
    }

    #[test]
    fn what_is_wanted_of_one_peer_is_not_wanted_of_anyone() {
        let (mut d, mut jobs, mut out) = (Downloads::default(), Jobs::default(), Outputs::default());
        let owners = Owners::one(PeerId([1; 32]));
        let order =
            DownloadOrder { owners: owners.clone(), files: vec![wanted(1, 5)], ..DownloadOrder::default() };
        d.begin(&mut jobs, JobPurpose::Download, order, &mut out);
        let claim = (FileId([1; 32]), 5);
        assert!(d.is_wanted(claim) && !d.is_wanted_of_anyone(claim));
        assert!(d.wants(Owners::is_anyone).is_empty());
        assert_eq!(d.wants(|these| *these == owners), BTreeSet::from([claim]));
        let order = DownloadOrder { files: vec![wanted(1, 5)], ..DownloadOrder::default() };
        d.begin(&mut jobs, JobPurpose::Download, order, &mut out);
        assert!(d.is_wanted_of_anyone(claim));
    }
}
