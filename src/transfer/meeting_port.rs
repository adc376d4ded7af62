//! The connections of meetings (`meetings.rs`) at one of the ports.

use super::connection::{Connection, Dial};
use super::meetings::{Meeting, MeetingOutput, MeetingProved, Meetings};
use super::net::{self, ConnId, Net};
use crate::identity::PeerId;
use crate::time::Time;
use crate::wire::Message;
use crate::wire::frame::Frame;

/// All meetings of one role.
#[derive(Debug)]
pub(crate) struct MeetingPort {
    meetings: Meetings<ConnId>,
}

impl MeetingPort {
    /// `is_asking`: this end asks over the connections that come of it.
    pub(crate) fn new(is_asking: bool) -> Self {
        Self { meetings: Meetings::new(is_asking) }
    }

    /// A peer is to be met.
    pub(crate) fn begin(&mut self, now: Time, net: &mut Net, meeting: Meeting) {
        self.meetings.begin(now, meeting);
        self.pump(now, net);
    }

    /// This peer is gone.
    pub(crate) fn forget(&mut self, now: Time, net: &mut Net, peer: PeerId) {
        self.meetings.handle_gone(peer);
        self.pump(now, net);
    }

    /// TLS proved who is there. What belongs to no meeting, or was met, is for the role.
    pub(crate) fn on_proved(&mut self, now: Time, net: &mut Net, id: ConnId, peer: PeerId) -> MeetingProved {
        let proved = self.meetings.handle_proved(id, peer);
        match proved {
            MeetingProved::Met => {
                log::debug!("{peer} is met at {:?}", net.get(id).and_then(Connection::address))
            }
            MeetingProved::Stranger => {
                log::debug!("{peer} was not to be met at {:?}", net.get(id).and_then(Connection::address));
                net.close(now, id);
            }
            MeetingProved::Introducer | MeetingProved::Other => {}
        }
        self.pump(now, net);
        proved
    }

    /// True if this frame came from an introducer: then it is for none but this.
    pub(crate) fn on_frame(&mut self, now: Time, net: &mut Net, id: ConnId, frame: &Frame) -> bool {
        if !self.meetings.is_introducer(id) {
            return false;
        }
        match Message::decode(frame) {
            Ok(Some(Message::Met(met))) => self.meetings.handle_met(now, id, met.at),
            Ok(Some(Message::Refused(_))) => self.meetings.handle_refused(id),
            other => log::debug!("an introducer says what is no answer: {other:?}"),
        }
        self.pump(now, net);
        true
    }

    /// A connection is over. True if it was one of these.
    pub(crate) fn on_closed(&mut self, now: Time, net: &mut Net, id: ConnId) -> bool {
        let was_ours = self.meetings.handle_closed(now, id);
        self.pump(now, net);
        was_ours
    }

    /// When [`Self::on_timeout`] is due.
    pub(crate) fn poll_timeout(&self) -> Option<Time> {
        self.meetings.poll_timeout()
    }

    /// Dials what is due.
    pub(crate) fn on_timeout(&mut self, now: Time, net: &mut Net) {
        self.meetings.handle_timeout(now);
        self.pump(now, net);
    }

    fn pump(&mut self, now: Time, net: &mut Net) {
        while let Some(output) = self.meetings.poll_output() {
            match output {
                MeetingOutput::Dial(with, introducer) => {
                    let dialled = net.dial(now, Dial::to(&introducer, introducer.ports.sender));
                    let dialled = dialled.inspect_err(|how| {
                        log::debug!("{} cannot be asked for {with}: {how:?}", introducer.id);
                    });
                    self.meetings.handle_dialled(with, dialled.ok());
                }
                MeetingOutput::Ask(id, meet) => net.send(id, &Message::Meet(meet)),
                MeetingOutput::Punch(punch) => {
                    let punched = net::punch(net, now, &punch);
                    let punched = punched.inspect_err(|how| log::debug!("{}: {how:?}", punch.to));
                    self.meetings.handle_punched(now, punch.peer, punched.ok());
                }
                MeetingOutput::Close(id) => net.close(now, id),
            }
        }
    }
}
