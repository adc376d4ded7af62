//! The machine of the routes.

use core::time::Duration;

use super::{LinkPeer, RouteFault, RouteId, RouteOutput, Routes, limits};
use crate::address::{Host, RouteTarget};
use crate::identity::PeerId;
use crate::time::Time;

fn at(seconds: u64) -> Time {
    Time::ZERO + Duration::from_secs(10_000 + seconds)
}

const OWN: PeerId = PeerId([9; 32]);

fn host() -> Host {
    Host { ip: [10, 0, 0, 1].into(), scope: 0 }
}

fn link(n: u8) -> LinkPeer {
    LinkPeer { peer: PeerId([n; 32]), host: host() }
}

fn target(name: &str) -> RouteTarget {
    RouteTarget { host: name.to_owned(), port: 5 }
}

fn outputs(routes: &mut Routes) -> Vec<RouteOutput> {
    core::iter::from_fn(|| routes.poll_output()).collect()
}

/// A machine with a route to `a`, which is up since second 0.
fn connected() -> (Routes, RouteId) {
    let mut routes = Routes::default();
    let id = routes.handle_connect(target("a")).unwrap();
    assert_eq!(outputs(&mut routes), [RouteOutput::Resolve(id, target("a"))]);
    routes.handle_resolved(at(0), id, Ok(vec![host()]));
    assert_eq!(outputs(&mut routes), [RouteOutput::Dial(id, vec![host()], 6)]);
    routes.handle_up(at(0), id, link(1), OWN);
    assert_eq!(
        outputs(&mut routes),
        [RouteOutput::Up(id, link(1)), RouteOutput::Remember(vec![target("a")])]
    );
    (routes, id)
}

#[test]
fn a_route_that_was_up_is_tried_again_soon_and_after_an_hour_ever_later() {
    let (mut routes, id) = connected();
    assert_eq!(routes.handle_connect(target("a")), Err(RouteFault::AlreadyConnected));
    let (mut now, mut pauses) = (at(0), Vec::new());
    while now < at(8_000) {
        routes.handle_failed(now, id, RouteFault::NoAnswer);
        let next = routes.poll_timeout().unwrap();
        pauses.push(next.since(now).as_secs());
        now = next;
        routes.handle_timeout(now);
        routes.handle_resolved(now, id, Ok(vec![host()]));
    }
    let soon = pauses.iter().take_while(|pause| **pause <= 5).count();
    assert_eq!(pauses[..4], [1, 2, 4, 5]);
    assert!(soon >= 720 && pauses[soon..].iter().all(|pause| *pause == 300), "{pauses:?}");
    assert!(outputs(&mut routes).contains(&RouteOutput::Down(PeerId([1; 32]), false)));
}

#[test]
fn what_was_typed_and_never_was_up_is_forgotten_and_a_setting_is_not() {
    let mut routes = Routes::new(vec![target("set")], vec![target("kept"), target("set")]);
    assert_eq!(routes.iter().map(|route| route.target.host.as_str()).collect::<Vec<_>>(), ["set", "kept"]);
    let typed = routes.handle_connect(target("typo")).unwrap();
    outputs(&mut routes);
    let all: Vec<_> = routes.iter().map(|route| route.id).collect();
    all.iter().for_each(|id| routes.handle_resolved(at(0), *id, Err(RouteFault::NoSuchHost)));
    let failed = |n: usize, name| RouteOutput::Failed(all[n], target(name), RouteFault::NoSuchHost);
    assert_eq!(outputs(&mut routes), [failed(0, "set"), failed(1, "kept"), failed(2, "typo")]);
    assert!(routes.get(typed).is_none() && routes.iter().count() == 2);
}

#[test]
fn a_route_that_leads_to_this_peer_or_to_one_that_is_linked_is_closed() {
    let (mut routes, first) = connected();
    for (name, end, fault) in [
        ("b", LinkPeer { peer: OWN, host: host() }, RouteFault::Yourself),
        ("c", link(1), RouteFault::AlreadyConnected),
    ] {
        let id = routes.handle_connect(target(name)).unwrap();
        routes.handle_resolved(at(1), id, Ok(vec![host()]));
        outputs(&mut routes);
        routes.handle_up(at(1), id, end, OWN);
        let failed = RouteOutput::Failed(id, target(name), fault);
        assert_eq!(outputs(&mut routes), [RouteOutput::Close(id), failed]);
    }
    assert!(routes.handle_disconnect(Some(&target("a"))) && !routes.handle_disconnect(None));
    let ended = [
        RouteOutput::Close(first),
        RouteOutput::Down(PeerId([1; 32]), true),
        RouteOutput::Remember(Vec::new()),
    ];
    assert_eq!(outputs(&mut routes), ended);
    assert_eq!(routes.poll_timeout(), None);
}

#[test]
fn there_are_not_more_than_there_may_be() {
    let mut routes = Routes::default();
    for n in 0..limits::ROUTES {
        routes.handle_connect(target(&n.to_string())).unwrap();
    }
    assert_eq!(routes.handle_connect(target("more")), Err(RouteFault::TooMany));
}

