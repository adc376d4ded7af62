//! What the threads of a peer counted, as `status` tells it.

use crate::control::{CountersRow, DatagramsRow};
use crate::counters::Counters;
use crate::lan::{DatagramCounters, Tally};

/// All that was counted since the start.
pub(super) fn counters_row(of: &Counters, tally: &Tally) -> CountersRow {
    CountersRow {
        hashed: of.hashed.read(),
        sent: of.sent.read(),
        received: of.received.read(),
        discarded: of.discarded.read(),
        pool_waits: of.pool_waits.read(),
        datagrams: datagrams_row(tally),
    }
}

fn datagrams_row(tally: &Tally) -> DatagramsRow {
    let DatagramCounters {
        sent,
        taken,
        dropped,
        malformed,
        version,
        forged,
        limited,
        replayed,
        foreign,
        unsent,
        outsiders,
    } = tally.read();
    DatagramsRow {
        sent,
        unsent,
        taken,
        dropped,
        malformed,
        version,
        forged,
        limited,
        replayed,
        foreign,
        outsiders,
    }
}
