//! A simulated peer: what outlives its process, and the process while it runs.

use core::net::Ipv4Addr;
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use super::around::Around;
use super::custody::SimCustody;
use super::disk::SimDisk;
use super::happening::Happening;
use super::library::shelf;
use super::lying::IndexLie;
use super::network::{Network, Process};
use super::receiver::SimReceiver;
use super::running::{NETWORK, Running};
use super::sender::SimSender;
use crate::address::Ports;
use crate::content::FileId;
use crate::control::{Notice, Reply, Request};
use crate::identity::{Identity, Instance, PeerId, PeerName};
use crate::index::{INDEX_MEMORY, IndexHost};
use crate::lan::{IndexDuty, Machines, OwnPresence};
use crate::library;
use crate::peer::chat::Chat;
use crate::peer::custody::{CustodyOnDisk, RestoredCustody};
use crate::peer::event::{AskId, PeerEvent};
use crate::peer::machine::{PeerMachine, PeerStart};
use crate::peer::shares::SharesAtStart;
use crate::peer::transfers::Transfers;
use crate::receiver::ReceiverCommand;
use crate::receiver::search::FoundOutcome;
use crate::settings::Settings;
use crate::store::LedgerRow;

/// Free bytes of every disk.
pub(super) const FREE: u64 = 1 << 40;

/// A peer.
#[derive(Debug)]
pub(super) struct SimPeer {
    place: usize,
    identity: Arc<Identity>,
    pub(super) ip: Ipv4Addr,
    settings: Settings,
    disk: SimDisk,
    ledger: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The rows of what people said that are on the disk.
    said: BTreeMap<Vec<u8>, Vec<u8>>,
    starts: u64,
    last_ask: u64,
    running: Option<Running>,
    events: VecDeque<PeerEvent>,
    replies: BTreeMap<AskId, Vec<Reply>>,
    /// What its users saw at the prompt.
    pub(super) notices: Vec<Notice>,
}

impl SimPeer {
    /// A peer that does not run yet.
    pub(super) fn new(place: usize, seed: [u8; 32]) -> Self {
        let low = u32::try_from(place).unwrap() + 1;
        Self {
            place,
            identity: Arc::new(Identity::from_seed(seed).unwrap()),
            ip: Ipv4Addr::from_bits(0x0a00_0000 + low),
            settings: Settings::new(PathBuf::from(format!("/peer{place}"))),
            disk: SimDisk::default(),
            ledger: BTreeMap::new(),
            said: BTreeMap::new(),
            starts: 0,
            last_ask: 0,
            running: None,
            events: VecDeque::new(),
            replies: BTreeMap::new(),
            notices: Vec::new(),
        }
    }

    pub(super) fn id(&self) -> PeerId {
        self.identity.id()
    }

