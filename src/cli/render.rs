//! Facts as text for people; it reads nothing but the name of the current folder. Everything that
//! another peer may have named goes through [`crate::text::shown`] here.

use std::path::Path;

use unicode_width::UnicodeWidthStr;

use super::human::{count, duration, percent, size, speed};
use super::output::Style;
use super::{custody, words};
use crate::control::{DownloadRow, ListRow, PeerRow, Saved, Status, Unfinished, UploadRow};
use crate::error::Failure;
use crate::text::shown;

/// Columns between which a path pushes the others to the right; a longer one breaks its own line only.
const WIDEST: usize = 60;

/// A column's cells are set to the right.
const RIGHT: bool = true;
const LEFT: bool = false;

/// Unfinished files that the first screen names.
const LEFT_SHOWN: usize = 3;

/// Characters of a file id that are shown: `download b3:` takes them.
const ID_CHARACTERS: usize = 10;

/// Rows in columns, each as wide as its widest cell.
fn table<const N: usize>(header: [&str; N], sides: [bool; N], rows: &[[String; N]], style: Style) -> String {
    let mut widths = header.map(UnicodeWidthStr::width);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            let cell = cell.width();
            *width = (*width).max(if cell > WIDEST { 0 } else { cell });
        }
    }
    let line = |cells: &[String; N]| {
        let mut line = String::new();
        for ((cell, width), right) in cells.iter().zip(widths).zip(sides) {
            let space = " ".repeat(width.saturating_sub(cell.width()));
            let (before, after) = if right { (space.as_str(), "") } else { ("", space.as_str()) };
            line.push_str(&format!("{before}{cell}{after}  "));
        }
        line.trim_end().to_owned()
    };
    let mut text = style.dim(&line(&header.map(str::to_owned)));
    for row in rows {
        text.push('\n');
        text.push_str(&line(row));
    }
    text.push('\n');
    text
}

/// What `list` says.
pub(super) fn list(rows: &[ListRow], filtered: bool, style: Style) -> String {
    if rows.is_empty() && filtered {
        return "nothing matches; `list` shows everything\n".to_owned();
    }
    if rows.is_empty() {
        return "nothing is shared yet: put files into `shared/`\n".to_owned();
    }
    let cells: Vec<[String; 5]> = rows.iter().map(list_cells).collect();
    let mut text =
        table(["PATH", "SIZE", "COPIES", "WHO", "ID"], [LEFT, RIGHT, RIGHT, LEFT, LEFT], &cells, style);
    let files = rows.iter().filter(|row| !row.folder);
    let (number, bytes) = files.fold((0_u64, 0_u64), |(n, b), row| (n + 1, b.saturating_add(row.size)));
    let mut sum = format!("{}, {}", count(number, "file"), size(bytes));
    if rows.iter().any(|row| row.ambiguous) {
        sum.push_str("; * several contents have this path: name one by its id");
    }
    if rows.iter().any(|row| row.large) {
        sum.push_str("; large: not copied by itself: `copies 2 FILE` has it copied");
    }
    text.push_str(&style.dim(&sum));
    text.push('\n');
    text
}

fn list_cells(row: &ListRow) -> [String; 5] {
    let mut path = shown(&row.path).into_owned();
    if row.folder {
        path.push('/');
    }
    let mine = row.mine.then(|| "mine".to_owned());
    let who: Vec<String> = mine.into_iter().chain(custody::owners(row)).collect();
    let id = match row.hashing {
        Some(done) => format!("hashing {done} %"),
        None if row.id.is_empty() => String::new(),
        None => {
            let characters: String = row.id.chars().take(ID_CHARACTERS).collect();
            let (ambiguous, large) =
                (if row.ambiguous { " *" } else { "" }, if row.large { " large" } else { "" });
            format!("b3:{}{ambiguous}{large}", shown(&characters))
        }
    };
    let bytes = if row.folder { String::new() } else { size(row.size) };
    [path, bytes, custody::copies(row), who.join(", "), id]
}

/// What `peers` says.
pub(super) fn peers(rows: &[PeerRow], style: Style) -> String {
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

/// Which of the two kinds of network this is: open, or a group (docs/SECURITY.md, "What is open by choice").
fn network(status: &Status) -> &'static str {
    match status.network.as_str() {
        "group" => "group: only peers with the same pass-phrase see shared/",
        _ => "open: everyone on this network sees shared/",
    }
}

