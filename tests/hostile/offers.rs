//! Whoever offers without end costs its share; what is sent to one peer is given to no other one.

use potluck::content::FileId;
use potluck::control::{AcceptRequest, OfferRow, OfferState, OffersRequest, Reply, SendPath, SendRequest};
use potluck::identity::tls::Tls;
use potluck::wire::Message;
use potluck::wire::message::{
    GetBlocks, GetManifest, Item, OfferFiles, OfferNews, OfferWord, OfferedFile, Reason,
};

use crate::caller::Caller;
use crate::fiend::{Fiend, Lie, address};
use crate::lab::{Lab, Peer, SOON, wait};
use crate::watch::{assert_well, memory};

/// A name of what terminals obey.
const EVIL: &str = "\u{1b}]0;\u{7}\u{202e}\r\n";

fn offers(peer: &Peer) -> Vec<OfferRow> {
    let replies = peer.try_ask(&OffersRequest {}.into()).unwrap_or_default();
    let row = |reply| if let Reply::Offer(row) = reply { Some(*row) } else { None };
    replies.into_iter().filter_map(row).collect()
}

fn page(number: u64, files: u64, at: u64, paths: &[String]) -> OfferFiles {
    let file = |path: &String| OfferedFile {
        path: path.parse().unwrap(),
        id: FileId([7; 32]),
        size: 1 << 40,
        modified: i64::MIN,
        executable: true,
    };
    let page = paths.iter().map(file).collect();
    OfferFiles {
        request: number,
        number,
        files,
        folders: 0,
        bytes: u64::MAX,
        at,
        page,
        page_folders: Vec::new(),
    }
}

/// Sends a file of its folder to another peer, and does not wait.
fn send(from: &Peer, name: &str, to: &str) {
    let paths = vec![SendPath(from.directory.join(name))];
    let request = SendRequest { paths, to: to.to_owned(), ..SendRequest::default() };
    assert_eq!(from.try_ask(&request.into()).unwrap().pop(), Some(Reply::Done));
}

#[test]
fn thousands_of_offers_cost_their_share_and_an_honest_one_comes_through() {
    let Some(lab) = Lab::of("up 3") else { return };
    let victim = lab.peer(1, "victim", &[]);
    let honest = lab.peer(3, "honest", &[]);
    let fiend = Fiend::start(&lab, 2, "fiend", Lie::None);
    wait("all are here", SOON, || {
        (victim.sees(&honest) && victim.names().contains(&"fiend".to_owned())).then_some(())
    });
    let me = victim.status().id.parse().unwrap();
    let port = victim.status().ports[1];
    let before = memory(&victim);
    let tls = Tls::new(&fiend.identity).unwrap();
    let mut caller = lab.within(2, || Caller::dial(&tls, me, address(1), port)).unwrap();
    let (mut noted, mut refused) = (0, 0);
    let mut say = |message: Message| {
        caller.say(&message.encode()).unwrap();
        match caller.hear() {
            Some((Message::OfferNoted(_), _)) => noted += 1,
            Some((Message::Refused(no), _)) => {
                assert!(matches!(no.reason, Reason::Busy | Reason::Malformed), "{no:?}");
                refused += 1;
            }
            other => panic!("{other:?}"),
        }
    };
    let evil: Vec<String> = (0..40).map(|n| format!("{EVIL}/{}/{n}", "x".repeat(150))).collect();
    for number in 1..=2_000 {
        // A whole one, half a one, one that goes on in its middle, and news of what was never offered.
        say(Message::OfferFiles(page(number, 40, 0, &evil)));
        say(Message::OfferFiles(page(number + 10_000, 10_000, 0, &evil)));
        say(Message::OfferFiles(page(number + 20_000, 100, 50, &evil)));
        let news = if number % 2 == 0 { OfferWord::Withdrawn } else { OfferWord::Done };
        say(Message::OfferNews(OfferNews { request: number, number, news }));
    }
    println!("{noted} taken, {refused} refused");
    assert!(noted >= 30 && refused > 5_000, "{noted} taken, {refused} refused");
    // What makes no sense: more than it says, nothing, no number, too many.
    for wrong in [page(1, 1, 0, &evil), page(1, 40, 0, &[]), page(0, 40, 0, &evil), page(1, 10_001, 0, &evil)]
    {
        caller.say(&Message::OfferFiles(wrong).encode()).unwrap();
        match caller.hear() {
            Some((Message::Refused(no), _)) => assert_eq!(no.reason, Reason::Malformed),
            other => panic!("{other:?}"),
        }
    }
    let rows = offers(&victim);
    assert!(rows.len() <= 40 && rows.iter().all(|row| row.name == "fiend"), "{}", rows.len());
    // A key that no announcement named.
    let mut stranger = lab.within(2, || Caller::dial(&Caller::tls(), me, address(1), port)).unwrap();
    stranger.say(&Message::OfferFiles(page(1, 40, 0, &evil)).encode()).unwrap();
    match stranger.hear() {
        Some((Message::Refused(no), _)) => assert_eq!(no.reason, Reason::Unknown),
        other => panic!("{other:?}"),
    }
    // An honest offer beside it.
    std::fs::write(honest.directory.join("gift"), "text").unwrap();
    send(&honest, "gift", "victim");
    wait("it comes through", SOON, || offers(&victim).iter().any(|row| row.name == "honest").then_some(()));
    let number = offers(&victim).into_iter().find(|row| row.name == "honest").unwrap().number;
    let which = Some(potluck::control::QueueWord::number(number));
    let accept = AcceptRequest { which, wait: true, ..AcceptRequest::default() };
    assert_eq!(victim.try_ask(&accept.into()).unwrap().pop(), Some(Reply::Done));
    assert_eq!(std::fs::read(victim.directory.join("downloads/gift")).unwrap(), b"text");
    let after = memory(&victim);
    println!("memory {before} KiB before, {after} KiB after");
    assert!(after < before + (32 << 10), "{before} KiB, then {after} KiB");
    let shown = String::from_utf8(victim.cli(["offers"]).stdout).unwrap();
    let is_evil = |c: &char| *c != '\n' && potluck::text::is_unprintable(*c);
    assert_eq!(shown.chars().find(is_evil), None);
    assert_well(&victim);
}

