//! Who the controller knows to be served, and with what.

use core::time::Duration;
use std::collections::BTreeMap;

use crossbeam_channel::{Sender, TrySendError};

use super::sent::{SentPart, SentParts};
use super::{SenderEvent, SenderRole};
use crate::identity::PeerId;
use crate::time::Time;

/// How often the controller hears who is served, at most.
const SERVING: Duration = Duration::from_millis(250);

/// Peers that are served with the bytes that each was sent, as reported.
pub(crate) type ServedPeers = Vec<(PeerId, u64)>;

/// What was reported, and when it is reported again.
#[derive(Debug, Default)]
pub(crate) struct ServingReport {
    reported: ServedPeers,
    /// What was sent since it was told last.
    pub(crate) sent: SentParts,
    /// When it is to be looked at again; `None` while nobody is served.
    due: Option<Time>,
}

impl ServingReport {
    /// It is looked at as soon as can be.
    pub(crate) const fn hasten(&mut self, now: Time) {
        self.due = Some(now);
    }

    /// It is looked at as soon as can be, if somebody is known to be served.
    pub(crate) const fn hasten_if_reported(&mut self, now: Time) {
        if !self.reported.is_empty() {
            self.due = Some(now);
        }
    }

    /// It is looked at, soon or as was planned.
    pub(crate) fn begin(&mut self, now: Time) {
        self.due.get_or_insert(now);
    }

    /// When it is to be looked at.
    pub(crate) const fn due(&self) -> Option<Time> {
        self.due
    }

    /// These are served. `tell` tells it, unless it is known, and says whether that could be.
    pub(crate) fn renew(&mut self, now: Time, serving: ServedPeers, tell: impl FnOnce(&ServedPeers) -> bool) {
        let reported = serving == self.reported || tell(&serving);
        self.due = (!reported || !serving.is_empty() || !self.sent.is_empty()).then_some(now + SERVING);
        if reported {
            self.reported = serving;
        }
    }

    /// Something was sent.
    pub(super) fn note(&mut self, part: SentPart, events: &Sender<SenderEvent>) {
        self.sent.note(part);
        if self.sent.is_full() {
            self.tell_all_sent(events);
        }
    }

    /// Tells the controller what was sent since it was told last. While it is behind that waits, up to some parts.
    fn tell_sent(&mut self, events: &Sender<SenderEvent>) {
        if self.sent.is_full() {
            return self.tell_all_sent(events);
        }
        if self.sent.is_empty() {
            return;
        }
        if let Err(TrySendError::Full(SenderEvent::Sent(parts))) =
            events.try_send(SenderEvent::Sent(self.sent.take()))
        {
            parts.into_iter().for_each(|part| self.sent.note(part));
        }
    }

    /// Tells the controller what was sent since it was told last, and waits as long as it is behind.
    pub(super) fn tell_all_sent(&mut self, events: &Sender<SenderEvent>) {
        if !self.sent.is_empty() {
            // It fails only if the peer is ending.
            drop(events.send(SenderEvent::Sent(self.sent.take())));
        }
    }
}

impl SenderRole {
    /// Tells the controller who is being served, while somebody is and once when nobody is any more.
    pub(super) fn report(&mut self, now: Time) {
        self.serving.tell_sent(&self.events);
        let mut serving = BTreeMap::new();
        let clients = self.clients.values().filter(|c| c.bytes > 0 && !c.is_finished(now));
        for (peer, bytes) in clients.map(|c| (c.peer, c.bytes)).chain(self.draining.values().copied()) {
            *serving.entry(peer).or_insert(0) += bytes;
        }
        let serving: Vec<_> = serving.into_iter().collect();
        let tell =
            |serving: &ServedPeers| self.events.try_send(SenderEvent::Serving(serving.clone())).is_ok();
        self.serving.renew(now, serving, tell);
    }
}
