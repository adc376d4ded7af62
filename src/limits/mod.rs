//! Every cap that several rooms use, with unit and reason, one file a layer. Pure. What one room alone uses
//! stands in the module `limits` of that room. What comes from the network is measured against these before
//! anything is allocated for it.

mod content;
mod control;
mod custody;
mod transfer;
mod wire;

pub use self::content::*;
pub use self::control::*;
pub use self::custody::*;
pub use self::transfer::*;
pub use self::wire::*;
