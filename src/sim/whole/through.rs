//! Two peers that hear each other and cannot connect: stories of whole peers, over connections of 12.5 MB/s.

use super::WholeWorld;
use super::tests::{content, download, seconds};
use crate::control::{ListRequest, Reply};
use crate::peer::event::AskId;
use crate::sim::Link;

const MIB: usize = 1 << 20;

/// Who shares, who wants that, and two that lend space.
const OWNER: usize = 0;
const ASKER: usize = 1;
const CARRIERS: [usize; 2] = [2, 3];

/// An owner and an asker that are kept apart, without copies, and those beside them that lend so much each.
fn apart(seed: u64, files: &[(&str, usize)], lent: u64) -> WholeWorld {
    let mut world = WholeWorld::new(seed, 4, Link::WIRE);
    world.keep_apart(OWNER, ASKER, true);
    for (n, (path, len)) in files.iter().enumerate() {
        world.put(OWNER, path, content(n, *len));
    }
    for place in 0..4 {
        let settings = world.settings(place);
        (settings.copies, settings.lend) = (1, Some(if CARRIERS.contains(&place) { lent } else { 0 }));
        world.start(place);
    }
    world
}

impl WholeWorld {
    fn n_listed(&mut self, place: usize) -> usize {
        let replies = self.answers(place, ListRequest::default());
        replies.iter().filter(|reply| matches!(reply, Reply::File(_))).count()
    }

    fn is_done(&self, ask: AskId) -> bool {
        self.peers[ASKER].replies(ask).last() == Some(&Reply::Done)
    }

    /// Through whom the files of a download came.
    fn through(&self, ask: AskId) -> Vec<Option<String>> {
        let saved = self.peers[ASKER].replies(ask).iter();
        saved
            .filter_map(|r| if let Reply::Saved(saved) = r { Some(saved.through.clone()) } else { None })
            .collect()
    }
}

#[test]
fn files_and_folders_come_through_a_third_peer_and_from_their_owner_once_it_can_be_reached() {
    for seed in 1..=5 {
        let small: Vec<String> = (0..200).map(|n| format!("small/{n}")).collect();
        let mut files: Vec<(&str, usize)> = small.iter().map(|path| (path.as_str(), 2_000)).collect();
        files.extend([("song", 3 * MIB), ("later", 3 * MIB + 1)]);
        let mut world = apart(seed, &files, 1 << 30);
        world.run(seconds(8));
        assert_eq!(world.n_listed(ASKER), files.len());
        for word in ["song", "small"] {
            let ask = world.ask(ASKER, download(word));
            let took = world.run_while(seconds(30), |world| world.is_answered(ASKER, ask)).unwrap();
            assert!(world.is_done(ask) && took < seconds(5), "{seed}: {word} in {took:?}");
            assert!(world.through(ask).iter().all(Option::is_some), "{seed}: {word}");
        }
        world.keep_apart(OWNER, ASKER, false);
        world.run(seconds(40));
        let ask = world.ask(ASKER, download("later"));
        world.run_while(seconds(30), |world| world.is_answered(ASKER, ask)).unwrap();
        assert!(world.is_done(ask));
        assert_eq!(world.through(ask), [None], "{seed}: it comes from its owner");
    }
}

#[test]
fn another_one_goes_on_when_the_one_that_fetches_dies() {
    let mut world = apart(3, &[("film", 60 * MIB)], 1 << 30);
    world.run(seconds(8));
    let ask = world.ask(ASKER, download("film"));
    world.run(seconds(3));
    assert!(!world.is_answered(ASKER, ask));
    let first = CARRIERS.into_iter().find(|place| world.peers[*place].n_stored() > 0).unwrap();
    world.crash(first);
    let took = world.run_while(seconds(60), |world| world.is_answered(ASKER, ask)).unwrap();
    assert!(world.is_done(ask) && took < seconds(30), "{took:?}");
}

#[test]
fn what_finds_no_place_anywhere_is_not_had_and_the_download_says_so() {
    let mut world = apart(4, &[("film", 60 * MIB)], 100 << 20);
    world.run(seconds(8));
    let ask = world.ask(ASKER, download("film"));
    world.run_while(seconds(120), |world| world.is_answered(ASKER, ask)).unwrap();
    assert!(matches!(world.peers[ASKER].replies(ask).last(), Some(Reply::Failed(_))));
}
