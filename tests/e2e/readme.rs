//! What the README shows is what is seen.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, lchown};
use std::path::{Path, PathBuf};
use std::process::Command;

use expectrl::session::OsSession;
use expectrl::{Expect as _, Session};

use crate::lab::{LATER, Lab, wait};
use crate::plain::plain;

/// The peers of the README: their folders, the ids that they have there, and their ports.
const PEERS: [(&str, &str, u16); 3] =
    [("peer1", "m7oizjky", 1001), ("peer2", "v3dtudok", 2001), ("peer3", "hbhevowc", 3001)];

/// Where they lie there.
const HOME: &str = "/home/ann/potluck";

/// What a peer there lends.
const LENDS: &str = "  lends     up to 10.0 GiB of this disk for copies of others' files (`--lend 0`: none)";

/// How many files they share in all.
const FILES: usize = 11;

/// Somebody without any rights: what the README shows first is that ports below 1024 need one.
const USER: u32 = 65_501;

/// One of the peers, at its prompt.
struct Screen {
    terminal: OsSession,
    directory: PathBuf,
}

impl Screen {
    /// Starts a peer as the README does, with what it has to share.
    fn open(lab: &Lab, n: usize) -> Self {
        // Whether copies of it lie on the others is a matter of seconds: nobody lends anything here.
        Self::open_in(lab, n, PEERS[n].0, Some("0"))
    }

    /// The same in this folder; `lend`: how much it lends, if it is said.
    fn open_in(lab: &Lab, n: usize, folder: &str, lend: Option<&str>) -> Self {
        let (name, _, port) = PEERS[n];
        let directory = lab.path(folder);
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join(name), &directory);
        // Unlike `lab.inside`, with the terminal as its input.
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &format!("{}-1", lab.prefix()), "setpriv"]);
        let user = USER.to_string();
        let run = format!(
            "cd {} && exec {} -t {port} --no-progress",
            directory.display(),
            lab.path("potluck").display()
        );
        command.args(["--reuid", &user, "--regid", &user, "--clear-groups", "sh", "-c", &run]);
        command.envs(lend.map(|lend| ("POTLUCK_LEND", lend)));
        command.env("POTLUCK_INTERFACE", "lo").env("TERM", "xterm");
        command.env("NO_COLOR", "1").env("XDG_CONFIG_HOME", lab.path("nothing"));
        let mut terminal = Session::spawn(command).unwrap();
        terminal.get_process_mut().set_window_size(100, 40).unwrap();
        terminal.set_expect_timeout(Some(LATER));
        Self { terminal, directory }
    }

    fn until(&mut self, what: &str) -> String {
        let found = self.terminal.expect(what).unwrap_or_else(|e| {
            let mut seen = [0; 1 << 12];
            let n = self.terminal.try_read(&mut seen).unwrap_or(0);
            panic!("no {what:?}: {e}, but {}", String::from_utf8_lossy(&seen[..n]))
        });
        plain(&String::from_utf8_lossy(found.before()))
    }

    /// What stands above the next prompt.
    fn above(&mut self) -> String {
        self.until("potluck> ").trim().to_owned()
    }

    /// What is told, once `part` was said.
    fn told(&mut self, part: &str) -> String {
        let before = self.until(part);
        format!("{}{part}{}", before.trim_start(), self.until("potluck> ").trim_end())
    }

    /// What was told until now is not looked at.
    fn drain(&mut self) {
        self.terminal.send("# now\r").unwrap();
        self.until("# now");
        self.until("potluck> ");
    }

    /// Types a line; the line, and what is answered.
    fn say(&mut self, line: &str) -> String {
        self.terminal.send(format!("{line}\r")).unwrap();
        format!("potluck> {}", self.above())
    }

    /// The same, until `part` was said.
    fn say_until(&mut self, line: &str, part: &str) -> String {
        let said = self.say(line);
        if said.contains(part) { said } else { format!("{said}\n{}", self.told(part)) }
    }

    /// The answer to a command, as objects.
    fn ask(&self, command: &str) -> Vec<serde_json::Value> {
        let mut asks = Command::new(env!("CARGO_BIN_EXE_potluck"));
        asks.arg("-d").arg(&self.directory).args([command, "--json"]);
        let answer = String::from_utf8(asks.output().unwrap().stdout).unwrap();
        answer.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The id that it has here.
    fn id(&self) -> String {
        self.ask("status")[0]["peer"].as_str().unwrap()[..8].to_owned()
    }

    /// How many files it lists with their contents.
    fn listed(&self) -> usize {
        self.ask("list").iter().filter(|row| row["id"].as_str().is_some_and(|id| !id.is_empty())).count()
    }
}

/// A folder with all in it, which belongs to the user of the README.
fn copy(from: &Path, to: &Path) {
    for entry in walkdir::WalkDir::new(from).into_iter().map(Result::unwrap) {
        let target = to.join(entry.path().strip_prefix(from).unwrap());
        // What whoever runs the tests started there is none of this.
        let is_state = |part: &str| entry.path().strip_prefix(from).unwrap().starts_with(part);
        if is_state(".potluck") || is_state("downloads") {
            continue;
        }
        if entry.file_type().is_dir() {
            fs::create_dir_all(&target).unwrap();
        } else {
            fs::copy(entry.path(), &target).unwrap();
        }
        lchown(&target, Some(USER), Some(USER)).unwrap();
    }
}

