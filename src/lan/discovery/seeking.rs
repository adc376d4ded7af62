//! Who else fetches what is fetched here, or has some of it: what the machine of `mod.rs` says and
//! hears of files. Pure; its shell is `lan/shell.rs`.
//!
//! A seek goes to everyone. Whoever fetches the same knows the seeker from then on; whoever fetches or has
//! some of it answers, so that the seeker knows those who came before. Of many only some answer: the others
//! will be heard, for the seek of a file that is still fetched is repeated, in the place of an announcement,
//! and costs no datagram.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::BTreeMap;

use super::hearing::SMALL;
use super::{Machine, PresenceOutput, Via};
use crate::address::Host;
use crate::content::FileId;
use crate::identity::PeerId;
use crate::lan::Event;
use crate::lan::limits;
use crate::rate::{Rate, TokenBucket};
use crate::time::Time;
use crate::wire::datagram::{DatagramMessage, FILES};

/// After the first and the second seek of a file, when the next one goes out, unless enough are known then:
/// a datagram may be lost.
const AGAIN: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(800)];

/// Then the first announcement after this time is a seek.
const REPEAT: Duration = Duration::from_secs(10);

/// Peers of a small network that answer a seek, of those that could.
const ANSWERS: u64 = 16;

/// Peers of a large network that answer a seek: one is enough to begin with, for all others are heard within
/// an interval, by their own seeks, and a hundred of a thousand that begin together must leave the network
/// quiet.
const ANSWERS_LARGE: u64 = 1;

/// An answer goes out within this time.
const SPREAD: Duration = Duration::from_millis(50);

/// The controller says within this time what there is to be answered, or nothing is.
const ASKED: Duration = Duration::from_secs(2);

/// Seeks of a file up to this time after the first one of the same peer are answered by those, too, whose
/// own seeks it will hear.
const FIRST: Duration = Duration::from_secs(2);

/// Peers that have some of a file are counted for this time after they sought it: they may have given it to
/// others for as long.
const COUNTED: Duration = Duration::from_secs(2 * limits::LINGER.as_secs());

/// In a large network: between two seeks of one peer, for each peer of it.
const GAP: Duration = Duration::from_millis(5);

/// A file that is fetched here.
#[derive(Clone, Copy, Debug)]
struct SoughtFile {
    /// When it is sought next.
    due: Time,
    /// How often it was.
    said: usize,
}

/// A peer that seeks a file.
#[derive(Clone, Copy, Debug)]
struct Seeker {
    /// When it was heard first, since it was silent for long.
    first: Time,
    last: Time,
}

/// Where the answer to a seek goes.
#[derive(Clone, Copy, Debug)]
struct SeekRequest {
    at: Time,
    to: SocketAddr,
    via: Via,
}

/// An answer that waits.
#[derive(Clone, Debug)]
struct SeekAnswer {
    due: Time,
    to: SocketAddr,
    via: Via,
    files: Vec<FileId>,
}

/// What is sought, here and by others.
#[derive(Debug, Default)]
pub(super) struct Seeking {
    wanted: BTreeMap<FileId, SoughtFile>,
    /// When the first seek is due that is not a repetition.
    next: Option<Time>,
    pace: TokenBucket,
    /// At most [`limits::SEEKERS`] of them.
    seekers: BTreeMap<FileId, BTreeMap<PeerId, Seeker>>,
    seekers_count: usize,
    /// At most [`limits::SOUGHT_WAITING`].
    asked: BTreeMap<PeerId, SeekRequest>,
    /// At most [`limits::SOUGHT_WAITING`].
    answers: Vec<SeekAnswer>,
    answered: TokenBucket,
}

impl Seeking {
    /// Notes that `peer` fetches a file, or has some of it. Without room for one more it is not counted.
    fn note(&mut self, now: Time, peer: PeerId, file: FileId, silence: Duration) {
        if let Some(seeker) = self.seekers.get_mut(&file).and_then(|all| all.get_mut(&peer)) {
            if now.since(seeker.last) > silence {
                seeker.first = now;
            }
            seeker.last = now;
            return;
        }
        if self.seekers_count >= limits::SEEKERS {
            self.forget(now);
        }
        if self.seekers_count < limits::SEEKERS {
            self.seekers.entry(file).or_default().insert(peer, Seeker { first: now, last: now });
            self.seekers_count += 1;
        }
    }

