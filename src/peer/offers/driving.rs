//! What the machine of a peer does for offers: those that others make are told to the user, accepted and fetched; those
//! that the user makes are read, offered and given. Pure.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::incoming::{IncomingStage, Offerer, PageTaken};
use super::letters::LetterEnd;
use super::outgoing::{OutgoingOffer, OutgoingStage, SendOrder};
use super::rows;
use super::telling::{incoming_row, outgoing_row, tell_outgoing};
use crate::accounts::Payer;
use crate::content::SafePath;
use crate::control::{Notice, OfferState, Reply};
use crate::error::{Code, Failure};
use crate::identity::PeerId;
use crate::library::sending::{SendRoot, SendingStep};
use crate::peer::commands::stop_download;
use crate::peer::event::AskId;
use crate::peer::file_work::FileWork;
use crate::peer::limits;
use crate::peer::machine::PeerMachine;
use crate::peer::output::{PeerOutput, SendingOrder};
use crate::peer::owners::Owners;
use crate::peer::queue::{QueueOrder, offerer_here, queue_download};
use crate::receiver::ReceiverCommand;
use crate::receiver::offering::{LetterOutcome, OfferSaying};
use crate::sender::SentPart;
use crate::settings::AcceptPolicy;
use crate::swarm::{JobId, Wanted};
use crate::time::Time;
use crate::wire::message::{OfferFiles, OfferNews, OfferWord};

/// How often whoever waits for an own offer is told how far it is.
const PROGRESS: Duration = Duration::from_millis(250);

/// Offers of this peer that are over and still shown, at most.
const OVER_SHOWN: usize = 20;

// ---- what others offer -----------------------------------------------------------------------

/// A peer that is here offers files, or more of them.
pub(in crate::peer) fn offer_page(now: Time, payer: Payer<PeerId>, page: OfferFiles, peer: &mut PeerMachine) {
    let is_ignored = peer.chat.ignored_names().any(|(ignored, _)| ignored == payer.peer);
    if is_ignored || peer.departure.is_begun() {
        return;
    }
    let (policy, theirs) = (peer.own.settings.accept, page.number);
    let name = peer.presence.roster.name(payer.peer);
    let date = peer.transfers.calendar.date(now);
    let offers = &mut peer.transfers.offers;
    let new = offers.last + 1;
    let (taken, gone) = offers.incoming.handle_page(now, date, new, Offerer { payer, name }, page, policy);
    offers.forget(now, gone);
    if offers.incoming.get(new).is_some() {
        offers.last = new;
    }
    offers.next = Some(now);
    match taken {
        PageTaken::Nothing => {}
        PageTaken::Say(word) => {
            if word == OfferWord::Accepted {
                // Its sender was started again, and gives it now.
                offerer_here(payer.peer, &mut peer.downloads.queue, &mut peer.out);
            }
            peer.transfers.offers.letters.answer(now, payer.peer, theirs, word);
        }
        PageTaken::Whole(number) => whole(now, number, policy, peer),
    }
}

/// An offer is whole.
fn whole(now: Time, number: u64, policy: AcceptPolicy, peer: &mut PeerMachine) {
    let offers = &mut peer.transfers.offers;
    let Some(offer) = offers.incoming.get(number) else { return };
    offers.unwritten.push(rows::incoming(number, offer));
    let is_accepted = match policy {
        AcceptPolicy::All => true,
        AcceptPolicy::Known => offers.knows(offer.from),
        AcceptPolicy::Ask | AcceptPolicy::None => false,
    };
    if is_accepted {
        accept_by_policy(now, number, peer);
    }
    tell_incoming(now, number, peer);
}

/// Accepts what waits for places that the policy may take.
fn accept_postponed(now: Time, peer: &mut PeerMachine) {
    for number in peer.transfers.offers.postponed.clone() {
        accept_by_policy(now, number, peer);
    }
}

