//! What `log` shows of what was sent and fetched. Pure.

use std::collections::BTreeMap;

use super::Transfers;
use super::fetched::FetchedRecord;
use super::sent::SentRecord;
use crate::content::{FileId, SafePath};
use crate::control::file_word::FileWord;
use crate::control::{DownloadOutcome, LogRow, TransferOutcome, TransferPurpose, TransferWay};
use crate::identity::PeerId;
use crate::peer::resolve::file_digits;
use crate::sender::SentFor;

/// Two files that a peer takes out of one folder are told together if no more time passes between them; milliseconds.
const TOGETHER: u64 = 60_000;

/// What a word may mean: all of it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::peer) struct LogFilter {
    /// A word was typed: what it does not mean is not shown.
    is_typed: bool,
    peer: Option<PeerId>,
    file: Option<FileFilter>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum FileFilter {
    Digits(String),
    Path(SafePath),
}

impl LogFilter {
    /// Whatever concerns the peer, or the file or folder that the word means.
    pub(in crate::peer) fn of(word: &str, peer: Option<PeerId>) -> Self {
        let file = match FileWord::of(word) {
            FileWord::Id(digits) => file_digits(digits).map(FileFilter::Digits),
            FileWord::Path(path) => path.trim_end_matches('/').parse().ok().map(FileFilter::Path),
        };
        Self { is_typed: true, peer, file }
    }

    const fn is_all(&self) -> bool {
        !self.is_typed
    }

    fn has_peer(&self, mut peers: impl Iterator<Item = PeerId>) -> bool {
        self.peer.is_some_and(|meant| peers.any(|peer| peer == meant))
    }

    fn has_file(&self, file: Option<FileId>, is_there: impl Fn(&SafePath) -> bool) -> bool {
        match &self.file {
            None => false,
            Some(FileFilter::Digits(digits)) => file.is_some_and(|id| id.to_string().starts_with(digits)),
            Some(FileFilter::Path(path)) => is_there(path),
        }
    }

    fn has_sent(&self, record: &SentRecord) -> bool {
        let is_there = |at: &SafePath| record.path.as_ref().is_some_and(|p| p == at || p.is_below(at));
        self.is_all()
            || self.has_peer(core::iter::once(record.to.peer))
            || self.has_file(Some(record.file), is_there)
    }

    fn has_fetched(&self, record: &FetchedRecord) -> bool {
        let is_there = |at: &SafePath| has_word(&record.what, at.as_str());
        self.is_all()
            || self.has_peer(record.from.iter().map(|(peer, _)| *peer))
            || self.has_file(record.file, is_there)
    }
}

/// What is shown at this date: what ended first comes first. `by_folder`: what a peer takes out of one folder is one row.
pub(in crate::peer) fn rows(
    transfers: &Transfers,
    date: u64,
    filter: &LogFilter,
    by_folder: bool,
) -> Vec<LogRow> {
    let fetched = transfers.fetched.iter().map(|(_, record)| record);
    let mut rows: Vec<LogRow> = fetched.filter(|r| filter.has_fetched(r)).map(fetched_row).collect();
    let mut open: BTreeMap<(PeerId, &str, SentFor), usize> = BTreeMap::new();
    for (_, record) in transfers.sent.iter().filter(|(_, record)| filter.has_sent(record)) {
        let row = sent_row(record, date);
        let folder = record.path.as_ref().and_then(|path| path.as_str().split_once('/'));
        if let (true, Some((folder, _))) = (by_folder, folder) {
            let key = (record.to.peer, folder, record.why);
            let known = open.get(&key).and_then(|at| rows.get_mut(*at));
            if let Some(known) = known.filter(|known| row.began <= known.ended.saturating_add(TOGETHER)) {
                join(known, &row, folder);
                continue;
            }
            open.insert(key, rows.len());
        }
        rows.push(row);
    }
    rows.sort_by_key(|row| row.ended);
    rows
}

/// True if a path, or something below it, is among words that were typed one behind the other.
fn has_word(words: &str, path: &str) -> bool {
    words.match_indices(path).any(|(at, _)| {
        let (before, behind) = (&words[..at], &words[at + path.len()..]);
        (before.is_empty() || before.ends_with(' ')) && (behind.is_empty() || behind.starts_with([' ', '/']))
    })
}

/// Another file out of the same folder.
fn join(row: &mut LogRow, other: &LogRow, folder: &str) {
    row.path = Some(format!("{folder}/"));
    row.id = None;
    row.ended = row.ended.max(other.ended);
    // Small files follow each other: each alone takes no time that could be told.
    row.millis =
        row.millis.saturating_add(other.millis).max(row.ended.saturating_sub(row.began).min(TOGETHER));
    row.files += 1;
    row.size = row.size.saturating_add(other.size);
    row.bytes = row.bytes.saturating_add(other.bytes);
    row.outcome = match (row.outcome, other.outcome) {
        (TransferOutcome::Running, _) | (_, TransferOutcome::Running) => TransferOutcome::Running,
        (TransferOutcome::Done, TransferOutcome::Done) => TransferOutcome::Done,
        _ => TransferOutcome::Part,
    };
}

fn sent_row(record: &SentRecord, date: u64) -> LogRow {
    let outcome = match record {
        record if record.is_whole() => TransferOutcome::Done,
        record if record.is_running(date) => TransferOutcome::Running,
        _ => TransferOutcome::Part,
    };
    LogRow {
        way: TransferWay::Out,
        began: record.began,
        ended: record.ended,
        millis: record.busy,
        peers: vec![record.name.as_ref().to_owned()],
        peer_ids: vec![record.to.peer.full()],
        peer_count: 1,
        path: record.path.as_ref().map(|path| path.as_str().to_owned()),
        id: Some(record.file.to_string()),
        files: 1,
        size: record.size,
        bytes: record.bytes,
        purpose: match record.why {
            SentFor::Fetch => TransferPurpose::Download,
            SentFor::Keep => TransferPurpose::Keep,
            SentFor::Read => TransferPurpose::Read,
        },
        outcome,
        failed: 0,
        why: None,
        to: None,
    }
}

fn fetched_row(record: &FetchedRecord) -> LogRow {
    LogRow {
        way: TransferWay::In,
        began: record.began,
        ended: record.ended,
        millis: record.ended.saturating_sub(record.began),
        peers: record.from.iter().map(|(_, name)| name.clone()).collect(),
        peer_ids: record.from.iter().map(|(peer, _)| peer.full()).collect(),
        peer_count: record.from_count,
        path: Some(record.what.clone()),
        id: record.file.map(|file| file.to_string()),
        files: record.files,
        size: record.size,
        bytes: record.fetched,
        purpose: TransferPurpose::Download,
        outcome: match record.outcome {
            DownloadOutcome::Done => TransferOutcome::Done,
            DownloadOutcome::Incomplete => TransferOutcome::Incomplete,
            DownloadOutcome::Stopped | DownloadOutcome::Dropped => TransferOutcome::Stopped,
            DownloadOutcome::Left | DownloadOutcome::Continues => TransferOutcome::Left,
            DownloadOutcome::Waiting => TransferOutcome::Part,
        },
        failed: record.failed,
        why: record.why.clone(),
        to: record.to.clone(),
    }
}
