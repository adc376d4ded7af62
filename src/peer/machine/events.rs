//! What the machine of `mod.rs` does with what the parts report. Pure.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::PeerMachine;
use super::share_events::check_shared;
use crate::address::Ports;
use crate::content::{Catalogue, FileId, Head};
use crate::control::{Notice, Reply};
use crate::dht::DhtEvent;
use crate::distribution::{CustodyEvent, chunk_store};
use crate::error::Failure;
use crate::identity::{Instance, PeerId};
use crate::lan::{self, Gone, PeerInfo};
use crate::peer::commands::{diagnosed, on_index, on_keeper, searched, shared, unshared};
use crate::peer::custody::CustodyDriver;
use crate::peer::event::PeerEvent;
use crate::peer::file_work::{FileAnswer, FileWork};
use crate::peer::happenings;
use crate::peer::jobs::JobPurpose;
use crate::peer::offers::{self, letter_done, visitor_left};
use crate::peer::output::{LogLevel, Outputs, PeerOutput};
use crate::peer::own_peer::OwnPeer;
use crate::peer::presence::is_visitor;
use crate::peer::queue::{is_offered_alone, offerer_here};
use crate::peer::reachability::Attempt;
use crate::peer::swarms::{LiveSeed, is_worth};
use crate::peer::through::{Carrier, CarryContext};
use crate::peer::verifying::RepairSources;
use crate::receiver::catalogue::NoCatalogueCause;
use crate::receiver::through::ThroughFile;
use crate::receiver::{ReceiverCommand, ReceiverEvent};
use crate::routes::LinkPeer;
use crate::sender::{SenderCommand, SenderEvent};
use crate::text;
use crate::time::Time;
use crate::wire::custody::CustodyMessage;
use crate::wire::message::FetchThrough;

impl PeerMachine {
    pub(super) fn handle_event(&mut self, now: Time, event: PeerEvent) {
        match event {
            PeerEvent::Ask(ask, request) => self.on_ask(now, ask, request),
            PeerEvent::Discovery(event) => self.on_discovery(now, event),
            PeerEvent::PortMapping(state) => {
                self.routes.port_mapping = Some(state);
                speak(self);
            }
            PeerEvent::Dht(event) => {
                if let DhtEvent::Holder(file, address) = event {
                    self.requests.seeks.named(now, file, address);
                }
                self.routes.on_table(now, event, &mut self.out);
            }
            PeerEvent::Library(event) => self.on_library(now, None, event),
            PeerEvent::Share(name, event) => self.on_library(now, Some(&name), event),
            PeerEvent::Receiver(ReceiverEvent::ReadOver(id)) => self.requests.reads.over(id),
            PeerEvent::Receiver(event) => {
                use ReceiverEvent::{Catalogue, Kept, OwnerCatalogue};
                if matches!(event, Catalogue(..) | OwnerCatalogue { .. } | Kept(..)) {
                    self.requests.seeks.others_changed();
                }
                self.on_receiver(now, event);
            }
            PeerEvent::Sending(number, step) => offers::prepared(now, number, step, self),
            PeerEvent::PartialSeed(seed) => self.on_partial_seed(&seed),
            PeerEvent::Sender(event) => self.on_sender(now, event),
            PeerEvent::Custody(event) => self.on_custody(now, event),
            PeerEvent::Chunks(event) => self.on_chunks(now, event),
            PeerEvent::Links(event) => self.routes.on_links(now, event, &mut self.out),
            PeerEvent::Index(event) => on_index(now, event, self),
            PeerEvent::Resolved(found) => self.routes.on_resolved(now, found, &mut self.out),
            PeerEvent::Files(answer) => self.on_files(now, answer),
            PeerEvent::Written(written) => {
                self.custody.on_written(now, written, &mut self.own, &mut self.shared, &mut self.out)
            }
            PeerEvent::Warning(text) => self.warn(text),
            PeerEvent::Timeout => {}
            PeerEvent::Broken(part) => {
                let text = format!("the {part} thread ended by a fault of potluck's; see the log");
                self.fail(now, Failure::other(text));
            }
        }
    }

