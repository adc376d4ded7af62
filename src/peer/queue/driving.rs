//! What the machine of a peer does for its queue: who gives what, what the receiver is to fetch, what is written down.
//! Pure.

use std::collections::BTreeSet;

use super::{DiscardOrder, Queue, QueueOrder, QueuedDownload};
use crate::content::{Catalogue, Claim, partial};
use crate::control::{DownloadRow, QueueRow, QueueState};
use crate::error::Failure;
use crate::identity::PeerId;
use crate::peer::downloads::{DownloadOrder, Downloads};
use crate::peer::file_work::FileWork;
use crate::peer::holders::claim;
use crate::peer::jobs::JobPurpose;
use crate::peer::machine::PeerMachine;
use crate::peer::output::{Outputs, PeerOutput};
use crate::peer::owners::Owners;
use crate::peer::resolve::note_holders;
use crate::peer::roster::Roster;
use crate::receiver::ReceiverCommand;
use crate::swarm::{JobEvent, JobId};
use crate::text::number;
use crate::time::Time;

/// Why a download waits for others before it.
const QUEUED: &str = "waits for those before it";

/// Why a download waits of which nobody knows from whom it is to come.
const NOBODY: &str = "nobody who has it is here";

/// One more download, which begins at once if it can. Its number.
pub(in crate::peer) fn queue_download(now: Time, order: QueueOrder, peer: &mut PeerMachine) -> JobId {
    let id = peer.jobs.number();
    let givers: Vec<PeerId> = givers(&order, &peer.presence.roster);
    peer.downloads.queue.add(id, order);
    let roster = &peer.presence.roster;
    for giver in givers {
        peer.downloads.queue.note_owner(id, giver, || roster.name(giver));
    }
    turn_queue(now, peer);
    id
}

/// Has the receiver fetch what can be fetched now, and end what is to rest; notes down what changed.
pub(in crate::peer) fn turn_queue(now: Time, peer: &mut PeerMachine) {
    while let Some(order) = peer.downloads.queue.discards.next(now) {
        let DiscardOrder { job, destination, files } = order;
        peer.out.files(FileWork::Discard(job, destination, files));
    }
    if !peer.departure.is_begun() {
        look_for_offers(peer);
        while let Some(id) = peer.downloads.queue.next_to_stop(now) {
            stop_job(now, id, peer);
        }
        while let Some(id) = peer.downloads.queue.next(now) {
            begin_queued(now, id, peer);
        }
    }
    write(now, false, &mut peer.downloads.queue, &mut peer.out);
}

/// Has the receiver end a download; what arrived stays.
pub(in crate::peer) fn stop_job(now: Time, id: JobId, peer: &mut PeerMachine) {
    if peer.downloads.is_waiting(id) {
        // The receiver knows nothing of it yet.
        let stopped = Failure::other("the download was stopped");
        peer.on_job(now, JobEvent::Finished(id, 0, Some(stopped)));
    } else {
        peer.out.receiver(ReceiverCommand::Cancel(id));
    }
}

/// Looks up who gives something of those of which that is not known.
fn look_for_offers(peer: &mut PeerMachine) {
    for (id, lacks) in peer.downloads.queue.take_stale() {
        let Some(QueueOrder { owners, is_offered, .. }) = peer.downloads.queue.get(id).map(|d| &d.order)
        else {
            continue;
        };
        let roster = &peer.presence.roster;
        let mut offers: BTreeSet<PeerId> = roster.holders(&lacks, owners).into_values().flatten().collect();
        if *is_offered {
            offers.extend(offerers(owners, roster));
        }
        if owners.is_anyone() {
            let kept = roster.away.parts(&lacks).into_values().flatten().map(|(keeper, _)| keeper);
            offers
                .extend(kept.filter(|keeper| roster.contact(*keeper).is_some() || *keeper == peer.own.id()));
            if lacks.iter().any(|(file, _)| peer.custody.served.has(*file)) {
                offers.insert(peer.own.id());
            }
        }
        peer.downloads.queue.set_offers(id, offers);
    }
}

