//! What each part of a peer may open. The parts that the network speaks to, and those that work for them,
//! are started in sandboxes (`sys/sandbox/`); the main thread, the terminal's and the control socket's are
//! not, for they do what the user of this machine says.

use std::io;
use std::path::{Path, PathBuf};

use crate::control::Confinement;
use crate::settings::Settings;
use crate::sys::facts::{Facts, FileIdentity};
use crate::sys::sandbox;
use crate::sys::sandbox::{Guards, Network, Rules, SandboxOutcome};
use crate::sys::{boot, descriptors, memory};

/// A part of the peer that runs in a sandbox of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SandboxedPart {
    /// Finds others; needs no file.
    Discovery,
    /// Searches what others say that they share; needs no file.
    Index,
    /// Asks the router for a port; the table of routes is open before.
    PortMapping,
    /// Takes part in the table between sites; needs no file.
    Table,
    /// Receiver, distributor, distributee: files come and go by the disk workers only.
    Ports,
    /// Reads what is kept for others; what is shared is read for it by [`Self::Reader`].
    Sender,
    /// Reads what is shared, for the sender.
    Reader,
    /// Reads what is shared.
    Library,
    /// Reads what lies in a share beside `shared/`, in this folder: its library, its reader for the sender, and
    /// whoever reads it again when the user wants that.
    Share(PathBuf),
    /// Reads what is sent to one peer: these files and folders, which lie in those folders.
    Sending {
        /// Where they lie: names alone are read there.
        list: Vec<PathBuf>,
        /// What is read.
        read: Vec<PathBuf>,
    },
    /// The database in `.potluck/`.
    Store,
    /// The disk workers of `downloads/`.
    Disk,
    /// The disk workers of the chunk store.
    StoreWorkers,
    /// Whoever tidies the chunk store, and reads all that is shared again when the user wants that.
    ChunkStore,
    /// The disk workers of a destination that the user named.
    DiskAt(PathBuf),
}

/// Starts the parts in their sandboxes, and knows how far these hold.
#[derive(Debug)]
pub(super) struct Sandboxes {
    config: Settings,
    /// `None` until a part was started.
    outcome: Option<SandboxOutcome>,
    /// What all parts that were started are refused beside files.
    guards: Guards,
    /// Device and inode of `downloads/`: a folder that takes its place later is another one to the sandbox.
    downloads: Option<FileIdentity>,
}

impl Sandboxes {
    /// None is made yet. The folders of the peer directory are there.
    pub(super) fn new(config: &Settings) -> Self {
        let outcome = (!config.sandbox).then(|| SandboxOutcome::No("--no-sandbox".to_owned()));
        let downloads = identity(&config.downloads());
        Self { config: config.clone(), outcome, guards: Guards::ALL, downloads }
    }

    /// Runs `start` in the sandbox of `part`; threads that it starts stay in there.
    ///
    /// # Errors
    /// When the operating system has no thread to give.
    pub(super) fn start<T: Send>(
        &mut self,
        part: &SandboxedPart,
        start: impl FnOnce() -> T + Send,
    ) -> io::Result<T> {
        if !self.config.sandbox {
            return Ok(start());
        }
        let (confined, started) = sandbox::within(&self.rules(part), start)?;
        if confined.files != SandboxOutcome::Full || confined.guards != Guards::ALL {
            log::debug!("{part:?} is confined: {confined:?}");
        }
        self.guards = self.guards.and(confined.guards);
        self.outcome = Some(match self.outcome.take() {
            Some(before) => before.and(confined.files),
            None => confined.files,
        });
        Ok(started)
    }

    /// True if parts are started in sandboxes, where the system can.
    pub(super) const fn are_wanted(&self) -> bool {
        self.config.sandbox
    }

    /// How far the parts started so far are confined.
    fn outcome(&self) -> SandboxOutcome {
        self.outcome.clone().unwrap_or(SandboxOutcome::Full)
    }

    /// How far that is, as `status` tells it.
    pub(super) fn confinement(&self) -> Confinement {
        let (confined, confined_why) = match self.outcome() {
            SandboxOutcome::Full => ("yes", None),
            SandboxOutcome::Partly(why) => ("partly", Some(why)),
            SandboxOutcome::No(why) => ("no", Some(why)),
        };
        Confinement { confined: confined.to_owned(), confined_why, guarded: self.guarded() }
    }

    /// What is refused beside files, by the names that `status` has for it.
    fn guarded(&self) -> Vec<String> {
        let Guards { ports, signals, calls } = self.guards;
        let of_parts = [("ports", ports), ("signals", signals), ("calls", calls)];
        let of_parts = of_parts.into_iter().filter(|_| self.config.sandbox);
        let all = of_parts.chain([("memory", memory::is_closed())]);
        all.filter(|(_, holds)| *holds).map(|(name, _)| name.to_owned()).collect()
    }

