//! Who may use the owner's page. Pure; chance comes from outside.
//!
//! `potluck web` makes a code from the key that lies in `.potluck/web`, which only this user can read: a nonce, the
//! time, and a keyed hash of both. The page gives it back and gets a token, once and within 30 s. A token is sent with each
//! request (`Authorization: Bearer`, RFC 6750), never as a cookie: those are shared between the ports of a machine.

use std::collections::BTreeMap;

use data_encoding::{BASE32_NOPAD, HEXLOWER};

use super::limits;
use crate::time::Time;

/// Bytes of a nonce, of a time, and of a keyed hash in a code.
pub(crate) const NONCE: usize = 16;
const TIME: usize = 8;
const MAC: usize = 16;

/// What codes are made with.
#[derive(Clone, Debug)]
pub(crate) struct WebKey([u8; 32]);

impl WebKey {
    /// A new one. `secret`: fresh chance.
    pub(crate) const fn new(secret: [u8; 32]) -> Self {
        Self(secret)
    }

    /// As it is written to a file.
    pub(crate) fn text(&self) -> String {
        HEXLOWER.encode(&self.0)
    }

    /// From such a text.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let bytes = HEXLOWER.decode(text.as_bytes()).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }

    /// A code that is good from now on. `nonce`: fresh chance; `now`: seconds since 1970.
    pub(crate) fn code(&self, nonce: [u8; NONCE], now: u64) -> String {
        let said = [&nonce[..], &now.to_be_bytes()].concat();
        let mac = blake3::keyed_hash(&self.0, &said);
        BASE32_NOPAD.encode(&[&said[..], &mac.as_bytes()[..MAC]].concat()).to_ascii_lowercase()
    }
}

/// The browsers that may.
#[derive(Debug)]
pub(crate) struct Sessions {
    key: WebKey,
    /// Nonces of codes that were used, and when they are no longer good anyhow.
    used: BTreeMap<[u8; NONCE], u64>,
    /// Hashes of tokens, and when each was used last. What is compared is a hash: how long that takes tells nothing.
    tokens: BTreeMap<[u8; 32], Time>,
}

impl Sessions {
    /// None may yet.
    pub(crate) const fn new(key: WebKey) -> Self {
        Self { key, used: BTreeMap::new(), tokens: BTreeMap::new() }
    }

    /// True if a code is good; it is not any more then. `unix`: seconds since 1970.
    pub(crate) fn takes(&mut self, code: &str, unix: u64) -> bool {
        self.used.retain(|_, until| *until >= unix);
        let Some((nonce, made)) = read_code(code) else { return false };
        // One that is not of this machine's time is none that was just made.
        let is_new = unix.abs_diff(made) <= limits::CODE_SECONDS;
        let is_ours = blake3::hash(self.key.code(nonce, made).as_bytes()) == blake3::hash(code.as_bytes());
        is_new && is_ours && self.used.insert(nonce, made + limits::CODE_SECONDS).is_none()
    }

    /// This browser may from now on. `secret`: fresh chance.
    pub(crate) fn begin(&mut self, now: Time, secret: [u8; 32]) -> String {
        let token = HEXLOWER.encode(&secret);
        self.tokens.insert(*blake3::hash(token.as_bytes()).as_bytes(), now);
        while self.tokens.len() > limits::SESSIONS
            && let Some(oldest) = self.tokens.iter().min_by_key(|(_, used)| **used).map(|(hash, _)| *hash)
        {
            self.tokens.remove(&oldest);
        }
        token
    }

    /// True if whoever says this token may.
    pub(crate) fn may(&mut self, now: Time, token: &str) -> bool {
        self.tokens.retain(|_, used| now.since(*used) < limits::SESSION);
        let Some(used) = self.tokens.get_mut(blake3::hash(token.as_bytes()).as_bytes()) else { return false };
        *used = now;
        true
    }

    /// Whoever says this token may no more.
    pub(crate) fn end(&mut self, token: &str) {
        self.tokens.remove(blake3::hash(token.as_bytes()).as_bytes());
    }
}

/// The nonce and the time of a code.
fn read_code(code: &str) -> Option<([u8; NONCE], u64)> {
    let bytes = BASE32_NOPAD.decode(code.to_ascii_uppercase().as_bytes()).ok()?;
    if bytes.len() != NONCE + TIME + MAC {
        return None;
    }
    let (nonce, rest) = bytes.split_first_chunk::<NONCE>()?;
    let (time, _) = rest.split_first_chunk::<TIME>()?;
    Some((*nonce, u64::from_be_bytes(*time)))
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    const NOW: u64 = 1_800_000_000;

    #[test]
    fn a_code_is_good_once_and_not_for_long() {
        let key = WebKey::new([1; 32]);
        let mut sessions = Sessions::new(WebKey::read(&key.text()).unwrap());
        let code = key.code([1; NONCE], NOW);
        assert!(code.bytes().all(|byte| byte.is_ascii_alphanumeric()) && code != key.code([2; NONCE], NOW));
        assert!(sessions.takes(&code, NOW + 30) && !sessions.takes(&code, NOW + 30));
        assert!(!sessions.takes(&code, NOW) && sessions.used.len() == 1);
        let late = key.code([3; NONCE], NOW);
        assert!(!sessions.takes(&late, NOW + 31) && sessions.used.is_empty(), "and nothing is kept for long");
        assert!(!sessions.takes(&key.code([4; NONCE], NOW + 31), NOW));
    }

    #[test]
    fn what_no_key_made_is_no_code() {
        let key = WebKey::new([1; 32]);
        let mut sessions = Sessions::new(key.clone());
        let code = key.code([1; NONCE], NOW);
        for at in [0, 20, 30, 45, code.len() - 3] {
            let other = if &code[at..=at] == "a" { "b" } else { "a" };
            let forged = format!("{}{other}{}", &code[..at], &code[at + 1..]);
            assert!(!sessions.takes(&forged, NOW), "{at}");
        }
        for junk in
            ["", "a", "ü", &code[1..], &format!("{code}a"), &WebKey::new([2; 32]).code([1; NONCE], NOW)]
        {
            assert!(!sessions.takes(junk, NOW), "{junk}");
        }
        // A code that ends within what is no multiple of a byte has one form alone.
        assert!(sessions.takes(&code, NOW));
        assert!(WebKey::read("").is_none() && WebKey::read(&"f".repeat(63)).is_none());
    }

    #[test]
    fn a_token_is_good_as_long_as_it_is_used_and_few_are() {
        let (mut sessions, start) = (Sessions::new(WebKey::new([1; 32])), Time(1));
        let token = sessions.begin(start, [7; 32]);
        assert!(!sessions.may(start, "") && !sessions.may(start, &token[1..]));
        let mut now = start;
        for _ in 0..3 {
            now = now + limits::SESSION / 2;
            assert!(sessions.may(now, &token));
        }
        assert!(!sessions.may(now + limits::SESSION, &token));
        let tokens: Vec<_> =
            (0..20_u8).map(|n| sessions.begin(now + Duration::from_secs(n.into()), [n; 32])).collect();
        let good = tokens.iter().filter(|token| sessions.may(now, token)).count();
        assert!(good == limits::SESSIONS && !sessions.may(now, &tokens[0]));
        sessions.end(&tokens[19]);
        assert!(!sessions.may(now, &tokens[19]));
    }
}
