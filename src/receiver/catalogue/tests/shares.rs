//! Whoever brings how many catalogues, as how many peers, over how many addresses: what is held is bounded, and
//! every host gets its share.

use super::*;

const NOW: Time = Time(5);

/// Bytes that are held at most, in these tests.
const LIMIT: u64 = 2_500_000;

fn machine() -> Machine {
    limited(LIMIT)
}

/// One that holds so many bytes.
fn limited(limit: u64) -> Machine {
    let mut machine = Machine::default();
    machine.question.held = HeldCatalogues::new(limit, limit / 128);
    machine
}

fn host(n: u8) -> AccountHost {
    AccountHost::V4([10, 0, 0, n].into())
}

fn id(server: &Server) -> PeerId {
    server.identity.id()
}

/// Files whose catalogue takes about so many bytes, at least 30,000.
fn files(bytes: u64) -> u32 {
    u32::try_from((bytes - 29_000) / 125).unwrap()
}

/// Peers that share as much.
fn servers(count: usize, bytes: u64) -> Vec<Server> {
    let one = Server::new(files(bytes));
    (0..count).map(|_| Server { catalogue: one.catalogue.clone(), ..Server::new(0) }).collect()
}

/// Pulls what a peer at this host shares.
fn pull(machine: &mut Machine, server: &Server, at: u8) -> Vec<Output> {
    machine.handle_here(id(server), host(at));
    machine.handle_wanted(NOW, id(server));
    run(machine, server, |_| ()).1
}

fn came(outputs: &[Output]) -> bool {
    outputs.iter().any(|o| matches!(o, Output::Tell(Event::Catalogue(..))))
}

fn given_up(outputs: &[Output]) -> Vec<PeerId> {
    let owner =
        |o: &Output| if let Output::Tell(Event::CatalogueGivenUp(owner)) = o { Some(*owner) } else { None };
    outputs.iter().filter_map(owner).collect()
}

fn found_no_place(outputs: &[Output]) -> bool {
    outputs.iter().any(|o| matches!(o, Output::Tell(Event::NoCatalogue(_, NoCatalogueCause::TooMuch))))
}

/// One host fills all of it, with one key or with many. Whoever comes from another one is listed all the same,
/// and it is the largest that yields.
#[test]
fn no_host_hides_the_files_of_another_however_many_keys_it_has() {
    for keys in [1, 8, 64] {
        let mut machine = machine();
        let greedy = servers(keys, LIMIT * 15 / 16 / keys as u64);
        for server in &greedy {
            pull(&mut machine, server, 1);
        }
        assert!(machine.question.held.bytes() > LIMIT * 9 / 10, "{keys}");
        let newcomer = Server::new(files(LIMIT / 2 - 100_000));
        let outputs = pull(&mut machine, &newcomer, 2);
        let yielded = given_up(&outputs);
        assert!(came(&outputs) && !yielded.is_empty(), "{keys}");
        assert!(yielded.iter().all(|owner| greedy.iter().any(|s| id(s) == *owner)), "{keys}");
        // Who had to yield takes nothing back from the newcomer. One that shares all of this alone is told so
        // before its buckets are sent again.
        let again = greedy.iter().find(|s| id(s) == yielded[0]).unwrap();
        machine.handle_wanted(NOW, yielded[0]);
        let (asked, outputs) = run(&mut machine, again, |_| ());
        assert!(keys > 1 || (found_no_place(&outputs) && asked == 0), "{keys}");
        assert!(!given_up(&outputs).contains(&id(&newcomer)), "{keys}");
        assert!(machine.known().contains_key(&id(&newcomer)));
    }
}

/// One address gets one share; a hundred and twenty get what as many honest hosts get.
#[test]
fn every_one_of_many_hosts_gets_its_share() {
    let (hosts, share) = (120, 32_000);
    let mut machine = limited(121 * share);
    for server in servers(64, share * 121 / 64) {
        pull(&mut machine, &server, 200);
    }
    let honest = servers(hosts, share - 1_000);
    for (n, server) in (0..).zip(&honest) {
        assert!(came(&pull(&mut machine, server, n)), "{n}");
    }
    assert!(honest.iter().all(|server| machine.known().contains_key(&id(server))));
}

