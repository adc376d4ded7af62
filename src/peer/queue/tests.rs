//! The queue in virtual time, and against a model of it from seeds.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::*;
use crate::control::QueueWord;
use crate::peer::owners::Owners;
use crate::sim::seeds;
use crate::swarm::Wanted;

const ANNA: PeerId = PeerId([1; 32]);
const BERT: PeerId = PeerId([2; 32]);
const MIB: u64 = 1 << 20;

fn at(seconds: u64) -> Time {
    Time::ZERO + Duration::from_secs(seconds)
}

fn wanted(n: u8, to: &str, size: u64) -> Wanted {
    Wanted {
        here: None,
        id: FileId([n; 32]),
        size,
        modified: 5,
        executable: n == 1,
        asked: "x".into(),
        to: to.parse().unwrap(),
        holders: Vec::new(),
        keep: None,
        some: Vec::new(),
    }
}

/// A download of one file.
fn order(n: u8, size: u64) -> QueueOrder {
    let name = format!("f{n}");
    QueueOrder {
        words: vec![name.clone()],
        options: Vec::new(),
        owners: Owners::Anyone,
        destination: "/d".into(),
        files: vec![wanted(n, &name, size)],
        folders: Vec::new(),
        is_offered: false,
    }
}

fn nobody() -> Failure {
    Failure::new(Code::NoHolder, "nobody has it")
}

fn full() -> Failure {
    Failure::new(Code::Full, "no room left in /d")
}

fn offers(peers: &[PeerId]) -> BTreeSet<PeerId> {
    peers.iter().copied().collect()
}

/// The numbers of those that are begun now, in turn.
fn begin_all(queue: &mut Queue, now: Time) -> Vec<u64> {
    let mut begun = Vec::new();
    while let Some(id) = queue.next(now) {
        queue.handle_begun(id, true);
        begun.push(id.0);
    }
    begun
}

/// A queue with these downloads of a GiB each, which anna gives.
fn queue_of(numbers: core::ops::RangeInclusive<u8>) -> Queue {
    let mut queue = Queue::default();
    for n in numbers {
        queue.add(JobId(n.into()), order(n, 1 << 30));
        queue.set_offers(JobId(n.into()), offers(&[ANNA]));
    }
    queue
}

/// What is written, kept as the database keeps it.
fn keep(queue: &mut Queue, now: Time, is_last: bool, rows: &mut BTreeMap<Vec<u8>, Vec<u8>>) {
    for row in queue.take_rows(now, is_last) {
        match row.value {
            Some(value) => drop(rows.insert(row.key, value)),
            None => drop(rows.remove(&row.key)),
        }
    }
}

fn restart(rows: &BTreeMap<Vec<u8>, Vec<u8>>) -> Queue {
    let row = |(key, value): (&Vec<u8>, &Vec<u8>)| LedgerRow { key: key.clone(), value: Some(value.clone()) };
    Queue::restored(&rows.iter().map(row).collect::<Vec<_>>())
}

/// So many run at once.
fn running() -> u8 {
    u8::try_from(limits::QUEUE_RUNNING).unwrap()
}

#[test]
fn only_so_many_run_at_once_and_small_ones_do_not_wait() {
    let most = running();
    let mut queue = queue_of(1..=most + 2);
    assert_eq!(begin_all(&mut queue, at(0)), (1..=u64::from(most)).collect::<Vec<_>>());
    assert_eq!(queue.state(at(0), JobId((most + 1).into())), Some(QueueState::Queued));
    queue.add(JobId(99), order(99, 4 * MIB));
    queue.set_offers(JobId(99), offers(&[BERT]));
    assert_eq!(begin_all(&mut queue, at(0)), [99]);
    // Who waits for somebody who gives keeps no place.
    queue.handle_progress(at(0), JobId(1), true, 0);
    assert_eq!(begin_all(&mut queue, at(0)), [u64::from(most) + 1]);
    assert_eq!(queue.handle_over(at(1), JobId(2), None), QueueOver::Ended);
}

