//! `download`: what others share comes here. Pure.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::named::{NeededCatalogues, NeededWords};
use super::{Answer, Command, Needs, cancel, end_answer};
use crate::content::FileId;
use crate::control::file_word::FileWord;
use crate::control::{
    DownloadRequest, DownloadRow, HolderRow, ListOrder, Notice, PlanSum, PlannedFile, QueueState, Reply,
};
use crate::dht::DhtState;
use crate::error::{Code, Failure};
use crate::peer::downloads::{DownloadOrder, waits_in_queue};
use crate::peer::event::AskId;
use crate::peer::file_work::{DownloadPlan, FileWork};
use crate::peer::holdings;
use crate::peer::limits;
use crate::peer::listing::{Filter, unlisted};
use crate::peer::machine::PeerMachine;
use crate::peer::owners::Owners;
use crate::peer::queue::{
    QueueOrder, QueuedDownload, queue_download, resolve_absent, turn_queue, want_again,
};
use crate::peer::resolve::{Excluded, Resolved, Sought, has_wildcard, known_ids, rename, resolve};
use crate::peer::roster::Roster;
use crate::peer::seeks::SoughtDownload;
use crate::swarm::{JobId, Wanted};
use crate::time::Time;

impl Command for DownloadRequest {
    fn needs(&self) -> Needs {
        Needs::Catalogues
    }

    fn needed_catalogues(&self, roster: &Roster) -> NeededCatalogues {
        match Owners::named(&self.from, roster) {
            Ok(Owners::Only(owners) | Owners::Absent(owners)) => NeededCatalogues::Of(owners),
            // What is called so is found in all that others share.
            Ok(Owners::Anyone | Owners::All) if self.files.iter().any(|word| has_wildcard(word)) => {
                NeededCatalogues::All
            }
            Ok(Owners::Anyone | Owners::All) => {
                NeededCatalogues::Named(NeededWords { words: self.files.clone(), is_everyone: false })
            }
            // That is what is answered.
            Err(_) => NeededCatalogues::Of(BTreeSet::new()),
        }
    }

    fn answer(self: Box<Self>, now: Time, ask: AskId, peer: &mut PeerMachine) -> Result<Answer, Failure> {
        let unknown = unknown_ids(&self, peer);
        if !unknown.is_empty() {
            return seek(now, ask, *self, unknown, peer);
        }
        prepare(ask, *self, peer)
    }
}

/// Has the destination made; of what is only tried, has looked what is there.
fn prepare(ask: AskId, request: DownloadRequest, peer: &mut PeerMachine) -> Result<Answer, Failure> {
    if request.dry_run {
        let order = order_or_unlisted(ask, &request, peer)?;
        peer.out.files(FileWork::Plan(ask, Box::new(plan(&order))));
        return Ok(Answer::Later);
    }
    let mut found = None;
    if let Some(to) = &request.to {
        // No folder is made for what nobody shares.
        match order_or_unlisted(ask, &request, peer) {
            Err(failure)
                if waiting_like(&request, &failure, peer).is_none()
                    && absent_order(&request, &failure, peer).is_none() =>
            {
                return Err(failure);
            }
            Err(_) => {}
            Ok(order) => found = Some((peer.presence.roster.version(), order)),
        }
        if !to.is_absolute() {
            return Err(Failure::new(Code::Usage, "the folder after `--to` must be an absolute path"));
        }
    }
    peer.out.files(FileWork::Destination(ask, destination(&request, peer)));
    peer.requests.prepare(ask, request, found);
    Ok(Answer::Later)
}

/// Whole file ids that are asked for, which nobody here has, and for which the table between sites can be asked.
fn unknown_ids(request: &DownloadRequest, peer: &PeerMachine) -> BTreeSet<FileId> {
    // Of somebody who is here, or away, it is known what that one shares.
    if !peer.routes.sites.is_on() || !request.from.is_empty() || peer.departure.is_begun() {
        return BTreeSet::new();
    }
    let id = |word: &String| match FileWord::of(word) {
        FileWord::Id(digits) => digits.parse::<FileId>().ok(),
        FileWord::Path(_) => None,
    };
    let asked: BTreeSet<FileId> = request.files.iter().filter_map(id).collect();
    let known = known_ids(&asked, &peer.presence.roster);
    let is_own = |file: &FileId| peer.shared.shelf.files.contains_key(file);
    asked.into_iter().filter(|file| !known.contains(file) && !is_own(file)).collect()
}

