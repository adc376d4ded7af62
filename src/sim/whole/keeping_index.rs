//! Whoever keeps the index of a large network is asked what there is, and says how far it knows.

use std::sync::Arc;

use super::WholeWorld;
use super::registering::{COUNT, SHARER, network};
use super::tests::{content, seconds};
use crate::index::answer::{CoverageVersion, IndexAnswer, IndexQuestion};
use crate::index::{Query, SearchWords};
use crate::receiver::ReceiverCommand;
use crate::receiver::search::FoundOutcome;

/// Who asks.
const ASKER: usize = 30;

/// What `keeper` answers when it is asked for this word.
fn asked(world: &mut WholeWorld, keeper: usize, word: &str, known: Option<CoverageVersion>) -> FoundOutcome {
    let from = world.peers[keeper].id();
    let number = world.peers[ASKER].found().len() as u64 + 1;
    let query = Query::of(SearchWords::new([word]).unwrap());
    let search = Arc::new(IndexQuestion { query, most: 100 });
    let command = ReceiverCommand::Search { from, number, search, known };
    world.peers[ASKER].tell_receiver(&mut world.network, command);
    let is_answered = |world: &WholeWorld| world.peers[ASKER].found().len() as u64 == number;
    world.run_while(seconds(1), is_answered).expect("it is answered within a second");
    let (of, outcome) = world.peers[ASKER].found().last().cloned().unwrap();
    assert_eq!(of, number);
    outcome
}

fn came(outcome: FoundOutcome) -> (Vec<String>, IndexAnswer) {
    let FoundOutcome::Came(answer) = outcome else { panic!("{outcome:?}") };
    (answer.files.iter().map(|found| found.hit.path.as_str().to_owned()).collect(), answer)
}

#[test]
fn both_keepers_answer_whoever_asks_and_nobody_else_does() {
    let mut world = network();
    let mut versions = Vec::new();
    for keeper in [0, 1] {
        let (paths, answer) = came(asked(&mut world, keeper, "20", None));
        assert_eq!(paths, ["20.txt"]);
        assert!(answer.coverage.is_whole && answer.coverage.owners.iter().all(|o| o.head.is_some()));
        assert_eq!(answer.coverage.owners.len(), COUNT, "all are covered, the keeper itself with them");
        versions.push(answer.coverage.version);
    }
    assert_ne!(versions[0].epoch, versions[1].epoch);
    assert!(matches!(asked(&mut world, 2, "20", None), FoundOutcome::NotOffered));
    // What changed meanwhile is told, and no more.
    world.put(SHARER, "news 20.txt", content(98, 1_000));
    world.crash(25);
    world.run(seconds(20));
    let (mut paths, answer) = came(asked(&mut world, 0, "20", Some(versions[0])));
    paths.sort();
    assert_eq!(paths, ["20.txt", "news 20.txt"]);
    assert!(!answer.coverage.is_whole);
    let [sharer, gone] = [SHARER, 25].map(|place| world.peers[place].id());
    let head = |of| answer.coverage.owners.iter().find(|o| o.owner == of).map(|o| o.head.is_some());
    assert_eq!((answer.coverage.owners.len(), head(sharer), head(gone)), (2, Some(true), Some(false)));
    // A list of the other one is of no use to it.
    let (_, answer) = came(asked(&mut world, 0, "20", Some(versions[1])));
    assert!(answer.coverage.is_whole && answer.coverage.owners.len() == COUNT - 1);
    // The deputy is next.
    world.crash(0);
    assert!(matches!(asked(&mut world, 0, "20", None), FoundOutcome::Failed));
    world.run(seconds(20));
    let (paths, answer) = came(asked(&mut world, 2, "news", None));
    assert_eq!((&paths[..], answer.coverage.owners.len()), (&["news 20.txt".to_owned()][..], COUNT - 2));
}
