//! Keepers, and those who ask for one, that mean ill: what they say of an owner's files makes it neither
//! write, overwrite nor bring back anything, and what they ask for takes no more room than a stranger's
//! share.

use std::fs;
use std::sync::Arc;

use potluck::content::Span;
use potluck::content::{Catalogue, Entry, EntryKind, FileId, Head, HeadNumber, SafePath};
use potluck::control::{CustodyRow, Reply};
use potluck::identity::tls::Tls;
use potluck::identity::{Identity, Instance, PeerId};
use potluck::wire::Message;
use potluck::wire::custody::{
    BucketProof, CustodyMessage, CustodyOffer, GetSpace, KeeperReport, OfferAnswer, OfferRefusal, Orders,
    Replica, ReportRow, Space, Verdict,
};
use potluck::wire::frame::prefix;
use potluck::wire::message::GetHead;

use crate::caller::Caller;
use crate::fiend::{Event, Fiend, Lie, Offer, Order, address};
use crate::lab::{LATER, Lab, Peer, SOON, wait};
use crate::watch::{Surroundings, assert_holds, assert_well, log, memory};

/// What a victim lends: an eighth of it is 1 MiB.
const LENDS: [&str; 4] = ["--copies", "2", "--lend", "8MiB"];

/// What a kept file counts beside its bytes.
const COST: u64 = 4 << 10;

fn custody(peer: &Peer) -> CustodyRow {
    peer.status().custody.unwrap()
}

fn id(peer: &Peer) -> PeerId {
    peer.status().id.parse().unwrap()
}

/// A connection to a port of custody, which asks and hears.
struct Line {
    caller: Caller,
    request: u64,
}

impl Line {
    fn dial(lab: &Lab, from: u8, identity: &Identity, to: PeerId, node: u8, port: u16) -> Self {
        let tls = Tls::new(identity).unwrap();
        let dial = || Caller::dial(&tls, to, address(node), port).unwrap();
        Self { caller: lab.within(u32::from(from), dial), request: 0 }
    }

    /// The answer to a request.
    fn ask(&mut self, request: &CustodyMessage) -> CustodyMessage {
        let (kind, header) = request.encode();
        self.caller.say(&[&prefix(kind, header.len(), 0)[..], &header].concat()).unwrap();
        self.caller.hear_custody().unwrap()
    }

    fn number(&mut self) -> u64 {
        self.request += 1;
        self.request
    }

    fn report(&mut self, origin: PeerId, head: HeadNumber, rows: Vec<ReportRow>) -> Orders {
        let (request, HeadNumber { instance, version }) = (self.number(), head);
        match self.ask(&CustodyMessage::Report(KeeperReport {
            request,
            origin,
            instance,
            version,
            rows: rows.into(),
        })) {
            CustodyMessage::Orders(orders) => orders,
            other => panic!("{other:?}"),
        }
    }

    fn room(&mut self, origin: PeerId) -> Space {
        let request = self.number();
        match self.ask(&CustodyMessage::GetSpace(GetSpace { request, origin })) {
            CustodyMessage::Space(room) => room,
            other => panic!("{other:?}"),
        }
    }

    fn offer(&mut self, offer: CustodyOffer) -> OfferAnswer {
        let request = self.number();
        match self.ask(&CustodyMessage::Offer(Box::new(CustodyOffer { request, ..offer }))) {
            CustodyMessage::Answer(answer) => answer,
            other => panic!("{other:?}"),
        }
    }
}

/// A row of a report: all of this content is kept.
pub(crate) fn held(content: &[u8]) -> ReportRow {
    let size = content.len() as u64;
    let span = Span::whole(size).unwrap();
    ReportRow {
        file: FileId(*blake3::hash(content).as_bytes()),
        size,
        copies: 2,
        copy: 1,
        span,
        have: span.len(),
        dropped: false,
    }
}

