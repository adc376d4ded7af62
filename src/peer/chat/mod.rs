//! What people say to each other: what is said here, what is heard, and what is kept of it. Pure.
//!
//! What goes to everyone goes through the room (lan/room), what goes to one peer over a connection to it. A line is
//! shown once, also if this peer restarts: `heard.rs` has how far each peer was heard, `kept.rs` the lines,
//! `rows.rs` how both lie in the database.

mod heard;
mod kept;
mod rows;
mod telling;
mod words;

use std::collections::BTreeMap;
use std::sync::Arc;

use self::heard::{HeardPeer, HeardPeers, Way};
use self::kept::{ChatLine, ChatLines, KeptPlace, LineTo};
use self::rows::ChatRecord;
pub(super) use self::telling::PeerWord;
use self::telling::PendingTells;
pub(super) use self::words::Spoken;
use super::event::AskId;
use super::limits;
use super::look_alikes::LookAlikes;
use super::output::{Outputs, PeerOutput};
use super::own_peer::OwnPeer;
use super::roster::Roster;
use crate::accounts::{AccountHost, Payer};
use crate::control::{Audience, ChatRow, IgnoredRow, Notice, Reply};
use crate::error::{Code, Failure};
use crate::identity::PeerId;
use crate::lan::{self, HeardMark, MissedLines, NotSaid, SayOutcome, SpokenLine};
use crate::receiver::telling::TellOutcome;
use crate::sender::ToldLine;
use crate::store::LedgerRow;
use crate::time::Time;

/// What this peer itself says is charged to its own machine.
const OWN_HOST: AccountHost = AccountHost::V4(core::net::Ipv4Addr::LOCALHOST);

/// A line that was heard.
#[derive(Debug)]
struct NewLine {
    way: Way,
    mark: HeardMark,
    host: AccountHost,
    line: ChatLine,
}

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct Chat {
    kept: ChatLines,
    heard: HeardPeers,
    /// Peers whose lines count as never said, with their names.
    ignored: BTreeMap<PeerId, String>,
    /// What is being said for whom: as many as users ask for.
    saying: BTreeMap<AskId, Arc<str>>,
    telling: PendingTells,
}

impl Chat {
    /// What was kept of it before this start.
    pub(crate) fn restored(now: Time, rows: &[LedgerRow]) -> Self {
        let mut chat = Self::default();
        for record in rows.iter().filter_map(ChatRecord::of) {
            match record {
                ChatRecord::Line(place, host, line) => {
                    let payer = Payer { host, peer: line.peer };
                    chat.kept.restore(now, payer, place, line);
                }
                ChatRecord::Heard(peer, host, heard) => {
                    chat.heard.restore(now, Payer { host, peer }, heard);
                }
                ChatRecord::Ignored(peer, name) if chat.ignored.len() < limits::IGNORED_PEERS => {
                    chat.ignored.insert(peer, name);
                }
                ChatRecord::Ignored(..) => {}
            }
        }
        chat
    }

    /// How far others were heard in the room.
    pub(crate) fn heard(&self) -> Vec<(PeerId, HeardMark)> {
        self.heard.in_the_room().collect()
    }

    /// Says something to everyone.
    pub(super) fn say(&mut self, ask: AskId, text: &str, out: &mut Outputs) {
        let text = Arc::from(text);
        self.saying.insert(ask, Arc::clone(&text));
        out.discovery(lan::Command::Say(ask.0, text));
    }

    /// It was said, or could not be.
    pub(super) fn said(&mut self, now: Time, outcome: SayOutcome, own: &OwnPeer, out: &mut Outputs) {
        let ask = AskId(outcome.number);
        let Some(text) = self.saying.remove(&ask) else { return };
        match outcome.said {
            Ok(said) => {
                self.keep_own(now, own, LineTo::Everyone, said, text, out);
                out.reply(ask, Reply::Done);
            }
            Err(why) => out.reply(ask, Reply::Failed(not_said(why, text.len()))),
        }
    }

    /// Tells one peer something, which is called so.
    ///
    /// # Errors
    /// That is too fast.
    pub(super) fn tell_one(
        &mut self,
        now: Time,
        ask: AskId,
        to: PeerWord,
        text: String,
        own: &OwnPeer,
        out: &mut Outputs,
    ) -> Result<(), Failure> {
        let line = self.telling.begin(now, ask, to, text, own.instance).map_err(too_fast)?;
        out.push(PeerOutput::Tell(line));
        Ok(())
    }