/// A peer that keeps the index has more memory for catalogues. One machine that claims giant ones with many keys takes
/// what is free, and nothing of what others share; and when the office passes on, it loses first.
#[test]
fn who_keeps_the_index_holds_all_that_honest_hosts_share_beside_giant_catalogues() {
    let mut machine = machine();
    machine.handle_memory(4 * LIMIT);
    let greedy = servers(64, 4 * LIMIT / 64);
    for server in &greedy {
        pull(&mut machine, server, 200);
    }
    assert!(machine.question.held.bytes() > 3 * LIMIT, "what is free is anyone's");
    let honest = servers(60, 32_000);
    for (n, server) in (0..).zip(&honest) {
        assert!(came(&pull(&mut machine, server, n)), "{n}");
    }
    machine.handle_memory(LIMIT);
    let gone = given_up(&run(&mut machine, &honest[0], |_| ()).1);
    assert!(machine.question.held.bytes() <= LIMIT);
    assert!(!gone.is_empty() && gone.iter().all(|owner| greedy.iter().any(|server| id(server) == *owner)));
    assert!(honest.iter().all(|server| machine.known().contains_key(&id(server))));
}

/// What peers behind one address share is all listed while there is place.
#[test]
fn many_honest_peers_behind_one_address_lose_nothing_while_there_is_place() {
    let mut machine = machine();
    for server in servers(30, LIMIT / 32) {
        let outputs = pull(&mut machine, &server, 1);
        assert!(came(&outputs) && given_up(&outputs).is_empty());
    }
}

/// A part of a bucket that never ends, in pages.
fn endless_pages() -> Vec<Vec<u8>> {
    let kind = EntryKind::File { id: FileId([1; 32]), size: 1, modified: 0, executable: false, since: 0 };
    let long = ["x".repeat(250), "y".repeat(240)].join("/");
    let paths = (0..).map(|n| format!("{long}{n:06}").parse::<SafePath>().unwrap());
    let paths: Vec<_> = paths.filter(|path| path.bucket() == 0).take(400).collect();
    let entries: Vec<_> = paths.into_iter().map(|path| encode(&Entry { path, kind: kind.clone() })).collect();
    entries.chunks(10).map(|page| page.concat()).collect()
}

/// Begins to pull from this peer: the number of the request for buckets, unless there is no place for them.
fn begun(machine: &mut Machine, server: &Server, at: u8) -> Option<u64> {
    machine.handle_here(id(server), host(at));
    machine.handle_wanted(NOW, id(server));
    let head = machine.run(NOW).into_iter().find_map(|output| match output {
        Output::Ask(_, Message::GetHead(m)) => Some(server.head(&m)),
        _ => None,
    });
    machine.handle_head(NOW, id(server), &head.unwrap());
    machine.run(NOW).into_iter().find_map(|output| match output {
        Output::Ask(_, Message::GetBuckets(m)) => Some(m.request),
        _ => None,
    })
}

fn begin(machine: &mut Machine, server: &Server, at: u8) -> u64 {
    begun(machine, server, at).unwrap()
}

/// Catalogues of which page after page comes, and never the last one.
#[test]
fn what_never_ends_counts_as_it_comes_and_is_cut() {
    let pages = endless_pages();
    for (keys, hosts) in [(1_u8, 1), (8, 1), (64, 1), (64, 64)] {
        let mut machine = machine();
        let endless: Vec<_> = (0..keys).map(|_| Server { entries: Some(500), ..Server::new(300) }).collect();
        let asked = endless.iter().zip(0..).map(|(server, n)| begun(&mut machine, server, n % hosts));
        let requests: Vec<_> = asked.collect();
        let mut outputs = Vec::new();
        for page in &pages {
            for (server, request) in endless.iter().zip(&requests) {
                let Some(request) = *request else { continue };
                let page = BucketIs { request, bucket: 0, entries: page.clone(), last: false };
                machine.handle_bucket(NOW, id(server), page);
                outputs.extend(machine.run(NOW));
                assert!(machine.question.held.bytes() <= LIMIT);
            }
        }
        // Eight of them come to less than all that may be held.
        assert_eq!(found_no_place(&outputs), keys > 8, "{keys}");
        assert!(requests.iter().flatten().count() >= usize::from(keys.min(8)));
        let honest = Server::new(1);
        assert!(came(&pull(&mut machine, &honest, 200)), "{keys}");
        for server in &endless {
            machine.handle_gone(NOW, id(server));
        }
        machine.run(NOW);
        assert_eq!(machine.question.held.bytes(), honest.catalogue.memory() as u64);
    }
}