fn begin_queued(now: Time, id: JobId, peer: &mut PeerMachine) {
    let Some(download) = peer.downloads.queue.get(id) else { return };
    let QueueOrder { owners, destination, folders, is_offered, .. } = &download.order;
    let mut files: Vec<_> = download.lacking().cloned().collect();
    let roster = &peer.presence.roster;
    note_holders(&mut files, roster, owners);
    for offerer in offerers(owners, roster).filter(|_| *is_offered) {
        let has_not = files.iter_mut().filter(|file| !file.holders.contains(&offerer));
        has_not.for_each(|file| file.holders.push(offerer));
    }
    if owners.is_anyone() {
        // What this peer keeps for another one need not come over the network.
        // What came of it before would be left over beside a copy.
        let is_new = download.sizes().held == 0;
        let store = peer.own.settings.store();
        for file in files.iter_mut().filter(|file| peer.custody.served.has(file.id)) {
            file.some.push(peer.own.id());
            let is_copied = is_new && peer.custody.served.has_all((file.id, file.size));
            file.here = is_copied.then(|| partial::path(&store, file.id));
        }
    }
    // The rest comes once somebody has it.
    let lacking = files.len();
    files.retain(|file| !(file.holders.is_empty() && file.some.is_empty()));
    let is_whole = files.len() == lacking;
    let folders = folders.clone();
    if files.is_empty() && lacking > 0 {
        return peer.downloads.queue.set_offers(id, BTreeSet::new());
    }
    let earlier = download.sizes();
    let (owners, destination) = (owners.clone(), destination.clone());
    let (what, notes, is_offered) = (download.what(), Vec::new(), *is_offered);
    let order = DownloadOrder { what, owners, destination, files, folders, notes, is_offered };
    peer.jobs.run(id, JobPurpose::Download);
    peer.downloads.queue.handle_begun(id, is_whole);
    let watchers = peer.downloads.queue.take_watchers(id);
    peer.downloads.run(now, id, order, &mut peer.out);
    peer.downloads.note_earlier(id, earlier, watchers);
    peer.downloads.note_holders(id, &peer.presence.roster);
    if peer.downloads.queue.first() == Some(id) {
        peer.out.receiver(ReceiverCommand::First(Some(id)));
    }
}

/// Those of the owners who are here.
fn offerers(owners: &Owners, roster: &Roster) -> impl Iterator<Item = PeerId> {
    owners.each().filter(|owner| roster.contact(*owner).is_some())
}

/// The rows of these downloads.
pub(in crate::peer) fn queue_rows(now: Time, ids: &[JobId], peer: &PeerMachine) -> Vec<QueueRow> {
    ids.iter().filter_map(|id| peer.downloads.queue_row(now, *id, &peer.presence.roster)).collect()
}

/// Writes down what changed.
pub(in crate::peer) fn write(now: Time, is_last: bool, queue: &mut Queue, out: &mut Outputs) {
    let rows = queue.take_rows(now, is_last);
    if !rows.is_empty() {
        out.push(PeerOutput::Downloads(rows));
    }
}

/// Those from whom it is to come: who is named, else those who list something of it.
fn givers(order: &QueueOrder, roster: &Roster) -> Vec<PeerId> {
    if !order.owners.is_anyone() {
        return order.owners.each().collect();
    }
    let lacks: BTreeSet<Claim> = order.files.iter().map(|file| (file.id, file.size)).collect();
    let mut givers = Vec::new();
    let remembered = Owners::Absent(roster.absent().collect());
    for (peer, entry) in roster.entries(&Owners::Anyone).chain(roster.entries(&remembered)) {
        if givers.last() != Some(&peer) && claim(entry).is_some_and(|claim| lacks.contains(&claim)) {
            givers.push(peer);
        }
    }
    givers
}

impl Downloads {
    /// A peer that is here lists this.
    pub(in crate::peer) fn queue_listed(&mut self, peer: PeerId, catalogue: &Catalogue) {
        if self.queue.is_waiting() {
            let listed = catalogue.entries().filter_map(claim).collect();
            self.queue.handle_listed(peer, &listed);
        }
    }

