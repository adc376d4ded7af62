//! Who gets how much, and what yields for it.

use super::*;
use crate::content::FileId;

const GIB: u64 = 1 << 30;
const MIB: u64 = 1 << 20;
const NOW: Time = Time(1);

fn peer(n: u64) -> PeerId {
    PeerId(*blake3::hash(&n.to_le_bytes()).as_bytes())
}

fn at(n: u32) -> IpAddr {
    IpAddr::V4((0x0a00_0000 + n).into())
}

fn quota() -> Quota {
    Quota::new(Lend { bytes: 8 * GIB, reserve: GIB }, 100 * GIB)
}

fn item(origin: PeerId, source: IpAddr, file: u64, bytes: u64) -> QuotaItem {
    QuotaItem { key: (origin, FileId(peer(file).0)), source, bytes }
}

/// Offers of 16 MiB, which come at once, until one does not fit; how much was taken, and what yielded.
fn fill(quota: &mut Quota, origin: PeerId, source: IpAddr) -> (u64, Vec<LedgerKey>) {
    let (mut got, mut gone) = (0, Vec::new());
    while quota.space(origin, source, |_| true).share >= 16 * MIB {
        let item = item(origin, source, got, 16 * MIB);
        gone.extend(quota.take(NOW, item).unwrap());
        quota.came(NOW, item.key);
        got += 16 * MIB;
    }
    (got, gone)
}

impl Quota {
    /// Bytes that were promised and of which nothing came, with what they cost.
    const fn promised(&self) -> u64 {
        self.promises.held()
    }
}

#[test]
fn an_origin_gets_an_eighth_and_less_when_there_are_more() {
    let mut quota = quota();
    let (got, _) = fill(&mut quota, peer(1), at(1));
    assert!((GIB - 32 * MIB..=GIB).contains(&got), "{got}");
    assert!(quota.space(peer(1), at(2), |_| true).share < 16 * MIB);
    for n in 2..=7 {
        fill(&mut quota, peer(n), at(7));
    }
    assert!(quota.space(peer(9), at(9), |_| true).share > 0);
    for n in 10..26_u32 {
        quota.take(NOW, item(peer(n.into()), at(n), 0, 1)).unwrap();
    }
    // 1, 2 and 10 to 25 are there, and the one that asks: 19 shares. (3 to 7 got nothing.)
    assert_eq!(quota.share(peer(99), |_| true), 8 * GIB / 19);
    assert_eq!(quota.share(peer(99), |_| false), GIB);
}

#[test]
fn a_thousand_identities_at_one_host_get_one_share() {
    let addresses: [fn(u64) -> IpAddr; 2] =
        [|_| at(1), |n| IpAddr::V6((0x2001_0db8_u128 << 96 | u128::from(n)).into())];
    for address in addresses {
        let mut quota = quota();
        let got: u64 = (0..1_000).map(|n| fill(&mut quota, peer(n), address(n)).0).sum();
        assert!(got <= GIB, "{got}");
        assert!(quota.space(peer(5_000), at(2), |_| true).share >= GIB / 8);
    }
}

#[test]
fn who_comes_later_gets_its_share_from_the_host_furthest_above_its_own() {
    let mut quota = quota();
    for n in 1..=9 {
        fill(&mut quota, peer(n.into()), at(n));
    }
    // All is taken: whoever comes now has a tenth.
    let tenth = 8 * GIB / 10;
    let space = quota.space(peer(10), at(10), |_| false);
    assert!((tenth - 32 * MIB..=tenth).contains(&space.share), "{space:?}");
    let (got, gone) = fill(&mut quota, peer(10), at(10));
    assert!((tenth - 32 * MIB..=tenth).contains(&got), "{got}");
    assert!(!gone.is_empty() && gone.iter().all(|(origin, _)| *origin != peer(10)));
}