/// Accepts what the policy does, if there is a place for that; else it waits, as if the user were asked.
fn accept_by_policy(now: Time, number: u64, peer: &mut PeerMachine) {
    let offers = &mut peer.transfers.offers;
    let is_waiting = offers.incoming.get(number).is_some_and(|offer| offer.stage == IncomingStage::Waiting);
    if is_waiting && !offers.incoming.may_take(number) {
        offers.postponed.insert(number);
        return;
    }
    offers.postponed.remove(&number);
    let to = peer.own.settings.downloads();
    if is_waiting && let Err(failure) = accept(now, number, to, peer) {
        let text = format!("offer {number} is not accepted: {}", failure.message);
        peer.out.notice(Notice::Warning(text));
    }
}

/// Says at the prompt how an offer of somebody else stands.
fn tell_incoming(now: Time, number: u64, peer: &mut PeerMachine) {
    let date = peer.transfers.calendar.date(now);
    if let Some(offer) = peer.transfers.offers.incoming.get(number) {
        let row = incoming_row(number, offer, date, &peer.presence.roster);
        peer.out.notice(Notice::Offer(Box::new(row)));
    }
}

/// What an offer brings is fetched into a folder that is there. Returns its download.
///
/// # Errors
/// It does not wait any more, or the queue is full.
pub(in crate::peer) fn accept(
    now: Time,
    number: u64,
    destination: PathBuf,
    peer: &mut PeerMachine,
) -> Result<JobId, Failure> {
    if peer.downloads.queue.len() >= limits::QUEUED {
        let text = format!("the queue is full ({} downloads): `cancel` takes some away", limits::QUEUED);
        return Err(Failure::other(text));
    }
    let offer = peer.transfers.offers.incoming.get(number);
    let Some(offer) = offer.filter(|offer| offer.stage == IncomingStage::Waiting) else {
        return Err(Failure::new(Code::NotFound, format!("offer {number} does not wait any more")));
    };
    let (from, theirs) = (offer.from, offer.theirs);
    let what: Arc<str> = Arc::from(offer.sum.what.as_str());
    let files = offer.files.iter().map(|file| Wanted {
        here: None,
        id: file.id,
        size: file.size,
        modified: file.modified,
        executable: file.executable,
        asked: Arc::clone(&what),
        to: file.path.clone(),
        holders: Vec::new(),
        keep: None,
        some: Vec::new(),
    });
    let order = QueueOrder {
        words: vec![what.to_string()],
        options: Vec::new(),
        owners: Owners::one(from),
        destination,
        files: files.collect(),
        folders: offer.folders.clone(),
        is_offered: true,
    };
    let date = peer.transfers.calendar.date(now);
    let job = queue_download(now, order, peer);
    let offers = &mut peer.transfers.offers;
    let gone = offers.incoming.set_stage(now, date, number, IncomingStage::Accepted(job));
    offers.forget(now, gone);
    if let Some(offer) = offers.incoming.get(number) {
        offers.unwritten.push(rows::incoming(number, offer));
    }
    offers.note_known(from, date);
    offers.letters.say(now, from, theirs, OfferWord::Accepted);
    offers.next = Some(now);
    Ok(job)
}

/// What somebody offers is not wanted.
pub(in crate::peer) fn reject(now: Time, number: u64, peer: &mut PeerMachine) {
    over(now, number, OfferWord::Rejected, peer);
}

/// An offer of somebody else is over, and its sender is told so.
fn over(now: Time, number: u64, word: OfferWord, peer: &mut PeerMachine) {
    let date = peer.transfers.calendar.date(now);
    let offers = &mut peer.transfers.offers;
    let Some(offer) = offers.incoming.get(number) else { return };
    let (from, theirs) = (offer.from, offer.theirs);
    let was_taken = matches!(offer.stage, IncomingStage::Accepted(_));
    let gone = offers.incoming.set_stage(now, date, number, IncomingStage::Over(word));
    offers.forget(now, gone);
    let is_kept = match offers.incoming.get(number) {
        Some(offer) => {
            offers.unwritten.push(rows::incoming(number, offer));
            true
        }
        None => false,
    };
    match word {
        OfferWord::Withdrawn => {}
        _ if is_kept => offers.letters.say(now, from, theirs, word),
        _ => offers.letters.answer(now, from, theirs, word),
    }
    offers.next = Some(now);
    if was_taken {
        accept_postponed(now, peer);
    }
}

