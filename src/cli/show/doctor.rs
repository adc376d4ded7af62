//! `doctor` as people read it: a line for each finding, and below it the lines that help.

use core::ops::ControlFlow;

use super::parts::{self, names_of, ports, shown_path, some_names};
use super::{Page, Show, connect, status};
use crate::cli::human::{count, duration, size};
use crate::cli::output::Style;
use crate::control::{
    ClockFinding, Diagnosis, DoctorFinding, DoctorRequest, FirewallState, IndexFinding, InterfaceFinding,
    NamedPeers, Office, PortsFinding, Reply, RouteRow, Severity, ThroughFinding, UnansweredFinding,
};
use crate::text::shown;

#[derive(Debug)]
struct DoctorShow;

/// What shows it.
pub(super) fn show(_: &DoctorRequest) -> Box<dyn Show> {
    Box::new(DoctorShow)
}

impl Show for DoctorShow {
    fn reply(&mut self, reply: Reply, page: &mut Page) -> ControlFlow<()> {
        match reply {
            Reply::Finding(found) => page.line(&finding(&found, page.style)),
            _ => ControlFlow::Continue(()),
        }
    }
}

/// How far the text of a finding is from the left.
const INDENT: usize = 9;

/// One finding, and what helps.
fn finding(found: &DoctorFinding, style: Style) -> String {
    let severity = match found.severity {
        Severity::Fine => style.dim("fine     "),
        Severity::Note => style.bold("note     "),
        Severity::Problem => style.red("problem  "),
    };
    let mut text = format!("{severity}{}", sentence(&found.what));
    for command in &found.commands {
        text.push_str(&format!("\n{:INDENT$}{}", "", shown(command)));
    }
    text
}

fn sentence(what: &Diagnosis) -> String {
    match what {
        Diagnosis::NoPeer => {
            "no peer runs in this folder, so only this machine was looked at; start one with `potluck`"
                .to_owned()
        }
        Diagnosis::Interface(found) => interface(found),
        Diagnosis::NoNetwork => {
            "no interface leads to others: plug a cable in, or join a wireless network".to_owned()
        }
        Diagnosis::NobodyHeard { sent, seconds, firewall } => nobody_heard(*sent, *seconds, *firewall),
        Diagnosis::Deaf { peers, seconds } => deaf(*peers, *seconds),
        Diagnosis::Ports(found) => own_ports(found),
        Diagnosis::Reached { peers, seconds } => {
            format!("{} connected to this one, the last {} ago", count(*peers, "peer"), duration(*seconds))
        }
        Diagnosis::NotReachable(peers) => not_reachable(peers),
        Diagnosis::CannotReach(peers) => cannot_reach(peers),
        Diagnosis::Blocked(peers) => blocked(peers),
        Diagnosis::Through(found) => through(found),
        Diagnosis::Unanswered(found) => unanswered(found),
        Diagnosis::Outsiders { hosts, group, peers } => outsiders(*hosts, group.as_deref(), *peers),
        Diagnosis::Route(row) => route(row),
        Diagnosis::PortMapping(found) => {
            format!("from outside: {}", status::outside(&found.mapping, found.port))
        }
        Diagnosis::Index(found) => index(found),
        Diagnosis::Firewalls { ufw, firewalld } => firewalls(*ufw, *firewalld),
        Diagnosis::Space { folder, available: Some(bytes) } => {
            format!("{} free in {}", size(*bytes), shown_path(folder))
        }
        Diagnosis::Space { folder, available: None } => {
            format!("how much is free in {} cannot be told", shown_path(folder))
        }
        Diagnosis::Sandbox { confined, why } => {
            let why = why.as_ref().map(|why| format!(" ({})", shown(why))).unwrap_or_default();
            format!("confined to its folders: {}{why}", shown(confined))
        }
        Diagnosis::Descriptors { used, allowed } => {
            let used = used.map(|used| format!("{used} open, ")).unwrap_or_default();
            format!("files and connections: {used}{allowed} allowed")
        }
        Diagnosis::Watches { used, allowed } => {
            let used = used.map(|used| format!("{used} watched by this peer, ")).unwrap_or_default();
            format!("folders that are watched for changes: {used}{allowed} allowed to this user")
        }
        Diagnosis::DroppedDatagrams { count: dropped } => format!(
            "the system dropped {} that came faster than they could be read; more fit in after a restart with",
            count(*dropped, "datagram")
        ),
        Diagnosis::SameMachine { peers, sockets } => same_machine(*peers, *sockets),
        Diagnosis::Clock(found) => clock(found),
    }
}

