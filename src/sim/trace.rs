//! What a process did to files, as strace saw it: the calls that a disk may forget, in their order
//! (`disk.rs`). Our code runs as it is; nothing in it knows that it is watched.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::sys::rerun::rerun;

/// A file or folder; 0 is the watched folder itself.
pub(crate) type Node = usize;

/// A name in a folder.
pub(crate) type Name = (Node, String);

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// A file or folder got a name: it was made, or linked.
    Named(Name, Node),
    /// It got another name instead of this one.
    Renamed(Name, Name, Node),
    /// The name was taken away.
    Removed(Name),
    /// These bytes were written at this offset.
    Wrote(Node, u64, Vec<u8>),
    /// The file was cut or stretched to this length.
    Cut(Node, u64),
    /// What was done to it before the operation of this number is on the disk.
    Synced(Node, usize),
    /// All that was done before the operation of this number is on the disk.
    SyncedAll(usize),
    /// The process said so: a line that it wrote to the file `marks` beside the watched folder.
    Mark(String),
}

/// What a process did.
#[derive(Debug)]
pub(crate) struct Trace {
    pub(crate) ops: Vec<Op>,
    /// Which nodes are folders.
    pub(crate) folders: Vec<Node>,
}

/// Long contents that a process writes, known beforehand: found by their first 32 bytes.
#[derive(Debug, Default)]
pub(crate) struct Known(HashMap<[u8; 32], Vec<u8>>);

/// A longer write begins at a multiple of this in its content.
const STRIDE: usize = 64 << 10;

impl Known {
    pub(crate) fn add(&mut self, content: &[u8]) {
        for at in (0..content.len()).step_by(STRIDE) {
            if let Some(key) = content[at..].first_chunk() {
                let end = content.len().min(at + 16 * STRIDE);
                self.0.insert(*key, content[at..end].to_vec());
            }
        }
    }

    fn whole(&self, shown: Vec<u8>, len: usize) -> Vec<u8> {
        if shown.len() == len {
            return shown;
        }
        let key = shown.first_chunk().expect("strace shows the first bytes of a string");
        let content = self.0.get(key).expect("a long write is one of the known contents");
        assert!(content.len() >= len && content.starts_with(&shown), "{len} bytes of {}", content.len());
        content[..len].to_vec()
    }
}

/// Runs the ignored test `test` again below strace, as in another run of the operating system, with `dir`
/// in `POTLUCK_TEST_DIR`; what it did in `dir/disk`, which is there and empty. Writes of more than `shown`
/// bytes must be `known`. `None`, with the reason printed, where there is no strace; that fails the test
/// if `CI=true`.
pub(crate) fn record(test: &str, dir: &Path, shown: usize, known: &Known) -> Option<Trace> {
    let log = dir.join("trace");
    let (out, shown) = (log.display().to_string(), shown.to_string());
    let calls = "trace=openat,open,creat,close,fcntl,lseek,dup,dup2,dup3,write,pwrite64,writev,pwritev,pwritev2,\
                 fsync,fdatasync,sync,syncfs,sync_file_range,rename,renameat,renameat2,link,linkat,unlink,\
                 unlinkat,mkdir,mkdirat,rmdir,truncate,ftruncate,copy_file_range,sendfile,splice,symlink,\
                 symlinkat";
    let under = ["strace", "-f", "-qq", "-y", "-xx", "-s", &shown, "-E", "POTLUCK_TEST_BOOT=another"];
    let under = [&under[..], &["-e", calls, "-e", "signal=none", "-o", &out]].concat();
    if !rerun(&under, test, dir) {
        assert!(std::env::var("CI").map_or(true, |v| v != "true" && v != "1"), "strace cannot be used");
        return None;
    }
    let text = std::fs::read_to_string(log).unwrap();
    Some(Reader::new(dir, known).read(&text))
}

/// Reads what strace wrote.
struct Reader<'a> {
    root: PathBuf,
    marks: PathBuf,
    known: &'a Known,
    trace: Trace,
    /// The names as they are.
    names: HashMap<Name, Node>,
    nodes: usize,
    /// Open descriptors, and where in the file each stands.
    open: HashMap<i32, (Node, u64)>,
    /// Where a call stands that has not returned: its text so far, and how many operations came before.
    begun: HashMap<&'a str, (String, usize)>,
}

