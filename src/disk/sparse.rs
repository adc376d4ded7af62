//! Writing bytes so that zeros take no space: a sparse file, such as the disk of a virtual machine, stays
//! sparse wherever it goes.

use std::fs::File;
use std::io;

use crate::sys::facts::Facts;
use crate::sys::file::write_all_at;
use crate::sys::punch::punch;

/// Bytes of which all must be zeros for a hole. No block of a file system is larger, as a rule, and no chunk
/// smaller.
const PIECE: usize = 64 << 10;

/// Bytes that are looked at in one go.
const LOOK: usize = 1 << 10;

/// Writes all of `bytes` at `offset`; where a whole piece of the file is zeros, a hole is made instead. What
/// was there before is gone either way. Gives the bytes that are in holes now.
///
/// # Errors
/// `StorageFull`, or what else the operating system says; some of the bytes may be written then.
pub(super) fn write(file: &File, bytes: &[u8], offset: u64) -> io::Result<u64> {
    let (mut at, mut holes) = (0, 0);
    while at < bytes.len() {
        let begins_in_hole = is_hole(bytes, offset, at);
        let mut end = next_piece(bytes, offset, at);
        while end < bytes.len() && is_hole(bytes, offset, end) == begins_in_hole {
            end = next_piece(bytes, offset, end);
        }
        let (run, start) = (&bytes[at..end], offset + at as u64);
        if begins_in_hole && leave_out(file, start, run.len() as u64)? {
            holes += run.len() as u64;
        } else {
            write_all_at(file, run, start)?;
        }
        at = end;
    }
    Ok(holes)
}

/// Where the next piece of the file begins behind `at`, or the bytes end.
fn next_piece(bytes: &[u8], offset: u64, at: usize) -> usize {
    // A remainder of PIECE is no larger than a usize.
    let into = usize::try_from((offset + at as u64) % PIECE as u64).unwrap_or(0);
    bytes.len().min(at + PIECE - into)
}

/// True if a whole piece begins at `at`, and all of it is zeros.
fn is_hole(bytes: &[u8], offset: u64, at: usize) -> bool {
    let piece = &bytes[at..next_piece(bytes, offset, at)];
    piece.len() == PIECE && piece.chunks(LOOK).all(|look| look.iter().fold(0, |any, byte| any | byte) == 0)
}

/// Makes a hole, at the end of the file too. False: there are none here.
fn leave_out(file: &File, offset: u64, len: u64) -> io::Result<bool> {
    if !punch(file, offset, len) {
        return Ok(false);
    }
    // The other writer may make the file longer meanwhile: so it is never cut, but written to.
    if Facts::of(file)?.size < offset + len {
        write_all_at(file, &[0], offset + len - 1)?;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::file::read_exact_at;

    fn content(file: &File) -> Vec<u8> {
        let mut bytes = vec![1; usize::try_from(Facts::of(file).unwrap().size).unwrap()];
        read_exact_at(file, &mut bytes, 0).unwrap();
        bytes
    }

    #[test]
    fn zeros_become_holes_and_all_bytes_are_right() {
        let mut bytes = vec![0; 40 * PIECE];
        bytes[5 * PIECE + 7] = 1;
        bytes[20 * PIECE..21 * PIECE].fill(2);
        let file = tempfile::tempfile().unwrap();
        // The later part first, as it may come.
        let half = 10 * PIECE + 100;
        let later = write(&file, &bytes[half..], half as u64).unwrap();
        let holes = later + write(&file, &bytes[..half], 0).unwrap();
        assert!(content(&file) == bytes);
        let holes = usize::try_from(holes).unwrap();
        assert!(holes == 0 || holes == 37 * PIECE, "{holes} bytes, where there are holes at all");
        assert!(holes == 0 || Facts::of(&file).unwrap().allocated <= 8 * PIECE as u64);
    }

    #[test]
    fn what_was_there_is_gone_and_the_file_is_as_long_as_it_must_be() {
        let file = tempfile::tempfile().unwrap();
        write_all_at(&file, &vec![7; 3 * PIECE], 0).unwrap();
        write(&file, &vec![0; 2 * PIECE], PIECE as u64).unwrap();
        assert!(content(&file) == [vec![7; PIECE], vec![0; 2 * PIECE]].concat());
        write(&file, &vec![0; 2 * PIECE], 3 * PIECE as u64).unwrap();
        assert_eq!(Facts::of(&file).unwrap().size, 5 * PIECE as u64);
        // Less than a piece is written, wherever it lies.
        assert_eq!(write(&file, &vec![0; PIECE], 10).unwrap(), 0);
        assert_eq!(write(&file, &[], 0).unwrap(), 0);
    }

    proptest::proptest! {
        #[test]
        fn any_zeros_anywhere_are_read_as_they_were_written(
            runs in proptest::collection::vec((proptest::bool::ANY, 1_usize..3 * PIECE), 1..6),
            offset in 0_usize..2 * PIECE,
        ) {
            let bytes: Vec<u8> = runs.iter().flat_map(|(zero, len)| vec![u8::from(!zero); *len]).collect();
            let file = tempfile::tempfile().unwrap();
            write(&file, &bytes, offset as u64).unwrap();
            assert!(content(&file) == [vec![0; offset], bytes].concat());
        }
    }
}
