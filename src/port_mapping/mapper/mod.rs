//! What is asked of a gateway, and when again. Pure; the shell is shell.rs.
//!
//! PCP is spoken first. A gateway that says that it speaks another version, or says nothing, is asked by NAT-PMP.
//! A mapping is renewed at half of its lifetime, and at once when the gateway has forgotten what it knew, which
//! its epoch tells. Pauses are not spread by chance, as RFC 6887 has it: of a peer there are few in a network.
//! Answers count from the gateway alone, and those of PCP only with the number that was sent to it.

use core::net::{Ipv4Addr, SocketAddrV4};
use core::time::Duration;
use std::collections::VecDeque;

use super::packets::{
    GatewayAnswer, GatewaySaid, MappingNonce, MappingRequest, nat_pmp_address, nat_pmp_map, parse, pcp_map,
};
use super::{MappingProtocol, MappingState};
use crate::time::Time;

/// How long a mapping is asked for: what RFC 6886, 3.3 recommends.
const LIFETIME: u32 = 7_200;

/// A mapping is taken to last this long at least and at most, whatever the gateway says (RFC 6887, 15).
const LIFETIMES: [u32; 2] = [120, 86_400];

/// PCP: the first pause until a request is repeated (RFC 6887, 8.1.1). Each one is twice as long as that before.
const PCP_PAUSE: Duration = Duration::from_secs(3);

/// Requests of PCP that nobody answers, until NAT-PMP is tried.
const PCP_REQUESTS: u32 = 3;

/// NAT-PMP: the same, and how many there are (RFC 6886, 3.1).
const NAT_PMP_PAUSE: Duration = Duration::from_millis(250);
const NAT_PMP_REQUESTS: u32 = 9;

/// A gateway that answers nothing, or refuses, is asked again after this time: it may be replaced by another one.
const AGAIN: Duration = Duration::from_secs(900);

/// Who asks, and of whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) gateway: Ipv4Addr,
    /// The address of this machine towards it.
    pub(super) own: Ipv4Addr,
}

/// What the shell is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Output {
    /// Send this to the gateway.
    Send(Vec<u8>),
    /// Tell the controller.
    Tell(MappingState),
}

/// The questions that are open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// So many requests were sent, of which none was answered; the next one is due.
    Asking { sent: u32, next: Time },
    /// Nothing is asked before that time.
    Resting(Time),
}

/// The epoch of a gateway, and when it was told.
#[derive(Clone, Copy, Debug)]
struct Epoch {
    told: u32,
    at: Time,
}

/// One port of this machine, and what becomes of it at the gateway.
#[derive(Debug)]
pub(super) struct PortMapper {
    /// The port of this machine.
    inside: u16,
    nonce: MappingNonce,
    route: Option<Route>,
    protocol: MappingProtocol,
    step: Option<Step>,
    epoch: Option<Epoch>,
    /// NAT-PMP: the outside address, as far as it is known.
    address: Option<Ipv4Addr>,
    /// The outside port, and until when it is ours.
    mapped: Option<(u16, Time)>,
    state: Option<MappingState>,
    outputs: VecDeque<Output>,
}

impl PortMapper {
    /// Maps the TCP port `inside`. The nonce is random.
    pub(super) const fn new(inside: u16, nonce: MappingNonce) -> Self {
        Self {
            inside,
            nonce,
            route: None,
            protocol: MappingProtocol::Pcp,
            step: None,
            epoch: None,
            address: None,
            mapped: None,
            state: None,
            outputs: VecDeque::new(),
        }
    }