/// Asks the table between sites who has these files, which nobody here has. All else must be there.
fn seek(
    now: Time,
    ask: AskId,
    request: DownloadRequest,
    unknown: BTreeSet<FileId>,
    peer: &mut PeerMachine,
) -> Result<Answer, Failure> {
    let is_unknown = |word: &&String| match FileWord::of(word) {
        FileWord::Id(digits) => digits.parse().is_ok_and(|file| unknown.contains(&file)),
        FileWord::Path(_) => false,
    };
    let files: Vec<_> = request.files.iter().filter(|word| !is_unknown(word)).cloned().collect();
    if !files.is_empty() {
        order_or_unlisted(ask, &DownloadRequest { files, ..request.clone() }, peer)?;
    }
    let text = format!("{}; the table between sites is asked who has it", nobody_has(&unknown));
    peer.requests.seeks.begin(now, ask, request, unknown, &mut peer.out)?;
    peer.out.reply(ask, Reply::Note { text });
    Ok(Answer::Later)
}

/// Nobody here has these.
fn nobody_has(files: &BTreeSet<FileId>) -> String {
    match files.first() {
        Some(file) if files.len() == 1 => format!("nobody here shares a file with the id b3:{file}"),
        _ => format!("nobody here shares {} of these files", files.len()),
    }
}

/// Begins downloads for which somebody was found, and ends those for which nobody was.
pub(in crate::peer) fn turn_seeks(now: Time, peer: &mut PeerMachine) {
    if peer.requests.seeks.is_empty() {
        return;
    }
    let roster = &peer.presence.roster;
    let is_there = |files: &BTreeSet<FileId>| known_ids(files, roster).len() == files.len();
    let is_leaving = peer.departure.is_begun();
    for ended in peer.requests.seeks.take_ended(now, is_leaving, is_there, &mut peer.out) {
        let SoughtDownload { ask, request, named, .. } = ended;
        let unknown = unknown_ids(&request, peer);
        let answer = match unknown.is_empty() {
            true => prepare(ask, request, peer),
            false => Err(not_found(&unknown, named.len(), peer)),
        };
        end_answer(ask, answer, &mut peer.out);
    }
}

/// Why nobody was found.
fn not_found(unknown: &BTreeSet<FileId>, named: usize, peer: &PeerMachine) -> Failure {
    let why = match peer.routes.sites.state() {
        Some(DhtState::Resolving) => "no node of the table between sites can be looked up".to_owned(),
        Some(DhtState::Ended) | None => "the table between sites is not used any more, by a fault".to_owned(),
        Some(_) if named == 0 => {
            "the table between sites names nobody who has it (whoever has it says `announce` there)"
                .to_owned()
        }
        Some(_) => {
            let addresses = if named == 1 { "one address".to_owned() } else { format!("{named} addresses") };
            format!(
                "the table between sites names {addresses}, where no member of this group that has it answered"
            )
        }
    };
    let code = if named == 0 { Code::NotFound } else { Code::NoHolder };
    Failure::new(code, format!("{}, and {why}", nobody_has(unknown)))
}

