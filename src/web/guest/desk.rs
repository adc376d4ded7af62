//! Lets guests in when the owner wants it: the page is served from `guest on` to `guest off`, and ends with the peer. A thread
//! that sleeps until it is asked.

use core::time::Duration;
use std::io;

use crossbeam_channel::Receiver;

use super::{GuestOffer, GuestServer};
use crate::control::{GuestAsk, GuestOrder, GuestRow, Reply};
use crate::error::{Code, Failure};
use crate::settings::Settings;
use crate::sys::clock;
use crate::sys::thread::Thread;
use crate::web::PeerChannels;

/// In `downloads/`: what guests bring.
const FOLDER: &str = "from-guests";

/// It ends with the last one who could ask.
pub(crate) fn start(
    settings: Settings,
    peer: PeerChannels,
    orders: Receiver<GuestAsk>,
) -> io::Result<Thread> {
    Thread::spawn("guest desk", move || {
        let mut desk = GuestDesk { server: None, peer, settings };
        for GuestAsk { order, answers } in orders {
            let replies = desk.act(order);
            if let Some(answers) = answers {
                for reply in replies {
                    answers.send(reply);
                }
            }
        }
    })
}

struct GuestDesk {
    /// The page, if it is served.
    server: Option<GuestServer>,
    /// By which the page asks the peer.
    peer: PeerChannels,
    settings: Settings,
}

impl GuestDesk {
    /// Does this, and says what came of it.
    fn act(&mut self, order: GuestOrder) -> Vec<Reply> {
        let done = match order {
            GuestOrder::On { .. } => self.begin(order),
            GuestOrder::Off => {
                self.server = None;
                Ok(self.row())
            }
            GuestOrder::Say(text) => match &self.server {
                Some(server) => {
                    server.say(&text);
                    let text = "guests see it on their page".to_owned();
                    return vec![Reply::Note { text }, Reply::Done];
                }
                None => Err(Failure::new(Code::Usage, "no guests are let in: `guest on` first")),
            },
            GuestOrder::Show => Ok(self.row()),
        };
        match done {
            Ok(row) => vec![Reply::Guest(Box::new(row)), Reply::Done],
            Err(failure) => vec![Reply::Failed(failure)],
        }
    }

    fn begin(&mut self, order: GuestOrder) -> Result<GuestRow, Failure> {
        let GuestOrder::On { name, root, seconds, uploads, has_pin, is_private, port } = order else {
            return Ok(self.row());
        };
        // Its port is free for the next one.
        self.server = None;
        let offer = GuestOffer {
            name,
            root,
            time: seconds.map(Duration::from_secs),
            uploads: uploads.then(|| self.settings.downloads().join(FOLDER)),
            has_pin,
            is_private,
            port,
            interfaces: self.settings.on.interfaces.clone(),
            is_confined: self.settings.sandbox,
        };
        let server = GuestServer::start(offer, self.peer.clone());
        let server = server.map_err(|e| Failure::other(format!("guests cannot be let in: {e}")))?;
        self.server = Some(server);
        Ok(self.row())
    }

    fn row(&mut self) -> GuestRow {
        let row = self.server.as_ref().and_then(|server| server.row(clock::now()));
        if row.is_none() {
            self.server = None;
        }
        row.unwrap_or_default()
    }
}
