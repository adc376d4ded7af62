//! `offers` as people read it, and what is said when one is made, accepted or over.

use core::ops::ControlFlow;

use super::parts::{Fit, LEFT, RIGHT, short_id, table};
use super::{Page, Show};
use crate::cli::human::{count, duration, percent, size};
use crate::cli::output::Style;
use crate::control::{OfferDirection, OfferRow, OfferState, OffersRequest, Reply};
use crate::text::shown;

/// Keeps the rows until all are there, for only then the columns' widths are known.
#[derive(Debug)]
struct OffersShow(Vec<OfferRow>);

/// What shows it.
pub(super) fn show(_: &OffersRequest) -> Box<dyn Show> {
    Box::new(OffersShow(Vec::new()))
}

impl Show for OffersShow {
    fn reply(&mut self, reply: Reply, _: &mut Page) -> ControlFlow<()> {
        if let Reply::Offer(row) = reply {
            self.0.push(*row);
        }
        ControlFlow::Continue(())
    }

    fn end(&mut self, worked: bool, style: Style) -> String {
        if worked { offers(&self.0, style) } else { String::new() }
    }
}

/// What `offers` says.
fn offers(rows: &[OfferRow], style: Style) -> String {
    if rows.is_empty() {
        return "no offers\n".to_owned();
    }
    let cells: Vec<[String; 7]> = rows.iter().map(cells).collect();
    let mut text = table(
        ["NO.", "PEER", "WHAT", "FILES", "SIZE", "STATE", "AGE"],
        [RIGHT, LEFT, LEFT, RIGHT, RIGHT, LEFT, RIGHT],
        [Fit::Whole, Fit::Cut, Fit::Cut, Fit::Whole, Fit::Whole, Fit::Cut, Fit::Whole],
        &cells,
        style,
    );
    let mut waiting = rows.iter().filter(|row| is_asked(row));
    if let Some(first) = waiting.next() {
        let number = first.number;
        text += &style.dim(&format!("`accept {number}` downloads it, `reject {number}` declines it"));
        text.push('\n');
    }
    text
}

/// True if the user is to decide.
fn is_asked(row: &OfferRow) -> bool {
    row.direction == OfferDirection::In && row.state == OfferState::Waiting
}

fn cells(row: &OfferRow) -> [String; 7] {
    let peer = match row.direction {
        OfferDirection::In => format!("from {}", name(row)),
        OfferDirection::Out => format!("to {}", name(row)),
    };
    [
        row.number.to_string(),
        peer,
        shown(&row.what).into_owned(),
        crate::cli::human::number(row.files),
        size(row.size),
        state(row),
        duration(row.age),
    ]
}

/// How it stands, in a word or two.
fn state(row: &OfferRow) -> String {
    let is_out = row.direction == OfferDirection::Out;
    match row.state {
        OfferState::Reading => format!("reading {}%", percent(row.done, row.size)),
        OfferState::Offering => "not there yet".to_owned(),
        OfferState::Waiting if is_out => "waiting for an answer".to_owned(),
        OfferState::Waiting => "waiting".to_owned(),
        OfferState::Accepted if is_out => format!("accepted, {}% sent", percent(row.done, row.size)),
        OfferState::Accepted => {
            row.job.map_or_else(|| "accepted".to_owned(), |job| format!("downloading [{job}]"))
        }
        OfferState::Done => "done".to_owned(),
        OfferState::Rejected => "rejected".to_owned(),
        OfferState::Stopped => "stopped".to_owned(),
        OfferState::Expired => "expired".to_owned(),
        OfferState::Withdrawn => "taken back".to_owned(),
        OfferState::Failed => {
            row.why.as_deref().map_or_else(|| "failed".to_owned(), |why| format!("failed: {}", shown(why)))
        }
    }
}

/// The other peer.
fn name(row: &OfferRow) -> String {
    let name = shown(&row.name).into_owned();
    if row.look_alike { format!("{name} ({})", short_id(&row.id)) } else { name }
}

/// What it is of.
fn what(row: &OfferRow) -> String {
    let mut parts = Vec::new();
    if row.files > 0 {
        parts.push(count(row.files, "file"));
    }
    if row.folders > 0 {
        parts.push(count(row.folders, "empty folder"));
    }
    if row.files > 0 {
        parts.push(size(row.size));
    }
    if parts.is_empty() {
        return shown(&row.what).into_owned();
    }
    format!("{} ({})", shown(&row.what), parts.join(", "))
}

