//! Tables of facts, and what is found in them.

use core::time::Duration;

use super::facts::{LinkFacts, SpaceFacts};
use super::*;
use crate::address::{Host, Ports};
use crate::control::{
    Confinement, FirewallState, IndexFinding, InterfaceFinding, NamedPeers, PortMappingFinding,
    PortMappingRow, RouteRow, ThroughFinding,
};
use crate::control::{Diagnosis, DoctorFinding, Reply, Severity};
use crate::error::Code;
use crate::identity::{PeerId, PeerName};
use crate::lan::{InterfaceAddress, InterfaceTraffic, LanFacts, UsedInterface};

const PORTS: Ports = Ports { receiver: 27_280, sender: 27_281, distributor: 27_282, distributee: 27_283 };

fn address(ip: &str, prefix: u8) -> InterfaceAddress {
    InterfaceAddress { ip: ip.parse().unwrap(), prefix }
}

fn link(name: &str, index: u32, addresses: &[InterfaceAddress]) -> LinkFacts {
    LinkFacts {
        name: name.to_owned(),
        index,
        is_up: true,
        is_connected: true,
        is_loopback: name == "lo",
        addresses: addresses.to_vec(),
    }
}

/// A machine on which nothing is wrong.
fn machine() -> MachineFacts {
    MachineFacts {
        links: vec![
            link("lo", 1, &[address("127.0.0.1", 8)]),
            link("eth0", 2, &[address("10.0.0.1", 24), address("fe80::1", 64)]),
        ],
        ufw: Some(FirewallState::Absent),
        firewalld: Some(FirewallState::Absent),
        spaces: vec![SpaceFacts { folder: "/peer/shared".into(), available: Some(10 << 30) }],
        descriptors: Some(50),
        descriptors_allowed: 4_096,
        watches: Some(3),
        watches_allowed: Some(65_536),
        dropped: Some(0),
        sharers: Some(0),
        unix: 1_800_000_000,
        clock_jumped: 0,
    }
}

fn host(ip: &str) -> Host {
    Host { ip: ip.parse().unwrap(), scope: 0 }
}

/// A peer to which one other has connected.
fn peer() -> PeerFacts {
    let traffic = InterfaceTraffic { sent: 40, heard: 60, ..InterfaceTraffic::default() };
    let addresses = vec![address("10.0.0.1", 24), address("fe80::1", 64)];
    PeerFacts {
        ports: PORTS,
        wanted: 27_280,
        moved: None,
        discovery_port: 27_272,
        running: Duration::from_secs(60),
        lan: LanFacts {
            interfaces: vec![UsedInterface { index: 2, addresses, traffic }],
            ..LanFacts::default()
        },
        confinement: Confinement { confined: "yes".to_owned(), confined_why: None, guarded: Vec::new() },
        members: vec![host("10.0.0.2")],
        callers: vec![Caller { host: host("10.0.0.2"), ago: Duration::from_secs(5) }],
        not_reachable: None,
        cannot_reach: None,
        blocked: None,
        through: None,
        silent: Vec::new(),
        group: None,
        routes: Vec::new(),
        port_mapping: None,
        index: IndexFinding { supernode: Some("anna".to_owned()), deputy: None, own: None, large: false },
    }
}

fn named(name: &str) -> NamedPeers {
    NamedPeers { names: vec![name.to_owned()], count: 1, seconds: 3 }
}

/// What is found that is not fine.
fn wrong(machine: MachineFacts, peer: PeerFacts) -> Vec<DoctorFinding> {
    let mut found = findings(&DoctorFacts { machine, peer: Some(peer) });
    found.retain(|finding| finding.severity > Severity::Fine);
    found
}

/// The one thing that is not fine: how much it matters, and what helps.
fn one(machine: MachineFacts, peer: PeerFacts) -> (Severity, Diagnosis, Vec<String>) {
    let mut found = wrong(machine, peer);
    assert_eq!(found.len(), 1, "{found:?}");
    let DoctorFinding { severity, what, commands } = found.remove(0);
    (severity, what, commands)
}

const UFW: &str = "sudo ufw allow proto udp from 10.0.0.0/24 to any port 27272 \
                   && sudo ufw allow proto tcp from 10.0.0.0/24 to any port 27280:27283";
