//! `send`: files and folders are offered to one peer; a line of text is told it. Pure.

use super::{Answer, Command, Needs};
use crate::control::{Reply, SendRequest};
use crate::error::{Code, Failure};
use crate::lan;
use crate::peer::chat::PeerWord;
use crate::peer::event::AskId;
use crate::peer::limits;
use crate::peer::machine::PeerMachine;
use crate::peer::offers::{SendOrder, send};
use crate::time::Time;

impl Command for SendRequest {
    fn needs(&self) -> Needs {
        // Of a peer that has just been started nobody is known yet.
        Needs::Peers
    }

    fn answer(self: Box<Self>, now: Time, ask: AskId, peer: &mut PeerMachine) -> Result<Answer, Failure> {
        if peer.departure.is_begun() {
            return Err(Failure::other("this peer is leaving; nothing new is begun"));
        }
        if self.text.is_none() && self.paths.is_empty() {
            return Err(Failure::new(Code::Usage, "send needs a file or folder, and then a peer"));
        }
        let roster = &peer.presence.roster;
        let id = roster.find(&self.to)?;
        if id == peer.own.id() {
            return Err(Failure::new(Code::Usage, "that is this peer itself"));
        }
        let name = roster.shown_names(&[id]).pop().unwrap_or_default();
        if let Some(text) = self.text {
            check_line(&text)?;
            return super::chat::tell(now, ask, PeerWord { id, name }, text, peer).map(|()| Answer::Later);
        }
        let paths: Vec<_> = self.paths.into_iter().map(|path| path.0).collect();
        if paths.iter().any(|path| !path.is_absolute()) {
            return Err(Failure::new(Code::Usage, "what is sent is named by absolute paths"));
        }
        let millis = self.timeout.map_or(limits::OFFER_STAYS, |seconds| seconds.saturating_mul(1_000));
        let until = peer.transfers.calendar.date(now).saturating_add(millis);
        if peer.presence.roster.contact(id).is_none() {
            let text = format!("{name} is away, and is asked when it is here again");
            peer.out.reply(ask, Reply::Note { text });
        }
        let watcher = self.wait.then_some(ask);
        send(now, SendOrder { to: id, name, paths, until }, watcher, peer)?;
        Ok(if self.wait { Answer::Later } else { Answer::Done })
    }
}

/// A text is a line: what is longer is sent as a file.
fn check_line(text: &str) -> Result<(), Failure> {
    let why = if text.trim().is_empty() {
        "there is nothing to be said"
    } else if text.contains('\n') {
        "a text is one line: send several lines as a file"
    } else if text.len() > lan::limits::LINE {
        "a text is one line of 700 bytes at most: send a longer one as a file"
    } else {
        return Ok(());
    };
    Err(Failure::new(Code::Usage, why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_one_line() {
        for (text, is_one) in [
            ("hi", true),
            (" ", false),
            ("", false),
            ("a\nb", false),
            (&"x".repeat(700), true),
            (&"x".repeat(701), false),
        ] {
            assert_eq!(check_line(text).is_ok(), is_one, "{text}");
        }
    }
}
