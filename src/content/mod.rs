//! What is shared: paths, chunks, manifests, catalogues (pure), and the library that scans, watches
//! and hashes `shared/` (threads).

pub mod bucket;
pub mod catalogue;
pub mod chunk;
mod left_out;
pub mod manifest;
pub mod partial;
pub mod path;
mod ranges;
mod share;
pub mod slice;
mod span;
mod stamp;
mod unlisted;

pub use catalogue::{Catalogue, Entry, EntryKind, Head, HeadNumber};
pub use chunk::{ChunkIndex, Chunks, Claim, FileId};
pub use left_out::{LeftOut, Omission, OmissionCounts};
pub use manifest::Manifest;
pub use path::SafePath;
pub use ranges::ByteRanges;
pub use share::ShareName;
pub use span::Span;
pub use stamp::{FolderIdentity, MountIdentity, Mounts, Stamp};
pub use unlisted::UnlistedContent;
