//! A table of peers that another peer sends page by page, and how much of one is taken. Pure.

use crate::receiver::limits;
use crate::wire::message::{TableIs, Told, told};

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
    /// The page belongs to another request, cannot be read, or makes the table longer than one may be: it came
    /// from a peer that no connection is kept to.
    pub(super) fn take(self, page: &TableIs) -> Result<(Vec<Told>, Option<Self>), String> {
        if page.request != self.request {
            return Err("it sent a table that nobody asked for".to_owned());
        }
        // Before anything is read: there may be announcements without an address, which give no peers.
        let bytes = self.bytes.checked_sub(page.datagrams.len() + page.addresses.len());
        let bytes = bytes.ok_or("it sent a table of more bytes than one has")?;
        let peers = told(page).map_err(|e| e.to_string())?;
        // An empty page counts, too, or there would be no end to them.
        let left = self.peers.checked_sub(peers.len().max(1));
        let left = left.ok_or("it sent a table of more peers than there can be")?;
        Ok((peers, (!page.last).then_some(Self { peers: left, bytes, ..self })))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::wire::message::table_pages;

    const REQUEST: u64 = 6;

    /// Takes these pages; the number of peers on them, or why one is refused, and which.
    fn take(pages: impl IntoIterator<Item = TableIs>) -> Result<usize, (usize, String)> {
        let (mut coming, mut count) = (Some(Coming::new(REQUEST)), 0);
        for (n, page) in pages.into_iter().enumerate() {
            let asked = coming.expect("a page comes after the last one");
            let (peers, left) = asked.take(&page).map_err(|why| (n, why))?;
            (coming, count) = (left, count + peers.len());
        }
        Ok(count)
    }

    fn page(datagrams: Vec<u8>, last: bool) -> TableIs {
        TableIs { request: REQUEST, datagrams, addresses: Vec::new(), last }
    }

    #[test]
    fn the_longest_table_that_there_is_is_taken_whole() {
        let signed: Arc<[u8]> = vec![7; limits::DATAGRAM].into();
        let told = Told { at: ([10, 0, 0, 1], 9).into(), signed };
        let pages = table_pages(REQUEST, &vec![told; limits::PEERS]);
        let all: usize = pages.iter().map(|p| p.datagrams.len() + p.addresses.len()).sum();
        assert_eq!((pages.len(), all), (5, limits::TABLE));
        let mut more = pages.clone();
        assert_eq!(take(pages), Ok(limits::PEERS));
        // One byte more is too much.
        more[4].addresses.push(0);
        assert_eq!(take(more).unwrap_err(), (4, "it sent a table of more bytes than one has".to_owned()));
    }

    #[test]
    fn announcements_without_addresses_do_not_go_on_for_ever() {
        // They give no peers, so that 4,096 such pages were taken before: 4 GiB for one request.
        let one = [&[4, 176][..], &[7; limits::DATAGRAM]].concat();
        let full = one.repeat(limits::PAGE / one.len());
        let pages = (0..limits::PEERS).map(|_| page(full.clone(), false));
        let (n, why) = take(pages).unwrap_err();
        assert_eq!((n, why.as_str()), (4, "it sent a table of more bytes than one has"));
    }

    #[test]
    fn empty_pages_end_and_what_nobody_asked_for_is_refused() {
        let (n, why) = take((0..=limits::PEERS).map(|_| page(Vec::new(), false))).unwrap_err();
        assert_eq!((n, why.as_str()), (limits::PEERS, "it sent a table of more peers than there can be"));
        let other = TableIs { request: REQUEST + 4, ..page(Vec::new(), true) };
        assert_eq!(take([other]).unwrap_err().1, "it sent a table that nobody asked for");
        assert_eq!(take([page(Vec::new(), true)]), Ok(0));
        assert!(take([page(vec![4, 177], true)]).is_err(), "that cannot be read");
    }
}
