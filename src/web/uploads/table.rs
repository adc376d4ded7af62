//! What is on its way: who brings it, and how far it is. Pure.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::client::WebClient;
use super::super::limits;
use crate::accounts::AccountHost;
use crate::content::SafePath;
use crate::time::Time;

/// A file that somebody wants to bring.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct BroughtFile {
    pub(super) name: String,
    pub(super) size: u64,
}

/// A file on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GuestUpload {
    pub(super) number: u64,
    pub(super) name: String,
    pub(super) size: u64,
    /// Bytes that are written.
    pub(super) written: u64,
    /// Bytes that came and are not.
    pub(super) unwritten: u64,
    pub(super) by: WebClient,
    used: Time,
    /// Somebody sends a slice of it.
    is_busy: bool,
}

/// Why no file is taken, or no slice of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UploadRefusal {
    /// That is no name of a file.
    Name,
    /// Too many are under way.
    Busy,
    /// As many came as may.
    Enough,
    /// There is not so much space.
    Space,
    /// There is no such upload.
    Unknown,
    /// A slice begins elsewhere than what is written ends.
    Offset(u64),
}

/// All of them, by the secret by which they are named.
#[derive(Debug)]
pub(super) struct UploadTable {
    /// Files that may come.
    most: u64,
    all: BTreeMap<String, GuestUpload>,
    last: u64,
    /// Files that came.
    pub(super) saved: u64,
}

impl UploadTable {
    /// Nothing is on its way yet, and so many files may come.
    pub(super) const fn new(most: u64) -> Self {
        Self { most, all: BTreeMap::new(), last: 0, saved: 0 }
    }

    /// Somebody wants to bring a file. `free`: bytes that the disk has; `secret`: by which it is named from now on.
    ///
    /// # Errors
    /// Why it may not.
    pub(super) fn begin(
        &mut self,
        now: Time,
        by: WebClient,
        file: &BroughtFile,
        free: u64,
        secret: String,
    ) -> Result<GuestUpload, UploadRefusal> {
        let BroughtFile { name, size } = file;
        let size = *size;
        let is_name = name.parse::<SafePath>().is_ok_and(|path| path.name() == name.as_str());
        if !is_name {
            return Err(UploadRefusal::Name);
        }
        let of_host = self.all.values().filter(|upload| upload.by.host == by.host).count();
        if self.all.len() >= limits::UPLOADS || of_host >= limits::UPLOADS_OF_HOST {
            return Err(UploadRefusal::Busy);
        }
        if self.saved + self.all.len() as u64 >= self.most {
            return Err(UploadRefusal::Enough);
        }
        // What others are to bring counts as brought.
        let promised: u64 =
            self.all.values().map(|upload| upload.size - upload.written).fold(0, u64::saturating_add);
        if size.saturating_add(promised).saturating_add(limits::LEFT_FREE) > free {
            return Err(UploadRefusal::Space);
        }
        self.last += 1;
        let upload = GuestUpload {
            number: self.last,
            name: name.clone(),
            size,
            written: 0,
            unwritten: 0,
            by,
            used: now,
            is_busy: false,
        };
        self.all.insert(secret, upload.clone());
        Ok(upload)
    }

