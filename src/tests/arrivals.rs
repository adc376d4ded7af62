//! A peer that comes or goes changes the table of peers at the sender, and nothing of what is shared.

use std::fs;

use super::liar::Client;
use super::*;
use crate::wire::Message;
use crate::wire::message::{GetBlocks, GetTable, Item, Reason};

const STRANGER: PeerId = PeerId([9; 32]);

/// A peer comes.
fn arrive(owner: &Owner) {
    let record = PeerRecord { at: ([10, 0, 0, 9], 9).into(), signed: Arc::from(*b"it is here") };
    owner.send(SenderCommand::Table(STRANGER, Some(record)));
}

fn ask(client: &mut Client, file: FileId, offset: u64) {
    let items = vec![Item { file, offset, len: 100 }];
    client.say(&Message::GetBlocks(GetBlocks { request: offset, items, background: false }).encode());
}

/// Bytes of a file; or why there are none.
fn block(client: &mut Client, file: FileId, offset: u64) -> Result<Vec<u8>, Reason> {
    ask(client, file, offset);
    match client.hear().expect("an answer") {
        (Message::Block(_), bytes) => Ok(bytes),
        (Message::Refused(refused), _) => Err(refused.reason),
        other => panic!("{other:?}"),
    }
}

/// The announcements in the table.
fn table(client: &mut Client) -> Vec<Arc<[u8]>> {
    client.say(&Message::GetTable(GetTable { request: 1 }).encode());
    match client.hear().expect("an answer") {
        (Message::Table(page), _) => page.rows.into_iter().map(|record| record.signed).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_open_file_stays_open_when_a_peer_comes_or_goes() {
    let bytes = content(1 << 20, 1);
    let file = manifest(&bytes).file();
    let mut owner = Owner::new();
    owner.share(&[("folder/a", &bytes)]);
    let mut client = Client::new(&owner);
    assert_eq!(block(&mut client, file, 0).unwrap(), bytes[..100]);
    // It could not be opened once more, though it is what was hashed.
    fs::rename(owner.dir.path().join("folder"), owner.dir.path().join("elsewhere")).unwrap();
    arrive(&owner);
    assert_eq!(table(&mut client).len(), 4);
    assert_eq!(block(&mut client, file, 500).unwrap(), bytes[500..600]);
    owner.send(SenderCommand::Table(STRANGER, None));
    assert_eq!(table(&mut client).len(), 3);
    assert_eq!(block(&mut client, file, 900).unwrap(), bytes[900..1_000]);
}

#[test]
fn a_file_that_was_found_changed_is_not_read_again_because_a_peer_comes() {
    let bytes = content(1 << 20, 1);
    let file = manifest(&bytes).file();
    let mut owner = Owner::new();
    owner.share(&[("a", &bytes)]);
    fs::write(owner.dir.path().join("a"), b"other bytes").unwrap();
    let mut client = Client::new(&owner);
    let changes = |owner: &Owner| {
        let events = owner.sender.as_ref().unwrap().events.try_iter();
        events.filter(|event| matches!(event, SenderEvent::Changed(_))).count()
    };
    assert_eq!(block(&mut client, file, 0), Err(Reason::Changed));
    assert_eq!(changes(&owner), 1);
    arrive(&owner);
    assert_eq!(block(&mut client, file, 0), Err(Reason::Changed));
    assert_eq!(changes(&owner), 0, "it is known");
    // What is shared anew is looked at anew.
    owner.offer();
    assert_eq!(block(&mut client, file, 0), Err(Reason::Changed));
    assert_eq!(changes(&owner), 1);
}
