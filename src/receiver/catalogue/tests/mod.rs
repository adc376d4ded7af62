//! A catalogue is what its owner signed, whoever passes it on.

mod shares;

use std::collections::BTreeMap;

use super::*;
use crate::codec::encode;
use crate::content::bucket::Bucket;
use crate::content::{Entry, EntryKind, FileId, SafePath};
use crate::identity::{Identity, Instance};
use crate::receiver::ReceiverEvent as Event;
use crate::receiver::pull::driven::Driven;
use crate::receiver::pull::{PullMachine as _, PullOutput as Output, PullStep};
use crate::wire::message::Refused;

type Machine = Driven<Catalogues>;

impl Driven<Catalogues> {
    fn handle_head(&mut self, now: Time, peer: PeerId, head: &HeadIs) {
        self.handle_page(now, peer, head.request, CataloguePage::Head(head.clone()));
    }

    fn handle_bucket(&mut self, now: Time, peer: PeerId, bucket: BucketIs) {
        self.handle_page(now, peer, bucket.request, CataloguePage::Bucket(bucket));
    }

    fn known(&self) -> &BTreeMap<PeerId, held::HeldCatalogue> {
        &self.question.held.known
    }
}

fn catalogue(files: u32) -> Catalogue {
    let kind = EntryKind::File { id: FileId([1; 32]), size: 1, modified: 0, executable: false, since: 0 };
    Catalogue::of((0..files).map(|n| Entry { path: format!("f{n}").parse().unwrap(), kind: kind.clone() }))
}

struct Server {
    identity: Identity,
    catalogue: Catalogue,
    version: u64,
    entries: Option<u64>,
}

impl Server {
    fn new(files: u32) -> Self {
        Self {
            identity: Identity::generate().unwrap(),
            catalogue: catalogue(files),
            version: 1,
            entries: None,
        }
    }

    fn head(&self, m: &GetHead) -> HeadIs {
        let instance = Instance { count: 1, random: 1 };
        let mut head = self.catalogue.head(self.identity.public(), instance, self.version);
        head.entries = self.entries.unwrap_or(head.entries);
        let known = m.known == Some(head.root);
        let digests = self.catalogue.digests().iter().flat_map(|d| d.0).collect();
        let digests = if known { Vec::new() } else { digests };
        HeadIs { request: m.request, signed: head.sign(&self.identity), digests }
    }

    fn bucket(&self, request: u64, bucket: u8) -> BucketIs {
        let entries = self.catalogue.bucket(bucket).bytes();
        BucketIs { request, bucket, entries, last: true }
    }
}

/// Runs until nothing is left to do; `twist` may change each answer. Buckets that were asked for,
/// and the outputs that are not requests.
fn run(machine: &mut Machine, server: &Server, mut twist: impl FnMut(&mut Message)) -> (usize, Vec<Output>) {
    let (now, peer) = (Time(5), server.identity.id());
    let (mut asked, mut rest) = (0, Vec::new());
    while let Some(output) = machine.poll_output() {
        let answers = match output {
            Output::Dial(_) => {
                machine.handle_up(now, peer);
                continue;
            }
            Output::Ask(_, Message::GetHead(m)) => vec![Message::Head(server.head(&m))],
            Output::Ask(_, Message::GetBuckets(m)) => {
                asked += m.buckets.len();
                m.buckets.iter().map(|b| Message::Bucket(server.bucket(m.request, *b))).collect()
            }
            other => {
                rest.push(other);
                continue;
            }
        };
        for mut answer in answers {
            twist(&mut answer);
            match answer {
                Message::Head(m) => machine.handle_head(now, peer, &m),
                Message::Bucket(m) => machine.handle_bucket(now, peer, m),
                other => panic!("{other:?}"),
            }
        }
    }
    (asked, rest)
}

/// True if the owner is told to lie, and its connection ends.
fn is_lie(outputs: &[Output]) -> bool {
    matches!(
        outputs,
        [
            Output::Tell(Event::NoCatalogue(_, NoCatalogueCause::Wrong)),
            Output::Tell(Event::Warning(_)),
            Output::Drop(..)
        ]
    )
}

