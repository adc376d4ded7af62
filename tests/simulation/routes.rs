//! Several networks, joined by gateways, in virtual time.

use core::time::Duration;
use std::sync::Arc;

use potluck::address::Ports;
use potluck::identity::{Instance, PeerId, PeerName, PublicKey};
use potluck::sim::{Link, Networks, World, seeds};
use potluck::wire::datagram::{Body, DatagramMessage, Presence, PresenceState};
use potluck::wire::encode;

const SECOND: Duration = Duration::from_secs(1);

/// Networks of `count` peers each, on links that lose so many of 1,000 datagrams; all have met their own.
fn networks(seed: u64, networks: u8, count: usize, loss: u32) -> Networks {
    let mut world = Networks(World::new(seed, usize::from(networks) * count, Link::lossy(loss)));
    for network in 0..networks {
        let first = usize::from(network) * count;
        world.put_on_network(network, first..first + count);
    }
    world.start_all(SECOND);
    let met = world.run_while(30 * SECOND, World::agrees);
    assert!(met.is_some(), "seed {seed}: they do not meet their own");
    world
}

/// How long it takes until all show all.
fn joined(world: &mut Networks, seed: u64, limit: Duration) -> Duration {
    let took = world.run_while(limit, Networks::agree);
    took.unwrap_or_else(|| {
        let shown: Vec<_> = world.nodes.iter().map(|node| node.shown.len()).collect();
        panic!("seed {seed}: after {limit:?} they show {shown:?}")
    })
}

/// Datagrams sent in all networks together, and envelopes of these, in a second of the next `seconds`.
fn rates(world: &mut Networks, seconds: u32) -> (u64, u64) {
    let before = (world.sent, world.envelopes);
    world.run(seconds * SECOND);
    let each = |count: u64| count / u64::from(seconds);
    (each(world.sent - before.0), each(world.envelopes - before.1))
}

#[test]
fn one_link_joins_two_networks_and_a_cut_parts_and_joins_them_again() {
    seeds(20, |seed| {
        let mut world = networks(seed, 2, 8, 50);
        world.link_up([0, 8]);
        joined(&mut world, seed, 5 * SECOND);
        world.cut_links();
        let parted = world.run_while(15 * SECOND, World::agrees);
        assert!(parted.is_some(), "seed {seed}: both halves go on, and nobody else is shown");
        world.run(45 * SECOND);
        assert!(world.agrees(), "seed {seed}");
        world.heal_links();
        joined(&mut world, seed, 10 * SECOND);
        // Who leaves, and who dies, is gone on both sides.
        world.leave(3);
        world.run(SECOND);
        assert_eq!(world.showing(3), 0, "seed {seed}: a leave crosses");
        world.crash(12);
        world.run(10 * SECOND);
        assert_eq!(world.showing(12), 0, "seed {seed}: a death is noticed across");
        world.start(3);
        joined(&mut world, seed, 5 * SECOND);
    });
}

#[test]
fn whoever_is_linked_is_heard_through_nobody_from_then_on() {
    seeds(10, |seed| {
        let mut world = networks(seed, 3, 2, 0);
        world.link_up([0, 2]);
        world.link_up([2, 4]);
        joined(&mut world, seed, 10 * SECOND);
        let through = |world: &Networks| {
            let [zero, two, four] = [0, 2, 4].map(|place| world.nodes[place].id);
            let of = |place: usize, id| world.nodes[place].shown[&id].told.as_ref().map(|told| told.through);
            (of(0, four) == Some(two), of(0, four).or_else(|| of(4, zero)))
        };
        assert!(through(&world).0, "seed {seed}: it is heard through the one between");
        world.link_up([0, 4]);
        world.run(SECOND / 10);
        assert_eq!(through(&world).1, None, "seed {seed}");
        world.run(60 * SECOND);
        assert_eq!(through(&world).1, None, "seed {seed}: and it stays so");
    });
}

