//! All that the receiver pulls page by page: catalogues, what keepers keep, tables of peers, what others are asked
//! to fetch and to search for. Part of the receiver; its shell is outputs.rs.

use std::sync::Arc;

use crate::accounts::AccountHost;
use crate::address::Host;
use crate::identity::PeerId;
use crate::index::answer::{CoverageVersion, IndexQuestion};
use crate::receiver::catalogue::{CataloguePage, Catalogues};
use crate::receiver::kept::KeptFiles;
use crate::receiver::limits;
use crate::receiver::offering::{OfferLetter, Offering};
use crate::receiver::pull::{DialTurns, Pull, PullKey, PullMachine, PullOutput, RequestNumbers};
use crate::receiver::search::RemoteSearches;
use crate::receiver::table::PeerTables;
use crate::receiver::telling::{PrivateLine, Telling};
use crate::receiver::through::{ThroughFile, ThroughFiles};
use crate::time::Time;
use crate::wire::Message;
use crate::wire::message::{CoveredRow, HitRow, KeptFile, ROW, Refused};

/// One machine for each kind of question. Another kind has a file of its own, and its lines here; what the
/// controller says and hears of it stands in handle.rs.
#[derive(Debug, Default)]
pub(crate) struct Pulls {
    catalogues: Pull<Catalogues>,
    kept: Pull<KeptFiles>,
    tables: Pull<PeerTables>,
    telling: Pull<Telling>,
    offering: Pull<Offering>,
    through: Pull<ThroughFiles>,
    searches: Pull<RemoteSearches>,
    numbers: RequestNumbers,
    /// Of catalogues and of what is kept, for which all peers are asked.
    turns: DialTurns,
}

impl Pulls {
    const fn each(&self) -> [&dyn PullMachine; 7] {
        let Self { catalogues, kept, tables, telling, offering, through, searches, numbers: _, turns: _ } =
            self;
        [catalogues, kept, tables, telling, offering, through, searches]
    }

    const fn each_mut(&mut self) -> [&mut dyn PullMachine; 7] {
        let Self { catalogues, kept, tables, telling, offering, through, searches, numbers: _, turns: _ } =
            self;
        [catalogues, kept, tables, telling, offering, through, searches]
    }

    /// Bring this peer's catalogue up to date.
    pub(crate) fn want_catalogue(&mut self, now: Time, peer: PeerId) {
        self.catalogues.handle_wanted(now, peer);
    }

    /// From now on catalogues may take so many bytes; `None`: as many as those of a peer that keeps no index.
    pub(crate) fn set_catalogue_memory(&mut self, bytes: Option<u64>) {
        self.catalogues.handle_memory(bytes.unwrap_or(limits::REMOTE_CATALOGUES));
    }

    /// Pull what `from` has of `origin`: the newest head, and its catalogue.
    pub(crate) fn want_owner_catalogue(&mut self, now: Time, from: PeerId, origin: PeerId) {
        self.catalogues.handle_owner_catalogue(now, from, origin);
    }

    /// Ask this peer what it keeps for others.
    pub(crate) fn want_kept(&mut self, now: Time, from: PeerId) {
        self.kept.want(now, PullKey { from, subject: () }, ());
    }

    /// Ask this peer for its table of peers.
    pub(crate) fn want_table(&mut self, now: Time, from: PeerId) {
        self.tables.want(now, PullKey { from, subject: () }, ());
    }

    /// Tell a peer this line, which was said at that time.
    pub(crate) fn tell(&mut self, now: Time, line: PrivateLine, said: u64) {
        let pulls = &self.telling.pulls;
        let key = self.telling.question.put(line, said, |key| pulls.contains_key(&key));
        self.telling.want(now, key, ());
    }

    /// Say this of an offer.
    pub(crate) fn say_of_offer(&mut self, now: Time, letter: OfferLetter) {
        let pulls = &self.offering.pulls;
        let key = self.offering.question.put(letter, |key| pulls.contains_key(&key));
        self.offering.want(now, key, ());
    }

    /// Ask this peer to fetch a file for us.
    pub(crate) fn want_through(&mut self, now: Time, from: PeerId, file: ThroughFile) {
        self.through.want(now, PullKey { from, subject: file }, ());
    }

    /// Ask this peer what its index has. `known`: the coverage list that is known of it.
    pub(crate) fn search(
        &mut self,
        now: Time,
        from: PeerId,
        number: u64,
        question: Arc<IndexQuestion>,
        known: Option<CoverageVersion>,
    ) {
        let (key, pulls) = (PullKey { from, subject: number }, &self.searches.pulls);
        self.searches.question.put(key, question, known, |key| pulls.contains_key(&key));
        self.searches.want(now, key, ());
    }

