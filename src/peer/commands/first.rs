//! `first`: a download comes before all others. Pure.

use super::{Answer, Command, Needs, queue};
use crate::control::FirstRequest;
use crate::error::{Code, Failure};
use crate::peer::event::AskId;
use crate::peer::machine::PeerMachine;
use crate::peer::queue::turn_queue;
use crate::receiver::ReceiverCommand;
use crate::time::Time;

impl Command for FirstRequest {
    fn needs(&self) -> Needs {
        Needs::Nothing
    }

    fn answer(self: Box<Self>, now: Time, ask: AskId, peer: &mut PeerMachine) -> Result<Answer, Failure> {
        let [id] = peer.downloads.queue.named(&self.which)?[..] else {
            return Err(Failure::new(
                Code::Usage,
                "only one download can be first; `queue` shows their numbers",
            ));
        };
        peer.downloads.queue.put_first(id);
        if peer.downloads.queue.get(id).is_some_and(|download| download.is_at_rest_by_choice()) {
            peer.downloads.queue.resume(id);
        }
        peer.out.receiver(ReceiverCommand::First(Some(id)));
        turn_queue(now, peer);
        queue::tell(now, ask, &[id], peer);
        Ok(Answer::Done)
    }
}