    fn on_discovery(&mut self, now: Time, event: lan::Event) {
        match event {
            lan::Event::Here(info) => here(now, info, self),
            lan::Event::Gone(id, why) => gone(now, id, why, self),
            lan::Event::DialBack(id) => {
                self.reachability.learn(now, id, &self.presence.roster, Attempt::AskedUs);
                self.presence.dial_back(id, &mut self.out);
            }
            lan::Event::AskedToMeet(id) => self.presence.meet(self.own.id(), id, &mut self.out),
            lan::Event::Interfaces(names) => self.interface_names.set(names),
            lan::Event::Facts(facts) => self.requests.lan_told(&facts, &mut self.out),
            lan::Event::Settled => settled(self),
            lan::Event::Ticket(ticket) => {
                self.own.ticket = ticket;
                self.presence.reckon_offices(now, self.own.arrival(), &mut self.out);
            }
            lan::Event::NobodyHeard => {
                let ports = self.own.presence.ports;
                self.out.notice(Notice::Text(nobody_answers(self.own.settings.on.discovery_port, ports)));
            }
            lan::Event::Unanswered(peer) => {
                // It is not kept with the other warnings: `status` tells of it while it is so.
                if let Some(text) = self.unanswered.handle(
                    now,
                    peer,
                    self.own.settings.on.discovery_port,
                    &self.interface_names,
                ) {
                    self.out.log_warning(text.clone());
                    self.out.notice(Notice::Warning(text));
                }
            }
            lan::Event::CopiedFolder(address) => {
                let text = format!(
                    "a peer with this folder's key runs at {address} already (a copied folder?): stop that one, \
                     or make this one a peer of its own with `potluck identity new`"
                );
                self.fail(now, Failure::other(text));
            }
            lan::Event::Lacking(id) => self.out.receiver(ReceiverCommand::Table(id)),
            lan::Event::Overtaken(instance) => self.overtaken(instance),
            lan::Event::NetworkChanged => {
                let text = "the network changed, or this machine slept".to_owned();
                self.out.push(PeerOutput::Log(LogLevel::Info, text));
                self.custody.network_changed(now);
                self.routes.network_changed(now, &mut self.out);
            }
            lan::Event::Outsiders(count) => warn_of_outsiders(count, &self.own, &mut self.out),
            lan::Event::Trouble(text) => self.warn(text),
            lan::Event::Sought(id, files) => {
                // What is kept for others is given, too.
                let is_kept = |file| self.custody.served.has(file);
                self.swarms.sought(id, &files, is_kept, &mut self.out);
                self.reach_member(id, &files);
            }
            lan::Event::Line(line) => {
                self.chat.hear(now, line, &self.own, &self.presence.roster, &mut self.out);
            }
            lan::Event::LinesMissed(missed) => {
                self.chat.missed(now, missed, &self.own, &self.presence.roster, &mut self.out);
            }
            lan::Event::Said(outcome) => self.chat.said(now, outcome, &self.own, &mut self.out),
            lan::Event::Relay(relay) => self.routes.relay(relay, &mut self.out),
            lan::Event::Told(gateway, contact) => {
                self.routes.told(now, gateway, &contact, &self.presence.roster, &mut self.out);
            }
            lan::Event::Has(id, files) => {
                self.swarms.add_member(id, &files, &mut self.out);
                self.reach_member(id, &files);
            }
        }
    }

    /// A peer has some of these files: if they are fetched here, it will be dialled.
    fn reach_member(&mut self, id: PeerId, files: &[FileId]) {
        if !self.swarms.wanted(files).is_empty() {
            self.presence.reach(id, &mut self.out);
        }
    }

