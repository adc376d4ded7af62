//! How this peer leaves: who waits for it, what is said on the way, and how it ends. What decides when is the
//! machine in leaving.rs. Pure.

use core::time::Duration;

use super::event::AskId;
use super::leaving::{Cause, Leaving, Tell, TellSender};
use super::limits;
use super::output::{Outputs, PeerOutput};
use super::shared::OwnPaths;
use crate::content::FileId;
use crate::control::{ExitReport, NotKept, NotKeptReason, Notice, Reply};
use crate::custody::handoff::{HandoffProgress, HandoffReport, NotKeptCause};
use crate::error::{Code, Failure};
use crate::lan;
use crate::receiver::ReceiverCommand;
use crate::sender::SenderCommand;
use crate::time::Time;

/// An `exit` that takes longer than this says what it waits for.
const SAY_BUSY: Duration = Duration::from_millis(600);

/// How far a departure is, is reported once in this time.
const TELL_LEAVING: Duration = Duration::from_millis(250);

/// The departure, if it was begun.
#[derive(Debug, Default)]
pub(super) struct Departure {
    leaving: Option<Leaving>,
    /// When it is said what an `exit` waits for.
    say_busy: Option<Time>,
    /// When it was reported how far the departure is.
    reported: Option<Time>,
    /// Whoever asked for the departure and waits for it.
    exits: Vec<AskId>,
    /// What could be said of own files when they were handed over.
    exit_report: Option<ExitReport>,
    /// Why the peer ends, if not because somebody wanted it to.
    failure: Option<Failure>,
    /// It is to start again, in another network.
    is_for_another: bool,
    /// The peer has left.
    is_finished: bool,
}

impl Departure {
    /// True once the peer is leaving.
    pub(super) const fn is_begun(&self) -> bool {
        self.leaving.is_some()
    }

    /// Somebody waits for the end of this peer.
    pub(super) fn watch(&mut self, ask: AskId) {
        self.exits.push(ask);
    }

    /// Whether the peer starts again once it has left: it only changes its network. Whoever asks it to leave
    /// for good meanwhile is obeyed.
    pub(super) const fn set_for_another(&mut self, is_for_another: bool) {
        self.is_for_another = is_for_another;
    }

    /// The peer ends for a reason that nobody wanted. Of several the first one is told.
    pub(super) fn fail(&mut self, failure: Failure) {
        self.failure.get_or_insert(failure);
    }

    /// Begins to leave; `is_handing`: own files are handed over first.
    pub(super) fn begin(&mut self, now: Time, cause: Cause, is_handing: bool, out: &mut Outputs) {
        let (mut leaving, tell) = Leaving::begin(now, cause, is_handing);
        if cause == Cause::AtOnce {
            leaving.harder(now, cause);
        }
        self.leaving = Some(leaving);
        self.say_busy = (cause == Cause::Exit && !is_handing).then(|| now + SAY_BUSY);
        tell_parts(tell, out);
    }

    /// Another cause came while it is leaving.
    pub(super) fn harder(&mut self, now: Time, cause: Cause, out: &mut Outputs) {
        if let Some(leaving) = &mut self.leaving {
            self.say_busy = self.say_busy.filter(|_| cause == Cause::Exit);
            tell_parts(leaving.harder(now, cause), out);
        }
    }

    /// So many bytes were sent to those who still are served.
    pub(super) fn sent(&mut self, now: Time, bytes: u64) {
        if let Some(leaving) = &mut self.leaving {
            leaving.handle_sent(now, bytes);
        }
    }

    /// The sender has nothing under way any more.
    pub(super) const fn sender_stopped(&mut self) {
        if let Some(leaving) = &mut self.leaving {
            leaving.handle_sender_stopped();
        }
    }

    /// The receiver has written everything down.
    pub(super) const fn receiver_stopped(&mut self) {
        if let Some(leaving) = &mut self.leaving {
            leaving.handle_receiver_stopped();
        }
    }