/// One line that says how an offer stands now.
pub(in crate::cli) fn line(row: &OfferRow) -> String {
    let OfferRow { number, direction, state, .. } = row;
    let (name, what) = (name(row), what(row));
    let why = row.why.as_deref().map(|why| format!(": {}", shown(why))).unwrap_or_default();
    if *direction == OfferDirection::In {
        return match state {
            OfferState::Accepted => match row.job {
                Some(job) => format!("accepted from {name}: {what}; downloading [{job}]"),
                None => format!("accepted from {name}: {what}"),
            },
            OfferState::Rejected => format!("rejected {what} from {name}"),
            OfferState::Expired => format!("offer {number} of {name} expired: {what}"),
            OfferState::Withdrawn => format!("{name} took back offer {number}: {what}"),
            OfferState::Done => format!("got {what} from {name}"),
            OfferState::Stopped | OfferState::Failed => format!("stopped {what} from {name}{why}"),
            OfferState::Reading | OfferState::Offering | OfferState::Waiting => {
                format!("{name} offers {what}: accept {number} / reject {number}")
            }
        };
    }
    match state {
        OfferState::Reading => format!("reading {what}"),
        OfferState::Offering => format!("offering {what} to {name}{}", left_out(row)),
        OfferState::Waiting => {
            format!("waiting for {name} to accept {what}; `reject {number}` takes it back")
        }
        OfferState::Accepted => format!("{name} accepted {what}"),
        OfferState::Done => format!("{name} has {what}"),
        OfferState::Withdrawn => format!("took back {what} from {name}"),
        OfferState::Rejected | OfferState::Stopped | OfferState::Expired | OfferState::Failed => {
            format!("not sent to {name}: {what}{why}")
        }
    }
}

/// What is not sent of it.
fn left_out(row: &OfferRow) -> String {
    if row.left_out == 0 {
        return String::new();
    }
    format!("; {} not sent (hidden, temporary, or links)", count(row.left_out, "item"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: u64, direction: OfferDirection, state: OfferState) -> OfferRow {
        OfferRow {
            number,
            direction,
            name: "anna".into(),
            id: "abcdefghijkl".into(),
            look_alike: false,
            what: "Photos".into(),
            files: 3,
            folders: 0,
            size: 12 << 20,
            done: 3 << 20,
            state,
            age: 65,
            job: None,
            left_out: 0,
            why: None,
        }
    }

    #[test]
    fn each_offer_is_a_row_and_what_to_do_is_said() {
        let sent = OfferRow { name: "bert".into(), ..row(2, OfferDirection::Out, OfferState::Accepted) };
        let rows = [row(1, OfferDirection::In, OfferState::Waiting), sent];
        assert_eq!(
            offers(&rows, Style::PLAIN),
            "NO.  PEER       WHAT    FILES      SIZE  STATE                     AGE\n\
             \x20 1  from anna  Photos      3  12.0 MiB  waiting             1 min 5 s\n\
             \x20 2  to bert    Photos      3  12.0 MiB  accepted, 25% sent  1 min 5 s\n\
             `accept 1` downloads it, `reject 1` declines it\n"
        );
        assert_eq!(offers(&[], Style::PLAIN), "no offers\n");
    }

    #[test]
    fn what_happens_is_one_line() {
        use OfferDirection::{In, Out};
        let why = Some("anna rejected it".to_owned());
        for (row, said) in [
            (row(1, In, OfferState::Waiting), "anna offers Photos (3 files, 12.0 MiB): accept 1 / reject 1"),
            (
                OfferRow { job: Some(4), ..row(1, In, OfferState::Accepted) },
                "accepted from anna: Photos (3 files, 12.0 MiB); downloading [4]",
            ),
            (row(1, In, OfferState::Withdrawn), "anna took back offer 1: Photos (3 files, 12.0 MiB)"),
            (
                OfferRow { left_out: 2, ..row(2, Out, OfferState::Offering) },
                "offering Photos (3 files, 12.0 MiB) to anna; 2 items not sent (hidden, temporary, or links)",
            ),
            (
                row(2, Out, OfferState::Waiting),
                "waiting for anna to accept Photos (3 files, 12.0 MiB); `reject 2` takes it back",
            ),
            (row(2, Out, OfferState::Done), "anna has Photos (3 files, 12.0 MiB)"),
            (
                OfferRow { why, ..row(2, Out, OfferState::Rejected) },
                "not sent to anna: Photos (3 files, 12.0 MiB): anna rejected it",
            ),
            (
                OfferRow { files: 0, folders: 1, look_alike: true, ..row(1, In, OfferState::Waiting) },
                "anna (abcdefgh) offers Photos (1 empty folder): accept 1 / reject 1",
            ),
        ] {
            assert_eq!(line(&row), said);
        }
    }

    #[test]
    fn nothing_from_a_peer_is_shown_raw() {
        let evil = "\u{1b}]0;\u{7}\r\n\u{202e}\u{9b}".to_owned();
        for direction in [OfferDirection::In, OfferDirection::Out] {
            let base = row(1, direction, OfferState::Failed);
            let row = OfferRow { name: evil.clone(), what: evil.clone(), why: Some(evil.clone()), ..base };
            let text = line(&row) + &offers(std::slice::from_ref(&row), Style::PLAIN);
            assert!(!text.chars().any(|c| c != '\n' && crate::text::is_unprintable(c)), "{text:?}");
        }
    }
}
