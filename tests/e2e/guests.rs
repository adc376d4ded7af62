//! Guests on a real network: the name of the page there, and films of third peers.

use std::fs;

use serde_json::Value;

use crate::lab::{LATER, Lab, Peer, SOON, wait};

/// Asks all on the network for the address of a name (RFC 6762, one question of multicast DNS), and prints what came.
const RESOLVE: &str = "
import socket, struct, sys, time
name = NAME
question = b''.join(bytes([len(part)]) + part.encode() for part in name.split('.')) + b'\\0' + struct.pack('!HH', 1, 1)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(HERE))
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('', 5353))
s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton('224.0.0.251') + socket.inet_aton(HERE))
s.settimeout(0.2)
end = time.monotonic() + WAIT
while time.monotonic() < end:
    s.sendto(struct.pack('!6H', 7, 0, 1, 0, 0, 0) + question, ('224.0.0.251', 5353))
    try:
        answer = s.recv(9000)
    except socket.timeout:
        continue
    # An answer of type A, class IN, with or without the flag that it is the only one.
    for form in (b'\\0\\x01\\0\\x01', b'\\0\\x01\\x80\\x01'):
        at = answer.find(form, 12 + len(question))
        if at >= 0:
            print(socket.inet_ntoa(answer[at + 10 : at + 14]))
            sys.exit()
print('nobody')
";

fn resolve(lab: &Lab, node: u32, name: &str, seconds: u32) -> String {
    let here = format!("10.77.0.{}", 10 + node);
    let program = RESOLVE
        .replace("NAME", &format!("'{name}'"))
        .replace("HERE", &format!("'{here}'"))
        .replace("WAIT", &seconds.to_string());
    lab.python(node, &program).trim().to_owned()
}

fn row(peer: &Peer, words: &[&str]) -> Value {
    let out = peer.cli(["--json", "guest"].iter().chain(words));
    serde_json::from_slice(out.stdout.split(|byte| *byte == b'\n').next().unwrap()).unwrap()
}

/// What a program in a node is answered at an address.
fn fetch(lab: &Lab, node: u32, args: &[&str]) -> Vec<u8> {
    lab.inside(node, "curl").args(["-sS"]).args(args).output().unwrap().stdout
}

#[test]
fn a_page_for_guests_has_a_name_on_the_network_while_it_is_served() {
    let Some(lab) = Lab::of("up 2") else { return };
    let anna = lab.peer_with(1, "anna", &[("notes.txt", b"what I wrote\n")]);
    wait("what anna shares", SOON, || anna.listed("notes.txt"));
    assert_eq!(resolve(&lab, 2, "anna-potluck.local", 2), "nobody");
    let link = row(&anna, &["on"]);
    assert_eq!(resolve(&lab, 2, "anna-potluck.local", 20), "10.77.0.11");
    // The page answers by that name, and by no other one that leads to it.
    let address = link["address"].as_str().unwrap();
    let (port, path) = address.strip_prefix("http://10.77.0.11:").unwrap().split_once('/').unwrap();
    let by = |name: &str| {
        let resolved = format!("{name}:{port}:10.77.0.11");
        let at = format!("http://{name}:{port}/{path}api/about");
        String::from_utf8(fetch(&lab, 2, &["--resolve", &resolved, &at])).unwrap()
    };
    assert!(by("anna-potluck.local").contains("\"name\":\"anna\""));
    assert!(by("evil.example").starts_with("this is the page of a peer"));
    row(&anna, &["off"]);
    wait("the name is gone", LATER, || (resolve(&lab, 2, "anna-potluck.local", 1) == "nobody").then_some(()));
}

#[test]
fn a_guest_gets_a_film_of_a_peer_that_it_cannot_reach_itself() {
    let Some(lab) = Lab::of("up 3") else { return };
    let film: Vec<u8> = (0..2_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let anna = lab.peer(1, "anna", &[]);
    let ben = lab.peer_with(2, "ben", &[("film.bin", &film)]);
    wait("the film", SOON, || anna.offered("film.bin"));
    let link = row(&anna, &["on"]);
    let address = link["address"].as_str().unwrap();
    let list: Value = serde_json::from_slice(&fetch(&lab, 3, &[&format!("{address}api/list")])).unwrap();
    let file = format!("{address}file/{}/film.bin", list["rows"][0]["id"].as_str().unwrap());
    let part = fetch(&lab, 3, &["-r", "4000000-4000099", &file]);
    assert!(part == film[4_000_000..4_000_100]);
    assert!(fetch(&lab, 3, &[&file]) == film);
    assert!(anna.downloads().is_empty(), "nothing is kept of it");
    // Nobody who is here has it any more: that is said, and no other byte.
    fs::remove_file(ben.directory.join("shared/film.bin")).unwrap();
    wait("it is gone", LATER, || anna.offered("film.bin").is_none().then_some(()));
    wait("it is not there", LATER, || {
        let status = fetch(&lab, 3, &["-o", "/dev/null", "-w", "%{http_code}", &file]);
        (status == b"404").then_some(())
    });
}
