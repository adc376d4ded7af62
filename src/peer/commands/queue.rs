//! `queue`: the downloads that are not done; and what `pause`, `resume` and `first` say. Pure.

use super::{Answer, Command, Needs};
use crate::control::{QueueRequest, Reply};
use crate::error::Failure;
use crate::peer::event::AskId;
use crate::peer::machine::PeerMachine;
use crate::peer::queue::queue_rows;
use crate::swarm::JobId;
use crate::time::Time;

impl Command for QueueRequest {
    fn needs(&self) -> Needs {
        Needs::Nothing
    }

    fn answer(self: Box<Self>, now: Time, ask: AskId, peer: &mut PeerMachine) -> Result<Answer, Failure> {
        let ids: Vec<JobId> = peer.downloads.queue.in_order().map(|(id, _)| id).collect();
        tell(now, ask, &ids, peer);
        Ok(Answer::Done)
    }
}

/// Tells how these downloads stand.
pub(super) fn tell(now: Time, ask: AskId, ids: &[JobId], peer: &mut PeerMachine) {
    for row in queue_rows(now, ids, peer) {
        peer.out.reply(ask, Reply::Queued(row));
    }
}