/// What the README shows, piece by piece, and the text around that.
fn pieces(readme: &str) -> Vec<&str> {
    readme.split("```text\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// Without spans of time, and what hangs on the size of the disk.
fn timeless(text: &str) -> String {
    let line = |line: &str| {
        // The files are being hashed meanwhile.
        if line.starts_with("  sharing") {
            return "  sharing".to_owned();
        }
        let mut words: Vec<&str> = line.trim_end().split(' ').collect();
        // Short times have a speed or none, and of two who have a file either gives it.
        if words.contains(&"done:")
            && let Some(from) = words.iter().position(|word| *word == "from" || word.starts_with('('))
            && let Some(saved) = words.iter().position(|word| *word == "saved")
        {
            words.drain(from..saved);
        }
        for at in 1..words.len() {
            let is_time =
                |word: &str| word.chars().all(|c| c.is_ascii_digit() || c == '.') && !word.is_empty();
            if words[at] == "s" && is_time(words[at - 1]) {
                words[at - 1] = "N";
            }
        }
        // Which of two that come within a second is the first hangs on the moment.
        let place = words.iter().position(|word| *word == "s").filter(|_| line.contains("  127.0.0.1:"));
        words.truncate(place.map_or(words.len(), |at| at + 1));
        words.join(" ")
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// Everything as the README has it: ids, names, folders.
fn renamed(mut text: String, ids: &[String], home: &Path) -> String {
    for (id, (name, there, _)) in ids.iter().zip(PEERS) {
        text = text
            .replace(id, there)
            .replace(&format!("{name}-{}", &id[..4]), &format!("{name}-{}", &there[..4]));
    }
    let home = home.display().to_string();
    text.replace(home.trim_end_matches('/'), HOME).replace("  lends     nothing", LENDS)
}

/// Without the prompts between, and files of a download, which come in any order, in that of their names.
fn in_order(text: &str) -> String {
    let lines = text.lines().map(|line| match line.strip_prefix("potluck> ") {
        Some(told) if told.starts_with("saved ") || told.starts_with('[') || told.contains(" offers ") => {
            told
        }
        _ => line.trim_end(),
    });
    let mut lines: Vec<&str> = lines.filter(|line| !line.is_empty() && *line != "potluck>").collect();
    for run in lines.chunk_by_mut(|one, other| one.starts_with("saved ") && other.starts_with("saved ")) {
        run.sort_unstable();
    }
    lines.join("\n")
}

#[test]
fn each_output_of_the_readme_is_what_is_seen() {
    let Some(lab) = Lab::of("up 1") else { return };
    // Where the program was built, that user may have no right to go.
    fs::set_permissions(lab.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_potluck"), lab.path("potluck")).unwrap();
    let mut one = Screen::open(&lab, 0);
    let mut start = one.above();
    let mut two = Screen::open(&lab, 1);
    two.above();
    let comes = |told: String| told.lines().rfind(|line| line.contains("joined")).unwrap().to_owned();
    start += &format!("\n{}", comes(one.told("peer2-")));
    let mut three = Screen::open(&lab, 2);
    three.above();
    start += &format!("\n{}", comes(one.told("peer3-")));
    wait("all of it", LATER, || (three.listed() == FILES && one.listed() == FILES).then_some(()));
    let ids = [&one, &two, &three].map(Screen::id);
    let [first, second] = [0, 1].map(|n| format!("{}-{}", PEERS[n].0, &ids[n][..4]));
    for screen in [&mut one, &mut two, &mut three] {
        screen.drain();
    }
    let mut session = vec![three.say("list")];
    session.push(three.say_until("download \"lentil stew.txt\" photos", "done:"));
    session.push(three.say("peers"));
    two.terminal.send("exit\r").unwrap();
    session.push(three.told(&format!("{second} left")));
    three.say_until(&format!("send shared/songs {first}"), "waiting for");
    let mut offer = vec![one.told("offers songs").lines().last().unwrap().to_owned()];
    offer.push(one.say_until("accept", "done:"));
    // What a peer lends by itself hangs on the disk: the sentence is the same.
    let lends = Screen::open_in(&lab, 0, "lends", None).above();
    let (before, after) = LENDS.split_once("10.0 GiB").unwrap();
    assert!(lends.lines().any(|line| line.starts_with(before) && line.ends_with(after)), "{lends}");
    let seen = [start, session.join("\n"), offer.join("\n")]
        .map(|text| in_order(&renamed(text, &ids, &lab.path(""))));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let mut readme = fs::read_to_string(&path).unwrap();
    let pieces: Vec<String> = pieces(&readme).into_iter().map(str::to_owned).collect();
    assert_eq!(pieces.len(), seen.len(), "each piece is seen here");
    for (shown, seen) in pieces.iter().zip(&seen) {
        if std::env::var_os("POTLUCK_WRITE").is_some() {
            readme = readme.replace(shown, &format!("{seen}\n"));
        } else {
            assert_eq!(timeless(shown), timeless(seen), "POTLUCK_WRITE=1 writes what is seen");
        }
    }
    if std::env::var_os("POTLUCK_WRITE").is_some() {
        fs::write(path, readme).unwrap();
    }
}
