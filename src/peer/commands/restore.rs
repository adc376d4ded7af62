//! `restore`: what is missing, or was deleted while others still keep it, comes back, or is forgotten. Pure.

use super::{Answer, Command, Needs, is_meant};
use crate::control::{Reply, RestoreRequest};
use crate::custody::recovery::Decision;
use crate::error::{Code, Failure};
use crate::peer::event::AskId;
use crate::peer::machine::PeerMachine;
use crate::receiver::ReceiverCommand;
use crate::text;
use crate::time::Time;

impl Command for RestoreRequest {
    fn needs(&self) -> Needs {
        Needs::Nothing
    }

    fn answer(self: Box<Self>, now: Time, ask: AskId, peer: &mut PeerMachine) -> Result<Answer, Failure> {
        let text = if self.forget { forget(now, peer) } else { bring_back(now, &self.files, peer)? };
        peer.out.reply(ask, Reply::Note { text });
        Ok(Answer::Done)
    }
}

fn bring_back(now: Time, words: &[String], peer: &mut PeerMachine) -> Result<String, Failure> {
    let restoring = &peer.custody.restoring;
    let count = peer.custody.machine.bring_back(now, |entry, was_deleted| {
        let is_asked = words.is_empty() || words.iter().any(|word| is_meant(word, entry));
        is_asked && (!was_deleted || restoring.is_kept(entry))
    });
    let coming = peer.custody.machine.recovery().restoring().count();
    Ok(match (count, coming) {
        (0, _) if !words.is_empty() => {
            let words: Vec<_> = words.iter().map(|word| format!("`{}`", text::shown(word))).collect();
            let message =
                format!("nothing that was shared here as {} is missing and kept by others", words.join(", "));
            return Err(Failure::new(Code::NotFound, message));
        }
        (0, 0) => "nothing that was shared here is missing and kept by others".to_owned(),
        (0, 1) => "1 file comes back already; `status` shows how far that is".to_owned(),
        (0, n) => format!("{n} files come back already; `status` shows how far that is"),
        (1, _) => "1 file is fetched from the peers that keep it; `status` shows how far that is".to_owned(),
        (n, _) => {
            format!("{n} files are fetched from the peers that keep them; `status` shows how far that is")
        }
    })
}

/// What is missing was deleted on purpose.
fn forget(now: Time, peer: &mut PeerMachine) -> String {
    let machine = &mut peer.custody.machine;
    let text = match machine.recovery().n_missing() + machine.recovery().restoring().count() {
        0 => "nothing that was shared here is missing".to_owned(),
        1 => "1 file counts as deleted: others drop it after a while".to_owned(),
        n => format!("{n} files count as deleted: others drop them after a while"),
    };
    machine.decide(now, Decision::Forget);
    peer.custody.restoring.stop();
    if let Some(job) = peer.jobs.restoring() {
        peer.out.receiver(ReceiverCommand::Cancel(job));
    }
    text
}
