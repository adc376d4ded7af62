//! Which addresses lie on a network that this machine is on. Pure; its shell is `shell.rs`.

use core::net::IpAddr;

/// A network that this machine is on: address and length of the prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NetworkPrefix {
    /// Any address of it.
    pub ip: IpAddr,
    /// Bits that are equal on the link.
    pub prefix: u8,
}

impl NetworkPrefix {
    /// True if `ip` is on this link.
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        match (self.ip, ip) {
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix.min(32))).unwrap_or(0);
                a.to_bits() & mask == b.to_bits() & mask
            }
            (IpAddr::V6(a), IpAddr::V6(b)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix.min(128))).unwrap_or(0);
                a.to_bits() & mask == b.to_bits() & mask
            }
            _ => false,
        }
    }

    /// True if `ip` means everyone on this link.
    pub(super) fn is_all(&self, ip: IpAddr) -> bool {
        let (IpAddr::V4(v4), true, 0..=30) = (ip, self.contains(ip), self.prefix) else { return false };
        let hosts = u32::MAX.checked_shr(u32::from(self.prefix)).unwrap_or(0);
        let host = v4.to_bits() & hosts;
        host == 0 || host == hosts
    }
}
