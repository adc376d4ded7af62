//! `status` as people read it, and the first screen of a peer with a prompt.

use core::net::{Ipv4Addr, SocketAddrV4};
use core::ops::ControlFlow;

use super::parts::{self, ID_CHARACTERS, facts, not_shared, ports, shown_path};
use super::{Page, Show, connect, download, peers, restore, share};
use crate::cli::human::{count, number, percent, size, speed};
use crate::cli::output::{self, Style};
use crate::cli::words;
use crate::control::{
    CustodyRow, KeptFor, PortMappingRow, QueuedCounts, Reply, Status, StatusRequest, Unfinished, UploadRow,
};
use crate::text::shown;

/// Unfinished files that the first screen names.
const LEFT_SHOWN: usize = 3;

/// Owners of what is kept that are named; the rest is counted.
const NAMED: usize = 3;

#[derive(Debug)]
struct StatusShow;

/// What shows it.
pub(super) fn show(_: &StatusRequest) -> Box<dyn Show> {
    Box::new(StatusShow)
}

impl Show for StatusShow {
    fn reply(&mut self, reply: Reply, page: &mut Page) -> ControlFlow<()> {
        match reply {
            Reply::Status(facts) => output::out(&status(&facts, page.style)),
            _ => ControlFlow::Continue(()),
        }
    }
}

/// The first screen of a peer with a prompt.
pub(in crate::cli) fn welcome(status: &Status, style: Style) -> String {
    let lines = [
        ("folder", shown_path(&status.directory)),
        ("ports", ports(status.ports)),
        ("network", network(status)),
        ("sharing", sharing_from(status) + &share::rows(&status.shares)),
        ("lends", status.custody.as_ref().map(may_lend).unwrap_or_default()),
        ("queue", queued(&status.resting.queued)),
    ];
    let lines: Vec<_> = lines.into_iter().filter(|(_, text)| !text.is_empty()).collect();
    let mut left: String = status.resting.unfinished.iter().take(LEFT_SHOWN).map(unfinished_line).collect();
    if let Some(more) = status.resting.unfinished.len().checked_sub(LEFT_SHOWN + 1) {
        left.push_str(&format!("unfinished: {} more, see `status`\n", more + 1));
    }
    let hint = style.dim("`list` shows what is shared, `help` what can be typed");
    format!("{}{}{left}{hint}\n", who(status, style), facts(&lines, style))
}

fn unfinished_line(row: &Unfinished) -> String {
    format!("unfinished: {}\n", unfinished(row))
}

/// What lies unfinished, and what resumes it.
fn unfinished(row: &Unfinished) -> String {
    let id = format!("b3:{}", row.id.chars().take(ID_CHARACTERS).collect::<String>());
    let name = if row.path.is_empty() { &id } else { &row.path };
    let asked = words::quote(&row.asked);
    // What cannot be shown cannot be typed.
    let asked = if row.asked.is_empty() || shown(&asked) != asked { &id } else { &asked };
    let far = row
        .size
        .map_or_else(|| size(row.held), |all| format!("{}% of {}", percent(row.held, all), size(all)));
    format!("{} ({far}): `download {}` resumes it", shown(name), shown(asked))
}

