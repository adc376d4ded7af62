//! What is listed for guests: asked of the peer when a guest wants it and what is known is old.

use core::time::Duration;
use std::collections::BTreeSet;

use crossbeam_channel::Sender;

use crate::control::answers::{Awaited, AwaitedAnswers};
use crate::control::{Answers, Ask, ListRequest, Reply};
use crate::http::{HttpId, HttpWaker};
use crate::time::Time;
use crate::web::guest::index::{GuestFile, GuestIndex};
use crate::web::guest::limits;

/// It takes as long to be old as this many times what it took to be made.
const SPARED: u32 = 20;

/// What is known, and what is being asked.
#[derive(Debug)]
pub(super) struct GuestListing {
    root: String,
    pub(super) index: GuestIndex,
    /// It is good until then. `None`: nothing was ever listed.
    good_until: Option<Time>,
    asked: Option<AskedList>,
    /// Connections that wait for it.
    waiting: BTreeSet<HttpId>,
}

#[derive(Debug)]
struct AskedList {
    answers: AwaitedAnswers,
    files: Vec<GuestFile>,
    since: Time,
}

impl GuestListing {
    /// Of what lies below this path.
    pub(super) fn new(root: String) -> Self {
        Self { root, index: GuestIndex::default(), good_until: None, asked: None, waiting: BTreeSet::new() }
    }

    /// True if what is known is good enough.
    pub(super) fn is_fresh(&self, now: Time) -> bool {
        self.good_until.is_some_and(|until| until > now)
    }

    /// A connection wants to know.
    pub(super) fn want(&mut self, now: Time, id: HttpId, asks: &Sender<Ask>, waker: &HttpWaker) {
        if self.is_fresh(now) {
            return;
        }
        self.waiting.insert(id);
        if self.asked.is_some() {
            return;
        }
        // Nobody has the number 0: whoever waits is found by `hear`.
        let (replies, answers) = Answers::with_bell(0, waker.woken.clone(), waker.bell.clone());
        let request = ListRequest::default().into();
        // A peer that is leaving answers no more, which `hear` sees.
        drop(asks.send(Ask { request, replies }));
        self.asked = Some(AskedList { answers, files: Vec::new(), since: now });
    }

    /// Takes in what is answered. When that was all, those that wait have a turn.
    pub(super) fn hear(&mut self, now: Time) -> BTreeSet<HttpId> {
        let Some(asked) = &mut self.asked else { return BTreeSet::new() };
        loop {
            match asked.answers.next() {
                Awaited::None => return BTreeSet::new(),
                Awaited::Reply(reply) => match *reply {
                    Reply::File(row) if !row.folder => asked.files.push(GuestFile {
                        path: row.path,
                        size: row.size,
                        modified: row.modified,
                        id: row.id,
                        is_own: row.mine,
                    }),
                    Reply::Done | Reply::Failed(_) => break,
                    _ => {}
                },
                Awaited::Ended => break,
            }
        }
        if let Some(AskedList { files, since, .. }) = self.asked.take() {
            self.index = GuestIndex::new(&self.root, files);
            let took: Duration = now.since(since);
            self.good_until = Some(now + (took * SPARED).clamp(limits::LISTED, limits::LISTED * 30));
        }
        std::mem::take(&mut self.waiting)
    }

    /// A connection is gone.
    pub(super) fn forget(&mut self, id: HttpId) {
        self.waiting.remove(&id);
    }
}
