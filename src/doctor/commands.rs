//! The lines that open a firewall, for whoever pastes them into a shell. Pure.
//!
//! `ufw` lets in what comes from the networks of this machine alone. `firewalld` has zones for that: an interface is
//! in the zone of its network, so that a port is enough.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::facts::{DoctorFacts, MachineFacts};
use super::limits::NETWORKS;
use crate::address::Ports;
use crate::control::FirewallState;
use crate::limits::DISCOVERY_PORT;

/// The link-local addresses of all interfaces.
const LINK_LOCAL: &str = "fe80::/10";

/// The lines for this machine.
#[derive(Debug, Default)]
pub(super) struct Openings {
    udp: u16,
    tcp: Option<Ports>,
    networks: Vec<String>,
    has_ufw: bool,
    has_firewalld: bool,
}

impl Openings {
    /// Those of the programs that are here; of both, if neither is.
    pub(super) fn of(facts: &DoctorFacts) -> Self {
        let is_here = |state| !matches!(state, None | Some(FirewallState::Absent));
        let (ufw, firewalld) = (is_here(facts.machine.ufw), is_here(facts.machine.firewalld));
        Self {
            udp: facts.peer.as_ref().map_or(DISCOVERY_PORT, |peer| peer.discovery_port),
            tcp: facts.peer.as_ref().map(|peer| peer.ports),
            networks: networks(&facts.machine),
            has_ufw: ufw || !firewalld,
            has_firewalld: firewalld || !ufw,
        }
    }

    /// One line for each program, that lets in all that this peer needs.
    pub(super) fn lines(&self) -> Vec<String> {
        let ufw = self.has_ufw.then(|| ufw(&self.networks, self.udp, self.tcp));
        let firewalld = self.has_firewalld.then(|| firewalld(self.udp, self.tcp));
        ufw.into_iter().chain(firewalld).collect()
    }
}

/// One line for each program that may be on another machine, of which nothing is known but its ports.
pub(super) fn lines_there(udp: u16, tcp: Ports) -> Vec<String> {
    vec![ufw(&[], udp, Some(tcp)), firewalld(udp, Some(tcp))]
}

fn ufw(networks: &[String], udp: u16, tcp: Option<Ports>) -> String {
    let tcp = tcp.map(|ports| in_words(ports, ':', ","));
    if networks.is_empty() {
        let tcp =
            tcp.map(|tcp| format!(" && sudo ufw allow proto tcp to any port {tcp}")).unwrap_or_default();
        return format!("sudo ufw allow {udp}/udp{tcp}");
    }
    let of = |network: &String| {
        let rule =
            |proto, port: &str| format!("sudo ufw allow proto {proto} from {network} to any port {port}");
        let tcp = tcp.as_ref().map(|tcp| rule("tcp", tcp));
        let lines: Vec<String> = std::iter::once(rule("udp", &udp.to_string())).chain(tcp).collect();
        lines.join(" && ")
    };
    networks.iter().map(of).collect::<Vec<_>>().join(" && ")
}

fn firewalld(udp: u16, tcp: Option<Ports>) -> String {
    let tcp = tcp.map(|ports| in_words(ports, '-', "/tcp --add-port="));
    let tcp = tcp.map(|tcp| format!(" --add-port={tcp}/tcp")).unwrap_or_default();
    format!("sudo firewall-cmd --permanent --add-port={udp}/udp{tcp} && sudo firewall-cmd --reload")
}

/// The four ports: as a range if they are one.
fn in_words(ports: Ports, range: char, between: &str) -> String {
    let Ports { receiver, sender, distributor, distributee } = ports;
    let all = [receiver, sender, distributor, distributee];
    let are_range = all.windows(2).all(|pair| pair[0].checked_add(1) == Some(pair[1]));
    if are_range {
        return format!("{receiver}{range}{distributee}");
    }
    all.map(|port| port.to_string()).join(between)
}

/// The networks of the interfaces that are connected. Those of IPv4 are enough where there are any.
fn networks(machine: &MachineFacts) -> Vec<String> {
    let links = machine.links.iter().filter(|link| link.is_connected && !link.is_loopback);
    let addresses: Vec<_> = links.flat_map(|link| &link.addresses).collect();
    let mut networks: Vec<String> = Vec::new();
    let v4 = addresses.iter().filter(|address| address.ip.is_ipv4());
    for address in v4 {
        networks.push(format!("{}/{}", first(address.ip, address.prefix), address.prefix));
    }
    if networks.is_empty() && !addresses.is_empty() {
        networks.push(LINK_LOCAL.to_owned());
        let others = addresses.iter().filter(|address| !is_link_local(address.ip));
        networks.extend(
            others.map(|address| format!("{}/{}", first(address.ip, address.prefix), address.prefix)),
        );
    }
    networks.sort();
    networks.dedup();
    // With more than a line can name, it is better to name none than to leave one out.
    if networks.len() > NETWORKS { Vec::new() } else { networks }
}

const fn is_link_local(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local())
}

/// The address by which a network is called.
fn first(ip: IpAddr, prefix: u8) -> IpAddr {
    match ip {
        IpAddr::V4(ip) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0);
            Ipv4Addr::from_bits(ip.to_bits() & mask).into()
        }
        IpAddr::V6(ip) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix.min(128))).unwrap_or(0);
            Ipv6Addr::from_bits(ip.to_bits() & mask).into()
        }
    }
}
