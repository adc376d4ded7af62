//! Routes: links to peers on other networks, which the user wants or wanted. `machine.rs` decides which, `link_role.rs`
//! is the thread that has the connections, `resolver.rs` the one that looks names up. `told_addresses.rs` says where
//! peers of other networks are dialled, `found_addresses.rs` where other networks of the group may be.

mod fault;
mod found_addresses;
pub(crate) mod limits;
mod link_role;
mod machine;
mod resolver;
#[cfg(test)]
mod tests;
mod told_addresses;

pub(crate) use self::fault::RouteFault;
pub(crate) use self::found_addresses::{FoundAddresses, found_address, found_target};
pub(crate) use self::link_role::{LinksCommand, LinksEvent, LinksHandle, start_links};
pub(crate) use self::machine::{LinkPeer, Route, RouteId, RouteOrigin, RouteOutput, RouteState, Routes};
pub(crate) use self::resolver::{ResolveFor, Resolved, Resolver, ToResolve};
pub(crate) use self::told_addresses::{ToldAddress, ToldAddresses};
