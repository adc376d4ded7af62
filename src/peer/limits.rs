//! Caps that this room alone uses, each with its unit and reason. Pure.
//! Caps that several rooms use stand in limits/.

use core::time::Duration;

pub(crate) use crate::limits::*;
use crate::rate::Rate;

/// Peers whose catalogues are pulled on sight; above it, on demand.
pub(crate) const CATALOGUES_ON_SIGHT: usize = 32;

/// Open files and connections that this process asks the system to allow it: what all limits below and
/// above come to, and twice that.
pub(crate) const DESCRIPTORS: u64 = 4_096;

/// Free space that custody never touches, at least.
pub(crate) const LEND_RESERVE: u64 = 1 << 30;

/// Files that nobody else keeps of which the names are told to who leaves, at most; the rest is counted. The
/// answer is one line of [`CONTROL_LINE`] bytes, and a path takes up to six times [`PATH`] in it.
pub(crate) const NOT_KEPT_TOLD: usize = 50;

/// Owners for whom something is kept that `status` names, at most; those with most bytes first.
pub(crate) const KEPT_FOR_TOLD: usize = 100;

/// Hosts that are remembered because somebody waited in vain for the catalogue of a peer there; with more, those
/// that come later are waited for.
pub(crate) const HOSTS_IN_VAIN: usize = 256;

/// Peers of whose files nothing can be listed that `list` names for each cause, at most; the rest is counted.
pub(crate) const UNLISTED_TOLD: usize = 20;

/// Of those who share something in a folder, `list` names so many, at most; the rest is counted.
pub(crate) const FOLDER_OWNERS_TOLD: usize = 100;
/// Catalogues of others that a keeper of the index is asked for at the same time, at most: as many as the receiver pulls
/// from one peer.
pub(crate) const KEEPER_PULLS: usize = 8;

/// Keepers of the index of which it is remembered that they did not give catalogues, at most: more than ever have an
/// office. Further ones are asked again.
pub(crate) const KEEPERS_SKIPPED: usize = 16;

/// Words of one command that keepers of the index are asked for, at most; with more all is pulled that others share.
pub(crate) const NAMED_WORDS: usize = 16;

/// Owners whose catalogues are pulled because they share what a command names, at most; the best ones. Copies of
/// further ones are found while the download runs.
pub(crate) const NAMED_OWNERS: usize = 64;

/// Files that a search remembers which is to find owners, at most: what two keepers and this peer itself find.
pub(crate) const NAMED_FILES: usize = 3 * SEARCH_HITS;

/// Owners that one keeper of the index covers, at most, in all that it told.
pub(crate) const COVERED_OWNERS: usize = FOUND_COVERED * FOUND_PAGES;

/// Keepers that one search asks, at most: two have an office, and offices pass on.
pub(crate) const HOLDERS_ASKED: usize = 8;

/// Questions to keepers that are not answered, at most: each holds what was known of its coverage. With more the
/// oldest one is not taken when it comes.
pub(crate) const KEEPERS_ASKED: usize = 256;

/// Owners whose catalogues decide between two keepers, at most, for one search: whoever lies does so about two at
/// least, and is found out by those.
pub(crate) const DISPUTED_OWNERS: usize = 8;

/// Keepers of the index that were found wrong and are not asked, at most: the oldest is forgotten.
pub(crate) const SKIPPED_KEEPERS: usize = 64;

/// Changes of what somebody shares that the index is told before it has taken them over, at most: each holds a
/// catalogue.
pub(crate) const INDEX_FED: usize = 16;

/// Owners that are covered by the index no more and are remembered for those who have an older list, at most: as many
/// as can be here. Whoever has a list of before the oldest gets the whole one.
pub(crate) const COVERAGE_TOMBSTONES: usize = PEERS;

/// Searches of others that wait for the index, at most: with a million files most take some ten milliseconds.
pub(crate) const SEARCHES_WAITING: u64 = 64;

/// Of them every host may have this many, while there are places for each host.
pub(crate) const SEARCHES_WAITING_OF_HOST: u64 = 1;

/// Hosts and peers of which it is remembered whose search was answered when, at most: more than wait at once, so that
/// whoever asks again and again is not taken for a newcomer.
pub(crate) const SEARCH_TURNS: usize = 1_024;

/// A search of another peer that waited for so long is not answered: whoever asked does not wait any more.
pub(crate) const SEARCH_WAITS: Duration = Duration::from_secs(2);

/// Peers that are heard and answer nothing of which `status` tells, at most: enough for whoever runs a
/// network to see what is wrong.
pub(crate) const UNANSWERED_PEERS: u64 = 8;

/// Of them every host may have this many, while there are places for each host.
pub(crate) const UNANSWERED_PEERS_OF_HOST: u64 = 1;

