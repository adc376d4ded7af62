//! What lies in a store, read and dropped without the workers: while none of them has that file open.
//!
//! Invariant: what a sidecar does not name any more goes after the sidecar, and that after its sync: at every
//! moment the newest slot names no more than what is there.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::open::synced_turn;
use super::place::{PARTIAL, discard, have_name};
use crate::content::partial::{self, Bits, Boot};
use crate::content::{ChunkIndex, FileId, Span};
use crate::disk::limits;
use crate::sys::boot::boot;
use crate::sys::file;
use crate::sys::folder::{FileKind, Folder};
use crate::sys::lock::try_lock;
use crate::sys::punch::punch;

/// A file of which something is kept: its content, the bytes of the whole file, and the chunks that are
/// there, in order.
pub(super) type Stored = (FileId, u64, Vec<Span>);

/// What the store `folder` holds, in the order of the ids; nothing if it is not there. Sidecars are believed,
/// and a file of one chunk without one is believed to be whole: a loss of power before it was reported as
/// arrived may have left a shorter one, whose size then is another one than was asked for.
///
/// # Errors
/// What the operating system says.
pub(crate) fn stored(folder: &Path) -> io::Result<Vec<Stored>> {
    let Some(partial) = open(folder)? else { return Ok(Vec::new()) };
    let (mut found, boot) = (Vec::new(), boot());
    let names: BTreeSet<String> = partial.names()?.into_iter().collect();
    for name in &names {
        let Ok(id) = name.parse::<FileId>() else { continue };
        let Some(FileKind::File(len)) = partial.look(name)? else { continue };
        if !names.contains(&have_name(id)) {
            if is_small(id, len) {
                found.push((id, len, vec![Span { from: 0, to: 1 }]));
            }
            continue;
        }
        let sidecar = partial.open_file(&have_name(id), false);
        // One that cannot be read names nothing.
        let Some(read) = sidecar.and_then(|mut file| read(&mut file, id, len, boot.as_ref())).ok().flatten()
        else {
            continue;
        };
        if read.have.count() > 0 {
            found.push((id, read.have.chunks().size(), spans(&read.have)));
        }
    }
    Ok(found)
}

/// Drops what is kept of a file but the chunks `keep`. Where a file system has no holes, the bytes stay, and
/// go with the last chunk.
///
/// # Errors
/// `WouldBlock` while a worker has it open; or what the operating system says.
pub(crate) fn drop_stored(folder: &Path, id: FileId, keep: &[Span]) -> io::Result<()> {
    let kept = |chunk: u32| keep.iter().any(|span| span.from <= chunk && chunk < span.to);
    let Some(file) = open_stored(folder, id, |chunk| !kept(chunk))? else { return Ok(()) };
    let chunks = file.have.chunks();
    let mut dropped = chunks.iter().map(ChunkIndex::get).filter(|c| !kept(*c)).peekable();
    while let Some(from) = dropped.next() {
        let mut to = from + 1;
        while dropped.next_if_eq(&to).is_some() {
            to += 1;
        }
        let start = u64::from(from) * chunks.chunk_size();
        // Whole chunks: a block that the file fills in part goes too.
        if !punch(&file.data, start, u64::from(to - from) * chunks.chunk_size()) {
            break;
        }
    }
    Ok(())
}

/// Deletes the partial files of these contents in a destination, and the folder of partial files if nothing is left in
/// it. Those that a worker has open stay, and are returned.
///
/// # Errors
/// What the operating system says.
pub(crate) fn discard_partials(destination: &Path, files: &[FileId]) -> io::Result<Vec<FileId>> {
    let mut open = Vec::new();
    for id in files {
        match drop_stored(destination, *id, &[]) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => open.push(*id),
            done => done?,
        }
    }
    let folder = match Folder::open(destination) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        opened => opened?,
    };
    if let Err(e) = folder.remove_folder(PARTIAL) {
        log::debug!("{PARTIAL} stays: {e}");
    }
    Ok(open)
}

/// Chunks that are kept of a file turned out to be rotten: from now on they are not there. What is left of a
/// file of several chunks.
///
/// # Errors
/// `WouldBlock` while a worker has it open; or what the operating system says.
pub(crate) fn lose_stored(folder: &Path, id: FileId, chunks: &BTreeSet<u32>) -> io::Result<Vec<Span>> {
    let left = open_stored(folder, id, |chunk| chunks.contains(&chunk))?;
    Ok(left.map_or_else(Vec::new, |rest| spans(&rest.have)))
}

