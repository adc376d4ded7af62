//! Names for completion at the prompt. Pure.

use std::collections::BTreeSet;

use super::{Answer, Command, Needs};
use crate::content::Entry;
use crate::control::{CompleteRequest, CompletionNames, Reply, file_word};
use crate::error::Failure;
use crate::peer::event::AskId;
use crate::peer::machine::PeerMachine;
use crate::peer::owners::Owners;
use crate::time::Time;

/// Names offered for completion.
const COMPLETIONS: usize = 100;

impl Command for CompleteRequest {
    fn needs(&self) -> Needs {
        Needs::Nothing
    }

    fn answer(self: Box<Self>, now: Time, ask: AskId, peer: &mut PeerMachine) -> Result<Answer, Failure> {
        let names = names(now, &self.prefix, self.names, peer);
        peer.out.reply(ask, Reply::Names { names });
        Ok(Answer::Done)
    }
}

fn names(now: Time, prefix: &str, what: CompletionNames, peer: &PeerMachine) -> Vec<String> {
    let (roster, restoring) = (&peer.presence.roster, &peer.custody.restoring);
    let entries: Box<dyn Iterator<Item = &Entry>> = match what {
        CompletionNames::Peers => {
            let names = roster.iter().map(|(_, m)| m.info.name.as_str().to_owned());
            let names: BTreeSet<String> = names.filter(|n| n.starts_with(prefix)).collect();
            return names.into_iter().take(COMPLETIONS).collect();
        }
        CompletionNames::Offered => Box::new(roster.entries(&Owners::Anyone).map(|(_, entry)| entry)),
        CompletionNames::Own => Box::new(peer.shared.shelf.catalogue.entries()),
        CompletionNames::Lost => {
            let lost = peer.custody.machine.recoverable(now);
            Box::new(lost.filter(|(e, was_deleted)| !was_deleted || restoring.is_kept(e)).map(|(e, _)| e))
        }
    };
    let mut names = BTreeSet::new();
    for entry in entries {
        names.extend(file_word::completed(prefix, entry.path.as_str()));
        if names.len() >= COMPLETIONS {
            break;
        }
    }
    names.into_iter().collect()
}
