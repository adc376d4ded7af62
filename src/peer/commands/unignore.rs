//! `unignore`: what a peer says is heard again. Pure.

use super::{Answer, Command, Needs};
use crate::control::{Reply, UnignoreRequest};
use crate::error::{Code, Failure};
use crate::peer::event::AskId;
use crate::peer::machine::PeerMachine;
use crate::peer::naming::named_among;
use crate::text;
use crate::time::Time;

impl Command for UnignoreRequest {
    fn needs(&self) -> Needs {
        Needs::Nothing
    }

    fn answer(self: Box<Self>, _now: Time, ask: AskId, peer: &mut PeerMachine) -> Result<Answer, Failure> {
        let Some(found) = named_among(peer.chat.ignored_names(), &self.peer) else {
            let word = text::shown(&self.peer);
            return Err(Failure::new(Code::NotFound, format!("no peer `{word}` is ignored; see `chat`")));
        };
        let id = found?;
        let name = peer.chat.unignore(id, &mut peer.out).unwrap_or_default();
        let text = format!("{name} ({}) is heard again", peer.presence.roster.shown_id(id));
        peer.out.reply(ask, Reply::Note { text });
        Ok(Answer::Done)
    }
}
