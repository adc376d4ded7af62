//! Which machine of the receiver an answer is for. Pure; the shell is mod.rs, and `sim` hosts the machines,
//! too, so that both make the same calls.

use super::pulls::Pulls;
use crate::identity::PeerId;
use crate::swarm::{Swarm, handle_noted};
use crate::time::Time;
use crate::wire::Message;

/// Gives an answer of `peer` to the machine that asked.
///
/// # Errors
/// How that peer is wrong: blocks have their own way, and requests have no place where answers belong.
pub(crate) fn handle_answer(
    now: Time,
    swarm: &mut Swarm,
    pulls: &mut Pulls,
    peer: PeerId,
    message: Message,
) -> Result<(), String> {
    // Answers come in the order of the questions: what is owed behind a long one is not late.
    pulls.handle_heard(now, peer);
    let Some(message) = pulls.handle_answer(now, peer, message)? else { return Ok(()) };
    match message {
        Message::Manifest(m) => swarm.handle_manifest(now, peer, &m),
        Message::Haves(m) => swarm.handle_haves(now, peer, &m)?,
        Message::GotNoted(m) => handle_noted(swarm, peer, m.request),
        Message::Refused(m) => {
            // Whose request it is, its number tells: whoever does not know it does nothing.
            swarm.handle_refused(now, peer, &m);
            pulls.handle_refused(now, peer, &m);
        }
        other => return Err(format!("it sent {} where an answer belongs", other.name())),
    }
    Ok(())
}
