//! What is noted of transfers, as rows of the database. Pure.
//!
//! A row that cannot be read counts as missing. A later potluck may file more fields, or rows of other kinds; both are
//! stepped over.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::fetched::FetchedRecord;
use super::sent::{RecordPlace, SentRecord};
use crate::accounts::{AccountHost, Payer};
use crate::codec::{decode, encode};
use crate::content::{ByteRanges, FileId};
use crate::control::DownloadOutcome;
use crate::identity::PeerId;
use crate::sender::SentFor;
use crate::store::LedgerRow;

/// First bytes of the keys.
const SENT: u8 = b's';
const FETCHED: u8 = b'f';

/// One thing that is noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TransferRecord {
    /// What was sent.
    Sent(RecordPlace, SentRecord),
    /// What was downloaded.
    Fetched(RecordPlace, FetchedRecord),
}

#[derive(Serialize, Deserialize)]
struct StoredSent {
    peer: PeerId,
    host: AccountHost,
    name: String,
    file: FileId,
    size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    why: SentFor,
    began: u64,
    ended: u64,
    busy: u64,
    bytes: u64,
    ranges: Vec<(u64, u64)>,
}

#[derive(Serialize, Deserialize)]
struct StoredFetched {
    began: u64,
    ended: u64,
    what: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    file: Option<FileId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    outcome: DownloadOutcome,
    files: u64,
    failed: u64,
    size: u64,
    fetched: u64,
    from: Vec<(PeerId, String)>,
    from_count: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

impl TransferRecord {
    /// What a row keeps, if it can be read.
    pub(super) fn of(row: &LedgerRow) -> Option<Self> {
        let (kind, place) = row.key.split_first()?;
        let place = RecordPlace(u64::from_be_bytes(place.try_into().ok()?));
        let value = row.value.as_deref()?;
        Some(match *kind {
            SENT => {
                let s: StoredSent = decode(value).ok()?;
                let record = SentRecord {
                    to: Payer { host: s.host, peer: s.peer },
                    name: Arc::from(s.name),
                    file: s.file,
                    size: s.size,
                    path: s.path.and_then(|path| path.parse().ok()),
                    why: s.why,
                    began: s.began,
                    ended: s.ended,
                    busy: s.busy,
                    bytes: s.bytes,
                    ranges: ByteRanges::of(s.ranges),
                };
                Self::Sent(place, record)
            }
            FETCHED => {
                let f: StoredFetched = decode(value).ok()?;
                let record = FetchedRecord {
                    began: f.began,
                    ended: f.ended,
                    what: f.what,
                    file: f.file,
                    to: f.to.map(PathBuf::from),
                    outcome: f.outcome,
                    files: f.files,
                    failed: f.failed,
                    size: f.size,
                    fetched: f.fetched,
                    from: f.from,
                    from_count: f.from_count,
                    why: f.why,
                };
                Self::Fetched(place, record)
            }
            _ => return None,
        })
    }
}

/// The row of something that was sent; `None`: it is to be removed.
pub(super) fn sent_row(place: RecordPlace, record: Option<SentRecord>) -> LedgerRow {
    let value = record.map(|record| {
        encode(&StoredSent {
            peer: record.to.peer,
            host: record.to.host,
            name: record.name.as_ref().to_owned(),
            file: record.file,
            size: record.size,
            path: record.path.map(|path| path.as_str().to_owned()),
            why: record.why,
            began: record.began,
            ended: record.ended,
            busy: record.busy,
            bytes: record.bytes,
            ranges: record.ranges.iter().collect(),
        })
    });
    LedgerRow { key: key(SENT, place), value }
}

/// The row of a download; `None`: it is to be removed.
pub(super) fn fetched_row(place: RecordPlace, record: Option<FetchedRecord>) -> LedgerRow {
    let value = record.map(|record| {
        encode(&StoredFetched {
            began: record.began,
            ended: record.ended,
            what: record.what,
            file: record.file,
            // What is not UTF-8 is not told again.
            to: record.to.and_then(|to| to.to_str().map(str::to_owned)),
            outcome: record.outcome,
            files: record.files,
            failed: record.failed,
            size: record.size,
            fetched: record.fetched,
            from: record.from,
            from_count: record.from_count,
            why: record.why,
        })
    });
    LedgerRow { key: key(FETCHED, place), value }
}

fn key(kind: u8, place: RecordPlace) -> Vec<u8> {
    [&[kind], place.0.to_be_bytes().as_slice()].concat()
}
