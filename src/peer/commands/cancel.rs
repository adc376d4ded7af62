//! `cancel`: a download is stopped; what arrived stays. Pure.

use super::{Answer, Command, Needs};
use crate::control::CancelRequest;
use crate::error::{Code, Failure};
use crate::peer::event::AskId;
use crate::peer::machine::PeerMachine;
use crate::receiver::ReceiverCommand;
use crate::swarm::JobId;
use crate::time::Time;

impl Command for CancelRequest {
    fn needs(&self) -> Needs {
        Needs::Nothing
    }

    fn answer(self: Box<Self>, _: Time, _: AskId, peer: &mut PeerMachine) -> Result<Answer, Failure> {
        let job = JobId(self.job);
        if peer.downloads.get(job).is_none() {
            return Err(Failure::new(Code::NotFound, format!("no download {} is running", job.0)));
        }
        peer.out.receiver(ReceiverCommand::Cancel(job));
        Ok(Answer::Done)
    }
}
