//! Stories of whole peers, told by what their users see.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use super::WholeWorld;
use crate::content::FileId;
use crate::control::{CustodyRow, DownloadRequest, ExitRequest, ListRequest, ListRow, Reply, StatusRequest};
use crate::peer::event::AskId;
use crate::sim::{Link, seeds};

/// Bytes that no other `n` has.
pub(super) fn content(n: usize, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().update(&n.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

pub(super) const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub(super) fn download(word: &str) -> DownloadRequest {
    DownloadRequest {
        files: vec![word.to_owned()],
        from: Vec::new(),
        to: None,
        wait: true,
        no_wait: false,
        ..DownloadRequest::default()
    }
}

fn own(place: usize) -> String {
    format!("own-{place:02}.txt")
}

/// The file of everybody's own is so long.
fn own_content(place: usize) -> Vec<u8> {
    content(place, 1_000 + 700 * place)
}

const LARGE: &str = "large.bin";

/// Several chunks.
fn large_content() -> Vec<u8> {
    content(usize::MAX, 2_500_000)
}

impl WholeWorld {
    /// Peers that each share a file of their own, and the first one a larger one; all start within 2 s.
    fn sharing(seed: u64, count: usize, link: Link) -> Self {
        let mut world = Self::new(seed, count, link);
        world.put(0, LARGE, large_content());
        let mut starts: Vec<_> =
            (0..count).map(|place| (world.network.rng.time(seconds(2)), place)).collect();
        starts.sort_unstable();
        let begun = world.network.now;
        for (after, place) in starts {
            world.put(place, &own(place), own_content(place));
            world.run_until(begun + after);
            world.start(place);
        }
        world
    }

    pub(super) fn running(&self) -> Vec<usize> {
        (0..self.peers.len()).filter(|place| self.peers[*place].is_running()).collect()
    }

    fn list(&mut self, place: usize) -> Vec<ListRow> {
        let replies = self.answers(place, ListRequest::default());
        let row = |reply| if let Reply::File(row) = reply { Some(row) } else { None };
        replies.into_iter().filter_map(row).collect()
    }

    fn paths(&mut self, place: usize) -> BTreeSet<String> {
        self.list(place).into_iter().map(|row| row.path).collect()
    }

    pub(super) fn custody(&mut self, place: usize) -> CustodyRow {
        let replies = self.answers(place, StatusRequest::default());
        let custody = |reply| if let Reply::Status(status) = reply { status.custody } else { None };
        replies.into_iter().find_map(custody).expect("the status tells of custody")
    }

    /// Waits until all of these are answered, and says that they went well.
    fn all_done(&mut self, limit: Duration, asks: &[(usize, AskId)]) {
        let is_done = |world: &Self| asks.iter().all(|(place, ask)| world.is_answered(*place, *ask));
        self.run_while(limit, is_done);
        for (place, ask) in asks {
            let replies = self.peers[*place].replies(*ask);
            assert_eq!(replies.last(), Some(&Reply::Done), "peer {place}: {replies:?}");
        }
    }

    /// Whose files each peer keeps, by their places.
    fn kept(&mut self) -> BTreeMap<usize, BTreeSet<usize>> {
        let places: BTreeMap<String, usize> =
            (0..self.peers.len()).map(|place| (self.peers[place].id().full(), place)).collect();
        let owners = |row: CustodyRow| row.kept_for.iter().map(|kept| places[&kept.id]).collect();
        self.running().into_iter().map(|place| (place, owners(self.custody(place)))).collect()
    }

    /// Those of `candidates` of whom none keeps files of another one: when they leave together, each leaves its
    /// files to somebody who stays.
    fn apart(&mut self, candidates: impl Iterator<Item = usize>) -> Vec<usize> {
        let kept = self.kept();
        let mut apart = Vec::new();
        for place in candidates {
            let is_stranger = |of: &usize| !kept[of].contains(&place) && !kept[&place].contains(of);
            if apart.iter().all(is_stranger) {
                apart.push(place);
            }
        }
        apart
    }

    /// Those of `candidates` crash after which somebody still keeps the files of all who are gone then; all
    /// who are. Of the first peer, which has two files, all keepers stay: each may keep another one.
    fn crash_some(&mut self, away: &[usize], candidates: impl Iterator<Item = usize>) -> Vec<usize> {
        let kept = self.kept();
        let mut gone = away.to_vec();
        for place in candidates.filter(|place| !kept[place].contains(&0)) {
            gone.push(place);
            let is_had =
                |of: &usize| kept.iter().any(|(at, owners)| !gone.contains(at) && owners.contains(of));
            if gone.iter().all(is_had) {
                self.crash(place);
            } else {
                gone.pop();
            }
        }
        gone
    }

    /// Each of these peers downloads a file, which must be what its owner has.
    fn all_download(&mut self, wanted: &[(usize, String, Vec<u8>)]) {
        let asks: Vec<_> =
            wanted.iter().map(|(place, path, _)| (*place, self.ask(*place, download(path)))).collect();
        self.all_done(seconds(120), &asks);
        for (place, path, bytes) in wanted {
            let id = FileId::from(blake3::hash(bytes));
            assert_eq!(self.peers[*place].downloaded(path), Some(id), "{path} at peer {place}");
        }
    }

    /// Waits until each of these peers lists exactly these files as those of peers that are away.
    fn all_list_away(&mut self, limit: Duration, places: &[usize], expected: &BTreeSet<String>) {
        let end = self.network.now + limit;
        for place in places {
            loop {
                let rows = self.list(*place);
                let away: BTreeSet<_> = rows.into_iter().filter(|row| row.away).map(|row| row.path).collect();
                if away == *expected {
                    break;
                }
                assert!(self.network.now < end, "peer {place} lists {away:?}, not {expected:?}");
                self.run(seconds(1));
            }
        }
    }

    /// Waits until each of these peers says that others keep all of its files.
    pub(super) fn all_kept(&mut self, limit: Duration, places: &[usize]) {
        let end = self.network.now + limit;
        for place in places {
            loop {
                let custody = self.custody(*place);
                if custody.own_files > 0 && custody.own_whole == custody.own_files {
                    break;
                }
                assert!(self.network.now < end, "the files of peer {place} are not kept: {custody:?}");
                self.run(seconds(1));
            }
        }
    }
}

#[test]
fn three_peers_list_and_download() {
    let mut world = WholeWorld::sharing(1, 3, Link::lossy(50));
    world.run(seconds(3));
    for place in 0..3 {
        let paths: Vec<_> = world.paths(place).into_iter().collect();
        assert_eq!(paths, [LARGE, "own-00.txt", "own-01.txt", "own-02.txt"]);
    }
    world.all_download(&[(1, LARGE.to_owned(), large_content()), (2, own(1), own_content(1))]);
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = |seed| {
        let mut world = WholeWorld::sharing(seed, 6, Link::lossy(50));
        world.run(seconds(5));
        world.all_download(&[(1, LARGE.to_owned(), large_content()), (2, LARGE.to_owned(), large_content())]);
        world.run(seconds(30));
        (world.digest(), world.happened)
    };
    let first = run(1);
    assert!(first.1 > 1_000, "{} things happened", first.1);
    assert_eq!(first, run(1));
    assert_ne!(first, run(2));
}

#[test]
fn files_of_an_owner_that_crashed_are_had_from_keepers_until_it_is_back() {
    seeds(5, |seed| {
        let mut world = WholeWorld::sharing(seed, 5, Link::lossy(50));
        world.all_kept(seconds(120), &[0, 1, 2, 3, 4]);
        world.crash(0);
        world.run(seconds(15));
        for place in 1..5 {
            let rows = world.list(place);
            let away: Vec<_> = rows.iter().filter(|row| row.away).map(|row| row.path.as_str()).collect();
            assert_eq!(away, [LARGE, "own-00.txt"], "at peer {place}");
        }
        world.all_download(&[(1, LARGE.to_owned(), large_content()), (2, own(0), own_content(0))]);
        world.start(0);
        world.run(seconds(5));
        assert!(world.list(3).iter().all(|row| !row.away), "the owner is back");
        world.delete(0, LARGE);
        world.run(seconds(5));
        assert!(!world.paths(3).contains(LARGE), "what its owner deleted is not offered");
    });
}

/// The story: 50 peers start, share, download, leave and keep, at 5 % loss.
#[test]
fn fifty_peers_start_share_download_leave_and_keep() {
    const COUNT: usize = 50;
    seeds(2, |seed| {
        let mut world = WholeWorld::sharing(seed, COUNT, Link::lossy(50));
        world.run(seconds(5));
        let all: BTreeSet<String> = (0..COUNT).map(own).chain([LARGE.to_owned()]).collect();
        for place in 0..COUNT {
            assert_eq!(world.paths(place), all, "what peer {place} lists");
        }
        // Everybody a file of another one, and ten the same one at once.
        let mut wanted: Vec<_> = (0..COUNT)
            .map(|place| (place, (place + 7) % COUNT))
            .map(|(place, of)| (place, own(of), own_content(of)))
            .collect();
        wanted.extend((1..11).map(|place| (place, LARGE.to_owned(), large_content())));
        world.all_download(&wanted);
        let everybody: Vec<_> = (0..COUNT).collect();
        world.all_kept(seconds(180), &everybody);

        // A third goes: half of them leave, and then others crash, but never all who have a file.
        let leave = world.apart((0..COUNT).step_by(6));
        assert!(leave.len() >= 5, "{leave:?}");
        for place in &leave {
            world.ask(*place, ExitRequest::default());
        }
        let have_left = |world: &WholeWorld| world.running().len() == COUNT - leave.len();
        assert!(world.run_while(seconds(60), have_left).is_some(), "they leave");
        let gone = world.crash_some(&leave, (3..COUNT).step_by(6));
        assert!(gone.len() > leave.len() + 3, "{gone:?}");
        let rest = world.running();
        let expected: BTreeSet<_> = gone.iter().map(|place| own(*place)).chain([LARGE.to_owned()]).collect();
        world.all_list_away(seconds(60), &rest, &expected);
        // Nobody downloaded these before.
        let wanted: Vec<_> = gone
            .iter()
            .zip(&rest)
            .map(|(of, place)| (*place, own(*of), own_content(*of)))
            .chain([(rest[COUNT / 2], LARGE.to_owned(), large_content())])
            .collect();
        world.all_download(&wanted);

        for place in gone {
            world.start(place);
        }
        world.run(seconds(10));
        for place in 0..COUNT {
            let rows = world.list(place);
            assert!(rows.iter().all(|row| !row.away), "all are back");
            assert_eq!(rows.into_iter().map(|row| row.path).collect::<BTreeSet<_>>(), all);
        }
        println!("{} things happened in {} datagrams", world.happened, world.network.datagrams);
    });
}
