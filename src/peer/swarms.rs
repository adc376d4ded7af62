//! What is fetched together with others: the files that are being fetched, or were a while ago, of which
//! others get what is here, and for which those others are sought. Pure.
//!
//! The sender keeps the files (sender/partial_seeds.rs); here it is only known which of them it still has.

use core::fmt::Debug;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};

use super::output::{Outputs, PeerOutput};
use crate::content::{Chunks, Claim, FileId};
use crate::identity::PeerId;
use crate::lan;
use crate::peer::limits;
use crate::receiver::ReceiverCommand;

/// What is there of a file, as the disk workers say; it changes meanwhile.
pub(crate) trait LiveSeed: Debug + Send + Sync {
    /// Its content.
    fn claim(&self) -> Claim;

    /// True if nothing of it can be had any more.
    fn is_gone(&self) -> bool;

    /// True once all of it is there.
    fn is_complete(&self) -> bool;
}

/// A file that is being fetched, or was a while ago.
#[derive(Debug)]
struct SeedFile {
    seed: Weak<dyn LiveSeed>,
    size: u64,
    /// Others are asked for it.
    sought: bool,
}

impl SeedFile {
    /// True while something of it can be had from here.
    fn is_here(&self) -> bool {
        self.seed.upgrade().is_some_and(|seed| !seed.is_gone())
    }

