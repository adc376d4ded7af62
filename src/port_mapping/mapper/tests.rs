use super::*;

const GATEWAY: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 1);
const OWN: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 7);
const OUTSIDE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 5);
const NONCE: MappingNonce = [9; 12];
const PORT: u16 = 27_281;

fn at(seconds: u64) -> Time {
    Time::ZERO + Duration::from_secs(seconds)
}

/// A mapper that was just told the way outside.
fn begun() -> PortMapper {
    let mut mapper = PortMapper::new(PORT, NONCE);
    mapper.handle_route(at(0), Some(Route { gateway: GATEWAY, own: OWN }));
    mapper
}

fn outputs(mapper: &mut PortMapper) -> Vec<Output> {
    std::iter::from_fn(|| mapper.poll_output()).collect()
}

/// The requests that were sent; all else is forgotten.
fn sent(mapper: &mut PortMapper) -> Vec<Vec<u8>> {
    let sent = outputs(mapper).into_iter();
    sent.filter_map(|output| if let Output::Send(bytes) = output { Some(bytes) } else { None }).collect()
}

fn told(mapper: &mut PortMapper) -> Vec<MappingState> {
    let told = outputs(mapper).into_iter();
    told.filter_map(|output| if let Output::Tell(state) = output { Some(state) } else { None }).collect()
}

/// Lets time pass; when something was sent, in milliseconds.
fn pass(mapper: &mut PortMapper, until: Time) -> Vec<(u128, usize)> {
    let mut seen = Vec::new();
    while let Some(due) = mapper.poll_timeout().filter(|due| *due <= until) {
        mapper.handle_timeout(due);
        assert!(mapper.poll_timeout().is_none_or(|next| next > due), "it would spin");
        let sent = sent(mapper).len();
        if sent > 0 {
            seen.push((due.since(at(0)).as_millis(), sent));
        }
    }
    seen
}

struct PcpSays {
    nonce: MappingNonce,
    inside: u16,
    outside: u16,
    lifetime: u32,
    epoch: u32,
    result: u8,
}

const DONE: PcpSays =
    PcpSays { nonce: NONCE, inside: PORT, outside: 40_000, lifetime: 3_600, epoch: 100, result: 0 };

fn pcp(said: &PcpSays) -> Vec<u8> {
    let mut bytes = vec![2, 0x81, 0, said.result];
    bytes.extend(said.lifetime.to_be_bytes());
    bytes.extend(said.epoch.to_be_bytes());
    bytes.extend([0; 12]);
    bytes.extend(said.nonce);
    bytes.extend([6, 0, 0, 0]);
    bytes.extend(said.inside.to_be_bytes());
    bytes.extend(said.outside.to_be_bytes());
    bytes.extend(OUTSIDE.to_ipv6_mapped().octets());
    bytes
}

fn nat_pmp_address_is(epoch: u32, result: u16) -> Vec<u8> {
    let mut bytes = vec![0, 128];
    bytes.extend(result.to_be_bytes());
    bytes.extend(epoch.to_be_bytes());
    bytes.extend(OUTSIDE.octets());
    bytes
}

fn nat_pmp_port_is(epoch: u32, outside: u16, lifetime: u32) -> Vec<u8> {
    let mut bytes = vec![0, 130, 0, 0];
    bytes.extend(epoch.to_be_bytes());
    bytes.extend(PORT.to_be_bytes());
    bytes.extend(outside.to_be_bytes());
    bytes.extend(lifetime.to_be_bytes());
    bytes
}

const fn mapped(port: u16, protocol: MappingProtocol) -> MappingState {
    MappingState::Mapped(SocketAddrV4::new(OUTSIDE, port), protocol)
}

#[test]
fn a_port_is_mapped_by_pcp_renewed_at_half_of_its_time_and_released() {
    let mut mapper = begun();
    let wanted = MappingRequest { inside: PORT, outside: PORT, lifetime: LIFETIME };
    let asked = Output::Send(pcp_map(OWN, NONCE, wanted));
    assert_eq!(outputs(&mut mapper), [Output::Tell(MappingState::Asking), asked]);
    mapper.handle_datagram(at(1), &pcp(&DONE));
    assert_eq!(told(&mut mapper), [mapped(40_000, MappingProtocol::Pcp)]);
    assert_eq!(mapper.poll_timeout(), Some(at(1 + 1_800)));
    mapper.handle_timeout(at(1_801));
    let again = MappingRequest { outside: 40_000, ..wanted };
    assert_eq!(sent(&mut mapper), [pcp_map(OWN, NONCE, again)], "the port that it has is wished for");
    mapper.handle_datagram(at(1_801), &pcp(&PcpSays { epoch: 1_900, ..DONE }));
    assert_eq!(outputs(&mut mapper), [], "nothing changed");
    mapper.handle_end();
    let gone = MappingRequest { outside: 40_000, lifetime: 0, ..wanted };
    assert_eq!(sent(&mut mapper), [pcp_map(OWN, NONCE, gone)]);
}

#[test]
fn a_gateway_of_nat_pmp_alone_is_asked_by_that() {
    let mut mapper = begun();
    drop(outputs(&mut mapper));
    mapper.handle_datagram(at(1), &[0, 129, 0, 1, 0, 0, 0, 9]);
    let wanted = MappingRequest { inside: PORT, outside: PORT, lifetime: LIFETIME };
    assert_eq!(sent(&mut mapper), [nat_pmp_address(), nat_pmp_map(wanted)]);
    mapper.handle_datagram(at(1), &nat_pmp_port_is(9, 40_000, 7_200));
    assert_eq!(told(&mut mapper), [], "the address is still to come");
    mapper.handle_datagram(at(1), &nat_pmp_address_is(9, 0));
    assert_eq!(told(&mut mapper), [mapped(40_000, MappingProtocol::NatPmp)]);
    assert_eq!(mapper.poll_timeout(), Some(at(3_601)));
    mapper.handle_end();
    let gone = MappingRequest { inside: PORT, outside: 0, lifetime: 0 };
    assert_eq!(sent(&mut mapper), [nat_pmp_map(gone)]);
}