fn deaf(peers: u64, seconds: u64) -> String {
    let are = if peers == 1 { "1 peer is".to_owned() } else { format!("{peers} peers are") };
    format!(
        "{are} here, but nothing that others say to everyone was heard for {}: a firewall here, or an access point \
         that passes on no broadcasts; they are asked one by one. Who is missing is joined by `connect HOST`. A \
         firewall here is opened by",
        duration(seconds)
    )
}

fn not_reachable(peers: &NamedPeers) -> String {
    format!(
        "{} could not connect here, {} ago, and had to ask this peer to connect: that works, but takes longer. A \
         firewall here is opened by",
        named(peers),
        duration(peers.seconds)
    )
}

fn cannot_reach(peers: &NamedPeers) -> String {
    format!(
        "this peer could not connect to {}, {} ago, and had to ask to be connected to: that works, but takes longer. \
         A firewall there is opened, there, by",
        named(peers),
        duration(peers.seconds)
    )
}

fn blocked(peers: &NamedPeers) -> String {
    format!(
        "{} and this peer cannot connect to each other, so neither gets files of the other. It is enough to open the \
         firewall on one side, here by",
        named(peers)
    )
}

fn through(found: &ThroughFinding) -> String {
    let owners = names_of(&found.names, found.count);
    format!(
        "{owners} and this peer cannot connect to each other, and what is shared there comes through {}: that works, \
         but takes longer. It is enough to open the firewall on one side, here by",
        some_names(&found.carriers)
    )
}

/// Who speaks for another group, and what is to be done about it if nobody of the own network is here.
fn outsiders(hosts: u64, group: Option<&str>, peers: u64) -> String {
    let who = parts::outsiders(hosts, group.is_some());
    match group {
        _ if peers > 0 => who,
        None => format!(
            "{who}, and nobody else is in the open network. Who has the passphrase joins the group by"
        ),
        Some(group) => format!(
            "{who}, or the passphrase is wrong: nobody else of the group {} is here. The first line shows the \
             passphrase, to be compared with that of the others; the second one asks for it again",
            shown(group)
        ),
    }
}

/// A route, and what may be done about one that is not up.
fn route(row: &RouteRow) -> String {
    let what = match row.state.as_str() {
        "served" => format!("link {}", connect::route(row)),
        _ => format!("route to {}", connect::route(row)),
    };
    match (row.state.as_str(), &row.fault) {
        ("up" | "served", _) | (_, None) => what,
        _ => format!(
            "{what}. A peer must run there, and be reached at that TCP port; `disconnect {}` ends this",
            shown(&row.target)
        ),
    }
}

/// Who keeps the index, and what may be done where nobody does.
fn index(found: &IndexFinding) -> String {
    let named = |name: &Option<String>, office| match (name, found.own) {
        (Some(_), Some(own)) if own == office => Some("this peer".to_owned()),
        (name, _) => name.as_ref().map(|name| shown(name).into_owned()),
    };
    match (named(&found.supernode, Office::Supernode), named(&found.deputy, Office::Deputy)) {
        (Some(first), Some(second)) => format!("{first} keeps the index for all, and {second} stands in"),
        (Some(first), None) => format!("{first} keeps the index for all, and nobody stands in"),
        (None, _) if found.large => {
            "nobody keeps the index of this large network, so that each search asks all \
                                     peers. A machine that does nothing else keeps it by"
                .to_owned()
        }
        (None, _) => "nobody keeps the index".to_owned(),
    }
}

fn same_machine(peers: u64, sockets: Option<u64>) -> String {
    let sockets = match sockets {
        None | Some(0) => String::new(),
        Some(n) => format!("; {} of other programs on the discovery port", count(n, "socket")),
    };
    format!("{} on this machine{sockets}", count(peers, "other peer"))
}

fn clock(found: &ClockFinding) -> String {
    if found.too_early {
        return format!(
            "the clock is wrong: it says {} seconds since 1970, and this program is newer",
            found.unix
        );
    }
    match found.jumped {
        0 => "the clock runs".to_owned(),
        by => {
            let way = if by < 0 { "back" } else { "forward" };
            format!("the clock was set {way} by {} since the start", duration(by.unsigned_abs()))
        }
    }
}

