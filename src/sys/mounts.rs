//! What is mounted where, and hearing of changes of that (proc_pid_mountinfo(5) on Linux; elsewhere nothing is
//! heard, and it is seen at the next look).

use core::time::Duration;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use super::bell::Bell;
use super::thread::Thread;

/// The table of what is mounted in the namespace of this process.
const PLACE: &str = "/proc/self/mountinfo";

const TABLE: Token = Token(0);
const END: Token = Token(1);

/// The table, open: a thread in a sandbox cannot open it, but read it.
#[derive(Debug)]
pub(crate) struct MountTable(File);

/// A row of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mount {
    /// All of it. Its number alone would not do: it is given again at once, so that of two mounts of one device which
    /// follow each other faster than the table is read only their roots differ.
    row: Vec<u8>,
    /// Major and minor number of the device.
    device: (u32, u32),
    /// False if the device was taken out and is mounted still.
    is_plugged: bool,
}

/// The folders on which something is mounted.
type MountsBelow = BTreeMap<PathBuf, Mount>;

/// Time between two looks at whether the devices are there, as nobody tells of that.
const PLUGGED: Duration = Duration::from_secs(2);

/// What is known of each device that is there has its numbers as a name here (sysfs(5)).
const DEVICES: &str = "/sys/dev/block";

/// The number of that kind of file system: in a container something empty may lie over it.
#[cfg(target_os = "linux")]
const SYSFS: u64 = 0x6265_6572;

/// False if a device was taken out. What has no device of its own (major number 0) is always there.
pub(super) fn is_plugged(major: u32, minor: u32) -> bool {
    major == 0 || !tells_of_devices() || Path::new(DEVICES).join(format!("{major}:{minor}")).exists()
}

#[cfg(target_os = "linux")]
fn tells_of_devices() -> bool {
    rustix::fs::statfs(DEVICES).is_ok_and(|facts| u64::try_from(facts.f_type) == Ok(SYSFS))
}

#[cfg(not(target_os = "linux"))]
const fn tells_of_devices() -> bool {
    false
}

impl MountTable {
    /// `None` where the system has none.
    pub(crate) fn open() -> Option<Self> {
        File::open(PLACE).ok().map(Self)
    }

    /// What is mounted on `top`, which is named without links, and on folders below it.
    fn below(&mut self, top: &Path) -> io::Result<MountsBelow> {
        let mut text = Vec::new();
        self.0.seek(SeekFrom::Start(0))?;
        self.0.read_to_end(&mut text)?;
        Ok(mounts(&text, top))
    }
}

/// The mounts of a table on `top` and below it. Of several on one folder the last one counts, which hides the
/// others.
fn mounts(table: &[u8], top: &Path) -> MountsBelow {
    let rows = table.split(|b| *b == b'\n').filter_map(|line| {
        let mut fields = line.split(|b| *b == b' ');
        let mut text = |at| std::str::from_utf8(fields.nth(at)?).ok();
        let (major, minor) = text(2)?.split_once(':')?;
        let device = (major.parse().ok()?, minor.parse().ok()?);
        let path = unescaped(fields.nth(1)?);
        path.starts_with(top)
            .then(|| (path, Mount { row: line.to_vec(), device, is_plugged: is_plugged(device.0, device.1) }))
    });
    rows.collect()
}

/// A path of the table, in which blanks, line breaks and backslashes are three octal digits behind a backslash.
fn unescaped(field: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, behind @ ..] = rest {
        let octal = behind.get(..3).filter(|_| *first == b'\\').and_then(|digits| {
            let digits = std::str::from_utf8(digits).ok()?;
            u8::from_str_radix(digits, 8).ok()
        });
        bytes.push(octal.unwrap_or(*first));
        rest = if octal.is_some() { &behind[3..] } else { behind };
    }
    OsString::from_vec(bytes).into()
}

