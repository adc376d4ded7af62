//! What is asked of a peer that shares one file: nothing but its bytes leaves.

use potluck::codec::encode;
use potluck::content::FileId;
use potluck::limits;
use potluck::wire::Message;
use potluck::wire::frame::prefix;
use potluck::wire::message::{GetAny, GetBlocks, GetHaves, GetManifest, Item, Reason};
use potluck::wire::registry::Kind;
use serde::Serialize;

use crate::caller::Caller;
use crate::fiend::address;
use crate::lab::{Lab, SOON, wait};
use crate::watch::{assert_holds, assert_well};

/// Requests whose file is whatever one likes.
#[derive(Serialize)]
struct Get<T> {
    request: u64,
    file: T,
    page: u32,
}

fn frame(kind: u8, header: &[u8]) -> Vec<u8> {
    [&prefix(kind, header.len(), 0)[..], header].concat()
}

fn id(content: &[u8]) -> FileId {
    FileId(*blake3::hash(content).as_bytes())
}

#[test]
fn requests_for_paths_unknown_ids_and_ranges_past_the_end_get_nothing() {
    let Some(lab) = Lab::of("up 2") else { return };
    let victim = lab.peer_with(1, "victim", &[("a", b"shared")]);
    let taker = lab.peer(2, "taker", &[]);
    for name in ["canary", "downloads/canary", ".potluck/canary"] {
        let path = victim.directory.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, name).unwrap();
    }
    wait("the file", SOON, || taker.offered("a"));
    let key = std::fs::read(victim.directory.join(".potluck/key")).unwrap();
    let peer = taker.peers()[0].id.parse().unwrap();
    let port = victim.status().ports[1];
    let tls = Caller::tls();
    let mut caller = lab.within(2, || Caller::dial(&tls, peer, address(1), port)).unwrap();
    let refused = |caller: &mut Caller, what: &str| match caller.hear() {
        Some((Message::Refused(refused), payload)) if payload.is_empty() => refused.reason,
        other => panic!("{what}: {other:?}"),
    };
    let ids = [id(b"canary"), id(b"downloads/canary"), id(b".potluck/canary"), id(&key), FileId([0; 32])];
    for (request, file) in (1..).zip(ids) {
        caller.say(&Message::GetManifest(GetManifest { request, file, page: 0 }).encode()).unwrap();
        assert_eq!(refused(&mut caller, "manifest"), Reason::Unknown);
        let items = vec![Item { file, offset: 0, len: 6 }];
        caller.say(&Message::GetBlocks(GetBlocks { request, items, background: false }).encode()).unwrap();
        assert_eq!(refused(&mut caller, "blocks"), Reason::Unknown);
    }
    let file = id(b"shared");
    for (offset, len) in [(0, 7), (6, 1), (5, 2), (u64::MAX, 1), (1 << 63, limits::CHUNK_MAX)] {
        let items = vec![Item { file, offset, len }];
        caller.say(&Message::GetBlocks(GetBlocks { request: 9, items, background: false }).encode()).unwrap();
        assert_eq!(refused(&mut caller, "range"), Reason::Malformed, "{offset} {len}");
    }
    // Maps of another length or size, or with a chunk that the file has not; and of what is not here.
    for (size, want) in [
        (6, vec![]),
        (6, vec![1; 1 << 16]),
        (6, vec![2]),
        (7, vec![1]),
        (1 << 40, vec![1; 8_192]),
        (u64::MAX, vec![1]),
    ] {
        caller
            .say(&Message::GetAny(GetAny { request: 4, file, size, want, background: false }).encode())
            .unwrap();
        assert_eq!(refused(&mut caller, "map"), Reason::Malformed, "{size}");
    }
    for (file, size, reason) in [(file, 7, Reason::Malformed), (FileId([7; 32]), 6, Reason::Unknown)] {
        caller.say(&Message::GetHaves(GetHaves { request: 4, file, size }).encode()).unwrap();
        assert_eq!(refused(&mut caller, "haves"), reason);
    }
    // A path, NUL, half a surrogate and many bytes where an id belongs.
    let long = "x".repeat(800);
    for text in ["a", "shared/a", "../.potluck/key", "/etc/passwd", "nul\0", "", &long] {
        let header = encode(&Get { request: 5, file: text, page: 0 });
        caller.say(&frame(Kind::GetManifest.number(), &header)).unwrap();
        assert_eq!(refused(&mut caller, text), Reason::Malformed);
    }
    let surrogate = [&encode(&Get { request: 5, file: "???", page: 0 })[..]].concat();
    let at = surrogate.windows(3).position(|w| w == b"???").unwrap();
    let surrogate = [&surrogate[..at], b"\xed\xa0\x80", &surrogate[at + 3..]].concat();
    caller.say(&frame(Kind::GetManifest.number(), &surrogate)).unwrap();
    assert_eq!(refused(&mut caller, "surrogate"), Reason::Malformed);
    // At the ports of custody such a request ends the connection.
    for port in [port + 1, port + 2] {
        let mut other = lab.within(2, || Caller::dial(&tls, peer, address(1), port)).unwrap();
        other.say(&Message::GetManifest(GetManifest { request: 1, file, page: 0 }).encode()).unwrap();
        assert_eq!(other.hear(), None);
    }
    // A mebibyte where a small header belongs: that is no frame any more.
    let prefix = [&(1_u32 << 20).to_be_bytes()[..], &[Kind::GetManifest.number(), 0, 0, 0]].concat();
    drop(caller.say(&[prefix, vec![0; 1 << 20]].concat()));
    assert_eq!(caller.hear(), None);
    assert_holds(&taker.fetch("a"), b"shared");
    assert_well(&victim);
}
