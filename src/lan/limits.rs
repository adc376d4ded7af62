//! Caps that this room alone uses, each with its unit and reason. Pure.
//! Caps that several rooms use stand in limits/.

use core::time::Duration;

pub(crate) use crate::limits::*;
use crate::rate::Rate;

/// Datagrams a second that one source, or one known peer, may have verified: a signature takes 60 µs.
pub(crate) const SOURCE_RATE: Rate = Rate { period: Duration::from_millis(50), burst: 60 };

/// Envelopes a second that are taken of one gateway: what a network of any size says, and twice that.
pub(crate) const ENVELOPE_RATE: Rate = Rate { period: Duration::from_millis(10), burst: 200 };

/// Datagrams a second that a gateway takes from one link, and passes on.
pub(crate) const LINK_TRAFFIC: Rate = Rate { period: LINK_PERIOD, burst: LINK_BURST };

/// Envelopes that wait at a gateway to be sent, at most (1,300 bytes each).
pub(crate) const ENVELOPES_WAITING: u64 = 256;

/// Of them the links that lead to one host have this many, while there are places for each host.
pub(crate) const ENVELOPES_OF_HOST: u64 = 1;

/// Links over which a datagram crosses, at most: then it is passed on no more.
pub(crate) const HOPS: u8 = 4;

/// Datagrams that a gateway remembers to have passed on, at most (40 bytes each): those of 40 s at full rate.
pub(crate) const PASSED: usize = 4_096;

/// Nonces of other networks of which a gateway remembers that answers are to go there, at most (16 bytes each).
pub(crate) const NONCES_ACROSS: usize = 4_096;

/// Links that a gateway passes datagrams on over, at most.
pub(crate) const LINKS: usize = 64;

/// Datagrams a second from link-local addresses, which all peers of a link share: half of what strangers may send.
pub(crate) const LINK_RATE: Rate = Rate { period: Duration::from_millis(20), burst: 150 };

/// Datagrams that a host may send while many others send much, and still be heard: the hellos of a start and
/// its announcements.
pub(crate) const LITTLE_RATE: Rate = Rate { period: Duration::from_secs(1), burst: 8 };

/// Datagrams a second of all unknown senders together, by each of the two sockets: 200 in all.
pub(crate) const STRANGERS_RATE: Rate = Rate { period: Duration::from_millis(10), burst: 200 };

/// Datagrams a second with one of our nonces in them, of all that are not known: what a newcomer causes.
pub(crate) const ANSWERS_RATE: Rate = Rate { period: Duration::from_micros(2_500), burst: 200 };

/// Questions and answers that a peer sends a second: with four hellos and an announcement at most 20.
pub(crate) const PROOF_RATE: Rate = Rate { period: Duration::from_millis(83), burst: 4 };

/// Questions and answers a second of a peer of a small network that did not start together with others: its
/// answers are not to wait when packets are lost.
pub(crate) const PROOF_RATE_ALONE: Rate = Rate { period: Duration::from_millis(83), burst: 8 };

/// Answers a second, in a small network, that go to everyone because nothing that goes to the asker alone was answered.
pub(crate) const MUTE_RATE: Rate = Rate { period: Duration::from_millis(500), burst: 2 };

/// Questions a second to peers that are here, whether they can be reached: of a small network all at once, then
/// as many as to those that are not here.
pub(crate) const REACH_RATE: Rate = Rate { period: Duration::from_millis(83), burst: 64 };

/// Questions a second beside those, in a large network, to hosts of which none was asked in the last minute: whoever
/// begins to keep the index wants to dial a thousand at once. That is 1 Mbit/s, and no host is asked more often by it.
pub(crate) const REACH_FIRST_RATE: Rate = Rate { period: Duration::from_millis(4), burst: 64 };

/// Questions that one peer may ask: hellos and questions come again after 70 to 400 ms.
pub(crate) const QUESTION_RATE: Rate = Rate { period: Duration::from_millis(100), burst: 4 };