const FIREWALLD: &str = "sudo firewall-cmd --permanent --add-port=27272/udp --add-port=27280-27283/tcp \
                         && sudo firewall-cmd --reload";

#[test]
fn nothing_is_wrong_with_a_peer_that_is_reached() {
    assert_eq!(wrong(machine(), peer()), []);
    let found = findings(&DoctorFacts { machine: machine(), peer: Some(peer()) });
    assert!(found.iter().any(|f| f.what == Diagnosis::Reached { peers: 1, seconds: 5 }), "{found:?}");
    let interface = found.iter().find_map(|finding| match &finding.what {
        Diagnosis::Interface(interface) => Some(interface.clone()),
        _ => None,
    });
    let expected = InterfaceFinding {
        name: "eth0".to_owned(),
        addresses: vec!["10.0.0.1/24".to_owned(), "fe80::1%eth0/64".to_owned()],
        up: true,
        connected: true,
        used: true,
        sent: 40,
        heard: 60,
        peers: 1,
        ..InterfaceFinding::default()
    };
    assert_eq!(interface, Some(expected));
}

#[test]
fn who_hears_nobody_is_told_how_to_open_the_firewall_that_is_there() {
    let alone = || {
        let mut peer = PeerFacts { members: Vec::new(), callers: Vec::new(), ..peer() };
        peer.lan.interfaces[0].traffic.heard = 0;
        peer
    };
    let nobody = |firewall| Diagnosis::NobodyHeard { sent: 40, seconds: 60, firewall };
    use FirewallState::{Absent, Off, On};
    for (ufw, firewalld, severity, commands) in [
        (Absent, Absent, Severity::Note, vec![UFW, FIREWALLD]),
        (Off, Absent, Severity::Note, vec![UFW]),
        (On, Absent, Severity::Problem, vec![UFW]),
        (Absent, On, Severity::Problem, vec![FIREWALLD]),
        (Off, On, Severity::Problem, vec![UFW, FIREWALLD]),
    ] {
        let machine = MachineFacts { ufw: Some(ufw), firewalld: Some(firewalld), ..machine() };
        let commands: Vec<String> = commands.into_iter().map(str::to_owned).collect();
        let firewall = severity == Severity::Problem;
        assert_eq!(one(machine, alone()), (severity, nobody(firewall), commands), "{ufw:?} {firewalld:?}");
    }
    let young = PeerFacts { running: Duration::from_secs(2), ..alone() };
    assert_eq!(wrong(machine(), young), [], "nobody can have answered yet");
    // Whoever is on this machine says nothing of the network.
    let beside = PeerFacts { members: vec![host("10.0.0.1")], ..alone() };
    assert_eq!(one(machine(), beside).1, nobody(false));
}

#[test]
fn a_peer_with_link_local_addresses_alone_is_told_of_those() {
    let mut peer = PeerFacts { not_reachable: Some(named("bob")), ..peer() };
    peer.members = vec![Host { ip: "fe80::2".parse().unwrap(), scope: 2 }];
    let mut machine = machine();
    machine.links[1].addresses = vec![address("fe80::1", 64)];
    peer.silent = vec![SilentPeer {
        id: PeerId([1; 32]),
        name: PeerName::cleaned("eve").unwrap(),
        host: Host { ip: "fe80::3".parse().unwrap(), scope: 2 },
        ports: PORTS,
        since: Duration::from_secs(30),
    }];
    let found = wrong(machine, peer);
    let line = "sudo ufw allow proto udp from fe80::/10 to any port 27272 \
                && sudo ufw allow proto tcp from fe80::/10 to any port 27280:27283";
    assert_eq!(found[0].commands, [line, FIREWALLD]);
    let Diagnosis::Unanswered(silent) = &found[1].what else { panic!("{found:?}") };
    assert_eq!((silent.address.as_str(), silent.seconds), ("fe80::3%eth0", 30));
    assert!(!found[1].commands.iter().any(|line| line.contains("fe80")), "it is another machine's network");
}

