//! `holders` as people read it: numbered, so that one can be chosen at the prompt.

use core::ops::ControlFlow;
use std::collections::BTreeSet;

use super::parts::{Fit, LEFT, RIGHT, endpoint, look_alikes_note, short_id, table};
use super::{Page, Show};
use crate::cli::human::{duration, size, speed};
use crate::cli::output::Style;
use crate::control::typed::CommandOrigin;
use crate::control::{HolderRow, HoldersRequest, Reply};
use crate::sys::clock;
use crate::text::shown;

/// Digits of a file id that are shown.
const DIGITS: usize = 12;

/// Keeps the rows until all are there, for only then the columns' widths are known.
#[derive(Debug)]
struct HoldersShow {
    rows: Vec<HolderRow>,
    is_prompt: bool,
}

/// What shows it.
pub(super) fn show(_: &HoldersRequest) -> Box<dyn Show> {
    Box::new(HoldersShow { rows: Vec::new(), is_prompt: false })
}

impl Show for HoldersShow {
    fn reply(&mut self, reply: Reply, page: &mut Page) -> ControlFlow<()> {
        self.is_prompt = page.origin() == CommandOrigin::Prompt;
        if let Reply::Holder(row) = reply {
            self.rows.push(row);
        }
        ControlFlow::Continue(())
    }

    fn end(&mut self, worked: bool, style: Style) -> String {
        if !worked || self.rows.is_empty() {
            return String::new();
        }
        let mut text = holders(&self.rows, clock::unix_seconds(), style);
        if self.is_prompt {
            let what = if contents(&self.rows) > 1 { "that content" } else { "it from that peer alone" };
            text.push_str(&style.dim(&format!("say a number to download {what}")));
            text.push('\n');
        }
        text
    }
}

/// What is typed for each number: of several contents one is chosen, of one content one of its holders.
pub(in crate::cli) fn choices(rows: &[HolderRow]) -> Vec<String> {
    if contents(rows) > 1 {
        let mut ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
        ids.dedup();
        ids.into_iter().map(|id| format!("download b3:{id}")).collect()
    } else {
        let from = |row: &HolderRow| format!("download b3:{} --from {}", row.id, row.peer);
        // Who keeps it for a peer that is away gives it, but does not share it: nobody is left out for it.
        rows.iter().map(|row| if row.kept { format!("download b3:{}", row.id) } else { from(row) }).collect()
    }
}

fn contents(rows: &[HolderRow]) -> usize {
    rows.iter().map(|row| &row.id).collect::<BTreeSet<_>>().len()
}

/// The table; `now` in seconds since 1970.
fn holders(rows: &[HolderRow], now: u64, style: Style) -> String {
    let several = contents(rows) > 1;
    let (mut number, mut last) = (0, None);
    let cells: Vec<[String; 8]> = rows
        .iter()
        .map(|row| {
            let is_new = last.replace(&row.id) != Some(&row.id);
            let numbered = is_new || !several;
            number += usize::from(numbered);
            let first = |text: String| if is_new { text } else { String::new() };
            [
                if numbered { number.to_string() } else { String::new() },
                first(format!("b3:{}", shown(row.id.get(..DIGITS).unwrap_or(&row.id)))),
                first(size(row.size)),
                format!("{}{}", shown(&row.name), if row.look_alike { " *" } else { "" }),
                short_id(&row.peer),
                endpoint(&row.address, row.port),
                row.speed.map_or_else(|| "?".to_owned(), speed),
                held(row, now),
            ]
        })
        .collect();
    let mut text = table(
        ["#", "CONTENT", "SIZE", "WHO", "ID", "ADDRESS", "SPEED SEEN", "SHARED FOR"],
        [RIGHT, LEFT, RIGHT, LEFT, LEFT, LEFT, RIGHT, LEFT],
        [Fit::Whole; 8],
        &cells,
        style,
    );
    if rows.iter().any(|row| row.look_alike) {
        text.push_str(&look_alikes_note(style));
    }
    text
}

