//! `peers` as people read it.

use core::ops::ControlFlow;

use super::parts::{LEFT, RIGHT, table};
use super::{Page, Show};
use crate::cli::human::{duration, size};
use crate::cli::output::Style;
use crate::control::{PeerRow, PeersRequest, Reply};
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
    let cells: Vec<[String; 6]> = rows
        .iter()
        .map(|row| {
            let id: String = row.id.chars().take(8).collect();
            [
                shown(&row.name).into_owned(),
                shown(&id).into_owned(),
                format!("{}:{}", shown(&row.address), row.port),
                row.files.map_or_else(|| "?".to_owned(), |n| n.to_string()),
                row.bytes.map_or_else(|| "?".to_owned(), size),
                duration(row.seconds),
            ]
        })
        .collect();
    table(
        ["NAME", "ID", "ADDRESS", "FILES", "SIZE", "HERE FOR"],
        [LEFT, LEFT, LEFT, RIGHT, RIGHT, LEFT],
        &cells,
        style,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

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
        };
        let text = peers(&[PeerRow { files: Some(3), ..peer.clone() }, peer], Style { color: false });
        assert!(!text.chars().any(|c| c != '\n' && crate::text::is_unprintable(c)), "{text:?}");
    }
}