impl<'a> Reader<'a> {
    fn new(dir: &Path, known: &'a Known) -> Self {
        Self {
            root: dir.join("disk"),
            marks: dir.join("marks"),
            known,
            trace: Trace { ops: Vec::new(), folders: vec![0] },
            names: HashMap::new(),
            nodes: 1,
            open: HashMap::new(),
            begun: HashMap::new(),
        }
    }

    fn read(mut self, text: &'a str) -> Trace {
        for line in text.lines() {
            let (thread, rest) = line.split_once(' ').unwrap();
            let rest = rest.trim_start();
            if rest.starts_with("+++") || rest.starts_with("---") {
                continue;
            }
            let (call, before) = if let Some(resumed) = rest.strip_prefix("<... ") {
                let (_, end) = resumed.split_once(" resumed>").unwrap();
                let (begin, before) = self.begun.remove(thread).unwrap();
                (begin + end, before)
            } else {
                // A number may be given out again as soon as its closing has begun.
                if let Some(fd) = rest.strip_prefix("close(") {
                    self.open.remove(&number(fd));
                }
                if let Some(begin) = rest.strip_suffix("<unfinished ...>") {
                    self.begun.insert(thread, (begin.to_owned(), self.trace.ops.len()));
                    continue;
                }
                (rest.to_owned(), self.trace.ops.len())
            };
            self.call(&call, before);
        }
        self.trace
    }

    fn call(&mut self, call: &str, before: usize) {
        let (name, rest) = call.split_once('(').unwrap();
        let (args, result) = rest.rsplit_once(" = ").unwrap();
        if result.starts_with('-') || result.starts_with('?') {
            return;
        }
        // Strings and paths are all hexadecimal, so that a comma is never part of one.
        let args = args.trim_end().strip_suffix(')').unwrap();
        let args: Vec<&str> = args.split(", ").map(str::trim).collect();
        match name {
            "openat" => self.opened(&path(args[0], args[1]), args[2], number(result)),
            "open" | "creat" => {
                self.opened(&path("", args[0]), args.get(1).unwrap_or(&"O_CREAT|O_TRUNC"), number(result))
            }
            "fcntl" if args[1].starts_with("F_DUPFD") => self.doubled(args[0], result),
            "dup" => self.doubled(args[0], result),
            "dup2" | "dup3" => self.doubled(args[0], result),
            "write" if annotation(args[0]) == self.marks => {
                let text = String::from_utf8(bytes(args[1])).unwrap();
                self.trace.ops.push(Op::Mark(text.trim_end().to_owned()));
            }
            "write" => {
                let fd = number(args[0]);
                if let Some((node, at)) = self.open.get(&fd).copied() {
                    let bytes = self.wrote(node, at, &args, result);
                    self.open.insert(fd, (node, at + bytes));
                }
            }
            "lseek" => {
                if let Some((_, at)) = self.open.get_mut(&number(args[0])) {
                    *at = result.parse().unwrap();
                }
            }
            "pwrite64" => {
                if let Some(node) = self.node(args[0]) {
                    self.wrote(node, args[3].parse().unwrap(), &args, result);
                }
            }
            "ftruncate" => {
                if let Some(node) = self.node(args[0]) {
                    self.trace.ops.push(Op::Cut(node, args[1].parse().unwrap()));
                }
            }
            "fsync" | "fdatasync" => {
                if let Some(node) = self.node(args[0]) {
                    self.trace.ops.push(Op::Synced(node, before));
                }
            }
            "syncfs" | "sync" => self.trace.ops.push(Op::SyncedAll(before)),
            "rename" => self.renamed(&path("", args[0]), &path("", args[1])),
            "renameat" | "renameat2" => self.renamed(&path(args[0], args[1]), &path(args[2], args[3])),
            "link" => self.linked(&path("", args[0]), &path("", args[1])),
            "linkat" => self.linked(&path(args[0], args[1]), &path(args[2], args[3])),
            "unlink" | "rmdir" => self.removed(&path("", args[0])),
            "unlinkat" => self.removed(&path(args[0], args[1])),
            "mkdir" => self.made(&path("", args[0])),
            "mkdirat" => self.made(&path(args[0], args[1])),
            "close" | "fcntl" | "sync_file_range" => {}
            other => {
                assert!(!args.iter().any(|a| self.node(a).is_some()), "{other} is not understood: {call}")
            }
        }
    }

