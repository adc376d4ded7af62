//! What this peer wants to send to others: it is read and hashed, offered page by page, and given to whoever it is for
//! until that has it, does not want it, or the time is over. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::telling::state_of;
use crate::content::{FileId, SafePath};
use crate::control::OfferState;
use crate::error::{Code, Failure};
use crate::identity::PeerId;
use crate::library::sending::{SendRoot, SentContent, SentFile};
use crate::peer::event::AskId;
use crate::peer::limits;
use crate::peer::offers::OfferSum;
use crate::sender::GivenFiles;
use crate::time::Time;
use crate::wire::message::{OfferFiles, OfferWord, OfferedFile};

/// How often an offer is begun again, at most, because the other peer knows nothing of its first pages.
const RESTARTS: u32 = 3;

/// How an offer stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::peer) enum OutgoingStage {
    /// It is being read: so many bytes of so many.
    Reading { done: u64, bytes: u64 },
    /// Its page from this file or folder on is to be said, or is on its way.
    Offering { at: u64 },
    /// The other peer has it, and is to decide.
    Offered,
    /// The other peer fetches it.
    Accepted,
    /// It is over; `None`: the other peer has all of it.
    Over(Option<Failure>),
}

/// What is offered, in short: it tells an offer from one of other files or of other contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ContentDigest(#[serde(with = "serde_bytes")] [u8; 32]);

impl ContentDigest {
    fn of(content: &SentContent) -> Self {
        let mut hasher = blake3::Hasher::new();
        // Each path ends where no path can go on.
        let mut add = |path: &SafePath, id: &[u8]| {
            hasher.update(path.as_str().as_bytes()).update(b"\0").update(id);
        };
        for sent in &content.files {
            add(&sent.path, &sent.file.manifest.file().0);
        }
        content.folders.iter().for_each(|folder| add(folder, &[]));
        Self(*hasher.finalize().as_bytes())
    }
}

/// What a user wants to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::peer) struct SendOrder {
    pub(in crate::peer) to: PeerId,
    /// Its name, as it is shown: escaped, and with some of the id if another one is called like it.
    pub(in crate::peer) name: String,
    pub(in crate::peer) paths: Vec<PathBuf>,
    /// When it is given up, milliseconds since 1970, if nobody accepted it by then.
    pub(in crate::peer) until: u64,
}

/// One offer.
#[derive(Debug)]
pub(in crate::peer) struct OutgoingOffer {
    pub(in crate::peer) order: SendOrder,
    /// The number by which the other peer knows it.
    pub(super) wire: u64,
    /// When it was made, milliseconds since 1970.
    pub(super) made: u64,
    pub(in crate::peer) stage: OutgoingStage,
    pub(in crate::peer) sum: OfferSum,
    /// Files and folders that are not sent.
    pub(in crate::peer) left_out: u64,
    /// Bytes of it that were sent, those that were sent twice included.
    pub(super) sent: u64,
    /// Where what it is of lies.
    pub(super) roots: Vec<SendRoot>,
    content: SentContent,
    /// The contents of it.
    ids: BTreeSet<FileId>,
    /// Who waits for its end.
    pub(super) watchers: Vec<AskId>,
    /// When it was told last how far it is.
    pub(super) told: Option<Time>,
    /// The other peer said that it accepted it, perhaps before this peer was started again.
    pub(super) was_accepted: bool,
    /// What was offered, once the other peer may know of it, perhaps before this peer was started again: what is read then
    /// must be the same.
    pub(super) said: Option<ContentDigest>,
    /// How it ended, if it was not all taken.
    pub(super) ended: OfferState,
    /// How often it was begun again because the other peer knows nothing of it.
    pub(super) restarts: u32,
}

impl OutgoingOffer {
    pub(super) fn new(order: SendOrder, wire: u64, made: u64) -> Self {
        Self {
            order,
            wire,
            made,
            stage: OutgoingStage::Reading { done: 0, bytes: 0 },
            sum: OfferSum::default(),
            left_out: 0,
            sent: 0,
            roots: Vec::new(),
            content: nothing(),
            ids: BTreeSet::new(),
            watchers: Vec::new(),
            told: None,
            was_accepted: false,
            said: None,
            ended: OfferState::Failed,
            restarts: 0,
        }
    }

