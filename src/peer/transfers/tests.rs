use core::time::Duration;
use std::collections::BTreeMap;

use super::super::roster::tests::{key, roster};
use super::*;
use crate::accounts::{AccountHost, Payer};
use crate::content::{ByteRanges, FileId};
use crate::control::{DownloadOutcome, DownloadSum, TransferOutcome};
use crate::sender::SentFor;

fn at(millis: u64) -> Time {
    Time::ZERO + Duration::from_millis(millis)
}

fn payer(host: u8, peer: u32) -> Payer<PeerId> {
    let mut id = [host; 32];
    id[..4].copy_from_slice(&peer.to_be_bytes());
    Payer { host: AccountHost::V4([10, 0, 0, host].into()), peer: PeerId(id) }
}

fn file(n: u32) -> FileId {
    let mut id = [7; 32];
    id[..4].copy_from_slice(&n.to_be_bytes());
    FileId(id)
}

fn part(to: Payer<PeerId>, n: u32, from: u64, until: u64) -> SentPart {
    SentPart {
        to,
        file: file(n),
        size: 100,
        why: SentFor::Fetch,
        bytes: until - from,
        ranges: ByteRanges::of([(from, until)]),
    }
}

/// Bytes of a log that is full soon.
const SMALL_LOG: u64 = 1 << 20;

/// A log at a date, of peers that nobody knows.
struct World {
    transfers: Transfers,
    rows: BTreeMap<Vec<u8>, Vec<u8>>,
    writes: usize,
}

impl World {
    fn new() -> Self {
        let mut transfers = Transfers::default();
        transfers.calendar.set(at(0), 1_000_000);
        Self { transfers, rows: BTreeMap::new(), writes: 0 }
    }

    fn send(&mut self, millis: u64, part: SentPart) {
        let mut out = Outputs::default();
        self.transfers.sent(at(millis), &[part], &roster(&[]), &Shelf::default(), &mut out);
    }

    /// What is due is written.
    fn turn(&mut self, millis: u64) {
        let mut out = Outputs::default();
        if self.transfers.poll_timeout().is_some_and(|due| due <= at(millis)) {
            self.transfers.handle_timeout(at(millis), &mut out);
        }
        self.take(&mut out);
    }

    fn take(&mut self, out: &mut Outputs) {
        while let Some(output) = out.pop() {
            let PeerOutput::Transfers(rows) = output else { panic!("{output:?}") };
            assert!(rows.len() <= limits::LOG_WRITTEN_AT_ONCE);
            for row in rows {
                self.writes += 1;
                match row.value {
                    Some(value) => drop(self.rows.insert(row.key, value)),
                    None => drop(self.rows.remove(&row.key)),
                }
            }
        }
    }

    /// The process is killed, and started again.
    fn restart(&mut self) {
        let row =
            |(key, value): (&Vec<u8>, &Vec<u8>)| LedgerRow { key: key.clone(), value: Some(value.clone()) };
        let rows: Vec<LedgerRow> = self.rows.iter().map(row).collect();
        self.transfers = Transfers::restored(at(0), &rows);
        self.transfers.calendar.set(at(0), 2_000_000);
    }

    fn records(&self) -> Vec<SentRecord> {
        self.transfers.sent.iter().map(|(_, record)| record.clone()).collect()
    }
}

#[test]
fn a_file_that_is_sent_in_pieces_is_one_record_also_over_a_restart() {
    let (mut world, anna) = (World::new(), payer(1, 1));
    world.send(0, part(anna, 1, 0, 30));
    world.send(500, part(anna, 1, 30, 60));
    world.turn(1_500);
    let [record] = &world.records()[..] else { panic!("{:?}", world.records()) };
    assert_eq!((record.began, record.ended, record.busy, record.bytes), (1_000_000, 1_000_500, 500, 60));
    assert!(record.is_running(1_002_000) && !record.is_running(1_000_500 + limits::SENT_AGAIN));
    let before = world.records();
    world.restart();
    assert_eq!(world.records(), before);
    // The rest of it a while later.
    world.send(0, part(anna, 1, 60, 100));
    let [record] = &world.records()[..] else { panic!("{:?}", world.records()) };
    assert!(record.is_whole() && record.bytes == 100 && record.ended == 2_000_000);
    // Once more, much later, is another one; at once it is not.
    world.send(5_000, part(anna, 1, 0, 100));
    assert_eq!(world.records().len(), 1);
    world.send(60_000, part(anna, 1, 0, 100));
    assert_eq!(world.records().len(), 2);
}

#[test]
fn one_byte_a_million_times_is_one_record_and_few_writes() {
    let (mut world, stranger) = (World::new(), payer(9, 9));
    for n in 0..100_000 {
        world.send(n, part(stranger, 1, 5, 6));
        world.turn(n);
    }
    assert_eq!((world.records().len(), world.rows.len()), (1, 1));
    assert!(world.writes <= 101, "{}", world.writes);
    assert!(!world.records()[0].is_whole());
}

