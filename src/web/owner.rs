//! What the owner's page is answered. What it asks is asked of the peer as everybody does, and passed on as it is
//! answered (docs/JSON.md).

use std::collections::BTreeMap;

use crossbeam_channel::{Receiver, Sender, TryRecvError};
use serde::Deserialize;
use serde_json::json;

use super::assets::{asset_answer, shown_as};
use super::client::WebClient;
use super::file_answer::{ServedBytes, ServedFile};
use super::json::refused;
use super::limits;
use super::links::{FileLinks, LinkedFile};
use super::local::{self, LocalAsks, json_line};
use super::owner_uploads::{OwnerFolders, OwnerUploads};
use super::sessions::Sessions;
use super::site::{self, Site, Wanted};
use crate::control::answers::{Awaited, AwaitedAnswers};
use crate::control::{Answers, Ask, CatRequest, Reply, Request, read_request};
use crate::error::{Code, Failure};
use crate::http::{
    Answer, AnswerBody, HttpClientEnd, HttpConnection, HttpEvent, HttpId, HttpService, HttpWaker,
    RequestHead, Status,
};
use crate::identity::fill_random;
use crate::sys::clock;
use crate::time::Time;

/// What is done for a connection.
#[derive(Debug)]
enum OwnerWork {
    /// What is asked comes in.
    Hearing { wanted: Wanted, token: String, by: WebClient, text: Vec<u8> },
    /// Answers are passed on.
    Lines(AwaitedAnswers),
    /// What the page asked about the folder is being done.
    Local(Receiver<Vec<u8>>),
    /// A file is looked for that is to have an address.
    Linking { answers: AwaitedAnswers, name: String, file: Option<LinkedFile> },
    /// Bytes of a file are passed on; the head of the answer, as long as none came.
    Bytes { answers: AwaitedAnswers, head: Option<Answer> },
}

/// It answers.
#[derive(Debug)]
pub(super) struct OwnerService {
    asks: Sender<Ask>,
    waker: HttpWaker,
    site: Site,
    sessions: Sessions,
    links: FileLinks,
    uploads: OwnerUploads,
    local: LocalAsks,
    doing: BTreeMap<HttpId, OwnerWork>,
}

#[derive(Deserialize)]
struct LoginQuestion {
    code: String,
}

#[derive(Deserialize)]
struct FileLinkQuestion {
    /// As for `cat`.
    file: String,
    #[serde(default)]
    from: Vec<String>,
    /// What the browser is to call it.
    name: String,
}

impl OwnerService {
    /// `folders`: where what is brought is written; `local`: who does what is asked about the folder of the peer.
    pub(super) fn new(
        asks: Sender<Ask>,
        waker: HttpWaker,
        site: Site,
        sessions: Sessions,
        folders: OwnerFolders,
        local: LocalAsks,
    ) -> Self {
        let uploads = OwnerUploads::new(folders, &waker);
        Self {
            asks,
            waker,
            site,
            sessions,
            links: FileLinks::default(),
            uploads,
            local,
            doing: BTreeMap::new(),
        }
    }

    fn request(&mut self, now: Time, client: HttpClientEnd<'_>, head: &RequestHead) {
        let HttpClientEnd { id, ends, http } = client;
        let wanted = match self.site.read(head) {
            Ok(wanted) => wanted,
            Err(answer) => return http.answer(now, site::guarded_page(answer)),
        };
        match wanted {
            Wanted::Asset(asset) => {
                // Browsers complain of it at addresses that are neither encrypted nor of this machine.
                let answer = asset_answer(head, asset).with("cross-origin-opener-policy", "same-origin");
                http.answer(now, answer);
            }
            Wanted::Bytes { secret, is_shown } => self.bytes(now, id, head, &secret, is_shown, http),
            wanted => {
                let token = site::token(head).to_owned();
                if wanted != Wanted::Login && !self.sessions.may(now, &token) {
                    let text = "this page is not signed in any more: run `potluck web` again";
                    let answer = Answer::text(Status::Unauthorized, text).with("www-authenticate", "Bearer");
                    return http.answer(now, site::guarded_page(answer));
                }
                if let Wanted::Slice(slice) = &wanted {
                    if !self.uploads.slice(now, id, slice, http) {
                        http.answer(now, no_uploads());
                    }
                    return;
                }
                let most = most_of(&wanted);
                let by = WebClient::at(ends.from);
                self.doing.insert(id, OwnerWork::Hearing { wanted, token, by, text: Vec::new() });
                http.want_body(now, most as u64 + 1);
            }
        }
    }

