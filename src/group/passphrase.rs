//! The passphrase of a group: which ones are taken, and how a good one is made. Pure; chance comes from
//! outside.

use core::fmt;
use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use super::limits;

/// What a made passphrase consists of: no character that is taken for another one (`i`, `l`, `o`, `0`, `1`),
/// in one case, so that it can be read out and typed.
const ALPHABET: &[u8; 31] = b"abcdefghjkmnpqrstuvwxyz23456789";

/// Characters of a made passphrase: 28 × log2(31) are 138 bits.
const MADE: usize = 28;

/// They stand in blocks of this many.
const BLOCK: usize = 4;

/// Bytes of chance for a made passphrase: one of them serves with 248 of 256, so that these always suffice in
/// practice; whoever asks gives others when not.
pub(crate) const CHANCE: usize = 64;

/// A passphrase. It is wiped from memory when dropped, and shown by nothing but [`Self::reveal`].
#[derive(Clone)]
pub struct Passphrase {
    /// As it was typed, without white space at its ends.
    typed: Zeroizing<String>,
    /// What counts of it.
    counted: Zeroizing<String>,
}

/// Why a text is no passphrase. The text is not repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PassphraseError {
    /// Somebody could try all that are as short.
    #[error(
        "the passphrase is too short: at least {} characters are needed (white space and hyphens do not count), \
         and {} different ones; `potluck group new NAME` makes a good one",
        limits::PASSPHRASE_MIN,
        limits::PASSPHRASE_DIFFERENT
    )]
    Weak,
    /// It is no passphrase, but something else.
    #[error("the passphrase is too long: {} bytes at most", limits::PASSPHRASE_MAX)]
    Long,
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(…)")
    }
}

impl Passphrase {
    /// `text` as a passphrase. White space, hyphens and the case of letters do not count, so that one that
    /// was read out is the same one.
    ///
    /// # Errors
    /// It is too short, or too long.
    pub fn parse(text: &str) -> Result<Self, PassphraseError> {
        if text.len() > limits::PASSPHRASE_MAX {
            return Err(PassphraseError::Long);
        }
        // It never grows, so that no copy is left behind in memory: NFC and lower case take at most three
        // times.
        let mut counted = Zeroizing::new(String::with_capacity(text.len() * 3));
        counted.extend(text.nfc().filter(|c| !c.is_whitespace() && *c != '-').flat_map(char::to_lowercase));
        let different: BTreeSet<char> = counted.chars().collect();
        if counted.chars().count() < limits::PASSPHRASE_MIN || different.len() < limits::PASSPHRASE_DIFFERENT
        {
            return Err(PassphraseError::Weak);
        }
        Ok(Self { typed: Zeroizing::new(text.trim().to_owned()), counted })
    }

    /// A new one, of `chance`; `None` in the rare case that too much of it could not be used.
    #[must_use]
    pub(crate) fn make(chance: &[u8; CHANCE]) -> Option<Self> {
        let alphabet = ALPHABET.len();
        // Of the numbers of a byte, a whole multiple of the alphabet: each character is as likely as any
        // other.
        let usable = chance.iter().map(|n| usize::from(*n)).filter(|n| *n < 256 / alphabet * alphabet);
        let mut typed = Zeroizing::new(String::with_capacity(MADE + MADE / BLOCK));
        let mut count = 0;
        for n in usable.take(MADE) {
            if count > 0 && count % BLOCK == 0 {
                typed.push('-');
            }
            typed.push(char::from(ALPHABET[n % alphabet]));
            count += 1;
        }
        if count < MADE { None } else { Self::parse(&typed).ok() }
    }

    /// As it was typed. Whoever calls it shows it to the user of this machine, or writes it where no other
    /// user reads.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.typed
    }

    /// What counts of it.
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.counted.as_bytes()
    }

    /// True if both lead to the same key under the same name.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        // The hash compares in constant time.
        blake3::hash(self.as_bytes()) == blake3::hash(other.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_ones_are_refused_and_what_is_read_out_is_the_same() {
        for weak in [
            "",
            "password",
            "0123456789abcde",
            "aaaaaaaaaaaaaaaaaaaaaaaa",
            "a - b - c - d - e - f - g",
            "abcabcabcabcabcabcabc",
        ] {
            assert_eq!(Passphrase::parse(weak).unwrap_err(), PassphraseError::Weak, "{weak}");
        }
        assert_eq!(Passphrase::parse(&"x y".repeat(400)).unwrap_err(), PassphraseError::Long);
        let typed = Passphrase::parse("  Correct Horse-battery staple\n").unwrap();
        assert_eq!(typed.reveal(), "Correct Horse-battery staple");
        assert!(typed.is_same(&Passphrase::parse("correcthorsebatterystaple").unwrap()));
        assert!(!typed.is_same(&Passphrase::parse("correcthorsebatterystable").unwrap()));
        assert!(
            Passphrase::parse("Zu\u{308}richsee im Winter")
                .unwrap()
                .is_same(&Passphrase::parse("z\u{fc}richseeimwinter").unwrap())
        );
    }

    #[test]
    fn it_shows_nowhere() {
        let secret = Passphrase::parse("correct horse battery staple").unwrap();
        assert_eq!(format!("{secret:?}"), "Passphrase(…)");
    }

    #[test]
    fn a_made_one_is_long_and_of_chance_alone() {
        let chance = core::array::from_fn(|n| u8::try_from(n * 4).unwrap());
        let made = Passphrase::make(&chance).unwrap();
        assert_eq!(made.reveal(), "aejp-tx37-bfkq-uy48-cgmr-vz59-dhns");
        assert!(made.reveal().bytes().all(|c| c == b'-' || ALPHABET.contains(&c)));
        // Numbers above the last multiple are left out, as many as they may be.
        assert!(Passphrase::make(&[255; CHANCE]).is_none());
        // 138 bits: the alphabet counts, and no character is in it twice.
        assert_eq!(ALPHABET.iter().collect::<BTreeSet<_>>().len(), 31);
    }
}
