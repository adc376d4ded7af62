//! `connect` as people read it.

use core::ops::ControlFlow;

use super::parts::short_id;
use super::{Page, Show};
use crate::cli::human::{count, duration};
use crate::cli::output;
use crate::control::{ConnectRequest, Reply, RouteRow};
use crate::text::shown;

#[derive(Debug)]
struct ConnectShow;

/// What shows it.
pub(super) fn show(_: &ConnectRequest) -> Box<dyn Show> {
    Box::new(ConnectShow)
}

impl Show for ConnectShow {
    fn reply(&mut self, reply: Reply, _: &mut Page) -> ControlFlow<()> {
        match reply {
            Reply::Route(row) => output::out(&format!("connected to {}\n", who(&row))),
            _ => ControlFlow::Continue(()),
        }
    }
}

/// Who is at the other end.
fn who(row: &RouteRow) -> String {
    let id = row.peer.as_deref().map(short_id).unwrap_or_default();
    let name = row.name.as_deref().map(|name| format!("{} ", shown(name))).unwrap_or_default();
    let address = row.address.as_deref().map(|at| format!(" at {}", shown(at))).unwrap_or_default();
    format!("{name}{id}{address}")
}

/// What `status` says of a route.
pub(super) fn route(row: &RouteRow) -> String {
    let why = row.fault.as_deref().map(|why| format!(": {}", shown(why))).unwrap_or_default();
    let peers = count(row.peers, "peer");
    let found = if row.is_found { ", found by --wan" } else { "" };
    match row.state.as_str() {
        "up" => {
            let since = duration(row.seconds);
            format!("{}: up for {since}, to {}, {peers} through it{found}", shown(&row.target), who(row))
        }
        "served" => format!("made by {}, {peers} through it", who(row)),
        "waiting" => {
            format!("{}{why}; tried again in {}", shown(&row.target), duration(row.seconds))
        }
        _ => format!("{}{why}; connecting", shown(&row.target)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_of_a_route_is_told() {
        let up = RouteRow {
            target: "nas:27280".into(),
            state: "up".into(),
            peer: Some("a".repeat(52)),
            name: Some("anna".into()),
            address: Some("10.0.0.1".into()),
            seconds: 5,
            peers: 3,
            ..RouteRow::default()
        };
        let waiting = RouteRow {
            target: "nas:27280".into(),
            state: "waiting".into(),
            seconds: 4,
            fault: Some("no answer".into()),
            ..RouteRow::default()
        };
        let connecting = RouteRow { state: "connecting".into(), ..waiting.clone() };
        let served = RouteRow { target: String::new(), state: "served".into(), peers: 1, ..up.clone() };
        let all = [up, waiting, connecting, served].map(|row| route(&row));
        assert_eq!(
            all,
            [
                "nas:27280: up for 5 s, to anna aaaaaaaa at 10.0.0.1, 3 peers through it",
                "nas:27280: no answer; tried again in 4 s",
                "nas:27280: no answer; connecting",
                "made by anna aaaaaaaa at 10.0.0.1, 1 peer through it",
            ]
        );
    }

    #[test]
    fn nothing_from_a_peer_is_shown_raw() {
        let evil = "\u{1b}[31m\r\u{202e}".to_owned();
        let row = RouteRow { name: Some(evil.clone()), address: Some(evil), ..RouteRow::default() };
        assert!(!who(&row).chars().any(crate::text::is_unprintable));
    }
}