    /// What the user is told at the start, if sandboxes were wanted and cannot be had.
    pub(super) fn warning(&self) -> Option<String> {
        match &self.outcome {
            Some(SandboxOutcome::No(why)) if self.config.sandbox => Some(format!(
                "nothing but its own care keeps this peer in its folders: {why}; `--no-sandbox` takes that as it is"
            )),
            _ => None,
        }
    }

    /// True if the disk workers of `downloads/` can write in `destination`.
    pub(super) fn reach(&self, destination: &Path) -> bool {
        if matches!(self.outcome, Some(SandboxOutcome::No(_))) {
            return true;
        }
        // As the kernel looks at it: by what the folders above are, not by how they are called.
        destination.canonicalize().is_ok_and(|path| {
            self.downloads.is_some() && path.ancestors().any(|above| identity(above) == self.downloads)
        })
    }

    fn rules(&self, part: &SandboxedPart) -> Rules {
        let system = |path: &str| vec![PathBuf::from(sandbox::PROCESSORS), PathBuf::from(path)];
        // `shared/` may be a link that the user made; what it led to at the start is meant.
        let offered = [self.config.directory.clone(), self.config.shared()];
        let downloads = self.config.downloads();
        let (read, write) = match part {
            SandboxedPart::Discovery
            | SandboxedPart::PortMapping
            | SandboxedPart::Index
            | SandboxedPart::Table => (vec![sandbox::PROCESSORS.into()], None),
            SandboxedPart::Ports => (system(descriptors::SPARE), None),
            SandboxedPart::Sender => ([system(descriptors::SPARE), vec![self.config.store()]].concat(), None),
            SandboxedPart::Reader | SandboxedPart::Library => {
                ([&[sandbox::PROCESSORS.into()], offered.as_slice()].concat(), None)
            }
            SandboxedPart::Sending { read, .. } => {
                ([&[sandbox::PROCESSORS.into()], read.as_slice()].concat(), None)
            }
            SandboxedPart::Share(folder) => (vec![sandbox::PROCESSORS.into(), folder.clone()], None),
            SandboxedPart::Store => (system(sandbox::RANDOM), Some(self.config.state())),
            // What is kept for others need not come over the network.
            SandboxedPart::Disk => {
                ([system(boot::PLACE), vec![self.config.store()]].concat(), Some(downloads))
            }
            SandboxedPart::StoreWorkers => (system(boot::PLACE), Some(self.config.store())),
            SandboxedPart::ChunkStore => {
                ([&[sandbox::PROCESSORS.into()], offered.as_slice()].concat(), Some(self.config.store()))
            }
            // What arrived in `downloads/` can be copied from there.
            SandboxedPart::DiskAt(destination) => {
                let read = [system(boot::PLACE), vec![downloads, self.config.store()]].concat();
                (read, Some(destination.clone()))
            }
        };
        let moves = matches!(
            part,
            SandboxedPart::Disk
                | SandboxedPart::DiskAt(_)
                | SandboxedPart::StoreWorkers
                | SandboxedPart::ChunkStore
        );
        let network = match part {
            SandboxedPart::Ports | SandboxedPart::Sender => Network::All,
            SandboxedPart::Discovery | SandboxedPart::PortMapping | SandboxedPart::Table => {
                Network::Datagrams
            }
            _ => Network::None,
        };
        let list = match part {
            SandboxedPart::Sending { list, .. } => list.clone(),
            _ => Vec::new(),
        };
        Rules { list, read, write: write.into_iter().collect(), moves, network }
    }
}

/// Which folder this is, whatever it is called.
fn identity(path: &Path) -> Option<FileIdentity> {
    Facts::at(path).ok().map(|facts| facts.identity())
}

#[cfg(test)]
mod tests {
    use core::net::Ipv4Addr;
    use std::fs::{self, File};
    use std::net::{TcpListener, TcpStream, UdpSocket};

    use super::*;
    use crate::sys::testing;

