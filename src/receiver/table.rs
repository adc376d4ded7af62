//! A table of peers that another peer sends page by page, and how much of one is taken. Pure.

use crate::receiver::limits;
use crate::wire::message::{PeerRecord, ROW, TableIs};

/// A table that was asked for, and what may still come of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Coming {
    request: u64,
    peers: usize,
    bytes: usize,
}

impl Coming {
    /// The table that request number `request` asks for: [`limits::PEERS`] peers in [`limits::TABLE`] bytes.
    pub(super) const fn new(request: u64) -> Self {
        Self { request, peers: limits::PEERS, bytes: limits::TABLE }
    }

    /// Takes a page: the peers on it, and what may still come; `None` after the last one.
    ///
    /// # Errors
    /// The page belongs to another request, cannot be read, or makes the table longer than one may be: it
    /// came from a peer that no connection is kept to.
    pub(super) fn take(self, page: TableIs) -> Result<(Vec<PeerRecord>, Option<Self>), String> {
        if page.request != self.request {
            return Err("it sent a table that nobody asked for".to_owned());
        }
        // Rows of a later version give no peers, and count all the same.
        let bytes: usize = page.rows.iter().map(|record| record.signed.len() + ROW).sum();
        let bytes = self.bytes.checked_sub(bytes + page.rows.skipped_bytes());
        let bytes = bytes.ok_or("it sent a table of more bytes than one has")?;
        // An empty page counts, too, or there would be no end to them.
        let left = self.peers.checked_sub(page.rows.count().max(1));
        let left = left.ok_or("it sent a table of more peers than there can be")?;
        let coming = (!page.last).then_some(Self { peers: left, bytes, ..self });
        Ok((page.rows.into_iter().collect(), coming))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{decode, encode};
    use crate::later::Rows;
    use crate::wire::message::table_pages;

    const REQUEST: u64 = 6;

    /// Takes these pages; the number of peers on them, or why one is refused, and which.
    fn take(pages: impl IntoIterator<Item = TableIs>) -> Result<usize, (usize, String)> {
        let (mut coming, mut count) = (Some(Coming::new(REQUEST)), 0);
        for (n, page) in pages.into_iter().enumerate() {
            let asked = coming.expect("a page comes after the last one");
            let (peers, left) = asked.take(page).map_err(|why| (n, why))?;
            (coming, count) = (left, count + peers.len());
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
        let pages = table_pages(REQUEST, &vec![record(); limits::PEERS]);
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
    fn empty_pages_end_and_what_nobody_asked_for_is_refused() {
        let (n, why) = take((0..=limits::PEERS).map(|_| page(Rows::default(), false))).unwrap_err();
        assert_eq!((n, why.as_str()), (limits::PEERS, "it sent a table of more peers than there can be"));
        let other = TableIs { request: REQUEST + 4, ..page(Rows::default(), true) };
        assert_eq!(take([other]).unwrap_err().1, "it sent a table that nobody asked for");
        assert_eq!(take([page(Rows::default(), true)]), Ok(0));
    }
}