/// Answers to probes that a peer sends a second: enough for every probe of one prober.
pub(crate) const PROBED_RATE: Rate = Rate { period: Duration::from_millis(100), burst: 4 };

/// Source addresses of strangers that are remembered, at most.
pub(crate) const SOURCES: usize = 1_024;

/// Peers that were heard but have not proved themselves, at most. The hosts from which they come have equal
/// shares.
pub(crate) const CANDIDATES: usize = 1_024;

/// Of those every host may have this many, while there are places for each host.
pub(crate) const CANDIDATES_OF_HOST: u64 = 1;

/// Peers of the table that every host may have, whatever others do: as long as there are fewer hosts than
/// [`PEERS`], a newcomer from another one finds a place.
pub(crate) const PEERS_OF_HOST: u64 = 1;

/// Peers of one host that count for the size of a network: thirty behind one router are all counted, and keys
/// without number on one machine make a small network no larger than medium.
pub(crate) const COUNTED_OF_HOST: usize = 32;

/// Proved addresses of one peer, at most.
pub(crate) const HOSTS: usize = 4;

/// Datagrams a second by which a peer of a small network seeks others that fetch what it fetches. In a large
/// one (lan/seeking) they are fewer.
pub(crate) const SEEK_RATE: Rate = Rate { period: Duration::from_millis(200), burst: 2 };

/// Answers to those that a peer sends a second: with seeks and announcements less than 20.
pub(crate) const HAS_RATE: Rate = Rate { period: Duration::from_millis(100), burst: 4 };

/// Words of one peer on files that are taken a second: what it may seek, and answer, and a reserve.
pub(crate) const SOUGHT_RATE: Rate = Rate { period: Duration::from_millis(100), burst: 8 };

/// Answers that wait to be sent, and questions that wait for the controller, at most: what one second lets
/// out, and room.
pub(crate) const SOUGHT_WAITING: usize = 64;

/// Of the questions every host may have this many, while there are places for each host.
pub(crate) const SOUGHT_OF_HOST: u64 = 1;

/// Pairs of a file and a peer that seeks it, that are kept in mind, at most (300 bytes each). One that has no
/// room is not counted, so that a few more answers go out.
pub(crate) const SEEKERS: usize = 16_384;

/// Of these pairs every host may have this many, while there are places for each host.
pub(crate) const SEEKERS_OF_HOST: u64 = 64;

/// Questions of others that wait for their answer, at most: two datagrams of answers and more.
pub(crate) const PENDING_PROOFS: usize = 512;

/// Of those every host may have this many, while there are places for each host.
pub(crate) const PENDING_PROOFS_OF_HOST: u64 = 1;

/// Between two looks at the neighbours of this machine, by a peer that hears nothing that goes to everyone.
pub(crate) const LOOK_AROUND: Duration = Duration::from_millis(900);

/// Neighbours that such a peer asks after one look, at most: at [`LOOK_AROUND`] less than five a second,
/// whatever number of them strangers make the system believe in.
pub(crate) const ASKED_A_LOOK: usize = 4;

/// Neighbours that are asked and remembered, at most: as many as Linux keeps of IPv4 and of IPv6 (`gc_thresh3`
/// of arp(7)). Each is a host of its own, so that no account could share them more fairly than in turn.
pub(crate) const NEIGHBOURS_ASKED: usize = 2_048;

/// Answers a second to peers that were reached and ask whether we are there: all of a small network at once.
pub(crate) const ALIVE_RATE: Rate = Rate { period: Duration::from_millis(83), burst: 64 };

/// Datagrams read from one socket before the others and the timers have their turn.
pub(crate) const DATAGRAMS_A_TURN: usize = 64;

/// Events that wait because the controller does not take them; beyond it discovery waits too. A table
/// that fills and empties at once fits.
pub(crate) const EVENTS_WAITING: usize = 2 * PEERS;