/// An offer of an own file of so many bytes, with a head that rightly names it, and the proof.
pub(crate) fn offer(identity: &Identity, size: u64) -> CustodyOffer {
    let file = FileId(*blake3::hash(&identity.id().0).as_bytes());
    let path: SafePath = "bait.bin".parse().unwrap();
    let kind = EntryKind::File { id: file, size, modified: 0, executable: false, since: 0 };
    let catalogue = Catalogue::of([Entry { path: path.clone(), kind }]);
    let head = catalogue.head(identity.public(), Instance { count: 9, random: 9 }, 1).sign(identity);
    let digests: Vec<u8> = catalogue.digests().iter().flat_map(|d| d.0).collect();
    let bucket = catalogue.bucket(path.bucket()).bytes().into();
    CustodyOffer {
        request: 0,
        head: head.into(),
        path,
        file,
        size,
        copies: 2,
        copy: 1,
        span: Span::whole(size).unwrap(),
        others: Vec::new(),
        quiet: 0,
        proof: Some(BucketProof { digests: Arc::from(digests), bucket }),
    }
}

/// An owner that shares `a.bin` and has just deleted `old.bin`, a keeper that has it all, and one that means
/// ill.
fn scene(lie: Lie) -> Option<(Lab, Peer, Peer, Fiend)> {
    let lab = Lab::of("up 3")?;
    let keeper = lab.peer(2, "keeper", &LENDS);
    let shared = lab.folder("owner/shared");
    for (name, content) in [("a.bin", b"new of a"), ("old.bin", b"deleted!"), ("more.bin", b"one more")] {
        fs::write(shared.join(name), content).unwrap();
    }
    let owner = lab.peer(1, "owner", &LENDS);
    wait("copies", LATER, || (custody(&owner).own_whole == 3).then_some(()));
    fs::remove_file(shared.join("old.bin")).unwrap();
    wait("deleted", SOON, || keeper.offered("old.bin").is_none().then_some(()));
    let fiend = Fiend::start(&lab, 3, "fiend", lie);
    fiend.offer(Vec::new());
    wait("the fiend", SOON, || owner.names().contains(&"fiend".to_owned()).then_some(()));
    Some((lab, owner, keeper, fiend))
}

/// The number of the newest head of a peer in node 1.
fn head_of(lab: &Lab, peer: &Peer) -> HeadNumber {
    let (me, port) = (id(peer), peer.status().ports[1]);
    let mut caller = lab.within(3, || Caller::dial(&Caller::tls(), me, address(1), port).unwrap());
    caller.say(&Message::GetHead(GetHead { request: 1, known: None, origin: None }).encode()).unwrap();
    let Some((Message::Head(head), _)) = caller.hear() else { panic!("no head") };
    Head::open(&head.signed).unwrap().number()
}

/// Everything in the owner's `shared/` is what it was.
fn assert_shares_what_it_did(owner: &Peer) {
    let mut paths: Vec<_> = owner.list().into_iter().filter(|r| r.mine).map(|r| r.path).collect();
    paths.sort();
    assert_eq!(paths, ["a.bin", "more.bin"]);
    assert_holds(&owner.directory.join("shared/a.bin"), b"new of a");
    assert_eq!(fs::read_dir(owner.directory.join("shared")).unwrap().count(), 2);
}

