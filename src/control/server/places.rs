//! Who may be connected to the control socket, and who gives way. Pure; the shell is mod.rs.
//!
//! A client that asks for something short, or says nothing, has one of a few places. One that waits for the end of
//! something long gives that place back and has one of many others, so that those who wait keep no question out.
//! Each user has places of their own.

use std::collections::BTreeMap;

use crate::control::limits;
use crate::time::Time;

/// The number of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ClientId(pub(super) u64);

/// What a client is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    /// Nothing since then.
    Idle(Time),
    /// It asked for something short.
    Asking,
    /// It waits for the end of something long.
    Waiting,
}

/// The clients of each user.
#[derive(Debug)]
pub(super) struct Places<U>(BTreeMap<U, BTreeMap<ClientId, Doing>>);

impl<U> Default for Places<U> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<U: Copy + Ord> Places<U> {
    /// True if a user's places for questions are all taken, and nobody makes way: then nobody more is let in for a
    /// moment.
    pub(super) fn are_taken(&self, now: Time) -> bool {
        self.0.values().any(|clients| is_full(clients) && who_yields(now, clients).is_none())
    }

    /// A client comes. `Some`: this one is to be let go for it, the one that has said nothing for longest.
    pub(super) fn enter(&mut self, now: Time, user: U, client: ClientId) -> Option<ClientId> {
        let clients = self.0.entry(user).or_default();
        let yields = who_yields(now, clients).filter(|_| is_full(clients));
        if let Some(id) = yields {
            clients.remove(&id);
        }
        clients.insert(client, Doing::Idle(now));
        yields
    }

    /// It asks for something short.
    pub(super) fn ask(&mut self, user: U, client: ClientId) {
        self.set(user, client, Doing::Asking);
    }

    /// It asks for something long, of which a user may wait for `most` at a time. False: these are taken.
    pub(super) fn wait(&mut self, user: U, client: ClientId, most: usize) -> bool {
        let clients = self.0.get(&user);
        let is_free = clients.is_none_or(|clients| count(clients, |doing| doing == Doing::Waiting) < most);
        if is_free {
            self.set(user, client, Doing::Waiting);
        }
        is_free
    }

    /// It has its answer.
    pub(super) fn answered(&mut self, now: Time, user: U, client: ClientId) {
        self.set(user, client, Doing::Idle(now));
    }

    /// It is gone.
    pub(super) fn leave(&mut self, user: U, client: ClientId) {
        let Some(clients) = self.0.get_mut(&user) else { return };
        clients.remove(&client);
        if clients.is_empty() {
            self.0.remove(&user);
        }
    }

    fn set(&mut self, user: U, client: ClientId, doing: Doing) {
        if let Some(place) = self.0.get_mut(&user).and_then(|clients| clients.get_mut(&client)) {
            *place = doing;
        }
    }
}

fn is_full(clients: &BTreeMap<ClientId, Doing>) -> bool {
    count(clients, |doing| doing != Doing::Waiting) >= limits::CONTROL_ASKING
}

/// Who has said nothing for longest. Who came just now is about to say something.
fn who_yields(now: Time, clients: &BTreeMap<ClientId, Doing>) -> Option<ClientId> {
    let idle = clients.iter().filter_map(|(id, doing)| match doing {
        Doing::Idle(since) if now.since(*since) >= limits::CONTROL_IDLE => Some((*since, *id)),
        _ => None,
    });
    idle.min().map(|(_, id)| id)
}

fn count(clients: &BTreeMap<ClientId, Doing>, is_counted: impl Fn(Doing) -> bool) -> usize {
    clients.values().filter(|doing| is_counted(**doing)).count()
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    const MOST: u64 = limits::CONTROL_ASKING as u64;

    #[test]
    fn who_waits_takes_no_place_of_a_question() {
        let mut places = Places::default();
        for n in 0..1_000 {
            assert_eq!(places.enter(at(n), 'u', ClientId(n)), None);
            assert!(places.wait('u', ClientId(n), 1_000));
            assert!(!places.are_taken(at(n)));
        }
        assert_eq!(places.enter(at(0), 'u', ClientId(1_000)), None);
        assert!(!places.wait('u', ClientId(1_000), 1_000), "of those who wait there is an end, too");
        places.leave('u', ClientId(7));
        assert!(places.wait('u', ClientId(1_000), 1_000));
    }

    #[test]
    fn who_says_nothing_makes_way_and_who_is_being_answered_does_not() {
        let mut places = Places::default();
        for n in 0..MOST {
            assert_eq!(places.enter(at(100 - n), 'u', ClientId(n)), None);
        }
        places.ask('u', ClientId(MOST - 1));
        assert_eq!(places.enter(at(200), 'u', ClientId(MOST)), Some(ClientId(MOST - 2)));
        places.answered(at(1), 'u', ClientId(MOST - 1));
        assert_eq!(places.enter(at(200), 'u', ClientId(MOST + 1)), Some(ClientId(MOST - 1)));
    }

    #[test]
    fn nobody_is_let_in_while_all_are_being_answered_and_users_do_not_compete() {
        let mut places = Places::default();
        for n in 0..MOST {
            places.enter(at(0), 'u', ClientId(n));
            places.ask('u', ClientId(n));
        }
        assert!(places.are_taken(at(9)));
        places.answered(at(1), 'u', ClientId(3));
        assert!(places.are_taken(at(1)), "who had an answer just now may ask again");
        assert!(!places.are_taken(at(2)));
        assert_eq!(places.enter(at(2), 'r', ClientId(MOST)), None, "root has places of its own");
        assert_eq!(places.enter(at(2), 'u', ClientId(MOST + 1)), Some(ClientId(3)));
        for n in 0..MOST + 2 {
            places.leave('u', ClientId(n));
            places.leave('r', ClientId(n));
        }
        assert!(places.0.is_empty(), "nothing is left of those who are gone");
    }
}