#[test]
fn more_entries_than_the_head_says_are_a_lie_before_the_end_of_their_bucket() {
    let mut machine = machine();
    let server = Server { entries: Some(310), ..Server::new(300) };
    let request = begin(&mut machine, &server, 1);
    for (n, entries) in endless_pages().into_iter().take(32).enumerate() {
        machine.handle_bucket(NOW, id(&server), BucketIs { request, bucket: 0, entries, last: false });
        let outputs = machine.run(NOW);
        assert_eq!(is_lie(&outputs), n == 31, "{n}: {outputs:?}");
    }
    assert_eq!(machine.question.held.bytes(), 0);
}

/// A page in time, again and again, and hardly anything on it.
#[test]
fn a_trickle_is_cut() {
    let mut machine = machine();
    let server = Server { entries: Some(5_000), ..Server::new(300) };
    let request = begin(&mut machine, &server, 1);
    let (mut now, mut dropped) = (NOW, None);
    for page in endless_pages() {
        machine.handle_bucket(now, id(&server), BucketIs { request, bucket: 0, entries: page, last: false });
        machine.handle_progress(now, id(&server), 1_000);
        now = now + limits::STALL / 2;
        machine.handle_timeout(now);
        if machine.run(now).iter().any(|output| matches!(output, Output::Drop(..))) {
            dropped.get_or_insert(now);
        }
    }
    assert_eq!(dropped, Some(NOW + limits::PULL_IDLE));
    assert_eq!(machine.question.held.bytes(), 0);
}

impl Server {
    /// Pulls what it shares from this keeper, which is here.
    fn pull_from(&self, machine: &mut Machine, keeper: PeerId, at: u8) -> Vec<Output> {
        machine.handle_here(keeper, host(at));
        machine.handle_owner_catalogue(NOW, keeper, id(self));
        let mut rest = Vec::new();
        while let Some(output) = machine.poll_output() {
            match output {
                Output::Dial(peer) => machine.handle_up(NOW, peer),
                Output::Ask(from, Message::GetHead(m)) => machine.handle_head(NOW, from, &self.head(&m)),
                Output::Ask(from, Message::GetBuckets(m)) => {
                    m.buckets
                        .iter()
                        .for_each(|b| machine.handle_bucket(NOW, from, self.bucket(m.request, *b)));
                }
                output => rest.push(output),
            }
        }
        rest
    }
}

fn keeper(n: u8) -> PeerId {
    PeerId([n; 32])
}

#[test]
fn what_came_through_a_keeper_is_bounded_and_goes_with_it() {
    let mut machine = machine();
    let owners = servers(30, LIMIT / 16);
    for owner in &owners {
        owner.pull_from(&mut machine, keeper(1), 1);
        assert!(machine.question.held.bytes() <= LIMIT);
    }
    assert!((14..=16).contains(&machine.known().len()));
    let kept: Vec<_> = machine.known().keys().copied().collect();
    machine.handle_gone(NOW, keeper(1));
    assert_eq!(given_up(&machine.run(NOW)), kept);
    assert_eq!(machine.question.held.bytes(), 0);
}

