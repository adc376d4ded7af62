//! Strangers that want everything, replay heads, and pretend.

use std::sync::Arc;
use std::time::Duration;

use potluck::content::Span;
use potluck::content::{Catalogue, Entry, EntryKind};
use potluck::identity::Instance;
use potluck::wire::custody::{CustodyMessage, CustodyOffer, Order, Orders, Replica, Verdict};

use crate::world::{GIB, World, config, entry, id_of};

const MIB: u64 = 1 << 20;

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_thousand_strangers_and_one_with_a_tebibyte_get_their_share() {
    let mut world = World::new(1, 1_002, config(2, 8 * GIB));
    world.start(0);
    // Each of a thousand at one address has 100 MiB, another one has a thousand times 100 MB. Nobody ever gives
    // any of it, so it is the eighth that may be promised which is divided.
    for n in 1..=1_000 {
        world.peers[n].ip = "10.9.9.9".parse().unwrap();
        let entry = entry("f", n as u64, 100 * MIB);
        let offer = offer(&world, n, 1, 1, &Catalogue::of([entry.clone()]), &entry);
        world.forge(n, 0, CustodyMessage::Offer(Box::new(offer)));
    }
    let entries: Vec<_> = (0..1_049).map(|n| entry(&format!("g{n}"), 5_000 + n, 100_000_000)).collect();
    let catalogue = Catalogue::of(entries.clone());
    for entry in &entries[..200] {
        let offer = offer(&world, 1_001, 1, 1, &catalogue, entry);
        world.forge(1_001, 0, CustodyMessage::Offer(Box::new(offer)));
    }
    world.run(s(10));
    let keeper = world.peers[0].machine.as_ref().unwrap().keeper();
    let tebibyte = keeper.quota().taken_for(world.peers[1_001].id);
    println!("kept for a thousand: {}, for one: {tebibyte}", keeper.quota().taken() - tebibyte);
    assert_eq!(tebibyte, 5 * 100_000_000, "five of them fit into half of an eighth of 8 GiB");
    assert_eq!(keeper.quota().taken() - tebibyte, 5 * 100 * MIB, "and five of those at one address");
}

/// Nine hosts have all that is lent reserved for files that they never give, and an owner comes after them.
#[test]
fn promises_that_bring_nothing_keep_nobody_out_and_are_void_after_a_while() {
    let mut world = World::new(1, 11, config(2, 8 * GIB));
    for owner in 1..=9 {
        let entries: Vec<_> = (0..16).map(|n| entry(&format!("f{n}"), owner * 100 + n, 64 * MIB)).collect();
        let catalogue = Catalogue::of(entries.clone());
        let n = usize::try_from(owner).unwrap();
        if owner == 1 {
            world.start(0);
        }
        for entry in &entries {
            let offer = offer(&world, n, 1, 1, &catalogue, entry);
            world.forge(n, 0, CustodyMessage::Offer(Box::new(offer)));
        }
    }
    world.run(s(5));
    let files: Vec<_> = (0..20).map(|n| entry(&format!("mine{n}"), 9_000 + n, 8 * MIB)).collect();
    world.share(10, files.clone());
    world.start(10);
    world.run(s(60));
    let placed = files.iter().filter(|file| world.kept_copies(id_of(file), 8 * MIB) == 1).count();
    assert_eq!(placed, 20, "the owner's files have their copies");
    world.run(s(600));
    let taken = |w: &World| w.peers[0].machine.as_ref().unwrap().keeper().quota().taken();
    assert_eq!(taken(&world), 20 * 8 * MIB, "what brought nothing is void");
}

