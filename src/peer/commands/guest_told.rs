//! `guest_told`: the owner hears what a guest did. Pure.

use super::{Answer, Command, Needs};
use crate::control::{GuestTold, Notice, WatchKind, WatchRow};
use crate::error::Failure;
use crate::peer::event::AskId;
use crate::peer::machine::PeerMachine;
use crate::time::Time;

impl Command for GuestTold {
    fn needs(&self) -> Needs {
        Needs::Nothing
    }

    fn answer(self: Box<Self>, _: Time, _: AskId, peer: &mut PeerMachine) -> Result<Answer, Failure> {
        match *self {
            Self::Text { guest, text } => {
                peer.out.event(|| WatchRow {
                    name: Some(guest.clone()),
                    text: Some(text.clone()),
                    ..WatchRow::of(WatchKind::GuestText)
                });
                peer.out.notice(Notice::Text(format!("a guest ({guest}) says: {text}")));
            }
            Self::File { guest, name, size } => {
                let path = format!("from-guests/{name}");
                let text = format!("a guest ({guest}) sent downloads/{path}");
                peer.out.event(|| WatchRow {
                    name: Some(guest),
                    path: Some(path),
                    size: Some(size),
                    ..WatchRow::of(WatchKind::GuestFile)
                });
                peer.out.notice(Notice::Text(text));
            }
        }
        Ok(Answer::Done)
    }
}
