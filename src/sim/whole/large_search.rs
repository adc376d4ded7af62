//! Searches in a network that is too large for each peer to know what all share, while peers come, go, die and change
//! files, keepers of the index leave, are killed and lie, and the network is cut in two and is one again. A model says
//! what each of them has to find.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use super::WholeWorld;
use super::lying::IndexLie;
use super::tests::{content, seconds};
use crate::control::{ExitRequest, Notice, Office, PeersRequest, Reply, SearchRequest};
use crate::peer::event::AskId;
use crate::sim::{Link, seeds};
use crate::time::Time;

/// Peers: more than know of each other what all share.
const COUNT: usize = 38;

/// Who searches where one peer does.
const ASKER: usize = 20;

/// Words of which paths are made; each of them is in half of all paths or less.
const WORDS: [&str; 4] = ["moon", "blue", "song", "red"];

/// What is so for this time is known to everybody: that a peer is here, and what it shares.
const LISTED: Duration = Duration::from_secs(12);

/// What is no more since then is not shown: a death is noticed by then.
const FORGOTTEN: Duration = Duration::from_secs(40);

/// A search ends within this time in a large network.
const LARGE_SEARCH: Duration = Duration::from_millis(2_005);

/// And within this time in a small one, where catalogues are waited for as ever.
const SMALL_SEARCH: Duration = Duration::from_millis(3_005);

/// A file in `shared/` of a peer.
#[derive(Debug)]
struct ModelFile {
    owner: usize,
    since: Time,
    deleted: Option<Time>,
}

/// What lies where, and who is here.
#[derive(Debug, Default)]
struct LargeModel {
    files: BTreeMap<String, ModelFile>,
    /// Since when a peer runs, and can be reached by all who do.
    up: BTreeMap<usize, Time>,
    /// Since when it does not, or not by all.
    down: BTreeMap<usize, Time>,
    made: usize,
}

impl LargeModel {
    fn put(&mut self, world: &mut WholeWorld, place: usize) {
        let mut word = || WORDS[usize::try_from(world.network.rng.below(WORDS.len() as u64)).unwrap()];
        self.made += 1;
        let path = format!("{}/{} {}.mp3", word(), word(), self.made);
        world.put(place, &path, content(self.made, 1_000 + self.made));
        let file = ModelFile { owner: place, since: world.network.now, deleted: None };
        self.files.insert(path, file);
    }

    fn delete(&mut self, world: &mut WholeWorld, place: usize) {
        let mut files = self.files.iter_mut();
        let file = files.find(|(_, file)| file.owner == place && file.deleted.is_none());
        if let Some((path, file)) = file {
            file.deleted = Some(world.network.now);
            world.delete(place, path);
        }
    }

    fn start(&mut self, world: &mut WholeWorld, place: usize) {
        world.start(place);
        self.up.insert(place, world.network.now);
        self.down.remove(&place);
    }

    fn end(&mut self, world: &WholeWorld, place: usize) {
        self.up.remove(&place);
        self.down.entry(place).or_insert(world.network.now);
    }

    fn crash(&mut self, world: &mut WholeWorld, place: usize) {
        world.crash(place);
        self.end(world, place);
    }

    /// It begins to leave.
    fn leave(&mut self, world: &mut WholeWorld, place: usize) {
        world.ask(place, ExitRequest::default());
        self.end(world, place);
    }

    /// True if everybody knows since then that it is here.
    fn is_listed(&self, place: usize, begun: Time) -> bool {
        self.up.get(&place).is_some_and(|since| *since + LISTED <= begun)
    }

    /// Those who are here and are known to be, but for the first ones.
    fn listed(&self, begun: Time) -> Vec<usize> {
        (0..COUNT).filter(|place| self.is_listed(*place, begun)).collect()
    }

    /// Compares what a search found that was begun then with what it has to find, and what it must not.
    fn check(&self, search: &BegunSearch, found: &BTreeSet<String>) {
        let BegunSearch { place, word, begun, .. } = *search;
        for (path, file) in self.files.iter().filter(|(path, _)| path.contains(word)) {
            let is_there = file.since + LISTED <= begun && file.deleted.is_none();
            let is_here = self.is_listed(file.owner, begun);
            if is_there && is_here {
                assert!(found.contains(path), "peer {place} does not find {path} of peer {}", file.owner);
            }
            let is_over = |since: Option<&Time>| since.is_some_and(|since| *since + FORGOTTEN <= begun);
            if is_over(file.deleted.as_ref()) || is_over(self.down.get(&file.owner)) {
                assert!(!found.contains(path), "peer {place} finds {path}, which is no more");
            }
        }
    }
}

