//! Rooms are the folders and files at the top of src/. One knows another one only downwards, and nothing goes
//! in circles.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::resolve::Target;
use crate::tree::{How, Tree};

/// The rooms, from top to bottom. A room imports only from lines below its own, or from rooms on its own line
/// that stand to its right. Some are still to be built.
const LINES: [&str; 16] = [
    // Beside all: it runs whole peers, and nothing but tests and benches knows it.
    "sim",
    "cli",
    "web localsend",
    "peer",
    // One room a capability.
    "doctor routes dht inbox custody",
    // The owner's four roles.
    "receiver sender distribution",
    // It knows how fast the swarm's sources give.
    "reader",
    "swarm",
    "lan room gateway port_mapping",
    "http transfer",
    "control",
    // Those who ask and answer for it carry what the index is asked.
    "index",
    // The library asks the disk whether a file is still what was hashed, and keeps its hashes in the store.
    "library store disk",
    // Content is signed: a catalogue's head names who speaks, and is checked against its key.
    "group wire content identity",
    "settings accounts limits",
    // The ground. Clocks give points in time, and rates are counted between two of them.
    "error counters address byte_queue natural later codec text vec_map rate sys time",
];

/// What no order of lines forbids, and what is still not wanted: only `main` starts both.
const FORBIDDEN: [(&str, &str); 2] = [("cli", "peer"), ("web", "peer")];

/// Arrows that are still wrong. This list only shrinks.
const PENDING: &[(&str, &str)] = &[];

/// The drawing of the rooms stands in the document between these two.
const DRAWING: [&str; 2] = ["<!-- rooms: made by tests/structure -->\n", "<!-- end of rooms -->"];

const DOCUMENT: &str = "docs/ARCHITECTURE.md";

/// From which room to which, and where that is written: place and path.
type Arrows = BTreeMap<(String, String), Vec<(String, String)>>;

fn room_of(tree: &Tree, module: usize) -> Option<&str> {
    tree.modules[module].path.first().map(String::as_str).filter(|room| *room != "main")
}

/// The arrows between rooms. The roots, `lib.rs` and `main.rs`, are no rooms.
fn arrows(tree: &Tree) -> Arrows {
    let mut arrows = Arrows::new();
    for mention in &tree.mentions {
        let Some(from) = room_of(tree, mention.module) else { continue };
        let mut rooms = BTreeSet::new();
        for found in tree.resolve(mention) {
            let end = match found.target {
                Target::Module(module) | Target::Item(module, _) => Some(module),
                Target::Foreign(_) => None,
            };
            rooms.extend(found.through.into_iter().chain(end).filter_map(|m| room_of(tree, m)));
        }
        for to in rooms.into_iter().filter(|to| *to != from) {
            let file = tree.modules[mention.module].file;
            let places = arrows.entry((from.to_owned(), to.to_owned())).or_default();
            // What an import of the file names is told once, at the import.
            let here = format!("{}:", tree.files[file].path);
            let is_told = places.iter().any(|(place, _)| place.starts_with(&here));
            let is_whole = ["crate", "super", "self"].contains(&mention.path[0].as_str());
            if mention.how != How::Inline || is_whole || !is_told {
                places.push((tree.place(file, mention.line), mention.path.join("::")));
            }
        }
    }
    arrows
}

/// Line and place on it.
fn stands(room: &str, lines: &[&str]) -> Option<(usize, usize)> {
    let on_line = |line: &&str| line.split(' ').position(|r| r == room);
    lines.iter().enumerate().find_map(|(n, line)| Some((n, on_line(line)?)))
}