    /// How many bytes were written.
    fn wrote(&mut self, node: Node, at: u64, args: &[&str], result: &str) -> u64 {
        let (asked, written): (_, usize) = (args[2].parse().unwrap(), result.parse().unwrap());
        let mut whole = self.known.whole(bytes(args[1]), asked);
        whole.truncate(written);
        self.trace.ops.push(Op::Wrote(node, at, whole));
        written as u64
    }

    fn opened(&mut self, path: &Path, flags: &str, fd: i32) {
        self.open.remove(&fd);
        if path == self.root {
            self.open.insert(fd, (0, 0));
            return;
        }
        let Some(at) = self.name(path) else { return };
        let node = match self.names.get(&at) {
            Some(node) => *node,
            None => self.named(at),
        };
        if flags.contains("O_TRUNC") {
            self.trace.ops.push(Op::Cut(node, 0));
        }
        self.open.insert(fd, (node, 0));
    }

    fn doubled(&mut self, old: &str, new: &str) {
        match self.node(old) {
            Some(node) => drop(self.open.insert(number(new), (node, 0))),
            None => drop(self.open.remove(&number(new))),
        }
    }

    fn named(&mut self, at: Name) -> Node {
        let node = self.nodes;
        self.nodes += 1;
        self.names.insert(at.clone(), node);
        self.trace.ops.push(Op::Named(at, node));
        node
    }

    fn made(&mut self, path: &Path) {
        if let Some(at) = self.name(path) {
            let node = self.named(at);
            self.trace.folders.push(node);
        }
    }

    fn renamed(&mut self, from: &Path, to: &Path) {
        let Some(from) = self.name(from) else { return };
        let to = self.name(to).expect("nothing is moved out of the watched folder");
        let node = self.names.remove(&from).unwrap();
        self.names.insert(to.clone(), node);
        self.trace.ops.push(Op::Renamed(from, to, node));
    }

    fn linked(&mut self, from: &Path, to: &Path) {
        let Some(to) = self.name(to) else { return };
        let node = self.names[&self.name(from).unwrap()];
        self.names.insert(to.clone(), node);
        self.trace.ops.push(Op::Named(to, node));
    }

    fn removed(&mut self, path: &Path) {
        if let Some(at) = self.name(path) {
            self.names.remove(&at);
            self.trace.ops.push(Op::Removed(at));
        }
    }

    /// The node behind a descriptor.
    fn node(&self, descriptor: &str) -> Option<Node> {
        if !descriptor.starts_with(|c: char| c.is_ascii_digit()) || !descriptor.contains('<') {
            return None;
        }
        self.open.get(&number(descriptor)).map(|(node, _)| *node)
    }

    /// What `path` is in the watched folder; `None` if it does not lie there.
    fn name(&self, path: &Path) -> Option<Name> {
        let below = path.strip_prefix(&self.root).ok()?;
        let mut components: Vec<String> =
            below.components().map(|c| c.as_os_str().to_str().unwrap().to_owned()).collect();
        let last = components.pop()?;
        assert!(last != "..", "{} is not understood", path.display());
        let mut folder = 0;
        for name in components {
            folder = self.names[&(folder, name)];
        }
        Some((folder, last))
    }
}

/// The number that a text begins with.
fn number(text: &str) -> i32 {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().unwrap_or(-1)
}

/// The bytes of a string as strace writes it: `"\x61"` or `"\x61"...`.
fn bytes(quoted: &str) -> Vec<u8> {
    let inner = quoted.trim_end_matches("...").trim_matches('"');
    data_encoding::HEXLOWER.decode(inner.replace("\\x", "").as_bytes()).unwrap()
}

/// The path that stands behind a descriptor: `5<\x2f\x61>`.
fn annotation(descriptor: &str) -> PathBuf {
    let inner = descriptor.split_once('<').map_or("", |(_, rest)| rest.split('>').next().unwrap_or(""));
    String::from_utf8(bytes(inner)).unwrap().into()
}

/// A path below a descriptor's, if it does not begin at the root.
fn path(folder: &str, name: &str) -> PathBuf {
    annotation(folder).join(String::from_utf8(bytes(name)).unwrap())
}
