//! `accept`: what somebody offers is fetched, once the folder that it goes into is there. Pure.

use std::path::PathBuf;

use super::{Answer, Command, Needs, offers};
use crate::control::{AcceptRequest, Notice, Reply};
use crate::error::{Code, Failure};
use crate::peer::event::AskId;
use crate::peer::file_work::FileWork;
use crate::peer::machine::PeerMachine;
use crate::peer::offers::accept;
use crate::time::Time;

impl Command for AcceptRequest {
    fn needs(&self) -> Needs {
        Needs::Nothing
    }

    fn answer(self: Box<Self>, _now: Time, ask: AskId, peer: &mut PeerMachine) -> Result<Answer, Failure> {
        if peer.departure.is_begun() {
            return Err(Failure::other("this peer is leaving; nothing new is begun"));
        }
        if offers::waiting(self.which.as_ref(), peer)?.is_empty() {
            return Ok(Answer::Done);
        }
        if self.to.as_ref().is_some_and(|to| !to.is_absolute()) {
            return Err(Failure::new(Code::Usage, "the folder after `--to` must be an absolute path"));
        }
        peer.out.files(FileWork::Destination(ask, destination(&self, peer)));
        peer.transfers.offers.accepting.insert(ask, *self);
        Ok(Answer::Later)
    }
}

fn destination(request: &AcceptRequest, peer: &PeerMachine) -> PathBuf {
    request.to.clone().unwrap_or_else(|| peer.own.settings.downloads())
}

/// The folder is there: the downloads begin. Of a single one it is waited for the end, if that is wanted.
pub(super) fn begin(
    now: Time,
    ask: AskId,
    request: &AcceptRequest,
    peer: &mut PeerMachine,
) -> Result<Answer, Failure> {
    let numbers = offers::waiting(request.which.as_ref(), peer)?;
    let (mut last, is_one) = (None, numbers.len() == 1);
    for number in numbers {
        let job = accept(now, number, destination(request, peer), peer)?;
        if let Some(row) = peer.downloads.begun_row(now, job, &peer.presence.roster) {
            peer.out.reply(ask, Reply::Begun(row.clone()));
            if !request.wait {
                peer.out.notice(Notice::Download(job.0, Reply::Begun(row)));
            }
        }
        last = Some(job);
    }
    // Several go on in the queue.
    let Some(job) = last.filter(|_| request.wait && is_one) else { return Ok(Answer::Done) };
    if peer.downloads.get(job).is_some() {
        peer.downloads.watch(job, ask);
    } else {
        peer.downloads.queue.add_watchers(job, [ask]);
    }
    Ok(Answer::Later)
}
