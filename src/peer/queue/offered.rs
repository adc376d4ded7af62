//! Downloads of what a peer offered to this one alone. Pure.

use super::{Queue, QueueRun};
use crate::content::FileId;
use crate::identity::PeerId;
use crate::peer::output::Outputs;
use crate::receiver::ReceiverCommand;

/// True if a file is only to come because somebody offered it to this peer alone.
pub(in crate::peer) fn is_offered_alone(file: FileId, queue: &Queue) -> bool {
    let mut of = queue.all.values().filter(|d| d.unfinished().any(|id| id == file)).peekable();
    of.peek().is_some() && of.all(|download| download.order.is_offered)
}

/// A peer is here, or says once more what it offers: it gives what it offered to this one alone. While it was not here,
/// or read that once more, it may have refused what is asked for by now.
pub(in crate::peer) fn offerer_here(peer: PeerId, queue: &mut Queue, out: &mut Outputs) {
    for (id, download) in queue.all.iter_mut().filter(|(_, d)| d.order.is_offered && d.order.owners.has(peer))
    {
        download.tried.remove(&peer);
        if let Some(offers) = &mut download.offers {
            offers.insert(peer);
        }
        if matches!(download.run, QueueRun::Running { .. }) {
            out.receiver(ReceiverCommand::HasAll(*id, peer));
        }
    }
}
