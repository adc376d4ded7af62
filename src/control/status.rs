//! The command `status`: who this peer is, what it transfers, and who keeps what. Pure.

use std::path::PathBuf;

use clap::Args;
use serde::{Deserialize, Serialize};

use super::typed::{Proposals, TypedRequest};
use super::{DownloadRow, Office, RouteRow, ShareRow};

/// Tell who this peer is, what is being transferred, and who keeps what
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Args)]
#[command(visible_alias = "s")]
pub struct StatusRequest {}

impl TypedRequest for StatusRequest {
    fn proposals(_: &str) -> Proposals {
        Proposals::None
    }
}

/// What `status` tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Name.
    pub name: String,
    /// Id, 52 characters.
    pub id: String,
    /// Peer directory; a list of bytes if that is not UTF-8.
    #[serde(with = "super::local_path")]
    pub directory: PathBuf,
    /// Receiver, sender, distributor and distributee port.
    pub ports: [u16; 4],
    /// UDP port on which peers find each other; 0: an older peer, which does not say it.
    #[serde(default)]
    pub discovery_port: u16,
    /// Seconds since it was started.
    #[serde(default)]
    pub uptime: u64,
    /// The network, and its part in it.
    #[serde(flatten)]
    pub on: NetworkStatus,
    /// What is shared.
    #[serde(flatten)]
    pub sharing: Sharing,
    /// What is shared, by folder: `shared/`, then the others by their names. Empty: an older peer, which has `shared/`
    /// alone.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub shares: Vec<ShareRow>,
    /// Running downloads.
    pub downloads: Vec<DownloadRow>,
    /// Downloads that do not run.
    #[serde(flatten)]
    pub resting: RestingDownloads,
    /// Who is being served.
    pub uploads: Vec<UploadRow>,
    /// What was done since the start.
    #[serde(default)]
    pub counters: CountersRow,
    /// Files that are not shared of which others get what is here, for they are being fetched or were a
    /// while ago. `None`: none ever (`--no-swarm`).
    #[serde(default)]
    pub gives: Option<u64>,
    /// What a fault could reach.
    #[serde(flatten)]
    pub confinement: Confinement,
    /// How fast content may pass.
    #[serde(flatten)]
    pub limits: SpeedLimits,
    /// How it reaches other networks.
    #[serde(flatten)]
    pub outside: OutsideStatus,
    /// Copies on others, and what is kept for others; `None` while that is not known.
    #[serde(default)]
    pub custody: Option<CustodyRow>,
    /// True once the key was exported.
    pub key_exported: bool,
    /// Warnings of this run, the newest last, at most 20; then those that hold now and go by themselves, at
    /// most 8.
    pub warnings: Vec<String>,
}

/// Which network a peer is on, and its part in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkStatus {
    /// `open` or `group`.
    pub network: String,
    /// The name of the group, if it is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub group: Option<String>,
    /// Its number in the order of arrival; `None` before it has a ticket.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub order: Option<u64>,
    /// What it keeps the index as, if it does.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub office: Option<Office>,
    /// What it does for the index by its user's choice: `first` (`--index-only`) or `never` (`--no-index`); `None`: it
    /// keeps the index when its turn comes.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub index: Option<String>,
    /// Peers here, this one not counted.
    pub peers: u64,
}

/// Downloads that do not run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestingDownloads {
    /// Downloads of the queue that do not run.
    #[serde(default, skip_serializing_if = "QueuedCounts::is_empty")]
    pub queued: QueuedCounts,
    /// What lies unfinished in `downloads/`, and is not being fetched, nor in the queue; at most 100.
    #[serde(default)]
    pub unfinished: Vec<Unfinished>,
}

/// How many downloads of the queue do not run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuedCounts {
    /// Those that wait for others before them to be done.
    pub queued: u64,
    /// Those that wait for somebody who has the rest of them.
    pub waiting: u64,
    /// Those that the user paused.
    pub paused: u64,
    /// Those that failed.
    pub failed: u64,
}

