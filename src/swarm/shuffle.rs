//! An order that differs from one downloader to the next. Pure; part of swarm/mod.rs.

/// What orders holders that are alike, and where in a file a download begins: each peer has one of its own,
/// so that not all of them ask the same holder for the same chunk.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shuffle(pub(super) u64);

impl Shuffle {
    /// A number for an id that looks random and is always the same here (SplitMix64's finaliser, public
    /// domain, Steele, Lea and Flood 2014).
    pub(super) fn key(self, id: &[u8; 32]) -> u64 {
        let mut first = [0; 8];
        first.copy_from_slice(&id[..8]);
        let z = u64::from_le_bytes(first) ^ self.0;
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
