//! The simulated disk of a peer: real bytes, which are verified as they come. It outlives the process.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use crate::content::manifest::{ChunkHasher, ManifestBuilder};
use crate::content::partial::Bits;
use crate::content::{ChunkIndex, Chunks, FileId, Manifest, Span};
use crate::custody::ledger::Present;
use crate::disk::{Arrival, Command, Event, FileToken, Plan};

/// A file under a name.
#[derive(Clone, Debug)]
pub(super) struct NamedFile {
    pub(super) bytes: Rc<[u8]>,
    pub(super) manifest: Arc<Manifest>,
    /// Tells it from what lay there before.
    pub(super) inode: u64,
    /// Milliseconds since 1970.
    pub(super) modified: i64,
}

/// A file of which some chunks are there.
#[derive(Debug)]
struct PartialFile {
    bytes: Vec<u8>,
    have: Bits,
    manifest: Option<Arc<Manifest>>,
}

/// A file that a disk worker has open.
#[derive(Debug)]
struct OpenFile {
    plan: Plan,
    /// How many bytes of a chunk came that is not whole.
    came: BTreeMap<ChunkIndex, u64>,
}

/// Where a partial file lies: the folder that it is for, and its content.
type PartialPlace = (PathBuf, FileId);

/// The disk.
#[derive(Debug, Default)]
pub(super) struct SimDisk {
    files: BTreeMap<PathBuf, NamedFile>,
    partials: BTreeMap<PartialPlace, PartialFile>,
    open: BTreeMap<FileToken, OpenFile>,
    last_inode: u64,
}

/// What proves these bytes.
pub(super) fn manifest_of(bytes: &[u8]) -> Manifest {
    let chunks = Chunks::of(bytes.len() as u64).unwrap();
    let mut builder = ManifestBuilder::new(chunks);
    for chunk in chunks.iter() {
        let mut hasher = ChunkHasher::new(chunks, chunk);
        hasher.update(part(bytes, chunks, chunk));
        builder.push(hasher.finish().unwrap());
    }
    builder.finish().unwrap()
}

fn part(bytes: &[u8], chunks: Chunks, chunk: ChunkIndex) -> &[u8] {
    let range = chunks.range(chunk);
    &bytes[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()]
}

fn spans_of(have: &Bits) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for chunk in have.iter().map(ChunkIndex::get) {
        match spans.last_mut().filter(|span| span.to == chunk) {
            Some(span) => span.to += 1,
            None => spans.push(Span { from: chunk, to: chunk + 1 }),
        }
    }
    spans
}

impl SimDisk {
    // ---- files with names

    /// Writes a file.
    pub(super) fn write_file(&mut self, path: PathBuf, bytes: Rc<[u8]>, modified: i64) {
        self.last_inode += 1;
        let manifest = Arc::new(manifest_of(&bytes));
        self.files.insert(path, NamedFile { bytes, manifest, inode: self.last_inode, modified });
    }

    /// Deletes a file.
    pub(super) fn delete(&mut self, path: &Path) -> Option<NamedFile> {
        self.files.remove(path)
    }