/// A search that was begun.
#[derive(Debug)]
struct BegunSearch {
    place: usize,
    word: &'static str,
    begun: Time,
    ask: AskId,
}

impl WholeWorld {
    fn begin_search(&mut self, place: usize, word: &'static str) -> BegunSearch {
        let request = SearchRequest { words: vec![word.to_owned()], ..SearchRequest::default() };
        BegunSearch { place, word, begun: self.network.now, ask: self.ask(place, request) }
    }

    fn random_word(&mut self) -> &'static str {
        WORDS[usize::try_from(self.network.rng.below(WORDS.len() as u64)).unwrap()]
    }

    /// Waits for the end of these, and returns what each found; and how long the last one took.
    fn end_searches(&mut self, searches: &[BegunSearch]) -> (Vec<BTreeSet<String>>, Duration) {
        self.end_searches_within(LARGE_SEARCH, searches)
    }

    fn end_searches_within(
        &mut self,
        limit: Duration,
        searches: &[BegunSearch],
    ) -> (Vec<BTreeSet<String>>, Duration) {
        let is_over = |world: &Self| {
            let mut all = searches.iter();
            all.all(|search| {
                !world.peers[search.place].is_running() || world.is_answered(search.place, search.ask)
            })
        };
        let took = self.run_while(limit, is_over).expect("each search ends within two seconds");
        let found = searches.iter().map(|search| {
            let replies = self.peers[search.place].replies(search.ask);
            let path =
                |reply: &Reply| if let Reply::File(row) = reply { Some(row.path.clone()) } else { None };
            replies.iter().filter_map(path).collect()
        });
        (found.collect(), took)
    }

    /// One search; what it found, and how long it took.
    fn search_at(&mut self, place: usize, word: &'static str) -> (BTreeSet<String>, Duration) {
        let search = self.begin_search(place, word);
        let (mut found, took) = self.end_searches(&[search]);
        (found.pop().unwrap_or_default(), took)
    }

    /// The places of the supernode and its deputy, as this peer sees them.
    fn keepers(&mut self, place: usize) -> [usize; 2] {
        let replies = self.answers(place, PeersRequest::default());
        let holder = |office: Office| {
            let row = replies.iter().find_map(|reply| match reply {
                Reply::Peer(row) if row.office == Some(office) => Some(row),
                _ => None,
            });
            let name = &row.expect("another peer has the office").name;
            name.strip_prefix("peer").and_then(|place| place.parse().ok()).expect("peers are numbered")
        };
        [holder(Office::Supernode), holder(Office::Deputy)]
    }

    /// Of how many others this peer knows what they share.
    fn known_at(&mut self, place: usize) -> usize {
        let replies = self.answers(place, PeersRequest::default());
        replies.iter().filter(|reply| matches!(reply, Reply::Peer(row) if row.files.is_some())).count()
    }

    /// What this peer was told of keepers that it does not ask any more.
    fn skipped(&self, place: usize) -> Vec<&str> {
        let notices = self.peers[place].notices.iter();
        let text =
            |notice: &'_ Notice| matches!(notice, Notice::Warning(text) if text.contains("keeps the index"));
        let skipped = notices.filter(|notice| text(notice));
        skipped
            .filter_map(|notice| if let Notice::Warning(text) = notice { Some(text.as_str()) } else { None })
            .collect()
    }
}

/// Peers that know each other, and of which each shares two files. Nobody keeps files of others.
fn large(seed: u64, link: Link) -> (WholeWorld, LargeModel) {
    let mut world = WholeWorld::new(seed, COUNT, link);
    let mut model = LargeModel::default();
    for place in 0..COUNT {
        let settings = world.settings(place);
        (settings.copies, settings.lend) = (1, Some(0));
        model.put(&mut world, place);
        model.put(&mut world, place);
    }
    for place in 0..COUNT {
        model.start(&mut world, place);
        // The order of arrival is that of the numbers.
        world.run(if place < 4 { seconds(2) } else { Duration::from_millis(50) });
    }
    world.run(LISTED + seconds(3));
    (world, model)
}