    /// How a download of the queue stands that somebody asked for.
    pub(in crate::peer) fn begun_row(&self, now: Time, id: JobId, roster: &Roster) -> Option<DownloadRow> {
        if let Some(running) = self.get(id) {
            return Some(self.queue.with_waiting(running.row(now, roster), roster));
        }
        let QueueRow { job, what, done, size, files_done, files, speed, left, why, .. } =
            self.queue_row(now, id, roster)?;
        let (from, waiting, holders) = (Vec::new(), why, Vec::new());
        Some(DownloadRow {
            job,
            what,
            done,
            size,
            files_done,
            files,
            speed,
            left,
            fetched: 0,
            from,
            waiting,
            holders,
        })
    }

    /// How a download of the queue stands.
    pub(in crate::peer) fn queue_row(&self, now: Time, id: JobId, roster: &Roster) -> Option<QueueRow> {
        let (download, state) = (self.queue.get(id)?, self.queue.state(now, id)?);
        let sizes = download.sizes();
        let mut row = QueueRow {
            job: id.0,
            what: download.what(),
            state,
            done: sizes.bytes_here.saturating_add(sizes.held),
            size: sizes.bytes,
            files_done: sizes.files_here,
            files: sizes.files,
            speed: 0,
            left: None,
            from: download.waits_for(),
            why: None,
            is_first: download.is_first,
            to: download.order.destination.clone(),
        };
        if let Some(running) = self.get(id) {
            let running = self.queue.with_waiting(running.row(now, roster), roster);
            (row.done, row.files_done, row.why) = (running.done, running.files_done, running.waiting);
            if state == QueueState::Downloading {
                (row.speed, row.left) = (running.speed, running.left);
                row.from = running.from;
            }
        } else {
            row.why = match state {
                QueueState::Failed => download.why_failed(),
                QueueState::Waiting => Some(download.why_waiting(roster)),
                QueueState::Queued => Some(QUEUED.to_owned()),
                QueueState::Downloading | QueueState::Paused | QueueState::Stopping | QueueState::Removed => {
                    None
                }
            };
        }
        Some(row)
    }
}

impl Queue {
    /// A running download, as it is shown: if none of those is here from whom it is to come, it waits for them.
    pub(in crate::peer) fn with_waiting(&self, mut row: DownloadRow, roster: &Roster) -> DownloadRow {
        if row.waiting.is_some()
            && row.from.is_empty()
            && let Some(download) = self.get(JobId(row.job))
            && download.is_nobody_here(roster)
        {
            row.waiting = Some(download.why_waiting(roster));
        }
        row
    }
}

impl QueuedDownload {
    /// True if none of those is here from whom it is to come, and it is known who they are.
    fn is_nobody_here(&self, roster: &Roster) -> bool {
        !self.known.is_empty() && self.known.iter().all(|(peer, _)| roster.contact(*peer).is_none())
    }

    /// For whom it waits.
    fn why_waiting(&self, roster: &Roster) -> String {
        let names = self.waits_for();
        match &names[..] {
            [] => NOBODY.to_owned(),
            _ if !self.is_nobody_here(roster) => self.why_not_given(roster),
            [one] => format!("waits for {one}"),
            [one, other] => format!("waits for {one} or {other}"),
            [one, others @ ..] => format!("waits for {one} or {} others", others.len()),
        }
    }

    /// Why those do not give it who are here.
    fn why_not_given(&self, roster: &Roster) -> String {
        let here = self.known.iter().filter(|(peer, _)| roster.contact(*peer).is_some());
        let is_offered = self.offers.as_ref().is_some_and(|offers| !offers.is_empty());
        let unshared = here.filter(|(peer, _)| !is_offered && roster.catalogue(*peer).is_some());
        match unshared.map(|(_, name)| name).next().filter(|_| !self.order.is_offered) {
            Some(name) => {
                format!("{name} is here and does not share it as it was: waits for somebody who does")
            }
            None => "those who have it do not give it now: tried again later".to_owned(),
        }
    }

    /// Why it does not go on, and how much of it that concerns.
    fn why_failed(&self) -> Option<String> {
        let message = &self.failure.as_ref()?.message;
        let lost = (0..self.order.files.len()).filter(|at| self.lost.has(*at)).count();
        Some(if lost > 1 {
            format!("{} files failed; {message}", number(lost as u64))
        } else {
            message.clone()
        })
    }
}
