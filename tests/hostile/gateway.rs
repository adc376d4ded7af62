//! Honest peers that look like one host with many keys: those of another network behind a gateway. Nobody of them is
//! refused anything while there is something free.
//!
//! `scripts/honest` runs this for its numbers: `POTLUCK_PROGRAM` is the program that serves, `POTLUCK_KEYS` how many
//! come.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use potluck::identity::tls::Tls;
use potluck::sys::clock;
use potluck::wire::Message;
use potluck::wire::message::{GetBlocks, GetHead, Item};

use crate::caller::Caller;
use crate::fiend::address;
use crate::lab::{LATER, Lab, wait};

/// Bytes that each of them fetches.
const SIZE: u32 = 1 << 20;

/// How many of them come, unless something else is said; and how many fetch at the same time, the half of what a
/// sender takes.
const KEYS: usize = 200;
const AT_ONCE: usize = 64;

/// Asks for the catalogue's head and for the file, and reads all of it; how often that was refused.
fn fetch(caller: &mut Caller, file: Item) -> u64 {
    let head = Message::GetHead(GetHead { request: 1, known: None, origin: None });
    let blocks = Message::GetBlocks(GetBlocks { request: 2, items: vec![file], background: false });
    let (mut has_head, mut bytes) = (false, 0);
    if caller.say(&[head.encode(), blocks.encode()].concat()).is_err() {
        return 1;
    }
    while !has_head || bytes < file.len {
        match caller.hear() {
            Some((Message::Head(_), _)) => has_head = true,
            Some((Message::Block(_), payload)) => bytes += payload.len() as u64,
            _ => return 1,
        }
    }
    0
}

#[test]
fn many_peers_behind_one_address_are_all_served() {
    let Some(lab) = Lab::of("up 2") else { return };
    let count = std::env::var("POTLUCK_KEYS").map_or(KEYS, |keys| keys.parse().unwrap());
    let program = std::env::var("POTLUCK_PROGRAM");
    let program = program.unwrap_or_else(|_| env!("CARGO_BIN_EXE_potluck").to_owned());
    let content: Vec<u8> = (0..SIZE / 4).flat_map(u32::to_le_bytes).collect();
    std::fs::write(lab.folder("owner/shared").join("a"), &content).unwrap();
    let owner = lab.peer_of(program, 1, "owner", &[]);
    wait("the file", LATER, || owner.listed("a"));
    let status = owner.status();
    let (peer, port) = (status.id.parse().unwrap(), status.ports[1]);
    let file = Item { file: blake3::hash(&content).into(), offset: 0, len: SIZE.into() };
    let keys: Vec<Tls> = (0..count).map(|_| Caller::tls()).collect();
    let (next, refused, begin) = (AtomicUsize::new(0), AtomicU64::new(0), clock::now());
    lab.within(2, || {
        let come = || {
            let mut open = Vec::new();
            while let Some(key) = keys.get(next.fetch_add(1, Ordering::Relaxed)) {
                let caller = Caller::dial(key, peer, address(1), port);
                let Ok(mut caller) = caller else {
                    refused.fetch_add(1, Ordering::Relaxed);
                    continue;
                };
                refused.fetch_add(fetch(&mut caller, file), Ordering::Relaxed);
                // It stays, as peers do, and makes way for others when it must.
                open.push(caller);
            }
        };
        std::thread::scope(|scope| (0..AT_ONCE).for_each(|_| drop(scope.spawn(come))));
    });
    let (refused, seconds) = (refused.into_inner(), clock::now().since(begin).as_secs_f64());
    let served = count as u64 - refused;
    println!("{:.1} MB/s, {refused} refused", served as f64 * f64::from(SIZE) / seconds / 1e6);
    assert_eq!(refused, 0, "of {count}");
}