fn interface(found: &InterfaceFinding) -> String {
    let name = shown(&found.name);
    if !found.up {
        return format!("{name} is switched off");
    }
    if !found.connected {
        return format!("{name} has no cable, or no wireless network");
    }
    if found.addresses.is_empty() {
        return format!("{name} has no address");
    }
    let addresses = found.addresses.iter().map(|address| shown(address)).collect::<Vec<_>>().join(", ");
    if !found.used {
        return format!("{name} ({addresses}) is up");
    }
    let mut text = format!(
        "{name} ({addresses}): sent {} to everyone, heard {} of others, {} there",
        count(found.sent, "datagram"),
        found.heard,
        count(found.peers, "peer")
    );
    if found.unsent > 0 {
        text.push_str(&format!("; {} could not be sent", found.unsent));
    }
    if let Some(error) = &found.error {
        text.push_str(&format!(", the last one because: {}", shown(error)));
    }
    text
}

fn nobody_heard(sent: u64, seconds: u64, firewall: bool) -> String {
    let sent = format!("sent {} in {}, and heard nobody", count(sent, "datagram"), duration(seconds));
    let why = if firewall {
        "a firewall is switched on here, and may keep others out; it is opened by"
    } else {
        "nobody else is here, or a firewall keeps them out, or they are on another network, or the access point keeps \
         its devices apart. Who is on another network is joined by `connect HOST`. A firewall here is opened by"
    };
    format!("{sent}: {why}")
}

fn own_ports(found: &PortsFinding) -> String {
    let own = found.own_udp.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
    let moved =
        found.moved.as_ref().map(|why| format!(" instead of {} and so on: {}", found.wanted, shown(why)));
    format!(
        "listens on TCP ports {}{}; UDP port {}, and speaks from {own}",
        ports(found.tcp),
        moved.unwrap_or_default(),
        found.udp
    )
}

fn unanswered(found: &UnansweredFinding) -> String {
    format!(
        "{} at {} was heard for {}, but answers nothing: a firewall there lets nothing in. It is opened, there, by",
        shown(&found.name),
        shown(&found.address),
        duration(found.seconds)
    )
}

fn firewalls(ufw: FirewallState, firewalld: FirewallState) -> String {
    let one = |name, state| match state {
        FirewallState::Absent => None,
        FirewallState::Off => Some(format!("{name} is switched off")),
        FirewallState::On => Some(format!("{name} is switched on")),
        FirewallState::Unknown => Some(format!("whether {name} is switched on, only root can see")),
    };
    let both: Vec<_> = [one("ufw", ufw), one("firewalld", firewalld)].into_iter().flatten().collect();
    if both.is_empty() {
        return "neither ufw nor firewalld is here; whether there are other rules, only root can see"
            .to_owned();
    }
    format!("firewall: {}", both.join("; "))
}

