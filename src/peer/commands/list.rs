//! `list`: what is shared here and by others. Pure.

use super::named::NeededCatalogues;
use super::{Answer, Command, Needs};
use crate::control::{ListRequest, Reply};
use crate::error::Failure;
use crate::peer::event::AskId;
use crate::peer::listing::{self, Filter};
use crate::peer::machine::PeerMachine;
use crate::peer::owners::Owners;
use crate::peer::roster::Roster;
use crate::time::Time;

impl Command for ListRequest {
    fn needs(&self) -> Needs {
        if self.mine { Needs::Own } else { Needs::Catalogues }
    }

    fn needed_catalogues(&self, roster: &Roster) -> NeededCatalogues {
        // Of whom nobody here is, nothing is listed.
        let from = self.from.as_ref().map(|word| roster.find(word).into_iter().collect());
        from.map_or(NeededCatalogues::All, NeededCatalogues::Of)
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
        Ok(Answer::Done)
    }
}
