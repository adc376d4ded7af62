//! Starting a peer: its directory, its key, its threads, in the order in which they need each other.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::mem;
use std::path::Path;
use std::sync::Arc;

use mio::net::TcpListener;

use super::chat::Chat;
use super::custody::{CustodyOnDisk, RestoredCustody};
use super::elsewhere::kept_elsewhere;
use super::files;
use super::jobs::CHALLENGE;
use super::machine::{PeerMachine, PeerStart};
use super::own_group::own_group;
use super::parts::Parts;
use super::sandboxes::{SandboxedPart, Sandboxes};
use super::sending_parts::SendingParts;
use super::share_parts::ShareParts;
use super::shares::SharesAtStart;
use super::shares_at_start::shares_at_start;
use super::transfers::Transfers;
use super::{remembered_files, remembered_routes};
use crate::address::Ports;
use crate::control::{self, trust};
use crate::counters::Counters;
use crate::custody::ledger::Present;
use crate::dht::{DhtConfig, DhtHandle, TableKeys, start_dht};
use crate::disk;
use crate::distribution::{self, CustodyHandle, chunk_store};
use crate::error::{Code, Failure};
use crate::group::Group;
use crate::identity::tls::Tls;
use crate::identity::{Identity, Instance, NameError, PeerName, fill_random};
use crate::index::shell::{IndexHandle, start_index};
use crate::lan::{self, IndexDuty, OwnPresence};
use crate::library::{self, LibraryConfig};
use crate::peer::limits;
use crate::port_mapping::{PortMappingHandle, start_port_mapping};
use crate::receiver::{ReceiverCommand, ReceiverHandle, start_receiver};
use crate::routes::{LinksHandle, Resolver, start_links};
use crate::sender::{SenderHandle, SharedReader, start_sender};
use crate::settings::{IndexSettings, Settings};
use crate::store;
use crate::sys::folder::Folder;
use crate::sys::gateway::RouteTable;
use crate::sys::own_sockets::OwnDescriptors;
use crate::sys::space::space;
use crate::sys::{clock, descriptors, net};
use crate::text;
use crate::transfer::ports::Listeners;
use crate::transfer::{Engine, ports};
use crate::wire::datagram::features;

/// A peer whose threads run.
pub(super) struct Peer {
    pub(super) machine: PeerMachine,
    pub(super) parts: Parts,
}