/// Its sender takes an offer back.
fn withdrawn(now: Time, from: PeerId, theirs: u64, peer: &mut PeerMachine) {
    let offers = &peer.transfers.offers;
    let Some(number) = offers.incoming.find(from, theirs) else { return };
    match offers.incoming.get(number).map(|offer| offer.stage) {
        Some(IncomingStage::Accepted(job)) => {
            over(now, number, OfferWord::Withdrawn, peer);
            let name = peer.presence.roster.shown_names(&[from]).pop().unwrap_or_default();
            for ask in peer.downloads.take_watchers(job) {
                let failure = Failure::other(format!("{name} took the offer back"));
                peer.out.reply(ask, Reply::Failed(failure));
            }
            stop_download(now, job, peer);
        }
        Some(IncomingStage::Waiting) => over(now, number, OfferWord::Withdrawn, peer),
        Some(IncomingStage::Coming) => drop(peer.transfers.offers.incoming.forget(number)),
        Some(IncomingStage::Over(_)) | None => return,
    }
    tell_incoming(now, number, peer);
}

/// A peer that ran for one command is gone, and with it what it offered: it never comes back.
pub(in crate::peer) fn visitor_left(now: Time, from: PeerId, peer: &mut PeerMachine) {
    for theirs in peer.transfers.offers.incoming.open_of(from) {
        withdrawn(now, from, theirs, peer);
    }
}

// ---- what this peer offers -------------------------------------------------------------------

/// The user wants to send something. Returns the number of the offer.
///
/// # Errors
/// There are too many already.
pub(in crate::peer) fn send(
    now: Time,
    order: SendOrder,
    watcher: Option<AskId>,
    peer: &mut PeerMachine,
) -> Result<u64, Failure> {
    let date = peer.transfers.calendar.date(now);
    let offers = &mut peer.transfers.offers;
    if offers.outgoing.n_open() >= limits::OFFERS_MADE {
        let text = format!("{} offers are open already: `reject` takes one back", limits::OFFERS_MADE);
        return Err(Failure::other(text));
    }
    offers.last += 1;
    let number = offers.last;
    // Of all starts together no two have the same one.
    let wire = (peer.own.instance.count << 24 | number & 0xff_ffff).max(1);
    let mut offer = OutgoingOffer::new(order, wire, date);
    offer.watchers.extend(watcher);
    peer.out.files(FileWork::Send(number, offer.order.paths.clone()));
    offers.unwritten.push(rows::outgoing(number, &offer));
    offers.outgoing.all.insert(number, offer);
    offers.next = Some(now);
    tell_outgoing(now, number, peer);
    Ok(number)
}

/// It is known where what is to be sent lies.
pub(in crate::peer) fn start_sending(
    now: Time,
    number: u64,
    roots: Result<Vec<SendRoot>, Failure>,
    peer: &mut PeerMachine,
) {
    let Some(offer) = peer.transfers.offers.outgoing.all.get_mut(&number).filter(|o| !o.is_over()) else {
        return;
    };
    match roots {
        Ok(roots) => {
            offer.roots.clone_from(&roots);
            peer.out.push(PeerOutput::Sending(SendingOrder::Begin(number, roots)));
        }
        Err(failure) => end_here(now, number, OfferState::Failed, failure, peer),
    }
}

