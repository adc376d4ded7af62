//! The machine of the table, in virtual time.

use core::net::SocketAddrV4;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use zeroize::Zeroizing;

use super::keys::{TableId, TableKeys};
use super::machine::{
    DhtMachine, DhtOutput, OwnAddresses, Question, QuestionId, SignedValue, SiteQuestion, TableAnswer,
};
use super::moment::Moment;
use super::{DhtEvent, DhtState, SitePort, limits};
use crate::content::FileId;
use crate::identity::PeerId;
use crate::time::Time;

/// Noon of a day.
const NOON: u64 = 20_000 * 86_400 + 43_200;

fn moment(seconds: u64) -> Moment {
    Moment { now: Time::ZERO + Duration::from_secs(seconds), unix: NOON + seconds }
}

fn now(seconds: u64) -> Time {
    moment(seconds).now
}

const ME: PeerId = PeerId([1; 32]);
const OTHER: PeerId = PeerId([2; 32]);

/// Where others dial a peer, as one that speaks for its network has it.
fn port(number: u16) -> SitePort {
    SitePort { outside: number, inside: number, speaks: true }
}

fn keys() -> TableKeys {
    TableKeys::new(Zeroizing::new([7; 32]))
}

/// A machine, what is asked of the table, and what the controller was told.
struct Bench {
    machine: DhtMachine,
    open: BTreeMap<QuestionId, Question>,
    told: Vec<DhtEvent>,
    /// About sites.
    asked: Vec<(u64, SiteQuestion)>,
    /// Records that were put, and reads.
    records: Vec<(u64, Question)>,
}

impl Bench {
    fn new() -> Self {
        let machine = DhtMachine::new(ME, keys(), [3; 32]);
        let mut bench =
            Self { machine, open: BTreeMap::new(), told: Vec::new(), asked: Vec::new(), records: Vec::new() };
        bench.drain(0);
        bench
    }

    /// One that speaks for its network, and whose node is there.
    fn speaking() -> Self {
        let mut bench = Self::new();
        bench.machine.handle_node(now(0), true);
        bench.machine.handle_port(now(0), port(9));
        bench.drain(0);
        bench
    }

    fn drain(&mut self, seconds: u64) {
        while let Some(output) = self.machine.poll_output() {
            match output {
                DhtOutput::Ask(id, question) => {
                    if let Question::Site(asked) = question {
                        let is_open = sites(&self.open).any(|open| open.id() == asked.id());
                        assert!(!is_open, "two questions about one number at once");
                        self.asked.push((seconds, asked));
                    } else {
                        self.records.push((seconds, question.clone()));
                    }
                    self.open.insert(id, question);
                    assert!(self.open.len() <= limits::OPEN);
                }
                DhtOutput::Tell(event) => self.told.push(event),
            }
        }
    }

    fn tick(&mut self, seconds: u64) {
        self.machine.handle_timeout(moment(seconds));
        self.drain(seconds);
    }

    /// All that is open is over, and so is what follows.
    fn answer_all(&mut self, seconds: u64, is_taken: bool) {
        while let Some((id, question)) = self.open.pop_first() {
            if question == Question::Here {
                let here =
                    OwnAddresses { outside: Some([11, 0, 0, 1].into()), inside: Some([10, 0, 0, 1].into()) };
                self.machine.handle_answer(moment(seconds), id, TableAnswer::Here(here));
            }
            self.machine.handle_answer(moment(seconds), id, TableAnswer::Over(is_taken));
            self.drain(seconds);
        }
    }

    /// Runs from one second to another, and answers at once.
    fn run(&mut self, from: u64, to: u64, is_taken: bool) {
        for seconds in from..to {
            self.tick(seconds);
            self.answer_all(seconds, is_taken);
        }
    }

    /// When rounds began.
    fn rounds(&self) -> Vec<u64> {
        let asked = self.asked.iter().filter(|(_, question)| matches!(question, SiteQuestion::Peers(_)));
        asked.map(|(at, _)| *at).collect::<BTreeSet<_>>().into_iter().collect()
    }

    fn announced(&self) -> Vec<(u64, SiteQuestion)> {
        let is_announced =
            |(_, question): &&(u64, SiteQuestion)| matches!(question, SiteQuestion::Announce(..));
        self.asked.iter().filter(is_announced).copied().collect()
    }

