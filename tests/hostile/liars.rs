//! Holders that lie about content: wrong bytes never get a name, and an honest holder makes up for it.

use std::ffi::OsStr;
use std::fs::DirEntry;
use std::io;

use potluck::wire::Message;

use crate::fiend::{Event, Fiend, Lie, Offer, Order};
use crate::lab::{Lab, SOON, wait};
use crate::watch::{assert_holds, assert_well, log};

fn content(len: usize, seed: u8) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().update(&[seed]).finalize_xof().fill(&mut bytes);
    bytes
}

/// A liar of each kind offers a file of its own; then comes one who has them all.
#[test]
fn what_liars_send_gets_no_name_and_an_honest_holder_makes_up_for_it() {
    const LIES: [(u8, &str, Lie); 4] = [
        (2, "bytes", Lie::Bytes),
        (3, "manifest", Lie::Manifest),
        (4, "count", Lie::Count),
        (5, "order", Lie::Order),
    ];
    let Some(lab) = Lab::of("up 6") else { return };
    let victim = lab.peer(1, "victim", &[]);
    let liars = LIES.map(|(node, name, lie)| {
        let liar = Fiend::start(&lab, node, name, lie);
        let bytes = content(300_000, node);
        liar.offer(vec![Offer::file(name, &bytes)]);
        liar.order(Order::Have(bytes));
        liar
    });
    LIES.iter().for_each(|(_, name, _)| drop(wait(name, SOON, || victim.offered(name))));
    let downloads = LIES.map(|(_, name, _)| victim.begin(["download", name]));
    for (liar, (.., lie)) in liars.iter().zip(LIES) {
        if lie == Lie::Order {
            // That is an error of the protocol: the connection ends at once.
            let asked = |event| matches!(event, Event::Asked(_, Message::GetBlocks(_))).then_some(());
            liar.until("a request for blocks", asked);
            continue;
        }
        let told = || String::from_utf8_lossy(&log(&victim)).contains(&liar.id().to_string()).then_some(());
        wait("a word about the liar", SOON, told);
    }
    let named = |p: &std::path::PathBuf| p.is_file() && !p.to_string_lossy().contains(".potluck-partial");
    assert_eq!(victim.downloads().into_iter().find(named), None);
    let files = LIES.map(|(node, name, _)| (name, content(300_000, node)));
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (*name, &bytes[..])).collect();
    let _honest = lab.peer_with(6, "honest", &files);
    for (mut download, (name, bytes)) in downloads.into_iter().zip(files) {
        assert!(download.wait().unwrap().success(), "{name}");
        assert_holds(&victim.directory.join("downloads").join(name), bytes);
    }
    assert_well(&victim);
}

/// Sizes that are not those of the content, sizes that cannot be, and a catalogue that is never the same.
#[test]
fn wrong_sizes_and_a_catalogue_that_never_stands_still_harm_nothing() {
    let Some(lab) = Lab::of("up 3") else { return };
    let victim = lab.peer(1, "victim", &[]);
    let fiend = Fiend::start(&lab, 2, "fiend", Lie::None);
    let bytes = content(40_000, 1);
    fiend.order(Order::Have(bytes.clone()));
    let sizes = [0, 1, 39_999, 40_001, 65_536];
    let is_named = |e: &io::Result<DirEntry>| e.as_ref().is_ok_and(|e| e.file_name() != ".potluck-partial");
    let sized = |size: u64| Offer::sized(format!("size{size}"), &bytes, size);
    fiend.offer(sizes.map(sized).to_vec());
    wait("the files", SOON, || victim.offered("size0"));
    // Somebody else has the same content, and says its size. Whoever asks for what cannot be asks the
    // liar only.
    let honest = lab.peer_with(3, "honest", &[("true", &bytes)]);
    wait("the true one", SOON, || victim.offered("true"));
    let mut downloads = sizes.map(|size| {
        let to = lab.folder(&format!("to{size}"));
        victim.begin([
            OsStr::new("download"),
            format!("size{size}").as_ref(),
            "--to".as_ref(),
            to.as_os_str(),
        ])
    });
    // After three in a row the liar is not asked for anything, until it announces something new.
    let lies = || String::from_utf8_lossy(&log(&victim)).matches("sent wrong bytes of size").count();
    wait("words about the liar", SOON, || (lies() >= 3).then_some(()));
    assert_holds(&victim.fetch("true"), &bytes);
    let log_now = log(&victim);
    let honest_id = &honest.status().id[..8];
    let blamed = String::from_utf8_lossy(&log_now)
        .lines()
        .any(|line| line.contains("warning") && line.contains(honest_id));
    assert!(!blamed, "an honest peer is blamed: {}", String::from_utf8_lossy(&log_now));
    for (download, size) in downloads.iter_mut().zip(sizes) {
        assert_eq!(victim.downloads().len(), 1, "true alone");
        assert_eq!(std::fs::read_dir(lab.path(&format!("to{size}"))).unwrap().filter(is_named).count(), 0);
        download.kill().unwrap();
        download.wait().unwrap();
    }
    // More than a file can have, in one and in the sum.
    for size in [u64::MAX, u64::MAX / 2, 1 << 60] {
        fiend.offer_until_pulled(&[sized(size), Offer::sized("other", &bytes, size)]);
    }
    for n in 0..200_u64 {
        fiend.offer((0..n % 7).map(|i| Offer::sized(format!("f{i}"), &bytes, n)).collect());
    }
    fiend.offer_until_pulled(&[Offer::file("right", &bytes)]);
    wait("the last catalogue", SOON, || victim.offered("right"));
    assert_well(&victim);
}