#[test]
fn what_keepers_say_of_an_owner_makes_it_write_nothing() {
    let Some((lab, owner, keeper, fiend)) = scene(Lie::Bytes) else { return };
    let (me, port) = (id(&owner), owner.status().ports[2]);
    let before = Surroundings::of(&lab, &owner);
    let mut line = Line::dial(&lab, 3, &fiend.identity, me, 1, port);
    let now = head_of(&lab, &owner);
    // It never had that: it is to be kept, as far as it is concerned, and nothing else happens.
    let orders = line.report(me, now, vec![held(b"never had it"); 128]);
    assert_eq!((orders.origin, orders.rows.len()), (me, 128));
    assert!(orders.rows.iter().all(|o| o.verdict == Verdict::Keep(Vec::new())), "{:?}", orders.rows[0]);
    // What it deleted is to be dropped, whoever says that he keeps it, and it is not fetched again.
    let orders = line.report(me, now, vec![held(b"deleted!")]);
    assert_eq!(orders.rows[0].verdict, Verdict::Release);
    // A copy that is only claimed is looked at, and does not count.
    fiend.order(Order::Have(b"new of a".to_vec()));
    line.report(me, now, vec![held(b"new of a")]);
    fiend.until("a proof is asked for", |event| match event {
        Event::Asked(_, Message::GetBlocks(m)) => (m.items[0].file == held(b"new of a").file).then_some(()),
        _ => None,
    });
    wait("judged", SOON, || String::from_utf8_lossy(&log(&owner)).contains("wrong bytes").then_some(()));
    assert_eq!(owner.listed("a.bin").unwrap().copies, 2);
    // A head that would be newer than its own, later, earlier: asked for, and found to be signed by another.
    for count in [u64::MAX, 2] {
        let number = HeadNumber { instance: Instance { count, random: 3 }, version: u64::MAX };
        line.report(me, number, vec![held(b"new of a")]);
    }
    fiend.until("the head is asked for", |event| match event {
        Event::Asked(_, Message::GetHead(m)) => (m.origin == Some(me)).then_some(()),
        _ => None,
    });
    // Files of others, that it keeps or not, and of nobody.
    for origin in [id(&keeper), fiend.id(), PeerId([9; 32])] {
        let orders = line.report(origin, now, vec![held(b"of nobody")]);
        assert!(matches!(orders.rows[0].verdict, Verdict::NotKept), "{:?}", orders.rows);
    }
    assert!(!custody(&owner).conflict);
    assert_shares_what_it_did(&owner);
    before.assert_untouched(&lab, &owner);
    assert_eq!(custody(&owner).own_whole, 2);
    [&owner, &keeper].into_iter().for_each(assert_well);
}

