//! The datagrams of PCP (RFC 6887) and NAT-PMP (RFC 6886), as far as one TCP port is mapped by them. Pure.

use core::net::{Ipv4Addr, Ipv6Addr};

/// Bytes of a PCP request or answer for a mapping: 24 of the header, 36 of the opcode MAP.
const PCP: usize = 60;

/// The version of PCP, and that of NAT-PMP, which is the first byte of each datagram.
const PCP_VERSION: u8 = 2;
const NAT_PMP_VERSION: u8 = 0;

/// The opcode MAP of PCP, and the opcodes of NAT-PMP: the outside address, and a TCP port.
const MAP: u8 = 1;
const ADDRESS: u8 = 0;
const MAP_TCP: u8 = 2;

/// TCP, as an IP header names it.
const TCP: u8 = 6;

/// The bit of an opcode that says that it is an answer.
const ANSWER: u8 = 0x80;

/// A number that only the gateway hears: who does not know it, answers nothing (RFC 6887, 11.1).
pub(super) type MappingNonce = [u8; 12];

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MappingRequest {
    /// The TCP port of this machine.
    pub(super) inside: u16,
    /// The port of the gateway that is wished for.
    pub(super) outside: u16,
    /// Seconds; 0: the mapping is to go.
    pub(super) lifetime: u32,
}

/// What a gateway says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GatewayAnswer {
    /// 0: it is done. Else why not, as the RFC of the protocol numbers it.
    pub(super) result: u16,
    /// Seconds since the gateway lost what it knew.
    pub(super) epoch: u32,
    pub(super) said: GatewaySaid,
}

/// What an answer is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GatewaySaid {
    /// NAT-PMP: its outside address.
    Address(Ipv4Addr),
    /// NAT-PMP: the port that leads to `inside`, for so many seconds.
    Port { inside: u16, outside: u16, lifetime: u32 },
    /// PCP: both.
    Mapping { nonce: MappingNonce, inside: u16, address: Ipv4Addr, outside: u16, lifetime: u32 },
    /// It speaks another version than was spoken to it.
    OtherVersion,
}

/// The request for a mapping by PCP; `own` is the address of this machine towards the gateway.
pub(super) fn pcp_map(own: Ipv4Addr, nonce: MappingNonce, wanted: MappingRequest) -> Vec<u8> {
    let mut bytes = vec![PCP_VERSION, MAP, 0, 0];
    bytes.extend(wanted.lifetime.to_be_bytes());
    bytes.extend(own.to_ipv6_mapped().octets());
    bytes.extend(nonce);
    bytes.extend([TCP, 0, 0, 0]);
    bytes.extend(wanted.inside.to_be_bytes());
    bytes.extend(wanted.outside.to_be_bytes());
    // No address is wished for: that of IPv4, all zeros (RFC 6887, 11.1).
    bytes.extend(Ipv4Addr::UNSPECIFIED.to_ipv6_mapped().octets());
    bytes
}

/// The question of NAT-PMP for the outside address.
pub(super) fn nat_pmp_address() -> Vec<u8> {
    vec![NAT_PMP_VERSION, ADDRESS]
}

/// The request for a mapping by NAT-PMP.
pub(super) fn nat_pmp_map(wanted: MappingRequest) -> Vec<u8> {
    let mut bytes = vec![NAT_PMP_VERSION, MAP_TCP, 0, 0];
    bytes.extend(wanted.inside.to_be_bytes());
    bytes.extend(wanted.outside.to_be_bytes());
    bytes.extend(wanted.lifetime.to_be_bytes());
    bytes
}

/// Reads what a gateway sent. `None`: it is no answer to anything that is asked here.
pub(super) fn parse(bytes: &[u8]) -> Option<GatewayAnswer> {
    match *bytes {
        [PCP_VERSION, opcode, ..] if opcode & ANSWER != 0 => parse_pcp(bytes),
        [NAT_PMP_VERSION, opcode, ..] if opcode & ANSWER != 0 => parse_nat_pmp(bytes),
        _ => None,
    }
}

fn parse_pcp(bytes: &[u8]) -> Option<GatewayAnswer> {
    let (result, epoch) = (u16::from(*bytes.get(3)?), u32_at(bytes, 8)?);
    if result == super::UNSUPPORTED_VERSION {
        return Some(GatewayAnswer { result, epoch, said: GatewaySaid::OtherVersion });
    }
    // A longer one has options, of which none was asked for.
    if bytes.len() < PCP || *bytes.get(1)? != ANSWER | MAP || *bytes.get(36)? != TCP {
        return None;
    }
    let address: [u8; 16] = bytes.get(44..60)?.try_into().ok()?;
    let said = GatewaySaid::Mapping {
        nonce: bytes.get(24..36)?.try_into().ok()?,
        inside: u16_at(bytes, 40)?,
        outside: u16_at(bytes, 42)?,
        address: Ipv6Addr::from(address).to_ipv4_mapped()?,
        lifetime: u32_at(bytes, 4)?,
    };
    Some(GatewayAnswer { result, epoch, said })
}

