//! What guests are answered. What they see is what `list` answers, and bytes come as `cat` reads them: verified, from whoever
//! has them. Nothing else is ever asked of the peer for them.

mod listing;
mod reading;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crossbeam_channel::Sender;
use serde::Deserialize;
use serde_json::{Value, json};

use self::listing::GuestListing;
use self::reading::GuestRead;
use super::archive::KnownCrcs;
use super::limits;
use super::link::{GuestAccess, GuestLink};
use super::pins::PinGuess;
use super::shared::GuestShared;
use super::site::{GuestCall, GuestSite, GuestWanted, not_found};
use super::texts::GuestSpeaker;
use crate::accounts::AccountHost;
use crate::control::{Answers, Ask, GuestTold, Request};
use crate::http::{
    Answer, HttpClientEnd, HttpConnection, HttpEnds, HttpEvent, HttpId, HttpService, HttpWaker, RequestHead,
    Status,
};
use crate::identity::random_bytes;
use crate::sys::clock;
use crate::time::Time;
use crate::web::assets::{GUEST_PAGE, asset_answer};
use crate::web::client::WebClient;
use crate::web::json::{json_answer, nonsense, refused};
use crate::web::own_files::OwnFiles;
use crate::web::site::guarded_page;
use crate::web::uploads::{SavedUpload, WebUploads};

/// What is done for a connection.
#[derive(Debug)]
enum GuestWork {
    /// What is asked comes in.
    Hearing { wanted: GuestWanted, guest: WebClient, text: Vec<u8> },
    /// What is listed is waited for.
    Listed { head: Box<RequestHead>, wanted: GuestWanted, host: AccountHost },
    /// Bytes are read and passed on.
    Read(Box<GuestRead>),
}

/// It answers.
#[derive(Debug)]
pub(super) struct GuestService {
    asks: Sender<Ask>,
    own: OwnFiles,
    waker: HttpWaker,
    site: GuestSite,
    link: GuestLink,
    shared: Arc<GuestShared>,
    listing: GuestListing,
    crcs: KnownCrcs,
    /// `None`: nothing can be brought.
    uploads: Option<WebUploads>,
    doing: BTreeMap<HttpId, GuestWork>,
    /// Connections that wait for others to be read for.
    waiting: VecDeque<HttpId>,
}

/// What a service is made of.
pub(super) struct GuestParts {
    pub(super) asks: Sender<Ask>,
    pub(super) own: OwnFiles,
    pub(super) waker: HttpWaker,
    pub(super) site: GuestSite,
    pub(super) link: GuestLink,
    pub(super) shared: Arc<GuestShared>,
    /// `None`: nothing can be brought.
    pub(super) uploads: Option<WebUploads>,
}

#[derive(Deserialize)]
struct PinQuestion {
    pin: String,
}

#[derive(Deserialize)]
struct TextQuestion {
    text: String,
}

impl GuestService {
    pub(super) fn new(parts: GuestParts) -> Self {
        let GuestParts { asks, own, waker, site, link, shared, uploads } = parts;
        Self {
            asks,
            own,
            waker,
            site,
            listing: GuestListing::new(link.root.clone()),
            link,
            shared,
            crcs: KnownCrcs::default(),
            uploads,
            doing: BTreeMap::new(),
            waiting: VecDeque::new(),
        }
    }