    fn state(&self) -> Option<&DhtEvent> {
        self.told.iter().rev().find(|event| matches!(event, DhtEvent::State(_)))
    }
}

/// The questions about sites among these.
fn sites(open: &BTreeMap<QuestionId, Question>) -> impl Iterator<Item = SiteQuestion> {
    open.values().filter_map(|question| if let Question::Site(site) = question { Some(*site) } else { None })
}

/// The first question about sites that is open.
fn first_site(bench: &Bench) -> QuestionId {
    let site = bench.open.iter().find(|(_, question)| matches!(question, Question::Site(_)));
    *site.unwrap().0
}

#[test]
fn each_round_asks_for_three_days_and_then_announces() {
    let mut bench = Bench::speaking();
    assert_eq!(bench.state(), Some(&DhtEvent::State(DhtState::Joining)));
    bench.tick(0);
    let ids: BTreeSet<TableId> = sites(&bench.open).map(|question| question.id()).collect();
    assert_eq!((ids.len(), bench.announced().len()), (3, 0));
    bench.answer_all(0, true);
    let announced: BTreeSet<_> = bench.announced().into_iter().map(|(_, question)| question.id()).collect();
    assert_eq!(announced, ids);
    assert!(bench.announced().iter().all(|(_, question)| matches!(question, SiteQuestion::Announce(_, 9))));
    assert_eq!(bench.state(), Some(&DhtEvent::State(DhtState::Announced)));
}

#[test]
fn rounds_follow_quickly_at_first_and_every_quarter_of_an_hour_later() {
    let mut bench = Bench::speaking();
    bench.run(0, 14_400, true);
    let rounds = bench.rounds();
    let pauses: Vec<u64> = rounds.windows(2).map(|two| two[1] - two[0]).collect();
    assert!(rounds.iter().filter(|at| **at <= 30).count() >= 4, "{pauses:?}");
    assert!(pauses[10..].iter().all(|pause| (720..=1_081).contains(pause)), "{pauses:?}");
    assert!(pauses[10..].iter().collect::<BTreeSet<_>>().len() > 3, "by chance: {pauses:?}");
    // Each topic is announced often enough to be there all the time, and not in each of the first rounds.
    let first = bench.announced()[0].1.id();
    let times: Vec<_> =
        bench.announced().into_iter().filter(|(_, q)| q.id() == first).map(|(at, _)| at).collect();
    let pauses: Vec<_> = times.windows(2).map(|two| two[1] - two[0]).collect();
    assert!(pauses.iter().all(|pause| (600..1_700).contains(pause)), "{pauses:?}");
}

#[test]
fn a_site_that_is_lost_is_looked_for_often_in_the_first_two_minutes() {
    let mut bench = Bench::speaking();
    bench.run(0, 5_000, true);
    let before = bench.announced().len();
    bench.machine.handle_lost(now(5_000));
    bench.run(5_000, 5_130, true);
    let rounds: Vec<_> = bench.rounds().into_iter().filter(|at| *at >= 5_000).collect();
    assert!(rounds[0] <= 5_002, "{rounds:?}");
    assert!(rounds.len() >= 6 && rounds.windows(2).all(|two| two[1] - two[0] < 80), "{rounds:?}");
    assert!(bench.announced().len() - before <= 3, "nothing is announced again for that");
}

#[test]
fn a_network_that_changed_is_announced_at_once() {
    let mut bench = Bench::speaking();
    bench.run(0, 1_000, true);
    let before = bench.announced().len();
    bench.machine.handle_network_changed(now(1_000));
    bench.run(1_000, 1_001, true);
    assert_eq!(bench.announced().len() - before, 3);
    bench.machine.handle_port(now(1_001), port(10));
    bench.run(1_001, 1_002, true);
    assert!(bench.announced()[before + 3..].iter().all(|(_, q)| matches!(q, SiteQuestion::Announce(_, 10))));
    assert_eq!(bench.announced().len() - before, 6);
}

