//! What was sent to whom of each file, since the controller was told last. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::accounts::Payer;
use crate::content::{ByteRanges, FileId};
use crate::identity::PeerId;

/// Parts that are told at once, and no more are gathered before.
const PARTS: usize = 1_024;

/// What a peer asked for it for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SentFor {
    /// Its user wants the file.
    Fetch,
    /// It keeps it for its owner.
    Keep,
    /// It reads some of it.
    Read,
}

/// What a peer was sent of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SentPart {
    /// To whom, and where that is.
    pub(crate) to: Payer<PeerId>,
    pub(crate) file: FileId,
    /// Bytes of the whole file.
    pub(crate) size: u64,
    pub(crate) why: SentFor,
    /// Bytes that were sent, those that were sent twice included.
    pub(crate) bytes: u64,
    /// Which they are.
    pub(crate) ranges: ByteRanges,
}

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct SentParts(BTreeMap<(PeerId, FileId, SentFor), SentPart>);

impl SentParts {
    /// These bytes of a file were sent.
    pub(crate) fn note(&mut self, part: SentPart) {
        let key = (part.to.peer, part.file, part.why);
        match self.0.get_mut(&key) {
            Some(known) => {
                known.bytes = known.bytes.saturating_add(part.bytes);
                known.ranges.extend(&part.ranges);
            }
            None => drop(self.0.insert(key, part)),
        }
    }

    /// True if there is nothing to be told.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True if it is to be told before there is more.
    pub(crate) fn is_full(&self) -> bool {
        self.0.len() >= PARTS
    }

    /// What is to be told.
    pub(crate) fn take(&mut self) -> Vec<SentPart> {
        std::mem::take(&mut self.0).into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::AccountHost;

    fn part(peer: u8, file: u8, why: SentFor, from: u64, to: u64) -> SentPart {
        SentPart {
            to: Payer { host: AccountHost::Unproved, peer: PeerId([peer; 32]) },
            file: FileId([file; 32]),
            size: 100,
            why,
            bytes: to - from,
            ranges: ByteRanges::of([(from, to)]),
        }
    }

    #[test]
    fn what_a_peer_gets_of_a_file_is_one_part_for_each_reason() {
        let mut parts = SentParts::default();
        for part in [
            part(1, 1, SentFor::Fetch, 0, 50),
            part(1, 1, SentFor::Keep, 0, 9),
            part(2, 1, SentFor::Fetch, 0, 9),
            part(1, 1, SentFor::Fetch, 40, 100),
        ] {
            parts.note(part);
        }
        let told = parts.take();
        assert_eq!(told.len(), 3);
        assert!(told[0].ranges.are_all(100) && told[0].bytes == 110);
        assert!(parts.is_empty());
    }

    #[test]
    fn what_is_gathered_is_bounded() {
        let mut parts = SentParts::default();
        for n in 0..PARTS {
            assert!(!parts.is_full());
            let [.., a, b] = u32::try_from(n).unwrap().to_be_bytes();
            let mut one = part(a, 0, SentFor::Fetch, 0, 1);
            one.file.0[0] = b;
            parts.note(one);
        }
        assert!(parts.is_full() && parts.take().len() == PARTS && !parts.is_full());
    }
}
