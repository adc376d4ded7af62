//! When a network asks for the other sites of its group, and says where it is itself. Pure.
//!
//! A round asks for each topic, and then announces it, if that is due: never both at once, for the node joins two
//! questions about one number into one. Rounds follow each other quickly after a change, and ever more slowly later.

use core::time::Duration;

use super::keys::{TableId, TableKeys};
use super::limits;
use super::machine::SiteQuestion;
use super::moment::Moment;
use super::spread::Spread;
use crate::time::Time;

/// What is being done about a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TopicStep {
    /// Nothing.
    Idle,
    /// Who is there is being asked.
    Asked,
    /// This network is being announced.
    Announcing,
}

/// A topic of a day.
#[derive(Clone, Copy, Debug)]
struct Topic {
    id: TableId,
    step: TopicStep,
    /// When nodes last took the announcement of the present address.
    announced: Option<Time>,
}

/// The rounds of one peer.
#[derive(Debug)]
pub(super) struct SiteRounds {
    spread: Spread,
    /// The port that others dial; `None`: others speak for this network.
    port: Option<u16>,
    topics: Vec<Topic>,
    next: Time,
    pause: Duration,
}

impl SiteRounds {
    /// None yet.
    pub(super) const fn new(seed: [u8; 32]) -> Self {
        let (next, pause) = (Time::ZERO, limits::FIRST_PAUSE);
        Self { spread: Spread::new(seed), port: None, topics: Vec::new(), next, pause }
    }

    /// The port that others dial from now on; `None`: others speak for this network.
    pub(super) fn handle_port(&mut self, now: Time, port: Option<u16>) {
        if self.port != port {
            self.port = port;
            self.handle_changed(now);
        }
    }

    /// What is announced is no longer so, or was never heard: all is asked and announced again, at once.
    pub(super) fn handle_changed(&mut self, now: Time) {
        self.topics.iter_mut().for_each(|topic| topic.announced = None);
        self.pause = limits::FIRST_PAUSE;
        self.next = now;
    }

    /// There is another node, or none: what was asked of the last one is over, and what it kept may be gone with it.
    pub(super) fn handle_node(&mut self, now: Time) {
        self.topics.iter_mut().for_each(|topic| topic.step = TopicStep::Idle);
        self.handle_changed(now);
    }

    /// A site may have moved: it is asked for soon, and then ever more seldom.
    pub(super) fn handle_lost(&mut self, now: Time) {
        self.pause = limits::FIRST_PAUSE;
        self.next = self.next.min(now + limits::FIRST_PAUSE);
    }

    /// The questions of a round, if one is due.
    pub(super) fn handle_timeout(&mut self, moment: Moment, keys: &TableKeys) -> Vec<SiteQuestion> {
        if self.port.is_none() || self.next > moment.now {
            return Vec::new();
        }
        self.next = moment.now + self.spread.of(self.pause);
        self.pause = (self.pause * 2).min(limits::EVERY);
        self.turn_day(moment, keys);
        let idle = self.topics.iter_mut().filter(|topic| topic.step == TopicStep::Idle);
        idle.map(|topic| {
            topic.step = TopicStep::Asked;
            SiteQuestion::Peers(topic.id)
        })
        .collect()
    }

    /// A question is over. What is to be asked next, if anything.
    pub(super) fn handle_over(
        &mut self,
        now: Time,
        question: SiteQuestion,
        is_taken: bool,
    ) -> Option<SiteQuestion> {
        let port = self.port;
        let topic = self.topics.iter_mut().find(|topic| topic.id == question.id())?;
        topic.step = TopicStep::Idle;
        match question {
            SiteQuestion::Peers(id) => {
                let port = port?;
                if topic.announced.is_some_and(|at| now.since(at) < limits::ANNOUNCED) {
                    return None;
                }
                topic.step = TopicStep::Announcing;
                Some(SiteQuestion::Announce(id, port))
            }
            SiteQuestion::Announce(_, said) => {
                if is_taken && port == Some(said) {
                    topic.announced = Some(now);
                } else {
                    self.next = self.next.min(now + limits::RETRY);
                }
                None
            }
        }
    }

    /// True once nodes took an announcement for one of the present days.
    pub(super) fn is_announced(&self) -> bool {
        self.topics.iter().any(|topic| topic.announced.is_some())
    }

    /// True if this peer speaks for its network.
    pub(super) const fn speaks(&self) -> bool {
        self.port.is_some()
    }

    /// When [`Self::handle_timeout`] is due.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.port.map(|_| self.next)
    }

    /// The topics are those of the days around this one. What is being asked stays until it is over.
    fn turn_day(&mut self, moment: Moment, keys: &TableKeys) {
        let wanted = moment.days().map(|day| keys.sites(day));
        self.topics.retain(|topic| wanted.contains(&topic.id) || topic.step != TopicStep::Idle);
        for id in wanted {
            let has_place = self.topics.len() < limits::TOPICS;
            if has_place && self.topics.iter().all(|topic| topic.id != id) {
                self.topics.push(Topic { id, step: TopicStep::Idle, announced: None });
            }
        }
    }
}
