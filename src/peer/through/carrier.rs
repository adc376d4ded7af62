//! What this peer fetches for others that cannot reach its owner: into the chunk store, within a part of what is
//! lent, for as long as somebody asks for it. Pure.
//!
//! The bytes are charged to whoever asked, and so is each fetch under way. When others are below their share,
//! or custody wants the space, this is what yields first.

use std::collections::BTreeMap;

use crate::accounts::{Account, Grant, Payer};
use crate::content::{Chunks, Claim, FileId};
use crate::identity::PeerId;
use crate::peer::custody::CarriedCopy;
use crate::peer::limits;
use crate::peer::swarms::is_worth;
use crate::receiver::through::ThroughFile;
use crate::swarm::JobId;
use crate::time::Time;
use crate::wire::message::Reason;

/// How far a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CarryState {
    /// So many bytes of it came.
    Fetching(JobId, u64),
    Whole,
    /// The owner did not give it.
    Failed,
}

/// A file that somebody asked for.
#[derive(Clone, Copy, Debug)]
struct CarriedFile {
    owner: PeerId,
    size: u64,
    state: CarryState,
    /// When somebody asked for it last.
    asked: Time,
}

impl CarriedFile {
    /// Bytes that whoever asks can have now.
    fn have(&self) -> Result<u64, Reason> {
        match self.state {
            CarryState::Whole => Ok(self.size),
            // Of a small one nothing is given before all of it is here.
            CarryState::Fetching(_, done) => Ok(if is_worth(self.size) { done } else { 0 }),
            CarryState::Failed => Err(Reason::Unknown),
        }
    }

    /// Until when it stays, if nobody asks for it again.
    fn until(&self) -> Time {
        match self.state {
            CarryState::Whole => self.asked + limits::LINGER,
            CarryState::Fetching(..) | CarryState::Failed => self.asked + limits::CARRIED_UNASKED,
        }
    }
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CarryOrder {
    /// Nothing of this file is carried any more; `Some`: the job that fetches it.
    Drop(FileId, Option<JobId>),
}

/// All that is fetched for others.
#[derive(Debug)]
pub(in crate::peer) struct Carrier {
    files: BTreeMap<FileId, CarriedFile>,
    /// Bytes of them, with what each costs beside its bytes.
    space: Account<PeerId, FileId>,
    /// Those that are being fetched.
    fetches: Account<PeerId, FileId>,
    is_on: bool,
    /// What each file costs beside its bytes.
    row: u64,
    /// What the space is now.
    limit: u64,
    orders: Vec<CarryOrder>,
}

impl Carrier {
    /// Carries what fits into its part of `lent` bytes.
    pub(in crate::peer) fn new(lent: u64) -> Self {
        let part = lent / limits::CARRIED_PART;
        let fetches = limits::CARRIED_AT_ONCE;
        Self {
            files: BTreeMap::new(),
            space: Account::new(part, part / limits::CARRIED_HOSTS),
            fetches: Account::new(fetches, fetches / limits::CARRIED_HOSTS),
            is_on: lent > 0,
            row: part / limits::CARRIED_FILES,
            limit: part,
            orders: Vec::new(),
        }
    }

    /// Whoever lends nothing fetches nothing for others.
    pub(super) const fn is_on(&self) -> bool {
        self.is_on
    }

    /// Somebody asks for a file; what it can have of it by now. `None`: it is not carried yet.
    pub(super) fn renew(&mut self, now: Time, file: &ThroughFile) -> Option<Result<u64, Reason>> {
        let carried = self.files.get_mut(&file.file)?;
        if carried.size != file.size {
            return Some(Err(Reason::Unknown));
        }
        // What the owner did not give is tried again after a while, however often it is asked for.
        if carried.state != CarryState::Failed {
            carried.asked = now;
            self.space.touch(now, file.file);
        }
        Some(carried.have())
    }

