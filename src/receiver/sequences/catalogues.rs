//! What owners, and keepers of what they shared, may send for a catalogue.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use serde::Serialize;

use super::{AnswerStep, Answers, AskedPages, PEERS, run_with};
use crate::codec::encode;
use crate::content::bucket::Bucket;
use crate::content::catalogue::root_of;
use crate::content::{Catalogue, Entry, EntryKind, FileId, SafePath};
use crate::identity::{Identity, Instance, PeerId};
use crate::limits;
use crate::receiver::ReceiverEvent;
use crate::receiver::catalogue::{CataloguePage, Catalogues};
use crate::receiver::pull::Pull;
use crate::time::Time;
use crate::wire::Message;
use crate::wire::message::{BucketIs, GetBuckets, GetHead, HeadIs};

/// Bytes of catalogues that may be held: those of a few empty ones. Of it the share of a host.
const LIMIT: u64 = 200 << 10;
const SHARE: u64 = 32 << 10;

/// Entries of the catalogues that there are.
const SIZES: [u32; 4] = [0, 1, 30, 300];

/// Those who own catalogues, and give their own and those of others.
static OWNERS: LazyLock<Vec<Identity>> = LazyLock::new(|| {
    (0..PEERS).map(|n| Identity::from_seed([n; 32]).expect("any 32 bytes are a seed")).collect()
});

static CATALOGUES: LazyLock<Vec<Catalogue>> = LazyLock::new(|| SIZES.map(catalogue).into());

/// An entry of a kind that is not known.
#[derive(Serialize)]
struct UnknownEntry {
    path: SafePath,
    kind: &'static str,
}

/// Lets happen what the bytes say.
///
/// # Panics
/// When the machine does not hold together.
pub fn run(bytes: &[u8]) {
    let pull = Pull::new(Catalogues::new(LIMIT, SHARE));
    run_with(bytes, OwnerAnswers::default(), pull);
}

fn path(name: &str) -> SafePath {
    name.parse().expect("it is a path")
}

fn catalogue(files: u32) -> Catalogue {
    let kind = EntryKind::File { id: FileId([1; 32]), size: 1, modified: 0, executable: false, since: 0 };
    let entry = |n| Entry { path: path(&format!("f{n}")), kind: kind.clone() };
    let mut catalogue = Catalogue::of((0..files).map(entry));
    if files > 0 {
        let path = path("later");
        let index = path.bucket();
        let bytes = encode(&UnknownEntry { path, kind: "symlink" });
        catalogue.set(index, Bucket::read(index, &bytes).expect("kinds that are not known are kept"));
    }
    catalogue
}

/// What the controller knows.
#[derive(Default)]
struct OwnerAnswers {
    /// What it waits for: of whom, and whose if that is another one.
    waiting: BTreeSet<(PeerId, Option<PeerId>)>,
    /// The catalogues that it holds.
    held: BTreeMap<PeerId, Arc<Catalogue>>,
}

fn owner(n: u8) -> &'static Identity {
    &OWNERS[usize::from(n % PEERS)]
}

/// An answer to a request for a head. Of four bits each says that something is not as it should be.
fn head(peer: PeerId, asked: &GetHead, step: AnswerStep) -> HeadIs {
    let AnswerStep { what, a, b, .. } = step;
    let catalogue = &CATALOGUES[usize::from(a) % SIZES.len()];
    let subject = asked.origin.unwrap_or(peer);
    let signer =
        OWNERS.iter().find(|identity| identity.id() == subject && b % 16 > 0).unwrap_or_else(|| owner(a));
    let instance = Instance { count: 1 + u64::from(a / 128), random: 0 };
    let mut head = catalogue.head(signer.public(), instance, 1 + u64::from(a / 16 % 4));
    head.entries = match what / 16 {
        0 => head.entries + 1,
        1 => 500,
        2 => limits::CATALOGUE_ENTRIES as u64,
        3 => u64::MAX,
        _ => head.entries,
    };
    let mut digests: Vec<u8> = catalogue.digests().iter().flat_map(|digest| digest.0).collect();
    if asked.known == Some(head.root) {
        digests.clear();
    }
    match b / 16 {
        0 => digests.truncate(usize::from(a) * 8),
        1 => digests.iter_mut().take(1).for_each(|byte| *byte ^= 1),
        2 => head.root[0] ^= 1,
        _ => {}
    }
    HeadIs { request: asked.request, signed: head.sign(signer), digests }
}