#[test]
fn only_changed_buckets_are_asked_for_again() {
    let mut server = Server::new(5_000);
    let peer = server.identity.id();
    let mut machine = Machine::default();
    machine.handle_wanted(Time(1), peer);
    let (asked, rest) = run(&mut machine, &server, |_| ());
    assert_eq!(asked, 256);
    assert!(
        matches!(&rest[..], [Output::Tell(Event::Catalogue(_, _, _, c))] if **c == server.catalogue),
        "{rest:?}"
    );
    server.version = 2;
    server.catalogue = catalogue(5_001);
    machine.handle_wanted(Time(1), peer);
    let (asked, rest) = run(&mut machine, &server, |_| ());
    assert_eq!(asked, 1);
    assert!(
        matches!(&rest[..], [Output::Tell(Event::Catalogue(_, h, _, c))] if **c == server.catalogue && h.version == 2)
    );
    machine.handle_wanted(Time(1), peer);
    let (asked, rest) = run(&mut machine, &server, |_| ());
    assert!(asked == 0 && matches!(&rest[..], [Output::Tell(Event::Catalogue(..))]));
    assert!(machine.pulls.is_empty() && machine.poll_timeout().is_none());
}

#[test]
fn empty_buckets_need_not_come() {
    let server = Server::new(1);
    let mut machine = Machine::default();
    machine.handle_wanted(Time(1), server.identity.id());
    let (asked, rest) = run(&mut machine, &server, |_| ());
    assert!(asked == 1 && matches!(&rest[..], [Output::Tell(Event::Catalogue(..))]), "{rest:?}");
}

/// An owner of a later version: what is known of its catalogue is listed, and the root is proved over all of
/// it.
#[test]
fn entries_of_a_later_version_are_counted_and_not_listed() {
    let mut server = Server::new(40);
    let peer = server.identity.id();
    let known: Vec<_> = server.catalogue.entries().map(|e| e.path.clone()).collect();
    for n in 0..40 {
        let path: SafePath = format!("later {n}").parse().unwrap();
        let index = path.bucket();
        let entry = |path: &str| {
            [&[0x82][..], &encode("path"), &encode(path), &encode("kind"), &encode("link")].concat()
        };
        let mut pieces: Vec<_> = server.catalogue.bucket(index).pieces(0).map(|p| p.into_owned()).collect();
        // Behind those of "f..." in the order of paths.
        pieces.push(entry(path.as_str()));
        let Ok(bucket) = Bucket::read(index, &pieces.concat()) else { continue };
        server.catalogue.set(index, bucket);
    }
    let later = server.catalogue.count() - 40;
    assert!(later > 30, "{later}");
    let mut machine = Machine::default();
    machine.handle_wanted(Time(1), peer);
    let (_, rest) = run(&mut machine, &server, |_| ());
    let [Output::Tell(Event::Catalogue(_, head, _, catalogue))] = &rest[..] else { panic!("{rest:?}") };
    assert_eq!((head.entries, catalogue.count()), (40 + later, 40 + later));
    assert_eq!(catalogue.entries().map(|e| e.path.clone()).collect::<Vec<_>>(), known);
    assert_eq!(**catalogue, server.catalogue, "it is passed on as it came");
}