/// What is wrong with the arrows, in words.
fn wrong(
    arrows: &Arrows,
    lines: &[&str],
    forbidden: &[(&str, &str)],
    pending: &[(&str, &str)],
) -> Vec<String> {
    let mut wrong = Vec::new();
    let rooms: BTreeSet<&String> = arrows.keys().flat_map(|(from, to)| [from, to]).collect();
    let unknown = rooms.iter().filter(|r| stands(r, lines).is_none());
    wrong.extend(unknown.map(|room| format!("the room {room} stands on no line")));
    let mut taken = BTreeSet::new();
    for (arrow, places) in arrows {
        let (from, to) = (arrow.0.as_str(), arrow.1.as_str());
        let is_up = stands(from, lines) >= stands(to, lines);
        let is_pending = pending.contains(&(from, to));
        if (is_up || forbidden.contains(&(from, to))) && !is_pending {
            let places: String = places.iter().fold(String::new(), |mut all, (place, path)| {
                write!(all, "\n  {place}: {path}").unwrap();
                all
            });
            wrong.push(format!("{from} must not know {to}:{places}"));
        }
        if !is_pending {
            taken.insert((from, to));
        }
    }
    for (from, to) in pending {
        let is_up = stands(from, lines) >= stands(to, lines) || forbidden.contains(&(from, to));
        if !arrows.contains_key(&((*from).to_owned(), (*to).to_owned())) || !is_up {
            wrong.push(format!("the pending arrow {from} -> {to} is mended: take it off the list"));
        }
    }
    wrong.extend(circle(&taken).map(|circle| format!("a circle: {}", circle.join(" -> "))));
    wrong
}

/// A circle of arrows, if there is one.
fn circle<'a>(arrows: &BTreeSet<(&'a str, &'a str)>) -> Option<Vec<&'a str>> {
    /// Goes on from the end of a way; a room in `done` leads to no circle.
    fn go_on<'a>(
        way: &mut Vec<&'a str>,
        done: &mut BTreeSet<&'a str>,
        arrows: &BTreeSet<(&'a str, &'a str)>,
    ) -> bool {
        let room = *way.last().unwrap();
        for (_, to) in arrows.iter().filter(|(from, _)| *from == room) {
            let known = way.iter().position(|r| r == to);
            way.push(to);
            if let Some(at) = known {
                way.drain(..at);
                return true;
            }
            if !done.contains(to) && go_on(way, done, arrows) {
                return true;
            }
            way.pop();
        }
        done.insert(room);
        false
    }
    let mut done = BTreeSet::new();
    arrows.iter().find_map(|(from, _)| {
        let mut way = vec![*from];
        go_on(&mut way, &mut done, arrows).then_some(way)
    })
}

/// One line a room, from top to bottom, with the rooms that it knows.
fn drawing(tree: &Tree, arrows: &Arrows) -> String {
    let there: BTreeSet<&str> = (0..tree.modules.len()).filter_map(|m| room_of(tree, m)).collect();
    let order: Vec<&str> = LINES.iter().flat_map(|l| l.split(' ')).filter(|r| there.contains(r)).collect();
    let mut text = "```\n".to_owned();
    let width = order.iter().map(|r| r.len()).max().unwrap_or(0);
    for from in &order {
        let knows = |to: &&&str| arrows.contains_key(&((*from).to_owned(), (**to).to_owned()));
        let known: Vec<&str> = order.iter().filter(knows).copied().collect();
        let known = if known.is_empty() { "-".to_owned() } else { known.join(" ") };
        writeln!(text, "{from:width$}  {known}").unwrap();
    }
    text + "```\n"
}