impl QueuedCounts {
    /// True if there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.queued == 0 && self.waiting == 0 && self.paused == 0 && self.failed == 0
    }
}

/// What a peer shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sharing {
    /// Files shared.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files not hashed yet.
    pub hashing: u64,
    /// What lies there and is left out.
    #[serde(default, skip_serializing_if = "LeftOutRow::is_empty")]
    pub left_out: LeftOutRow,
}

/// How many files and folders are left out of what is shared, by rule. A folder counts once, with all in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOutRow {
    /// Hidden ones.
    pub hidden: u64,
    /// Temporary ones, and what systems and programs leave behind.
    pub junk: u64,
    /// Those that a `.potluckignore` names.
    pub ignored: u64,
}

impl LeftOutRow {
    /// True if nothing is.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.hidden == 0 && self.junk == 0 && self.ignored == 0
    }
}

/// How a peer reaches other networks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutsideStatus {
    /// What became of `--map-port`; `None`: no port is to be mapped.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub port_mapping: Option<PortMappingRow>,
    /// What became of `--wan`: `resolving` (the names of nodes are being looked up), `joining` (no node has answered
    /// yet), `announced`, `standing_by` (others speak for this network) or `ended` (by a fault). `None`: nothing is
    /// looked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub table: Option<String>,
    /// Links to peers on other networks, and those that are wanted.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub routes: Vec<RouteRow>,
}

/// How far the threads that the network speaks to are confined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    /// Whether the network's threads can open their own folders only: `yes`, `partly` or `no`.
    pub confined: String,
    /// Why not all of them, if so.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub confined_why: Option<String>,
    /// What is refused beside files, as far as this system can: `ports` (TCP, to threads without it),
    /// `signals` (to other processes), `calls` (sockets to threads without them, programs, other processes),
    /// and `memory` (of this process, to others of the same user).
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub guarded: Vec<String>,
}

/// Limits of speed, of all connections together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpeedLimits {
    /// Bytes a second that are sent at most, if that is limited.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub up_limit: Option<u64>,
    /// Bytes a second that are fetched at most, if that is limited.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub down_limit: Option<u64>,
}

/// What became of the port that the router is to pass on to this peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortMappingRow {
    /// `asking`, `mapped`, `no_gateway`, `no_answer` or `refused`.
    pub state: String,
    /// The address and port outside at which the sender's port can be reached, if it is mapped.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub outside: Option<String>,
    /// `PCP` or `NAT-PMP`, if the router speaks one of them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub protocol: Option<String>,
    /// The number by which the router says why, if it refuses.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub result: Option<u16>,
}

/// What a peer has done since its start (`counters.rs`); bytes, unless said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountersRow {
    /// Read in `shared/` to be hashed.
    pub hashed: u64,
    /// Given to others, copies that are kept for them included.
    pub sent: u64,
    /// Given by others.
    pub received: u64,
    /// Of these, those that nobody waited for any more when they came.
    pub discarded: u64,
    /// How often a connection had to wait for the disk workers.
    pub pool_waits: u64,
    /// Datagrams of presence.
    #[serde(default)]
    pub datagrams: DatagramsRow,
}

/// Datagrams of presence since the start of a peer: a network that floods or forges shows here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatagramsRow {
    /// Sent, every copy counted.
    pub sent: u64,
    /// That could not be sent.
    pub unsent: u64,
    /// Received and taken.
    pub taken: u64,
    /// Received and dropped, whatever the reason; the following are their parts.
    pub dropped: u64,
    /// Not potluck's, of a wrong length, or with a body that cannot be read.
    pub malformed: u64,
    /// Of a version that is not spoken here.
    pub version: u64,
    /// With a wrong signature.
    pub forged: u64,
    /// More than their sender, or all unknown senders together, may send.
    pub limited: u64,
    /// Heard before, too old, or of an instance that is over.
    pub replayed: u64,
    /// Of another network than that of this peer.
    #[serde(default)]
    pub foreign: u64,
    /// How many hosts speak for another group, or have another passphrase. No part of `dropped`.
    #[serde(default)]
    pub outsiders: u64,
}

