//! Searches in the index that another peer keeps. Pure; whose index is searched when, and what its answer is worth, is
//! decided in peer/search/, the pages are put together in index/remote.rs.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ReceiverEvent;
use super::pull::{Outcome, PullKey, Question, Refusal, Taken};
use crate::index::answer::{CoverageVersion, IndexAnswer, IndexQuestion};
use crate::index::remote::AnswerPart;
use crate::time::Time;
use crate::wire::Message;
use crate::wire::message::{Cancel, FoundIs, Reason};

/// What became of a search.
#[derive(Clone, Debug)]
pub(crate) enum FoundOutcome {
    /// What that peer answered. Its form is right, and nothing of it is proved.
    Came(IndexAnswer),
    /// It keeps no index for others, or does not know what they are.
    NotOffered,
    /// It answers too many others.
    Busy,
    /// It cannot be reached, says nothing, or sent what is no answer.
    Failed,
}

/// A search that is under way.
#[derive(Debug)]
struct OpenSearch {
    question: Arc<IndexQuestion>,
    known: Option<CoverageVersion>,
}

/// The searches that are under way: as many as the user of this peer began.
#[derive(Debug, Default)]
pub(crate) struct RemoteSearches {
    open: BTreeMap<PullKey<u64>, OpenSearch>,
}

impl RemoteSearches {
    /// This is to be asked under this key. `known`: the coverage list that is known of that peer. `is_open`: it is
    /// still under way.
    pub(super) fn put(
        &mut self,
        key: PullKey<u64>,
        question: Arc<IndexQuestion>,
        known: Option<CoverageVersion>,
        is_open: impl Fn(PullKey<u64>) -> bool,
    ) {
        self.open.retain(|key, _| is_open(*key));
        self.open.insert(key, OpenSearch { question, known });
    }
}

impl Question for RemoteSearches {
    type Subject = u64;
    type Reasons = ();
    type Part = AnswerPart;
    type Page = FoundIs;
    type Answer = FoundOutcome;

    const FIRST: u64 = 0;
    const SILENT: &'static str = "it does not answer a search";
    const MAY_CHANGE: bool = false;
    /// A connection may just be over when it is asked. Nobody waits for more.
    const ATTEMPTS: u8 = 2;

    fn may_ask(_: PullKey<u64>, _: impl Iterator<Item = PullKey<u64>>) -> bool {
        // How many answers are wanted at once is bounded by those who search.
        true
    }

    fn ask(&self, key: PullKey<u64>, _: &AnswerPart, request: u64) -> Message {
        // Invariant: what is asked was put here before, and stays until it is answered.
        self.open.get(&key).map_or(Message::Cancel(Cancel { request }), |OpenSearch { question, known }| {
            Message::Search(question.to_message(*known, request))
        })
    }

    fn take(
        &mut self,
        _: Time,
        key: PullKey<u64>,
        part: &mut AnswerPart,
        page: FoundIs,
    ) -> Taken<FoundOutcome> {
        let most = self.open.get(&key).map_or(0, |search| search.question.most);
        match part.take(page, most) {
            Err(what) => Taken::Lie(what.to_owned()),
            Ok(None) => Taken::More,
            Ok(Some(answer)) => {
                self.open.remove(&key);
                Taken::Whole(FoundOutcome::Came(answer))
            }
        }
    }

    fn refused(_: &AnswerPart, reason: Reason) -> Refusal<FoundOutcome> {
        match reason {
            Reason::NotOffered => Refusal::Whole(FoundOutcome::NotOffered),
            _ => Refusal::GiveUp,
        }
    }

    fn tell(key: PullKey<u64>, (): (), outcome: Outcome<FoundOutcome>) -> Vec<ReceiverEvent> {
        let outcome = match outcome {
            Outcome::Came(outcome) => outcome,
            Outcome::Busy => FoundOutcome::Busy,
            Outcome::GaveUp | Outcome::TooMuch | Outcome::Refused | Outcome::Gone => FoundOutcome::Failed,
        };
        vec![ReceiverEvent::Found { from: key.from, number: key.subject, outcome }]
    }

