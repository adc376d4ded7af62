//! Lines of the control socket: one JSON object each, at most [`limits::CONTROL_LINE`] bytes.

use std::io::{self, BufRead, Read};

use serde::{Deserialize, Serialize};

use super::Request;
use crate::control::limits;

/// Version of what is asked and of all objects that answer it: another one as soon as a field changes its meaning.
/// A field or a kind of object more needs no new one, for both are to be ignored by who does not know them.
pub(crate) const VERSION: u32 = 1;

/// An object as it is written on a line, with the version beside its fields.
#[derive(Debug, Serialize)]
pub(crate) struct Versioned<'a, T> {
    version: u32,
    #[serde(flatten)]
    object: &'a T,
}

impl<'a, T: Serialize> Versioned<'a, T> {
    /// `object`, which serializes as a map without a version.
    pub(crate) const fn of(object: &'a T) -> Self {
        Self { version: VERSION, object }
    }
}

/// What a client sends: `{"version":1,"command":"list",…}`.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Call {
    pub(super) version: u32,
    #[serde(flatten)]
    pub(super) request: Request,
}

/// Only the version of a [`Call`], for a request that this potluck does not know.
#[derive(Deserialize)]
pub(super) struct VersionOnly {
    pub(super) version: u32,
}

/// The next line without its end; `None` at the end of the stream.
///
/// # Errors
/// `InvalidData` for a line that is too long or cut off.
pub(super) fn read(from: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let most = limits::CONTROL_LINE as u64 + 1;
    from.take(most).read_until(b'\n', &mut line)?;
    match line.pop() {
        None => Ok(None),
        Some(b'\n') => Ok(Some(line)),
        Some(_) if line.len() >= limits::CONTROL_LINE => Err(too_long()),
        Some(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "the line was cut off")),
    }
}

/// Why a line above the limit is not read.
pub(super) fn too_long() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the line is too long")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::{ExitRequest, ListRequest};

    #[test]
    fn lines_end_at_the_limit() {
        let whole = [vec![b'x'; limits::CONTROL_LINE], b"\n".to_vec()].concat();
        assert_eq!(read(&mut whole.as_slice()).unwrap().unwrap().len(), limits::CONTROL_LINE);
        let long = vec![b'x'; limits::CONTROL_LINE + 2];
        assert_eq!(read(&mut long.as_slice()).unwrap_err().to_string(), "the line is too long");
        assert_eq!(read(&mut &b"half"[..]).unwrap_err().to_string(), "the line was cut off");
        assert_eq!(read(&mut &b""[..]).unwrap(), None);
        assert_eq!(read(&mut &b"\n"[..]).unwrap(), Some(Vec::new()));
    }

    #[test]
    fn a_call_has_its_version_beside_the_command() {
        let call = Call { version: 1, request: ExitRequest { now: true }.into() };
        let json = serde_json::to_string(&call).unwrap();
        assert_eq!(json, r#"{"version":1,"command":"exit","now":true}"#);
        assert_eq!(serde_json::from_str::<Call>(&json).unwrap(), call);
        let short: Call = serde_json::from_str(r#"{"version":1,"command":"list"}"#).unwrap();
        assert_eq!(short.request, ListRequest::default().into());
    }
}