    /// A copy of this folder was started and has stopped: what we say counts again once this is a later
    /// start than that one was.
    fn overtaken(&mut self, copy: Instance) {
        self.warn(
            "a copy of this folder was started somewhere, and stopped; `potluck identity new` there makes it \
             a peer of its own"
                .to_owned(),
        );
        self.out.files(FileWork::Instance(copy.count));
    }

    /// A later start of this peer is stored, or could not be.
    fn on_instance(&mut self, now: Time, stored: Result<Instance, Failure>) {
        match stored {
            Ok(instance) => {
                self.own.renew(instance, &mut self.out);
                self.custody.machine.renew(instance);
                self.custody.own.call(now);
            }
            Err(failure) => self.warn(failure.message),
        }
    }

    fn on_receiver(&mut self, now: Time, event: ReceiverEvent) {
        match event {
            ReceiverEvent::Job(event) => self.on_job(now, event),
            ReceiverEvent::Catalogue(id, head, signed, catalogue) => {
                Carrier::list(id, signed, &catalogue, &mut self.out);
                self.on_catalogue(now, id, head, catalogue);
            }
            ReceiverEvent::NoKept(id) => self.out.debug(format!("{id} does not say what it keeps")),
            ReceiverEvent::Table(id, records) => self.out.discovery(lan::Command::Table(id, records)),
            ReceiverEvent::Told { number, said, outcome } => {
                self.chat.told(now, number, said, outcome, &self.own, &mut self.out);
            }
            ReceiverEvent::Letter { to, serial, outcome } => letter_done(now, to, serial, outcome, self),
            ReceiverEvent::Through { from, file, answer } => {
                self.through.answered(now, from, &file, answer, &mut self.downloads, &mut self.out);
            }
            ReceiverEvent::Found { from, number, outcome } => on_keeper(now, from, number, outcome, self),
            ReceiverEvent::Proved(id, host) => {
                self.reachability.connected(id);
                // A connection with it stands: it is asked itself.
                self.through.unblocked(id);
                self.out.discovery(lan::Command::Proved(id, host));
            }
            ReceiverEvent::AskBack(id, 0) => {
                self.reachability.learn(now, id, &self.presence.roster, Attempt::WasAsked);
                self.out.sender(SenderCommand::AskBack(id));
            }
            // Over a connection that may be dead it is asked once.
            ReceiverEvent::AskBack(id, n) => self.out.discovery(lan::Command::AskBack(id, n > 1)),
            ReceiverEvent::DialBack(id) => {
                self.reachability.learn(now, id, &self.presence.roster, Attempt::AskedUs);
                self.presence.dial_back(id, &mut self.out);
            }
            ReceiverEvent::Met(id) => {
                self.reachability.connected(id);
                self.through.unblocked(id);
                self.presence.met(now, id, &mut self.out);
            }
            ReceiverEvent::MetOver(id) if self.presence.roster.met_over(id) => self.through.nowhere(now, id),
            // What is there of a file the shell gives as an event of its own; that of a reader was heard before.
            ReceiverEvent::MetOver(_) | ReceiverEvent::PartialSeed(_) | ReceiverEvent::ReadOver(_) => {}
            ReceiverEvent::Unreached(id) => self.through.blocked(now, id),
            ReceiverEvent::Blocked(id) => {
                self.reachability.learn(now, id, &self.presence.roster, Attempt::Blocked);
                self.warn_of_firewalls(id);
            }
            ReceiverEvent::Lost(id) => {
                self.presence.lost(now, id, &mut self.out);
                self.out.discovery(lan::Command::Doubt(id));
            }
            ReceiverEvent::NoCatalogue(id, cause) => self.presence.pull_failed(now, id, cause),
            ReceiverEvent::OwnerCatalogue { from, origin, signed, catalogue, is_held } => {
                self.out.debug(format!("{from} gave the catalogue of {origin}"));
                self.custody.on_owner_catalogue(now, origin, &signed, &catalogue);
                if is_held {
                    lent_catalogue(now, [from, origin], &signed, &catalogue, self);
                } else {
                    let cause = NoCatalogueCause::NoAnswer;
                    self.presence.owner_pull_failed(now, [from, origin], cause, &mut self.out);
                }
            }
            ReceiverEvent::NoOwnerCatalogue { from, origin, cause } => {
                self.out.debug(format!("{from} did not give the catalogue of {origin}: {cause:?}"));
                self.through.no_catalogue(now, from, origin);
                self.presence.owner_pull_failed(now, [from, origin], cause, &mut self.out);
            }
            ReceiverEvent::CatalogueGivenUp(owner) => {
                self.out.sender(SenderCommand::Listed(owner, None));
                self.presence.given_up(now, owner);
            }
            ReceiverEvent::Kept(from, all) => {
                let (me, roster) = (self.own.id(), &mut self.presence.roster);
                self.downloads.queue.handle_keepers();
                CustodyDriver::on_kept(me, from, all, roster, &self.downloads, &mut self.out);
            }
            ReceiverEvent::KeptGivenUp(from) => self.presence.roster.away.keeper_gone(from),
            ReceiverEvent::Warning(text) => self.warn(text),
            ReceiverEvent::Stopped => self.departure.receiver_stopped(),
        }
    }

