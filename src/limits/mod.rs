//! Every cap that several rooms use, with unit and reason, one file a layer; what one room alone uses stands in its own
//! `limits.rs`. What comes from the network is measured against these before anything is allocated for it. Pure.

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
