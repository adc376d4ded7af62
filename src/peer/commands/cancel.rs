//! `cancel`: downloads are stopped, and leave the queue; what arrived stays. Pure.

use super::{Answer, Command, Needs};
use crate::control::{CancelRequest, QueueRow, QueueState, Reply};
use crate::error::Failure;
use crate::peer::event::AskId;
use crate::peer::machine::PeerMachine;
use crate::peer::queue::{queue_rows, stop_job, turn_queue};
use crate::swarm::JobId;
use crate::time::Time;

impl Command for CancelRequest {
    fn needs(&self) -> Needs {
        Needs::Nothing
    }

    fn answer(self: Box<Self>, now: Time, ask: AskId, peer: &mut PeerMachine) -> Result<Answer, Failure> {
        let ids = match peer.downloads.queue.named(&self.which) {
            Ok(ids) => ids,
            Err(failure) => {
                // What comes back to `shared/` is in no queue.
                let running =
                    self.which.as_number().map(JobId).filter(|id| peer.downloads.get(*id).is_some());
                let Some(id) = running else { return Err(failure) };
                peer.downloads.note_stopped(id);
                stop_job(now, id, peer);
                return Ok(Answer::Done);
            }
        };
        for row in queue_rows(now, &ids, peer) {
            if self.discard {
                peer.downloads.queue.discard(JobId(row.job), ask);
            }
            let state = remove(now, JobId(row.job), peer);
            peer.out.reply(ask, Reply::Queued(QueueRow { state, speed: 0, left: None, why: None, ..row }));
        }
        if !self.discard || ids.is_empty() {
            return Ok(Answer::Done);
        }
        // Whoever wants nothing kept hears of the end once nothing is left.
        turn_queue(now, peer);
        Ok(Answer::Later)
    }
}

/// Has a download leave the queue; how it stands then.
pub(super) fn remove(now: Time, id: JobId, peer: &mut PeerMachine) -> QueueState {
    let watchers = peer.downloads.queue.take_watchers(id);
    for ask in watchers {
        peer.out.reply(ask, Reply::Failed(Failure::other("the download was stopped")));
    }
    peer.downloads.note_stopped(id);
    let was_stopping = peer.downloads.queue.is_stopping(id);
    if peer.downloads.queue.remove(id) {
        return QueueState::Removed;
    }
    if !was_stopping {
        stop_job(now, id, peer);
    }
    QueueState::Stopping
}
