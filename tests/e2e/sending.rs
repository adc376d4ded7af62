//! Files that one peer sends to another one: accepted, rejected, and with the sender killed in the middle.

use potluck::control::{OfferRow, OfferState, OffersRequest, Reply};

use crate::files::{assert_nothing_partial, assert_same, fill};
use crate::lab::{LATER, Lab, Peer, SOON, wait};

fn offers(peer: &Peer) -> Vec<OfferRow> {
    let replies = peer.try_ask(&OffersRequest {}.into()).unwrap_or_default();
    let row = |reply| if let Reply::Offer(row) = reply { Some(*row) } else { None };
    replies.into_iter().filter_map(row).collect()
}

/// Two peers that see each other.
fn two(lab: &Lab) -> (Peer, Peer) {
    let (anna, bert) = (lab.peer(1, "anna", &[]), lab.peer(2, "bert", &[]));
    wait("they see each other", SOON, || (anna.sees(&bert) && bert.sees(&anna)).then_some(()));
    (anna, bert)
}

fn until_one_waits(peer: &Peer) -> OfferRow {
    let waiting = || offers(peer).into_iter().find(|row| row.state == OfferState::Waiting);
    wait("an offer waits", SOON, waiting).0
}

fn until_it_is(peer: &Peer, state: OfferState) -> OfferRow {
    wait(&format!("{state:?}"), LATER, || offers(peer).into_iter().find(|row| row.state == state)).0
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn what_is_accepted_arrives_and_lies_in_no_share() {
    let Some(lab) = Lab::of("up 2") else { return };
    let (anna, bert) = two(&lab);
    let photos = anna.directory.join("photos");
    for folder in ["deep", "empty"] {
        std::fs::create_dir_all(photos.join(folder)).unwrap();
    }
    for (name, bytes) in [("one.jpg", 3 << 20), ("deep/two.jpg", 10), (".hidden", 5)] {
        fill(&photos.join(name), bytes, 7);
    }
    let output = anna.cli(["send", photos.to_str().unwrap(), "bert", "--no-wait"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(output.stderr));
    let row = until_one_waits(&bert);
    assert_eq!((&row.name[..], &row.what[..], row.files, row.folders), ("anna", "photos", 2, 1));
    assert!(bert.offered("one.jpg").is_none(), "nobody sees it listed");
    let output = bert.cli(["accept"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(output.stderr));
    for name in ["one.jpg", "deep/two.jpg"] {
        assert_same(&photos.join(name), &bert.directory.join("downloads/photos").join(name));
    }
    let came = bert.directory.join("downloads/photos");
    assert!(came.join("empty").is_dir() && !came.join(".hidden").exists());
    assert_nothing_partial(&bert);
    assert_eq!(until_it_is(&anna, OfferState::Done).what, "photos");
}

#[test]
fn what_is_rejected_is_said_to_its_sender_and_is_not_fetched() {
    let Some(lab) = Lab::of("up 2") else { return };
    let (anna, bert) = two(&lab);
    fill(&anna.directory.join("a.bin"), 1 << 20, 7);
    let file = anna.directory.join("a.bin");
    let command = anna.begin(["send", file.to_str().unwrap(), "bert"]);
    let row = until_one_waits(&bert);
    let output = bert.cli(["reject", &row.number.to_string()]);
    assert_eq!(text(output.stdout), "rejected a.bin (1 file, 1.0 MiB) from anna\n");
    let output = command.wait_with_output().unwrap();
    let said = text(output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("bert rejected it"), "{said}");
    assert!(!bert.directory.join("downloads/a.bin").exists());
    // What nobody decides in the time that its sender gives it is taken back.
    let output = anna.cli(["send", file.to_str().unwrap(), "bert", "--timeout", "1s"]);
    let said = text(output.stderr);
    assert!(output.status.code() == Some(6) && said.contains("bert did not accept it in time"), "{said}");
    until_it_is(&bert, OfferState::Withdrawn);
}

#[test]
fn a_sender_that_is_killed_in_the_middle_goes_on_after_its_next_start() {
    let Some(lab) = Lab::of("up 2 200mbit") else { return };
    let (mut anna, bert) = two(&lab);
    let big = anna.directory.join("big.bin");
    fill(&big, 100 << 20, 7);
    let output = anna.cli(["send", big.to_str().unwrap(), "bert", "--no-wait"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(output.stderr));
    until_one_waits(&bert);
    assert_eq!(bert.cli(["accept", "--no-wait"]).status.code(), Some(0));
    wait("some of it", LATER, || {
        let replies = bert.try_ask(&potluck::control::QueueRequest {}.into()).unwrap_or_default();
        replies.iter().any(|r| matches!(r, Reply::Queued(row) if row.done > 10 << 20)).then_some(())
    });
    anna.kill();
    assert!(!bert.directory.join("downloads/big.bin").exists());
    let anna = lab.peer(1, "anna", &[]);
    wait("all of it", LATER, || bert.directory.join("downloads/big.bin").exists().then_some(()));
    assert_same(&big, &bert.directory.join("downloads/big.bin"));
    until_it_is(&bert, OfferState::Done);
    until_it_is(&anna, OfferState::Done);
    assert_nothing_partial(&bert);
}
