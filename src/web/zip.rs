//! A folder as a ZIP archive whose length, and each of its bytes, are known before the first one is sent: so a download
//! of it can be resumed anywhere. Pure. (APPNOTE.TXT of PKWARE, version 6.3.10.)
//!
//! Files are stored as they are. The CRC-32 of one stands in front of it if it can be had before it is sent, and else behind
//! it (a data descriptor), and in the directory in any case. Sizes and offsets that 32 bits do not hold stand in an extra field
//! (ZIP64): in front of a file both sizes, in the directory only what is too large.

use core::ops::Range;
use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// What 32 bits cannot hold.
const TOO_LARGE: u32 = u32::MAX;

/// Names are UTF-8.
const FLAGS: u16 = 0x0800;

/// The CRC-32 stands behind the file.
const FOLLOWS: u16 = 1 << 3;

/// Version 2.0 reads stored files, 4.5 reads ZIP64.
const PLAIN: u16 = 20;
const ZIP64: u16 = 45;

/// Made on a system with rights as Unix has them; a regular file that all may read.
const MADE_BY: u16 = 3 << 8 | ZIP64;
const ATTRIBUTES: u32 = 0o100_644 << 16;

/// One file of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ZipEntry {
    /// Its path, with slashes.
    pub(crate) path: String,
    pub(crate) size: u64,
    /// Its CRC-32 (ISO-HDLC) stands in front of it.
    pub(crate) is_crc_first: bool,
    /// When it was modified, seconds since 1970.
    pub(crate) modified: i64,
}

/// What comes next of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ZipPart {
    /// These bytes.
    Bytes(Vec<u8>),
    /// These bytes of the file of this number.
    File { number: usize, range: Range<u64> },
    /// What cannot be said before the CRC-32 of the file of this number is known.
    Crc(usize),
}

/// An archive.
#[derive(Debug)]
pub(crate) struct ZipArchive {
    entries: Vec<ZipEntry>,
    /// Where each file begins with what stands in front of it, and where the directory begins.
    files: Vec<u64>,
    /// Where each line of the directory begins, and where it ends.
    lines: Vec<u64>,
    end: Vec<u8>,
    /// CRC-32 that are known by now, by the numbers of their files.
    learned: BTreeMap<usize, u32>,
}

impl ZipArchive {
    /// Of these files. `None`: it would be larger than 64 bits can say, or a path longer than 16 bits.
    pub(crate) fn new(entries: Vec<ZipEntry>) -> Option<Self> {
        let (mut files, mut at) = (vec![0], 0_u64);
        for entry in &entries {
            u16::try_from(entry.path.len()).ok()?;
            at = at.checked_add(entry.local(0).len() as u64)?.checked_add(entry.size)?;
            at = at.checked_add(entry.behind(0).len() as u64)?;
            files.push(at);
        }
        let mut lines = vec![at];
        for (entry, offset) in entries.iter().zip(&files) {
            at = at.checked_add(entry.line(*offset, 0).len() as u64)?;
            lines.push(at);
        }
        let end = end_of(entries.len() as u64, *files.last()?, at);
        at.checked_add(end.len() as u64)?;
        Some(Self { entries, files, lines, end, learned: BTreeMap::new() })
    }

    /// Bytes of all of it.
    pub(crate) fn len(&self) -> u64 {
        self.directory_end() + self.end.len() as u64
    }

    /// The CRC-32 of the file of this number is known now.
    pub(crate) fn learn(&mut self, number: usize, crc: u32) {
        self.learned.insert(number, crc);
    }

    /// The file of this number.
    pub(crate) fn entry(&self, number: usize) -> Option<&ZipEntry> {
        self.entries.get(number)
    }

    fn crc(&self, number: usize) -> Option<u32> {
        self.learned.get(&number).copied()
    }

    fn directory_end(&self) -> u64 {
        self.lines.last().copied().unwrap_or(0)
    }