    /// All that was asked is there.
    fn heard(&mut self, now: Time, id: HttpId, http: &mut HttpConnection) {
        if !matches!(self.doing.get(&id), Some(OwnerWork::Hearing { .. })) {
            return self.uploads.over(now, id, http);
        }
        let Some(OwnerWork::Hearing { wanted, token, by, text }) = self.doing.remove(&id) else { return };
        let answer = match wanted {
            Wanted::Login => self.login(now, &text),
            Wanted::Logout => {
                self.sessions.end(&token);
                Ok(Answer::empty(Status::NoContent))
            }
            Wanted::Upload => {
                return match self.uploads.begin(now, id, by, &text) {
                    Some(Ok(())) => {}
                    Some(Err(answer)) => http.answer(now, answer),
                    None => http.answer(now, no_uploads()),
                };
            }
            Wanted::Link => match serde_json::from_slice::<FileLinkQuestion>(&text) {
                Ok(FileLinkQuestion { file, from, name }) => {
                    // What it is and how large is answered before its bytes, of which none are wanted.
                    let request = CatRequest { file, from, offset: 0, length: Some(0) };
                    match self.ask(id, request.into()) {
                        Ok(answers) => {
                            self.doing.insert(id, OwnerWork::Linking { answers, name, file: None });
                            return self.go_on(now, id, http);
                        }
                        Err(failure) => Err(failure),
                    }
                }
                Err(_) => Err(Failure::new(Code::Usage, "that is no question for the address of a file")),
            },
            _ => match self.lines(id, &text) {
                Ok(answer) => {
                    http.answer(now, site::guarded_page(answer));
                    return self.go_on(now, id, http);
                }
                Err(failure) => Err(failure),
            },
        };
        http.answer(now, site::guarded_page(answer.unwrap_or_else(|failure| refusal(&failure))));
    }

    fn login(&mut self, now: Time, text: &[u8]) -> Result<Answer, Failure> {
        let question = serde_json::from_slice::<LoginQuestion>(text);
        let is_good = question.is_ok_and(|q| self.sessions.takes(&q.code, clock::unix_seconds()));
        if !is_good {
            let text = "this address was used before, or is older than 30 seconds: run `potluck web` again";
            return Ok(Answer::text(Status::Forbidden, text));
        }
        let mut secret = [0; 32];
        fill_random(&mut secret).map_err(|e| Failure::other(e.to_string()))?;
        let token = self.sessions.begin(now, secret);
        Ok(json_answer(&json!({ "token": token, "uploads": self.uploads.are_taken() })))
    }

    /// Asks the peer what a page asks it, or whoever does what needs no peer.
    fn lines(&mut self, id: HttpId, text: &[u8]) -> Result<Answer, Failure> {
        let answer = Answer::new(Status::Ok, AnswerBody::Open).with("content-type", "application/x-ndjson");
        if let Some(question) = local::read(text) {
            let lines = self.local.ask(question, id, &self.waker)?;
            self.doing.insert(id, OwnerWork::Local(lines));
            return Ok(answer);
        }
        let request = read_request(text)?;
        if matches!(request, Request::Cat(_)) {
            let text = "bytes of files have addresses of their own: /api/link";
            return Err(Failure::new(Code::Usage, text));
        }
        let answers = self.ask(id, request)?;
        self.doing.insert(id, OwnerWork::Lines(answers));
        Ok(answer)
    }

