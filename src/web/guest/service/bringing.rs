//! Files that guests bring.

use serde_json::json;

use super::{GuestService, GuestWork, json_answer, nonsense, refused};
use crate::control::GuestTold;
use crate::http::{Answer, HttpConnection, HttpId, Status};
use crate::identity::random_bytes;
use crate::sys::space::space;
use crate::time::Time;
use crate::web::guest::guest::Guest;
use crate::web::guest::limits;
use crate::web::guest::upload_files::{UploadDone, UploadOrder, UploadStep};
use crate::web::guest::uploads::{BroughtFile, UploadRefusal};

/// What became of a connection's part of an upload.
#[derive(Debug)]
pub(super) enum Brought {
    /// So far it is written.
    Wrote(u64),
    /// It is there under this name.
    Saved(String),
    /// It is begun.
    Begun,
    /// It cannot be written.
    Failed(std::io::Error),
}

impl GuestService {
    /// A file is to be brought.
    ///
    /// # Errors
    /// What the guest is told instead.
    pub(super) fn begin_upload(
        &mut self,
        now: Time,
        id: HttpId,
        guest: Guest,
        text: &[u8],
    ) -> Result<(), Answer> {
        let file: BroughtFile = serde_json::from_slice(text).map_err(|_| nonsense())?;
        let (Some(files), Some(folder)) = (&self.files, &self.space) else { return Err(no_uploads()) };
        let free = space(folder).map_or(0, |space| space.available);
        let secret = random_bytes::<16>().map_err(|_| unwritable())?;
        let secret = data_encoding::HEXLOWER.encode(&secret);
        for old in self.uploads.make_way(now, guest.host) {
            files.order(HttpId(0), old.number, UploadOrder::Drop);
        }
        let upload = self.uploads.begin(now, guest, &file, free, secret.clone()).map_err(refusal)?;
        files.order(id, upload.number, UploadOrder::Begin);
        self.doing.insert(id, GuestWork::Begun { secret });
        Ok(())
    }

    /// A slice of a file is to come.
    pub(super) fn slice(
        &mut self,
        now: Time,
        id: HttpId,
        secret: &str,
        at: u64,
        len: u64,
        http: &mut HttpConnection,
    ) {
        if self.files.is_none() {
            return http.answer(now, no_uploads());
        }
        if len > limits::SLICE {
            return http
                .answer(now, refused(Status::ContentTooLarge, "a slice has 8 MiB at most", json!({})));
        }
        match self.uploads.slice(now, secret, at, len) {
            Ok(upload) => {
                let secret = secret.to_owned();
                self.doing.insert(id, GuestWork::Slice { secret, number: upload.number, at, is_over: false });
                http.want_body(now, limits::UNWRITTEN);
            }
            Err(why) => http.answer(now, refusal(why)),
        }
    }

    /// Bytes of a slice came.
    pub(super) fn slice_bytes(&mut self, id: HttpId, bytes: Vec<u8>) {
        let (Some(GuestWork::Slice { secret, number, at, .. }), Some(files)) =
            (self.doing.get_mut(&id), &self.files)
        else {
            return;
        };
        let len = bytes.len() as u64;
        self.uploads.wait_for(secret, len);
        files.order(id, *number, UploadOrder::Write(*at, bytes));
        *at += len;
    }

    /// All of a slice came.
    pub(super) fn slice_over(&mut self, now: Time, id: HttpId, http: &mut HttpConnection) {
        if let Some(GuestWork::Slice { is_over, .. }) = self.doing.get_mut(&id) {
            *is_over = true;
            self.bring_on(now, id, http);
        }
    }

