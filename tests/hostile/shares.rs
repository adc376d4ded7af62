//! Askers that hold all that a sender has for them: whoever comes from another host gets its share.

use core::net::Ipv4Addr;
use std::io;

use potluck::identity::PeerId;
use potluck::identity::tls::Tls;
use potluck::limits;
use potluck::wire::Message;
use potluck::wire::message::{Cancel, GetBlocks, Item};

use crate::caller::Caller;
use crate::fiend::address;
use crate::lab::{LATER, Lab, Peer, SOON, wait};
use crate::watch::assert_well;

/// Bytes of what is asked for and never read.
const SIZE: u32 = 16 << 20;

/// Whom the callers dial, and what they ask for.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    pub(crate) peer: PeerId,
    pub(crate) port: u16,
    pub(crate) file: Item,
}

impl Target {
    /// A call from this address that is owed more than it ever reads; nothing if it is not served.
    pub(crate) fn call(&self, key: &Tls, from: Ipv4Addr) -> Option<Caller> {
        let mut caller = Caller::dial_from(key, self.peer, address(1), self.port, from).ok()?;
        let items = vec![self.file];
        caller.say(&Message::GetBlocks(GetBlocks { request: 1, items, background: false }).encode()).ok()?;
        look_alive(&mut caller).ok()?;
        matches!(caller.hear(), Some((Message::Block(_), _))).then_some(caller)
    }
}

/// Says something that costs nothing.
pub(crate) fn look_alive(caller: &mut Caller) -> io::Result<()> {
    caller.say(&Message::Cancel(Cancel { request: 9 }).encode())
}

/// A sender, and a peer at the node of the callers that tells what they need to know.
fn target(lab: &Lab) -> (Peer, Target) {
    let content: Vec<u8> = (0..SIZE / 4).flat_map(u32::to_le_bytes).collect();
    let victim = lab.peer_with(1, "victim", &[("a", &content)]);
    let mut spy = lab.peer(2, "spy", &[]);
    wait("the file", LATER, || spy.offered("a"));
    let peer = spy.peers()[0].id.parse().unwrap();
    let file = spy.offered("a").unwrap().id.parse().unwrap();
    let port = victim.status().ports[1];
    spy.kill();
    (victim, Target { peer, port, file: Item { file, offset: 0, len: SIZE.into() } })
}

/// As many callers as a sender takes, with so many keys, from these addresses of node 2, each of which is owed
/// more than it ever reads.
fn callers(lab: &Lab, to: &Target, keys: usize, from: &[Ipv4Addr]) -> Vec<Caller> {
    let keys: Vec<Tls> = (0..keys).map(|_| Caller::tls()).collect();
    let call = |n: usize| to.call(&keys[n % keys.len()], from[n % from.len()]);
    lab.within(2, || (0..limits::CONNECTIONS).filter_map(call).collect())
}

/// Whoever comes from another host lists and downloads.
fn newcomer_is_served(lab: &Lab, name: &str) {
    let mut newcomer = lab.peer(3, name, &[]);
    wait("the file is listed", SOON, || newcomer.offered("a"));
    assert_eq!(std::fs::metadata(newcomer.fetch("a")).unwrap().len(), u64::from(SIZE));
    newcomer.kill();
}

#[test]
fn whoever_holds_all_connections_of_a_sender_yields_to_another_host() {
    let Some(lab) = Lab::of("up 3") else { return };
    let (victim, target) = target(&lab);
    for keys in [1, 8, 64] {
        let callers = callers(&lab, &target, keys, &[address(2)]);
        assert!(callers.len() >= limits::CONNECTIONS - 1, "one host alone gets all: {}", callers.len());
        newcomer_is_served(&lab, &format!("newcomer-{keys}"));
    }
    assert_well(&victim);
}

#[test]
fn many_hosts_leave_a_newcomer_its_share() {
    let Some(lab) = Lab::of("up 3") else { return };
    let (victim, target) = target(&lab);
    let from: Vec<Ipv4Addr> = (100..220).map(|n| Ipv4Addr::new(10, 77, 0, n)).collect();
    for ip in &from {
        lab.netlab(&format!("exec 2 ip addr add {ip}/24 dev v0"));
    }
    let callers = callers(&lab, &target, 120, &from);
    assert!(callers.len() >= limits::CONNECTIONS - 1, "they get all that is free: {}", callers.len());
    newcomer_is_served(&lab, "newcomer");
    assert_well(&victim);
}