    fn ask(&self, id: HttpId, request: Request) -> Result<AwaitedAnswers, Failure> {
        let (answers, awaited) = Answers::with_bell(id.0, self.waker.woken.clone(), self.waker.bell.clone());
        let is_sent = self.asks.send(Ask { request, replies: answers }).is_ok();
        if is_sent { Ok(awaited) } else { Err(Failure::other("the peer is leaving")) }
    }

    /// Answers with bytes of a file.
    fn bytes(
        &mut self,
        now: Time,
        id: HttpId,
        head: &RequestHead,
        secret: &str,
        is_shown: bool,
        http: &mut HttpConnection,
    ) {
        let Some(file) = self.links.get(now, secret) else {
            let text = "this address of a file is not good any more: open it from the page again";
            return http.answer(now, site::guarded_page(Answer::text(Status::NotFound, text)));
        };
        let served = ServedFile { tag: file.tag(), name: &file.name, size: file.size };
        let (answer, range) = match ServedBytes::of(head, &served, shown_as(&file.name).filter(|_| is_shown))
        {
            ServedBytes::Whole(answer) => {
                http.answer(now, answer);
                return http.end(now);
            }
            ServedBytes::Bytes(answer, range) => (answer, range),
        };
        let length = Some(range.end - range.start);
        let request = CatRequest { file: file.word.clone(), from: Vec::new(), offset: range.start, length };
        match self.ask(id, request.into()) {
            Ok(answers) => {
                self.doing.insert(id, OwnerWork::Bytes { answers, head: Some(answer) });
                self.go_on(now, id, http);
            }
            Err(failure) => http.answer(now, site::guarded_page(refusal(&failure))),
        }
    }

    /// Passes on one answer of the peer. True: it was the last one.
    fn pass_on(&mut self, now: Time, id: HttpId, reply: Reply, http: &mut HttpConnection) -> bool {
        let is_last = reply.is_last();
        match self.doing.get_mut(&id) {
            Some(OwnerWork::Lines(_)) => {
                http.push(now, json_line(&reply));
                if is_last {
                    http.end(now);
                }
            }
            Some(OwnerWork::Linking { name, file, .. }) => match reply {
                Reply::Content(content) => {
                    let word = format!("b3:{}", content.id);
                    *file = Some(LinkedFile { word, size: content.size, name: std::mem::take(name) });
                }
                Reply::Done => {
                    let file = file.take();
                    let answer = self.linked(now, file).unwrap_or_else(|failure| refusal(&failure));
                    http.answer(now, site::guarded_page(answer));
                }
                Reply::Failed(failure) => http.answer(now, site::guarded_page(refusal(&failure))),
                _ => {}
            },
            Some(OwnerWork::Bytes { head, .. }) => match reply {
                Reply::Bytes(raw) => {
                    if let Some(head) = head.take() {
                        http.answer(now, head);
                    }
                    http.push(now, raw.into_bytes());
                }
                Reply::Done => http.end(now),
                Reply::Failed(failure) if head.is_some() => {
                    http.answer(now, site::guarded_page(refusal(&failure)));
                }
                // Its length was promised: that something is missing is seen by the end of the connection.
                Reply::Failed(_) => http.abort(),
                _ => {}
            },
            Some(OwnerWork::Hearing { .. } | OwnerWork::Local(_)) | None => return true,
        }
        is_last
    }

    /// The address of a file that was found.
    fn linked(&mut self, now: Time, file: Option<LinkedFile>) -> Result<Answer, Failure> {
        let Some(file) = file else {
            return Err(Failure::other("the running peer is of another version: restart it"));
        };
        let mut secret = [0; 16];
        fill_random(&mut secret).map_err(|e| Failure::other(e.to_string()))?;
        let (name, size) = (crate::http::encode(&file.name), file.size);
        let is_shown = shown_as(&file.name);
        let secret = self.links.add(now, secret, file);
        Ok(json_answer(
            &json!({ "path": format!("/file/{secret}/{name}"), "size": size, "shown_as": is_shown }),
        ))
    }
}

