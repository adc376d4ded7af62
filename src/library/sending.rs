//! What a user sends to one peer: files and folders where they lie, looked at and hashed once. It is in no share and is
//! not watched; like a shared file it is given only while it is what was hashed.

use core::time::Duration;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crossbeam_channel::{Receiver, RecvTimeoutError, TryRecvError};

use super::hash::{BUFFER, HashError, hash_file};
use super::ignore_file::{IGNORE_FILE, IgnoreFile};
use super::left_out::NameRules;
use super::{LibraryRoot, SharedFile};
use crate::content::{Chunks, SafePath, ShareName, Stamp};
use crate::error::{Code, Failure};
use crate::library::limits;
use crate::sys::clock;
use crate::sys::facts::Facts;
use crate::sys::folder::{FileKind, Folder};
use crate::text::shown;

/// A file that was written this short a time ago may still be written to.
const FRESH: Duration = Duration::from_secs(1);

/// How often a file that is written to is looked at again, and how often in all.
const AGAIN: Duration = Duration::from_secs(1);
const LOOKS: usize = 20;

/// How often it is told how far it is.
const TOLD: Duration = Duration::from_millis(250);

/// Something that a user named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SendRoot {
    /// The name under which it is offered: one component.
    pub(crate) name: SafePath,
    /// Under which the folder that it lies in is known to the sender's reader.
    pub(crate) share: ShareName,
    /// That folder, without links.
    pub(crate) folder: PathBuf,
    /// Its name in there.
    pub(crate) inner: SafePath,
}

/// A file that can be offered.
#[derive(Clone, Debug)]
pub(crate) struct SentFile {
    /// Where its receiver is to put it.
    pub(crate) path: SafePath,
    /// Whether it is a program.
    pub(crate) executable: bool,
    /// As the sender serves it.
    pub(crate) file: Arc<SharedFile>,
}

/// All that can be offered.
#[derive(Clone, Debug, Default)]
pub(crate) struct SentContent {
    pub(crate) files: Vec<SentFile>,
    /// Empty folders.
    pub(crate) folders: Vec<SafePath>,
    /// Files, folders and links that are not sent: hidden, junk, or nothing that can be sent.
    pub(crate) left_out: u64,
}

/// What it tells.
#[derive(Debug)]
pub(crate) enum SendingStep {
    /// So many bytes of so many were read.
    Reading { done: u64, bytes: u64 },
    /// All of it can be offered, or not.
    Ready(Result<SentContent, Failure>),
}

/// Nobody wants it any more.
struct LookStopped;

/// Why it ended.
enum LookEnd {
    Failed(Failure),
    Stopped,
}

impl From<LookStopped> for LookEnd {
    fn from(_: LookStopped) -> Self {
        Self::Stopped
    }
}

impl From<Failure> for LookEnd {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// A file that was found.
struct FileToSend {
    path: SafePath,
    root: usize,
    inner: SafePath,
}

/// Looks at all of it, and hashes it. Ends early once the other end of `stop` is dropped. `hidden`: hidden files are
/// sent, too.
pub(crate) fn prepare(
    roots: &[SendRoot],
    hidden: bool,
    stop: &Receiver<()>,
    tell: impl Fn(SendingStep) -> bool,
) {
    let look = SendLook {
        roots,
        names: NameRules { hidden },
        stop,
        found: Vec::new(),
        content: SentContent::default(),
    };
    let ready = match look.run(&tell) {
        Ok(content) => Ok(content),
        Err(LookEnd::Failed(failure)) => Err(failure),
        Err(LookEnd::Stopped) => return,
    };
    // Nobody listens only if the peer is ending.
    tell(SendingStep::Ready(ready));
}

struct SendLook<'a> {
    roots: &'a [SendRoot],
    names: NameRules,
    stop: &'a Receiver<()>,
    found: Vec<FileToSend>,
    content: SentContent,
}

