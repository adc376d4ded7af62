//! Every cap, with unit and reason. What comes from the network is measured against these before
//! anything is allocated for it. Pure.

use core::time::Duration;

use crate::rate::Rate;

/// Bytes of a datagram, at most. Below every path's MTU (IPv6 minimum 1,280), so it is never fragmented.
pub const DATAGRAM: usize = 1_200;

/// The fixed UDP port of discovery.
pub const DISCOVERY_PORT: u16 = 27_272;

/// Bytes of a peer's name, at most: fits a column of `list` and leaves a datagram its room.
pub const NAME: usize = 64;

/// Bytes of a relative path, at most (Linux `PATH_MAX` is 4,096 with the folder in front of it).
pub const PATH: usize = 3_072;

/// Bytes of one path component, at most (`NAME_MAX` of every common file system).
pub const COMPONENT: usize = 255;

/// Components of a relative path, at most: bounds recursion in scans and folder creation.
pub const DEPTH: usize = 64;

/// Bytes of a chunk, at least: a file up to this size is one chunk and needs no manifest.
pub const CHUNK_MIN: u64 = 64 << 10;

/// Bytes of a chunk, at most: bounds what one bad block can cost.
pub const CHUNK_MAX: u64 = 16 << 20;

/// Chunks that a file is cut into between the two bounds, at most (twice that above rounding).
pub const CHUNKS_AIM: u64 = 1_024;

/// Bytes of a block, the unit on the wire, at most: small frames overtake between blocks.
pub const BLOCK: usize = 128 << 10;

/// Bytes of a file, at most (1 PiB). Keeps chunk counts (64 Mi) and their arithmetic far from overflow.
pub const FILE: u64 = 1 << 50;

/// Bytes of a frame's `MessagePack` header, at most (the largest is a catalogue or manifest page).
pub const HEADER: usize = (1 << 20) + (64 << 10);

/// Chunks of a file that a map of them can tell of (wire/haves.rs): 8 TiB. Larger ones are fetched from
/// those who have all of them only.
pub const MAP_CHUNKS: u32 = 1 << 19;

/// Chunks that one message may add to a map; more are told as a new map.
pub const HAVES_MORE: usize = 4_096;

/// Bytes of the header of a message with a map of chunks, at most.
pub const MAP_HEADER: usize = MAP_CHUNKS as usize / 8 + 5 * HAVES_MORE + SMALL_HEADER;

/// Bytes of content in one page of a catalogue bucket or manifest, at most.
pub const PAGE: usize = 1 << 20;

/// Items of one request for blocks, at most: many small files are asked for in one request.
pub const REQUEST_ITEMS: usize = 1_024;

/// Requests of one connection that wait to be answered, at most.
pub const REQUESTS_OPEN: usize = 64;

/// Buckets of a catalogue. One byte of the path's hash picks the bucket.
pub const BUCKETS: usize = 256;

/// Entries of one peer's catalogue that are kept, at most: 10 times the 100,000 of
/// which docs/TESTING.md promises memory and time.
pub const CATALOGUE_ENTRIES: usize = 1_000_000;

/// Bytes of memory that all remote catalogues together may take.
pub const REMOTE_CATALOGUES: usize = 64 << 20;

/// Peers whose catalogues are pulled on sight; above it, on demand.
pub const CATALOGUES_ON_SIGHT: usize = 32;

/// Bytes of blocks in flight between the receiver and its disk workers, in the whole process.
pub const BLOCK_POOL: usize = 32 << 20;

/// Bytes handled on one connection in one turn of the engine, before the next connection has its turn.
pub const TURN: usize = 1 << 20;

/// Connections of one listener that have not finished TLS, at most; the oldest is dropped.
pub const UNPROVED: usize = 64;

/// Of those from one address (loopback: [`UNPROVED_LOOPBACK`], where all peers share one).
pub const UNPROVED_ADDRESS: usize = 16;

/// Of those from the loopback address.
pub const UNPROVED_LOOPBACK: usize = 256;

/// A connection must finish its TLS handshake within this time.
pub const HANDSHAKE: Duration = Duration::from_secs(5);

/// A connection without a request or a byte is closed after this time.
pub const IDLE: Duration = Duration::from_secs(30);

/// Connections of one role that are kept, at most.
pub const CONNECTIONS: usize = 64;

/// Files that are not shared but being fetched, or fetched a while ago, of which others get what is here,
/// at most: each is an open file.
pub const HELD_FILES: usize = 256;

