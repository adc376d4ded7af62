//! What the sender tells of other owners: their heads and catalogues, and what is kept here for them. Pure,
//! part of the sender.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::content::Catalogue;
use crate::identity::PeerId;
use crate::sender::KeptOf;
use crate::sender::limits;
use crate::wire::message::KeptIs;

/// What one owner shares, by its own word.
#[derive(Debug)]
pub(crate) struct ServedCatalogue {
    /// The signed head.
    pub(crate) signed: Arc<[u8]>,
    pub(crate) catalogue: Arc<Catalogue>,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct OwnerCatalogues {
    served: BTreeMap<PeerId, ServedCatalogue>,
    /// Those of peers that are here.
    listed: BTreeMap<PeerId, ServedCatalogue>,
    kept: Arc<Vec<KeptOf>>,
}

impl OwnerCatalogues {
    /// This is served of an owner from now on; `None`: nothing.
    pub(crate) fn set(&mut self, origin: PeerId, served: Option<(Arc<[u8]>, Arc<Catalogue>)>) {
        match served {
            Some((signed, catalogue)) => {
                self.served.insert(origin, ServedCatalogue { signed, catalogue });
            }
            None => drop(self.served.remove(&origin)),
        }
    }

    /// A peer that is here shares this, for anyone; `None`: that is not known any more.
    pub(crate) fn set_listed(&mut self, owner: PeerId, served: Option<(Arc<[u8]>, Arc<Catalogue>)>) {
        match served {
            Some((signed, catalogue)) => {
                self.listed.insert(owner, ServedCatalogue { signed, catalogue });
            }
            None => drop(self.listed.remove(&owner)),
        }
    }

    /// This is kept from now on.
    pub(crate) fn set_kept(&mut self, kept: Arc<Vec<KeptOf>>) {
        self.kept = kept;
    }

    /// What is served of an owner: to anyone if it is here, else to those who `may_have` what is kept of it.
    pub(crate) fn get(&self, origin: PeerId, may_have: bool) -> Option<&ServedCatalogue> {
        self.listed.get(&origin).or_else(|| self.served.get(&origin).filter(|_| may_have))
    }

    /// What `peer` hears of what is kept, page by page: all that is its own, and what is kept for `owners`.
    pub(crate) fn kept(&self, request: u64, peer: PeerId, owners: &Arc<BTreeSet<PeerId>>) -> KeptPages {
        KeptPages {
            request,
            kept: Arc::clone(&self.kept),
            owners: Arc::clone(owners),
            peer,
            at: 0,
            from: 0,
            rows: limits::KEPT_ROWS,
            origins: limits::PEERS,
        }
    }
}

/// The pages that are still to be sent of what is kept.
#[derive(Debug)]
pub(crate) struct KeptPages {
    request: u64,
    kept: Arc<Vec<KeptOf>>,
    owners: Arc<BTreeSet<PeerId>>,
    /// Who asks.
    peer: PeerId,
    /// The owner whose rows come next, and the first of them.
    at: usize,
    from: usize,
    /// Rows and owners that may still be reported.
    rows: usize,
    origins: usize,
}

impl KeptPages {
    /// The next one; not to be called after the last one.
    pub(crate) fn next_page(&mut self) -> KeptIs {
        let request = self.request;
        let kept = Arc::clone(&self.kept);
        let Some((at, of)) = self.owner(&kept) else { return KeptIs::nothing(request) };
        let to = of.rows.len().min(self.from + self.rows.min(limits::KEPT_PAGE));
        let rows = of.rows[self.from..to].to_vec();
        self.rows -= rows.len();
        (self.at, self.from) = (at, to);
        if to == of.rows.len() {
            (self.at, self.from) = (at + 1, 0);
            self.origins -= 1;
        }
        let last = self.rows == 0 || self.origins == 0 || self.owner(&kept).is_none();
        let fits = of.announcement.len() <= limits::DATAGRAM;
        let announcement = if fits { of.announcement.to_vec() } else { Vec::new() };
        KeptIs { request, origin: of.origin, announcement, rows: rows.into(), last }
    }

    /// The next owner that is reported.
    fn owner<'a>(&self, kept: &'a [KeptOf]) -> Option<(usize, &'a KeptOf)> {
        let concerned =
            |of: &KeptOf| !of.rows.is_empty() && (of.origin == self.peer || self.owners.contains(&of.origin));
        kept.iter().enumerate().skip(self.at).find(|(_, of)| concerned(of))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::FileId;
    use crate::wire::message::{KeptFile, Message};

    fn of(n: u8, rows: usize) -> KeptOf {
        let row = KeptFile { file: FileId([n; 32]), size: 1, from: 0, to: 1 };
        KeptOf { origin: PeerId([n; 32]), announcement: vec![n; 700].into(), rows: vec![row; rows] }
    }

    /// Owner and number of rows of each page, up to the last one.
    fn pages(kept: Vec<KeptOf>, peer: u8, owners: &[u8]) -> Vec<(u8, usize)> {
        let mut owner_catalogues = OwnerCatalogues::default();
        owner_catalogues.set_kept(Arc::new(kept));
        let owners = Arc::new(owners.iter().map(|n| PeerId([*n; 32])).collect());
        let mut pages = owner_catalogues.kept(5, PeerId([peer; 32]), &owners);
        let mut seen = Vec::new();
        loop {
            let page = pages.next_page();
            assert!(page.request == 5 && (page.announcement.len() == 700 || page.rows.is_empty()));
            seen.push((page.origin.0[0], page.rows.len()));
            let last = page.last;
            drop(Message::Kept(page).encode());
            if last {
                return seen;
            }
        }
    }

    #[test]
    fn what_is_kept_is_cut_into_pages_for_whom_it_concerns() {
        let page = limits::KEPT_PAGE;
        let all = || vec![of(1, page), of(2, 0), of(3, 2 * page + 1), of(4, 3)];
        assert_eq!(pages(all(), 9, &[1, 2, 3, 4]), [(1, page), (3, page), (3, page), (3, 1), (4, 3)]);
        assert_eq!(pages(all(), 9, &[1]), [(1, page)]);
        assert_eq!(pages(all(), 4, &[1]), [(1, page), (4, 3)], "what is kept for it, too");
        assert_eq!(pages(all(), 9, &[2]), [(0, 0)], "nothing is one page");
        assert_eq!(pages(Vec::new(), 9, &[]), [(0, 0)]);
    }

    #[test]
    fn no_more_is_reported_than_may_be() {
        let many = pages(vec![of(1, limits::KEPT_ROWS - 1), of(2, 9), of(3, 9)], 9, &[1, 2, 3]);
        assert_eq!(many.iter().map(|(_, rows)| rows).sum::<usize>(), limits::KEPT_ROWS);
        assert_eq!(many.last(), Some(&(2, 1)));
        let owners = pages(vec![of(1, 1); limits::PEERS + 1], 9, &[1]);
        assert_eq!(owners.len(), limits::PEERS);
    }
}
