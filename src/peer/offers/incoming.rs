//! What others want to send to this peer: page by page until an offer is whole, then until it is accepted or rejected,
//! and a while longer, for its sender may ask once more what became of it. Pure.
//!
//! What strangers can make this peer hold is charged to their hosts ([`limits::OFFERS_HELD`]). What was accepted is
//! charged to nobody: the user wanted it.

use std::collections::{BTreeMap, BTreeSet};

use crate::accounts::{Account, AccountHost, Grant, Payer};
use crate::content::SafePath;
use crate::identity::PeerId;
use crate::peer::limits;
use crate::peer::offers::OfferSum;
use crate::settings::AcceptPolicy;
use crate::swarm::JobId;
use crate::time::Time;
use crate::wire::message::{OfferFiles, OfferWord, OfferedFile};

/// How an offer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::peer) enum IncomingStage {
    /// Some of its pages came.
    Coming,
    /// The user is to decide.
    Waiting,
    /// It is fetched by this download.
    Accepted(JobId),
    /// It is over, and this is what its sender is told of it.
    Over(OfferWord),
}

/// One offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::peer) struct IncomingOffer {
    /// Who wants to send it.
    pub(in crate::peer) from: PeerId,
    /// Its name, as it was then.
    pub(in crate::peer) name: String,
    /// Where it was.
    pub(super) host: AccountHost,
    /// The number that the offer has there.
    pub(super) theirs: u64,
    pub(in crate::peer) files: Vec<OfferedFile>,
    /// Empty folders.
    pub(in crate::peer) folders: Vec<SafePath>,
    /// Files and folders in all, by the word of its sender.
    pub(super) total: u64,
    /// What it is, once it is whole; its files are forgotten once they are in the queue, or it is over.
    pub(in crate::peer) sum: OfferSum,
    /// When its first page came, milliseconds since 1970.
    pub(super) came: u64,
    /// When it was over, milliseconds since 1970: its sender may ask for as long again what became of it.
    pub(super) ended: u64,
    pub(in crate::peer) stage: IncomingStage,
}

impl IncomingOffer {
    /// What is charged for it.
    fn cost(&self) -> u64 {
        let files = self.files.iter().map(|file| file.path.as_str().len() + limits::OFFERED_FILE);
        let folders = self.folders.iter().map(|path| path.as_str().len() + limits::OFFERED_FILE);
        files.chain(folders).fold(limits::OFFER_ROW, |sum, bytes| sum.saturating_add(bytes as u64))
    }

    fn count(&self) -> u64 {
        (self.files.len() + self.folders.len()) as u64
    }

    /// When it is to be decided or forgotten, milliseconds since 1970.
    fn due_at(&self) -> Option<u64> {
        let stays = match self.stage {
            IncomingStage::Coming => limits::OFFER_COMES,
            IncomingStage::Waiting | IncomingStage::Over(_) => limits::OFFER_STAYS,
            IncomingStage::Accepted(_) => return None,
        };
        Some(self.came.max(self.ended).saturating_add(stays))
    }

    /// True if each path can lie beside the others.
    fn is_possible(&self) -> bool {
        let files = self.files.iter().map(|file| &file.path);
        let mut files: BTreeSet<&SafePath> = files.collect();
        if files.len() != self.files.len() {
            return false;
        }
        let is_below_file = |path: &SafePath| {
            let above = core::iter::successors(path.parent(), SafePath::parent);
            above.into_iter().any(|above| files.contains(&above))
        };
        let all = self.files.iter().map(|file| &file.path).chain(&self.folders);
        let are_apart = !all.into_iter().any(is_below_file);
        are_apart && self.folders.iter().all(|folder| files.insert(folder))
    }
}

/// Who says a page.
#[derive(Clone, Debug)]
pub(super) struct Offerer {
    /// To whom it is charged.
    pub(super) payer: Payer<PeerId>,
    /// Its name.
    pub(super) name: String,
}

/// What a page makes of an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PageTaken {
    /// More is to come, or it was known.
    Nothing,
    /// Its sender is to be told this.
    Say(OfferWord),
    /// It is whole, and has this number here.
    Whole(u64),
}