#[test]
fn who_reaches_whom_is_told_with_the_side_that_is_to_be_opened() {
    let here = vec![UFW.to_owned(), FIREWALLD.to_owned()];
    let not_reachable = PeerFacts { not_reachable: Some(named("bob")), ..peer() };
    let found = (Severity::Note, Diagnosis::NotReachable(named("bob")), here.clone());
    assert_eq!(one(machine(), not_reachable), found);
    let blocked = PeerFacts { blocked: Some(named("bob")), ..peer() };
    let found = (Severity::Problem, Diagnosis::Blocked(named("bob")), here.clone());
    assert_eq!(one(machine(), blocked), found);
    let ports = Ports { receiver: 5_000, sender: 6_001, distributor: 6_002, distributee: 6_003 };
    let cannot_reach = Some(UndialledPeers { peers: named("bob"), ports });
    let there = vec![
        "sudo ufw allow 27272/udp && sudo ufw allow proto tcp to any port 5000,6001,6002,6003".to_owned(),
        "sudo firewall-cmd --permanent --add-port=27272/udp --add-port=5000/tcp --add-port=6001/tcp \
         --add-port=6002/tcp --add-port=6003/tcp && sudo firewall-cmd --reload"
            .to_owned(),
    ];
    let found = (Severity::Note, Diagnosis::CannotReach(named("bob")), there);
    assert_eq!(one(machine(), PeerFacts { cannot_reach, ..peer() }), found);
    let mut deaf = peer();
    (deaf.lan.is_deaf, deaf.lan.deaf) = (true, Duration::from_secs(20));
    assert_eq!(one(machine(), deaf), (Severity::Note, Diagnosis::Deaf { peers: 1, seconds: 20 }, here));
}

#[test]
fn who_sees_nobody_and_hears_another_group_is_told_of_that_and_not_of_firewalls() {
    let alone = |group: Option<&str>, outsiders| {
        let mut peer = PeerFacts { members: Vec::new(), callers: Vec::new(), ..peer() };
        peer.lan.interfaces[0].traffic.heard = 0;
        (peer.lan.outsiders, peer.group) = (outsiders, group.map(str::to_owned));
        peer
    };
    let machine = || MachineFacts { ufw: Some(FirewallState::On), ..machine() };
    let told = |hosts, group: Option<&str>, peers| Diagnosis::Outsiders {
        hosts,
        group: group.map(str::to_owned),
        peers,
    };
    let again =
        ["potluck group show", "potluck group leave && potluck group join"].map(str::to_owned).to_vec();
    let office = Some("office");
    assert_eq!(one(machine(), alone(office, 2)), (Severity::Problem, told(2, office, 0), again));
    let join = vec!["potluck group join".to_owned()];
    assert_eq!(one(machine(), alone(None, 1)), (Severity::Note, told(1, None, 0), join));
    assert!(
        matches!(one(machine(), alone(office, 0)).1, Diagnosis::NobodyHeard { .. }),
        "that is a firewall"
    );
    // With others of the own network here, another one is as it should be.
    let mut among = PeerFacts { group: office.map(str::to_owned), ..peer() };
    among.lan.outsiders = 3;
    assert_eq!(wrong(machine(), among.clone()), []);
    let found = findings(&DoctorFacts { machine: machine(), peer: Some(among) });
    assert!(found.iter().any(|finding| finding.what == told(3, office, 1)), "{found:?}");
}

#[test]
fn a_route_that_is_not_up_is_a_problem_once_it_is_known_why() {
    let route = |state: &str, fault: Option<&str>| RouteRow {
        target: "nas:27280".to_owned(),
        state: state.to_owned(),
        fault: fault.map(str::to_owned),
        ..RouteRow::default()
    };
    for (state, fault, severity) in [
        ("up", None, Severity::Fine),
        // It was lost once, and is up again.
        ("up", Some("the link was lost"), Severity::Fine),
        ("served", None, Severity::Fine),
        ("connecting", None, Severity::Note),
        ("connecting", Some("no answer"), Severity::Problem),
        ("waiting", Some("no answer"), Severity::Problem),
    ] {
        let row = route(state, fault);
        let facts = PeerFacts { routes: vec![row.clone()], ..peer() };
        let found = findings(&DoctorFacts { machine: machine(), peer: Some(facts) });
        let told = found.iter().find(|finding| finding.what == Diagnosis::Route(Box::new(row.clone())));
        assert_eq!(told.map(|finding| finding.severity), Some(severity), "{row:?}");
    }
}

