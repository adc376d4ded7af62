//! The thread that works on files because the user of this machine asked for it: the destination of a
//! download is made, a repaired file takes its place again, `status` looks at what lies unfinished. It is in
//! no sandbox, for the user may name any folder; what the network sent names a file only as a [`SafePath`].

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use super::file_work::{Damaged, DiagnosisFacts, DownloadPlan, FileAnswer, FilePlace, FileWork, LocalFacts};
use super::remembered_shares::RememberedShares;
use super::send_roots::send_roots;
use super::share_check;
use super::start::next_instance;
use super::verifying::repairs;
use super::{remembered_files, remembered_routes, remembered_shares};
use crate::content::{SafePath, Stamp};
use crate::control::keyfile;
use crate::disk::{self, PARTIAL};
use crate::doctor::{self, Look};
use crate::error::Failure;
use crate::identity::PeerId;
use crate::library::Share;
use crate::settings::{Settings, ShareArgument};
use crate::sys::facts::Facts;
use crate::sys::folder::Folder;
use crate::sys::space::space;
use crate::sys::thread::Thread;
use crate::text;

/// Answers that wait for the shell, at most.
const ANSWERS: usize = 1_024;

/// The running thread.
#[derive(Debug)]
pub(super) struct FilesHandle {
    work: Sender<FileWork>,
    /// What became of the work, in the order in which it was asked for.
    pub(super) events: Receiver<FileAnswer>,
    // Joined last, after both channels are closed.
    _thread: Thread,
}

impl FilesHandle {
    /// Never blocks.
    pub(super) fn send(&self, work: FileWork) {
        // It ends with its handle only.
        drop(self.work.send(work));
    }
}

/// Starts the thread, for the peer `me`.
///
/// # Errors
/// When the operating system has no thread to give.
pub(super) fn start(settings: Settings, me: PeerId) -> io::Result<FilesHandle> {
    let (work, orders) = unbounded();
    let (answers, events) = bounded(ANSWERS);
    let diagnosis = Look {
        folders: vec![settings.shared(), settings.downloads(), settings.store()],
        port: settings.on.discovery_port,
        is_peer: true,
        offset: Look::offset(),
    };
    let files = Files { settings, me, diagnosis };
    let thread = Thread::spawn("files", move || {
        for order in orders {
            // Nobody waits any more once the peer ends.
            if answers.send(files.work(order)).is_err() {
                return;
            }
        }
    })?;
    Ok(FilesHandle { work, events, _thread: thread })
}

/// What the thread knows.
struct Files {
    settings: Settings,
    me: PeerId,
    /// What `doctor` has looked at.
    diagnosis: Look,
}

impl Files {
    fn work(&self, work: FileWork) -> FileAnswer {
        match work {
            FileWork::Plan(ask, plan) => FileAnswer::Plan(ask, Box::new(look_for(*plan))),
            FileWork::Destination(ask, folder) => FileAnswer::Destination(
                ask,
                std::fs::create_dir_all(&folder).map_err(|e| unusable(&folder, &e)),
            ),
            FileWork::Discard(job, destination, files) => {
                let deleted = disk::discard_partials(&destination, &files);
                FileAnswer::Discard(job, deleted.map_err(|e| unusable(&destination, &e)))
            }
            FileWork::Challenge(job, folder) => {
                FileAnswer::Challenge(job, std::fs::create_dir_all(folder).map_err(|e| e.to_string()))
            }
            FileWork::Repair(path, FilePlace { folder, inner }) => {
                let prepared = clear(&repairs(&folder), &inner);
                FileAnswer::Repair(path, prepared.map_err(|e| e.to_string()))
            }
            FileWork::Swap(damaged) => {
                let done = self.swap(&damaged).map_err(|e| e.to_string());
                FileAnswer::Swap(damaged, done)
            }
            FileWork::Instance(after) => FileAnswer::Instance(next_instance(&self.settings, after)),
            FileWork::Routes(targets) => FileAnswer::Routes(
                remembered_routes::store(&self.settings, &targets).map_err(|e| e.to_string()),
            ),
            FileWork::Announced(files) => FileAnswer::Announced(
                remembered_files::store(&self.settings, &files).map_err(|e| e.to_string()),
            ),
            FileWork::Share(ask, asked) => FileAnswer::Share(ask, self.share(asked)),
            FileWork::Unshare(ask, name) => {
                let done = self.change_shares(|all| all.remove(&name));
                FileAnswer::Unshare(ask, name, done.map_err(|e| unremembered(&e)))
            }
            FileWork::Send(number, paths) => FileAnswer::Send(number, send_roots(number, &paths)),
            FileWork::ForgetShares(names) => {
                let done = self.change_shares(|all| all.unshared.retain(|name| !names.contains(name)));
                FileAnswer::ForgetShares(done.map_err(|e| e.to_string()))
            }
            FileWork::Facts(ask, facts) => FileAnswer::Facts(ask, Box::new(self.look(*facts))),
            FileWork::Diagnose(ask, facts) => {
                let machine = doctor::look(&self.diagnosis);
                FileAnswer::Diagnose(ask, Box::new(DiagnosisFacts { machine, ..*facts }))
            }
        }
    }

