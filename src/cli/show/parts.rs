//! Parts of which several answers are made: tables, facts under each other, paths, ids. It reads nothing but
//! the name of the current folder.

use std::path::Path;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::cli::human::number;
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
pub(in crate::cli) fn short_id(id: &str) -> String {
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
    let there: Vec<(u64, &str)> = kinds.into_iter().filter(|(count, _)| *count > 0).collect();
    let (last, others) = there.split_last()?;
    let noun = if last.0 == 1 { "file" } else { "files" };
    let last = format!("{} {} {noun}", number(last.0), last.1);
    let others: Vec<String> =
        others.iter().map(|(count, kind)| format!("{} {kind}", number(*count))).collect();
    let all = if others.is_empty() { last } else { format!("{} and {last}", others.join(", ")) };
    Some(format!("{all} not shared"))
}

/// What becomes of a column where a line would be wider than the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Fit {
    /// It stays as it is.
    Whole,
    /// It is left out.
    Drop,
    /// Its cells are cut in the middle.
    Cut,
}

/// A column that is to be cut is not made narrower than this.
const NARROWEST: usize = 12;

/// Rows in columns, each as wide as its widest cell; as `fits` says, if that is too wide for the terminal.
pub(in crate::cli) fn table<const N: usize>(
    header: [&str; N],
    sides: [bool; N],
    fits: [Fit; N],
    rows: &[[String; N]],
    style: Style,
) -> String {
    let widths = widths(&header, fits, rows, style.columns);
    let line = |cells: &[String; N]| {
        let mut line = String::new();
        for ((cell, width), right) in cells.iter().zip(widths).zip(sides) {
            let Some(ColumnWidth { width, is_cut }) = width else { continue };
            let cell = if is_cut { cut_middle(cell, width) } else { cell.clone() };
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

/// How wide a column is, and whether cells that are wider are cut.
#[derive(Clone, Copy, Debug)]
struct ColumnWidth {
    width: usize,
    is_cut: bool,
}

/// How wide each column is; `None`: it is left out.
fn widths<const N: usize>(
    header: &[&str; N],
    fits: [Fit; N],
    rows: &[[String; N]],
    most: Option<usize>,
) -> [Option<ColumnWidth>; N] {
    let mut widths = header.map(|name| Some(ColumnWidth { width: name.width(), is_cut: false }));
    for row in rows {
        for (column, cell) in widths.iter_mut().flatten().zip(row) {
            // Where lines may be of any width, a very long cell breaks its own line only.
            let cell = cell.width();
            column.width = column.width.max(if most.is_none() && cell > WIDEST { 0 } else { cell });
        }
    }
    let Some(most) = most else { return widths };
    let all = |widths: &[Option<ColumnWidth>; N]| {
        widths.iter().flatten().map(|column| column.width + 2).sum::<usize>().saturating_sub(2)
    };
    for n in (0..N).filter(|n| fits[*n] == Fit::Drop) {
        if all(&widths) > most {
            widths[n] = None;
        }
    }
    for n in (0..N).filter(|n| fits[*n] == Fit::Cut) {
        let more = all(&widths).saturating_sub(most);
        if let Some(column) = widths[n].as_mut().filter(|_| more > 0) {
            let width = column.width.saturating_sub(more).max(NARROWEST.min(column.width));
            *column = ColumnWidth { width, is_cut: true };
        }
    }
    widths
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
pub(in crate::cli) fn some_names(names: &[String]) -> String {
    names_of(names, names.len() as u64)
}

/// The first three of these names, which are of `count` that there are.
pub(super) fn names_of(names: &[String], count: u64) -> String {
    let named: Vec<_> = names.iter().take(3).map(|n| shown(n)).collect();
    let more = match count.saturating_sub(named.len() as u64) {
        0 => String::new(),
        more => format!(" and {} more", number(more)),
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

/// `text`, with an ellipsis in the middle if it is wider than `columns` columns. Its end is longer than its beginning,
/// for there stands the name.
pub(super) fn cut_middle(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let left = columns.saturating_sub(1);
    let (begin, mut end) = (cut(text, left / 3 + 1), Vec::new());
    let begin = begin.trim_end_matches('…');
    let mut rest = left.saturating_sub(begin.width());
    for c in text.chars().rev() {
        let Some(narrower) = rest.checked_sub(c.width().unwrap_or(0)) else { break };
        rest = narrower;
        end.push(c);
    }
    format!("{begin}…{}", end.into_iter().rev().collect::<String>())
}

/// `text`, broken between words into lines that a terminal of `columns` columns does not break itself. A word that is
/// wider stays whole.
pub(super) fn wrapped(text: &str, columns: Option<usize>) -> String {
    let Some(columns) = columns else { return text.to_owned() };
    let (mut lines, mut width) = (String::with_capacity(text.len()), 0);
    for word in text.split(' ') {
        if width > 0 && width + 1 + word.width() > columns {
            lines.push('\n');
            width = 0;
        } else if !lines.is_empty() {
            lines.push(' ');
            width += 1;
        }
        lines.push_str(word);
        width += word.width();
    }
    lines
}

/// A path on this machine, short if it lies below the current folder.
pub(in crate::cli) fn shown_path(path: &Path) -> String {
    let short =
        std::env::current_dir().ok().and_then(|here| path.strip_prefix(here).ok().map(Path::to_owned));
    let short = short.filter(|p| !p.as_os_str().is_empty());
    shown(&short.as_deref().unwrap_or(path).display().to_string()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CELLS: [[&str; 4]; 3] = [
        ["a/long/path/to/a file.txt", "1.2 MiB", "anna", "b3:3f2a9c1b00"],
        ["短い/漢字の名前のファイル.txt", "5 B", "mine", "b3:3f2a9c1b01"],
        ["x", "10.0 GiB", "bert and 7 more", "b3:3f2a9c1b02"],
    ];

    fn of_width(columns: Option<usize>) -> String {
        let rows = CELLS.map(|row| row.map(str::to_owned));
        let fits = [Fit::Cut, Fit::Whole, Fit::Whole, Fit::Drop];
        let style = Style { columns, ..Style::PLAIN };
        table(["PATH", "SIZE", "WHO", "ID"], [LEFT, RIGHT, LEFT, LEFT], fits, &rows, style)
    }

    #[test]
    fn a_table_fits_the_terminal() {
        insta::assert_snapshot!(of_width(Some(80)), @r"
        PATH                               SIZE  WHO              ID
        a/long/path/to/a file.txt       1.2 MiB  anna             b3:3f2a9c1b00
        短い/漢字の名前のファイル.txt       5 B  mine             b3:3f2a9c1b01
        x                              10.0 GiB  bert and 7 more  b3:3f2a9c1b02
        ");
        insta::assert_snapshot!(of_width(Some(60)), @r"
        PATH                               SIZE  WHO
        a/long/path/to/a file.txt       1.2 MiB  anna
        短い/漢字の名前のファイル.txt       5 B  mine
        x                              10.0 GiB  bert and 7 more
        ");
        insta::assert_snapshot!(of_width(Some(45)), @r"
        PATH                    SIZE  WHO
        a/lon…o/a file.txt   1.2 MiB  anna
        短い/…ファイル.txt       5 B  mine
        x                   10.0 GiB  bert and 7 more
        ");
        assert_eq!(of_width(None), of_width(Some(500)));
        for columns in 45..100 {
            let text = of_width(Some(columns));
            assert!(text.lines().all(|line| line.width() <= columns), "{columns}\n{text}");
        }
    }

    #[test]
    fn lines_are_broken_between_words() {
        assert_eq!(wrapped("one two three", Some(8)), "one two\nthree");
        assert_eq!(wrapped("one two three", Some(7)), "one two\nthree");
        assert_eq!(wrapped("unbreakable one", Some(4)), "unbreakable\none");
        assert_eq!(wrapped("one two", None), "one two");
        assert_eq!(wrapped("", Some(4)), "");
    }

    #[test]
    fn what_is_cut_in_the_middle_keeps_its_beginning_and_its_name() {
        assert_eq!(cut_middle("folder/sub/name.txt", 14), "fold…/name.txt");
        for columns in 0..20 {
            assert!(cut_middle("漢字/漢字の名前.txt", columns).width() <= columns.max(1));
        }
    }
}