/// What `status` says.
fn status(status: &Status, style: Style) -> String {
    let key = if status.key_exported {
        "exported"
    } else {
        "never exported: `potluck identity export FILE`, and keep that file safe"
    };
    let [_, sender_port, ..] = status.ports;
    let lines = [
        ("folder", shown_path(&status.directory)),
        ("ports", ports(status.ports)),
        ("network", network(status)),
        (
            "outside",
            status.outside.port_mapping.as_ref().map(|row| outside(row, sender_port)).unwrap_or_default(),
        ),
        ("table", status.outside.table.as_deref().map(table).unwrap_or_default()),
        ("peers", others(status)),
        ("order", order(status)),
        ("sharing", sharing(status) + &share::rows(&status.shares)),
        ("giving", giving(status)),
        ("queue", queued(&status.resting.queued)),
    ];
    let rest = [
        ("confined", confined(status)),
        ("guarded", guarded(status)),
        ("limits", limits(status)),
        ("key", key.to_owned()),
    ];
    let copies = status.custody.as_ref().map(custody).into_iter().flatten();
    let lines = lines.into_iter().chain(copies).chain(rest);
    let there: Vec<_> = lines.filter(|(_, text)| !text.is_empty()).collect();
    let mut text = who(status, style) + &facts(&there, style);
    if !status.downloads.is_empty() {
        text.push_str(&style.bold("downloads\n"));
        status.downloads.iter().for_each(|row| text.push_str(&format!("  {}\n", download::progress(row))));
    }
    if !status.resting.unfinished.is_empty() {
        text.push_str(&style.bold("unfinished\n"));
        status.resting.unfinished.iter().for_each(|row| text.push_str(&format!("  {}\n", unfinished(row))));
    }
    if !status.uploads.is_empty() {
        text.push_str(&style.bold("uploads\n"));
        status.uploads.iter().for_each(|row| text.push_str(&format!("  {}\n", upload(row))));
    }
    if !status.outside.routes.is_empty() {
        text.push_str(&style.bold("routes\n"));
        status.outside.routes.iter().for_each(|row| text.push_str(&format!("  {}\n", connect::route(row))));
    }
    if !status.warnings.is_empty() {
        text.push_str(&style.bold("warnings\n"));
        status.warnings.iter().for_each(|line| text.push_str(&format!("  {}\n", shown(line))));
    }
    text
}

/// Downloads of the queue that do not run; empty if there are none.
fn queued(counts: &QueuedCounts) -> String {
    if counts.is_empty() {
        return String::new();
    }
    let QueuedCounts { queued, waiting, paused, failed } = *counts;
    let kinds = [(queued, "queued"), (waiting, "waiting"), (paused, "paused"), (failed, "failed")];
    let kinds = kinds.into_iter().filter(|(n, _)| *n > 0).map(|(n, kind)| format!("{} {kind}", number(n)));
    format!("{}; `queue` shows them", kinds.collect::<Vec<_>>().join(", "))
}

/// Where this peer can be reached from outside, or why not.
pub(super) fn outside(row: &PortMappingRow, sender: u16) -> String {
    let protocol = row.protocol.as_deref().unwrap_or_default();
    let outside = row.outside.as_deref().and_then(|outside| outside.parse::<SocketAddrV4>().ok());
    match (row.state.as_str(), outside) {
        ("mapped", Some(outside)) => {
            let reached = format!("{outside} leads to TCP port {sender} here ({protocol})");
            if is_inside(*outside.ip()) {
                format!(
                    "{reached}, but that is no address of the Internet: another router stands in front of it"
                )
            } else {
                reached
            }
        }
        ("no_gateway", _) => "no router leads outside by IPv4".to_owned(),
        ("no_answer", _) => {
            format!(
                "the router speaks neither PCP nor NAT-PMP: TCP port {sender} can be forwarded by hand there"
            )
        }
        ("refused", _) => {
            let result = row.result.unwrap_or_default();
            format!("the router maps no port ({protocol} result {result}): allow it there")
        }
        _ => "asking the router for a port".to_owned(),
    }
}

/// What became of the search for other networks.
fn table(state: &str) -> String {
    let how = match state {
        "resolving" => "looking up its nodes",
        "joining" => "none of its nodes has answered yet",
        "announced" => "other networks of this group find this one",
        "standing_by" => "other peers here speak for this network",
        _ => return "not used any more, by a fault of potluck's; see the log".to_owned(),
    };
    format!("{how}; its nodes learn the address of this machine, and nothing of the group (`--wan`)")
}

/// True for an address that leads nowhere on the Internet (RFC 1918, RFC 6598 and the like).
const fn is_inside(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_unspecified()
        || (first == 100 && second & 0xc0 == 64)
}

fn who(status: &Status, style: Style) -> String {
    let id: String = status.id.chars().take(8).collect();
    format!("{}  {}\n", style.bold(&shown(&status.name)), style.dim(&id))
}

/// Which of the two kinds of network this is: open, or a group (docs/SECURITY.md, "What is open by choice").
fn network(status: &Status) -> String {
    let what = if status.shares.len() > 1 { "what is shared" } else { "shared/" };
    match &status.on.group {
        Some(name) => format!("group {}: only peers with its passphrase see {what}", shown(name)),
        None => format!("open: everyone on this network sees {what}"),
    }
}

