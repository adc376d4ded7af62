//! What a peer pulls, of whom and when, and how long commands wait for it.

use super::super::roster::tests::{info, key};
use super::*;
use crate::content::Catalogue;
use crate::control::UnlistedCause;
use crate::identity::Instance;
use crate::lan::{IndexDuty, OrderClaim};
use crate::peer::limits;
use crate::peer::output::PeerOutput;
use crate::peer::owners::Owners;
use crate::wire::datagram::PresenceState;

/// Whose catalogues are asked for by what was put out; notices as text.
fn seen(out: &mut Outputs) -> Vec<String> {
    let all = std::iter::from_fn(|| out.pop());
    all.filter_map(|output| match output {
        PeerOutput::Receiver(ReceiverCommand::Catalogue(id)) => Some(format!("pull {id}")),
        PeerOutput::Notice(Notice::Joined { name, .. }) => Some(format!("{name} joined")),
        PeerOutput::Notice(Notice::Gone { name, why }) => Some(format!("{name}: {why:?}")),
        PeerOutput::Sender(SenderCommand::Table(id, None)) => Some(format!("no row of {id}")),
        _ => None,
    })
    .collect()
}

fn at(seconds: u64) -> Time {
    Time::ZERO + Duration::from_secs(seconds)
}

#[test]
fn a_catalogue_that_did_not_come_is_asked_for_after_five_seconds() {
    let (mut presence, mut out) = (Presence::default(), Outputs::default());
    let id = key(1).peer_id();
    presence.here(at(0), info(1, "anna", 1), &mut out);
    assert_eq!(seen(&mut out), ["anna joined".to_owned(), format!("pull {id}")]);
    presence.settled();
    assert!(!presence.is_known(at(1)), "its catalogue is still to come");
    presence.pull_failed(at(1), id, NoCatalogueCause::Busy);
    presence.pull_failed(at(2), id, NoCatalogueCause::Busy);
    assert_eq!(presence.poll_timeout(), Some(at(6)));
    presence.handle_timeout(at(5), &mut out);
    assert!(seen(&mut out).is_empty());
    presence.handle_timeout(at(6), &mut out);
    assert_eq!((seen(&mut out), presence.poll_timeout()), (vec![format!("pull {id}")], None));
    let catalogue = Catalogue::default();
    let head = catalogue.head(key(1), Instance { count: 1, random: 1 }, 1);
    assert!(presence.roster.shares(id, head, catalogue.into()) && presence.is_known(at(7)));
}

#[test]
fn nobody_is_told_of_who_visits_for_a_moment() {
    let (mut presence, mut out) = (Presence::default(), Outputs::default());
    let visitor = PeerInfo { features: features::OURS | features::VISITOR, ..info(1, "visitor", 0) };
    presence.here(at(0), visitor, &mut out);
    assert_eq!(presence.roster.len(), 1, "it is here all the same");
    presence.gone(key(1).peer_id(), Gone::Left, &mut out);
    assert_eq!(seen(&mut out), [format!("no row of {}", key(1).peer_id())]);
    presence.here(at(1), PeerInfo { features: features::OURS, ..info(1, "visitor", 0) }, &mut out);
    assert_eq!(seen(&mut out), ["visitor joined"]);
}

#[test]
fn nobody_waits_long_for_who_never_sends_what_it_announces() {
    let (mut presence, mut out) = (Presence::default(), Outputs::default());
    let (id, ms) = (key(1).peer_id(), Duration::from_millis);
    presence.settled();
    presence.here(at(10), info(1, "anna", 1), &mut out);
    assert_eq!(presence.waits_until(at(11), true), at(13), "three seconds since it was asked");
    assert!(!presence.is_known(at(12)) && presence.is_known(at(13)));
    presence.waited(at(13));
    // It says that it has another one, fails, and is asked again: that begins nothing anew.
    presence.here(at(14), info(1, "anna", 2), &mut out);
    presence.pull_failed(at(14), id, NoCatalogueCause::NoAnswer);
    presence.pull(at(20), &mut out);
    assert!(presence.is_known(at(20)) && presence.waits_until(at(20), true) <= at(20));
    // Nor does it help to come as somebody else.
    presence.here(at(20), info(2, "bert", 1), &mut out);
    assert_eq!(presence.waits_until(at(20), true), at(20) + ms(100));
    assert!(!presence.is_known(at(20)) && presence.is_known(at(20) + ms(100)));
    // A while later newcomers get their time, but not those of the host that was waited for in vain.
    let mut neighbour = info(4, "dora", 1);
    neighbour.contact.hosts = info(1, "anna", 1).contact.hosts;
    presence.here(at(80), neighbour, &mut out);
    assert_eq!(presence.waits_until(at(80), true), at(80) + ms(100));
    presence.here(at(80), info(3, "carl", 1), &mut out);
    assert_eq!(presence.waits_until(at(80), true), at(83));
}

