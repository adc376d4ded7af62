//! Strangers that want everything, replay heads, and pretend.

use std::sync::Arc;
use std::time::Duration;

use potluck::content::Span;
use potluck::content::{Catalogue, Entry, EntryKind};
use potluck::identity::Instance;
use potluck::wire::custody::{CustodyMessage, CustodyOffer, Order, Orders, Verdict};

use crate::world::{GIB, World, config, entry, id_of};

const MIB: u64 = 1 << 20;

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_thousand_strangers_and_one_with_a_tebibyte_get_their_share() {
    let mut world = World::new(1, 1_002, config(2, 8 * GIB));
    world.start(0);
    // Each of a thousand at one address has 100 MiB, another one has a thousand times a gigabyte.
    for n in 1..=1_000 {
        world.peers[n].ip = "10.9.9.9".parse().unwrap();
        let entry = entry("f", n as u64, 100 * MIB);
        let offer = offer(&world, n, 1, 1, &Catalogue::of([entry.clone()]), &entry);
        world.forge(n, 0, CustodyMessage::Offer(Box::new(offer)));
    }
    let entries: Vec<_> = (0..1_049).map(|n| entry(&format!("g{n}"), 5_000 + n, 1_000_000_000)).collect();
    let catalogue = Catalogue::of(entries.clone());
    for entry in &entries[..200] {
        let offer = offer(&world, 1_001, 1, 1, &catalogue, entry);
        world.forge(1_001, 0, CustodyMessage::Offer(Box::new(offer)));
    }
    world.run(s(10));
    let keeper = world.peers[0].machine.as_ref().unwrap().keeper();
    let tebibyte = keeper.quota().taken_for(world.peers[1_001].id);
    println!("kept for a thousand: {}, for one: {tebibyte}", keeper.quota().taken() - tebibyte);
    assert_eq!(tebibyte, 1_000_000_000, "one of them fits into an eighth of 8 GiB");
    assert_eq!(
        keeper.quota().taken() - tebibyte,
        10 * 100 * MIB,
        "ten of them fit into the share of an address"
    );
}

/// A head of peer `n`, and the offer of its file.
fn offer(
    world: &World,
    n: usize,
    count: u64,
    version: u64,
    catalogue: &Catalogue,
    entry: &Entry,
) -> CustodyOffer {
    let identity = &world.peers[n].identity;
    let head = catalogue.head(identity.public(), Instance { count, random: 5 }, version);
    let signed: Arc<[u8]> = Arc::from(head.sign(identity));
    let owner =
        potluck::custody::owner_catalogue::OwnerCatalogue::whole(identity.id(), &signed, catalogue).unwrap();
    let EntryKind::File { size, .. } = entry.kind else { panic!("a file") };
    CustodyOffer {
        request: 1,
        head: signed,
        proof: owner.bucket_proof(&entry.path),
        path: entry.path.clone(),
        file: id_of(entry),
        size,
        copies: 2,
        copy: 1,
        span: Span::whole(size).unwrap(),
        others: Vec::new(),
        quiet: 0,
    }
}

#[test]
fn an_older_head_of_another_brings_nothing_back() {
    let mut world = World::new(1, 3, config(2, GIB));
    for p in 0..3 {
        world.peers[p].config.copies = 1;
    }
    world.start(1);
    let (one, two) = (entry("f", 1, MIB), entry("f", 2, MIB));
    let (old, new) = (Catalogue::of([one.clone()]), Catalogue::of([two.clone()]));
    let (older, newer) = (offer(&world, 0, 5, 1, &old, &one), offer(&world, 0, 5, 2, &new, &two));
    // A stranger passes on what an absent owner signed: true, so it is kept.
    world.start(2);
    world.run(s(1));
    world.forge(2, 1, CustodyMessage::Offer(Box::new(newer)));
    world.run(s(1));
    let kept = |w: &World| w.peers[1].machine.as_ref().unwrap().keeper().all().count();
    assert_eq!(kept(&world), 1);
    // An older one, one of another's signature, and one that does not name the file are refused.
    world.forge(2, 1, CustodyMessage::Offer(Box::new(older.clone())));
    let mut forged = offer(&world, 2, 9, 9, &old, &one);
    forged.head = {
        let mut bytes = older.head.to_vec();
        bytes[70] ^= 1;
        Arc::from(bytes)
    };
    world.forge(2, 1, CustodyMessage::Offer(Box::new(forged)));
    let mut unlisted = offer(&world, 0, 5, 3, &new, &two);
    unlisted.file = id_of(&entry("f", 99, MIB));
    world.forge(2, 1, CustodyMessage::Offer(Box::new(unlisted)));
    world.run(s(5));
    assert_eq!(kept(&world), 1);
}

#[test]
fn nobody_but_the_owner_can_have_a_file_dropped() {
    let mut world = World::new(1, 4, config(2, GIB));
    let file = entry("f", 1, MIB);
    world.share(0, [file.clone()]);
    world.start_all();
    world.run(s(30));
    let id = id_of(&file);
    let keeper = *world.stores[&id].keys().next().unwrap();
    let origin = world.peers[0].id;
    let liar = (1..4).find(|p| *p != keeper).unwrap();
    for verdict in [Verdict::Release, Verdict::Spare, Verdict::NotKept] {
        let orders =
            Orders { request: 1, origin, head: None, rows: vec![Order { file: id, verdict }].into() };
        world.forge(liar, keeper, CustodyMessage::Orders(orders.clone()));
        world.run(s(1));
    }
    world.crash(0);
    world.run(s(60));
    for verdict in [Verdict::Release, Verdict::Spare, Verdict::NotKept] {
        let orders =
            Orders { request: 1, origin, head: None, rows: vec![Order { file: id, verdict }].into() };
        world.forge(liar, keeper, CustodyMessage::Orders(orders.clone()));
    }
    world.run(s(26 * 3_600));
    assert!(world.peers[keeper].store.contains_key(&id));
}

#[test]
fn two_owners_with_one_key_do_not_fight() {
    let mut world = World::new(1, 4, config(2, GIB));
    world.share(0, [entry("f", 1, MIB)]);
    world.start_all();
    world.run(s(30));
    // A later instance with the same key gave out a head, which a keeper heard of.
    let two = entry("f", 2, MIB);
    let later = offer(&world, 0, 50, 1, &Catalogue::of([two.clone()]), &two);
    let keeper = *world.stores[&id_of(&entry("f", 1, MIB))].keys().next().unwrap();
    world.forge(0, keeper, CustodyMessage::Offer(Box::new(later)));
    world.run(s(1));
    world.share(0, [entry("g", 3, MIB), entry("h", 4, MIB), entry("i", 5, MIB)]);
    world.run(s(1_300));
    assert!(world.peers[0].conflict, "the earlier one stops and says so");
    assert!(world.peers[keeper].store.contains_key(&id_of(&entry("f", 1, MIB))), "nothing is dropped for it");
}
