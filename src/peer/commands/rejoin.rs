//! `rejoin`: this peer leaves its network, and starts again in the one that is remembered now. Pure.

use super::{Answer, Command, Needs};
use crate::control::RejoinRequest;
use crate::error::Failure;
use crate::peer::event::AskId;
use crate::peer::leaving::Cause;
use crate::peer::machine::PeerMachine;
use crate::time::Time;

impl Command for RejoinRequest {
    fn needs(&self) -> Needs {
        Needs::Nothing
    }

    fn answer(self: Box<Self>, now: Time, ask: AskId, peer: &mut PeerMachine) -> Result<Answer, Failure> {
        if peer.departure.is_begun() {
            return Err(Failure::other("this peer is leaving"));
        }
        peer.departure.set_for_another(true);
        peer.departure.watch(ask);
        peer.leave(now, Cause::Now);
        Ok(Answer::Later)
    }
}
