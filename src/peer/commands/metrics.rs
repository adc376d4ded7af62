//! `metrics`: the facts of `status`, at once. Pure.

use super::{Answer, Command, Needs};
use crate::control::MetricsRequest;
use crate::error::Failure;
use crate::peer::event::AskId;
use crate::peer::machine::PeerMachine;
use crate::peer::output::PeerOutput;
use crate::time::Time;

impl Command for MetricsRequest {
    fn needs(&self) -> Needs {
        Needs::Nothing
    }

    fn answer(self: Box<Self>, _: Time, ask: AskId, peer: &mut PeerMachine) -> Result<Answer, Failure> {
        peer.out.push(PeerOutput::Facts(ask));
        Ok(Answer::Later)
    }
}
