//! What keepers may say that they keep.

use std::collections::{BTreeMap, BTreeSet};

use super::{AnswerStep, Answers, AskedPages, PEERS, run_with};
use crate::content::FileId;
use crate::identity::PeerId;
use crate::receiver::ReceiverEvent;
use crate::receiver::kept::KeptFiles;
use crate::receiver::pull::{Pull, PullKey};
use crate::time::Time;
use crate::wire::message::{KeptFile, KeptIs};

/// Bytes of what keepers say that may be held, and the share of a host.
const LIMIT: u64 = 96 << 10;
const SHARE: u64 = 8 << 10;

/// Lets happen what the bytes say.
///
/// # Panics
/// When the machine does not hold together.
pub fn run(bytes: &[u8]) {
    let pull = Pull::new(KeptFiles::new(LIMIT, SHARE));
    run_with(bytes, KeeperAnswers::default(), pull);
}

/// What the controller knows.
#[derive(Default)]
struct KeeperAnswers {
    waiting: BTreeSet<PeerId>,
    /// Rows of the lists that it holds.
    lists: BTreeMap<PeerId, usize>,
}

impl Answers for KeeperAnswers {
    type Question = KeptFiles;

    fn peer(&self, n: u8) -> PeerId {
        PeerId([1 + n % PEERS; 32])
    }

    fn want(&mut self, now: Time, pull: &mut Pull<KeptFiles>, step: AnswerStep) {
        let from = self.peer(step.n);
        self.waiting.insert(from);
        pull.want(now, PullKey { from, subject: () }, ());
    }

    fn pages(&self, asked: &mut AskedPages, step: AnswerStep) -> Vec<KeptIs> {
        let request = asked.message.request();
        if step.a >= 240 {
            return vec![KeptIs::nothing(request)];
        }
        let row =
            KeptFile { file: FileId([step.b; 32]), size: 1 << 30, from: 0, to: 1 + u32::from(step.b % 4) };
        // One owner or several; the last page may be the only one, or never come.
        let page = |origin: u8| KeptIs {
            request,
            origin: PeerId([100 + origin; 32]),
            announcement: vec![0; usize::from(step.a)],
            rows: vec![row; 1 + usize::from(step.b) * usize::from(step.what / 16)].into(),
            last: false,
        };
        let mut pages: Vec<KeptIs> = (0..=step.a % 5).map(page).collect();
        if let Some(page) = pages.last_mut().filter(|_| !step.b.is_multiple_of(3)) {
            page.last = true;
        }
        pages
    }

    fn hear(&mut self, event: ReceiverEvent) {
        match event {
            ReceiverEvent::Kept(keeper, kept) => {
                self.waiting.remove(&keeper);
                self.lists.insert(keeper, kept.iter().map(|of| of.rows.len()).sum());
            }
            ReceiverEvent::NoKept(keeper) => drop(self.waiting.remove(&keeper)),
            ReceiverEvent::KeptGivenUp(keeper) => drop(self.lists.remove(&keeper)),
            ReceiverEvent::Warning(_) => {}
            other => panic!("{other:?} has nothing to do with what is kept"),
        }
    }

    fn gone(&mut self, peer: PeerId) {
        self.lists.remove(&peer);
    }

    fn check(&self) {
        let bytes = self.lists.values().map(|rows| rows * size_of::<KeptFile>()).sum::<usize>();
        assert!(bytes as u64 <= LIMIT, "{bytes} bytes of what keepers say are held");
    }

    fn check_end(&self) {
        assert!(self.waiting.is_empty(), "nobody said how it went with {:?}", self.waiting);
    }
}

#[cfg(test)]
mod tests {
    use crate::sim::with_bytes;

    #[test]
    fn whatever_keepers_say_the_machine_holds_together() {
        with_bytes(100, 4_000, super::run);
    }
}