    /// What became of a line for one peer, and when it was said.
    pub(super) fn told(
        &mut self,
        now: Time,
        number: u64,
        said: u64,
        outcome: TellOutcome,
        own: &OwnPeer,
        out: &mut Outputs,
    ) {
        let Some(told) = self.telling.end(number) else { return };
        let reply = match told.failure(outcome) {
            None => {
                self.keep_own(now, own, LineTo::One { peer: told.to, name: told.name }, said, told.text, out);
                Reply::Done
            }
            Some(failure) => Reply::Failed(failure),
        };
        out.reply(told.ask, reply);
    }

    /// A peer that is here said something to this one alone.
    pub(super) fn hear_alone(
        &mut self,
        now: Time,
        told: ToldLine,
        own: &OwnPeer,
        roster: &Roster,
        out: &mut Outputs,
    ) {
        let ToldLine { peer, host, instance, number, said, text } = told;
        let mark = HeardMark { instance, number };
        let line = ChatLine { peer, name: roster.name(peer), to: LineTo::Us, said, text: Arc::from(text) };
        self.take(now, NewLine { way: Way::Alone, mark, host, line }, own, roster, out);
    }

    /// Somebody said something to everyone.
    pub(super) fn hear(
        &mut self,
        now: Time,
        spoken: SpokenLine,
        own: &OwnPeer,
        roster: &Roster,
        out: &mut Outputs,
    ) {
        let SpokenLine { peer, mark, host, name, said, text } = spoken;
        let line = ChatLine { peer, name: name.to_string(), to: LineTo::Everyone, said, text };
        self.take(now, NewLine { way: Way::Room, mark, host, line }, own, roster, out);
    }

    /// Lines of a peer did not come, and will not.
    pub(super) fn missed(
        &mut self,
        now: Time,
        missed: MissedLines,
        own: &OwnPeer,
        roster: &Roster,
        out: &mut Outputs,
    ) {
        let MissedLines { peer, count, mark, host } = missed;
        if self.heard.has_passed(peer, Way::Room, mark) {
            return;
        }
        let rows = self.note(now, Payer { host, peer }, Way::Room, mark);
        write(rows, out);
        if !self.ignored.contains_key(&peer) && !own.settings.screen.mute {
            let name = roster.shown_names(&[peer]).pop().unwrap_or_default();
            out.notice(Notice::LinesMissed { name, count });
        }
    }

    /// The last lines, and who is ignored.
    pub(super) fn tell(&self, ask: AskId, own: &OwnPeer, roster: &Roster, out: &mut Outputs) {
        let look_alikes = LookAlikes::of(roster);
        for line in self.kept.iter() {
            out.reply(ask, Reply::Line(row(line, own, roster, &look_alikes)));
        }
        for row in self.ignored() {
            out.reply(ask, Reply::Ignored(row));
        }
    }

    /// Who is ignored.
    pub(super) fn ignored(&self) -> impl Iterator<Item = IgnoredRow> {
        self.ignored.iter().map(|(peer, name)| IgnoredRow { name: name.clone(), id: peer.full() })
    }

    /// Those that said a line that is kept, by their last names.
    pub(super) fn speakers(&self) -> BTreeMap<PeerId, &str> {
        self.kept.iter().map(|line| (line.peer, line.name.as_str())).collect()
    }

    /// Those that are ignored, with their names.
    pub(super) fn ignored_names(&self) -> impl Iterator<Item = (PeerId, &str)> {
        self.ignored.iter().map(|(peer, name)| (*peer, name.as_str()))
    }

    /// From now on what a peer says counts as never said. What it said before is forgotten, too.
    ///
    /// # Errors
    /// There are too many already.
    pub(super) fn ignore(&mut self, peer: PeerId, name: String, out: &mut Outputs) -> Result<(), Failure> {
        if self.ignored.len() >= limits::IGNORED_PEERS && !self.ignored.contains_key(&peer) {
            let message = format!("{} peers are ignored already: `unignore` one first", self.ignored.len());
            return Err(Failure::other(message));
        }
        let mut rows: Vec<_> = self.kept.forget(peer).into_iter().map(rows::without_line).collect();
        rows.push(ChatRecord::Ignored(peer, name.clone()).row());
        out.push(PeerOutput::Chat(rows));
        self.ignored.insert(peer, name);
        Ok(())
    }

