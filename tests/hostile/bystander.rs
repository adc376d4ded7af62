//! A machine that takes part in nothing, and counts what comes to it.

use core::net::Ipv4Addr;

use crate::lab::Lab;

/// A node of a lab with many addresses.
pub(crate) struct Bystander<'l> {
    lab: &'l Lab,
    node: u32,
}

impl<'l> Bystander<'l> {
    /// The address with this number.
    pub(crate) const fn address(n: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, 0, 100 + n)
    }

    /// That node has so many of these addresses from now on.
    pub(crate) fn new(lab: &'l Lab, node: u32, count: u8) -> Self {
        for n in 0..count {
            lab.netlab(&format!("exec {node} ip addr add {}/24 dev v0", Self::address(n)));
        }
        let range = format!("ip daddr {}-{}", Self::address(0), Self::address(count - 1));
        let rules = format!(
            "table inet third {{ counter dials {{ }}; counter datagrams {{ }}; chain input {{ \
             type filter hook input priority 0; {range} tcp flags & (syn | ack) == syn counter name dials; \
             {range} meta l4proto udp counter name datagrams; }}; }}"
        );
        let out = lab.inside(node, "nft").arg(rules).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        Self { lab, node }
    }

    /// TCP connections that somebody tried to make.
    pub(crate) fn dials(&self) -> u64 {
        self.counted("dials")
    }

    pub(crate) fn datagrams(&self) -> u64 {
        self.counted("datagrams")
    }

    fn counted(&self, counter: &str) -> u64 {
        let mut nft = self.lab.inside(self.node, "nft");
        let out = nft.args(["list", "counter", "inet", "third", counter]).output().unwrap();
        let text = String::from_utf8(out.stdout).unwrap();
        let number = text.split_whitespace().skip_while(|word| *word != "packets").nth(1);
        number.unwrap_or_else(|| panic!("{text}")).parse().unwrap()
    }
}
