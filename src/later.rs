//! How a value of a later version is skipped without losing what stands beside it. Pure.
//!
//! `MessagePack` says of each value how long it is, so a value of any shape can be stepped over. Two things
//! on the wire may grow by more than a field (which serde skips by itself): an enum may get another variant,
//! with data or without, and a list may get rows of another shape. [`grows!`] makes an enum read what it does
//! not know as its variant `Other`; [`Rows`] leaves out the rows that it does not know, and counts them.

use core::fmt;
use core::marker::PhantomData;
use core::ops::Deref;

use serde::de::{DeserializeOwned, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::codec::{decode, encode};

/// The value that comes next, taken as a whole; then as a `T` if it is one. `None`: it is well-formed, but of
/// a later version (or nonsense, which costs no more than that).
pub(crate) fn read<'de, T: DeserializeOwned, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    take(deserializer).map(Result::ok)
}

/// The value that comes next, taken as a whole, as a `T`; or, if it is none, how many bytes were stepped
/// over.
fn take<'de, T: DeserializeOwned, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Result<T, usize>, D::Error> {
    let mut bytes = Vec::new();
    Taken(&mut bytes).deserialize(deserializer)?;
    Ok(decode(&bytes).map_err(|_| bytes.len()))
}

/// Writes the value that comes next to a buffer, as `MessagePack`. What it takes is bounded by what came.
struct Taken<'a>(&'a mut Vec<u8>);

impl Taken<'_> {
    fn put<E, T: Serialize + ?Sized>(self, value: &T) -> Result<(), E> {
        self.0.extend(encode(value));
        Ok(())
    }

    /// The head of an array or a map of `len` values: the longest form, which every reader takes.
    fn begin(&mut self, marker: u8, len: u32) {
        self.0.push(marker);
        self.0.extend(len.to_be_bytes());
    }

    /// Puts the length in its place once it is known.
    fn end(&mut self, at: usize, len: u32) {
        self.0[at + 1..at + 5].copy_from_slice(&len.to_be_bytes());
    }
}

impl<'de> DeserializeSeed<'de> for Taken<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Taken<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.put(&value)
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.put(&value)
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.put(&value)
    }

    fn visit_f32<E>(self, value: f32) -> Result<(), E> {
        self.put(&value)
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.put(&value)
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.put(value)
    }

    fn visit_bytes<E>(self, value: &[u8]) -> Result<(), E> {
        self.put(serde_bytes::Bytes::new(value))
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.put(&())
    }

    fn visit_none<E>(self) -> Result<(), E> {
        self.put(&())
    }

    /// An extension type: nothing here has one, so that its length is all that is of interest.
    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        IgnoredAny::deserialize(deserializer)?;
        self.put(&())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        let (at, mut len) = (self.0.len(), 0);
        self.begin(0xdd, 0);
        while seq.next_element_seed(Taken(self.0))?.is_some() {
            len += 1;
        }
        self.end(at, len);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let (at, mut len) = (self.0.len(), 0);
        self.begin(0xdf, 0);
        while map.next_key_seed(Taken(self.0))?.is_some() {
            map.next_value_seed(Taken(self.0))?;
            len += 1;
        }
        self.end(at, len);
        Ok(())
    }
}

/// Makes an enum read a variant that it does not have as `Other`. It derives serde's traits with
/// `#[serde(remote = "Self")]`, and must not be inside another value more often than values may nest.
macro_rules! grows {
    ($growing:ty) => {
        impl<'de> serde::Deserialize<'de> for $growing {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct KnownVariant($growing);
                impl<'de> serde::Deserialize<'de> for KnownVariant {
                    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                        // The function that serde derived for the enum, not the trait's.
                        <$growing>::deserialize(deserializer).map(Self)
                    }
                }
                let known = $crate::later::read::<KnownVariant, D>(deserializer)?;
                Ok(known.map_or(<$growing>::Other, |known| known.0))
            }
        }

        impl serde::Serialize for $growing {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                <$growing>::serialize(self, serializer)
            }
        }
    };
}

/// Rows of a page: those that are known here, in their order. Rows of a later version are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows<T> {
    known: Vec<T>,
    skipped: usize,
    skipped_bytes: usize,
}

impl<T> Rows<T> {
    /// How many there were, with those that were left out.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.known.len() + self.skipped
    }

    /// Bytes of those that were left out.
    #[must_use]
    pub const fn skipped_bytes(&self) -> usize {
        self.skipped_bytes
    }
}

impl<T> Default for Rows<T> {
    fn default() -> Self {
        Self::from(Vec::new())
    }
}

impl<T> From<Vec<T>> for Rows<T> {
    fn from(known: Vec<T>) -> Self {
        Self { known, skipped: 0, skipped_bytes: 0 }
    }
}