#[test]
fn what_is_put_first_takes_the_place_of_the_last_one() {
    let mut queue = queue_of(1..=running() + 2);
    let most = u64::from(running());
    begin_all(&mut queue, at(0));
    assert_eq!(queue.next_to_stop(at(0)), None);
    queue.put_first(JobId(most + 2));
    assert_eq!((queue.first(), queue.next_to_stop(at(0))), (Some(JobId(most + 2)), Some(JobId(most))));
    assert_eq!((queue.next_to_stop(at(0)), queue.next(at(0))), (None, None), "it has not stopped yet");
    assert_eq!(queue.handle_over(at(1), JobId(most), Some(&Failure::other("stopped"))), QueueOver::Rests);
    assert_eq!(begin_all(&mut queue, at(1)), [most + 2]);
    assert_eq!(queue.in_order().next().map(|(id, _)| id), Some(JobId(most + 2)));
    queue.put_first(JobId(1));
    assert_eq!((queue.first(), queue.next_to_stop(at(1))), (Some(JobId(1)), None));
}

#[test]
fn what_nobody_gives_waits_until_somebody_new_is_here_or_a_while() {
    let mut queue = queue_of(1..=1);
    let id = JobId(1);
    assert_eq!(begin_all(&mut queue, at(0)), [1]);
    assert_eq!(queue.handle_over(at(30), id, Some(&nobody())), QueueOver::Waits);
    assert_eq!(queue.take_stale(), [(id, BTreeSet::from([(FileId([1; 32]), 1 << 30)]))]);
    queue.set_offers(id, offers(&[ANNA]));
    assert_eq!((queue.next(at(31)), queue.state(at(31), id)), (None, Some(QueueState::Waiting)));
    assert_eq!(queue.poll_timeout(), Some(at(90)));
    // After a while it is tried with who is here; of that nothing is said.
    assert_eq!(begin_all(&mut queue, at(90)), [1]);
    assert_eq!(queue.handle_over(at(120), id, Some(&nobody())), QueueOver::Rests);
    queue.set_offers(id, offers(&[ANNA]));
    assert_eq!(queue.poll_timeout(), Some(at(240)), "twice as long");
    // Somebody new, and somebody who was away.
    queue.handle_listed(BERT, &BTreeSet::from([(FileId([1; 32]), 1 << 30)]));
    assert_eq!(begin_all(&mut queue, at(121)), [1]);
    assert_eq!(queue.handle_over(at(122), id, Some(&nobody())), QueueOver::Rests);
    queue.set_offers(id, offers(&[ANNA, BERT]));
    assert_eq!(queue.next(at(123)), None);
    queue.handle_gone(BERT);
    queue.handle_listed(BERT, &BTreeSet::from([(FileId([1; 32]), 5)]));
    assert_eq!(queue.next(at(123)), None, "it has another one");
    queue.handle_listed(BERT, &BTreeSet::from([(FileId([1; 32]), 1 << 30)]));
    assert_eq!(queue.next(at(123)), Some(id));
}

#[test]
fn what_somebody_gave_of_a_folder_is_no_end_of_it() {
    let mut queue = Queue::default();
    let mut folder = order(1, 100);
    folder.files.push(wanted(2, "g", 100));
    queue.add(JobId(1), folder);
    queue.set_offers(JobId(1), offers(&[ANNA]));
    assert_eq!(queue.next(at(0)), Some(JobId(1)));
    queue.handle_begun(JobId(1), false);
    queue.handle_arrived(at(0), JobId(1), FileId([1; 32]), Path::new("/d/f1"));
    assert_eq!(queue.handle_over(at(1), JobId(1), None), QueueOver::Rests);
    assert_eq!(queue.take_stale(), [(JobId(1), BTreeSet::from([(FileId([2; 32]), 100)]))]);
}