    /// Forgets those that were not heard for long.
    fn forget(&mut self, now: Time) {
        for seekers in self.seekers.values_mut() {
            seekers.retain(|_, seeker| now.since(seeker.last) < COUNTED);
        }
        self.seekers.retain(|_, seekers| !seekers.is_empty());
        self.seekers_count = self.seekers.values().map(BTreeMap::len).sum();
    }

    fn plan(&mut self) {
        self.next = self.wanted.values().filter(|w| w.said <= AGAIN.len()).map(|w| w.due).min();
    }

    /// Up to [`FILES`] files that are due, the one that waits longest first, as said now.
    fn take_due(&mut self, now: Time) -> Vec<FileId> {
        let mut due: Vec<_> =
            self.wanted.iter().filter(|(_, w)| w.due <= now).map(|(file, w)| (w.due, *file)).collect();
        due.sort_unstable();
        due.truncate(FILES);
        for (_, file) in &due {
            if let Some(wanted) = self.wanted.get_mut(file) {
                wanted.due = now + AGAIN.get(wanted.said).copied().unwrap_or(REPEAT);
                wanted.said += 1;
            }
        }
        self.plan();
        due.into_iter().map(|(_, file)| file).collect()
    }
}

impl Machine {
    /// These files are being fetched now, and no others.
    pub fn handle_seek(&mut self, now: Time, files: Vec<FileId>) {
        self.observe(now);
        let mut before = core::mem::take(&mut self.seeking.wanted);
        if !self.is_leaving() {
            for file in files {
                let wanted = before.remove(&file).unwrap_or(SoughtFile { due: now, said: 0 });
                self.seeking.wanted.insert(file, wanted);
            }
        }
        self.seeking.plan();
        self.rearm(now);
    }

    /// Of these files, which `peer` seeks, we fetch each or have some of it.
    pub fn handle_has(&mut self, now: Time, peer: PeerId, mut files: Vec<FileId>) {
        self.observe(now);
        let most = self.answers();
        if let Some(asked) = self.seeking.asked.remove(&peer)
            && now.since(asked.at) < ASKED
            && self.on_link(Host::from(asked.to))
        {
            files.truncate(FILES);
            files.retain(|file| {
                let seekers = self.seeking.seekers.get(file);
                let first = seekers.and_then(|all| all.get(&peer)).is_none_or(|s| now.since(s.first) < FIRST);
                // Whoever fetches it is heard by its own seeks.
                let answers = first || !self.seeking.wanted.contains_key(file);
                answers && {
                    let here = |id: &&PeerId| self.table.has(**id);
                    let known = seekers.map_or(0, |all| all.keys().filter(here).count());
                    self.rng.below(known as u64) < most
                }
            });
            if !files.is_empty() && self.seeking.answers.len() < limits::SOUGHT_WAITING {
                let due = now + self.rng.delay(SPREAD);
                self.seeking.answers.push(SeekAnswer { due, to: asked.to, via: asked.via, files });
            }
        }
        self.rearm(now);
    }

    /// When the next seek, or answer to one, may go out.
    pub(super) fn seek_at(&self) -> Option<Time> {
        let seek = self.seeking.next.map(|at| at.max(self.seeking.pace.next(self.seek_rate())));
        let answer = self.seeking.answers.iter().map(|a| a.due).min();
        let answer = answer.map(|at| at.max(self.seeking.answered.next(limits::HAS_RATE)));
        seek.into_iter().chain(answer).min()
    }

