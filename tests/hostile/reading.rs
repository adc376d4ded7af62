//! Holders that lie to one who reads: a wrong byte is never written, and an honest holder makes up for it.

use potluck::wire::Message;

use crate::fiend::{Event, Fiend, Lie, Offer, Order};
use crate::lab::{LATER, Lab, SOON, wait};
use crate::watch::{assert_well, log, memory};

/// More than is read without a manifest.
const SIZE: usize = 3_000_000;

const LIES: [(u8, &str, Lie); 4] = [
    (2, "bytes", Lie::Bytes),
    (3, "manifest", Lie::Manifest),
    (4, "count", Lie::Count),
    (5, "order", Lie::Order),
];

fn content(seed: u8) -> Vec<u8> {
    let mut bytes = vec![0; SIZE];
    blake3::Hasher::new().update(&[seed]).finalize_xof().fill(&mut bytes);
    bytes
}

#[test]
fn what_liars_send_is_never_written_and_an_honest_holder_makes_up_for_it() {
    let Some(lab) = Lab::of("up 6") else { return };
    let victim = lab.peer(1, "victim", &[]);
    let liars = LIES.map(|(node, name, lie)| {
        let liar = Fiend::start(&lab, node, name, lie);
        liar.offer(vec![Offer::file(name, &content(node))]);
        liar.order(Order::Have(content(node)));
        liar
    });
    LIES.iter().for_each(|(_, name, _)| drop(wait(name, SOON, || victim.offered(name))));
    let reads = LIES.map(|(_, name, _)| victim.begin(["cat", name]));
    for (liar, (_, name, _)) in liars.iter().zip(LIES) {
        let asked = |event| matches!(event, Event::Asked(_, Message::GetSlices(_))).then_some(());
        liar.until(name, asked);
    }
    let files = LIES.map(|(node, name, _)| (name, content(node)));
    for (read, (name, content)) in reads.into_iter().zip(&files) {
        let output = read.wait_with_output().unwrap();
        assert!(content.starts_with(&output.stdout), "{name}: a wrong byte was written");
        let is_whole = output.stdout.len() == SIZE;
        let code = output.status.code();
        assert!(code == Some(if is_whole { 0 } else { 6 }), "{name}: {code:?} after {}", output.stdout.len());
        if *name == "bytes" || *name == "order" {
            assert!(output.stdout.is_empty(), "{name}");
        }
    }
    assert!(
        String::from_utf8_lossy(&log(&victim)).contains(&liars[0].id().to_string()),
        "the user hears who lied"
    );
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (*name, &bytes[..])).collect();
    let honest = lab.peer_with(6, "honest", &files);
    for (name, bytes) in files {
        wait(name, SOON, || (victim.listed(name)?.peers.len() > 1).then_some(()));
        let output = victim.cli(["cat", name]);
        assert!(output.status.success() && output.stdout == bytes, "{name}: {output:?}");
    }
    assert_well(&victim);
    assert_well(&honest);
}

/// A size that is not that of the content: nothing is written that is not of it.
#[test]
fn a_wrong_size_proves_nothing() {
    let Some(lab) = Lab::of("up 2") else { return };
    let victim = lab.peer(1, "victim", &[]);
    let fiend = Fiend::start(&lab, 2, "fiend", Lie::None);
    let bytes = content(1);
    fiend.order(Order::Have(bytes.clone()));
    let sizes = [0, 1, SIZE as u64 - 1, SIZE as u64 + 1, 65_536];
    fiend.offer(sizes.map(|size| Offer::sized(format!("size{size}"), &bytes, size)).to_vec());
    wait("the files", SOON, || victim.offered("size0"));
    let reads = sizes.map(|size| victim.begin(["cat".to_owned(), format!("size{size}")]));
    for read in reads {
        let output = read.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(6), "{output:?}");
        assert!(bytes.starts_with(&output.stdout));
    }
    assert_well(&victim);
}

#[test]
fn who_reads_and_takes_nothing_costs_a_window_and_delays_nobody() {
    let Some(lab) = Lab::of("up 2") else { return };
    let victim = lab.peer(1, "victim", &[]);
    let content: Vec<u8> = (0..80 << 18_u32).flat_map(u32::to_le_bytes).collect();
    let _owner = lab.peer_with(2, "owner", &[("film", &content), ("note", b"hello")]);
    wait("the film", SOON, || victim.offered("film").and_then(|_| victim.offered("note")));
    let before = memory(&victim);
    let received = || victim.status().counters.received;
    let mut paused = victim.begin(["cat", "film"]);
    wait("the window is full", LATER, || (received() > 38 << 20).then_some(()));
    for _ in 0..10 {
        let output = victim.cli(["cat", "note"]);
        assert!(output.status.success() && output.stdout == b"hello", "{output:?}");
    }
    assert!(received() < 50 << 20, "{} bytes came for one who takes none", received());
    assert!(memory(&victim) < before + (70 << 10), "it holds a window");
    paused.kill().unwrap();
    paused.wait().unwrap();
    wait("the window is let go", LATER, || (memory(&victim) < before + (40 << 10)).then_some(()));
    assert!(victim.cli(["cat", "film"]).stdout == content);
    assert_well(&victim);
}
