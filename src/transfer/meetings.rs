//! Connections with peers that neither end can dial: both ask a third one, the *introducer*, where the other's
//! connection to it comes from, and connect from the port of their own at the same moment. Pure; its shell is
//! meeting_port.rs, and what the introducer does is in sender/introductions.rs.
//!
//! An address that another one tells may be that of anybody. So few meetings go on at a time, few begin in a minute,
//! and in each of them the address is dialled a few times only.

use core::fmt::Debug;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use crate::identity::{Contact, PeerId};
use crate::rate::TokenBucket;
use crate::time::Time;
use crate::transfer::limits;
use crate::wire::message::Meet;

/// An address is dialled again this long after a dial that failed. A router refuses what comes before its own end has
/// sent something.
const AGAIN: Duration = Duration::from_secs(1);

/// The introducer is waited for this long; the other end may still have to hear that it is to come.
const ASKED: Duration = Duration::from_secs(10);

/// A peer that is to be met.
#[derive(Clone, Debug)]
pub(crate) struct Meeting {
    /// Who.
    pub(crate) with: PeerId,
    /// Who knows where it comes from.
    pub(crate) introducer: Contact,
    /// True if this end is the TLS server: that of the lower id.
    pub(crate) is_server: bool,
}

/// A connection that both ends make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Punch<C> {
    /// Whom TLS must prove.
    pub(crate) peer: PeerId,
    /// The connection whose port it goes out from: routers on the way know that one.
    pub(crate) beside: C,
    /// The address from which the other end connects.
    pub(crate) to: SocketAddr,
    /// True if this end is the TLS server.
    pub(crate) is_server: bool,
}

/// What the shell is to do.
#[derive(Clone, Debug)]
pub(crate) enum MeetingOutput<C> {
    /// Connect to this introducer, for the meeting with this peer; [`Meetings::handle_dialled`] says what came of it.
    Dial(PeerId, Contact),
    /// Ask over this connection.
    Ask(C, Meet),
    /// Connect so; [`Meetings::handle_punched`] says what came of it.
    Punch(Punch<C>),
    /// This connection is not needed any more.
    Close(C),
}

/// Whose a connection is that TLS proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MeetingProved {
    /// That of an introducer.
    Introducer,
    /// That of a peer that was to be met.
    Met,
    /// That of another peer than the one that was to be met: it is to be closed.
    Stranger,
    /// It belongs to no meeting.
    Other,
}

/// One that is on its way.
#[derive(Debug)]
struct OpenMeeting<C> {
    meeting: Meeting,
    /// The connection to the introducer. It stays, for routers keep its port by it.
    introducer: Option<C>,
    /// The other end's address, once it is known.
    to: Option<SocketAddr>,
    /// Dials that are left.
    dials: u8,
    /// The connection that is tried now.
    tried: Option<C>,
    /// When to dial, or else when to give up.
    due: Time,
}

/// All meetings of one role.
#[derive(Debug)]
pub(crate) struct Meetings<C> {
    /// True for the end that asks over the connections that come of it, false for the one that answers.
    is_asking: bool,
    open: BTreeMap<PeerId, OpenMeeting<C>>,
    begun: TokenBucket,
    outputs: VecDeque<MeetingOutput<C>>,
}

impl<C: Copy + Ord + Debug> Meetings<C> {
    /// None yet.
    pub(crate) fn new(is_asking: bool) -> Self {
        Self { is_asking, open: BTreeMap::new(), begun: TokenBucket::default(), outputs: VecDeque::new() }
    }

    /// The next thing to do; to be called until `None` after every input.
    pub(crate) fn poll_output(&mut self) -> Option<MeetingOutput<C>> {
        self.outputs.pop_front()
    }

    /// A peer is to be met. Nothing happens while it is being met, or while there are too many meetings.
    pub(crate) fn begin(&mut self, now: Time, meeting: Meeting) {
        let with = meeting.with;
        let may = self.open.len() < limits::MEETINGS && !self.open.contains_key(&with);
        if !may || !self.begun.take(now, limits::MEETING_RATE) {
            return;
        }
        self.outputs.push_back(MeetingOutput::Dial(with, meeting.introducer.clone()));
        let open = OpenMeeting {
            meeting,
            introducer: None,
            to: None,
            dials: limits::MEETING_DIALS,
            tried: None,
            due: now + ASKED,
        };
        self.open.insert(with, open);
    }

