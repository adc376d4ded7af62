//! A folder on its way as an archive: which bytes of which file are read next. Pure.

use core::ops::Range;
use std::collections::HashMap;

use super::index::GuestFile;
use super::limits;
use crate::disk::names::candidate;
use crate::web::zip::{ZipArchive, ZipEntry, ZipPart};

/// CRC-32 of contents that passed, by id.
#[derive(Debug, Default)]
pub(super) struct KnownCrcs(HashMap<String, u32>);

impl KnownCrcs {
    /// This content has that one.
    fn add(&mut self, id: &str, crc: u32) {
        if self.0.len() >= limits::CRCS {
            // They are read again.
            self.0.clear();
        }
        self.0.insert(id.to_owned(), crc);
    }
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ArchiveStep {
    /// These bytes go to the guest.
    Bytes(Vec<u8>),
    /// These bytes of the content of this id are to be read and given to [`GuestArchive::read`].
    Read { id: String, range: Range<u64> },
    /// All was said.
    End,
}

/// Bytes of a file that are read.
#[derive(Debug)]
struct ArchivedFile {
    number: usize,
    left: u64,
    /// They go to the guest; else they are read for the CRC-32 alone.
    is_sent: bool,
    /// Over all of it, if its first byte was among what is read.
    crc: Option<crc32fast::Hasher>,
}

/// An archive, as one request gets it.
#[derive(Debug)]
pub(super) struct GuestArchive {
    zip: ZipArchive,
    ids: Vec<String>,
    at: u64,
    until: u64,
    reading: Option<ArchivedFile>,
}

/// The files of a folder, as they stand in an archive.
#[derive(Debug)]
pub(super) struct ArchivePlan {
    pub(super) zip: ZipArchive,
    ids: Vec<String>,
    /// Other files, or other names, have another one.
    pub(super) tag: String,
}

impl ArchivePlan {
    /// Of these files. `None`: there are too many.
    pub(super) fn new(files: Vec<GuestFile>) -> Option<Self> {
        if files.len() > limits::ARCHIVED {
            return None;
        }
        let mut hasher = blake3::Hasher::new();
        let (mut entries, mut ids) = (Vec::new(), Vec::new());
        let (mut last, mut n) = (String::new(), 0);
        for file in files {
            // Several contents of one path follow each other.
            n = if file.path == last { n + 1 } else { 1 };
            let (folder, name) =
                file.path.rsplit_once('/').map_or(("", file.path.as_str()), |(f, name)| (f, name));
            let slash = if folder.is_empty() { "" } else { "/" };
            let path = format!("{folder}{slash}{}", candidate(name, n));
            for part in [path.as_bytes(), file.id.as_bytes()] {
                hasher.update(&(part.len() as u64).to_le_bytes());
                hasher.update(part);
            }
            hasher.update(&file.modified.to_le_bytes());
            hasher.update(&[u8::from(file.is_own)]);
            last = file.path;
            // What lies here is read twice, which costs little; what others have comes over the network once.
            let is_crc_first = file.is_own;
            entries.push(ZipEntry { path, size: file.size, is_crc_first, modified: file.modified });
            ids.push(file.id);
        }
        let tag = format!("\"{}\"", data_encoding::HEXLOWER.encode(&hasher.finalize().as_bytes()[..16]));
        Some(Self { zip: ZipArchive::new(entries)?, ids, tag })
    }

    /// These bytes of it.
    pub(super) fn begin(self, range: Range<u64>) -> GuestArchive {
        GuestArchive { zip: self.zip, ids: self.ids, at: range.start, until: range.end, reading: None }
    }
}

impl GuestArchive {
    /// What comes next. While something is read, that is not to be asked.
    pub(super) fn next(&mut self, crcs: &KnownCrcs) -> ArchiveStep {
        loop {
            match self.zip.part(self.at, self.until) {
                None => return ArchiveStep::End,
                Some(ZipPart::Bytes(bytes)) => {
                    self.at += bytes.len() as u64;
                    return ArchiveStep::Bytes(bytes);
                }
                Some(ZipPart::File { number, range }) => {
                    let crc = (range.start == 0).then(crc32fast::Hasher::new);
                    let left = range.end - range.start;
                    self.reading = Some(ArchivedFile { number, left, is_sent: true, crc });
                    return ArchiveStep::Read { id: self.ids[number].clone(), range };
                }
                Some(ZipPart::Crc(number)) => {
                    let size = self.zip.entry(number).map_or(0, |entry| entry.size);
                    let known = crcs.0.get(&self.ids[number]).copied().or_else(|| (size == 0).then_some(0));
                    let Some(known) = known else {
                        let crc = Some(crc32fast::Hasher::new());
                        self.reading = Some(ArchivedFile { number, left: size, is_sent: false, crc });
                        return ArchiveStep::Read { id: self.ids[number].clone(), range: 0..size };
                    };
                    self.zip.learn(number, known);
                }
            }
        }
    }