/// What it would bring.
fn plan(order: &DownloadOrder) -> DownloadPlan {
    let planned = |file: &Wanted| PlannedFile {
        id: file.id.to_string(),
        path: file.to.to_string(),
        size: file.size,
        have: 0,
    };
    let sum = PlanSum {
        files: order.files.len() as u64,
        folders: order.folders.len() as u64,
        size: order.files.iter().fold(0, |sum, file| sum.saturating_add(file.size)),
        have: 0,
        free: None,
        to: order.destination.clone(),
    };
    DownloadPlan { files: order.files.iter().map(planned).collect(), sum }
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
    Excluded::new(&request.exclude).leave_out(&mut found)?;
    if let Some(name) = &request.output {
        rename(&mut found, name)?;
    }
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
        notes: found.notes,
        is_offered: false,
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
        for row in unlisted(roster, &Filter::new(false, from, ListOrder::default())) {
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

/// Puts a download into the queue whose destination is there. `found`: what it is, if nothing changed since it was
/// asked for; else who is here is looked up now.
pub(super) fn begin(
    now: Time,
    ask: AskId,
    request: &DownloadRequest,
    found: Option<DownloadOrder>,
    peer: &mut PeerMachine,
) -> Result<Answer, Failure> {
    let order = match found.map_or_else(|| order_or_unlisted(ask, request, peer), Ok) {
        Ok(order) => order,
        Err(failure) => return wait_for_absent(now, ask, request, failure, peer),
    };
    let holders = holders(&order, peer);
    let DownloadOrder { owners, destination, files, folders, notes, .. } = order;
    for text in notes {
        // Behind the prompt nobody reads the replies.
        if request.wait {
            peer.out.reply(ask, Reply::Note { text });
        } else {
            peer.out.notice(Notice::Text(text));
        }
    }
    let (words, options) = (request.files.clone(), options(request));
    let id = enqueue(
        now,
        QueueOrder { words, options, owners, destination, files, folders, is_offered: false },
        peer,
    )?;
    go_on(now, ask, id, holders, request, peer)
}

/// The download of the queue that brings this, which may be there already.
fn enqueue(now: Time, order: QueueOrder, peer: &mut PeerMachine) -> Result<JobId, Failure> {
    let brings = |id| peer.downloads.queue.get(id).is_some_and(|download| download.brings_the_same(&order));
    match peer.downloads.queue.like(&order) {
        Some(id) if brings(id) => return Ok(id),
        // What it means by now takes the place of what it meant.
        Some(id) => drop(cancel::remove(now, id, peer)),
        None => {}
    }
    if peer.downloads.queue.len() >= limits::QUEUED {
        let text = format!("the queue is full ({} downloads): `cancel` takes some away", limits::QUEUED);
        return Err(Failure::other(text));
    }
    Ok(queue_download(now, order, peer))
}

/// Nobody is here who shares it: it waits in the queue if it is there already, or if somebody shared it who was here.
fn wait_for_absent(
    now: Time,
    ask: AskId,
    request: &DownloadRequest,
    failure: Failure,
    peer: &mut PeerMachine,
) -> Result<Answer, Failure> {
    let id = match waiting_like(request, &failure, peer) {
        Some(id) => id,
        None => {
            let Some(order) = absent_order(request, &failure, peer) else { return Err(failure) };
            enqueue(now, order, peer)?
        }
    };
    // Whoever does not want to wait is told what it is, as ever.
    go_on(now, ask, id, Vec::new(), request, peer).map_err(|waits| Failure::new(failure.code, waits.message))
}

/// What was meant of those who were here, if that is why it was not found.
fn absent_order(request: &DownloadRequest, failure: &Failure, peer: &PeerMachine) -> Option<QueueOrder> {
    if failure.code != Code::NotFound || peer.departure.is_begun() {
        return None;
    }
    let (Resolved { files, folders, .. }, owners) = resolve_absent(request, peer)?;
    let (words, options) = (request.files.clone(), options(request));
    let destination = destination(request, peer);
    Some(QueueOrder { words, options, owners, destination, files, folders, is_offered: false })
}

/// What else was said of what is to come: two downloads of the same words that differ in that are two.
fn options(request: &DownloadRequest) -> Vec<String> {
    let output = request.output.iter().map(|name| format!("-o {name}"));
    output.chain(request.exclude.iter().map(|pattern| format!("--exclude {pattern}"))).collect()
}

/// The download of the queue that was asked for in the same words, if nobody is here who shares it.
fn waiting_like(request: &DownloadRequest, failure: &Failure, peer: &PeerMachine) -> Option<JobId> {
    if failure.code != Code::NotFound {
        return None;
    }
    let owners = Owners::named(&request.from, &peer.presence.roster).ok()?;
    let (words, destination) = (request.files.clone(), destination(request, peer));
    let options = options(request);
    peer.downloads.queue.like(&QueueOrder { words, options, owners, destination, ..QueueOrder::default() })
}

/// A download of the queue is wanted now, perhaps once more: whoever asked hears how it goes.
fn go_on(
    now: Time,
    ask: AskId,
    id: JobId,
    holders: Vec<HolderRow>,
    request: &DownloadRequest,
    peer: &mut PeerMachine,
) -> Result<Answer, Failure> {
    want_again(&mut peer.downloads.queue, id);
    if peer.downloads.queue.get(id).is_some_and(QueuedDownload::is_at_rest_by_choice) {
        peer.downloads.queue.resume(id);
    }
    turn_queue(now, peer);
    let roster = &peer.presence.roster;
    if let Some(row) = peer.downloads.begun_row(now, id, roster) {
        let begun = Reply::Begun(DownloadRow { holders, ..row });
        peer.out.reply(ask, begun.clone());
        if !request.wait {
            // The rest comes that way, too, so that it comes in order.
            peer.out.notice(Notice::Download(id.0, begun));
        }
    }
    if !request.wait {
        return Ok(Answer::Done);
    }
    if peer.downloads.get(id).is_some() {
        peer.downloads.watch(id, ask);
        return Ok(Answer::Later);
    }
    if peer.downloads.queue.state(now, id) == Some(QueueState::Waiting) {
        let names = peer.downloads.queue.get(id).map(QueuedDownload::waits_for).unwrap_or_default();
        let nobody = Failure::new(Code::NoHolder, "nobody who has it is here");
        return Err(waits_in_queue(id, &nobody, &names));
    }
    peer.downloads.queue.add_watchers(id, [ask]);
    Ok(Answer::Later)
}