/// An offer that had to make place, and is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OfferGone {
    /// Its number here.
    pub(super) number: u64,
    /// Who made it.
    pub(super) from: PeerId,
    /// The number that the offer has there.
    pub(super) theirs: u64,
    /// Nobody decided about it yet: its sender is told.
    pub(super) is_undecided: bool,
}

/// All of them, by the numbers that users type.
#[derive(Debug)]
pub(in crate::peer) struct IncomingOffers {
    all: BTreeMap<u64, IncomingOffer>,
    by_sender: BTreeMap<(PeerId, u64), u64>,
    /// Those that are fetched. Strangers can make `all` long: what happens often looks here and at `due`.
    by_job: BTreeMap<JobId, u64>,
    /// When each is to be decided or forgotten, milliseconds since 1970, and its number.
    due: BTreeSet<(u64, u64)>,
    held: Account<PeerId, u64>,
}

impl Default for IncomingOffers {
    fn default() -> Self {
        Self {
            all: BTreeMap::new(),
            by_sender: BTreeMap::new(),
            by_job: BTreeMap::new(),
            due: BTreeSet::new(),
            held: Account::new(limits::OFFERS_HELD, limits::OFFERS_HELD_OF_HOST),
        }
    }
}

impl IncomingOffers {
    /// One of an earlier start. Returns those for which there is no place, because that start took more: itself, or
    /// others.
    pub(super) fn restore(&mut self, now: Time, number: u64, offer: IncomingOffer) -> Vec<OfferGone> {
        self.insert(number, offer);
        self.make_place(now, number)
    }

    fn insert(&mut self, number: u64, offer: IncomingOffer) {
        self.by_sender.insert((offer.from, offer.theirs), number);
        self.note_stage(number, &offer);
        self.all.insert(number, offer);
    }

    fn note_stage(&mut self, number: u64, offer: &IncomingOffer) {
        self.due.extend(offer.due_at().map(|due| (due, number)));
        if let IncomingStage::Accepted(job) = offer.stage {
            self.by_job.insert(job, number);
        }
    }

    fn forget_stage(&mut self, number: u64, offer: &IncomingOffer) {
        if let Some(due) = offer.due_at() {
            self.due.remove(&(due, number));
        }
        if let IncomingStage::Accepted(job) = offer.stage {
            self.by_job.remove(&job);
        }
    }

    /// It stands so from `date` on, if there is one of this number.
    fn stand(&mut self, number: u64, date: u64, stage: IncomingStage) -> Option<&mut IncomingOffer> {
        let mut offer = self.all.remove(&number)?;
        self.forget_stage(number, &offer);
        offer.stage = stage;
        if matches!(stage, IncomingStage::Over(_)) {
            offer.ended = date;
        }
        self.note_stage(number, &offer);
        Some(self.all.entry(number).or_insert(offer))
    }

    /// The offer of this number.
    pub(in crate::peer) fn get(&self, number: u64) -> Option<&IncomingOffer> {
        self.all.get(&number)
    }

    /// The offers that users see, by their numbers.
    pub(in crate::peer) fn shown(&self) -> impl Iterator<Item = (u64, &IncomingOffer)> {
        let shown = self.all.iter().filter(|(_, offer)| offer.stage != IncomingStage::Coming);
        shown.map(|(number, offer)| (*number, offer))
    }

    /// Those that the user is to decide about.
    pub(in crate::peer) fn waiting(&self) -> impl Iterator<Item = u64> {
        self.shown().filter(|(_, offer)| offer.stage == IncomingStage::Waiting).map(|(number, _)| number)
    }

    /// The number of an offer that its sender calls so.
    pub(super) fn find(&self, from: PeerId, theirs: u64) -> Option<u64> {
        self.by_sender.get(&(from, theirs)).copied()
    }

    /// What that peer offers and is not over, by the numbers that it has there.
    pub(super) fn open_of(&self, peer: PeerId) -> Vec<u64> {
        let open = self.of_peer(peer).filter(|(_, stage)| !matches!(stage, IncomingStage::Over(_)));
        open.filter_map(|(number, _)| Some(self.get(number)?.theirs)).collect()
    }

    /// The offer that a download fetches.
    pub(super) fn of_job(&self, job: JobId) -> Option<u64> {
        self.by_job.get(&job).copied()
    }

