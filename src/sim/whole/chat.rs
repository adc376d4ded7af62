//! What people say to each other, of whole peers.

use core::time::Duration;
use std::collections::BTreeMap;

use super::WholeWorld;
use super::tests::seconds;
use crate::control::{Audience, ChatRequest, ChatRow, ExitRequest, Notice, Reply};
use crate::sim::{Link, seeds};

/// Peers.
const COUNT: usize = 5;

fn chat(text: String) -> ChatRequest {
    ChatRequest { text: vec![text] }
}

impl WholeWorld {
    /// Peers that have found each other.
    fn talking(seed: u64, link: Link) -> Self {
        let mut world = Self::new(seed, COUNT, link);
        (0..COUNT).for_each(|place| world.start(place));
        world.run(seconds(5));
        world
    }

    /// Says this, and waits until it is said.
    fn say(&mut self, place: usize, text: String) {
        assert_eq!(self.answers(place, chat(text)), [Reply::Done]);
    }

    fn lines(&mut self, place: usize) -> Vec<ChatRow> {
        let line = |reply| if let Reply::Line(row) = reply { Some(row) } else { None };
        self.answers(place, ChatRequest::default()).into_iter().filter_map(line).collect()
    }

    /// What a peer has of each one, in order.
    fn lines_by(&mut self, place: usize) -> BTreeMap<String, Vec<String>> {
        let mut by: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for row in self.lines(place) {
            by.entry(row.name).or_default().push(row.text);
        }
        by
    }

    /// How often each line was shown above the prompt of a peer.
    fn shown(&self, place: usize) -> BTreeMap<(String, String), usize> {
        let mut shown = BTreeMap::new();
        for notice in &self.peers[place].notices {
            if let Notice::Line(row) = notice {
                *shown.entry((row.id.clone(), row.text.clone())).or_default() += 1;
            }
        }
        shown
    }
}

#[test]
fn every_line_is_shown_and_kept_once_in_order_also_by_who_restarts() {
    seeds(5, |seed| {
        let mut world = WholeWorld::talking(seed, Link::lossy(200));
        for n in 0..20 {
            for place in 0..COUNT {
                world.say(place, n.to_string());
            }
            world.run(Duration::from_millis(250));
            // It is away for a moment, and what is said meanwhile is still in a window.
            if n == 10 {
                world.run(seconds(3));
                world.crash(1);
                world.start(1);
                world.run(seconds(2));
            }
        }
        world.run(seconds(5));
        let all: Vec<_> = (0..20).map(|n| n.to_string()).collect();
        for place in 0..COUNT {
            let by = world.lines_by(place);
            assert_eq!(by.len(), COUNT, "at peer {place}");
            for (name, lines) in by {
                assert_eq!(lines, all, "of {name} at peer {place}");
            }
            let shown = world.shown(place);
            assert_eq!(shown.len(), 20 * (COUNT - 1), "at peer {place}");
            assert!(shown.values().all(|times| *times == 1), "at peer {place}: {shown:?}");
            let missed = |notice: &&Notice| matches!(notice, Notice::LinesMissed { .. });
            assert_eq!(world.peers[place].notices.iter().filter(missed).count(), 0, "at peer {place}");
        }
    });
}

#[test]
fn a_line_for_one_peer_comes_to_it_alone_and_the_last_one_before_an_exit_to_all() {
    seeds(5, |seed| {
        let mut world = WholeWorld::talking(seed, Link::lossy(200));
        assert_eq!(world.answers(0, chat("@peer1 psst".into())), [Reply::Done]);
        world.say(2, "bye".into());
        world.ask(2, ExitRequest::default());
        assert!(world.run_while(seconds(10), |world| !world.peers[2].is_running()).is_some());
        world.run(seconds(5));
        for place in [0, 1, 3, 4] {
            let rows = world.lines(place);
            let texts: Vec<_> = rows.iter().map(|row| row.text.as_str()).collect();
            let expected = if place < 2 { &["psst", "bye"][..] } else { &["bye"] };
            assert_eq!(texts, expected, "at peer {place}");
        }
        let told = &world.lines(1)[0];
        assert_eq!((told.name.as_str(), &told.to), ("peer0", &Audience::Us));
    });
}