    /// The introducer for this meeting is being dialled over that connection; `None`: it cannot be.
    pub(crate) fn handle_dialled(&mut self, with: PeerId, id: Option<C>) {
        match (self.open.get_mut(&with), id) {
            (Some(open), Some(id)) => open.introducer = Some(id),
            (Some(_), None) => drop(self.open.remove(&with)),
            (None, id) => self.outputs.extend(id.map(MeetingOutput::Close)),
        }
    }

    /// True if this connection is that to an introducer, for which all that comes over it is meant.
    pub(crate) fn is_introducer(&self, id: C) -> bool {
        self.open.values().any(|open| open.introducer == Some(id))
    }

    /// TLS proved who is at the other end of a connection.
    pub(crate) fn handle_proved(&mut self, id: C, peer: PeerId) -> MeetingProved {
        if let Some(open) = self.open.values().find(|open| open.introducer == Some(id)) {
            let meet = Meet { request: 1, peer: open.meeting.with, is_asking: self.is_asking };
            self.outputs.push_back(MeetingOutput::Ask(id, meet));
            return MeetingProved::Introducer;
        }
        let Some(with) = self.of(|open| open.tried == Some(id)) else { return MeetingProved::Other };
        // The role has the connection now, and does with it what it wants.
        if let Some(open) = self.open.get_mut(&with) {
            open.tried = None;
        }
        self.end(with);
        if with == peer { MeetingProved::Met } else { MeetingProved::Stranger }
    }

    /// The introducer tells, over this connection, where the other end comes from.
    pub(crate) fn handle_met(&mut self, now: Time, id: C, at: SocketAddr) {
        let Some(with) = self.of(|open| open.introducer == Some(id)) else { return };
        if !is_routable(at) {
            self.end(with);
        } else if let Some(open) = self.open.get_mut(&with).filter(|open| open.to.is_none()) {
            (open.to, open.due) = (Some(at), now);
        }
    }

    /// The introducer refuses.
    pub(crate) fn handle_refused(&mut self, id: C) {
        if let Some(with) = self.of(|open| open.introducer == Some(id)) {
            self.end(with);
        }
    }

    /// The peer that is to be met is being dialled over that connection; `None`: it cannot be.
    pub(crate) fn handle_punched(&mut self, now: Time, with: PeerId, id: Option<C>) {
        match (self.open.get_mut(&with), id) {
            (Some(open), id) => {
                open.tried = id;
                if id.is_none() {
                    open.due = now + AGAIN;
                }
            }
            (None, id) => self.outputs.extend(id.map(MeetingOutput::Close)),
        }
    }

    /// A connection is over. True if it was one of these.
    pub(crate) fn handle_closed(&mut self, now: Time, id: C) -> bool {
        if let Some(with) = self.of(|open| open.introducer == Some(id)) {
            // Routers forget its port now, unless what is tried came through already.
            if let Some(open) = self.open.get_mut(&with) {
                open.introducer = None;
            }
            self.end(with);
            return true;
        }
        let Some(open) = self.open.values_mut().find(|open| open.tried == Some(id)) else { return false };
        (open.tried, open.due) = (None, now + AGAIN);
        true
    }

    /// This peer is gone: it is not met any more.
    pub(crate) fn handle_gone(&mut self, with: PeerId) {
        if self.open.contains_key(&with) {
            self.end(with);
        }
    }

    /// When [`Self::handle_timeout`] is due.
    pub(crate) fn poll_timeout(&self) -> Option<Time> {
        self.open.values().filter(|open| open.tried.is_none()).map(|open| open.due).min()
    }

    /// Dials what is due, and gives up what was in vain.
    pub(crate) fn handle_timeout(&mut self, now: Time) {
        let due = self.open.iter().filter(|(_, open)| open.tried.is_none() && open.due <= now);
        let due: Vec<PeerId> = due.map(|(with, _)| *with).collect();
        for with in due {
            let Some(open) = self.open.get_mut(&with) else { continue };
            match (open.introducer, open.to) {
                (Some(beside), Some(to)) if open.dials > 0 => {
                    open.dials -= 1;
                    // Until the shell says what came of it.
                    open.due = now + AGAIN;
                    let is_server = open.meeting.is_server;
                    self.outputs.push_back(MeetingOutput::Punch(Punch { peer: with, beside, to, is_server }));
                }
                _ => self.end(with),
            }
        }
    }

    /// The peer of a meeting.
    fn of(&self, is_it: impl Fn(&OpenMeeting<C>) -> bool) -> Option<PeerId> {
        self.open.iter().find(|(_, open)| is_it(open)).map(|(with, _)| *with)
    }

