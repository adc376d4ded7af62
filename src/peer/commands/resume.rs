//! `resume`: downloads that were paused go on, and those that failed are tried again. Pure.

use super::{Answer, Command, Needs, queue};
use crate::control::{QueueState, ResumeRequest};
use crate::error::Failure;
use crate::peer::event::AskId;
use crate::peer::machine::PeerMachine;
use crate::peer::queue::turn_queue;
use crate::time::Time;

impl Command for ResumeRequest {
    fn needs(&self) -> Needs {
        Needs::Nothing
    }

    fn answer(self: Box<Self>, now: Time, ask: AskId, peer: &mut PeerMachine) -> Result<Answer, Failure> {
        let mut ids = peer.downloads.queue.named(&self.which)?;
        if self.which.is_all() {
            // Of all those are meant that stand still.
            let stands =
                |state| matches!(state, QueueState::Paused | QueueState::Failed | QueueState::Waiting);
            ids.retain(|id| peer.downloads.queue.state(now, *id).is_some_and(stands));
        }
        ids.iter().for_each(|id| peer.downloads.queue.resume(*id));
        turn_queue(now, peer);
        queue::tell(now, ask, &ids, peer);
        Ok(Answer::Done)
    }
}
