//! `holders`: who has a file. Pure.

use super::named::{NeededCatalogues, NeededWords};
use super::{Answer, Command, Needs};
use crate::control::{HoldersRequest, Reply};
use crate::error::Failure;
use crate::peer::event::AskId;
use crate::peer::holdings;
use crate::peer::machine::PeerMachine;
use crate::peer::owners::Owners;
use crate::peer::resolve::{Sought, contents};
use crate::peer::roster::Roster;
use crate::time::Time;

impl Command for HoldersRequest {
    fn needs(&self) -> Needs {
        Needs::Catalogues
    }

    fn needed_catalogues(&self, _: &Roster) -> NeededCatalogues {
        NeededCatalogues::Named(NeededWords { words: vec![self.file.clone()], is_everyone: true })
    }

    fn answer(self: Box<Self>, _: Time, ask: AskId, peer: &mut PeerMachine) -> Result<Answer, Failure> {
        let (roster, mine) = (&peer.presence.roster, &peer.shared.shelf.catalogue);
        let sought = Sought { roster, mine, owners: &Owners::Anyone, near: &peer.requests.near };
        let meant = contents(&self.file, sought)?;
        let rows = holdings::rows(&meant, roster, &peer.downloads.speeds, &peer.interface_names);
        for row in rows {
            peer.out.reply(ask, Reply::Holder(row));
        }
        Ok(Answer::Done)
    }
}
