//! The destinations that stay open, each for all the files that go there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::place::{Destination, failure};
use crate::error::Failure;

/// A destination and how many open files use it.
#[derive(Debug)]
struct Used {
    place: Arc<Destination>,
    users: usize,
    /// Its path leads to it, as of this turn.
    is_there: bool,
}

/// Destinations by their paths.
#[derive(Debug, Default)]
pub(super) struct OpenPlaces(BTreeMap<PathBuf, Used>);

impl OpenPlaces {
    /// The destination kept open, for one user more.
    pub(super) fn open(&mut self, path: &Path) -> Result<Arc<Destination>, Failure> {
        if let Some(used) = self.0.get_mut(path)
            && (used.is_there || used.place.is_there().unwrap_or(false))
        {
            used.is_there = true;
            used.users += 1;
            return Ok(Arc::clone(&used.place));
        }
        let place = Destination::open(path).map_err(|e| failure(path, "open the folder", &e))?;
        let place = Arc::new(place);
        self.0.insert(path.to_owned(), Used { place: Arc::clone(&place), users: 1, is_there: true });
        Ok(place)
    }

    /// A turn is over: whether they are still there is looked at again.
    pub(super) fn look_again(&mut self) {
        self.0.values_mut().for_each(|used| used.is_there = false);
    }

    /// One user less; the last one takes the empty folder along, unless it is one that `stays`.
    pub(super) fn release(&mut self, path: &Path, place: &Arc<Destination>, stays: bool) {
        if let Some(used) = self.0.get_mut(path).filter(|u| Arc::ptr_eq(&u.place, place)) {
            used.users -= 1;
            if used.users == 0 && !stays {
                used.place.tidy();
                self.0.remove(path);
            }
        }
    }
}