    fn on_catalogue(&mut self, now: Time, id: PeerId, head: Head, catalogue: Arc<Catalogue>) {
        self.downloads.changed(id, &catalogue, &mut self.out);
        self.downloads.new_holder(id, &catalogue, &mut self.out);
        self.requests.reads.new_holder(id, &catalogue, &mut self.out);
        self.downloads.queue_listed(id, &catalogue);
        self.custody.keep_up(id, &head, &mut self.out);
        self.out.event(|| happenings::shares(id, &self.presence.roster, &catalogue));
        self.presence.roster.shares(id, head, catalogue);
        self.out.receiver(ReceiverCommand::Kept(id));
        self.presence.pull_again(now, id, &mut self.out);
    }

    /// A file is being fetched: others get what is here of it, and those of them are sought who have some.
    fn on_partial_seed(&mut self, seed: &Arc<dyn LiveSeed>) {
        let claim = seed.claim();
        if is_offered_alone(claim.0, &self.downloads.queue) {
            // It was meant for this peer, and for nobody else.
            return;
        }
        let is_for_store = self.jobs.is_keeping(claim) || self.carrier.is_fetching(claim);
        if is_for_store && !self.downloads.is_wanted(claim) {
            // Who keeps it too is said by whoever placed it; what is carried comes from its owner.
            self.swarms.add(seed, false, &mut self.out);
        } else if self.own.settings.swarm {
            let is_sought = is_worth(claim.1) && self.downloads.is_wanted_of_anyone(claim);
            self.swarms.add(seed, is_sought, &mut self.out);
            self.swarms.seek(&mut self.out);
        }
    }

