//! A folder as a ZIP archive whose length, and each of its bytes, are known before the first one is sent: so a download
//! of it can be resumed anywhere. Pure. (APPNOTE.TXT of PKWARE, version 6.3.10.)
//!
//! Files are stored as they are. Their CRC-32 stand in front of them, so nothing follows them (no data descriptor). Sizes
//! and offsets that 32 bits do not hold stand in an extra field (ZIP64): in front of a file both sizes, in the directory
//! only what is too large.

use core::ops::Range;

/// What 32 bits cannot hold.
const TOO_LARGE: u32 = u32::MAX;

/// Names are UTF-8.
const FLAGS: u16 = 0x0800;

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
    /// Its CRC-32 (ISO-HDLC).
    pub(crate) crc: u32,
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
}

impl ZipArchive {
    /// Of these files. `None`: it would be larger than 64 bits can say, or a path longer than 16 bits.
    pub(crate) fn new(entries: Vec<ZipEntry>) -> Option<Self> {
        let (mut files, mut at) = (vec![0], 0_u64);
        for entry in &entries {
            u16::try_from(entry.path.len()).ok()?;
            at = at.checked_add(entry.local().len() as u64)?.checked_add(entry.size)?;
            files.push(at);
        }
        let mut lines = vec![at];
        for (entry, offset) in entries.iter().zip(&files) {
            at = at.checked_add(entry.line(*offset).len() as u64)?;
            lines.push(at);
        }
        let end = end_of(entries.len() as u64, *files.last()?, at);
        at.checked_add(end.len() as u64)?;
        Some(Self { entries, files, lines, end })
    }

    /// Bytes of all of it.
    pub(crate) fn len(&self) -> u64 {
        self.directory_end() + self.end.len() as u64
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
            return cut(self.entries.get(number)?.line(*self.files.get(number)?), self.lines[number]);
        }
        // An empty file is as long as what stands in front of it: the last one that begins there is meant.
        let number = number(&self.files);
        let (entry, start) = (self.entries.get(number)?, *self.files.get(number)?);
        let head = entry.local();
        let data = start + head.len() as u64;
        if from < data {
            return cut(head, start);
        }
        let end = until.min(data + entry.size) - data;
        Some(ZipPart::File { number, range: from - data..end })
    }
}

impl ZipEntry {
    /// What stands in front of the file (4.3.7).
    fn local(&self) -> Vec<u8> {
        let is_large = self.size >= TOO_LARGE.into();
        let size = if is_large { TOO_LARGE } else { low(self.size) };
        let mut bytes = b"PK\x03\x04".to_vec();
        put16(&mut bytes, if is_large { ZIP64 } else { PLAIN });
        self.common(&mut bytes, size, if is_large { 20 } else { 0 });
        bytes.extend_from_slice(self.path.as_bytes());
        if is_large {
            put16(&mut bytes, 1);
            put16(&mut bytes, 16);
            put64(&mut bytes, self.size);
            put64(&mut bytes, self.size);
        }
        bytes
    }

    /// Its line in the directory (4.3.12). `offset`: where it begins.
    fn line(&self, offset: u64) -> Vec<u8> {
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
        self.common(&mut bytes, if is_large { TOO_LARGE } else { low(self.size) }, extra);
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
    fn common(&self, bytes: &mut Vec<u8>, size: u32, extra: usize) {
        put16(bytes, FLAGS);
        // Stored.
        put16(bytes, 0);
        let (time, date) = dos_time(self.modified);
        put16(bytes, time);
        put16(bytes, date);
        put32(bytes, self.crc);
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
    const DAY: i64 = 86_400;
    let (days, of_day) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    let (year, month, day) = civil(days);
    if !(1980..=2107).contains(&year) {
        // 1980-01-01.
        return (0, 1 << 5 | 1);
    }
    let time = of_day / 3_600 << 11 | of_day / 60 % 60 << 5 | of_day % 60 / 2;
    let date = (year - 1980) << 9 | month << 5 | day;
    (u16::try_from(time).unwrap_or(0), u16::try_from(date).unwrap_or(0))
}

/// Year, month and day of a day since 1970 (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms",
/// `civil_from_days`).
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let (day, month) = (of_year - (153 * shifted + 2) / 5 + 1, if shifted < 10 { shifted + 3 } else { shifted - 9 });
    (year + era * 400 + i64::from(month <= 2), month, day)
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
            crc: u32::try_from(n).unwrap(),
            modified: 1_700_000_000,
        };
        ZipArchive::new(sizes.iter().enumerate().map(entry).collect()).unwrap()
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
        let many = ZipArchive::new(vec![ZipEntry { path: "x".to_owned(), size: 0, crc: 0, modified: 0 }; 65_535]).unwrap();
        assert!(bytes(&many, many.directory_end()..many.len()).starts_with(b"PK\x06\x06"));
        assert!(ZipArchive::new(vec![ZipEntry { path: "x".repeat(70_000), size: 0, crc: 0, modified: 0 }]).is_none());
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(19_675), (2023, 11, 14));
        assert_eq!(civil(11_016), (2000, 2, 29));
        assert_eq!(civil(-1), (1969, 12, 31));
        let (time, date) = dos_time(1_700_000_000);
        assert_eq!((time >> 11, time >> 5 & 63, (time & 31) * 2), (22, 13, 20));
        assert_eq!((date >> 9, date >> 5 & 15, date & 31), (43, 11, 14));
        assert_eq!(dos_time(0), (0, 33));
    }
}