impl Peer {
    /// Sets up the peer directory and starts everything, in the network that is remembered. The caller holds the
    /// directory's lock.
    ///
    /// # Errors
    /// What cannot be had, and what to do.
    pub(super) fn start(config: Settings) -> Result<Self, Failure> {
        let named = wanted_name(&config)?;
        let (mut warnings, shares) = prepare(&config)?;
        let (config, group) = in_network(config)?;
        let identity = Arc::new(own_identity(&config)?);
        let instance = next_instance(&config, 0)?;
        let name = named.unwrap_or_else(|| default_name(&config, &identity));
        let mut sandboxes = Sandboxes::new(&config);
        let store = start_store(&mut sandboxes, &config, group.as_ref())?;
        let custody = custody(&config, &identity, instance, &store)?;
        let (chat, transfers) = noted(&store);
        let counters = Arc::new(Counters::default());
        let library = start_library(&mut sandboxes, &config, &counters, &store)?;

        let tls = own_tls(&identity, group.as_ref())?;
        let mut bound = ports::bind(config.port, config.on.strict_port, &config.on.interfaces)?;
        warnings.extend(bound.note.take().filter(|_| !config.on.is_visitor));
        let engine = Engine::new().map_err(thread)?.limited(config.speed.down_limit).counted(&counters);
        let disk = start_disk(&mut sandboxes, &SandboxedPart::Disk, &engine).map_err(thread)?;
        let keep = start_disk(&mut sandboxes, &SandboxedPart::StoreWorkers, &engine).map_err(thread)?;
        let chunks = sandboxes.start(&SandboxedPart::ChunkStore, || chunk_store::start(&config.store()));
        let chunks = chunks.flatten().map_err(thread)?;
        let asking = start_asking(&mut sandboxes, engine, &mut bound, &tls, &disk).map_err(thread)?;
        let AskingParts { receiver, distributor, distributee, links } = asking;
        receiver.send(ReceiverCommand::Store(config.store(), keep));
        let engine = Engine::new().map_err(thread)?.limited(config.speed.up_limit).counted(&counters);
        let sender = start_serving(&mut sandboxes, engine, bound.sender, tls).map_err(thread)?;

        let presence = own_presence(&config, name, bound.ports);
        let lan_config = lan::LanConfig {
            heard: chat.heard(),
            seal: group.as_ref().map(|group| group.key.datagram_seal()),
            ..lan_config(&config, &identity, instance, presence.clone())
        };
        let discovery = start_discovery(&mut sandboxes, lan_config)?;
        let mapping = map_port(&mut sandboxes, &config, bound.ports.sender)?;
        let dht = join_table(&mut sandboxes, &config, group.as_ref(), &identity, bound.ports.receiver)?;
        warnings.extend(sandboxes.warning());
        let files = files::start(config.clone(), identity.id()).map_err(thread)?;
        let mut parts = Parts {
            discovery,
            mapping,
            dht,
            receiver,
            sender,
            distributor,
            distributee,
            links,
            index: start_searching(&mut sandboxes, config.index.memory)?,
            resolver: Resolver::start().map_err(thread)?,
            chunks,
            _disk: disk,
            library,
            shares: ShareParts::new(&config, &counters, &store),
            sending: SendingParts::new(&config),
            store,
            files,
            sandboxes,
            counters,
        };
        begin_shares(&mut parts, &shares)?;
        let (routes, announced) = (remembered_routes::load(&config), remembered_files::load(&config));
        let start = PeerStart {
            settings: config,
            identity,
            group: group.map(|group| group.name),
            instance,
            presence,
            moved: bound.moved,
            custody,
            chat,
            downloads: parts.store.downloads(),
            transfers,
            routes,
            announced,
            warnings,
            shares,
        };
        Ok(Self { machine: PeerMachine::new(clock::now(), start), parts })
    }
}

/// What was noted of what people said, and of transfers.
fn noted(store: &store::Handle) -> (Chat, Transfers) {
    let now = clock::now();
    (Chat::restored(now, &store.chat()), Transfers::restored(now, &store.transfers()))
}

/// Sets up the peer directory. What there is to warn of, and what is shared beside `shared/`.
fn prepare(config: &Settings) -> Result<(Vec<String>, SharesAtStart), Failure> {
    check_interfaces(&config.on.interfaces)?;
    set_up(config)?;
    check_shares_nothing(config)?;
    allow_descriptors();
    let mut warnings = trust::warnings(&config.directory)?;
    let (shares, of_shares) = shares_at_start(config)?;
    warnings.extend(of_shares);
    Ok((warnings, shares))
}

/// Looks at what is shared.
fn start_library(
    sandboxes: &mut Sandboxes,
    config: &Settings,
    counters: &Arc<Counters>,
    store: &store::Handle,
) -> Result<library::Handle, Failure> {
    let shared = LibraryConfig {
        hidden: config.share.hidden,
        counters: Arc::clone(counters),
        ..LibraryConfig::new(config.shared())
    };
    let started = sandboxes.start(&SandboxedPart::Library, || library::start(shared, store.clone()));
    started.flatten().map_err(thread)
}

/// Looks at what is shared beside `shared/`, and serves it.
fn begin_shares(parts: &mut Parts, shares: &SharesAtStart) -> Result<(), Failure> {
    shares.shares.iter().try_for_each(|share| parts.begin_share(share.clone()).map_err(Failure::other))
}

