//! When the disk coordinator has a partial file's sidecar written, with a sync and without, and how it
//! flushes.

use std::io;
use std::sync::Arc;

use super::coordinator::{DiskCoordinator, tell};
use super::slow::{Save, SlowTask};
use super::state::{FileStage, Flush, OpenFile};
use super::writer::WriterTask;
use super::{Event, FileToken};
use crate::content::partial;
use crate::disk::limits;
use crate::sys::clock::now;

impl DiskCoordinator {
    /// Notes what came in this turn without a sync: it is lost with the system, not with the process.
    pub(super) fn note(&mut self) {
        let Some(boot) = &self.boot else { return };
        for token in std::mem::take(&mut self.news) {
            let Some(file) = self.files.get_mut(&token).filter(|f| f.stage == FileStage::Filling) else {
                continue;
            };
            let Some(sidecar) = &file.found.sidecar else { continue };
            if file.unnoted < file.plan.size / limits::CHUNKS_AIM {
                continue;
            }
            file.unnoted = 0;
            file.found.number += 1;
            file.notes += 1;
            let slot = partial::encode(file.plan.id, file.found.number, &file.found.have, Some(boot));
            let at = partial::slot_offset(file.chunks, file.notes, false);
            tell(&self.writers[0], WriterTask::Note(Arc::clone(sidecar), at, slot));
        }
    }

    /// Writes the sidecar if enough is new.
    pub(super) fn save_if_due(&mut self, token: FileToken) {
        let Some(file) = self.files.get(&token) else { return };
        let share = file.plan.size / limits::SIDECAR_SHARE;
        let share = share.clamp(limits::SIDECAR_LEAST, limits::SIDECAR_BYTES);
        let old = file.dirty_since.is_some_and(|since| now().since(since) >= limits::SIDECAR_AGE);
        if file.dirty > 0 && !file.saving && (file.dirty >= share || old) {
            self.save(token, false);
        }
    }

    /// Has the data synced and then the sidecar written.
    pub(super) fn save(&mut self, token: FileToken, last: bool) {
        let Some(file) = self.files.get_mut(&token) else { return };
        let (Some(data), Some(sidecar)) = (&file.found.data, &file.found.sidecar) else { return };
        let (data, sidecar) = (Arc::clone(data), Arc::clone(sidecar));
        let slot = file.next_slot();
        // What rests takes no space for what it lacks.
        let spare = if last { file.spare() } else { Vec::new() };
        let names = (file.saves == 1).then(|| Arc::clone(&file.place));
        tell(&self.slow, SlowTask::Save(Save { token, data, sidecar, slot, names, spare, last }));
        file.saving = true;
    }

    pub(super) fn saved(&mut self, token: FileToken, last: bool, result: io::Result<()>) {
        let Some(file) = self.files.get_mut(&token) else { return };
        file.saving = false;
        match result {
            _ if last => {
                if let Err(e) = result {
                    log::warn!("what arrived of {} could not be noted down: {e}", file.plan.to);
                }
                self.forget(token);
            }
            Ok(()) => self.save_if_due(token),
            Err(e) => self.fail_with(token, "sync", &e),
        }
    }

    pub(super) fn look_at_times(&mut self) {
        let now = now();
        if now.since(self.looked) < limits::SIDECAR_TICK {
            return;
        }
        self.looked = now;
        let dirty: Vec<FileToken> =
            self.files.iter().filter(|(_, f)| f.dirty > 0 && !f.saving).map(|(t, _)| *t).collect();
        for token in dirty {
            self.save_if_due(token);
        }
    }

    /// A writer came to the flush's mark.
    pub(super) fn written(&mut self) {
        let Some(Flush::Writing(left)) = &mut self.flush else { return };
        *left -= 1;
        if *left > 0 {
            return;
        }
        self.flush = Some(Flush::Syncing);
        let dirty: Vec<FileToken> = self.files.iter().filter(|(_, f)| f.dirty > 0).map(|(t, _)| *t).collect();
        for token in dirty {
            self.save(token, false);
        }
        tell(&self.slow, SlowTask::Mark);
    }

    pub(super) fn finish_flush(&mut self) {
        let closing = |f: &OpenFile| {
            matches!(f.stage, FileStage::Closing(_) | FileStage::Leaving | FileStage::Publishing)
        };
        if self.flush == Some(Flush::Publishing) && !self.publishing && !self.files.values().any(closing) {
            self.flush = None;
            self.tell(Event::Idle);
        }
    }
}

impl OpenFile {
    /// The next slot of the sidecar that is written after a sync, and where it begins: all that is there now
    /// will be noted down.
    pub(super) fn next_slot(&mut self) -> (u64, Vec<u8>) {
        self.found.number += 1;
        self.saves += 1;
        (self.dirty, self.dirty_since) = (0, None);
        let slot = partial::encode(self.plan.id, self.found.number, &self.found.have, None);
        (partial::slot_offset(self.chunks, self.found.turn + self.saves, true), slot)
    }
}
