//! Caps of connections, and of what is fetched and served at once. Pure.

use core::time::Duration;

/// Requests of one connection that wait to be answered, at most.
pub const REQUESTS_OPEN: usize = 64;

/// Connections of one role that are kept, at most: sixteen peers with eight lanes each.
pub const CONNECTIONS: usize = 128;

/// How long a file that arrived is still given to those who fetch it, after the last one took some of it.
pub const LINGER: Duration = Duration::from_mins(10);

/// Shared files that are kept open for serving, at most.
pub const OPEN_FILES: usize = 64;

/// A source that owes blocks and sends nothing for this long is stalled: others are asked.
pub const STALL: Duration = Duration::from_secs(5);

/// A file that no known holder can give for this long fails, and stays as far as it came.
pub const NO_HOLDER: Duration = Duration::from_secs(30);

/// Peers that have some of a file, of whom one that fetches it asks at once, at most: so a thousand who
/// fetch it make no million connections.
pub const NEIGHBOURS: usize = 24;

/// Bytes that a download must still lack to be worth a connection to another holder.
pub const WORTH_ANOTHER: u64 = 1 << 20;

/// Between two datagrams that cross a link, on average: whatever size the two networks have, less is said there.
pub const LINK_PERIOD: Duration = Duration::from_millis(10);

/// Datagrams that the other end of a link takes at once.
pub const LINK_BURST: u32 = 200;