impl SendLook<'_> {
    fn run(mut self, tell: &impl Fn(SendingStep) -> bool) -> Result<SentContent, LookEnd> {
        let roots = self.roots;
        let mut bytes = 0_u64;
        for (number, root) in roots.iter().enumerate() {
            let folder = Folder::open(&root.folder).map_err(|e| unreadable(&root.name, &e))?;
            let facts = folder.facts(root.inner.as_str()).map_err(|e| unreadable(&root.name, &e))?;
            match facts.kind {
                FileKind::File(size) => {
                    bytes = bytes.saturating_add(size);
                    self.file(
                        FileToSend { path: root.name.clone(), root: number, inner: root.inner.clone() },
                        &facts,
                    )?;
                }
                FileKind::Folder => {
                    let inside = folder.enter(root.inner.as_str()).map_err(|e| unreadable(&root.name, &e))?;
                    bytes = bytes.saturating_add(self.folder(
                        &inside,
                        number,
                        &root.name,
                        &root.inner,
                        &mut Vec::new(),
                    )?);
                }
                FileKind::Link | FileKind::Other => {
                    let message = format!("{} is neither a file nor a folder", root.name);
                    return Err(Failure::new(Code::Usage, message).into());
                }
            }
        }
        if self.found.is_empty() && self.content.folders.is_empty() {
            return Err(Failure::new(Code::NotFound, "there is nothing in it to send").into());
        }
        self.hash_all(bytes, tell)?;
        Ok(self.content)
    }

    /// All in a folder, at `path` of the offer and `inner` of its root. Returns its bytes.
    fn folder(
        &mut self,
        folder: &Folder,
        root: usize,
        path: &SafePath,
        inner: &SafePath,
        ignores: &mut Vec<IgnoreFile>,
    ) -> Result<u64, LookEnd> {
        self.check_stop()?;
        let above = ignores.len();
        let ignore = IgnoreFile::read(folder, Some(inner)).map_err(|e| unreadable(path, &e))?;
        ignores.extend(ignore.file);
        let mut names = folder.names().map_err(|e| unreadable(path, &e))?;
        names.sort_unstable();
        let (mut bytes, before) = (0_u64, self.found.len() + self.content.folders.len());
        for name in names.iter().filter(|name| *name != IGNORE_FILE) {
            let (Ok(path), Ok(inner)) = (path.join(name), inner.join(name)) else {
                self.content.left_out += 1;
                continue;
            };
            let facts = folder.facts(name).map_err(|e| unreadable(&path, &e))?;
            let is_folder = facts.kind == FileKind::Folder;
            let is_ignored = ignores.iter().rev().find_map(|file| file.judge(&inner, is_folder));
            if self.names.judge(name, is_folder, facts.hidden).is_some() || is_ignored == Some(true) {
                self.content.left_out += 1;
                continue;
            }
            match facts.kind {
                FileKind::File(size) => {
                    bytes = bytes.saturating_add(size);
                    self.file(FileToSend { path, root, inner }, &facts)?;
                }
                FileKind::Folder => {
                    let inside = folder.enter(name).map_err(|e| unreadable(&path, &e))?;
                    bytes = bytes.saturating_add(self.folder(&inside, root, &path, &inner, ignores)?);
                }
                FileKind::Link | FileKind::Other => self.content.left_out += 1,
            }
        }
        ignores.truncate(above);
        if self.found.len() + self.content.folders.len() == before {
            self.content.folders.push(path.clone());
            self.check_count()?;
        }
        Ok(bytes)
    }

    fn file(&mut self, found: FileToSend, facts: &Facts) -> Result<(), LookEnd> {
        if Chunks::of(facts.size).is_none() {
            return Err(Failure::other(format!("{} is too large to be sent", found.path)).into());
        }
        self.found.push(found);
        Ok(self.check_count()?)
    }

    fn check_count(&self) -> Result<(), Failure> {
        if (self.found.len() + self.content.folders.len()) as u64 <= limits::OFFER_FILES {
            return Ok(());
        }
        let most = crate::text::number(limits::OFFER_FILES);
        let message = format!("these are more than {most} files: share the folder, or send an archive of it");
        Err(Failure::new(Code::Usage, message))
    }

    fn hash_all(&mut self, bytes: u64, tell: &impl Fn(SendingStep) -> bool) -> Result<(), LookEnd> {
        let mut buffer = vec![0; BUFFER];
        let (mut before, mut told) = (0_u64, clock::now());
        for found in std::mem::take(&mut self.found) {
            let done = |total: u64| {
                if before.saturating_add(total) < bytes && clock::now().since(told) >= TOLD {
                    told = clock::now();
                    tell(SendingStep::Reading { done: before.saturating_add(total), bytes });
                }
            };
            let sent = self.hash(found, &mut buffer, done)?;
            before = before.saturating_add(sent.file.stamp.size);
            self.content.files.push(sent);
        }
        Ok(())
    }

    /// Hashes a file once it stands still.
    fn hash(
        &self,
        found: FileToSend,
        buffer: &mut [u8],
        mut done: impl FnMut(u64),
    ) -> Result<SentFile, LookEnd> {
        let FileToSend { path, root, inner } = found;
        let SendRoot { share, folder, .. } = &self.roots[root];
        let library = LibraryRoot { name: None, folder: folder.clone() };
        for _ in 0..LOOKS {
            self.check_stop()?;
            let facts = library_facts(&library, &inner).map_err(|e| unreadable(&path, &e))?;
            let stamp = Stamp::of(&facts);
            let stood = clock::unix_nanos() - stamp.modified;
            if (0..i128::try_from(FRESH.as_nanos()).unwrap_or(i128::MAX)).contains(&stood) {
                self.wait()?;
                continue;
            }
            let is_stopped = || self.check_stop().is_err();
            match hash_file(&library, &inner, &stamp, buffer, &mut done, is_stopped) {
                Ok(manifest) => {
                    let listed = share.path().join(inner.as_str());
                    let listed = listed.map_err(|e| Failure::other(format!("{path} cannot be sent: {e}")))?;
                    let file = SharedFile { path: listed, stamp, manifest: Arc::new(manifest), since: 0 };
                    return Ok(SentFile { path, executable: facts.executable, file: Arc::new(file) });
                }
                Err(HashError::Stopped) => return Err(LookEnd::Stopped),
                Err(HashError::Changed) => self.wait()?,
                Err(HashError::Gone) => {
                    return Err(Failure::new(Code::NotFound, format!("{path} is gone")).into());
                }
                Err(HashError::Io(e)) => return Err(unreadable(&path, &e).into()),
            }
        }
        Err(Failure::other(format!("{path} is being written to: send it when it is complete")).into())
    }

    fn check_stop(&self) -> Result<(), LookStopped> {
        if self.stop.try_recv() == Err(TryRecvError::Disconnected) { Err(LookStopped) } else { Ok(()) }
    }

    fn wait(&self) -> Result<(), LookStopped> {
        if self.stop.recv_timeout(AGAIN) == Err(RecvTimeoutError::Disconnected) {
            Err(LookStopped)
        } else {
            Ok(())
        }
    }
}