fn ports(ports: [u16; 4]) -> String {
    let [a, b, c, d] = ports;
    if [b, c, d] == [a.wrapping_add(1), a.wrapping_add(2), a.wrapping_add(3)] {
        format!("{a} to {d}")
    } else {
        format!("{a}, {b}, {c}, {d}")
    }
}

/// One fact a line, under each other.
fn facts(facts: &[(&str, String)], style: Style) -> String {
    facts.iter().map(|(what, fact)| format!("  {} {fact}\n", style.dim(&format!("{what:<9}")))).collect()
}

fn sharing(status: &Status) -> String {
    let mut text = format!("{}, {}", count(status.files, "file"), size(status.bytes));
    if status.hashing > 0 {
        text.push_str(&format!("; {} more being hashed", status.hashing));
    }
    text
}

/// Nothing while there are none.
fn limits(status: &Status) -> String {
    let one = |what, limit: Option<u64>| limit.map(|bytes| format!("{what} at most {}", speed(bytes)));
    let both = [one("sends", status.up_limit), one("fetches", status.down_limit)];
    both.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// What others get beside what is shared; empty if that is nothing now.
fn giving(status: &Status) -> String {
    match status.gives {
        None => "nothing but what is shared (--no-swarm)".to_owned(),
        Some(0) => String::new(),
        Some(1) => "of 1 file that it fetches, or fetched a while ago".to_owned(),
        Some(files) => format!("of {files} files that it fetches, or fetched a while ago"),
    }
}

fn confined(status: &Status) -> String {
    let why = status.confined_why.iter().map(|why| format!(" ({})", shown(why)));
    shown(&status.confined).into_owned() + &why.collect::<String>()
}

fn who(status: &Status, style: Style) -> String {
    let id: String = status.id.chars().take(8).collect();
    format!("{}  {}\n", style.bold(&shown(&status.name)), style.dim(&id))
}

/// The first screen of a peer with a prompt.
pub(super) fn welcome(status: &Status, style: Style) -> String {
    let lines = [
        ("folder", shown_path(&status.directory)),
        ("ports", ports(status.ports)),
        ("network", network(status).to_owned()),
        ("sharing", sharing(status)),
    ];
    let mut left: String = status.unfinished.iter().take(LEFT_SHOWN).map(unfinished_line).collect();
    if let Some(more) = status.unfinished.len().checked_sub(LEFT_SHOWN + 1) {
        left.push_str(&format!("unfinished: {} more, see `status`\n", more + 1));
    }
    let hint = style.dim("`list` shows what is on the table, `help` what can be typed");
    format!("{}{}{left}{hint}\n", who(status, style), facts(&lines, style))
}

fn unfinished_line(row: &Unfinished) -> String {
    format!("unfinished: {}\n", unfinished(row))
}

/// What lies unfinished, and what goes on with it.
fn unfinished(row: &Unfinished) -> String {
    let id = format!("b3:{}", row.id.chars().take(ID_CHARACTERS).collect::<String>());
    let name = if row.path.is_empty() { &id } else { &row.path };
    let asked = words::quote(&row.asked);
    // What cannot be shown cannot be typed.
    let asked = if row.asked.is_empty() || shown(&asked) != asked { &id } else { &asked };
    let far = row
        .size
        .map_or_else(|| size(row.held), |all| format!("{} % of {}", percent(row.held, all), size(all)));
    format!("{} ({far}): `download {}` goes on with it", shown(name), shown(asked))
}

/// What `status` says.
pub(super) fn status(status: &Status, style: Style) -> String {
    let key = if status.key_exported {
        "exported"
    } else {
        "never exported: `potluck identity export FILE`, and keep that file safe"
    };
    let lines = [
        ("folder", shown_path(&status.directory)),
        ("ports", ports(status.ports)),
        ("network", network(status).to_owned()),
        ("peers", status.peers.to_string()),
        ("sharing", sharing(status)),
        ("giving", giving(status)),
    ];
    let rest = [("confined", confined(status)), ("limits", limits(status)), ("key", key.to_owned())];
    let custody = status.custody.as_ref().map(custody::facts).into_iter().flatten();
    let lines = lines.into_iter().chain(custody).chain(rest);
    let there: Vec<_> = lines.filter(|(_, text)| !text.is_empty()).collect();
    let mut text = who(status, style) + &facts(&there, style);
    if !status.downloads.is_empty() {
        text.push_str(&style.bold("downloads\n"));
        status.downloads.iter().for_each(|row| text.push_str(&format!("  {}\n", progress(row))));
    }
    if !status.unfinished.is_empty() {
        text.push_str(&style.bold("unfinished\n"));
        status.unfinished.iter().for_each(|row| text.push_str(&format!("  {}\n", unfinished(row))));
    }
    if !status.uploads.is_empty() {
        text.push_str(&style.bold("uploads\n"));
        status.uploads.iter().for_each(|row| text.push_str(&format!("  {}\n", upload(row))));
    }
    if !status.warnings.is_empty() {
        text.push_str(&style.bold("warnings\n"));
        status.warnings.iter().for_each(|line| text.push_str(&format!("  {}\n", shown(line))));
    }
    text
}

fn upload(row: &UploadRow) -> String {
    format!("to {}: {}, {}", shown(&row.to), size(row.bytes), speed(row.speed))
}

/// Names in a list, the first three of them.
fn some_names(names: &[String]) -> String {
    let mut text = names.iter().take(3).map(|n| shown(n).into_owned()).collect::<Vec<_>>().join(", ");
    if names.len() > 3 {
        text.push_str(&format!(" and {} more", names.len() - 3));
    }
    text
}

/// How far a download is, in one line.
pub(super) fn progress(row: &DownloadRow) -> String {
    let mut text =
        format!("{}: {} {} % of {}", row.job, shown(&row.what), percent(row.done, row.size), size(row.size));
    if row.files > 1 {
        text.push_str(&format!(", {} of {} files", row.files_done, row.files));
    }
    match &row.waiting {
        Some(why) => text.push_str(&format!(", {}", shown(why))),
        None => {
            text.push_str(&format!(", {}", speed(row.speed)));
            if let Some(left) = row.left {
                text.push_str(&format!(", {} left", duration(left)));
            }
            if !row.from.is_empty() {
                text.push_str(&format!(", from {}", some_names(&row.from)));
            }
        }
    }
    text
}

/// All running downloads in one line of at most `columns` columns; empty when none runs.
pub(super) fn progress_line(rows: &[DownloadRow], columns: usize) -> String {
    let line = match rows {
        [] => return String::new(),
        [one] => progress(one),
        many => {
            let sum = |part: fn(&DownloadRow) -> u64| many.iter().map(part).fold(0_u64, u64::saturating_add);
            let (done, all, rate) = (sum(|r| r.done), sum(|r| r.size), sum(|r| r.speed));
            let left = all.saturating_sub(done).checked_div(rate);
            let left = left.map_or_else(String::new, |s| format!(", {} left", duration(s)));
            format!(
                "{} downloads {} % of {}, {}{left}",
                many.len(),
                percent(done, all),
                size(all),
                speed(rate)
            )
        }
    };
    cut(&line, columns)
}

/// `line`, cut with an ellipsis to `columns` columns.
pub(super) fn cut(line: &str, columns: usize) -> String {
    if line.width() <= columns {
        return line.to_owned();
    }
    let mut text = String::new();
    for c in line.chars() {
        if text.width() + c.to_string().width() + 1 > columns {
            break;
        }
        text.push(c);
    }
    if columns > 0 {
        text.push('…');
    }
    text
}

/// The first line of a download.
pub(super) fn begun(row: &DownloadRow) -> String {
    let mut text = format!("{}: fetching {} ({}", row.job, shown(&row.what), size(row.size));
    if row.files > 1 {
        text.push_str(&format!(", {}", count(row.files, "file")));
    }
    text.push(')');
    if !row.from.is_empty() {
        text.push_str(&format!(" from {}", some_names(&row.from)));
    }
    text
}

/// A path on this machine, short if it lies below the current folder.
pub(super) fn shown_path(path: &Path) -> String {
    let short =
        std::env::current_dir().ok().and_then(|here| path.strip_prefix(here).ok().map(Path::to_owned));
    let short = short.filter(|p| !p.as_os_str().is_empty());
    shown(&short.as_deref().unwrap_or(path).display().to_string()).into_owned()
}

/// A file arrived.
pub(super) fn saved(saved: &Saved) -> String {
    let path = shown_path(&saved.path);
    match saved.how.as_str() {
        "already_there" => format!("already there: {path}"),
        "saved_as" => format!("saved as {path}: its own name was taken"),
        _ => format!("saved {path}"),
    }
}

/// A file will not come.
pub(super) fn missing(path: &str, failure: &Failure) -> String {
    format!("not fetched: {}: {}", shown(path), shown(&failure.message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::{CountersRow, CustodyRow};
    use crate::error::Code;

    const PLAIN: Style = Style { color: false };

    fn row(path: &str) -> ListRow {
        ListRow {
            path: path.into(),
            folder: false,
            size: 1_300_000,
            modified: 0,
            copies: 2,
            wanted: None,
            mine: true,
            peers: vec!["peer2-ab".into()],
            peer_ids: vec![],
            id: "3f2a9c1b00112233".into(),
            ambiguous: false,
            away: false,
            large: false,
            hashing: None,
        }
    }

    fn download() -> DownloadRow {
        DownloadRow {
            job: 3,
            what: "big.iso".into(),
            done: 45 << 20,
            size: 100 << 20,
            files_done: 0,
            files: 1,
            speed: 11 << 20,
            left: Some(5),
            fetched: 0,
            from: vec!["peer2".into(), "peer3".into()],
            waiting: None,
        }
    }

    #[test]
    fn list_is_aligned_and_marks_what_needs_it() {
        let mut rows = vec![row("a.txt"), row("漢字/b.txt"), row("c\u{1b}[2J"), row("new"), row("empty")];
        rows[1].ambiguous = true;
        rows[2].mine = false;
        rows[2].peers.push("evil\u{202e}".into());
        (rows[3].hashing, rows[3].copies, rows[3].peers) = (Some(40), 0, vec![]);
        (rows[4].folder, rows[4].id) = (true, String::new());
        insta::assert_snapshot!(list(&rows, false, PLAIN), @r"
        PATH           SIZE  COPIES  WHO                     ID
        a.txt       1.2 MiB       2  mine, peer2-ab          b3:3f2a9c1b00
        漢字/b.txt  1.2 MiB       2  mine, peer2-ab          b3:3f2a9c1b00 *
        c\u{1b}[2J  1.2 MiB       2  peer2-ab, evil\u{202e}  b3:3f2a9c1b00
        new         1.2 MiB       0  mine                    hashing 40 %
        empty/                       mine, peer2-ab
        4 files, 5.0 MiB; * several contents have this path: name one by its id
        ");
        assert!(list(&[], false, PLAIN).contains("shared/"));
        let mut rows = vec![row("away.txt"), row("big.iso"), row("few.txt"), row("most.txt")];
        rows.iter_mut().for_each(|row| row.wanted = Some(2));
        (rows[0].mine, rows[0].away) = (false, true);
        (rows[1].large, rows[1].copies, rows[1].peers) = (true, 1, vec![]);
        (rows[2].copies, rows[2].wanted, rows[3].wanted) = (1, Some(3), Some(1));
        insta::assert_snapshot!(list(&rows, false, PLAIN), @r"
        PATH         SIZE     COPIES  WHO              ID
        away.txt  1.2 MiB        2/2  peer2-ab (away)  b3:3f2a9c1b00
        big.iso   1.2 MiB  only copy  mine             b3:3f2a9c1b00 large
        few.txt   1.2 MiB        1/3  mine, peer2-ab   b3:3f2a9c1b00
        most.txt  1.2 MiB          2  mine, peer2-ab   b3:3f2a9c1b00
        4 files, 5.0 MiB; large: not copied by itself: `copies 2 FILE` has it copied
        ");
        assert!(list(&[], true, PLAIN).contains("matches"));
    }

    #[test]
    fn status_says_which_network_it_is() {
        let mut facts = Status {
            name: "peer1-k7qd".into(),
            id: "k7qdabcdefgh".into(),
            directory: "/somewhere/peer1".into(),
            ports: [1001, 1002, 1003, 1004],
            network: "open".into(),
            peers: 2,
            files: 12,
            bytes: 3_000_000,
            hashing: 1,
            downloads: vec![download()],
            unfinished: vec![Unfinished {
                id: "3f2a9c1b00112233".into(),
                path: "films/my film.mkv".into(),
                asked: "my films".into(),
                held: 40 << 20,
                size: Some(100 << 20),
            }],
            uploads: vec![UploadRow { to: "peer3".into(), bytes: 1 << 30, speed: 1 << 20 }],
            counters: CountersRow::default(),
            gives: Some(3),
            confined: "yes".into(),
            confined_why: None,
            up_limit: Some(2 << 20),
            down_limit: None,
            custody: None,
            key_exported: false,
            warnings: vec!["port 1001 is taken".into()],
        };
        insta::assert_snapshot!(status(&facts, PLAIN), @r#"
        peer1-k7qd  k7qdabcd
          folder    /somewhere/peer1
          ports     1001 to 1004
          network   open: everyone on this network sees shared/
          peers     2
          sharing   12 files, 2.9 MiB; 1 more being hashed
          giving    of 3 files that it fetches, or fetched a while ago
          confined  yes
          limits    sends at most 2.0 MiB/s
          key       never exported: `potluck identity export FILE`, and keep that file safe
        downloads
          3: big.iso 45 % of 100.0 MiB, 11.0 MiB/s, 5 s left, from peer2, peer3
        unfinished
          films/my film.mkv (40 % of 100.0 MiB): `download "my films"` goes on with it
        uploads
          to peer3: 1.0 GiB, 1.0 MiB/s
        warnings
          port 1001 is taken
        "#);
        let one = facts.unfinished[0].clone();
        let other = Unfinished { path: String::new(), asked: "a\u{1b}".into(), size: None, ..one.clone() };
        facts.unfinished = vec![one.clone(), other, one.clone(), one.clone(), one];
        let first = welcome(&facts, PLAIN);
        let left: Vec<&str> = first.lines().filter(|l| l.starts_with("unfinished")).collect();
        assert_eq!(left.len(), 4, "{first}");
        assert_eq!(left[1], "unfinished: b3:3f2a9c1b00 (40.0 MiB): `download b3:3f2a9c1b00` goes on with it");
        assert_eq!(left[3], "unfinished: 2 more, see `status`");
        facts.network = "group".into();
        facts.ports = [1001, 5, 6, 7];
        let said = status(&facts, PLAIN);
        assert!(said.contains("group: only peers with the same pass-phrase"));
        assert!(said.contains("1001, 5, 6, 7"));
        assert!(!said.contains("fetches at most"));
        (facts.up_limit, facts.down_limit) = (None, Some(50 << 10));
        assert!(status(&facts, PLAIN).contains("\n  limits    fetches at most 50.0 KiB/s\n"));
        facts.down_limit = None;
        assert!(!status(&facts, PLAIN).contains("limits"));
        let custody = CustodyRow { copies: 2, own_files: 12, own_whole: 12, ..CustodyRow::default() };
        facts.custody = Some(custody);
        let said = status(&facts, PLAIN);
        assert!(
            said.contains("\n  copies    12 of 12 files have 2\n  lends     nothing\n  confined"),
            "{said}"
        );
        facts.gives = Some(0);
        assert!(!status(&facts, PLAIN).contains("giving"));
        facts.gives = None;
        assert!(status(&facts, PLAIN).contains("\n  giving    nothing but what is shared (--no-swarm)\n"));
        (facts.confined, facts.confined_why) = ("no".into(), Some("--no-sandbox".into()));
        assert!(status(&facts, PLAIN).contains("\n  confined  no (--no-sandbox)\n"));
    }

    #[test]
    fn progress_tells_speed_time_or_why_nothing_moves() {
        let mut one = download();
        assert_eq!(progress_line(&[one.clone()], 30), "3: big.iso 45 % of 100.0 MiB,…");
        assert_eq!(progress_line(&[], 30), "");
        assert_eq!(
            progress_line(&[one.clone(), one.clone()], 90),
            "2 downloads 45 % of 200.0 MiB, 22.0 MiB/s, 5 s left"
        );
        one.waiting = Some("no holder is here: waiting".into());
        (one.files, one.files_done) = (7, 2);
        assert_eq!(progress(&one), "3: big.iso 45 % of 100.0 MiB, 2 of 7 files, no holder is here: waiting");
        (one.speed, one.size, one.done) = (0, 0, 0);
        assert_eq!(progress_line(&[one.clone(), one], 90), "2 downloads 100 % of 0 B, 0 B/s");
    }

    #[test]
    fn nothing_from_a_peer_is_shown_raw() {
        let evil = "\u{1b}[31m\r\u{202e}";
        let mut all = download();
        (all.what, all.from, all.waiting) = (evil.into(), vec![evil.into()], None);
        let mut peer = PeerRow {
            name: evil.into(),
            id: evil.into(),
            address: evil.into(),
            port: 1,
            files: None,
            bytes: None,
            seconds: 0,
        };
        let mut text = progress(&all) + &begun(&all) + &peers(&[peer.clone()], PLAIN);
        peer.files = Some(3);
        text += &missing(evil, &Failure::new(Code::NoHolder, evil));
        let how = "saved".to_owned();
        text += &saved(&Saved { job: 1, id: String::new(), path: format!("/x/{evil}").into(), how });
        assert!(!text.chars().any(|c| c != '\n' && crate::text::is_unprintable(c)), "{text:?}");
    }
}