/// Somebody has a head that the owner signed once: what lies at its paths stays, what was deleted does not
/// come back, and what is missing comes.
#[test]
fn an_old_head_of_the_owner_brings_back_only_what_is_missing() {
    let Some((lab, owner, keeper, fiend)) = scene(Lie::None) else { return };
    let me = id(&owner);
    let signer = Identity::load(&owner.directory.join(".potluck/key")).unwrap().unwrap();
    let missing: &[u8] = b"it was lost before there were records";
    let offers = vec![
        Offer::file("a.bin", b"an old content of a"),
        Offer::file("old.bin", b"deleted!"),
        Offer::file("elsewhere/old.bin", b"deleted!"),
        Offer::file("missing.bin", missing),
    ];
    for content in [missing, b"an old content of a", b"deleted!"] {
        fiend.order(Order::Have(content.to_vec()));
    }
    let long_ago = Instance { count: 7, random: 7 };
    fiend.order(Order::OwnerCatalogue(me, Box::new(signer), long_ago, offers));
    let mut line = Line::dial(&lab, 3, &fiend.identity, me, 1, owner.status().ports[2]);
    let number = HeadNumber { instance: long_ago, version: 1 };
    line.report(me, number, vec![held(missing), held(b"an old content of a"), held(b"deleted!")]);
    let there = owner.directory.join("shared/missing.bin");
    wait("what was missing", LATER, || there.exists().then_some(()));
    assert_holds(&there, missing);
    wait("and is listed", SOON, || owner.listed("missing.bin").filter(|r| r.mine));
    assert_holds(&owner.directory.join("shared/a.bin"), b"new of a");
    let paths: Vec<_> =
        fs::read_dir(owner.directory.join("shared")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(!paths.iter().any(|p| p == "old.bin" || p == "elsewhere"), "{paths:?}");
    [&owner, &keeper].into_iter().for_each(assert_well);
}

/// Even who has the owner's key cannot make it write outside its folder.
#[test]
fn a_catalogue_in_the_owners_name_leads_nowhere_else() {
    let Some((lab, owner, keeper, fiend)) = scene(Lie::None) else { return };
    let me = id(&owner);
    let before = Surroundings::of(&lab, &owner);
    let signer = Identity::load(&owner.directory.join(".potluck/key")).unwrap().unwrap();
    let bait: &[u8] = b"bait";
    fiend.order(Order::Have(bait.to_vec()));
    let mut line = Line::dial(&lab, 3, &fiend.identity, me, 1, owner.status().ports[2]);
    let paths: [&[u8]; 6] =
        [b"../escape.txt", b"a/../../escape.txt", b"/etc/escape.txt", b"..", b".potluck/key", b"nul\0.txt"];
    let innocent = Offer::file("innocent.txt", bait);
    for (count, path) in (10..).zip(paths) {
        let head = Instance { count, random: 1 };
        let offers = vec![Offer::file(path, bait), innocent.clone()];
        fiend.order(Order::OwnerCatalogue(me, Box::new(signer.clone()), head, offers));
        fiend.events.try_iter().for_each(drop);
        line.report(me, HeadNumber { instance: head, version: 1 }, vec![held(bait)]);
        fiend.until("it is pulled", |event| match event {
            Event::Asked(_, Message::GetBuckets(m)) => (m.origin == Some(me)).then_some(()),
            _ => None,
        });
    }
    assert_shares_what_it_did(&owner);
    before.assert_untouched(&lab, &owner);
    assert!(!lab.path("escape.txt").exists() && !lab.path("owner/escape.txt").exists());
    // Without such a path it would have been taken.
    let head = Instance { count: 100, random: 1 };
    fiend.order(Order::OwnerCatalogue(me, Box::new(signer), head, vec![innocent]));
    wait("the innocent one", LATER, || {
        line.report(me, HeadNumber { instance: head, version: 1 }, vec![held(bait)]);
        owner.directory.join("shared/innocent.txt").exists().then_some(())
    });
    assert!(!lab.path("escape.txt").exists() && !lab.path("owner/escape.txt").exists());
    [&owner, &keeper].into_iter().for_each(assert_well);
}

#[test]
fn a_thousand_strangers_at_one_address_get_one_share() {
    const MIB: u64 = 1 << 20;
    let Some(lab) = Lab::of("up 2") else { return };
    let keeper = lab.peer(1, "keeper", &LENDS);
    let (me, port) = (id(&keeper), keeper.status().ports[3]);
    let first = Identity::generate().unwrap();
    let mut line = Line::dial(&lab, 2, &first, me, 1, port);
    assert_eq!(line.room(first.id()).share, MIB - COST);
    for size in [1 << 40, 8 * MIB, MIB - COST + 1] {
        let answer = line.offer(offer(&first, size));
        assert_eq!((answer.refusal, answer.share), (Some(OfferRefusal::Full), MIB - COST), "{size}");
    }
    // A thousand of them, each with a file of 64 KiB, which nobody will ever give.
    let mut accepted = 0;
    for _ in 0..1_000 {
        let stranger = Identity::generate().unwrap();
        let answer = line.offer(offer(&stranger, MIB / 16));
        match answer.refusal {
            None => accepted += 1,
            Some(refusal) => assert_eq!(refusal, OfferRefusal::Full),
        }
    }
    let row = custody(&keeper);
    println!("{accepted} of 1000 were accepted: {} bytes", row.used);
    assert_eq!((accepted, row.used), (15, 15 * MIB / 16));
    // Who comes from elsewhere finds room: half of what may be promised.
    let other = Identity::generate().unwrap();
    let mut line = Line::dial(&lab, 1, &other, me, 1, port);
    assert_eq!(line.room(other.id()).share, MIB / 2 - COST);
    assert_well(&keeper);
}

/// Strangers at nine addresses reserve what they can for files that they never give. An owner that comes after
/// them has its copies all the same.
#[test]
fn promises_of_strangers_leave_an_owner_its_copies() {
    const NODES: u8 = 9;
    let Some(lab) = Lab::of(&format!("up {}", NODES + 2)) else { return };
    let keeper = lab.peer(1, "keeper", &["--copies", "1", "--lend", "8MiB"]);
    let (me, port) = (id(&keeper), keeper.status().ports[3]);
    for node in 2..NODES + 2 {
        let first = Identity::generate().unwrap();
        let mut line = Line::dial(&lab, node, &first, me, 1, port);
        for _ in 0..16 {
            line.offer(offer(&Identity::generate().unwrap(), (1 << 16) - COST));
        }
    }
    let shared = lab.folder("owner/shared");
    for n in 0..3_u8 {
        fs::write(shared.join(format!("{n}.bin")), vec![n; 20_000]).unwrap();
    }
    let owner = lab.peer(u32::from(NODES) + 2, "owner", &["--copies", "2", "--lend", "0"]);
    wait("its copies", LATER, || (custody(&owner).own_whole == 3).then_some(()));
    [&owner, &keeper].into_iter().for_each(assert_well);
}

/// Files of one byte whose paths lie in one bucket, as many as a proof can hold.
pub(crate) fn full_bucket() -> Catalogue {
    let paths = (0..).map(|n: u32| format!("{n:0>200}").parse().unwrap());
    let paths = paths.filter(|path: &SafePath| path.bucket() == 0).take(2_500);
    let kind = EntryKind::File {
        id: FileId(*blake3::hash(b"x").as_bytes()),
        size: 1,
        modified: 0,
        executable: false,
        since: 0,
    };
    Catalogue::of(paths.map(|path| Entry { path, kind: kind.clone() }))
}

/// An offer of one byte, with the whole bucket as its proof.
pub(crate) fn offer_with_a_long_proof(identity: &Identity, catalogue: &Catalogue) -> CustodyOffer {
    let head = catalogue.head(identity.public(), Instance { count: 9, random: 9 }, 1).sign(identity);
    let digests: Vec<u8> = catalogue.digests().iter().flat_map(|d| d.0).collect();
    let bucket: Vec<u8> = catalogue.bucket(0).bytes();
    assert!((500_000..1 << 20).contains(&bucket.len()), "{}", bucket.len());
    CustodyOffer {
        head: head.into(),
        path: catalogue.bucket(0).entries()[0].path.clone(),
        file: FileId(*blake3::hash(b"x").as_bytes()),
        size: 1,
        span: Span::whole(1).unwrap(),
        proof: Some(BucketProof { digests: Arc::from(digests), bucket: bucket.into() }),
        ..offer(identity, 1)
    }
}

#[test]
fn what_proves_an_offer_is_not_kept() {
    let Some(lab) = Lab::of("up 2") else { return };
    let keeper = lab.peer(1, "keeper", &["--copies", "1", "--lend", "1GiB"]);
    let (me, port) = (id(&keeper), keeper.status().ports[3]);
    let (before, catalogue) = (memory(&keeper), full_bucket());
    let mut accepted = 0;
    for _ in 0..100 {
        let stranger = Identity::generate().unwrap();
        let mut line = Line::dial(&lab, 2, &stranger, me, 1, port);
        let answer = line.offer(offer_with_a_long_proof(&stranger, &catalogue));
        accepted += u32::from(answer.refusal.is_none());
    }
    let after = memory(&keeper);
    let database = fs::metadata(keeper.directory.join(".potluck/potluck.db")).unwrap().len();
    println!("{accepted} accepted; memory {before} KiB before, {after} KiB after; database {database} bytes");
    assert_eq!(accepted, 100);
    assert!(after < before + (32 << 10), "{before} KiB, then {after} KiB");
    assert!(database < 4 << 20, "{database} bytes");
    assert_well(&keeper);
}

/// A stranger signs that it shares what a victim shares, and names the victim as a keeper of it.
#[test]
fn nobody_sends_because_a_stranger_names_it() {
    let Some(lab) = Lab::of("up 3") else { return };
    // So large that several sources are worth it.
    let content = vec![5; 8 << 20];
    let victim_shared = lab.folder("victim/shared");
    fs::write(victim_shared.join("alone.bin"), &content).unwrap();
    let victim = lab.peer(2, "victim", &["--copies", "1"]);
    let keeper = lab.peer(1, "keeper", &["--copies", "1", "--lend", "1GiB"]);
    wait("the file", SOON, || keeper.offered("alone.bin"));
    let (me, port) = (id(&keeper), keeper.status().ports[3]);
    let fiend = Fiend::start(&lab, 3, "fiend", Lie::Bytes);
    fiend.order(Order::Have(content.clone()));
    fiend.offer(Vec::new());
    wait("the fiend", SOON, || keeper.names().contains(&"fiend".to_owned()).then_some(()));
    let size = content.len() as u64;
    let file = FileId(*blake3::hash(&content).as_bytes());
    let path: SafePath = "bait.bin".parse().unwrap();
    let kind = EntryKind::File { id: file, size, modified: 0, executable: false, since: 0 };
    let catalogue = Catalogue::of([Entry { path: path.clone(), kind }]);
    let head = catalogue.head(fiend.identity.public(), Instance { count: 9, random: 9 }, 1);
    let digests: Vec<u8> = catalogue.digests().iter().flat_map(|d| d.0).collect();
    let span = Span::whole(size).unwrap();
    let lie = CustodyOffer {
        head: head.sign(&fiend.identity).into(),
        file,
        size,
        span,
        others: vec![Replica { copy: 2, span, peer: id(&victim) }],
        proof: Some(BucketProof {
            digests: Arc::from(digests),
            bucket: catalogue.bucket(path.bucket()).bytes().into(),
        }),
        path,
        ..offer(&fiend.identity, 1)
    };
    let mut line = Line::dial(&lab, 3, &fiend.identity, me, 1, port);
    assert_eq!(line.offer(lie).refusal, None);
    // What it gives is not what it says, so somebody else has to be asked.
    fiend.until("whoever offers it is asked for it", |event| match event {
        Event::Asked(_, Message::GetBlocks(m)) => m.items.iter().any(|i| i.file == file).then_some(()),
        _ => None,
    });
    // What another owner has kept comes meanwhile.
    let shared = lab.folder("owner/shared");
    fs::write(shared.join("mine.bin"), vec![6; 1 << 20]).unwrap();
    let owner = lab.peer(3, "owner", &["--copies", "2", "--lend", "0"]);
    wait("its copy", LATER, || (custody(&owner).own_whole == 1).then_some(()));
    assert_eq!(victim.status().counters.sent, 0, "a stranger made it send");
    [&owner, &keeper, &victim].into_iter().for_each(assert_well);
}

/// Two peers at one address that threw away what they keep and say that they have it: `exit` calls safe only what
/// somebody really has.
#[test]
fn what_keepers_threw_away_makes_no_file_safe() {
    let Some(lab) = Lab::of("up 2") else { return };
    let shared = lab.folder("owner/shared");
    let contents: Vec<Vec<u8>> = (1..=6).map(|n| vec![n; 100_000]).collect();
    for (n, content) in contents.iter().enumerate() {
        fs::write(shared.join(format!("{n}.bin")), content).unwrap();
    }
    let lends = ["--copies", "1", "--lend", "1GiB"];
    let keepers: Vec<Peer> = (1..=2).map(|n| lab.peer(2, &format!("keeper{n}"), &lends)).collect();
    let mut owner = lab.peer(1, "owner", &["--copies", "3", "--lend", "0"]);
    wait("its copies", LATER, || (custody(&owner).own_whole == 6).then_some(()));
    let kept = |content: &[u8]| {
        let id = FileId(*blake3::hash(content).as_bytes()).to_string();
        keepers.iter().map(move |k| k.directory.join(".potluck/store/.potluck-partial").join(&id))
    };
    let mut thrown = 0;
    for path in contents.iter().flat_map(|content| kept(content)).filter(|path| path.exists()) {
        fs::write(path, vec![0; 100_000]).unwrap();
        thrown += 1;
    }
    assert_eq!(thrown, 12);
    let out = owner.cli(["exit", "--json"]);
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    owner.ended(SOON);
    let report = said.lines().find_map(|line| match serde_json::from_str(line) {
        Ok(Reply::ExitReport(report)) => Some(report),
        _ => None,
    });
    let report = report.expect(&said);
    let is_there =
        |content: &&Vec<u8>| kept(content).any(|path| fs::read(path).is_ok_and(|b| b == **content));
    let there = contents.iter().filter(is_there).count() as u64;
    println!("{there} are there, and this was said: {report:?}");
    assert!(report.safe + report.once <= there, "{there} are there: {said}");
    keepers.iter().for_each(assert_well);
}