    /// The offers that are fetched, and the download of each.
    pub(super) fn accepted(&self) -> impl Iterator<Item = (JobId, u64)> {
        self.by_job.iter().map(|(job, number)| (*job, *number))
    }

    /// True if one more of this host may be fetched that no user accepted: so few are fetched of it, and of all.
    pub(super) fn may_take(&self, number: u64) -> bool {
        let Some(host) = self.get(number).map(|offer| offer.host) else { return false };
        let of_host = self.by_job.values().filter_map(|number| self.get(*number)).filter(|o| o.host == host);
        self.by_job.len() < limits::OFFERS_TAKEN && of_host.count() < limits::OFFERS_TAKEN_OF_HOST
    }

    /// A page came at `date` (milliseconds since 1970) of an offer that has the number `new` if it is one more.
    /// Returns what becomes of it, and those that had to make place, whose senders are told.
    pub(super) fn handle_page(
        &mut self,
        now: Time,
        date: u64,
        new: u64,
        from: Offerer,
        page: OfferFiles,
        policy: AcceptPolicy,
    ) -> (PageTaken, Vec<OfferGone>) {
        let Offerer { payer, name } = from;
        let known = self.find(payer.peer, page.number);
        let stage = known.and_then(|number| self.get(number)).map(|offer| offer.stage);
        let number = match (known, stage) {
            (_, Some(IncomingStage::Waiting)) => return (PageTaken::Nothing, Vec::new()),
            (_, Some(IncomingStage::Accepted(_))) => {
                return (PageTaken::Say(OfferWord::Accepted), Vec::new());
            }
            (_, Some(IncomingStage::Over(word))) => return (PageTaken::Say(word), Vec::new()),
            (Some(number), Some(IncomingStage::Coming)) => number,
            _ if policy == AcceptPolicy::None => return (PageTaken::Say(OfferWord::Rejected), Vec::new()),
            _ if page.at > 0 => return (PageTaken::Say(OfferWord::Lost), Vec::new()),
            _ => {
                self.forget_coming(payer.peer);
                if self.waiting_of(payer.peer) >= limits::OFFERS_OF_PEER {
                    return (PageTaken::Say(OfferWord::Full), Vec::new());
                }
                let offer = IncomingOffer {
                    from: payer.peer,
                    name,
                    host: payer.host,
                    theirs: page.number,
                    files: Vec::new(),
                    folders: Vec::new(),
                    total: page.files.saturating_add(page.folders),
                    sum: OfferSum::default(),
                    came: date,
                    ended: 0,
                    stage: IncomingStage::Coming,
                };
                self.insert(new, offer);
                new
            }
        };
        self.add_page(now, date, number, page)
    }

    fn add_page(
        &mut self,
        now: Time,
        date: u64,
        number: u64,
        page: OfferFiles,
    ) -> (PageTaken, Vec<OfferGone>) {
        let Some(offer) = self.all.get_mut(&number) else { return (PageTaken::Nothing, Vec::new()) };
        if page.at == 0 {
            // Its sender begins again.
            offer.files.clear();
            offer.folders.clear();
        }
        let end = page.at.saturating_add((page.page.len() + page.page_folders.len()) as u64);
        if page.at != offer.count() || end > offer.total {
            self.forget(number);
            return (PageTaken::Say(OfferWord::Lost), Vec::new());
        }
        offer.files.extend(page.page);
        offer.folders.extend(page.page_folders);
        let is_whole = offer.count() == offer.total;
        if is_whole && !offer.is_possible() {
            self.forget(number);
            return (PageTaken::Say(OfferWord::Rejected), Vec::new());
        }
        let Some(gone) = self.charge(now, number) else {
            self.forget(number);
            return (PageTaken::Say(OfferWord::Full), Vec::new());
        };
        let gone = self.forget_all(gone);
        if !is_whole {
            return (PageTaken::Nothing, gone);
        }
        if let Some(offer) = self.stand(number, date, IncomingStage::Waiting) {
            let paths = offer.files.iter().map(|file| (&file.path, file.size));
            offer.sum = OfferSum::of(paths, &offer.folders);
        }
        (PageTaken::Whole(number), gone)
    }

