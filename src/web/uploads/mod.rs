//! Files that browsers bring: from guests into `downloads/from-guests/`, from the owner into `shared/`.
//!
//! A file is begun with its name and size, and comes in slices, each of which begins where what was written ends: so one that
//! was cut off goes on there. table.rs (pure) knows what is on its way, files.rs writes it on a thread of its own.

mod files;
mod table;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use serde_json::{Value, json};

pub(super) use self::files::UploadFiles;
use self::files::{UploadDone, UploadOrder, UploadStep};
use self::table::{BroughtFile, UploadRefusal, UploadTable};
use super::client::WebClient;
use super::json::{json_answer, nonsense, refused};
use super::limits;
use crate::http::{Answer, HttpConnection, HttpId, HttpWaker, Status};
use crate::identity::random_bytes;
use crate::sys::refusal::{Refusal, refusal as meaning};
use crate::sys::space::space_at;
use crate::time::Time;

/// What a connection brings.
#[derive(Debug)]
enum Bringing {
    /// A file is begun.
    Begun { secret: String },
    /// A slice of a file comes.
    Slice { secret: String, number: u64, at: u64, is_over: bool },
    /// A file of so many bytes is whole, and gets its name.
    Saving { size: u64 },
}

/// What became of a connection's part of an upload.
#[derive(Debug)]
enum Brought {
    /// So far it is written.
    Wrote(u64),
    /// It is there under this name.
    Saved(String),
    /// It is begun.
    Begun,
    /// It cannot be written.
    Failed(io::Error),
}

/// A file that is there.
#[derive(Debug)]
pub(super) struct SavedUpload {
    /// Who brought it.
    pub(super) by: WebClient,
    pub(super) name: String,
    pub(super) size: u64,
    /// For whom.
    pub(super) to: Option<String>,
}

/// All that is on its way.
#[derive(Debug)]
pub(super) struct WebUploads {
    table: UploadTable,
    files: UploadFiles,
    /// The folder that takes it.
    folder: PathBuf,
    doing: BTreeMap<HttpId, Bringing>,
    /// What was written for connections, until they have their turn.
    brought: BTreeMap<HttpId, Vec<Brought>>,
    saved: Vec<SavedUpload>,
    /// For whom uploads are, by their numbers.
    to: BTreeMap<u64, String>,
}

impl WebUploads {
    /// Into the folder that `files` writes; so many files at most. Connections that wait are woken by `waker`.
    pub(super) fn new(files: UploadFiles, most: u64, waker: HttpWaker) -> Self {
        files.wake_by(waker);
        let folder = files.folder.clone();
        Self {
            table: UploadTable::new(most),
            files,
            folder,
            doing: BTreeMap::new(),
            brought: BTreeMap::new(),
            saved: Vec::new(),
            to: BTreeMap::new(),
        }
    }

    /// True if the connection brings something.
    pub(super) fn has(&self, id: HttpId) -> bool {
        self.doing.contains_key(&id)
    }

    /// True if it is a part of one of these.
    pub(super) fn knows(&self, slice: &UploadSlice) -> bool {
        self.table.get(&slice.upload).is_some()
    }

    /// A file is to be brought: `text` says which; `to`: what [`SavedUpload`] is to say of it.
    ///
    /// # Errors
    /// What is answered instead.
    pub(super) fn begin(
        &mut self,
        now: Time,
        id: HttpId,
        by: WebClient,
        to: Option<String>,
        text: &[u8],
    ) -> Result<(), Answer> {
        let file: BroughtFile = serde_json::from_slice(text).map_err(|_| nonsense())?;
        let free = space_at(&self.folder).map_or(0, |space| space.available);
        let secret = random_bytes::<16>().map_err(|_| unwritable())?;
        let secret = data_encoding::HEXLOWER.encode(&secret);
        for old in self.table.make_way(now, by.host) {
            self.to.remove(&old.number);
            self.files.order(HttpId(0), old.number, UploadOrder::Drop);
        }
        let upload = self.table.begin(now, by, &file, free, secret.clone()).map_err(refusal)?;
        self.files.order(id, upload.number, UploadOrder::Begin);
        self.to.extend(to.map(|to| (upload.number, to)));
        self.doing.insert(id, Bringing::Begun { secret });
        Ok(())
    }

    /// A slice of so many bytes is to come from this offset on.
    pub(super) fn slice(&mut self, now: Time, id: HttpId, slice: &UploadSlice, http: &mut HttpConnection) {
        if slice.len > limits::SLICE {
            return http
                .answer(now, refused(Status::ContentTooLarge, "a slice has 8 MiB at most", json!({})));
        }
        match self.table.slice(now, &slice.upload, slice.at, slice.len) {
            Ok(upload) => {
                let (secret, number) = (slice.upload.clone(), upload.number);
                self.doing.insert(id, Bringing::Slice { secret, number, at: slice.at, is_over: false });
                http.want_body(now, limits::UNWRITTEN);
            }
            Err(why) => http.answer(now, refusal(why)),
        }
    }