/// How long a file that arrived is still given to those who fetch it, after the last one took some of it.
pub const LINGER: Duration = Duration::from_mins(10);
/// Open files and connections that this process asks the system to allow it: what all limits below and
/// above come to, and twice that.
pub const DESCRIPTORS: u64 = 4_096;

/// Of the open files that the system allows, those that are not for downloads: what a peer at rest has open,
/// and room for a few connections.
pub const DESCRIPTORS_AT_REST: u64 = 60;

/// A shared file that could not be read is not tried again for this time: a bad disk takes long to say so.
pub const UNREADABLE: Duration = Duration::from_secs(10);

/// Shared files that are kept open for serving, at most.
pub const OPEN_FILES: usize = 64;

/// Peers in the table, at most; beyond it the ones heard least recently and never proved go first.
pub const PEERS: usize = 4_096;

/// Bytes of one line of the control socket, at most.
pub const CONTROL_LINE: usize = 1 << 20;

/// Events that wait for a part's owner, at most; then the part waits.
pub const EVENTS: usize = 1_024;

/// Messages that the disk clerk handles before it looks at times and groups again.
pub const DISK_TURN: usize = 256;

/// Bytes of a destination's file system that a download leaves free (on a small one a 64th of it):
/// a full disk breaks other programs.
pub const DISK_RESERVE: u64 = 32 << 20;

/// Bytes of a file from which on its blocks are asked for in advance; below, it is not worth a call.
pub const PREALLOCATE: u64 = 8 << 20;

/// Bytes verified after which a partial file's sidecar is written, at most: what a crash may cost.
pub const SIDECAR_BYTES: u64 = 64 << 20;

/// It is written after this share of the file (1/50: 2 %) too, so that small files resume as well.
pub const SIDECAR_SHARE: u64 = 50;

/// But not before so many bytes: a file that is smaller is soon whole, and each writing takes two syncs.
pub const SIDECAR_LEAST: u64 = 1 << 20;

/// It is written after this time too, so that slow downloads resume as well.
pub const SIDECAR_AGE: Duration = Duration::from_secs(2);

/// How often the disk clerk looks for sidecars of that age.
pub const SIDECAR_TICK: Duration = Duration::from_millis(250);

/// Partial files that `status` looks at, at most.
pub const UNFINISHED: usize = 100;

/// Files published in one group, at most (one sync of the file system for all).
pub const PUBLISH_FILES: usize = 256;

/// Bytes of files published in one group, at most, so that its sync does not take long.
pub const PUBLISH_BYTES: u64 = 64 << 20;
/// Clients of the control socket at one time, at most: each is a thread.
pub const CONTROL_CLIENTS: usize = 32;

/// A client of the control socket that takes no byte for this long is dropped.
pub const CONTROL_WRITE: Duration = Duration::from_secs(10);

/// Lines that wait to be shown above the prompt, at most; the oldest go first.
pub const SCREEN_LINES: usize = 1_000;

/// Lines that the prompt's history keeps, at most.
pub const HISTORY: usize = 1_000;

/// A completion at the prompt waits this long for names: a key must not seem dead.
pub const COMPLETION: Duration = Duration::from_millis(250);
/// Datagrams a second that one source, or one known peer, may have verified: a signature takes 60 µs.
pub(crate) const SOURCE_RATE: Rate = Rate { period: Duration::from_millis(50), burst: 60 };

/// Datagrams a second of all unknown senders together, by each of the two sockets: 200 in all.
pub(crate) const STRANGERS_RATE: Rate = Rate { period: Duration::from_millis(10), burst: 200 };

/// Datagrams a second with one of our nonces in them, of all that are not known: what a newcomer causes.
pub(crate) const ANSWERS_RATE: Rate = Rate { period: Duration::from_micros(2_500), burst: 200 };

/// Questions and answers that a peer sends a second: with four hellos and an announcement at most 20.
pub(crate) const PROOF_RATE: Rate = Rate { period: Duration::from_millis(83), burst: 4 };

/// The same for a peer of a small network that did not start together with others: its answers are not
/// to wait when packets are lost.
pub(crate) const PROOF_RATE_ALONE: Rate = Rate { period: Duration::from_millis(83), burst: 8 };

/// Questions that one peer may ask: hellos and questions come again after 70 to 400 ms.
pub(crate) const QUESTION_RATE: Rate = Rate { period: Duration::from_millis(100), burst: 4 };

/// Answers to probes that a peer sends a second: enough for every probe of one prober.
pub(crate) const PROBED_RATE: Rate = Rate { period: Duration::from_millis(100), burst: 4 };

/// Source addresses of strangers that are remembered, at most.
pub(crate) const SOURCES: usize = 1_024;

