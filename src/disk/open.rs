//! Opening a file for download: is it there already, is there room, and what lies there from before.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytesize::ByteSize;

use super::names::{candidate, substitutes};
use super::place::{Destination, discard, have_name, is_under, manifest_name, note_asked};
use super::publish::{NAMES, content_of};
use super::turn::DiskTurn;
use super::{PartialSeed, Plan};
use crate::content::manifest::VALUE;
use crate::content::partial::{self, Bits, Boot};
use crate::content::{ChunkIndex, Chunks, FileId, Manifest};
use crate::disk::limits;
use crate::error::{Code, Failure};
use crate::sys::extents::data_after;
use crate::sys::facts::Facts;
use crate::sys::file;
use crate::sys::folder::{FileKind, Folder};
use crate::sys::lock::try_lock;
use crate::sys::names;
use crate::sys::refusal::{Refusal, refusal};

/// A partial file that is open.
#[derive(Debug)]
pub(super) struct OpenPartial {
    /// The data; `None` for a small file that is not there yet.
    pub(super) data: Option<Arc<File>>,
    pub(super) sidecar: Option<Arc<File>>,
    /// Number of the newest slot.
    pub(super) number: u64,
    /// Turn of the newest slot that was synced: the next one must not be written over it.
    pub(super) turn: u64,
    pub(super) have: Bits,
    pub(super) manifest: Option<Arc<Manifest>>,
    /// True if it was made just now: nothing can be salvaged from it.
    pub(super) new: bool,
    /// Bytes that it will still ask of the file system.
    pub(super) missing: u64,
}

/// Files under the wanted name, or a numbered one beside it, that have the wanted size.
pub(super) fn twins(
    place: &Arc<Destination>,
    plan: &Plan,
    disk_turn: &mut DiskTurn,
) -> Result<Vec<(PathBuf, File)>, Failure> {
    let Some(walked) = disk_turn.way.to(place, plan.to.parent())? else { return Ok(Vec::new()) };
    let here = walked.folder.as_ref().unwrap_or(&place.root);
    let mut found = twins_of(here, &walked.path, plan.to.name(), plan.size);
    if found.as_ref().map_or(true, Vec::is_empty) {
        let is_there = |other: &String| matches!(here.look(other), Ok(Some(_)));
        if substitutes(plan.to.name()).iter().any(is_there)
            && let Some(other) = place.substitute(plan.to.name())
        {
            found = twins_of(here, &walked.path, &other, plan.size);
        }
    }
    found.or_else(|e| match place.substitute(plan.to.name()) {
        Some(_) => Ok(Vec::new()),
        None => Err(place.failure("look for the file", &e)),
    })
}

/// Files in a folder under this name, or a numbered one beside it, that have this size.
fn twins_of(here: &Folder, path: &Path, name: &str, size: u64) -> io::Result<Vec<(PathBuf, File)>> {
    let mut found = Vec::new();
    for n in 1..=NAMES {
        let name = candidate(name, n);
        match here.look(&name)? {
            None => break,
            Some(FileKind::File(found_size)) if found_size == size => {
                // One that cannot be read is not the same, as far as we can tell.
                if let Ok(file) = here.open_file(&name, false) {
                    found.push((path.join(name), file));
                }
            }
            Some(_) => {}
        }
        if found.len() == limits::OPEN_FILES {
            break;
        }
    }
    Ok(found)
}

/// Of small files, the one that has the wanted content.
pub(super) fn same(plan: &Plan, twins: &[(PathBuf, File)]) -> Option<PathBuf> {
    let same = twins.iter().find(|(_, file)| content_of(file).is_ok_and(|id| id == plan.id));
    same.map(|(path, _)| path.clone())
}

