//! `reload`: the limits of speed are others from now on. Pure.

use core::num::NonZeroU64;

use super::{Answer, Command, Needs};
use crate::control::ReloadRequest;
use crate::error::Failure;
use crate::peer::event::AskId;
use crate::peer::machine::PeerMachine;
use crate::receiver::ReceiverCommand;
use crate::sender::SenderCommand;
use crate::settings::SpeedSettings;
use crate::time::Time;

impl Command for ReloadRequest {
    fn needs(&self) -> Needs {
        Needs::Nothing
    }

    fn answer(self: Box<Self>, _: Time, _: AskId, peer: &mut PeerMachine) -> Result<Answer, Failure> {
        let [up_limit, down_limit] =
            [self.up_limit, self.down_limit].map(|limit| limit.and_then(NonZeroU64::new));
        peer.own.settings.speed = SpeedSettings { up_limit, down_limit };
        peer.out.sender(SenderCommand::Limit(up_limit));
        peer.out.receiver(ReceiverCommand::Limit(down_limit));
        Ok(Answer::Done)
    }
}
