//! `peers` as people read it.

use core::ops::ControlFlow;

use super::parts::{Fit, LEFT, RIGHT, endpoint, look_alikes_note, short_id, table};
use super::{Page, Show};
use crate::cli::human::{duration, number, size};
use crate::cli::output::Style;
use crate::control::{Office, PeerRow, PeersRequest, Reply};
use crate::text::shown;

/// Keeps the rows until all are there, for only then the columns' widths are known.
#[derive(Debug)]
struct PeersShow(Vec<PeerRow>);

/// What shows it.
pub(super) fn show(_: &PeersRequest) -> Box<dyn Show> {
    Box::new(PeersShow(Vec::new()))
}

impl Show for PeersShow {
    fn reply(&mut self, reply: Reply, _: &mut Page) -> ControlFlow<()> {
        if let Reply::Peer(row) = reply {
            self.0.push(row);
        }
        ControlFlow::Continue(())
    }

    fn end(&mut self, worked: bool, style: Style) -> String {
        if worked { peers(&self.0, style) } else { String::new() }
    }
}

/// What `peers` says.
fn peers(rows: &[PeerRow], style: Style) -> String {
    if rows.is_empty() {
        return "no other peer is here\n".to_owned();
    }
    let cells: Vec<[String; 7]> = rows
        .iter()
        .map(|row| {
            let mark = if row.look_alike { " *" } else { "" };
            [
                format!("{}{mark}", shown(&row.name)),
                short_id(&row.id),
                address(row),
                row.files.map_or_else(|| "?".to_owned(), number),
                row.bytes.map_or_else(|| "?".to_owned(), size),
                duration(row.seconds),
                order(row),
            ]
        })
        .collect();
    // What is marked is to be called by its id.
    let id = if rows.iter().any(|row| row.look_alike) { Fit::Whole } else { Fit::Drop };
    let fits = [Fit::Cut, id, Fit::Whole, Fit::Whole, Fit::Whole, Fit::Whole, Fit::Whole];
    let mut text = table(
        ["NAME", "ID", "ADDRESS", "FILES", "SIZE", "HERE FOR", "ORDER"],
        [LEFT, LEFT, LEFT, RIGHT, RIGHT, LEFT, LEFT],
        fits,
        &cells,
        style,
    );
    if rows.iter().any(|row| row.look_alike) {
        text.push_str(&look_alikes_note(style));
    }
    text
}

/// Its number in the order of arrival, and its office.
fn order(row: &PeerRow) -> String {
    let place = row.order.map_or_else(|| "?".to_owned(), number);
    row.office.map_or_else(|| place.clone(), |of| format!("{place}, {}", office(of)))
}

/// What an office is called.
pub(super) const fn office(office: Office) -> &'static str {
    match office {
        Office::Supernode => "supernode",
        Office::Deputy => "deputy",
    }
}

/// Where it is, and through whom it is heard.
fn address(row: &PeerRow) -> String {
    let at = endpoint(&row.address, row.port);
    row.through.as_deref().map_or_else(|| at.clone(), |name| format!("{at} through {}", shown(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_looks_like_another_one_is_marked() {
        let peer = |name: &str, id: &str, look_alike| PeerRow {
            name: name.into(),
            id: id.repeat(52),
            address: "10.0.0.1".into(),
            port: 2,
            files: Some(0),
            bytes: Some(0),
            seconds: 5,
            order: (name != "bert").then_some(2),
            office: (id == "a").then_some(Office::Deputy),
            through: (name == "bert").then(|| "anna".to_owned()),
            look_alike,
        };
        let rows = [peer("anna", "a", true), peer("\u{430}nna", "b", true), peer("bert", "c", false)];
        insta::assert_snapshot!(peers(&rows, Style::PLAIN), @r"
        NAME    ID        ADDRESS                  FILES  SIZE  HERE FOR  ORDER
        anna *  aaaaaaaa  10.0.0.1:2                   0   0 B  5 s       2, deputy
        аnna *  bbbbbbbb  10.0.0.1:2                   0   0 B  5 s       2
        bert    cccccccc  10.0.0.1:2 through anna      0   0 B  5 s       ?
        * can be taken for another peer: say its id, not its name
        ");
        assert!(!peers(&rows[2..], Style::PLAIN).contains('*'));
    }

    #[test]
    fn an_address_can_be_copied_with_its_port() {
        assert_eq!(endpoint("10.0.0.1", 2), "10.0.0.1:2");
        assert_eq!(endpoint("fe80::1%eth0", 2), "[fe80::1%eth0]:2");
    }

    #[test]
    fn nothing_from_a_peer_is_shown_raw() {
        let evil = "\u{1b}[31m\r\u{202e}";
        let peer = PeerRow {
            name: evil.into(),
            id: evil.into(),
            address: evil.into(),
            port: 1,
            files: None,
            bytes: None,
            seconds: 0,
            order: None,
            office: None,
            through: Some(evil.into()),
            look_alike: false,
        };
        let text = peers(&[PeerRow { files: Some(3), ..peer.clone() }, peer], Style::PLAIN);
        assert!(!text.chars().any(|c| c != '\n' && crate::text::is_unprintable(c)), "{text:?}");
    }
}
