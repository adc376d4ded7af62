//! `connect`: a link to a peer on another network. Pure.

use super::{Answer, Command, Needs};
use crate::control::ConnectRequest;
use crate::error::Failure;
use crate::peer::event::AskId;
use crate::peer::machine::PeerMachine;
use crate::time::Time;

impl Command for ConnectRequest {
    fn needs(&self) -> Needs {
        Needs::Nothing
    }

    fn answer(self: Box<Self>, now: Time, ask: AskId, peer: &mut PeerMachine) -> Result<Answer, Failure> {
        peer.routes.connect(now, ask, &self.target, &mut peer.out)?;
        Ok(Answer::Later)
    }
}
