//! Finds who else fetches what is fetched here, or has some of it. Pure; `machines.rs` hosts it.
//!
//! A seek goes to everyone. Whoever fetches the same knows the seeker from then on; whoever fetches or has
//! some of it answers, so that the seeker knows those who came before. Of many only some answer: the others
//! will be heard, for the seek of a file that is still fetched is repeated, in the place of an announcement,
//! and costs no datagram.

mod requests;
mod seekers;
#[cfg(test)]
mod tests;
mod wanted;

use core::time::Duration;
#[cfg(any(test, feature = "sim"))]
use std::collections::BTreeSet;
use std::collections::{BTreeMap, VecDeque};

use self::requests::SeekRequests;
use self::seekers::Seekers;
use self::wanted::{REPEAT, WantedFiles};
use super::network_size::NetworkSize;
use super::rng::Rng;
use super::traffic::{Endpoint, Heard, Recipient};
use crate::accounts::{AccountHost, Payer};
use crate::content::FileId;
use crate::identity::PeerId;
use crate::lan::limits;
use crate::rate::{Rate, TokenBucket};
use crate::time::Time;
use crate::wire::datagram::{DatagramMessage, FILES};

/// Peers of a small network that answer a seek, of those that could.
const ANSWERS: u64 = 16;

/// Peers of a large network that answer a seek: one is enough to begin with, for all others are heard within
/// an interval, by their own seeks, and a hundred of a thousand that begin together must leave the network
/// quiet.
const ANSWERS_LARGE: u64 = 1;

/// An answer goes out within this time.
const SPREAD: Duration = Duration::from_millis(50);

/// In a large network: between two seeks of one peer, for each peer of it.
const GAP: Duration = Duration::from_millis(5);

/// An answer that waits.
#[derive(Clone, Debug)]
struct SeekAnswer {
    due: Time,
    to: Endpoint,
    files: Vec<FileId>,
}

/// What the machine wants done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SeekingOutput {
    /// Say this. What goes to everyone counts as an announcement.
    Send {
        /// To whom.
        to: Recipient,
        /// What.
        message: DatagramMessage,
    },
    /// This peer fetches these files, and asks who has some of them.
    Sought(PeerId, Vec<FileId>),
    /// This peer says that it fetches these files, or has some of them. They are of those that we seek.
    Has(PeerId, Vec<FileId>),
}

/// The machine.
#[derive(Debug)]
pub(super) struct Seeking {
    rng: Rng,
    network: NetworkSize,
    /// Who is here, and how many of its words on files are taken.
    here: BTreeMap<PeerId, TokenBucket>,
    wanted: WantedFiles,
    pace: TokenBucket,
    seekers: Seekers,
    asked: SeekRequests,
    /// At most [`limits::SOUGHT_WAITING`].
    answers: Vec<SeekAnswer>,
    answered: TokenBucket,
    outputs: VecDeque<SeekingOutput>,
}

impl Seeking {
    /// One that seeks nothing yet.
    pub(super) fn new(rng: Rng, network: NetworkSize) -> Self {
        Self {
            rng,
            network,
            here: BTreeMap::new(),
            wanted: WantedFiles::default(),
            pace: TokenBucket::default(),
            seekers: Seekers::default(),
            asked: SeekRequests::default(),
            answers: Vec::new(),
            answered: TokenBucket::default(),
            outputs: VecDeque::new(),
        }
    }

    /// The next thing to do, until there is none.
    pub(super) fn poll_output(&mut self) -> Option<SeekingOutput> {
        self.outputs.pop_front()
    }

    /// The network has so many peers.
    pub(super) const fn handle_network(&mut self, size: NetworkSize) {
        self.network = size;
    }

    /// This peer is here.
    pub(super) fn handle_here(&mut self, peer: PeerId) {
        self.here.entry(peer).or_default();
    }

    /// This peer is gone.
    pub(super) fn handle_gone(&mut self, peer: PeerId) {
        self.here.remove(&peer);
    }

    /// Seeks and answers nothing any more.
    pub(super) fn handle_leave(&mut self) {
        self.wanted = WantedFiles::default();
        self.asked.clear();
        self.answers.clear();
    }

    /// These files are being fetched now, and no others.
    pub(super) fn handle_wanted(&mut self, now: Time, files: Vec<FileId>) {
        self.wanted.replace(now, files);
    }

    /// Of these files, which `peer` seeks, we fetch each or have some of it.
    pub(super) fn handle_has(&mut self, now: Time, peer: PeerId, mut files: Vec<FileId>) {
        let Some(to) = self.asked.take(now, peer) else { return };
        let most = self.most_answers();
        files.truncate(FILES);
        files.retain(|file| {
            // Whoever fetches it is heard by its own seeks.
            let answers = self.seekers.is_first(now, peer, *file) || !self.wanted.contains(*file);
            answers && {
                let known = self.seekers.of(*file).filter(|id| self.here.contains_key(id)).count();
                self.rng.below(known as u64) < most
            }
        });
        if !files.is_empty() && self.answers.len() < limits::SOUGHT_WAITING {
            let due = now + self.rng.delay(SPREAD);
            self.answers.push(SeekAnswer { due, to, files });
        }
    }