#[test]
fn whoever_does_not_speak_for_a_network_asks_nothing() {
    let mut bench = Bench::new();
    assert_eq!(bench.state(), Some(&DhtEvent::State(DhtState::Resolving)));
    bench.machine.handle_port(now(0), port(9));
    bench.run(0, 100, true);
    assert!(bench.asked.is_empty(), "there is no node");
    bench.machine.handle_node(now(100), true);
    bench.machine.handle_port(now(100), SitePort { speaks: false, ..port(9) });
    bench.run(100, 5_000, true);
    assert!(bench.asked.is_empty());
    assert_eq!(bench.state(), Some(&DhtEvent::State(DhtState::StandingBy)));
}

#[test]
fn what_no_node_takes_is_tried_again_within_a_minute() {
    let mut bench = Bench::speaking();
    bench.run(0, 5_000, false);
    let rounds = bench.rounds();
    assert!(rounds.windows(2).all(|two| two[1] - two[0] <= 61), "{rounds:?}");
    assert_eq!(bench.state(), Some(&DhtEvent::State(DhtState::Joining)));
}

#[test]
fn days_turn_one_by_one() {
    let mut bench = Bench::speaking();
    bench.run(0, 10, true);
    let ids = |bench: &Bench| bench.asked.iter().map(|(_, q)| q.id()).collect::<BTreeSet<_>>();
    let today = ids(&bench);
    bench.asked.clear();
    // Twelve hours later it is tomorrow.
    bench.run(43_200, 43_400, true);
    let tomorrow = ids(&bench);
    assert_eq!((tomorrow.len(), tomorrow.intersection(&today).count()), (3, 2));
}

#[test]
fn of_thousands_of_addresses_few_are_told() {
    let mut bench = Bench::speaking();
    bench.tick(0);
    let id = first_site(&bench);
    let lies: Vec<_> = (0..3_000).map(|n| SocketAddrV4::new(core::net::Ipv4Addr::from_bits(n), 9)).collect();
    for _ in 0..1_000 {
        bench.machine.handle_answer(moment(0), id, TableAnswer::Peers(lies.clone()));
    }
    bench.drain(0);
    let told = bench.told.iter().filter(|event| matches!(event, DhtEvent::Candidate(_))).count();
    assert_eq!(told, limits::ANSWERS * limits::OF_ANSWER);
    // An address that one node names a hundred times counts once.
    let mut bench = Bench::speaking();
    bench.tick(0);
    let id = first_site(&bench);
    bench.machine.handle_answer(moment(0), id, TableAnswer::Peers(vec![lies[1]; 100]));
    bench.drain(0);
    assert_eq!(bench.told.iter().filter(|event| matches!(event, DhtEvent::Candidate(_))).count(), 1);
}

#[test]
fn what_was_asked_of_a_node_that_is_gone_is_asked_of_the_next_one() {
    let mut bench = Bench::speaking();
    bench.tick(0);
    let gone = core::mem::take(&mut bench.open);
    bench.machine.handle_node(now(1), false);
    bench.machine.handle_node(now(2), true);
    // It is too late for these.
    for id in gone.into_keys() {
        bench.machine.handle_answer(moment(2), id, TableAnswer::Over(true));
    }
    bench.drain(2);
    assert!(bench.announced().is_empty());
    bench.run(2, 3, true);
    assert_eq!(bench.announced().len(), 3);
}

/// What a member of the group reads in the record that was put last.
fn read(bench: &Bench, peer: PeerId, month: u64) -> Option<Vec<SocketAddrV4>> {
    bench.records.iter().rev().find_map(|(_, question)| match question {
        Question::Put(SignedValue { value, .. }) => Some(keys().record(peer, month).open(value)),
        _ => None,
    })?
}

