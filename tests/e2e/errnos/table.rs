//! The matrix: what a user sees when the system refuses a call. The tests beside it look whether that is so,
//! and docs/FILESYSTEMS.md shows it.

use std::path::Path;

/// The reasons with which each call is refused.
pub(super) const ERRNOS: [&str; 8] =
    ["EPERM", "ENOSYS", "EIO", "EINVAL", "ENOSPC", "EFBIG", "ESTALE", "EMFILE"];

/// What a file system, or a list of refused calls, says that does not have a call.
const MISSING: &[&str] = &["EPERM", "ENOSYS", "EINVAL"];

/// All of them: the call only helps.
const ALL: &[&str] = &ERRNOS;

/// Whose calls are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Those of the peer that fetches, where it writes.
    Taker,
    /// Those of the peer that shares, where it reads.
    Owner,
    /// Those of a peer that starts.
    Start,
}

/// Calls that are refused together.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) side: Side,
    /// As strace names them; what stands behind the first is what is done in its place.
    pub(super) calls: &'static str,
    /// What they are for.
    pub(super) purpose: &'static str,
    /// Reasons with which they may be refused without harm.
    harmless: &'static [&'static str],
    /// What is done then.
    instead: &'static str,
}

/// What a user sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// Nothing: all goes well, for this is done instead.
    Nothing(&'static str),
    /// It fails with this code, and a message that has these words in it.
    Failure { code: i32, words: &'static str },
    /// The owner warns in these words, and others get the file once it can be read again.
    Warning(&'static str),
}

/// All of the matrix.
pub(super) const ROWS: &[Row] = &[
    Side::Taker.row("openat", "open folders and files", &[], ""),
    Side::Taker.row("mkdirat", "make folders", &[], ""),
    Side::Taker.row("getdents64", "read the names in a folder", &[], ""),
    Side::Taker.row("pwrite64", "write", &[], ""),
    Side::Taker.row("unlinkat", "take away what an earlier attempt left", &[], ""),
    Side::Taker.row("fsync", "bring one file or folder to the disk", MISSING, "saved without"),
    Side::Taker.row("fdatasync", "bring what came so far to the disk", MISSING, "saved without"),
    Side::Taker.row("syncfs", "bring many files to the disk at once", ALL, "each is brought there by itself"),
    Side::Taker.row(
        "fallocate",
        "take space beforehand",
        &["EPERM", "ENOSYS", "EIO", "EINVAL", "ESTALE", "EMFILE"],
        "it is taken as bytes come",
    ),
    Side::Taker.row("fstatfs", "ask for the free space", ALL, "a full disk shows when it is full"),
    Side::Taker.row("flock", "lock a file against other peers", ALL, "it is used without a lock"),
    Side::Taker.row(
        "utimensat",
        "set the time of a file",
        ALL,
        "saved with the time of its arrival, and a warning once",
    ),
    Side::Taker.row("renameat2", "give a file its name, replacing nothing", MISSING, "by a hard link"),
    Side::Taker.row("renameat2,linkat", "the same", MISSING, "by an empty file, in whose place it is moved"),
    Side::Taker.row("renameat2,linkat,renameat", "the same", &[], ""),
    Side::Owner.row("openat", "open a shared file", &[], ""),
    Side::Owner.row("pread64", "read it", &[], ""),
    Side::Owner.row("preadv2", "read it from memory", ALL, "it is read from the disk"),
    Side::Start.row("flock", "keep a second peer out of the folder", ALL, "by a lock in the runtime folder"),
    Side::Start.row(
        "chmod,fchmod",
        "close the folder of the key to others",
        ALL,
        "it stays as it is, and a warning",
    ),
    Side::Start.row(
        "renameat2",
        "store the key, replacing nothing",
        ALL,
        "by an empty file, in whose place it is moved",
    ),
    Side::Start.row("fsync", "bring the key to the disk", MISSING, "stored without"),
    Side::Start.row("statfs,fstatfs", "ask for the free space", ALL, "a full disk shows when it is full"),
];

impl Side {
    const fn row(
        self,
        calls: &'static str,
        purpose: &'static str,
        harmless: &'static [&'static str],
        instead: &'static str,
    ) -> Row {
        Row { side: self, calls, purpose, harmless, instead }
    }
}

impl Row {
    /// What a user sees when these calls are refused with `errno`.
    pub(super) fn sight(&self, errno: &str) -> Sight {
        if self.harmless.contains(&errno) {
            return Sight::Nothing(self.instead);
        }
        match self.side {
            Side::Taker => not_written(errno),
            Side::Start => Sight::Failure { code: 1, words: text_of(errno) },
            Side::Owner if errno == "EMFILE" => Sight::Warning("is served a little later"),
            Side::Owner => Sight::Warning("cannot be read, so others do not get it from here"),
        }
    }

    /// The reasons that are tried: each, or one for each different sight.
    pub(super) fn tried(&self, all: bool) -> Vec<&'static str> {
        let mut seen: Vec<Sight> = Vec::new();
        let is_new = |errno: &&str| {
            let sight = self.sight(errno);
            let is_new = all || !seen.contains(&sight);
            seen.push(sight);
            is_new
        };
        ERRNOS.into_iter().filter(is_new).collect()
    }
}