#[test]
fn whoever_lies_about_its_catalogue_is_not_listed() {
    type Twist = fn(&mut Message);
    let twists: [Twist; 7] = [
        |m| {
            if let Message::Head(h) = m {
                h.signed[70] ^= 1
            }
        },
        |m| {
            if let Message::Head(h) = m {
                h.digests[0] ^= 1
            }
        },
        |m| {
            if let Message::Head(h) = m {
                h.digests.truncate(100)
            }
        },
        |m| {
            if let Message::Bucket(b) = m {
                b.bucket = b.bucket.wrapping_add(1)
            }
        },
        |m| {
            if let Message::Bucket(b) = m {
                b.entries.truncate(b.entries.len().saturating_sub(1))
            }
        },
        |m| {
            if let Message::Bucket(b) = m {
                b.entries.reverse()
            }
        },
        |m| {
            if let Message::Bucket(b) = m {
                (b.entries, b.last) = (Vec::new(), false);
            }
        },
    ];
    for (n, twist) in twists.into_iter().enumerate() {
        let server = Server::new(2_000);
        let mut machine = Machine::default();
        machine.handle_wanted(Time(1), server.identity.id());
        let (_, rest) = run(&mut machine, &server, twist);
        assert!(is_lie(&rest), "{n}: {rest:?}");
        assert!(machine.pulls.is_empty() && machine.known().is_empty());
    }
    // One that signs a head with a wrong number of entries, or somebody else's head.
    let server = Server { entries: Some(7), ..Server::new(20) };
    let mut machine = Machine::default();
    machine.handle_wanted(Time(1), server.identity.id());
    let (_, rest) = run(&mut machine, &server, |_| ());
    assert!(is_lie(&rest), "{rest:?}");
}

#[test]
fn a_lost_or_silent_peer_is_tried_three_times() {
    let peer = Identity::generate().unwrap().id();
    let mut machine = Machine::default();
    let mut now = Time(1);
    machine.handle_wanted(now, peer);
    let (mut dialled, mut reported) = (0, 0);
    loop {
        while let Some(output) = machine.poll_output() {
            match output {
                // The second time it connects and says nothing.
                Output::Dial(_) if dialled == 1 => {
                    dialled += 1;
                    machine.handle_up(now, peer);
                }
                Output::Dial(_) => {
                    dialled += 1;
                    machine.handle_down(now, peer);
                }
                Output::Ask(..) | Output::Drop(..) => {}
                Output::Tell(Event::NoCatalogue(_, NoCatalogueCause::NoAnswer)) => reported += 1,
                other => panic!("{other:?}"),
            }
        }
        let Some(due) = machine.poll_timeout() else { break };
        assert!(due > now);
        now = due;
        machine.handle_timeout(now);
    }
    assert_eq!((dialled, reported), (3, 1));
    assert!(machine.pulls.is_empty());
}

