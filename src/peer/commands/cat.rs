//! `cat`: the bytes of a file go to whoever asks. Pure.

use std::collections::BTreeSet;

use super::named::{NeededCatalogues, NeededWords};
use super::{Answer, Command, Needs, is_meant};
use crate::content::{Claim, EntryKind};
use crate::control::file_word::FileWord;
use crate::control::{CatRequest, ContentRow, ListOrder, Reply};
use crate::error::{Code, Failure};
use crate::identity::PeerId;
use crate::peer::event::AskId;
use crate::peer::listing::{Filter, unlisted};
use crate::peer::machine::PeerMachine;
use crate::peer::output::PeerOutput;
use crate::peer::owners::Owners;
use crate::peer::resolve::{Sought, resolve};
use crate::peer::roster::Roster;
use crate::reader::{ReadId, ReadOrder};
use crate::text;
use crate::time::Time;

impl Command for CatRequest {
    fn needs(&self) -> Needs {
        Needs::Catalogues
    }

    fn needed_catalogues(&self, roster: &Roster) -> NeededCatalogues {
        match Owners::named(&self.from, roster) {
            Ok(Owners::Only(owners) | Owners::Absent(owners)) => NeededCatalogues::Of(owners),
            Ok(Owners::Anyone | Owners::All) => {
                NeededCatalogues::Named(NeededWords { words: vec![self.file.clone()], is_everyone: false })
            }
            // That is what is answered.
            Err(_) => NeededCatalogues::Of(BTreeSet::new()),
        }
    }

    fn answer(self: Box<Self>, _: Time, ask: AskId, peer: &mut PeerMachine) -> Result<Answer, Failure> {
        if peer.departure.is_begun() {
            return Err(Failure::other("this peer is leaving; nothing new is begun"));
        }
        let meant = meant(&self, peer);
        if meant.as_ref().is_err_and(|failure| failure.code == Code::NotFound) {
            let roster = &peer.presence.roster;
            let from = Owners::named(&self.from, roster).unwrap_or_default();
            for row in unlisted(roster, &Filter::new(false, from, ListOrder::default())) {
                peer.out.reply(ask, Reply::Unlisted(row));
            }
        }
        let MeantFile { claim, owners, holders, some } = meant?;
        let (_, size) = claim;
        if self.offset > size {
            let text =
                format!("--offset {} is behind the end of the file, which has {size} bytes", self.offset);
            return Err(Failure::new(Code::Usage, text));
        }
        peer.out.reply(ask, Reply::Content(ContentRow { id: claim.0.to_string(), size }));
        let end = self.length.map_or(size, |length| self.offset.saturating_add(length).min(size));
        let id = ReadId(ask.0);
        peer.requests.reads.begin(id, claim, owners);
        let order = ReadOrder { id, claim, range: self.offset..end, holders, some };
        peer.out.push(PeerOutput::Read(ask, order));
        Ok(Answer::Later)
    }
}

/// The one content that is meant, and who has it.
struct MeantFile {
    claim: Claim,
    owners: Owners,
    holders: Vec<PeerId>,
    some: Vec<PeerId>,
}

/// Finds what is meant, among what others share and what this peer shares itself.
fn meant(request: &CatRequest, peer: &PeerMachine) -> Result<MeantFile, Failure> {
    let roster = &peer.presence.roster;
    let is_mine = request.from.len() == 1 && peer.own.is_called(&request.from[0]);
    let owners = if is_mine { Owners::Only(BTreeSet::new()) } else { Owners::named(&request.from, roster)? };
    let mine = &peer.shared.shelf.catalogue;
    let own = if is_mine || owners.is_anyone() { own_contents(&request.file, peer) } else { BTreeSet::new() };
    let sought = Sought { roster, mine, owners: &owners, near: &peer.requests.near };
    let found = match resolve(std::slice::from_ref(&request.file), sought) {
        Ok(found) => found.files,
        Err(failure) if own.is_empty() || failure.code != Code::NotFound => return Err(failure),
        Err(_) => Vec::new(),
    };
    let shown = text::shown(&request.file);
    let claims: BTreeSet<Claim> =
        found.iter().map(|file| (file.id, file.size)).chain(own.iter().copied()).collect();
    let mut each = claims.into_iter();
    let (Some(claim), None) = (each.next(), each.next()) else {
        return Err(not_one(&shown, found.len(), !own.is_empty()));
    };
    let (mut holders, mut some) = (Vec::new(), Vec::new());
    for file in found {
        holders.extend(file.holders);
        some.extend(file.some);
    }
    let (me, file) = (peer.own.id(), claim.0);
    let is_here = owners.is_anyone() && peer.shared.shelf.files.contains_key(&file);
    if own.contains(&claim) || is_here {
        // It lies on this machine: nothing need come over the network.
        (holders, some) = (vec![me], Vec::new());
    } else if owners.is_anyone() && (peer.custody.served.has(file) || !peer.swarms.here(&[file]).is_empty()) {
        // What it keeps for another one, or fetched, need not come over the network.
        some.push(me);
    }
    Ok(MeantFile { claim, owners, holders, some })
}

/// What a word means among the files of this peer.
fn own_contents(word: &str, peer: &PeerMachine) -> BTreeSet<Claim> {
    let is_folder = |path: &crate::content::SafePath| match FileWord::of(word) {
        FileWord::Id(_) => false,
        FileWord::Path(meant) => path.as_str() != meant,
    };
    let entries = peer.shared.shelf.catalogue.entries();
    let meant = entries.filter(|entry| is_meant(word, entry) && !is_folder(&entry.path));
    let claim = |kind: &EntryKind| match kind {
        EntryKind::File { id, size, .. } => Some((*id, *size)),
        EntryKind::Folder => None,
    };
    meant.filter_map(|entry| claim(&entry.kind)).collect()
}

/// Why a word does not name one file.
fn not_one(shown: &str, found: usize, is_own: bool) -> Failure {
    match found {
        0 if is_own => Failure::new(
            Code::Ambiguous,
            format!("`{shown}` is the beginning of several ids: give more digits of it"),
        ),
        0 => Failure::new(Code::NotFound, format!("there is no file in `{shown}`")),
        1 => Failure::new(
            Code::Ambiguous,
            format!("`{shown}` is another file here than at others; say which by its id, or with --from"),
        ),
        more => {
            let text = format!("`{shown}` is {more} files, and cat takes one; say which");
            Failure::new(Code::Usage, text)
        }
    }
}