#[test]
fn a_port_that_is_not_mapped_is_a_problem_and_one_that_is_asked_for_is_not() {
    for (state, severity) in [
        ("mapped", Severity::Fine),
        ("asking", Severity::Note),
        ("no_gateway", Severity::Problem),
        ("no_answer", Severity::Problem),
        ("refused", Severity::Problem),
    ] {
        let mapping = PortMappingRow { state: state.to_owned(), outside: None, protocol: None, result: None };
        let facts = PeerFacts { port_mapping: Some(mapping.clone()), ..peer() };
        let found = findings(&DoctorFacts { machine: machine(), peer: Some(facts) });
        let what = Diagnosis::PortMapping(PortMappingFinding { port: 27_281, mapping });
        let told = found.iter().find(|finding| finding.what == what);
        assert_eq!(told.map(|finding| finding.severity), Some(severity), "{state}");
    }
}

#[test]
fn what_comes_through_others_works_and_comes_directly_after_the_line() {
    let through =
        ThroughFinding { names: vec!["bob".to_owned()], count: 1, carriers: vec!["eve".to_owned()] };
    let facts = PeerFacts { through: Some(through.clone()), ..peer() };
    let here = vec![UFW.to_owned(), FIREWALLD.to_owned()];
    assert_eq!(one(machine(), facts), (Severity::Note, Diagnosis::Through(through), here));
}

#[test]
fn a_machine_without_a_network_says_so_and_an_idle_interface_is_no_matter_beside_one_that_works() {
    let down = LinkFacts { is_connected: false, ..link("eth0", 2, &[]) };
    let alone = PeerFacts { members: Vec::new(), callers: Vec::new(), ..peer() };
    let found = wrong(MachineFacts { links: vec![down.clone()], ..machine() }, alone);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].severity == Severity::Note && matches!(found[0].what, Diagnosis::Interface(_)));
    assert_eq!((found[1].severity, &found[1].what), (Severity::Problem, &Diagnosis::NoNetwork));
    let mut both = machine();
    both.links.push(LinkFacts { name: "usb0".to_owned(), index: 9, ..down });
    assert_eq!(wrong(both, peer()), []);
    let mut failing = peer();
    failing.lan.interfaces[0].traffic.error = Some("network is unreachable".to_owned());
    assert_eq!(one(machine(), failing).0, Severity::Problem);
}

#[test]
fn what_a_machine_lacks_is_found() {
    let space = |available| {
        let spaces = vec![SpaceFacts { folder: "/peer".into(), available }];
        MachineFacts { spaces, ..machine() }
    };
    for (facts, severity) in [
        (space(Some(1 << 20)), Severity::Problem),
        (space(Some(500 << 20)), Severity::Note),
        (space(None), Severity::Note),
        (MachineFacts { descriptors: Some(4_000), ..machine() }, Severity::Problem),
        (MachineFacts { descriptors_allowed: 256, ..machine() }, Severity::Note),
        (MachineFacts { watches: Some(65_000), ..machine() }, Severity::Problem),
        (MachineFacts { dropped: Some(7), ..machine() }, Severity::Note),
        (MachineFacts { unix: 1_000_000, ..machine() }, Severity::Problem),
        (MachineFacts { clock_jumped: -7_200, ..machine() }, Severity::Note),
    ] {
        assert_eq!(one(facts.clone(), peer()).0, severity, "{facts:?}");
    }
    let why = Some("an old kernel".to_owned());
    let confinement =
        Confinement { confined: "no".to_owned(), confined_why: why.clone(), guarded: Vec::new() };
    let found = one(machine(), PeerFacts { confinement, ..peer() });
    assert_eq!(found.1, Diagnosis::Sandbox { confined: "no".to_owned(), why });
    let moved = Some("port 27280 is in use by another program".to_owned());
    assert_eq!(one(machine(), PeerFacts { moved, ..peer() }).0, Severity::Note);
}

#[test]
fn the_answer_fails_with_the_number_of_problems() {
    let end = |machine| match verdict(&findings(&DoctorFacts { machine, peer: Some(peer()) })) {
        Reply::Failed(failure) => Some((failure.code, failure.message)),
        Reply::Done => None,
        other => panic!("{other:?}"),
    };
    assert_eq!(end(machine()), None);
    let one = MachineFacts { unix: 1_000_000, ..machine() };
    assert_eq!(end(one.clone()), Some((Code::Failed, "1 problem was found".to_owned())));
    let two = MachineFacts { watches: Some(65_000), ..one };
    assert_eq!(end(two), Some((Code::Failed, "2 problems were found".to_owned())));
}

