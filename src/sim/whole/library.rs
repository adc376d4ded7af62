//! The library of a simulated peer: what lies in its `shared/` is hashed and listed at once.

use std::sync::Arc;

use super::disk::SimDisk;
use crate::content::{Catalogue, Entry, EntryKind, FolderIdentity, SafePath, Stamp};
use crate::library::{ShareRoots, SharedFile, Shelf};
use crate::settings::Settings;

/// All that is shared.
pub(super) fn shelf(disk: &SimDisk, settings: &Settings) -> Arc<Shelf> {
    let root = settings.shared();
    let (mut entries, mut files) = (Vec::new(), Vec::new());
    for (path, file) in disk.below(&root) {
        let path: SafePath = path.to_str().unwrap().parse().unwrap();
        let (id, size, modified) = (file.manifest.file(), file.bytes.len() as u64, file.modified);
        let kind = EntryKind::File { id, size, modified, executable: false, since: 0 };
        entries.push(Entry { path: path.clone(), kind });
        let nanos = i128::from(modified) * 1_000_000;
        let stamp = Stamp { device: 1, inode: file.inode, size, modified: nanos, changed: nanos };
        files.push(SharedFile { path, stamp, manifest: Arc::clone(&file.manifest), since: 0 });
    }
    Arc::new(Shelf {
        roots: Arc::new(ShareRoots { own: root, ..ShareRoots::default() }),
        catalogue: Catalogue::of(entries),
        files: files.into_iter().collect(),
        marker: FolderIdentity { device: 1, inode: 1, birth: 1 },
        mounts: Arc::default(),
        waiting: Some(Arc::default()),
        left_out: Arc::default(),
    })
}