#[test]
fn who_answers_nothing_is_asked_by_both_as_often_as_the_rfcs_say_and_later_again() {
    let mut mapper = begun();
    drop(outputs(&mut mapper));
    let seen = pass(&mut mapper, at(200));
    // PCP after 3 and 6 s more, then NAT-PMP 12 s later, each pause twice the one before.
    let nat_pmp = [0, 250, 750, 1_750, 3_750, 7_750, 15_750, 31_750, 63_750];
    let expected: Vec<_> =
        [(3_000, 1), (9_000, 1)].into_iter().chain(nat_pmp.map(|ms| (21_000 + ms, 2))).collect();
    assert_eq!(seen, expected);
    assert_eq!(mapper.state, Some(MappingState::NoAnswer));
    // 64 s after the last one it gave up; a quarter of an hour later it begins with PCP.
    let later = pass(&mut mapper, at(1_100));
    assert_eq!(later.first(), Some(&(21_000 + 127_750 + 900_000, 1)));
}

#[test]
fn whoever_does_not_know_the_number_says_nothing_that_counts() {
    let mut mapper = begun();
    drop(outputs(&mut mapper));
    for forged in [
        pcp(&PcpSays { nonce: [8; 12], ..DONE }),
        pcp(&PcpSays { inside: PORT + 1, ..DONE }),
        pcp(&PcpSays { nonce: [8; 12], result: 8, ..DONE }),
        pcp(&PcpSays { outside: 0, ..DONE }),
        pcp(&PcpSays { lifetime: 0, ..DONE }),
        // Of a protocol that is not spoken.
        nat_pmp_port_is(9, 40_000, 7_200),
        nat_pmp_address_is(9, 0),
        vec![2; 1_100],
        Vec::new(),
    ] {
        mapper.handle_datagram(at(1), &forged);
        assert_eq!(outputs(&mut mapper), [], "{forged:?}");
    }
    assert_eq!(mapper.poll_timeout(), Some(at(3)), "it still waits");
    // A time that cannot be is cut.
    mapper.handle_datagram(at(2), &pcp(&PcpSays { lifetime: u32::MAX, ..DONE }));
    assert_eq!(mapper.poll_timeout(), Some(at(2 + 43_200)));
    mapper.handle_datagram(at(2), &pcp(&PcpSays { lifetime: 1, ..DONE }));
    assert_eq!(mapper.poll_timeout(), Some(at(62)));
}

#[test]
fn a_refusal_is_told_and_asked_again_later() {
    let mut mapper = begun();
    drop(outputs(&mut mapper));
    mapper.handle_datagram(at(1), &pcp(&PcpSays { result: 2, ..DONE }));
    assert_eq!(told(&mut mapper), [MappingState::Refused(MappingProtocol::Pcp, 2)]);
    assert_eq!(pass(&mut mapper, at(901)), [(901_000, 1)]);
    let mut mapper = begun();
    mapper.handle_datagram(at(1), &[0, 129, 0, 1, 0, 0, 0, 9]);
    drop(outputs(&mut mapper));
    mapper.handle_datagram(at(1), &nat_pmp_address_is(9, 3));
    assert_eq!(told(&mut mapper), [MappingState::Refused(MappingProtocol::NatPmp, 3)]);
}

#[test]
fn a_gateway_that_began_again_is_asked_at_once() {
    let mut mapper = begun();
    mapper.handle_datagram(at(1), &[0, 129, 0, 1, 0, 0, 0, 9]);
    mapper.handle_datagram(at(1), &nat_pmp_address_is(5_000, 0));
    mapper.handle_datagram(at(1), &nat_pmp_port_is(5_000, 40_000, 7_200));
    drop(outputs(&mut mapper));
    // Its clock is a little slow, which is no restart.
    mapper.handle_datagram(at(1_001), &nat_pmp_address_is(5_900, 0));
    assert_eq!(sent(&mut mapper).len(), 0);
    mapper.handle_datagram(at(1_101), &nat_pmp_address_is(20, 0));
    assert_eq!(sent(&mut mapper).len(), 2);
}

#[test]
fn another_way_outside_begins_anew_and_none_ends_it() {
    let mut mapper = begun();
    mapper.handle_datagram(at(1), &pcp(&DONE));
    drop(outputs(&mut mapper));
    let same = Route { gateway: GATEWAY, own: OWN };
    mapper.handle_route(at(2), Some(same));
    assert_eq!(outputs(&mut mapper), []);
    mapper.handle_route(at(2), None);
    assert_eq!(outputs(&mut mapper), [Output::Tell(MappingState::NoGateway)]);
    mapper.handle_datagram(at(2), &pcp(&DONE));
    assert_eq!((outputs(&mut mapper), mapper.poll_timeout()), (vec![], None));
    mapper.handle_route(at(3), Some(Route { own: [192, 168, 1, 8].into(), ..same }));
    assert_eq!(told(&mut mapper), [MappingState::Asking]);
    // A mapping that nobody renews is over in time.
    mapper.handle_datagram(at(3), &pcp(&DONE));
    drop(outputs(&mut mapper));
    drop(pass(&mut mapper, at(3 + 3_600)));
    assert_eq!(mapper.mapped, None);
}