    /// The next thing to do; to be called until `None` after every input.
    pub(super) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Self::handle_timeout`] is due.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        let step = self.step.map(|step| match step {
            Step::Asking { next, .. } | Step::Resting(next) => next,
        });
        let lapses = self.mapped.map(|(_, until)| until);
        step.into_iter().chain(lapses).min()
    }

    /// This is the way outside now; `None`: there is none.
    pub(super) fn handle_route(&mut self, now: Time, route: Option<Route>) {
        if self.route == route && self.state.is_some() {
            return;
        }
        self.route = route;
        (self.protocol, self.epoch, self.address, self.mapped) = (MappingProtocol::Pcp, None, None, None);
        if route.is_some() {
            self.begin(now);
        } else {
            self.step = None;
            self.tell(MappingState::NoGateway);
        }
    }

    /// The gateway sent this; whatever comes from elsewhere is not given here.
    pub(super) fn handle_datagram(&mut self, now: Time, bytes: &[u8]) {
        if self.route.is_none() {
            return;
        }
        let Some(answer) = parse(bytes) else { return };
        match (self.protocol, answer.said) {
            (MappingProtocol::Pcp, GatewaySaid::OtherVersion) => self.fall_back(now),
            (MappingProtocol::Pcp, GatewaySaid::Mapping { nonce, inside, .. })
                if nonce != self.nonce || inside != self.inside => {}
            (MappingProtocol::Pcp, GatewaySaid::Mapping { address, outside, lifetime, .. }) => {
                self.note_epoch(now, answer.epoch);
                if self.is_done(now, &answer) {
                    self.address = Some(address);
                    self.mapped(now, outside, lifetime);
                }
            }
            (MappingProtocol::NatPmp, GatewaySaid::Address(address)) => {
                let is_new = self.note_epoch(now, answer.epoch);
                if self.is_done(now, &answer) {
                    self.address = Some(address);
                    self.say_mapped();
                    if is_new {
                        self.begin(now);
                    }
                }
            }
            (MappingProtocol::NatPmp, GatewaySaid::Port { inside, outside, lifetime })
                if inside == self.inside || answer.result != 0 =>
            {
                self.note_epoch(now, answer.epoch);
                if self.is_done(now, &answer) {
                    self.mapped(now, outside, lifetime);
                }
            }
            (MappingProtocol::NatPmp, GatewaySaid::OtherVersion) => self.refused(now, answer.result),
            // Of the protocol that is not spoken any more.
            _ => {}
        }
    }

    /// Asks again, renews, gives up.
    pub(super) fn handle_timeout(&mut self, now: Time) {
        if self.mapped.is_some_and(|(_, until)| until <= now) {
            self.mapped = None;
            self.tell(MappingState::NoAnswer);
        }
        match self.step {
            Some(Step::Asking { sent, next }) if next <= now => self.ask(now, sent),
            Some(Step::Resting(until)) if until <= now => self.begin(now),
            _ => {}
        }
    }

    /// This peer ends: the gateway is to pass nothing on any more.
    pub(super) fn handle_end(&mut self) {
        if let Some((outside, _)) = self.mapped.take() {
            // NAT-PMP wants the port left open (RFC 6886, 3.4).
            let outside = if self.protocol == MappingProtocol::Pcp { outside } else { 0 };
            self.send_map(MappingRequest { inside: self.inside, outside, lifetime: 0 });
        }
        self.step = None;
    }

    fn begin(&mut self, now: Time) {
        if self.mapped.is_none() {
            self.tell(MappingState::Asking);
        }
        self.ask(now, 0);
    }

    /// Sends the request of number `sent`, or gives up.
    fn ask(&mut self, now: Time, sent: u32) {
        let (pause, most) = match self.protocol {
            MappingProtocol::Pcp => (PCP_PAUSE, PCP_REQUESTS),
            MappingProtocol::NatPmp => (NAT_PMP_PAUSE, NAT_PMP_REQUESTS),
        };
        if sent >= most {
            return self.give_up(now);
        }
        let outside = self.mapped.map_or(self.inside, |(outside, _)| outside);
        if self.protocol == MappingProtocol::NatPmp {
            self.outputs.push_back(Output::Send(nat_pmp_address()));
        }
        self.send_map(MappingRequest { inside: self.inside, outside, lifetime: LIFETIME });
        self.step = Some(Step::Asking { sent: sent + 1, next: now + pause * 2_u32.pow(sent) });
    }

    fn send_map(&mut self, wanted: MappingRequest) {
        let Some(route) = self.route else { return };
        self.outputs.push_back(Output::Send(match self.protocol {
            MappingProtocol::Pcp => pcp_map(route.own, self.nonce, wanted),
            MappingProtocol::NatPmp => nat_pmp_map(wanted),
        }));
    }

    /// Nothing answers.
    fn give_up(&mut self, now: Time) {
        if self.protocol == MappingProtocol::Pcp && self.mapped.is_none() {
            return self.fall_back(now);
        }
        if self.mapped.is_none() {
            self.tell(MappingState::NoAnswer);
        }
        // What is mapped lasts for a while; another router may be there by then, which is asked by PCP first.
        self.protocol = if self.mapped.is_none() { MappingProtocol::Pcp } else { self.protocol };
        self.step = Some(Step::Resting(now + AGAIN));
    }

    fn fall_back(&mut self, now: Time) {
        self.protocol = MappingProtocol::NatPmp;
        self.ask(now, 0);
    }

    /// False if the gateway refuses.
    fn is_done(&mut self, now: Time, answer: &GatewayAnswer) -> bool {
        if answer.result != 0 {
            self.refused(now, answer.result);
        }
        answer.result == 0
    }

    fn refused(&mut self, now: Time, result: u16) {
        self.mapped = None;
        self.tell(MappingState::Refused(self.protocol, result));
        self.step = Some(Step::Resting(now + AGAIN));
    }

    /// The gateway passes `outside` on for so many seconds.
    fn mapped(&mut self, now: Time, outside: u16, lifetime: u32) {
        if outside == 0 || lifetime == 0 {
            // A mapping that ends at once is none.
            return;
        }
        let lifetime = Duration::from_secs(lifetime.clamp(LIFETIMES[0], LIFETIMES[1]).into());
        self.mapped = Some((outside, now + lifetime));
        self.step = Some(Step::Resting(now + lifetime / 2));
        self.say_mapped();
    }

    fn say_mapped(&mut self) {
        if let (Some(address), Some((outside, _))) = (self.address, self.mapped) {
            self.tell(MappingState::Mapped(SocketAddrV4::new(address, outside), self.protocol));
        }
    }

    /// True if the gateway has forgotten what it knew since it was heard last: then its epoch is less than it
    /// would be (RFC 6886, 3.6; RFC 6887, 8.5).
    fn note_epoch(&mut self, now: Time, told: u32) -> bool {
        let before = self.epoch.replace(Epoch { told, at: now });
        before.is_some_and(|before| {
            let passed = now.since(before.at).as_secs();
            u64::from(told) + 2 < u64::from(before.told) + passed * 7 / 8
        })
    }

    fn tell(&mut self, state: MappingState) {
        if self.state != Some(state) {
            self.state = Some(state);
            self.outputs.push_back(Output::Tell(state));
        }
    }
}

#[cfg(test)]
mod tests;