#[test]
fn three_networks_in_a_row_or_a_circle_and_two_gateways_are_one_without_a_storm() {
    seeds(10, |seed| {
        let (one, two, three) = (0, 6, 12);
        for links in [
            vec![[one, two], [two + 1, three]],
            vec![[one, two], [two, three]],
            vec![[one, two], [two + 1, three], [three + 1, one + 1]],
            vec![[one, two], [one + 1, two + 1], [two + 2, three]],
        ] {
            let mut world = networks(seed, 3, 6, 50);
            links.iter().for_each(|ends| world.link_up(*ends));
            joined(&mut world, seed, 10 * SECOND);
            world.run(10 * SECOND);
            let (sent, envelopes) = rates(&mut world, 20);
            // 18 announcements a second, each in an envelope on two other networks.
            assert!(envelopes <= 36 + 8, "seed {seed}, {links:?}: {envelopes} envelopes a second");
            assert!(sent - envelopes <= 24, "seed {seed}, {links:?}: {sent} with {envelopes} envelopes");
            assert!(Networks::agree(&world), "seed {seed}, {links:?}");
        }
    });
}

/// Datagrams that the peers of each of two networks have sent, and the gateways there among them.
fn sent_on(world: &Networks) -> [u64; 2] {
    let of = |side| world.nodes.iter().filter(move |node| node.side == side).map(|node| node.sent).sum();
    [of(0), of(1)]
}

/// Two networks of `count` peers each are joined; how many datagrams a second there are on each then.
fn two_large_networks(count: usize) {
    const SECONDS: u32 = 20;
    seeds(1, |seed| {
        let mut world = Networks(World::new(seed, 2 * count, Link::lossy(10)));
        for network in 0..2_u8 {
            let first = usize::from(network) * count;
            world.put_on_network(network, first..first + count);
        }
        world.start_all(10 * SECOND);
        let alone = world.run_while(120 * SECOND, World::agrees).expect("each network by itself");
        world.run(10 * SECOND);
        world.link_up([0, count]);
        let took = joined(&mut world, seed, 120 * SECOND);
        world.run(20 * SECOND);
        let before = sent_on(&world);
        world.run(SECONDS * SECOND);
        let after = sent_on(&world);
        let [one, other] = [0, 1].map(|side| (after[side] - before[side]) / u64::from(SECONDS));
        assert!(
            one <= 50 && other <= 50,
            "seed {seed}: {count} and {count} peers agree after {alone:?}, joined after {took:?}; then {one} and {other} \
             datagrams a second"
        );
        assert!(Networks::agree(&world), "seed {seed}: nobody is missed meanwhile");
    });
}

#[test]
fn two_large_networks_say_little_on_each_side() {
    two_large_networks(100);
}

#[test]
#[ignore = "takes minutes"]
fn two_networks_of_500_say_little_on_each_side() {
    two_large_networks(500);
}

/// What a peer says that nobody ever heard.
fn invented(n: u16) -> (PeerId, Arc<[u8]>) {
    let ports = Ports { receiver: 1, sender: 2, distributor: 3, distributee: 4 };
    let name = PeerName::of_folder("nobody", PeerId([0; 32]));
    let presence = Presence::new(PresenceState::Here, name, ports, 1_000, 0);
    let instance = Instance { count: 1, random: 1 };
    let body = Body { instance, sequence: 1, presence, message: DatagramMessage::Here };
    let mut key = [7; 32];
    key[..2].copy_from_slice(&n.to_be_bytes());
    (PublicKey(key).peer_id(), Arc::from(encode(&body)))
}

#[test]
fn a_gateway_that_invents_peers_fills_nothing_and_has_nobody_dialled() {
    seeds(3, |seed| {
        let mut world = networks(seed, 1, 5, 0);
        world.link_up([0, 1]);
        world.run(3 * SECOND);
        let before = world.told_dials;
        for n in 0..10_000_u16 {
            let (id, signed) = invented(n);
            let [high, low] = n.to_be_bytes();
            world.envelop(0, id, ([172, 16, high, low], 9).into(), signed);
            world.run(Duration::from_millis(2));
        }
        assert_eq!(world.told_dials, before, "seed {seed}: nobody is dialled that did not prove to live");
        assert!(world.agrees(), "seed {seed}: nobody else is shown, and nobody is missing");
        // A newcomer finds all, and is found.
        world.crash(4);
        world.run(10 * SECOND);
        world.start(4);
        let took = world.run_while(15 * SECOND, World::agrees);
        assert!(took.is_some(), "seed {seed}: a newcomer is listed beside a gateway that lies");
    });
}
