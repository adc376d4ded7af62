//! Peers whose catalogues are as large as may be, or have no end, their own and those of owners that are not
//! here: they take no more memory than there is for all, hide nobody's files, and nobody waits for them.

use core::time::Duration;
use std::sync::Arc;

use potluck::content::{EntryKind, FileId};
use potluck::control::{ListRequest, Reply, UnlistedCause, UnlistedRow};
use potluck::identity::{Identity, Instance};
use potluck::sys::clock;
use potluck::wire::message::KeptFile;

use crate::fiend::{EndlessBucket, Fiend, Lie, Offer, Order};
use crate::lab::{LATER, Lab, Peer, SOON, wait};
use crate::watch::{assert_well, memory};

/// Files with paths of 3,000 bytes, whose entries take `bytes` of memory.
pub(crate) fn long_offers(name: &str, bytes: usize) -> Vec<Offer> {
    let kind = EntryKind::File { id: FileId([1; 32]), size: 1, modified: 0, executable: false, since: 0 };
    let long = ["x".repeat(250), String::new()].join("/").repeat(11);
    let path = |n| format!("{long}{name}{n:0230}").into_bytes();
    (0..bytes / 3_120).map(|n| Offer { path: path(n), kind: kind.clone() }).collect()
}

/// A part of the first of these paths that is in no other one.
fn first(name: &str) -> String {
    format!("{name}{:0230}", 0)
}

/// What `list` answers for paths that contain this, and how long that took. Nothing while the victim starts.
fn list(victim: &Peer, pattern: &str) -> (Vec<Reply>, Duration) {
    let begun = clock::now();
    let request = ListRequest { pattern: Some(pattern.to_owned()), ..ListRequest::default() };
    let replies = victim.try_ask(&request.into()).unwrap_or_default();
    (replies, clock::now().since(begun))
}

/// What the memory of a victim may grow by, in KiB: what there is for all catalogues, and as much again for what
/// is on its way and what the allocator does not give back.
const GROWTH: u64 = 150 << 10;

/// Panics if the memory of the victim grew by more than it may.
fn assert_small(victim: &Peer, before: u64) {
    let grown = memory(victim).saturating_sub(before);
    assert!(grown < GROWTH, "it grew by {} MiB", grown >> 10);
}

/// Whose files are missing for this cause.
fn unlisted(victim: &Peer, wanted: UnlistedCause) -> Option<UnlistedRow> {
    let row = |reply| if let Reply::Unlisted(row) = reply { Some(row) } else { None };
    list(victim, "song").0.into_iter().filter_map(row).find(|row| row.cause == wanted)
}

/// True if a path that contains this is listed.
fn is_listed(victim: &Peer, pattern: &str) -> bool {
    list(victim, pattern).0.iter().any(|reply| matches!(reply, Reply::File(_)))
}

/// One that leaves a little of what there is for all, and one that comes later and needs more than that.
#[test]
fn no_catalogue_hides_the_files_of_who_comes_later() {
    let Some(lab) = Lab::of("up 3") else { return };
    let victim = lab.peer(1, "victim", &[]);
    let greedy = Fiend::start(&lab, 2, "greedy", Lie::None);
    greedy.offer(long_offers("greedy", (64 << 20) - 60_000));
    wait("the large one", LATER, || is_listed(&victim, &first("greedy")).then_some(()));
    let later = Fiend::start(&lab, 3, "later", Lie::None);
    later.offer((0..1_000).map(|n| Offer::file(format!("song {n}"), b"a")).collect());
    wait("the later one", SOON, || is_listed(&victim, "song 999").then_some(()));
    // It is said what is not there, to people and as JSON, and never that nothing matches.
    let row = unlisted(&victim, UnlistedCause::TooMany).unwrap();
    assert_eq!(
        (row.count, row.peers, row.peer_ids),
        (1, vec!["greedy".to_owned()], vec![greedy.id().full()])
    );
    let out = victim.cli(["list", "greedy"]);
    assert_eq!(String::from_utf8_lossy(&out.stdout), "1 peer's files are missing: too many (greedy)\n");
    let said = "potluck: `greedy` is not among the files that are known here\n";
    assert_eq!((out.status.code(), String::from_utf8_lossy(&out.stderr)), (Some(4), said.into()));
    let out = victim.cli(["search", "999", "song"]);
    assert!(String::from_utf8_lossy(&out.stdout).contains("song 999"), "{out:?}");
    let out = victim.cli(["search", "greedy"]);
    let missing = "nothing found\n1 peer's files are missing: too many (greedy)\n";
    assert_eq!(String::from_utf8_lossy(&out.stdout), missing);
    let out = victim.cli(["download", "greedy"]);
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.code() == Some(4) && said.contains("missing: too many (greedy)"), "{said}");
    assert_well(&victim);
}

