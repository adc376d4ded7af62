//! Asking peers for their table of peers, and how much of one is taken. Pure; when and of whom it is asked is
//! decided in pull/mod.rs.

use super::ReceiverEvent;
use super::pull::{Outcome, PullKey, Question, Refusal, Taken};
use crate::receiver::limits;
use crate::time::Time;
use crate::wire::Message;
use crate::wire::message::{GetTable, PeerRecord, ROW, Reason, TableIs};

/// What may still come of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TableRest {
    peers: usize,
    bytes: usize,
}

impl Default for TableRest {
    /// A whole one: [`limits::PEERS`] peers in [`limits::TABLE`] bytes.
    fn default() -> Self {
        Self { peers: limits::PEERS, bytes: limits::TABLE }
    }
}

impl TableRest {
    /// Takes a page: the peers on it.
    ///
    /// # Errors
    /// The page makes the table longer than one may be.
    fn take(&mut self, page: TableIs) -> Result<Vec<PeerRecord>, &'static str> {
        // Rows of a later version give no peers, and count all the same.
        let bytes: usize = page.rows.iter().map(|record| record.signed.len() + ROW).sum();
        let bytes = self.bytes.checked_sub(bytes + page.rows.skipped_bytes());
        self.bytes = bytes.ok_or("it sent a table of more bytes than one has")?;
        // An empty page counts, too, or there would be no end to them.
        let peers = self.peers.checked_sub(page.rows.count().max(1));
        self.peers = peers.ok_or("it sent a table of more peers than there can be")?;
        Ok(page.rows.into_iter().collect())
    }
}

/// The peers that another one knows.
#[derive(Debug, Default)]
pub(crate) struct PeerTables;

impl Question for PeerTables {
    type Subject = ();
    type Reasons = ();
    type Part = TableRest;
    type Page = TableIs;
    type Answer = Vec<PeerRecord>;

    const FIRST: () = ();
    const SILENT: &'static str = "it does not send its table of peers";
    const MAY_CHANGE: bool = false;

    fn may_ask(_: PullKey<()>, _: impl Iterator<Item = PullKey<()>>) -> bool {
        // Each page is told as it comes, and none is held.
        true
    }

    fn ask(&self, _: PullKey<()>, _: &TableRest, request: u64) -> Message {
        Message::GetTable(GetTable { request })
    }

    fn take(
        &mut self,
        _: Time,
        _: PullKey<()>,
        rest: &mut TableRest,
        page: TableIs,
    ) -> Taken<Vec<PeerRecord>> {
        let is_last = page.last;
        match rest.take(page) {
            Err(what) => Taken::Lie(what.to_owned()),
            Ok(peers) if is_last => Taken::Whole(peers),
            Ok(peers) => Taken::Part(peers),
        }
    }

    fn refused(_: &TableRest, _: Reason) -> Refusal<Vec<PeerRecord>> {
        Refusal::GiveUp
    }

    fn tell(key: PullKey<()>, (): (), outcome: Outcome<Vec<PeerRecord>>) -> Vec<ReceiverEvent> {
        match outcome {
            Outcome::Came(peers) => vec![ReceiverEvent::Table(key.from, peers)],
            // Whoever lacks peers asks another one.
            _ => Vec::new(),
        }
    }

    fn accuse(_: PullKey<()>, _: &str) -> Option<String> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{decode, encode};
    use crate::identity::PeerId;
    use crate::later::Rows;
    use crate::wire::message::ROW;

    const REQUEST: u64 = 6;

    /// Takes these pages; the number of peers on them, or why one is refused, and which.
    fn take(pages: impl IntoIterator<Item = TableIs>) -> Result<usize, (usize, String)> {
        let (mut rest, mut count) = (TableRest::default(), 0);
        let key = PullKey { from: PeerId([1; 32]), subject: () };
        for (n, page) in pages.into_iter().enumerate() {
            let is_last = page.last;
            match PeerTables.take(Time(7), key, &mut rest, page) {
                Taken::Part(peers) if !is_last => count += peers.len(),
                Taken::Whole(peers) if is_last => count += peers.len(),
                Taken::Lie(what) => return Err((n, what)),
                other => panic!("{other:?}"),
            }
        }
        Ok(count)
    }

    fn page(rows: Rows<PeerRecord>, last: bool) -> TableIs {
        TableIs { request: REQUEST, rows, last }
    }

    fn record() -> PeerRecord {
        PeerRecord { at: ([10, 0, 0, 1], 9).into(), signed: vec![7; limits::DATAGRAM].into() }
    }

    #[test]
    fn the_longest_table_that_there_is_is_taken_whole() {
        let rows = vec![record(); limits::PEERS];
        let pages = rows.chunks(limits::PAGE / (limits::DATAGRAM + ROW));
        let mut pages: Vec<_> = pages.map(|rows| page(rows.to_vec().into(), false)).collect();
        pages[4].last = true;
        assert_eq!(pages.len(), 5);
        let mut more = pages.clone();
        assert_eq!(take(pages), Ok(limits::PEERS));
        // One peer more is too much.
        more[4].rows = more[4].rows.iter().cloned().chain([record()]).collect();
        assert_eq!(take(more).unwrap_err(), (4, "it sent a table of more bytes than one has".to_owned()));
    }

    #[test]
    fn rows_that_give_no_peers_do_not_go_on_for_ever() {
        // Else 4,096 such pages could be sent for one request: 4 GiB.
        let long = encode(&[serde_bytes::Bytes::new(&vec![7; limits::PAGE])]);
        let rows: Rows<PeerRecord> = decode(&long).unwrap();
        assert_eq!((rows.len(), rows.count()), (0, 1));
        let (n, why) = take((0..limits::PEERS).map(|_| page(rows.clone(), false))).unwrap_err();
        assert_eq!((n, why.as_str()), (4, "it sent a table of more bytes than one has"));
    }

    #[test]
    fn empty_pages_end() {
        let (n, why) = take((0..=limits::PEERS).map(|_| page(Rows::default(), false))).unwrap_err();
        assert_eq!((n, why.as_str()), (limits::PEERS, "it sent a table of more peers than there can be"));
        assert_eq!(take([page(Rows::default(), true)]), Ok(0));
    }
}