/// Since when it has it, or how.
fn held(row: &HolderRow, now: u64) -> String {
    match row.since {
        Some(since) => duration(now.saturating_sub(since)),
        None if row.some => "keeps some of it".to_owned(),
        None if row.kept => "keeps it".to_owned(),
        None => "?".to_owned(),
    }
}

/// One holder in a line, beside a download that begins.
pub(super) fn line(row: &HolderRow, now: u64) -> String {
    let seen = row.speed.map_or_else(String::new, |rate| format!(", {} seen", speed(rate)));
    let since =
        row.since.map_or_else(String::new, |at| format!(", shared for {}", duration(now.saturating_sub(at))));
    let at = endpoint(&row.address, row.port);
    format!("  {} ({}) at {at}{seen}{since}", shown(&row.name), short_id(&row.peer))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::cli::show) fn holder(name: &str, id: &str) -> HolderRow {
        HolderRow {
            id: id.repeat(64),
            size: 7 << 20,
            name: name.into(),
            peer: name[..1].repeat(52),
            address: "10.0.0.1".into(),
            port: 2,
            speed: None,
            since: Some(1_000),
            kept: false,
            some: false,
            look_alike: false,
        }
    }

    #[test]
    fn holders_of_one_content_are_numbered_and_so_are_several_contents() {
        let anna = HolderRow { speed: Some(11 << 20), ..holder("anna", "a") };
        let bert = HolderRow { since: None, kept: true, some: true, look_alike: true, ..holder("bert", "a") };
        let plain = Style::PLAIN;
        insta::assert_snapshot!(holders(&[anna.clone(), bert.clone()], 8_200, plain), @r"
        #  CONTENT             SIZE  WHO     ID        ADDRESS     SPEED SEEN  SHARED FOR
        1  b3:aaaaaaaaaaaa  7.0 MiB  anna    aaaaaaaa  10.0.0.1:2  11.0 MiB/s  2 h
        2                            bert *  bbbbbbbb  10.0.0.1:2           ?  keeps some of it
        * can be taken for another peer: say its id, not its name
        ");
        let carl = HolderRow { since: None, ..holder("carl", "b") };
        let rows = [anna.clone(), bert, carl];
        insta::assert_snapshot!(holders(&rows, 8_200, plain), @r"
        #  CONTENT             SIZE  WHO     ID        ADDRESS     SPEED SEEN  SHARED FOR
        1  b3:aaaaaaaaaaaa  7.0 MiB  anna    aaaaaaaa  10.0.0.1:2  11.0 MiB/s  2 h
                                     bert *  bbbbbbbb  10.0.0.1:2           ?  keeps some of it
        2  b3:bbbbbbbbbbbb  7.0 MiB  carl    cccccccc  10.0.0.1:2           ?  ?
        * can be taken for another peer: say its id, not its name
        ");
        assert_eq!(
            choices(&rows[..1]),
            [format!("download b3:{} --from {}", "a".repeat(64), "a".repeat(52))]
        );
        let both = choices(&rows[..2]);
        assert_eq!(both[1], format!("download b3:{}", "a".repeat(64)), "a keeper shares nothing of it");
        assert_eq!(choices(&rows), ["a", "b"].map(|id| format!("download b3:{}", id.repeat(64))));
        insta::assert_snapshot!(line(&anna, 8_200), @"  anna (aaaaaaaa) at 10.0.0.1:2, 11.0 MiB/s seen, shared for 2 h");
    }

    #[test]
    fn nothing_from_a_peer_is_shown_raw() {
        let evil = "\u{1b}[31m\r\u{202e}";
        let row = HolderRow {
            id: evil.into(),
            name: evil.into(),
            peer: evil.into(),
            address: evil.into(),
            ..holder("anna", "a")
        };
        let text = holders(std::slice::from_ref(&row), 5, Style::PLAIN) + &line(&row, 5);
        assert!(!text.chars().any(|c| c != '\n' && crate::text::is_unprintable(c)), "{text:?}");
    }
}