    /// Bytes of what is read came: those that go to the guest. `None`: more than was asked for came.
    pub(super) fn read(&mut self, bytes: Vec<u8>, crcs: &mut KnownCrcs) -> Option<Vec<u8>> {
        let file = self.reading.as_mut()?;
        file.left = file.left.checked_sub(bytes.len() as u64)?;
        if let Some(crc) = &mut file.crc {
            crc.update(&bytes);
        }
        let is_sent = file.is_sent;
        if is_sent {
            self.at += bytes.len() as u64;
        }
        if file.left == 0
            && let Some(ArchivedFile { number, crc: Some(crc), .. }) = self.reading.take()
            && (!is_sent || self.is_behind(number))
        {
            crcs.add(&self.ids[number], crc.finalize());
        }
        Some(if is_sent { bytes } else { Vec::new() })
    }

    /// True if all bytes of a file were sent. Those of a range that ends in it say nothing of all of it.
    fn is_behind(&self, number: usize) -> bool {
        !matches!(self.zip.part(self.at, u64::MAX), Some(ZipPart::File { number: next, .. }) if next == number)
    }

    /// True while something is read.
    pub(super) const fn is_reading(&self) -> bool {
        self.reading.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(id: &str, size: u64) -> Vec<u8> {
        let seed = id.bytes().map(u32::from).sum::<u32>();
        (0..size).map(|n| u8::try_from((n * 31 + u64::from(seed)) % 251).unwrap()).collect()
    }

    /// What a guest gets of it, and how many bytes were read for that.
    fn fetch(files: &[GuestFile], range: Range<u64>, crcs: &mut KnownCrcs) -> (Vec<u8>, u64) {
        let plan = ArchivePlan::new(files.to_vec()).unwrap();
        let range = range.start..range.end.min(plan.zip.len());
        let mut archive = plan.begin(range);
        let (mut got, mut read) = (Vec::new(), 0);
        loop {
            match archive.next(crcs) {
                ArchiveStep::End => return (got, read),
                ArchiveStep::Bytes(bytes) => got.extend(bytes),
                ArchiveStep::Read { id, range } => {
                    let size = files.iter().find(|file| file.id == id).unwrap().size;
                    let all = content(&id, size);
                    let wanted =
                        &all[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()];
                    for piece in wanted.chunks(7) {
                        assert!(archive.is_reading());
                        read += piece.len() as u64;
                        got.extend(archive.read(piece.to_vec(), crcs).unwrap());
                    }
                    assert!(!archive.is_reading());
                }
            }
        }
    }

    fn files() -> Vec<GuestFile> {
        let file = |path: &str, id: &str, size| GuestFile {
            path: path.to_owned(),
            size,
            modified: 1,
            id: id.to_owned(),
            is_own: id == "q",
        };
        vec![
            file("a/x.txt", "p", 20),
            file("a/x.txt", "q", 5),
            file("b", "empty", 0),
            file("c", "p", 20),
            file("d", "r", 33),
        ]
    }

    #[test]
    fn it_goes_on_at_each_byte_whatever_was_read_before() {
        let mut crcs = KnownCrcs::default();
        let (all, read) = fetch(&files(), 0..u64::MAX, &mut crcs);
        assert_eq!(read, 78 + 5, "each byte once, but for what lies here");
        let has = |name: &[u8]| all.windows(name.len()).any(|bytes| bytes == name);
        assert!(has(b"a/x.txt") && has(b"a/x (2).txt"));
        for from in 0..all.len() {
            // By whom it was begun, and by somebody who knows nothing of it.
            for crcs in [&mut crcs, &mut KnownCrcs::default()] {
                assert!(fetch(&files(), from as u64..u64::MAX, crcs).0 == all[from..], "{from}");
            }
            let mut crcs = KnownCrcs::default();
            assert!(fetch(&files(), 0..from as u64, &mut crcs).0 == all[..from], "{from}");
            assert!(fetch(&files(), from as u64..u64::MAX, &mut crcs).0 == all[from..], "{from}");
        }
    }

    #[test]
    fn other_names_times_or_contents_are_another_archive() {
        let tag = |change: &dyn Fn(&mut GuestFile)| {
            let mut files = files();
            change(&mut files[1]);
            ArchivePlan::new(files).unwrap().tag
        };
        let same = tag(&|_| {});
        assert_eq!(same, tag(&|_| {}));
        for change in [
            |f: &mut GuestFile| f.path.push('x'),
            |f: &mut GuestFile| f.id.push('x'),
            |f: &mut GuestFile| f.modified = 2,
        ] {
            assert_ne!(same, tag(&change));
        }
    }
}
