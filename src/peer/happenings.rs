//! What those who watch are told of what happens. Pure.

use super::output::Outputs;
use super::roster::Roster;
use super::transfers::{EndedDownload, SentRecord};
use crate::content::{Catalogue, Entry, EntryKind};
use crate::control::{DownloadOutcome, DownloadRow, TransferOutcome, WatchKind, WatchRow};
use crate::identity::PeerId;
use crate::sender::SentFor;
use crate::swarm::Progress;

/// A peer is here, or gone, for this reason.
pub(super) fn peer(kind: WatchKind, id: PeerId, name: &str, why: Option<&str>) -> WatchRow {
    WatchRow {
        name: Some(name.to_owned()),
        peer: Some(id.full()),
        text: why.map(str::to_owned),
        ..WatchRow::of(kind)
    }
}

/// What a peer shares is known.
pub(super) fn shares(id: PeerId, roster: &Roster, catalogue: &Catalogue) -> WatchRow {
    let sizes = catalogue.entries().filter_map(|entry| match entry.kind {
        EntryKind::File { size, .. } => Some(size),
        EntryKind::Folder => None,
    });
    let (files, size) =
        sizes.fold((0_u64, 0_u64), |(files, sum), size| (files + 1, sum.saturating_add(size)));
    WatchRow {
        files: Some(files),
        size: Some(size),
        ..peer(WatchKind::PeerShares, id, &roster.name(id), None)
    }
}

/// This peer shared the one, and shares the other from now on.
pub(super) fn own_files(before: &Catalogue, now: &Catalogue, out: &mut Outputs) {
    let mut tell = |kind, entry: &Entry| {
        let EntryKind::File { id, size, .. } = entry.kind else { return };
        out.event(|| WatchRow {
            path: Some(entry.path.as_str().to_owned()),
            id: Some(id.to_string()),
            size: Some(size),
            ..WatchRow::of(kind)
        });
    };
    for entry in now.entries() {
        match before.get(&entry.path) {
            Some(old) if old.content() == entry.content() => {}
            Some(old) if old.content().is_some() => tell(WatchKind::FileChanged, entry),
            _ => tell(WatchKind::FileShared, entry),
        }
    }
    for entry in before.entries() {
        if now.get(&entry.path).is_none_or(|new| new.content().is_none()) {
            tell(WatchKind::FileGone, entry);
        }
    }
}

/// A download begins.
pub(super) fn download_started(progress: &Progress, what: &str) -> WatchRow {
    WatchRow {
        job: Some(progress.job.0),
        path: Some(what.to_owned()),
        files: Some(progress.files),
        size: Some(progress.size),
        ..WatchRow::of(WatchKind::DownloadStarted)
    }
}

/// How far all downloads are.
pub(super) fn downloads(rows: &[DownloadRow], out: &mut Outputs) {
    for row in rows {
        out.event(|| WatchRow {
            job: Some(row.job),
            path: Some(row.what.clone()),
            files: Some(row.files),
            size: Some(row.size),
            bytes: Some(row.done),
            ..WatchRow::of(WatchKind::DownloadProgress)
        });
    }
}

/// A download is over.
pub(super) fn download_ended(ended: &EndedDownload) -> WatchRow {
    let sum = &ended.sum;
    let outcome = match sum.outcome {
        DownloadOutcome::Done => TransferOutcome::Done,
        DownloadOutcome::Incomplete => TransferOutcome::Incomplete,
        DownloadOutcome::Stopped | DownloadOutcome::Dropped => TransferOutcome::Stopped,
        DownloadOutcome::Left | DownloadOutcome::Continues => TransferOutcome::Left,
        DownloadOutcome::Waiting => TransferOutcome::Part,
    };
    WatchRow {
        job: Some(sum.job),
        path: Some(sum.what.clone()),
        files: Some(sum.files),
        size: Some(sum.size),
        bytes: Some(sum.done),
        outcome: Some(outcome),
        text: sum.failures.first().map(|of| of.failure.message.clone()),
        ..WatchRow::of(WatchKind::DownloadEnded)
    }
}

/// Something is sent to a peer.
pub(super) fn upload(kind: WatchKind, record: &SentRecord) -> WatchRow {
    let outcome = if record.is_whole() { TransferOutcome::Done } else { TransferOutcome::Part };
    let why = match record.why {
        SentFor::Fetch => None,
        SentFor::Keep => Some("keep".to_owned()),
        SentFor::Read => Some("read".to_owned()),
    };
    WatchRow {
        path: record.path.as_ref().map(|path| path.as_str().to_owned()),
        id: Some(record.file.to_string()),
        size: Some(record.size),
        bytes: Some(record.bytes),
        outcome: (kind == WatchKind::UploadEnded).then_some(outcome),
        text: why,
        ..peer(kind, record.to.peer, &record.name, None)
    }
}