    fn peer() -> (tempfile::TempDir, Settings) {
        let dir = tempfile::tempdir().unwrap();
        let config = Settings::new(dir.path().join("peer"));
        for folder in [config.shared(), config.downloads(), config.state(), dir.path().join("outside")] {
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("file"), "text").unwrap();
        }
        (dir, config)
    }

    /// Whether a part can read and whether it can write in each of these folders.
    fn can(config: &Settings, part: &SandboxedPart, folders: &[PathBuf]) -> Option<Vec<(bool, bool)>> {
        let mut sandboxes = Sandboxes::new(config);
        let look = |folder: &PathBuf| {
            let write = File::create(folder.join("new")).is_ok();
            (File::open(folder.join("file")).is_ok(), write)
        };
        let found = sandboxes.start(part, || folders.iter().map(look).collect()).unwrap();
        if let SandboxOutcome::No(why) = sandboxes.outcome() {
            println!("skipped: {why}");
            assert!(sandboxes.warning().unwrap().contains(&why));
            return None;
        }
        assert!(sandboxes.warning().is_none());
        Some(found)
    }

    #[test]
    fn each_part_opens_what_it_needs_and_nothing_else() {
        const NOTHING: (bool, bool) = (false, false);
        const READ: (bool, bool) = (true, false);
        const WRITE: (bool, bool) = (true, true);
        let (dir, config) = peer();
        let outside = dir.path().join("outside");
        let [file, other] = ["file", "other"].map(|name| config.downloads().join(name));
        fs::write(&other, "text").unwrap();
        let sending = SandboxedPart::Sending { list: vec![config.downloads()], read: vec![file] };
        let folders = [config.shared(), config.downloads(), config.state(), outside.clone()];
        for (part, expected) in [
            (SandboxedPart::Discovery, [NOTHING; 4]),
            (SandboxedPart::Index, [NOTHING; 4]),
            (SandboxedPart::Table, [NOTHING; 4]),
            (SandboxedPart::Ports, [NOTHING; 4]),
            (SandboxedPart::Sender, [NOTHING; 4]),
            (SandboxedPart::Reader, [READ, READ, READ, NOTHING]),
            (SandboxedPart::Library, [READ, READ, READ, NOTHING]),
            (SandboxedPart::Store, [NOTHING, NOTHING, WRITE, NOTHING]),
            (SandboxedPart::Disk, [NOTHING, WRITE, NOTHING, NOTHING]),
            (SandboxedPart::DiskAt(outside.clone()), [NOTHING, READ, NOTHING, WRITE]),
            (SandboxedPart::Share(outside), [NOTHING, NOTHING, NOTHING, READ]),
            (sending.clone(), [NOTHING, READ, NOTHING, NOTHING]),
        ] {
            let Some(found) = can(&config, &part, &folders) else { return };
            assert_eq!(found, expected, "{part:?}");
        }
        // Beside what is sent names are seen, and nothing is opened.
        let mut sandboxes = Sandboxes::new(&config);
        let look = || (File::open(&other).is_ok(), fs::read_dir(config.downloads()).is_ok());
        assert_eq!(sandboxes.start(&sending, look).unwrap(), (false, true));
    }

    #[test]
    fn no_part_reaches_other_processes_and_only_those_of_the_network_have_sockets() {
        let (dir, config) = peer();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        for (part, tcp, datagrams) in [
            (SandboxedPart::Discovery, false, true),
            (SandboxedPart::Index, false, false),
            (SandboxedPart::Table, false, true),
            (SandboxedPart::Ports, true, true),
            (SandboxedPart::Sender, true, true),
            (SandboxedPart::Reader, false, false),
            (SandboxedPart::Library, false, false),
            (SandboxedPart::Share(config.shared()), false, false),
            (SandboxedPart::Store, false, false),
            (SandboxedPart::Disk, false, false),
            (SandboxedPart::StoreWorkers, false, false),
            (SandboxedPart::ChunkStore, false, false),
            (SandboxedPart::DiskAt(dir.path().join("outside")), false, false),
        ] {
            let mut sandboxes = Sandboxes::new(&config);
            let reached = sandboxes.start(&part, || {
                let dialled = TcpStream::connect(address).is_ok();
                let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).is_ok();
                let heard = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).is_ok();
                [dialled, bound, heard, testing::signals_another_process()]
            });
            let guarded = sandboxes.guarded();
            if !["ports", "signals", "calls"].iter().all(|name| guarded.iter().any(|guard| guard == name)) {
                println!("skipped: only {guarded:?}");
                return;
            }
            assert_eq!(reached.unwrap(), [tcp, tcp, datagrams, false], "{part:?}");
        }
    }

    #[test]
    fn without_a_sandbox_everything_is_as_the_user_may() {
        let (dir, config) = peer();
        let mut sandboxes = Sandboxes::new(&Settings { sandbox: false, ..config });
        let written =
            sandboxes.start(&SandboxedPart::Discovery, || fs::write(dir.path().join("new"), "x")).unwrap();
        written.unwrap();
        assert_eq!(sandboxes.outcome(), SandboxOutcome::No("--no-sandbox".to_owned()));
        assert!(sandboxes.warning().is_none() && sandboxes.reach(Path::new("/")));
    }

    #[test]
    fn a_destination_is_reached_by_what_it_is() {
        let (dir, config) = peer();
        let (downloads, outside) = (config.downloads(), dir.path().join("outside"));
        let sandboxes = Sandboxes::new(&config);
        fs::create_dir_all(downloads.join("sub/deep")).unwrap();
        testing::link(&outside, downloads.join("out"));
        testing::link(&downloads, outside.join("in"));
        for (folder, reached) in [
            (downloads.clone(), true),
            (downloads.join("sub/deep"), true),
            (outside.join("in"), true),
            (downloads.join("out"), false),
            (downloads.join("sub/../.."), false),
            (config.directory.clone(), false),
            (outside, false),
            (downloads.join("missing"), false),
        ] {
            assert_eq!(sandboxes.reach(&folder), reached, "{}", folder.display());
        }
        // A new folder of that name is not the one that the sandbox was made for.
        fs::rename(&downloads, config.directory.join("before")).unwrap();
        fs::create_dir(&downloads).unwrap();
        assert!(!sandboxes.reach(&downloads) && sandboxes.reach(&config.directory.join("before")));
    }
}
