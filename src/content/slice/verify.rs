//! Checks a slice against the path that came with it. Pure.

use blake3::hazmat::{ChainingValue, Mode, merge_subtrees_non_root, merge_subtrees_root};

use super::{count, of_chunk, range, value};
use crate::content::chunk::{Chunks, FileId};
use crate::content::manifest::VALUE;

/// Why a slice is not what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SliceError {
    /// The file has no such slice.
    #[error("the file has no such slice")]
    Number,
    /// The slice has another length.
    #[error("the slice has another length")]
    Length,
    /// The path has another length.
    #[error("the path has another length")]
    Path,
    /// The bytes are not those of the file.
    #[error("the slice is not proved")]
    Unproved,
}

/// Checks slice number `slice` of a file that is cut into `chunks`. The path leads to the value of its chunk,
/// if that is given (of a file of several chunks), or else to the file id.
///
/// # Errors
/// [`SliceError`]: whoever sent it is wrong about this file, or its size.
pub fn verify(
    file: FileId,
    chunks: Chunks,
    slice: u64,
    bytes: &[u8],
    path: &[u8],
    chunk: Option<&ChainingValue>,
) -> Result<(), SliceError> {
    // The only chunk of a file has the file id in the place of a value.
    let chunk = chunk.filter(|_| !chunks.is_single());
    let range = range(chunks, slice).ok_or(SliceError::Number)?;
    if bytes.len() as u64 != range.end - range.start {
        return Err(SliceError::Length);
    }
    let (values, rest) = path.as_chunks::<VALUE>();
    let (at, of) = match chunk.and_then(|_| chunks.at_offset(range.start)) {
        Some(index) => {
            let all = of_chunk(chunks, index);
            (slice - all.start, all.end - all.start)
        }
        None => (slice, count(chunks)),
    };
    let turns = turns(at, of);
    if values.len() != turns.len() || !rest.is_empty() {
        return Err(SliceError::Path);
    }
    let is_right = match (chunk, values.split_last()) {
        (None, None) => FileId::from(blake3::hash(bytes)) == file,
        (None, Some((top, below))) => {
            let (from_right, below_turns) = turns.split_last().map_or((false, &[][..]), |(t, b)| (*t, b));
            let value = climb(value(range.start, bytes), below, below_turns);
            let (left, right) = if from_right { (top, &value) } else { (&value, top) };
            FileId::from(merge_subtrees_root(left, right, Mode::Hash)) == file
        }
        (Some(chunk), _) => climb(value(range.start, bytes), values, &turns) == *chunk,
    };
    if is_right { Ok(()) } else { Err(SliceError::Unproved) }
}

/// The value at the end of a path.
fn climb(mut value: ChainingValue, path: &[ChainingValue], turns: &[bool]) -> ChainingValue {
    for (other, from_right) in path.iter().zip(turns) {
        let (left, right) = if *from_right { (other, &value) } else { (&value, other) };
        value = merge_subtrees_non_root(left, right, Mode::Hash);
    }
    value
}

/// For each step up from leaf number `at` of `of`: whether it comes from the right.
fn turns(mut at: u64, mut of: u64) -> Vec<bool> {
    let mut turns = Vec::new();
    while of > 1 {
        let left = of.next_power_of_two() / 2;
        let right = at >= left;
        turns.push(right);
        (at, of) = if right { (at - left, of - left) } else { (at, left) };
    }
    turns.reverse();
    turns
}
