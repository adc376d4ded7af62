//! Searches of whole peers that come, go, crash and change what they share: each one finds what a model says.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use super::WholeWorld;
use super::tests::{content, seconds};
use crate::control::{Reply, SearchRequest};
use crate::sim::{Link, seeds};

const PEERS: usize = 5;

/// Words of which paths are made.
const WORDS: [&str; 8] = ["moon", "BLUE", "réd", "moonlight", "a", "song", "日本", "x"];

/// A death is noticed after this time, and a change of what is shared long before.
const SETTLED: Duration = Duration::from_secs(20);

/// What each running peer shares, by their places: what is to be found.
#[derive(Debug, Default)]
struct SearchModel {
    shared: BTreeMap<usize, BTreeSet<String>>,
    files: usize,
}

impl SearchModel {
    /// Something happens to a peer.
    fn happen(&mut self, world: &mut WholeWorld) {
        let place = usize::try_from(world.network.rng.below(PEERS as u64)).unwrap();
        let is_running = world.peers[place].is_running();
        match world.network.rng.below(6) {
            0 if is_running => world.crash(place),
            1 => {
                let shared = self.shared.entry(place).or_default();
                if let Some(path) = shared.pop_first() {
                    world.delete(place, &path);
                }
            }
            _ if !is_running => world.start(place),
            _ => {
                let mut word =
                    || WORDS[usize::try_from(world.network.rng.below(WORDS.len() as u64)).unwrap()];
                self.files += 1;
                // No path is that of another file.
                let path = format!("{}/{} {}.mp3", word(), word(), self.files);
                world.put(place, &path, content(self.files, 1_000 + self.files));
                self.shared.entry(place).or_default().insert(path);
            }
        }
    }

    /// What a search for these words is to find, in the order of the paths.
    fn expected(&self, world: &WholeWorld, words: &[&str]) -> Vec<String> {
        let has = |path: &&String| words.iter().all(|word| fold(path).contains(&fold(word)));
        let running = self.shared.iter().filter(|(place, _)| world.peers[**place].is_running());
        let mut paths: Vec<_> = running.flat_map(|(_, paths)| paths.iter().filter(has).cloned()).collect();
        paths.sort();
        paths
    }
}

/// As far as these words need it, and written apart from what is tested.
fn fold(text: &str) -> String {
    text.to_lowercase().replace('é', "e")
}

fn found(world: &mut WholeWorld, place: usize, words: &[&str]) -> Vec<String> {
    let words = words.iter().map(|&word| word.to_owned()).collect();
    let ask = world.ask(place, SearchRequest { words, ..SearchRequest::default() });
    let is_answered = |world: &WholeWorld| world.is_answered(place, ask);
    world.run_while(seconds(2), is_answered).expect("it is answered within two seconds");
    let replies = world.peers[place].replies(ask);
    assert_eq!(replies.last(), Some(&Reply::Done));
    let path = |reply: &Reply| if let Reply::File(row) = reply { Some(row.path.clone()) } else { None };
    let mut paths: Vec<_> = replies.iter().filter_map(path).collect();
    paths.sort();
    paths
}

#[test]
fn every_search_finds_what_those_share_who_are_here() {
    seeds(10, |seed| {
        let mut world = WholeWorld::new(seed, PEERS, Link::WIRE);
        let mut model = SearchModel::default();
        for place in 0..PEERS {
            // Nobody keeps files of others, so that who is gone takes them along.
            let settings = world.settings(place);
            (settings.copies, settings.lend) = (1, Some(0));
            world.start(place);
        }
        for _ in 0..12 {
            for _ in 0..=world.network.rng.below(4) {
                model.happen(&mut world);
            }
            world.run(SETTLED);
            let word = |world: &mut WholeWorld| {
                WORDS[usize::try_from(world.network.rng.below(WORDS.len() as u64)).unwrap()]
            };
            let words = [word(&mut world), word(&mut world)];
            for place in (0..PEERS).filter(|place| world.peers[*place].is_running()).collect::<Vec<_>>() {
                let expected = model.expected(&world, &words);
                assert_eq!(found(&mut world, place, &words), expected, "{words:?} at peer {place}");
            }
        }
    });
}
