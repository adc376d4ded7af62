//! Names for completion at the prompt. Pure.

use std::collections::BTreeSet;

use super::named::NeededCatalogues;
use super::{Answer, Command, Needs};
use crate::content::{SafePath, ShareName};
use crate::control::{CompleteRequest, CompletionNames, Reply, file_word};
use crate::custody::recovery::Fate;
use crate::error::Failure;
use crate::peer::event::AskId;
use crate::peer::look_alikes::LookAlikes;
use crate::peer::machine::PeerMachine;
use crate::peer::owners::Owners;
use crate::peer::roster::Roster;
use crate::time::Time;

/// Names offered for completion.
const COMPLETIONS: usize = 100;

impl Command for CompleteRequest {
    fn needs(&self) -> Needs {
        match self.names {
            CompletionNames::Offered | CompletionNames::Known => Needs::Paths,
            _ => Needs::Nothing,
        }
    }

    fn needed_catalogues(&self, _: &Roster) -> NeededCatalogues {
        NeededCatalogues::Beginning(self.prefix.clone())
    }

    fn answer(self: Box<Self>, now: Time, ask: AskId, peer: &mut PeerMachine) -> Result<Answer, Failure> {
        let names = names(now, &self.prefix, self.names, peer);
        peer.out.reply(ask, Reply::Names { names });
        Ok(Answer::Done)
    }
}

/// The peers that are here whose names begin so. One whose name can be taken for another one's is proposed by
/// its id.
fn peers(prefix: &str, roster: &Roster) -> Vec<String> {
    let look_alikes = LookAlikes::of(roster);
    let begins = roster.iter().filter(|(_, member)| member.info.name.as_str().starts_with(prefix));
    let words = begins.map(|(id, member)| match look_alikes.has(*id) {
        true => roster.shown_id(*id),
        false => member.info.name.as_str().to_owned(),
    });
    let words: BTreeSet<String> = words.collect();
    words.into_iter().take(COMPLETIONS).collect()
}

/// The peers that are here whose names begin so, as `chat` takes them; none where no `@` was typed.
fn addressed(prefix: &str, roster: &Roster) -> Vec<String> {
    let Some(prefix) = prefix.strip_prefix('@') else { return Vec::new() };
    // What has a quote in it cannot stand between quotes; such a peer is found by its id.
    let sayable = peers(prefix, roster).into_iter().filter(|name| !name.contains('"'));
    let word = |name: String| match name.contains(char::is_whitespace) {
        true => format!("@\"{name}\""),
        false => format!("@{name}"),
    };
    sayable.map(word).collect()
}

/// The peers that are ignored whose names begin so.
fn ignored(prefix: &str, peer: &PeerMachine) -> Vec<String> {
    let names = peer.chat.ignored_names().map(|(_, name)| name.to_owned());
    names.filter(|name| name.starts_with(prefix)).take(COMPLETIONS).collect()
}

/// What was asked for of those downloads of the queue of which that begins so.
fn queued(prefix: &str, peer: &PeerMachine) -> Vec<String> {
    let names: BTreeSet<String> =
        peer.downloads.queue.in_order().map(|(_, download)| download.what()).collect();
    names.into_iter().filter(|name| name.starts_with(prefix)).take(COMPLETIONS).collect()
}

fn names(now: Time, prefix: &str, what: CompletionNames, peer: &PeerMachine) -> Vec<String> {
    let (roster, restoring) = (&peer.presence.roster, &peer.custody.restoring);
    let paths: Box<dyn Iterator<Item = &SafePath>> = match what {
        CompletionNames::Peers => {
            return peers(prefix, roster);
        }
        CompletionNames::Ignored => return ignored(prefix, peer),
        CompletionNames::Addressed => return addressed(prefix, roster),
        CompletionNames::Routes => {
            let targets = peer.routes.targets().filter(|target| target.starts_with(prefix));
            return targets.take(COMPLETIONS).collect();
        }
        CompletionNames::Offerers => {
            let offers = &peer.transfers.offers.incoming;
            let waiting = offers.waiting().filter_map(|number| offers.get(number));
            let names = waiting.map(|offer| offer.name.clone());
            let names: BTreeSet<String> = names.filter(|name| name.starts_with(prefix)).collect();
            return names.into_iter().take(COMPLETIONS).collect();
        }
        CompletionNames::Queue => return queued(prefix, peer),
        CompletionNames::Offered => {
            let known = roster.entries(&Owners::Anyone).map(|(_, entry)| &entry.path);
            Box::new(peer.requests.near.iter().chain(known))
        }
        CompletionNames::Shares => Box::new(peer.shared.shares.names().map(ShareName::path)),
        CompletionNames::Own => Box::new(peer.shared.shelf.catalogue.entries().map(|entry| &entry.path)),
        CompletionNames::Known => {
            let own = peer.shared.shelf.catalogue.entries();
            let others = roster.entries(&Owners::Anyone).map(|(_, entry)| entry);
            Box::new(own.chain(others).map(|entry| &entry.path))
        }
        CompletionNames::Lost => {
            let lost = peer.custody.machine.recoverable(now);
            let lost = lost.filter(|(e, fate)| *fate != Fate::Deleted || restoring.is_kept(e));
            Box::new(lost.map(|(entry, _)| &entry.path))
        }
    };
    let mut names = BTreeSet::new();
    if what == CompletionNames::Known {
        names.extend(peers(prefix, roster));
    }
    for path in paths {
        names.extend(file_word::completed(prefix, path.as_str()));
        if names.len() >= COMPLETIONS {
            break;
        }
    }
    names.into_iter().take(COMPLETIONS).collect()
}