    /// Takes in what was written. Those connections have a turn.
    pub(super) fn uploaded(&mut self, now: Time) -> Vec<HttpId> {
        let Some(files) = &self.files else { return Vec::new() };
        let steps: Vec<UploadStep> = files.steps.try_iter().collect();
        let mut due = Vec::new();
        for UploadStep { id, number, done } in steps {
            let brought = match done {
                Ok(UploadDone::Begun) => Brought::Begun,
                Ok(UploadDone::Wrote(bytes)) => {
                    self.uploads.wrote(now, number, bytes);
                    Brought::Wrote(bytes)
                }
                Ok(UploadDone::Saved(name)) => {
                    if let Some(upload) = self.uploads.end(number, true) {
                        self.shared.saved(upload.size);
                        self.tell(GuestTold::File {
                            guest: upload.guest.ip.to_string(),
                            name: name.clone(),
                            size: upload.size,
                        });
                    }
                    Brought::Saved(name)
                }
                Err(e) => {
                    log::warn!("what a guest brings cannot be written: {e}");
                    self.uploads.end(number, false);
                    if let Some(files) = &self.files {
                        files.order(HttpId(0), number, UploadOrder::Drop);
                    }
                    Brought::Failed(e)
                }
            };
            // Whoever brought it may be gone.
            if self.doing.contains_key(&id) {
                self.brought.entry(id).or_default().push(brought);
                due.push(id);
            }
        }
        due
    }

    /// A connection goes on with what it brings.
    pub(super) fn bring_on(&mut self, now: Time, id: HttpId, http: &mut HttpConnection) {
        for brought in self.brought.remove(&id).unwrap_or_default() {
            match brought {
                Brought::Wrote(bytes) => http.want_body(now, bytes),
                Brought::Begun => {
                    let Some(GuestWork::Begun { secret }) = self.doing.get(&id) else { continue };
                    let (secret, Some(upload)) = (secret.clone(), self.uploads.get(secret)) else { continue };
                    if upload.size > 0 {
                        self.doing.remove(&id);
                        http.answer(now, json_answer(&json!({ "upload": secret, "offset": 0 })));
                    } else {
                        self.save(id, secret);
                    }
                }
                Brought::Saved(name) => {
                    if let Some(GuestWork::Saving { size, .. }) = self.doing.remove(&id) {
                        http.answer(now, json_answer(&json!({ "offset": size, "saved": name })));
                    }
                }
                Brought::Failed(e) => {
                    if self.doing.remove(&id).is_some() {
                        let is_full =
                            crate::sys::refusal::refusal(&e) == crate::sys::refusal::Refusal::NoRoom;
                        http.answer(now, if is_full { refusal(UploadRefusal::Space) } else { unwritable() });
                    }
                }
            }
        }
        let Some(GuestWork::Slice { secret, is_over: true, .. }) = self.doing.get(&id) else { return };
        let Some(upload) = self.uploads.get(secret).filter(|upload| upload.unwritten == 0) else { return };
        let (written, size, secret) = (upload.written, upload.size, secret.clone());
        self.uploads.rest(&secret);
        if written == size {
            self.save(id, secret);
        } else {
            self.doing.remove(&id);
            http.answer(now, json_answer(&json!({ "offset": written })));
        }
    }

    /// All of it is there.
    fn save(&mut self, id: HttpId, secret: String) {
        let (Some(upload), Some(files)) = (self.uploads.get(&secret), &self.files) else { return };
        let size = upload.size;
        files.order(id, upload.number, UploadOrder::Save(upload.name.clone()));
        // Nothing more is written into it, whoever sends that.
        self.uploads.hold(&secret);
        self.doing.insert(id, GuestWork::Saving { size });
    }
}

fn refusal(why: UploadRefusal) -> Answer {
    let (status, message) = match why {
        UploadRefusal::Name => (Status::BadRequest, "that is no name for a file"),
        UploadRefusal::Busy => {
            (Status::TooManyRequests, "too many files are on their way: try again when some are there")
        }
        UploadRefusal::Enough => {
            (Status::Forbidden, "guests brought as many files as they may: ask for a new link")
        }
        UploadRefusal::Space => (Status::InsufficientStorage, "there is not enough space for it"),
        UploadRefusal::Unknown => (Status::NotFound, "nothing of this file is here: send it again"),
        UploadRefusal::Offset(at) => {
            return refused(Status::Conflict, "it goes on elsewhere", json!({ "offset": at }));
        }
    };
    refused(status, message, json!({}))
}

fn no_uploads() -> Answer {
    refused(Status::Forbidden, "nothing can be sent by this link", json!({}))
}

fn unwritable() -> Answer {
    refused(Status::ServiceUnavailable, "it cannot be written there now", json!({}))
}
