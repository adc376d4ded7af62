//! `ignore`: what a peer says is neither shown nor kept. Pure.

use super::{Answer, Command, Needs};
use crate::control::{IgnoreRequest, IgnoredRow, Reply};
use crate::error::{Code, Failure};
use crate::identity::PeerId;
use crate::peer::event::AskId;
use crate::peer::machine::PeerMachine;
use crate::peer::naming::named_among;
use crate::time::Time;

impl Command for IgnoreRequest {
    fn needs(&self) -> Needs {
        Needs::Nothing
    }

    fn answer(self: Box<Self>, _now: Time, ask: AskId, peer: &mut PeerMachine) -> Result<Answer, Failure> {
        let id = meant(&self.peer, peer)?;
        if id == peer.own.id() {
            return Err(Failure::new(Code::Usage, "that is this peer itself"));
        }
        let here = peer.presence.roster.name(id);
        let name = peer.chat.speakers().get(&id).map_or(here, |name| (*name).to_owned());
        peer.chat.ignore(id, name.clone(), &mut peer.out)?;
        peer.out.reply(ask, Reply::Ignored(IgnoredRow { name, id: id.full() }));
        Ok(Answer::Done)
    }
}

/// The peer that is here, or away, or else one that said something before.
fn meant(word: &str, peer: &PeerMachine) -> Result<PeerId, Failure> {
    let nobody = match peer.presence.roster.find(word) {
        Err(failure) if failure.code == Code::NotFound => failure,
        found => return found,
    };
    named_among(peer.chat.speakers(), word).unwrap_or(Err(nobody))
}