#[test]
fn what_failed_stays_until_it_is_wanted_again() {
    let mut queue = Queue::default();
    let id = JobId(1);
    let mut folder = order(1, 100);
    folder.files.extend([wanted(2, "g", 100), wanted(3, "h", 100)]);
    queue.add(id, folder);
    queue.set_offers(id, offers(&[ANNA]));
    begin_all(&mut queue, at(0));
    queue.handle_arrived(at(0), id, FileId([1; 32]), Path::new("/d/f1"));
    queue.handle_failed(id, &"g".parse().unwrap(), &full());
    queue.handle_failed(id, &"h".parse().unwrap(), &nobody());
    assert_eq!(queue.handle_over(at(1), id, Some(&nobody())), QueueOver::Waits, "h may still come");
    queue.set_offers(id, offers(&[ANNA, BERT]));
    begin_all(&mut queue, at(2));
    queue.handle_arrived(at(2), id, FileId([3; 32]), Path::new("/d/h"));
    queue.handle_failed(id, &"g".parse().unwrap(), &full());
    assert_eq!(queue.handle_over(at(3), id, Some(&full())), QueueOver::Failed);
    queue.set_offers(id, offers(&[ANNA, BERT]));
    assert_eq!((queue.next(at(9_999)), queue.poll_timeout()), (None, Some(at(1))));
    assert_eq!(queue.state(at(3), id), Some(QueueState::Failed));
    let mut rows = BTreeMap::new();
    keep(&mut queue, at(3), false, &mut rows);
    let mut queue = restart(&rows);
    assert_eq!(queue.get(id).unwrap().failure, Some(Failure::new(Code::Full, "g: no room left in /d")));
    assert_eq!((queue.state(at(3), id), queue.next(at(3))), (Some(QueueState::Failed), None));
    queue.resume(id);
    let [(_, lacks)] = &queue.take_stale()[..] else { panic!() };
    assert_eq!(*lacks, BTreeSet::from([(FileId([2; 32]), 100)]));
    queue.set_offers(id, offers(&[ANNA]));
    begin_all(&mut queue, at(4));
    queue.handle_arrived(at(4), id, FileId([2; 32]), Path::new("/d/g"));
    assert_eq!((queue.handle_over(at(4), id, None), queue.len()), (QueueOver::Ended, 0));
    keep(&mut queue, at(4), false, &mut rows);
    assert!(rows.is_empty());
}

#[test]
fn a_download_that_fails_as_a_whole_stays_too() {
    let mut queue = queue_of(1..=1);
    begin_all(&mut queue, at(0));
    let failure = Failure::other("a thread cannot be had");
    assert_eq!(queue.handle_over(at(1), JobId(1), Some(&failure)), QueueOver::Failed);
    assert_eq!(queue.get(JobId(1)).unwrap().failure, Some(failure));
}

#[test]
fn a_pause_that_is_taken_back_at_once_loses_nothing() {
    let mut queue = queue_of(1..=1);
    let id = JobId(1);
    begin_all(&mut queue, at(0));
    queue.pause(id);
    assert_eq!((queue.next_to_stop(at(0)), queue.state(at(0), id)), (Some(id), Some(QueueState::Paused)));
    queue.resume(id);
    assert_eq!((queue.next_to_stop(at(0)), queue.next(at(0))), (None, None), "its end was not told yet");
    assert_eq!(
        queue.handle_over(at(0), id, Some(&Failure::other("the download was stopped"))),
        QueueOver::Rests
    );
    assert_eq!(queue.take_stale().len(), 1);
    queue.set_offers(id, offers(&[ANNA]));
    assert_eq!(begin_all(&mut queue, at(0)), [1]);
}

#[test]
fn files_of_one_content_are_told_apart_by_where_they_lie() {
    let mut queue = Queue::default();
    let mut twins = order(1, 10);
    twins.files.push(wanted(1, "twin", 10));
    queue.add(JobId(1), twins);
    queue.set_offers(JobId(1), offers(&[ANNA]));
    begin_all(&mut queue, at(0));
    queue.handle_arrived(at(0), JobId(1), FileId([1; 32]), Path::new("/d/twin"));
    let lacking: Vec<_> = queue.get(JobId(1)).unwrap().lacking().map(|file| file.to.as_str()).collect();
    assert_eq!(lacking, ["f1"]);
    queue.handle_arrived(at(0), JobId(1), FileId([1; 32]), Path::new("/d/f1 (2)"));
    assert_eq!(
        queue.get(JobId(1)).unwrap().sizes(),
        QueueSizes { files: 2, bytes: 20, files_here: 2, bytes_here: 20, held: 0 }
    );
}