impl HttpService for OwnerService {
    fn handle_event(&mut self, now: Time, client: HttpClientEnd<'_>, event: HttpEvent) {
        let HttpClientEnd { id, ends, http } = client;
        match event {
            HttpEvent::Request(head) => self.request(now, HttpClientEnd { id, ends, http }, &head),
            HttpEvent::Body(bytes) => {
                let Some(OwnerWork::Hearing { wanted, text, .. }) = self.doing.get_mut(&id) else {
                    return self.uploads.bytes(id, bytes);
                };
                text.extend_from_slice(&bytes);
                if text.len() > most_of(wanted) {
                    self.doing.remove(&id);
                    let answer = Answer::text(Status::ContentTooLarge, "that is too much for a question");
                    http.answer(now, site::guarded_page(answer));
                }
            }
            HttpEvent::BodyEnd => self.heard(now, id, http),
            HttpEvent::Gone => self.forget(id),
        }
    }

    fn hear(&mut self, now: Time) -> Vec<HttpId> {
        let (due, sent) = self.uploads.hear(now);
        for request in sent {
            // How it goes is shown among the offers.
            let (unread, _) = crossbeam_channel::unbounded();
            drop(self.asks.send(Ask { request: request.into(), replies: Answers::from(unread) }));
        }
        due
    }

    fn go_on(&mut self, now: Time, id: HttpId, http: &mut HttpConnection) {
        if self.uploads.has(id) {
            return self.uploads.go_on(now, id, http);
        }
        while http.takes_more() {
            let answers = match self.doing.get(&id) {
                Some(
                    OwnerWork::Lines(answers)
                    | OwnerWork::Linking { answers, .. }
                    | OwnerWork::Bytes { answers, .. },
                ) => answers,
                Some(OwnerWork::Local(lines)) => {
                    match lines.try_recv() {
                        Ok(lines) => {
                            http.push(now, lines);
                            http.end(now);
                        }
                        // The answer has no last line: it is seen that something is missing.
                        Err(TryRecvError::Disconnected) => http.abort(),
                        Err(TryRecvError::Empty) => return,
                    }
                    self.doing.remove(&id);
                    return;
                }
                Some(OwnerWork::Hearing { .. }) | None => return,
            };
            let reply = match answers.next() {
                Awaited::Reply(reply) => *reply,
                Awaited::Ended => Reply::Failed(Failure::other("the peer is leaving")),
                Awaited::None => return,
            };
            if self.pass_on(now, id, reply, http) {
                self.doing.remove(&id);
            }
        }
    }

    fn forget(&mut self, id: HttpId) {
        self.doing.remove(&id);
        self.uploads.forget(id);
    }

    fn yields(&self, id: HttpId) -> bool {
        let brings = self.uploads.has(id);
        !brings
            && matches!(self.doing.get(&id), None | Some(OwnerWork::Hearing { wanted: Wanted::Login, .. }))
    }
}

fn no_uploads() -> Answer {
    refused(Status::NotFound, "nothing can be brought to this peer", json!({}))
}

/// Bytes that a question has, at most.
const fn most_of(wanted: &Wanted) -> usize {
    if matches!(wanted, Wanted::Login) { limits::LOGIN } else { limits::QUESTION }
}

fn json_answer(value: &serde_json::Value) -> Answer {
    let answer = Answer::new(Status::Ok, AnswerBody::Whole(format!("{value}\n").into_bytes()));
    answer.with("content-type", "application/json").with("cache-control", "no-store")
}

/// What a page is told that asked for what is not done: the failure, as an object.
fn refusal(failure: &Failure) -> Answer {
    let status = match failure.code {
        Code::Usage => Status::BadRequest,
        Code::NotFound | Code::NoHolder => Status::NotFound,
        Code::Ambiguous => Status::Conflict,
        _ => Status::ServiceUnavailable,
    };
    let mut answer = Answer::new(status, AnswerBody::Whole(json_line(&Reply::Failed(failure.clone()))));
    answer = answer.with("content-type", "application/json");
    answer.with("cache-control", "no-store")
}
