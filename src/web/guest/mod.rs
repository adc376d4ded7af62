//! The page for guests: people with a browser and without potluck. It is served while the owner wants it, to whoever has
//! the link (link.rs), in plain and by TLS at one port.
//!
//! site.rs says which requests are heard, service/ answers them, index.rs is what guests see, archive.rs a folder as one file,
//! texts.rs what is said, certificate.rs what stands for an encrypted
//! connection, and network_name.rs gives the page a name on this network.

mod archive;
mod certificate;
pub(crate) mod desk;
mod index;
pub(crate) mod limits;
mod link;
mod network_name;
mod pins;
mod service;
mod shared;
mod site;
mod texts;

use core::time::Duration;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use qrcode::{Color, QrCode};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::NoServerSessionStorage;
use socket2::{Domain, Socket, Type};

use self::certificate::Certificate;
use self::link::{GuestLink, GuestLinkFacts};
use self::network_name::NetworkName;
use self::service::{GuestParts, GuestService};
use self::shared::GuestShared;
use self::site::GuestSite;
use self::texts::GuestSpeaker;
use super::PeerChannels;
use super::own_files::OwnFiles;
use super::uploads::{UploadFiles, WebUploads};
use crate::control::GuestRow;
use crate::http::{HttpFront, HttpServer};
use crate::identity::{provider, random_bytes};
use crate::sys::clock;
use crate::sys::net::{self, Interface};
use crate::sys::refusal::{Refusal, refusal};
use crate::sys::sandbox::{self, Network, Rules};
use crate::time::Time;

/// How often a port is looked for that is free at all addresses.
const ATTEMPTS: usize = 32;

/// Connections that wait to be taken.
const BACKLOG: i32 = 1_024;

/// What is served, and how.
#[derive(Clone, Debug)]
pub(crate) struct GuestOffer {
    /// Name of the peer.
    pub(crate) name: String,
    /// Path of what guests see; empty: everything.
    pub(crate) root: String,
    /// It ends after that.
    pub(crate) time: Option<Duration>,
    /// Where files go that they bring; `None`: they bring none.
    pub(crate) uploads: Option<PathBuf>,
    pub(crate) has_pin: bool,
    pub(crate) is_private: bool,
    pub(crate) port: u16,
    /// The network interfaces that may be used; empty: all.
    pub(crate) interfaces: Vec<String>,
    pub(crate) is_confined: bool,
}

/// The page while it is served. Dropping it ends that.
#[derive(Debug)]
pub(crate) struct GuestServer {
    row: GuestRow,
    until: Option<Time>,
    shared: Arc<GuestShared>,
    // Dropped before the server: who looks for the name finds none afterwards.
    _name: Option<NetworkName>,
    _server: HttpServer,
}

impl GuestServer {
    /// Serves it. What is shown is asked of `peer`.
    ///
    /// # Errors
    /// What cannot be had: a port, a thread, randomness, a folder.
    pub(crate) fn start(offer: GuestOffer, peer: PeerChannels) -> io::Result<Self> {
        let interfaces = usable(&offer.interfaces)?;
        let sockets = listen(&interfaces, &offer.interfaces, offer.port)?;
        let port = sockets.first().ok_or(io::ErrorKind::AddrNotAvailable)?.local_addr()?.port();
        let addresses: Vec<IpAddr> = interfaces.iter().map(|interface| interface.ip).collect();
        let secret = HEXLOWER.encode(&random_bytes::<16>().map_err(io::Error::other)?);
        let pin = if offer.has_pin { Some(pin()?) } else { None };
        let name = NetworkName::start(&offer.name, port, &addresses, &offer.interfaces);
        let name =
            name.inspect_err(|e| log::debug!("the page for guests has no name on this network: {e}")).ok();
        let host = name.as_ref().map(|name| name.host().to_owned());
        let certificate = Certificate::make(&offer.name, host.as_slice(), &addresses);
        let certificate = certificate.map_err(|_| io::Error::other("no certificate can be made"))?;
        let now = clock::now();
        let until = offer.time.map(|time| now + time);
        let until_unix = offer.time.map(|time| clock::unix_seconds() + time.as_secs());
        let facts = GuestLinkFacts {
            secret,
            pin,
            root: offer.root.clone(),
            name: offer.name.clone(),
            is_private: offer.is_private,
            fingerprint: certificate.fingerprint(),
            until,
            until_unix,
        };
        let row = row(&facts, &interfaces, port, offer.uploads.is_some());
        let shared = Arc::new(GuestShared::default());
        let link = GuestLink::new(facts);
        let site = GuestSite::new(port, host);
        let tls = Some(Arc::new(tls(certificate)?));
        let front = HttpFront { sockets, tls, places: limits::CONNECTIONS };
        let files =
            offer.uploads.as_deref().map(|path| UploadFiles::start(path, offer.is_confined)).transpose()?;
        let (is_confined, told) = (offer.is_confined, Arc::clone(&shared));
        let start = || {
            HttpServer::start("guests", front, |waker| {
                let uploads = files.map(|files| WebUploads::new(files, limits::UPLOADED, waker.clone()));
                let own = OwnFiles::start(peer.opens, waker.clone())?;
                Ok(GuestService::new(GuestParts {
                    asks: peer.asks,
                    own,
                    waker,
                    site,
                    link,
                    shared: told,
                    uploads,
                }))
            })
        };
        let server = if is_confined {
            // It takes connections, and makes none.
            let rules = Rules { network: Network::Datagrams, ..Rules::default() };
            sandbox::within(&rules, start)?.1?
        } else {
            start()?
        };
        Ok(Self { row, until, shared, _name: name, _server: server })
    }