/// One peer that is being served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadRow {
    /// Its name.
    pub to: String,
    /// Bytes sent to it.
    pub bytes: u64,
    /// Bytes a second, over the last seconds.
    pub speed: u64,
}

/// A download that was not finished, and is not running.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfinished {
    /// File id.
    pub id: String,
    /// Where it was to go, below `downloads/`; empty if that is not known.
    pub path: String,
    /// What `download` was told; empty if that is not known.
    pub asked: String,
    /// Bytes that are believed to be there.
    pub held: u64,
    /// Bytes of the whole file, if that is known.
    pub size: Option<u64>,
}

/// What `status` tells of copies on others, and of what is kept for others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustodyRow {
    /// Copies of each shared file that there are to be, the one here included; 1: none on others.
    pub copies: u8,
    /// Files shared here of which there are to be copies.
    pub own_files: u64,
    /// Of them, those that have all of them.
    pub own_whole: u64,
    /// Of them, those that are being placed.
    pub moving: u64,
    /// Bytes lent to others, at most.
    pub lent: u64,
    /// Bytes that are kept for others.
    pub used: u64,
    /// Bytes of free space that are never used for others.
    pub free_reserve: u64,
    /// Files that are kept for others.
    pub kept_files: u64,
    /// Files that are being fetched, to be kept for others.
    pub fetching: u64,
    /// For whom, those with most bytes first; at most `KEPT_FOR_TOLD`.
    pub kept_for: Vec<KeptFor>,
    /// True if another, later peer runs with this peer's key: this one places nothing any more.
    pub conflict: bool,
    /// Files that were shared, are missing, and were not seen being deleted.
    pub lost: u64,
    /// Files that are shared and cannot be seen at present, for what they lie on is not mounted.
    #[serde(default)]
    pub absent: u64,
}

/// An owner for whom something is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptFor {
    /// Its name, or the beginning of its id.
    pub name: String,
    /// Its id, 52 characters.
    pub id: String,
    /// Files of it.
    pub files: u64,
    /// Their bytes that are here.
    pub bytes: u64,
    /// True if it is not here.
    pub away: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_of_facts_do_not_show_in_json() {
        let json = concat!(
            r#"{"name":"anna","id":"k7qd","directory":"/peer","ports":[1,2,3,4],"discovery_port":27272,"uptime":60,"network":"open","peers":2,"#,
            r#""files":12,"bytes":3000000,"hashing":1,"downloads":[],"unfinished":[],"uploads":[],"#,
            r#""counters":{"hashed":0,"sent":0,"received":0,"discarded":0,"pool_waits":0,"datagrams":"#,
            r#"{"sent":0,"unsent":0,"taken":0,"dropped":0,"malformed":0,"version":0,"forged":0,"limited":0,"#,
            r#""replayed":0,"foreign":0,"outsiders":0}},"gives":3,"confined":"partly","confined_why":"an old kernel","#,
            r#""up_limit":2000000,"custody":null,"key_exported":false,"warnings":["so it is"]}"#,
        );
        let status: Status = serde_json::from_str(json).unwrap();
        assert_eq!(
            status.sharing,
            Sharing { files: 12, bytes: 3_000_000, hashing: 1, left_out: LeftOutRow::default() }
        );
        assert_eq!(status.limits, SpeedLimits { up_limit: Some(2_000_000), down_limit: None });
        assert_eq!(status.confinement.confined_why.as_deref(), Some("an old kernel"));
        assert_eq!(serde_json::to_string(&status).unwrap(), json);
        // What an older peer leaves out is not there.
        let older = json.replace(r#","confined_why":"an old kernel","up_limit":2000000,"custody":null"#, "");
        let older = older.replace(r#","discovery_port":27272,"uptime":60"#, "");
        let status: Status = serde_json::from_str(&older).unwrap();
        assert_eq!(
            (status.limits.up_limit, status.confinement.confined_why, status.custody, status.discovery_port),
            (None, None, None, 0)
        );
    }
}
