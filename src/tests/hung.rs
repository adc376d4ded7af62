//! A disk that hangs under what is shared: everything else goes on.

use super::liar::Client;
use super::store::Keeper;
use super::*;
use crate::content::ShareName;
use crate::content::catalogue::root_of;
use crate::sender::reader::ReaderCommand;
use crate::wire::Message;
use crate::wire::message::{GetBlocks, GetBuckets, GetHead, GetManifest, GetTable, Item, Reason, Refused};

/// A sender whose reader of shared files hangs with the first read, until the other end of the channel goes.
fn hang(owner: &mut Owner) -> Sender<()> {
    let (release, held) = crossbeam_channel::bounded::<()>(0);
    let engine = Engine::new().unwrap();
    let reader = SharedReader::start_with(engine.bell(), move |command| {
        if matches!(command, ReaderCommand::Read(..)) {
            held.recv().unwrap_or_default();
        }
        None
    });
    let (socket, port) = listener();
    let tls = Tls::new(&owner.identity).unwrap();
    owner.sender = Some(start_sender(engine, vec![socket], tls, reader.unwrap()).unwrap());
    owner.port = port;
    owner.offer();
    release
}

fn blocks(request: u64, file: FileId, len: u64) -> Vec<u8> {
    let items = vec![Item { file, offset: 0, len }];
    Message::GetBlocks(GetBlocks { request, items, background: false }).encode()
}

#[test]
fn a_disk_that_hangs_under_shared_files_holds_up_nothing_else() {
    let mut keeper = Keeper::new();
    let (shared, kept) = (content(300_000, 1), content(200_000, 2));
    let release = hang(&mut keeper.owner);
    keeper.tell_folder();
    keeper.owner.share(&[("file", &shared)]);
    let someone = PeerId([1; 32]);
    keeper.owner.send(SenderCommand::Open([someone].into()));
    let all = [Span { from: 0, to: Chunks::of(200_000).unwrap().count() }];
    let stored = keeper.put(&kept, &all);
    keeper.tell(&kept, &all, &[someone]);
    let file = blake3::hash(&shared).into();

    let mut waits = Client::new(&keeper.owner);
    waits.say(&blocks(1, file, 300_000));
    let mut other = Client::new(&keeper.owner);
    let root = root_of(keeper.owner.catalogue().digests());
    for question in [
        Message::GetHead(GetHead { request: 2, known: None, origin: None }),
        Message::GetBuckets(GetBuckets { request: 3, root, buckets: vec![0], origin: None }),
        Message::GetTable(GetTable { request: 4 }),
        Message::GetManifest(GetManifest { request: 5, file, page: 0 }),
    ] {
        other.say(&question.encode());
        let (answer, _) = other.hear().unwrap();
        assert!(
            matches!(
                answer,
                Message::Head(_) | Message::Bucket(_) | Message::Table(_) | Message::Manifest(_)
            ),
            "{answer:?}"
        );
    }
    // Content that lies elsewhere comes, also over a connection on which what hangs was asked for.
    let gets_kept = |client: &mut Client| {
        client.say(&blocks(6, stored, 1_000));
        let (Message::Block(block), bytes) = client.hear().unwrap() else { panic!("no block") };
        assert_eq!((block.request, &bytes[..]), (6, &kept[..1_000]));
    };
    gets_kept(&mut other);
    let busy = |request| Message::Refused(Refused { request, item: Some(0), reason: Reason::Busy });
    assert_eq!(waits.hear().unwrap().0, busy(1));
    gets_kept(&mut waits);
    // Nobody waits for the reader: neither who asks later, nor whoever ends the sender.
    other.say(&blocks(7, file, 10));
    assert_eq!(other.hear().unwrap().0, busy(7));
    drop(keeper);
    drop(release);
}

#[test]
fn a_share_whose_disk_hangs_holds_up_no_other_share() {
    let mut owner = Owner::new();
    let release = hang(&mut owner);
    let name: ShareName = "v".parse().unwrap();
    let roots = Arc::make_mut(&mut owner.shelf.roots);
    roots.named.insert(name.clone(), owner.dir.path().join("v"));
    let (here, beside) = (content(300_000, 1), content(300_000, 2));
    let reader = SharedReader::start(owner.sender.as_ref().unwrap().bell()).unwrap();
    owner.send(SenderCommand::Reader(name, Some(reader)));
    owner.share(&[("file", &here), ("v/file", &beside)]);
    let [hung, served] = [&here, &beside].map(|bytes| FileId::from(blake3::hash(bytes)));
    let busy = |request| Message::Refused(Refused { request, item: Some(0), reason: Reason::Busy });

    let mut waits = Client::new(&owner);
    waits.say(&blocks(1, hung, 1_000));
    for _ in 0..3 {
        let mut other = Client::new(&owner);
        other.say(&blocks(2, served, 1_000));
        let (Message::Block(block), bytes) = other.hear().unwrap() else { panic!("no block") };
        assert_eq!((block.request, &bytes[..]), (2, &beside[..1_000]));
    }
    assert_eq!(waits.hear().unwrap().0, busy(1));
    // It goes on for whoever waited in vain, with what lies in the other share.
    waits.say(&blocks(3, served, 1_000));
    assert!(matches!(waits.hear().unwrap().0, Message::Block(block) if block.request == 3));
    drop(owner);
    drop(release);
}