    /// It stands so from now on, at `date`. Once it is decided, its files are forgotten here. Returns those that had to
    /// make place: what was accepted is charged again when it is over. Perhaps it is forgotten itself.
    pub(super) fn set_stage(
        &mut self,
        now: Time,
        date: u64,
        number: u64,
        stage: IncomingStage,
    ) -> Vec<OfferGone> {
        let Some(offer) = self.stand(number, date, stage) else { return Vec::new() };
        if matches!(stage, IncomingStage::Waiting | IncomingStage::Coming) {
            return Vec::new();
        }
        (offer.files, offer.folders) = (Vec::new(), Vec::new());
        if matches!(stage, IncomingStage::Accepted(_)) {
            self.held.free(number);
        }
        self.make_place(now, number)
    }

    /// Those that are to be decided or to be forgotten by this date: `expired` were not decided, the others are over.
    pub(super) fn due(&self, date: u64) -> Vec<(u64, IncomingStage)> {
        let due = self.due.range(..=(date, u64::MAX));
        due.filter_map(|(_, number)| Some((*number, self.get(*number)?.stage))).collect()
    }

    /// Milliseconds until one of them is due.
    pub(super) fn due_in(&self, date: u64) -> Option<u64> {
        self.due.first().map(|(due, _)| due.saturating_sub(date))
    }

    /// Nothing is known of it any more.
    pub(super) fn forget(&mut self, number: u64) -> Option<IncomingOffer> {
        let offer = self.all.remove(&number)?;
        self.forget_stage(number, &offer);
        self.by_sender.remove(&(offer.from, offer.theirs));
        self.held.free(number);
        Some(offer)
    }

    fn forget_all(&mut self, numbers: Vec<u64>) -> Vec<OfferGone> {
        let gone = numbers.into_iter().filter_map(|number| {
            let offer = self.forget(number)?;
            let is_undecided = matches!(offer.stage, IncomingStage::Coming | IncomingStage::Waiting);
            Some(OfferGone { number, from: offer.from, theirs: offer.theirs, is_undecided })
        });
        gone.collect()
    }

    /// Who begins another offer does not go on with the one before.
    fn forget_coming(&mut self, peer: PeerId) {
        let coming = self.of_peer(peer).filter(|(_, stage)| *stage == IncomingStage::Coming);
        let coming: Vec<u64> = coming.map(|(number, _)| number).collect();
        for number in coming {
            self.forget(number);
        }
    }

    fn waiting_of(&self, peer: PeerId) -> usize {
        self.of_peer(peer).filter(|(_, stage)| *stage == IncomingStage::Waiting).count()
    }

    fn of_peer(&self, peer: PeerId) -> impl Iterator<Item = (u64, IncomingStage)> {
        let of = self.by_sender.range((peer, 0)..=(peer, u64::MAX));
        of.filter_map(|(_, number)| Some((*number, self.get(*number)?.stage)))
    }

    /// Charges what it takes; if there is no place for that, it is forgotten.
    fn make_place(&mut self, now: Time, number: u64) -> Vec<OfferGone> {
        let gone = self.charge(now, number).unwrap_or_else(|| vec![number]);
        self.forget_all(gone)
    }

    /// Charges what it takes. Returns those that yield and are to be forgotten. `None`: there is no place for that.
    fn charge(&mut self, now: Time, number: u64) -> Option<Vec<u64>> {
        let offer = self.all.get(&number)?;
        if matches!(offer.stage, IncomingStage::Accepted(_)) {
            return Some(Vec::new());
        }
        let payer = Payer { host: offer.host, peer: offer.from };
        let Grant::Given(gone) = self.held.charge(now, payer, number, offer.cost()) else { return None };
        self.check();
        Some(gone)
    }