/// How far the reading of what is to be sent is.
pub(in crate::peer) fn prepared(now: Time, number: u64, step: SendingStep, peer: &mut PeerMachine) {
    let offers = &mut peer.transfers.offers;
    let Some(offer) = offers.outgoing.all.get_mut(&number).filter(|o| !o.is_over()) else { return };
    match step {
        SendingStep::Reading { done, bytes } => {
            offer.stage = OutgoingStage::Reading { done, bytes };
            tell_progress(now, number, peer);
        }
        SendingStep::Ready(Ok(content)) => {
            if !offer.read(content) {
                let message = format!("{} was changed meanwhile: send it again", offer.what());
                return end_here(now, number, OfferState::Failed, Failure::other(message), peer);
            }
            offers.is_given_stale = true;
            offers.next = Some(now);
            tell_outgoing(now, number, peer);
        }
        SendingStep::Ready(Err(failure)) => end_here(now, number, OfferState::Failed, failure, peer),
    }
}

/// An own offer is taken back.
pub(in crate::peer) fn withdraw(now: Time, number: u64, peer: &mut PeerMachine) {
    if peer.transfers.offers.outgoing.is_open(number) {
        end_here(now, number, OfferState::Withdrawn, Failure::other("the offer was taken back"), peer);
    }
}

/// An own offer ends at this peer, for this reason. The other one hears of it, if it may know the offer.
fn end_here(now: Time, number: u64, state: OfferState, failure: Failure, peer: &mut PeerMachine) {
    let offers = &mut peer.transfers.offers;
    let said = offers.outgoing.all.get(&number).filter(|offer| offer.said.is_some());
    if let Some((to, wire)) = said.map(|offer| (offer.order.to, offer.wire)) {
        offers.letters.say(now, to, wire, OfferWord::Withdrawn);
    }
    end(now, number, state, failure, peer);
}

/// An own offer is over, for this reason.
fn end(now: Time, number: u64, state: OfferState, failure: Failure, peer: &mut PeerMachine) {
    if let Some(offer) = peer.transfers.offers.outgoing.all.get_mut(&number) {
        offer.end(state, failure);
        ended(now, number, peer);
    }
}

/// An own offer is over: nothing more of it is given.
fn ended(now: Time, number: u64, peer: &mut PeerMachine) {
    let offers = &mut peer.transfers.offers;
    let Some(offer) = offers.outgoing.all.get(&number) else { return };
    offers.letters.drop_page(offer.order.to, number);
    offers.unwritten.push(rows::outgoing(number, offer));
    offers.is_given_stale = true;
    offers.next = Some(now);
    tell_outgoing(now, number, peer);
    peer.out.push(PeerOutput::Sending(SendingOrder::End(number)));
    let all = &mut peer.transfers.offers.outgoing.all;
    let over: Vec<u64> = all.iter().filter(|(_, offer)| offer.is_over()).map(|(number, _)| *number).collect();
    for old in over.iter().rev().skip(OVER_SHOWN) {
        all.remove(old);
    }
}

/// A peer that is here says what became of an offer.
pub(in crate::peer) fn offer_news(now: Time, from: PeerId, news: OfferNews, peer: &mut PeerMachine) {
    if news.news == OfferWord::Withdrawn {
        return withdrawn(now, from, news.number, peer);
    }
    let date = peer.transfers.calendar.date(now);
    let offers = &mut peer.transfers.offers;
    let open = offers.outgoing.find(from, news.number).filter(|number| offers.outgoing.is_open(*number));
    let Some(number) = open else {
        if news.news == OfferWord::Accepted {
            // It was away when that was taken back, or this peer was started again since.
            offers.letters.answer(now, from, news.number, OfferWord::Withdrawn);
            offers.next = Some(now);
        }
        return;
    };
    let Some(offer) = offers.outgoing.all.get_mut(&number) else { return };
    if !offer.heard(news.news) {
        return;
    }
    offers.letters.drop_page(from, number);
    if news.news == OfferWord::Accepted {
        offers.note_known(from, date);
    }
    offers.next = Some(now);
    let Some(offer) = offers.outgoing.all.get(&number) else { return };
    if offer.is_over() {
        return ended(now, number, peer);
    }
    offers.unwritten.push(rows::outgoing(number, offer));
    tell_outgoing(now, number, peer);
}

