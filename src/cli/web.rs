//! The page for browsers on this machine: it is served while a peer runs, and opened by `web`.

use std::io;
use std::path::Path;

use crossbeam_channel::{Sender, unbounded};

use super::local_answer::{LocalAnswer, LocalReply, PageRow};
use super::web_local;
use crate::control::{Ask, GuestAsk, OwnFileAsk};
use crate::error::Failure;
use crate::settings::Settings;
use crate::sys::browser;
use crate::sys::thread::Thread;
use crate::web::guest::desk;
use crate::web::{self, OwnerPage, PeerChannels};

/// Serves the page, if it is to be served.
pub(super) fn serve(
    directory: &Path,
    settings: &Settings,
    asks: &Sender<Ask>,
    opens: &Sender<OwnFileAsk>,
) -> Option<OwnerPage> {
    if !settings.on.web.is_served {
        return None;
    }
    let shared = settings.shared();
    let shared = (!settings.index.is_only).then_some(shared.as_path());
    web::start(
        directory,
        settings.on.web.port,
        shared,
        settings.sandbox,
        web_local::runner(directory.to_owned(), asks.clone()),
        PeerChannels { asks: asks.clone(), opens: opens.clone() },
    )
    .inspect_err(|e| log::warn!("there is no page for browsers (`web`): {e}"))
    .ok()
}

/// Starts whoever lets guests in. It ends when nobody can ask it any more.
pub(super) fn guest_desk(
    settings: &Settings,
    asks: Sender<Ask>,
    opens: Sender<OwnFileAsk>,
) -> io::Result<(Thread, Sender<GuestAsk>)> {
    let (orders_to, orders) = unbounded();
    Ok((desk::start(settings.clone(), PeerChannels { asks, opens }, orders)?, orders_to))
}

/// Opens the page of the peer in `directory`, and tells its address.
///
/// # Errors
/// None is served there.
pub(super) fn open(directory: &Path, opens: bool) -> Result<LocalAnswer, Failure> {
    let address = web::place::address(directory)?;
    let is_opened = opens && browser::open(&address).is_ok();
    let note =
        if is_opened { "opening" } else { "open this in a browser on this machine, within 30 seconds" };
    let objects = vec![LocalReply::Page(PageRow { address: address.clone(), is_opened })];
    Ok(LocalAnswer { text: format!("{note}:\n{address}\n"), objects })
}