/// How many others are here. If nobody is, that is most often a mistyped passphrase, where there is one and
/// others are heard; else a firewall.
fn others(status: &Status) -> String {
    let outsiders = status.counters.datagrams.outsiders;
    if status.on.peers == 0 && outsiders > 0 {
        let is_in_group = status.on.group.is_some();
        let why = if is_in_group { ", or the passphrase is wrong" } else { "; `group join` joins it" };
        return format!("0; {}{why}", parts::outsiders(outsiders, is_in_group));
    }
    if status.on.peers > 0 || status.discovery_port == 0 {
        return status.on.peers.to_string();
    }
    format!(
        "0; if there are others, a firewall may be in the way: let UDP port {} and TCP ports {} in, here and there",
        status.discovery_port,
        ports(status.ports)
    )
}

/// Its place in the order of arrival, and what follows from that.
fn order(status: &Status) -> String {
    let on = &status.on;
    let Some(number) = on.order else { return String::new() };
    let office = match (on.office, on.index.as_deref()) {
        (Some(office), _) => format!(": {}, it keeps the index", peers::office(office)),
        (None, Some("never")) => ", never keeps the index (--no-index)".to_owned(),
        (None, _) => String::new(),
    };
    format!("{number} of {}{office}", status.on.peers.saturating_add(1))
}

fn sharing(status: &Status) -> String {
    sharing_in(status, "")
}

/// What is shared, and from where.
fn sharing_from(status: &Status) -> String {
    match status.shares.len() {
        0 | 1 => sharing_in(status, " in shared/"),
        n => sharing_in(status, &format!(" in {n} folders")),
    }
}

fn sharing_in(status: &Status, folder: &str) -> String {
    if status.on.index.as_deref() == Some("first") {
        return "nothing (--index-only)".to_owned();
    }
    let mut text = format!("{}, {}{folder}", count(status.sharing.files, "file"), size(status.sharing.bytes));
    if status.sharing.hashing > 0 {
        text.push_str(&format!("; {} more being hashed", number(status.sharing.hashing)));
    }
    if let Some(left_out) = not_shared(&status.sharing.left_out) {
        text.push_str(&format!("; {left_out}"));
    }
    text
}

/// What others get beside what is shared; empty if that is nothing now.
fn giving(status: &Status) -> String {
    match status.gives {
        None => "nothing but what is shared (--no-swarm)".to_owned(),
        Some(0) => String::new(),
        Some(1) => "of 1 file that it fetches, or fetched a while ago".to_owned(),
        Some(files) => format!("of {files} files that it fetches, or fetched a while ago"),
    }
}

