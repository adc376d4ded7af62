//! Helpers shared by the tests that run the program: real peers that meet on the loopback interface alone, each
//! test in a network of its own, without namespaces and without root.

mod wait;

use core::net::Ipv4Addr;
use core::time::Duration;
use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::UNIX_EPOCH;

use potluck::control::{ListRow, Reply, Status};
use tempfile::TempDir;

pub(crate) use wait::wait;

/// How long anything may take before a test gives up.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// Files that are that old are hashed at once. In seconds since 1970.
const LONG_AGO: u64 = 1_700_000_000;

/// A network of its own: another port of discovery.
#[derive(Debug)]
struct Network {
    port: u16,
    /// Nobody else on this machine is given the same port while this one is open.
    _taken: TcpListener,
}

impl Network {
    fn new() -> Self {
        let (taken, _) = wait("a port", DEADLINE, || {
            let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let port = taken.local_addr().unwrap().port();
            UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok().then_some(taken)
        });
        Self { port: taken.local_addr().unwrap().port(), _taken: taken }
    }

    /// The first of four ports that are free. A peer whose ports are taken says so, where a test expects other
    /// words. They lie below those that the system gives to whoever asks for any (pages, connections that are made), and
    /// each process begins elsewhere.
    fn ports() -> u16 {
        static TRIED: AtomicU32 = AtomicU32::new(0);
        let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
        let (port, _) = wait("four ports", DEADLINE, || {
            let tried = TRIED.fetch_add(1, Ordering::Relaxed);
            let slot = std::process::id().wrapping_mul(2).wrapping_add(tried) % 4_000;
            let port = 10_000 + u16::try_from(slot).unwrap() * 4;
            (0..4).all(|n| bind(port + n)).then_some(port)
        });
        port
    }
}

/// A peer directory in a network.
#[derive(Debug)]
pub(crate) struct Peer {
    dir: TempDir,
    network: Arc<Network>,
}

impl Peer {
    /// In a network in which nobody else is.
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), network: Arc::new(Network::new()) }
    }

    /// Another one in the same network.
    pub(crate) fn neighbour(&self) -> Self {
        Self { dir: tempfile::tempdir().unwrap(), network: Arc::clone(&self.network) }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// What this program is to see of the world: one interface, one network.
    pub(crate) fn confine<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let network = self.network.port.to_string();
        command
            .env("POTLUCK_INTERFACE", "lo")
            .env("POTLUCK_DISCOVERY_PORT", network)
            // Whoever runs the tests may have settings of their own.
            .env("XDG_CONFIG_HOME", self.path().join("nothing"))
            .env("TERM", "xterm")
            .env_remove("NO_COLOR")
    }

    /// The program, in this directory.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("potluck"));
        self.confine(&mut command).arg("-d").arg(self.path()).stdin(Stdio::null());
        command
    }

    /// The program, as it runs a peer in this directory with these flags.
    pub(crate) fn start(&self, flags: &[&str]) -> Command {
        let mut command = self.command();
        command.args(Self::flags(flags));
        command
    }

    /// These flags, and those with which a peer disturbs no other test.
    pub(crate) fn flags(flags: &[&str]) -> Vec<String> {
        let has = |names: &[&str]| flags.iter().any(|flag| names.contains(flag));
        let mut all: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        if !has(&["-t"]) {
            all.extend(["-t".to_owned(), Network::ports().to_string()]);
        }
        // Copies on others would be in the way of whatever else a test is about.
        if !has(&["--copies", "--lend"]) {
            all.extend(["--copies", "1", "--lend", "0"].map(str::to_owned));
        }
        all
    }

    /// One command to the peer that runs here.
    pub(crate) fn ask(&self, words: &[&str]) -> Output {
        self.command().args(words).output().unwrap()
    }

    /// What the peer that runs here answers to a command; nothing while none runs.
    pub(crate) fn replies(&self, words: &[&str]) -> Vec<Reply> {
        let output = self.command().args(words).arg("--json").output().unwrap();
        out(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Starts a peer without a prompt and waits until it answers.
    pub(crate) fn daemon(&self) -> Daemon {
        self.daemon_with(&[])
    }

    /// Starts a peer without a prompt, with these flags, and waits until it answers.
    pub(crate) fn daemon_with(&self, flags: &[&str]) -> Daemon {
        let child = self.start(flags).arg("--daemon").stderr(Stdio::piped()).spawn().unwrap();
        let daemon = Daemon(child);
        self.wait_until_it_answers();
        daemon
    }

    /// Asks until somebody answers.
    pub(crate) fn wait_until_it_answers(&self) {
        wait("an answer", DEADLINE, || (self.ask(&["status"]).status.code() == Some(0)).then_some(()));
    }

    /// What its status is.
    pub(crate) fn status(&self) -> Status {
        let is_status = |reply| if let Reply::Status(status) = reply { Some(*status) } else { None };
        self.replies(&["status"]).into_iter().find_map(is_status).unwrap()
    }

    /// Puts a file into `shared/`, as if it had been there for long.
    pub(crate) fn share(&self, path: &str, bytes: &[u8]) {
        let path = self.path().join("shared").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(LONG_AGO)).unwrap();
    }

    /// Waits until this many files are listed with their contents; their rows.
    pub(crate) fn lists(&self, files: usize) -> Vec<ListRow> {
        let is_file = |reply| if let Reply::File(row) = reply { Some(row) } else { None };
        let what = format!("a list of {files} files");
        let (rows, _) = wait(&what, DEADLINE, || {
            let rows: Vec<ListRow> = self.replies(&["list"]).into_iter().filter_map(is_file).collect();
            let known = rows.iter().filter(|row| !row.folder && !row.id.is_empty()).count();
            (known == files).then_some(rows)
        });
        rows
    }
}

/// A peer that runs beside the one that a test is about, for as long as this lives.
pub(crate) struct Neighbour {
    // Before its folder, so that the folder goes when the peer is gone.
    _runs: Daemon,
    pub(crate) peer: Peer,
}

impl Neighbour {
    /// Starts `peer` with these flags, and waits until it answers.
    pub(crate) fn start(peer: Peer, flags: &[&str]) -> Self {
        Self { _runs: peer.daemon_with(flags), peer }
    }
}

/// A running peer; killed when dropped.
pub(crate) struct Daemon(pub(crate) Child);

impl Daemon {
    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.0), signal).unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Standard output as text.
pub(crate) fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Standard error as text.
pub(crate) fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}
