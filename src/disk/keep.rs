//! What is kept for others gets no name: it stays among the partial files of its store, and is reported to be
//! there once a loss of power leaves it there. In groups, like publishing.
//!
//! The steps of a group, each for all its files before the next: one sync of the data and of what proves
//! it; the sidecars; one sync of these; one of each folder. A crash between two steps leaves at least what
//! the older slots of the sidecars name.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::place::Destination;
use super::publish::{Published, Ready, keep, sync_data};
use crate::disk::Arrival;
use crate::sys::facts::Facts;
use crate::sys::file;
use crate::sys::folder::FileKind;
use crate::sys::sync;

/// What a sidecar is to say.
#[derive(Debug)]
pub(super) struct Note {
    pub(super) sidecar: Arc<File>,
    /// Where the slot begins.
    pub(super) at: u64,
    pub(super) slot: Vec<u8>,
}

/// Brings a group of what is kept to the disk; what became of each goes to `out`.
pub(super) fn settle(group: Vec<Ready>, out: &mut Published) {
    let group = keep(group, out, "keep the file", Ready::is_in_place);
    let group = sync_data(group, out);
    if group.is_empty() {
        return;
    }
    let settled = note(&group);
    for ready in group {
        let result = match &settled {
            Ok(()) => Ok(Arrival::Kept),
            // Which of them it was is not said; all can be asked for again.
            Err((place, e)) => Err(place.failure("sync", e)),
        };
        out.push((ready.token, result));
    }
}

/// Writes the sidecars, and brings them and the names to the disk.
fn note(group: &[Ready]) -> Result<(), (Arc<Destination>, io::Error)> {
    let mut places: BTreeMap<&PathBuf, &Arc<Destination>> = BTreeMap::new();
    let mut noted: Vec<(&Ready, &Note)> = Vec::new();
    for ready in group {
        places.insert(&ready.place.path, &ready.place);
        if let Some(note) = &ready.note {
            let written = file::write_all_at(&note.sidecar, &note.slot, note.at);
            written.map_err(|e| (Arc::clone(&ready.place), e))?;
            noted.push((ready, note));
        }
    }
    let mut synced: Vec<u64> = Vec::new();
    for (ready, note) in &noted {
        let device = ready.place.identity.volume;
        let step = if synced.contains(&device) {
            Ok(())
        } else if noted.len() > 1 && sync::file_system(&ready.place.root) {
            synced.push(device);
            Ok(())
        } else {
            file::sync_data(&note.sidecar)
        };
        step.map_err(|e| (Arc::clone(&ready.place), e))?;
    }
    for place in places.into_values() {
        // Not every file system brings a file's name to the disk when the file is synced.
        let names = place.partial().and_then(sync::folder).and_then(|()| sync::folder(&place.root));
        names.map_err(|e| (Arc::clone(place), e))?;
    }
    Ok(())
}

impl Ready {
    /// An error if the store, or the file, was taken away.
    fn is_in_place(&self) -> io::Result<()> {
        let there = self.place.is_there()?
            && match &self.file {
                Some(file) => Facts::of(file)?.links > 0,
                None => self.place.partial()?.look(&self.name())? == Some(FileKind::File(self.plan.size)),
            };
        if there { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
    }
}