/// Of how many of them the user is warned: anyone can make them up.
pub(crate) const UNANSWERED_WARNINGS: Rate = Rate { period: Duration::from_mins(5), burst: 3 };

/// Peers of whom it is remembered whether they could connect here and be connected to, at most: `doctor` counts
/// them, and names a few.
pub(crate) const REACHED_PEERS: u64 = 64;

/// Of them every host may have this many, while there are places for each host.
pub(crate) const REACHED_PEERS_OF_HOST: u64 = 2;

/// Destinations outside `downloads/` that are written to at a time, at most: each has four threads of its own. Further
/// downloads to others wait for one of them.
pub(crate) const DESTINATIONS: usize = 32;

/// Peers of whom a download remembers where they list what it brings, at most: to see that it changed there.
pub(crate) const LISTED_PEERS: usize = 64;

/// Lines of the room that are kept and shown again, at most, own ones too.
pub(crate) const CHAT_LINES: u64 = 1_000;

/// Of them every host may have this many, while there are places for each host.
pub(crate) const CHAT_LINES_OF_HOST: u64 = 10;

/// Peers that speak of which it is noted down how far they were heard, at most. The line of one that is forgotten may
/// be shown twice, if this peer restarts within the time that it can be repaired.
pub(crate) const CHAT_PEERS: u64 = 1_024;

/// Of them every host may have this many, while there are places for each host.
pub(crate) const CHAT_PEERS_OF_HOST: u64 = 1;

/// Peers that the user of this one ignores, at most: a list that a person makes.
pub(crate) const IGNORED_PEERS: usize = 1_000;

/// This part of what is lent may be taken by what is fetched for peers that cannot reach its owner. The rest, and
/// whatever of this part custody wants, is for copies.
pub(crate) const CARRIED_PART: u64 = 4;

/// Files that are fetched for others or were a while ago, at most: each costs so much of the part that no more
/// fit.
pub(crate) const CARRIED_FILES: u64 = 2_048;

/// Files that are fetched for others at the same time, at most.
pub(crate) const CARRIED_AT_ONCE: u64 = 64;

/// Of both every host may have this part, at least.
pub(crate) const CARRIED_HOSTS: u64 = 8;

/// What is fetched for another is not any more once nobody asked for it for this time: who wants it asks every
/// [`THROUGH_AGAIN_WHOLE`] at least.
pub(crate) const CARRIED_UNASKED: Duration = Duration::from_secs(30);

/// Files that others are asked to fetch at the same time, at most.
pub(crate) const THROUGH_FILES: usize = 64;

/// Questions a second for catalogues of peers that cannot be reached: anyone can be one of those.
pub(crate) const THROUGH_CATALOGUES: Rate = Rate { period: Duration::from_millis(100), burst: 16 };

/// How often a peer is asked whether it has something of a file that it fetches for this one.
pub(crate) const THROUGH_AGAIN: Duration = Duration::from_millis(250);

/// How often a peer is asked again that has some of a file: which chunks those are it tells by itself.
pub(crate) const THROUGH_AGAIN_SOME: Duration = Duration::from_secs(1);

/// How often a peer is asked again that has all of a file, so that it keeps it.
pub(crate) const THROUGH_AGAIN_WHOLE: Duration = Duration::from_secs(10);

/// A peer that is too busy to fetch a file for this one is asked again after this time.
pub(crate) const THROUGH_BUSY: Duration = Duration::from_secs(2);

/// A peer that does not fetch for others, or cannot reach the owner either, is asked again after this time.
pub(crate) const THROUGH_REFUSED: Duration = Duration::from_secs(30);

/// A file of which a peer got nothing more in this time is asked of another one.
pub(crate) const THROUGH_STALLED: Duration = Duration::from_secs(20);

/// A peer of which nobody found out in this time where it can be reached is taken for one that cannot be.
pub(crate) const THROUGH_UNADDRESSED: Duration = Duration::from_secs(3);

/// A peer that cannot be reached, and of which something is wanted, is tried to be met this often.
pub(crate) const MEET_AGAIN: Duration = Duration::from_secs(60);

/// Of those who have a file, so many are told of when its download begins.
pub(crate) const HOLDERS_TOLD: usize = 8;

/// Of those who gave something of a download, so many are named at its end: as many as anyone reads.
pub(crate) const GIVERS_NAMED: usize = 16;

/// Reasons for which files of a download failed, that are told one by one at its end.
pub(crate) const FAILURES_TOLD: usize = 8;

/// A file that nobody fetches for this peer in this time makes place for others that are to be asked for.
pub(crate) const THROUGH_HOPELESS: Duration = Duration::from_secs(60);

/// Downloads in the queue, at most: a list that a person makes.
pub(crate) const QUEUED: usize = 1_000;

