//! Where a copy of a file goes, and how many copies there are. Pure.
//!
//! Copy *k* of a file lies on a stripe of at most `STRIPE` keepers (one where it fits); stripes of
//! different copies share no peer. A file that were spread chunk by chunk over forty peers would be lost
//! with the first of them.

use crate::content::{FileId, Span};
use crate::custody::limits;
use crate::identity::PeerId;

/// Key of the hash by which things that all peers do are spread over time.
const KEY: [u8; 32] = *b"potluck 1 custody placement     ";

/// A number that is another one for each file, copy and peer, and the same for everybody.
#[must_use]
pub fn rank(file: FileId, copy: u8, peer: PeerId) -> u64 {
    keyed(&KEY, file, copy, peer)
}

/// The first eight bytes of the hash of (file id, copy, peer id).
fn keyed(key: &[u8; 32], file: FileId, copy: u8, peer: PeerId) -> u64 {
    let mut input = [0; 65];
    input[..32].copy_from_slice(&file.0);
    input[32] = copy;
    input[33..].copy_from_slice(&peer.0);
    let hash = blake3::keyed_hash(key, &input);
    u64::from_be_bytes(*hash.as_bytes().first_chunk().unwrap_or(&[0; 8]))
}

/// The order in which candidates are asked, and what else nobody may foresee of whoever places.
///
/// The order is by rendezvous hashing (Thaler and Ravishankar 1998): who joins or leaves changes nobody else's
/// place. The key of the hash is a secret, so that nobody can make up an id that comes first.
#[derive(Clone, Debug)]
pub struct PlacementSecret {
    key: [u8; 32],
    /// Random numbers that were drawn.
    drawn: u64,
}

impl PlacementSecret {
    /// Of random bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self { key: bytes, drawn: 0 }
    }

    /// The first `n` of the candidates, in the order in which they are asked.
    #[must_use]
    pub fn first(
        &self,
        file: FileId,
        copy: u8,
        candidates: impl Iterator<Item = PeerId>,
        n: usize,
    ) -> Vec<PeerId> {
        let mut ranked: Vec<(u64, PeerId)> =
            candidates.map(|p| (keyed(&self.key, file, copy, p), p)).collect();
        if ranked.len() > n && n > 0 {
            ranked.select_nth_unstable(n - 1);
            ranked.truncate(n);
        }
        ranked.sort_unstable();
        ranked.into_iter().map(|(_, p)| p).collect()
    }

    /// A random number.
    pub fn draw(&mut self) -> u32 {
        self.drawn += 1;
        let hash = blake3::keyed_hash(&self.key, &self.drawn.to_le_bytes());
        u32::from_le_bytes(*hash.as_bytes().first_chunk().unwrap_or(&[0; 4]))
    }
}

/// How many of `spans` cover each part of `whole`: parts in order, cut where the number changes.
#[must_use]
pub fn coverage(whole: Span, spans: &[Span]) -> Vec<(Span, u32)> {
    let mut cuts: Vec<u32> = spans.iter().flat_map(|s| [s.from, s.to]).collect();
    cuts.extend([whole.from, whole.to]);
    cuts.retain(|c| (whole.from..=whole.to).contains(c));
    cuts.sort_unstable();
    cuts.dedup();
    let mut parts: Vec<(Span, u32)> = Vec::with_capacity(cuts.len());
    for pair in cuts.windows(2) {
        let part = Span { from: pair[0], to: pair[1] };
        let n = u32::try_from(spans.iter().filter(|s| s.covers(&part)).count()).unwrap_or(u32::MAX);
        match parts.last_mut() {
            Some((before, m)) if *m == n => before.to = part.to,
            _ => parts.push((part, n)),
        }
    }
    parts
}

/// Copies: over all parts, the smallest number of `spans` that cover it.
#[must_use]
pub fn copies(whole: Span, spans: &[Span]) -> u32 {
    coverage(whole, spans).into_iter().map(|(_, n)| n).min().unwrap_or(0)
}

/// The first part that fewer than `wanted` of `spans` cover.
#[must_use]
pub fn lacking(whole: Span, spans: &[Span], wanted: u32) -> Option<Span> {
    let parts = coverage(whole, spans);
    let first = parts.iter().position(|(_, n)| *n < wanted)?;
    // As far as it lacks the same number: what lacks more belongs to another copy.
    Some(parts[first].0)
}