impl<T> FromIterator<T> for Rows<T> {
    fn from_iter<I: IntoIterator<Item = T>>(rows: I) -> Self {
        Self::from(Vec::from_iter(rows))
    }
}

impl<T> Deref for Rows<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.known
    }
}

impl<T> IntoIterator for Rows<T> {
    type Item = T;
    type IntoIter = <Vec<T> as IntoIterator>::IntoIter;

    fn into_iter(self) -> Self::IntoIter {
        self.known.into_iter()
    }
}

impl<'a, T> IntoIterator for &'a Rows<T> {
    type Item = &'a T;
    type IntoIter = <&'a [T] as IntoIterator>::IntoIter;

    fn into_iter(self) -> Self::IntoIter {
        self.known.iter()
    }
}

impl<T: Serialize> Serialize for Rows<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.known.serialize(serializer)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Rows<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RowsVisitor<T>(PhantomData<T>);
        impl<'de, T: DeserializeOwned> Visitor<'de> for RowsVisitor<T> {
            type Value = Rows<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("rows")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Rows<T>, A::Error> {
                let mut rows = Rows::default();
                while let Some(AnyRow(row)) = seq.next_element::<AnyRow<T>>()? {
                    match row {
                        Ok(row) => rows.known.push(row),
                        Err(bytes) => {
                            rows.skipped += 1;
                            rows.skipped_bytes += bytes;
                        }
                    }
                }
                Ok(rows)
            }
        }
        deserializer.deserialize_seq(RowsVisitor(PhantomData))
    }
}

/// One row; or the bytes of one of a later version.
struct AnyRow<T>(Result<T, usize>);

impl<'de, T: DeserializeOwned> Deserialize<'de> for AnyRow<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        take(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(remote = "Self", rename_all = "snake_case")]
    enum Colour {
        Red,
        Mixed { parts: Vec<u8> },
        Other,
    }
    grows!(Colour);

    #[derive(Serialize)]
    #[serde(rename_all = "snake_case")]
    enum LaterColour {
        Red,
        Mixed { parts: Vec<u8>, gloss: f32 },
        Blue,
        Light(u8, Option<bool>),
        Wave { length: f64, inner: Vec<(i64, String)> },
    }

    fn later() -> Vec<LaterColour> {
        vec![
            LaterColour::Blue,
            LaterColour::Red,
            LaterColour::Light(4, None),
            LaterColour::Mixed { parts: vec![1, 2], gloss: 0.5 },
            LaterColour::Wave { length: 1e-9, inner: vec![(-1 << 40, "x".repeat(70_000))] },
        ]
    }

    #[test]
    fn unknown_variants_are_read_as_other_and_their_neighbours_are_not_lost() {
        let read: Vec<Colour> = decode(&encode(&later())).unwrap();
        let mixed = Colour::Mixed { parts: vec![1, 2] };
        assert_eq!(read, [Colour::Other, Colour::Red, Colour::Other, mixed, Colour::Other]);
        assert_eq!(decode::<Vec<Colour>>(&encode(&read)).unwrap(), read);
    }

    #[test]
    fn unknown_rows_are_left_out_and_counted() {
        let mut bytes = vec![0x95];
        bytes.extend(encode(&(1_u8, 2_u8)));
        bytes.extend(encode(&"a row of another kind"));
        // An extension type of 2 bytes (fixext 2), and a map.
        bytes.extend([0xd5, 7, 1, 2, 0x81, 0xa1, b'k', 0xc0]);
        bytes.extend(encode(&(3_u8, 4_u8)));
        let rows: Rows<(u8, u8)> = decode(&bytes).unwrap();
        assert_eq!((&rows[..], rows.count()), (&[(1, 2), (3, 4)][..], 5));
        assert_eq!(encode(&rows), encode(&[(1_u8, 2_u8), (3, 4)]));
        for cut in 0..bytes.len() {
            assert!(decode::<Rows<(u8, u8)>>(&bytes[..cut]).is_err(), "{cut}");
        }
    }

    #[test]
    fn what_is_skipped_may_neither_nest_without_end_nor_claim_a_length() {
        assert!(decode::<Colour>(&[0x91; 1_000]).is_err());
        assert!(decode::<Rows<u8>>(&[0x91, 0xdd, 0xff, 0xff, 0xff, 0xff]).is_err());
        assert!(decode::<Rows<u8>>(&[0xdd, 0xff, 0xff, 0xff, 0xff]).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let any = decode::<IgnoredAny>(&bytes).is_ok();
            // Text that is not UTF-8 is skipped, but not read.
            let colour = decode::<Colour>(&bytes);
            prop_assert!(colour.is_err() || any);
        }
    }
}