fn library_facts(root: &LibraryRoot, path: &SafePath) -> io::Result<Facts> {
    let file = super::open::open_beneath(root, path).map_err(|e| match e {
        super::OpenError::Io(e) => e,
        other => io::Error::other(other.to_string()),
    })?;
    Facts::of(&file)
}

fn unreadable(path: &SafePath, e: &io::Error) -> Failure {
    let code = if e.kind() == io::ErrorKind::NotFound { Code::NotFound } else { Code::Failed };
    Failure::new(code, format!("{path} cannot be read: {}", shown(&e.to_string())))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use crossbeam_channel::{Sender, unbounded};

    use super::*;
    use crate::sys::testing;

    fn root(folder: &Path, name: &str) -> SendRoot {
        let share = ".potluck-send-1-0".parse().unwrap();
        let name: SafePath = name.parse().unwrap();
        SendRoot { inner: name.clone(), name, share, folder: folder.to_owned() }
    }

    /// Writes a file that was not touched for a while.
    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        let before = std::time::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        fs::File::options().write(true).open(path).unwrap().set_modified(before).unwrap();
    }

    fn prepared(roots: &[SendRoot]) -> Result<SentContent, Failure> {
        let ((_stop, stopped), (tell, told)) = (unbounded(), unbounded());
        prepare(roots, false, &stopped, |step| tell.send(step).is_ok());
        drop(tell);
        match told.iter().last() {
            Some(SendingStep::Ready(ready)) => ready,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn files_and_folders_are_offered_by_their_names_and_what_is_hidden_is_not() {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("a.txt", "a"),
            ("Photos/one", "1"),
            ("Photos/deep/two", "22"),
            ("Photos/.hidden", "h"),
            ("Photos/no.log", "x"),
        ] {
            write(&dir.path().join(path), text);
        }
        write(&dir.path().join("Photos/.potluckignore"), "*.log\n");
        fs::create_dir(dir.path().join("Photos/empty")).unwrap();
        testing::link(dir.path(), dir.path().join("Photos/link"));
        let sent = prepared(&[root(dir.path(), "a.txt"), root(dir.path(), "Photos")]).unwrap();
        let paths: Vec<_> =
            sent.files.iter().map(|file| (file.path.as_str(), file.file.stamp.size)).collect();
        assert_eq!(paths, [("a.txt", 1), ("Photos/deep/two", 2), ("Photos/one", 1)]);
        let listed: Vec<_> = sent.files.iter().map(|file| file.file.path.as_str()).collect();
        assert_eq!(listed[1], ".potluck-send-1-0/Photos/deep/two");
        let folders: Vec<_> = sent.folders.iter().map(SafePath::as_str).collect();
        assert_eq!((folders, sent.left_out), (vec!["Photos/empty"], 3));
    }

    #[test]
    fn what_cannot_be_sent_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let failure = prepared(&[root(dir.path(), "nothing")]).unwrap_err();
        assert_eq!(failure.code, Code::NotFound);
        testing::link(dir.path(), dir.path().join("link"));
        let failure = prepared(&[root(dir.path(), "link")]).unwrap_err();
        assert!(failure.code == Code::Usage && failure.message.contains("is neither a file nor a folder"));
        let failure = prepared(&[]).unwrap_err();
        assert_eq!(failure, Failure::new(Code::NotFound, "there is nothing in it to send"));
    }

    #[test]
    fn an_offer_has_ten_thousand_files_at_most() {
        let dir = tempfile::tempdir().unwrap();
        let many = dir.path().join("many");
        fs::create_dir(&many).unwrap();
        for n in 0..=limits::OFFER_FILES {
            fs::write(many.join(n.to_string()), "").unwrap();
        }
        let failure = prepared(&[root(dir.path(), "many")]).unwrap_err();
        let said = "these are more than 10,000 files: share the folder, or send an archive of it";
        assert_eq!(failure, Failure::new(Code::Usage, said));
    }

    #[test]
    fn no_file_is_sent_that_is_larger_than_the_largest_one() {
        // Files in memory may be that long, as long as nothing is in them.
        let Some(dir) = testing::folder_in_memory() else {
            return println!("skipped: there is no memory file system");
        };
        let file = fs::File::create(dir.path().join("x")).unwrap();
        file.set_len(crate::limits::FILE + 1).unwrap();
        let failure = prepared(&[root(dir.path(), "x")]).unwrap_err();
        assert_eq!(failure, Failure::other("x is too large to be sent"));
    }

    #[test]
    fn a_path_that_is_too_deep_for_its_sender_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let deep = ["d"; 63].join("/");
        write(&dir.path().join(&deep).join("f"), "f");
        let failure = prepared(&[root(dir.path(), "d")]).unwrap_err();
        let said = format!("{deep}/f cannot be sent: the path is too long or too deep");
        assert_eq!(failure, Failure::other(said));
    }

    #[test]
    fn what_is_written_to_all_the_time_is_given_up() {
        let dir = tempfile::tempdir().unwrap();
        let (stop, stopped) = unbounded();
        // Each of these ends one wait, so that all looks come while the file is new.
        (0..4 * LOOKS).for_each(|_| stop.send(()).unwrap());
        fs::write(dir.path().join("log"), "a line").unwrap();
        let (tell, told) = unbounded();
        prepare(&[root(dir.path(), "log")], false, &stopped, |step| tell.send(step).is_ok());
        drop(tell);
        let Some(SendingStep::Ready(Err(failure))) = told.iter().last() else { panic!("it was sent") };
        assert_eq!(failure.message, "log is being written to: send it when it is complete");
    }

    #[test]
    fn nobody_hears_of_what_was_stopped() {
        let dir = tempfile::tempdir().unwrap();
        write(&dir.path().join("a"), "a");
        let (stop, stopped): (Sender<()>, _) = unbounded();
        drop(stop);
        let (tell, told) = unbounded();
        prepare(&[root(dir.path(), "a")], false, &stopped, |step| tell.send(step).is_ok());
        drop(tell);
        assert_eq!(told.iter().count(), 0);
    }
}
