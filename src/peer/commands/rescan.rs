//! `rescan`: what is shared is looked at again now; answered once the library did so. Pure.

use super::{Answer, Command, Needs};
use crate::control::{Reply, RescanRequest, RescanRow};
use crate::error::Failure;
use crate::library;
use crate::peer::event::AskId;
use crate::peer::machine::PeerMachine;
use crate::peer::output::{PeerOutput, ShareOrder};
use crate::time::Time;

impl Command for RescanRequest {
    fn needs(&self) -> Needs {
        // Before the first look is over, there is nothing to look at again.
        Needs::Own
    }

    fn answer(self: Box<Self>, _: Time, ask: AskId, peer: &mut PeerMachine) -> Result<Answer, Failure> {
        peer.shared.rescan(ask);
        peer.out.push(PeerOutput::Library(library::Command::Rescan));
        for name in peer.shared.shares.rescan() {
            peer.out.push(PeerOutput::Share(ShareOrder::Tell(name, library::Command::Rescan)));
        }
        Ok(Answer::Later)
    }
}

/// The library has looked.
pub(super) fn answer(peer: &mut PeerMachine) {
    let (asks, gone) = peer.shared.rescanned();
    let row = RescanRow { sharing: peer.shared.sharing(), gone };
    for ask in asks {
        peer.out.reply(ask, Reply::Rescanned(row));
        peer.out.reply(ask, Reply::Done);
    }
}