    /// Sends what is due of seeks and answers, as much as the rates allow.
    pub(super) fn seek_step(&mut self, now: Time) {
        while let Some(at) = self.seeking.answers.iter().position(|a| a.due <= now)
            && self.seeking.answered.take(now, limits::HAS_RATE)
        {
            let SeekAnswer { to, via, files, .. } = self.seeking.answers.swap_remove(at);
            self.unicast(to, via, DatagramMessage::Has { files });
        }
        while self.seeking.next.is_some_and(|at| at <= now) {
            self.skip_known(now);
            if self.seeking.next.is_none_or(|at| at > now) {
                return;
            }
            let rate = self.seek_rate();
            if !self.seeking.pace.take(now, rate) {
                return;
            }
            let files = self.seeking.take_due(now);
            // It says all that an announcement says.
            self.plan_announcement(now);
            self.broadcast(DatagramMessage::Seek { files });
        }
    }

    /// The announcement that is due, if it is to be a seek.
    pub(super) fn seek_again(&mut self, now: Time) -> Option<DatagramMessage> {
        let files = self.seeking.take_due(now);
        (!files.is_empty()).then_some(DatagramMessage::Seek { files })
    }

    /// Of a file of which enough others are known the second and third seek wait, as later ones do.
    fn skip_known(&mut self, now: Time) {
        let enough = self.answers().min(limits::NEIGHBOURS as u64);
        let Seeking { wanted, seekers, .. } = &mut self.seeking;
        for (file, wanted) in wanted.iter_mut().filter(|(_, w)| w.due <= now) {
            let known = seekers.get(file).map_or(0, BTreeMap::len) as u64;
            if (1..=AGAIN.len()).contains(&wanted.said) && known >= enough {
                *wanted = SoughtFile { due: now + REPEAT, said: AGAIN.len() + 1 };
            }
        }
        self.seeking.plan();
    }

    /// Peers that answer a seek, of those that could.
    fn answers(&self) -> u64 {
        if self.network() <= u64::from(SMALL) { ANSWERS } else { ANSWERS_LARGE }
    }

    fn seek_rate(&self) -> Rate {
        let peers = u32::try_from(self.network()).unwrap_or(u32::MAX);
        let Rate { period, burst } = limits::SEEK_RATE;
        if peers <= SMALL { limits::SEEK_RATE } else { Rate { period: period.max(GAP * peers), burst } }
    }

    /// True if a word of `id` on files counts: it is here, and does not say too much.
    fn may_say(&mut self, now: Time, id: PeerId) -> bool {
        self.table.get_mut(id).is_some_and(|e| e.seeks.take(now, limits::SOUGHT_RATE))
    }

    /// A peer seeks these files.
    pub(super) fn hear_seek(
        &mut self,
        now: Time,
        source: SocketAddr,
        via: Via,
        id: PeerId,
        files: &[FileId],
    ) {
        if files.is_empty() || !self.may_say(now, id) {
            return;
        }
        let Some(entry) = self.table.get_mut(id) else { return };
        // The first copy may have come from an address that it has not proved yet: none goes there.
        let proved = entry.hosts.contains(&Host::from(source));
        let (to, via) = if proved { (source, via) } else { (entry.at, Via::Own) };
        let silence = 3 * REPEAT.max(self.interval_now());
        for file in files {
            self.seeking.note(now, id, *file, silence);
        }
        let asked = &mut self.seeking.asked;
        if asked.len() >= limits::SOUGHT_WAITING {
            asked.retain(|_, asked| now.since(asked.at) < ASKED);
        }
        if asked.len() < limits::SOUGHT_WAITING || asked.contains_key(&id) {
            asked.insert(id, SeekRequest { at: now, to, via });
        }
        self.outputs.push_back(PresenceOutput::Event(Event::Sought(id, files.to_vec())));
    }

    /// A peer says that it has some of these files, or fetches them.
    pub(super) fn hear_has(&mut self, now: Time, id: PeerId, files: &[FileId]) {
        let ours = files.iter().filter(|file| self.seeking.wanted.contains_key(file));
        let ours: Vec<_> = ours.copied().collect();
        if ours.is_empty() || !self.may_say(now, id) {
            return;
        }
        let silence = 3 * REPEAT.max(self.interval_now());
        for file in &ours {
            self.seeking.note(now, id, *file, silence);
        }
        self.outputs.push_back(PresenceOutput::Event(Event::Has(id, ours)));
    }
}