/// It is known what became of something that was said of an offer.
pub(in crate::peer) fn letter_done(
    now: Time,
    to: PeerId,
    serial: u64,
    outcome: LetterOutcome,
    peer: &mut PeerMachine,
) {
    let offers = &mut peer.transfers.offers;
    offers.next = Some(now);
    match offers.letters.end(now, to, serial, outcome) {
        LetterEnd::Nothing => {}
        LetterEnd::PageCame(number, page) => {
            let Some(offer) = offers.outgoing.all.get_mut(&number) else { return };
            offer.page_came(&page);
            if offer.stage == OutgoingStage::Offered {
                tell_outgoing(now, number, peer);
            }
        }
        LetterEnd::TooOld(number) => {
            let Some(offer) = offers.outgoing.all.get(&number) else { return };
            let message = format!("{}'s potluck is too old for `send`: have it updated", offer.order.name);
            let failure = Failure::other(message);
            end(now, number, OfferState::Failed, failure, peer);
        }
    }
}

/// This was sent to others.
pub(in crate::peer) fn sent_parts(now: Time, parts: &[SentPart], peer: &mut PeerMachine) {
    let mut moved = Vec::new();
    for (number, offer) in &mut peer.transfers.offers.outgoing.all {
        let (to, mut any) = (offer.order.to, false);
        for part in parts.iter().filter(|part| part.to.peer == to) {
            any |= offer.was_sent(part.file, part.bytes);
        }
        if any {
            moved.push(*number);
        }
    }
    moved.into_iter().for_each(|number| tell_progress(now, number, peer));
}

/// Tells whoever waits for an own offer how far it is, now and then.
fn tell_progress(now: Time, number: u64, peer: &mut PeerMachine) {
    let date = peer.transfers.calendar.date(now);
    let Some(offer) = peer.transfers.offers.outgoing.all.get_mut(&number) else { return };
    if offer.watchers.is_empty() || offer.told.is_some_and(|told| now.since(told) < PROGRESS) {
        return;
    }
    offer.told = Some(now);
    let row = outgoing_row(number, offer, date, &peer.presence.roster);
    for ask in offer.watchers.clone() {
        peer.out.reply(ask, Reply::OfferProgress(Box::new(row.clone())));
    }
}

/// A file that is sent is not what it was. True: it is one of an offer.
pub(in crate::peer) fn forget_path(now: Time, path: &SafePath, peer: &mut PeerMachine) -> bool {
    let all = &peer.transfers.offers.outgoing.all;
    let of = all.iter().find(|(_, offer)| !offer.is_over() && offer.has_listed(path));
    let Some(number) = of.map(|(number, _)| *number) else { return false };
    let message = format!("{} was changed meanwhile: send it again", path.name());
    end_here(now, number, OfferState::Failed, Failure::other(message), peer);
    true
}

// ---- both ------------------------------------------------------------------------------------

/// Does what is due, and writes down what changed.
pub(in crate::peer) fn turn_offers(now: Time, peer: &mut PeerMachine) {
    end_downloads(now, peer);
    if peer.transfers.offers.next.is_some_and(|next| next <= now) {
        for number in std::mem::take(&mut peer.transfers.offers.to_read) {
            if let Some(offer) = peer.transfers.offers.outgoing.all.get(&number) {
                peer.out.files(FileWork::Send(number, offer.order.paths.clone()));
            }
        }
        expire(now, peer);
        if std::mem::take(&mut peer.transfers.offers.are_waiting_untold) {
            let waiting: Vec<u64> = peer.transfers.offers.incoming.waiting().collect();
            if peer.own.settings.accept == AcceptPolicy::All {
                peer.transfers.offers.postponed.extend(&waiting);
                accept_postponed(now, peer);
            }
            waiting.into_iter().for_each(|number| tell_incoming(now, number, peer));
        }
        give(peer);
        say(now, peer);
        plan(now, peer);
    }
    let unwritten = std::mem::take(&mut peer.transfers.offers.unwritten);
    if !unwritten.is_empty() {
        peer.out.push(PeerOutput::Downloads(unwritten));
    }
}

