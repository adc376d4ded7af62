//! `who` as people read it: a line for each peer, and below it how many have it and who is missing.

use core::ops::ControlFlow;

use super::parts::{Fit, LEFT, RIGHT, endpoint, facts, look_alikes_note, short_id, table, wrapped};
use super::{Page, Show};
use crate::cli::human::{count, duration, number, percent, size, speed};
use crate::cli::output::Style;
use crate::control::{Reply, WhoPeerRow, WhoRequest, WhoRow, WhoSum};
use crate::sys::{clock, local_time};
use crate::text::shown;

/// Of those who are missing so many are named; the rest is counted.
const MISSING: usize = 20;

/// Keeps the rows until all are there, for only then the columns' widths are known.
#[derive(Debug)]
struct WhoShow {
    rows: Vec<WhoRow>,
    sum: Option<WhoSum>,
    peers: Vec<WhoPeerRow>,
    is_one: bool,
}

/// What shows it.
pub(super) fn show(request: &WhoRequest) -> Box<dyn Show> {
    Box::new(WhoShow { rows: Vec::new(), sum: None, peers: Vec::new(), is_one: request.about.is_some() })
}

impl Show for WhoShow {
    fn reply(&mut self, reply: Reply, _: &mut Page) -> ControlFlow<()> {
        match reply {
            Reply::Who(row) => self.rows.push(row),
            Reply::WhoSum(sum) => self.sum = Some(sum),
            Reply::WhoPeer(row) => self.peers.push(*row),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn end(&mut self, worked: bool, style: Style) -> String {
        let now = clock::unix_millis();
        let when = |at: u64| local_time::shown(at, now);
        match (&self.sum, self.peers.as_slice()) {
            _ if !worked => String::new(),
            (Some(sum), _) => who(&self.rows, sum, when, style),
            (None, [row]) if self.is_one => one_peer(row, when, style),
            (None, []) => "nobody else is here\n".to_owned(),
            (None, rows) => all_peers(rows, when, style),
        }
    }
}

/// The table and its sum; `when` shows a time in milliseconds since 1970.
fn who(rows: &[WhoRow], sum: &WhoSum, when: impl Fn(u64) -> String, style: Style) -> String {
    let cells: Vec<[String; 5]> = rows
        .iter()
        .map(|row| {
            [
                format!("{}{}", name(&row.name, &row.peer), if row.look_alike { " *" } else { "" }),
                short_id(&row.peer),
                has(row, sum),
                how(row, sum),
                row.last.map_or_else(String::new, &when),
            ]
        })
        .collect();
    let mut text = String::new();
    if !cells.is_empty() {
        text = table(
            ["PEER", "ID", "HAS", "HOW", "LAST TOOK"],
            [LEFT, LEFT, RIGHT, LEFT, LEFT],
            [Fit::Cut, Fit::Drop, Fit::Whole, Fit::Cut, Fit::Drop],
            &cells,
            style,
        );
    }
    if rows.iter().any(|row| row.look_alike) {
        text.push_str(&look_alikes_note(style));
    }
    text.push_str(&wrapped(&sentence(rows, sum), style.columns));
    text
}

/// The name, or what stands for one that nobody knows.
fn name(name: &str, id: &str) -> String {
    if name.is_empty() { short_id(id) } else { shown(name).into_owned() }
}

/// How much of it is known to be there.
fn has(row: &WhoRow, sum: &WhoSum) -> String {
    if row.has >= sum.files {
        "all".to_owned()
    } else if row.bytes > 0 {
        format!("{}%", percent(row.bytes, sum.size).min(99))
    } else {
        "-".to_owned()
    }
}

/// Whence that is known.
fn how(row: &WhoRow, sum: &WhoSum) -> String {
    let of = |n: u64| match sum.files {
        1 => "it".to_owned(),
        files if n >= files => "all".to_owned(),
        _ => number(n),
    };
    let mut how = Vec::new();
    if row.shares > 0 {
        how.push(format!("shares {}", of(row.shares)));
    }
    if row.took > 0 && row.shares < sum.files {
        how.push(format!("took {}", of(row.took)));
    } else if row.last.is_some() && row.has < sum.files {
        how.push("took some".to_owned());
    }
    if row.running {
        how.push("fetching now".to_owned());
    }
    if row.keeps > 0 {
        how.push(if row.keeps == 1 {
            "keeps a copy".to_owned()
        } else {
            format!("keeps {} copies", number(row.keeps))
        });
    }
    if !row.here {
        how.push("away".to_owned());
    }
    how.join(", ")
}

/// A peer, with its id where its name does not tell it from others.
fn named(row: &WhoRow) -> String {
    let name = name(&row.name, &row.peer);
    if row.look_alike { format!("{name} ({})", short_id(&row.peer)) } else { name }
}

/// How many have it, and who does not.
fn sentence(rows: &[WhoRow], sum: &WhoSum) -> String {
    let WhoSum { what, files, size: bytes, here, have, away, .. } = sum;
    let of = if *files > 1 {
        format!("{} ({}, {})", shown(what), count(*files, "file"), size(*bytes))
    } else {
        format!("{} ({})", shown(what), size(*bytes))
    };
    let away = if *away > 0 { format!(", and {} away", number(*away)) } else { String::new() };
    if *here == 0 {
        return format!("nobody else is here to have {of}{}\n", away.replace(", and", "; had by"));
    }
    let mut text = format!("{} of {} have {of}{away}", number(*have), number(*here));
    // What those lack who have some of it they may have from others.
    for (word, has_some) in [("in part", true), ("missing", false)] {
        let lack = rows.iter().filter(|row| row.here && row.has < *files && (row.bytes > 0) == has_some);
        let lack: Vec<String> = lack.map(named).collect();
        if !lack.is_empty() {
            text.push_str(&format!("; {word}: {}", lack[..lack.len().min(MISSING)].join(", ")));
            if let Some(more @ 1..) = lack.len().checked_sub(MISSING) {
                text.push_str(&format!(" and {} more", number(more as u64)));
            }
        }
    }
    text.push('\n');
    text
}

/// All that is known of one peer.
fn one_peer(row: &WhoPeerRow, when: impl Fn(u64) -> String, style: Style) -> String {
    let mark = if row.look_alike { " *" } else { "" };
    let mut lines = vec![("id", shown(&row.peer).into_owned())];
    lines.push(match (&row.address, row.seconds) {
        (Some(address), Some(seconds)) => {
            let at = endpoint(address, row.port.unwrap_or_default());
            ("here", format!("for {}, at {at}", duration(seconds)))
        }
        _ => ("here", "no".to_owned()),
    });
    if row.here {
        let shares = row.shares.map_or_else(
            || "not known yet".to_owned(),
            |files| format!("{}, {}", count(files, "file"), size(row.shared_bytes.unwrap_or_default())),
        );
        lines.push(("shares", shares));
    }
    lines.push(("took", took(row)));
    if let (Some(first), Some(last)) = (row.first, row.last) {
        let (first, last) = (when(first), when(last));
        lines.push(("when", if first == last { first } else { format!("from {first} to {last}") }));
    }
    if let Some(rate) = row.speed {
        lines.push(("gave", format!("{} when it gave something last", speed(rate))));
    }
    let mut text = format!("{}{mark}\n{}", style.bold(&name(&row.name, &row.peer)), facts(&lines, style));
    if row.look_alike {
        text.push_str(&look_alikes_note(style));
    }
    text
}

/// What a peer took.
fn took(row: &WhoPeerRow) -> String {
    let mut parts = Vec::new();
    if row.took > 0 {
        parts.push(count(row.took, "file"));
    }
    if row.took_some > 0 {
        parts.push(format!("some of {}", count(row.took_some, "file")));
    }
    if row.keeps > 0 {
        parts.push(format!("{} to keep", count(row.keeps, "file")));
    }
    if parts.is_empty() {
        return "nothing from here".to_owned();
    }
    format!("{}; {} in all", parts.join(", "), size(row.sent))
}

/// A line for each peer.
fn all_peers(rows: &[WhoPeerRow], when: impl Fn(u64) -> String, style: Style) -> String {
    let cells: Vec<[String; 5]> = rows
        .iter()
        .map(|row| {
            [
                format!("{}{}", name(&row.name, &row.peer), if row.look_alike { " *" } else { "" }),
                short_id(&row.peer),
                row.shares.map_or_else(|| "?".to_owned(), number),
                took(row),
                row.last.map_or_else(String::new, &when),
            ]
        })
        .collect();
    let mut text = table(
        ["PEER", "ID", "SHARES", "TOOK", "LAST TOOK"],
        [LEFT, LEFT, RIGHT, LEFT, LEFT],
        [Fit::Cut, Fit::Drop, Fit::Whole, Fit::Cut, Fit::Drop],
        &cells,
        style,
    );
    if rows.iter().any(|row| row.look_alike) {
        text.push_str(&look_alikes_note(style));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str) -> WhoRow {
        WhoRow { name: name.to_owned(), peer: name[..1].repeat(52), here: true, ..WhoRow::default() }
    }

    fn sum(files: u64, here: u64, have: u64) -> WhoSum {
        let what = if files > 1 { "Week 12/" } else { "notes.txt" };
        WhoSum { what: what.to_owned(), files, size: 1 << 20, mine: true, here, have, away: 0 }
    }

    fn class() -> Vec<WhoRow> {
        vec![
            WhoRow { has: 12, took: 12, bytes: 1 << 20, last: Some(1), ..row("anna") },
            WhoRow { has: 12, shares: 12, bytes: 1 << 20, ..row("bert") },
            WhoRow { has: 7, took: 7, bytes: 600 << 10, last: Some(1), running: true, ..row("carl") },
            WhoRow { bytes: 5, last: Some(1), keeps: 3, ..row("dora") },
            WhoRow { look_alike: true, ..row("emil") },
            WhoRow { has: 12, took: 12, bytes: 1 << 20, last: Some(1), here: false, ..row("fritz") },
        ]
    }

    #[test]
    fn a_teacher_sees_who_is_missing() {
        let sum = WhoSum { away: 1, ..sum(12, 5, 2) };
        let at = |columns| who(&class(), &sum, |_| "14:02".to_owned(), Style { columns, ..Style::PLAIN });
        insta::assert_snapshot!(at(None), @r"
        PEER    ID        HAS  HOW                        LAST TOOK
        anna    aaaaaaaa  all  took all                   14:02
        bert    bbbbbbbb  all  shares all
        carl    cccccccc  58%  took 7, fetching now       14:02
        dora    dddddddd   0%  took some, keeps 3 copies  14:02
        emil *  eeeeeeee    -
        fritz   ffffffff  all  took all, away             14:02
        * can be taken for another peer: say its id, not its name
        2 of 5 have Week 12/ (12 files, 1.0 MiB), and 1 away; in part: carl, dora; missing: emil (eeeeeeee)
        ");
        insta::assert_snapshot!(at(Some(80)), @r"
        PEER    ID        HAS  HOW                        LAST TOOK
        anna    aaaaaaaa  all  took all                   14:02
        bert    bbbbbbbb  all  shares all
        carl    cccccccc  58%  took 7, fetching now       14:02
        dora    dddddddd   0%  took some, keeps 3 copies  14:02
        emil *  eeeeeeee    -
        fritz   ffffffff  all  took all, away             14:02
        * can be taken for another peer: say its id, not its name
        2 of 5 have Week 12/ (12 files, 1.0 MiB), and 1 away; in part: carl, dora;
        missing: emil (eeeeeeee)
        ");
        assert_eq!(at(Some(200)), at(None));
    }

    #[test]
    fn of_one_file_each_way_to_have_it_is_told() {
        let rows = [
            WhoRow { has: 1, took: 1, bytes: 1 << 20, last: Some(1), ..row("anna") },
            WhoRow { has: 1, shares: 1, bytes: 1 << 20, ..row("bert") },
            WhoRow { bytes: 400 << 10, last: Some(1), ..row("carl") },
            WhoRow { keeps: 1, ..row("dora") },
        ];
        insta::assert_snapshot!(who(&rows, &sum(1, 4, 2), |_| "14:02".to_owned(), Style::PLAIN), @r"
        PEER  ID        HAS  HOW           LAST TOOK
        anna  aaaaaaaa  all  took it       14:02
        bert  bbbbbbbb  all  shares it
        carl  cccccccc  39%  took some     14:02
        dora  dddddddd    -  keeps a copy
        2 of 4 have notes.txt (1.0 MiB); in part: carl; missing: dora
        ");
        let nobody = who(&[], &sum(1, 0, 0), |_| String::new(), Style::PLAIN);
        assert_eq!(nobody, "nobody else is here to have notes.txt (1.0 MiB)\n");
    }

    #[test]
    fn of_many_who_are_missing_some_are_named() {
        let rows: Vec<WhoRow> = (0..25).map(|n| row(&format!("p{n}"))).collect();
        let text = sentence(&rows, &sum(1, 25, 0));
        assert!(text.ends_with("p18, p19 and 5 more\n"), "{text}");
    }

    fn peer() -> WhoPeerRow {
        WhoPeerRow {
            name: "anna".to_owned(),
            peer: "a".repeat(52),
            here: true,
            address: Some("10.0.0.1".to_owned()),
            port: Some(2),
            seconds: Some(3_700),
            shares: Some(3),
            shared_bytes: Some(9 << 20),
            speed: Some(11 << 20),
            took: 12,
            took_some: 1,
            keeps: 3,
            sent: 1 << 30,
            first: Some(1),
            last: Some(2),
            look_alike: false,
        }
    }

    #[test]
    fn what_is_known_of_a_peer_is_told() {
        insta::assert_snapshot!(one_peer(&peer(), |at| format!("14:0{at}"), Style::PLAIN), @r"
        anna
          id        aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
          here      for 1 h 1 min, at 10.0.0.1:2
          shares    3 files, 9.0 MiB
          took      12 files, some of 1 file, 3 files to keep; 1.0 GiB in all
          when      from 14:01 to 14:02
          gave      11.0 MiB/s when it gave something last
        ");
        let away = WhoPeerRow {
            here: false,
            address: None,
            seconds: None,
            speed: None,
            took: 0,
            took_some: 0,
            keeps: 0,
            first: None,
            last: None,
            ..peer()
        };
        insta::assert_snapshot!(one_peer(&away, |_| String::new(), Style::PLAIN), @r"
        anna
          id        aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
          here      no
          took      nothing from here
        ");
        insta::assert_snapshot!(all_peers(&[peer(), away], |at| format!("14:0{at}"), Style::PLAIN), @r"
        PEER  ID        SHARES  TOOK                                                       LAST TOOK
        anna  aaaaaaaa       3  12 files, some of 1 file, 3 files to keep; 1.0 GiB in all  14:02
        anna  aaaaaaaa       3  nothing from here
        ");
    }

    #[test]
    fn nothing_from_a_peer_is_shown_raw() {
        let evil = "\u{1b}[31m\r\u{202e}".to_owned();
        let row = WhoRow { name: evil.clone(), peer: evil.clone(), look_alike: true, ..WhoRow::default() };
        let peer =
            WhoPeerRow { name: evil.clone(), peer: evil.clone(), address: Some(evil.clone()), ..peer() };
        let sum = WhoSum { what: evil, ..sum(1, 1, 0) };
        let text = [
            who(&[WhoRow { here: true, ..row.clone() }, row], &sum, |_| String::new(), Style::PLAIN),
            one_peer(&peer, |_| String::new(), Style::PLAIN),
            all_peers(&[peer], |_| String::new(), Style::PLAIN),
        ]
        .concat();
        assert!(!text.chars().any(|c| c != '\n' && crate::text::is_unprintable(c)), "{text:?}");
    }
}