    fn on_sender(&mut self, now: Time, event: SenderEvent) {
        match event {
            SenderEvent::Proved(id, host) => self.out.discovery(lan::Command::Proved(id, host)),
            SenderEvent::Called(id, host) => {
                self.reachability.learn(now, id, &self.presence.roster, Attempt::Came(host));
            }
            SenderEvent::Told(line) => {
                self.chat.hear_alone(now, line, &self.own, &self.presence.roster, &mut self.out);
            }
            SenderEvent::OfferFiles(payer, page) => offers::offer_page(now, payer, page, self),
            SenderEvent::OfferNews(from, news) => offers::offer_news(now, from, news, self),
            SenderEvent::Linked(peer, host) => {
                self.routes.on_linked(now, LinkPeer { peer, host }, &mut self.out);
            }
            SenderEvent::Unlinked(peer) => self.routes.on_unlinked(peer, &mut self.out),
            SenderEvent::Relayed(from, datagrams) => {
                self.out.discovery(lan::Command::Relayed(from, datagrams));
            }
            SenderEvent::NotConnected(id) => self.out.discovery(lan::Command::AskBack(id, false)),
            SenderEvent::Serving(list) => {
                let sent = self.transfers.uploads.serving(now, list);
                if self.departure.is_begun() {
                    self.departure.sent(now, sent);
                    self.custody.machine.sent(now);
                }
            }
            SenderEvent::Sent(mut parts) => {
                // What is kept here for others this very peer may take, too.
                parts.retain(|part| part.to.peer != self.own.id());
                let (roster, shelf) = (&self.presence.roster, &self.shared.shelf);
                self.transfers.sent(now, &parts, roster, shelf, &mut self.out);
                offers::sent_parts(now, &parts, self);
            }
            SenderEvent::Changed(path) => {
                if !offers::forget_path(now, &path, self) {
                    check_shared(path, self);
                }
            }
            SenderEvent::Rotten(file, chunk) => {
                self.out.debug(format!("chunk {} of {file} in the store is not what it was", chunk.get()));
                self.carrier.lost(file);
                self.custody.served.is_rotten(file, self.custody.machine.keeper(), &mut self.out);
            }
            SenderEvent::Missing(file) => {
                self.carrier.lost(file);
                self.custody.served.is_gone(file, &mut self.out);
            }
            SenderEvent::FetchThrough(from, ticket, asked) => {
                let FetchThrough { owner, file, size, bucket, .. } = asked;
                let file = ThroughFile { owner, file, size, bucket };
                let context = CarryContext {
                    own: &self.own,
                    roster: &self.presence.roster,
                    shared: &self.shared,
                    through: &self.through,
                    custody: &self.custody,
                    jobs: &mut self.jobs,
                    out: &mut self.out,
                    is_leaving: self.departure.is_begun(),
                };
                let answer = self.carrier.asked(now, from, &file, context);
                self.out.sender(SenderCommand::Through(ticket, answer));
            }
            SenderEvent::Search(search) => searched(now, *search, self),
            SenderEvent::Stopped => self.departure.sender_stopped(),
        }
    }

    fn on_custody(&mut self, now: Time, event: CustodyEvent) {
        match event {
            CustodyEvent::Message(from, source, message) => {
                if let CustodyMessage::Report(report) = &message
                    && report.origin == self.own.id()
                {
                    self.custody.note_report(from, report, &self.shared, &self.jobs, &mut self.out);
                }
                self.custody.on_message(now, from, source, message, &mut self.out);
            }
            CustodyEvent::Authenticated(id, host) => {
                self.out.discovery(lan::Command::Proved(id, host));
            }
            CustodyEvent::Unreachable(id) => {
                self.presence.reach(id, &mut self.out);
                self.custody.machine.unreachable(now, id);
            }
        }
    }

    fn on_chunks(&mut self, now: Time, event: chunk_store::Event) {
        let keeper = self.custody.machine.keeper();
        match event {
            // What is carried makes place for custody.
            chunk_store::Event::Space(free) => {
                self.custody.on_space(free.saturating_add(self.carrier.bytes()))
            }
            chunk_store::Event::Trouble(text) => self.warn(text),
            chunk_store::Event::Lost(file, left) => {
                self.custody.machine.lost(now, file);
                self.custody.served.has_left(now, file, left);
            }
            chunk_store::Event::There(file, left) => self.custody.served.has_left(now, file, left),
            chunk_store::Event::Kept(file, chunks) => {
                self.verifying.found_rotten(file, keeper);
                self.custody.served.lose(file, chunks, &mut self.out);
            }
            chunk_store::Event::Shared(path, file, finding) => {
                let sources = RepairSources {
                    own: &self.own,
                    shelf: &self.shared.shelf,
                    roster: &self.presence.roster,
                    custodian: &self.custody.machine,
                };
                self.verifying.found_bad(&path, file, finding, sources, &mut self.out);
            }
            chunk_store::Event::Verified(files, bytes) => {
                self.verifying.all_read(now, files, bytes, &mut self.out);
            }
        }
    }

