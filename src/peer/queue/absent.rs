//! Downloads of what only those share who were here and are away: what they shared is remembered for a while. Pure.

use std::collections::BTreeSet;

use crate::control::DownloadRequest;
use crate::identity::PeerId;
use crate::peer::machine::PeerMachine;
use crate::peer::naming::named_among;
use crate::peer::owners::Owners;
use crate::peer::resolve::{Excluded, Resolved, Sought, rename, resolve};

/// What a request means of those who are away, and from whom it may come. `None`: nothing that is remembered.
pub(in crate::peer) fn resolve_absent(
    request: &DownloadRequest,
    peer: &PeerMachine,
) -> Option<(Resolved, Owners)> {
    let roster = &peer.presence.roster;
    let absent: BTreeSet<PeerId> = roster.absent().collect();
    let named = Owners::named(&request.from, roster).ok().filter(Owners::is_anyone);
    let (absent, owners) = match named {
        Some(anyone) => (absent, anyone),
        None => {
            let known: Vec<_> = absent.into_iter().map(|id| (id, roster.name(id))).collect();
            let among = || known.iter().map(|(id, name)| (*id, name.as_str()));
            let named = request.from.iter().map(|word| named_among(among(), word)?.ok());
            let named: BTreeSet<PeerId> = named.collect::<Option<_>>()?;
            (named.clone(), Owners::Only(named))
        }
    };
    let (mine, remembered) = (&peer.shared.shelf.catalogue, Owners::Absent(absent));
    let sought = Sought { roster, mine, owners: &remembered, near: &[] };
    let mut found = resolve(&request.files, sought).ok()?;
    Excluded::new(&request.exclude).leave_out(&mut found).ok()?;
    if let Some(name) = &request.output {
        rename(&mut found, name).ok()?;
    }
    Some((found, owners))
}