    fn accuse(key: PullKey<u64>, what: &str) -> Option<String> {
        Some(format!("{}: {what}", key.from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::PeerId;
    use crate::index::{Query, SearchWords};
    use crate::receiver::pull::driven::Driven;
    use crate::receiver::pull::{PullMachine as _, PullOutput};
    use crate::wire::message::Refused;

    const NOW: Time = Time(7);
    const KEEPER: PeerId = PeerId([1; 32]);

    fn search(machine: &mut Driven<RemoteSearches>, number: u64) {
        let question = IndexQuestion { query: Query::of(SearchWords::new(["moon"]).unwrap()), most: 2 };
        let key = PullKey { from: KEEPER, subject: number };
        machine.question.put(key, Arc::new(question), None, |_| true);
        machine.want(NOW, key, ());
    }

    /// Begins a search; the number of the request.
    fn ask(machine: &mut Driven<RemoteSearches>, number: u64) -> u64 {
        search(machine, number);
        match &machine.run(NOW)[..] {
            [PullOutput::Ask(KEEPER, Message::Search(m))] if m.words == ["moon"] => m.request,
            other => panic!("{other:?}"),
        }
    }

    fn page(request: u64, more: u64, last: bool) -> FoundIs {
        let (covered, hits) = (Vec::new().into(), Vec::new().into());
        FoundIs { request, epoch: 4, number: 5, whole: true, covered, hits, more, last }
    }

    fn found(outputs: Vec<PullOutput>) -> Vec<(u64, FoundOutcome)> {
        let found = outputs.into_iter().filter_map(|output| match output {
            PullOutput::Tell(ReceiverEvent::Found { from: KEEPER, number, outcome }) => {
                Some((number, outcome))
            }
            _ => None,
        });
        found.collect()
    }

    #[test]
    fn searches_of_one_keeper_are_told_apart() {
        let mut machine = Driven::default();
        let (first, second) = (ask(&mut machine, 8), ask(&mut machine, 9));
        machine.handle_page(NOW, KEEPER, first, page(first, 0, false));
        machine.handle_page(NOW, KEEPER, second, page(second, 0, true));
        let told = found(machine.run(NOW));
        assert!(
            matches!(&told[..], [(9, FoundOutcome::Came(answer))] if answer.coverage.version.number == 5)
        );
        machine.handle_page(NOW, KEEPER, first, page(first, 0, true));
        assert!(matches!(found(machine.run(NOW))[..], [(8, FoundOutcome::Came(_))]));
        assert!(!machine.is_owed_by(KEEPER) && machine.question.open.is_empty());
    }

    #[test]
    fn whoever_keeps_no_index_or_is_busy_says_so() {
        let mut machine = Driven::default();
        let mut refuse = |reason| {
            let request = ask(&mut machine, 8);
            machine.handle_refused(NOW, KEEPER, &Refused { request, item: None, reason });
            found(machine.run(NOW)).pop().map(|(_, outcome)| outcome)
        };
        assert!(matches!(refuse(Reason::NotOffered), Some(FoundOutcome::NotOffered)));
        assert!(matches!(refuse(Reason::Busy), Some(FoundOutcome::Busy)));
        assert!(matches!(refuse(Reason::Malformed), Some(FoundOutcome::Failed)));
    }

    #[test]
    fn whoever_lies_in_form_is_dropped_and_named() {
        let mut machine = Driven::default();
        let request = ask(&mut machine, 8);
        machine.handle_page(NOW, KEEPER, request, page(request, 3, true));
        let outputs = machine.run(NOW);
        let is_warned = outputs.iter().any(|o| {
            matches!(o, PullOutput::Tell(ReceiverEvent::Warning(text)) if text.ends_with("there was a place for it"))
        });
        let is_dropped = outputs.iter().any(|o| matches!(o, PullOutput::Drop(KEEPER, _)));
        assert!(is_warned && is_dropped, "{outputs:?}");
        assert!(matches!(found(outputs)[..], [(8, FoundOutcome::Failed)]));
    }

    #[test]
    fn a_search_is_asked_twice_at_most() {
        let mut machine = Driven::default();
        ask(&mut machine, 8);
        machine.handle_down(NOW, KEEPER);
        assert!(found(machine.run(NOW)).is_empty());
        let then = machine.poll_timeout().unwrap();
        machine.handle_timeout(then);
        assert!(matches!(&machine.run(then)[..], [PullOutput::Ask(KEEPER, Message::Search(_))]));
        machine.handle_down(then, KEEPER);
        assert!(matches!(found(machine.run(then))[..], [(8, FoundOutcome::Failed)]));
    }
}