/// Peers that were heard but have not proved themselves, at most; the one that waits longest goes.
pub const CANDIDATES: usize = 1_024;

/// Proved addresses of one peer, at most.
pub const HOSTS: usize = 4;

/// Datagrams a second by which a peer of a small network seeks others that fetch what it fetches. In a large
/// one (discovery/seeking.rs) they are fewer.
pub(crate) const SEEK_RATE: Rate = Rate { period: Duration::from_millis(200), burst: 2 };

/// Answers to those that a peer sends a second: with seeks and announcements less than 20.
pub(crate) const HAS_RATE: Rate = Rate { period: Duration::from_millis(100), burst: 4 };

/// Words of one peer on files that are taken a second: what it may seek, and answer, and a reserve.
pub(crate) const SOUGHT_RATE: Rate = Rate { period: Duration::from_millis(100), burst: 8 };

/// Answers that wait to be sent, and questions that wait for the controller, at most: what one second lets out,
/// and room.
pub(crate) const SOUGHT_WAITING: usize = 64;

/// Pairs of a file and a peer that seeks it, that are kept in mind, at most (100 bytes each). One that has no
/// room is not counted, so that a few more answers go out.
pub(crate) const SEEKERS: usize = 16_384;

/// Questions of others that wait for their answer, at most: two datagrams of answers and more.
pub(crate) const ECHOES_WAITING: usize = 512;

/// Datagrams read from one socket before the others and the timers have their turn.
pub(crate) const DATAGRAMS_A_TURN: usize = 64;

/// Events that wait because the controller does not take them; beyond it discovery waits too. A table
/// that fills and empties at once fits.
pub(crate) const EVENTS_WAITING: usize = 2 * PEERS;

/// Between two looks at the list of interfaces.
pub(crate) const INTERFACES: Duration = Duration::from_secs(1);

/// Instances that are known to have left, at most.
pub const TOMBSTONES: usize = 4_096;

/// How long such an instance is remembered: longer than any copy of its datagrams is on its way.
pub const TOMBSTONE: Duration = Duration::from_secs(600);

/// Between two announcements of a peer, at least, in a small network.
pub const INTERVAL_MIN: Duration = Duration::from_secs(1);

/// Between two announcements of a peer, at most: [`PEERS`] peers stay below 50 datagrams a second.
pub const INTERVAL_MAX: Duration = Duration::from_secs(100);
/// Bytes of the header of a request, at most: [`REQUEST_ITEMS`] items of about 64 bytes, and room.
pub const REQUEST_HEADER: usize = 128 << 10;

/// Bytes of the header of a block or of any other small frame, at most. Each is well below 256.
pub const SMALL_HEADER: usize = 1 << 10;

/// Bytes of the header of an answer with a catalogue head: the head, and 256 digests of 32 bytes.
pub const HEAD_HEADER: usize = 16 << 10;

/// Bytes of small frames that wait to be sent on one connection; above it, nothing more is read from it.
pub const SMALL_QUEUE: usize = 256 << 10;

/// An attempt to connect to one address of a peer is given up after this time.
pub const CONNECT: Duration = Duration::from_secs(3);

/// A source that owes blocks and sends nothing for this long is stalled: others are asked.
pub const STALL: Duration = Duration::from_secs(5);

/// A file that no known holder can give for this long fails, and stays as far as it came.
pub const NO_HOLDER: Duration = Duration::from_secs(30);

/// The same for a file of which bytes came since this peer started: its holder is likely to come back (a
/// cable, a laptop's lid, a restart), and who waits for it sees that it waits.
pub const NO_HOLDER_BEGUN: Duration = Duration::from_secs(300);

/// A holder that is too busy to give a file for this long (hashing what it shares may take that) counts
/// as none from then on.
pub const BUSY_HOLDER: Duration = Duration::from_secs(120);

/// Failures of a source in a row (lost, stalled, refused) until it is given up, for as long as nothing
/// new is heard of it.
pub const SOURCE_FAILURES: u8 = 3;

/// Peers that one file is fetched from at the same time, at most. (Why not more: each costs a connection
/// and at both ends a share of the pool; eight fill every link that a peer has.)
pub const FILE_SOURCES: usize = 8;

/// Peers that have some of a file, of whom one that fetches it asks at once, at most: so a thousand who
/// fetch it make no million connections.
pub const NEIGHBOURS: usize = 24;

/// Peers that may have some of a file, that are kept in mind for it, at most.
pub const CROWD: usize = 64;

/// Connections to one source for its blocks, at most (swarm/lanes.rs): eight fill a link that loses 5 %.
pub const LANES: u8 = 8;

