//! `pause`: downloads rest until they are resumed; what arrived stays. Pure.

use super::{Answer, Command, Needs, queue};
use crate::control::PauseRequest;
use crate::error::Failure;
use crate::peer::event::AskId;
use crate::peer::machine::PeerMachine;
use crate::peer::queue::turn_queue;
use crate::time::Time;

impl Command for PauseRequest {
    fn needs(&self) -> Needs {
        Needs::Nothing
    }

    fn answer(self: Box<Self>, now: Time, ask: AskId, peer: &mut PeerMachine) -> Result<Answer, Failure> {
        let ids = peer.downloads.queue.named(&self.which)?;
        ids.iter().for_each(|id| peer.downloads.queue.pause(*id));
        queue::tell(now, ask, &ids, peer);
        turn_queue(now, peer);
        Ok(Answer::Done)
    }
}