fn parse_nat_pmp(bytes: &[u8]) -> Option<GatewayAnswer> {
    let result = u16_at(bytes, 2)?;
    let epoch = u32_at(bytes, 4).unwrap_or(0);
    let said = match *bytes.get(1)? & !ANSWER {
        // Also to the request of another version (RFC 6886, 3.5).
        _ if result == super::UNSUPPORTED_VERSION => GatewaySaid::OtherVersion,
        ADDRESS => {
            // One that refuses may leave the address out.
            let address = u32_at(bytes, 8).or_else(|| (result != 0).then_some(0))?;
            GatewaySaid::Address(address.into())
        }
        MAP_TCP => GatewaySaid::Port {
            inside: u16_at(bytes, 8)?,
            outside: u16_at(bytes, 10)?,
            lifetime: u32_at(bytes, 12)?,
        },
        _ => return None,
    };
    Some(GatewayAnswer { result, epoch, said })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WANTED: MappingRequest = MappingRequest { inside: 27_281, outside: 27_281, lifetime: 7_200 };

    /// By the figures of RFC 6887, 7.1 and 11.1.
    #[test]
    fn a_request_of_pcp_is_laid_out_as_the_rfc_draws_it() {
        let bytes = pcp_map([192, 168, 1, 7].into(), [9; 12], WANTED);
        let mut drawn = vec![2, 1, 0, 0, 0, 0, 0x1c, 0x20];
        drawn.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 168, 1, 7]);
        drawn.extend([9; 12]);
        drawn.extend([6, 0, 0, 0, 0x6a, 0x91, 0x6a, 0x91]);
        drawn.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0]);
        assert_eq!((bytes.len(), bytes), (60, drawn));
    }

    /// By the figures of RFC 6887, 7.2 and 11.1.
    #[test]
    fn an_answer_of_pcp_is_read() {
        let mut bytes = vec![2, 0x81, 0, 0, 0, 0, 0x0e, 0x10, 0, 0, 0, 5];
        bytes.extend([0; 12]);
        bytes.extend([9; 12]);
        bytes.extend([6, 0, 0, 0, 0x6a, 0x91, 0x9c, 0x40]);
        bytes.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 203, 0, 113, 5]);
        let said = GatewaySaid::Mapping {
            nonce: [9; 12],
            inside: 27_281,
            address: [203, 0, 113, 5].into(),
            outside: 40_000,
            lifetime: 3_600,
        };
        assert_eq!(parse(&bytes), Some(GatewayAnswer { result: 0, epoch: 5, said }));
        // No beginning of it is one; one for UDP, and a request, are not for us.
        assert!((0..bytes.len()).all(|n| parse(&bytes[..n]).is_none()));
        let with = |at: usize, byte: u8| {
            let mut other = bytes.clone();
            other[at] = byte;
            parse(&other)
        };
        assert_eq!((with(36, 17), with(1, 1), with(0, 3), with(54, 0)), (None, None, None, None));
        assert_eq!(with(3, 1).map(|a| a.said), Some(GatewaySaid::OtherVersion));
        assert_eq!(with(3, 8).map(|a| a.result), Some(8));
    }

    /// By the figures of RFC 6886, 3.2 and 3.3.
    #[test]
    fn nat_pmp_is_laid_out_and_read_as_the_rfc_draws_it() {
        assert_eq!(nat_pmp_address(), [0, 0]);
        assert_eq!(nat_pmp_map(WANTED), [0, 2, 0, 0, 0x6a, 0x91, 0x6a, 0x91, 0, 0, 0x1c, 0x20]);
        let address = [0, 128, 0, 0, 0, 0, 1, 0, 203, 0, 113, 5];
        let said = GatewaySaid::Address([203, 0, 113, 5].into());
        assert_eq!(parse(&address), Some(GatewayAnswer { result: 0, epoch: 256, said }));
        let port = [0, 130, 0, 0, 0, 0, 1, 1, 0x6a, 0x91, 0x9c, 0x40, 0, 0, 0x0e, 0x10];
        let said = GatewaySaid::Port { inside: 27_281, outside: 40_000, lifetime: 3_600 };
        assert_eq!(parse(&port), Some(GatewayAnswer { result: 0, epoch: 257, said }));
        // To a request of PCP, as a gateway answers that knows NAT-PMP alone.
        for other in [&[0, 129, 0, 1, 0, 0, 0, 9][..], &[0, 128, 0, 1]] {
            assert_eq!(parse(other).map(|a| a.said), Some(GatewaySaid::OtherVersion));
        }
        assert_eq!(parse(&[0, 128, 0, 2, 0, 0, 0, 9]).map(|a| a.result), Some(2), "it refuses");
        assert!(parse(&address[..11]).is_none() && parse(&port[..15]).is_none());
        assert_eq!(
            (parse(&[0, 2, 0, 0]), parse(&[0, 129, 0, 0, 0, 0, 0, 0]), parse(&[])),
            (None, None, None)
        );
    }

    proptest! {
        #[test]
        fn nothing_that_comes_makes_it_panic(bytes: Vec<u8>) {
            prop_assert!(parse(&bytes).is_none() || bytes.len() >= 4);
        }
    }
}