    fn on_files(&mut self, now: Time, answer: FileAnswer) {
        match answer {
            FileAnswer::Destination(ask, made) => self.on_destination(now, ask, made),
            FileAnswer::Plan(ask, plan) => {
                plan.files.into_iter().for_each(|file| self.out.reply(ask, Reply::Planned(file)));
                self.out.reply(ask, Reply::PlanSum(plan.sum));
                self.out.reply(ask, Reply::Done);
            }
            FileAnswer::Discard(job, deleted) => {
                for (ask, result) in self.downloads.queue.discards.handle_deleted(now, job, deleted) {
                    self.out.reply(ask, result.map_or_else(Reply::Failed, |()| Reply::Done));
                }
            }
            FileAnswer::Facts(ask, facts) => self.on_facts(now, ask, *facts),
            FileAnswer::Diagnose(ask, facts) => diagnosed(now, ask, *facts, self),
            FileAnswer::Instance(stored) => self.on_instance(now, stored),
            FileAnswer::Share(ask, share) => shared(ask, share, self),
            FileAnswer::Unshare(ask, name, done) => unshared(now, ask, &name, done, self),
            FileAnswer::Send(number, roots) => offers::start_sending(now, number, roots, self),
            FileAnswer::ForgetShares(Ok(())) => {}
            FileAnswer::ForgetShares(Err(why)) => {
                self.out.debug(format!("what is shared no more cannot be forgotten: {why}"));
            }
            FileAnswer::Routes(Ok(())) => {}
            FileAnswer::Routes(Err(why)) => self.warn(format!("the routes cannot be remembered: {why}")),
            FileAnswer::Announced(Ok(())) => {}
            FileAnswer::Announced(Err(why)) => {
                self.warn(format!("what is announced cannot be remembered: {why}"));
            }
            FileAnswer::Challenge(job, made) => {
                self.custody.challenge_prepared(now, job, made, &mut self.jobs, &mut self.out);
            }
            // No fetch is begun any more.
            FileAnswer::Repair(..) if self.departure.is_begun() => {}
            FileAnswer::Repair(path, prepared) => {
                let sources = RepairSources {
                    own: &self.own,
                    shelf: &self.shared.shelf,
                    roster: &self.presence.roster,
                    custodian: &self.custody.machine,
                };
                let out = &mut self.out;
                if let Some(order) = self.verifying.repair_prepared(now, &path, prepared, sources, out) {
                    self.downloads.begin(now, &mut self.jobs, JobPurpose::Repair(path), order, out);
                }
            }
            FileAnswer::Swap(damaged, done) => {
                self.verifying.swapped(now, &damaged.path, done, &mut self.out);
            }
        }
    }

    fn warn_of_firewalls(&mut self, id: PeerId) {
        let roster = &self.presence.roster;
        if let Some(carrier) = self.through.carrier_of(id) {
            let text = format!(
                "{} and this peer cannot connect to each other: what it shares comes through {}",
                roster.name(id),
                roster.name(carrier)
            );
            return self.warn(text);
        }
        if let Some(port) = roster.contact(id).map(|contact| contact.ports.sender) {
            self.warn(format!(
                "{} and this peer cannot connect to each other, so what it shares cannot be had: let TCP port {} in \
                 through the firewall here, or port {port} there",
                roster.name(id),
                self.own.presence.ports.receiver
            ));
        }
    }
}