#[test]
fn a_user_names_downloads_by_number_and_by_name() {
    let mut queue = queue_of(1..=2);
    let mut folder = order(3, 10);
    folder.words = vec!["Week 12/".to_owned(), "Été.txt".to_owned()];
    folder.files = vec![wanted(3, "Week 12/a.txt", 10), wanted(4, "2", 10)];
    queue.add(JobId(3), folder);
    let named = |word: &str| {
        let found = queue.named(&word.parse::<QueueWord>().unwrap());
        found.map(|ids| ids.iter().map(|id| id.0).collect::<Vec<_>>()).map_err(|failure| failure.code)
    };
    assert_eq!(named("all"), Ok(vec![1, 2, 3]));
    assert_eq!((named("2"), named("#1"), named("f2")), (Ok(vec![2]), Ok(vec![1]), Ok(vec![2])));
    for word in ["Week 12", "Week 12/ Été.txt", "a.txt", "WEEK 12", "ete.txt"] {
        assert_eq!(named(word), Ok(vec![3]), "{word}");
    }
    assert_eq!((named("7"), named("x")), (Err(Code::NotFound), Err(Code::NotFound)));
    queue.add(JobId(4), order(2, 10));
    let said = "`f2` can be download 2 or 4; use the number";
    assert_eq!(queue.named(&"f2".parse().unwrap()), Err(Failure::new(Code::Ambiguous, said)));
}

#[test]
fn what_is_about_to_leave_is_not_asked_for_again_and_wants_nothing_to_be_kept() {
    let mut queue = queue_of(1..=1);
    let id = JobId(1);
    begin_all(&mut queue, at(0));
    let mut rows = BTreeMap::new();
    keep(&mut queue, at(0), false, &mut rows);
    assert_eq!((queue.like(&order(1, 1 << 30)), queue.remove(id)), (Some(id), false));
    assert_eq!(queue.state(at(0), id), Some(QueueState::Stopping));
    queue.handle_arrived(at(0), id, FileId([1; 32]), Path::new("/d/f1"));
    keep(&mut queue, at(0), true, &mut rows);
    assert_eq!(restart(&rows).len(), 0, "it does not come back");
    assert_eq!(queue.like(&order(1, 1 << 30)), None);
    queue.add(JobId(2), order(1, 1 << 30));
    assert_eq!(queue.named(&"f1".parse().unwrap()), Ok(vec![JobId(2)]));
    // Both are discarded, one after the other: that of the first one is wanted for the second one, until that goes.
    queue.discard(JobId(2), AskId(7));
    assert!(queue.remove(JobId(2)));
    let order = queue.discards.next(at(0)).unwrap();
    assert_eq!((order.job, order.files), (JobId(2), vec![FileId([1; 32])]));
    assert_eq!(queue.handle_over(at(1), id, None), QueueOver::Ended);
    keep(&mut queue, at(1), true, &mut rows);
    assert!(rows.is_empty());
}

#[test]
fn what_others_bring_too_is_not_discarded() {
    let mut queue = queue_of(1..=2);
    let mut both = order(1, 1 << 30);
    both.files.push(wanted(3, "f3", 10));
    queue.add(JobId(3), both);
    queue.discard(JobId(3), AskId(7));
    assert!(queue.remove(JobId(3)));
    assert_eq!(queue.discards.next(at(0)).map(|order| order.files), Some(vec![FileId([3; 32])]));
}

#[test]
fn damaged_rows_are_no_downloads() {
    let mut queue = queue_of(1..=3);
    let mut rows = BTreeMap::new();
    keep(&mut queue, at(0), true, &mut rows);
    assert_eq!(restart(&rows).len(), 3);
    let state = rows.keys().find(|key| key[0] == b'd').unwrap().clone();
    rows.get_mut(&state).unwrap().truncate(5);
    let files = rows.keys().rfind(|key| key[0] == b'f').unwrap().clone();
    rows.remove(&files);
    rows.insert(b"z1234567".to_vec(), vec![1]);
    rows.insert(Vec::new(), vec![1]);
    let left: Vec<u64> = restart(&rows).in_order().map(|(id, _)| id.0).collect();
    assert_eq!(left, [2]);
}

/// Numbers that look like chance.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// What a user would expect of each download.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct ModelDownload {
    is_paused: bool,
    has_failed: bool,
    here: BTreeSet<u8>,
    runs: bool,
    stops: bool,
}

/// The queue, what it wrote, and what is expected of it.
struct Model {
    chance: Chance,
    queue: Queue,
    rows: BTreeMap<Vec<u8>, Vec<u8>>,
    all: BTreeMap<u64, ModelDownload>,
    now: Time,
    last: u64,
}

