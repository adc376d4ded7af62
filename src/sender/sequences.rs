//! Whatever clients ask and cancel, and however slowly they take it, the sender's machines hold together: for
//! fuzzing and property tests. The bytes of an input choose what happens.

use core::time::Duration;
use std::collections::VecDeque;

use super::client::SenderClient;
use super::quick::{PeerTable, Quick};
use super::reads::{PieceRead, ReadDone, ReadJob, Reads, ReadyPart};
use crate::content::FileId;
use crate::identity::PeerId;
use crate::sender::limits;
use crate::time::Time;
use crate::wire::Message;
use crate::wire::message::{GetBlocks, GetTable, Item};

/// Clients that there may be, more than there are buffers.
const CLIENTS: u8 = 24;

/// Bytes of the one file.
const SIZE: u64 = 4 << 20;

struct World {
    now: Time,
    clients: Vec<SenderClient>,
    reads: Reads<u8, ()>,
    at_reader: VecDeque<ReadJob>,
}

/// Lets happen what the bytes say.
///
/// # Panics
/// When the machines do not hold together.
pub fn run(bytes: &[u8]) {
    let now = Time(1_000_000_000);
    let client = |n| SenderClient::new(PeerId([n; 32]), now);
    let clients = (0..CLIENTS).map(client).collect();
    let mut world = World { now, clients, reads: Reads::default(), at_reader: VecDeque::new() };
    let (steps, _) = bytes.as_chunks::<4>();
    for &[what, n, a, b] in steps {
        world.step(what, n % CLIENTS, a, b);
        world.reads.check();
    }
    for id in 0..CLIENTS {
        world.reads.forget(id);
    }
    while let Some(job) = world.at_reader.pop_front() {
        assert_eq!(world.reads.done(world.now, read(job)), None, "all of them are gone");
    }
    world.reads.check();
}

/// The reader does a job: each byte tells its offset.
fn read(job: ReadJob) -> ReadDone<()> {
    let ReadJob { number, mut buffer, items } = job;
    let (mut pieces, mut at) = (VecDeque::new(), 0);
    for item in items {
        let len = usize::try_from(item.len).unwrap_or(usize::MAX);
        assert!(at + len <= buffer.len(), "a job is longer than its buffer");
        for (byte, offset) in buffer[at..at + len].iter_mut().zip(item.offset..) {
            *byte = offset.to_le_bytes()[0];
        }
        pieces.push_back(PieceRead { item, at, fault: None });
        at += len;
    }
    ReadDone { number, buffer, pieces }
}

impl World {
    fn step(&mut self, what: u8, id: u8, a: u8, b: u8) {
        let now = self.now;
        let client = &mut self.clients[usize::from(id)];
        match what % 8 {
            0 => {
                let items = (0..=b % 3).map(|n| {
                    let offset = (u64::from(a) << 14).saturating_add(u64::from(n) << 10) % SIZE;
                    Item { file: FileId([0; 32]), offset, len: (1 + u64::from(b) * 64).min(SIZE - offset) }
                });
                let asked = GetBlocks { request: a.into(), items: items.collect(), background: b >= 128 };
                client.take_blocks(now, asked, true);
            }
            1 => client.cancel(a.into()),
            2 => drop(client.questions.ask(Message::GetTable(GetTable { request: a.into() }))),
            3 => {
                if client.questions.next_page(&PeerTable::new()).is_none()
                    && let Some(Message::GetTable(m)) = client.questions.next()
                {
                    client.questions.begin(Quick::table(&m));
                }
            }
            4 | 5 => self.send(id, u64::from(a) * 100),
            6 => {
                if let Some(job) = self.at_reader.pop_front() {
                    self.reads.done(now, read(job));
                }
            }
            _ => {
                self.now = now + Duration::from_millis(a.into());
                if a >= 250 {
                    self.reads.forget(id);
                }
                drop(self.reads.due(self.now));
                while self.reads.next_waiting().is_some() {}
            }
        }
    }

    /// A client takes up to so many bytes of what is ready for it, or has them read.
    fn send(&mut self, id: u8, most: u64) {
        let client = &mut self.clients[usize::from(id)];
        let Some(due) = client.next_item() else { return };
        match self.reads.ready(id, due.left, false) {
            ReadyPart::Bytes(len) => {
                let len = (len as u64).min(most.max(1)).min(due.left.len);
                let bytes = &self.reads.front(id)[..usize::try_from(len).unwrap_or(0)];
                let right = (due.left.offset..).map(|offset| offset.to_le_bytes()[0]);
                assert!(bytes.iter().copied().eq(right.take(bytes.len())), "these are other bytes");
                self.reads.consume(self.now, id, bytes.len());
                client.advance(self.now, len, SIZE);
            }
            ReadyPart::Fault => drop(self.reads.take_fault(id)),
            ReadyPart::Asked => {}
            ReadyPart::Nothing => {
                let mut room = limits::READ_JOB as u64;
                let upcoming = client.upcoming().map_while(|item| {
                    room = room.checked_sub(item.len)?;
                    Some(item)
                });
                let items: Vec<Item> = upcoming.take(limits::REQUEST_ITEMS).collect();
                if let Some(job) = self.reads.ask(self.now, id, items) {
                    self.at_reader.push_back(job);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::sim::with_bytes;

    #[test]
    fn whatever_clients_ask_the_machines_hold_together() {
        with_bytes(100, 4_000, super::run);
    }
}
