//! Frames of impossible lengths and messages cut off at each byte, at all four ports.

use potluck::content::{Entry, EntryKind, FileId};
use potluck::limits;
use potluck::wire::message::{
    BlockIs, BucketIs, Cancel, GetBlocks, GetBuckets, GetHead, GetKept, GetManifest, GetTable, HeadIs, Item,
    KeptIs, ManifestIs, PeerRecord, Reason, Refused, TableIs,
};
use potluck::wire::{Message, encode};

use crate::caller::Caller;
use crate::fiend::address;
use crate::lab::{Lab, SOON, wait};
use crate::watch::{assert_holds, assert_well, descriptors, memory};

/// One of each message, as small as they come.
fn messages() -> Vec<Vec<u8>> {
    let file = FileId([3; 32]);
    let entries = encode(&Entry { path: "a".parse().unwrap(), kind: EntryKind::Folder });
    let told = PeerRecord { at: (address(1), 7).into(), signed: [9].into() };
    let all = [
        Message::GetHead(GetHead { request: 1, known: None, origin: None }),
        Message::GetBuckets(GetBuckets { request: 2, root: [1; 32], buckets: vec![0, 255], origin: None }),
        Message::GetManifest(GetManifest { request: 3, file, page: 0 }),
        Message::GetBlocks(GetBlocks {
            request: 4,
            items: vec![Item { file, offset: 0, len: 1 }],
            background: true,
        }),
        Message::Cancel(Cancel { request: 5 }),
        Message::GetTable(GetTable { request: 6 }),
        Message::GetKept(GetKept { request: 6 }),
        Message::Head(HeadIs { request: 7, signed: vec![1; 80], digests: Vec::new() }),
        Message::Bucket(BucketIs { request: 8, bucket: 1, entries, last: true }),
        Message::Manifest(ManifestIs { request: 9, values: vec![5; 32] }),
        Message::Table(TableIs { request: 11, rows: vec![told].into(), last: true }),
        Message::Kept(KeptIs::nothing(11)),
        Message::Refused(Refused { request: 12, item: None, reason: Reason::Busy }),
    ];
    let mut all: Vec<Vec<u8>> = all.iter().map(Message::encode).collect();
    let block = Message::Block(BlockIs { request: 1, item: 0, offset: 0 });
    all.push([block.encode_with(8), vec![0; 8]].concat());
    all
}

#[test]
fn no_length_and_no_end_in_the_middle_harms_a_port() {
    let Some(lab) = Lab::of("up 2") else { return };
    let victim = lab.peer_with(1, "victim", &[("a", b"shared")]);
    let taker = lab.peer(2, "taker", &[]);
    wait("the file", SOON, || taker.offered("a"));
    let peer = taker.peers()[0].id.parse().unwrap();
    let ports = victim.status().ports;
    let tls = Caller::tls();
    let dial = |port| Caller::dial(&tls, peer, address(1), port).unwrap();
    let before = memory(&victim);
    let mut calls = 0;
    lab.within(2, || {
        for port in ports {
            // Each claimed length of header and payload, for each kind: too long ones end the connection
            // at once, the others wait for more, and neither costs what they claim.
            for length in [0_u32, 1, 1 << 31, u32::MAX - 1, u32::MAX, (1 << 20) + 1, 1 << 24] {
                for kind in [0, 1, 4, 5, 64, 65, 67, 127, 255] {
                    for payload in [[0; 3], [0xff; 3]] {
                        let mut caller = dial(port);
                        let bytes = [&length.to_be_bytes()[..], &[kind], &payload].concat();
                        drop(caller.say(&bytes));
                        let impossible = length > u32::try_from(limits::HEADER).unwrap() || payload[0] > 0;
                        if impossible {
                            let mut heard = caller.hear();
                            if port == ports[0] && heard.is_some() {
                                // There it is told that nobody waits for it.
                                heard = caller.hear();
                            }
                            assert_eq!(heard, None, "port {port}, kind {kind}, length {length}");
                        }
                        calls += 1;
                    }
                }
            }
            // The sender's port hears each cut; the others read with the same code.
            let step = if port == ports[1] { 1 } else { 9 };
            for message in messages() {
                for end in (0..message.len()).step_by(step) {
                    drop(dial(port).say(&message[..end]));
                    calls += 1;
                }
            }
            // Before anybody proved anything: a handshake that never was one.
            for junk in [
                &b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n"[..],
                &[0; 600],
                &[0xff; 600],
                &[22, 3, 1, 255, 255],
            ] {
                use std::io::{Read as _, Write as _};
                let mut tcp = std::net::TcpStream::connect((address(1), port)).unwrap();
                drop(tcp.write_all(junk));
                tcp.shutdown(std::net::Shutdown::Write).unwrap();
                let mut answer = Vec::new();
                drop(tcp.read_to_end(&mut answer));
                assert!(answer.len() < 64 && !answer.starts_with(b"HTTP"), "{answer:?}");
                calls += 1;
            }
        }
    });
    let after = memory(&victim);
    println!("{calls} connections; memory {before} KiB before, {after} KiB after");
    assert!(after < before + (64 << 10), "{before} KiB, then {after} KiB");
    wait("few descriptors", SOON, || (descriptors(&victim) < 200).then_some(()));
    assert_holds(&taker.fetch("a"), b"shared");
    assert_well(&victim);
}