#[test]
fn what_the_table_brings_is_tried_once_and_never_remembered() {
    let mut routes = Routes::default();
    routes.handle_found(target("10.0.0.7"));
    let id = routes.iter().next().unwrap().id;
    routes.handle_resolved(at(0), id, Ok(vec![host()]));
    outputs(&mut routes);
    routes.handle_failed(at(0), id, RouteFault::NoAnswer);
    assert!(routes.get(id).is_none(), "it is not tried again by itself");
    // One that was up is missed for an hour.
    routes.handle_found(target("10.0.0.7"));
    let id = routes.iter().next().unwrap().id;
    routes.handle_resolved(at(0), id, Ok(vec![host()]));
    outputs(&mut routes);
    routes.handle_up(at(0), id, link(1), OWN);
    assert_eq!(outputs(&mut routes), [RouteOutput::Up(id, link(1))], "and nothing is remembered");
    routes.handle_failed(at(100), id, RouteFault::Lost);
    assert_eq!(routes.poll_timeout(), Some(at(101)));
    routes.handle_timeout(at(101));
    routes.handle_failed(at(3_700), id, RouteFault::NoAnswer);
    assert!(routes.get(id).is_none());
    assert!(!outputs(&mut routes).iter().any(|output| matches!(output, RouteOutput::Remember(_))));
}

#[test]
fn what_the_table_brought_is_the_users_once_it_is_typed() {
    let mut routes = Routes::default();
    routes.handle_found(target("10.0.0.7"));
    let id = routes.iter().next().unwrap().id;
    routes.handle_resolved(at(0), id, Ok(vec![host()]));
    routes.handle_up(at(0), id, link(1), OWN);
    outputs(&mut routes);
    assert_eq!(routes.handle_connect(target("10.0.0.7")), Err(RouteFault::AlreadyConnected));
    assert_eq!(outputs(&mut routes), [RouteOutput::Remember(vec![target("10.0.0.7")])]);
}

#[test]
fn the_table_leaves_the_user_half_of_the_routes() {
    let mut routes = Routes::default();
    for n in 0..limits::ROUTES {
        routes.handle_found(target(&n.to_string()));
    }
    assert_eq!(routes.iter().count(), limits::FOUND_ROUTES);
    for n in 0..limits::ROUTES - limits::FOUND_ROUTES {
        routes.handle_connect(target(&format!("typed {n}"))).unwrap();
    }
    // A route that is there already takes no other place.
    routes.handle_found(target("typed 1"));
    assert_eq!(routes.iter().count(), limits::ROUTES);
}

/// The table finds this; who is there is `link(n)`. What comes out.
fn finds(routes: &mut Routes, name: &str, n: u8, own: PeerId) -> Vec<RouteOutput> {
    routes.handle_found(target(name));
    let Some(RouteOutput::Resolve(id, _)) = routes.poll_output() else { return Vec::new() };
    routes.handle_resolved(at(0), id, Ok(vec![host()]));
    assert_eq!(outputs(routes), [RouteOutput::Dial(id, vec![host()], 6)]);
    routes.handle_up(at(0), id, link(n), own);
    outputs(routes)
}

#[test]
fn what_the_user_ended_the_table_does_not_bring_back() {
    let mut routes = Routes::default();
    assert!(matches!(finds(&mut routes, "a", 1, OWN)[..], [RouteOutput::Up(..)]));
    assert!(routes.handle_disconnect(Some(&target("a"))));
    outputs(&mut routes);
    assert_eq!(finds(&mut routes, "a", 1, OWN), [], "it is not dialled");
    // Elsewhere it is the same peer.
    let there = finds(&mut routes, "b", 1, OWN);
    assert!(
        matches!(there[..], [RouteOutput::Close(_), RouteOutput::Failed(_, _, RouteFault::Unwanted)]),
        "{there:?}"
    );
    assert!(matches!(finds(&mut routes, "c", 2, OWN)[..], [RouteOutput::Up(..)]), "another one");
    // `connect` wants it again, wherever it is.
    let id = routes.handle_connect(target("d")).unwrap();
    routes.handle_resolved(at(0), id, Ok(vec![host()]));
    routes.handle_up(at(0), id, link(1), OWN);
    assert!(outputs(&mut routes).contains(&RouteOutput::Up(id, link(1))));
    routes.handle_failed(at(0), id, RouteFault::Lost);
    outputs(&mut routes);
    assert!(matches!(finds(&mut routes, "b", 1, OWN)[..], [RouteOutput::Up(..)]));
    // What is remembered is bounded.
    for n in 0..100 {
        routes.handle_connect(target(&format!("x{n}"))).unwrap();
        routes.handle_disconnect(Some(&target(&format!("x{n}"))));
        outputs(&mut routes);
    }
    assert_eq!(finds(&mut routes, "x99", 3, OWN), []);
    assert!(!finds(&mut routes, "x0", 3, OWN).is_empty());
}

#[test]
fn of_two_links_that_the_table_brought_that_of_the_lower_id_stays() {
    let (low, high) = (PeerId([0; 32]), OWN);
    for (own, ends) in [(low, false), (high, true)] {
        let mut routes = Routes::default();
        finds(&mut routes, "a", 1, own);
        routes.handle_served(PeerId([1; 32]), own);
        let out = outputs(&mut routes);
        assert_eq!(out.len(), if ends { 3 } else { 0 }, "{out:?}");
        assert_eq!(routes.iter().count(), usize::from(!ends));
        let is_told =
            |output: &RouteOutput| matches!(output, RouteOutput::Failed(_, _, RouteFault::AlreadyConnected));
        assert_eq!(out.iter().any(is_told), ends);
    }
    // What the user wants stays.
    let (mut routes, _) = connected();
    routes.handle_served(PeerId([1; 32]), OWN);
    assert_eq!(outputs(&mut routes), []);
}
