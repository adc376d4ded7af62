//! `disconnect`: the end of a link to a peer on another network. Pure.

use super::{Answer, Command, Needs};
use crate::control::{DisconnectRequest, Reply};
use crate::error::{Code, Failure};
use crate::peer::event::AskId;
use crate::peer::machine::PeerMachine;
use crate::time::Time;

impl Command for DisconnectRequest {
    fn needs(&self) -> Needs {
        Needs::Nothing
    }

    fn answer(self: Box<Self>, now: Time, ask: AskId, peer: &mut PeerMachine) -> Result<Answer, Failure> {
        if peer.routes.disconnect(now, self.target.as_ref(), &mut peer.out) {
            if peer.routes.sites.is_on() {
                let text = "`--wan` does not bring it back before `connect` does, or a restart".to_owned();
                peer.out.reply(ask, Reply::Note { text });
            }
            return Ok(Answer::Done);
        }
        let text = self.target.map_or_else(
            || "there is no route".to_owned(),
            |target| format!("there is no route to {target}; `status` shows those that there are"),
        );
        Err(Failure::new(Code::NotFound, text))
    }
}