/// A peer is here, or says something new of itself.
fn here(now: Time, info: PeerInfo, peer: &mut PeerMachine) {
    let id = info.contact.id;
    peer.custody.here(now, &info, &mut peer.out);
    peer.unanswered.here(info.contact.id);
    peer.routes.sites.here(info.contact.id, &mut peer.out);
    peer.presence.here(now, info, &mut peer.out);
    offerer_here(id, &mut peer.downloads.queue, &mut peer.out);
    peer.transfers.offers.handle_here(now, id);
    if !peer.requests.seeks.is_empty() {
        // It may be the one that has what is sought.
        peer.presence.pull(now, &mut peer.out);
    } else if peer.downloads.queue.waits_for(id) {
        peer.presence.pull_of(now, &BTreeSet::from([id]), &mut peer.out);
    }
    peer.presence.reckon_offices(now, peer.own.arrival(), &mut peer.out);
    speak(peer);
}

/// A peer is gone.
fn gone(now: Time, id: PeerId, why: Gone, peer: &mut PeerMachine) {
    peer.custody.gone(now, id, why == Gone::Left, &mut peer.out);
    peer.downloads.queue.handle_gone(id);
    if why == Gone::Left && peer.presence.roster.member(id).is_some_and(|member| is_visitor(&member.info)) {
        visitor_left(now, id, peer);
    }
    peer.reachability.gone(id);
    peer.through.unblocked(id);
    peer.out.sender(SenderCommand::Listed(id, None));
    peer.routes.sites.gone(id, why, &peer.presence.roster, &mut peer.out);
    peer.presence.gone(id, why, &mut peer.out);
    peer.presence.reckon_offices(now, peer.own.arrival(), &mut peer.out);
    peer.routes.gone(id);
    speak(peer);
}

/// Another one than its owner gave a catalogue, which is the newest one that is known.
fn lent_catalogue(
    now: Time,
    [from, owner]: [PeerId; 2],
    signed: &Arc<[u8]>,
    catalogue: &Arc<Catalogue>,
    peer: &mut PeerMachine,
) {
    let is_news = owner != peer.own.id()
        && peer.presence.lent(now, [from, owner], signed, catalogue, &mut peer.out).is_news;
    if is_news {
        Carrier::list(owner, Arc::clone(signed), catalogue, &mut peer.out);
        // What it keeps of those who are away it says itself, to each.
        peer.out.receiver(ReceiverCommand::Kept(owner));
    }
    if peer.through.catalogue_came(from, owner) || is_news {
        peer.downloads.changed(owner, catalogue, &mut peer.out);
        peer.downloads.new_holder(owner, catalogue, &mut peer.out);
    }
}

/// The network has answered.
fn settled(peer: &mut PeerMachine) {
    peer.presence.settled();
    peer.routes.sites.settled();
    speak(peer);
}

/// Those in this network changed: so may who speaks for it in the table between sites.
fn speak(peer: &mut PeerMachine) {
    peer.routes.speak(peer.own.presence.ports.sender, &peer.presence.roster, &mut peer.out);
}

/// Said once, and not kept with the other warnings: `status` tells of it while it is so.
fn warn_of_outsiders(count: usize, own: &OwnPeer, out: &mut Outputs) {
    let senders =
        if count == 1 { "1 sender here speaks".to_owned() } else { format!("{count} senders here speak") };
    let Some(group) = &own.group else {
        let text = "for a group, and nobody else is in the open network: `group join` joins it";
        return out.notice(Notice::Text(format!("{senders} {text}")));
    };
    let text = format!(
        "{senders} for another group, or the passphrase is wrong: nobody else of the group {} is heard",
        text::shown(group.as_str())
    );
    out.log_warning(text.clone());
    out.notice(Notice::Warning(text));
}

/// What is told to whoever hears nobody: the ports of a firewall.
fn nobody_answers(discovery: u16, ports: Ports) -> String {
    format!(
        "nobody answers yet; if others are here, let UDP port {discovery} and TCP ports {} to {} in through the \
         firewall (`doctor` tells more)",
        ports.receiver, ports.distributee
    )
}
