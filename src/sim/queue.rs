//! What is to happen in a world, in the order of virtual time. Pure.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::rc::Rc;

use crate::identity::PeerId;
use crate::lan::Endpoint;
use crate::time::Time;
use crate::wire::datagram::Body;

/// A datagram on its way.
#[derive(Clone, Debug)]
pub(super) enum Payload {
    /// Taken for signed by that peer.
    Plain(PeerId, Rc<Body>),
    /// With a claimed sender and a wrong signature.
    Forged(PeerId),
    /// With a real signature.
    Sealed(Rc<[u8]>),
}

/// What is to happen.
#[derive(Debug)]
pub(super) enum What {
    Timer(usize),
    Table { to: usize, teller: usize },
    Flight(Flight),
}

/// One datagram on its way to all its receivers: one place in the queue, however many they are.
#[derive(Debug)]
pub(super) struct Flight {
    /// The address that it comes from, and the socket that it comes in on.
    pub(super) source: Endpoint,
    pub(super) payload: Payload,
    /// Who receives it when, the last first.
    pub(super) arrivals: Vec<(Time, usize)>,
}

/// What happens now.
pub(super) enum Next {
    Timer(usize),
    Table { to: usize, teller: usize },
    Packet { to: usize, source: Endpoint, payload: Payload },
}

/// What is to happen when; of things of one time, the one that was put in first.
#[derive(Debug)]
struct Due {
    at: Time,
    order: u64,
    what: What,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

/// All that is to happen.
#[derive(Debug, Default)]
pub(super) struct Queue {
    due: BinaryHeap<Reverse<Due>>,
    /// How many were put in.
    order: u64,
}

impl Queue {
    /// When the next thing happens.
    pub(super) fn first(&self) -> Option<Time> {
        self.due.peek().map(|Reverse(due)| due.at)
    }

    /// Puts something in.
    pub(super) fn push(&mut self, at: Time, what: What) {
        self.order += 1;
        self.due.push(Reverse(Due { at, order: self.order, what }));
    }

    /// The next thing that happens by `until`, and when.
    pub(super) fn pop(&mut self, until: Time) -> Option<(Time, Next)> {
        let mut top = self.due.peek_mut().filter(|top| top.0.at <= until)?;
        let due = &mut top.0;
        let now = due.at;
        let flight = match &mut due.what {
            What::Timer(place) => {
                let place = *place;
                PeekMut::pop(top);
                return Some((now, Next::Timer(place)));
            }
            What::Table { to, teller } => {
                let (to, teller) = (*to, *teller);
                PeekMut::pop(top);
                return Some((now, Next::Table { to, teller }));
            }
            What::Flight(flight) => flight,
        };
        let (_, to) = flight.arrivals.pop()?;
        let (source, payload) = (flight.source, flight.payload.clone());
        // With receivers left it keeps its place in the queue, for the next of them.
        if let Some((next, _)) = flight.arrivals.last() {
            due.at = *next;
        } else {
            PeekMut::pop(top);
        }
        Some((now, Next::Packet { to, source, payload }))
    }
}