    /// A peer that is here said this.
    pub(super) fn handle_heard(&mut self, now: Time, heard: &Heard) {
        match &heard.message {
            DatagramMessage::Seek { files } => self.hear_seek(now, heard, files),
            DatagramMessage::Has { files } => self.hear_has(now, heard, files),
            _ => {}
        }
    }

    /// When the next seek, or answer to one, may go out.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        let seek = self.wanted.next().map(|at| at.max(self.pace.next(self.seek_rate())));
        let answer = self.answers.iter().map(|a| a.due).min();
        let answer = answer.map(|at| at.max(self.answered.next(limits::HAS_RATE)));
        seek.into_iter().chain(answer).min()
    }

    /// Sends what is due of seeks and answers, as much as the rates allow.
    pub(super) fn handle_timeout(&mut self, now: Time) {
        while let Some(at) = self.answers.iter().position(|a| a.due <= now)
            && self.answered.take(now, limits::HAS_RATE)
        {
            let SeekAnswer { to, files, .. } = self.answers.swap_remove(at);
            self.send(Recipient::At(to), DatagramMessage::Has { files });
        }
        while self.wanted.next().is_some_and(|at| at <= now) {
            let enough = self.most_answers().min(limits::NEIGHBOURS as u64);
            self.wanted.skip_known(now, usize::try_from(enough).unwrap_or(usize::MAX), &self.seekers);
            let rate = self.seek_rate();
            if self.wanted.next().is_none_or(|at| at > now) || !self.pace.take(now, rate) {
                return;
            }
            let files = self.wanted.take_due(now);
            self.send(Recipient::Everyone, DatagramMessage::Seek { files });
        }
    }

    /// What an announcement that is due may say of files: then it costs no datagram.
    pub(super) fn take_repetition(&mut self, now: Time) -> Option<DatagramMessage> {
        let files = self.wanted.take_due(now);
        (!files.is_empty()).then_some(DatagramMessage::Seek { files })
    }

    fn send(&mut self, to: Recipient, message: DatagramMessage) {
        self.outputs.push_back(SeekingOutput::Send { to, message });
    }

    /// Peers that answer a seek, of those that could.
    const fn most_answers(&self) -> u64 {
        if self.network.is_small() { ANSWERS } else { ANSWERS_LARGE }
    }

    fn seek_rate(&self) -> Rate {
        let Rate { period, burst } = limits::SEEK_RATE;
        let period = if self.network.is_small() { period } else { period.max(GAP * self.network.factor()) };
        Rate { period, burst }
    }

    /// Heard again after so long, a peer counts as one that began to seek a file.
    fn silence(&self) -> Duration {
        3 * REPEAT.max(self.network.interval())
    }

    /// True if a word of `id` on files counts: it is here, and does not say too much.
    fn may_say(&mut self, now: Time, id: PeerId) -> bool {
        self.here.get_mut(&id).is_some_and(|words| words.take(now, limits::SOUGHT_RATE))
    }

    /// Whoever said it fetches these files, or has some of them. It is charged where it is answered: at an address
    /// that it proved.
    fn note(&mut self, now: Time, heard: &Heard, files: &[FileId]) {
        let host = heard.answer.map_or(AccountHost::Unproved, |to| to.host().into());
        let (payer, silence) = (Payer { host, peer: heard.peer }, self.silence());
        for file in files {
            self.seekers.note(now, payer, *file, silence);
        }
    }

    /// A peer seeks these files.
    fn hear_seek(&mut self, now: Time, heard: &Heard, files: &[FileId]) {
        let peer = heard.peer;
        if files.is_empty() || !self.may_say(now, peer) {
            return;
        }
        self.note(now, heard, files);
        self.asked.put(now, peer, heard.answer);
        self.outputs.push_back(SeekingOutput::Sought(peer, files.to_vec()));
    }

    /// A peer says that it has some of these files, or fetches them.
    fn hear_has(&mut self, now: Time, heard: &Heard, files: &[FileId]) {
        let peer = heard.peer;
        let ours = files.iter().filter(|file| self.wanted.contains(**file));
        let ours: Vec<_> = ours.copied().collect();
        if ours.is_empty() || !self.may_say(now, peer) {
            return;
        }
        self.note(now, heard, &ours);
        self.outputs.push_back(SeekingOutput::Has(peer, ours));
    }
    /// It takes the same peers for here as discovery does, and what it holds has its bounds.
    #[cfg(any(test, feature = "sim"))]
    pub(super) fn check(&self, here: &BTreeSet<PeerId>) {
        assert!(self.here.keys().eq(here), "another is here than is heard when it seeks");
        assert!(self.answers.len() <= limits::SOUGHT_WAITING);
        self.seekers.check_bounds();
    }
}