    pub(super) const fn settings_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }

    /// From now on it lies to those who search its index, or does not.
    pub(super) fn lie(&mut self, lie: Option<IndexLie>) {
        if let Some(running) = &mut self.running {
            running.lie = lie;
        }
    }

    pub(super) const fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// What it asks and answers so far: the answers to a request.
    pub(super) fn replies(&self, ask: AskId) -> &[Reply] {
        self.replies.get(&ask).map_or(&[], Vec::as_slice)
    }

    /// The content of a file that it downloaded.
    pub(super) fn downloaded(&self, path: &str) -> Option<FileId> {
        Some(self.disk.file(&self.settings.downloads().join(path))?.manifest.file())
    }

    /// What keepers of the index answered, each with the number of its question.
    pub(super) fn found(&self) -> &[(u64, FoundOutcome)] {
        self.running.as_ref().map_or(&[], |running| &running.receiver.found)
    }

    /// How many files it has in its store, or some of them.
    pub(super) fn n_stored(&self) -> usize {
        self.disk.present(&self.settings.store()).len()
    }

    // ---- its process

    /// Starts it.
    pub(super) fn start(&mut self, network: &mut Network) {
        assert!(self.running.is_none(), "it runs already");
        self.starts += 1;
        let process = Process { place: self.place, start: self.starts };
        let instance = Instance { count: self.starts, random: network.rng.next() };
        let port = 40_000 + u16::try_from(self.starts).unwrap();
        let ports = Ports { receiver: 27_280, sender: 27_281, distributor: 27_282, distributee: 27_283 };
        let name = PeerName::cleaned(&format!("peer{}", self.place)).unwrap();
        let mut presence = OwnPresence::new(name, ports);
        if !self.settings.index.takes_office {
            presence.duty = IndexDuty::Never;
        }
        let now = network.now;
        let mut lan = Machines::new(now, self.id(), instance, presence.clone(), network.rng.seed());
        lan.handle_links(now, vec![NETWORK]);
        let said: Vec<_> = rows_of(&self.said).collect();
        let chat = Chat::restored(now, &said);
        lan.restore_room(chat.heard());
        let rows = rows_of(&self.ledger);
        let present = self.disk.present(&self.settings.store());
        let on_disk = CustodyOnDisk { free: FREE, elsewhere: 0, present, rows: rows.collect() };
        let secret = network.rng.seed();
        let custody = RestoredCustody::new(now, &self.settings, self.id(), instance, secret, on_disk);
        let start = PeerStart {
            group: None,
            settings: self.settings.clone(),
            identity: Arc::clone(&self.identity),
            instance,
            presence,
            moved: None,
            custody,
            chat,
            transfers: Transfers::default(),
            routes: Vec::new(),
            downloads: Vec::new(),
            announced: Vec::new(),
            warnings: Vec::new(),
            shares: SharesAtStart::default(),
        };
        self.running = Some(Running {
            process,
            identity: Arc::clone(&self.identity),
            lan,
            machine: PeerMachine::new(now, start),
            receiver: SimReceiver::new(network.rng.next()),
            sender: SimSender::new(),
            custody: SimCustody::default(),
            index: IndexHost::new(INDEX_MEMORY, network.rng.next()),
            armed: None,
            is_over: false,
            has_left: false,
            lie: None,
            seed: None,
            replies: Vec::new(),
            notices: Vec::new(),
        });
        network.started(self.ip, process, port);
        let shelf = shelf(&self.disk, &self.settings);
        self.happen(network, process, reported(library::Event::Changed(shelf)));
        self.happen(network, process, reported(library::Event::Scanned));
    }

    /// Ends its process: not a word more to anybody but what the machine's kernel says.
    pub(super) fn crash(&mut self, network: &mut Network) {
        let Some(running) = self.running.take() else { return };
        network.ended(self.ip, running.process);
        self.disk.crash();
        self.events.clear();
    }

    /// Something happens to a process of it, if that still runs.
    pub(super) fn happen(&mut self, network: &mut Network, process: Process, what: Happening) {
        self.within(network, process, |running, around| running.handle(around, what));
    }

    /// Its receiver is told this, as if the controller did.
    pub(super) fn tell_receiver(&mut self, network: &mut Network, command: ReceiverCommand) {
        if let Some(process) = self.running.as_ref().map(|running| running.process) {
            self.within(network, process, |running, around| running.tell_receiver(around, command));
        }
    }

    /// Does something with a process of it, if that still runs.
    fn within(
        &mut self,
        network: &mut Network,
        process: Process,
        act: impl FnOnce(&mut Running, &mut Around<'_>),
    ) {
        let Some(mut running) = self.running.take_if(|running| running.process == process) else { return };
        let mut around = Around {
            network,
            disk: &mut self.disk,
            ledger: &mut self.ledger,
            said: &mut self.said,
            settings: &self.settings,
            me: self.identity.id(),
            ip: self.ip,
            process,
            events: &mut self.events,
        };
        act(&mut running, &mut around);
        for (ask, reply) in running.replies.drain(..) {
            self.replies.entry(ask).or_default().push(reply);
        }
        self.notices.append(&mut running.notices);
        let has_left = running.has_left;
        self.running = Some(running);
        if has_left {
            self.crash(network);
        }
    }

    fn report(&mut self, network: &mut Network, event: PeerEvent) {
        if let Some(process) = self.running.as_ref().map(|running| running.process) {
            self.happen(network, process, Happening::Reported(Box::new(event)));
        }
    }

    // ---- its user

    /// Its user asks something.
    pub(super) fn ask(&mut self, network: &mut Network, request: Request) -> AskId {
        self.last_ask += 1;
        let ask = AskId(self.last_ask);
        self.report(network, PeerEvent::Ask(ask, request));
        ask
    }

    /// Its user puts a file into `shared/`, or changes it.
    pub(super) fn put(&mut self, network: &mut Network, path: &str, bytes: Rc<[u8]>) {
        self.disk.write_file(self.settings.shared().join(path), bytes, 1_700_000_000_000);
        self.rescan(network);
    }

    /// Its user deletes a file in `shared/`.
    pub(super) fn delete(&mut self, network: &mut Network, path: &str) {
        self.disk.delete(&self.settings.shared().join(path));
        self.rescan(network);
    }

    fn rescan(&mut self, network: &mut Network) {
        if !self.is_running() {
            return;
        }
        let shelf = shelf(&self.disk, &self.settings);
        self.report(network, PeerEvent::Library(library::Event::Changed(shelf)));
    }
}

fn reported(event: library::Event) -> Happening {
    Happening::Reported(Box::new(PeerEvent::Library(event)))
}

/// The rows of a table.
fn rows_of(table: &BTreeMap<Vec<u8>, Vec<u8>>) -> impl Iterator<Item = LedgerRow> {
    table.iter().map(|(key, value)| LedgerRow { key: key.clone(), value: Some(value.clone()) })
}