#[test]
fn another_keeper_of_the_same_pays_when_the_first_one_goes() {
    let mut machine = machine();
    let owner = Server::new(files(LIMIT / 8));
    owner.pull_from(&mut machine, keeper(1), 1);
    let outputs = owner.pull_from(&mut machine, keeper(2), 2);
    assert!(
        matches!(&outputs[..], [Output::Tell(Event::OwnerCatalogue { is_held: true, .. })]),
        "{outputs:?}"
    );
    machine.handle_gone(NOW, keeper(1));
    assert!(machine.run(NOW).is_empty() && machine.known().contains_key(&id(&owner)));
    // Its owner comes, goes, and is remembered only while a keeper of it is here or there is place.
    assert!(came(&pull(&mut machine, &owner, 3)));
    machine.handle_gone(NOW, keeper(2));
    machine.handle_gone(NOW, id(&owner));
    assert!(machine.run(NOW).is_empty() && machine.known().contains_key(&id(&owner)));
    let large = Server::new(files(LIMIT - 100_000));
    let outputs = pull(&mut machine, &large, 1);
    assert!(came(&outputs) && given_up(&outputs) == [id(&owner)]);
}

/// Whoever names others' owners first, and then fills its share, does not make them go.
#[test]
fn of_two_keepers_the_one_whose_host_holds_less_pays() {
    let mut machine = machine();
    let owner = Server::new(files(LIMIT / 8));
    owner.pull_from(&mut machine, keeper(1), 1);
    let payer = |machine: &Machine| {
        machine.question.held.memory.account().payer(HeldItem::Catalogue(id(&owner))).unwrap().peer
    };
    assert_eq!(payer(&machine), keeper(1));
    owner.pull_from(&mut machine, keeper(2), 2);
    assert_eq!(payer(&machine), keeper(1), "they hold as much");
    Server::new(100).pull_from(&mut machine, keeper(1), 1);
    owner.pull_from(&mut machine, keeper(2), 2);
    assert_eq!(payer(&machine), keeper(2));
    pull(&mut machine, &owner, 3);
    assert_eq!(payer(&machine), id(&owner), "who is here pays for itself");
    owner.pull_from(&mut machine, keeper(1), 1);
    assert_eq!(payer(&machine), id(&owner));
}

/// The buckets that did not change are taken from what is known. That may yield while the others come.
#[test]
fn what_yielded_while_the_rest_came_is_asked_for_again() {
    let mut machine = machine();
    let mut owner = Server::new(files(LIMIT * 5 / 8));
    assert!(came(&pull(&mut machine, &owner, 1)));
    (owner.catalogue, owner.version) = (catalogue(files(LIMIT * 5 / 8) + 1), 2);
    let request = begin(&mut machine, &owner, 1);
    let newcomer = Server::new(files(LIMIT * 7 / 16));
    assert_eq!(given_up(&pull(&mut machine, &newcomer, 2)), [id(&owner)]);
    machine.handle_gone(NOW, id(&newcomer));
    let changed = catalogue(files(LIMIT * 5 / 8)).digests().to_vec();
    let changed = changed.iter().zip(owner.catalogue.digests()).position(|(a, b)| a != b).unwrap();
    machine.handle_bucket(NOW, id(&owner), owner.bucket(request, u8::try_from(changed).unwrap()));
    let (asked, outputs) = run(&mut machine, &owner, |_| ());
    assert_eq!(asked, 255);
    assert!(came(&outputs) && given_up(&outputs) == [id(&newcomer)]);
    assert_eq!(*machine.known()[&id(&owner)].catalogue, owner.catalogue);
}

/// Both versions would be more than there is place for.
#[test]
fn a_large_catalogue_of_which_all_changed_takes_the_place_of_the_one_before() {
    let mut machine = machine();
    let mut owner = Server::new(files(LIMIT * 5 / 8));
    assert!(came(&pull(&mut machine, &owner, 1)));
    let changed = owner.catalogue.entries().map(|e| Entry { path: e.path.clone(), kind: EntryKind::Folder });
    (owner.catalogue, owner.version) = (Catalogue::of(changed), 2);
    let outputs = pull(&mut machine, &owner, 1);
    assert!(came(&outputs) && given_up(&outputs) == [id(&owner)]);
    assert_eq!(*machine.known()[&id(&owner)].catalogue, owner.catalogue);
}

#[test]
#[should_panic(expected = "what is charged is not what is held")]
fn what_is_held_and_not_charged_is_caught() {
    let mut machine = machine();
    let server = Server { entries: Some(5_000), ..Server::new(300) };
    begin(&mut machine, &server, 1);
    let key = PullKey { from: id(&server), subject: id(&server) };
    machine.question.held.came(key);
    machine.poll_output();
}