    /// The names at its top.
    pub(super) fn what(&self) -> String {
        if !self.sum.what.is_empty() {
            return self.sum.what.clone();
        }
        // It is still being read.
        let names = self.order.paths.iter().map(|path| {
            let name = path.file_name().unwrap_or(path.as_os_str());
            name.to_string_lossy().into_owned()
        });
        let mut names: Vec<String> = names.take(4).collect();
        if self.order.paths.len() > 3 {
            names.truncate(3);
            let more = crate::text::number(self.order.paths.len() as u64 - 3);
            return format!("{} and {more} more", names.join(", "));
        }
        names.join(", ")
    }

    /// Bytes of it that the other peer has, as far as that is known.
    pub(in crate::peer) fn done(&self) -> u64 {
        match self.stage {
            OutgoingStage::Over(None) => self.sum.bytes,
            _ => self.sent.min(self.sum.bytes),
        }
    }

    /// True once nothing happens to it any more.
    pub(in crate::peer) const fn is_over(&self) -> bool {
        matches!(self.stage, OutgoingStage::Over(_))
    }

    /// True if the other peer may have it now.
    const fn is_given(&self) -> bool {
        matches!(
            self.stage,
            OutgoingStage::Offering { .. } | OutgoingStage::Offered | OutgoingStage::Accepted
        )
    }

    /// All of it can be offered. False: something else was offered under its number before.
    pub(super) fn read(&mut self, content: SentContent) -> bool {
        if self.said.is_some_and(|said| said != ContentDigest::of(&content)) {
            return false;
        }
        let paths = content.files.iter().map(|sent| (&sent.path, sent.file.stamp.size));
        self.sum = OfferSum::of(paths, &content.folders);
        self.left_out = content.left_out;
        self.ids = content.files.iter().map(|sent| sent.file.manifest.file()).collect();
        self.content = content;
        self.stage = OutgoingStage::Offering { at: 0 };
        true
    }

    /// A page of it is on its way: from now on the other peer may know of it. False: that was so before.
    pub(super) fn note_said(&mut self) -> bool {
        let is_first = self.said.is_none();
        self.said.get_or_insert_with(|| ContentDigest::of(&self.content));
        is_first
    }

    /// The page that is to be said, if one is.
    pub(super) fn page(&self) -> Option<OfferFiles> {
        let OutgoingStage::Offering { at } = self.stage else { return None };
        let mut page = OfferFiles {
            request: 0,
            number: self.wire,
            files: self.content.files.len() as u64,
            folders: self.content.folders.len() as u64,
            bytes: self.sum.bytes,
            at,
            page: Vec::new(),
            page_folders: Vec::new(),
        };
        let mut bytes = 0;
        let first = usize::try_from(at).unwrap_or(usize::MAX);
        for sent in self.content.files.iter().skip(first) {
            bytes += sent.path.as_str().len() + limits::OFFERED_FILE;
            if bytes > limits::OFFER_PAGE && !page.page.is_empty() {
                return Some(page);
            }
            page.page.push(offered(sent));
        }
        let first = first.saturating_sub(self.content.files.len());
        for folder in self.content.folders.iter().skip(first) {
            bytes += folder.as_str().len() + limits::OFFERED_FILE;
            if bytes > limits::OFFER_PAGE && !(page.page.is_empty() && page.page_folders.is_empty()) {
                return Some(page);
            }
            page.page_folders.push(folder.clone());
        }
        (!(page.page.is_empty() && page.page_folders.is_empty())).then_some(page)
    }

    /// A page of it came.
    pub(super) fn page_came(&mut self, page: &OfferFiles) {
        let OutgoingStage::Offering { at } = &mut self.stage else { return };
        if *at != page.at {
            return;
        }
        *at += (page.page.len() + page.page_folders.len()) as u64;
        if *at >= page.files.saturating_add(page.folders) {
            self.stage = if self.was_accepted { OutgoingStage::Accepted } else { OutgoingStage::Offered };
        }
    }