/// Downloads of offers that the queue has no more are over.
fn end_downloads(now: Time, peer: &mut PeerMachine) {
    let accepted = peer.transfers.offers.incoming.accepted();
    let is_gone = |(job, _): &(JobId, u64)| peer.downloads.queue.get(*job).is_none();
    let over_now: Vec<(JobId, u64)> = accepted.filter(is_gone).collect();
    for (job, number) in over_now {
        let is_done = peer.transfers.offers.done.remove(&job);
        over(now, number, if is_done { OfferWord::Done } else { OfferWord::Stopped }, peer);
    }
}

fn expire(now: Time, peer: &mut PeerMachine) {
    let date = peer.transfers.calendar.date(now);
    for (number, stage) in peer.transfers.offers.incoming.due(date) {
        if stage == IncomingStage::Waiting {
            over(now, number, OfferWord::Expired, peer);
            tell_incoming(now, number, peer);
        } else {
            let offers = &mut peer.transfers.offers;
            if let Some(offer) = offers.incoming.forget(number) {
                offers.unwritten.push(rows::without_incoming(number));
                offers.letters.drop_news(offer.from, offer.theirs);
            }
        }
    }
    let all = peer.transfers.offers.outgoing.all.iter();
    let is_late =
        |offer: &OutgoingOffer| !offer.is_over() && !offer.was_accepted && offer.order.until <= date;
    let late = all.filter(|(_, offer)| is_late(offer));
    let late: Vec<_> = late.map(|(number, offer)| (*number, offer.order.name.clone())).collect();
    for (number, name) in late {
        let failure = Failure::new(Code::NoHolder, format!("{name} did not accept it in time"));
        end_here(now, number, OfferState::Expired, failure, peer);
    }
}

/// Others get what is offered to them.
fn give(peer: &mut PeerMachine) {
    if !std::mem::take(&mut peer.transfers.offers.is_given_stale) {
        return;
    }
    let (files, roots, given) = peer.transfers.offers.outgoing.given();
    let roots = roots.into_iter().map(|root| (root.share, root.folder)).collect::<BTreeMap<_, _>>();
    peer.shared.give(files, roots, given, &mut peer.out);
}

/// Says what is due to those who are here.
fn say(now: Time, peer: &mut PeerMachine) {
    let (offers, roster) = (&mut peer.transfers.offers, &peer.presence.roster);
    if peer.departure.is_begun() {
        return;
    }
    let mut busy = BTreeSet::new();
    for (number, offer) in &offers.outgoing.all {
        let to = offer.order.to;
        let Some(page) = offer.page() else { continue };
        // A peer takes the pages of one offer after those of the one before.
        if busy.insert(to) && !offers.letters.has_page(to, *number) {
            offers.letters.say_page(now, to, *number, page);
        }
    }
    let due = offers.letters.take_due(now, |id| roster.contact(id).is_some());
    for letter in due {
        if let OfferSaying::Page(page) = &letter.saying
            && let Some(number) = offers.outgoing.find(letter.to, page.number)
            && let Some(offer) = offers.outgoing.all.get_mut(&number)
            && offer.note_said()
        {
            offers.unwritten.push(rows::outgoing(number, offer));
        }
        peer.presence.reach(letter.to, &mut peer.out);
        peer.out.receiver(ReceiverCommand::SayOfOffer(letter));
    }
}

/// When something is due next.
fn plan(now: Time, peer: &mut PeerMachine) {
    let date = peer.transfers.calendar.date(now);
    let offers = &mut peer.transfers.offers;
    let later = |millis: u64| now + Duration::from_millis(millis.max(1));
    let open = offers.outgoing.all.values().filter(|offer| !offer.is_over() && !offer.was_accepted);
    let until = open.map(|offer| offer.order.until.saturating_sub(date)).min();
    let dates = [offers.incoming.due_in(date), until];
    offers.next = dates.into_iter().flatten().map(later).chain(offers.letters.poll_timeout()).min();
}
