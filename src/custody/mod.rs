//! Custody: files outlive their owner. docs/CUSTODY.md tells how it works.

pub mod custodian;
pub mod distributor;
pub mod estate;
pub mod handoff;
pub mod homecoming;
pub mod keeper;
pub mod ledger;
pub(crate) mod limits;
pub mod placement;
pub mod quota;