/// Files of each download.
const FILES: u8 = 3;

impl Model {
    fn new(seed: u64) -> Self {
        let (queue, rows, all) = (Queue::default(), BTreeMap::new(), BTreeMap::new());
        Self { chance: Chance(seed), queue, rows, all, now: at(100), last: 0 }
    }

    fn any(&mut self) -> Option<u64> {
        let n = self.all.len() as u64;
        let at = if n == 0 { return None } else { self.chance.below(n) };
        self.all.keys().nth(usize::try_from(at).unwrap()).copied()
    }

    fn step(&mut self) {
        self.now = self.now + Duration::from_millis(self.chance.below(2_000));
        let Some(id) = self.any().filter(|_| self.chance.below(8) > 0) else { return self.add() };
        match self.chance.below(9) {
            0 => {
                self.queue.pause(JobId(id));
                self.of(id).is_paused = true;
            }
            1 | 2 => {
                self.queue.resume(JobId(id));
                let download = self.of(id);
                (download.is_paused, download.has_failed) = (false, false);
            }
            3 => self.queue.put_first(JobId(id)),
            4 if self.chance.below(3) == 0 => {
                let was_running = self.of(id).runs;
                if self.queue.remove(JobId(id)) {
                    assert!(!was_running);
                } else {
                    assert!(was_running);
                    assert_eq!(self.queue.handle_over(self.now, JobId(id), None), QueueOver::Ended);
                }
                self.all.remove(&id);
            }
            5 => self.restart(false),
            6 => self.restart(true),
            _ => self.come(id),
        }
        self.turn();
    }

    fn of(&mut self, id: u64) -> &mut ModelDownload {
        self.all.get_mut(&id).unwrap()
    }

    fn add(&mut self) {
        self.last += 1;
        let n = u8::try_from(self.last).unwrap();
        let mut order = order(n, 100 * MIB);
        order.files = (0..FILES).map(|f| wanted(n, &format!("d{n}/{f}"), 100 * MIB)).collect();
        for (file, f) in order.files.iter_mut().zip(0_u8..) {
            file.id.0[1] = f;
        }
        self.queue.add(JobId(self.last), order);
        self.all.insert(self.last, ModelDownload::default());
        self.turn();
    }

    /// A file of a running download comes or fails, or it is over.
    fn come(&mut self, id: u64) {
        let download = self.of(id).clone();
        if !download.runs {
            return;
        }
        let lacking = (0..FILES).find(|f| !download.here.contains(f));
        match (lacking, self.chance.below(4)) {
            (Some(f), 0 | 1) => {
                let mut file = FileId([u8::try_from(id).unwrap(); 32]);
                file.0[1] = f;
                self.queue.handle_arrived(self.now, JobId(id), file, Path::new(&format!("/d/d{id}/{f}")));
                self.of(id).here.insert(f);
            }
            (Some(f), 2) if !download.stops => {
                let failure = if self.chance.below(2) == 0 { full() } else { nobody() };
                for f in f..FILES {
                    self.queue.handle_failed(JobId(id), &format!("d{id}/{f}").parse().unwrap(), &failure);
                }
                let over = self.queue.handle_over(self.now, JobId(id), Some(&failure));
                let has_failed = failure.code == Code::Full;
                assert_eq!(over == QueueOver::Failed, has_failed);
                let download = self.of(id);
                (download.runs, download.has_failed) = (false, has_failed);
            }
            (None, _) => {
                assert_eq!(self.queue.handle_over(self.now, JobId(id), None), QueueOver::Ended);
                self.all.remove(&id);
            }
            (Some(_), _) if download.stops => {
                let stopped = Failure::other("the download was stopped");
                assert_eq!(self.queue.handle_over(self.now, JobId(id), Some(&stopped)), QueueOver::Rests);
                let download = self.of(id);
                (download.runs, download.stops) = (false, false);
            }
            _ => {}
        }
    }