/// Opens the partial file, or makes it. `promised`: bytes that the open downloads to the same file
/// system will still ask of it.
pub(super) fn partial(
    place: &Arc<Destination>,
    plan: &Plan,
    chunks: Chunks,
    promised: u64,
    boot: Option<&Boot>,
    disk_turn: &mut DiskTurn,
) -> Result<OpenPartial, Failure> {
    if chunks.is_single() {
        return small(place, plan, chunks, promised, disk_turn);
    }
    let failed = |e: io::Error| place.failure("keep a partial file", &e);
    let data = open_data(place, plan).map_err(failed)?;
    if let Some(file) = &data
        && !try_lock(file)
    {
        return Err(busy(plan));
    }
    let facts = data.as_ref().map(Facts::of).transpose().map_err(failed)?;
    let allocated = facts.map_or(0, |f| f.allocated.min(plan.size));
    let new = data.is_none();
    let missing = match plan.keep {
        None => plan.size - allocated,
        Some(_) if new => plan.bytes(),
        // The blocks that are there may be of other chunks: the sidecar tells.
        Some(_) => 0,
    };
    check_space(place, plan, missing, promised, disk_turn)?;
    let data = match data {
        Some(file) => file,
        None => make_data(place, plan)?,
    };
    let folder = place.partial().map_err(failed)?;
    if !is_under(folder, &plan.id.to_string(), &data).map_err(failed)? {
        return Err(busy(plan));
    }
    let len = facts.map_or(0, |f| f.size);
    if len > plan.size {
        data.set_len(plan.size).map_err(failed)?;
    }
    if new {
        discard(folder, plan.id, false).map_err(failed)?;
    }
    if plan.keep.is_none()
        && let Err(e) = note_asked(folder, plan)
    {
        log::debug!("nobody will know what {:?} is: {e}", plan.id);
    }
    let Sidecar { file: sidecar, number, turn, have } =
        open_sidecar(place, plan, chunks, len, boot).map_err(failed)?;
    let missing = if plan.keep.is_some() {
        let wanted = chunks.iter().filter(|c| plan.wants(*c) && !have.has(*c));
        let missing = wanted.map(|c| chunks.len_of(c)).sum();
        check_space(place, plan, missing, promised, disk_turn)?;
        missing
    } else {
        missing
    };
    let manifest = stored_manifest(place, plan, chunks);
    Ok(OpenPartial {
        data: Some(Arc::new(data)),
        sidecar: Some(Arc::new(sidecar)),
        number,
        turn,
        have,
        manifest,
        new,
        missing,
    })
}

/// The partial file once more, for others to have what is there of it: the lock is not on this descriptor,
/// and nothing can be written by it.
pub(super) fn partial_seed(place: &Destination, plan: &Plan, chunks: Chunks) -> io::Result<PartialSeed> {
    let file = place.partial()?.open_file(&plan.id.to_string(), false)?;
    Ok(PartialSeed::new(plan.id, chunks, file))
}

fn busy(plan: &Plan) -> Failure {
    Failure::other(format!("{} is being fetched into the same folder already", plan.to))
}

/// The partial file, if one lies there. What is no regular file of one name is taken away; what only cannot be opened
/// now stays.
fn open_data(place: &Destination, plan: &Plan) -> io::Result<Option<File>> {
    let (folder, name) = (place.partial()?, plan.id.to_string());
    match folder.open_file(&name, true) {
        Ok(file) if Facts::of(&file)?.links == 1 => Ok(Some(file)),
        Ok(_) => folder.remove(&name).map(|()| None),
        Err(e) => match refusal(&e) {
            Refusal::Gone => Ok(None),
            Refusal::Link | Refusal::NotFile | Refusal::NotFolder => folder.remove(&name).map(|()| None),
            _ => Err(e),
        },
    }
}

fn make_data(place: &Destination, plan: &Plan) -> Result<File, Failure> {
    let failed = |e: io::Error| place.failure("keep a partial file", &e);
    let folder = place.partial().map_err(failed)?;
    let made = folder.create(&plan.id.to_string(), plan.executable);
    let file = match made {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => return Err(busy(plan)),
        other => other.map_err(failed)?,
    };
    if try_lock(&file) { Ok(file) } else { Err(busy(plan)) }
}

/// Refuses what does not fit, before the first byte: that only spares the bytes that would come in vain.
pub(super) fn check_space(
    place: &Arc<Destination>,
    plan: &Plan,
    missing: u64,
    promised: u64,
    disk_turn: &mut DiskTurn,
) -> Result<(), Failure> {
    let Some(room) = disk_turn.room(place, missing, promised).filter(|room| missing > *room) else {
        return Ok(());
    };
    Err(Failure::new(
        Code::Full,
        format!(
            "{} needs {} more, {} has {} free: free some space, or choose another folder with --to",
            plan.to,
            ByteSize(missing),
            crate::text::shown(&names::shown(&place.path)),
            ByteSize(room),
        ),
    ))
}

/// A sidecar that is open.
struct Sidecar {
    file: File,
    /// Number of the newest slot, and turn of the newest one that was synced.
    number: u64,
    turn: u64,
    have: Bits,
}

/// The turn of the newest slot of a sidecar that was synced: 0 or 1.
pub(super) fn synced_turn(sidecar: &[u8], id: FileId, chunks: Chunks) -> u64 {
    let mut slots = sidecar.chunks(partial::slot_len(chunks));
    let mut number = || {
        let (number, _) = partial::believe(slots.next()?, id, chunks, chunks.size(), None)?;
        Some(number)
    };
    let first = number();
    u64::from(number() > first)
}