    /// How far the handing over of own files is. `paths` is asked only if that is told now: of many files it
    /// takes a while.
    pub(super) fn handing_over<'a>(
        &mut self,
        now: Time,
        progress: &HandoffProgress,
        paths: impl FnOnce() -> OwnPaths<'a>,
        out: &mut Outputs,
    ) {
        if self.reported.is_some_and(|at| now.since(at) < TELL_LEAVING) {
            return;
        }
        self.reported = Some(now);
        let paths = paths();
        let files = |paths: &Vec<_>| paths.len() as u64;
        let total = paths.values().map(files).sum::<u64>();
        let left = progress.left.iter().filter_map(|file| paths.get(file)).map(files).sum::<u64>();
        let (done, bytes_left) = (total.saturating_sub(left), progress.bytes_left);
        self.reply_all(&Reply::Leaving { done, total, bytes_left }, out);
        out.notice(Notice::Leaving { done, total, bytes_left });
    }

    /// Own files are handed over, as far as that could be done: now what others fetch is finished.
    pub(super) fn handed_over(
        &mut self,
        now: Time,
        report: &HandoffReport,
        paths: &OwnPaths<'_>,
        out: &mut Outputs,
    ) {
        self.say_exit_report(exit_report(report, paths), out);
        if let Some(leaving) = &mut self.leaving {
            let tell = leaving.handed_over(now);
            self.say_busy = (tell.sender == TellSender::Finish).then(|| now + SAY_BUSY);
            tell_parts(tell, out);
        }
    }

    /// Says that nobody is known to keep any of this peer's files.
    pub(super) fn nothing_kept(&mut self, paths: OwnPaths<'_>, out: &mut Outputs) {
        let why = NotKeptReason::Unfinished;
        let all = paths.into_values().flatten();
        let mut not_kept: Vec<NotKept> =
            all.map(|(path, size)| NotKept { path: path.as_str().to_owned(), size, why }).collect();
        let total = not_kept.len() as u64;
        not_kept.truncate(limits::NOT_KEPT_TOLD);
        self.say_exit_report(ExitReport { total, not_kept, ..ExitReport::default() }, out);
    }

    /// When [`Self::handle_timeout`] is to be called, or [`Self::is_over`] becomes true.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        if self.is_finished {
            return None;
        }
        let leaving = self.leaving.as_ref().and_then(Leaving::poll_timeout);
        [leaving, self.say_busy].into_iter().flatten().min()
    }

    /// Says what an `exit` waits for, once that takes a while: to whoever asked, and to the prompt, which
    /// shows only this notice. `names`: those who are served.
    pub(super) fn handle_timeout(
        &mut self,
        now: Time,
        names: impl FnOnce() -> Vec<String>,
        out: &mut Outputs,
    ) {
        if self.say_busy.take_if(|at| *at <= now).is_none() {
            return;
        }
        let busy = names();
        let whom = if busy.is_empty() { "others".to_owned() } else { busy.join(", ") };
        let text = format!("leaving once {whom} got what is being sent; Ctrl-C leaves now");
        self.reply_all(&Reply::Note { text: text.clone() }, out);
        out.notice(Notice::Text(text));
    }

    /// True once nothing is waited for, until [`Self::finish`].
    pub(super) fn is_over(&self, now: Time) -> bool {
        !self.is_finished && self.leaving.as_ref().is_some_and(|leaving| leaving.is_over(now))
    }

    /// The very last act: the departure is announced, the threads end, whoever waits is told.
    pub(super) fn finish(&mut self, out: &mut Outputs) {
        self.is_finished = true;
        out.discovery(lan::Command::Leave);
        let report = self.exit_report.take().filter(|report| !report.is_safe());
        let not_kept = report.map(|report| Failure::new(Code::NotKept, report.sentence()));
        let last = self.failure.take().or(not_kept);
        if self.is_for_another && last.is_none() {
            out.push(PeerOutput::Again);
            return self.reply_all(&Reply::Done, out);
        }
        out.push(PeerOutput::End(last.clone()));
        self.reply_all(&last.clone().map_or(Reply::Done, Reply::Failed), out);
        // A prompt that is behind learns of the end by the closed channel.
        out.notice(Notice::Ended(last));
    }

    /// Says whether own files stay.
    fn say_exit_report(&mut self, report: ExitReport, out: &mut Outputs) {
        self.reply_all(&Reply::ExitReport(report.clone()), out);
        out.notice(Notice::ExitReport(report.clone()));
        self.exit_report = Some(report);
    }

    fn reply_all(&self, reply: &Reply, out: &mut Outputs) {
        for exit in &self.exits {
            out.reply(*exit, reply.clone());
        }
    }
}

fn tell_parts(tell: Tell, out: &mut Outputs) {
    if tell.receiver_stops {
        out.receiver(ReceiverCommand::Stop);
    }
    match tell.sender {
        TellSender::Finish => out.sender(SenderCommand::Finish),
        TellSender::Stop => out.sender(SenderCommand::Stop),
        TellSender::Nothing => {}
    }
}

/// What users are told of a hand-off that is over.
fn exit_report(report: &HandoffReport, paths: &OwnPaths<'_>) -> ExitReport {
    let of = |file: &FileId| paths.get(file).map_or(&[][..], Vec::as_slice);
    let count = |files: &mut dyn Iterator<Item = &FileId>| files.map(|f| of(f).len() as u64).sum::<u64>();
    let total = paths.values().map(|paths| paths.len() as u64).sum::<u64>();
    let once = count(&mut report.once.iter());
    let lost = count(&mut report.not_kept.iter().map(|(file, _)| file));
    let not_kept = report.not_kept.iter().flat_map(|(file, why)| {
        of(file).iter().map(move |(path, size)| NotKept {
            path: path.as_str().to_owned(),
            size: *size,
            why: not_kept_why(*why),
        })
    });
    ExitReport {
        total,
        safe: total.saturating_sub(once).saturating_sub(lost),
        once,
        here: count(&mut report.here.iter()),
        not_kept: not_kept.take(limits::NOT_KEPT_TOLD).collect(),
    }
}

/// Why nobody else keeps a file, as it is reported.
const fn not_kept_why(why: NotKeptCause) -> NotKeptReason {
    match why {
        NotKeptCause::NobodyHere => NotKeptReason::NobodyHere,
        NotKeptCause::NoSpace => NotKeptReason::NoSpace,
        NotKeptCause::Unfinished => NotKeptReason::Unfinished,
        NotKeptCause::NotChosen => NotKeptReason::NotChosen,
    }
}