fn named(peers: &NamedPeers) -> String {
    names_of(&peers.names, peers.count)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Style = Style::PLAIN;

    fn text(severity: Severity, what: Diagnosis, commands: &[&str]) -> String {
        let commands = commands.iter().map(|line| (*line).to_owned()).collect();
        finding(&DoctorFinding { severity, what, commands }, PLAIN)
    }

    #[test]
    fn what_helps_stands_on_a_line_of_its_own() {
        let what = Diagnosis::NobodyHeard { sent: 12, seconds: 65, firewall: true };
        insta::assert_snapshot!(text(Severity::Problem, what, &["sudo ufw allow 27272/udp"]), @r"
        problem  sent 12 datagrams in 1 min 5 s, and heard nobody: a firewall is switched on here, and may keep others out; it is opened by
                 sudo ufw allow 27272/udp
        ");
    }

    #[test]
    fn what_leads_outside_and_through_others_is_told_in_whole_sentences() {
        let outsiders = |hosts, group: Option<&str>, peers| Diagnosis::Outsiders {
            hosts,
            group: group.map(str::to_owned),
            peers,
        };
        let route = |state: &str, fault: Option<&str>| {
            Diagnosis::Route(Box::new(RouteRow {
                target: "nas:27280".to_owned(),
                state: state.to_owned(),
                name: Some("anna".to_owned()),
                peer: Some("a".repeat(52)),
                seconds: 5,
                peers: 2,
                fault: fault.map(str::to_owned),
                ..RouteRow::default()
            }))
        };
        let mapping = |state: &str| {
            let mapping = crate::control::PortMappingRow {
                state: state.to_owned(),
                outside: None,
                protocol: None,
                result: None,
            };
            Diagnosis::PortMapping(crate::control::PortMappingFinding { port: 27_281, mapping })
        };
        let through = ThroughFinding {
            names: ["bob", "carl"].map(str::to_owned).to_vec(),
            count: 2,
            carriers: vec!["eve".to_owned()],
        };
        let all = [
            outsiders(2, Some("office"), 0),
            outsiders(1, Some("office"), 4),
            outsiders(1, None, 0),
            outsiders(2, None, 4),
            route("up", None),
            route("served", None),
            route("connecting", None),
            route("waiting", Some("no answer")),
            mapping("no_answer"),
            mapping("asking"),
            Diagnosis::Through(through),
        ];
        let all: Vec<String> = all.iter().map(sentence).collect();
        insta::assert_snapshot!(all.join("\n"), @"
        2 senders here speak for another group, or the passphrase is wrong: nobody else of the group office is here. The first line shows the passphrase, to be compared with that of the others; the second one asks for it again
        1 sender here speaks for another group
        1 sender here speaks for a group, and nobody else is in the open network. Who has the passphrase joins the group by
        2 senders here speak for a group
        route to nas:27280: up for 5 s, to anna aaaaaaaa, 2 peers through it
        link made by anna aaaaaaaa, 2 peers through it
        route to nas:27280; connecting
        route to nas:27280: no answer; tried again in 5 s. A peer must run there, and be reached at that TCP port; `disconnect nas:27280` ends this
        from outside: the router speaks neither PCP nor NAT-PMP: TCP port 27281 can be forwarded by hand there
        from outside: asking the router for a port
        bob, carl and this peer cannot connect to each other, and what is shared there comes through eve: that works, but takes longer. It is enough to open the firewall on one side, here by
        ");
    }

    #[test]
    fn who_keeps_the_index_is_told() {
        let index = |names: [Option<&str>; 2], own, large| {
            let [supernode, deputy] = names.map(|name| name.map(str::to_owned));
            sentence(&Diagnosis::Index(IndexFinding { supernode, deputy, own, large }))
        };
        let all = [
            index([Some("anna"), Some("bert")], None, true),
            index([Some("anna"), Some("bert")], Some(Office::Deputy), false),
            index([Some("anna"), None], Some(Office::Supernode), false),
            index([None, None], None, false),
            index([None, None], None, true),
        ];
        insta::assert_snapshot!(all.join("\n"), @r"
        anna keeps the index for all, and bert stands in
        anna keeps the index for all, and this peer stands in
        this peer keeps the index for all, and nobody stands in
        nobody keeps the index
        nobody keeps the index of this large network, so that each search asks all peers. A machine that does nothing else keeps it by
        ");
    }

    #[test]
    fn nothing_of_strangers_reaches_the_terminal_raw() {
        let evil = "\u{1b}[31m\r\u{202e}".to_owned();
        let peers = NamedPeers { names: vec![evil.clone(); 9], count: 2_000, seconds: 4 };
        let silent = UnansweredFinding {
            name: evil.clone(),
            id: evil.clone(),
            address: evil.clone(),
            ports: [1, 2, 3, 4],
            seconds: 3,
        };
        let interface = InterfaceFinding {
            name: evil.clone(),
            addresses: vec![evil.clone()],
            up: true,
            connected: true,
            used: true,
            error: Some(evil.clone()),
            ..InterfaceFinding::default()
        };
        let all = [
            Diagnosis::NotReachable(peers.clone()),
            Diagnosis::CannotReach(peers.clone()),
            Diagnosis::Blocked(peers),
            Diagnosis::Through(ThroughFinding {
                names: vec![evil.clone(); 9],
                count: 9,
                carriers: vec![evil.clone()],
            }),
            Diagnosis::Unanswered(silent),
            Diagnosis::Outsiders { hosts: 2, group: Some(evil.clone()), peers: 0 },
            Diagnosis::Route(Box::new(RouteRow {
                target: evil.clone(),
                state: "waiting".to_owned(),
                fault: Some(evil.clone()),
                ..RouteRow::default()
            })),
            Diagnosis::Interface(interface),
            Diagnosis::Index(IndexFinding {
                supernode: Some(evil.clone()),
                deputy: Some(evil.clone()),
                own: None,
                large: false,
            }),
            Diagnosis::Sandbox { confined: evil.clone(), why: Some(evil.clone()) },
        ];
        for what in all {
            let text = text(Severity::Note, what, &[&evil]);
            assert!(!text.chars().any(|c| c != '\n' && crate::text::is_unprintable(c)), "{text:?}");
        }
    }
}
