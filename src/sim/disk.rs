//! A disk whose power fails: what it holds then is what was synced, and any part of the rest.
//!
//! After a cut, all that a process did until then (`trace.rs`) is looked at. What a sync covers stays. Of
//! the rest the disk keeps what it likes: each write whole, in part (pages of it, with holes between them)
//! or not at all, whatever the order; of names, by [`Forgets`], a beginning, as file systems with a journal
//! do, or each for itself, as POSIX allows. Pure, but for [`Tree::put`].

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

use super::Rng;
use super::trace::{Name, Node, Op, Trace};

/// What is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forgets {
    /// Everything that may be.
    All,
    /// Names from some moment on, and any part of what was written. A sync keeps all earlier names too.
    FromSomeMoment,
    /// Any name, and any part of what was written. A sync of a file does not keep its name.
    Anything,
    /// Nothing: as if only the process had died.
    Nothing,
}

/// Unit in which a write is torn.
const PAGE: usize = 4_096;

/// What a disk holds.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    folders: BTreeMap<Node, BTreeMap<String, Node>>,
    files: HashMap<Node, Vec<u8>>,
}

/// How far syncs reach: whatever was done before these numbers is on the disk.
#[derive(Default)]
struct Kept {
    each: HashMap<Node, usize>,
    all: usize,
    any: usize,
}

impl Kept {
    fn of(ops: &[Op]) -> Self {
        let mut kept = Self::default();
        for op in ops {
            match op {
                Op::Synced(node, before) => {
                    let each = kept.each.entry(*node).or_default();
                    *each = (*each).max(*before);
                    kept.any = kept.any.max(*before);
                }
                Op::SyncedAll(before) => {
                    kept.all = kept.all.max(*before);
                    kept.any = kept.any.max(*before);
                }
                _ => {}
            }
        }
        kept
    }

    fn holds(&self, node: Node, number: usize) -> bool {
        number < self.all || self.each.get(&node).is_some_and(|until| number < *until)
    }
}

impl Tree {
    /// What the disk holds when its power fails after the first `cut` operations.
    pub(crate) fn after(trace: &Trace, cut: usize, forgets: Forgets, rng: &mut Rng) -> Self {
        let ops = &trace.ops[..cut];
        let kept = Kept::of(ops);
        let moment = match forgets {
            Forgets::All => kept.any,
            _ => kept.any + usize::try_from(rng.below((cut - kept.any) as u64 + 1)).unwrap(),
        };
        let mut tree = Self::default();
        for folder in &trace.folders {
            tree.folders.insert(*folder, BTreeMap::new());
        }
        for (number, op) in ops.iter().enumerate() {
            let mut keeps = |folder: Node| match forgets {
                _ if kept.holds(folder, number) => true,
                Forgets::All => false,
                Forgets::FromSomeMoment => number < moment,
                Forgets::Anything => rng.permille(500),
                Forgets::Nothing => true,
            };
            match op {
                Op::Named((folder, name), node) if keeps(*folder) => tree.name(*folder, name, *node),
                Op::Removed(at) if keeps(at.0) => tree.remove(at),
                Op::Renamed(from, (folder, name), node) if keeps(*folder) => {
                    tree.name(*folder, name, *node);
                    // Two folders are two places of the disk: the old name may stay beside the new one.
                    if from.0 == *folder || forgets != Forgets::Anything || keeps(from.0) {
                        tree.remove(from);
                    }
                }
                Op::Wrote(node, at, bytes) => {
                    let durable = kept.holds(*node, number) || forgets == Forgets::Nothing;
                    let file = tree.files.entry(*node).or_default();
                    match rng.below(4) {
                        _ if durable => write(file, *at, bytes),
                        _ if forgets == Forgets::All => {}
                        0 | 1 => write(file, *at, bytes),
                        2 => tear(file, *at, bytes, rng),
                        _ => {}
                    }
                }
                Op::Cut(node, len)
                    if kept.holds(*node, number) || forgets == Forgets::Nothing || rng.permille(500) =>
                {
                    tree.files.entry(*node).or_default().resize(usize::try_from(*len).unwrap(), 0);
                }
                _ => {}
            }
        }
        tree
    }

