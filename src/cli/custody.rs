//! Facts about copies on others, as text for people. Pure.

use super::human::{count, size};
use crate::control::{CustodyRow, KeptFor, ListRow, Location, VerifyResult, VerifyRow};
use crate::text::shown;

/// Owners that `status` names; the rest is counted.
const NAMED: usize = 3;

/// What stands in the column of copies.
pub(super) fn copies(row: &ListRow) -> String {
    // Of files of others it is seldom known how many there are to be.
    let is_only = row.copies == 1 && row.wanted != Some(1) && (row.large || row.away);
    match row.wanted {
        _ if row.folder => String::new(),
        _ if is_only => "only copy".to_owned(),
        Some(wanted) if wanted > 1 && !row.large => format!("{}/{wanted}", row.copies),
        _ => row.copies.to_string(),
    }
}

/// The names of those who share a file, as `list` shows them.
pub(super) fn owners(row: &ListRow) -> impl Iterator<Item = String> {
    let away = if row.away { " (away)" } else { "" };
    row.peers.iter().map(move |name| format!("{}{away}", shown(name)))
}

/// What `status` says of it: for each line what it is about, and a text; empty if there is nothing to say.
pub(super) fn facts(row: &CustodyRow) -> [(&'static str, String); 4] {
    let conflict = "another peer, started later, has this peer's key: nothing is placed any more; \
                    `potluck identity new` makes this one another peer";
    let conflict = if row.conflict { conflict } else { "" };
    let lost = if row.lost > 0 { missing(row.lost, "") } else { String::new() };
    [("copies", own(row)), ("lends", lends(row)), ("lost", lost), ("conflict", conflict.to_owned())]
}

/// How many of the own files have their copies.
fn own(row: &CustodyRow) -> String {
    if row.copies < 2 && row.own_files == 0 {
        return "none on others (--copies 1)".to_owned();
    }
    if row.own_files == 0 && row.moving == 0 {
        return format!("{} of each shared file; none is there", row.copies);
    }
    let have = if row.own_whole == 1 || row.own_files == 1 { "has" } else { "have" };
    // With `--copies 1` only what `copies N FILE` named has some, each its own number.
    let number = if row.copies < 2 { "theirs".to_owned() } else { row.copies.to_string() };
    let mut text = format!("{} of {} {have} {number}", row.own_whole, count(row.own_files, "file"));
    match row.moving {
        0 => {}
        1 => text.push_str("; 1 is being placed"),
        moving => text.push_str(&format!("; {moving} are being placed")),
    }
    text
}

/// What is lent, and to whom.
fn lends(row: &CustodyRow) -> String {
    let mut text = match row.lent {
        0 => "nothing".to_owned(),
        lent => format!("{}, and leaves {} free", size(lent), size(row.free_reserve)),
    };
    if row.kept_files > 0 {
        let whom =
            if row.kept_for.is_empty() { String::new() } else { format!(" for {}", whom(&row.kept_for)) };
        text.push_str(&format!("; keeps {} of {}{whom}", size(row.used), count(row.kept_files, "file")));
    }
    match row.fetching {
        0 => {}
        1 => text.push_str("; 1 more is coming"),
        more => text.push_str(&format!("; {more} more are coming")),
    }
    text
}

fn whom(owners: &[KeptFor]) -> String {
    let name = |o: &KeptFor| format!("{}{}", shown(&o.name), if o.away { " (away)" } else { "" });
    let text = owners.iter().take(NAMED).map(name).collect::<Vec<_>>().join(", ");
    match owners.len().saturating_sub(NAMED) {
        0 => text,
        more => format!("{text} and {more} more"),
    }
}

/// Own files are missing; `bytes` says how large they are, in brackets, or nothing.
fn missing(files: u64, bytes: &str) -> String {
    let (are, were, them, they) =
        if files == 1 { ("is", "was", "it", "it was") } else { ("are", "were", "them", "they were") };
    format!(
        "{}{bytes} that you shared {are} missing, and {were} not deleted while potluck ran: `restore` brings \
         {them} back, `restore --forget` says that {they} deleted",
        count(files, "file")
    )
}

/// Own files are missing: what the user can do.
pub(super) fn lost(files: u64, bytes: u64) -> String {
    missing(files, &format!(" ({})", size(bytes)))
}

/// How far a departure is.
pub(super) fn leaving(done: u64, total: u64, bytes_left: u64) -> String {
    let have = if done == 1 || total == 1 { "has its" } else { "have their" };
    let mut text = format!("leaving: {done} of {} {have} copies on others", count(total, "file"));
    if bytes_left > 0 {
        text.push_str(&format!(", {} to go", size(bytes_left)));
    }
    text
}

/// One file that `verify` read again.
pub(super) fn verified(row: &VerifyRow) -> String {
    let result = match row.result {
        VerifyResult::Good => "good",
        VerifyResult::Rotten => "rotten",
        VerifyResult::Changed => "changed",
        VerifyResult::Unreadable => "unreadable",
    };
    let kept = if row.what == Location::Kept { " (kept for another)" } else { "" };
    let repaired = match row.repaired {
        Some(true) => ": mended",
        Some(false) => ": not mended",
        None => "",
    };
    format!("{result}: {}{kept}{repaired}", shown(&row.path))
}

/// The last line of `verify`.
pub(super) fn verify_sum(files: u64, bytes: u64, bad: u64) -> String {
    let read = format!("read {}, {}", count(files, "file"), size(bytes));
    match (files, bad) {
        (0, _) => "nothing is shared here, or kept for others".to_owned(),
        (_, 0) => format!("{read}: all as they were"),
        (_, 1) => format!("{read}: 1 is not as it was"),
        (_, bad) => format!("{read}: {bad} are not as they were"),
    }
}

/// How many copies of a file there are to be from now on.
pub(super) fn copied(path: &str, copies: Option<u8>) -> String {
    let how = match copies {
        None => "as many copies as of all others".to_owned(),
        Some(1) => "no copies on others".to_owned(),
        Some(n) => format!("{n} copies, the one here included"),
    };
    format!("{}: {how}", shown(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(copies: u64, wanted: Option<u8>) -> ListRow {
        ListRow {
            path: "a".into(),
            folder: false,
            size: 1,
            modified: 0,
            copies,
            wanted,
            mine: true,
            peers: vec!["peer2\u{1b}".into(), "peer3".into()],
            peer_ids: vec![],
            id: String::new(),
            ambiguous: false,
            away: false,
            large: false,
            hashing: None,
        }
    }

    #[test]
    fn copies_alarm_only_about_what_would_be_lost() {
        assert_eq!(copies(&row(2, Some(2))), "2/2");
        assert_eq!(copies(&row(1, Some(2))), "1/2");
        assert_eq!(copies(&row(3, Some(2))), "3/2");
        // Turned off, or not known: a number.
        assert_eq!(copies(&row(1, Some(1))), "1");
        assert_eq!(copies(&row(1, None)), "1");
        let large = |copies_now, wanted| copies(&ListRow { large: true, ..row(copies_now, wanted) });
        assert_eq!([large(1, Some(2)), large(1, None), large(2, Some(2))], ["only copy", "only copy", "2"]);
        assert_eq!(large(1, Some(1)), "1");
        let away =
            |copies_now, wanted| copies(&ListRow { away: true, mine: false, ..row(copies_now, wanted) });
        assert_eq!([away(1, None), away(1, Some(2)), away(2, None)], ["only copy", "only copy", "2"]);
        assert_eq!([away(2, Some(3)), away(0, Some(2))], ["2/3", "0/2"]);
        assert_eq!(copies(&ListRow { folder: true, ..row(1, None) }), "");
        let names: Vec<String> = owners(&ListRow { away: true, ..row(1, None) }).collect();
        assert_eq!(names, ["peer2\\u{1b} (away)", "peer3 (away)"]);
    }

    fn kept_for(name: &str, away: bool) -> KeptFor {
        KeptFor { name: name.into(), id: "q".repeat(52), files: 100, bytes: 1 << 20, away }
    }

    #[test]
    fn status_tells_copies_and_what_is_lent() {
        let mut facts_of = CustodyRow {
            copies: 2,
            own_files: 12,
            own_whole: 10,
            moving: 2,
            lent: 10 << 30,
            used: 1_288_490_189,
            free_reserve: 1 << 30,
            kept_files: 300,
            fetching: 1,
            kept_for: vec![kept_for("anna", true), kept_for("bert\u{202e}", false)],
            conflict: false,
            lost: 0,
        };
        let said = |row: &CustodyRow| {
            facts(row).into_iter().filter(|(_, t)| !t.is_empty()).map(|(w, t)| format!("{w}: {t}")).collect()
        };
        let lines: Vec<String> = said(&facts_of);
        assert_eq!(
            lines,
            [
                "copies: 10 of 12 files have 2; 2 are being placed",
                "lends: 10.0 GiB, and leaves 1.0 GiB free; keeps 1.2 GiB of 300 files for anna (away), \
                 bert\\u{202e}; 1 more is coming"
            ]
        );
        facts_of.kept_for.extend([kept_for("c", false), kept_for("d", false), kept_for("e", false)]);
        (facts_of.conflict, facts_of.lost, facts_of.moving, facts_of.fetching) = (true, 1, 0, 0);
        (facts_of.own_files, facts_of.own_whole) = (1, 1);
        let lines: Vec<String> = said(&facts_of);
        assert_eq!(lines[0], "copies: 1 of 1 file has 2");
        assert!(lines[1].ends_with("for anna (away), bert\\u{202e}, c and 2 more"), "{lines:?}");
        assert_eq!(
            lines[2],
            "lost: 1 file that you shared is missing, and was not deleted while potluck ran: `restore` brings \
             it back, `restore --forget` says that it was deleted"
        );
        assert!(
            lines[3].starts_with("conflict: another peer, started later, has this peer's key"),
            "{lines:?}"
        );
        let off = CustodyRow { copies: 1, ..CustodyRow::default() };
        assert_eq!(
            said(&off) as Vec<String>,
            ["copies: none on others (--copies 1)", "lends: nothing"].map(str::to_owned)
        );
        let some = CustodyRow { own_files: 2, own_whole: 2, ..off };
        assert_eq!((said(&some) as Vec<String>)[0], "copies: 2 of 2 files have theirs");
    }

    #[test]
    fn what_is_missing_is_told_with_what_can_be_done() {
        assert_eq!(
            lost(12, 3_565_158),
            "12 files (3.4 MiB) that you shared are missing, and were not deleted while potluck ran: \
             `restore` brings them back, `restore --forget` says that they were deleted"
        );
        assert!(lost(1, 3).starts_with("1 file (3 B) that you shared is missing, and was not"));
    }

    #[test]
    fn answers_are_one_line_each() {
        assert_eq!(
            leaving(3, 12, 5 << 20),
            "leaving: 3 of 12 files have their copies on others, 5.0 MiB to go"
        );
        assert_eq!(leaving(1, 1, 0), "leaving: 1 of 1 file has its copies on others");
        let row = VerifyRow {
            path: "a\u{1b}".into(),
            what: Location::Shared,
            result: VerifyResult::Rotten,
            repaired: Some(true),
        };
        assert_eq!(verified(&row), "rotten: a\\u{1b}: mended");
        let kept = VerifyRow { what: Location::Kept, repaired: Some(false), ..row.clone() };
        assert_eq!(verified(&kept), "rotten: a\\u{1b} (kept for another): not mended");
        let changed = VerifyRow { result: VerifyResult::Changed, repaired: None, ..row };
        assert_eq!(verified(&changed), "changed: a\\u{1b}");
        assert_eq!(verify_sum(120, 1 << 30, 0), "read 120 files, 1.0 GiB: all as they were");
        assert_eq!(verify_sum(1, 5, 1), "read 1 file, 5 B: 1 is not as it was");
        assert_eq!(verify_sum(9, 5, 3), "read 9 files, 5 B: 3 are not as they were");
        assert_eq!(verify_sum(0, 0, 0), "nothing is shared here, or kept for others");
        assert_eq!(copied("a\u{1b}", Some(3)), "a\\u{1b}: 3 copies, the one here included");
        assert_eq!(copied("a", Some(1)), "a: no copies on others");
        assert_eq!(copied("a", None), "a: as many copies as of all others");
    }
}