    /// The other peer says what became of it. False: that changes nothing.
    pub(super) fn heard(&mut self, word: OfferWord) -> bool {
        let before = self.stage.clone();
        if self.is_over() || matches!(before, OutgoingStage::Reading { .. }) && word == OfferWord::Lost {
            return false;
        }
        let over = |failure| OutgoingStage::Over(Some(failure));
        let name = &self.order.name;
        self.stage = match word {
            OfferWord::Accepted => {
                self.was_accepted = true;
                match before {
                    OutgoingStage::Reading { .. } => before.clone(),
                    _ => OutgoingStage::Accepted,
                }
            }
            OfferWord::Done => OutgoingStage::Over(None),
            OfferWord::Rejected => over(Failure::other(format!("{name} rejected it"))),
            OfferWord::Full => {
                over(Failure::new(Code::Full, format!("too many offers wait at {name}; try again later")))
            }
            OfferWord::Lost if self.restarts >= RESTARTS => {
                over(Failure::other(format!("{name} takes nothing of the offer")))
            }
            OfferWord::Lost => {
                self.restarts += 1;
                OutgoingStage::Offering { at: 0 }
            }
            OfferWord::Stopped => over(Failure::other(format!("{name} stopped the download"))),
            OfferWord::Expired => {
                over(Failure::new(Code::NoHolder, format!("{name} did not answer within a day")))
            }
            OfferWord::Withdrawn | OfferWord::Other => return false,
        };
        if matches!(self.stage, OutgoingStage::Over(_)) {
            self.ended = state_of(word);
        }
        self.stage != before || word == OfferWord::Accepted && !matches!(before, OutgoingStage::Accepted)
    }

    /// It is over, for this reason.
    pub(super) fn end(&mut self, ended: OfferState, failure: Failure) {
        (self.stage, self.ended) = (OutgoingStage::Over(Some(failure)), ended);
    }

    /// Bytes of one of its contents were sent to whom it is for. What was sent before it was accepted was sent for another
    /// offer of the same content.
    pub(super) fn was_sent(&mut self, file: FileId, bytes: u64) -> bool {
        let is_of = self.was_accepted && self.ids.contains(&file) && !self.is_over();
        if is_of {
            self.sent = self.sent.saturating_add(bytes);
        }
        is_of
    }

    /// True if the sender's reader found that this file of it is not what it was.
    pub(super) fn has_listed(&self, path: &SafePath) -> bool {
        self.content.files.iter().any(|sent| sent.file.path == *path)
    }

    /// What it held is let go, once it is over.
    pub(super) fn release(&mut self) {
        (self.content, self.ids) = (nothing(), BTreeSet::new());
    }
}

/// What is offered of what was not read yet, or is over.
const fn nothing() -> SentContent {
    SentContent { files: Vec::new(), folders: Vec::new(), left_out: 0 }
}

fn offered(sent: &SentFile) -> OfferedFile {
    OfferedFile {
        path: sent.path.clone(),
        id: sent.file.manifest.file(),
        size: sent.file.stamp.size,
        modified: sent.file.stamp.modified_millis(),
        executable: sent.executable,
    }
}

/// All of them, by the numbers that users see.
#[derive(Debug, Default)]
pub(in crate::peer) struct OutgoingOffers {
    pub(super) all: BTreeMap<u64, OutgoingOffer>,
}

impl OutgoingOffers {
    /// How many are not over.
    pub(super) fn n_open(&self) -> usize {
        self.all.values().filter(|offer| !offer.is_over()).count()
    }

    /// True if there is one of this number that is not over.
    pub(in crate::peer) fn is_open(&self, number: u64) -> bool {
        self.all.get(&number).is_some_and(|offer| !offer.is_over())
    }

    /// The one that the other peer calls so.
    pub(super) fn find(&self, to: PeerId, wire: u64) -> Option<u64> {
        let found = self.all.iter().find(|(_, offer)| offer.order.to == to && offer.wire == wire);
        found.map(|(number, _)| *number)
    }