    fn name(&mut self, folder: Node, name: &str, node: Node) {
        self.folders.entry(folder).or_default().insert(name.to_owned(), node);
    }

    fn remove(&mut self, (folder, name): &Name) {
        self.folders.entry(*folder).or_default().remove(name);
    }

    /// Makes files and folders of it in `dir`, which is there and empty.
    pub(crate) fn put(&self, dir: &Path) {
        let mut made = HashMap::new();
        self.put_folder(0, dir, &mut made);
    }

    fn put_folder(&self, folder: Node, dir: &Path, made: &mut HashMap<Node, std::path::PathBuf>) {
        for (name, node) in &self.folders[&folder] {
            let path = dir.join(name);
            if let Some(there) = made.get(node) {
                fs::hard_link(there, &path).unwrap();
            } else if self.folders.contains_key(node) {
                fs::create_dir(&path).unwrap();
                self.put_folder(*node, &path, made);
            } else {
                fs::write(&path, self.files.get(node).map_or(&[][..], Vec::as_slice)).unwrap();
                made.insert(*node, path);
            }
        }
    }
}

fn write(file: &mut Vec<u8>, at: u64, bytes: &[u8]) {
    let at = usize::try_from(at).unwrap();
    if file.len() < at + bytes.len() {
        file.resize(at + bytes.len(), 0);
    }
    file[at..at + bytes.len()].copy_from_slice(bytes);
}

/// Some of its pages; the length may be there before the bytes are.
fn tear(file: &mut Vec<u8>, at: u64, bytes: &[u8], rng: &mut Rng) {
    let (mut start, end) = (usize::try_from(at).unwrap(), usize::try_from(at).unwrap() + bytes.len());
    if rng.permille(500) && file.len() < end {
        file.resize(end, 0);
    }
    while start < end {
        let next = end.min((start / PAGE + 1) * PAGE);
        if rng.permille(500) {
            let from = start - usize::try_from(at).unwrap();
            write(file, start as u64, &bytes[from..from + next - start]);
        }
        start = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(folder: Node, name: &str) -> Name {
        (folder, name.to_owned())
    }

    /// A file is made, written, synced, written again, and renamed; its folder is synced at the end.
    fn trace() -> Trace {
        let ops = vec![
            Op::Named(name(0, "a"), 1),
            Op::Wrote(1, 0, b"one".to_vec()),
            Op::Synced(1, 2),
            Op::Wrote(1, 3, b"two".to_vec()),
            Op::Renamed(name(0, "a"), name(0, "b"), 1),
            Op::Synced(0, 5),
        ];
        Trace { ops, folders: vec![0] }
    }

    fn held(cut: usize, forgets: Forgets, seed: u64) -> Vec<(String, Vec<u8>)> {
        let dir = tempfile::tempdir().unwrap();
        Tree::after(&trace(), cut, forgets, &mut Rng::new(seed)).put(dir.path());
        let mut held: Vec<_> = fs::read_dir(dir.path())
            .unwrap()
            .map(|e| e.unwrap())
            .map(|e| (e.file_name().into_string().unwrap(), fs::read(e.path()).unwrap()))
            .collect();
        held.sort();
        held
    }

    #[test]
    fn what_was_synced_stays_and_the_rest_may_go() {
        let file = |name: &str, bytes: &[u8]| vec![(name.to_owned(), bytes.to_vec())];
        assert_eq!(held(2, Forgets::Nothing, 1), file("a", b"one"));
        assert_eq!(held(2, Forgets::All, 1), []);
        // The sync of a file keeps its name where there is a journal.
        assert_eq!(held(6, Forgets::Nothing, 1), file("b", b"onetwo"));
        assert_eq!(held(6, Forgets::All, 1), file("b", b"one"));
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let names = held(3, Forgets::Anything, seed);
            assert!(names.is_empty() || names == file("a", b"one"), "{names:?}");
            seen.insert(names);
            assert!(held(3, Forgets::FromSomeMoment, seed) == file("a", b"one"));
            let last = held(6, Forgets::Anything, seed);
            assert!(last.len() == 1 && last[0].0 == "b" && last[0].1.starts_with(b"one"), "{last:?}");
            seen.insert(last);
        }
        assert!(seen.len() >= 5, "{seen:?}");
    }
}