/// The folder of what is kept, if there is one.
fn open(folder: &Path) -> io::Result<Option<Folder>> {
    match Folder::open(folder).and_then(|f| f.enter(PARTIAL)) {
        Ok(folder) => Ok(Some(folder)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// True if a file of this many bytes without a sidecar may be one of one chunk.
fn is_small(id: FileId, len: u64) -> bool {
    // An empty one is begun with nothing in it.
    len <= limits::CHUNK_MIN && (len > 0 || id == blake3::hash(&[]).into())
}

/// What a sidecar says.
struct Noted {
    number: u64,
    turn: u64,
    have: Bits,
}

/// Reads the sidecar of a file of which `len` bytes are there. `None`: it says nothing of that file.
fn read(sidecar: &mut File, id: FileId, len: u64, boot: Option<&Boot>) -> io::Result<Option<Noted>> {
    let mut bytes = Vec::new();
    sidecar.read_to_end(&mut bytes)?;
    let Some((_, have)) = partial::describe(&bytes, boot).filter(|(of, _)| *of == id) else {
        return Ok(None);
    };
    let (chunks, turn) = (have.chunks(), synced_turn(&bytes, id, have.chunks()));
    let noted = partial::believe(&bytes, id, chunks, len, boot);
    Ok(noted.map(|(number, have)| Noted { number, turn, have }))
}

/// The set chunks as the fewest spans.
fn spans(have: &Bits) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for chunk in have.iter().map(ChunkIndex::get) {
        match spans.last_mut() {
            Some(last) if last.to == chunk => last.to += 1,
            _ => spans.push(Span { from: chunk, to: chunk + 1 }),
        }
    }
    spans
}

/// A file of several chunks of which something is kept.
struct Rest {
    data: File,
    have: Bits,
}

/// Takes the chunks that `gone` names out of what is kept of a file. Its rest; `None`: nothing of it is
/// left, or it is one chunk which stays.
fn open_stored(folder: &Path, id: FileId, gone: impl Fn(u32) -> bool) -> io::Result<Option<Rest>> {
    let Some(partial) = open(folder)? else { return Ok(None) };
    let data = match partial.open_file(&id.to_string(), true) {
        Ok(data) => data,
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            return discard(&partial, id, true).map(|()| None);
        }
        Err(e) => return Err(e),
    };
    if !try_lock(&data) {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    let len = data.metadata()?.len();
    let mut sidecar = match partial.open_file(&have_name(id), true) {
        Ok(sidecar) => sidecar,
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let stays = is_small(id, len) && !gone(0);
            return if stays { Ok(None) } else { discard(&partial, id, true).map(|()| None) };
        }
        Err(e) => return Err(e),
    };
    let Some(mut noted) = read(&mut sidecar, id, len, boot().as_ref())? else {
        // Nobody knows what is in it.
        return discard(&partial, id, true).map(|()| None);
    };
    let chunks = noted.have.chunks();
    let mut changed = false;
    for chunk in chunks.iter().filter(|c| gone(c.get())) {
        changed |= noted.have.remove(chunk);
    }
    if noted.have.count() == 0 {
        // The data first: a sidecar without it is swept, and what has none might be taken for a small file.
        return discard(&partial, id, true).map(|()| None);
    }
    if changed {
        rewrite(&sidecar, id, &noted)?;
    }
    Ok(Some(Rest { data, have: noted.have }))
}

/// Has both synced slots of a sidecar say the same, one after the other, and takes the others away: none
/// that names more is left to be believed.
fn rewrite(sidecar: &File, id: FileId, noted: &Noted) -> io::Result<()> {
    let chunks = noted.have.chunks();
    for n in 1..=2 {
        let slot = partial::encode(id, noted.number + n, &noted.have, None);
        file::write_all_at(sidecar, &slot, partial::slot_offset(chunks, noted.turn + n, true))?;
        if n == 2 {
            sidecar.set_len(2 * partial::slot_len(chunks) as u64)?;
        }
        file::sync_data(sidecar)?;
    }
    Ok(())
}
