//! Chunks that are fetched for custody: into the store, or to see whether a peer has what it says. Pure.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use super::CustodyDriver;
use super::served::CarriedCopy;
use crate::content::{Chunks, FileId, Span};
use crate::custody::ledger::LedgerKey;
use crate::distribution::chunk_store;
use crate::identity::PeerId;
use crate::peer::file_work::FileWork;
use crate::peer::jobs::{JobPurpose, Jobs};
use crate::peer::limits;
use crate::peer::output::Outputs;
use crate::peer::own_peer::OwnPeer;
use crate::receiver::ReceiverCommand;
use crate::receiver::through::ThroughFile;
use crate::sender::{SenderCommand, WithheldChunk};
use crate::swarm::{Job, JobId, Wanted};
use crate::time::Time;

/// Chunks that are to be fetched into the store.
#[derive(Clone, Debug)]
pub(in crate::peer) struct KeepOrder {
    pub(in crate::peer) file: FileId,
    pub(in crate::peer) size: u64,
    pub(in crate::peer) span: Span,
    /// Those who have some of it.
    pub(in crate::peer) sources: Vec<PeerId>,
    /// Some of it is here: it was downloaded a while ago, or is shared under another name.
    pub(in crate::peer) is_here: bool,
}

impl CustodyDriver {
    /// Has chunks fetched into the store.
    pub(in crate::peer) fn fetch(
        &mut self,
        order: KeepOrder,
        own: &OwnPeer,
        jobs: &mut Jobs,
        out: &mut Outputs,
    ) {
        let KeepOrder { file, size, span, sources, is_here } = order;
        let claim = (file, size);
        // Its owner has all of it.
        let whole = self.machine.keeper().owners_of(file);
        let (holders, mut some): (Vec<PeerId>, Vec<PeerId>) =
            sources.into_iter().partition(|p| whole.contains(p));
        if is_here {
            some.push(own.id());
        }
        if jobs.is_keeping_span(file, span) {
            out.receiver(ReceiverCommand::Holders(claim, holders));
            out.receiver(ReceiverCommand::Swarm(claim, some));
            return;
        }
        out.chunks(chunk_store::Command::Keep(file));
        let wanted = wanted(file, size, span, holders, some);
        let job = jobs.begin(JobPurpose::Keep { file, size, span });
        fetch_for(job, own.settings.store(), wanted, true, out);
    }

    /// Has a file fetched into the store that another peer wants.
    pub(in crate::peer) fn carry(&self, job: JobId, file: &ThroughFile, own: &OwnPeer, out: &mut Outputs) {
        let ThroughFile { owner, file, size, .. } = *file;
        out.chunks(chunk_store::Command::Keep(file));
        let wanted = Span::whole(size).and_then(|span| wanted(file, size, span, vec![owner], Vec::new()));
        fetch_for(job, own.settings.store(), wanted, false, out);
    }

    /// Tells the sender at once what is here as a whole of what others wanted.
    pub(in crate::peer) fn serve_carried(&mut self, now: Time, carried: Vec<CarriedCopy>, out: &mut Outputs) {
        self.served.carry(carried);
        self.served.stale(now);
        self.served.serve_chunks(self.machine.keeper(), out);
    }

    /// No more of a content is kept than these chunks: what fetches others of it is taken back.
    pub(in crate::peer) fn drop_kept(file: FileId, keep: Vec<Span>, jobs: &mut Jobs, out: &mut Outputs) {
        for job in jobs.keeps_beside(file, &keep) {
            jobs.end(job);
            out.receiver(ReceiverCommand::Cancel(job));
        }
        out.chunks(chunk_store::Command::Drop(file, keep));
    }

    /// Fetches one chunk of a peer, to see whether it has it: into a folder of its own, for it may be here,
    /// too. First the folder is made.
    pub(in crate::peer) fn challenge(
        &mut self,
        challenge: Challenge,
        own: &OwnPeer,
        jobs: &mut Jobs,
        out: &mut Outputs,
    ) {
        if let Some(bytes) = challenge.bytes() {
            let Challenge { peer, key: (_, file), .. } = challenge;
            out.sender(SenderCommand::Withhold(WithheldChunk { peer, file, bytes }));
        }
        let (job, folder) = jobs.begin_proof(&own.settings.store(), challenge.peer, challenge.key);
        self.challenges.insert(job, challenge);
        out.files(FileWork::Challenge(job, folder));
    }

