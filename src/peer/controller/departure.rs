//! How the controller (mod.rs) leaves; what decides it is the machine in leaving.rs.

use core::time::Duration;

use super::{Controller, reply};
use crate::control::{ExitReport, Notice, Reply};
use crate::error::{Code, Failure};
use crate::lan;
use crate::peer::leaving::{Cause, Leaving, TellSender};
use crate::receiver::ReceiverCommand;
use crate::sender::SenderCommand;
use crate::swarm::JobId;
use crate::time::Time;
use crate::wire::datagram::PresenceState;

/// An `exit` that takes longer than this says what it waits for.
const SAY_BUSY: Duration = Duration::from_millis(600);

impl Controller {
    pub(super) fn leave(&mut self, now: Time, cause: Cause) {
        let tell = if let Some(leaving) = &mut self.state.leaving {
            self.state.say_busy = self.state.say_busy.filter(|_| cause == Cause::Exit);
            leaving.harder(now, cause)
        } else {
            let handing = cause == Cause::Exit && self.hand_over(now);
            let (mut leaving, tell) = Leaving::begin(now, cause, handing);
            if cause == Cause::AtOnce {
                leaving.harder(now, cause);
            }
            self.state.leaving = Some(leaving);
            if cause == Cause::Exit {
                // That takes a while: others are to have as many copies without this peer, and give it none.
                self.own.state = PresenceState::Leaving;
                self.tell_discovery(lan::Command::Own(self.own.clone()));
            }
            self.parts.receiver.send(ReceiverCommand::Stop);
            self.tell_discovery(lan::Command::Seek(Vec::new()));
            self.state.say_busy = (cause == Cause::Exit && !handing).then(|| now + SAY_BUSY);
            tell
        };
        self.tell_sender(tell);
    }

    fn tell_sender(&self, tell: TellSender) {
        match tell {
            TellSender::Finish => self.parts.sender.send(SenderCommand::Finish),
            TellSender::Stop => self.parts.sender.send(SenderCommand::Stop),
            TellSender::Nothing => {}
        }
    }

    /// Own files are handed over, as far as that could be done: now what others fetch is finished.
    pub(super) fn depart(&mut self, now: Time, report: ExitReport) {
        self.say_exit_report(report);
        if let Some(leaving) = &mut self.state.leaving {
            let tell = leaving.handed_over(now);
            self.state.say_busy = (tell == TellSender::Finish).then(|| now + SAY_BUSY);
            self.tell_sender(tell);
        }
    }

    /// Says whether own files stay.
    pub(super) fn say_exit_report(&mut self, report: ExitReport) {
        self.state.exits.iter().for_each(|exit| reply(exit, Reply::ExitReport(report.clone())));
        self.notice(Notice::ExitReport(report.clone()));
        self.state.exit_report = Some(report);
    }

    /// Says what an `exit` waits for: to whoever asked, and to the prompt, which shows only this notice.
    pub(super) fn say_busy(&self) {
        let busy: Vec<String> = self.state.uploads.keys().map(|id| self.state.roster.name(*id)).collect();
        let whom = if busy.is_empty() { "others".to_owned() } else { busy.join(", ") };
        let text = format!("leaving once {whom} got what is being sent; Ctrl-C leaves now");
        self.state.exits.iter().for_each(|r| reply(r, Reply::Note { text: text.clone() }));
        self.notice(Notice::Text(text));
    }

    /// The very last act: the departure is announced, the threads end, whoever waits is told.
    pub(super) fn finish(mut self) -> Option<Failure> {
        let stopped = Failure::other("this peer left; what arrived stays, `download` goes on with it");
        let jobs: Vec<JobId> = self.state.downloads.iter().map(|(id, _)| id).collect();
        for job in jobs {
            self.state.downloads.tell(job, &Reply::Failed(stopped.clone()));
        }
        self.tell_discovery(lan::Command::Leave);
        drop(self.parts);
        let report = self.state.exit_report.take().filter(|report| !report.is_safe());
        let not_kept = report.map(|report| Failure::new(Code::NotKept, report.sentence()));
        let last = self.state.failure.take().or(not_kept);
        for exit in &self.state.exits {
            reply(exit, last.clone().map_or(Reply::Done, Reply::Failed));
        }
        // A prompt that is behind learns of the end by the closed channel.
        drop(self.notices.try_send(Notice::Ended(last.clone())));
        last
    }
}
