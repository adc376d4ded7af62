//! Files that cannot be opened because this process has too many open: they wait until others are closed. Part of the
//! disk coordinator.

use super::coordinator::DiskCoordinator;
use super::place::too_many_open;
use super::{Event, FileToken, Plan};
use crate::disk::limits;
use crate::error::Failure;
use crate::sys::clock::now;
use crate::sys::descriptors;
use crate::time::Time;

/// A file that waits.
#[derive(Debug)]
pub(super) struct StarvedFile {
    pub(super) token: FileToken,
    plan: Plan,
    since: Time,
}

/// A file cannot be opened, for this reason: it fails, or waits if it is that no descriptor is left. (What is to be
/// copied fails: its content can be fetched instead.)
pub(super) fn not_opened(disk: &mut DiskCoordinator, token: FileToken, plan: &Plan, failure: Failure) {
    let known = disk.files.get(&token);
    if known.is_some_and(|file| file.source.is_some()) || descriptors::are_left(limits::DESCRIPTORS_OF_FILE) {
        return match known {
            Some(_) => disk.fail(token, failure),
            None => disk.tell(Event::Failed(token, failure)),
        };
    }
    // What is known of it is let go of, which may take a moment.
    disk.close(token);
    disk.starved.push(StarvedFile { token, plan: plan.clone(), since: now() });
}

/// Opens those that waited, as far as there are descriptors; gives up those that waited for too long.
pub(super) fn feed(disk: &mut DiskCoordinator) {
    if disk.starved.is_empty() {
        return;
    }
    let at = now();
    let (late, waiting): (Vec<_>, Vec<_>) =
        std::mem::take(&mut disk.starved).into_iter().partition(|s| at.since(s.since) >= limits::STARVED);
    disk.starved = waiting;
    for starved in late {
        disk.tell(Event::Failed(starved.token, too_many_open()));
    }
    while descriptors::are_left(limits::DESCRIPTORS_OF_FILE)
        && let Some(next) = disk.starved.iter().position(|s| !disk.files.contains_key(&s.token))
    {
        let StarvedFile { token, plan, since } = disk.starved.remove(next);
        disk.open(token, plan);
        if let Some(again) = disk.starved.iter_mut().find(|s| s.token == token) {
            again.since = since;
            return;
        }
    }
}