    fn request(&mut self, now: Time, client: HttpClientEnd<'_>, head: Box<RequestHead>) {
        let HttpClientEnd { id, ends, http } = client;
        let guest = WebClient::at(ends.from);
        let request = match self.site.read(&head, ends) {
            Ok(request) => request,
            Err(answer) => return http.answer(now, guarded_page(answer)),
        };
        let (secret, wanted) = match request {
            GuestCall::Asset(asset) => return http.answer(now, asset_answer(&head, asset)),
            GuestCall::Of(secret, wanted) => (secret, wanted),
        };
        if self.link.is_private && !ends.is_private {
            let text = "this link is for https: ask for it again, or type https:// in front of it";
            return http.answer(now, guarded_page(Answer::text(Status::Forbidden, text)));
        }
        let is_open = match self.link.access(now, &secret) {
            GuestAccess::None => return http.answer(now, guarded_page(not_found())),
            GuestAccess::Locked => {
                matches!(wanted, GuestWanted::Page | GuestWanted::About | GuestWanted::Pin)
            }
            GuestAccess::Open => true,
        };
        if !is_open {
            let answer = Answer::text(Status::Forbidden, "type the PIN first");
            return http.answer(now, guarded_page(answer));
        }
        self.shared.saw(now, guest.host);
        match wanted {
            GuestWanted::Page => http.answer(now, asset_answer(&head, &GUEST_PAGE)),
            GuestWanted::About => http.answer(now, json_answer(&self.about(now, &secret, &head, ends))),
            GuestWanted::Texts { after } => {
                let (texts, next) = self.shared.texts().after(after);
                http.answer(now, json_answer(&json!({ "texts": texts, "next": next })));
            }
            GuestWanted::Slice(slice) => match &mut self.uploads {
                Some(uploads) => uploads.slice(now, id, &slice, http),
                None => http.answer(now, no_uploads()),
            },
            wanted if wanted.is_question() => {
                self.doing.insert(id, GuestWork::Hearing { wanted, guest, text: Vec::new() });
                http.want_body(now, limits::QUESTION as u64 + 1);
            }
            wanted => {
                self.doing.insert(id, GuestWork::Listed { head, wanted, host: guest.host });
                self.listing.want(now, id, &self.asks, &self.waker);
                self.go_on(now, id, http);
            }
        }
    }

    /// What the link is.
    fn about(&mut self, now: Time, secret: &str, head: &RequestHead, ends: HttpEnds) -> Value {
        let is_locked = self.link.access(now, secret) == GuestAccess::Locked;
        let host = head.host.as_deref().unwrap_or_default();
        let private = (!ends.is_private).then(|| format!("https://{host}/g/{secret}/"));
        json!({
            "name": self.link.name,
            "title": self.link.root,
            "uploads": self.uploads.is_some(),
            "pin": is_locked,
            "is_private": ends.is_private,
            "private_link": private,
            "fingerprint": self.link.fingerprint,
            "until": self.link.until_unix,
        })
    }

    /// All that was asked is there.
    fn heard(&mut self, now: Time, id: HttpId, http: &mut HttpConnection) {
        let Some(GuestWork::Hearing { .. }) = self.doing.get(&id) else {
            if let Some(uploads) = &mut self.uploads {
                uploads.over(now, id, http);
            }
            return;
        };
        let Some(GuestWork::Hearing { wanted, guest, text }) = self.doing.remove(&id) else { return };
        let answer = match wanted {
            GuestWanted::Pin => self.pin(now, guest.host, &text),
            GuestWanted::Text => self.text(now, guest, &text),
            _ => match self.uploads.as_mut().map(|uploads| uploads.begin(now, id, guest, None, &text)) {
                Some(Ok(())) => return,
                Some(Err(answer)) => answer,
                None => no_uploads(),
            },
        };
        http.answer(now, answer);
    }

    fn pin(&mut self, now: Time, host: AccountHost, text: &[u8]) -> Answer {
        let Ok(PinQuestion { pin }) = serde_json::from_slice(text) else { return nonsense() };
        let (message, wait) = match self.link.guess(now, host, &pin) {
            // A link without a PIN is open.
            None => return refused(Status::NotFound, "this link has no PIN", json!({})),
            Some(PinGuess::Right) => {
                let Ok(secret) = random_bytes::<16>() else {
                    return refused(Status::ServiceUnavailable, "this peer has no randomness", json!({}));
                };
                return json_answer(&json!({ "path": format!("/g/{}/", self.link.let_in(now, secret)) }));
            }
            Some(PinGuess::Wrong(pause)) => ("that is not the PIN", pause),
            Some(PinGuess::TooSoon(pause)) => ("wait before you try again", pause),
        };
        // A second that has begun is waited for.
        let wait = wait.as_millis().div_ceil(1_000);
        refused(Status::Forbidden, message, json!({ "wait": u64::try_from(wait).unwrap_or(u64::MAX) }))
    }