    /// What comes next from this offset on, up to `until` and up to the end of one piece. `None` at the end.
    pub(crate) fn part(&self, from: u64, until: u64) -> Option<ZipPart> {
        if from >= until.min(self.len()) {
            return None;
        }
        let cut = |bytes: Vec<u8>, start: u64| {
            let to = usize::try_from(until.saturating_sub(start)).unwrap_or(usize::MAX).min(bytes.len());
            let from = usize::try_from(from - start).unwrap_or(usize::MAX);
            Some(ZipPart::Bytes(bytes.get(from..to)?.to_vec()))
        };
        if from >= self.directory_end() {
            return cut(self.end.clone(), self.directory_end());
        }
        let number = |starts: &[u64]| starts.partition_point(|start| *start <= from).saturating_sub(1);
        if from >= *self.lines.first()? {
            let number = number(&self.lines);
            let Some(crc) = self.crc(number) else { return Some(ZipPart::Crc(number)) };
            return cut(self.entries.get(number)?.line(*self.files.get(number)?, crc), self.lines[number]);
        }
        let number = number(&self.files);
        let (entry, start) = (self.entries.get(number)?, *self.files.get(number)?);
        let data = start + entry.local(0).len() as u64;
        if from < data {
            let crc = if entry.is_crc_first { self.crc(number) } else { Some(0) };
            let Some(crc) = crc else { return Some(ZipPart::Crc(number)) };
            return cut(entry.local(crc), start);
        }
        if from >= data + entry.size {
            let Some(crc) = self.crc(number) else { return Some(ZipPart::Crc(number)) };
            return cut(entry.behind(crc), data + entry.size);
        }
        let end = until.min(data + entry.size) - data;
        Some(ZipPart::File { number, range: from - data..end })
    }
}

impl ZipEntry {
    /// What stands in front of the file (4.3.7).
    fn local(&self, crc: u32) -> Vec<u8> {
        let is_large = self.size >= TOO_LARGE.into();
        let size = if is_large { TOO_LARGE } else { low(self.size) };
        let mut bytes = b"PK\x03\x04".to_vec();
        put16(&mut bytes, if is_large { ZIP64 } else { PLAIN });
        self.common(&mut bytes, crc, size, if is_large { 20 } else { 0 });
        bytes.extend_from_slice(self.path.as_bytes());
        if is_large {
            put16(&mut bytes, 1);
            put16(&mut bytes, 16);
            put64(&mut bytes, self.size);
            put64(&mut bytes, self.size);
        }
        bytes
    }

    /// What stands behind it (4.3.9): nothing, if all was said in front of it.
    fn behind(&self, crc: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        if self.is_crc_first {
            return bytes;
        }
        bytes.extend_from_slice(b"PK\x07\x08");
        put32(&mut bytes, crc);
        for _ in 0..2 {
            if self.size >= TOO_LARGE.into() {
                put64(&mut bytes, self.size);
            } else {
                put32(&mut bytes, low(self.size));
            }
        }
        bytes
    }

    /// Its line in the directory (4.3.12). `offset`: where it begins.
    fn line(&self, offset: u64, crc: u32) -> Vec<u8> {
        let is_large = self.size >= TOO_LARGE.into();
        let is_far = offset >= TOO_LARGE.into();
        let mut large = Vec::new();
        if is_large {
            put64(&mut large, self.size);
            put64(&mut large, self.size);
        }
        if is_far {
            put64(&mut large, offset);
        }
        let extra = if large.is_empty() { 0 } else { 4 + large.len() };
        let mut bytes = b"PK\x01\x02".to_vec();
        put16(&mut bytes, MADE_BY);
        put16(&mut bytes, if large.is_empty() { PLAIN } else { ZIP64 });
        self.common(&mut bytes, crc, if is_large { TOO_LARGE } else { low(self.size) }, extra);
        // No comment, the first disk, no attributes of the inside.
        bytes.extend_from_slice(&[0; 6]);
        put32(&mut bytes, ATTRIBUTES);
        put32(&mut bytes, if is_far { TOO_LARGE } else { low(offset) });
        bytes.extend_from_slice(self.path.as_bytes());
        if !large.is_empty() {
            put16(&mut bytes, 1);
            put16(&mut bytes, u16::try_from(large.len()).unwrap_or(u16::MAX));
            bytes.extend_from_slice(&large);
        }
        bytes
    }