/// Opens the database, with the ledger of the network.
fn start_store(
    sandboxes: &mut Sandboxes,
    config: &Settings,
    group: Option<&Group>,
) -> Result<store::Handle, Failure> {
    let database = config.state().join(store::FILE);
    let store = sandboxes.start(&SandboxedPart::Store, || store::start(&database)).map_err(thread)?;
    let store = store.map_err(|e| Failure::other(e.to_string()))?;
    Ok(store.of_network(group.map(|group| group.key.network())))
}

/// How this peer proves its key, and that it is of the group.
fn own_tls(identity: &Identity, group: Option<&Group>) -> Result<Tls, Failure> {
    let tls = match group {
        Some(group) => Tls::of_network(identity, group.key.channel_binding()),
        None => Tls::new(identity),
    };
    tls.map_err(|e| Failure::other(format!("TLS cannot be used: {e}")))
}

/// The parts that ask at the ports of others, and those where only custody is asked.
struct AskingParts {
    receiver: ReceiverHandle,
    distributor: CustodyHandle,
    distributee: CustodyHandle,
    links: LinksHandle,
}

/// Starts them, in one sandbox. Their listeners are taken out of `bound`.
fn start_asking(
    sandboxes: &mut Sandboxes,
    engine: Engine,
    bound: &mut Listeners,
    tls: &Tls,
    disk: &disk::Handle,
) -> io::Result<AskingParts> {
    let (to_disk, from_disk) = (disk.commands.clone(), disk.events.clone());
    let start = || -> io::Result<_> {
        let (receiver, tls) = (mem::take(&mut bound.receiver), tls.clone());
        let (distributor, distributee) =
            (mem::take(&mut bound.distributor), mem::take(&mut bound.distributee));
        Ok(AskingParts {
            receiver: start_receiver(engine, receiver, tls.clone(), to_disk, from_disk)?,
            distributor: distribution::start_distributor(Engine::new()?, distributor, tls.clone())?,
            distributee: distribution::start_distributee(Engine::new()?, distributee, tls.clone())?,
            links: start_links(Engine::new()?, tls)?,
        })
    };
    sandboxes.start(&SandboxedPart::Ports, start).flatten()
}

/// Starts disk workers, which ring the receiver's bell.
fn start_disk(sandboxes: &mut Sandboxes, part: &SandboxedPart, engine: &Engine) -> io::Result<disk::Handle> {
    let bell = engine.bell();
    sandboxes.start(part, || disk::start(move || bell.ring())).flatten()
}

/// What this peer says of itself at first.
fn own_presence(config: &Settings, name: PeerName, ports: Ports) -> OwnPresence {
    let sites = if config.on.wan { features::SITES } else { 0 };
    let features = sites | if config.on.is_visitor { features::VISITOR } else { 0 };
    OwnPresence { duty: duty(config), features, ..OwnPresence::new(name, ports) }
}

/// How this peer is announced and hears of others, in the open network.
fn lan_config(
    config: &Settings,
    identity: &Arc<Identity>,
    instance: Instance,
    own: OwnPresence,
) -> lan::LanConfig {
    lan::LanConfig {
        identity: Arc::clone(identity),
        instance,
        own,
        port: config.on.discovery_port,
        interfaces: config.on.interfaces.clone(),
        heard: Vec::new(),
        seal: None,
    }
}

/// Starts to serve what is shared, and its reader.
fn start_serving(
    sandboxes: &mut Sandboxes,
    engine: Engine,
    listeners: Vec<TcpListener>,
    tls: Tls,
) -> io::Result<SenderHandle> {
    let bell = engine.bell();
    let reader = sandboxes.start(&SandboxedPart::Reader, || SharedReader::start(bell)).flatten()?;
    sandboxes.start(&SandboxedPart::Sender, || start_sender(engine, listeners, tls, reader)).flatten()
}