    /// Takes the place for a file that is to be fetched for `payer`. To be followed by [`Self::begin`].
    ///
    /// # Errors
    /// There is no place for it.
    pub(super) fn charge(
        &mut self,
        now: Time,
        payer: Payer<PeerId>,
        file: &ThroughFile,
    ) -> Result<(), Reason> {
        let is_of_map = Chunks::of(file.size).is_some_and(|chunks| chunks.count() <= limits::MAP_CHUNKS);
        if !is_of_map || file.size.saturating_add(self.row) > self.limit {
            return Err(Reason::Unknown);
        }
        let Grant::Given(yielding) = self.fetches.charge(now, payer, file.file, 1) else {
            return Err(Reason::Busy);
        };
        yielding.into_iter().for_each(|other| self.drop_file(other));
        let Grant::Given(yielding) = self.space.charge(now, payer, file.file, file.size + self.row) else {
            self.fetches.free(file.file);
            return Err(Reason::Busy);
        };
        yielding.into_iter().for_each(|other| self.drop_file(other));
        Ok(())
    }

    /// This job fetches a file for which there is a place.
    pub(super) fn begin(&mut self, now: Time, file: &ThroughFile, job: JobId) {
        let ThroughFile { owner, file, size, .. } = *file;
        self.files.insert(file, CarriedFile { owner, size, state: CarryState::Fetching(job, 0), asked: now });
        self.check();
    }

    /// So many bytes of a file came.
    pub(in crate::peer) fn moved(&mut self, file: FileId, done: u64) {
        if let Some(CarriedFile { state: CarryState::Fetching(_, before), .. }) = self.files.get_mut(&file) {
            *before = done;
        }
    }

    /// The job that fetches a file is over. True: all of it is here, and it is to be served.
    pub(super) fn over(&mut self, now: Time, file: FileId, is_good: bool) -> bool {
        let Some(carried) = self.files.get_mut(&file) else { return false };
        carried.state = if is_good { CarryState::Whole } else { CarryState::Failed };
        self.fetches.free(file);
        if !is_good {
            // Whoever asked pays for its row still; less than before is always given.
            if let Some(payer) = self.space.payer(file) {
                self.space.charge(now, payer, file, self.row);
            }
            self.orders.push(CarryOrder::Drop(file, None));
        }
        self.check();
        is_good
    }

    /// What came of a file is no good, or was removed.
    pub(in crate::peer) fn lost(&mut self, file: FileId) {
        self.drop_file(file);
    }

    /// True if this content is being fetched for somebody.
    pub(in crate::peer) fn is_fetching(&self, (file, size): Claim) -> bool {
        let is_it = |f: &CarriedFile| f.size == size && matches!(f.state, CarryState::Fetching(..));
        self.files.get(&file).is_some_and(is_it)
    }

    /// What is here as a whole.
    pub(super) fn whole(&self) -> impl Iterator<Item = CarriedCopy> {
        let whole = self.files.iter().filter(|(_, f)| f.state == CarryState::Whole);
        whole.map(|(file, f)| CarriedCopy { file: *file, size: f.size, owner: f.owner })
    }

    /// Bytes of the file system that are taken by it.
    pub(in crate::peer) fn bytes(&self) -> u64 {
        let bytes = |f: &CarriedFile| match f.state {
            CarryState::Whole => f.size,
            CarryState::Fetching(_, done) => done,
            CarryState::Failed => 0,
        };
        self.files.values().map(bytes).fold(0, u64::saturating_add)
    }

    /// Of what is lent, `spare` bytes are taken by nobody else: what is more than that, or than its part, yields.
    pub(super) fn set_spare(&mut self, lent: u64, spare: u64) {
        self.limit = (lent / limits::CARRIED_PART).min(spare);
        self.space.set_limit(self.limit);
        while self.space.held() > self.limit {
            let Some(oldest) = self.files.iter().min_by_key(|(_, f)| f.asked).map(|(file, _)| *file) else {
                return;
            };
            self.drop_file(oldest);
        }
    }

    fn drop_file(&mut self, file: FileId) {
        let Some(carried) = self.files.remove(&file) else { return };
        self.space.free(file);
        self.fetches.free(file);
        let job = if let CarryState::Fetching(job, _) = carried.state { Some(job) } else { None };
        if carried.state != CarryState::Failed {
            self.orders.push(CarryOrder::Drop(file, job));
        }
    }

    /// When [`Self::handle_timeout`] is to be called.
    pub(in crate::peer) fn poll_timeout(&self) -> Option<Time> {
        self.files.values().map(CarriedFile::until).min()
    }

