//! The page by which the owner of a peer uses it in a browser, and what that page asks.
//!
//! It is served on this machine alone, at a port of its own. `potluck web` opens it with a code that is good once
//! (sessions.rs); site.rs says which requests are heard at all, owner.rs answers them by asking the peer as everybody
//! does (`control`), links.rs are the addresses under which a browser gets bytes of files, place.rs is the file by which
//! `potluck web` finds the page, local.rs has what it asks about the folder done; page/ is what the browser runs.

mod assets;
mod client;
mod file_answer;
pub(crate) mod guest;
mod json;
pub(crate) mod limits;
mod links;
pub(crate) mod local;
mod own_files;
mod owner;
mod owner_uploads;
pub(crate) mod place;
mod sessions;
mod site;
mod uploads;
mod zip;

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::Path;

use crossbeam_channel::Sender;

use self::local::{LocalAsks, RunLocal};
use self::owner::OwnerService;
use self::owner_uploads::OwnerFolders;
use self::place::WebPlace;
use self::sessions::{Sessions, WebKey};
use self::site::Site;
use crate::control::{Ask, OwnFileAsk};
use crate::http::{HttpFront, HttpServer};
use crate::identity::fill_random;
use crate::sys::sandbox::{self, Network, Rules};

/// By which pages reach the peer.
#[derive(Clone, Debug)]
pub(crate) struct PeerChannels {
    /// For what everybody can ask.
    pub(crate) asks: Sender<Ask>,
    /// For its own files.
    pub(crate) opens: Sender<OwnFileAsk>,
}

/// The page while it is served. Dropping it ends that.
#[derive(Debug)]
pub(crate) struct OwnerPage {
    // Dropped first: who looks for the page finds none afterwards.
    _place: WebPlace,
    _server: HttpServer,
}

/// Serves the page of the peer in `directory`, at this port of this machine (0: any that is free).
/// `shared`: where files go that are brought; `None`: none are. `local` does what is asked about the folder. `is_confined`: the thread that serves it can open no file.
///
/// # Errors
/// The port cannot be had, or no thread.
pub(crate) fn start(
    directory: &Path,
    port: u16,
    shared: Option<&Path>,
    is_confined: bool,
    local: RunLocal,
    peer: PeerChannels,
) -> io::Result<OwnerPage> {
    let first = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    let at = first.local_addr()?;
    // A machine without IPv6 has only the first one; so has one where another program has that port.
    let second = TcpListener::bind((Ipv6Addr::LOCALHOST, at.port()));
    let sockets = [Ok(first), second].into_iter().filter_map(Result::ok).collect();
    let mut secret = [0; 32];
    fill_random(&mut secret).map_err(io::Error::other)?;
    let key = WebKey::new(secret);
    let site = Site::new([at, SocketAddr::from((Ipv6Addr::LOCALHOST, at.port()))]);
    let sessions = Sessions::new(key.clone());
    let folders = OwnerFolders::start(directory, shared, is_confined);
    let local = LocalAsks::start(local)?;
    let front = HttpFront { sockets, tls: None, places: limits::OWNER_CONNECTIONS };
    let start = || {
        HttpServer::start("web", front, |waker| {
            Ok(OwnerService::new(peer.asks, waker, site, sessions, folders, local))
        })
    };
    let server = if is_confined {
        // It takes connections, and makes none.
        let rules = Rules { network: Network::Datagrams, ..Rules::default() };
        sandbox::within(&rules, start)?.1?
    } else {
        start()?
    };
    let place = WebPlace::make(directory, at.port(), &key)?;
    Ok(OwnerPage { _place: place, _server: server })
}