    /// Remembers a share, if it can be one.
    fn share(&self, asked: ShareArgument) -> Result<Share, Failure> {
        let all = remembered_shares::load(&self.settings).map_err(|e| unremembered(&e))?;
        let asked = ShareArgument { folder: share_check::tidy(&asked.folder), ..asked };
        let share = share_check::check(&self.settings, &all, &asked)?;
        self.change_shares(|all| all.add(share.clone())).map_err(|e| unremembered(&e))?;
        Ok(share)
    }

    fn change_shares(&self, change: impl FnOnce(&mut RememberedShares)) -> io::Result<()> {
        let mut all = remembered_shares::load(&self.settings)?;
        let before = all.clone();
        change(&mut all);
        if all == before { Ok(()) } else { remembered_shares::store(&self.settings, &all) }
    }

    /// Adds what lies unfinished in `downloads/`, and whether the key was exported.
    fn look(&self, facts: LocalFacts) -> LocalFacts {
        let unfinished = disk::partials(&self.settings.downloads()).unwrap_or_else(|e| {
            log::warn!("what lies unfinished cannot be told: {e}");
            Vec::new()
        });
        let key_exported = keyfile::is_exported(&self.settings.state(), self.me);
        LocalFacts { unfinished, key_exported, ..facts }
    }

    /// Puts what was fetched in the place of what rotted, of which a name in `.potluck/rotten/` is left;
    /// where the share is another file system than that, in `.potluck-partial/rotten/` of the share.
    fn swap(&self, Damaged { path, place, size, modified }: &Damaged) -> io::Result<()> {
        let FilePlace { folder: share, inner } = place;
        let (good, place) = (repairs(share).join(inner.as_str()), share.join(inner.as_str()));
        let stamp = Stamp::of(&Facts::at_link(&place)?);
        if (stamp.size, stamp.modified_millis()) != (*size, *modified) {
            let good = good.display();
            return Err(io::Error::other(format!("it was changed meanwhile; what it was is in {good}")));
        }
        let aside = |folder: PathBuf| {
            let aside = folder.join("rotten").join(path.as_str());
            set_aside(&place, &aside).map(|()| aside)
        };
        let aside = match aside(self.settings.state()) {
            Err(e) if e.kind() == io::ErrorKind::CrossesDevices => aside(share.join(PARTIAL)),
            done => done,
        }?;
        // Should it fail, the user has what was there.
        std::fs::rename(&good, &place).or_else(|e| match place.try_exists() {
            Ok(true) => Err(e),
            _ => std::fs::rename(&aside, &place).and(Err(e)),
        })
    }
}

/// Adds what is there of what a download would bring, and how much space is free. A file of that size counts as that
/// file: what is in it is found out by the download.
fn look_for(mut plan: DownloadPlan) -> DownloadPlan {
    let to = &plan.sum.to;
    let partials = disk::partials(to).unwrap_or_default();
    let held: BTreeMap<String, u64> =
        partials.into_iter().map(|left| (left.id.to_string(), left.have)).collect();
    for file in &mut plan.files {
        let is_there = Facts::at_link(&to.join(&file.path)).is_ok_and(|facts| facts.size == file.size);
        file.have = if is_there { file.size } else { held.get(&file.id).copied().unwrap_or_default() };
    }
    plan.sum.have = plan.files.iter().fold(0, |sum, file| sum.saturating_add(file.have));
    let above = to.ancestors().find_map(|folder| Folder::open(folder).ok());
    plan.sum.free = above.and_then(|folder| space(&folder).ok()).map(|space| space.available);
    plan
}

