//! Askers that are owed shared bytes and read none: what was read for them must not keep others waiting.

use potluck::wire::Message;
use potluck::wire::message::{GetBlocks, Item};

use crate::caller::Caller;
use crate::fiend::address;
use crate::lab::{LATER, Lab, wait};
use crate::watch::assert_well;

/// Bytes of a file, and of the two items that each of them asks for.
const SIZE: u32 = 32 << 20;
const ITEM: u64 = 16 << 20;

/// More than there are buffers for what was read (docs/PROTOCOL.md, `READ_BUFFERS`).
const ASKERS: usize = 40;

#[test]
fn whoever_asks_for_much_and_reads_nothing_keeps_nobody_waiting() {
    let Some(lab) = Lab::of("up 2") else { return };
    let content: Vec<u8> = (0..SIZE / 4).flat_map(u32::to_le_bytes).collect();
    let victim = lab.peer_with(1, "victim", &[("a", &content)]);
    let taker = lab.peer(2, "taker", &[]);
    wait("the file", LATER, || taker.offered("a"));
    let peer = taker.peers()[0].id.parse().unwrap();
    let port = victim.status().ports[1];
    let file = taker.offered("a").unwrap().id.parse().unwrap();
    let idle: Vec<Caller> = (0..ASKERS)
        .map(|_| {
            let mut caller = lab.within(2, || Caller::dial(&Caller::tls(), peer, address(1), port)).unwrap();
            let items = [0, ITEM].map(|offset| Item { file, offset, len: ITEM }).into();
            let ask = Message::GetBlocks(GetBlocks { request: 1, items, background: false });
            caller.say(&ask.encode()).unwrap();
            assert!(matches!(caller.hear(), Some((Message::Block(_), _))), "it is served");
            caller
        })
        .collect();
    assert!(std::fs::read(taker.fetch("a")).unwrap() == content);
    drop(idle);
    assert_well(&victim);
}
