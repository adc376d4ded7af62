//! `MessagePack` with named fields (so that fields can be added), bounded in depth, nothing left over. Pure.

use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};

/// Nesting of a `MessagePack` value, at most: bounds the decoder's stack.
pub const NESTING: usize = 16;

/// Why bytes are not what they should be. The sender is at fault.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Cut off.
    #[error("the message is cut off")]
    Short,
    /// Longer than its kind may be.
    #[error("the message is too long")]
    Long,
    /// Not one of ours.
    #[error("the message is not potluck's")]
    Magic,
    /// A version that is not spoken here.
    #[error("the message is of version {0}, which is not spoken here")]
    Version(u8),
    /// The signature is not that of the key in the message.
    #[error("the signature is wrong")]
    Signature,
    /// `MessagePack` that does not fit the message's shape.
    #[error("the message is malformed: {0}")]
    Body(String),
    /// A value that its type does not allow.
    #[error("the message is malformed: {0}")]
    Value(&'static str),
}

/// `value` as `MessagePack` with named fields.
///
/// # Panics
/// Never for the types of this crate: writing into memory cannot fail, and they hold no maps with
/// unknown lengths.
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    rmp_serde::to_vec_named(value).expect("our own types encode into memory")
}

/// True if `value` is encoded as these bytes. Takes no memory.
pub fn is_encoded_as<T: Serialize + ?Sized>(value: &T, bytes: &[u8]) -> bool {
    /// What is still to come.
    struct Rest<'a>(&'a [u8]);

    impl std::io::Write for Rest<'_> {
        fn write(&mut self, part: &[u8]) -> std::io::Result<usize> {
            self.0 = self.0.strip_prefix(part).ok_or(std::io::ErrorKind::InvalidData)?;
            Ok(part.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    let mut rest = Rest(bytes);
    rmp_serde::encode::write_named(&mut rest, value).is_ok() && rest.0.is_empty()
}

/// Reads one value that takes up all of `bytes`.
///
/// # Errors
/// [`DecodeError::Body`].
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    let mut rest = bytes;
    let mut decoder = rmp_serde::Deserializer::new(&mut rest);
    decoder.set_max_depth(NESTING);
    let value = T::deserialize(&mut decoder).map_err(|e| DecodeError::Body(e.to_string()))?;
    if rest.is_empty() { Ok(value) } else { Err(DecodeError::Body("bytes are left over".to_owned())) }
}

/// Takes one value off the front of `bytes`: as a `T` if it is one, and its bytes.
///
/// # Errors
/// [`DecodeError::Body`] if there is no whole value.
pub fn split_first<T: DeserializeOwned>(bytes: &[u8]) -> Result<(Option<T>, &[u8]), DecodeError> {
    fn first<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, usize), rmp_serde::decode::Error> {
        let mut rest = bytes;
        let mut decoder = rmp_serde::Deserializer::new(&mut rest);
        decoder.set_max_depth(NESTING);
        let value = T::deserialize(&mut decoder)?;
        Ok((value, bytes.len() - rest.len()))
    }
    let (value, len) = match first(bytes) {
        Ok((value, len)) => (Some(value), len),
        Err(_) => {
            let (IgnoredAny, len) = first(bytes).map_err(|e| DecodeError::Body(e.to_string()))?;
            (None, len)
        }
    };
    Ok((value, &bytes[..len]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_may_be_left_over_or_missing() {
        let bytes = encode(&(1_u8, "text".to_owned()));
        assert_eq!(decode::<(u8, String)>(&bytes).unwrap(), (1, "text".to_owned()));
        for cut in 0..bytes.len() {
            assert!(decode::<(u8, String)>(&bytes[..cut]).is_err());
        }
        assert!(decode::<(u8, String)>(&[&bytes[..], &[0]].concat()).is_err());
    }

    #[test]
    fn an_encoding_is_known_and_nothing_else_is_taken_for_it() {
        let value = (300_u16, "text".to_owned());
        let bytes = encode(&value);
        assert!(is_encoded_as(&value, &bytes));
        assert!(!is_encoded_as(&value, &[&bytes[..], &[0]].concat()));
        for at in 0..bytes.len() {
            let mut other = bytes.clone();
            other[at] ^= 1;
            assert!(!is_encoded_as(&value, &other) && !is_encoded_as(&value, &bytes[..at]), "{at}");
        }
    }

    #[test]
    fn depth_and_claimed_lengths_cost_nothing() {
        #[derive(Debug, serde::Deserialize)]
        struct Nest(#[expect(dead_code, reason = "only its depth matters")] Vec<Self>);
        assert!(decode::<Nest>(&[0x91; 100_000]).is_err());
        // An array and a string that claim 4 GiB.
        assert!(decode::<Vec<u64>>(&[0xdd, 0xff, 0xff, 0xff, 0xff]).is_err());
        assert!(decode::<String>(&[0xdb, 0xff, 0xff, 0xff, 0xff]).is_err());
    }
}
