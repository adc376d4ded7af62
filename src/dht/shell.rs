//! The thread `dht`: it has the node of the table, and the clocks. What is asked when is decided in machine.rs.

use core::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::io;

use crossbeam_channel::{Receiver, RecvError, Sender, bounded, select, unbounded};

use super::machine::{DhtMachine, DhtOutput};
use super::moment::Moment;
use super::{DhtCommand, DhtEvent, NodeAddress, TableKeys, TableNode, limits};
use crate::identity::{PeerId, fill_random};
use crate::sys::own_sockets::OwnDescriptors;
use crate::sys::thread::Thread;
use crate::sys::{clock, net};
use crate::time::Time;

/// Events that wait for the controller, at most. It does not wait for this thread, so this one may wait for it.
const EVENTS: usize = 64;

/// How a group uses the table.
#[derive(Debug)]
pub(crate) struct DhtConfig {
    /// Who takes part.
    pub(crate) me: PeerId,
    /// By this the group speaks there.
    pub(crate) keys: TableKeys,
    /// The UDP port of the node, if it is free.
    pub(crate) port: u16,
    /// True if the table is that of the group: its nodes were named.
    pub(crate) is_own: bool,
    /// The names of the interfaces that are used; none: all.
    pub(crate) interfaces: Vec<String>,
    /// By this the node's thread is kept from waking often.
    pub(crate) descriptors: Option<OwnDescriptors>,
}

/// The running thread. Dropped, it ends, and so does the node.
#[derive(Debug)]
pub(crate) struct DhtHandle {
    commands: Sender<DhtCommand>,
    /// What it reports.
    pub(crate) events: Receiver<DhtEvent>,
    // Joined last.
    _thread: Thread,
}

impl DhtHandle {
    /// Never blocks.
    pub(crate) fn send(&self, command: DhtCommand) {
        // If it ended by a fault, the controller hears that by its events.
        drop(self.commands.send(command));
    }
}

/// Starts the thread. Nothing is sent before it is told nodes.
///
/// # Errors
/// What the operating system says.
pub(crate) fn start_dht(config: DhtConfig) -> io::Result<DhtHandle> {
    let mut seed = [0; 32];
    fill_random(&mut seed).map_err(io::Error::other)?;
    let (commands, inbox) = unbounded();
    let (tell, events) = bounded(EVENTS);
    let DhtConfig { me, keys, port, is_own, interfaces, descriptors } = config;
    let ip = Ipv4Addr::UNSPECIFIED;
    let nodes = Vec::new();
    let place = NodePlace { port, ip, interfaces, descriptors, is_own, nodes, tries: 0, again: None };
    let worker = DhtThread { machine: DhtMachine::new(me, keys, seed), table: None, place, inbox, tell };
    let thread = Thread::spawn("dht", move || worker.run())?;
    Ok(DhtHandle { commands, events, _thread: thread })
}

/// Where the node is, or is to be.
struct NodePlace {
    port: u16,
    /// Where it is bound; `0.0.0.0`: to all addresses.
    ip: Ipv4Addr,
    interfaces: Vec<String>,
    descriptors: Option<OwnDescriptors>,
    is_own: bool,
    nodes: Vec<SocketAddrV4>,
    /// Starts that failed.
    tries: u32,
    /// When the next one is.
    again: Option<Time>,
}

impl NodePlace {
    /// The address that the node is bound to: the node has one. `None`: no interface that is used has any.
    fn address(&self) -> Option<Ipv4Addr> {
        if self.interfaces.is_empty() {
            return Some(Ipv4Addr::UNSPECIFIED);
        }
        let found = net::interfaces().unwrap_or_else(|e| {
            log::debug!("the interfaces cannot be listed: {e}");
            Vec::new()
        });
        let of = |name: &String| {
            found.iter().find_map(|interface| match interface.ip {
                IpAddr::V4(ip) if interface.name == *name => Some(ip),
                _ => None,
            })
        };
        self.interfaces.iter().find_map(of)
    }
}

