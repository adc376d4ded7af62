//! `download`: what others share comes here. Pure.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::named::{NeededCatalogues, NeededWords};
use super::{Answer, Command, Needs};
use crate::control::{DownloadRequest, DownloadRow, HolderRow, Notice, Reply};
use crate::error::{Code, Failure};
use crate::peer::downloads::DownloadOrder;
use crate::peer::event::AskId;
use crate::peer::file_work::FileWork;
use crate::peer::holdings;
use crate::peer::jobs::JobPurpose;
use crate::peer::limits;
use crate::peer::listing::{Filter, unlisted};
use crate::peer::machine::PeerMachine;
use crate::peer::owners::Owners;
use crate::peer::resolve::{Sought, resolve};
use crate::peer::roster::Roster;
use crate::time::Time;

impl Command for DownloadRequest {
    fn needs(&self) -> Needs {
        Needs::Catalogues
    }

    fn needed_catalogues(&self, roster: &Roster) -> NeededCatalogues {
        match Owners::named(&self.from, roster) {
            Ok(Owners::Only(owners)) => NeededCatalogues::Of(owners),
            Ok(Owners::Anyone | Owners::All) => {
                NeededCatalogues::Named(NeededWords { words: self.files.clone(), is_everyone: false })
            }
            // That is what is answered.
            Err(_) => NeededCatalogues::Of(BTreeSet::new()),
        }
    }

    fn answer(self: Box<Self>, _: Time, ask: AskId, peer: &mut PeerMachine) -> Result<Answer, Failure> {
        if let Some(to) = &self.to {
            // No folder is made for what nobody shares.
            order_or_unlisted(ask, &self, peer)?;
            if !to.is_absolute() {
                return Err(Failure::new(Code::Usage, "the folder after `--to` must be an absolute path"));
            }
        }
        peer.out.files(FileWork::Destination(ask, destination(&self, peer)));
        peer.requests.prepare(ask, *self);
        Ok(Answer::Later)
    }
}

fn destination(request: &DownloadRequest, peer: &PeerMachine) -> PathBuf {
    request.to.clone().unwrap_or_else(|| peer.own.settings.downloads())
}

/// What is asked for, as it can be had now.
fn order(request: &DownloadRequest, peer: &PeerMachine) -> Result<DownloadOrder, Failure> {
    if peer.departure.is_begun() {
        return Err(Failure::other("this peer is leaving; nothing new is begun"));
    }
    let roster = &peer.presence.roster;
    let owners = Owners::named(&request.from, roster)?;
    let mine = &peer.shared.shelf.catalogue;
    let sought = Sought { roster, mine, owners: &owners, near: &peer.requests.near };
    let mut found = resolve(&request.files, sought)?;
    if owners.is_anyone() {
        // What this peer keeps for another one need not come over the network.
        for file in found.files.iter_mut().filter(|f| peer.custody.served.has(f.id)) {
            file.some.push(peer.own.id());
        }
    }
    Ok(DownloadOrder {
        what: request.files.join(" "),
        owners,
        destination: destination(request, peer),
        files: found.files,
        folders: found.folders,
    })
}

/// As [`order`]. What is not found may be among the files that could not be listed: then it is said whose those
/// are.
fn order_or_unlisted(
    ask: AskId,
    request: &DownloadRequest,
    peer: &mut PeerMachine,
) -> Result<DownloadOrder, Failure> {
    let order = order(request, peer);
    if order.as_ref().is_err_and(|failure| failure.code == Code::NotFound) {
        let roster = &peer.presence.roster;
        let from = Owners::named(&request.from, roster).unwrap_or_default();
        for row in unlisted(roster, &Filter { from, ..Filter::default() }) {
            peer.out.reply(ask, Reply::Unlisted(row));
        }
    }
    order
}

/// Those from whom one file can come, if there are several.
fn holders(order: &DownloadOrder, peer: &PeerMachine) -> Vec<HolderRow> {
    let [file] = &order.files[..] else { return Vec::new() };
    let one = BTreeSet::from([(file.id, file.size)]);
    let mut rows = holdings::rows(&one, &peer.presence.roster, &peer.downloads.speeds, &peer.interface_names);
    rows.retain(|row| order.owners.is_anyone() || order.owners.each().any(|owner| owner.full() == row.peer));
    rows.truncate(limits::HOLDERS_TOLD);
    if rows.len() > 1 { rows } else { Vec::new() }
}

/// Begins a download whose destination is there. Who is here may have changed since it was asked for.
pub(super) fn begin(
    now: Time,
    ask: AskId,
    request: &DownloadRequest,
    peer: &mut PeerMachine,
) -> Result<Answer, Failure> {
    let order = order_or_unlisted(ask, request, peer)?;
    let holders = holders(&order, peer);
    let job = peer.downloads.begin(&mut peer.jobs, JobPurpose::Download, order, &mut peer.out);
    peer.downloads.note_holders(job, &peer.presence.roster);
    if let Some(download) = peer.downloads.get(job) {
        let begun = Reply::Begun(DownloadRow { holders, ..download.row(now, &peer.presence.roster) });
        peer.out.reply(ask, begun.clone());
        if !request.wait {
            // The rest comes that way, too, so that it comes in order.
            peer.out.notice(Notice::Download(job.0, begun));
        }
    }
    if !request.wait {
        return Ok(Answer::Done);
    }
    peer.downloads.watch(job, ask);
    Ok(Answer::Later)
}
