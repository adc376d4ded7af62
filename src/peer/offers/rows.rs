//! Offers as rows of the database, beside those of the queue of downloads. Pure.
//!
//! A row that cannot be read counts as missing. A later potluck may file more fields, or rows of other kinds; both are
//! stepped over, as an earlier one steps over these.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::OfferSum;
use super::incoming::{IncomingOffer, IncomingStage};
use super::outgoing::{ContentDigest, OutgoingOffer, SendOrder};
use crate::accounts::AccountHost;
use crate::codec::{decode, encode};
use crate::content::SafePath;
use crate::identity::PeerId;
use crate::store::LedgerRow;
use crate::swarm::JobId;
use crate::wire::message::{OfferWord, OfferedFile};

/// First bytes of the keys; the number of the offer follows, or the id of the peer.
const INCOMING: u8 = b'o';
const OUTGOING: u8 = b's';
const KNOWN: u8 = b'k';

/// One thing that is kept.
#[derive(Debug)]
pub(super) enum OfferRecord {
    /// What somebody offers.
    Incoming(u64, IncomingOffer),
    /// What this peer offers, to be read again.
    Outgoing(u64, OutgoingOffer),
    /// Something went between this peer and that one, at this date.
    Known(PeerId, u64),
}

#[derive(Serialize, Deserialize)]
struct StoredIncoming {
    from: PeerId,
    host: AccountHost,
    name: String,
    theirs: u64,
    files: Vec<OfferedFile>,
    folders: Vec<SafePath>,
    sum: OfferSum,
    came: u64,
    #[serde(default)]
    ended: u64,
    stage: StoredStage,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredStage {
    Waiting,
    Accepted(u64),
    Over(OfferWord),
}

#[derive(Serialize, Deserialize)]
struct StoredOutgoing {
    to: PeerId,
    name: String,
    paths: Vec<StoredPath>,
    until: u64,
    wire: u64,
    made: u64,
    #[serde(default)]
    was_accepted: bool,
    #[serde(default)]
    said: Option<ContentDigest>,
}

#[derive(Serialize, Deserialize)]
struct StoredPath(#[serde(with = "crate::control::local_path")] PathBuf);

#[derive(Serialize, Deserialize)]
struct StoredKnown {
    at: u64,
}

/// The row of an offer that is whole.
pub(super) fn incoming(number: u64, offer: &IncomingOffer) -> LedgerRow {
    let stage = match offer.stage {
        IncomingStage::Coming => return without_incoming(number),
        IncomingStage::Waiting => StoredStage::Waiting,
        IncomingStage::Accepted(job) => StoredStage::Accepted(job.0),
        IncomingStage::Over(word) => StoredStage::Over(word),
    };
    let stored = StoredIncoming {
        from: offer.from,
        host: offer.host,
        name: offer.name.clone(),
        theirs: offer.theirs,
        files: offer.files.clone(),
        folders: offer.folders.clone(),
        sum: offer.sum.clone(),
        came: offer.came,
        ended: offer.ended,
        stage,
    };
    LedgerRow { key: key(INCOMING, &number.to_be_bytes()), value: Some(encode(&stored)) }
}

/// The row of what this peer offers.
pub(super) fn outgoing(number: u64, offer: &OutgoingOffer) -> LedgerRow {
    if offer.is_over() {
        return without_outgoing(number);
    }
    let SendOrder { to, name, paths, until } = &offer.order;
    let stored = StoredOutgoing {
        to: *to,
        name: name.clone(),
        paths: paths.iter().cloned().map(StoredPath).collect(),
        until: *until,
        wire: offer.wire,
        made: offer.made,
        was_accepted: offer.was_accepted,
        said: offer.said,
    };
    LedgerRow { key: key(OUTGOING, &number.to_be_bytes()), value: Some(encode(&stored)) }
}

/// The row of a peer with which something went.
pub(super) fn known(peer: PeerId, at: u64) -> LedgerRow {
    LedgerRow { key: key(KNOWN, &peer.0), value: Some(encode(&StoredKnown { at })) }
}

/// The rows that forget these.
pub(super) fn without_incoming(number: u64) -> LedgerRow {
    LedgerRow { key: key(INCOMING, &number.to_be_bytes()), value: None }
}

pub(super) fn without_outgoing(number: u64) -> LedgerRow {
    LedgerRow { key: key(OUTGOING, &number.to_be_bytes()), value: None }
}

pub(super) fn without_known(peer: PeerId) -> LedgerRow {
    LedgerRow { key: key(KNOWN, &peer.0), value: None }
}

impl OfferRecord {
    /// What a row keeps, if it can be read.
    pub(super) fn of(row: &LedgerRow) -> Option<Self> {
        let (kind, id) = row.key.split_first()?;
        let value = row.value.as_deref()?;
        let number = || Some(u64::from_be_bytes(id.try_into().ok()?));
        Some(match *kind {
            INCOMING => {
                let stored: StoredIncoming = decode(value).ok()?;
                let stage = match stored.stage {
                    StoredStage::Waiting => IncomingStage::Waiting,
                    StoredStage::Accepted(job) => IncomingStage::Accepted(JobId(job)),
                    StoredStage::Over(word) => IncomingStage::Over(word),
                };
                let offer = IncomingOffer {
                    from: stored.from,
                    name: stored.name,
                    host: stored.host,
                    theirs: stored.theirs,
                    total: (stored.files.len() + stored.folders.len()) as u64,
                    files: stored.files,
                    folders: stored.folders,
                    sum: stored.sum,
                    came: stored.came,
                    ended: stored.ended,
                    stage,
                };
                Self::Incoming(number()?, offer)
            }
            OUTGOING => {
                let stored: StoredOutgoing = decode(value).ok()?;
                let order = SendOrder {
                    to: stored.to,
                    name: stored.name,
                    paths: stored.paths.into_iter().map(|path| path.0).collect(),
                    until: stored.until,
                };
                let mut offer = OutgoingOffer::new(order, stored.wire, stored.made);
                (offer.was_accepted, offer.said) = (stored.was_accepted, stored.said);
                Self::Outgoing(number()?, offer)
            }
            KNOWN => {
                let stored: StoredKnown = decode(value).ok()?;
                Self::Known(PeerId(id.try_into().ok()?), stored.at)
            }
            _ => return None,
        })
    }
}

fn key(kind: u8, id: &[u8]) -> Vec<u8> {
    [&[kind], id].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::FileId;

    #[test]
    fn what_is_kept_comes_back() {
        let file = OfferedFile {
            path: "a/b".parse().unwrap(),
            id: FileId([3; 32]),
            size: 9,
            modified: -5,
            executable: true,
        };
        for stage in
            [IncomingStage::Waiting, IncomingStage::Accepted(JobId(4)), IncomingStage::Over(OfferWord::Done)]
        {
            let offer = IncomingOffer {
                from: PeerId([1; 32]),
                name: "anna".into(),
                host: AccountHost::V4([10, 0, 0, 1].into()),
                theirs: 1 << 40,
                files: vec![file.clone()],
                folders: vec!["void".parse().unwrap()],
                total: 2,
                sum: OfferSum { what: "a".into(), files: 1, folders: 1, bytes: 9 },
                came: 77,
                ended: 78,
                stage,
            };
            match OfferRecord::of(&incoming(5, &offer)) {
                Some(OfferRecord::Incoming(5, read)) => assert_eq!(read, offer),
                other => panic!("{other:?}"),
            }
        }
        let order =
            SendOrder { to: PeerId([2; 32]), name: "bert".into(), paths: vec!["/x y".into()], until: 9 };
        let mut offer = OutgoingOffer::new(order.clone(), 8, 7);
        assert!(offer.note_said());
        offer.was_accepted = true;
        match OfferRecord::of(&outgoing(6, &offer)) {
            Some(OfferRecord::Outgoing(6, read)) => {
                assert_eq!((read.order, read.wire, read.made), (order, 8, 7));
                assert_eq!((read.was_accepted, read.said), (true, offer.said));
            }
            other => panic!("{other:?}"),
        }
        assert!(matches!(OfferRecord::of(&known(PeerId([9; 32]), 3)), Some(OfferRecord::Known(_, 3))));
        assert!(OfferRecord::of(&without_incoming(5)).is_none());
    }
}
