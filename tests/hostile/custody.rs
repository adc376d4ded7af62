//! What is said at the ports of custody, t+2 and t+3, by peers that nobody knows.

use core::time::Duration;
use std::sync::Arc;

use potluck::codec::encode;
use potluck::content::Span;
use potluck::content::{Entry, EntryKind, FileId};
use potluck::identity::{Instance, PeerId};
use potluck::wire::custody::{
    BucketProof, CustodyMessage, CustodyOffer, GetSpace, KeeperReport, OfferAnswer, Order, Orders, ReportRow,
    Space, Verdict,
};
use potluck::wire::frame::prefix;
use potluck::wire::message::{Cancel, Reason};
use potluck::wire::registry::Kind;
use potluck::wire::{Message, message};

use crate::caller::Caller;
use crate::fiend::address;
use crate::lab::{Lab, SOON, wait};
use crate::watch::{assert_holds, assert_well, descriptors, memory};

const ORIGIN: PeerId = PeerId([7; 32]);
const FILE: FileId = FileId([3; 32]);
const SPAN: Span = Span { from: 0, to: 1 };

fn frame(kind: u8, header: &[u8]) -> Vec<u8> {
    [&prefix(kind, header.len(), 0)[..], header].concat()
}

/// As it goes over the wire.
pub(crate) fn bytes(message: &CustodyMessage) -> Vec<u8> {
    let (kind, header) = message.encode();
    frame(kind, &header)
}

pub(crate) fn get_space(request: u64) -> CustodyMessage {
    CustodyMessage::GetSpace(GetSpace { request, origin: ORIGIN })
}

/// An offer whose head nobody signed, with a bucket of so many entries.
pub(crate) fn offer(request: u64, entries: usize) -> CustodyMessage {
    let kind = EntryKind::File { id: FILE, size: 9, modified: 1, executable: false, since: 0 };
    let entries =
        (0..entries).map(|n| Entry { path: format!("{n:0>200}").parse().unwrap(), kind: kind.clone() });
    let bucket: Arc<[u8]> = entries.flat_map(|entry| encode(&entry)).collect();
    CustodyMessage::Offer(Box::new(CustodyOffer {
        request,
        head: Arc::from([1; 200]),
        path: "a".parse().unwrap(),
        file: FILE,
        size: 9,
        copies: 2,
        copy: 1,
        span: SPAN,
        others: Vec::new(),
        quiet: 0,
        proof: Some(BucketProof { digests: Arc::from([9; 8_192]), bucket }),
    }))
}

pub(crate) fn report(request: u64) -> CustodyMessage {
    let held = ReportRow { file: FILE, size: 9, copies: 2, copy: 1, span: SPAN, have: 1, dropped: false };
    let (instance, version) = (Instance { count: u64::MAX, random: 2 }, u64::MAX);
    CustodyMessage::Report(KeeperReport {
        request,
        origin: ORIGIN,
        instance,
        version,
        rows: vec![held; 128].into(),
    })
}

/// One of each message.
fn all() -> [CustodyMessage; 6] {
    [
        get_space(1),
        offer(2, 2),
        report(3),
        CustodyMessage::Space(Space { request: 1, free: u64::MAX, share: u64::MAX }),
        CustodyMessage::Answer(OfferAnswer {
            request: 2,
            refusal: None,
            span: None,
            free: 1,
            share: 1,
            head: None,
        }),
        CustodyMessage::Orders(Orders {
            request: 3,
            origin: ORIGIN,
            head: None,
            rows: [Verdict::Release, Verdict::GiveBack(Vec::new())]
                .map(|verdict| Order { file: FILE, verdict })
                .into_iter()
                .collect(),
        }),
    ]
}

/// Bytes that mean nothing, other ones for each seed.
fn junk(seed: usize, len: usize) -> Vec<u8> {
    let mut junk = vec![0; len];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut junk);
    junk
}