#[test]
fn in_a_large_network_catalogues_are_asked_for_when_they_are_wanted() {
    let (mut presence, mut out) = (Presence::default(), Outputs::default());
    let all = u8::try_from(limits::CATALOGUES_ON_SIGHT).unwrap();
    for n in 1..=all {
        presence.here(at(0), info(n, "x", 1), &mut out);
    }
    assert_eq!(seen(&mut out).iter().filter(|s| s.starts_with("pull")).count(), usize::from(all));
    presence.here(at(0), info(all + 1, "one more", 1), &mut out);
    assert_eq!(seen(&mut out), ["one more joined"]);
    presence.pull(at(0), &mut out);
    assert_eq!(seen(&mut out), [format!("pull {}", key(all + 1).peer_id())]);
}

fn own(ticket: u64) -> OwnArrival {
    let arrival = OrderClaim { ticket, duty: IndexDuty::InTurn };
    OwnArrival { id: key(255).peer_id(), arrival, state: PresenceState::Here }
}

/// A peer that knows so many others with tickets from 10 on, and has this ticket itself.
fn among(count: u8, ticket: u64, out: &mut Outputs) -> Presence {
    let mut presence = Presence::with_index_memory(7_000);
    for n in 1..=count {
        let arrival = OrderClaim { ticket: 9 + u64::from(n), duty: IndexDuty::InTurn };
        presence.here(at(0), PeerInfo { arrival, ..info(n, "x", 1) }, out);
        presence.reckon_offices(at(0), own(ticket), out);
    }
    presence
}

fn pulls(out: &mut Outputs) -> usize {
    seen(out).iter().filter(|s| s.starts_with("pull")).count()
}

/// Who is asked for catalogues of others.
fn asked_of(out: &mut Outputs) -> Vec<PeerId> {
    let all = std::iter::from_fn(|| out.pop());
    let asked = all.filter_map(|output| match output {
        PeerOutput::Receiver(ReceiverCommand::OwnerCatalogue { from, .. }) => Some(from),
        _ => None,
    });
    asked.collect()
}

/// The memory for catalogues that was told last.
fn told_memory(out: &mut Outputs) -> Option<Option<u64>> {
    let all = std::iter::from_fn(|| out.pop());
    let told = all.filter_map(|output| match output {
        PeerOutput::Receiver(ReceiverCommand::CatalogueMemory(bytes)) => Some(bytes),
        _ => None,
    });
    told.last()
}

#[test]
fn whoever_has_an_office_in_a_large_network_pulls_what_all_share_and_nobody_else_does() {
    let mut out = Outputs::default();
    let small = limits::CATALOGUES_ON_SIGHT;
    for (ticket, all) in [(1, 200), (10, 200), (12, small), (300, small), (0, small)] {
        among(200, ticket, &mut out);
        assert_eq!(pulls(&mut out), all, "with ticket {ticket}");
    }
    among(200, 1, &mut out);
    assert_eq!(told_memory(&mut out), Some(Some(7_000)));
    among(20, 1, &mut out);
    assert_eq!(told_memory(&mut out), None, "in a small network all are alike");
}

#[test]
fn of_a_thousand_peers_each_is_asked_by_two_for_what_it_shares() {
    let mut out = Outputs::default();
    let asked = |ticket: u64, out: &mut Outputs| {
        let mut presence = Presence::default();
        for n in 1..=1_000_u64 {
            let mut other = PeerInfo {
                arrival: OrderClaim { ticket: n, duty: IndexDuty::InTurn },
                says_large: true,
                ..info(1, "x", 1)
            };
            other.contact.id.0[..8].copy_from_slice(&n.to_be_bytes());
            if n != ticket {
                presence.here(at(0), other, out);
            }
            // It has no ticket before it heard the others.
            if n % 100 == 0 {
                presence.reckon_offices(at(0), own(0), out);
            }
        }
        presence.reckon_offices(at(1), own(ticket), out);
        pulls(out)
    };
    let by_each = [1, 2, 3, 500, 1_000].map(|ticket| asked(ticket, &mut out));
    assert_eq!(by_each, [999, 999, 0, 0, 0]);
}

