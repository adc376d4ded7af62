//! The network of a lab: drives `scripts/netlab`.

use std::ffi::OsStr;
use std::fs;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use super::peer::Peer;

/// A network of namespaces, and a folder for its peers. Taken down when dropped, with all that runs in it.
pub(crate) struct Lab {
    prefix: String,
    folder: tempfile::TempDir,
    /// Another process made it, and takes it down.
    is_of_another: bool,
}

/// Labs of this process so far: two tests of one process must not share a prefix.
static LABS: AtomicU32 = AtomicU32::new(0);

impl Lab {
    /// A lab without a network, or `None` where labs cannot be had (that fails the test if `CI=true`).
    pub(crate) fn bare() -> Option<Self> {
        if let Some(reason) = reason_against() {
            let ci = std::env::var("CI").is_ok_and(|v| v == "true" || v == "1");
            assert!(!ci, "no network lab: {reason}");
            println!("skipped: {reason}");
            return None;
        }
        let number = LABS.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("pl-{}-{number}", std::process::id());
        Some(Self { prefix, folder: folder(), is_of_another: false })
    }

    /// The network of a lab that another process made, with a folder for this process alone.
    pub(crate) fn join(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), folder: folder(), is_of_another: true }
    }

    /// By this another process can join.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// A lab, built by the netlab command `args` (`up 3`, `up6 2 100mbit`).
    pub(crate) fn of(args: &str) -> Option<Self> {
        let lab = Self::bare()?;
        lab.netlab(args);
        Some(lab)
    }

    /// Runs the netlab command `args` (split at blanks) and gives what it printed. Panics if it fails.
    pub(crate) fn netlab(&self, args: &str) -> String {
        self.netlab_with(args.split(' '))
    }

    /// Runs a netlab command whose arguments may hold blanks, and gives what it printed. Panics if it fails.
    pub(crate) fn netlab_with<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> String {
        let out = self.command().args(args).output().unwrap();
        assert!(out.status.success(), "netlab: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(script("netlab"));
        command.env("NETLAB", &self.prefix).stdin(Stdio::null());
        command
    }

    /// A command inside a node; its process is the command itself.
    pub(crate) fn inside(&self, node: u32, program: impl AsRef<OsStr>) -> Command {
        let mut command = self.command();
        command.arg("exec").arg(node.to_string()).arg(program);
        command
    }

    /// Runs `work` in a thread inside a node's network; what sockets it makes stay there.
    pub(crate) fn within<T: Send>(&self, node: u32, work: impl FnOnce() -> T + Send) -> T {
        let namespace = fs::File::open(format!("/run/netns/{}-{node}", self.prefix)).unwrap();
        std::thread::scope(|scope| {
            let inside = scope.spawn(|| {
                let network = Some(rustix::thread::LinkNameSpaceType::Network);
                rustix::thread::move_into_link_name_space(namespace.as_fd(), network).unwrap();
                work()
            });
            inside.join().unwrap()
        })
    }

    /// Runs a Python program inside a node and gives what it printed. Panics if it fails.
    pub(crate) fn python(&self, node: u32, program: &str) -> String {
        text(&self.inside(node, "python3").args(["-c", program]).output().unwrap())
    }

    /// A folder of this lab, made if it is missing.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        let folder = self.folder.path().join(name);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    /// A path in this lab's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts a peer inside a node, in the folder `name` of this lab, with more arguments.
    pub(crate) fn peer(&self, node: u32, name: &str, args: &[&str]) -> Peer {
        self.peer_of(env!("CARGO_BIN_EXE_potluck"), node, name, args)
    }

    /// The same, of another build of the program.
    pub(crate) fn peer_of(&self, program: impl AsRef<OsStr>, node: u32, name: &str, args: &[&str]) -> Peer {
        let directory = self.folder(name);
        fs::create_dir_all(directory.join("shared")).unwrap();
        Peer::start(self.inside(node, program), directory, name, args)
    }

    /// The same in any folder that is there, whatever it is called.
    pub(crate) fn peer_at(&self, node: u32, directory: PathBuf, name: &str) -> Peer {
        fs::create_dir_all(directory.join("shared")).unwrap();
        Peer::start(self.inside(node, env!("CARGO_BIN_EXE_potluck")), directory, name, &[])
    }

    /// Starts a peer inside a node, under another program, with more arguments: `around` ends where the command of
    /// the peer begins.
    pub(crate) fn peer_under(&self, node: u32, name: &str, around: &[&OsStr], args: &[&str]) -> Peer {
        let directory = self.folder(name);
        fs::create_dir_all(directory.join("shared")).unwrap();
        let mut command = self.inside(node, around[0]);
        command.args(&around[1..]).arg(env!("CARGO_BIN_EXE_potluck"));
        Peer::start(command, directory, name, args)
    }

    /// Starts a peer as [`Self::peer`] does, with what it shares in place before: pairs of path and content.
    pub(crate) fn peer_with(&self, node: u32, name: &str, files: &[(&str, &[u8])]) -> Peer {
        for (path, content) in files {
            let path = self.path(name).join("shared").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        self.peer(node, name, &[])
    }

    /// Payload bytes that reached a node's device since the lab was made.
    pub(crate) fn received(&self, node: u32) -> u64 {
        self.netlab(&format!("received {node}")).trim().parse().unwrap()
    }

    /// The UDP ports that are open in a node (all of them our peers', for nothing else runs there).
    pub(crate) fn udp_ports(&self, node: u32) -> Vec<u16> {
        let out = self.inside(node, "cat").args(["/proc/net/udp", "/proc/net/udp6"]).output().unwrap();
        let mut ports: Vec<u16> = text(&out)
            .lines()
            .filter_map(|line| line.split_whitespace().nth(1)?.rsplit_once(':'))
            .filter_map(|(_, port)| u16::from_str_radix(port, 16).ok())
            .collect();
        ports.sort_unstable();
        ports.dedup();
        ports
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if self.is_of_another {
            return;
        }
        // In drop, nothing may panic; what is left behind is swept by scripts/test.
        match self.command().arg("down").output() {
            Ok(out) if out.status.success() => {}
            other => println!("the lab {} was not taken down: {other:?}", self.prefix),
        }
    }
}

/// What a command printed. Panics with all of it if the command failed.
pub(crate) fn text(out: &Output) -> String {
    let stderr = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{}: {stderr}", out.status);
    String::from_utf8(out.stdout.clone()).unwrap()
}

fn folder() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("potluck-e2e-").tempdir().unwrap()
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts").join(name)
}

/// Why there can be no lab here; `None`: there can.
fn reason_against() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("network namespaces need root".to_owned());
    }
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let has = |tool: &&str| std::env::split_paths(&path).any(|folder| folder.join(tool).is_file());
    let missing: Vec<&str> =
        ["ip", "nft", "ethtool", "tcpdump", "python3"].into_iter().filter(|t| !has(t)).collect();
    (!missing.is_empty()).then(|| format!("not installed: {} (run scripts/setup-tests)", missing.join(", ")))
}
