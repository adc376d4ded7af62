//! A slice from another peer: refused, or the bytes of the file that was asked for.
use potluck::content::slice::{ChunkSlices, count, verify};
use potluck::content::{Chunks, FileId};

pub(crate) fn run(input: (u64, u64, &[u8], &[u8], Option<[u8; 32]>)) {
    let (size, slice, bytes, path, value) = input;
    let Some(chunks) = Chunks::of(size) else { return };
    assert!(verify(FileId([1; 32]), chunks, slice, bytes, path, value.as_ref()).is_err());
    // Hashes cannot be guessed: with the true id, the one slice of a small file passes, and nothing else
    // does.
    let id = FileId(*blake3::hash(bytes).as_bytes());
    let passes = verify(id, chunks, slice, bytes, path, None).is_ok();
    assert_eq!(passes, size == bytes.len() as u64 && count(chunks) == 1 && slice == 0 && path.is_empty());
    let mut slices = ChunkSlices::new(chunks, chunks.last());
    slices.push(bytes);
    let _ = (slices.next(), slices.path(slice));
}
