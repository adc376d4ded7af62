//! The machine of a peer: it owns what is known, reacts to events, and says what is to be done. Pure.
//!
//! Contract: after each [`PeerMachine::handle`] what [`PeerMachine::poll_output`] gives is done in that order,
//! and a [`PeerEvent::Timeout`] comes when [`PeerMachine::poll_timeout`] says. It ends with
//! [`PeerOutput::End`].
//!
//! Each concern is a struct of its own, with its own state; what concerns several is put together here. What
//! the parts report is in events.rs, how jobs go in job_events.rs, what the shares
//! report in share_events.rs, what custody wants in acts.rs, what users ask in
//! peer/commands/.

mod acts;
mod events;
mod job_events;
mod share_events;

use core::net::Ipv4Addr;
use std::sync::Arc;

use self::share_events::on_all_shares;
pub(super) use self::share_events::shares_changed;
use super::announced::AnnouncedFiles;
use super::chat::Chat;
use super::commands::{Requests, turn_searches, turn_seeks};
use super::custody::{CustodyDriver, RestoredCustody};
use super::departure::Departure;
use super::downloads::Downloads;
use super::event::PeerEvent;
use super::interface_names::InterfaceNames;
use super::jobs::Jobs;
use super::leaving::Cause;
use super::offers::{Offers, turn_offers};
use super::output::{Outputs, PeerOutput};
use super::own_peer::OwnPeer;
use super::presence::Presence;
use super::queue::{Queue, turn_queue, write};
use super::reachability::Reachability;
use super::routes::PeerRoutes;
use super::shared::SharedFolder;
use super::shares::SharesAtStart;
use super::swarms::Swarms;
use super::through::{Carrier, ThroughOthers};
use super::transfers::Transfers;
use super::unanswered::UnansweredPeers;
use super::verifying::Verifying;
use super::warnings::Warnings;
use crate::address::{Host, RouteTarget};
use crate::content::FileId;
use crate::error::Failure;
use crate::group::GroupName;
use crate::identity::{Contact, Identity, Instance};
use crate::lan::OwnPresence;
use crate::receiver::ReceiverCommand;
use crate::sender::SenderCommand;
use crate::settings::Settings;
use crate::store::LedgerRow;
use crate::time::Time;

/// What a peer begins with.
#[derive(Debug)]
pub(crate) struct PeerStart {
    pub(crate) settings: Settings,
    pub(crate) identity: Arc<Identity>,
    /// The group that it is in; `None`: the open network.
    pub(crate) group: Option<GroupName>,
    /// This start of it.
    pub(crate) instance: Instance,
    /// What is announced already.
    pub(crate) presence: OwnPresence,
    /// Why its ports are not those that were asked for, if so; in words.
    pub(crate) moved: Option<String>,
    pub(crate) custody: RestoredCustody,
    /// What was kept of what people said.
    pub(crate) chat: Chat,
    /// Downloads that were not done.
    pub(crate) downloads: Vec<LedgerRow>,
    /// What was noted of transfers.
    pub(crate) transfers: Transfers,
    /// Routes of earlier starts.
    pub(crate) routes: Vec<RouteTarget>,
    /// Files that were announced in earlier starts.
    pub(crate) announced: Vec<FileId>,
    /// What there was to warn of before.
    pub(crate) warnings: Vec<String>,
    /// What is shared beside `shared/`. Its threads run already.
    pub(crate) shares: SharesAtStart,
}

/// The machine.
#[derive(Debug)]
pub(crate) struct PeerMachine {
    pub(super) own: OwnPeer,
    pub(super) presence: Presence,
    pub(super) shared: SharedFolder,
    pub(super) jobs: Jobs,
    pub(super) downloads: Downloads,
    pub(super) transfers: Transfers,
    pub(super) swarms: Swarms,
    pub(super) through: ThroughOthers,
    pub(super) carrier: Carrier,
    pub(super) custody: CustodyDriver,
    pub(super) verifying: Verifying,
    pub(super) chat: Chat,
    pub(super) departure: Departure,
    pub(super) warnings: Warnings,
    pub(super) unanswered: UnansweredPeers,
    pub(super) reachability: Reachability,
    pub(super) interface_names: InterfaceNames,
    pub(super) routes: PeerRoutes,
    pub(super) requests: Requests,
    pub(super) out: Outputs,
}

impl PeerMachine {
    /// A peer that was started just now.
    pub(crate) fn new(now: Time, start: PeerStart) -> Self {
        let PeerStart {
            settings,
            identity,
            group,
            instance,
            presence,
            moved,
            custody,
            chat,
            downloads,
            mut transfers,
            routes,
            announced,
            warnings,
            shares,
        } = start;
        let queue = Queue::restored(&downloads);
        transfers.offers = Offers::restored(now, &downloads);
        let announced = AnnouncedFiles::new(announced);
        let routes = PeerRoutes::new(identity.id(), &settings.on, routes, announced);
        let index_memory = settings.index.memory;
        let near = settings.sandbox.then(|| settings.downloads());
        let mut machine = Self {
            own: OwnPeer { settings, identity, group, instance, presence, ticket: 0, moved, started: now },
            presence: Presence::with_index_memory(index_memory),
            shared: SharedFolder::new(shares),
            jobs: Jobs::default(),
            downloads: Downloads::beside(near, queue),
            transfers,
            swarms: Swarms::default(),
            through: ThroughOthers::default(),
            carrier: Carrier::new(custody.machine.keeper().quota().lent()),
            custody: CustodyDriver::new(custody),
            verifying: Verifying::default(),
            chat,
            departure: Departure::default(),
            warnings: Warnings::default(),
            unanswered: UnansweredPeers::default(),
            reachability: Reachability::default(),
            interface_names: InterfaceNames::default(),
            routes,
            requests: Requests::default(),
            out: Outputs::default(),
        };
        if let Some(last) = machine.downloads.queue.last() {
            machine.jobs.note_number(last);
        }
        for warning in warnings {
            machine.warnings.warn(warning, &mut machine.out);
        }
        machine.out.sender(SenderCommand::Store(machine.own.settings.store()));
        // What it keeps for others this very peer can have from itself.
        let here = Host { ip: Ipv4Addr::LOCALHOST.into(), scope: 0 };
        let contact = Contact { id: machine.own.id(), hosts: vec![here], ports: machine.own.presence.ports };
        machine.out.receiver(ReceiverCommand::Peer(contact));
        machine.custody.served.stale(now);
        machine.routes.sites.begin(&mut machine.out);
        machine
    }