    /// In a debug build: what is charged is what is held. What yielded is given up by the caller.
    fn check(&self) {
        debug_assert!(self.held.held() <= limits::OFFERS_HELD, "offers are bounded");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::FileId;

    const NOW: Time = Time(1);
    const DATE: u64 = 1_000_000_000;

    fn payer(host: u8, peer: u16) -> Payer<PeerId> {
        let mut id = [host; 32];
        id[..2].copy_from_slice(&peer.to_be_bytes());
        Payer { host: AccountHost::V4([10, 0, 0, host].into()), peer: PeerId(id) }
    }

    fn file(path: &str) -> OfferedFile {
        OfferedFile {
            path: path.parse().unwrap(),
            id: FileId([1; 32]),
            size: 10,
            modified: 0,
            executable: false,
        }
    }

    fn page(number: u64, files: u64, at: u64, paths: &[&str]) -> OfferFiles {
        let page = paths.iter().map(|path| file(path)).collect();
        OfferFiles { request: 0, number, files, folders: 0, bytes: 0, at, page, page_folders: Vec::new() }
    }

    fn offerer(payer: Payer<PeerId>) -> Offerer {
        Offerer { payer, name: "anna".into() }
    }

    fn take(all: &mut IncomingOffers, new: u64, by: Payer<PeerId>, page: OfferFiles) -> PageTaken {
        all.handle_page(NOW, DATE, new, offerer(by), page, AcceptPolicy::Ask).0
    }

    #[test]
    fn an_offer_comes_in_pages_and_is_whole_once() {
        let (mut all, anna) = (IncomingOffers::default(), payer(1, 1));
        assert_eq!(take(&mut all, 1, anna, page(7, 3, 0, &["a", "b"])), PageTaken::Nothing);
        assert_eq!(all.shown().count(), 0, "half an offer is not shown");
        assert_eq!(take(&mut all, 2, anna, page(7, 3, 2, &["c"])), PageTaken::Whole(1));
        assert_eq!(take(&mut all, 2, anna, page(7, 3, 0, &["a"])), PageTaken::Nothing);
        assert_eq!((all.get(1).unwrap().sum.bytes, all.waiting().collect::<Vec<_>>()), (30, vec![1]));
        all.set_stage(NOW, DATE, 1, IncomingStage::Accepted(JobId(4)));
        assert_eq!(take(&mut all, 2, anna, page(7, 3, 0, &["a"])), PageTaken::Say(OfferWord::Accepted));
        assert_eq!((all.of_job(JobId(4)), all.held.held()), (Some(1), 0));
        all.set_stage(NOW, DATE, 1, IncomingStage::Over(OfferWord::Done));
        assert_eq!(take(&mut all, 2, anna, page(7, 3, 0, &["a"])), PageTaken::Say(OfferWord::Done));
    }

    #[test]
    fn a_page_that_does_not_follow_begins_nothing() {
        let (mut all, anna) = (IncomingOffers::default(), payer(1, 1));
        assert_eq!(take(&mut all, 1, anna, page(7, 3, 1, &["b"])), PageTaken::Say(OfferWord::Lost));
        take(&mut all, 1, anna, page(7, 3, 0, &["a"]));
        assert_eq!(take(&mut all, 2, anna, page(7, 3, 2, &["c"])), PageTaken::Say(OfferWord::Lost));
        assert_eq!((all.all.len(), all.held.held()), (0, 0));
        // One that grows beyond what it said is none.
        take(&mut all, 1, anna, page(7, 2, 0, &["a"]));
        assert_eq!(take(&mut all, 2, anna, page(7, 9, 1, &["b", "c"])), PageTaken::Say(OfferWord::Lost));
    }

    #[test]
    fn paths_that_cannot_lie_beside_each_other_are_rejected() {
        for paths in [["a", "a"], ["a", "a/b"], ["a/b/c", "a"]] {
            let mut all = IncomingOffers::default();
            let taken = take(&mut all, 1, payer(1, 1), page(7, 2, 0, &paths));
            assert_eq!(taken, PageTaken::Say(OfferWord::Rejected), "{paths:?}");
            assert!(all.all.is_empty());
        }
        let mut all = IncomingOffers::default();
        let with_folder =
            OfferFiles { folders: 1, page_folders: vec!["a".parse().unwrap()], ..page(7, 1, 0, &["a/b"]) };
        assert_eq!(take(&mut all, 1, payer(1, 1), with_folder), PageTaken::Whole(1));
    }

    #[test]
    fn nobody_is_heard_who_is_not_wanted() {
        let mut all = IncomingOffers::default();
        let taken =
            all.handle_page(NOW, DATE, 1, offerer(payer(1, 1)), page(7, 1, 0, &["a"]), AcceptPolicy::None);
        assert_eq!((taken.0, all.all.len()), (PageTaken::Say(OfferWord::Rejected), 0));
    }

    #[test]
    fn a_peer_has_a_few_offers_and_one_that_is_still_coming() {
        let (mut all, anna) = (IncomingOffers::default(), payer(1, 1));
        for n in 0..100 {
            take(&mut all, n, anna, page(n + 1, 1, 0, &["a"]));
            take(&mut all, 1_000 + n, anna, page(1_000 + n, 2, 0, &["a"]));
        }
        assert_eq!(all.waiting().count(), limits::OFFERS_OF_PEER);
        assert_eq!(all.all.len(), limits::OFFERS_OF_PEER, "each offer took the place of the half one");
        assert_eq!(take(&mut all, 999, anna, page(9_999, 1, 0, &["a"])), PageTaken::Say(OfferWord::Full));
    }

    #[test]
    fn a_host_with_any_number_of_keys_leaves_the_others_their_share() {
        let mut all = IncomingOffers::default();
        let long = "x".repeat(200);
        let paths: Vec<String> = (0..40).map(|n| format!("{long}/{n}")).collect();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let mut n = 0;
        for peer in 0..2_000 {
            n += 1;
            take(&mut all, n, payer(9, peer), page(1, 40, 0, &paths));
        }
        assert!(all.held.held() <= limits::OFFERS_HELD);
        let before = all.all.len();
        for host in 1..5 {
            n += 1;
            let taken = take(&mut all, n, payer(host, 1), page(1, 40, 0, &paths));
            assert_eq!(taken, PageTaken::Whole(n), "host {host}");
        }
        assert!(all.all.len() <= before, "who held most made place");
    }

    #[test]
    fn what_is_over_is_bounded_however_much_was_accepted() {
        let mut all = IncomingOffers::default();
        let most = limits::OFFERS_HELD / limits::OFFER_ROW;
        for n in 1..=most + 10 {
            // Each at a host of its own: nobody is above its share.
            let host = AccountHost::V4(u32::try_from(n).unwrap().into());
            let by = Payer { host, ..payer(1, n.try_into().unwrap()) };
            assert_eq!(take(&mut all, n, by, page(n, 1, 0, &["a"])), PageTaken::Whole(n));
            assert!(all.set_stage(NOW, DATE, n, IncomingStage::Accepted(JobId(n))).is_empty());
        }
        assert_eq!((all.all.len() as u64, all.held.held()), (most + 10, 0));
        let gone =
            (1..=most + 10).map(|n| all.set_stage(NOW, DATE, n, IncomingStage::Over(OfferWord::Done)).len());
        assert_eq!(gone.sum::<usize>(), 10);
        assert_eq!((all.all.len() as u64, all.by_sender.len() as u64), (most, most));
        assert_eq!(all.held.held(), limits::OFFERS_HELD);
    }

    #[test]
    fn what_nobody_decides_is_due_after_a_day_and_half_an_offer_after_a_minute() {
        let (mut all, anna) = (IncomingOffers::default(), payer(1, 1));
        take(&mut all, 1, anna, page(1, 1, 0, &["a"]));
        take(&mut all, 2, anna, page(2, 2, 0, &["a"]));
        assert_eq!(all.due_in(DATE), Some(limits::OFFER_COMES));
        assert_eq!(all.due(DATE + limits::OFFER_COMES), [(2, IncomingStage::Coming)]);
        all.forget(2);
        assert!(all.due(DATE + limits::OFFER_STAYS - 1).is_empty());
        assert_eq!(all.due(DATE + limits::OFFER_STAYS), [(1, IncomingStage::Waiting)]);
        assert!(
            all.set_stage(NOW, DATE + limits::OFFER_STAYS, 1, IncomingStage::Over(OfferWord::Expired))
                .is_empty()
        );
        assert!(all.due(DATE + limits::OFFER_STAYS).is_empty());
        assert_eq!(all.due(DATE + 2 * limits::OFFER_STAYS).len(), 1);
    }
}
