//! What is said and heard: when it is answered, shown and kept, and that it is shown once.

use std::collections::BTreeMap;

use super::*;
use crate::accounts::AccountHost;
use crate::content::Span;
use crate::control::{Audience, ChatRequest, ChatRow, IgnoreRequest, IgnoredRow, UnignoreRequest};
use crate::error::{Code, Failure};
use crate::lan::{HeardMark, MissedLines, NotSaid, SayOutcome, SpokenLine};
use crate::peer::away::KeptPart;
use crate::peer::limits;
use crate::receiver::telling::{PrivateLine, TellOutcome};
use crate::sender::{SenderEvent, ToldLine};
use crate::store::LedgerRow;

fn chat(text: &str) -> Request {
    ChatRequest { text: vec![text.to_owned()] }.into()
}

fn host(n: u8) -> AccountHost {
    AccountHost::V4([10, 0, 0, n].into())
}

/// The first start of a peer, and a line of it.
fn mark(number: u64) -> HeardMark {
    HeardMark { instance: Instance { count: 1, random: 1 }, number }
}

fn spoken(n: u8, name: &str, number: u64, text: &str) -> PeerEvent {
    let name = PeerName::cleaned(name).unwrap();
    let (peer, text) = (key(n).peer_id(), Arc::from(text));
    let line = SpokenLine { peer, mark: mark(number), host: host(n), name, said: 1_000 + number, text };
    PeerEvent::Discovery(lan::Event::Line(line))
}

fn told(n: u8, number: u64, text: &str) -> PeerEvent {
    let HeardMark { instance, number } = mark(number);
    let (peer, text) = (key(n).peer_id(), text.to_owned());
    PeerEvent::Sender(SenderEvent::Told(ToldLine { peer, host: host(n), instance, number, said: 7, text }))
}

fn missed(n: u8, count: u64, last: u64) -> PeerEvent {
    let lines = MissedLines { peer: key(n).peer_id(), count, mark: mark(last), host: host(n) };
    PeerEvent::Discovery(lan::Event::LinesMissed(lines))
}

impl TestPeer {
    /// The lines that it shows as the last ones.
    fn history(&mut self) -> Vec<ChatRow> {
        let ask = self.ask(ChatRequest::default().into());
        let line = |reply| if let Reply::Line(row) = reply { Some(row) } else { None };
        self.replies(ask).into_iter().filter_map(line).collect()
    }

    /// Their texts.
    fn texts(&mut self) -> Vec<String> {
        self.history().into_iter().map(|row| row.text).collect()
    }

    /// What was shown above the prompt; all else is forgotten.
    fn shown(&mut self) -> Vec<ChatRow> {
        let line = |notice| if let Notice::Line(row) = notice { Some(row) } else { None };
        self.notices().into_iter().filter_map(line).collect()
    }

    fn failed(&mut self, ask: AskId) -> Failure {
        match self.replies(ask).pop() {
            Some(Reply::Failed(failure)) => failure,
            other => panic!("{other:?}"),
        }
    }

    /// The line that is to be told to a peer alone; all else is forgotten.
    fn tells(&mut self) -> PrivateLine {
        self.take(|output| if let PeerOutput::Tell(line) = output { Some(line) } else { None }).remove(0)
    }
}

#[test]
fn what_is_said_is_answered_once_it_is_out_and_kept() {
    let mut peer = TestPeer::sharing(&[]);
    let ask = peer.ask(chat("it's \"so\""));
    assert_eq!(peer.replies(ask), []);
    let say = peer.take(|output| match output {
        PeerOutput::Discovery(lan::Command::Say(number, text)) => Some((number, text)),
        _ => None,
    });
    assert_eq!(say, [(ask.0, Arc::from("it's \"so\""))]);
    peer.event(PeerEvent::Discovery(lan::Event::Said(SayOutcome { number: ask.0, said: Ok(77) })));
    assert_eq!(peer.replies(ask), [Reply::Done]);
    let [row] = &peer.history()[..] else { panic!("one line") };
    assert_eq!((row.mine, row.said, row.name.as_str(), &row.to), (true, 77, "me", &Audience::Everyone));
    for (why, code, word) in [
        (NotSaid::TooFast(Duration::from_millis(140)), Code::Failed, "again in 0.1 s"),
        (NotSaid::Leaving, Code::Failed, "leaving"),
    ] {
        let ask = peer.ask(chat("more"));
        peer.event(PeerEvent::Discovery(lan::Event::Said(SayOutcome { number: ask.0, said: Err(why) })));
        let failure = peer.failed(ask);
        assert_eq!(failure.code, code);
        assert!(failure.message.contains(word), "{failure}");
    }
    assert_eq!(peer.history().len(), 1);
    let ask = peer.ask(chat(&"x".repeat(701)));
    assert_eq!(peer.failed(ask).code, Code::Usage);
}