fn all(model: &LargeModel, word: &str) -> BTreeSet<String> {
    let there = model.files.iter().filter(|(path, file)| path.contains(word) && file.deleted.is_none());
    there.map(|(path, _)| path.clone()).collect()
}

#[test]
fn a_search_asks_the_keepers_and_pulls_nothing_that_they_know() {
    let (mut world, model) = large(1, Link::WIRE);
    assert_eq!(world.keepers(ASKER), [0, 1]);
    let known = world.known_at(ASKER);
    assert!(known < COUNT - 1, "{known}");
    for word in WORDS {
        let (found, took) = world.search_at(ASKER, word);
        assert_eq!(found, all(&model, word));
        assert!(took < Duration::from_millis(50), "{took:?}");
    }
    // But for one owner a search, to check the keepers.
    let pulled = world.known_at(ASKER) - known;
    assert!(pulled <= WORDS.len(), "{pulled}");
    assert!(world.skipped(ASKER).is_empty());
}

#[test]
fn when_the_supernode_leaves_the_next_search_is_answered_by_the_new_one_alone() {
    let (mut world, mut model) = large(2, Link::WIRE);
    model.leave(&mut world, 0);
    world.run_while(seconds(10), |world| !world.peers[0].is_running()).expect("it leaves");
    world.run(Duration::from_millis(200));
    assert_eq!(world.keepers(ASKER), [1, 2]);
    let (found, took) = world.search_at(ASKER, "moon");
    let expected: BTreeSet<String> =
        all(&model, "moon").into_iter().filter(|path| model.files[path].owner != 0).collect();
    assert_eq!(found, expected);
    assert!(took < Duration::from_millis(200), "{took:?}");
}

#[test]
fn a_search_during_which_the_supernode_is_killed_misses_nothing() {
    for after in [0, 1, 2, 5] {
        let (mut world, mut model) = large(3 + after, Link::WIRE);
        let search = world.begin_search(ASKER, "moon");
        world.run(Duration::from_millis(after));
        model.crash(&mut world, 0);
        let searches = [search];
        let (found, _) = world.end_searches(&searches);
        model.check(&searches[0], &found[0]);
        // Nobody has noticed yet that it is dead, and then everybody has.
        for _ in 0..8 {
            world.run(seconds(2));
            let search = [world.begin_search(ASKER, "blue")];
            let (found, _) = world.end_searches(&search);
            model.check(&search[0], &found[0]);
        }
        assert_eq!(world.keepers(ASKER), [1, 2]);
    }
}

/// Something happens to the network.
fn happen(world: &mut WholeWorld, model: &mut LargeModel) {
    let place = usize::try_from(world.network.rng.below(COUNT as u64)).unwrap();
    let is_running = world.peers[place].is_running() && model.up.contains_key(&place);
    let are_enough = model.up.len() > 35;
    match world.network.rng.below(8) {
        0 if is_running && are_enough => model.crash(world, place),
        1 if is_running && are_enough => model.leave(world, place),
        2 if is_running => model.delete(world, place),
        _ if is_running => model.put(world, place),
        _ if !world.peers[place].is_running() => model.start(world, place),
        _ => {}
    }
}

#[test]
fn every_search_ends_in_two_seconds_and_misses_nothing_whatever_happens() {
    seeds(2, |seed| {
        let (mut world, mut model) = large(seed, Link::lossy(5));
        for round in 0..14 {
            for _ in 0..world.network.rng.below(3) {
                happen(&mut world, &mut model);
            }
            let pause = world.network.rng.time(seconds(6));
            world.run(pause);
            // Three search at once, and somebody who keeps the index may be killed while they do.
            let listed = model.listed(world.network.now);
            let mut searches = Vec::new();
            for _ in 0..3 {
                let at = usize::try_from(world.network.rng.below(listed.len() as u64)).unwrap();
                let word = world.random_word();
                searches.push(world.begin_search(listed[at], word));
                let pause = world.network.rng.time(Duration::from_millis(20));
                world.run(pause);
            }
            if round % 3 == 1 && model.up.len() > 34 {
                let keeper = (0..COUNT).find(|place| model.up.contains_key(place)).unwrap();
                if world.network.rng.below(3) == 0 {
                    model.leave(&mut world, keeper);
                } else {
                    model.crash(&mut world, keeper);
                }
            }
            let (found, _) = world.end_searches(&searches);
            for (search, found) in searches.iter().zip(&found) {
                if model.up.contains_key(&search.place) {
                    model.check(search, found);
                }
            }
        }
        for place in model.listed(world.network.now) {
            assert!(world.skipped(place).is_empty(), "nobody lies: {:?}", world.skipped(place));
        }
    });
}

