//! What peers may say to a custodian: well-formed, and as the bytes of an input choose.

use std::sync::{Arc, LazyLock};

use super::CustodyStep;
use crate::content::bucket::BucketDigest;
use crate::content::{Catalogue, Entry, EntryKind, FileId, SafePath, Span};
use crate::custody::ledger::Shared;
use crate::identity::{Identity, Instance, PeerId};
use crate::wire::custody::{
    BucketProof, CustodyMessage, CustodyOffer, GetSpace, KeeperReport, OfferAnswer, OfferRefusal, Order,
    Orders, Replica, ReportRow, Space, Verdict,
};

/// Peers, this one included; it is the first.
pub(super) const PEERS: u8 = 6;

/// Bytes of the files that there are, of one chunk and of many.
const SIZES: [u64; 6] = [0, 100, 70_000, 1 << 20, 1 << 26, 1 << 40];

/// Catalogues that an owner may have, each one more file than the one before.
const CATALOGUES: u8 = 7;

/// A catalogue that an owner signed.
pub(super) struct SignedCatalogue {
    pub(super) signed: Shared,
    pub(super) catalogue: Arc<Catalogue>,
    pub(super) instance: Instance,
    pub(super) version: u64,
}

static PEER_KEYS: LazyLock<Vec<Identity>> = LazyLock::new(|| {
    (0..PEERS).map(|n| Identity::from_seed([n; 32]).expect("any 32 bytes are a seed")).collect()
});

/// By owner and number.
static SIGNED: LazyLock<Vec<Vec<SignedCatalogue>>> =
    LazyLock::new(|| PEER_KEYS.iter().map(|key| (0..CATALOGUES).map(|n| sign(key, n)).collect()).collect());

fn sign(key: &Identity, n: u8) -> SignedCatalogue {
    let kind = |n| EntryKind::File { id: file(n), size: size(n), modified: 0, executable: false, since: 0 };
    let catalogue = Catalogue::of((0..n).map(|n| Entry { path: path(n), kind: kind(n) }));
    let (instance, version) = (Instance { count: 1 + u64::from(n / 4), random: 0 }, 1 + u64::from(n));
    let signed = catalogue.head(key.public(), instance, version).sign(key).into();
    SignedCatalogue { signed, catalogue: Arc::new(catalogue), instance, version }
}

pub(super) fn peer(n: u8) -> PeerId {
    PEER_KEYS[usize::from(n % PEERS)].id()
}

/// One of the others.
pub(super) fn other(n: u8) -> PeerId {
    peer(1 + n % (PEERS - 1))
}

/// What that owner shares, or shared.
pub(super) fn catalogue_of(owner: PeerId, n: u8) -> &'static SignedCatalogue {
    let at = PEER_KEYS.iter().position(|key| key.id() == owner).unwrap_or(0);
    &SIGNED[at][usize::from(n % CATALOGUES)]
}

pub(super) fn file(n: u8) -> FileId {
    FileId([n % 6; 32])
}

fn size(n: u8) -> u64 {
    SIZES[usize::from(n % 6)]
}

fn path(n: u8) -> SafePath {
    format!("f{}", n % 6).parse().expect("it is a path")
}

/// All chunks of a file, or some of them.
fn span(n: u8, which: u8) -> Span {
    let whole = Span::whole(size(n)).unwrap_or(Span { from: 0, to: 0 });
    match which % 4 {
        1 if whole.len() > 1 => Span { from: 0, to: whole.len() / 2 },
        2 if whole.len() > 1 => Span { from: whole.len() / 2, to: whole.len() },
        _ => whole,
    }
}

fn replicas(n: u8, step: CustodyStep) -> Vec<Replica> {
    let replica = |k: u8| Replica { copy: k % 3, span: span(n, k), peer: peer(step.b.wrapping_add(k)) };
    (0..step.a % 4).map(replica).collect()
}

/// An offer of a file of some owner.
pub(super) fn offer(step: CustodyStep) -> CustodyMessage {
    let CustodyStep { what, n, a, b } = step;
    let owner = if n < 8 { peer(0) } else { other(n) };
    let known = catalogue_of(owner, if a < 192 { CATALOGUES - 1 } else { a });
    let proof = (what >= 64).then(|| {
        let bucket = known.catalogue.bucket(path(b).bucket()).bytes().into();
        let digests: Vec<u8> =
            known.catalogue.digests().iter().flat_map(|BucketDigest(digest)| *digest).collect();
        BucketProof { digests: digests.into(), bucket }
    });
    CustodyMessage::Offer(Box::new(CustodyOffer {
        request: b.into(),
        head: Arc::clone(&known.signed),
        // Now and then it is the path of another file, or another size.
        path: if a.is_multiple_of(16) { path(a) } else { path(b) },
        file: file(b),
        size: size(b),
        copies: a % 5,
        copy: 1 + b % 3,
        span: span(b, a / 16),
        others: replicas(b, step),
        quiet: u64::from(what) << (a % 48),
        proof,
    }))
}