#[test]
fn what_is_heard_is_shown_once_also_after_a_restart() {
    let mut rows: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    let mut peer = TestPeer::sharing(&[]);
    peer.join(1, "anna", 0);
    peer.outputs.clear();
    for event in
        [spoken(1, "anna", 1, "one"), missed(1, 3, 4), spoken(1, "anna", 5, "five"), told(1, 1, "psst")]
    {
        peer.event(event);
    }
    // The same ones again: a repair that comes late, an answer that got lost.
    for event in
        [spoken(1, "anna", 5, "five"), spoken(1, "anna", 2, "two"), told(1, 1, "psst"), missed(1, 3, 4)]
    {
        peer.event(event);
    }
    let mut notices = Vec::new();
    while let Some(output) = peer.outputs.pop_front() {
        match output {
            PeerOutput::Notice(notice) => notices.push(notice),
            PeerOutput::Chat(written) => {
                for LedgerRow { key, value } in written {
                    match value {
                        Some(value) => drop(rows.insert(key, value)),
                        None => drop(rows.remove(&key)),
                    }
                }
            }
            _ => {}
        }
    }
    let text = |notice: &Notice| match notice {
        Notice::Line(row) => row.text.clone(),
        Notice::LinesMissed { name, count } => format!("{count} of {name}"),
        other => panic!("{other:?}"),
    };
    assert_eq!(notices.iter().map(text).collect::<Vec<_>>(), ["one", "3 of anna", "five", "psst"]);
    let rows: Vec<_> = rows.into_iter().map(|(key, value)| LedgerRow { key, value: Some(value) }).collect();

    let mut again = TestPeer::sharing(&[]);
    again.machine.chat = Chat::restored(again.now, &rows);
    assert_eq!(again.machine.chat.heard(), [(key(1).peer_id(), mark(5))]);
    again.join(1, "anna", 0);
    for event in [spoken(1, "anna", 5, "five"), told(1, 1, "psst")] {
        again.event(event);
    }
    assert_eq!(again.shown(), []);
    assert_eq!(again.texts(), ["one", "five", "psst"]);
    again.event(spoken(1, "anna", 6, "six"));
    again.event(told(1, 2, "more"));
    assert_eq!(again.shown().len(), 2);
    assert_eq!(again.texts(), ["one", "five", "psst", "six", "more"]);
}

#[test]
fn who_said_it_is_told_with_an_id_where_the_name_does_not_tell() {
    let mut peer = TestPeer::sharing(&[]);
    peer.join(1, "anna", 0);
    peer.event(spoken(1, "anna", 1, "a"));
    peer.event(spoken(1, "berta", 2, "she is called otherwise by now"));
    peer.event(spoken(2, "carl", 1, "he is not here"));
    peer.join(3, "\u{430}nna", 0);
    peer.event(spoken(1, "anna", 3, "now two look the same"));
    let needs_id: Vec<_> = peer.shown().into_iter().map(|row| row.look_alike).collect();
    assert_eq!(needs_id, [false, true, true, true]);
}

#[test]
fn a_line_for_one_peer_goes_to_it_alone() {
    let mut peer = TestPeer::sharing(&[]);
    let anna = peer.join(1, "anna", 0);
    peer.outputs.clear();
    let ask = peer.ask(chat("@ann psst"));
    let line = peer.tells();
    assert_eq!((line.to, line.instance, line.number, line.text.as_ref()), (anna, INSTANCE, 1, "psst"));
    let outcome = |outcome, number| PeerEvent::Receiver(ReceiverEvent::Told { number, said: 9, outcome });
    peer.event(outcome(TellOutcome::Came, 1));
    assert_eq!(peer.replies(ask), [Reply::Done]);
    let [row] = &peer.history()[..] else { panic!("one line") };
    assert_eq!((row.mine, row.to.clone()), (true, Audience::One { name: "anna".into(), id: anna.full() }));
    // An earlier potluck, and one that does not answer.
    for (number, what, word) in
        [(2, TellOutcome::NotOffered, "earlier"), (3, TellOutcome::NoAnswer, "answer")]
    {
        let ask = peer.ask(chat("@anna psst"));
        peer.event(outcome(what, number));
        assert!(peer.failed(ask).message.contains(word));
    }
    assert_eq!(peer.history().len(), 1, "what did not come was not said");
    peer.event(told(1, 1, "you, too"));
    let shown = peer.shown();
    assert_eq!((shown.len(), &shown[0].to, shown[0].name.as_str()), (1, &Audience::Us, "anna"));
    peer.join(2, "anna", 0);
    for (word, code) in [("@anna x", Code::Ambiguous), ("@nobody x", Code::NotFound), ("@anna", Code::Usage)]
    {
        let ask = peer.ask(chat(word));
        assert_eq!(peer.failed(ask).code, code, "{word}");
    }
}

