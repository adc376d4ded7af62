//! `list`: what is shared here and by others. Pure.

use super::{Answer, Command, Needs};
use crate::control::{ListRequest, Reply};
use crate::error::Failure;
use crate::peer::event::AskId;
use crate::peer::listing::{self, Filter};
use crate::peer::machine::PeerMachine;
use crate::peer::owners::Owners;
use crate::time::Time;

impl Command for ListRequest {
    fn needs(&self) -> Needs {
        if self.mine { Needs::Own } else { Needs::Catalogues }
    }

    fn answer(self: Box<Self>, _: Time, ask: AskId, peer: &mut PeerMachine) -> Result<Answer, Failure> {
        let Self { pattern, mine, from } = *self;
        let roster = &peer.presence.roster;
        let from = from.map(|word| roster.find(&word)).transpose()?.map(Owners::one).unwrap_or_default();
        let filter = Filter { pattern, mine, from };
        let copies = |file| peer.custody.own_copies(peer.own.id(), file);
        let (own, hashing) = (&peer.shared.shelf.catalogue, &peer.shared.hashing);
        for row in listing::rows(own, copies, hashing, roster, &filter) {
            peer.out.reply(ask, Reply::File(row));
        }
        for row in listing::unlisted(roster, &filter) {
            peer.out.reply(ask, Reply::Unlisted(row));
        }
        if filter.mine {
            let left_out = peer.shared.left_out();
            if !left_out.is_empty() {
                peer.out.reply(ask, Reply::LeftOut(left_out));
            }
        }
        Ok(Answer::Done)
    }
}
