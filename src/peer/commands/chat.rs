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
                tell(now, ask, to, text, peer)?;
                Ok(Answer::Later)
            }
        }
    }
}

/// Tells a peer alone something.
///
/// # Errors
/// It is not here, or is told too much.
pub(super) fn tell(
    now: Time,
    ask: AskId,
    to: PeerWord,
    text: String,
    peer: &mut PeerMachine,
) -> Result<(), Failure> {
    if peer.presence.roster.contact(to.id).is_none() {
        let message = format!("{} is away: only who is here can be told something", to.name);
        return Err(Failure::new(Code::NotFound, message));
    }
    peer.presence.reach(to.id, &mut peer.out);
    peer.chat.tell_one(now, ask, to, text, &peer.own, &mut peer.out)
}

/// The peer that is to be told something.
fn listener(word: &str, peer: &PeerMachine) -> Result<PeerWord, Failure> {
    if peer.departure.is_begun() {
        return Err(Failure::other("this peer is leaving, and says nothing any more"));
    }
    let roster = &peer.presence.roster;
    let id = roster.find(word)?;
    let name = roster.shown_names(&[id]).pop().unwrap_or_default();
    Ok(PeerWord { id, name })
}
