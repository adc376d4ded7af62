//! `cancel`: a download is stopped; what arrived stays. Pure.

use super::{Answer, Command, Needs};
use crate::control::CancelRequest;
use crate::error::{Code, Failure};
use crate::peer::event::AskId;
use crate::peer::machine::PeerMachine;
use crate::receiver::ReceiverCommand;
use crate::swarm::{JobEvent, JobId};
use crate::time::Time;

impl Command for CancelRequest {
    fn needs(&self) -> Needs {
        Needs::Nothing
    }

    fn answer(self: Box<Self>, now: Time, _: AskId, peer: &mut PeerMachine) -> Result<Answer, Failure> {
        let job = JobId(self.job);
        if peer.downloads.get(job).is_none() {
            return Err(Failure::new(Code::NotFound, format!("no download {} is running", job.0)));
        }
        peer.downloads.note_stopped(job);
        if peer.downloads.is_waiting(job) {
            // The receiver knows nothing of it yet.
            peer.on_job(now, JobEvent::Finished(job, 0, Some(Failure::other("the download was stopped"))));
        } else {
            peer.out.receiver(ReceiverCommand::Cancel(job));
        }
        Ok(Answer::Done)
    }
}