/// Downloads of the queue that run at once, at most, of those that can have something: more would come no sooner, and
/// each has files open.
pub(crate) const QUEUE_RUNNING: usize = 8;

/// Bytes that a download lacks, up to which it does not wait for one of those places: it is over in a moment.
pub(crate) const QUEUE_SMALL: u64 = 4 << 20;

/// Peers from whom a download came or is to come, that are remembered with it, at most: as many as anyone reads.
pub(crate) const QUEUE_OWNERS: usize = 8;

/// So long after a file came it is noted down, at most, with all that came meanwhile: after a crash what was not is
/// found where it lies.
pub(crate) const QUEUE_MARKS: Duration = Duration::from_secs(1);

/// Those who have a file and did not give it are tried again after this time, and after twice as long each time...
pub(crate) const QUEUE_AGAIN: Duration = Duration::from_secs(60);

/// ... up to this time.
pub(crate) const QUEUE_AGAIN_MOST: Duration = Duration::from_mins(15);

/// Bytes that the records of what was sent may take, all together: those of 30 peers with 1,000 files each.
pub(crate) const SENT_LOG: u64 = 16 << 20;

/// Of these every host may have so many, while there are some for each host.
pub(crate) const SENT_LOG_OF_HOST: u64 = 64 << 10;

/// Bytes that such a record counts as, beside its path.
pub(crate) const SENT_COST: u64 = 512;

/// Of a file that a peer has all of, what is sent again within this time belongs to the same record; milliseconds. So
/// one that asks again and again makes no more than six a minute.
pub(crate) const SENT_AGAIN: u64 = 10_000;

/// A pause between two bytes that is longer counts as so long, where it is reckoned how long sending took; milliseconds.
pub(crate) const SENT_PAUSE: u64 = 1_000;

/// Records of downloads that ended, at most: a list that the user of this peer makes.
pub(crate) const FETCHED_LOG: usize = 2_000;

/// Records of transfers are written so long after they change: what is lost when the power fails, or the process is
/// killed.
pub(crate) const LOG_WRITTEN: Duration = Duration::from_secs(1);

/// Of them so many are written at a time, at most: a stranger makes the disk write no more than a megabyte a second.
pub(crate) const LOG_WRITTEN_AT_ONCE: usize = 2_048;

/// Events that wait for one who watches what happens, at most; those that come then are counted, and told as missed.
pub(crate) const EVENTS_WAITING: usize = 1_024;

/// Bytes that offers of others may take which nobody decided about, or which are over, all together: some thousand of a
/// few files, or eight of the largest.
pub(crate) const OFFERS_HELD: u64 = 16 << 20;

/// Of them every host may have this much, while there are places for each host: an offer of 2,000 files.
pub(crate) const OFFERS_HELD_OF_HOST: u64 = 256 << 10;

/// Bytes that count for an offer beside its files: what it takes in memory and in the database.
pub(crate) const OFFER_ROW: u64 = 1 << 10;

/// Bytes that count for a file of an offer beside its path.
pub(crate) const OFFERED_FILE: usize = 96;

/// Offers of one peer that wait for the user of this one, at most: each is a line on the screen.
pub(crate) const OFFERS_OF_PEER: usize = 16;

/// Offers of one host that are fetched because the policy says so, at most: what was accepted is charged to nobody, and
/// takes places of the queue. More of them wait until one of these is over, and are charged meanwhile.
pub(crate) const OFFERS_TAKEN_OF_HOST: usize = 8;

/// Offers of all hosts that are fetched because the policy says so, at most: most of the queue is left to the user.
pub(crate) const OFFERS_TAKEN: usize = 64;

/// Milliseconds that half an offer is kept: its pages come in seconds.
pub(crate) const OFFER_COMES: u64 = 60_000;

/// Milliseconds that an offer waits for a decision, and is remembered once it is over: a day, so that whoever comes in the
/// morning sees it.
pub(crate) const OFFER_STAYS: u64 = 24 * 3_600_000;

/// Offers that the user of this peer makes and that are not over, at most: each is a thread while it is read, and an
/// open folder.
pub(crate) const OFFERS_MADE: usize = 64;

/// Folders that the paths of one offer may lie in, at most: each has a reader.
pub(crate) const OFFER_FOLDERS: usize = 16;

/// Bytes of a page of an offer, about: less than a frame may have, with the longest path.
pub(crate) const OFFER_PAGE: usize = 8 << 10;

/// What was to be said of an offer and did not come is said again after this time...
pub(crate) const OFFER_AGAIN: Duration = Duration::from_secs(2);

/// ... and no more often than this while its peer is here: then when it comes the next time.
pub(crate) const OFFER_TRIES: u32 = 30;

/// Peers of which it is remembered that something went between them and this one, at most.
pub(crate) const OFFER_KNOWN: usize = 1_000;