fn unremembered(e: &io::Error) -> Failure {
    Failure::other(format!("what is shared cannot be remembered, so nothing was changed: {e}"))
}

fn unusable(folder: &Path, e: &io::Error) -> Failure {
    let shown = folder.display().to_string();
    Failure::other(format!("the folder {} cannot be used: {e}", text::shown(&shown)))
}

/// Makes the folder, and space in it: what an earlier repair left under this path may be another version.
fn clear(folder: &Path, path: &SafePath) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    match std::fs::remove_file(folder.join(path.as_str())) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

/// Gives what lies at `place` the name `aside`, too, under which it outlives what takes its place. Where a
/// file can have but one name it is moved there.
fn set_aside(place: &Path, aside: &Path) -> io::Result<()> {
    if let Some(folder) = aside.parent() {
        std::fs::create_dir_all(folder)?;
    }
    match std::fs::remove_file(aside) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    match std::fs::hard_link(place, aside) {
        Err(e) if e.kind() != io::ErrorKind::CrossesDevices => std::fs::rename(place, aside),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::peer::event::AskId;

    /// A peer directory with a damaged file, and a good one of it that was fetched.
    fn peer() -> (tempfile::TempDir, Files, Damaged) {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings::new(dir.path().to_owned());
        let path: SafePath = "music/song".parse().unwrap();
        let (shared, good) = (settings.shared(), repairs(&settings.shared()).join("music"));
        for folder in [shared.join("music"), good.clone(), settings.state()] {
            fs::create_dir_all(folder).unwrap();
        }
        fs::write(shared.join("music/song"), "rotten").unwrap();
        fs::write(good.join("song"), "as it was").unwrap();
        let stamp = Stamp::of(&Facts::at_link(&shared.join("music/song")).unwrap());
        let place = FilePlace { folder: shared, inner: path.clone() };
        let damaged = Damaged { path, place, size: stamp.size, modified: stamp.modified_millis() };
        let diagnosis = Look { folders: Vec::new(), port: 0, is_peer: true, offset: 0 };
        (dir, Files { settings, me: PeerId([1; 32]), diagnosis }, damaged)
    }

    fn read(files: &Files, path: &str) -> String {
        fs::read_to_string(files.settings.directory.join(path)).unwrap()
    }

    #[test]
    fn a_good_file_takes_the_place_of_the_rotten_one_which_is_not_thrown_away() {
        let (_dir, files, damaged) = peer();
        let answer = files.work(FileWork::Swap(damaged.clone()));
        assert_eq!(answer, FileAnswer::Swap(damaged, Ok(())));
        assert_eq!(read(&files, "shared/music/song"), "as it was");
        assert_eq!(read(&files, ".potluck/rotten/music/song"), "rotten");
    }

    #[test]
    fn what_was_changed_meanwhile_is_left_alone() {
        let (_dir, files, damaged) = peer();
        fs::write(files.settings.shared().join("music/song"), "rewritten").unwrap();
        let FileAnswer::Swap(_, Err(why)) = files.work(FileWork::Swap(damaged)) else { panic!() };
        assert!(why.contains("it was changed meanwhile"), "{why}");
        assert_eq!(read(&files, "shared/music/song"), "rewritten");
    }

    #[test]
    fn nothing_is_in_the_way_of_what_is_fetched_to_repair_a_file() {
        let (_dir, files, damaged) = peer();
        let good = repairs(&files.settings.shared()).join("music/song");
        assert!(good.exists());
        let answer = files.work(FileWork::Repair(damaged.path.clone(), damaged.place));
        assert_eq!((answer, good.exists()), (FileAnswer::Repair(damaged.path, Ok(())), false));
    }

    #[test]
    fn the_destination_of_a_download_is_made_with_the_folders_above_it() {
        let (dir, files, _) = peer();
        let deep = dir.path().join("a/b/c");
        let answer = files.work(FileWork::Destination(AskId(3), deep.clone()));
        assert_eq!((answer, deep.is_dir()), (FileAnswer::Destination(AskId(3), Ok(())), true));
        let below_file = dir.path().join("shared/music/song/x");
        let answer = files.work(FileWork::Destination(AskId(4), below_file.clone()));
        let FileAnswer::Destination(AskId(4), Err(failure)) = answer else { panic!("{answer:?}") };
        assert!(failure.message.contains(&below_file.display().to_string()), "{}", failure.message);
    }
}