    fn end(&mut self, with: PeerId) {
        let ended = self.open.remove(&with).into_iter();
        let left = ended.flat_map(|open| [open.introducer, open.tried]).flatten();
        self.outputs.extend(left.map(MeetingOutput::Close));
    }
}

/// True if a peer may be at an address that nobody but a third one tells: not of this machine or of its links alone,
/// and not that of a group of hosts.
const fn is_routable(at: SocketAddr) -> bool {
    let is_other = match at.ip().to_canonical() {
        IpAddr::V4(ip) => {
            ip.is_unspecified()
                || ip.is_loopback()
                || ip.is_broadcast()
                || ip.is_multicast()
                || ip.is_link_local()
        }
        IpAddr::V6(ip) => {
            ip.is_unspecified() || ip.is_loopback() || ip.is_multicast() || ip.is_unicast_link_local()
        }
    };
    at.port() != 0 && !is_other
}

#[cfg(test)]
mod tests {
    use core::net::Ipv4Addr;

    use super::*;
    use crate::address::{Host, Ports};

    const OTHER: PeerId = PeerId([2; 32]);
    /// Connections.
    const INTRODUCER: u32 = 1;
    const FIRST: u32 = 2;
    const SECOND: u32 = 3;

    fn at(ms: u64) -> Time {
        Time::ZERO + Duration::from_secs(1_000) + Duration::from_millis(ms)
    }

    fn there() -> SocketAddr {
        (Ipv4Addr::new(203, 0, 113, 9), 40_000).into()
    }

    fn meeting(with: PeerId) -> Meeting {
        let hosts = vec![Host { ip: [10, 0, 0, 7].into(), scope: 0 }];
        let ports = Ports { receiver: 1, sender: 2, distributor: 3, distributee: 4 };
        Meeting { with, introducer: Contact { id: PeerId([7; 32]), hosts, ports }, is_server: true }
    }

    fn outputs(all: &mut Meetings<u32>) -> Vec<String> {
        let outputs = core::iter::from_fn(|| all.poll_output());
        outputs
            .map(|output| match output {
                MeetingOutput::Dial(_, contact) => format!("dial {}", contact.ports.sender),
                MeetingOutput::Ask(id, meet) => format!("ask {id}, asking: {}", meet.is_asking),
                MeetingOutput::Punch(punch) => format!("punch {} beside {}", punch.to, punch.beside),
                MeetingOutput::Close(id) => format!("close {id}"),
            })
            .collect()
    }

    /// One whose introducer was just asked.
    fn asked() -> Meetings<u32> {
        let mut all = Meetings::new(true);
        all.begin(at(0), meeting(OTHER));
        assert_eq!(outputs(&mut all), ["dial 2"]);
        all.handle_dialled(OTHER, Some(INTRODUCER));
        assert!(all.is_introducer(INTRODUCER));
        assert_eq!(all.handle_proved(INTRODUCER, PeerId([7; 32])), MeetingProved::Introducer);
        assert_eq!(outputs(&mut all), ["ask 1, asking: true"]);
        all
    }

    /// One that knows where to dial, and does.
    fn punched() -> Meetings<u32> {
        let mut all = asked();
        all.handle_met(at(100), INTRODUCER, there());
        assert_eq!(all.poll_timeout(), Some(at(100)));
        all.handle_timeout(at(100));
        assert_eq!(outputs(&mut all), ["punch 203.0.113.9:40000 beside 1"]);
        all.handle_punched(at(100), OTHER, Some(FIRST));
        assert_eq!(all.poll_timeout(), None, "the connection has a time of its own");
        all
    }

    #[test]
    fn whoever_is_met_leaves_nothing_behind() {
        let mut all = punched();
        assert_eq!(all.handle_proved(FIRST, OTHER), MeetingProved::Met);
        assert_eq!(outputs(&mut all), ["close 1"], "the introducer is not needed any more");
        assert!(all.open.is_empty() && !all.handle_closed(at(200), FIRST));
        assert_eq!(all.handle_proved(9, OTHER), MeetingProved::Other);
    }

