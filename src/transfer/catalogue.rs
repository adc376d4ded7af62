//! Pulling catalogues: the signed head, then the buckets that changed, proved by its root. Pure; its
//! shell is transfer/receiver.rs.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::content::catalogue::{Bucket, BucketDigest, root_of};
use crate::content::{Catalogue, Entry, Head};
use crate::identity::PeerId;
use crate::limits;
use crate::time::Time;
use crate::wire::Message;
use crate::wire::message::{BucketIs, GetBuckets, GetHead, HeadIs, Reason, Refused};

/// Low bits of the number of each request, which tell whose the answer is.
pub(super) const TAG: u64 = 1;

/// Attempts to bring one catalogue up to date, until the controller asks again.
const ATTEMPTS: u8 = 3;

/// Rest between two attempts.
const REST: Duration = Duration::from_millis(500);

/// Memory of one entry beside its path: the structure, its allocation, its share of the vectors.
const ENTRY: usize = 112;

/// What the shell is to do.
#[derive(Debug)]
pub(super) enum Output {
    /// Connect to this peer's sender port; answered by `handle_up` or `handle_down`.
    Dial(PeerId),
    /// Close the connection to it, with the cause for the log.
    Drop(PeerId, String),
    /// Send it this.
    Ask(PeerId, Message),
    /// Up to date: head checked, root proved.
    Done(PeerId, Head, Arc<Catalogue>),
    /// It did not come, though nobody lied: worth being asked for again after a while.
    GaveUp(PeerId),
    /// In words for the user.
    Warning(String),
}

#[derive(Debug)]
enum Step {
    /// Until a connection stands.
    Waiting,
    /// Not before this time.
    Resting(Time),
    /// The head was asked for under this number.
    Head(u64),
    /// The buckets were asked for under this number.
    Buckets(u64, Box<Pending>),
}

#[derive(Debug)]
struct Pending {
    head: Head,
    digests: Vec<BucketDigest>,
    /// Buckets still to come, in the order they were asked for.
    missing: VecDeque<u8>,
    /// Entries of the first of them, so far.
    entries: Vec<Entry>,
    /// What is there; buckets that came replace those of the version before.
    catalogue: Catalogue,
    /// Bytes of memory of all that came.
    bytes: usize,
}

#[derive(Debug)]
struct Pull {
    step: Step,
    /// Failed attempts.
    failed: u8,
    /// It was asked for again meanwhile.
    again: bool,
    /// When an answer came, or it was asked last.
    heard: Time,
}

#[derive(Debug)]
struct Kept {
    head: Head,
    catalogue: Arc<Catalogue>,
    bytes: usize,
    /// Its peer is gone: first to make room.
    gone: bool,
}

/// The catalogues of all peers, and those under way.
#[derive(Debug, Default)]
pub(super) struct Catalogues {
    pulls: BTreeMap<PeerId, Pull>,
    kept: BTreeMap<PeerId, Kept>,
    outputs: VecDeque<Output>,
    next_request: u64,
}

impl Catalogues {
    /// The next thing to do; to be called until `None` after every input.
    pub(super) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// True if this peer owes something.
    pub(super) fn is_owed_by(&self, peer: PeerId) -> bool {
        self.pulls.get(&peer).is_some_and(|p| matches!(p.step, Step::Head(_) | Step::Buckets(..)))
    }

    /// Bring this peer's catalogue up to date.
    pub(super) fn handle_wanted(&mut self, now: Time, peer: PeerId) {
        if let Some(kept) = self.kept.get_mut(&peer) {
            kept.gone = false;
        }
        match self.pulls.get_mut(&peer) {
            Some(Pull { step: Step::Resting(_), failed, .. }) => *failed = 0,
            Some(pull) => pull.again = true,
            None => {
                let pull = Pull { step: Step::Waiting, failed: 0, again: false, heard: now };
                self.pulls.insert(peer, pull);
                self.outputs.push_back(Output::Dial(peer));
            }
        }
    }

    /// A connection to this peer stands.
    pub(super) fn handle_up(&mut self, now: Time, peer: PeerId) {
        // It may have dialled back while we rested from dialling it.
        if self.pulls.get(&peer).is_some_and(|p| matches!(p.step, Step::Waiting | Step::Resting(_))) {
            self.ask_head(now, peer);
        }
    }

    /// The connection could not be had, or is over.
    pub(super) fn handle_down(&mut self, now: Time, peer: PeerId) {
        let Some(pull) = self.pulls.get_mut(&peer) else { return };
        if matches!(pull.step, Step::Resting(_)) {
            return;
        }
        pull.failed += 1;
        if pull.failed >= ATTEMPTS {
            self.give_up(peer);
        } else {
            pull.step = Step::Resting(now + REST);
        }
    }