#[test]
fn a_room_knows_only_rooms_below_it() {
    let tree = Tree::of_project();
    let arrows = arrows(tree);
    print!("{}", drawing(tree, &arrows));
    let wrong = wrong(&arrows, &LINES, &FORBIDDEN, PENDING);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_document_draws_the_rooms_as_they_are() {
    let tree = Tree::of_project();
    let drawing = drawing(tree, &arrows(tree));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(DOCUMENT);
    let text = fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(DRAWING[0]).expect("the document draws the rooms");
    let (drawn, after) = rest.split_once(DRAWING[1]).expect("the drawing has an end");
    if std::env::var_os("POTLUCK_WRITE").is_some() {
        fs::write(&path, [before, DRAWING[0], &drawing, DRAWING[1], after].concat()).unwrap();
        return;
    }
    assert!(
        drawn == drawing,
        "the rooms and their drawing in {DOCUMENT} differ: look at what the text says of them, then run\n\
         POTLUCK_WRITE=1 cargo test --test structure rooms"
    );
}

/// Three rooms: `high` knows `low` through a re-export, and `low` knows `high` by a path in a function.
const CIRCLE: [(&str, &str); 6] = [
    ("src/lib.rs", "mod high; mod middle; mod low;"),
    ("src/high.rs", "use crate::middle::Thing as Other; pub struct High(Other);"),
    (
        "src/middle/mod.rs",
        "mod inner; pub use inner::{Thing}; #[cfg(test)] mod tests { use crate::high::High; }",
    ),
    ("src/middle/inner.rs", "pub use crate::low::*;"),
    ("src/low/mod.rs", "pub use self::deep::Thing; mod deep;"),
    (
        "src/low/deep.rs",
        "pub struct Thing;\nimpl Thing {\n fn up() { assert!(true, \"{}\", crate::high::High::x()) }\n}",
    ),
];

#[test]
fn a_circle_and_an_arrow_up_are_seen() {
    let tree = Tree::of(&CIRCLE);
    let arrows = arrows(&tree);
    let drawn: Vec<_> = arrows.keys().map(|(from, to)| format!("{from} {to}")).collect();
    assert_eq!(drawn, ["high low", "high middle", "low high", "middle low"]);
    let lines = ["high", "middle low"];
    let wrong_now = wrong(&arrows, &lines, &[], &[]);
    assert_eq!(
        wrong_now,
        [
            "low must not know high:\n  src/low/deep.rs:3: crate::high::High::x",
            "a circle: high -> low -> high"
        ]
    );
    // To the left on one line is up, too.
    let left = wrong(&arrows, &["high", "low middle"], &[], &[("low", "high")]);
    let there =
        "middle must not know low:\n  src/middle/inner.rs:1: crate::low\n  src/middle/mod.rs:1: inner::Thing";
    assert_eq!(left, [there]);
    assert_eq!(wrong(&arrows, &lines, &[], &[("low", "high")]), [""; 0]);
    let mended = wrong(&arrows, &lines, &[], &[("low", "high"), ("high", "low")]);
    assert_eq!(mended, ["the pending arrow high -> low is mended: take it off the list"]);
    let forbidden = wrong(&arrows, &lines, &[("high", "middle")], &[("low", "high")]);
    assert_eq!(forbidden, ["high must not know middle:\n  src/high.rs:1: crate::middle::Thing"]);
    let unknown = wrong(&arrows, &["high", "low"], &[], &[("low", "high"), ("middle", "low")]);
    assert!(unknown.contains(&"the room middle stands on no line".to_owned()), "{unknown:?}");
}

#[test]
fn what_a_table_declares_is_read() {
    let tree = Tree::of(&[
        ("src/lib.rs", "mod high; mod low;"),
        (
            "src/high/mod.rs",
            "mod known; #[cfg(test)] mod tests; macro_rules! declare { () => { pub enum Request {} } }\n\
             macro_rules! for_each_command { ($callback:ident) => { $callback! {\n\
             list: List(ListRequest),\n#[command(skip)] verify: Verify(crate::VerifyRequest),\n} }; }\n\
             for_each_command!(declare);",
        ),
        ("src/high/known.rs", "use super::{Request, Row};"),
        ("src/high/list.rs", "pub struct Row; fn low() { crate::low::go() }"),
        ("src/high/verify.rs", ""),
        ("src/high/tests.rs", ""),
        ("src/low.rs", "use crate::high::Row;"),
    ]);
    let drawn: Vec<_> = arrows(&tree).into_keys().map(|(from, to)| format!("{from} {to}")).collect();
    assert_eq!(drawn, ["high low", "low high"]);
    let values: Vec<_> =
        tree.values.iter().map(|(m, name)| format!("{}::{name}", tree.name_of(*m))).collect();
    assert_eq!(values, ["high::Request", "high::list::Row"]);
    assert_eq!(tree.table.iter().collect::<Vec<_>>(), ["list", "verify"]);
}