fn not_written(errno: &str) -> Sight {
    match errno {
        "EPERM" => Sight::Failure { code: 1, words: "no permission to write in" },
        "ENOSPC" => Sight::Failure { code: 7, words: "no room left in" },
        "EFBIG" => Sight::Failure { code: 1, words: "may be so large" },
        "EMFILE" => Sight::Failure { code: 1, words: "too many open files" },
        other => Sight::Failure { code: 1, words: text_of(other) },
    }
}

/// What strerror(3) says.
fn text_of(errno: &str) -> &'static str {
    match errno {
        "EPERM" => "Operation not permitted",
        "ENOSYS" => "Function not implemented",
        "EIO" => "Input/output error",
        "EINVAL" => "Invalid argument",
        "ENOSPC" => "No space left on device",
        "EFBIG" => "File too large",
        "ESTALE" => "Stale file handle",
        _ => "Too many open files",
    }
}

/// The matrix as docs/FILESYSTEMS.md has it.
fn rendered() -> String {
    let mut text = String::from("| call | what for | side | refused with | what the user sees |\n");
    text.push_str("| --- | --- | --- | --- | --- |\n");
    for row in ROWS {
        let side = match row.side {
            Side::Taker => "taker",
            Side::Owner => "owner",
            Side::Start => "a peer that starts",
        };
        let calls: Vec<String> = row.calls.split(',').map(|call| format!("`{call}`")).collect();
        let mut sights: Vec<(Sight, Vec<&str>)> = Vec::new();
        for errno in ERRNOS {
            let sight = row.sight(errno);
            match sights.iter_mut().find(|(seen, _)| *seen == sight) {
                Some((_, errnos)) => errnos.push(errno),
                None => sights.push((sight, vec![errno])),
            }
        }
        for (sight, errnos) in sights {
            let errnos =
                if errnos.len() == ERRNOS.len() { "any of them".to_owned() } else { errnos.join(", ") };
            let (calls, purpose) = (calls.join(", "), row.purpose);
            text.push_str(&format!("| {calls} | {purpose} | {side} | {errnos} | {} |\n", told(sight)));
        }
    }
    text
}

fn told(sight: Sight) -> String {
    match sight {
        Sight::Nothing(instead) => format!("nothing: {instead}"),
        Sight::Failure { code, words } => format!("exit code {code}, `…{words}…`"),
        Sight::Warning(words) => format!("a warning at the owner, `…{words}`; served once it can be read"),
    }
}

#[test]
fn the_document_shows_the_matrix() {
    let marks = ["<!-- errnos: made by tests/e2e -->\n", "<!-- end of errnos -->"];
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/FILESYSTEMS.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(marks[0]).unwrap();
    let (table, after) = rest.split_once(marks[1]).unwrap();
    if std::env::var_os("POTLUCK_WRITE").is_some() {
        std::fs::write(path, [before, marks[0], &rendered(), marks[1], after].concat()).unwrap();
    } else {
        assert!(table == rendered(), "POTLUCK_WRITE=1 cargo test --test e2e the_document_shows_the_matrix");
    }
}