/// The next buckets of those that were asked for: one, half of one, or all that are left.
fn buckets(asked: &GetBuckets, answered: &mut usize, step: AnswerStep) -> Vec<BucketIs> {
    let AnswerStep { what, a, b, .. } = step;
    let catalogue = CATALOGUES.iter().find(|known| root_of(known.digests()) == asked.root);
    // Of a catalogue that is none it sends one that it has.
    let catalogue = catalogue.unwrap_or_else(|| &CATALOGUES[usize::from(a) % SIZES.len()]);
    let left = asked.buckets.get(*answered..).unwrap_or_default();
    let count = if what >= 128 { left.len() } else { 1 };
    let whole = |bucket: &u8| {
        let entries = catalogue.bucket(*bucket).bytes();
        BucketIs { request: asked.request, bucket: *bucket, entries, last: true }
    };
    let mut pages: Vec<BucketIs> = left.iter().take(count).map(whole).collect();
    *answered += pages.len();
    if let Some(page) = pages.last_mut() {
        match b % 32 {
            0 => page.bucket = a,
            1 => page.last = false,
            2 => page.entries.iter_mut().take(a.into()).for_each(|byte| *byte ^= b),
            3 => page.entries.truncate(a.into()),
            4 => {
                let first = catalogue.bucket(page.bucket).pieces(0).next();
                page.entries = first.map(|piece| piece.to_vec()).unwrap_or_default();
                page.last = false;
            }
            _ => {}
        }
    }
    pages
}

impl Answers for OwnerAnswers {
    type Question = Catalogues;

    fn peer(&self, n: u8) -> PeerId {
        owner(n).id()
    }

    fn want(&mut self, now: Time, pull: &mut Pull<Catalogues>, step: AnswerStep) {
        let (from, origin) = (self.peer(step.n), self.peer(step.a));
        if step.b < 128 {
            self.waiting.insert((from, None));
            pull.handle_wanted(now, from);
        } else {
            self.waiting.insert((from, Some(origin)));
            pull.handle_owner_catalogue(now, from, origin);
        }
    }

    fn pages(&self, asked: &mut AskedPages, step: AnswerStep) -> Vec<CataloguePage> {
        match &asked.message {
            Message::GetHead(m) => vec![CataloguePage::Head(head(asked.peer, m, step))],
            Message::GetBuckets(m) => {
                buckets(m, &mut asked.answered, step).into_iter().map(CataloguePage::Bucket).collect()
            }
            other => panic!("{other:?} asks for no catalogue"),
        }
    }

    fn hear(&mut self, event: ReceiverEvent) {
        match event {
            ReceiverEvent::Catalogue(from, head, _, catalogue) => {
                assert!(head.owner.peer_id() == from, "the catalogue of another one counts as its own");
                self.waiting.remove(&(from, None));
                self.held.insert(from, catalogue);
            }
            ReceiverEvent::OwnerCatalogue { from, origin, catalogue, is_held, .. } => {
                self.waiting.remove(&(from, Some(origin)));
                if is_held {
                    self.held.insert(origin, catalogue);
                }
            }
            ReceiverEvent::NoCatalogue(from, _) => drop(self.waiting.remove(&(from, None))),
            ReceiverEvent::NoOwnerCatalogue { from, origin, .. } => {
                self.waiting.remove(&(from, Some(origin)));
            }
            ReceiverEvent::CatalogueGivenUp(owner) => drop(self.held.remove(&owner)),
            ReceiverEvent::Warning(_) => {}
            other => panic!("{other:?} has nothing to do with catalogues"),
        }
    }

    fn gone(&mut self, peer: PeerId) {
        // Whoever lists peers does not wait for one that is gone.
        self.waiting.remove(&(peer, None));
    }

    fn check(&self) {
        let is_one = |held: &Arc<Catalogue>| CATALOGUES.iter().any(|one| one.digests() == held.digests());
        assert!(self.held.values().all(is_one), "what nobody has is held");
        let bytes = self.held.values().map(|held| held.memory()).sum::<usize>();
        assert!(bytes as u64 <= LIMIT, "{bytes} bytes of catalogues are held");
    }

    fn check_end(&self) {
        assert!(self.waiting.is_empty(), "nobody said how it went with {:?}", self.waiting);
    }
}

#[cfg(test)]
mod tests {
    use crate::sim::with_bytes;

    #[test]
    fn whatever_owners_and_keepers_send_the_machine_holds_together() {
        with_bytes(100, 2_000, super::run);
    }
}
