//! Who gets what, and who yields.

use core::time::Duration;

use super::*;
use crate::sim::{Rng, seeds};

fn payer(host: u8, peer: u8) -> Payer<u8> {
    Payer { host: AccountHost::V4([10, 0, 0, host].into()), peer }
}

fn at(second: u64) -> Time {
    Time(second * 1_000_000_000)
}

/// Charges one for each of the items, and tells how many were given.
fn take(account: &mut Account<u8, u32>, by: Payer<u8>, items: core::ops::Range<u32>) -> usize {
    items.filter(|n| account.charge(at(1), by, *n, 1) != Grant::Refused).count()
}

#[test]
fn one_alone_gets_all_and_no_more() {
    let mut account = Account::new(64, 1);
    assert_eq!(take(&mut account, payer(1, 1), 0..100), 64);
    assert_eq!((account.held(), account.held_by(payer(1, 1).host)), (64, 64));
    account.free(3);
    assert_eq!(account.charge(at(1), payer(1, 1), 200, 1), Grant::Given(vec![]));
}

#[test]
fn who_is_below_its_share_gets_it_from_the_one_furthest_above() {
    let mut account = Account::new(12, 1);
    take(&mut account, payer(1, 1), 0..9);
    take(&mut account, payer(2, 1), 10..13);
    account.touch(at(5), 0);
    // A third of twelve is four; what the first one used longest ago goes.
    for (item, gone) in [(20, 1), (21, 2), (22, 3), (23, 4)] {
        assert_eq!(account.charge(at(6), payer(3, 1), item, 1), Grant::Given(vec![gone]));
    }
    assert_eq!(account.charge(at(6), payer(3, 1), 24, 1), Grant::Refused);
    assert_eq!([1, 2, 3].map(|h| account.held_by(payer(h, 1).host)), [5, 3, 4]);
}

#[test]
fn when_less_may_be_held_the_fullest_lose_until_it_fits() {
    let mut account = Account::new(20, 1);
    take(&mut account, payer(1, 1), 0..3);
    take(&mut account, payer(2, 1), 10..14);
    take(&mut account, payer(2, 2), 20..29);
    account.touch(at(5), 20);
    assert_eq!(account.shed(), None);
    account.set_limit(13);
    assert_eq!([(); 4].map(|()| account.shed()), [Some(21), Some(22), Some(23), None]);
    account.set_limit(6);
    let shed: Vec<u32> = core::iter::from_fn(|| account.shed()).collect();
    assert_eq!((shed.len(), account.held()), (7, 6));
    assert_eq!([1, 2].map(|host| account.held_by(payer(host, 1).host)), [3, 3]);
    account.check("a test", [0, 1, 2, 12, 13, 20].map(|item| (item, 1)));
}

#[test]
fn many_keys_at_one_host_share_what_is_the_hosts() {
    let mut account = Account::new(64, 1);
    for peer in 0..64 {
        take(&mut account, payer(1, peer), u32::from(peer)..u32::from(peer) + 1);
    }
    // Another host always gets its half.
    assert_eq!(take(&mut account, payer(2, 1), 100..200), 32);
    assert_eq!(account.held_by(payer(1, 0).host), 32);
    // Within the host that has its share, one that holds nothing takes nothing from those that hold one.
    assert_eq!(account.charge(at(2), payer(1, 99), 300, 1), Grant::Refused);
}

#[test]
fn all_that_proved_no_address_share_what_is_one_hosts() {
    let mut account = Account::new(64, 1);
    let unproved = |peer| Payer { host: AccountHost::Unproved, peer };
    for peer in 0..64 {
        take(&mut account, unproved(peer), u32::from(peer)..u32::from(peer) + 1);
    }
    assert_eq!(take(&mut account, payer(2, 1), 100..200), 32);
    assert_eq!(account.held_by(AccountHost::Unproved), 32);
}

#[test]
fn within_a_host_the_one_with_most_yields() {
    let mut account = Account::new(8, 1);
    take(&mut account, payer(1, 1), 0..8);
    for (item, gone) in [(10, 0), (11, 1), (12, 2), (13, 3)] {
        assert_eq!(account.charge(at(2), payer(1, 2), item, 1), Grant::Given(vec![gone]));
    }
    assert_eq!(account.charge(at(2), payer(1, 2), 14, 1), Grant::Refused);
}

