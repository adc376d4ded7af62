//! How the disk coordinator ends with a file: published, failed or closed.

use std::io;
use std::sync::Arc;

use super::coordinator::{DiskCoordinator, HANDS, tell};
use super::keep::Note;
use super::publish::{Published, Ready};
use super::slow::SlowTask;
use super::state::FileStage;
use super::writer::WriterTask;
use super::{Event, FileToken};
use crate::content::ChunkIndex;
use crate::disk::Arrival;
use crate::disk::limits;
use crate::error::Failure;

impl DiskCoordinator {
    pub(super) fn asked_to_publish(&mut self, token: FileToken) {
        let Some(file) = self.files.get_mut(&token).filter(|f| f.stage == FileStage::Filling) else { return };
        let wanted = file.chunks.iter().filter(|c| file.plan.wants(*c));
        let missing: Vec<ChunkIndex> = wanted.filter(|c| !file.found.have.has(*c)).collect();
        if missing.is_empty() {
            file.stage = FileStage::Finishing;
            return self.finish(token);
        }
        for chunk in missing {
            self.tell(Event::Chunk(token, chunk, false));
        }
    }

    /// Queues the file for publishing if it is asked for and nothing of it is in doubt.
    pub(super) fn finish(&mut self, token: FileToken) {
        let Some(file) = self.files.get_mut(&token) else { return };
        if file.stage == FileStage::Finishing && file.doubted.count() == 0 {
            file.stage = FileStage::Publishing;
            self.ready.push_back(token);
        }
    }

    /// Sends a group off unless one is under way: what becomes ready meanwhile is the next one.
    pub(super) fn publish(&mut self) {
        if self.publishing || self.ready.is_empty() {
            return;
        }
        let mut group = Vec::new();
        let mut bytes = 0;
        while let Some(token) = self.ready.front() {
            if group.len() == limits::PUBLISH_FILES || bytes >= limits::PUBLISH_BYTES {
                break;
            }
            if let Some(file) = self.files.get_mut(token).filter(|f| f.stage == FileStage::Publishing) {
                bytes += file.plan.bytes();
                let sidecar = file.found.sidecar.clone().filter(|_| file.plan.keep.is_some());
                let note = sidecar.map(|sidecar| {
                    let (at, slot) = file.next_slot();
                    Note { sidecar, at, slot }
                });
                group.push(Ready {
                    token: *token,
                    place: Arc::clone(&file.place),
                    plan: Arc::clone(&file.plan),
                    file: file.found.data.clone(),
                    is_copy: file.source.is_some(),
                    holes: file.filled_holes(),
                    note,
                });
            }
            self.ready.pop_front();
        }
        self.publishing = !group.is_empty();
        if self.publishing {
            tell(&self.slow, SlowTask::Publish(group));
        }
    }

    pub(super) fn published(&mut self, published: Published) {
        self.publishing = false;
        for (token, result) in published {
            match result {
                Err(failure) => self.fail(token, failure),
                Ok(Arrival::Kept) => self.kept(token),
                Ok(arrival) => {
                    if let Some(seed) = self.files.get(&token).and_then(|f| f.seed.as_ref())
                        && !matches!(arrival, Arrival::AlreadyThere(_))
                    {
                        seed.complete();
                    }
                    let closing =
                        self.files.get(&token).is_none_or(|f| matches!(f.stage, FileStage::Closing(_)));
                    // A closing one is forgotten when all have let go of it.
                    if !closing {
                        // Of a small one the writer has let go already.
                        let is_held = self.files.get(&token).is_none_or(|f| f.found.data.is_some());
                        for writer in self.writers.iter().filter(|_| is_held) {
                            tell(writer, WriterTask::End(token));
                        }
                        self.forget(token);
                    }
                    self.tell(Event::Arrived(token, arrival));
                }
            }
        }
    }

    /// What was to be kept is on the disk. It may be opened again, or dropped, as soon as that is reported:
    /// so all let go of it first.
    fn kept(&mut self, token: FileToken) {
        // Of one that is being closed nobody waits to hear.
        if let Some(file) = self.files.get_mut(&token).filter(|f| f.stage == FileStage::Publishing) {
            file.kept = true;
            self.close(token);
        }
    }

    pub(super) fn fail_with(&mut self, token: FileToken, doing: &str, e: &io::Error) {
        if let Some(file) = self.files.get(&token) {
            let failure = file.place.failure(doing, e);
            self.fail(token, failure);
        }
    }

    /// Tells of the failure once, and closes the file; what arrived stays.
    pub(super) fn fail(&mut self, token: FileToken, failure: Failure) {
        if self
            .files
            .get(&token)
            .is_some_and(|f| !matches!(f.stage, FileStage::Closing(_) | FileStage::Leaving))
        {
            self.close(token);
            self.tell(Event::Failed(token, failure));
        }
    }

    pub(super) fn close(&mut self, token: FileToken) {
        self.waiting.retain(|(t, _)| *t != token);
        self.starved.retain(|starved| starved.token != token);
        let Some(file) = self.files.get_mut(&token) else { return };
        if matches!(file.stage, FileStage::Closing(_) | FileStage::Leaving) {
            return;
        }
        file.stage = FileStage::Closing(HANDS);
        for writer in &self.writers {
            tell(writer, WriterTask::End(token));
        }
        tell(&self.slow, SlowTask::End(token));
    }

    /// A thread let go of a file. After the last one what arrived is noted down, and the file is left.
    pub(super) fn ended(&mut self, token: FileToken) {
        let Some(file) = self.files.get_mut(&token) else { return };
        let FileStage::Closing(left) = &mut file.stage else { return };
        *left -= 1;
        if *left > 0 {
            return;
        }
        file.stage = FileStage::Leaving;
        if file.kept {
            self.forget(token);
            return self.tell(Event::Arrived(token, Arrival::Kept));
        }
        if file.source.is_some() {
            file.discard_copy(token);
            return self.forget(token);
        }
        if file.found.data.is_none() || file.found.sidecar.is_none() {
            return self.forget(token);
        }
        if file.found.new && file.found.have.count() == 0 {
            file.place.discard(file.plan.id);
            return self.forget(token);
        }
        self.save(token, true);
    }

    /// Removes a file from the tables; the last one of a destination takes the empty folder along. A store
    /// stays open: it is used again and again, and to look through many thousand names takes its time.
    pub(super) fn forget(&mut self, token: FileToken) {
        let Some(file) = self.files.remove(&token) else { return };
        let path = file.plan.destination.clone();
        let key = (path, file.plan.id);
        let was_busy = self.busy.get(&key) == Some(&token);
        if was_busy {
            self.busy.remove(&key);
        }
        if let Some(seed) = file.seed.filter(|h| !h.is_complete()) {
            seed.end();
        }
        drop(file.found);
        self.places.release(&key.0, &file.place, file.plan.keep.is_some());
        if was_busy
            && let Some(at) = self.waiting.iter().position(|(_, p)| p.id == key.1 && p.destination == key.0)
        {
            let (token, plan) = self.waiting.remove(at);
            self.open(token, plan);
        }
    }
}