#[test]
fn a_peer_says_each_hour_where_it_is_and_at_once_when_that_changes() {
    let mut bench = Bench::new();
    bench.machine.handle_node(now(0), true);
    bench.machine.handle_port(now(0), SitePort { outside: 40_000, inside: 9, speaks: false });
    bench.run(0, 8_000, true);
    let puts = |bench: &Bench| -> Vec<u64> {
        let is_put = |(_, question): &&(u64, Question)| matches!(question, Question::Put(_));
        bench.records.iter().filter(is_put).map(|(at, _)| *at).collect()
    };
    assert_eq!(puts(&bench), [0, 3_600, 7_200]);
    let month = moment(0).months()[0];
    let expected = ["11.0.0.1:40000", "10.0.0.1:9"].map(|text| text.parse().unwrap());
    assert_eq!(read(&bench, ME, month), Some(expected.to_vec()));
    assert_eq!((read(&bench, OTHER, month), read(&bench, ME, month + 1)), (None, None));
    bench.machine.handle_network_changed(now(8_000));
    bench.run(8_000, 8_100, true);
    assert_eq!(puts(&bench).last(), Some(&8_000));
    // What no node takes is tried again.
    bench.machine.handle_network_changed(now(8_100));
    bench.run(8_100, 8_300, false);
    assert_eq!(puts(&bench)[4..], [8_100, 8_160, 8_220, 8_280]);
}

#[test]
fn a_peer_that_went_silent_is_looked_for_until_it_is_here() {
    let mut bench = Bench::speaking();
    bench.run(0, 100, true);
    bench.records.clear();
    bench.machine.handle_missing(now(100), OTHER);
    bench.run(100, 3_000, true);
    let reads: Vec<u64> = bench
        .records
        .iter()
        .filter(|(_, question)| matches!(question, Question::Read(_)))
        .map(|(at, _)| *at)
        .collect();
    assert!(reads[0] <= 105 && reads.iter().filter(|at| **at <= 220).count() >= 4, "{reads:?}");
    bench.machine.handle_here(OTHER);
    bench.records.clear();
    bench.run(3_000, 3_600, true);
    assert!(bench.records.is_empty());
}

#[test]
fn only_the_record_of_who_is_missed_is_dialled() {
    let month = moment(0).months()[0];
    let at: Vec<SocketAddrV4> = vec!["11.0.0.9:27281".parse().unwrap()];
    let good = keys().record(OTHER, month).seal([5; 24], &at);
    let candidates = |value: &[u8], is_here: bool| {
        let mut bench = Bench::speaking();
        bench.run(0, 1, true);
        bench.machine.handle_missing(now(1), OTHER);
        bench.tick(6);
        let is_read = |(_, question): &(&QuestionId, &Question)| matches!(question, Question::Read(_));
        let id = *bench.open.iter().find(is_read).unwrap().0;
        if is_here {
            bench.machine.handle_here(OTHER);
        }
        bench.machine.handle_answer(moment(6), id, TableAnswer::Value(value.to_vec()));
        bench.drain(6);
        bench.told.into_iter().filter(|event| matches!(event, DhtEvent::Candidate(_))).count()
    };
    assert_eq!((candidates(&good, false), candidates(&good, true)), (1, 0));
    let of_another = keys().record(ME, month).seal([5; 24], &at);
    let of_another_group = TableKeys::new(Zeroizing::new([8; 32])).record(OTHER, month).seal([5; 24], &at);
    for value in [of_another, of_another_group, vec![0; 100_000], Vec::new(), good[..136].to_vec()] {
        assert_eq!(candidates(&value, false), 0);
    }
}

fn file(n: u8) -> FileId {
    FileId([n; 32])
}

/// At this second the days around are of two months.
const MONTH_ENDS: u64 = (20_009 * 86_400 + 80_000) - NOON;

/// What was told of a file last.
fn known(bench: &Bench, file: FileId) -> Option<bool> {
    bench.told.iter().rev().find_map(|event| match event {
        DhtEvent::Known(of, is_known) if *of == file => Some(*is_known),
        _ => None,
    })
}

/// One that does not speak for its network, and announces these.
fn announcing(files: impl IntoIterator<Item = u8>) -> Bench {
    let mut bench = Bench::new();
    bench.machine.handle_node(now(0), true);
    bench.machine.handle_port(now(0), SitePort { speaks: false, ..port(9) });
    bench.machine.handle_files(&files.into_iter().map(file).collect());
    bench.drain(0);
    bench
}