/// Starts to announce this peer, and to hear of others.
fn start_discovery(sandboxes: &mut Sandboxes, config: lan::LanConfig) -> Result<lan::Handle, Failure> {
    let port = config.port;
    sandboxes
        .start(&SandboxedPart::Discovery, || lan::start(config))
        .flatten()
        .map_err(|e| Failure::other(format!("UDP port {port} cannot be used: {e}")))
}

/// Starts the thread that has the index.
fn start_searching(sandboxes: &mut Sandboxes, memory: u64) -> Result<IndexHandle, Failure> {
    let started = sandboxes.start(&SandboxedPart::Index, || start_index(memory));
    started.flatten().map_err(thread)
}

fn thread(e: io::Error) -> Failure {
    Failure::other(format!("a thread or socket cannot be had: {e}"))
}

/// What this peer keeps for others and others for it, as the ledger and the chunk store tell it.
fn custody(
    config: &Settings,
    identity: &Identity,
    instance: Instance,
    store: &store::Handle,
) -> Result<RestoredCustody, Failure> {
    let path = config.store();
    let failed = |e: io::Error| unusable(&path, &e);
    // It only helps; a write that finds no space says so.
    let free =
        Folder::open(&path).and_then(|folder| space(&folder)).map_or(u64::MAX, |space| space.available);
    forget_challenges(&path).map_err(failed)?;
    let mut present = Present::new();
    // What no record names is dropped: so nothing is to be seen of it while the records cannot be read.
    let stored = if store.lasting { disk::stored(&path).map_err(failed)? } else { Vec::new() };
    for (file, _, spans) in stored {
        present.insert(file, spans);
    }
    let elsewhere = kept_elsewhere(config).map_err(failed)?;
    let on_disk = CustodyOnDisk { free, elsewhere, present, rows: store.ledger() };
    let mut secret = [0; 32];
    fill_random(&mut secret).map_err(|e| Failure::other(e.to_string()))?;
    Ok(RestoredCustody::new(clock::now(), config, identity.id(), instance, secret, on_disk))
}

