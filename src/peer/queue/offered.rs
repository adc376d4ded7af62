//! Downloads of what a peer offered to this one alone. Pure.

use super::Queue;
use crate::content::FileId;
use crate::identity::PeerId;
use crate::swarm::JobId;

/// True if a file is only to come because somebody offered it to this peer alone.
pub(in crate::peer) fn is_offered_alone(file: FileId, queue: &Queue) -> bool {
    let mut of = queue.all.values().filter(|d| d.unfinished().any(|id| id == file)).peekable();
    of.peek().is_some() && of.all(|download| download.order.is_offered)
}

/// A peer is here that gives what it offered to this one alone.
pub(in crate::peer) fn offerer_here(peer: PeerId, queue: &mut Queue) {
    for download in queue.all.values_mut().filter(|d| d.order.is_offered && d.order.owners.has(peer)) {
        download.tried.remove(&peer);
        if let Some(offers) = &mut download.offers {
            offers.insert(peer);
        }
    }
}

/// A peer says once more that it offers what this download fetches: it is tried at once.
pub(in crate::peer) fn offered_again(id: JobId, peer: PeerId, queue: &mut Queue) {
    if queue.all.get(&id).is_some_and(|download| download.order.is_offered) {
        offerer_here(peer, queue);
    }
}