/// A report that nobody asked for: of what is kept of an owner.
pub(super) fn report(step: CustodyStep) -> CustodyMessage {
    let CustodyStep { what, n, a, b } = step;
    let origin = if what < 192 { peer(0) } else { other(n) };
    let known = catalogue_of(origin, a);
    let row = |k: u8| {
        let span = span(b.wrapping_add(k), a);
        let have = if what.is_multiple_of(4) { u32::from(a).min(span.len()) } else { span.len() };
        let n = b.wrapping_add(k);
        let dropped = what.is_multiple_of(32);
        ReportRow { file: file(n), size: size(n), copies: a % 5, copy: b % 4, span, have, dropped }
    };
    let rows: Vec<ReportRow> = (0..=a % 6).map(row).collect();
    let (instance, version) = (known.instance, known.version);
    CustodyMessage::Report(KeeperReport { request: b.into(), origin, instance, version, rows: rows.into() })
}

/// Somebody wants to know how much space there is.
pub(super) fn get_space(step: CustodyStep) -> CustodyMessage {
    CustodyMessage::GetSpace(GetSpace { request: step.b.into(), origin: peer(step.a) })
}

/// Orders for a file or two, asked for or not.
pub(super) fn orders(step: CustodyStep) -> CustodyMessage {
    let origin = other(step.n);
    let files: Vec<FileId> = (0..=step.a % 3).map(|k| file(step.b.wrapping_add(k))).collect();
    CustodyMessage::Orders(orders_for(step, 0, origin, &files))
}

fn orders_for(step: CustodyStep, request: u64, origin: PeerId, files: &[FileId]) -> Orders {
    let CustodyStep { what, a, b, .. } = step;
    let order = |file: &FileId| {
        let places = replicas(file.0[0], step);
        let verdict = match b % 7 {
            0 => Verdict::Keep(places),
            1 => Verdict::GiveBack(places),
            2 => Verdict::Release,
            3 => Verdict::Spare,
            4 => Verdict::NotActing(places),
            5 => Verdict::NotKept,
            _ => Verdict::Other,
        };
        Order { file: *file, verdict }
    };
    let head = (what < 64).then(|| Arc::clone(&catalogue_of(origin, a).signed));
    let rows: Vec<Order> = files.iter().map(order).collect();
    Orders { request, origin, head, rows: rows.into() }
}

/// An answer to what was asked.
pub(super) fn answer(asked: &CustodyMessage, step: CustodyStep) -> Option<CustodyMessage> {
    let CustodyStep { what, a, b, .. } = step;
    Some(match asked {
        CustodyMessage::GetSpace(m) => {
            let (free, share) = (1 << (a % 50), 1 << (b % 50));
            CustodyMessage::Space(Space { request: m.request, free, share })
        }
        CustodyMessage::Offer(m) => {
            let refusals = [
                OfferRefusal::Unproved,
                OfferRefusal::NotListed,
                OfferRefusal::Older,
                OfferRefusal::Full,
                OfferRefusal::NotActing,
                OfferRefusal::Keeps,
                OfferRefusal::Unwilling,
                OfferRefusal::Other,
            ];
            let refusal = refusals.get(usize::from(a % 16)).copied();
            let span = (b < 128).then_some(m.span);
            let head = (what < 96).then(|| Arc::clone(&catalogue_of(peer(b), a / 16).signed));
            let (free, share) = (1 << (b % 50), 1 << (a % 50));
            CustodyMessage::Answer(OfferAnswer { request: m.request, refusal, span, free, share, head })
        }
        CustodyMessage::Report(m) => {
            let files: Vec<FileId> = m.rows.iter().map(|row| row.file).collect();
            CustodyMessage::Orders(orders_for(step, m.request, m.origin, &files))
        }
        CustodyMessage::Space(_) | CustodyMessage::Answer(_) | CustodyMessage::Orders(_) => return None,
    })
}