    /// Takes a page of something that is pulled; any other message comes back.
    ///
    /// # Errors
    /// The page is not to be had unasked.
    pub(crate) fn handle_answer(
        &mut self,
        now: Time,
        peer: PeerId,
        message: Message,
    ) -> Result<Option<Message>, String> {
        let (request, bytes) = (message.request(), page_bytes(&message));
        let is_asked = match message {
            Message::Head(m) => self.catalogues.handle_page(now, peer, request, CataloguePage::Head(m)),
            Message::Bucket(m) => self.catalogues.handle_page(now, peer, request, CataloguePage::Bucket(m)),
            Message::OfferNoted(m) => self.offering.handle_page(now, peer, request, m),
            Message::Told(m) => self.telling.handle_page(now, peer, request, m),
            Message::Kept(m) => self.kept.handle_page(now, peer, request, m),
            Message::Table(m) => {
                if !self.tables.handle_page(now, peer, request, m) {
                    return Err("it sent a table that nobody asked for".to_owned());
                }
                true
            }
            Message::Through(m) => self.through.handle_page(now, peer, request, m),
            Message::Found(m) => self.searches.handle_page(now, peer, request, m),
            other => return Ok(Some(other)),
        };
        if is_asked {
            self.each_mut().into_iter().for_each(|machine| machine.handle_progress(now, peer, bytes));
            self.give_back(peer);
        }
        Ok(None)
    }

    /// The next thing to do; to be called until `None` after every input.
    pub(crate) fn poll_output(&mut self, now: Time) -> Option<PullOutput> {
        let Self { catalogues, kept, tables, telling, offering, through, searches, numbers, turns } = self;
        loop {
            // Of those a user waits for some, and few peers are asked.
            let at_once: [&mut dyn PullMachine; 5] = [tables, telling, offering, through, searches];
            let output = at_once.into_iter().find_map(|machine| machine.poll_output(numbers));
            if output.is_some() {
                return output;
            }
            match catalogues.poll_output(numbers).or_else(|| kept.poll_output(numbers)) {
                Some(PullOutput::Dial(peer)) if !turns.handle_dial(now, peer) => {}
                Some(output) => return Some(output),
                None => {
                    let wanted = |peer| catalogues.is_wanted_of(peer) || kept.is_wanted_of(peer);
                    return turns.poll_dial(now, wanted).map(PullOutput::Dial);
                }
            }
        }
    }

    /// Whoever has a place gives it back when nothing is wanted of it.
    fn give_back(&mut self, peer: PeerId) {
        if !self.catalogues.is_wanted_of(peer) && !self.kept.is_wanted_of(peer) {
            self.turns.handle_done(peer);
        }
    }

    /// True if this peer owes something.
    pub(crate) fn is_owed_by(&self, peer: PeerId) -> bool {
        self.each().iter().any(|machine| machine.is_owed_by(peer))
    }

    /// A connection to this peer stands.
    pub(crate) fn handle_up(&mut self, now: Time, peer: PeerId) {
        self.turns.handle_up(peer);
        self.each_mut().into_iter().for_each(|machine| machine.handle_up(now, peer));
    }

    /// The connection could not be had, or is over.
    pub(crate) fn handle_down(&mut self, now: Time, peer: PeerId) {
        self.turns.handle_down(peer);
        self.each_mut().into_iter().for_each(|machine| machine.handle_down(now, peer));
        self.give_back(peer);
    }

    /// This peer is here, with these addresses. What it has kept here is charged to the first one that is no
    /// link-local one, for that is everyone's on the link.
    pub(crate) fn handle_here(&mut self, peer: PeerId, hosts: &[Host]) {
        let hosts = hosts.iter().copied().map(AccountHost::from);
        let host = hosts.min_by_key(|host| matches!(host, AccountHost::Link(_)));
        if let Some(host) = host {
            self.turns.handle_here(peer, host);
            self.each_mut().into_iter().for_each(|machine| machine.handle_here(peer, host));
        }
    }

    /// This peer is gone.
    pub(crate) fn handle_gone(&mut self, now: Time, peer: PeerId) {
        self.each_mut().into_iter().for_each(|machine| machine.handle_gone(now, peer));
        self.turns.handle_gone(peer);
    }

    /// This peer answered something: what it owes behind that is not late.
    pub(crate) fn handle_heard(&mut self, now: Time, peer: PeerId) {
        self.each_mut().into_iter().for_each(|machine| machine.handle_heard(now, peer));
    }

    /// This peer refuses a request, which may be that of a pull.
    pub(crate) fn handle_refused(&mut self, now: Time, peer: PeerId, refused: &Refused) {
        self.each_mut().into_iter().for_each(|machine| machine.handle_refused(now, peer, refused));
        self.give_back(peer);
    }

    /// When [`Self::handle_timeout`] is due.
    pub(crate) fn poll_timeout(&self) -> Option<Time> {
        let turns = self.turns.poll_timeout();
        self.each().iter().filter_map(|machine| machine.poll_timeout()).chain(turns).min()
    }

    /// Tries again, and drops who owes an answer.
    pub(crate) fn handle_timeout(&mut self, now: Time) {
        self.each_mut().into_iter().for_each(|machine| machine.handle_timeout(now));
        self.turns.handle_timeout(now);
    }
}

/// Bytes of a page of something that is pulled, roughly.
fn page_bytes(message: &Message) -> usize {
    match message {
        Message::Head(m) => m.signed.len() + m.digests.len(),
        Message::Bucket(m) => m.entries.len(),
        Message::Kept(m) => m.announcement.len() + m.rows.count() * size_of::<KeptFile>(),
        Message::Table(m) => m.rows.iter().map(|record| record.signed.len() + ROW).sum(),
        Message::Found(m) => {
            m.covered.count() * size_of::<CoveredRow>()
                + m.hits.iter().map(|hit| hit.path.as_str().len() + size_of::<HitRow>()).sum::<usize>()
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
