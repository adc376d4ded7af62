//! Custody: files outlive their owner. docs/CUSTODY.md tells how it works.

mod by_peer;
pub mod custodian;
pub mod distributor;
pub mod handoff;
pub mod keeper;
pub mod ledger;
pub(crate) mod limits;
pub mod look;
mod mount_book;
pub mod owner_catalogue;
pub mod placement;
pub mod quota;
pub mod recovery;
#[cfg(any(test, feature = "sim"))]
pub(crate) mod sequences;
