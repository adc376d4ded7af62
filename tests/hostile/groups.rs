//! Whoever is not of a group, and tries its members all the same.

use core::net::SocketAddr;
use core::time::Duration;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;

use data_encoding::HEXLOWER;
use potluck::group::{GroupKey, GroupName, Passphrase};
use potluck::identity::tls::Tls;
use potluck::identity::{CHANNEL_PROOF, ChannelBinding, End, Identity};
use potluck::limits;
use potluck::wire::Message;
use potluck::wire::datagram::DatagramMessage;
use potluck::wire::message::GetHead;
use zeroize::Zeroizing;

use crate::caller::Caller;
use crate::fiend::{Fiend, Lie, Order, Voice, address};
use crate::lab::{Lab, Peer, SOON, wait};
use crate::watch::assert_well;

const NAME: &str = "office";
const PASSPHRASE: &str = "k7qd-m3xw-9hpa-r2tc-vbn4-eyz8-fj6s";

fn binding(passphrase: &str) -> ChannelBinding {
    let (name, passphrase) = (GroupName::parse(NAME).unwrap(), Passphrase::parse(passphrase).unwrap());
    GroupKey::derive(&name, &passphrase).channel_binding()
}

/// A member that shares a file.
fn victim(lab: &Lab) -> Peer {
    let words = lab.path("words");
    fs::write(&words, format!("{NAME}\n{PASSPHRASE}\n")).unwrap();
    fs::set_permissions(&words, fs::Permissions::from_mode(0o600)).unwrap();
    let shared = lab.folder("victim/shared");
    fs::write(shared.join("plan.txt"), b"what the group plans").unwrap();
    lab.peer(1, "victim", &["--group-file", words.to_str().unwrap()])
}

/// A question that a member would be answered.
fn question() -> Vec<u8> {
    Message::GetHead(GetHead { request: 1, known: None, origin: None }).encode()
}

/// Dials, says what `words` makes of the proof that belongs to this connection, and gives all that comes.
fn answer(
    lab: &Lab,
    binding: Option<&ChannelBinding>,
    victim: &Peer,
    port: u16,
    words: impl Fn(&[u8]) -> Vec<u8>,
) -> std::io::Result<Vec<u8>> {
    let stranger = Identity::generate().unwrap();
    let tls = binding.map_or_else(|| Tls::new(&stranger), |b| Tls::of_network(&stranger, b.clone())).unwrap();
    let id = victim.status().id.parse().unwrap();
    let mut caller = lab.within(2, || Caller::dial(&tls, id, address(1), port))?;
    let exported = caller.stream.conn.export_keying_material([0; 32], b"EXPORTER-potluck-group-1", None);
    let proof = binding.map(|binding| binding.proof(End::Dialled, &exported.unwrap()));
    caller.say(&words(proof.as_ref().map_or(&[], |proof| proof)))?;
    caller.stream.sock.set_read_timeout(Some(Duration::from_secs(3)))?;
    let mut all = Vec::new();
    // A member's connection stays open.
    drop(caller.stream.read_to_end(&mut all));
    Ok(all)
}

#[test]
fn whoever_is_of_another_group_or_of_none_gets_nothing_at_any_port() {
    let Some(lab) = Lab::of("up 2") else { return };
    let victim = victim(&lab);
    let (own, other) = (binding(PASSPHRASE), binding("another passphrase than that"));
    // The tag of a group can be copied from the wire; its secret cannot.
    let tag = own.protocol().strip_prefix(b"potluck/1+").map(|tag| HEXLOWER.decode(tag).unwrap());
    let copied = ChannelBinding::new(Zeroizing::new([9; 32]), tag.unwrap().try_into().unwrap());
    assert_eq!(copied.protocol(), own.protocol());
    let all = |proof: &[u8]| [proof, &question()].concat();
    for port in victim.status().ports {
        for stranger in [None, Some(&other)] {
            let refused = answer(&lab, stranger, &victim, port, all).unwrap_err();
            assert!(refused.to_string().contains("NoApplicationProtocol"), "{port}: {refused}");
        }
        // A wrong proof ends the connection. Whoever waits sees the proof of the other end, and nothing
        // behind it.
        let heard = answer(&lab, Some(&copied), &victim, port, all).unwrap();
        assert!(heard.len() <= CHANNEL_PROOF, "{port}: {} bytes", heard.len());
        let heard = answer(&lab, Some(&copied), &victim, port, |_| Vec::new()).unwrap();
        assert_eq!(heard.len(), CHANNEL_PROOF, "{port}");
    }
    // A member is answered.
    let sender = victim.status().ports[1];
    let (heard, _) = wait("a catalogue", SOON, || {
        let heard = answer(&lab, Some(&own), &victim, sender, all).unwrap();
        (heard.len() > CHANNEL_PROOF).then_some(heard)
    });
    assert!(heard.len() > 200, "{} bytes", heard.len());
    assert!(victim.peers().is_empty());
    assert_well(&victim);
}

#[test]
fn datagrams_of_strangers_lead_to_nothing_in_a_group() {
    let Some(lab) = Lab::of("up 2") else { return };
    let victim = victim(&lab);
    let fiend = Fiend::start(&lab, 2, "fiend", Lie::None);
    let seal = GroupKey::kept([9; 32]).datagram_seal();
    let to = SocketAddr::from((address(1), limits::DISCOVERY_PORT));
    let peer = victim.status().id.parse().unwrap();
    let mut voice = Voice::new(&fiend.identity, "fiend");
    let before = victim.status().counters.datagrams;
    for n in 0..200 {
        let said = voice.say(&DatagramMessage::DialBack { peer });
        fiend.order(Order::Send(seal.seal([n; 24], &said), to));
        fiend.order(Order::Send(voice.say(&DatagramMessage::Hello { nonce: n.into() }), to));
        fiend.order(Order::Send([b"PTLG\x01", &[n; 600][..]].concat(), to));
    }
    let (after, _) = wait("all is dropped", SOON, || {
        let now = victim.status().counters.datagrams;
        (now.foreign >= before.foreign + 600).then_some(now)
    });
    assert_eq!((after.taken, after.forged, after.outsiders), (0, 0, 1), "{after:?}");
    assert!(victim.peers().is_empty());
    assert_well(&victim);
}