/// Says more than anybody asks, without reading an answer, and megabytes that prove nothing. Returns how many
/// messages that is.
fn flood(dial: impl Fn() -> Caller, takes_reports: bool) -> usize {
    let mut said = 0;
    let mut floods: Vec<Caller> = (0..8).map(|_| dial()).collect();
    for caller in &floods {
        caller.stream.sock.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
    }
    let short = if takes_reports { report } else { get_space };
    for caller in &mut floods {
        let many: Vec<u8> = (0..1_000).flat_map(|n| bytes(&short(n))).collect();
        // It may be read no further.
        drop(caller.say(&many));
        said += 1_000;
    }
    let long = bytes(&offer(1, 3_500));
    assert!(long.len() > 900_000);
    for _ in 0..32 {
        let mut caller = dial();
        caller.stream.sock.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
        for _ in 0..2 {
            drop(caller.say(&long));
            said += 1;
        }
        // Of a third one only the most.
        drop(caller.say(&long[..long.len() - 1]));
    }
    said
}

#[test]
fn nothing_that_strangers_say_at_the_ports_of_custody_harms_a_peer() {
    let Some(lab) = Lab::of("up 2") else { return };
    let victim = lab.peer_with(1, "victim", &[("a", b"shared")]);
    let taker = lab.peer(2, "taker", &[]);
    wait("the file", SOON, || taker.offered("a"));
    let peer: PeerId = taker.peers()[0].id.parse().unwrap();
    let ports = victim.status().ports;
    let dial = |port| Caller::dial(&Caller::tls(), peer, address(1), port).unwrap();
    let before = memory(&victim);
    let mut said = 0;
    let takes = [
        (ports[2], vec![Kind::Report.number()]),
        (ports[3], vec![Kind::GetSpace.number(), Kind::Offer.number()]),
    ];
    lab.within(2, || {
        for (port, takes) in takes {
            // Junk in place of a message of each kind: refused where such a request belongs, else the end.
            for kind in [16, 17, 18, 80, 81, 82] {
                let mut caller = dial(port);
                for (seed, len) in [0, 1, 2, 9, 60, 250, 1_000].into_iter().enumerate() {
                    said += 1;
                    if caller.say(&frame(kind, &junk(seed, len))).is_err() {
                        break;
                    }
                }
                match caller.hear() {
                    Some((Message::Refused(m), _)) if takes.contains(&kind) => {
                        assert_eq!(m.reason, Reason::Malformed, "kind {kind}");
                    }
                    None if !takes.contains(&kind) => {}
                    other => panic!("kind {kind} at port {port}: {other:?}"),
                }
            }
            // A kind of a later version.
            let mut caller = dial(port);
            caller.say(&frame(63, &encode(&Cancel { request: 4 }))).unwrap();
            let refused = message::Refused { request: 4, item: None, reason: Reason::NotOffered };
            assert_eq!(caller.hear(), Some((Message::Refused(refused), Vec::new())));
            // True messages with one byte that is wrong, and cut off.
            for message in all() {
                let good = bytes(&message);
                let step = good.len().div_ceil(60);
                for at in (8..good.len()).step_by(step) {
                    let mut bad = good.clone();
                    bad[at] ^= 1 << (at % 8);
                    drop(dial(port).say(&[bad, good[..at].to_vec()].concat()));
                    said += 1;
                }
            }
            said += flood(|| dial(port), takes.contains(&Kind::Report.number()));
        }
    });
    let after = memory(&victim);
    println!("{said} messages; memory {before} KiB before, {after} KiB after");
    assert!(after < before + (64 << 10), "{before} KiB, then {after} KiB");
    wait("few descriptors", SOON, || (descriptors(&victim) < 200).then_some(()));
    // The ports are well: who comes now is heard.
    let mut caller = lab.within(2, || dial(ports[3]));
    caller.say(&frame(Kind::Offer.number(), &[0xc1])).unwrap();
    assert!(matches!(caller.hear(), Some((Message::Refused(m), _)) if m.reason == Reason::Malformed));
    assert_holds(&taker.fetch("a"), b"shared");
    assert_well(&victim);
}
