//! What is said to whom, as it was typed. Pure.

use super::too_long;
use crate::error::{Code, Failure};
use crate::lan;

/// What a user wants to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::peer) enum Spoken {
    /// Nothing: the last lines are to be shown.
    Nothing,
    /// This to everyone.
    ToAll(String),
    /// Something to one peer.
    ToOne {
        /// How that was called.
        peer: String,
        /// What.
        text: String,
    },
}

impl Spoken {
    /// What these words say, which one blank stands between. A peer whose name has blanks is written `@"a name"`.
    ///
    /// # Errors
    /// It is too long, or nothing is said: `chat "$text"` in a script, with an empty text, is not `chat`.
    pub(in crate::peer) fn of(words: &[String]) -> Result<Self, Failure> {
        if words.is_empty() {
            return Ok(Self::Nothing);
        }
        let words = words.join(" ");
        let said = match words.strip_prefix('@') {
            _ if words.trim().is_empty() => {
                return Err(Failure::new(Code::Usage, "there is nothing to be said"));
            }
            None => Self::ToAll(words),
            Some(behind) => {
                let (peer, text) = addressed(behind);
                if text.is_empty() {
                    let message = "what is to be said to it? `chat @PEER TEXT`";
                    return Err(Failure::new(Code::Usage, message));
                }
                Self::ToOne { peer: peer.to_owned(), text: text.to_owned() }
            }
        };
        let (Self::ToAll(text) | Self::ToOne { text, .. }) = &said else { return Ok(said) };
        if text.len() > lan::limits::LINE { Err(too_long(text.len())) } else { Ok(said) }
    }
}

/// The peer, and what is said to it.
fn addressed(words: &str) -> (&str, &str) {
    let quoted = words.strip_prefix('"').and_then(|open| open.split_once('"'));
    let (peer, text) = quoted.or_else(|| words.split_once(char::is_whitespace)).unwrap_or((words, ""));
    (peer, text.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &[&str]) -> Result<Spoken, Failure> {
        Spoken::of(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    fn to_one(peer: &str, text: &str) -> Result<Spoken, Failure> {
        Ok(Spoken::ToOne { peer: peer.to_owned(), text: text.to_owned() })
    }

    #[test]
    fn what_is_typed_is_said_as_it_stands() {
        assert_eq!(of(&[]), Ok(Spoken::Nothing));
        assert!(of(&["", " "]).is_err() && of(&[""]).is_err());
        assert_eq!(of(&["it's \"so\"  # wide "]), Ok(Spoken::ToAll("it's \"so\"  # wide ".into())));
        assert_eq!(of(&["a", "b  c"]), Ok(Spoken::ToAll("a b  c".into())));
        assert_eq!(of(&["@anna  hi there "]), to_one("anna", "hi there "));
        assert_eq!(of(&["@anna", "hi", "@bert"]), to_one("anna", "hi @bert"));
        assert_eq!(of(&["@\"two words\" hi"]), to_one("two words", "hi"));
        assert_eq!(of(&["@\"open hi"]), to_one("\"open", "hi"));
        for nothing in [&["@anna"][..], &["@anna", " "], &["@"], &["@\"a b\""]] {
            assert_eq!(of(nothing).unwrap_err().code, Code::Usage, "{nothing:?}");
        }
    }

    #[test]
    fn a_line_has_700_bytes_and_not_one_more() {
        let (whole, long) = ("ä".repeat(350), format!("{}x", "ä".repeat(350)));
        assert_eq!(of(&[&whole]), Ok(Spoken::ToAll(whole.clone())));
        assert_eq!(of(&[&format!("@anna {whole}")]), to_one("anna", &whole));
        for words in [long.clone(), format!("@anna {long}")] {
            let failure = of(&[&words]).unwrap_err();
            assert_eq!(failure.code, Code::Usage);
            assert!(failure.message.contains("701 bytes") && failure.message.contains("700"), "{failure}");
        }
    }
}