#[test]
fn the_new_deputy_begins_to_pull_and_who_loses_an_office_ends() {
    let mut out = Outputs::default();
    let mut presence = among(200, 12, &mut out);
    assert_eq!(pulls(&mut out), limits::CATALOGUES_ON_SIGHT);
    presence.gone(key(1).peer_id(), Gone::Silent, &mut out);
    presence.reckon_offices(at(1), own(12), &mut out);
    presence.gone(key(2).peer_id(), Gone::Silent, &mut out);
    presence.reckon_offices(at(1), own(12), &mut out);
    assert_eq!(pulls(&mut out), 200 - limits::CATALOGUES_ON_SIGHT, "what it has not asked for yet");
    let changed = |n: u8, ticket| {
        let arrival = OrderClaim { ticket, duty: IndexDuty::InTurn };
        PeerInfo { arrival, ..info(n, "x", 2) }
    };
    presence.here(at(2), changed(100, 109), &mut out);
    assert_eq!(pulls(&mut out), 1);
    // Two that are there for the index alone come.
    for n in [1, 2] {
        let duty = IndexDuty::First;
        presence.here(
            at(3),
            PeerInfo { arrival: OrderClaim { ticket: 400, duty }, ..info(n, "x", 1) },
            &mut out,
        );
        presence.reckon_offices(at(3), own(12), &mut out);
    }
    assert_eq!(told_memory(&mut out), Some(None));
    presence.here(at(4), changed(101, 110), &mut out);
    assert_eq!(pulls(&mut out), 0);
}

#[test]
fn in_a_large_network_what_is_asked_for_is_pulled_and_nothing_behind_it() {
    let mut out = Outputs::default();
    let mut presence = among(200, 300, &mut out);
    assert_eq!(pulls(&mut out), limits::CATALOGUES_ON_SIGHT);
    // A catalogue came, another one did not: neither has others pulled, and nothing is tried again unasked.
    presence.pull_again(at(1), key(1).peer_id(), &mut out);
    presence.pull_failed(at(1), key(2).peer_id(), NoCatalogueCause::NoAnswer);
    assert_eq!((pulls(&mut out), presence.poll_timeout()), (0, None));
    // Somebody lists: what is missing is said to be coming until then.
    presence.pull(at(7), &mut out);
    assert_eq!(asked_of(&mut out), [key(1).peer_id(); limits::KEEPER_PULLS]);
    // Neither the supernode nor the deputy answers: then each owner is asked.
    let (ms, mut pulled) = (Duration::from_millis, 0);
    presence.handle_timeout(at(7) + ms(700), &mut out);
    assert_eq!(presence.poll_timeout(), Some(at(7) + ms(1_400)));
    pulled += pulls(&mut out);
    presence.handle_timeout(at(7) + ms(1_400), &mut out);
    pulled += pulls(&mut out);
    assert_eq!(pulled, 200 - limits::CATALOGUES_ON_SIGHT + 1);
    let unlisted = presence.roster.unlisted(&Owners::Anyone);
    assert_eq!(unlisted.get(&UnlistedCause::Coming).map(Vec::len), Some(199));
}

#[test]
fn of_a_few_owners_those_are_asked_for_that_announced_something_newer() {
    let mut out = Outputs::default();
    let mut presence = among(200, 300, &mut out);
    pulls(&mut out);
    let id = |n: u8| key(n).peer_id();
    let owners = [1, 150, 151].map(id).into();
    presence.settled();
    assert_eq!(presence.waits_for(at(1), &[150].map(id).into()), None);
    presence.pull_of(at(1), &owners, &mut out);
    assert_eq!(asked_of(&mut out), [id(1), id(1)]);
    assert_eq!(presence.waits_for(at(1), &[150].map(id).into()), Some(at(4)));
    // One has none of them, and the owner does not give it either.
    presence.owner_pull_failed(at(1), [id(1), id(150)], NoCatalogueCause::NoAnswer, &mut out);
    assert_eq!(seen(&mut out), [format!("pull {}", id(150))]);
    presence.pull_failed(at(1), id(150), NoCatalogueCause::Busy);
    assert_eq!(presence.waits_for(at(1), &[150].map(id).into()), None);
}

#[test]
fn whoever_goes_is_told_and_its_name_is_remembered_while_others_keep_its_files() {
    let (mut presence, mut out) = (Presence::default(), Outputs::default());
    let id = key(1).peer_id();
    presence.here(at(0), info(1, "anna", 0), &mut out);
    presence.gone(id, Gone::Left, &mut out);
    assert_eq!(
        seen(&mut out),
        ["anna joined".to_owned(), format!("no row of {id}"), "anna: Left".to_owned()]
    );
    assert_eq!((presence.roster.len(), presence.roster.name(id)), (0, "anna".to_owned()));
    presence.gone(id, Gone::Silent, &mut out);
    assert!(seen(&mut out).is_empty(), "it was not here");
    presence.here(at(0), info(1, "anna", 0), &mut out);
    presence.gone(id, Gone::Closed, &mut out);
    assert_eq!(seen(&mut out).last().map(String::as_str), Some("anna: Disconnected"));
}
