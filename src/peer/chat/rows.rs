//! What is kept of the room, as rows of the database. Pure.
//!
//! A row that cannot be read counts as missing: one line less is shown. A later potluck may file more fields, or rows
//! of other kinds; both are stepped over.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::heard::HeardPeer;
use super::kept::{ChatLine, LinePlace, LineTo};
use crate::accounts::AccountHost;
use crate::codec::{decode, encode};
use crate::identity::PeerId;
use crate::lan::HeardMark;
use crate::store::{CHAT_EVERYWHERE, LedgerRow};

/// First bytes of the keys.
const LINE: u8 = b'l';
const HEARD: u8 = b'h';
const IGNORED: u8 = CHAT_EVERYWHERE;

/// One thing that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ChatRecord {
    /// A line, and where it was said.
    Line(LinePlace, AccountHost, ChatLine),
    /// How far a peer was heard, and where it was.
    Heard(PeerId, AccountHost, HeardPeer),
    /// A peer that is ignored, and its name.
    Ignored(PeerId, String),
}

#[derive(Serialize, Deserialize)]
struct StoredLine {
    peer: PeerId,
    host: AccountHost,
    name: String,
    to: StoredTo,
    said: u64,
    text: Arc<str>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredTo {
    Everyone,
    Us,
    One { peer: PeerId, name: String },
}

#[derive(Serialize, Deserialize)]
struct StoredHeard {
    host: AccountHost,
    #[serde(default)]
    room: Option<HeardMark>,
    #[serde(default)]
    alone: Option<HeardMark>,
}

#[derive(Serialize, Deserialize)]
struct StoredIgnored {
    name: String,
}

impl ChatRecord {
    /// The row that keeps it.
    pub(super) fn row(&self) -> LedgerRow {
        let (key, value) = match self {
            Self::Line(place, host, ChatLine { peer, name, to, said, text }) => {
                let to = match to {
                    LineTo::Everyone => StoredTo::Everyone,
                    LineTo::Us => StoredTo::Us,
                    LineTo::One { peer, name } => StoredTo::One { peer: *peer, name: name.clone() },
                };
                let (name, text) = (name.clone(), Arc::clone(text));
                let line = StoredLine { peer: *peer, host: *host, name, to, said: *said, text };
                (line_key(*place), encode(&line))
            }
            Self::Heard(peer, host, HeardPeer { room, alone }) => {
                let heard = StoredHeard { host: *host, room: *room, alone: *alone };
                (peer_key(HEARD, *peer), encode(&heard))
            }
            Self::Ignored(peer, name) => {
                (peer_key(IGNORED, *peer), encode(&StoredIgnored { name: name.clone() }))
            }
        };
        LedgerRow { key, value: Some(value) }
    }

    /// What a row keeps, if it can be read.
    pub(super) fn of(row: &LedgerRow) -> Option<Self> {
        let (kind, id) = row.key.split_first()?;
        let value = row.value.as_deref()?;
        let peer = || Some(PeerId(id.try_into().ok()?));
        Some(match *kind {
            LINE => {
                let place = LinePlace(u64::from_be_bytes(id.try_into().ok()?));
                let StoredLine { peer, host, name, to, said, text } = decode(value).ok()?;
                let to = match to {
                    StoredTo::Everyone => LineTo::Everyone,
                    StoredTo::Us => LineTo::Us,
                    StoredTo::One { peer, name } => LineTo::One { peer, name },
                };
                Self::Line(place, host, ChatLine { peer, name, to, said, text })
            }
            HEARD => {
                let StoredHeard { host, room, alone } = decode(value).ok()?;
                Self::Heard(peer()?, host, HeardPeer { room, alone })
            }
            IGNORED => Self::Ignored(peer()?, decode::<StoredIgnored>(value).ok()?.name),
            _ => return None,
        })
    }
}

/// The row that removes a line.
pub(super) fn without_line(place: LinePlace) -> LedgerRow {
    LedgerRow { key: line_key(place), value: None }
}

/// The row that forgets how far a peer was heard.
pub(super) fn without_heard(peer: PeerId) -> LedgerRow {
    LedgerRow { key: peer_key(HEARD, peer), value: None }
}

/// The row that says that a peer is no longer ignored.
pub(super) fn without_ignored(peer: PeerId) -> LedgerRow {
    LedgerRow { key: peer_key(IGNORED, peer), value: None }
}

fn line_key(place: LinePlace) -> Vec<u8> {
    [&[LINE], place.0.to_be_bytes().as_slice()].concat()
}

fn peer_key(kind: u8, peer: PeerId) -> Vec<u8> {
    [&[kind], peer.0.as_slice()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Instance;

    fn records() -> Vec<ChatRecord> {
        let (peer, text) = (PeerId([7; 32]), Arc::from("hello \u{1b}"));
        let line = ChatLine { peer, name: "anna".into(), to: LineTo::Us, said: 77, text };
        let to_one = LineTo::One { peer: PeerId([8; 32]), name: "bert".into() };
        let mark = HeardMark { instance: Instance { count: 1, random: 2 }, number: 3 };
        let hosts = [AccountHost::V4([10, 0, 0, 1].into()), AccountHost::V6(5), AccountHost::Link(2)];
        vec![
            ChatRecord::Line(LinePlace(u64::MAX), hosts[0], line.clone()),
            ChatRecord::Line(LinePlace(0), hosts[1], ChatLine { to: to_one, ..line.clone() }),
            ChatRecord::Line(LinePlace(1), hosts[2], ChatLine { to: LineTo::Everyone, ..line }),
            ChatRecord::Heard(peer, AccountHost::Unproved, HeardPeer { room: Some(mark), alone: None }),
            ChatRecord::Ignored(peer, "\u{202e}".into()),
        ]
    }

    #[test]
    fn what_is_kept_comes_back_in_the_order_in_which_it_was_said() {
        let records = records();
        for record in &records {
            assert_eq!(ChatRecord::of(&record.row()).as_ref(), Some(record));
        }
        assert!(records[1].row().key < records[2].row().key && records[2].row().key < records[0].row().key);
        assert_eq!(without_line(LinePlace(1)).key, records[2].row().key);
        assert_eq!(without_heard(PeerId([7; 32])).key, records[3].row().key);
        assert_eq!(without_ignored(PeerId([7; 32])).key, records[4].row().key);
    }

    #[test]
    fn what_is_damaged_or_not_known_is_missing() {
        for record in records() {
            let row = record.row();
            for cut in 0..row.key.len() {
                assert_eq!(ChatRecord::of(&LedgerRow { key: row.key[..cut].to_vec(), ..row.clone() }), None);
            }
            let value = row.value.clone().unwrap();
            for cut in 0..value.len() {
                let cut = LedgerRow { value: Some(value[..cut].to_vec()), ..row.clone() };
                assert_eq!(ChatRecord::of(&cut), None);
            }
            let mut key = row.key.clone();
            key[0] = b'z';
            assert_eq!(ChatRecord::of(&LedgerRow { key, ..row }), None);
        }
    }
}
