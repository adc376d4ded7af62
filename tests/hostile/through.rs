//! Those who have files fetched for them, and owners from whom they are fetched, that mean ill: a stranger takes no
//! more than its part of what is lent, and a lie of an owner is given to nobody.

use std::fs;
use std::path::Path;

use potluck::content::{FileId, SafePath};
use potluck::identity::PeerId;
use potluck::identity::tls::Tls;
use potluck::wire::Message;
use potluck::wire::message::{FetchThrough, Reason};

use crate::caller::Caller;
use crate::fiend::{Fiend, Lie, Offer, Order, address};
use crate::lab::{LATER, Lab, Peer, SOON, wait};
use crate::watch::assert_well;

/// What a carrier lends: a quarter of it is for what it fetches for others.
const LENDS: [&str; 4] = ["--copies", "1", "--lend", "8MiB"];
const PART: u64 = 2 << 20;

fn id(peer: &Peer) -> PeerId {
    peer.status().id.parse().unwrap()
}

/// A file of an owner, by what a peer lists of it.
#[derive(Clone, Copy)]
struct Listed {
    owner: PeerId,
    file: FileId,
    size: u64,
    bucket: u8,
}

fn listed(peer: &Peer, owner: PeerId) -> Vec<Listed> {
    let rows = peer.list().into_iter();
    let listed = rows.map(|row| Listed {
        owner,
        file: row.id.parse().unwrap(),
        size: row.size,
        bucket: row.path.parse::<SafePath>().unwrap().bucket(),
    });
    listed.collect()
}

/// Asks a carrier for a file.
fn ask(caller: &mut Caller, request: u64, listed: &Listed) -> Result<u64, Reason> {
    let Listed { owner, file, size, bucket } = *listed;
    let asked = FetchThrough { request, owner, file, size, bucket };
    caller.say(&Message::FetchThrough(asked).encode()).unwrap();
    loop {
        match caller.hear().unwrap().0 {
            Message::Through(is) if is.request == request => return Ok(is.have),
            Message::Refused(refused) if refused.request == request => return Err(refused.reason),
            // It asks whoever connected for other things, too.
            _ => {}
        }
    }
}

/// A connection of somebody who is listed to the sender's port of a carrier.
fn dial(lab: &Lab, node: u8, fiend: &Fiend, carrier: &Peer) -> Caller {
    let tls = Tls::new(&fiend.identity).unwrap();
    let (to, port) = (id(carrier), carrier.status().ports[1]);
    lab.within(u32::from(node), || Caller::dial(&tls, to, address(1), port).unwrap())
}

/// Bytes of the files below a folder.
fn bytes_below(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let bytes = entries.map(|entry| match entry.metadata() {
        Ok(facts) if facts.is_dir() => bytes_below(&entry.path()),
        Ok(facts) => facts.len(),
        Err(_) => 0,
    });
    bytes.sum()
}

#[test]
fn a_stranger_that_has_a_thousand_files_fetched_takes_its_part_and_leaves_others_theirs() {
    let Some(lab) = Lab::of("up 4") else { return };
    let carrier = lab.peer(1, "carrier", &LENDS);
    let contents: Vec<(String, Vec<u8>)> =
        (0..100_u8).map(|n| (format!("{n}.bin"), vec![n; 100_000])).collect();
    let files: Vec<(&str, &[u8])> =
        contents.iter().map(|(name, bytes)| (name.as_str(), &bytes[..])).collect();
    let owner = lab.peer_with(2, "owner", &files);
    let (stranger, other) =
        (Fiend::start(&lab, 3, "stranger", Lie::None), Fiend::start(&lab, 4, "other", Lie::None));
    wait("all are here", SOON, || (carrier.peers().len() == 3).then_some(()));
    wait("all is listed", SOON, || (carrier.list().len() == 100).then_some(()));
    let files = listed(&carrier, id(&owner));
    let mut caller = dial(&lab, 3, &stranger, &carrier);
    let mut begun = 0;
    for (request, file) in (0..1_000).zip(files.iter().cycle()) {
        begun += u64::from(ask(&mut caller, request, file) == Ok(0));
    }
    assert!(begun > 0);
    let whole = |caller: &mut Caller| {
        files.iter().filter(|file| ask(caller, 7_000, file).is_ok_and(|have| have > 0)).count()
    };
    wait("some is there", LATER, || (whole(&mut caller) > 0).then_some(()));
    let store = carrier.directory.join(".potluck/store");
    assert!(bytes_below(&store) <= PART + (PART / 2), "{} bytes", bytes_below(&store));
    // What another one wants is fetched all the same.
    let mut caller = dial(&lab, 4, &other, &carrier);
    let wanted = files.iter().rev().take(2);
    for file in wanted {
        wait("it is there", SOON, || (ask(&mut caller, 1, file) == Ok(100_000)).then_some(()));
    }
    assert_well(&carrier);
}

#[test]
fn what_an_owner_lies_about_is_given_to_nobody() {
    let Some(lab) = Lab::of("up 3") else { return };
    let carrier = lab.peer(1, "carrier", &LENDS);
    let liar = Fiend::start(&lab, 2, "liar", Lie::Bytes);
    let asker = Fiend::start(&lab, 3, "asker", Lie::None);
    let content = vec![7; 50_000];
    liar.order(Order::Have(content.clone()));
    liar.offer(vec![Offer::file("file.bin", &content)]);
    wait("all are here", SOON, || (carrier.peers().len() == 2).then_some(()));
    wait("it is listed", SOON, || (carrier.list().len() == 1).then_some(()));
    let file = listed(&carrier, liar.id())[0];
    let mut caller = dial(&lab, 3, &asker, &carrier);
    assert_eq!(ask(&mut caller, 1, &file), Ok(0));
    wait("it failed", LATER * 2, || (ask(&mut caller, 2, &file) == Err(Reason::Unknown)).then_some(()));
    assert!(bytes_below(&carrier.directory.join(".potluck/store")) < 50_000);
    assert_well(&carrier);
}