    /// Bytes of a slice came.
    pub(super) fn bytes(&mut self, id: HttpId, bytes: Vec<u8>) {
        let Some(Bringing::Slice { secret, number, at, .. }) = self.doing.get_mut(&id) else { return };
        let len = bytes.len() as u64;
        self.table.wait_for(secret, len);
        self.files.order(id, *number, UploadOrder::Write(*at, bytes));
        *at += len;
    }

    /// All of a slice came.
    pub(super) fn over(&mut self, now: Time, id: HttpId, http: &mut HttpConnection) {
        if let Some(Bringing::Slice { is_over, .. }) = self.doing.get_mut(&id) {
            *is_over = true;
            self.go_on(now, id, http);
        }
    }

    /// Takes in what was written. These connections have a turn.
    pub(super) fn hear(&mut self, now: Time) -> Vec<HttpId> {
        let steps: Vec<UploadStep> = self.files.steps.try_iter().collect();
        let mut due = Vec::new();
        for UploadStep { id, number, done } in steps {
            let brought = match done {
                Ok(UploadDone::Begun) => Brought::Begun,
                Ok(UploadDone::Wrote(bytes)) => {
                    self.table.wrote(now, number, bytes);
                    Brought::Wrote(bytes)
                }
                Ok(UploadDone::Saved(name)) => {
                    if let Some(upload) = self.table.end(number, true) {
                        let to = self.to.remove(&number);
                        self.saved.push(SavedUpload {
                            by: upload.by,
                            name: name.clone(),
                            size: upload.size,
                            to,
                        });
                    }
                    Brought::Saved(name)
                }
                Err(e) => {
                    log::warn!("what a browser brings cannot be written: {e}");
                    self.table.end(number, false);
                    self.to.remove(&number);
                    self.files.order(HttpId(0), number, UploadOrder::Drop);
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

    /// Files that came since the last call.
    pub(super) fn take_saved(&mut self) -> Vec<SavedUpload> {
        std::mem::take(&mut self.saved)
    }

    /// A connection goes on with what it brings.
    pub(super) fn go_on(&mut self, now: Time, id: HttpId, http: &mut HttpConnection) {
        for brought in self.brought.remove(&id).unwrap_or_default() {
            match brought {
                Brought::Wrote(bytes) => http.want_body(now, bytes),
                Brought::Begun => self.begun(now, id, http),
                Brought::Saved(name) => {
                    if let Some(Bringing::Saving { size }) = self.doing.remove(&id) {
                        http.answer(now, json_answer(&json!({ "offset": size, "saved": name })));
                    }
                }
                Brought::Failed(e) => {
                    if self.doing.remove(&id).is_some() {
                        let is_full = meaning(&e) == Refusal::NoRoom;
                        http.answer(now, if is_full { refusal(UploadRefusal::Space) } else { unwritable() });
                    }
                }
            }
        }
        let Some(Bringing::Slice { secret, is_over: true, .. }) = self.doing.get(&id) else { return };
        let Some(upload) = self.table.get(secret).filter(|upload| upload.unwritten == 0) else { return };
        let (written, size, secret) = (upload.written, upload.size, secret.clone());
        self.table.rest(&secret);
        if written == size {
            self.save(id, &secret);
        } else {
            self.doing.remove(&id);
            http.answer(now, json_answer(&json!({ "offset": written })));
        }
    }

    fn begun(&mut self, now: Time, id: HttpId, http: &mut HttpConnection) {
        let Some(Bringing::Begun { secret }) = self.doing.get(&id) else { return };
        let secret = secret.clone();
        if self.table.get(&secret).is_some_and(|upload| upload.size > 0) {
            self.doing.remove(&id);
            http.answer(now, json_answer(&json!({ "upload": secret, "offset": 0 })));
        } else {
            self.save(id, &secret);
        }
    }

    /// All of it is there.
    fn save(&mut self, id: HttpId, secret: &str) {
        let Some(upload) = self.table.get(secret) else { return };
        let size = upload.size;
        self.files.order(id, upload.number, UploadOrder::Save(upload.name.clone()));
        // Nothing more is written into it, whoever sends that.
        self.table.hold(secret);
        self.doing.insert(id, Bringing::Saving { size });
    }

    /// A connection is gone.
    pub(super) fn forget(&mut self, id: HttpId) {
        if let Some(Bringing::Slice { secret, .. }) = self.doing.remove(&id) {
            self.table.rest(&secret);
        }
        self.brought.remove(&id);
    }
}

/// A part of a file that is to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UploadSlice {
    /// The secret of the upload.
    pub(super) upload: String,
    pub(super) at: u64,
    pub(super) len: u64,
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
    refused(status, message, Value::Object(serde_json::Map::new()))
}

fn unwritable() -> Answer {
    refused(Status::ServiceUnavailable, "it cannot be written there now", json!({}))
}
