//! Lines of others that were heard: to be shown in their turn, and to be sent once more to whoever misses them.
//! Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::line_id::{LineId, Origin};
use crate::accounts::{Account, Grant, Payer};
use crate::identity::{PeerId, PeerName};
use crate::lan::limits;
use crate::time::Time;

/// Bytes that a line takes beside its datagram and its text: about those of its places in the maps.
const LINE_COST: usize = 256;

/// One line.
#[derive(Clone, Debug)]
pub(super) struct KeptLine {
    /// The name of who said it, as it was then.
    pub name: PeerName,
    /// When it was said, by the clock of who said it.
    pub said: u64,
    pub text: Arc<str>,
    /// The datagram, as it was signed.
    pub signed: Arc<[u8]>,
    /// When it was heard first.
    pub heard: Time,
    /// When it was last heard or sent by us once more.
    pub repeated: Option<Time>,
}

/// All of them, at most [`limits::ROOM_BYTES`]. The hosts of their origins have equal shares.
#[derive(Debug)]
pub(super) struct KeptLines {
    all: BTreeMap<LineId, KeptLine>,
    bytes: Account<PeerId, LineId>,
}

impl Default for KeptLines {
    fn default() -> Self {
        let bytes = Account::new(limits::ROOM_BYTES as u64, limits::ROOM_BYTES_OF_HOST);
        Self { all: BTreeMap::new(), bytes }
    }
}

impl KeptLines {
    /// Keeps a line. Returns those that had to go for it; `None`: there is no place.
    pub(super) fn put(
        &mut self,
        now: Time,
        payer: Payer<PeerId>,
        id: LineId,
        line: KeptLine,
    ) -> Option<Vec<LineId>> {
        let cost = (line.signed.len() + line.text.len() + LINE_COST) as u64;
        let mut gone = Vec::new();
        loop {
            if let Grant::Given(yielding) = self.bytes.charge(now, payer, id, cost) {
                gone.extend(yielding);
                break;
            }
            // What is to be shown takes the place of what the same peer said before.
            let oldest = self.of(id.origin.peer).next()?;
            self.bytes.free(oldest);
            self.all.remove(&oldest);
            gone.push(oldest);
        }
        gone.iter().for_each(|other| drop(self.all.remove(other)));
        self.all.insert(id, line);
        self.slide(id);
        self.check();
        Some(gone)
    }

    /// A line that is kept.
    pub(super) fn get(&self, id: LineId) -> Option<&KeptLine> {
        self.all.get(&id)
    }

    /// It was heard or sent once more.
    pub(super) fn note_repeated(&mut self, now: Time, id: LineId) {
        if let Some(line) = self.all.get_mut(&id) {
            line.repeated = Some(now);
        }
    }

    /// Forgets all that a peer said.
    pub(super) fn forget(&mut self, peer: PeerId) {
        let lines: Vec<_> = self.of(peer).collect();
        lines.into_iter().for_each(|line| self.remove(line));
    }

    /// Forgets what is past the window that ends with `id`, and all starts but its own and the one before.
    fn slide(&mut self, id: LineId) {
        let LineId { origin, number } = id;
        let before = self.of(origin.peer).map(|line| line.origin.instance);
        let previous = before.filter(|instance| *instance < origin.instance).max();
        let is_past = |line: &LineId| {
            let is_same = line.origin == origin && line.number + limits::ROOM_WINDOW as u64 <= number;
            is_same || previous.is_some_and(|previous| line.origin.instance < previous)
        };
        let past: Vec<_> = self.of(origin.peer).filter(is_past).collect();
        past.into_iter().for_each(|line| self.remove(line));
    }

    fn of(&self, peer: PeerId) -> impl Iterator<Item = LineId> {
        let least = crate::identity::Instance { count: 0, random: 0 };
        let first = LineId { origin: Origin { peer, instance: least }, number: 0 };
        self.all.range(first..).map(|(id, _)| *id).take_while(move |id| id.origin.peer == peer)
    }

    fn remove(&mut self, id: LineId) {
        self.all.remove(&id);
        self.bytes.free(id);
    }

    /// In a debug build: what is kept is charged. Of many lines only now and then, for it is a look at all of them.
    fn check(&self) {
        if self.all.len() > 64 && !self.all.len().is_multiple_of(256) {
            return;
        }
        let cost = |line: &KeptLine| (line.signed.len() + line.text.len() + LINE_COST) as u64;
        self.bytes.check("lines", self.all.iter().map(|(id, line)| (*id, cost(line))));
    }

    /// They take no more bytes than they may.
    #[cfg(any(test, feature = "sim"))]
    pub(super) fn check_bounds(&self) {
        assert!(self.bytes.held() <= limits::ROOM_BYTES as u64, "{} bytes of lines", self.bytes.held());
    }

    /// How many are kept of a peer.
    #[cfg(test)]
    pub(super) fn count(&self, peer: PeerId) -> usize {
        self.of(peer).count()
    }
}