#[test]
fn five_lines_a_second_are_told_to_one_peer() {
    let mut peer = TestPeer::sharing(&[]);
    peer.join(1, "anna", 0);
    let asks: Vec<_> = (0..6).map(|n| peer.ask(chat(&format!("@anna {n}")))).collect();
    assert_eq!(peer.replies(asks[4]), []);
    assert!(peer.failed(asks[5]).message.contains("again in 0.2 s"));
    peer.pass(Duration::from_millis(200));
    let ask = peer.ask(chat("@anna more"));
    assert_eq!(peer.replies(ask), []);
}

#[test]
fn who_is_ignored_is_neither_shown_nor_kept_and_that_lasts() {
    let mut peer = TestPeer::sharing(&[]);
    let anna = peer.join(1, "anna", 0);
    peer.join(2, "bert", 0);
    peer.event(spoken(1, "anna", 1, "a"));
    peer.event(spoken(2, "bert", 1, "b"));
    let ask = peer.ask(IgnoreRequest { peer: "anna".into() }.into());
    let row = IgnoredRow { name: "anna".into(), id: anna.full() };
    assert_eq!(peer.replies(ask), [Reply::Ignored(row.clone()), Reply::Done]);
    peer.outputs.clear();
    for event in [spoken(1, "anna", 2, "a"), told(1, 1, "a"), missed(1, 5, 9)] {
        peer.event(event);
    }
    assert_eq!(peer.notices(), []);
    assert_eq!(peer.texts(), ["b"]);
    let ask = peer.ask(ChatRequest::default().into());
    assert_eq!(peer.replies(ask)[1..], [Reply::Ignored(row), Reply::Done]);
    // She may be away.
    peer.event(PeerEvent::Discovery(lan::Event::Gone(anna, lan::Gone::Left)));
    let ask = peer.ask(UnignoreRequest { peer: anna.prefix(8) }.into());
    assert!(matches!(&peer.replies(ask)[..], [Reply::Note { .. }, Reply::Done]));
    peer.event(spoken(1, "anna", 10, "again"));
    assert_eq!(peer.texts(), ["b", "again"]);
    for request in
        [IgnoreRequest { peer: "dora".into() }.into(), UnignoreRequest { peer: "anna".into() }.into()]
    {
        let ask = peer.ask(request);
        assert_eq!(peer.failed(ask).code, Code::NotFound);
    }
    // Who is away and said something can be ignored by the name that it had.
    let ask = peer.ask(IgnoreRequest { peer: "anna".into() }.into());
    assert!(matches!(&peer.replies(ask)[..], [Reply::Ignored(_), Reply::Done]));
}

#[test]
fn a_thousand_are_ignored_and_no_more() {
    let mut peer = TestPeer::sharing(&[]);
    peer.join(1, "anna", 0);
    let machine = &mut peer.machine;
    for n in 0..limits::IGNORED_PEERS as u64 {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&n.to_le_bytes());
        machine.chat.ignore(PeerId(id), format!("other{n}"), &mut machine.out).unwrap();
    }
    let ask = peer.ask(IgnoreRequest { peer: "anna".into() }.into());
    let failure = peer.failed(ask);
    assert_eq!(failure, Failure::other("1000 peers are ignored already: `unignore` one first"));
    peer.ask(UnignoreRequest { peer: "other7".into() }.into());
    let ask = peer.ask(IgnoreRequest { peer: "anna".into() }.into());
    assert!(matches!(peer.replies(ask)[..], [Reply::Ignored(_), Reply::Done]));
}

#[test]
fn who_is_away_is_told_nothing_although_its_name_is_known() {
    let mut peer = TestPeer::sharing(&[]);
    let (anna, bert) = (peer.join(1, "anna", 1), peer.join(2, "bert", 0));
    peer.event(PeerEvent::Discovery(lan::Event::Gone(anna, lan::Gone::Left)));
    let part = KeptPart { file: FileId([1; 32]), size: 1, span: Span { from: 0, to: 1 } };
    let away = &mut peer.machine.presence.roster.away;
    away.kept(bert, [(anna, Some("anna".to_owned()), vec![part])]);
    let ask = peer.ask(chat("@anna psst"));
    let said = "anna is away: only who is here can be told something";
    assert_eq!(peer.failed(ask), Failure::new(Code::NotFound, said));
}

#[test]
fn a_mute_peer_shows_nothing_and_keeps_all() {
    let mut peer = TestPeer::with(|settings| settings.screen.mute = true);
    peer.join(1, "anna", 0);
    peer.outputs.clear();
    for event in [spoken(1, "anna", 1, "a"), told(1, 1, "b"), missed(1, 2, 3)] {
        peer.event(event);
    }
    assert_eq!(peer.notices(), []);
    assert_eq!(peer.texts(), ["a", "b"]);
}
