//! The router that leads outside by IPv4 (proc_net(5), `/proc/net/route`). Other systems than Linux are not asked.

use core::net::Ipv4Addr;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// The table of the IPv4 routes of this network namespace.
const PLACE: &str = "/proc/net/route";

/// The route is usable, and leads over a gateway (`RTF_UP`, `RTF_GATEWAY` of route(7)).
const OVER_GATEWAY: u32 = 0x1 | 0x2;

/// The table, open: a thread in a sandbox cannot open it, but read it.
#[derive(Debug)]
pub(crate) struct RouteTable(File);

impl RouteTable {
    /// `None` where the system has none.
    pub(crate) fn open() -> Option<Self> {
        File::open(PLACE).ok().map(Self)
    }

    /// The router to which everything goes that has no other way; `None`: there is none.
    ///
    /// # Errors
    /// What the operating system says.
    pub(crate) fn gateway(&mut self) -> io::Result<Option<Ipv4Addr>> {
        let mut text = String::new();
        self.0.seek(SeekFrom::Start(0))?;
        self.0.read_to_string(&mut text)?;
        Ok(gateway_of(&text))
    }
}

/// Of the routes to anywhere the gateway of the one with the least metric.
fn gateway_of(table: &str) -> Option<Ipv4Addr> {
    let routes = table.lines().skip(1).filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, destination, gateway, flags, _, _, metric, mask, ..] = fields[..] else { return None };
        let hex = |field: &str| u32::from_str_radix(field, 16).ok();
        let is_default = hex(destination)? == 0 && hex(mask)? == 0;
        let is_over_gateway = hex(flags)? & OVER_GATEWAY == OVER_GATEWAY;
        // The bytes stand in the order of the network, written as a number of this machine.
        let gateway = Ipv4Addr::from(hex(gateway)?.to_ne_bytes());
        (is_default && is_over_gateway).then_some((metric.parse::<u32>().ok()?, gateway))
    });
    routes.min_by_key(|(metric, _)| *metric).map(|(_, gateway)| gateway)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An address as this machine writes it in the table.
    fn written(address: [u8; 4]) -> String {
        format!("{:08X}", u32::from_ne_bytes(address))
    }

    fn line(destination: [u8; 4], gateway: [u8; 4], flags: &str, metric: u32, mask: [u8; 4]) -> String {
        let [destination, gateway, mask] = [destination, gateway, mask].map(written);
        format!("eth0\t{destination}\t{gateway}\t{flags}\t0\t0\t{metric}\t{mask}\t0\t0\t0   \n")
    }

    #[test]
    fn the_gateway_is_that_of_the_best_route_to_anywhere() {
        let title = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";
        let near = line([10, 0, 0, 0], [0; 4], "0001", 0, [255, 255, 255, 0]);
        let far = line([10, 9, 0, 0], [10, 0, 0, 3], "0003", 0, [255, 255, 0, 0]);
        let worse = line([0; 4], [10, 0, 0, 2], "0003", 600, [0; 4]);
        let best = line([0; 4], [10, 0, 0, 1], "0003", 100, [0; 4]);
        let down = line([0; 4], [10, 0, 0, 4], "0002", 1, [0; 4]);
        let direct = line([0; 4], [0; 4], "0001", 1, [0; 4]);
        let table = |lines: &[&String]| {
            title.to_owned() + &lines.iter().map(|line| line.as_str()).collect::<String>()
        };
        let all = table(&[&near, &far, &worse, &best, &down, &direct]);
        assert_eq!(gateway_of(&all), Some([10, 0, 0, 1].into()));
        assert_eq!(gateway_of(&table(&[&near, &far, &down, &direct])), None);
        assert_eq!(gateway_of("what is this\nno table\n"), None);
    }
}