/// Connections for blocks to all sources together, at most, when more than one is wanted to any of them.
pub const ALL_LANES: usize = 16;

/// Bytes asked ahead over each connection to a source, at least: they lose packets at different times.
pub const LANE_AHEAD: u64 = 256 << 10;

/// Bytes that a download must still lack to be worth a connection to another holder.
pub const WORTH_ANOTHER: u64 = 1 << 20;

/// How far ahead blocks are asked for, in time of that source's measured rate.
pub const AHEAD: Duration = Duration::from_millis(100);

/// Bytes asked ahead of one source, at least: keeps a fast link busy before its rate is known.
pub const AHEAD_MIN: u64 = 1 << 20;

/// Bytes asked ahead of one source before any came.
pub const AHEAD_FIRST: u64 = 256 << 10;

/// Bytes asked ahead of one source, at most: half the block pool.
pub const AHEAD_MAX: u64 = 16 << 20;

/// Files that are being put together at once, at most: each is an open file of the disk workers.
pub const OPEN_DOWNLOADS: usize = 128;

/// Files that are being copied from one of the same content at once, at most: each is an open file, too.
pub const OPEN_COPIES: usize = 128;

/// Bytes of one table of peers, at most: [`PEERS`] announcements, each with its length and an address.
pub const TABLE: usize = PEERS * (DATAGRAM + 20);
/// A peer that asks to be dialled back is dialled again after this time, at the earliest.
pub const DIAL_BACK_AGAIN: Duration = Duration::from_secs(1);

/// Dials a second that others ask for, of all together: each is a few packets to a proved address.
pub(crate) const DIAL_BACK_RATE: Rate = Rate { period: Duration::from_millis(250), burst: 8 };

/// Dials that others asked for and that are not answered yet, at most.
pub const DIAL_BACKS: usize = 8;

/// Warnings about entries of `shared/` that are not shared, in one run: beyond it they only fill the screen.
pub const SKIP_WARNINGS: usize = 100;

/// Paths that changed and wait to be looked at, at most; beyond it everything is looked at instead.
pub const DIRTY_PATHS: usize = 8_192;

/// Copies of one file, the owner's included, that may be asked for, at most.
pub const COPIES_MAX: u8 = 16;

/// Files that one peer keeps for others, at most: each is a row in memory and in the ledger.
pub const KEPT: usize = 200_000;

/// Rows in one page of what a keeper keeps, at most: each is 72 bytes or less, so a page fits [`HEADER`].
pub const KEPT_PAGE: usize = 8_192;

/// Rows of what one keeper says it keeps, at most: a file has one for each of its parts there. They take 48
/// bytes of memory each.
pub const KEPT_ROWS: usize = KEPT;

/// Keepers that are asked at the same time what they keep, at most: it bounds the memory of their answers.
pub const KEPT_PULLS: usize = 4;

/// Catalogues of other owners that are pulled from one keeper at the same time, at most: each may take as
/// much memory as [`REMOTE_CATALOGUES`] while it comes.
pub const ESTATES_AT_ONCE: usize = 2;

/// Bytes of the manifests of files of the chunk store that are open for serving, at most. The longest one
/// has 16 MiB: [`MAP_CHUNKS`] values of 32 bytes.
pub const STORED_MANIFESTS: usize = 32 << 20;

/// Peers that one copy of a file is spread over, at most: with each more of them it is lost more easily.
pub const STRIPE: u32 = 4;

/// Keepers of one file that are told to others, at most: [`COPIES_MAX`] copies of [`STRIPE`] parts.
pub const PLACES: usize = 64;

/// Files in one page of a keeper's report, at most: the answer names up to [`PLACES`] keepers of each.
pub const REPORT_ROWS: usize = 128;

/// Candidates of which the one with most room is asked first.
pub const CANDIDATES_AT_ONCE: usize = 4;

/// Candidates that are asked for room for a part before it is cut in two.
pub const CANDIDATES_ASKED: usize = 32;

/// Files that one distributor places at the same time, at most: the most urgent ones first.
pub const PLACINGS: usize = 64;

/// The same while they are below [`ROOM_ANEW`] bytes: each takes a round of messages and some syncs, so that with few
/// at a time a folder of small files would take as long as it has files.
pub const PLACINGS_SMALL: usize = 256;

/// Files and bytes that are placed by themselves (`--auto-copy`): a file up to this size,
pub const AUTO_COPY_FILE: u64 = 1 << 30;

/// and in all up to this; more only by `copies N FILE`.
pub const AUTO_COPY_ALL: u64 = 10 << 30;