    /// What a peer says is heard again. Returns the name by which it was ignored.
    pub(super) fn unignore(&mut self, peer: PeerId, out: &mut Outputs) -> Option<String> {
        let name = self.ignored.remove(&peer)?;
        out.push(PeerOutput::Chat(vec![rows::without_ignored(peer)]));
        Some(name)
    }

    /// A line of another one: it is noted down, kept and shown, once.
    fn take(&mut self, now: Time, heard: NewLine, own: &OwnPeer, roster: &Roster, out: &mut Outputs) {
        let NewLine { way, mark, host, line } = heard;
        let payer = Payer { host, peer: line.peer };
        if self.heard.has_passed(line.peer, way, mark) {
            return;
        }
        let mut rows = self.note(now, payer, way, mark);
        if !self.ignored.contains_key(&line.peer) {
            if !own.settings.screen.mute {
                out.notice(Notice::Line(row(&line, own, roster, &LookAlikes::of(roster))));
            }
            rows.extend(self.keep(now, payer, line));
        }
        write(rows, out);
    }

    /// A line of this peer itself.
    fn keep_own(
        &mut self,
        now: Time,
        own: &OwnPeer,
        to: LineTo,
        said: u64,
        text: Arc<str>,
        out: &mut Outputs,
    ) {
        let (peer, name) = (own.id(), own.presence.name.to_string());
        let line = ChatLine { peer, name, to, said, text };
        write(self.keep(now, Payer { host: OWN_HOST, peer }, line), out);
    }

    /// Keeps a line. Returns the rows that say so.
    fn keep(&mut self, now: Time, payer: Payer<PeerId>, line: ChatLine) -> Vec<LedgerRow> {
        let Some(KeptPlace { place, gone }) = self.kept.keep(now, payer, line.clone()) else {
            return Vec::new();
        };
        let mut rows: Vec<_> = gone.into_iter().map(rows::without_line).collect();
        rows.push(ChatRecord::Line(place, payer.host, line).row());
        rows
    }

    /// Notes how far a peer was heard. Returns the rows that say so.
    fn note(&mut self, now: Time, payer: Payer<PeerId>, way: Way, mark: HeardMark) -> Vec<LedgerRow> {
        let Some(gone) = self.heard.note(now, payer, way, mark) else { return Vec::new() };
        let heard: HeardPeer = self.heard.get(payer.peer);
        let mut rows: Vec<_> = gone.into_iter().map(rows::without_heard).collect();
        rows.push(ChatRecord::Heard(payer.peer, payer.host, heard).row());
        rows
    }
}

/// Has these rows written, if there are any.
fn write(rows: Vec<LedgerRow>, out: &mut Outputs) {
    if !rows.is_empty() {
        out.push(PeerOutput::Chat(rows));
    }
}

/// A line as it is told.
fn row(line: &ChatLine, own: &OwnPeer, roster: &Roster, look_alikes: &LookAlikes) -> ChatRow {
    let ChatLine { peer, name, to, said, text } = line;
    let to = match to {
        LineTo::Everyone => Audience::Everyone,
        LineTo::Us => Audience::Us,
        LineTo::One { peer, name } => Audience::One { name: name.clone(), id: peer.full() },
    };
    let mine = *peer == own.id();
    // Nobody vouches for the name of who is not here, or is called otherwise by now.
    let is_told_by_name = roster.contact(*peer).is_some() && roster.name(*peer) == *name;
    let look_alike = !mine && (!is_told_by_name || look_alikes.has(*peer));
    ChatRow {
        name: name.clone(),
        id: peer.full(),
        look_alike,
        mine,
        to,
        said: *said,
        text: text.as_ref().to_owned(),
    }
}

/// Why a line of so many bytes was not said, and what to do.
fn not_said(why: NotSaid, bytes: usize) -> Failure {
    match why {
        NotSaid::Empty => Failure::new(Code::Usage, "there is nothing to be said"),
        NotSaid::TooLong => too_long(bytes),
        NotSaid::TooFast(wait) => too_fast(wait),
        NotSaid::Leaving => Failure::other("this peer is leaving, and says nothing any more"),
    }
}

/// A line has more bytes than it may.
fn too_long(bytes: usize) -> Failure {
    let most = lan::limits::LINE;
    let message = format!("the line has {bytes} bytes of UTF-8, and {most} is the most: say it in two lines");
    Failure::new(Code::Usage, message)
}

/// One more than may be said in this time.
fn too_fast(wait: core::time::Duration) -> Failure {
    let seconds = wait.as_secs_f64();
    Failure::other(format!("five lines a second are the most: say it again in {seconds:.1} s"))
}
