//! `chat`: something is said to everyone, or to one peer; or the last lines are shown. Pure.

use super::{Answer, Command, Needs};
use crate::control::ChatRequest;
use crate::error::{Code, Failure};
use crate::peer::chat::{PeerWord, Spoken};
use crate::peer::event::AskId;
use crate::peer::machine::PeerMachine;
use crate::time::Time;

impl Command for ChatRequest {
    fn needs(&self) -> Needs {
        Needs::Nothing
    }

    fn answer(self: Box<Self>, now: Time, ask: AskId, peer: &mut PeerMachine) -> Result<Answer, Failure> {
        match Spoken::of(&self.text)? {
            Spoken::Nothing => {
                peer.chat.tell(ask, &peer.own, &peer.presence.roster, &mut peer.out);
                Ok(Answer::Done)
            }
            Spoken::ToAll(text) => {
                peer.chat.say(ask, &text, &mut peer.out);
                Ok(Answer::Later)
            }
            Spoken::ToOne { peer: word, text } => {
                let to = listener(&word, peer)?;
                peer.presence.reach(to.id, &mut peer.out);
                peer.chat.tell_one(now, ask, to, text, &peer.own, &mut peer.out)?;
                Ok(Answer::Later)
            }
        }
    }
}

/// The peer that is to be told something, which must be here.
fn listener(word: &str, peer: &PeerMachine) -> Result<PeerWord, Failure> {
    if peer.departure.is_begun() {
        return Err(Failure::other("this peer is leaving, and says nothing any more"));
    }
    let roster = &peer.presence.roster;
    let id = roster.find(word)?;
    let name = roster.shown_names(&[id]).pop().unwrap_or_default();
    if roster.contact(id).is_none() {
        let message = format!("{name} is away: only who is here can be told something");
        return Err(Failure::new(Code::NotFound, message));
    }
    Ok(PeerWord { id, name })
}