/// Repair after a crash waits this long: most peers that vanish come back.
pub const REPAIR_DELAY: Duration = Duration::from_secs(15 * 60);

/// A keeper acts for an absent owner only so long after its own start, or after it took the file: at first
/// it does not know who is here.
pub const ACT_AFTER: Duration = Duration::from_secs(30);

/// A keeper reports this often at least, and whatever changed at once.
pub const REPORT_EVERY: Duration = Duration::from_secs(600);

/// A keeper that is here but did not report a file for this long is believed not to keep it.
pub const REPORT_MISSED: Duration = Duration::from_secs(35 * 60);

/// An answer about room or an offer is waited for this long.
pub const CUSTODY_ANSWER: Duration = Duration::from_secs(10);

/// Requests of custody to one peer that wait for their answer, at most; the others wait here.
pub const CUSTODY_ASKED: usize = 16;

/// Requests of custody of one peer that wait to be answered, at most; more are refused as busy. Twice what a
/// peer asks at a time, because a connection of it may have broken unnoticed.
pub const CUSTODY_UNANSWERED: usize = 2 * CUSTODY_ASKED;

/// Requests of custody that wait to be sent to one peer, at most: a report of [`KEPT`] files has 1,563 pages.
/// With more the peer counts as out of reach.
pub const CUSTODY_QUEUE: usize = 2_048;

/// Connections of each of the ports of custody that it dialled itself, at most; other peers wait until one is
/// idle. Half of [`CONNECTIONS`], so that those who dial us find room.
pub const CUSTODY_DIALLED: usize = CONNECTIONS / 2;

/// Events of one of these ports that wait for whoever decides, at most; then nothing is read.
pub const CUSTODY_EVENTS: usize = 256;

/// Bytes of the messages among them, at most, and one message more. In memory they take up to five times as much.
pub const CUSTODY_WAITING: usize = 2 << 20;

/// What a keeper said of its room is believed this long, for small parts.
pub const ROOM_AGE: Duration = Duration::from_secs(1);

/// So long after the first other peer was seen the first files are placed: until then it is not known who is
/// here, and the first one seen would get everything.
pub const PLACE_AFTER: Duration = Duration::from_secs(2);

/// Bytes a second at which large parts are begun to be placed. If all peers of a network did so at the same
/// moment, all of them would choose the one keeper that was the emptiest just before.
pub const PLACE_RATE: u64 = 100_000_000;

/// The longest pause behind such a part, on average.
pub const PLACE_PAUSE: Duration = Duration::from_millis(200);

/// Bytes of a part for which keepers are asked for their room anew: many that place large files at the same
/// moment would all believe that the same keeper is empty. Asking costs nothing beside moving so much.
pub const ROOM_ANEW: u64 = 1 << 20;

/// A keeper that refused a file is not asked for it again for this long.
pub const REFUSED_FOR: Duration = Duration::from_secs(600);

/// An accepted offer of which no further chunk came for this long is given to another.
pub const PROMISE: Duration = Duration::from_secs(600);

/// A copy too many is tolerated this long: who leaves every evening moves nothing.
pub const SURPLUS: Duration = Duration::from_secs(24 * 3_600);

/// A file that its owner deleted is kept this long by its keepers (`--keep-deleted`).
pub const KEEP_DELETED: Duration = Duration::from_secs(24 * 3_600);

/// What is kept for an owner that nobody heard of for this long is dropped (`--keep-days`).
pub const KEEP_DAYS: Duration = Duration::from_secs(30 * 24 * 3_600);

/// Bytes lent to others (`--lend`), at most by default; and no more than a tenth of the free space.
pub const LEND: u64 = 10 << 30;

/// Origins (and source addresses) between which what is lent is divided, at least.
pub const SHARES_MIN: u64 = 8;

/// Free space that custody never touches, at least.
pub const LEND_RESERVE: u64 = 1 << 30;

/// Peers of the network where an origin's files were taken that are remembered, at most.
pub const WITNESSES: usize = 16;

/// A departure without any movement ends after this time.
pub const HANDOFF_STILL: Duration = Duration::from_secs(30);

/// Files that nobody else keeps of which the names are told to who leaves, at most; the rest is counted. The
/// answer is one line of [`CONTROL_LINE`] bytes, and a path takes up to six times [`PATH`] in it.
pub const NOT_KEPT_TOLD: usize = 50;

/// Owners for whom something is kept that `status` names, at most; those with most bytes first.
pub const KEPT_FOR_TOLD: usize = 100;

/// Files missing in one scan up to which they may count as deleted, even when they are more than half.
pub const MASS_LOSS: usize = 10;