#[test]
fn in_two_halves_and_in_one_network_again_nothing_is_missed_that_can_be_reached() {
    seeds(1, |seed| {
        let (mut world, mut model) = large(100 + seed, Link::WIRE);
        let halves: [Vec<usize>; 2] = [(0..COUNT).step_by(2).collect(), (1..COUNT).step_by(2).collect()];
        world.cut_off(&halves[1], true);
        let cut = world.network.now;
        // At first those on the other side are still taken for present, and are not to be had.
        for round in 0..10 {
            world.run(seconds(4));
            for half in &halves {
                let place = half[round % half.len()];
                let word = world.random_word();
                let search = [world.begin_search(place, word)];
                let (found, _) = world.end_searches_within(SMALL_SEARCH, &search);
                let mut here = LargeModel { up: model.up.clone(), made: model.made, ..LargeModel::default() };
                here.files = std::mem::take(&mut model.files);
                here.up.retain(|place, _| half.contains(place));
                let others = halves.iter().flatten().filter(|place| !half.contains(place));
                here.down.extend(others.map(|place| (*place, cut)));
                here.check(&search[0], &found[0]);
                model.files = here.files;
            }
            let place = halves[round % 2][(round * 3) % halves[0].len()];
            model.put(&mut world, place);
        }
        world.cut_off(&halves[1], false);
        // They hear of each other again.
        world.run(seconds(20));
        for place in [0, 1, 2, 3, 20, 21, 36, 37] {
            for word in WORDS {
                let search = [world.begin_search(place, word)];
                let (found, _) = world.end_searches(&search);
                model.check(&search[0], &found[0]);
            }
            assert!(world.skipped(place).is_empty(), "nobody lies: {:?}", world.skipped(place));
        }
    });
}

#[test]
fn a_keeper_that_lies_hides_nothing_and_is_named_once() {
    for (n, lie) in (0..).zip(IndexLie::ALL) {
        let (mut world, model) = large(200 + n, Link::WIRE);
        world.lie(0, Some(lie));
        for round in 0..6 {
            let word = WORDS[round % WORDS.len()];
            let (found, _) = world.search_at(ASKER, word);
            let missed: Vec<_> = all(&model, word).difference(&found).cloned().collect();
            assert!(missed.is_empty(), "{lie:?} in round {round}: {missed:?}");
            if !world.skipped(ASKER).is_empty() && round > 4 {
                assert_eq!(found, all(&model, word), "what the liar says does not count");
            }
            world.run(seconds(2));
        }
        let skipped = world.skipped(ASKER);
        assert_eq!(skipped.len(), 1, "{lie:?}: {skipped:?}");
        assert!(skipped[0].starts_with("peer0 "), "{skipped:?}");
    }
}

#[test]
fn two_keepers_that_lie_together_are_found_out_by_what_is_known_and_then_all_is_pulled() {
    let (mut world, model) = large(300, Link::WIRE);
    for keeper in [0, 1] {
        world.lie(keeper, Some(IndexLie::Nothing));
    }
    // Of most others this peer knows what they share: so they are found out at once.
    let (found, _) = world.search_at(ASKER, "moon");
    assert_eq!((found, world.skipped(ASKER).len()), (all(&model, "moon"), 2));
    // Others that begin to keep it are asked.
    world.crash(0);
    world.crash(1);
    world.run(seconds(30));
    assert_eq!(world.keepers(ASKER), [2, 3]);
    let (found, took) = world.search_at(ASKER, "blue");
    let expected = all(&model, "blue").into_iter().filter(|path| model.files[path].owner > 1).collect();
    assert_eq!(found, expected);
    assert!(took < Duration::from_millis(200), "{took:?}");
}
