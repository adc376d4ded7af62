//! Files that are dragged onto the owner's page: onto a peer, to be sent to it, or anywhere else, to be shared.
//!
//! What is sent lies in `.potluck/outbox/` until this peer is started again: an offer reads it there.

use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::client::WebClient;
use super::json::nonsense;
use super::uploads::{UploadFiles, UploadSlice, WebUploads};
use crate::control::{SendPath, SendRequest};
use crate::http::{Answer, HttpConnection, HttpId, HttpWaker};
use crate::time::Time;

/// In `.potluck/`: what is sent.
const OUTBOX: &str = "outbox";

/// What is brought where.
#[derive(Deserialize)]
struct Destination {
    /// A peer, by its id; `shared`, or nothing: into the shared folder.
    #[serde(default)]
    to: Option<String>,
}

/// Folders that files are written into, before anything is.
#[derive(Debug)]
pub(super) struct OwnerFolders {
    shared: Option<UploadFiles>,
    outbox: Option<UploadFiles>,
    path: PathBuf,
}

impl OwnerFolders {
    /// Those of the peer in `directory`; `shared`: where files go that are shared, if any are.
    pub(super) fn start(directory: &Path, shared: Option<&Path>, is_confined: bool) -> Self {
        let path = directory.join(".potluck").join(OUTBOX);
        let into = |path: &Path| {
            let files = UploadFiles::start(path, is_confined);
            files.inspect_err(|e| log::warn!("no files can be brought by the page: {e}")).ok()
        };
        if let Err(e) = std::fs::remove_dir_all(&path)
            && e.kind() != io::ErrorKind::NotFound
        {
            log::warn!("what was sent by the page stays in {}: {e}", path.display());
        }
        Self { shared: shared.and_then(into), outbox: into(&path), path }
    }
}

/// What is on its way.
#[derive(Debug)]
pub(super) struct OwnerUploads {
    shared: Option<WebUploads>,
    outbox: Option<WebUploads>,
    path: PathBuf,
}

impl OwnerUploads {
    /// Into these folders. Connections that wait are woken by `waker`.
    pub(super) fn new(folders: OwnerFolders, waker: &HttpWaker) -> Self {
        let OwnerFolders { shared, outbox, path } = folders;
        let uploads = |files| WebUploads::new(files, u64::MAX, waker.clone());
        Self { shared: shared.map(uploads), outbox: outbox.map(uploads), path }
    }

    /// True if files can be brought.
    pub(super) const fn are_taken(&self) -> bool {
        self.shared.is_some() && self.outbox.is_some()
    }

    fn all(&mut self) -> impl Iterator<Item = &mut WebUploads> {
        self.shared.iter_mut().chain(&mut self.outbox)
    }

    /// True if the connection brings something.
    pub(super) fn has(&self, id: HttpId) -> bool {
        [&self.shared, &self.outbox].into_iter().flatten().any(|uploads| uploads.has(id))
    }

    /// A file is to be brought: `text` says which, and where. `None`: it cannot be.
    pub(super) fn begin(
        &mut self,
        now: Time,
        id: HttpId,
        by: WebClient,
        text: &[u8],
    ) -> Option<Result<(), Answer>> {
        let Ok(Destination { to }) = serde_json::from_slice(text) else { return Some(Err(nonsense())) };
        match to.filter(|to| to != "shared") {
            None => self.shared.as_mut().map(|uploads| uploads.begin(now, id, by, None, text)),
            Some(peer) => self.outbox.as_mut().map(|uploads| uploads.begin(now, id, by, Some(peer), text)),
        }
    }

    /// A slice of a file is to come. False: none can.
    pub(super) fn slice(
        &mut self,
        now: Time,
        id: HttpId,
        slice: &UploadSlice,
        http: &mut HttpConnection,
    ) -> bool {
        let is_sent = self.outbox.as_ref().is_some_and(|uploads| uploads.knows(slice));
        // One that is nowhere is refused there.
        let uploads = if is_sent { &mut self.outbox } else { &mut self.shared };
        uploads.as_mut().map(|uploads| uploads.slice(now, id, slice, http)).is_some()
    }

    /// Bytes of a slice came.
    pub(super) fn bytes(&mut self, id: HttpId, bytes: Vec<u8>) {
        if let Some(uploads) = self.all().find(|uploads| uploads.has(id)) {
            uploads.bytes(id, bytes);
        }
    }

    /// All of a slice came.
    pub(super) fn over(&mut self, now: Time, id: HttpId, http: &mut HttpConnection) {
        self.all().for_each(|uploads| uploads.over(now, id, http));
    }

    /// Takes in what was written. These connections have a turn, and this is to be sent.
    pub(super) fn hear(&mut self, now: Time) -> (Vec<HttpId>, Vec<SendRequest>) {
        let due = self.all().flat_map(|uploads| uploads.hear(now)).collect();
        // What is shared the library finds, and everybody is told by that.
        let saved: Vec<_> = self.all().flat_map(WebUploads::take_saved).collect();
        let send = |peer: String, name: &str| SendRequest {
            paths: vec![SendPath(self.path.join(name))],
            to: peer,
            ..SendRequest::default()
        };
        (due, saved.into_iter().filter_map(|saved| Some(send(saved.to?, &saved.name))).collect())
    }

    /// A connection goes on with what it brings.
    pub(super) fn go_on(&mut self, now: Time, id: HttpId, http: &mut HttpConnection) {
        self.all().for_each(|uploads| uploads.go_on(now, id, http));
    }

    /// A connection is gone.
    pub(super) fn forget(&mut self, id: HttpId) {
        self.all().for_each(|uploads| uploads.forget(id));
    }
}
