//! Sequences of what peers may say, for fuzzing (`fuzz/`): each function lets happen to one machine what the bytes of
//! an input choose, and panics when it does not hold together.

pub use crate::control::sequences::run as control;
pub use crate::custody::sequences::{distributor, keeper};
pub use crate::http::sequences::run as http;
pub use crate::identity::sequences::run as identity;
pub use crate::lan::room::sequences::run as room;
pub use crate::lan::sequences::run as discovery;
pub use crate::receiver::sequences::catalogues::run as catalogues;
pub use crate::receiver::sequences::kept::run as kept;
pub use crate::sender::sequences::run as answers;
pub use crate::swarm::sequences::run as swarm;