    #[test]
    fn a_dial_that_is_refused_is_made_again_a_few_times() {
        let mut all = punched();
        let mut dials = 1;
        let mut now = at(100);
        while all.handle_closed(now, FIRST) {
            now = all.poll_timeout().unwrap();
            all.handle_timeout(now);
            match &outputs(&mut all)[..] {
                [punch] if punch.starts_with("punch") => dials += 1,
                [close] => assert_eq!(close, "close 1"),
                other => panic!("{other:?}"),
            }
            all.handle_punched(now, OTHER, Some(FIRST));
        }
        assert_eq!((dials, now), (limits::MEETING_DIALS, at(5_100)));
        // What the shell made after the end is closed.
        assert_eq!((outputs(&mut all), all.open.len()), (vec!["close 2".to_owned()], 0));
        // Nor is it dialled more often where it cannot be at once.
        let mut all = asked();
        all.handle_met(at(0), INTRODUCER, there());
        let mut dials = 0;
        while let Some(now) = all.poll_timeout() {
            all.handle_timeout(now);
            dials += outputs(&mut all).iter().filter(|o| o.starts_with("punch")).count();
            all.handle_punched(now, OTHER, None);
        }
        assert_eq!(dials, usize::from(limits::MEETING_DIALS));
    }

    #[test]
    fn another_peer_at_that_address_is_not_the_one_that_is_met() {
        let mut all = punched();
        assert_eq!(all.handle_proved(FIRST, PeerId([9; 32])), MeetingProved::Stranger);
        assert_eq!((outputs(&mut all), all.open.len()), (vec!["close 1".to_owned()], 0));
    }

    #[test]
    fn an_introducer_that_lies_refuses_or_is_silent_makes_nobody_dialled() {
        let lies = [
            "127.0.0.1:9",
            "255.255.255.255:9",
            "224.0.0.1:9",
            "0.0.0.0:9",
            "169.254.1.1:9",
            "203.0.113.9:0",
        ];
        for lie in lies.into_iter().chain(["[::1]:9", "[fe80::1]:9", "[ff02::1]:9", "[::ffff:127.0.0.1]:9"]) {
            let mut all = asked();
            all.handle_met(at(0), INTRODUCER, lie.parse().unwrap());
            assert_eq!((outputs(&mut all), all.open.len()), (vec!["close 1".to_owned()], 0), "{lie}");
        }
        let mut all = asked();
        all.handle_refused(INTRODUCER);
        assert_eq!((outputs(&mut all), all.open.len()), (vec!["close 1".to_owned()], 0));
        let mut all = asked();
        assert_eq!(all.poll_timeout(), Some(at(10_000)));
        all.handle_timeout(at(10_000));
        assert_eq!((outputs(&mut all), all.open.len()), (vec!["close 1".to_owned()], 0));
        // It says one thing, and then another.
        let mut all = punched();
        all.handle_met(at(200), INTRODUCER, "198.51.100.1:1".parse().unwrap());
        assert!(all.handle_closed(at(300), FIRST));
        all.handle_timeout(at(1_300));
        assert_eq!(outputs(&mut all), ["punch 203.0.113.9:40000 beside 1"]);
    }

    #[test]
    fn what_goes_meanwhile_ends_the_meeting() {
        let mut all = punched();
        all.handle_gone(OTHER);
        assert_eq!(
            (outputs(&mut all), all.open.len()),
            (vec!["close 1".to_owned(), "close 2".to_owned()], 0)
        );
        let mut all = punched();
        assert!(all.handle_closed(at(200), INTRODUCER));
        assert_eq!((outputs(&mut all), all.open.len()), (vec!["close 2".to_owned()], 0));
        let mut all = Meetings::new(false);
        all.begin(at(0), meeting(OTHER));
        all.handle_dialled(OTHER, None);
        assert!(all.open.is_empty());
        all.handle_dialled(OTHER, Some(SECOND));
        assert_eq!(outputs(&mut all), ["dial 2", "close 3"]);
    }

    #[test]
    fn few_meetings_begin_and_fewer_go_on() {
        let mut all = Meetings::<u32>::new(true);
        let mut begun = 0;
        for n in 0..1_000_u64 {
            let mut id = [0; 32];
            id[..8].copy_from_slice(&n.to_be_bytes());
            all.begin(at(n * 60), meeting(PeerId(id)));
            begun += outputs(&mut all).len();
            assert!(all.open.len() <= limits::MEETINGS);
            all.handle_dialled(PeerId(id), None);
        }
        // Of a minute.
        let rate = limits::MEETING_RATE;
        let most = rate.burst as usize + 60 / usize::try_from(rate.period.as_secs()).unwrap();
        assert!((most - 1..=most).contains(&begun), "{begun} meetings in a minute");
        let mut all = Meetings::<u32>::new(true);
        for n in 0..limits::MEETINGS + 1 {
            all.begin(at(0), meeting(PeerId([u8::try_from(n).unwrap(); 32])));
            all.begin(at(0), meeting(PeerId([u8::try_from(n).unwrap(); 32])));
        }
        assert_eq!((all.open.len(), outputs(&mut all).len()), (limits::MEETINGS, limits::MEETINGS));
    }
}