/// It says that it keeps files for thirty owners who are not here, who all share this.
pub(crate) fn keep_for_absent(keeper: &Fiend, offers: &[Offer]) {
    let instance = Instance { count: 1, random: 1 };
    let row = KeptFile { file: FileId([1; 32]), size: 1, from: 0, to: 1 };
    let owners: Vec<Identity> = (0..30).map(|_| Identity::generate().unwrap()).collect();
    for owner in &owners {
        keeper.order(Order::OwnerCatalogue(owner.id(), Box::new(owner.clone()), instance, offers.to_vec()));
    }
    keeper.order(Order::Keep(owners.iter().map(|owner| (owner.id(), row)).collect()));
}

/// A keeper that names thirty owners who are not here, of 240 MiB in all.
#[test]
fn absent_owners_take_no_more_memory_than_those_that_are_here() {
    let Some(lab) = Lab::of("up 3") else { return };
    let victim = lab.peer(1, "victim", &[]);
    let before = memory(&victim);
    let keeper = Fiend::start(&lab, 2, "keeper", Lie::None);
    keep_for_absent(&keeper, &long_offers("absent", 8 << 20));
    let too_many = || {
        assert_small(&victim, before);
        unlisted(&victim, UnlistedCause::TooMany).filter(|row| row.count >= 20)
    };
    wait("that most of them find no place", LATER, too_many);
    assert!(is_listed(&victim, &first("absent")), "those that have a place are listed");
    drop(keeper);
    wait("the end of what came through it", LATER, || (!is_listed(&victim, &first("absent"))).then_some(()));
    assert!(unlisted(&victim, UnlistedCause::TooMany).is_none());
    lab.peer_with(3, "honest", &[("song", b"la")]).status();
    assert_well(&victim);
}

/// Four that send 40 MiB of one bucket each, and go on for ever.
#[test]
fn catalogues_without_an_end_take_little_memory_and_nobody_waits_for_them() {
    let Some(lab) = Lab::of("up 6") else { return };
    let victim = lab.peer(1, "victim", &[]);
    let before = memory(&victim);
    let endless = Arc::new(EndlessBucket::new(45));
    let fiends: Vec<_> = (2..=5)
        .map(|node| {
            let fiend = Fiend::start(&lab, node, &format!("endless{node}"), Lie::None);
            fiend.order(Order::Endless(Arc::clone(&endless)));
            fiend
        })
        .collect();
    let too_many = || {
        assert_small(&victim, before);
        unlisted(&victim, UnlistedCause::TooMany)
    };
    wait("that one finds no place", LATER, too_many);
    let _honest = lab.peer_with(6, "honest", &[("song", b"la")]);
    wait("an honest one", SOON, || is_listed(&victim, "song").then_some(()));
    let mut times: Vec<_> = (0..9).map(|_| list(&victim, "song").1).collect();
    times.sort();
    assert!(times[4] < Duration::from_millis(200), "{times:?}");
    assert_small(&victim, before);
    assert_well(&victim);
    drop(fiends);
}

#[test]
fn who_is_busy_is_not_passed_over_in_silence() {
    let Some(lab) = Lab::of("up 2") else { return };
    let victim = lab.peer(1, "victim", &[]);
    let busy = Fiend::start(&lab, 2, "busy", Lie::None);
    busy.order(Order::Busy);
    let (row, _) = wait("a word about it", SOON, || unlisted(&victim, UnlistedCause::Busy));
    assert_eq!((row.count, row.peers), (1, vec!["busy".to_owned()]));
    let out = victim.cli(["list"]);
    assert_eq!(String::from_utf8_lossy(&out.stdout), "1 peer's files are missing: busy (busy)\n");
    let out = victim.cli(["download", "song"]);
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(said.contains("1 peer's files are missing: busy (busy)"), "{said}");
}