    /// Reacts to an event, and does what is due.
    pub(crate) fn handle(&mut self, now: Time, event: PeerEvent) {
        self.handle_event(now, event);
        self.handle_timeout(now);
        self.turn_custody(now);
        self.carrier.turn(now, &mut self.custody, &mut self.jobs, &mut self.out);
        turn_searches(now, self);
        turn_seeks(now, self);
        turn_queue(now, self);
        turn_offers(now, self);
        self.answer_deferred(now);
        if self.departure.is_over(now) {
            self.finish(now);
        }
    }

    /// The next thing to be done.
    pub(crate) fn poll_output(&mut self) -> Option<PeerOutput> {
        self.out.pop()
    }

    /// When [`PeerEvent::Timeout`] is to come, if nothing else comes before.
    pub(crate) fn poll_timeout(&self) -> Option<Time> {
        let all = [
            self.requests.poll_timeout(),
            self.departure.poll_timeout(),
            self.presence.poll_timeout(),
            self.shared.shares.poll_timeout(),
            self.custody.poll_timeout(),
            self.verifying.poll_timeout(),
            self.through.poll_timeout(),
            self.carrier.poll_timeout(),
            self.downloads.queue.poll_timeout(),
            self.routes.poll_timeout(),
            self.transfers.poll_timeout(),
            self.transfers.offers.poll_timeout(),
        ];
        all.into_iter().flatten().min()
    }

    /// What the last event brought is dealt with now. It may have taken a while: then some of it is done less
    /// often.
    pub(crate) fn took_until(&mut self, now: Time) {
        self.custody.own.is_over(now);
    }

    fn handle_timeout(&mut self, now: Time) {
        self.presence.handle_timeout(now, &mut self.out);
        if let Some(event) = self.shared.shares.handle_timeout(now) {
            on_all_shares(now, event, self);
        }
        self.verifying.handle_timeout(now, &mut self.out);
        let roster = &self.presence.roster;
        self.through.handle_timeout(now, self.own.id(), roster, &self.downloads, &mut self.out);
        self.routes.handle_timeout(now, &mut self.out);
        let (shared, served) = (&self.shared, &self.custody.served);
        // Only once all is looked at it is known what this peer has not.
        let may_be_there = !shared.is_known() || shared.shelf.waiting.is_none();
        let has = |file| may_be_there || shared.shelf.files.contains_key(&file) || served.has(file);
        self.routes.sites.keep_announced(now, has, &mut self.out);
        self.transfers.handle_timeout(now, &mut self.out);
        let names = || self.transfers.uploads.names(&self.presence.roster);
        self.departure.handle_timeout(now, names, &mut self.out);
    }

    /// Leaves, for this cause.
    pub(super) fn leave(&mut self, now: Time, cause: Cause) {
        if self.departure.is_begun() {
            return self.departure.harder(now, cause, &mut self.out);
        }
        let is_handing = cause == Cause::Exit && self.hand_over(now);
        if cause == Cause::Exit {
            // That takes a while: others are to have as many copies without this peer, and give it none.
            self.own.announce_leaving(&mut self.out);
            self.presence.reckon_offices(now, self.own.arrival(), &mut self.out);
        }
        self.departure.begin(now, cause, is_handing, &mut self.out);
        self.swarms.stop(&mut self.out);
        if is_handing {
            // The receiver goes on with proofs alone. What else it was at is told to have ended at the very end.
            for job in self.jobs.take_back_fetches() {
                self.out.receiver(ReceiverCommand::Cancel(job));
            }
        }
    }

    /// Begins to hand own files over, before the departure. False: there is nothing to be handed over.
    fn hand_over(&mut self, now: Time) -> bool {
        let begins = self.custody.machine.copies().is_on() && self.shared.offers_files();
        if begins && self.custody.records.are_refused() {
            // Nothing is accepted or counted any more, so nothing is to be waited for.
            self.departure.nothing_kept(self.shared.paths(), &mut self.out);
            return false;
        }
        if begins {
            self.custody.machine.leave(now);
        }
        begins
    }

    /// Leaves at once, for a reason that nobody wanted.
    fn fail(&mut self, now: Time, failure: Failure) {
        self.departure.fail(failure);
        self.leave(now, Cause::AtOnce);
    }

    /// The very last act.
    fn finish(&mut self, now: Time) {
        let stopped = Failure::other("this peer left; what arrived stays, and the next start resumes it");
        for ended in self.downloads.end_all(now, &stopped, &self.presence.roster, &mut self.out) {
            self.transfers.ended(now, ended, &mut self.out);
        }
        self.requests.end(&stopped, &mut self.out);
        write(now, true, &mut self.downloads.queue, &mut self.out);
        self.transfers.finish(&mut self.out);
        self.departure.finish(&mut self.out);
    }

    fn warn(&mut self, warning: String) {
        self.warnings.warn(warning, &mut self.out);
    }
}
