//! The labs themselves: what the other tests take for granted about their networks.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use crate::lab::Lab;

/// Waits for UDP datagrams and prints each one; says "ready" when it can hear.
const HEAR: &str = r#"
import socket, struct, sys
family, port, count, group = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
if family == "6":
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.bind(("::", port))
    index = socket.if_nametoindex("v0")
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
                 socket.inet_pton(socket.AF_INET6, group) + struct.pack("I", index))
else:
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("", port))
s.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)  # SO_RCVBUFFORCE
s.settimeout(20 if count else 0.3)
print("ready", flush=True)
try:
    while True:
        print(s.recvfrom(2000)[0].decode(), flush=True)
        count -= 1
        if count == 0: break
        if count < 0: s.settimeout(0.5)
except TimeoutError:
    pass
"#;

/// Sends `text` to `address` `count` times.
fn say(lab: &Lab, node: u32, address: &str, text: &str, count: u32) {
    let program = format!(
        "import socket\n\
         s = socket.socket(socket.AF_INET6 if ':' in '{address}' else socket.AF_INET, socket.SOCK_DGRAM)\n\
         if ':' in '{address}': s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, socket.if_nametoindex('v0'))\n\
         else: s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)\n\
         for _ in range({count}): s.sendto(b'{text}', ('{address}', 5000))\n"
    );
    lab.python(node, &program);
}

struct Ear {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Ear {
    /// Listens in a node for `count` datagrams; 0: for 0.3 s; -1: from the first one until it is quiet.
    fn open(lab: &Lab, node: u32, family: &str, count: i32) -> Self {
        let mut command = lab.inside(node, "python3");
        command.args(["-c", HEAR, family, "5000", &count.to_string(), "ff02::1:5000"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "ready");
        Self { child, lines }
    }

    fn heard(mut self) -> Vec<String> {
        let heard = self.lines.by_ref().map(Result::unwrap).collect();
        self.child.wait().unwrap();
        heard
    }
}

fn pings(lab: &Lab, from: u32, address: &str) -> bool {
    lab.inside(from, "ping").args(["-c1", "-W1", address]).output().unwrap().status.success()
}

#[test]
fn a_broadcast_reaches_every_other_node_of_its_lan_only() {
    let Some(lab) = Lab::of("up2 2 1") else { return };
    let ears = [Ear::open(&lab, 2, "4", 1), Ear::open(&lab, 3, "4", 0)];
    say(&lab, 1, "10.77.0.255", "hello", 1);
    let [near, far] = ears.map(Ear::heard);
    assert_eq!(near, ["hello"]);
    assert!(far.is_empty(), "{far:?}");
    assert!(pings(&lab, 1, "10.78.0.13"), "the router forwards");
}

#[test]
fn loss_takes_its_share() {
    let Some(lab) = Lab::of("up 2") else { return };
    lab.netlab("loss 2 300");
    let ear = Ear::open(&lab, 2, "4", -1);
    say(&lab, 1, "10.77.0.12", "x", 1_000);
    let heard = ear.heard().len();
    assert!((600..800).contains(&heard), "{heard} of 1000 arrived at 30 % loss");
    lab.netlab("loss 2 0");
    let ear = Ear::open(&lab, 2, "4", -1);
    say(&lab, 1, "10.77.0.12", "x", 1_000);
    assert_eq!(ear.heard().len(), 1_000);
}

#[test]
fn a_cut_cable_is_silent_until_healed() {
    let Some(lab) = Lab::of("up 2") else { return };
    assert!(pings(&lab, 1, "10.77.0.12"));
    lab.netlab("cut 2");
    assert!(!pings(&lab, 1, "10.77.0.12"));
    lab.netlab("heal 2");
    assert!(pings(&lab, 1, "10.77.0.12"));
    lab.netlab("move 2 10.77.0.99/24");
    assert!(!pings(&lab, 1, "10.77.0.12") && pings(&lab, 1, "10.77.0.99"));
}

#[test]
fn a_rate_holds_and_received_bytes_are_counted() {
    const SEND: &str = r"
import socket, time
l = socket.create_server(('0.0.0.0', 5001)); print('ready', flush=True)
c, _ = l.accept(); c.sendall(bytes(10_000_000)); c.close()";
    const TAKE: &str = r"
import socket, time
s = socket.create_connection(('10.77.0.11', 5001)); t = time.monotonic(); n = 0
while d := s.recv(1 << 16): n += len(d)
print(n, time.monotonic() - t)";
    let Some(lab) = Lab::of("up 2 100mbit") else { return };
    let mut sender = lab.inside(1, "python3").args(["-c", SEND]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(sender.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let out = lab.python(2, TAKE);
    sender.wait().unwrap();
    let (bytes, seconds) = out.trim().split_once(' ').unwrap();
    let (bytes, seconds): (u64, f64) = (bytes.parse().unwrap(), seconds.parse().unwrap());
    assert_eq!(bytes, 10_000_000);
    // 10 MB at 100 Mbit/s: 0.8 s and the headers.
    assert!((0.75..3.0).contains(&seconds), "{seconds} s");
    let received: u64 = lab.netlab("received 2").trim().parse().unwrap();
    assert!((9_900_000..10_200_000).contains(&received), "{received}");
}

#[test]
fn a_second_device_comes_and_goes_and_a_default_route_goes() {
    let Some(lab) = Lab::of("up 1") else { return };
    lab.netlab("plug 2 c");
    assert!(!pings(&lab, 1, "10.79.0.12"));
    lab.netlab("plug2 1 c");
    assert!(pings(&lab, 1, "10.79.0.12"));
    lab.netlab("unplug2 1");
    assert!(!pings(&lab, 1, "10.79.0.12"));
    assert!(lab.netlab("exec 1 ip route").contains("default"));
    lab.netlab("noroute 1");
    assert!(!lab.netlab("exec 1 ip route").contains("default"));
    lab.netlab("unplug 1");
    assert!(!lab.netlab("exec 1 ip -br link").contains("v0"));
}

#[test]
fn nodes_with_ipv6_only_hear_a_group() {
    let Some(lab) = Lab::of("up6 2") else { return };
    assert!(!lab.netlab("exec 1 ip -4 -br addr show v0").contains("10.77"));
    let ear = Ear::open(&lab, 2, "6", 1);
    say(&lab, 1, "ff02::1:5000", "six", 1);
    assert_eq!(ear.heard(), ["six"]);
}

#[test]
fn a_capture_tells_foreign_packets() {
    let Some(lab) = Lab::of("up 2") else { return };
    let file = lab.path("capture");
    lab.netlab(&format!("capture 2 {}", file.display()));
    let ear = Ear::open(&lab, 2, "4", 1);
    say(&lab, 1, "10.77.0.255", "hello", 1);
    ear.heard();
    assert!(pings(&lab, 1, "10.77.0.12"));
    lab.netlab("capture-end 2");
    let foreign = |udp: &str| lab.netlab_with(["foreign", file.to_str().unwrap(), udp, "-"]);
    assert!(!foreign("5000").contains("UDP") && foreign("5000").contains("ICMP echo"));
    assert!(foreign("27272").contains("UDP"));
}