    /// True while it is being fetched, and others are asked for it.
    fn is_sought(&self) -> bool {
        let going_on = |seed: Arc<dyn LiveSeed>| !seed.is_gone() && !seed.is_complete();
        self.sought && self.seed.upgrade().is_some_and(going_on)
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Swarms {
    files: BTreeMap<FileId, SeedFile>,
    /// What was said to be sought last.
    last_sought: BTreeSet<FileId>,
    /// This peer is leaving: nothing is sought any more.
    is_over: bool,
}

/// True if a file of so many bytes is large enough to be fetched from those who do not have all of it.
pub(super) fn is_worth(size: u64) -> bool {
    let is_of_some = |chunks: Chunks| !chunks.is_single() && chunks.count() <= limits::MAP_CHUNKS;
    size >= limits::WORTH_ANOTHER && Chunks::of(size).is_some_and(is_of_some)
}

impl Swarms {
    /// A file is being fetched: others get what is here of it; `sought`: they may be asked for it, too.
    pub(super) fn add(&mut self, seed: &Arc<dyn LiveSeed>, sought: bool, out: &mut Outputs) {
        let (id, size) = seed.claim();
        self.files.insert(id, SeedFile { seed: Arc::downgrade(seed), size, sought });
        out.push(PeerOutput::Give(id));
    }

    /// Of all that is being fetched only these contents are sought from now on.
    pub(super) fn seek_only(&mut self, wanted: &BTreeSet<Claim>) {
        for (id, kept) in &mut self.files {
            kept.sought &= wanted.contains(&(*id, kept.size));
        }
    }

    /// Tells discovery what is to be sought, if that changed.
    pub(super) fn seek(&mut self, out: &mut Outputs) {
        if !self.is_over
            && let Some(files) = self.next_seek()
        {
            out.discovery(lan::Command::Seek(files));
        }
    }

    /// Nothing is sought from now on, and nobody is told what is here.
    pub(super) fn stop(&mut self, out: &mut Outputs) {
        self.is_over = true;
        out.discovery(lan::Command::Seek(Vec::new()));
    }

    /// A peer seeks these files. It is told which of them are here; `is_kept`: these are kept for others,
    /// which are given, too.
    pub(super) fn sought(
        &self,
        peer: PeerId,
        files: &[FileId],
        is_kept: impl Fn(FileId) -> bool,
        out: &mut Outputs,
    ) {
        if self.is_over {
            return;
        }
        let mut here = self.here(files);
        here.extend(files.iter().filter(|file| is_kept(**file)));
        here.sort_unstable();
        here.dedup();
        if !here.is_empty() {
            out.discovery(lan::Command::Has(peer, here));
        }
        self.add_member(peer, files, out);
    }

    /// A peer fetches these files, or has some of them.
    pub(super) fn add_member(&self, peer: PeerId, files: &[FileId], out: &mut Outputs) {
        for claim in self.wanted(files) {
            out.receiver(ReceiverCommand::Swarm(claim, vec![peer]));
        }
    }

    /// The files to be sought from now on, if they are others than before. Forgets what is over.
    fn next_seek(&mut self) -> Option<Vec<FileId>> {
        if self.files.is_empty() && self.last_sought.is_empty() {
            return None;
        }
        self.files.retain(|_, kept| kept.is_here());
        let sought = self.files.iter().filter(|(_, kept)| kept.is_sought()).map(|(id, _)| *id);
        let sought: BTreeSet<_> = sought.collect();
        if sought == self.last_sought {
            return None;
        }
        self.last_sought = sought;
        Some(self.last_sought.iter().copied().collect())
    }

    /// Of these files those of which something is here, or will soon be.
    pub(super) fn here(&self, files: &[FileId]) -> Vec<FileId> {
        let here = |file: &&FileId| self.files.get(file).is_some_and(SeedFile::is_here);
        files.iter().filter(here).copied().collect()
    }

    /// Of these files those that are being fetched, and of which others may give something.
    pub(super) fn wanted(&self, files: &[FileId]) -> Vec<Claim> {
        let wanted = files.iter().filter_map(|file| Some((*file, self.files.get(file)?)));
        wanted.filter(|(_, kept)| kept.is_sought()).map(|(file, kept)| (file, kept.size)).collect()
    }

    /// How many files others get what is here of.
    pub(super) fn len(&self) -> usize {
        self.files.values().filter(|kept| kept.is_here()).count()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[derive(Debug)]
    struct FakeSeed {
        claim: Claim,
        gone: AtomicBool,
        complete: AtomicBool,
    }

    impl LiveSeed for FakeSeed {
        fn claim(&self) -> Claim {
            self.claim
        }

        fn is_gone(&self) -> bool {
            self.gone.load(Ordering::Relaxed)
        }

        fn is_complete(&self) -> bool {
            self.complete.load(Ordering::Relaxed)
        }
    }

    fn seed(id: u8, size: u64) -> Arc<FakeSeed> {
        let claim = (FileId([id; 32]), size);
        Arc::new(FakeSeed { claim, gone: AtomicBool::new(false), complete: AtomicBool::new(false) })
    }

    fn live(seed: &Arc<FakeSeed>) -> Arc<dyn LiveSeed> {
        Arc::<FakeSeed>::clone(seed)
    }

    #[test]
    fn what_is_fetched_is_sought_and_what_is_there_is_given_until_it_is_let_go_of() {
        let (mut swarms, mut out) = (Swarms::default(), Outputs::default());
        assert_eq!(swarms.next_seek(), None);
        let (one, two, three) = (seed(1, 1 << 20), seed(2, 1 << 30), seed(3, 1 << 30));
        let ids = [1, 2, 3, 4].map(|n| FileId([n; 32]));
        swarms.add(&live(&one), true, &mut out);
        swarms.add(&live(&two), true, &mut out);
        // Only from one peer: others may have of it what is here.
        swarms.add(&live(&three), false, &mut out);
        assert_eq!(swarms.next_seek(), Some(ids[..2].to_vec()));
        assert_eq!(swarms.next_seek(), None, "nothing changed");
        assert_eq!(swarms.here(&ids), ids[..3]);
        assert_eq!(swarms.wanted(&ids), [(ids[0], 1 << 20), (ids[1], 1 << 30)]);
        // Another size is another content.
        swarms.seek_only(&BTreeSet::from([(ids[0], 1 << 20), (ids[1], 1 << 29)]));
        assert_eq!(swarms.next_seek(), Some(ids[..1].to_vec()));
        assert_eq!((swarms.wanted(&ids), swarms.here(&ids).len()), (vec![(ids[0], 1 << 20)], 3));
        // What is complete is given, and sought no more.
        one.complete.store(true, Ordering::Relaxed);
        assert_eq!((swarms.next_seek(), swarms.wanted(&ids)), (Some(Vec::new()), Vec::new()));
        assert_eq!(swarms.here(&ids).len(), 3);
        one.gone.store(true, Ordering::Relaxed);
        drop(two);
        assert_eq!((swarms.here(&ids), swarms.len()), (vec![ids[2]], 1));
        drop(three);
        assert_eq!((swarms.len(), swarms.next_seek()), (0, None));
    }

    #[test]
    fn small_files_and_those_of_too_many_chunks_are_not_worth_it() {
        assert!(!is_worth(0) && !is_worth(limits::CHUNK_MIN) && !is_worth(limits::WORTH_ANOTHER - 1));
        let most = u64::from(limits::MAP_CHUNKS) * limits::CHUNK_MAX;
        assert!(is_worth(limits::WORTH_ANOTHER) && is_worth(most) && !is_worth(most + 1));
    }

    #[test]
    fn whoever_seeks_is_told_what_is_here_until_this_peer_leaves() {
        let (mut swarms, mut out) = (Swarms::default(), Outputs::default());
        let (one, two) = (seed(1, 1 << 30), seed(2, 1 << 30));
        swarms.add(&live(&one), true, &mut out);
        swarms.add(&live(&two), false, &mut out);
        let peer = PeerId([9; 32]);
        let ids = [1, 2, 3, 4].map(|n| FileId([n; 32]));
        let kept = |file| file == ids[2];
        let mut said = |swarms: &Swarms| {
            swarms.sought(peer, &ids, kept, &mut out);
            let all = std::iter::from_fn(|| out.pop());
            all.map(|output| format!("{output:?}"))
                .filter(|text| !text.starts_with("Give"))
                .collect::<Vec<_>>()
        };
        let has = format!("{:?}", PeerOutput::Discovery(lan::Command::Has(peer, ids[..3].to_vec())));
        // Of what is fetched from one peer alone nobody else is asked.
        let asked = ReceiverCommand::Swarm((ids[0], 1 << 30), vec![peer]);
        assert_eq!(said(&swarms), [has, format!("{:?}", PeerOutput::Receiver(asked))]);
        let mut quiet = Outputs::default();
        swarms.stop(&mut quiet);
        swarms.seek(&mut quiet);
        let stopped = std::iter::from_fn(|| quiet.pop()).count();
        assert_eq!((stopped, said(&swarms).len()), (1, 0), "it is told once that nothing is sought");
    }
}