    /// What both have in common: from the flags to the length of the extra field.
    fn common(&self, bytes: &mut Vec<u8>, crc: u32, size: u32, extra: usize) {
        put16(bytes, if self.is_crc_first { FLAGS } else { FLAGS | FOLLOWS });
        // Stored.
        put16(bytes, 0);
        let (time, date) = dos_time(self.modified);
        put16(bytes, time);
        put16(bytes, date);
        put32(bytes, crc);
        put32(bytes, size);
        put32(bytes, size);
        put16(bytes, u16::try_from(self.path.len()).unwrap_or(u16::MAX));
        put16(bytes, u16::try_from(extra).unwrap_or(u16::MAX));
    }
}

/// What ends an archive (4.3.14 to 4.3.16).
fn end_of(count: u64, directory: u64, end: u64) -> Vec<u8> {
    let len = end - directory;
    let mut bytes = Vec::new();
    let is_large = count >= u16::MAX.into() || directory >= TOO_LARGE.into() || len >= TOO_LARGE.into();
    if is_large {
        bytes.extend_from_slice(b"PK\x06\x06");
        put64(&mut bytes, 44);
        put16(&mut bytes, MADE_BY);
        put16(&mut bytes, ZIP64);
        bytes.extend_from_slice(&[0; 8]);
        [count, count, len, directory].into_iter().for_each(|value| put64(&mut bytes, value));
        bytes.extend_from_slice(b"PK\x06\x07\0\0\0\0");
        put64(&mut bytes, end);
        put32(&mut bytes, 1);
    }
    bytes.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    let count = u16::try_from(count).unwrap_or(u16::MAX);
    put16(&mut bytes, count);
    put16(&mut bytes, count);
    put32(&mut bytes, low(len));
    put32(&mut bytes, low(directory));
    // No comment.
    put16(&mut bytes, 0);
    bytes
}

/// Date and time of MS-DOS (4.4.6), in UTC, as nobody knows where the archive is opened: two seconds are one.
fn dos_time(seconds: i64) -> (u16, u16) {
    // 1980-01-01, for what it cannot say.
    const FIRST: (u16, u16) = (0, 1 << 5 | 1);
    let Ok(at) = Timestamp::from_second(seconds) else { return FIRST };
    let at = at.to_zoned(TimeZone::UTC).datetime();
    let part = |value: i8| u16::try_from(value).unwrap_or(0);
    let Some(year) =
        u16::try_from(at.year()).ok().and_then(|year| year.checked_sub(1980)).filter(|year| *year < 128)
    else {
        return FIRST;
    };
    let time = (part(at.hour()) << 11) | (part(at.minute()) << 5) | (part(at.second()) / 2);
    (time, (year << 9) | (part(at.month()) << 5) | part(at.day()))
}

fn low(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(TOO_LARGE)
}

fn put16(to: &mut Vec<u8>, value: u16) {
    to.extend_from_slice(&value.to_le_bytes());
}

fn put32(to: &mut Vec<u8>, value: u32) {
    to.extend_from_slice(&value.to_le_bytes());
}

