//! Bytes of files among the answers. Pure.
//!
//! On the control socket they stand behind their line as they are: `{"reply":"bytes","len":3}`, the end of the line,
//! and three bytes. The next line begins right behind them.

use core::fmt;

use serde::{Deserialize, Serialize};

/// Bytes of a file. As JSON their number alone.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawBytes {
    /// How many they are.
    len: u64,
    #[serde(skip)]
    bytes: Vec<u8>,
}

impl RawBytes {
    /// How many they are to be.
    pub(crate) const fn len(&self) -> u64 {
        self.len
    }

    /// The bytes; none as long as they did not come.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// As [`Self::as_bytes`], given away.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

impl From<Vec<u8>> for RawBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self { len: bytes.len() as u64, bytes }
    }
}

impl fmt::Debug for RawBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawBytes({})", self.len)
    }
}
