//! Bytes for guests: lists, contents and archives.

use core::ops::Range;

use super::{GuestService, GuestWork};
use crate::accounts::AccountHost;
use crate::content::FileId;
use crate::control::answers::{Awaited, AwaitedAnswers};
use crate::control::{Answers, Ask, CatRequest, Reply};
use crate::http::{Answer, HttpConnection, HttpId, RequestHead, Status};
use crate::time::Time;
use crate::web::assets::shown_as;
use crate::web::file_answer::{ServedBytes, ServedFile};
use crate::web::guest::archive::{ArchivePlan, ArchiveStep, GuestArchive};
use crate::web::guest::limits;
use crate::web::guest::site::GuestWanted;
use crate::web::json::{json_answer, refused};
use crate::web::own_files::{NextPiece, OwnFileEvent, OwnRead};

/// What is read for a connection.
#[derive(Debug)]
pub(super) struct GuestRead {
    host: AccountHost,
    /// Of the answer, as long as no byte came.
    head: Option<Answer>,
    /// What is read goes into it. `None`: it is one content.
    archive: Option<Box<GuestArchive>>,
    /// Bytes of the content of an id that are to be read as soon as there is a place.
    wanted: Option<(String, Range<u64>)>,
    /// `None`: nothing is read now.
    source: Option<ReadSource>,
}

/// Where bytes come from.
#[derive(Debug)]
enum ReadSource {
    /// It is asked whether these bytes of the content of this id lie here.
    Looking(String, Range<u64>),
    /// They do.
    Own(OwnRead),
    /// Others have them.
    Others(AwaitedAnswers),
}

/// What comes next of what is read.
enum ReadStep {
    Bytes(Vec<u8>),
    /// Nothing yet.
    None,
    Done,
    /// In words, if somebody said why.
    Failed(Option<String>),
}

impl GuestService {
    /// What is listed is known: the request is answered, or begun to be.
    pub(super) fn listed(
        &mut self,
        now: Time,
        id: HttpId,
        head: &RequestHead,
        wanted: GuestWanted,
        host: AccountHost,
        http: &mut HttpConnection,
    ) {
        let gone = || refused(Status::NotFound, "that is not here any more", serde_json::json!({}));
        let index = &self.listing.index;
        let (answer, archive, wanted) = match wanted {
            GuestWanted::List { path, words, from } => {
                let page = match words {
                    Some(words) => Some(index.search(&words, from)),
                    None => index.folder(&path, from),
                };
                let page = page.and_then(|page| serde_json::to_value(page).ok());
                return http.answer(now, page.map_or_else(gone, |page| json_answer(&page)));
            }
            GuestWanted::File { id: content, name, is_shown } => {
                let Some(size) = index.size(&content) else { return http.answer(now, gone()) };
                let served = ServedFile { tag: format!("\"{content}\""), name: &name, size };
                match ServedBytes::of(head, &served, shown_as(&name).filter(|_| is_shown)) {
                    ServedBytes::Whole(answer) => {
                        http.answer(now, answer);
                        return http.end(now);
                    }
                    ServedBytes::Bytes(answer, range) => (answer, None, Some((content, range))),
                }
            }
            GuestWanted::Zip { path, name } => {
                let Some(files) = index.all_in(&path) else { return http.answer(now, gone()) };
                let Some(plan) = ArchivePlan::new(files) else {
                    let text = "these are too many files for one archive: open a folder of it";
                    return http.answer(now, refused(Status::ContentTooLarge, text, serde_json::json!({})));
                };
                let served = ServedFile { tag: plan.tag.clone(), name: &name, size: plan.zip.len() };
                match ServedBytes::of(head, &served, None) {
                    ServedBytes::Whole(answer) => {
                        http.answer(now, answer);
                        return http.end(now);
                    }
                    ServedBytes::Bytes(answer, range) => (answer, Some(Box::new(plan.begin(range))), None),
                }
            }
            _ => return http.answer(now, gone()),
        };
        let reading = GuestRead { host, head: Some(answer), archive, wanted, source: None };
        let waits = reading.wanted.is_some();
        self.doing.insert(id, GuestWork::Read(Box::new(reading)));
        if waits {
            self.waiting.push_back(id);
            self.begin_reads();
        }
        self.read_on(now, id, http);
    }

    /// Those that wait begin to be read for, as far as there are places: each host has its share.
    fn begin_reads(&mut self) {
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.retain(|id| {
            let Some(GuestWork::Read(reading)) = self.doing.get(id) else { return false };
            let host = reading.host;
            let read = self.doing.values().filter_map(|doing| match doing {
                GuestWork::Read(reading) if reading.source.is_some() => Some(reading.host),
                _ => None,
            });
            let (all, own) = read.fold((0, 0), |(all, own), of| (all + 1, own + usize::from(of == host)));
            let has_place = all < limits::READS && own < limits::READS_OF_HOST;
            if has_place {
                self.begin_read(*id);
            }
            !has_place
        });
        self.waiting = waiting;
    }

    /// First it is looked whether it lies here.
    fn begin_read(&mut self, id: HttpId) {
        let Some(GuestWork::Read(reading)) = self.doing.get_mut(&id) else { return };
        let Some((content, range)) = reading.wanted.take() else { return };
        match content.parse::<FileId>() {
            Ok(file) => {
                self.own.open(id, file);
                reading.source = Some(ReadSource::Looking(content, range));
            }
            Err(_) => self.ask_others(id, &content, range),
        }
    }