    /// The folder of a challenge is there, or cannot be made.
    pub(in crate::peer) fn challenge_prepared(
        &mut self,
        now: Time,
        job: JobId,
        made: Result<(), String>,
        jobs: &mut Jobs,
        out: &mut Outputs,
    ) {
        let Some(Challenge { peer, key, size, chunk }) = self.challenges.remove(&job) else { return };
        let Some(JobPurpose::Prove { folder, .. }) = jobs.get(job) else { return };
        if let Err(e) = made {
            out.log_warning(format!("a challenge cannot be made: {}: {e}", folder.display()));
            jobs.end(job);
            out.sender(SenderCommand::Give(peer, key.1));
            return self.machine.challenge_answered(now, peer, key, false);
        }
        let span = Span { from: chunk, to: chunk.saturating_add(1) };
        let wanted = wanted(key.1, size, span, Vec::new(), vec![peer]);
        fetch_for(job, folder.clone(), wanted, false, out);
    }

    /// So many bytes of what is fetched into the store are here.
    pub(in crate::peer) fn job_moved(&mut self, now: Time, purpose: &JobPurpose, done: u64) {
        if let JobPurpose::Keep { file, size, span } = purpose
            && let Some(chunks) = Chunks::of(*size)
        {
            let have = u32::try_from(done / chunks.chunk_size()).unwrap_or(u32::MAX).min(span.len());
            self.machine.fetched(now, *file, *span, have, false);
        }
    }

    /// A job that fetched chunks into the store is over.
    pub(in crate::peer) fn kept(
        &mut self,
        now: Time,
        file: FileId,
        span: Span,
        is_good: bool,
        out: &mut Outputs,
    ) {
        if is_good {
            self.served.stale(now);
            self.machine.fetched(now, file, span, span.len(), true);
        } else {
            self.machine.failed(now, file);
            // What came of it can be had all the same.
            out.chunks(chunk_store::Command::Look(file));
        }
        self.looks += 1;
        out.chunks(chunk_store::Command::Space);
    }

    /// A job that proved whether a peer has a chunk is over.
    pub(in crate::peer) fn proved(
        &mut self,
        now: Time,
        peer: PeerId,
        key: LedgerKey,
        is_right: bool,
        folder: PathBuf,
        out: &mut Outputs,
    ) {
        out.chunks(chunk_store::Command::Remove(folder));
        out.sender(SenderCommand::Give(peer, key.1));
        self.machine.challenge_answered(now, peer, key, is_right);
    }
}

/// A chunk that a peer is to show that it has.
#[derive(Clone, Copy, Debug)]
pub(in crate::peer) struct Challenge {
    pub(in crate::peer) peer: PeerId,
    pub(in crate::peer) key: LedgerKey,
    pub(in crate::peer) size: u64,
    pub(in crate::peer) chunk: u32,
}

impl Challenge {
    /// Where the chunk lies in its file.
    fn bytes(&self) -> Option<Range<u64>> {
        let chunks = Chunks::of(self.size)?;
        chunks.index(self.chunk).map(|index| chunks.range(index))
    }
}

fn fetch_for(id: JobId, destination: PathBuf, wanted: Option<Wanted>, background: bool, out: &mut Outputs) {
    let files = wanted.into_iter().collect();
    let job = Job { id, destination, files, folders: Vec::new(), background };
    out.receiver(ReceiverCommand::Fetch(job));
}

/// Chunks of a file, for a job of potluck's own: `holders` have all of it, `some` may have some. `None`: no
/// file is that large.
fn wanted(id: FileId, size: u64, keep: Span, holders: Vec<PeerId>, some: Vec<PeerId>) -> Option<Wanted> {
    // What is kept lies under its id; no path that another one chose is used.
    let to = id.to_string().parse().ok()?;
    let asked = Arc::from("");
    let keep = Some(keep);
    (size <= limits::FILE).then_some(Wanted {
        here: None,
        id,
        size,
        modified: 0,
        executable: false,
        asked,
        to,
        holders,
        keep,
        some,
    })
}
