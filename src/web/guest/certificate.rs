//! A certificate that nobody signed but its own key: browsers warn of it, and the owner can read its fingerprint aloud. Pure
//! but for the key, which is fresh.
//!
//! X.509 version 3 (RFC 5280), P-256 (RFC 5480), ECDSA with SHA-256 (RFC 5758), in DER (ITU-T X.690).

use core::net::IpAddr;

use data_encoding::HEXUPPER;
use ring::digest;
use ring::error::Unspecified;
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};

/// ecdsa-with-SHA256.
const SIGNED_BY: &[u8] = &[0x30, 0x0a, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];

/// id-ecPublicKey with prime256v1.
const KEY_KIND: &[u8] =
    &[0x30, 0x13, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];

/// The clocks of phones are wrong now and then: it is good from long ago until 2047, beyond which years are written
/// otherwise.
const FROM: &[u8] = b"200101000000Z";
const UNTIL: &[u8] = b"470101000000Z";

const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
const ALTERNATIVE_NAMES: &[u8] = &[0x55, 0x1d, 0x11];

/// id-kp-serverAuth.
const FOR_SERVERS: &[u8] = &[6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 1];

/// A certificate, and its key.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    /// DER.
    pub(crate) certificate: Vec<u8>,
    /// PKCS #8 (RFC 5958).
    pub(crate) key: Vec<u8>,
}

impl Certificate {
    /// A fresh one for these names and addresses.
    ///
    /// # Errors
    /// There is no randomness.
    pub(crate) fn make(name: &str, names: &[String], addresses: &[IpAddr]) -> Result<Self, Unspecified> {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random)?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, key.as_ref(), &random)
            .map_err(|_| Unspecified)?;
        let mut serial = [0; 8];
        random.fill(&mut serial)?;
        // Positive, and of eight bytes.
        serial[0] = serial[0] & 0x7f | 0x40;
        let body = body(name, names, addresses, &serial, pair.public_key().as_ref());
        let signature = pair.sign(&random, &body)?;
        let certificate = sequence(&[&body, SIGNED_BY, &bits(signature.as_ref())]);
        Ok(Self { certificate, key: key.as_ref().to_vec() })
    }

    /// SHA-256 over the certificate, as browsers show it: pairs of digits.
    pub(crate) fn fingerprint(&self) -> String {
        let hash = digest::digest(&digest::SHA256, &self.certificate);
        let pairs: Vec<_> = hash.as_ref().iter().map(|byte| HEXUPPER.encode(&[*byte])).collect();
        pairs.join(":")
    }
}

/// What is signed (RFC 5280 §4.1).
fn body(name: &str, names: &[String], addresses: &[IpAddr], serial: &[u8; 8], key: &[u8]) -> Vec<u8> {
    let common_name = sequence(&[&[6, 3, 0x55, 4, 3], &tagged(0x0c, &[name.as_bytes()])]);
    let owner = sequence(&[&tagged(0x31, &[&common_name])]);
    let mut all = Vec::new();
    names.iter().for_each(|name| all.extend(tagged(0x82, &[name.as_bytes()])));
    for address in addresses {
        match address {
            IpAddr::V4(v4) => all.extend(tagged(0x87, &[&v4.octets()])),
            IpAddr::V6(v6) => all.extend(tagged(0x87, &[&v6.octets()])),
        }
    }
    let extensions = [
        // No authority.
        extension(BASIC_CONSTRAINTS, true, &sequence(&[])),
        extension(EXTENDED_KEY_USAGE, false, &sequence(&[FOR_SERVERS])),
        extension(ALTERNATIVE_NAMES, false, &sequence(&[&all])),
    ]
    .concat();
    sequence(&[
        &[0xa0, 3, 2, 1, 2],
        &tagged(2, &[serial]),
        SIGNED_BY,
        &owner,
        &sequence(&[&tagged(0x17, &[FROM]), &tagged(0x17, &[UNTIL])]),
        &owner,
        &sequence(&[KEY_KIND, &bits(key)]),
        &tagged(0xa3, &[&sequence(&[&extensions])]),
    ])
}

fn extension(kind: &[u8], is_critical: bool, value: &[u8]) -> Vec<u8> {
    let critical: &[u8] = if is_critical { &[1, 1, 0xff] } else { &[] };
    sequence(&[&tagged(6, &[kind]), critical, &tagged(4, &[value])])
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tagged(0x30, parts)
}

/// A string of whole bytes.
fn bits(bytes: &[u8]) -> Vec<u8> {
    tagged(3, &[&[0], bytes])
}

/// A tag, the length of these parts, and they.
fn tagged(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    let mut bytes = vec![tag];
    let digits = len.to_be_bytes();
    let digits = &digits[digits.iter().take_while(|digit| **digit == 0).count()..];
    match digits {
        [] => bytes.push(0),
        [short] if *short < 0x80 => bytes.push(*short),
        // At most 8.
        digits => {
            bytes.push(0x80 | u8::try_from(digits.len()).unwrap_or(8));
            bytes.extend_from_slice(digits);
        }
    }
    parts.iter().for_each(|part| bytes.extend_from_slice(part));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_as_short_as_they_can_be() {
        assert_eq!(tagged(4, &[]), [4, 0]);
        assert_eq!(tagged(4, &[&[7; 127]])[..2], [4, 127]);
        assert_eq!(tagged(4, &[&[7; 128]])[..3], [4, 0x81, 128]);
        assert_eq!(tagged(4, &[&[7; 200], &[7; 100]])[..4], [4, 0x82, 1, 44]);
    }

    #[test]
    fn each_is_another_one() {
        let make = || {
            Certificate::make("potluck", &["anna.local".to_owned()], &["10.0.0.1".parse().unwrap()]).unwrap()
        };
        let (one, other) = (make(), make());
        assert_ne!(one.fingerprint(), other.fingerprint());
        assert_eq!(one.fingerprint().len(), 32 * 3 - 1);
        assert!(one.certificate.windows(10).any(|name| name == b"anna.local"));
    }
}