#[test]
fn a_file_is_announced_by_whoever_has_it_every_quarter_of_an_hour() {
    let mut bench = announcing([1]);
    bench.run(0, 7_200, true);
    assert_eq!(known(&bench, file(1)), Some(true));
    let topic = keys().file(file(1), moment(0).months()[0]);
    assert!(
        bench.asked.iter().all(|(_, asked)| *asked == SiteQuestion::Announce(topic, 9)),
        "{:?}",
        bench.asked
    );
    let times: Vec<u64> = bench.asked.iter().map(|(at, _)| *at).collect();
    assert_eq!(times[0], 0);
    assert!(times.windows(2).all(|two| (720..=1_081).contains(&(two[1] - two[0]))), "{times:?}");
    // Elsewhere it is announced at once, and so it is at another port.
    bench.machine.handle_network_changed(now(7_200));
    bench.drain(7_200);
    assert_eq!(known(&bench, file(1)), Some(false));
    bench.run(7_200, 7_201, true);
    bench.machine.handle_port(now(7_201), SitePort { speaks: false, ..port(10) });
    bench.run(7_201, 7_202, true);
    assert_eq!(
        bench.asked[times.len()..],
        [(7_200, SiteQuestion::Announce(topic, 9)), (7_201, SiteQuestion::Announce(topic, 10)),]
    );
    assert_eq!(known(&bench, file(1)), Some(true));
    // What is taken back is not announced again; what no node takes is, within a minute.
    bench.machine.handle_files(&BTreeSet::from([file(2)]));
    bench.asked.clear();
    bench.run(7_202, 9_202, false);
    let other = keys().file(file(2), moment(7_202).months()[0]);
    assert!(bench.asked.len() > 30 && bench.asked.iter().all(|(_, asked)| asked.id() == other));
    assert_eq!(known(&bench, file(2)), None);
}

#[test]
fn near_the_end_of_a_month_a_file_has_two_numbers() {
    let mut bench = announcing([1]);
    bench.machine.handle_seek(now(MONTH_ENDS), file(2));
    bench.run(MONTH_ENDS, MONTH_ENDS + 1, true);
    let months = moment(MONTH_ENDS).months();
    assert_eq!(months.len(), 2);
    for month in months {
        let asks = |asked| bench.asked.iter().any(|(_, other)| *other == asked);
        assert!(asks(SiteQuestion::Announce(keys().file(file(1), month), 9)));
        assert!(asks(SiteQuestion::Peers(keys().file(file(2), month))));
    }
    assert_eq!(known(&bench, file(1)), Some(true));
    // A day later it is one.
    bench.asked.clear();
    bench.run(MONTH_ENDS + 2 * 86_400, MONTH_ENDS + 2 * 86_400 + 1, true);
    let of_announced = bench.announced().len();
    assert_eq!(of_announced, 1);
}

#[test]
fn who_has_a_file_is_asked_until_nobody_wants_to_know() {
    let mut bench = announcing([]);
    bench.machine.handle_seek(now(5), file(1));
    bench.tick(5);
    let id = first_site(&bench);
    let there: SocketAddrV4 = "11.0.0.9:27281".parse().unwrap();
    bench.machine.handle_answer(moment(5), id, TableAnswer::Peers(vec![there; 30]));
    bench.drain(5);
    let holders =
        |bench: &Bench| bench.told.iter().filter(|event| **event == DhtEvent::Holder(file(1), there)).count();
    assert_eq!(holders(&bench), 1, "one that is named thirty times in an answer");
    bench.answer_all(5, true);
    bench.run(6, 25, true);
    let rounds = bench.rounds();
    assert!((4..=6).contains(&rounds.len()) && rounds[1] <= 7, "{rounds:?}");
    bench.tick(40);
    let id = first_site(&bench);
    bench.machine.handle_seek_over(file(1));
    bench.machine.handle_answer(moment(40), id, TableAnswer::Peers(vec![there]));
    bench.answer_all(40, true);
    bench.asked.clear();
    bench.run(41, 400, true);
    assert_eq!((holders(&bench), bench.asked.len()), (1, 0));
}

#[test]
fn of_hundreds_of_files_few_are_asked_about_at_once_and_what_is_waited_for_comes_first() {
    let mut bench = announcing(0..=u8::MAX);
    (0..100).for_each(|n| bench.machine.handle_seek(now(0), file(n)));
    bench.tick(0);
    let asked: Vec<_> = sites(&bench.open).collect();
    assert_eq!(asked.len(), limits::FILE_QUESTIONS);
    assert!(asked.iter().all(|asked| matches!(asked, SiteQuestion::Peers(_))), "{asked:?}");
    (0..100).for_each(|n| bench.machine.handle_seek_over(file(n)));
    bench.asked.clear();
    bench.run(1, 60, true);
    let known: BTreeSet<_> = bench.asked.iter().map(|(_, asked)| asked.id()).collect();
    assert_eq!(known.len(), limits::FILES);
}