#[test]
fn what_is_sent_to_one_peer_no_other_one_gets() {
    let Some(lab) = Lab::of("up 3") else { return };
    let giver = lab.peer(1, "giver", &[]);
    let friend = lab.peer(3, "friend", &["--accept", "all"]);
    let fiend = Fiend::start(&lab, 2, "fiend", Lie::None);
    wait("all are here", SOON, || {
        (giver.sees(&friend) && friend.sees(&giver) && giver.names().contains(&"fiend".to_owned()))
            .then_some(())
    });
    let bytes = vec![7_u8; 3 << 20];
    let id = FileId(*blake3::hash(&bytes).as_bytes());
    std::fs::write(giver.directory.join("secret"), &bytes).unwrap();
    send(&giver, "secret", "friend");
    send(&giver, "secret", "fiend");
    // The friend has it, and it is offered to the fiend no more.
    wait("it came", SOON, || friend.directory.join("downloads/secret").exists().then_some(()));
    let to_fiend = || offers(&giver).into_iter().find(|row| row.name == "fiend");
    let number = wait("the fiend's offer", SOON, to_fiend).0.number;
    let which = Some(potluck::control::QueueWord::number(number));
    giver.try_ask(&potluck::control::RejectRequest { which }.into()).unwrap();
    assert_eq!(to_fiend().unwrap().state, OfferState::Withdrawn);
    send(&giver, "secret", "friend");
    let tls = Tls::new(&fiend.identity).unwrap();
    for (node, peer) in [(1, &giver), (3, &friend)] {
        let (me, port) = (peer.status().id.parse().unwrap(), peer.status().ports[1]);
        let mut caller = lab.within(2, || Caller::dial(&tls, me, address(node), port)).unwrap();
        let item = Item { file: id, offset: 0, len: 1_000 };
        let asks = [
            Message::GetManifest(GetManifest { request: 1, file: id, page: 0 }),
            Message::GetBlocks(GetBlocks { request: 2, items: vec![item], background: false }),
        ];
        for ask in asks {
            caller.say(&ask.encode()).unwrap();
            match caller.hear() {
                Some((Message::Refused(no), _)) => assert_eq!(no.reason, Reason::Unknown, "{}", peer.name),
                other => panic!("{}: {other:?}", peer.name),
            }
        }
    }
    assert_well(&giver);
    assert_well(&friend);
}