    /// A slice of so many bytes is to come from this offset on.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn slice(
        &mut self,
        now: Time,
        secret: &str,
        at: u64,
        len: u64,
    ) -> Result<GuestUpload, UploadRefusal> {
        let upload = self.all.get_mut(secret).ok_or(UploadRefusal::Unknown)?;
        let is_fit = at == upload.written
            && !upload.is_busy
            && upload.unwritten == 0
            && at.checked_add(len).is_some_and(|end| end <= upload.size);
        if !is_fit {
            return Err(UploadRefusal::Offset(upload.written));
        }
        (upload.used, upload.is_busy) = (now, true);
        Ok(upload.clone())
    }

    /// The upload of this secret.
    pub(super) fn get(&self, secret: &str) -> Option<&GuestUpload> {
        self.all.get(secret)
    }

    /// So many bytes more are to be written.
    pub(super) fn wait_for(&mut self, secret: &str, bytes: u64) {
        if let Some(upload) = self.all.get_mut(secret) {
            upload.unwritten += bytes;
        }
    }

    /// So many bytes more are written, of the upload of this number.
    pub(super) fn wrote(&mut self, now: Time, number: u64, bytes: u64) {
        if let Some(upload) = self.all.values_mut().find(|upload| upload.number == number) {
            upload.written = upload.written.saturating_add(bytes).min(upload.size);
            upload.unwritten = upload.unwritten.saturating_sub(bytes);
            upload.used = now;
        }
    }

    /// Nobody sends a slice of it any more.
    pub(super) fn rest(&mut self, secret: &str) {
        if let Some(upload) = self.all.get_mut(secret) {
            upload.is_busy = false;
        }
    }

    /// No slice of it is taken any more.
    pub(super) fn hold(&mut self, secret: &str) {
        if let Some(upload) = self.all.get_mut(secret) {
            upload.is_busy = true;
        }
    }

    /// The one of this number is saved, or it failed.
    pub(super) fn end(&mut self, number: u64, is_saved: bool) -> Option<GuestUpload> {
        self.saved += u64::from(is_saved);
        self.all.extract_if(.., |_, upload| upload.number == number).next().map(|(_, upload)| upload)
    }

    /// Those that are given up so that this host may bring something: what nobody brought on for long, and, where there is no
    /// place, what was used longest ago.
    pub(super) fn make_way(&mut self, now: Time, host: AccountHost) -> Vec<GuestUpload> {
        let rests = |upload: &GuestUpload| !upload.is_busy && upload.unwritten == 0;
        let is_old = |upload: &GuestUpload| rests(upload) && now.since(upload.used) >= limits::UPLOAD;
        let mut given_up: Vec<_> =
            self.all.extract_if(.., |_, upload| is_old(upload)).map(|(_, upload)| upload).collect();
        let is_own = |upload: &GuestUpload| upload.by.host == host;
        let is_full = self.all.len() >= limits::UPLOADS;
        if is_full || self.all.values().filter(|upload| is_own(upload)).count() >= limits::UPLOADS_OF_HOST {
            let yields = |upload: &&GuestUpload| {
                rests(upload) && (is_full || is_own(upload)) && now.since(upload.used) >= limits::UPLOAD_RESTS
            };
            let first =
                self.all.values().filter(yields).min_by_key(|upload| upload.used).map(|upload| upload.number);
            given_up.extend(first.and_then(|number| self.end(number, false)));
        }
        given_up
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guest(n: u8) -> WebClient {
        WebClient::at(([10, 0, 0, n], 1).into())
    }
    const FREE: u64 = 100 << 30;

    fn file(name: &str, size: u64) -> BroughtFile {
        BroughtFile { name: name.to_owned(), size }
    }

    #[test]
    fn a_file_comes_slice_by_slice_and_goes_on_where_it_was_cut_off() {
        let (mut uploads, now) = (UploadTable::new(20), Time(0));
        uploads.begin(now, guest(1), &file("a.txt", 10), FREE, "s".to_owned()).unwrap();
        assert_eq!(uploads.slice(now, "t", 0, 1), Err(UploadRefusal::Unknown));
        uploads.slice(now, "s", 0, 6).unwrap();
        assert_eq!(uploads.slice(now, "s", 0, 6), Err(UploadRefusal::Offset(0)), "one at a time");
        uploads.wait_for("s", 4);
        uploads.rest("s");
        assert_eq!(uploads.slice(now, "s", 0, 6), Err(UploadRefusal::Offset(0)), "it is being written");
        uploads.wrote(now, 1, 4);
        for (at, len) in [(0, 6), (5, 1), (4, 7), (4, u64::MAX)] {
            assert_eq!(uploads.slice(now, "s", at, len), Err(UploadRefusal::Offset(4)), "{at} {len}");
        }
        assert_eq!(uploads.slice(now, "s", 4, 6).unwrap().written, 4);
        assert!(uploads.make_way(now + limits::UPLOAD, guest(1).host).is_empty(), "somebody sends it");
        uploads.rest("s");
        assert_eq!(uploads.make_way(now + limits::UPLOAD, guest(1).host).len(), 1);
    }

    #[test]
    fn no_guest_fills_the_disk_takes_all_places_or_chooses_where_a_file_lies() {
        let (mut uploads, now) = (UploadTable::new(20), Time(0));
        for name in
            ["", ".", "..", "../a", "a/b", "/a", "a\0b", &"x".repeat(300), ".potluck", ".potluck-partial"]
        {
            assert_eq!(
                uploads.begin(now, guest(1), &file(name, 1), FREE, "s".to_owned()),
                Err(UploadRefusal::Name),
                "{name}"
            );
        }
        assert_eq!(
            uploads.begin(now, guest(1), &file("a", FREE), FREE, "s".to_owned()),
            Err(UploadRefusal::Space)
        );
        assert_eq!(
            uploads.begin(now, guest(1), &file("a", u64::MAX), FREE, "s".to_owned()),
            Err(UploadRefusal::Space)
        );
        uploads.begin(now, guest(1), &file("a", FREE - (2 << 30)), FREE, "big".to_owned()).unwrap();
        assert_eq!(
            uploads.begin(now, guest(1), &file("b", 2 << 30), FREE, "s".to_owned()),
            Err(UploadRefusal::Space)
        );
        for n in 1..limits::UPLOADS_OF_HOST {
            uploads.begin(now, guest(1), &file("a", 1), FREE, n.to_string()).unwrap();
        }
        assert!(uploads.make_way(now, guest(1).host).is_empty(), "all of them were used just now");
        assert_eq!(
            uploads.begin(now, guest(1), &file("a", 1), FREE, "s".to_owned()),
            Err(UploadRefusal::Busy)
        );
        uploads.begin(now, guest(2), &file("a", 1), FREE, "other".to_owned()).unwrap();
        uploads.saved = uploads.most;
        assert_eq!(
            uploads.begin(now, guest(2), &file("a", 1), FREE, "s".to_owned()),
            Err(UploadRefusal::Enough)
        );
        let later = now + limits::UPLOAD_RESTS;
        assert_eq!(uploads.make_way(later, guest(1).host).len(), 1, "one makes way");
    }
}
