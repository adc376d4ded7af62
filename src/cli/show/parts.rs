//! Parts of which several answers are made: tables, facts under each other, paths, ids. It reads nothing but
//! the name of the current folder.

use std::path::Path;

use unicode_width::UnicodeWidthStr;

use crate::cli::output::Style;
use crate::control::{LeftOutRow, UnlistedCause, UnlistedRow};
use crate::text::shown;

/// Columns between which a path pushes the others to the right; a longer one breaks its own line only.
const WIDEST: usize = 60;

/// A column's cells are set to the right.
pub(super) const RIGHT: bool = true;
pub(super) const LEFT: bool = false;

/// Characters of a file id that are shown: `download b3:` takes them.
pub(super) const ID_CHARACTERS: usize = 10;

/// Characters of a peer id that are shown: a word of so many names a peer.
const PEER_ID_CHARACTERS: usize = 8;

/// The beginning of a peer id.
pub(super) fn short_id(id: &str) -> String {
    let characters: String = id.chars().take(PEER_ID_CHARACTERS).collect();
    shown(&characters).into_owned()
}

/// Who else speaks on this wire: hosts that can be counted, and no more.
pub(super) fn outsiders(hosts: u64, is_in_group: bool) -> String {
    let speak =
        if hosts == 1 { "1 sender here speaks".to_owned() } else { format!("{hosts} senders here speak") };
    format!("{speak} for {}", if is_in_group { "another group" } else { "a group" })
}

/// What stands below a table in which names are marked that can be taken for another peer's.
pub(super) fn look_alikes_note(style: Style) -> String {
    let note = style.dim("* can be taken for another peer: say its id, not its name");
    format!("{note}\n")
}

/// What lies in the own shares and is left out; `None` if nothing is.
pub(super) fn not_shared(row: &LeftOutRow) -> Option<String> {
    let kinds = [(row.hidden, "hidden"), (row.junk, "temporary"), (row.ignored, "ignored")];
    let there: Vec<(u64, &str)> = kinds.into_iter().filter(|(number, _)| *number > 0).collect();
    let (last, others) = there.split_last()?;
    let noun = if last.0 == 1 { "file" } else { "files" };
    let last = format!("{} {} {noun}", last.0, last.1);
    let others: Vec<String> = others.iter().map(|(number, kind)| format!("{number} {kind}")).collect();
    let all = if others.is_empty() { last } else { format!("{} and {last}", others.join(", ")) };
    Some(format!("{all} not shared"))
}

/// Rows in columns, each as wide as its widest cell.
pub(super) fn table<const N: usize>(
    header: [&str; N],
    sides: [bool; N],
    rows: &[[String; N]],
    style: Style,
) -> String {
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

/// One fact a line, under each other.
pub(super) fn facts(facts: &[(&str, String)], style: Style) -> String {
    facts.iter().map(|(what, fact)| format!("  {} {fact}\n", style.dim(&format!("{what:<9}")))).collect()
}

/// An address and a port as other programs take them: an address of IPv6 in brackets.
pub(super) fn endpoint(address: &str, port: u16) -> String {
    let address = shown(address);
    if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") }
}

/// The four ports of a peer, as a range if they are one.
pub(super) fn ports(ports: [u16; 4]) -> String {
    let [a, b, c, d] = ports;
    if [b, c, d] == [a.wrapping_add(1), a.wrapping_add(2), a.wrapping_add(3)] {
        format!("{a} to {d}")
    } else {
        format!("{a}, {b}, {c}, {d}")
    }
}

/// Whose files could not be listed, and why.
pub(super) fn missing_files(row: &UnlistedRow) -> String {
    let cause = match row.cause {
        UnlistedCause::Coming => "not here yet",
        UnlistedCause::Busy => "busy",
        UnlistedCause::NoAnswer => "no answer",
        UnlistedCause::TooMany => "too many",
        UnlistedCause::Wrong => "not valid",
    };
    let whose = match row.count {
        1 => "1 peer's".to_owned(),
        count => format!("{count} peers'"),
    };
    format!("{whose} files are missing: {cause} ({})", names_of(&row.peers, row.count))
}

/// Names in a list, the first three of them.
pub(super) fn some_names(names: &[String]) -> String {
    names_of(names, names.len() as u64)
}

/// The first three of these names, which are of `count` that there are.
pub(super) fn names_of(names: &[String], count: u64) -> String {
    let named: Vec<_> = names.iter().take(3).map(|n| shown(n)).collect();
    let more = match count.saturating_sub(named.len() as u64) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{more}", named.join(", "))
}

/// `line`, cut with an ellipsis to `columns` columns.
pub(in crate::cli) fn cut(line: &str, columns: usize) -> String {
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

/// A path on this machine, short if it lies below the current folder.
pub(in crate::cli) fn shown_path(path: &Path) -> String {
    let short =
        std::env::current_dir().ok().and_then(|here| path.strip_prefix(here).ok().map(Path::to_owned));
    let short = short.filter(|p| !p.as_os_str().is_empty());
    shown(&short.as_deref().unwrap_or(path).display().to_string()).into_owned()
}