#[test]
fn an_eighth_may_be_promised_and_is_shared_among_hosts() {
    let mut quota = quota();
    let promise = |quota: &mut Quota, n: u32| {
        let (mut got, mut gone) = (0, Vec::new());
        while quota.space(peer(n.into()), at(n), |_| false).share >= 16 * MIB {
            gone.extend(quota.take(NOW, item(peer(n.into()), at(n), got, 16 * MIB)).unwrap());
            got += 16 * MIB;
        }
        (got, gone)
    };
    let (got, _) = promise(&mut quota, 1);
    assert!((GIB - 32 * MIB..=GIB).contains(&got), "{got}");
    let (got, gone) = promise(&mut quota, 2);
    assert!((GIB / 2 - 32 * MIB..=GIB / 2).contains(&got), "{got}");
    for key in gone {
        quota.give_back(QuotaItem { key, source: at(1), bytes: 16 * MIB });
    }
    assert!(quota.promised() <= GIB);
    // What came is no longer a promise.
    let before = quota.promised();
    quota.came(NOW, item(peer(2), at(2), 0, 0).key);
    assert!(quota.promised() < before);
}

#[test]
fn small_files_count_what_they_cost_and_leave_rows_for_others() {
    let mut quota = Quota::new(Lend { bytes: 8 * MIB, reserve: 0 }, 100 * GIB);
    let mut files = 0;
    while quota.space(peer(1), at(1), |_| true).share >= 1 {
        quota.take(NOW, item(peer(1), at(1), files, 1)).unwrap();
        files += 1;
    }
    assert_eq!(files, MIB / (limits::KEPT_COST + 1));
    // Where much is lent, it is the number of rows that is divided.
    let row = self::quota().row();
    assert!(row * limits::KEPT as u64 <= 8 * GIB && row > limits::KEPT_COST);
}

#[test]
fn a_file_without_bytes_needs_the_space_of_its_row() {
    let mut quota = Quota::new(Lend { bytes: 8 * MIB, reserve: 0 }, 100 * GIB);
    let mut files = 0;
    while quota.take(NOW, item(peer(1), at(1), files, 0)).is_some() {
        files += 1;
    }
    assert_eq!((files, quota.space(peer(1), at(1), |_| true).share), (MIB / limits::KEPT_COST, 0));
    assert!(quota.take(NOW, item(peer(2), at(2), 0, 0)).is_some(), "another host has its share");
}

#[test]
fn catalogues_of_owners_have_a_share_and_count_in_what_is_lent() {
    let mut quota = Quota::new(Lend { bytes: 80 * MIB, reserve: 0 }, 100 * GIB);
    let free = quota.space(peer(9), at(9), |_| true).free;
    assert_eq!(quota.catalogue(NOW, peer(1), at(1), 10 * MIB), Some(vec![]));
    assert_eq!(quota.catalogue(NOW, peer(1), at(1), 11 * MIB), None);
    assert_eq!(quota.space(peer(9), at(9), |_| true).free, free - 10 * MIB);
    assert_eq!(quota.catalogue(NOW, peer(2), at(2), MIB), Some(vec![peer(1)]));
    assert_eq!(quota.catalogue(NOW, peer(2), at(2), 0), Some(vec![]));
    quota.check(std::iter::empty(), |_| true, std::iter::empty());
}

#[test]
fn the_reserve_is_never_touched_and_what_is_given_back_is_free_again() {
    let mut quota = Quota::new(Lend { bytes: 8 * GIB, reserve: GIB }, GIB + 100 * MIB);
    let one = item(peer(1), at(1), 1, 99 * MIB);
    let space = quota.space(peer(1), at(1), |_| true).share;
    assert_eq!(space, 100 * MIB - quota.row());
    quota.take(NOW, one).unwrap();
    assert!(quota.space(peer(1), at(1), |_| true).free <= MIB);
    quota.give_back(one);
    assert_eq!((quota.taken(), quota.taken_for(peer(1)), quota.promised()), (0, 0, 0));
    assert_eq!(quota.space(peer(1), at(1), |_| true).share, space);
    quota.set_free(5);
    assert_eq!(quota.space(peer(1), at(1), |_| true).free, 0);
    assert_eq!((default_lend(50 * GIB), default_lend(500 * GIB)), (5 * GIB, 10 * GIB));
}

#[test]
#[should_panic(expected = "what is kept: what is charged is not what is held")]
fn what_is_kept_and_not_charged_is_caught() {
    let mut quota = quota();
    quota.take(NOW, item(peer(1), at(1), 1, MIB)).unwrap();
    quota.check(std::iter::empty(), |_| true, std::iter::empty());
}