fn put64(to: &mut Vec<u8>, value: u64) {
    to.extend_from_slice(&value.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(sizes: &[u64]) -> ZipArchive {
        let entry = |(n, size): (usize, &u64)| ZipEntry {
            path: format!("folder/Größe {n}.bin"),
            size: *size,
            is_crc_first: n.is_multiple_of(2),
            modified: 1_700_000_000,
        };
        let mut zip = ZipArchive::new(sizes.iter().enumerate().map(entry).collect()).unwrap();
        (0..sizes.len()).for_each(|number| zip.learn(number, 7));
        zip
    }

    /// All bytes from there on; those of a file are its number.
    fn bytes(zip: &ZipArchive, range: Range<u64>) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(part) = zip.part(range.start + all.len() as u64, range.end) {
            match part {
                ZipPart::Bytes(bytes) => all.extend(bytes),
                ZipPart::File { number, range } => {
                    let byte = u8::try_from(number).unwrap();
                    all.extend(range.map(|_| byte));
                }
                ZipPart::Crc(number) => panic!("the CRC-32 of {number} is not known"),
            }
        }
        all
    }

    #[test]
    fn each_byte_is_the_same_wherever_it_is_asked_for() {
        let zip = archive(&[10, 0, 0, 300, 1]);
        let all = bytes(&zip, 0..u64::MAX);
        assert_eq!(all.len() as u64, zip.len());
        for from in 0..all.len() {
            assert!(bytes(&zip, from as u64..zip.len()) == all[from..], "{from}");
            let until = (from + 7).min(all.len());
            assert!(bytes(&zip, from as u64..until as u64) == all[from..until], "{from}");
        }
        assert!(bytes(&archive(&[]), 0..22).starts_with(b"PK\x05\x06"));
    }

    #[test]
    fn a_crc_that_is_not_known_is_asked_for_where_it_is_needed() {
        let entry = |is_crc_first| ZipEntry { path: "a".to_owned(), size: 4, is_crc_first, modified: 0 };
        let mut zip = ZipArchive::new(vec![entry(true), entry(false)]).unwrap();
        assert_eq!(zip.part(0, u64::MAX), Some(ZipPart::Crc(0)));
        zip.learn(0, 1);
        let Some(ZipPart::Bytes(head)) = zip.part(0, u64::MAX) else { panic!() };
        assert_eq!(&head[14..18], [1, 0, 0, 0]);
        assert_eq!(zip.part(zip.len() - 30, u64::MAX), Some(ZipPart::Crc(1)));
        let behind = zip.files[2] - 16;
        assert_eq!(zip.part(behind - 1, u64::MAX), Some(ZipPart::File { number: 1, range: 3..4 }));
        assert_eq!(zip.part(behind, u64::MAX), Some(ZipPart::Crc(1)));
        zip.learn(1, 0x0403_0201);
        let Some(ZipPart::Bytes(bytes)) = zip.part(behind, u64::MAX) else { panic!() };
        assert_eq!(bytes, b"PK\x07\x08\x01\x02\x03\x04\x04\0\0\0\x04\0\0\0");
    }

    #[test]
    fn what_is_large_is_said_in_64_bits() {
        let large = 5 << 30;
        let zip = archive(&[large, 3, large]);
        assert!(zip.len() > 2 * large);
        let head = bytes(&zip, 0..100);
        assert_eq!(&head[18..26], &[0xff; 8]);
        // The directory: the second file is far, the third one is both.
        let directory = bytes(&zip, *zip.lines.first().unwrap()..zip.len());
        assert_eq!(directory.windows(4).filter(|four| four == b"PK\x01\x02").count(), 3);
        assert_eq!(directory.windows(4).filter(|four| four == b"PK\x06\x06").count(), 1);
        let many =
            ZipArchive::new(vec![
                ZipEntry { path: "x".to_owned(), size: 0, is_crc_first: false, modified: 0 };
                65_535
            ])
            .unwrap();
        assert!(bytes(&many, many.directory_end()..many.len()).starts_with(b"PK\x06\x06"));
        assert!(
            ZipArchive::new(vec![ZipEntry {
                path: "x".repeat(70_000),
                size: 0,
                is_crc_first: true,
                modified: 0
            }])
            .is_none()
        );
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        let (time, date) = dos_time(1_700_000_000);
        assert_eq!((time >> 11, time >> 5 & 63, (time & 31) * 2), (22, 13, 20));
        assert_eq!((date >> 9, date >> 5 & 15, date & 31), (43, 11, 14));
        for unsaid in [0, i64::MIN, i64::MAX, -1, 5_000_000_000] {
            assert_eq!(dos_time(unsaid), (0, 33), "{unsaid}");
        }
    }
}
