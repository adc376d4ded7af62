//! The link that guests have: the secret in it, what it leads to, and who typed its PIN. Pure.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;

use super::limits;
use super::pins::{Pin, PinGuess};
use crate::accounts::AccountHost;
use crate::time::Time;

/// What a secret opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GuestAccess {
    /// Nothing: it is none.
    None,
    /// The PIN is to be typed first.
    Locked,
    /// All of the link.
    Open,
}

/// A link.
#[derive(Debug)]
pub(super) struct GuestLink {
    /// Of its secret. Secrets are compared by their hashes, which takes as long whatever is guessed.
    hash: blake3::Hash,
    pin: Option<Pin>,
    /// Of the secrets of those who typed it, and when they were used last.
    let_in: BTreeMap<[u8; 32], Time>,
    /// What lies below this path is shown; empty: everything.
    pub(super) root: String,
    /// Of the peer.
    pub(super) name: String,
    /// Plain requests are refused.
    pub(super) is_private: bool,
    /// Of the certificate.
    pub(super) fingerprint: String,
    pub(super) until: Option<Time>,
    /// Seconds since 1970.
    pub(super) until_unix: Option<u64>,
}

/// What a link is made of.
#[derive(Clone, Debug)]
pub(super) struct GuestLinkFacts {
    pub(super) secret: String,
    pub(super) pin: Option<String>,
    pub(super) root: String,
    pub(super) name: String,
    pub(super) is_private: bool,
    pub(super) fingerprint: String,
    pub(super) until: Option<Time>,
    pub(super) until_unix: Option<u64>,
}

impl GuestLink {
    pub(super) fn new(facts: GuestLinkFacts) -> Self {
        let GuestLinkFacts { secret, pin, root, name, is_private, fingerprint, until, until_unix } = facts;
        Self {
            hash: blake3::hash(secret.as_bytes()),
            pin: pin.as_deref().map(Pin::new),
            let_in: BTreeMap::new(),
            root,
            name,
            is_private,
            fingerprint,
            until,
            until_unix,
        }
    }

    /// What this secret opens.
    pub(super) fn access(&mut self, now: Time, secret: &str) -> GuestAccess {
        let hash = blake3::hash(secret.as_bytes());
        if let Some(used) = self.let_in.get_mut(hash.as_bytes()) {
            *used = now;
            GuestAccess::Open
        } else if hash != self.hash {
            GuestAccess::None
        } else if self.pin.is_some() {
            GuestAccess::Locked
        } else {
            GuestAccess::Open
        }
    }

    /// Somebody types the PIN. `None`: there is none.
    pub(super) fn guess(&mut self, now: Time, from: AccountHost, pin: &str) -> Option<PinGuess> {
        Some(self.pin.as_mut()?.guess(now, from, pin))
    }

    /// Whoever typed it has a secret of its own from now on. `fresh`: chance.
    pub(super) fn let_in(&mut self, now: Time, fresh: [u8; 16]) -> String {
        let secret = HEXLOWER.encode(&fresh);
        self.let_in.insert(*blake3::hash(secret.as_bytes()).as_bytes(), now);
        while self.let_in.len() > limits::PIN_PATHS
            && let Some(first) = self.let_in.iter().min_by_key(|(_, used)| **used).map(|(hash, _)| *hash)
        {
            self.let_in.remove(&first);
        }
        secret
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(pin: Option<&str>) -> GuestLink {
        GuestLink::new(GuestLinkFacts {
            secret: "5e".to_owned(),
            pin: pin.map(str::to_owned),
            root: String::new(),
            name: "anna".to_owned(),
            is_private: false,
            fingerprint: String::new(),
            until: None,
            until_unix: None,
        })
    }

    #[test]
    fn a_link_is_opened_by_its_secret_and_one_with_a_pin_by_that_of_its_guest() {
        let (now, host) = (Time(1), AccountHost::V6(1));
        let mut open = link(None);
        assert_eq!((open.access(now, "5e"), open.access(now, "5f")), (GuestAccess::Open, GuestAccess::None));
        assert_eq!(open.guess(now, host, "1"), None);
        let mut locked = link(Some("123"));
        assert_eq!(locked.access(now, "5e"), GuestAccess::Locked);
        assert_eq!(locked.guess(now, host, "123"), Some(PinGuess::Right));
        let own = locked.let_in(now, [1; 16]);
        assert_eq!(
            (locked.access(now, &own), locked.access(now, "5e")),
            (GuestAccess::Open, GuestAccess::Locked)
        );
        for n in 0..=limits::PIN_PATHS as u64 {
            let mut fresh = [2; 16];
            fresh[..8].copy_from_slice(&n.to_be_bytes());
            locked.let_in(Time(2), fresh);
        }
        assert_eq!((locked.let_in.len(), locked.access(now, &own)), (limits::PIN_PATHS, GuestAccess::None));
    }
}