/// Between two looks at the list of interfaces, where the system does not tell that it changed, or something is to be
/// tried again; and a quarter of it between two at least.
pub(crate) const INTERFACES: Duration = Duration::from_secs(1);

/// Between two looks at the list of interfaces, where the system tells that it changed.
pub(crate) const INTERFACES_TOLD: Duration = Duration::from_mins(1);

/// Instances that are known to have left, at most.
pub(crate) const TOMBSTONES: usize = 4_096;

/// Of them every host may have this many, while there are places for each host.
pub(crate) const TOMBSTONES_OF_HOST: u64 = 16;

/// How long such an instance is remembered: longer than any copy of its datagrams is on its way.
pub(crate) const TOMBSTONE: Duration = Duration::from_secs(600);

/// Between two announcements of a peer, at least, in a small network.
pub(crate) const INTERVAL_MIN: Duration = Duration::from_secs(1);

/// Between two announcements of a peer, at most: [`PEERS`] peers stay below 50 datagrams a second.
pub(crate) const INTERVAL_MAX: Duration = Duration::from_secs(100);

/// A ticket is followed that is at most so far above the next lower one that is followed: no honest network has so many
/// starts between two of its peers, and it takes as many keys to drive tickets to the highest number.
pub(crate) const TICKET_GAP: u64 = 1 << 32;

/// Lines of one origin that are kept, to be sent once more to whoever misses them. A number of 32 bits tells
/// which of them arrived.
pub(crate) const ROOM_WINDOW: usize = 32;

/// Bytes of lines that are kept, at most.
pub(crate) const ROOM_BYTES: usize = 4 << 20;

/// Of those every host may have this many, while there are bytes for each host: more than a window of the longest
/// lines.
pub(crate) const ROOM_BYTES_OF_HOST: u64 = 80 << 10;

/// Peers that say something in the room, and of whom it is known how far they were heard, at most: as many as the
/// table has. They take 500 bytes each.
pub(crate) const ROOM_ORIGINS: usize = PEERS;

/// Of them every host may have this many, while there are places for each host.
pub(crate) const ROOM_ORIGINS_OF_HOST: u64 = 1;

/// Peers whose lines are asked for at one time, at most; those of the others are asked for later.
pub(crate) const ROOM_ASKED: usize = 64;

/// Of them every host may have this many, while there are places for each host.
pub(crate) const ROOM_ASKED_OF_HOST: u64 = 1;

/// Peers that are gone, and whose newest line is told to others, at most.
pub(crate) const ROOM_RETOLD: usize = 64;

/// Of them every host may have this many, while there are places for each host.
pub(crate) const ROOM_RETOLD_OF_HOST: u64 = 1;

/// Lines a second that a peer may say.
pub(crate) const LINE_RATE: Rate = Rate { period: Duration::from_millis(200), burst: 5 };

/// Lines a second that are taken of a peer: as many as it may say, and at once the window of one that was not heard
/// for a while, and once more.
pub(crate) const LINES_HEARD_RATE: Rate = Rate { period: Duration::from_millis(200), burst: 64 };

/// Questions a second for lines that are missing, in a small network; in a large one they are fewer.
pub(crate) const ASK_RATE: Rate = Rate { period: Duration::from_millis(200), burst: 2 };

/// Questions a second of one peer for lines that it misses which are taken: what it may ask, and a reserve.
pub(crate) const QUESTIONS_HEARD_RATE: Rate = Rate { period: Duration::from_millis(100), burst: 8 };

/// Lines a second that a peer sends once more to those who missed them.
pub(crate) const REPAIR_RATE: Rate = Rate { period: Duration::from_millis(50), burst: 4 };

/// Lines that wait to be sent once more, at most: what three seconds let out.
pub(crate) const REPAIRS_WAITING: usize = 64;

/// Of those every host may have this many, while there are places for each host.
pub(crate) const REPAIRS_OF_HOST: u64 = 1;

/// Hosts that are counted as speaking for another group, at most: more are as much reason to look.
pub(crate) const OUTSIDERS: usize = 64;