    /// Lets go of what nobody asked for.
    pub(super) fn handle_timeout(&mut self, now: Time) {
        let over: Vec<FileId> =
            self.files.iter().filter(|(_, f)| f.until() <= now).map(|(file, _)| *file).collect();
        over.into_iter().for_each(|file| self.drop_file(file));
    }

    /// The next thing to be done.
    pub(super) fn poll_output(&mut self) -> Option<CarryOrder> {
        self.orders.pop()
    }

    /// In a debug build: what is charged is what is held.
    fn check(&self) {
        let cost = |f: &CarriedFile| if f.state == CarryState::Failed { self.row } else { f.size + self.row };
        self.space.check("what is carried", self.files.iter().map(|(file, f)| (*file, cost(f))));
        let fetched = self.files.iter().filter(|(_, f)| matches!(f.state, CarryState::Fetching(..)));
        self.fetches.check("what is fetched for others", fetched.map(|(file, _)| (*file, 1)));
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::accounts::AccountHost;

    const LENT: u64 = 4 << 30;

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    fn file(n: u16, size: u64) -> ThroughFile {
        let mut id = [0; 32];
        id[..2].copy_from_slice(&n.to_be_bytes());
        ThroughFile { owner: PeerId([9; 32]), file: FileId(id), size, bucket: 0 }
    }

    fn payer(host: u8, peer: u8) -> Payer<PeerId> {
        Payer { host: AccountHost::V4([10, 0, 0, host].into()), peer: PeerId([peer; 32]) }
    }

    /// As the machine of the peer does it.
    fn ask(
        carrier: &mut Carrier,
        now: Time,
        payer: Payer<PeerId>,
        file: &ThroughFile,
    ) -> Result<u64, Reason> {
        if let Some(known) = carrier.renew(now, file) {
            return known;
        }
        carrier.charge(now, payer, file)?;
        carrier.begin(now, file, JobId(u64::from(file.file.0[1])));
        Ok(0)
    }

    fn has(carrier: &Carrier, n: u16) -> bool {
        carrier.files.contains_key(&file(n, 0).file)
    }

    fn dropped(carrier: &mut Carrier) -> Vec<CarryOrder> {
        std::iter::from_fn(|| carrier.poll_output()).collect()
    }

    #[test]
    fn what_is_asked_for_is_fetched_once_and_given_as_it_comes() {
        let mut carrier = Carrier::new(LENT);
        let (large, small) = (file(1, 10 << 20), file(2, 500_000));
        for n in 1..=3 {
            assert_eq!(ask(&mut carrier, at(n), payer(1, 1), &large), Ok(0));
            assert_eq!(ask(&mut carrier, at(n), payer(2, 2), &small), Ok(0));
        }
        carrier.moved(large.file, 3 << 20);
        carrier.moved(small.file, 400_000);
        assert_eq!(ask(&mut carrier, at(4), payer(2, 2), &large), Ok(3 << 20));
        assert_eq!(ask(&mut carrier, at(4), payer(2, 2), &small), Ok(0), "a small one comes as a whole");
        assert_eq!((carrier.bytes(), carrier.whole().count()), ((3 << 20) + 400_000, 0));
        assert!(carrier.over(at(4), small.file, true) && !carrier.over(at(4), large.file, false));
        assert_eq!(dropped(&mut carrier), [CarryOrder::Drop(large.file, None)]);
        assert_eq!(ask(&mut carrier, at(5), payer(1, 1), &large), Err(Reason::Unknown));
        assert_eq!(ask(&mut carrier, at(5), payer(1, 1), &small), Ok(500_000));
        assert_eq!(carrier.whole().map(|c| c.file).collect::<Vec<_>>(), [small.file]);
        // However often it is asked for, what failed is tried again after a while.
        for n in 5..34 {
            carrier.handle_timeout(at(n));
            assert_eq!(ask(&mut carrier, at(n), payer(1, 1), &large), Err(Reason::Unknown));
        }
        carrier.handle_timeout(at(34));
        assert_eq!(ask(&mut carrier, at(34), payer(1, 1), &large), Ok(0));
        let other_size = ThroughFile { size: 1, ..small };
        assert_eq!(ask(&mut carrier, at(5), payer(1, 1), &other_size), Err(Reason::Unknown));
    }

    #[test]
    fn what_nobody_asks_for_any_more_is_dropped() {
        let mut carrier = Carrier::new(LENT);
        let (one, two) = (file(1, 1 << 20), file(2, 1 << 20));
        assert_eq!(carrier.poll_timeout(), None);
        assert_eq!(ask(&mut carrier, at(0), payer(1, 1), &one), Ok(0));
        assert_eq!(ask(&mut carrier, at(0), payer(1, 1), &two), Ok(0));
        assert!(carrier.over(at(0), two.file, true));
        assert_eq!(carrier.poll_timeout(), Some(at(30)));
        carrier.handle_timeout(at(30));
        assert_eq!(dropped(&mut carrier), [CarryOrder::Drop(one.file, Some(JobId(1)))]);
        assert_eq!(ask(&mut carrier, at(500), payer(1, 1), &two), Ok(1 << 20));
        carrier.handle_timeout(at(1_099));
        assert!(has(&carrier, 2));
        carrier.handle_timeout(at(1_100));
        assert_eq!(dropped(&mut carrier), [CarryOrder::Drop(two.file, None)]);
        assert_eq!((carrier.poll_timeout(), carrier.bytes()), (None, 0));
    }

    /// A stranger asks for a thousand large files, under many names: it gets what nobody else needs, and others
    /// get their share all the same.
    #[test]
    fn a_stranger_that_asks_for_a_thousand_files_takes_no_more_than_its_part() {
        let mut carrier = Carrier::new(LENT);
        let mut begun = 0;
        for n in 0..1_000 {
            let asked = ask(&mut carrier, at(1), payer(1, (n % 50) as u8), &file(n, 100 << 20));
            begun += u64::from(asked.is_ok());
            assert!(asked.is_ok() || asked == Err(Reason::Busy));
        }
        assert_eq!(begun, 10, "those that fit into a quarter of what is lent");
        assert_eq!(ask(&mut carrier, at(1), payer(1, 1), &file(2_000, 2 << 30)), Err(Reason::Unknown));
        // Somebody else: what the stranger asked for yields.
        assert_eq!(ask(&mut carrier, at(2), payer(2, 99), &file(3_000, 100 << 20)), Ok(0));
        assert_eq!(dropped(&mut carrier).len(), 1);
        assert!(has(&carrier, 3_000));
    }

    #[test]
    fn only_so_many_are_fetched_at_once_and_another_host_is_let_in() {
        let mut carrier = Carrier::new(LENT);
        let many = u16::try_from(limits::CARRIED_AT_ONCE).unwrap();
        for n in 0..many {
            assert_eq!(ask(&mut carrier, at(1), payer(1, 1), &file(n, 1_000)), Ok(0));
        }
        assert_eq!(ask(&mut carrier, at(1), payer(1, 1), &file(many, 1_000)), Err(Reason::Busy));
        assert_eq!(ask(&mut carrier, at(1), payer(2, 2), &file(many, 1_000)), Ok(0));
        assert_eq!(dropped(&mut carrier).len(), 1);
        assert!(carrier.over(at(1), file(many, 0).file, true));
        assert_eq!(ask(&mut carrier, at(1), payer(1, 1), &file(many + 1, 1_000)), Ok(0));
    }

    #[test]
    fn it_yields_to_whoever_wants_the_space() {
        let mut carrier = Carrier::new(LENT);
        for n in 0..4 {
            assert_eq!(ask(&mut carrier, at(n.into()), payer(1, 1), &file(n, 100 << 20)), Ok(0));
        }
        carrier.set_spare(LENT, 250 << 20);
        let left: Vec<u16> = (0..4).filter(|n| has(&carrier, *n)).collect();
        assert_eq!((left, dropped(&mut carrier).len()), (vec![2, 3], 2), "what was asked for last stays");
        carrier.set_spare(LENT, 0);
        assert_eq!(dropped(&mut carrier).len(), 2);
        assert_eq!(ask(&mut carrier, at(9), payer(1, 1), &file(1, 5)), Err(Reason::Unknown));
        // Whoever lends nothing carries nothing.
        assert_eq!(ask(&mut Carrier::new(0), at(9), payer(1, 1), &file(1, 5)), Err(Reason::Unknown));
    }
}