struct DhtThread {
    machine: DhtMachine,
    table: Option<TableNode>,
    place: NodePlace,
    inbox: Receiver<DhtCommand>,
    tell: Sender<DhtEvent>,
}

impl DhtThread {
    fn run(mut self) {
        loop {
            if self.place.again.is_some_and(|at| at <= clock::now()) {
                self.start_node();
            }
            self.machine.handle_timeout(moment());
            if !self.act() {
                return;
            }
            let due = [self.machine.poll_timeout(), self.place.again].into_iter().flatten().min();
            let due = due.map(|at| at.since(clock::now()));
            let alarm = due.map_or_else(crossbeam_channel::never, crossbeam_channel::after);
            let bell =
                self.table.as_ref().map_or_else(crossbeam_channel::never, |table| table.bell().clone());
            select! {
                recv(self.inbox) -> command => match command {
                    Ok(command) => self.on_command(command),
                    Err(RecvError) => return,
                },
                recv(bell) -> _ => {}
                recv(alarm) -> _ => {}
            }
            self.read();
        }
    }

    fn on_command(&mut self, command: DhtCommand) {
        let now = clock::now();
        match command {
            DhtCommand::Nodes(nodes) => {
                if nodes != self.place.nodes {
                    self.place.nodes = nodes;
                    self.start_node();
                }
            }
            DhtCommand::Port(port) => self.machine.handle_port(now, port),
            DhtCommand::NetworkChanged => {
                if self.table.is_some() && self.place.address() != Some(self.place.ip) {
                    self.start_node();
                }
                self.machine.handle_network_changed(now);
            }
            DhtCommand::Lost => self.machine.handle_lost(now),
            DhtCommand::Missing(peer) => self.machine.handle_missing(now, peer),
            DhtCommand::Here(peer) => self.machine.handle_here(peer),
            DhtCommand::Files(files) => self.machine.handle_files(&files),
            DhtCommand::Seek(file) => self.machine.handle_seek(now, file),
            DhtCommand::SeekOver(file) => self.machine.handle_seek_over(file),
        }
    }

    /// A node in place of the one that there is.
    fn start_node(&mut self) {
        self.table = None;
        self.place.again = None;
        let Some(ip) = self.place.address() else {
            log::debug!("no node of the table: the interfaces have no IPv4 address");
            self.place.again = Some(clock::now() + limits::RETRY);
            return self.machine.handle_node(clock::now(), false);
        };
        self.place.ip = ip;
        let NodePlace { port, is_own, ref nodes, tries, .. } = self.place;
        let port = (tries < limits::PORT_TRIES).then_some(port);
        match TableNode::start(NodeAddress { ip, port }, nodes, is_own) {
            Ok(mut table) => {
                if let Some(descriptors) = &self.place.descriptors {
                    table.slow_down(descriptors);
                }
                self.table = Some(table);
                self.place.tries = 0;
                log::debug!("a node of the table runs, and is told {} others", nodes.len());
            }
            Err(e) => {
                let at = port.map_or_else(|| "any UDP port".to_owned(), |port| format!("UDP port {port}"));
                log::warn!("a node of the table cannot be had at {at}: {e}");
                self.place.tries += 1;
                self.place.again = Some(clock::now() + limits::START_AGAIN);
            }
        }
        self.machine.handle_node(clock::now(), self.table.is_some());
    }

    fn read(&mut self) {
        let Some(table) = &mut self.table else { return };
        table.poll();
        while let Some((id, answer)) = table.poll_answer() {
            self.machine.handle_answer(moment(), id, answer);
        }
    }

    /// False: the controller has gone.
    fn act(&mut self) -> bool {
        while let Some(output) = self.machine.poll_output() {
            match output {
                DhtOutput::Ask(id, question) => {
                    if let Some(table) = &mut self.table {
                        table.ask(id, question);
                    }
                }
                DhtOutput::Tell(event) => {
                    if self.tell.send(event).is_err() {
                        return false;
                    }
                }
            }
        }
        true
    }
}

fn moment() -> Moment {
    Moment { now: clock::now(), unix: clock::unix_seconds() }
}