fn open_sidecar(
    place: &Destination,
    plan: &Plan,
    chunks: Chunks,
    len: u64,
    boot: Option<&Boot>,
) -> io::Result<Sidecar> {
    let (folder, name) = (place.partial()?, have_name(plan.id));
    let fresh = || {
        let (file, none) = (folder.create(&name, false)?, Bits::none(chunks));
        file::write_all_at(&file, &partial::encode(plan.id, 0, &none, None), 0)?;
        Ok(Sidecar { file, number: 0, turn: 0, have: none })
    };
    let Ok(mut file) = folder.open_file(&name, true) else {
        folder.remove(&name)?;
        return fresh();
    };
    let mut bytes = Vec::new();
    let most = (partial::SLOTS * partial::slot_len(chunks)) as u64;
    file.by_ref().take(most).read_to_end(&mut bytes)?;
    if let Some((number, have)) = partial::believe(&bytes, plan.id, chunks, len, boot) {
        return Ok(Sidecar { file, number, turn: synced_turn(&bytes, plan.id, chunks), have });
    }
    drop(file);
    folder.remove(&name)?;
    fresh()
}

/// The manifest that lies beside the data. It proves itself, so a torn one just is none.
fn stored_manifest(place: &Destination, plan: &Plan, chunks: Chunks) -> Option<Arc<Manifest>> {
    let file = place.partial().ok()?.open_file(&manifest_name(plan.id), false).ok()?;
    let most = u64::from(chunks.count()) * VALUE as u64;
    if file.metadata().ok()?.len() != most {
        return None;
    }
    let mut values = Vec::new();
    file.take(most).read_to_end(&mut values).ok()?;
    Manifest::prove(plan.id, plan.size, &values).ok().map(Arc::new)
}

/// Stores a manifest beside the data.
pub(super) fn store_manifest(place: &Destination, plan: &Plan, manifest: &Manifest) -> io::Result<()> {
    let (folder, name) = (place.partial()?, manifest_name(plan.id));
    folder.remove(&name)?;
    file::write_all_at(&folder.create(&name, false)?, manifest.as_bytes(), 0)
}

/// Chunks that may lie in the file though the sidecar does not name them: a crash came before that.
pub(super) fn unnamed(data: &File, have: &Bits) -> VecDeque<ChunkIndex> {
    let chunks = have.chunks();
    let len = data.metadata().map_or(0, |m| m.len());
    let mut found = VecDeque::new();
    let mut from = 0;
    while let Some(range) = data_after(data, from, len) {
        // A chunk that begins in a hole is not whole.
        let mut start = range.start.next_multiple_of(chunks.chunk_size());
        while let Some(chunk) = chunks.at_offset(start).filter(|c| chunks.range(*c).end <= range.end) {
            if !have.has(chunk) {
                found.push_back(chunk);
            }
            start = chunks.range(chunk).end;
        }
        from = range.end;
    }
    found
}

/// Chunks that are there and lie in holes, for they are nothing but zeros.
pub(super) fn holes(data: &File, have: &Bits) -> Bits {
    let (chunks, mut holes) = (have.chunks(), have.clone());
    let len = data.metadata().map_or(0, |m| m.len());
    let mut from = 0;
    while let Some(range) = data_after(data, from, len) {
        let mut at = range.start;
        while at < range.end
            && let Some(chunk) = chunks.at_offset(at)
        {
            holes.remove(chunk);
            at = chunks.range(chunk).end;
        }
        from = range.end;
    }
    holes
}

/// A file of one chunk lies there whole, or not at all.
fn small(
    place: &Arc<Destination>,
    plan: &Plan,
    chunks: Chunks,
    promised: u64,
    disk_turn: &mut DiskTurn,
) -> Result<OpenPartial, Failure> {
    let failed = |e: io::Error| place.failure("keep a partial file", &e);
    let mut have = Bits::none(chunks);
    let left = open_data(place, plan).map_err(failed)?;
    let mut data = left.filter(|file| content_of(file).is_ok_and(|id| id == plan.id));
    if data.is_none() {
        check_space(place, plan, plan.size, promised, disk_turn)?;
        if plan.size == 0 {
            if plan.id != blake3::hash(&[]).into() {
                return Err(Failure::other(format!(
                    "{} is empty, but its id is not that of nothing",
                    plan.to
                )));
            }
            let folder = place.partial().map_err(failed)?;
            folder.remove(&plan.id.to_string()).map_err(failed)?;
            data = Some(folder.create(&plan.id.to_string(), plan.executable).map_err(failed)?);
        }
    }
    if data.is_some() {
        have.insert(chunks.last());
    }
    let missing = if data.is_some() { 0 } else { plan.size };
    Ok(OpenPartial {
        data: data.map(Arc::new),
        sidecar: None,
        number: 0,
        turn: 0,
        have,
        manifest: None,
        new: true,
        missing,
    })
}
