//! `list` as people read it.

use core::iter;
use core::ops::ControlFlow;

use super::parts::{Fit, ID_CHARACTERS, LEFT, RIGHT, missing_files, not_shared, short_id, table, wrapped};
use super::{Page, Show};
use crate::cli::human::{count, number, size};
use crate::cli::output::Style;
use crate::control::file_word::typed_path;
use crate::control::{FolderRow, LeftOutRow, ListRequest, ListRow, Reply, UnlistedRow};
use crate::text::shown;

/// Keeps the rows until all are there, for only then the columns' widths are known.
#[derive(Debug)]
struct ListShow {
    rows: Vec<Line>,
    unlisted: Vec<UnlistedRow>,
    left_out: LeftOutRow,
    /// Not all that there is was wanted.
    is_filtered: bool,
}

/// A line of the table.
#[derive(Debug)]
enum Line {
    File(Box<ListRow>),
    Folder(Box<FolderRow>),
}

/// What shows it.
pub(super) fn show(request: &ListRequest) -> Box<dyn Show> {
    let is_filtered = request.mine || request.from.is_some();
    let left_out = LeftOutRow::default();
    Box::new(ListShow { rows: Vec::new(), unlisted: Vec::new(), left_out, is_filtered })
}

impl Show for ListShow {
    fn reply(&mut self, reply: Reply, _: &mut Page) -> ControlFlow<()> {
        match reply {
            Reply::File(row) => self.rows.push(Line::File(Box::new(row))),
            Reply::Folder(row) => self.rows.push(Line::Folder(Box::new(row))),
            Reply::Unlisted(row) => self.unlisted.push(row),
            Reply::LeftOut(row) => self.left_out = row,
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn end(&mut self, worked: bool, style: Style) -> String {
        if !worked {
            // It may well be among these.
            return self.missing();
        }
        let left_out = not_shared(&self.left_out).map(|text| style.dim(&text) + "\n").unwrap_or_default();
        self.list(style) + &left_out
    }
}

impl ListShow {
    /// What `list` says.
    fn list(&self, style: Style) -> String {
        let missing = self.missing();
        match self.is_filtered {
            _ if !self.rows.is_empty() => {}
            _ if !missing.is_empty() => return missing,
            true => return "nothing is shared there; `list` shows everything\n".to_owned(),
            false => return "nothing is shared yet: put files into `shared/`\n".to_owned(),
        }
        let rows: Vec<&ListRow> = self.rows.iter().filter_map(Line::file).collect();
        let mut text = if rows.len() == self.rows.len() {
            files(&rows, style)
        } else {
            let cells: Vec<[String; 6]> = self.rows.iter().map(Line::cells).collect();
            let header = ["PATH", "FILES", "SIZE", "COPIES", "WHO", "ID"];
            let fits = [Fit::Cut, Fit::Whole, Fit::Whole, Fit::Whole, Fit::Whole, fit_of_id(&rows)];
            table(header, [LEFT, RIGHT, RIGHT, RIGHT, LEFT, LEFT], fits, &cells, style)
        };
        text.push_str(&style.dim(&wrapped(&(self.sum() + &remarks(&rows)), style.columns)));
        text.push('\n');
        text.push_str(&missing);
        text
    }

    /// Whose files are not among the rows.
    fn missing(&self) -> String {
        self.unlisted.iter().map(|row| format!("{}\n", missing_files(row))).collect()
    }

    /// How many files all that is, and how large.
    fn sum(&self) -> String {
        let (mut files, mut bytes) = (0_u64, 0_u64);
        for line in &self.rows {
            let (more, size) = match line {
                Line::File(row) if row.folder => (0, 0),
                Line::File(row) => (1, row.size),
                Line::Folder(row) => (row.files, row.size),
            };
            files += more;
            bytes = bytes.saturating_add(size);
        }
        in_all(files, bytes)
    }
}

impl Line {
    fn file(&self) -> Option<&ListRow> {
        if let Self::File(row) = self { Some(row) } else { None }
    }

    fn cells(&self) -> [String; 6] {
        match self {
            Self::File(row) => {
                let [path, size, copies, who, id] = list_cells(row);
                [path, String::new(), size, copies, who, id]
            }
            Self::Folder(row) => folder_cells(row),
        }
    }
}

/// Rows of files in columns.
pub(super) fn files(rows: &[&ListRow], style: Style) -> String {
    let cells: Vec<[String; 5]> = rows.iter().map(|row| list_cells(row)).collect();
    let id = fit_of_id(rows);
    let header = ["PATH", "SIZE", "COPIES", "WHO", "ID"];
    let fits = [Fit::Cut, Fit::Whole, Fit::Whole, Fit::Whole, id];
    table(header, [LEFT, RIGHT, RIGHT, LEFT, LEFT], fits, &cells, style)
}

/// Whether ids can be left out: not where a mark stands beside one that says something of the file, or that asks for
/// it by its id.
fn fit_of_id(rows: &[&ListRow]) -> Fit {
    let is_marked = |row: &&ListRow| row.ambiguous || row.large || row.here || row.hashing.is_some();
    if rows.iter().any(is_marked) { Fit::Whole } else { Fit::Drop }
}

/// How many files that are, and how large.
pub(super) fn sum(rows: &[ListRow]) -> String {
    let files = rows.iter().filter(|row| !row.folder);
    let (number, bytes) = files.fold((0_u64, 0_u64), |(n, b), row| (n + 1, b.saturating_add(row.size)));
    in_all(number, bytes)
}

fn in_all(files: u64, bytes: u64) -> String {
    format!("{}, {}", count(files, "file"), size(bytes))
}

/// What the marks beside the ids mean, of those that are there.
pub(super) fn remarks(rows: &[&ListRow]) -> String {
    let mut remarks = String::new();
    if rows.iter().any(|row| row.ambiguous) {
        remarks.push_str("; * several contents have this path: name one by its id");
    }
    if rows.iter().any(|row| row.large) {
        remarks.push_str("; large: not copied by itself: `copies 2 FILE` has it copied");
    }
    if rows.iter().any(|row| row.here) {
        remarks.push_str("; here: all on this machine");
    }
    remarks
}

fn list_cells(row: &ListRow) -> [String; 5] {
    let mut path = typed_path(&row.path).into_owned();
    if row.folder {
        path.push('/');
    }
    let id = match row.hashing {
        Some(done) => format!("hashing {done}%"),
        None if row.id.is_empty() => String::new(),
        None => {
            let characters: String = row.id.chars().take(ID_CHARACTERS).collect();
            let marks = [(row.ambiguous, " *"), (row.large, " large"), (row.here, " here")];
            let marks: String = marks.into_iter().filter_map(|(is, mark)| is.then_some(mark)).collect();
            format!("b3:{}{marks}", shown(&characters))
        }
    };
    let bytes = if row.folder { String::new() } else { size(row.size) };
    [path, bytes, copies(row), who(row.mine, owners(row), row.peers.len() as u64), id]
}

fn folder_cells(row: &FolderRow) -> [String; 6] {
    let path = format!("{}/", typed_path(&row.path));
    let copies = match row.wanted {
        _ if row.files == 0 => String::new(),
        Some(wanted) if wanted > 1 => format!("{}/{wanted}", row.copies),
        _ => row.copies.to_string(),
    };
    let owners = names(&row.peers, &row.peer_ids, &row.look_alikes, row.away);
    let who = who(row.mine, owners, row.owners);
    [path, number(row.files), size(row.size), copies, who, String::new()]
}

/// Who shares it: one or two by name, of more the first one and how many there are beside it. `others`: how many there
/// are but this peer.
fn who(mine: bool, mut owners: impl Iterator<Item = String>, others: u64) -> String {
    match (mine, others, owners.next()) {
        (true, 0, _) => "mine".to_owned(),
        (true, 1, Some(one)) => format!("mine, {one}"),
        (true, more, _) => format!("mine and {} more", number(more)),
        (false, _, None) => String::new(),
        (false, 2, Some(one)) => owners.next().map_or_else(|| one.clone(), |two| format!("{one}, {two}")),
        (false, 0 | 1, Some(one)) => one,
        (false, all, Some(one)) => format!("{one} and {} more", number(all - 1)),
    }
}

/// What stands in the column of copies.
fn copies(row: &ListRow) -> String {
    // Of files of others it is seldom known how many there are to be.
    let is_only = row.copies == 1 && row.wanted != Some(1) && (row.large || row.away);
    match row.wanted {
        _ if row.folder => String::new(),
        _ if is_only => "only copy".to_owned(),
        Some(wanted) if wanted > 1 && !row.large => format!("{}/{wanted}", row.copies),
        _ => row.copies.to_string(),
    }
}

/// The names of those who share a file, as `list` shows them: with the beginning of the id where the name alone
/// could be taken for another one.
fn owners(row: &ListRow) -> impl Iterator<Item = String> {
    names(&row.peers, &row.peer_ids, &row.look_alikes, row.away)
}

fn names(
    peers: &[String],
    ids: &[String],
    look_alikes: &[String],
    away: bool,
) -> impl Iterator<Item = String> {
    let away = if away { " (away)" } else { "" };
    let ids = ids.iter().map(Some).chain(iter::repeat(None));
    peers.iter().zip(ids).map(move |(name, id)| {
        let id = id.filter(|id| look_alikes.contains(id));
        let id = id.map_or_else(String::new, |id| format!(" ({})", short_id(id)));
        format!("{}{id}{away}", shown(name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::flags::{Parsed, TypedCommand, parse_arguments, parse_typed};
    use crate::cli::words;
    use crate::control::file_word::FileWord;
    use crate::control::{Request, UnlistedCause};
    use crate::text::escape_at;

    const PLAIN: Style = Style::PLAIN;

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
            look_alikes: vec![],
            id: "3f2a9c1b00112233".into(),
            ambiguous: false,
            away: false,
            large: false,
            here: false,
            hashing: None,
        }
    }

    fn list(rows: &[ListRow], unlisted: &[UnlistedRow], filtered: bool, style: Style) -> String {
        let rows = rows.iter().cloned().map(|row| Line::File(Box::new(row))).collect();
        ListShow { rows, unlisted: unlisted.to_vec(), left_out: LeftOutRow::default(), is_filtered: filtered }
            .list(style)
    }

    fn folder(path: &str, files: u64, mine: bool, peers: &[&str]) -> Line {
        Line::Folder(Box::new(FolderRow {
            path: path.into(),
            files,
            size: 38_912 * files.min(10),
            modified: 0,
            copies: 1,
            wanted: mine.then_some(2),
            mine,
            peers: peers.iter().map(|name| (*name).to_owned()).collect(),
            peer_ids: vec![],
            look_alikes: vec![],
            owners: peers.len() as u64,
            away: path == "left",
        }))
    }

    #[test]
    fn a_folder_is_one_line_and_who_shares_it_fits_there() {
        let many = ["anna", "bert", "carl", "dora", "emil", "fred", "gina", "hans"];
        let mut rows = vec![
            folder("many", 10_000, true, &[]),
            folder("Week 12", 3, false, &many),
            folder("left", 1, false, &["anna\u{1b}"]),
            folder("ours", 2, true, &many),
            folder("empty", 0, false, &["anna", "bert"]),
        ];
        rows.push(Line::File(Box::new(row("top.txt"))));
        let show = ListShow { rows, unlisted: vec![], left_out: LeftOutRow::default(), is_filtered: false };
        insta::assert_snapshot!(show.list(PLAIN), @r"
        PATH       FILES       SIZE  COPIES  WHO                ID
        many/     10,000  380.0 KiB     1/2  mine
        Week 12/       3  114.0 KiB       1  anna and 7 more
        left/          1   38.0 KiB       1  anna\u{1b} (away)
        ours/          2   76.0 KiB     1/2  mine and 8 more
        empty/         0        0 B          anna, bert
        top.txt             1.2 MiB       2  mine, peer2-ab     b3:3f2a9c1b00
        10,007 files, 1.8 MiB
        ");
        insta::assert_snapshot!(show.list(Style { columns: Some(60), ..PLAIN }), @r"
        PATH       FILES       SIZE  COPIES  WHO
        many/     10,000  380.0 KiB     1/2  mine
        Week 12/       3  114.0 KiB       1  anna and 7 more
        left/          1   38.0 KiB       1  anna\u{1b} (away)
        ours/          2   76.0 KiB     1/2  mine and 8 more
        empty/         0        0 B          anna, bert
        top.txt             1.2 MiB       2  mine, peer2-ab
        10,007 files, 1.8 MiB
        ");
    }

    #[test]
    fn list_is_aligned_and_marks_what_needs_it() {
        let mut rows = vec![row("a.txt"), row("漢字/b.txt"), row("c\u{1b}[2J"), row("new"), row("empty")];
        rows[1].ambiguous = true;
        rows[2].mine = false;
        rows[2].peers.push("evil\u{202e}".into());
        (rows[3].hashing, rows[3].copies, rows[3].peers) = (Some(40), 0, vec![]);
        (rows[4].folder, rows[4].id) = (true, String::new());
        insta::assert_snapshot!(list(&rows, &[], false, PLAIN), @r"
        PATH           SIZE  COPIES  WHO                     ID
        a.txt       1.2 MiB       2  mine, peer2-ab          b3:3f2a9c1b00
        漢字/b.txt  1.2 MiB       2  mine, peer2-ab          b3:3f2a9c1b00 *
        c\u{1b}[2J  1.2 MiB       2  peer2-ab, evil\u{202e}  b3:3f2a9c1b00
        new         1.2 MiB       0  mine                    hashing 40%
        empty/                       mine, peer2-ab
        4 files, 5.0 MiB; * several contents have this path: name one by its id
        ");
        assert!(list(&[], &[], false, PLAIN).contains("shared/"));
        let mut rows = vec![row("away.txt"), row("big.iso"), row("few.txt"), row("most.txt")];
        rows.iter_mut().for_each(|row| row.wanted = Some(2));
        (rows[0].mine, rows[0].away) = (false, true);
        (rows[1].large, rows[1].copies, rows[1].peers) = (true, 1, vec![]);
        (rows[2].copies, rows[2].wanted, rows[3].wanted) = (1, Some(3), Some(1));
        rows.push(ListRow { wanted: Some(2), peers: vec![], here: true, ..row("near.txt") });
        insta::assert_snapshot!(list(&rows, &[], false, PLAIN), @r"
        PATH         SIZE     COPIES  WHO              ID
        away.txt  1.2 MiB        2/2  peer2-ab (away)  b3:3f2a9c1b00
        big.iso   1.2 MiB  only copy  mine             b3:3f2a9c1b00 large
        few.txt   1.2 MiB        1/3  mine, peer2-ab   b3:3f2a9c1b00
        most.txt  1.2 MiB          2  mine, peer2-ab   b3:3f2a9c1b00
        near.txt  1.2 MiB        2/2  mine             b3:3f2a9c1b00 here
        5 files, 6.2 MiB; large: not copied by itself: `copies 2 FILE` has it copied; here: all on this machine
        ");
        assert!(list(&[], &[], true, PLAIN).contains("nothing is shared there"));
    }

    /// The only word behind `download` in these words of a command line.
    fn only_file(words: &[String]) -> String {
        let program = ["potluck".to_owned()];
        let arguments = program.iter().chain(words).map(Into::into).collect::<Vec<_>>();
        let Parsed::Command(line) = parse_arguments(arguments) else { panic!("{words:?}") };
        let Parsed::Command(typed) = parse_typed(words) else { panic!("{words:?}") };
        assert_eq!(line.command.as_ref(), Some(&typed.command));
        let TypedCommand::Ask(Request::Download(request)) = typed.command else { panic!("{words:?}") };
        let [file] = request.files.as_slice() else { panic!("{words:?}") };
        file.clone()
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_printed_can_be_given_to_download(name in crate::text::tests::texts()) {
            proptest::prop_assume!(name.parse::<crate::content::SafePath>().is_ok());
            let text = list(&[row(&name)], &[], false, PLAIN);
            let cell = text.lines().nth(1).unwrap().split("  ").next().unwrap();
            // As one argument, which is what quotes make of it in a shell.
            let mut typed = vec![only_file(&["download".to_owned(), cell.to_owned()])];
            // At the prompt: in quotes of either kind, as completion has it, and bare.
            let mut lines = vec![format!("download {}", words::quote(cell))];
            if !cell.contains('\'') {
                lines.push(format!("download '{cell}'"));
            }
            let is_escape = |(at, _)| escape_at(&cell[at..]).is_some();
            if !cell.contains([' ', '\'', '"']) && cell.match_indices('\\').all(is_escape) {
                lines.push(format!("download {cell}"));
            }
            typed.extend(lines.iter().map(|line| only_file(&words::split(line).unwrap())));
            for word in typed {
                proptest::prop_assert_eq!(FileWord::of(&word), FileWord::Path(name.as_str().into()));
            }
        }
    }

    #[test]
    fn what_could_not_be_had_is_said_and_never_that_nothing_is_shared() {
        let unlisted = |cause, count, peers: &[&str]| UnlistedRow {
            cause,
            count,
            peers: peers.iter().map(|p| (*p).to_owned()).collect(),
            peer_ids: Vec::new(),
        };
        let missing = [
            unlisted(UnlistedCause::Busy, 1, &["anna\u{1b}"]),
            unlisted(UnlistedCause::TooMany, 25, &["bert", "carl", "dora", "emil"]),
        ];
        insta::assert_snapshot!(list(&[], &missing, false, PLAIN), @r"
        1 peer's files are missing: busy (anna\u{1b})
        25 peers' files are missing: too many (bert, carl, dora and 22 more)
        ");
        assert_eq!(list(&[], &missing, true, PLAIN), list(&[], &missing, false, PLAIN));
        let text = list(&[row("a.txt")], &missing[..1], true, PLAIN);
        assert!(text.starts_with("PATH") && text.ends_with("missing: busy (anna\\u{1b})\n"), "{text}");
    }

    #[test]
    fn copies_alarm_only_about_what_would_be_lost() {
        assert_eq!(copies(&counted(2, Some(2))), "2/2");
        assert_eq!(copies(&counted(1, Some(2))), "1/2");
        assert_eq!(copies(&counted(3, Some(2))), "3/2");
        // Turned off, or not known: a number.
        assert_eq!(copies(&counted(1, Some(1))), "1");
        assert_eq!(copies(&counted(1, None)), "1");
        let large = |copies_now, wanted| copies(&ListRow { large: true, ..counted(copies_now, wanted) });
        assert_eq!([large(1, Some(2)), large(1, None), large(2, Some(2))], ["only copy", "only copy", "2"]);
        assert_eq!(large(1, Some(1)), "1");
        let away =
            |copies_now, wanted| copies(&ListRow { away: true, mine: false, ..counted(copies_now, wanted) });
        assert_eq!([away(1, None), away(1, Some(2)), away(2, None)], ["only copy", "only copy", "2"]);
        assert_eq!([away(2, Some(3)), away(0, Some(2))], ["2/3", "0/2"]);
        assert_eq!(copies(&ListRow { folder: true, ..counted(1, None) }), "");
        let names: Vec<String> = owners(&ListRow { away: true, ..counted(1, None) }).collect();
        assert_eq!(names, ["peer2\\u{1b} (away)", "peer3 (away)"]);
        let (ids, look_alikes) = (vec!["a".repeat(52), "b".repeat(52)], vec!["b".repeat(52)]);
        let alike = ListRow { peer_ids: ids, look_alikes, ..counted(1, None) };
        assert_eq!(owners(&alike).collect::<Vec<_>>(), ["peer2\\u{1b}", "peer3 (bbbbbbbb)"]);
    }

    fn counted(copies: u64, wanted: Option<u8>) -> ListRow {
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
            look_alikes: vec![],
            id: String::new(),
            ambiguous: false,
            away: false,
            large: false,
            here: false,
            hashing: None,
        }
    }
}