/// Removes what a crash left of challenges: the next one of that number is to be fetched, not found.
fn forget_challenges(store: &Path) -> io::Result<()> {
    for entry in fs::read_dir(store)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(CHALLENGE) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// Makes what is missing of the peer directory.
fn set_up(config: &Settings) -> Result<(), Failure> {
    for folder in [config.shared(), config.downloads()] {
        make_folder(&folder)?;
    }
    let state = config.state();
    control::make_state(&state).map_err(|e| unusable(&state, &e))
}

/// A peer that is here for the index alone shares nothing: what somebody shared before is not to vanish silently.
fn check_shares_nothing(config: &Settings) -> Result<(), Failure> {
    if !config.index.is_only {
        return Ok(());
    }
    let shared = config.shared();
    let mut inside = fs::read_dir(&shared).map_err(|e| unusable(&shared, &e))?;
    if inside.next().is_none() {
        return Ok(());
    }
    let text = format!(
        "--index-only: such a peer shares nothing, and there are files in {}: start it in another folder",
        text::shown(&shared.to_string_lossy())
    );
    Err(Failure::new(Code::Usage, text))
}

/// What it does for the index.
const fn duty(config: &Settings) -> IndexDuty {
    match config.index {
        IndexSettings { is_only: true, .. } => IndexDuty::First,
        IndexSettings { takes_office: false, .. } => IndexDuty::Never,
        IndexSettings { .. } => IndexDuty::InTurn,
    }
}

/// Has more files open at once, if the system lets it.
fn allow_descriptors() {
    if let Err(e) = descriptors::allow(limits::DESCRIPTORS) {
        log::debug!("no more open files are allowed than before: {e}");
    }
}

/// The group that the peer is in, and the settings in its network, whose chunk store is there from now on.
fn in_network(config: Settings) -> Result<(Settings, Option<Group>), Failure> {
    let group = own_group(&config)?;
    check_wan(&config, group.as_ref(), cfg!(feature = "wan"))?;
    let network = group.as_ref().map(|group| group.key.network().to_string());
    let config = Settings { network, ..config };
    make_folder(&config.store())?;
    Ok((config, group))
}

fn make_folder(path: &Path) -> Result<(), Failure> {
    fs::create_dir_all(path).map_err(|e| unusable(path, &e))
}

fn unusable(folder: &Path, e: &io::Error) -> Failure {
    let shown = folder.display().to_string();
    Failure::other(format!("the folder {} cannot be used: {e}", text::shown(&shown)))
}

/// Has the router pass the sender's port on, if the user wants that.
fn map_port(
    sandboxes: &mut Sandboxes,
    config: &Settings,
    sender: u16,
) -> Result<Option<PortMappingHandle>, Failure> {
    if !config.on.map_port {
        return Ok(None);
    }
    let routes = RouteTable::open();
    let started = sandboxes.start(&SandboxedPart::PortMapping, || start_port_mapping(sender, routes));
    started.flatten().map(Some).map_err(thread)
}

/// Refuses the table between sites to a peer of the open network: there is nothing by which its other networks would
/// know each other and nobody else. `is_built_in`: this program can take part.
fn check_wan(config: &Settings, group: Option<&Group>, is_built_in: bool) -> Result<(), Failure> {
    if !config.on.wan && !config.on.dht_bootstrap.is_empty() {
        return Err(Failure::new(Code::Usage, "--dht-bootstrap means nothing without --wan"));
    }
    if config.on.wan && !is_built_in {
        return Err(Failure::new(Code::Usage, "--wan: this potluck was built without it"));
    }
    if !config.on.wan || group.is_some() {
        return Ok(());
    }
    let text = "--wan finds other networks of a group, and this peer is in none: `potluck group new` and `potluck \
                group join` make it a member of one";
    Err(Failure::new(Code::Usage, text))
}

/// Takes part in the table between sites, if the user wants that. The node is at the UDP port of that number.
fn join_table(
    sandboxes: &mut Sandboxes,
    config: &Settings,
    group: Option<&Group>,
    identity: &Identity,
    port: u16,
) -> Result<Option<DhtHandle>, Failure> {
    let Some(group) = group.filter(|_| config.on.wan) else { return Ok(None) };
    let is_own = !config.on.dht_bootstrap.is_empty();
    let table = DhtConfig {
        me: identity.id(),
        keys: TableKeys::new(group.key.table_key()),
        port,
        is_own,
        interfaces: config.on.interfaces.clone(),
        descriptors: OwnDescriptors::open(),
    };
    let started = sandboxes.start(&SandboxedPart::Table, || start_dht(table));
    started.flatten().map(Some).map_err(thread)
}

/// The stored key, or a new one at the first start. A damaged one is said and left alone.
fn own_identity(config: &Settings) -> Result<Identity, Failure> {
    let failed = |e: crate::identity::IdentityError| Failure::other(e.to_string());
    let path = config.key();
    if let Some(identity) = Identity::load(&path).map_err(failed)? {
        return Ok(identity);
    }
    let identity = Identity::generate().map_err(failed)?;
    identity.store(&path).map_err(failed)?;
    Ok(identity)
}

/// A start later than all before, and than `after`: stored before anybody hears of it.
pub(super) fn next_instance(config: &Settings, after: u64) -> Result<Instance, Failure> {
    let mut random = [0; 8];
    fill_random(&mut random).map_err(|e| Failure::other(e.to_string()))?;
    let path = config.state().join("instance");
    let least = clock::unix_seconds().max(after.saturating_add(1));
    Instance::begin(&path, least, u64::from_le_bytes(random))
        .map_err(|e| Failure::other(format!("the start count cannot be stored in {}: {e}", path.display())))
}

/// The name that the user wants others to see; `None`: the default.
fn wanted_name(config: &Settings) -> Result<Option<PeerName>, Failure> {
    match config.name.as_deref().map(PeerName::cleaned) {
        Some(Err(e @ NameError::ReadsAsId)) => {
            Err(Failure::new(Code::Usage, format!("--name: {e}; choose another one")))
        }
        Some(Err(NameError::Empty)) | None => Ok(None),
        Some(Ok(name)) => Ok(Some(name)),
    }
}

/// Refuses names of interfaces that this machine does not have: by them nobody would ever be found.
fn check_interfaces(names: &[String]) -> Result<(), Failure> {
    let Some(unknown) = names.iter().find(|name| !net::has_interface(name)) else { return Ok(()) };
    let there =
        net::interfaces().map_err(|e| Failure::other(format!("the interfaces cannot be listed: {e}")))?;
    let there: BTreeSet<String> =
        there.into_iter().map(|interface| text::shown(&interface.name).into_owned()).collect();
    let there = there.into_iter().collect::<Vec<_>>().join(", ");
    let unknown = text::shown(unknown);
    let text = format!("--interface: this machine has no network interface `{unknown}`; there are {there}");
    Err(Failure::new(Code::Usage, text))
}

fn default_name(config: &Settings, identity: &Identity) -> PeerName {
    let folder = config.directory.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    PeerName::of_folder(&folder, identity.id())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::rerun::{NOBODY, rerun};
    use crate::sys::testing;

    #[test]
    #[ignore = "run by the next test, as another user"]
    fn without_permission() {
        let Some(dir) = std::env::var_os("POTLUCK_TEST_DIR") else { return };
        let config = Settings::new(dir.into());
        let failure = next_instance(&config, 0).unwrap_err();
        let said =
            format!("the start count cannot be stored in {}: ", config.state().join("instance").display());
        assert!(failure.code == Code::Failed && failure.message.starts_with(&said), "{failure}");
    }

    #[test]
    fn a_count_that_is_ahead_of_the_clock_has_to_be_stored() {
        let dir = tempfile::tempdir().unwrap();
        let config = Settings::new(dir.path().to_owned());
        let count = config.state().join("instance");
        fs::create_dir(config.state()).unwrap();
        fs::write(&count, "1000000000000").unwrap();
        for (path, mode) in [(dir.path(), 0o755), (&config.state(), 0o755), (&count, 0o644)] {
            testing::set_mode(path, mode);
        }
        rerun(NOBODY, "peer::start::tests::without_permission", dir.path());
        assert_eq!(next_instance(&config, 0).unwrap().count, 1_000_000_000_001);
    }

    #[test]
    fn the_table_between_sites_is_for_members_of_a_group_where_it_was_built_in() {
        let mut config = Settings::new("/peer".into());
        config.on.wan = true;
        for (is_built_in, said) in [
            (true, "--wan finds other networks of a group, and this peer is in none: "),
            (false, "--wan: this potluck was built without it"),
        ] {
            let failure = check_wan(&config, None, is_built_in).unwrap_err();
            assert!(failure.code == Code::Usage && failure.message.starts_with(said), "{failure}");
        }
        config.on.wan = false;
        assert_eq!(check_wan(&config, None, false), Ok(()));
    }

    #[test]
    #[ignore = "run by the next test, in a process whose descriptors are its own"]
    fn without_descriptors() {
        if std::env::var_os("POTLUCK_TEST_DIR").is_none() {
            return;
        }
        let any = fs::File::open("/").unwrap();
        let taken: Vec<_> = std::iter::from_fn(|| any.try_clone().ok()).collect();
        let failure = check_interfaces(&["lo".to_owned()]).unwrap_err();
        let said = "the interfaces cannot be listed: ";
        assert!(failure.code == Code::Failed && failure.message.starts_with(said), "{failure}");
        drop(taken);
        assert_eq!(check_interfaces(&["lo".to_owned()]), Ok(()));
    }

    #[test]
    fn where_nothing_can_be_opened_no_interface_is_called_unknown() {
        let dir = tempfile::tempdir().unwrap();
        rerun(&["prlimit", "--nofile=64:64"], "peer::start::tests::without_descriptors", dir.path());
    }
}