/// All that is lent is full of what others really gave, and who comes later still gets its share.
#[test]
fn what_is_full_is_divided_again_for_who_comes_later() {
    let mut world = World::new(1, 11, config(2, GIB));
    for n in 1..11 {
        world.peers[n].config.keeper.lend.bytes = 0;
    }
    // Nine owners that fill an eighth each, as far as there is space.
    for n in 1..=9 {
        world.share(n, (0..30).map(|f| entry(&format!("f{f}"), (n * 100 + f) as u64, 4 * MIB)));
    }
    (0..10).for_each(|n| world.start(n));
    world.run(s(900));
    let full = world.load(0);
    assert!(full > 3 * GIB / 4, "only {full} bytes are taken");
    world.share(10, (0..40).map(|f| entry(&format!("late{f}"), 7_000 + f, 4 * MIB)));
    world.start(10);
    world.run(s(900));
    let late = (0..40).filter(|f| world.kept_copies(id_of(&entry("x", 7_000 + f, 0)), 4 * MIB) > 0).count();

    assert!(late >= 20, "of the latecomer's forty files only {late} are kept");
}

/// A stranger signs that it shares what another one has, and says that this one keeps it.
#[test]
fn nobody_gives_anything_because_a_stranger_names_it() {
    let mut world = World::new(1, 4, config(1, GIB));
    let secret = entry("secret", 1, 64 * MIB);
    world.share(2, [secret.clone()]);
    (0..3).for_each(|n| world.start(n));
    world.run(s(5));
    let mut lie = offer(&world, 3, 1, 1, &Catalogue::of([secret.clone()]), &secret);
    lie.others = vec![Replica { copy: 2, span: lie.span, peer: world.peers[2].id }];
    world.forge(3, 0, CustodyMessage::Offer(Box::new(lie)));
    world.run(s(300));
    let victim = world.peers[2].id;
    assert!(!world.sources.contains(&(victim, id_of(&secret))), "it was asked for what a stranger named");
    assert!(!world.peers[0].store.contains_key(&id_of(&secret)));
}

/// Whoever really keeps it says so when it is asked, and gives it.
#[test]
fn a_keeper_that_says_so_itself_is_fetched_from() {
    let mut world = World::new(1, 6, config(3, GIB));
    let file = entry("f", 1, 8 * MIB);
    world.share(0, [file.clone()]);
    (0..3).for_each(|n| world.start(n));
    world.run(s(30));
    let id = id_of(&file);
    assert_eq!(world.kept_copies(id, 8 * MIB), 2);
    world.crash(0);
    world.run(s(1_000));
    world.sources.clear();
    world.start(3);
    world.run(s(120));
    assert_eq!(world.kept_copies(id, 8 * MIB), 3);
    let from = |peer: usize| world.sources.contains(&(world.peers[peer].id, id));
    assert!(from(1) && from(2), "both keepers give it to the new one");
}

/// Eight keys at one address say that they have what they threw away.
#[test]
fn who_has_nothing_makes_no_copy_safe() {
    for seed in 1..=5 {
        let mut world = World::new(seed, 12, config(3, GIB));
        for n in 4..12 {
            world.peers[n].ip = "10.9.9.9".parse().unwrap();
            world.peers[n].hollow = true;
            world.peers[n].config.keeper.lend.bytes = 1 << 50;
        }
        let files: Vec<_> = (0..12).map(|n| entry(&format!("f{n}"), seed * 100 + n, MIB)).collect();
        world.share(0, files.clone());
        world.start_all();
        world.run(s(60));
        world.exit(0);
        world.run_while(s(120), |w| w.peers[0].report.is_some()).expect("it leaves");
        let report = world.peers[0].report.clone().unwrap();
        let safe = files.iter().filter(|file| world.kept_copies(id_of(file), MIB) >= 2).count();

        assert!(report.safe <= safe, "seed {seed}: {} are said to be safe, {safe} are", report.safe);
        assert!(safe >= 11, "seed {seed}: three honest keepers are here, and {safe} files have two copies");
    }
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
    world.share(0, (3..15).map(|n| entry(&format!("g{n}"), n, MIB)));
    world.run(s(1_300));
    assert!(world.peers[0].conflict, "the earlier one stops and says so");
    assert!(world.peers[keeper].store.contains_key(&id_of(&entry("f", 1, MIB))), "nothing is dropped for it");
}