/// It is reported to whoever asked, for it may have asked for the newest one while this one did not come.
#[test]
fn a_refused_catalogue_is_given_up_and_said_so() {
    let server = Server::new(3);
    let peer = server.identity.id();
    let now = Time(1);
    for (reason, heads) in [(Reason::Changed, 3), (Reason::Busy, 1)] {
        let mut machine = Machine::default();
        machine.handle_wanted(now, peer);
        let (mut asked, mut reported) = (0, 0);
        while let Some(output) = machine.poll_output() {
            match output {
                Output::Dial(_) => machine.handle_up(now, peer),
                Output::Ask(_, Message::GetHead(m)) if reason == Reason::Changed => {
                    asked += 1;
                    machine.handle_head(now, peer, &server.head(&m));
                }
                Output::Ask(_, Message::GetHead(GetHead { request, .. })) => {
                    asked += 1;
                    machine.handle_refused(now, peer, &Refused { request, item: None, reason });
                }
                Output::Ask(_, Message::GetBuckets(GetBuckets { request, .. })) => {
                    // It announces another one, too.
                    machine.handle_wanted(now, peer);
                    machine.handle_refused(now, peer, &Refused { request, item: None, reason });
                }
                Output::Tell(Event::NoCatalogue(p, cause)) if p == peer => {
                    let is_busy = cause == NoCatalogueCause::Busy;
                    assert_eq!(is_busy, reason == Reason::Busy);
                    reported += 1;
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((asked, reported), (heads, 1), "{reason:?}");
        assert!(machine.pulls.is_empty() && machine.poll_timeout().is_none());
    }
}

const KEEPER: PeerId = PeerId([9; 32]);

impl Server {
    /// What a keeper answers that has what this owner shares.
    fn pass_on(&self, machine: &mut Machine, output: Output) -> Option<Output> {
        let now = Time(5);
        match output {
            Output::Dial(peer) => machine.handle_up(now, peer),
            Output::Ask(from, Message::GetHead(m)) => {
                assert_eq!((from, m.origin), (KEEPER, Some(self.identity.id())));
                machine.handle_head(now, from, &self.head(&m));
            }
            Output::Ask(from, Message::GetBuckets(m)) => {
                assert_eq!((from, m.origin), (KEEPER, Some(self.identity.id())));
                for bucket in &m.buckets {
                    machine.handle_bucket(now, from, self.bucket(m.request, *bucket));
                }
            }
            other => return Some(other),
        }
        None
    }

    /// Pulls what it shares from a keeper; the outputs that are no requests.
    fn asked_of_keeper(&self, machine: &mut Machine) -> Vec<Output> {
        machine.handle_owner_catalogue(Time(1), KEEPER, self.identity.id());
        let mut rest = Vec::new();
        while let Some(output) = machine.poll_output() {
            rest.extend(self.pass_on(machine, output));
        }
        rest
    }
}

#[test]
fn a_keeper_may_have_an_older_catalogue_and_an_owner_may_not() {
    let mut owner = Server { version: 2, ..Server::new(500) };
    let peer = owner.identity.id();
    let mut machine = Machine::default();
    machine.handle_wanted(Time(1), peer);
    run(&mut machine, &owner, |_| ());
    // The keeper slept.
    let new = std::mem::replace(&mut owner.catalogue, catalogue(400));
    owner.version = 1;
    let rest = owner.asked_of_keeper(&mut machine);
    let [Output::Tell(Event::OwnerCatalogue { from: KEEPER, origin, signed, catalogue, is_held: false })] =
        &rest[..]
    else {
        panic!("{rest:?}")
    };
    assert_eq!((*origin, &**catalogue), (peer, &owner.catalogue));
    assert_eq!(Head::open(signed).unwrap().version, 1);
    assert_eq!(*machine.known()[&peer].catalogue, new, "what is newer stays");
    // The owner itself says the same.
    machine.handle_wanted(Time(1), peer);
    let (_, rest) = run(&mut machine, &owner, |_| ());
    assert!(is_lie(&rest), "{rest:?}");
    // A newer one that a keeper has is where the next pull begins.
    let many = self::catalogue(501);
    (owner.catalogue, owner.version) = (many, 3);
    assert!(matches!(&owner.asked_of_keeper(&mut machine)[..], [Output::Tell(Event::OwnerCatalogue { .. })]));
    machine.handle_wanted(Time(1), peer);
    let (asked, rest) = run(&mut machine, &owner, |_| ());
    assert!(asked == 0 && matches!(&rest[..], [Output::Tell(Event::Catalogue(..))]), "{rest:?}");
    assert!(machine.pulls.is_empty());
}

#[test]
fn what_a_keeper_passes_on_is_signed_by_its_owner_or_refused() {
    let (owner, other) = (Server::new(50), Server::new(50));
    let origin = owner.identity.id();
    let mut machine = Machine::default();
    machine.handle_owner_catalogue(Time(1), KEEPER, origin);
    machine.handle_owner_catalogue(Time(1), KEEPER, PeerId([3; 32]));
    let mut rest = Vec::new();
    while let Some(output) = machine.poll_output() {
        match output {
            Output::Dial(peer) => machine.handle_up(Time(5), peer),
            Output::Ask(_, Message::GetHead(m)) if m.origin == Some(origin) => {
                machine.handle_head(Time(5), KEEPER, &other.head(&m));
            }
            Output::Ask(..) => {}
            other => rest.push(other),
        }
    }
    let [
        Output::Tell(Event::NoOwnerCatalogue { origin: o, .. }),
        Output::Tell(Event::Warning(text)),
        Output::Drop(KEEPER, _),
    ] = &rest[..]
    else {
        panic!("{rest:?}");
    };
    assert!(*o == origin && text.contains("signed by another peer"), "{text}");
    assert!(machine.known().is_empty());
    // What else was asked of it is asked again over another connection.
    assert!(
        machine.pulls.values().all(|p| matches!(p.step, PullStep::Resting(_))) && machine.pulls.len() == 1
    );
}

/// A newer one may be announced while a pull is under way, and that pull end with a lie.
#[test]
fn what_was_announced_while_a_lie_came_is_pulled_all_the_same() {
    let (owner, other) = (Server::new(50), Server::new(50));
    let origin = owner.identity.id();
    let mut machine = Machine::default();
    machine.handle_owner_catalogue(Time(1), KEEPER, origin);
    let mut lies = 0;
    let mut rest = Vec::new();
    while let Some(output) = machine.poll_output() {
        match output {
            Output::Ask(_, Message::GetHead(m)) if lies == 0 => {
                lies += 1;
                machine.handle_owner_catalogue(Time(4), KEEPER, origin);
                machine.handle_head(Time(5), KEEPER, &other.head(&m));
            }
            output => rest.extend(owner.pass_on(&mut machine, output)),
        }
    }
    let [
        Output::Tell(Event::NoOwnerCatalogue { .. }),
        Output::Tell(Event::Warning(_)),
        Output::Drop(KEEPER, _),
        Output::Tell(Event::OwnerCatalogue { from: KEEPER, .. }),
    ] = &rest[..]
    else {
        panic!("{rest:?}");
    };
    assert!(machine.pulls.is_empty());
}

#[test]
fn a_few_at_a_time_are_pulled_from_one_keeper_and_each_ends() {
    let owners: Vec<_> = (0..20).map(|_| Server::new(20)).collect();
    let mut machine = Machine::default();
    for owner in &owners {
        machine.handle_owner_catalogue(Time(1), KEEPER, owner.identity.id());
    }
    let (mut done, mut most) = (0, 0);
    while let Some(output) = machine.poll_output() {
        let origin = match &output {
            Output::Ask(_, Message::GetHead(m)) => m.origin,
            Output::Ask(_, Message::GetBuckets(m)) => m.origin,
            _ => None,
        };
        let owner = owners.iter().find(|o| origin == Some(o.identity.id())).unwrap_or(&owners[0]);
        if let Some(Output::Tell(Event::OwnerCatalogue { .. })) = owner.pass_on(&mut machine, output) {
            done += 1;
        }
        most = most.max(machine.pulls.values().filter(|p| p.step.is_open()).count());
    }
    assert_eq!((done, most), (owners.len(), limits::OWNER_CATALOGUES));
    assert!(machine.pulls.is_empty());

    // A keeper that never answers, and one that is gone.
    let mut now = Time(10);
    for owner in &owners {
        machine.handle_owner_catalogue(now, KEEPER, owner.identity.id());
    }
    let (mut dialled, mut none) = (0, 0);
    loop {
        while let Some(output) = machine.poll_output() {
            match output {
                Output::Dial(peer) => {
                    dialled += 1;
                    machine.handle_up(now, peer);
                }
                Output::Tell(Event::NoOwnerCatalogue { .. }) => none += 1,
                Output::Ask(..) | Output::Drop(..) => {}
                other => panic!("{other:?}"),
            }
        }
        let Some(due) = machine.poll_timeout() else { break };
        assert!(due > now);
        now = due;
        machine.handle_timeout(now);
    }
    assert!(none == owners.len() && machine.pulls.is_empty() && dialled <= owners.len() + 2);
    machine.handle_owner_catalogue(now, KEEPER, owners[0].identity.id());
    machine.handle_gone(now, KEEPER);
    assert!(matches!(machine.poll_output(), Some(Output::Dial(_))));
    assert!(matches!(machine.poll_output(), Some(Output::Tell(Event::NoOwnerCatalogue { .. }))));
}

#[test]
fn what_waits_behind_a_long_answer_is_not_late() {
    let owner = Server::new(20);
    let mut machine = Machine::default();
    machine.handle_owner_catalogue(Time(1), KEEPER, owner.identity.id());
    machine.handle_up(Time(1), KEEPER);
    let due = machine.poll_timeout().unwrap();
    machine.handle_heard(due, KEEPER);
    machine.handle_timeout(due);
    assert!(machine.is_owed_by(KEEPER) && machine.poll_timeout().unwrap() > due);
}