#[test]
fn a_stranger_with_a_million_files_or_keys_pushes_out_nobody_else() {
    let mut world = World::new();
    world.transfers.sent = SentLog::within(SMALL_LOG);
    for host in 1..5 {
        for n in 0..100 {
            world.send(0, part(payer(host, 1), n, 0, 100));
        }
    }
    let most = u32::try_from(SMALL_LOG / limits::SENT_COST).unwrap();
    for n in 0..2 * most {
        // First with one key, then with one for each.
        let key = if n < most { 0 } else { n };
        world.send(1 + u64::from(n), part(payer(9, key), n, 0, 100));
        world.turn(1 + u64::from(n));
    }
    let records = world.records();
    let of = |host: u8| records.iter().filter(|record| record.to.host == payer(host, 0).host).count();
    assert_eq!([1, 2, 3, 4].map(of), [100; 4]);
    assert!((most / 2..=most).contains(&u32::try_from(records.len()).unwrap()), "{}", records.len());
    for second in 0..60 {
        world.turn(100_000_000 + second * 1_000);
    }
    assert_eq!(world.transfers.poll_timeout(), None, "all of it is written");
    assert_eq!(world.rows.len(), records.len(), "the disk holds what is held, and no more");
    world.restart();
    assert_eq!(world.records().len(), records.len());
}

#[test]
fn the_last_downloads_are_kept_in_their_order() {
    let mut world = World::new();
    let most = limits::FETCHED_LOG as u64;
    for n in 0..most + 5 {
        let sum = DownloadSum {
            job: n,
            what: format!("file {n}"),
            outcome: DownloadOutcome::Done,
            files: 1,
            folders: 0,
            saved: 1,
            saved_bytes: 9,
            already_there: 0,
            failed: 0,
            size: 9,
            done: 9,
            fetched: 9,
            resumed: 0,
            millis: 3,
            speed: 3_000,
            from: vec!["anna".to_owned()],
            from_count: 1,
            to: "/d".into(),
            failures: Vec::new(),
            waits_for: Vec::new(),
        };
        let from = vec![key(1).peer_id()];
        let ended = EndedDownload { sum, file: Some(file(1)), from };
        world.transfers.ended(at(n), ended, &mut Outputs::default());
    }
    let mut out = Outputs::default();
    world.transfers.finish(&mut out);
    world.take(&mut out);
    let shown = |world: &World, word: &str| {
        let filter = LogFilter::of(word, None);
        log_rows(&world.transfers, 0, &filter, true)
            .into_iter()
            .map(|row| row.path.unwrap())
            .collect::<Vec<_>>()
    };
    let before = log_rows(&world.transfers, 0, &LogFilter::default(), true);
    assert_eq!((before.len() as u64, before[0].path.as_deref()), (most, Some("file 5")));
    world.restart();
    assert_eq!(log_rows(&world.transfers, 0, &LogFilter::default(), true), before);
    assert_eq!(shown(&world, "file 77"), ["file 77"], "not file 770");
    assert!(shown(&world, "ile 77").is_empty());
    assert_eq!(shown(&world, "b3:0000000107").len() as u64, most);
    assert_eq!(
        log_rows(&world.transfers, 0, &LogFilter::of("x", Some(key(1).peer_id())), false).len() as u64,
        most
    );
    assert!(shown(&world, "b3:ff").is_empty());
}

#[test]
fn what_a_peer_takes_out_of_a_folder_is_one_line_for_people() {
    let (mut log, mut names) = (SentLog::default(), BTreeMap::new());
    for (n, path) in (0_u32..).zip(["Week 12/a", "Week 12/b/c", "other/x", "alone"]) {
        names.insert(n, path.parse::<crate::content::SafePath>().unwrap());
    }
    let mut send = |date: u64, host: u8, n: u32, until: u64| {
        log.note(at(date), date, &part(payer(host, 1), n, 0, until), "anna", names.get(&n));
    };
    // Two peers at once, file by file.
    for n in 0..4 {
        send(u64::from(n) * 1_000, 1, n, 100);
        send(u64::from(n) * 1_000, 2, n, if n == 1 { 50 } else { 100 });
    }
    // Two hours later again.
    send(7_200_000, 1, 0, 100);
    let transfers = Transfers { sent: log, ..Transfers::default() };
    let shown = |by_folder| log_rows(&transfers, 7_300_000, &LogFilter::default(), by_folder);
    assert_eq!(shown(false).len(), 9);
    let rows = shown(true);
    let told: Vec<_> =
        rows.iter().map(|row| (row.path.as_deref().unwrap(), row.files, row.outcome)).collect();
    assert_eq!(
        told,
        [
            ("Week 12/", 2, TransferOutcome::Done),
            ("Week 12/", 2, TransferOutcome::Part),
            ("other/x", 1, TransferOutcome::Done),
            ("other/x", 1, TransferOutcome::Done),
            ("alone", 1, TransferOutcome::Done),
            ("alone", 1, TransferOutcome::Done),
            ("Week 12/a", 1, TransferOutcome::Done),
        ]
    );
    assert_eq!((rows[0].bytes, rows[0].size, rows[0].millis), (200, 200, 1_000));
    let filter = LogFilter::of("Week 12/", None);
    assert_eq!(log_rows(&transfers, 0, &filter, false).len(), 5);
}

#[test]
fn what_is_damaged_or_not_known_is_missing() {
    let mut world = World::new();
    world.send(0, part(payer(1, 1), 1, 0, 30));
    world.turn(5_000);
    let (key, value) = world.rows.pop_first().unwrap();
    for cut in 0..key.len() {
        let row = LedgerRow { key: key[..cut].to_vec(), value: Some(value.clone()) };
        assert_eq!(TransferRecord::of(&row), None);
    }
    for cut in 0..value.len() {
        let row = LedgerRow { key: key.clone(), value: Some(value[..cut].to_vec()) };
        assert_eq!(TransferRecord::of(&row), None);
    }
    let other = LedgerRow { key: [&b"z"[..], &key[1..]].concat(), value: Some(value) };
    assert_eq!(TransferRecord::of(&other), None);
}