#[test]
fn with_more_hosts_than_there_are_minima_those_who_have_more_yield() {
    let mut account = Account::new(8, 2);
    for host in 1..=4 {
        assert_eq!(take(&mut account, payer(host, 1), u32::from(host) * 10..u32::from(host) * 10 + 2), 2);
    }
    for host in 5..=8 {
        assert_ne!(account.charge(at(2), payer(host, 1), u32::from(host) * 10, 1), Grant::Refused);
    }
    assert_eq!(account.charge(at(2), payer(9, 1), 90, 1), Grant::Refused, "each has one");
    assert_eq!(account.held(), 8);
}

#[test]
fn an_item_grows_or_stays_as_it_was() {
    let mut account = Account::new(100, 10);
    assert_eq!(account.charge(at(1), payer(1, 1), 1, 60), Grant::Given(vec![]));
    assert_eq!(account.charge(at(1), payer(1, 1), 1, 90), Grant::Given(vec![]));
    assert_eq!(account.charge(at(1), payer(1, 1), 1, 101), Grant::Refused);
    assert_eq!(account.held(), 90);
    // Half of it is the share of a second host: the one item of the first one has to go for it.
    assert_eq!(account.charge(at(1), payer(2, 1), 2, 50), Grant::Given(vec![1]));
    assert_eq!(account.charge(at(1), payer(2, 1), 2, 200), Grant::Refused);
    account.check("bytes", [(2, 50)]);
}

#[test]
fn whatever_is_asked_the_limit_and_the_sums_hold() {
    seeds(20, |seed| {
        let mut rng = Rng::new(seed);
        let mut account = Account::new(40, 3);
        let mut held = BTreeMap::new();
        for step in 0..2_000_u64 {
            let item = u32::try_from(rng.below(60)).unwrap();
            match rng.below(4) {
                0 => {
                    account.free(item);
                    held.remove(&item);
                }
                1 => account.touch(Time::ZERO + Duration::from_secs(step), item),
                _ => {
                    let by = payer(u8::try_from(rng.below(7)).unwrap(), u8::try_from(rng.below(3)).unwrap());
                    let (amount, share) = (1 + rng.below(6), account.share(by.host));
                    let before = held.get(&item).map_or(0, |(_, amount)| *amount);
                    let is_own = held.get(&item).is_none_or(|(host, _)| *host == by.host);
                    let of_host = account.held_by(by.host) - if is_own { before } else { 0 };
                    match account.charge(at(step), by, item, amount) {
                        Grant::Given(gone) => {
                            for key in gone {
                                held.remove(&key);
                            }
                            held.insert(item, (by.host, amount));
                        }
                        Grant::Refused => {
                            assert!(of_host + amount > share, "{by:?} has {of_host} of {share}");
                        }
                    }
                }
            }
            assert!(account.held() <= 40);
            account.check("all", held.iter().map(|(key, (_, amount))| (*key, *amount)));
        }
    });
}

#[test]
fn what_is_said_to_be_available_is_given() {
    seeds(20, |seed| {
        let mut rng = Rng::new(seed);
        let mut account = Account::new(60, 3);
        for item in 0..2_000 {
            account.set_limit(40 + rng.below(21));
            if rng.below(3) == 0 {
                account.free(u32::try_from(rng.below(u64::from(item) + 1)).unwrap());
            }
            let by = payer(u8::try_from(rng.below(5)).unwrap(), u8::try_from(rng.below(3)).unwrap());
            let (available, amount) = (account.available(by), 1 + rng.below(12));
            let granted = account.charge(at(item.into()), by, item, amount) != Grant::Refused;
            assert!(granted || amount > available, "{by:?} was told {available} and not given {amount}");
        }
    });
    let mut account = Account::new(64, 1);
    take(&mut account, payer(1, 1), 0..64);
    assert_eq!([payer(1, 1), payer(1, 2), payer(2, 1)].map(|by| account.available(by)), [0, 32, 32]);
}

#[test]
#[should_panic(expected = "what is charged is not what is held")]
fn what_is_held_and_not_charged_is_caught() {
    let mut account = Account::new(64, 1);
    take(&mut account, payer(1, 1), 0..3);
    account.check("connections", [(0, 1), (1, 1), (2, 1), (3, 1)]);
}
