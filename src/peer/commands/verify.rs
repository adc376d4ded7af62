//! `verify`: all that is shared and kept is read again. Pure.

use super::{Answer, Command, Needs};
use crate::control::VerifyRequest;
use crate::error::Failure;
use crate::peer::event::AskId;
use crate::peer::machine::PeerMachine;
use crate::time::Time;

impl Command for VerifyRequest {
    fn needs(&self) -> Needs {
        Needs::Own
    }

    fn answer(self: Box<Self>, _: Time, ask: AskId, peer: &mut PeerMachine) -> Result<Answer, Failure> {
        let keeper = peer.custody.machine.keeper();
        peer.verifying.begin(ask, &peer.shared.shelf, keeper, &mut peer.out);
        Ok(Answer::Later)
    }
}