    /// This peer is gone. What it shared is kept while there is room, for when it comes back.
    pub(super) fn handle_gone(&mut self, peer: PeerId) {
        self.pulls.remove(&peer);
        if let Some(kept) = self.kept.get_mut(&peer) {
            kept.gone = true;
        }
    }

    /// When [`Self::handle_timeout`] is due.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        let due = |p: &Pull| match p.step {
            Step::Waiting => None,
            Step::Resting(t) => Some(t),
            Step::Head(_) | Step::Buckets(..) => Some(p.heard + limits::STALL),
        };
        self.pulls.values().filter_map(due).min()
    }

    /// Tries again, and drops who owes an answer.
    pub(super) fn handle_timeout(&mut self, now: Time) {
        let mut stalled = Vec::new();
        for (&peer, pull) in &mut self.pulls {
            match pull.step {
                Step::Resting(t) if t <= now => {
                    pull.step = Step::Waiting;
                    self.outputs.push_back(Output::Dial(peer));
                }
                Step::Head(_) | Step::Buckets(..) if now.since(pull.heard) >= limits::STALL => {
                    stalled.push(peer);
                }
                _ => {}
            }
        }
        for peer in stalled {
            self.outputs.push_back(Output::Drop(peer, "it does not send its catalogue".to_owned()));
            self.handle_down(now, peer);
        }
    }

    /// The head came.
    pub(super) fn handle_head(&mut self, now: Time, peer: PeerId, answer: &HeadIs) {
        let Some(pull) = self.pulls.get_mut(&peer) else { return };
        if !matches!(pull.step, Step::Head(request) if request == answer.request) {
            return;
        }
        pull.heard = now;
        let head = match Head::open(&answer.signed) {
            Ok(head) if head.owner.peer_id() == peer => head,
            Ok(_) => return self.liar(now, peer, "its catalogue is signed by another peer"),
            Err(e) => return self.liar(now, peer, &format!("its catalogue head: {e}")),
        };
        if head.entries > limits::CATALOGUE_ENTRIES as u64 {
            return self.too_large(peer);
        }
        let kept = self.kept.get(&peer);
        if let Some(kept) = kept.filter(|k| k.head.root == head.root) {
            let catalogue = Arc::clone(&kept.catalogue);
            if head.entries != kept.head.entries {
                return self.liar(now, peer, "its catalogue has another length than it says");
            }
            return self.done(now, peer, head, catalogue);
        }
        let digests: Vec<_> = answer.digests.as_chunks::<32>().0.iter().map(|d| BucketDigest(*d)).collect();
        if digests.len() != limits::BUCKETS || root_of(&digests) != head.root {
            return self.liar(now, peer, "its catalogue's digests do not prove its root");
        }
        let catalogue = kept.map(|k| (*k.catalogue).clone()).unwrap_or_default();
        let changed = (0..=u8::MAX).filter(|b| {
            let b = usize::from(*b);
            catalogue.digests()[b] != digests[b]
        });
        let missing: VecDeque<u8> = changed.collect();
        let bytes = catalogue.entries().map(cost).sum();
        let pending = Pending { head, digests, missing, entries: Vec::new(), catalogue, bytes };
        self.ask_buckets(now, peer, pending);
    }

    /// A page of a bucket came.
    pub(super) fn handle_bucket(&mut self, now: Time, peer: PeerId, page: BucketIs) {
        let Some(pull) = self.pulls.get_mut(&peer) else { return };
        let Step::Buckets(request, pending) = &mut pull.step else { return };
        if *request != page.request {
            return;
        }
        pull.heard = now;
        if pending.missing.front() != Some(&page.bucket) || (page.entries.is_empty() && !page.last) {
            return self.liar(now, peer, "it sent a bucket of its catalogue out of order");
        }
        pending.bytes += page.entries.iter().map(cost).sum::<usize>();
        pending.entries.extend(page.entries);
        if pending.entries.len() > limits::CATALOGUE_ENTRIES || pending.bytes > limits::REMOTE_CATALOGUES {
            return self.too_large(peer);
        }
        if !page.last {
            return;
        }
        let bucket = Bucket::new(page.bucket, std::mem::take(&mut pending.entries));
        let proved = bucket.map(|b| (b.digest() == pending.digests[usize::from(page.bucket)], b));
        match proved {
            Ok((true, bucket)) => {
                pending.bytes -=
                    pending.catalogue.bucket(page.bucket).entries().iter().map(cost).sum::<usize>();
                pending.catalogue.set(page.bucket, bucket);
            }
            Ok((false, _)) => {
                return self.liar(now, peer, "a bucket of its catalogue is not what it promised");
            }
            Err(e) => return self.liar(now, peer, &format!("its catalogue: {e}")),
        }
        pending.missing.pop_front();
        if pending.missing.is_empty() {
            self.proved(now, peer);
        }
    }

    /// It does not answer.
    pub(super) fn handle_refused(&mut self, now: Time, peer: PeerId, refused: &Refused) {
        let Some(pull) = self.pulls.get_mut(&peer) else { return };
        match pull.step {
            Step::Buckets(request, _) if request == refused.request && refused.reason == Reason::Changed => {
                // There is a newer one. It may well change faster than it comes: then later.
                pull.failed += 1;
                if pull.failed >= ATTEMPTS {
                    self.give_up(peer);
                } else {
                    self.ask_head(now, peer);
                }
            }
            Step::Head(request) | Step::Buckets(request, _) if request == refused.request => {
                // Too busy, or it has none yet though it announced one: its parts do not hear of it at once.
                if pull.again {
                    self.pulls.remove(&peer);
                    self.handle_wanted(now, peer);
                } else {
                    self.give_up(peer);
                }
            }
            _ => {}
        }
    }

    /// Said, for whoever asked counts on an answer: what was announced last may be what did not come.
    fn give_up(&mut self, peer: PeerId) {
        self.pulls.remove(&peer);
        self.outputs.push_back(Output::GaveUp(peer));
    }

    fn ask_head(&mut self, now: Time, peer: PeerId) {
        let request = self.request();
        let known = self.kept.get(&peer).map(|k| k.head.root);
        if let Some(pull) = self.pulls.get_mut(&peer) {
            pull.step = Step::Head(request);
            pull.again = false;
            pull.heard = now;
            self.outputs.push_back(Output::Ask(peer, Message::GetHead(GetHead { request, known })));
        }
    }

    fn ask_buckets(&mut self, now: Time, peer: PeerId, pending: Pending) {
        let request = self.request();
        let buckets: Vec<u8> = pending.missing.iter().copied().collect();
        let root = pending.head.root;
        let Some(pull) = self.pulls.get_mut(&peer) else { return };
        pull.step = Step::Buckets(request, Box::new(pending));
        if buckets.is_empty() {
            return self.proved(now, peer);
        }
        let message = Message::GetBuckets(GetBuckets { request, root, buckets });
        self.outputs.push_back(Output::Ask(peer, message));
    }

    /// All buckets are there.
    fn proved(&mut self, now: Time, peer: PeerId) {
        let Some(pull) = self.pulls.get_mut(&peer) else { return };
        let Step::Buckets(_, pending) = std::mem::replace(&mut pull.step, Step::Waiting) else { return };
        let Pending { head, catalogue, bytes, .. } = *pending;
        if catalogue.entries().count() as u64 != head.entries {
            return self.liar(now, peer, "its catalogue has another length than it says");
        }
        if !self.make_room(peer, bytes) {
            return self.too_large(peer);
        }
        let catalogue = Arc::new(catalogue);
        let kept = Kept { head: head.clone(), catalogue: Arc::clone(&catalogue), bytes, gone: false };
        self.kept.insert(peer, kept);
        self.done(now, peer, head, catalogue);
    }

    fn done(&mut self, now: Time, peer: PeerId, head: Head, catalogue: Arc<Catalogue>) {
        if let Some(kept) = self.kept.get_mut(&peer) {
            if head.number() < kept.head.number() {
                return self.liar(now, peer, "it sent an older catalogue than before");
            }
            kept.head = head.clone();
        }
        let again = self.pulls.remove(&peer).is_some_and(|p| p.again);
        self.outputs.push_back(Output::Done(peer, head, catalogue));
        if again {
            self.handle_wanted(now, peer);
        }
    }

    /// Forgets catalogues of peers that are gone until `bytes` more fit; false if they do not.
    fn make_room(&mut self, peer: PeerId, bytes: usize) -> bool {
        self.kept.remove(&peer);
        loop {
            let sum: usize = self.kept.values().map(|k| k.bytes).sum();
            if sum + bytes <= limits::REMOTE_CATALOGUES {
                return true;
            }
            let Some(gone) = self.kept.iter().find(|(_, k)| k.gone).map(|(p, _)| *p) else { return false };
            self.kept.remove(&gone);
        }
    }

    fn too_large(&mut self, peer: PeerId) {
        self.pulls.remove(&peer);
        let text =
            format!("the catalogue of {peer} is too large to be kept beside the others: it is not listed");
        self.outputs.push_back(Output::Warning(text));
    }

    /// It sent what cannot be: its connection ends, and it is asked again only when it announces more.
    fn liar(&mut self, _now: Time, peer: PeerId, what: &str) {
        self.pulls.remove(&peer);
        self.outputs.push_back(Output::Warning(format!("{peer}: {what}; it is not listed")));
        self.outputs.push_back(Output::Drop(peer, what.to_owned()));
    }

    fn request(&mut self) -> u64 {
        self.next_request += 4;
        self.next_request | TAG
    }
}

