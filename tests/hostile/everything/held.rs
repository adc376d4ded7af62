//! Half of one core for a process and all that it starts: a control group, of version 2 where `cpu` is one of
//! its controllers, else of version 1.

use core::time::Duration;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use potluck::sys::clock;
use rustix::process::{Pid, Signal};

use crate::lab::pause;

/// Microseconds of each hundred thousand.
const QUOTA: u32 = 50_000;
const PERIOD: u32 = 100_000;

/// Parts of a second in which Linux tells how long a process ran.
const TICKS: f64 = 100.0;

/// A control group. What is in it ends when this is dropped.
pub(super) struct HalfCore(PathBuf);

impl HalfCore {
    /// An empty group of this name.
    pub(super) fn new(name: &str) -> io::Result<Self> {
        let root = Path::new("/sys/fs/cgroup");
        let controllers = fs::read_to_string(root.join("cgroup.controllers")).unwrap_or_default();
        let is_second = controllers.split_whitespace().any(|controller| controller == "cpu");
        let group = if is_second { root.join(name) } else { root.join("cpu").join(name) };
        if is_second {
            fs::write(root.join("cgroup.subtree_control"), "+cpu")?;
        }
        fs::create_dir(&group)?;
        let group = Self(group);
        if is_second {
            group.set("cpu.max", &format!("{QUOTA} {PERIOD}"))?;
        } else {
            group.set("cpu.cfs_period_us", &PERIOD.to_string())?;
            group.set("cpu.cfs_quota_us", &QUOTA.to_string())?;
        }
        Ok(group)
    }

    /// Holds a process, and what it starts from now on.
    pub(super) fn hold(&self, process: u32) -> io::Result<()> {
        self.set("cgroup.procs", &process.to_string())
    }

    fn set(&self, name: &str, value: &str) -> io::Result<()> {
        fs::write(self.0.join(name), value)
    }

    fn kill_all(&self) {
        let all = fs::read_to_string(self.0.join("cgroup.procs")).unwrap_or_default();
        for pid in all.lines().filter_map(|line| Pid::from_raw(line.parse().ok()?)) {
            // It may have ended by itself.
            rustix::process::kill_process(pid, Signal::KILL).unwrap_or_default();
        }
    }
}

impl Drop for HalfCore {
    fn drop(&mut self) {
        let begin = clock::now();
        self.kill_all();
        // A group can go when what was in it is gone.
        while let Err(e) = fs::remove_dir(&self.0) {
            if clock::now().since(begin) > Duration::from_secs(5) {
                println!("{} stays: {e}", self.0.display());
                return;
            }
            pause(Duration::from_millis(20));
        }
    }
}

/// Seconds of a core that a process and what it waited for took so far.
pub(super) fn seconds_of_core(process: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // The second field is a name, which may hold blanks; utime is the twelfth one behind it.
    let behind = stat.rsplit_once(") ").unwrap().1;
    let ticks: u64 = behind.split(' ').skip(11).take(4).map(|field| field.parse::<u64>().unwrap()).sum();
    ticks as f64 / TICKS
}
