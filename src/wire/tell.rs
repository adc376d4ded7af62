//! What one peer says to another one alone: asked at the sender's port, because every peer dials that. Pure.

use serde::{Deserialize, Serialize};

use super::registry::Body;
use crate::codec::DecodeError;
use crate::identity::Instance;
use crate::wire::limits;

/// Says something to the peer that is asked, and to nobody else. Answer: [`Told`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tell {
    /// Number of the request.
    pub request: u64,
    /// This start of who says it.
    pub instance: Instance,
    /// The number of the line among those that this start told anyone, at least 1. Said once more because no answer
    /// came, it is the same.
    pub number: u64,
    /// When it was said, by the clock of who said it: milliseconds since 1970. It is only shown.
    pub said: u64,
    /// 1 to [`limits::LINE`] bytes; hostile until it is shown by `text::shown`.
    pub text: String,
}

/// It came, now or before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The request.
    pub request: u64,
}

impl Body for Tell {
    fn check(&self) -> Result<(), DecodeError> {
        if self.text.is_empty() || self.text.len() > limits::LINE {
            return Err(DecodeError::Value("a line of no or of too many bytes"));
        }
        if self.number == 0 {
            return Err(DecodeError::Value("line 0"));
        }
        Ok(())
    }
}

says_all!(Told);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_said_is_refused() {
        let instance = Instance { count: 1, random: 2 };
        let tell = |number, bytes| Tell { request: 1, instance, number, said: 0, text: "x".repeat(bytes) };
        for (line, is_right) in [
            (tell(1, 1), true),
            (tell(u64::MAX, limits::LINE), true),
            (tell(0, 1), false),
            (tell(1, 0), false),
            (tell(1, limits::LINE + 1), false),
        ] {
            assert_eq!(line.check().is_ok(), is_right, "{line:?}");
        }
    }
}