/// Something that happens.
#[derive(Clone, Debug)]
enum Step {
    Pass(u64),
    Answer { at: usize, is_taken: bool },
    Found { at: usize, count: u16 },
    Port(u16, bool),
    Missing(u8),
    Here(u8),
    Node(bool),
    NetworkChanged,
    Lost,
    Files(BTreeSet<u8>),
    Seek(u8),
    SeekOver(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..100_000_u64).prop_map(Step::Pass),
        (0..60_u64).prop_map(Step::Pass),
        (any::<usize>(), any::<bool>()).prop_map(|(at, is_taken)| Step::Answer { at, is_taken }),
        (any::<usize>(), 0..500_u16).prop_map(|(at, count)| Step::Found { at, count }),
        (1..10_u16, any::<bool>()).prop_map(|(port, speaks)| Step::Port(port, speaks)),
        any::<u8>().prop_map(Step::Missing),
        any::<u8>().prop_map(Step::Here),
        any::<bool>().prop_map(Step::Node),
        Just(Step::NetworkChanged),
        Just(Step::Lost),
        prop::collection::btree_set(any::<u8>(), 0..100).prop_map(Step::Files),
        any::<u8>().prop_map(Step::Seek),
        any::<u8>().prop_map(Step::SeekOver),
    ]
}

proptest! {
    /// Whatever happens: never two questions about one number, never more open than may be, never asked by whoever
    /// stands by; and all is well again once the table answers.
    #[test]
    fn whatever_happens_it_goes_on(steps in prop::collection::vec(step(), 0..200)) {
        let (mut bench, mut seconds) = (Bench::speaking(), 0);
        for step in steps {
            match step {
                Step::Pass(time) => {
                    seconds += time;
                    bench.tick(seconds);
                }
                Step::Answer { at, is_taken } => {
                    if let Some(id) = bench.open.keys().nth(at % bench.open.len().max(1)).copied() {
                        bench.open.remove(&id);
                        bench.machine.handle_answer(moment(seconds), id, TableAnswer::Over(is_taken));
                    }
                }
                Step::Found { at, count } => {
                    if let Some(id) = bench.open.keys().nth(at % bench.open.len().max(1)).copied() {
                        let found = (0..count).map(|n| SocketAddrV4::new([11, 0, 0, 1].into(), n)).collect();
                        bench.machine.handle_answer(moment(seconds), id, TableAnswer::Peers(found));
                    }
                }
                Step::Port(number, speaks) => {
                    bench.machine.handle_port(now(seconds), SitePort { speaks, ..port(number) });
                }
                Step::Missing(n) => bench.machine.handle_missing(now(seconds), PeerId([n; 32])),
                Step::Here(n) => bench.machine.handle_here(PeerId([n; 32])),
                Step::Node(is_there) => {
                    bench.open.clear();
                    bench.machine.handle_node(now(seconds), is_there);
                }
                Step::NetworkChanged => bench.machine.handle_network_changed(now(seconds)),
                Step::Lost => bench.machine.handle_lost(now(seconds)),
                Step::Files(files) => bench.machine.handle_files(&files.into_iter().map(file).collect()),
                Step::Seek(n) => bench.machine.handle_seek(now(seconds), file(n)),
                Step::SeekOver(n) => bench.machine.handle_seek_over(file(n)),
            }
            bench.drain(seconds);
        }
        bench.machine.handle_port(now(seconds), port(9));
        bench.open.clear();
        bench.machine.handle_node(now(seconds), true);
        bench.machine.handle_files(&BTreeSet::new());
        bench.asked.clear();
        bench.run(seconds, seconds + 2, true);
        prop_assert_eq!(bench.state(), Some(&DhtEvent::State(DhtState::Announced)));
        prop_assert_eq!(bench.announced().len(), 3);
    }
}