/// Bytes of memory of an entry.
fn cost(entry: &Entry) -> usize {
    entry.path.as_str().len() + ENTRY
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::{FileId, Kind};
    use crate::identity::{Identity, Instance};

    fn catalogue(files: u32) -> Catalogue {
        let kind = Kind::File { id: FileId([1; 32]), size: 1, modified: 0, executable: false };
        Catalogue::of(
            (0..files).map(|n| Entry { path: format!("f{n}").parse().unwrap(), kind: kind.clone() }),
        )
    }

    struct Server {
        identity: Identity,
        catalogue: Catalogue,
        version: u64,
        entries: Option<u64>,
    }

    impl Server {
        fn new(files: u32) -> Self {
            Self {
                identity: Identity::generate().unwrap(),
                catalogue: catalogue(files),
                version: 1,
                entries: None,
            }
        }

        fn head(&self, m: &GetHead) -> HeadIs {
            let instance = Instance { count: 1, random: 1 };
            let mut head = self.catalogue.head(self.identity.public(), instance, self.version);
            head.entries = self.entries.unwrap_or(head.entries);
            let known = m.known == Some(head.root);
            let digests = self.catalogue.digests().iter().flat_map(|d| d.0).collect();
            let digests = if known { Vec::new() } else { digests };
            HeadIs { request: m.request, signed: head.sign(&self.identity), digests }
        }

        fn bucket(&self, request: u64, bucket: u8) -> BucketIs {
            let entries = self.catalogue.bucket(bucket).entries().to_vec();
            BucketIs { request, bucket, entries, last: true }
        }
    }

    /// Runs until nothing is left to do; `twist` may change each answer. Buckets that were asked for,
    /// and the outputs that are not requests.
    fn run(
        machine: &mut Catalogues,
        server: &Server,
        mut twist: impl FnMut(&mut Message),
    ) -> (usize, Vec<Output>) {
        let (now, peer) = (Time(5), server.identity.id());
        let (mut asked, mut rest) = (0, Vec::new());
        while let Some(output) = machine.poll_output() {
            let answers = match output {
                Output::Dial(_) => {
                    machine.handle_up(now, peer);
                    continue;
                }
                Output::Ask(_, Message::GetHead(m)) => vec![Message::Head(server.head(&m))],
                Output::Ask(_, Message::GetBuckets(m)) => {
                    asked += m.buckets.len();
                    m.buckets.iter().map(|b| Message::Bucket(server.bucket(m.request, *b))).collect()
                }
                other => {
                    rest.push(other);
                    continue;
                }
            };
            for mut answer in answers {
                twist(&mut answer);
                match answer {
                    Message::Head(m) => machine.handle_head(now, peer, &m),
                    Message::Bucket(m) => machine.handle_bucket(now, peer, m),
                    other => panic!("{other:?}"),
                }
            }
        }
        (asked, rest)
    }

    #[test]
    fn only_changed_buckets_are_asked_for_again() {
        let mut server = Server::new(5_000);
        let peer = server.identity.id();
        let mut machine = Catalogues::default();
        machine.handle_wanted(Time(1), peer);
        let (asked, rest) = run(&mut machine, &server, |_| ());
        assert_eq!(asked, 256);
        assert!(matches!(&rest[..], [Output::Done(_, _, c)] if **c == server.catalogue), "{rest:?}");
        server.version = 2;
        server.catalogue = catalogue(5_001);
        machine.handle_wanted(Time(1), peer);
        let (asked, rest) = run(&mut machine, &server, |_| ());
        assert_eq!(asked, 1);
        assert!(matches!(&rest[..], [Output::Done(_, h, c)] if **c == server.catalogue && h.version == 2));
        machine.handle_wanted(Time(1), peer);
        let (asked, rest) = run(&mut machine, &server, |_| ());
        assert!(asked == 0 && matches!(&rest[..], [Output::Done(..)]));
        assert!(machine.pulls.is_empty() && machine.poll_timeout().is_none());
    }

    #[test]
    fn whoever_lies_about_its_catalogue_is_not_listed() {
        type Twist = fn(&mut Message);
        let twists: [Twist; 7] = [
            |m| {
                if let Message::Head(h) = m {
                    h.signed[70] ^= 1
                }
            },
            |m| {
                if let Message::Head(h) = m {
                    h.digests[0] ^= 1
                }
            },
            |m| {
                if let Message::Head(h) = m {
                    h.digests.truncate(100)
                }
            },
            |m| {
                if let Message::Bucket(b) = m {
                    b.bucket = b.bucket.wrapping_add(1)
                }
            },
            |m| {
                if let Message::Bucket(b) = m {
                    drop(b.entries.pop())
                }
            },
            |m| {
                if let Message::Bucket(b) = m {
                    b.entries.reverse()
                }
            },
            |m| {
                if let Message::Bucket(b) = m {
                    (b.entries, b.last) = (Vec::new(), false);
                }
            },
        ];
        for (n, twist) in twists.into_iter().enumerate() {
            let server = Server::new(2_000);
            let mut machine = Catalogues::default();
            machine.handle_wanted(Time(1), server.identity.id());
            let (_, rest) = run(&mut machine, &server, twist);
            assert!(matches!(&rest[..], [Output::Warning(_), Output::Drop(..)]), "{n}: {rest:?}");
            assert!(machine.pulls.is_empty() && machine.kept.is_empty());
        }
        // One that signs a head with a wrong number of entries, or somebody else's head.
        let server = Server { entries: Some(7), ..Server::new(20) };
        let mut machine = Catalogues::default();
        machine.handle_wanted(Time(1), server.identity.id());
        let (_, rest) = run(&mut machine, &server, |_| ());
        assert!(matches!(&rest[..], [Output::Warning(_), Output::Drop(..)]), "{rest:?}");
    }

    #[test]
    fn a_lost_or_silent_peer_is_tried_three_times() {
        let peer = Identity::generate().unwrap().id();
        let mut machine = Catalogues::default();
        let mut now = Time(1);
        machine.handle_wanted(now, peer);
        let (mut dialled, mut told) = (0, 0);
        loop {
            while let Some(output) = machine.poll_output() {
                match output {
                    // The second time it connects and says nothing.
                    Output::Dial(_) if dialled == 1 => {
                        dialled += 1;
                        machine.handle_up(now, peer);
                    }
                    Output::Dial(_) => {
                        dialled += 1;
                        machine.handle_down(now, peer);
                    }
                    Output::Ask(..) | Output::Drop(..) => {}
                    Output::GaveUp(_) => told += 1,
                    other => panic!("{other:?}"),
                }
            }
            let Some(due) = machine.poll_timeout() else { break };
            assert!(due > now);
            now = due;
            machine.handle_timeout(now);
        }
        assert_eq!((dialled, told), (3, 1));
        assert!(machine.pulls.is_empty());
    }

    /// Whoever asked is told, for it may have asked for the newest one while this one did not come.
    #[test]
    fn a_refused_catalogue_is_given_up_and_said_so() {
        let server = Server::new(3);
        let peer = server.identity.id();
        let now = Time(1);
        for (reason, heads) in [(Reason::Changed, 3), (Reason::Busy, 1)] {
            let mut machine = Catalogues::default();
            machine.handle_wanted(now, peer);
            let (mut asked, mut told) = (0, 0);
            while let Some(output) = machine.poll_output() {
                match output {
                    Output::Dial(_) => machine.handle_up(now, peer),
                    Output::Ask(_, Message::GetHead(m)) if reason == Reason::Changed => {
                        asked += 1;
                        machine.handle_head(now, peer, &server.head(&m));
                    }
                    Output::Ask(_, Message::GetHead(GetHead { request, .. })) => {
                        asked += 1;
                        machine.handle_refused(now, peer, &Refused { request, item: None, reason });
                    }
                    Output::Ask(_, Message::GetBuckets(GetBuckets { request, .. })) => {
                        // It announces another one, too.
                        machine.handle_wanted(now, peer);
                        machine.handle_refused(now, peer, &Refused { request, item: None, reason });
                    }
                    Output::GaveUp(p) if p == peer => told += 1,
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!((asked, told), (heads, 1), "{reason:?}");
            assert!(machine.pulls.is_empty() && machine.poll_timeout().is_none());
        }
    }
}
