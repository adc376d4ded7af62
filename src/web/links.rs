//! Addresses of files: a browser gets bytes from one without being asked for anything else, so that a film can be played
//! and a download resumed. Whoever knows one can read that file, and nothing more. Pure.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;

use super::limits;
use crate::time::Time;

/// A file that has an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LinkedFile {
    /// Its content, as a word for it: `b3:` and its id.
    pub(crate) word: String,
    pub(crate) size: u64,
    pub(crate) name: String,
}

impl LinkedFile {
    /// Its strong tag (RFC 9110 §8.8.3): other bytes have another one.
    pub(crate) fn tag(&self) -> String {
        format!("\"{}\"", self.word.trim_start_matches("b3:"))
    }
}

/// All that have one.
#[derive(Debug, Default)]
pub(crate) struct FileLinks(BTreeMap<[u8; 32], (Time, LinkedFile)>);

impl FileLinks {
    /// Gives a file an address: its secret part. `secret`: fresh chance.
    pub(crate) fn add(&mut self, now: Time, secret: [u8; 16], file: LinkedFile) -> String {
        let text = HEXLOWER.encode(&secret);
        self.0.insert(*blake3::hash(text.as_bytes()).as_bytes(), (now, file));
        while self.0.len() > limits::LINKS
            && let Some(oldest) = self.0.iter().min_by_key(|(_, (used, _))| *used).map(|(hash, _)| *hash)
        {
            self.0.remove(&oldest);
        }
        text
    }

    /// The file at an address.
    pub(crate) fn get(&mut self, now: Time, secret: &str) -> Option<LinkedFile> {
        let (used, file) = self.0.get_mut(blake3::hash(secret.as_bytes()).as_bytes())?;
        if now.since(*used) >= limits::LINK {
            return None;
        }
        *used = now;
        Some(file.clone())
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    #[test]
    fn an_address_leads_to_its_file_as_long_as_it_is_used() {
        let file = |n: u64| LinkedFile { word: format!("b3:{n}"), size: n, name: format!("{n}.txt") };
        let (mut links, start) = (FileLinks::default(), Time(1));
        let secret = links.add(start, [1; 16], file(1));
        assert_eq!(links.get(start + limits::LINK / 2, &secret), Some(file(1)));
        assert_eq!(links.get(start + limits::LINK, &secret), Some(file(1)));
        assert_eq!(links.get(start + limits::LINK * 3, &secret), None);
        assert_eq!((links.get(start, "0"), file(1).tag().as_str()), (None, "\"1\""));
        for n in 0..=limits::LINKS as u64 {
            let mut secret = [2; 16];
            secret[..8].copy_from_slice(&n.to_be_bytes());
            links.add(start + limits::LINK * 4 + Duration::from_secs(n), secret, file(n));
        }
        assert_eq!(links.0.len(), limits::LINKS);
    }
}
