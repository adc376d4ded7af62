//! What the system counts of the UDP sockets of this process (proc(5), `net/udp`).

use std::collections::BTreeSet;

/// The tables of sockets, one for each version of IP.
const TABLES: [&str; 2] = ["/proc/self/net/udp", "/proc/self/net/udp6"];

/// The open files of this process.
const OPEN: &str = "/proc/self/fd";

/// Columns of the tables: own address and port, inode, datagrams dropped.
const LOCAL: usize = 1;
const INODE: usize = 9;
const DROPPED: usize = 12;

/// What is known of the sockets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct UdpSockets {
    /// Datagrams that came while there was no space for them, at the sockets of this process.
    pub(crate) dropped: u64,
    /// Sockets of other processes on the port that was asked about.
    pub(crate) others: u64,
}

/// Looks at the sockets of this process, and at who else has one on `port`. `None` where the system does not
/// tell.
#[must_use]
pub(crate) fn sockets(port: u16) -> Option<UdpSockets> {
    let open = std::fs::read_dir(OPEN).ok()?.filter_map(Result::ok);
    let own: BTreeSet<String> = open
        .filter_map(|file| std::fs::read_link(file.path()).ok())
        .filter_map(|to| Some(to.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    let tables: Vec<String> = TABLES.iter().filter_map(|table| std::fs::read_to_string(table).ok()).collect();
    (!tables.is_empty()).then(|| count(&tables, &own, port))
}

fn count(tables: &[String], own: &BTreeSet<String>, port: u16) -> UdpSockets {
    let port = format!("{port:04X}");
    let mut found = UdpSockets::default();
    for row in tables.iter().flat_map(|table| table.lines()) {
        let columns: Vec<&str> = row.split_whitespace().collect();
        let (Some(local), Some(inode)) = (columns.get(LOCAL), columns.get(INODE)) else { continue };
        if own.contains(*inode) {
            found.dropped += columns.get(DROPPED).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
        } else if local.rsplit(':').next() == Some(&port) {
            found.others += 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_of_own_sockets_are_added_up_and_others_on_the_port_counted() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
            1: 00000000:6A88 00000000:0000 07 00000000:00000000 00:00000000 00000000  0  0 11 2 0000 5\n\
            2: 00000000:6A88 00000000:0000 07 00000000:00000000 00:00000000 00000000  0  0 12 2 0000 900\n\
            3: 00000000:1234 00000000:0000 07 00000000:00000000 00:00000000 00000000  0  0 13 2 0000 2\n\
            4: 00000000:1234 00000000:0000 07 00000000:00000000 00:00000000 00000000  0  0 14 2 0000 800\n";
        let own = ["11", "13"].map(str::to_owned).into_iter().collect();
        assert_eq!(count(&[table.to_owned()], &own, 27_272), UdpSockets { dropped: 7, others: 1 });
    }

    #[test]
    fn a_socket_of_this_process_is_known_as_its_own() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        if let Some(found) = sockets(port) {
            assert_eq!(found.others, 0);
        }
    }
}
