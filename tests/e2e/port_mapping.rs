//! A peer behind a router that translates addresses has it pass a port on, by PCP or NAT-PMP.

use core::net::SocketAddrV4;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use potluck::control::PortMappingRow;

use crate::lab::{Lab, Peer, SOON, wait};

/// Node 1 is inside, node 2 is the router, and node 3 is outside.
pub(crate) fn behind_a_router() -> Option<Lab> {
    let lab = Lab::of("up 1")?;
    for plugged in ["plug 2 a", "plug2 2 b", "plug 3 b"] {
        lab.netlab(plugged);
    }
    let run = |node, words: &str| {
        let mut words = words.split(' ');
        let out = lab.inside(node, words.next().unwrap()).args(words).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    };
    run(1, "ip route replace default via 10.77.0.12");
    run(2, "sysctl -qw net.ipv4.ip_forward=1");
    run(
        2,
        "nft table ip hides { chain post { type nat hook postrouting priority srcnat; oifname v1 masquerade; }; }",
    );
    Some(lab)
}

/// The outside address of the router.
const OUTSIDE: &str = "10.78.0.12";

/// The outside address that miniupnpd is told.
const PUBLIC: &str = "11.0.0.1";

/// What the router runs; it ends with this.
pub(crate) struct Gateway {
    process: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Gateway {
    pub(crate) fn start(lab: &Lab, protocols: &str) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/gateway.py");
        let mut command = lab.inside(2, "python3");
        command.args([script, protocols, OUTSIDE]).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut gateway = Self { process, lines };
        assert_eq!(gateway.next(), "ready");
        gateway
    }

    /// What it was asked next.
    fn next(&mut self) -> String {
        self.lines.next().unwrap().unwrap()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

pub(crate) fn mapping(peer: &Peer) -> PortMappingRow {
    peer.status().outside.port_mapping.unwrap()
}

fn wait_for(peer: &Peer, state: &str) -> PortMappingRow {
    wait(state, SOON * 3, || Some(mapping(peer)).filter(|row| row.state == state)).0
}

/// True if somebody outside can connect to this port of the router.
fn is_open(lab: &Lab, port: u16) -> bool {
    let dial = format!(
        "import socket\ntry:\n socket.create_connection(('{OUTSIDE}', {port}), 1); print('open')\n\
         except OSError: print('closed')"
    );
    lab.python(3, &dial) == "open\n"
}

fn is_mapped_by(protocols: &str, protocol: &str, asked: &str) {
    let Some(lab) = behind_a_router() else { return };
    let mut gateway = Gateway::start(&lab, protocols);
    let mut peer = lab.peer(1, "inside", &["--map-port"]);
    let row = wait_for(&peer, "mapped");
    let sender = peer.status().ports[1];
    let outside: SocketAddrV4 = row.outside.unwrap().parse().unwrap();
    assert_eq!((outside.ip().to_string().as_str(), outside.port()), (OUTSIDE, sender + 10_000));
    assert_eq!(row.protocol.as_deref(), Some(protocol));
    assert_eq!(gateway.next(), format!("{asked} {sender} 7200"));
    assert!(is_open(&lab, outside.port()) && !is_open(&lab, sender));
    let text = String::from_utf8(peer.cli(["status"]).stdout).unwrap();
    assert!(text.contains(&format!("{outside} leads to TCP port {sender} here ({protocol})")), "{text}");
    // It goes, and takes the mapping along.
    assert!(peer.cli(["exit"]).status.success());
    peer.ended(SOON);
    assert_eq!(gateway.next(), format!("{asked} {sender} 0"));
    wait("closed", SOON, || (!is_open(&lab, outside.port())).then_some(()));
}

#[test]
fn a_port_is_mapped_by_pcp_and_given_back() {
    is_mapped_by("both", "PCP", "pcp");
}

#[test]
fn a_router_that_speaks_nat_pmp_alone_maps_it_by_that() {
    is_mapped_by("nat-pmp", "NAT-PMP", "nat-pmp");
}

#[test]
fn why_no_port_is_mapped_is_said() {
    let Some(lab) = behind_a_router() else { return };
    let plain = lab.peer(3, "plain", &[]);
    wait("it runs", SOON, || (plain.status().on.peers == 0).then_some(()));
    assert_eq!(plain.status().outside.port_mapping, None, "nothing is asked unless that is wanted");
    let gateway = Gateway::start(&lab, "refuses");
    let peer = lab.peer(1, "inside", &["--map-port"]);
    assert_eq!(wait_for(&peer, "refused").result, Some(2));
    drop(gateway);
    lab.netlab("noroute 1");
    wait_for(&peer, "no_gateway");
}

/// Debian's `miniupnpd`, where it is installed, speaks both.
#[test]
fn miniupnpd_maps_a_port() {
    let Some(lab) = behind_a_router() else { return };
    let Some(mut daemon) = miniupnpd(&lab) else {
        println!("skipped: miniupnpd is not installed");
        return;
    };
    let peer = lab.peer(1, "inside", &["--map-port"]);
    let row = wait_for(&peer, "mapped");
    let sender = peer.status().ports[1];
    assert_eq!(row.outside, Some(format!("{PUBLIC}:{sender}")));
    assert_eq!(row.protocol.as_deref(), Some("PCP"));
    assert!(is_open(&lab, sender));
    drop(daemon.kill());
    drop(daemon.wait());
}

fn miniupnpd(lab: &Lab) -> Option<Child> {
    let program = ["/usr/sbin/miniupnpd", "/usr/bin/miniupnpd"]
        .into_iter()
        .find(|p| std::path::Path::new(p).exists())?;
    let rules = "table inet filter { chain forward { type filter hook forward priority 0; policy accept; }; \
                 chain miniupnpd { }; chain prerouting_miniupnpd { }; chain postrouting_miniupnpd { }; \
                 chain prerouting { type nat hook prerouting priority dstnat; jump prerouting_miniupnpd; }; \
                 chain postrouting { type nat hook postrouting priority srcnat; }; }";
    assert!(lab.inside(2, "nft").arg(rules).status().unwrap().success());
    let config = lab.path("miniupnpd.conf");
    // It wants an outside address that could be one of the Internet.
    let text = format!(
        "ext_ifname=v1\next_ip={PUBLIC}\nlistening_ip=v0\nenable_natpmp=yes\nenable_upnp=no\nmin_lifetime=120\n\
         max_lifetime=86400\nsecure_mode=yes\nuuid=00000000-0000-0000-0000-000000000001\n\
         allow 1024-65535 10.77.0.0/24 1024-65535\ndeny 0-65535 0.0.0.0/0 0-65535\n"
    );
    std::fs::write(&config, text).unwrap();
    let pid = lab.path("miniupnpd.pid");
    let mut command: Command = lab.inside(2, program);
    command.arg("-d").arg("-f").arg(config).arg("-P").arg(pid).stdout(Stdio::null()).stderr(Stdio::null());
    Some(command.spawn().unwrap())
}