    /// The files that are given now, and to whom each content.
    pub(super) fn given(&self) -> (Vec<Arc<crate::library::SharedFile>>, Vec<SendRoot>, GivenFiles) {
        let (mut files, mut roots) = (Vec::new(), Vec::new());
        let mut given: GivenFiles = BTreeMap::new();
        for offer in self.all.values().filter(|offer| offer.is_given()) {
            roots.extend(offer.roots.iter().cloned());
            for sent in &offer.content.files {
                let id = sent.file.manifest.file();
                given.entry(id).or_default().insert(offer.order.to);
                files.push(Arc::clone(&sent.file));
            }
        }
        (files, roots, given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::Stamp;
    use crate::library::SharedFile;

    fn sent(path: &str) -> SentFile {
        let manifest = crate::library::manifest_of(path.as_bytes(), path.len() as u64).unwrap();
        let stamp = Stamp { device: 1, inode: 1, size: path.len() as u64, modified: 5_000_000, changed: 0 };
        let file = SharedFile {
            path: format!(".potluck-send-1-0/{path}").parse().unwrap(),
            stamp,
            manifest: Arc::new(manifest),
            since: 0,
        };
        SentFile { path: path.parse().unwrap(), executable: false, file: Arc::new(file) }
    }

    fn offer(files: usize, folders: &[&str]) -> OutgoingOffer {
        let order =
            SendOrder { to: PeerId([1; 32]), name: "anna".into(), paths: vec!["/x".into()], until: 9_000 };
        let mut offer = OutgoingOffer::new(order, 77, 5);
        let files = (0..files).map(|n| sent(&format!("{}/{n}", "d".repeat(200)))).collect();
        let folders = folders.iter().map(|path| path.parse().unwrap()).collect();
        assert!(offer.read(SentContent { files, folders, left_out: 0 }));
        offer
    }

    #[test]
    fn all_pages_together_are_the_offer_and_each_fits_a_frame() {
        let mut offer = offer(500, &["empty", "void"]);
        let (mut files, mut folders, mut pages) = (0, 0, 0);
        while let Some(page) = offer.page() {
            let header = crate::codec::encode(&page);
            assert!(header.len() <= crate::wire::limits::OFFER_HEADER, "{}", header.len());
            (files, folders, pages) = (files + page.page.len(), folders + page.page_folders.len(), pages + 1);
            offer.page_came(&page);
            // What comes twice counts once.
            offer.page_came(&page);
        }
        assert_eq!((files, folders, offer.stage.clone()), (500, 2, OutgoingStage::Offered));
        assert!(pages > 10, "{pages}");
    }

    #[test]
    fn what_was_said_stays_what_it_was() {
        let mut one = offer(2, &["empty"]);
        let content = one.content.clone();
        let less = SentContent { folders: Vec::new(), ..content.clone() };
        assert!(one.read(less.clone()) && one.read(content.clone()), "nobody knows of it yet");
        assert!(one.note_said() && !one.note_said());
        assert!(one.read(content.clone()) && !one.read(less));
        let other = SentContent { files: vec![content.files[0].clone(), sent("x")], ..content };
        assert!(!one.read(other));
    }

    #[test]
    fn an_offer_of_empty_folders_alone_is_one_too() {
        let mut offer = offer(0, &["empty"]);
        let page = offer.page().unwrap();
        assert_eq!((page.files, page.folders, page.page_folders.len()), (0, 1, 1));
        offer.page_came(&page);
        assert_eq!(offer.stage, OutgoingStage::Offered);
    }

    #[test]
    fn what_the_other_one_says_counts_until_it_is_over() {
        let mut one = offer(1, &[]);
        let id = one.content.files[0].file.manifest.file();
        assert!(!one.was_sent(id, 50), "that was for another one");
        assert!(one.heard(OfferWord::Accepted) && !one.heard(OfferWord::Accepted));
        assert!(!one.heard(OfferWord::Withdrawn) && !one.heard(OfferWord::Other));
        assert!(one.was_sent(id, 50) && !one.was_sent(FileId([0; 32]), 50));
        assert_eq!(one.done(), 50);
        assert!(one.heard(OfferWord::Done) && !one.heard(OfferWord::Rejected));
        assert_eq!((one.stage.clone(), one.done()), (OutgoingStage::Over(None), one.sum.bytes));
        for (word, code) in [
            (OfferWord::Rejected, Code::Failed),
            (OfferWord::Stopped, Code::Failed),
            (OfferWord::Full, Code::Full),
            (OfferWord::Expired, Code::NoHolder),
        ] {
            let mut one = offer(1, &[]);
            assert!(one.heard(word));
            let OutgoingStage::Over(Some(failure)) = one.stage else { panic!("{word:?}") };
            assert_eq!(failure.code, code);
        }
    }

    #[test]
    fn content_is_given_to_whom_it_is_offered_and_to_nobody_else() {
        let mut all = OutgoingOffers::default();
        all.all.insert(1, offer(2, &[]));
        let mut other = offer(1, &[]);
        other.order.to = PeerId([2; 32]);
        all.all.insert(2, other);
        let (files, _, given) = all.given();
        assert_eq!((files.len(), given.len()), (3, 2));
        assert_eq!(given.values().map(BTreeSet::len).sum::<usize>(), 3);
        for offer in all.all.values_mut() {
            offer.end(OfferState::Failed, Failure::other("x"));
        }
        assert!(all.given().2.is_empty());
    }
}