    fn text(&mut self, now: Time, guest: WebClient, text: &[u8]) -> Answer {
        let Ok(TextQuestion { text }) = serde_json::from_slice(text) else { return nonsense() };
        let text = text.trim();
        if text.is_empty() || text.len() > limits::TEXT {
            return refused(Status::BadRequest, "that is no line of text, or too long a one", json!({}));
        }
        if !self.shared.texts().may_say(now, guest.host) {
            return refused(Status::TooManyRequests, "that was much at once: wait a little", json!({}));
        }
        self.shared.texts().say(GuestSpeaker::Guest, text, clock::unix_seconds());
        self.tell(GuestTold::Text { guest: guest.ip.to_string(), text: text.to_owned() });
        json_answer(&json!({}))
    }

    /// The owner is told of it, wherever it is.
    fn tell(&self, told: GuestTold) {
        let (unread, _) = crossbeam_channel::unbounded();
        // A peer that is leaving tells nobody.
        drop(self.asks.send(Ask { request: Request::from(told), replies: Answers::from(unread) }));
    }
}

impl HttpService for GuestService {
    fn handle_event(&mut self, now: Time, client: HttpClientEnd<'_>, event: HttpEvent) {
        let id = client.id;
        match event {
            HttpEvent::Request(head) => self.request(now, client, head),
            HttpEvent::Body(bytes) => match self.doing.get_mut(&id) {
                Some(GuestWork::Hearing { text, .. }) => {
                    text.extend_from_slice(&bytes);
                    if text.len() > limits::QUESTION {
                        self.doing.remove(&id);
                        let answer = Answer::text(Status::ContentTooLarge, "that is too much");
                        client.http.answer(now, guarded_page(answer));
                    }
                }
                _ => {
                    if let Some(uploads) = &mut self.uploads {
                        uploads.bytes(id, bytes);
                    }
                }
            },
            HttpEvent::BodyEnd => self.heard(now, id, client.http),
            HttpEvent::Gone => self.forget(id),
        }
    }

    fn hear(&mut self, now: Time) -> Vec<HttpId> {
        let mut due: Vec<_> = self.listing.hear(now).into_iter().collect();
        due.extend(self.own_files());
        let Some(uploads) = &mut self.uploads else { return due };
        due.extend(uploads.hear(now));
        for SavedUpload { by, name, size, to: _ } in uploads.take_saved() {
            self.shared.saved(size);
            self.tell(GuestTold::File { guest: by.ip.to_string(), name, size });
        }
        due
    }

    fn poll_timeout(&self) -> Option<Time> {
        self.link.until
    }

    fn handle_timeout(&mut self, now: Time) -> bool {
        self.link.until.is_none_or(|until| until > now)
    }

    fn go_on(&mut self, now: Time, id: HttpId, http: &mut HttpConnection) {
        match self.doing.get(&id) {
            Some(GuestWork::Listed { .. }) if self.listing.is_fresh(now) => {
                if let Some(GuestWork::Listed { head, wanted, host }) = self.doing.remove(&id) {
                    self.listed(now, id, &head, wanted, host, http);
                }
            }
            Some(GuestWork::Read(_)) => self.read_on(now, id, http),
            Some(_) => {}
            None => {
                if let Some(uploads) = &mut self.uploads {
                    uploads.go_on(now, id, http);
                }
            }
        }
    }

    fn forget(&mut self, id: HttpId) {
        if let Some(GuestWork::Read(_)) = self.doing.remove(&id) {
            self.read_over(id);
        }
        self.listing.forget(id);
        if let Some(uploads) = &mut self.uploads {
            uploads.forget(id);
        }
    }

    fn yields(&self, id: HttpId) -> bool {
        let brings = self.uploads.as_ref().is_some_and(|uploads| uploads.has(id));
        !brings && matches!(self.doing.get(&id), None | Some(GuestWork::Hearing { .. }))
    }
}

fn no_uploads() -> Answer {
    refused(Status::Forbidden, "nothing can be sent by this link", json!({}))
}
