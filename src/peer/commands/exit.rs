//! `exit`: this peer leaves. Pure.

use super::{Answer, Command, Needs};
use crate::control::ExitRequest;
use crate::error::Failure;
use crate::peer::event::AskId;
use crate::peer::leaving::Cause;
use crate::peer::machine::PeerMachine;
use crate::time::Time;

impl Command for ExitRequest {
    fn needs(&self) -> Needs {
        Needs::Nothing
    }

    fn answer(self: Box<Self>, now: Time, ask: AskId, peer: &mut PeerMachine) -> Result<Answer, Failure> {
        peer.departure.set_for_another(false);
        peer.departure.watch(ask);
        peer.leave(now, if self.now { Cause::Now } else { Cause::Exit });
        Ok(Answer::Later)
    }
}