    fn ask_others(&mut self, id: HttpId, content: &str, range: Range<u64>) {
        let Some(GuestWork::Read(reading)) = self.doing.get_mut(&id) else { return };
        let (replies, answers) = Answers::with_bell(id.0, self.waker.woken.clone(), self.waker.bell.clone());
        let length = Some(range.end - range.start);
        let request =
            CatRequest { file: format!("b3:{content}"), from: Vec::new(), offset: range.start, length };
        // A peer that is leaving answers no more, which whoever reads sees.
        drop(self.asks.send(Ask { request: request.into(), replies }));
        reading.source = Some(ReadSource::Others(answers));
    }

    /// Takes in what became of own files. These connections have a turn.
    pub(super) fn own_files(&mut self) -> Vec<HttpId> {
        let events = self.own.hear();
        let due = events.iter().map(|(id, _)| *id).collect();
        for (id, event) in events {
            let Some(GuestWork::Read(reading)) = self.doing.get_mut(&id) else { continue };
            match (event, &mut reading.source) {
                (OwnFileEvent::Opened(opened), Some(ReadSource::Looking(content, range))) => {
                    let (content, range) = (std::mem::take(content), range.clone());
                    match opened {
                        Some(file) => reading.source = Some(ReadSource::Own(OwnRead::new(file, range))),
                        None => self.ask_others(id, &content, range),
                    }
                }
                (OwnFileEvent::Read(read), Some(ReadSource::Own(own))) => own.came(read),
                // Of what was read before on this connection.
                _ => {}
            }
        }
        due
    }

    /// What comes next for a connection.
    fn read_step(&mut self, id: HttpId) -> Option<ReadStep> {
        let Some(GuestWork::Read(reading)) = self.doing.get_mut(&id) else { return None };
        Some(match reading.source.as_mut()? {
            ReadSource::Looking(..) => ReadStep::None,
            ReadSource::Own(own) => match self.own.next(id, own) {
                NextPiece::Bytes(bytes) => ReadStep::Bytes(bytes),
                NextPiece::Later => ReadStep::None,
                NextPiece::End => ReadStep::Done,
                NextPiece::Failed => ReadStep::Failed(None),
            },
            ReadSource::Others(answers) => loop {
                match answers.next() {
                    Awaited::Reply(reply) => match *reply {
                        Reply::Bytes(raw) => break ReadStep::Bytes(raw.into_bytes()),
                        Reply::Done => break ReadStep::Done,
                        Reply::Failed(failure) => break ReadStep::Failed(Some(failure.message)),
                        _ => {}
                    },
                    Awaited::Ended => break ReadStep::Done,
                    Awaited::None => break ReadStep::None,
                }
            },
        })
    }

    /// Passes on what was read.
    pub(super) fn read_on(&mut self, now: Time, id: HttpId, http: &mut HttpConnection) {
        while http.takes_more() {
            let Some(step) = self.read_step(id) else {
                if self.archive_step(now, id, http) {
                    continue;
                }
                return;
            };
            let Some(GuestWork::Read(reading)) = self.doing.get_mut(&id) else { return };
            match step {
                ReadStep::None => return,
                ReadStep::Bytes(bytes) => {
                    let bytes = match &mut reading.archive {
                        None => Some(bytes),
                        Some(archive) => archive.read(bytes, &mut self.crcs),
                    };
                    let Some(bytes) = bytes else { return self.read_failed(now, id, http, None) };
                    if let Some(head) = reading.head.take() {
                        http.answer(now, head);
                    }
                    http.push(now, bytes);
                }
                ReadStep::Done => {
                    reading.source = None;
                    match &reading.archive {
                        Some(archive) if !archive.is_reading() => self.begin_reads(),
                        Some(_) => return self.read_failed(now, id, http, None),
                        // One that brought less than it promised ends with the connection.
                        None => return self.read_ended(now, id, http),
                    }
                }
                ReadStep::Failed(why) => return self.read_failed(now, id, http, why.as_deref()),
            }
        }
    }

    /// What an archive says between its files. False: nothing is said now.
    fn archive_step(&mut self, now: Time, id: HttpId, http: &mut HttpConnection) -> bool {
        let Some(GuestWork::Read(reading)) = self.doing.get_mut(&id) else { return false };
        let Some(archive) = reading.archive.as_mut().filter(|_| reading.wanted.is_none()) else {
            return false;
        };
        match archive.next(&self.crcs) {
            ArchiveStep::Bytes(bytes) => {
                if let Some(head) = reading.head.take() {
                    http.answer(now, head);
                }
                http.push(now, bytes);
                true
            }
            ArchiveStep::Read { id: content, range } => {
                reading.wanted = Some((content, range));
                self.waiting.push_back(id);
                self.begin_reads();
                true
            }
            ArchiveStep::End => {
                self.read_ended(now, id, http);
                false
            }
        }
    }

    fn read_ended(&mut self, now: Time, id: HttpId, http: &mut HttpConnection) {
        http.end(now);
        self.doing.remove(&id);
        self.read_over(id);
    }

    fn read_failed(&mut self, now: Time, id: HttpId, http: &mut HttpConnection, why: Option<&str>) {
        let Some(GuestWork::Read(reading)) = self.doing.remove(&id) else { return };
        match reading.head {
            Some(_) => {
                let why = why.unwrap_or("that cannot be read now");
                http.answer(now, refused(Status::ServiceUnavailable, why, serde_json::json!({})));
            }
            // Its length was promised: that something is missing is seen by the end of the connection.
            None => http.abort(),
        }
        self.read_over(id);
    }

    /// Nothing is read for this connection any more: others have its place.
    pub(super) fn read_over(&mut self, id: HttpId) {
        self.waiting.retain(|waiting| *waiting != id);
        self.begin_reads();
    }
}