    /// The files below a folder.
    pub(super) fn below<'a>(&'a self, folder: &'a Path) -> impl Iterator<Item = (&'a Path, &'a NamedFile)> {
        self.files.iter().filter_map(move |(path, file)| Some((path.strip_prefix(folder).ok()?, file)))
    }

    /// The file at a path.
    pub(super) fn file(&self, path: &Path) -> Option<&NamedFile> {
        self.files.get(path)
    }

    // ---- what is there of a content, wherever it lies

    /// What is there of a content in files of any kind.
    pub(super) fn have(&self, id: FileId, folders: &[PathBuf]) -> Option<Bits> {
        if let Some(file) = self.named(id, folders) {
            return Some(Bits::all(file.manifest.chunks()));
        }
        let all = self.partials_of(id, folders).map(|partial| partial.have.clone());
        all.reduce(|mut all, have| {
            for chunk in have.iter() {
                all.insert(chunk);
            }
            all
        })
    }

    /// What proves a content.
    pub(super) fn manifest(&self, id: FileId, folders: &[PathBuf]) -> Option<Arc<Manifest>> {
        let named = self.named(id, folders).map(|file| Arc::clone(&file.manifest));
        named.or_else(|| self.partials_of(id, folders).find_map(|partial| partial.manifest.clone()))
    }

    /// Bytes of a content, if all of them are there.
    pub(super) fn read<'a>(
        &'a self,
        id: FileId,
        folders: &'a [PathBuf],
        offset: u64,
        len: u64,
    ) -> Option<&'a [u8]> {
        let range = usize::try_from(offset).ok()?..usize::try_from(offset.checked_add(len)?).ok()?;
        if let Some(file) = self.named(id, folders) {
            return file.bytes.get(range);
        }
        let has_all =
            |file: &&PartialFile| file.have.chunks().touched(offset, len).all(|chunk| file.have.has(chunk));
        self.partials_of(id, folders).find(has_all)?.bytes.get(range)
    }

    fn named(&self, id: FileId, folders: &[PathBuf]) -> Option<&NamedFile> {
        let is_it = |(path, file): &(&PathBuf, &NamedFile)| {
            file.manifest.file() == id && folders.iter().any(|folder| path.starts_with(folder))
        };
        self.files.iter().find(is_it).map(|(_, file)| file)
    }

    fn partials_of<'a>(
        &'a self,
        id: FileId,
        folders: &'a [PathBuf],
    ) -> impl Iterator<Item = &'a PartialFile> {
        folders.iter().filter_map(move |folder| self.partials.get(&(folder.clone(), id)))
    }

    // ---- the chunk store

    /// What the store at `folder` holds.
    pub(super) fn present(&self, folder: &Path) -> Present {
        let kept = self.partials.iter().filter(|((at, _), file)| at == folder && file.have.count() > 0);
        kept.map(|((_, id), file)| (*id, spans_of(&file.have))).collect()
    }

    /// Keeps no more of a content than these chunks.
    pub(super) fn drop_stored(&mut self, folder: &Path, id: FileId, keep: &[Span]) {
        let place = (folder.to_owned(), id);
        let Some(file) = self.partials.get_mut(&place) else { return };
        let is_kept = |chunk: &ChunkIndex| keep.iter().any(|s| s.from <= chunk.get() && chunk.get() < s.to);
        for chunk in file.have.clone().iter().filter(|chunk| !is_kept(chunk)) {
            file.have.remove(chunk);
        }
        if file.have.count() == 0 && !self.open.values().any(|open| open.plan.id == id) {
            self.partials.remove(&place);
        }
    }

    /// The chunks that are there of a content of several chunks; none if it has one.
    pub(super) fn stored(&self, folder: &Path, id: FileId) -> Vec<Span> {
        let file = self.partials.get(&(folder.to_owned(), id));
        file.filter(|file| !file.have.chunks().is_single()).map_or_else(Vec::new, |file| spans_of(&file.have))
    }

    /// Removes a folder with all that lies in it.
    pub(super) fn remove_folder(&mut self, folder: &Path) {
        self.partials.retain(|(at, _), _| at != folder);
    }

    // ---- what the receiver orders

    /// The process is gone, and with it what it had not finished.
    pub(super) fn crash(&mut self) {
        self.open.clear();
    }

    /// Does what the receiver orders; what a disk worker says to that.
    pub(super) fn handle(&mut self, command: Command) -> Vec<Event> {
        match command {
            Command::Open(token, plan) => vec![self.open_file(token, plan)],
            Command::Manifest(token, manifest) => {
                let place = self.open.get(&token).map(|open| (open.plan.destination.clone(), open.plan.id));
                if let Some(partial) = place.and_then(|place| self.partials.get_mut(&place)) {
                    partial.manifest = Some(manifest);
                }
                Vec::new()
            }
            Command::Copy(token, plan, from) => {
                let there = self.files.get(&from).filter(|file| file.manifest.file() == plan.id).cloned();
                vec![there.map_or(Event::NotCopied(token), |file| {
                    Event::Arrived(token, self.save(&plan, file.bytes))
                })]
            }
            Command::Publish(token) => self.publish(token).into_iter().collect(),
            Command::Close(token) => {
                self.open.remove(&token);
                Vec::new()
            }
            Command::Several(all) => all.into_iter().flat_map(|command| self.handle(command)).collect(),
            // Blocks are given to `write`; of empty folders nothing is simulated, and all is synced.
            Command::Write(..) | Command::Folder(..) | Command::Flush => Vec::new(),
        }
    }

    fn open_file(&mut self, token: FileToken, plan: Plan) -> Event {
        let chunks = Chunks::of(plan.size).unwrap();
        let partial = self.partials.entry((plan.destination.clone(), plan.id));
        let partial = partial.or_insert_with(|| PartialFile {
            bytes: vec![0; usize::try_from(plan.size).unwrap()],
            have: Bits::none(chunks),
            // One chunk is proved by the file id.
            manifest: Manifest::prove(plan.id, plan.size, &[]).ok().map(Arc::new),
        });
        let (there, manifest) = (partial.have.iter().collect(), partial.manifest.clone());
        self.open.insert(token, OpenFile { plan, came: BTreeMap::new() });
        Event::Opened(token, there, manifest.filter(|_| !chunks.is_single()))
    }

    /// Writes bytes of a chunk at an offset in it; what a disk worker says to that.
    pub(super) fn write(
        &mut self,
        token: FileToken,
        chunk: ChunkIndex,
        offset: u64,
        bytes: &[u8],
    ) -> Option<Event> {
        let open = self.open.get_mut(&token)?;
        let partial = self.partials.get_mut(&(open.plan.destination.clone(), open.plan.id))?;
        let chunks = partial.have.chunks();
        let at = usize::try_from(chunks.range(chunk).start + offset).unwrap();
        partial.bytes[at..at + bytes.len()].copy_from_slice(bytes);
        let came = open.came.entry(chunk).or_default();
        *came += bytes.len() as u64;
        if *came < chunks.len_of(chunk) {
            return None;
        }
        open.came.remove(&chunk);
        let mut hasher = ChunkHasher::new(chunks, chunk);
        hasher.update(part(&partial.bytes, chunks, chunk));
        let proof = hasher.finish().unwrap();
        let is_good = partial.manifest.as_ref().is_some_and(|manifest| manifest.proves(chunk, &proof));
        if is_good {
            partial.have.insert(chunk);
        }
        Some(Event::Chunk(token, chunk, is_good))
    }

    fn publish(&mut self, token: FileToken) -> Option<Event> {
        let OpenFile { plan, .. } = self.open.remove(&token)?;
        if plan.keep.is_some() {
            return Some(Event::Arrived(token, Arrival::Kept));
        }
        let partial = self.partials.remove(&(plan.destination.clone(), plan.id))?;
        assert!(partial.have.is_full(), "only what is whole is published");
        assert_eq!(
            FileId::from(blake3::hash(&partial.bytes)),
            plan.id,
            "what is published is what was asked"
        );
        let arrival = self.save(&plan, partial.bytes.into());
        Some(Event::Arrived(token, arrival))
    }

    /// Gives a file its name, or the next one that is free.
    fn save(&mut self, plan: &Plan, bytes: Rc<[u8]>) -> Arrival {
        let path = plan.destination.join(plan.to.as_str());
        match self.files.get(&path).map(|file| file.manifest.file()) {
            None => {
                self.write_file(path.clone(), bytes, plan.modified);
                Arrival::Saved(path)
            }
            Some(id) if id == plan.id => Arrival::AlreadyThere(path),
            Some(_) => {
                let free = (2..).map(|n| plan.destination.join(format!("{} ({n})", plan.to)));
                let path = free.into_iter().find(|path| !self.files.contains_key(path)).unwrap();
                self.write_file(path.clone(), bytes, plan.modified);
                Arrival::SavedAs(path)
            }
        }
    }
}
