//! `restore`: what is missing, or was deleted while others still keep it, comes back, or is forgotten. Pure.

use super::{Answer, Command, Needs, is_meant};
use crate::content::Entry;
use crate::control::{Reply, RestoreRequest};
use crate::custody::recovery::Fate;
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
        let text =
            if self.forget { forget(now, &self.files, peer)? } else { bring_back(now, &self.files, peer)? };
        peer.out.reply(ask, Reply::Note { text });
        Ok(Answer::Done)
    }
}

fn bring_back(now: Time, words: &[String], peer: &mut PeerMachine) -> Result<String, Failure> {
    let restoring = &peer.custody.restoring;
    let count = peer.custody.machine.bring_back(now, |entry, fate| match fate {
        Fate::Lost => is_asked(words, entry),
        Fate::Deleted => is_asked(words, entry) && restoring.is_kept(entry),
        // It is on its drive, if that can be had again.
        Fate::Absent => !words.is_empty() && is_asked(words, entry),
    });
    let coming = peer.custody.machine.recovery().restoring().count();
    Ok(match (count, coming) {
        (0, _) if !words.is_empty() => return Err(nothing(words, " and kept by others")),
        (0, 0) => "nothing that was shared here is missing and kept by others".to_owned(),
        (0, 1) => "1 file comes back already; `status` shows how far that is".to_owned(),
        (0, n) => format!("{n} files come back already; `status` shows how far that is"),
        (1, _) => "1 file is fetched from the peers that keep it; `status` shows how far that is".to_owned(),
        (n, _) => {
            format!("{n} files are fetched from the peers that keep them; `status` shows how far that is")
        }
    })
}

/// True if the user means this one of what is missing: all, where no word says which.
fn is_asked(words: &[String], entry: &Entry) -> bool {
    words.is_empty() || words.iter().any(|word| is_meant(word, entry))
}

/// Nothing that is missing is meant by these words.
fn nothing(words: &[String], more: &str) -> Failure {
    let words: Vec<_> = words.iter().map(|word| format!("`{}`", text::shown(word))).collect();
    let message = format!("nothing that was shared here as {} is missing{more}", words.join(", "));
    Failure::new(Code::NotFound, message)
}

/// What is missing was deleted on purpose.
fn forget(now: Time, words: &[String], peer: &mut PeerMachine) -> Result<String, Failure> {
    let machine = &mut peer.custody.machine;
    let count = machine.give_up(now, |entry, fate| match fate {
        Fate::Absent => !words.is_empty() && is_asked(words, entry),
        Fate::Lost | Fate::Deleted => is_asked(words, entry),
    });
    if machine.recovery().restoring().next().is_none() {
        peer.custody.restoring.stop();
    }
    // Whatever else it was to bring is fetched again.
    for job in peer.jobs.restoring() {
        peer.out.receiver(ReceiverCommand::Cancel(job));
    }
    Ok(match count {
        0 if !words.is_empty() => return Err(nothing(words, "")),
        0 => "nothing that was shared here is missing".to_owned(),
        1 => "1 file counts as deleted: others drop it after a while".to_owned(),
        n => format!("{n} files count as deleted: others drop them after a while"),
    })
}