/// Nothing while there are none.
fn limits(status: &Status) -> String {
    let one = |what, limit: Option<u64>| limit.map(|bytes| format!("{what} at most {}", speed(bytes)));
    let both = [one("sends", status.limits.up_limit), one("fetches", status.limits.down_limit)];
    both.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn confined(status: &Status) -> String {
    let why = status.confinement.confined_why.iter().map(|why| format!(" ({})", shown(why)));
    shown(&status.confinement.confined).into_owned() + &why.collect::<String>()
}

/// What is refused to the threads that the network speaks to, beside files; empty if that is nothing.
fn guarded(status: &Status) -> String {
    let shown = status.confinement.guarded.iter().map(|name| match name.as_str() {
        "ports" => "TCP ports".into(),
        "calls" => "system calls".into(),
        other => shown(other),
    });
    shown.collect::<Vec<_>>().join(", ")
}

fn upload(row: &UploadRow) -> String {
    format!("to {}: {}, {}", shown(&row.to), size(row.bytes), speed(row.speed))
}

/// What `status` says of it: for each line what it is about, and a text; empty if there is nothing to say.
fn custody(row: &CustodyRow) -> [(&'static str, String); 5] {
    let conflict = "another peer, started later, has this peer's key: nothing is placed any more; \
                    `potluck identity new` makes this one another peer";
    let conflict = if row.conflict { conflict } else { "" };
    let lost = if row.lost > 0 { restore::missing(row.lost, "") } else { String::new() };
    let absent = if row.absent > 0 { restore::absent(row.absent) } else { String::new() };
    let conflict = ("conflict", conflict.to_owned());
    [("copies", own(row)), ("lends", lends(row)), ("lost", lost), ("absent", absent), conflict]
}

/// How many of the own files have their copies.
fn own(row: &CustodyRow) -> String {
    if row.copies < 2 && row.own_files == 0 {
        return "none on others (--copies 1)".to_owned();
    }
    if row.own_files == 0 && row.moving == 0 {
        return format!("{} of each shared file; none is there", row.copies);
    }
    let have = if row.own_whole == 1 || row.own_files == 1 { "has" } else { "have" };
    // With `--copies 1` only what `copies N FILE` named has some, each its own number.
    let wanted = if row.copies < 2 { "theirs".to_owned() } else { row.copies.to_string() };
    let (whole, all) = (number(row.own_whole), count(row.own_files, "file"));
    let mut text = format!("{whole} of {all} {have} {wanted}");
    match row.moving {
        0 => {}
        1 => text.push_str("; 1 is being placed"),
        moving => text.push_str(&format!("; {} are being placed", number(moving))),
    }
    text
}

/// What is lent, and to whom.
fn lends(row: &CustodyRow) -> String {
    let mut text = match row.lent {
        0 => "nothing".to_owned(),
        lent => format!("{}, and leaves {} free", size(lent), size(row.free_reserve)),
    };
    if row.kept_files > 0 {
        let whom =
            if row.kept_for.is_empty() { String::new() } else { format!(" for {}", whom(&row.kept_for)) };
        text.push_str(&format!("; keeps {} of {}{whom}", size(row.used), count(row.kept_files, "file")));
    }
    match row.fetching {
        0 => {}
        1 => text.push_str("; 1 more is coming"),
        more => text.push_str(&format!("; {} more are coming", number(more))),
    }
    text
}

/// What may be lent, and how to have it otherwise.
fn may_lend(row: &CustodyRow) -> String {
    match row.lent {
        0 => "nothing".to_owned(),
        lent => format!("up to {} of this disk for copies of others' files (`--lend 0`: none)", size(lent)),
    }
}

fn whom(owners: &[KeptFor]) -> String {
    let name = |o: &KeptFor| format!("{}{}", shown(&o.name), if o.away { " (away)" } else { "" });
    let text = owners.iter().take(NAMED).map(name).collect::<Vec<_>>().join(", ");
    match owners.len().saturating_sub(NAMED) {
        0 => text,
        more => format!("{text} and {} more", number(more as u64)),
    }
}

#[cfg(test)]
pub(in crate::cli) mod tests {
    use super::*;
    use crate::cli::show::download::tests::download;
    use crate::control::{
        Confinement, CountersRow, LeftOutRow, NetworkStatus, OutsideStatus, RestingDownloads, Sharing,
        SpeedLimits,
    };

    const PLAIN: Style = Style::PLAIN;

    pub(in crate::cli) fn facts() -> Status {
        Status {
            name: "peer1-k7qd".into(),
            id: "k7qdabcdefgh".into(),
            directory: "/somewhere/peer1".into(),
            ports: [1001, 1002, 1003, 1004],
            discovery_port: 27_272,
            uptime: 60,
            on: NetworkStatus { network: "open".into(), peers: 2, ..NetworkStatus::default() },
            sharing: Sharing { files: 12, bytes: 3_000_000, hashing: 1, left_out: LeftOutRow::default() },
            shares: Vec::new(),
            downloads: vec![download()],
            resting: RestingDownloads {
                queued: QueuedCounts::default(),
                unfinished: vec![Unfinished {
                    id: "3f2a9c1b00112233".into(),
                    path: "films/my film.mkv".into(),
                    asked: "my films".into(),
                    held: 40 << 20,
                    size: Some(100 << 20),
                }],
            },
            uploads: vec![UploadRow { to: "peer3".into(), bytes: 1 << 30, speed: 1 << 20 }],
            counters: CountersRow::default(),
            gives: Some(3),
            confinement: Confinement { confined: "yes".into(), confined_why: None, guarded: Vec::new() },
            limits: SpeedLimits { up_limit: Some(2 << 20), down_limit: None },
            outside: OutsideStatus::default(),
            custody: None,
            key_exported: false,
            warnings: vec!["port 1001 is taken".into()],
        }
    }

    #[test]
    fn status_says_where_a_peer_can_be_reached_from_outside_or_why_not() {
        let row = |state: &str, outside: Option<&str>, protocol: Option<&str>, result| PortMappingRow {
            state: state.to_owned(),
            outside: outside.map(str::to_owned),
            protocol: protocol.map(str::to_owned),
            result,
        };
        let said = |row| outside(&row, 2);
        let mapped = |address| said(row("mapped", Some(address), Some("PCP"), None));
        let reached = "203.0.113.5:40000 leads to TCP port 2 here (PCP)";
        assert_eq!(mapped("203.0.113.5:40000"), reached);
        for address in ["10.0.0.1:9", "192.168.1.1:9", "100.64.0.1:9", "0.0.0.0:9"] {
            assert!(mapped(address).ends_with("another router stands in front of it"));
        }
        let refused = said(row("refused", None, Some("NAT-PMP"), Some(2)));
        assert_eq!(refused, "the router maps no port (NAT-PMP result 2): allow it there");
        assert!(said(row("no_answer", None, None, None)).contains("TCP port 2 can be forwarded by hand"));
        assert_eq!(said(row("no_gateway", None, None, None)), "no router leads outside by IPv4");
        assert_eq!(said(row("asking", None, None, None)), "asking the router for a port");
        assert_eq!(said(row("of a later version", None, None, None)), "asking the router for a port");
    }

    #[test]
    fn status_says_which_network_it_is() {
        let mut facts = facts();
        insta::assert_snapshot!(status(&facts, PLAIN), @r#"
        peer1-k7qd  k7qdabcd
          folder    /somewhere/peer1
          ports     1001 to 1004
          network   open: everyone on this network sees shared/
          peers     2
          sharing   12 files, 2.9 MiB; 1 more being hashed
          giving    of 3 files that it fetches, or fetched a while ago
          confined  yes
          limits    sends at most 2.0 MiB/s
          key       never exported: `potluck identity export FILE`, and keep that file safe
        downloads
          [3] big.iso  45% of 100.0 MiB  11.0 MiB/s  5 s left  from peer2, peer3
        unfinished
          films/my film.mkv (40% of 100.0 MiB): `download "my films"` resumes it
        uploads
          to peer3: 1.0 GiB, 1.0 MiB/s
        warnings
          port 1001 is taken
        "#);
        assert_eq!(
            queued(&QueuedCounts { waiting: 2, failed: 1, ..facts.resting.queued }),
            "2 waiting, 1 failed; `queue` shows them"
        );
        let one = facts.resting.unfinished[0].clone();
        let other = Unfinished { path: String::new(), asked: "a\u{1b}".into(), size: None, ..one.clone() };
        facts.resting.unfinished = vec![one.clone(), other, one.clone(), one.clone(), one];
        let first = welcome(&facts, PLAIN);
        let left: Vec<&str> = first.lines().filter(|l| l.starts_with("unfinished")).collect();
        assert_eq!(left.len(), 4, "{first}");
        assert_eq!(left[1], "unfinished: b3:3f2a9c1b00 (40.0 MiB): `download b3:3f2a9c1b00` resumes it");
        assert_eq!(left[3], "unfinished: 2 more, see `status`");
        (facts.on.network, facts.on.group) = ("group".into(), Some("off\u{1b}ice".into()));
        facts.ports = [1001, 5, 6, 7];
        let said = status(&facts, PLAIN);
        assert!(said.contains("group off\\u{1b}ice: only peers with its passphrase"));
        facts.counters.datagrams.outsiders = 1;
        assert!(!status(&facts, PLAIN).contains("another group"));
        facts.on.peers = 0;
        assert!(
            status(&facts, PLAIN)
                .contains("0; 1 sender here speaks for another group, or the passphrase is wrong")
        );
        let mut open = facts.clone();
        open.on.group = None;
        assert!(status(&open, PLAIN).contains("0; 1 sender here speaks for a group; `group join` joins it"));
        facts.counters.datagrams.outsiders = 0;
        assert!(said.contains("1001, 5, 6, 7"));
        assert!(!said.contains("fetches at most"));
        facts.limits = SpeedLimits { up_limit: None, down_limit: Some(50 << 10) };
        assert!(status(&facts, PLAIN).contains("\n  limits    fetches at most 50.0 KiB/s\n"));
        facts.limits.down_limit = None;
        assert!(!status(&facts, PLAIN).contains("limits"));
        let row = CustodyRow { copies: 2, own_files: 12, own_whole: 12, ..CustodyRow::default() };
        facts.custody = Some(row);
        let said = status(&facts, PLAIN);
        assert!(
            said.contains("\n  copies    12 of 12 files have 2\n  lends     nothing\n  confined"),
            "{said}"
        );
        facts.gives = Some(0);
        assert!(!status(&facts, PLAIN).contains("giving"));
        facts.gives = None;
        assert!(status(&facts, PLAIN).contains("\n  giving    nothing but what is shared (--no-swarm)\n"));
    }

    #[test]
    fn whoever_is_alone_is_told_which_ports_others_need() {
        let alone = Status { on: NetworkStatus { peers: 0, ..facts().on }, ..facts() };
        let said = status(&alone, PLAIN);
        assert!(
            said.contains("firewall") && said.contains("UDP port 27272 and TCP ports 1001 to 1004"),
            "{said}"
        );
        assert!(status(&Status { discovery_port: 0, ..alone }, PLAIN).contains("  peers     0\n"));
    }

    #[test]
    fn status_says_what_confines_it() {
        let mut facts = facts();
        facts.confinement = Confinement {
            confined: "no".into(),
            confined_why: Some("--no-sandbox".into()),
            guarded: ["ports", "later"].map(str::to_owned).to_vec(),
        };
        let said = status(&facts, PLAIN);
        assert!(said.contains("\n  confined  no (--no-sandbox)\n  guarded   TCP ports, later\n"), "{said}");
    }

    fn kept_for(name: &str, away: bool) -> KeptFor {
        KeptFor { name: name.into(), id: "q".repeat(52), files: 100, bytes: 1 << 20, away }
    }

    #[test]
    fn status_tells_copies_and_what_is_lent() {
        let mut facts_of = CustodyRow {
            copies: 2,
            own_files: 12,
            own_whole: 10,
            moving: 2,
            lent: 10 << 30,
            used: 1_288_490_189,
            free_reserve: 1 << 30,
            kept_files: 300,
            fetching: 1,
            kept_for: vec![kept_for("anna", true), kept_for("bert\u{202e}", false)],
            conflict: false,
            lost: 0,
            absent: 0,
        };
        let said = |row: &CustodyRow| {
            custody(row)
                .into_iter()
                .filter(|(_, t)| !t.is_empty())
                .map(|(w, t)| format!("{w}: {t}"))
                .collect()
        };
        let lines: Vec<String> = said(&facts_of);
        assert_eq!(
            lines,
            [
                "copies: 10 of 12 files have 2; 2 are being placed",
                "lends: 10.0 GiB, and leaves 1.0 GiB free; keeps 1.2 GiB of 300 files for anna (away), \
                 bert\\u{202e}; 1 more is coming"
            ]
        );
        facts_of.kept_for.extend([kept_for("c", false), kept_for("d", false), kept_for("e", false)]);
        (facts_of.conflict, facts_of.lost, facts_of.moving, facts_of.fetching) = (true, 1, 0, 0);
        (facts_of.own_files, facts_of.own_whole) = (1, 1);
        let lines: Vec<String> = said(&facts_of);
        assert_eq!(lines[0], "copies: 1 of 1 file has 2");
        assert!(lines[1].ends_with("for anna (away), bert\\u{202e}, c and 2 more"), "{lines:?}");
        assert_eq!(
            lines[2],
            "lost: 1 file that you shared is missing, and was not deleted while potluck ran: `restore` brings \
             it back, `restore --forget` says that it was deleted"
        );
        facts_of.absent = 3;
        assert!(
            said(&facts_of)[3].starts_with("absent: 3 files that you share lie on a drive that is not there")
        );
        assert!(
            lines[3].starts_with("conflict: another peer, started later, has this peer's key"),
            "{lines:?}"
        );
        let off = CustodyRow { copies: 1, ..CustodyRow::default() };
        assert_eq!(
            said(&off) as Vec<String>,
            ["copies: none on others (--copies 1)", "lends: nothing"].map(str::to_owned)
        );
        let some = CustodyRow { own_files: 2, own_whole: 2, ..off };
        assert_eq!((said(&some) as Vec<String>)[0], "copies: 2 of 2 files have theirs");
    }
}