    /// The peer ends, properly or not, and is started again.
    fn restart(&mut self, is_proper: bool) {
        if is_proper {
            keep(&mut self.queue, self.now, true, &mut self.rows);
        }
        self.queue = restart(&self.rows);
        for (id, download) in &mut self.all {
            let marked = &self.queue.get(JobId(*id)).unwrap().here;
            let here: BTreeSet<u8> = (0..FILES).filter(|f| marked.has(usize::from(*f))).collect();
            // What came last may be forgotten, and is found where it lies; nothing is believed that did not come.
            assert!(here.is_subset(&download.here) && (!is_proper || here == download.here));
            (download.here, download.runs, download.stops) = (here, false, false);
        }
    }

    fn turn(&mut self) {
        for (id, _) in self.queue.take_stale() {
            let peers = if self.chance.below(3) == 0 { vec![] } else { vec![ANNA] };
            self.queue.set_offers(id, offers(&peers));
        }
        while let Some(id) = self.queue.next_to_stop(self.now) {
            self.of(id.0).stops = true;
        }
        while let Some(id) = self.queue.next(self.now) {
            self.queue.handle_begun(id, true);
            let download = self.of(id.0);
            assert!(!download.is_paused && !download.has_failed && !download.runs);
            download.runs = true;
        }
        keep(&mut self.queue, self.now, false, &mut self.rows);
        self.check();
    }

    fn check(&self) {
        assert!(
            self.all.values().filter(|d| d.runs && d.here.len() < usize::from(FILES)).count()
                <= limits::QUEUE_RUNNING
        );
        for download in self.queue.all.values() {
            let lacking: u64 = download.lacking().map(|file| file.size).sum();
            assert_eq!(download.is_small(), lacking <= limits::QUEUE_SMALL);
        }
        let numbers: Vec<u64> = self.queue.all.keys().map(|id| id.0).collect();
        assert_eq!(numbers, self.all.keys().copied().collect::<Vec<_>>());
        for (id, download) in &self.all {
            let state = self.queue.state(self.now, JobId(*id)).unwrap();
            assert_eq!(state == QueueState::Paused, download.is_paused, "{id}");
            assert_eq!(state == QueueState::Downloading, download.runs && !download.is_paused, "{id}");
            let has_failed = download.has_failed && !download.is_paused;
            assert_eq!(state == QueueState::Failed, has_failed, "{id}");
        }
        // Another start would have them in the same order, paused and failed as they are.
        let again = restart(&self.rows);
        let shown = |queue: &Queue| {
            let row =
                |(id, d): (JobId, &QueuedDownload)| (id, d.is_paused, d.is_first, d.order.words.clone());
            queue.in_order().map(row).collect::<Vec<_>>()
        };
        assert_eq!(shown(&again), shown(&self.queue));
        for (id, download) in self.queue.in_order().filter(|(_, d)| d.run == QueueRun::Resting) {
            assert_eq!(again.get(id).unwrap().failure, download.failure, "{id:?}");
        }
    }

    /// Everything is resumed, and everybody gives: all of it comes.
    fn end(&mut self) {
        self.restart(true);
        let ids: Vec<u64> = self.all.keys().copied().collect();
        ids.iter().for_each(|id| self.queue.resume(JobId(*id)));
        for download in self.all.values_mut() {
            (download.is_paused, download.has_failed) = (false, false);
        }
        for _ in 0..10_000 {
            for (id, _) in self.queue.take_stale() {
                self.queue.set_offers(id, offers(&[ANNA]));
            }
            self.turn();
            let running: Vec<u64> = self.all.iter().filter(|(_, d)| d.runs).map(|(id, _)| *id).collect();
            for id in running {
                for f in 0..FILES {
                    let mut file = FileId([u8::try_from(id).unwrap(); 32]);
                    file.0[1] = f;
                    self.queue.handle_arrived(self.now, JobId(id), file, Path::new(&format!("/d/d{id}/{f}")));
                }
                assert_eq!(self.queue.handle_over(self.now, JobId(id), None), QueueOver::Ended);
                self.all.remove(&id);
            }
            if self.all.is_empty() {
                break;
            }
        }
        self.turn();
        assert!(self.queue.len() == 0 && self.rows.is_empty(), "{} left", self.all.len());
    }
}

#[test]
fn whatever_happens_nothing_is_lost_and_nothing_runs_that_should_not() {
    seeds(40, |seed| {
        let mut model = Model::new(seed);
        for _ in 0..300 {
            if model.last >= 200 {
                break;
            }
            model.step();
        }
        model.end();
    });
}
