//! The queue as rows of the database: of each download how it stands, what it is to bring, and what of that is here.
//! Pure.
//!
//! A row that cannot be read counts as missing, and a download without both of its first two is none. A later potluck
//! may file more fields, or rows of other kinds; both are stepped over.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::entry::{QueueOrder, QueuedDownload};
use super::marks::FileMarks;
use crate::codec::{decode, encode};
use crate::content::{FileId, SafePath};
use crate::error::{Code, Failure};
use crate::identity::PeerId;
use crate::peer::limits;
use crate::peer::owners::Owners;
use crate::store::LedgerRow;
use crate::swarm::{JobId, Wanted};

/// First bytes of the keys; the number of the download follows.
const STATE: u8 = b'd';
const FILES: u8 = b'f';
const MARKS: u8 = b'm';

#[derive(Serialize, Deserialize)]
struct StoredState {
    words: Vec<String>,
    #[serde(default)]
    options: Vec<String>,
    from: StoredOwners,
    #[serde(with = "crate::control::local_path")]
    to: PathBuf,
    place: i64,
    #[serde(default)]
    is_first: bool,
    #[serde(default)]
    is_paused: bool,
    #[serde(default)]
    failure: Option<StoredFailure>,
    #[serde(default)]
    known: Vec<(PeerId, String)>,
    #[serde(default)]
    is_offered: bool,
}

#[derive(Serialize, Deserialize)]
struct StoredFailure {
    code: Code,
    message: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredOwners {
    Anyone,
    All,
    Only(BTreeSet<PeerId>),
}

#[derive(Serialize, Deserialize)]
struct StoredFiles {
    files: Vec<StoredFile>,
    folders: Vec<SafePath>,
}

#[derive(Serialize, Deserialize)]
struct StoredFile {
    id: FileId,
    size: u64,
    modified: i64,
    executable: bool,
    /// Which of the words brings it.
    word: u32,
    to: SafePath,
}

#[derive(Serialize, Deserialize)]
struct StoredMarks {
    #[serde(with = "serde_bytes")]
    here: Vec<u8>,
    #[serde(with = "serde_bytes")]
    lost: Vec<u8>,
    /// Bytes that are here of files that are not.
    #[serde(default)]
    held: u64,
}

/// How a download stands.
pub(super) fn state(id: JobId, download: &QueuedDownload) -> LedgerRow {
    let QueueOrder { words, options, owners, destination, .. } = &download.order;
    let from = match owners {
        Owners::Anyone | Owners::Absent(_) => StoredOwners::Anyone,
        Owners::All => StoredOwners::All,
        Owners::Only(peers) => StoredOwners::Only(peers.clone()),
    };
    let failure = download.failure.clone();
    let stored = StoredState {
        words: words.clone(),
        options: options.clone(),
        from,
        to: destination.clone(),
        place: download.place,
        is_first: download.is_first,
        is_paused: download.is_paused,
        failure: failure.map(|Failure { code, message }| StoredFailure { code, message }),
        known: download.known.clone(),
        is_offered: download.order.is_offered,
    };
    LedgerRow { key: key(STATE, id), value: Some(encode(&stored)) }
}

/// What a download is to bring.
pub(super) fn files(id: JobId, download: &QueuedDownload) -> LedgerRow {
    let QueueOrder { words, files, folders, .. } = &download.order;
    let word = |asked: &str| words.iter().position(|word| word == asked).unwrap_or_default();
    let files = files.iter().map(|file| StoredFile {
        id: file.id,
        size: file.size,
        modified: file.modified,
        executable: file.executable,
        word: u32::try_from(word(&file.asked)).unwrap_or_default(),
        to: file.to.clone(),
    });
    let stored = StoredFiles { files: files.collect(), folders: folders.clone() };
    LedgerRow { key: key(FILES, id), value: Some(encode(&stored)) }
}

/// What of a download is here, and what will not come.
pub(super) fn marks(id: JobId, download: &QueuedDownload) -> LedgerRow {
    let marks = |of: &FileMarks| of.as_bytes().to_vec();
    let stored =
        StoredMarks { here: marks(&download.here), lost: marks(&download.lost), held: download.held };
    LedgerRow { key: key(MARKS, id), value: Some(encode(&stored)) }
}

/// The rows that forget a download.
pub(super) fn without(id: JobId) -> [LedgerRow; 3] {
    [STATE, FILES, MARKS].map(|kind| LedgerRow { key: key(kind, id), value: None })
}

/// The downloads that these rows tell of; at most [`limits::QUEUED`].
pub(super) fn restored(rows: &[LedgerRow]) -> BTreeMap<JobId, QueuedDownload> {
    let (mut states, mut files, mut marks) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for row in rows {
        let Some((kind, id)) = row.key.split_first().and_then(|(kind, id)| Some((kind, number(id)?))) else {
            continue;
        };
        let Some(value) = row.value.as_deref() else { continue };
        match *kind {
            STATE => drop(decode::<StoredState>(value).map(|state| states.insert(id, state))),
            FILES => drop(decode::<StoredFiles>(value).map(|of| files.insert(id, of))),
            MARKS => drop(decode::<StoredMarks>(value).map(|of| marks.insert(id, of))),
            _ => {}
        }
    }
    let whole = states
        .into_iter()
        .filter_map(|(id, state)| Some((id, download(state, files.remove(&id)?, marks.remove(&id)))));
    whole.take(limits::QUEUED).collect()
}

fn download(state: StoredState, of: StoredFiles, marks: Option<StoredMarks>) -> QueuedDownload {
    let owners = match state.from {
        StoredOwners::Anyone => Owners::Anyone,
        StoredOwners::All => Owners::All,
        StoredOwners::Only(peers) => Owners::Only(peers),
    };
    let words: Vec<Arc<str>> = state.words.iter().map(|word| Arc::from(word.as_str())).collect();
    let word =
        |at: u32| words.get(at as usize).or_else(|| words.first()).cloned().unwrap_or_else(|| Arc::from(""));
    let files = of.files.into_iter().map(|file| Wanted {
        here: None,
        id: file.id,
        size: file.size,
        modified: file.modified,
        executable: file.executable,
        asked: word(file.word),
        to: file.to,
        holders: Vec::new(),
        keep: None,
        some: Vec::new(),
    });
    let order = QueueOrder {
        files: files.collect(),
        folders: of.folders,
        words: state.words,
        options: state.options,
        owners,
        destination: state.to,
        is_offered: state.is_offered,
    };
    let mut download = QueuedDownload::new(order, state.place);
    download.is_first = state.is_first;
    download.is_paused = state.is_paused;
    download.failure = state.failure.map(|StoredFailure { code, message }| Failure { code, message });
    download.known = state.known;
    if let Some(StoredMarks { here, lost, held }) = marks {
        download.set_marks(FileMarks::of(here), FileMarks::of(lost));
        download.held = held;
    }
    download
}

fn key(kind: u8, id: JobId) -> Vec<u8> {
    [&[kind], id.0.to_be_bytes().as_slice()].concat()
}

fn number(bytes: &[u8]) -> Option<JobId> {
    Some(JobId(u64::from_be_bytes(bytes.try_into().ok()?)))
}