#[test]
fn without_a_peer_the_machine_alone_is_looked_at() {
    let machine = MachineFacts { descriptors: None, watches: None, dropped: None, ..machine() };
    let found = findings(&DoctorFacts { machine: machine.clone(), peer: None });
    let wrong: Vec<_> = found.iter().filter(|finding| finding.severity > Severity::Fine).collect();
    assert_eq!(wrong.iter().map(|finding| &finding.what).collect::<Vec<_>>(), [&Diagnosis::NoPeer]);
    assert_eq!(verdict(&found), Reply::Done);
    let walled = MachineFacts { ufw: Some(FirewallState::On), ..machine };
    let found = findings(&DoctorFacts { machine: walled, peer: None });
    let told = found.iter().find(|finding| matches!(finding.what, Diagnosis::Firewalls { .. })).unwrap();
    let line = "sudo ufw allow proto udp from 10.0.0.0/24 to any port 27272";
    assert_eq!((told.severity, told.commands.clone()), (Severity::Note, vec![line.to_owned()]));
}

#[test]
fn the_answer_in_json_says_what_and_how_much_it_matters() {
    let blocked = PeerFacts { blocked: Some(named("bob")), ..peer() };
    let found = wrong(machine(), blocked).remove(0);
    let json = serde_json::to_string(&Reply::Finding(found.clone())).unwrap();
    insta::assert_snapshot!(json, @r#"{"reply":"finding","severity":"problem","diagnosis":{"finding":"blocked","peers":["bob"],"peer_count":1,"seconds":3},"commands":["sudo ufw allow proto udp from 10.0.0.0/24 to any port 27272 && sudo ufw allow proto tcp from 10.0.0.0/24 to any port 27280:27283","sudo firewall-cmd --permanent --add-port=27272/udp --add-port=27280-27283/tcp && sudo firewall-cmd --reload"]}"#);
    assert_eq!(serde_json::from_str::<Reply>(&json).unwrap(), Reply::Finding(found));
}

#[test]
fn each_finding_that_holds_a_row_of_status_comes_back_from_json() {
    let mapping = PortMappingRow {
        state: "refused".to_owned(),
        outside: None,
        protocol: Some("PCP".to_owned()),
        result: Some(2),
    };
    let row = RouteRow { target: "nas:27280".to_owned(), state: "waiting".to_owned(), ..RouteRow::default() };
    for what in [
        Diagnosis::Route(Box::new(row)),
        Diagnosis::PortMapping(PortMappingFinding { port: 27_281, mapping }),
        Diagnosis::Outsiders { hosts: 1, group: Some("office".to_owned()), peers: 0 },
        Diagnosis::Through(ThroughFinding::default()),
    ] {
        let reply = Reply::Finding(DoctorFinding { severity: Severity::Note, what, commands: Vec::new() });
        let json = serde_json::to_string(&reply).unwrap();
        assert_eq!(serde_json::from_str::<Reply>(&json).unwrap(), reply, "{json}");
    }
}

#[test]
fn a_large_network_in_which_nobody_keeps_the_index_is_told_what_helps() {
    let index = |supernode: Option<&str>, large, members: &[Host]| {
        let index = IndexFinding { supernode: supernode.map(str::to_owned), deputy: None, own: None, large };
        let facts = PeerFacts { index, members: members.to_vec(), ..peer() };
        let found = findings(&DoctorFacts { machine: machine(), peer: Some(facts) });
        let index = found.into_iter().find(|finding| matches!(finding.what, Diagnosis::Index(_)));
        index.map(|finding| (finding.severity, finding.commands))
    };
    let one = [host("10.0.0.2")];
    let helps = vec!["potluck --index-only".to_owned()];
    assert_eq!(index(None, true, &one), Some((Severity::Note, helps)));
    assert_eq!(index(Some("anna"), true, &one), Some((Severity::Fine, vec![])));
    assert_eq!(index(None, false, &one), Some((Severity::Fine, vec![])), "there all ask all anyway");
    assert_eq!(index(Some("anna"), false, &[]), None, "nobody else is here");
}