/// The number of the copy that a new part at `span` belongs to: the lowest that no part there has.
#[must_use]
pub fn copy_number(span: Span, parts: &[(u8, Span)]) -> u8 {
    (1..=limits::COPIES_MAX)
        .find(|k| !parts.iter().any(|(copy, s)| copy == k && s.meets(&span)))
        .unwrap_or(limits::COPIES_MAX)
}

/// The beginning of `span`, if it is cut into `pieces`.
#[must_use]
pub const fn piece(span: Span, pieces: u32) -> Span {
    let pieces = if pieces == 0 { 1 } else { pieces };
    let len = span.len().div_ceil(pieces);
    Span { from: span.from, to: span.from + len }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const SECRET: PlacementSecret = PlacementSecret::new([7; 32]);

    const fn span(from: u32, to: u32) -> Span {
        Span { from, to }
    }

    fn peers(n: u8) -> Vec<PeerId> {
        (0..n).map(|i| PeerId(*blake3::hash(&[i]).as_bytes())).collect()
    }

    #[test]
    fn the_order_moves_nobody_when_one_leaves() {
        let all = peers(50);
        let file = FileId([1; 32]);
        let before = SECRET.first(file, 1, all.iter().copied(), 50);
        let left: Vec<_> = before.iter().copied().filter(|p| *p != before[3]).collect();
        assert_eq!(SECRET.first(file, 1, all.iter().copied().filter(|p| *p != before[3]), 50), left);
        assert_eq!(SECRET.first(file, 1, all.iter().copied(), 4), before[..4]);
        assert_ne!(SECRET.first(file, 2, all.iter().copied(), 50), before);
        assert_ne!(SECRET.first(FileId([2; 32]), 1, all.iter().copied(), 50), before);
        assert!(SECRET.first(file, 1, [].into_iter(), 4).is_empty());
        assert_ne!(
            PlacementSecret::new([8; 32]).first(file, 1, all.iter().copied(), 50),
            before,
            "others have another order"
        );
    }

    #[test]
    fn first_places_are_spread_evenly() {
        let all = peers(20);
        let mut seen = std::collections::BTreeMap::<PeerId, u32>::new();
        for i in 0..4_000_u32 {
            let file = FileId(*blake3::hash(&i.to_le_bytes()).as_bytes());
            *seen.entry(SECRET.first(file, 1, all.iter().copied(), 1)[0]).or_default() += 1;
        }
        assert_eq!(seen.len(), 20);
        assert!(seen.values().all(|n| (140..=260).contains(n)), "{seen:?}");
    }

    #[test]
    fn copies_are_counted_by_the_part_that_has_fewest() {
        let whole = span(0, 10);
        assert_eq!(copies(whole, &[]), 0);
        assert_eq!(copies(whole, &[span(0, 10), span(0, 5)]), 1);
        assert_eq!(copies(whole, &[span(0, 10), span(0, 5), span(5, 10)]), 2);
        assert_eq!(lacking(whole, &[span(0, 10), span(0, 5)], 2), Some(span(5, 10)));
        assert_eq!(lacking(whole, &[span(2, 5)], 1), Some(span(0, 2)));
        assert_eq!(lacking(whole, &[span(0, 10)], 1), None);
        assert_eq!(lacking(whole, &[], 3), Some(whole));
        // What reaches further than the part that is asked about covers it, too.
        assert_eq!(
            coverage(whole, &[span(3, 4), span(0, 99)]),
            [(span(0, 3), 1), (span(3, 4), 2), (span(4, 10), 1)]
        );
        assert_eq!(coverage(whole, &[span(3, 4)]), [(span(0, 3), 0), (span(3, 4), 1), (span(4, 10), 0)]);
    }

    #[test]
    fn a_new_part_gets_the_lowest_copy_that_is_missing_there() {
        assert_eq!(copy_number(span(0, 4), &[]), 1);
        assert_eq!(copy_number(span(0, 4), &[(1, span(0, 8))]), 2);
        assert_eq!(copy_number(span(4, 8), &[(1, span(0, 4)), (2, span(0, 8))]), 1);
        let pieces: Vec<Span> = [1, 2, 4, 0].map(|n| piece(span(0, 10), n)).to_vec();
        assert_eq!(pieces, [span(0, 10), span(0, 5), span(0, 3), span(0, 10)]);
        assert_eq!(piece(span(7, 8), 4), span(7, 8));
        let ranks: BTreeSet<u64> = peers(9).into_iter().map(|p| rank(FileId([0; 32]), 1, p)).collect();
        assert_eq!(ranks.len(), 9);
    }
}