    /// How things are. `None`: it ended by itself.
    pub(crate) fn row(&self, now: Time) -> Option<GuestRow> {
        if self.until.is_some_and(|until| until <= now) {
            return None;
        }
        let counts = self.shared.counts();
        Some(GuestRow { guests: counts.hosts(), files: counts.files, size: counts.bytes, ..self.row.clone() })
    }

    /// Guests are told this.
    pub(crate) fn say(&self, text: &str) {
        self.shared.texts().say(GuestSpeaker::Owner, text, clock::unix_seconds());
    }
}

/// The interfaces that guests may come by, the one they most likely come by first.
fn usable(names: &[String]) -> io::Result<Vec<Interface>> {
    let mut all = net::interfaces()?;
    let is_meant = |interface: &Interface| names.is_empty() || names.contains(&interface.name);
    // What is for one link alone cannot be typed into a browser.
    let can_be_typed = |ip: IpAddr| match ip {
        IpAddr::V4(v4) => !v4.is_unspecified(),
        IpAddr::V6(v6) => !v6.is_unicast_link_local(),
    };
    all.retain(|interface| is_meant(interface) && can_be_typed(interface.ip));
    all.sort_by_key(|interface| {
        let far = interface.ip.is_loopback() || interface.is_point_to_point;
        (far, !interface.is_connected, interface.ip.is_ipv6(), is_link_local(interface.ip))
    });
    // Those of this machine alone are of use where there are no others.
    if all.iter().any(|interface| !interface.ip.is_loopback()) {
        all.retain(|interface| !interface.ip.is_loopback());
    }
    Ok(all)
}

const fn is_link_local(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V4(v4) if v4.is_link_local())
}

/// Listens at one port of all addresses, or of those of the interfaces that may be used.
fn listen(interfaces: &[Interface], names: &[String], port: u16) -> io::Result<Vec<TcpListener>> {
    let all = || vec![IpAddr::from(Ipv4Addr::UNSPECIFIED), IpAddr::from(Ipv6Addr::UNSPECIFIED)];
    let at = if names.is_empty() { all() } else { interfaces.iter().map(|interface| interface.ip).collect() };
    let mut tries = if port == 0 { ATTEMPTS } else { 1 };
    loop {
        tries -= 1;
        match listen_all(&at, port) {
            // One that is free at one address need not be at all of them.
            Err(e) if refusal(&e) == Refusal::InUse && tries > 0 => {}
            done => return done,
        }
    }
}

fn listen_all(at: &[IpAddr], mut port: u16) -> io::Result<Vec<TcpListener>> {
    let mut sockets = Vec::new();
    let mut refused = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for ip in at {
        match listen_at(SocketAddr::new(*ip, port)) {
            Ok(socket) => {
                port = socket.local_addr()?.port();
                sockets.push(socket);
            }
            Err(e) if refusal(&e) == Refusal::InUse => return Err(e),
            // A machine that lacks IPv6 has the others.
            Err(e) => refused = e,
        }
    }
    if sockets.is_empty() { Err(refused) } else { Ok(sockets) }
}

fn listen_at(at: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(at), Type::STREAM, None)?;
    if at.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    net::bind_again(&socket)?;
    socket.bind(&at.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Six digits.
fn pin() -> io::Result<String> {
    let chance = u64::from_be_bytes(random_bytes::<8>().map_err(io::Error::other)?);
    Ok(format!("{:06}", chance % 1_000_000))
}

/// TLS 1.3 with this certificate. Nothing is kept of a connection.
fn tls(certificate: Certificate) -> io::Result<ServerConfig> {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(certificate.key));
    let config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .and_then(|config| {
            config
                .with_no_client_auth()
                .with_single_cert(vec![CertificateDer::from(certificate.certificate)], key)
        });
    let mut config = config.map_err(io::Error::other)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

/// The dots of a QR code (ISO/IEC 18004), row by row; nothing of what is too long for one.
fn qr_code(text: &str) -> Vec<String> {
    let Ok(code) = QrCode::new(text.as_bytes()) else { return Vec::new() };
    let dots = code.to_colors();
    let row = |row: &[Color]| row.iter().map(|dot| if *dot == Color::Dark { '#' } else { ' ' }).collect();
    dots.chunks(code.width()).map(row).collect()
}

/// What the owner is told.
fn row(facts: &GuestLinkFacts, interfaces: &[Interface], port: u16, uploads: bool) -> GuestRow {
    let path = format!("/g/{}/", facts.secret);
    let at = |scheme: &str, interface: &Interface| {
        format!("{scheme}://{}{path}", SocketAddr::new(interface.ip, port))
    };
    let scheme = if facts.is_private { "https" } else { "http" };
    let mut all = interfaces.iter().map(|interface| at(scheme, interface));
    let address = all.next();
    GuestRow {
        on: true,
        code: address.as_deref().map(qr_code).unwrap_or_default(),
        address,
        addresses: all.collect(),
        private_address: interfaces.first().map(|interface| at("https", interface)),
        fingerprint: Some(facts.fingerprint.clone()),
        pin: facts.pin.clone(),
        path: facts.root.clone(),
        uploads,
        until: facts.until_unix,
        guests: 0,
        files: 0,
        size: 0,
    }
}
