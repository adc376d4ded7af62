//! Custody: files outlive their owner (DESIGN §7). How it works is told in docs/CUSTODY.md.

pub mod custodian;
pub mod distributor;
pub mod estate;
pub mod handoff;
pub mod homecoming;
pub mod keeper;
pub mod ledger;
pub mod placement;
pub mod quota;
