//! Caps that this room alone uses, each with its unit and reason. Pure.
//! Caps that several rooms use stand in limits/.

use core::time::Duration;

use crate::rate::Rate;

pub(crate) use crate::limits::*;

/// Bytes handled on one connection in one turn of the engine, before the next connection has its turn.
pub(crate) const TURN: usize = 1 << 20;

/// What a TLS record counts beside its bytes in a turn: as long as it takes to decrypt so many of them.
pub(crate) const RECORD_PRICE: usize = 2 << 10;

/// What a frame counts beside its bytes in a turn: it may be a request, with an answer to be made.
pub(crate) const FRAME_PRICE: usize = 1 << 10;

/// Connections of one role that a host gets in any case, while as many hosts want them as get this many.
pub(crate) const CONNECTIONS_HOST: u64 = 4;

/// Connections of one listener that have not finished TLS, at most; the oldest of the host with most is dropped.
pub(crate) const UNPROVED: usize = 64;

/// Connections from the loopback address that have not finished TLS, at most; all peers of a machine share them.
pub(crate) const UNPROVED_LOOPBACK: usize = 256;

/// A connection must finish its TLS handshake within this time.
pub(crate) const HANDSHAKE: Duration = Duration::from_secs(5);

/// A connection without a request or a byte is closed after this time.
pub(crate) const IDLE: Duration = Duration::from_secs(30);

/// Bytes of small frames that wait to be sent on one connection; above it, nothing more is read from it.
pub(crate) const SMALL_QUEUE: usize = 256 << 10;

/// Datagrams that wait to cross one link, at most (1,250 bytes each): those of a good second at full rate.
pub(crate) const LINK_QUEUE: u64 = 128;

/// Of them every host may have this many, while there are places for each host.
pub(crate) const LINK_QUEUE_OF_HOST: u64 = 1;

/// Datagrams a second that go over a link: as many as the other end takes. What the network holds up and brings at
/// once must not be too much there: so fewer go out at once.
pub(crate) const LINK_PACE: Rate = Rate { period: LINK_PERIOD, burst: LINK_BURST / 2 };

/// Datagrams that one message brings over a link, at most.
pub(crate) const RELAYED: usize = crate::wire::RELAYED;

/// An attempt to connect to one address of a peer is given up after this time.
pub(crate) const CONNECT: Duration = Duration::from_secs(3);

/// Places that were dialled and are remembered, at most (80 bytes each); the one that may be dialled for the
/// longest time goes.
pub(crate) const DIAL_TARGETS: usize = 1_024;

/// Peers that one port tries to meet at the same time, at most.
pub(crate) const MEETINGS: usize = 5;

/// How often one port begins to meet a peer: whoever is at an address that a third peer tells did not ask for it.
pub(crate) const MEETING_RATE: Rate = Rate { period: Duration::from_secs(12), burst: 5 };

/// How often the address of a peer that is to be met is dialled, at most.
pub(crate) const MEETING_DIALS: u8 = 5;