/// Hears of what is mounted and unmounted, until it is dropped.
#[derive(Debug)]
pub(crate) struct MountWatch {
    is_over: Arc<AtomicBool>,
    /// Its end is waited for before the bell goes: with the bell goes a ring that it has not heard yet.
    _thread: Thread,
    bell: Bell,
}

impl MountWatch {
    /// `tell` is called, in a thread of its own, when what is mounted on `top` (named without links) or below it
    /// is not what it was.
    ///
    /// # Errors
    /// What the operating system says.
    pub(crate) fn start(
        mut table: MountTable,
        top: PathBuf,
        tell: impl Fn() + Send + 'static,
    ) -> io::Result<Self> {
        let mut poll = Poll::new()?;
        let bell = Bell::new(poll.registry(), END)?;
        // The kernel counts a change of the table as an error of the file, which is always told.
        poll.registry().register(&mut SourceFd(&table.0.as_raw_fd()), TABLE, Interest::READABLE)?;
        let mut before = table.below(&top)?;
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&is_over);
        let thread = Thread::spawn("library-mounts", move || {
            let mut events = Events::with_capacity(2);
            while !ends.load(Ordering::Relaxed) {
                let has_devices = before.values().any(|mount| mount.device.0 != 0);
                match poll.poll(&mut events, has_devices.then_some(PLUGGED)) {
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                    Err(e) => return log::debug!("waiting for mounts: {e}"),
                    Ok(()) => {}
                }
                match table.below(&top) {
                    Ok(now) if now == before => {}
                    Ok(now) => {
                        before = now;
                        tell();
                    }
                    Err(e) => return log::debug!("the table of mounts: {e}"),
                }
            }
        })?;
        Ok(Self { is_over, bell, _thread: thread })
    }
}

impl Drop for MountWatch {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.bell.ring();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_of_a_folder_are_found_in_the_table() {
        let table = b"22 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
            61 22 0:51 / /home/anna/my\\040files rw shared:1 - fuse sshfs rw\n\
            62 61 0:33 /sub /home/anna/my\\040files/a\\134b rw - btrfs /dev/sdc1 rw\n\
            70 61 0:49 / /home/anna/my\\040files/a\\134b rw - tmpfs tmpfs rw\n\
            63 22 0:5 / /home/anna/my\\040files2 rw - tmpfs tmpfs rw\n\
            short\n";
        let found = mounts(table, Path::new("/home/anna/my files"));
        let devices =
            found.iter().map(|(path, mount)| (path.to_str().unwrap(), mount.device, mount.is_plugged));
        let expected = [("/home/anna/my files", (0, 51), true), ("/home/anna/my files/a\\b", (0, 49), true)];
        assert!(devices.eq(expected), "{found:?}");
        assert_eq!(unescaped(b"\\9\\0401\\"), PathBuf::from("\\9 1\\"));
    }

    #[test]
    fn another_folder_that_is_mounted_in_the_place_of_one_is_a_change_though_it_gets_its_number() {
        let mounted = |root| format!("61 22 8:1 {root} /home/anna/usb rw - ext4 /dev/sda1 rw\n");
        let [one, other] =
            ["/one", "/other"].map(|root| mounts(mounted(root).as_bytes(), Path::new("/home/anna")));
        assert!(one.len() == 1 && one != other);
        assert_eq!(one, mounts(mounted("/one").as_bytes(), Path::new("/home/anna")));
    }

    #[test]
    fn a_device_that_is_not_there_was_taken_out() {
        assert!(is_plugged(0, 999));
        assert_eq!(is_plugged(4_000, 999), !tells_of_devices());
    }

    #[test]
    fn a_watch_ends_when_it_is_dropped() {
        for _ in 0..100 {
            let Some(table) = MountTable::open() else { return };
            let watch = MountWatch::start(table, "/".into(), || {}).unwrap();
            // So that it waits already, most of the time.
            std::thread::yield_now();
            drop(watch);
        }
    }
}
