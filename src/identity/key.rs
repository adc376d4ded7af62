//! The Ed25519 key of a peer: a file of 32 bytes that only its user can read.

use std::fmt;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::SignatureScheme;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::SigningKey;
use tempfile::{NamedTempFile, PersistError};
use zeroize::Zeroizing;

use super::{PeerId, PublicKey};
use crate::sys::folder::Folder;
use crate::sys::rename::persist_new;
use crate::sys::{file, sync};

/// Bytes of an Ed25519 signature (RFC 8032).
pub const SIGNATURE: usize = 64;

/// Bytes of an Ed25519 seed, and of the key file.
const SEED: usize = 32;

/// DER in front of a 32-byte Ed25519 seed: PKCS #8 version 1 (RFC 5958, RFC 8410).
const PKCS8_PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// Why a key could not be had.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The file is there but holds no key. It is never replaced by itself: a new key is a new peer.
    #[error(
        "the key file {} is damaged ({found} bytes, not 32): restore it with `potluck identity import FILE`, \
         or begin as a new peer with `potluck identity new`", .path.display()
    )]
    Damaged {
        /// The key file.
        path: PathBuf,
        /// Its length.
        found: usize,
    },
    /// The file exists already, where a new one was to be made.
    #[error("{} exists already; it was left as it is", .0.display())]
    Exists(PathBuf),
    /// The file could not be read or written.
    #[error("the key file {}: {source}", .path.display())]
    Io {
        /// The key file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The cryptographic provider refused (it has no randomness, or does not know Ed25519).
    #[error("the cryptographic provider failed: {0}")]
    Provider(String),
}

/// A peer's key, in memory.
#[derive(Clone)]
pub struct Identity {
    seed: Zeroizing<[u8; SEED]>,
    signing: Arc<dyn SigningKey>,
    public: PublicKey,
    id: PeerId,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.id)
    }
}

impl Identity {
    /// The identity of a seed.
    ///
    /// # Errors
    /// [`IdentityError::Provider`].
    pub fn from_seed(seed: [u8; SEED]) -> Result<Self, IdentityError> {
        let seed = Zeroizing::new(seed);
        let mut der = Zeroizing::new(Vec::with_capacity(PKCS8_PREFIX.len() + SEED));
        der.extend_from_slice(&PKCS8_PREFIX);
        der.extend_from_slice(&*seed);
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(der.as_slice())).clone_key();
        let failed = |e: &dyn fmt::Display| IdentityError::Provider(e.to_string());
        let signing = provider().key_provider.load_private_key(der).map_err(|e| failed(&e))?;
        let spki = signing.public_key().ok_or_else(|| failed(&"it shows no public key"))?;
        let public =
            super::tls::public_key_of(&spki).ok_or_else(|| failed(&"its public key is not Ed25519"))?;
        Ok(Self { seed, signing, public, id: public.peer_id() })
    }

    /// A new identity.
    ///
    /// # Errors
    /// [`IdentityError::Provider`].
    pub fn generate() -> Result<Self, IdentityError> {
        let mut seed = Zeroizing::new([0; SEED]);
        fill_random(&mut *seed)?;
        Self::from_seed(*seed)
    }

    /// The identity stored at `path`; `None` when there is no such file.
    ///
    /// # Errors
    /// [`IdentityError::Damaged`], [`IdentityError::Io`].
    pub fn load(path: &Path) -> Result<Option<Self>, IdentityError> {
        let io = |source| IdentityError::Io { path: path.to_owned(), source };
        let file = match fs::File::open(path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(io(e)),
        };
        let mut bytes = Zeroizing::new(Vec::with_capacity(SEED + 1));
        file.take(SEED as u64 + 1).read_to_end(&mut bytes).map_err(io)?;
        match <[u8; SEED]>::try_from(bytes.as_slice()) {
            Ok(seed) => Self::from_seed(seed).map(Some),
            Err(_) => Err(IdentityError::Damaged { path: path.to_owned(), found: bytes.len() }),
        }
    }

    /// Stores the identity at `path`, readable by this user only, and syncs it. Replaces nothing.
    ///
    /// # Errors
    /// [`IdentityError::Exists`], [`IdentityError::Io`].
    pub fn store(&self, path: &Path) -> Result<(), IdentityError> {
        self.store_by(path, persist_new)
    }

    /// Stores the identity at `path`, as [`Self::store`] does, in place of what lies there: at every moment
    /// one of the two is there. Whoever calls it keeps the old one elsewhere.
    ///
    /// # Errors
    /// [`IdentityError::Io`].
    pub fn replace(&self, path: &Path) -> Result<(), IdentityError> {
        self.store_by(path, NamedTempFile::persist)
    }

    fn store_by(
        &self,
        path: &Path,
        persist: impl FnOnce(NamedTempFile, PathBuf) -> Result<fs::File, PersistError>,
    ) -> Result<(), IdentityError> {
        let io = |source| IdentityError::Io { path: path.to_owned(), source };
        let dir = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        // tempfile makes it 0600; written whole or not at all, so that no crash leaves half a key.
        let mut file = NamedTempFile::new_in(dir).map_err(io)?;
        file.write_all(&*self.seed).map_err(io)?;
        file::sync(file.as_file()).map_err(io)?;
        match persist(file, path.to_owned()) {
            Ok(_) => {}
            Err(e) if e.error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(IdentityError::Exists(path.to_owned()));
            }
            Err(e) => return Err(io(e.error)),
        }
        Folder::open(dir).and_then(|dir| sync::folder(&dir)).map_err(io)
    }

    /// The public key.
    #[must_use]
    pub const fn public(&self) -> PublicKey {
        self.public
    }

    /// The peer id.
    #[must_use]
    pub const fn id(&self) -> PeerId {
        self.id
    }

    /// The key as TLS wants it.
    #[must_use]
    pub(super) fn signing(&self) -> Arc<dyn SigningKey> {
        Arc::clone(&self.signing)
    }

    /// Signs `context` followed by `message`. The context says what is signed, so that a signature
    /// made for one purpose never serves another; no context is the beginning of another one.
    ///
    /// # Panics
    /// Never: an Ed25519 key that loaded offers Ed25519 and signs any message.
    #[must_use]
    pub fn sign(&self, context: &[u8], message: &[u8]) -> [u8; SIGNATURE] {
        let signer = self.signing.choose_scheme(&[SignatureScheme::ED25519]);
        let signer = signer.expect("an Ed25519 key offers Ed25519");
        let signature = signer.sign(&[context, message].concat()).expect("Ed25519 signs any message");
        signature.try_into().expect("an Ed25519 signature has 64 bytes")
    }
}

/// True if `signature` is that of `key` over `context` followed by `message`.
#[must_use]
pub fn verify(key: &PublicKey, context: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let id = rustls::pki_types::alg_id::ED25519;
    let algorithms = provider().signature_verification_algorithms.all;
    let Some(ed25519) = algorithms.iter().find(|a| a.signature_alg_id() == id) else { return false };
    ed25519.verify_signature(&key.0, &[context, message].concat(), signature).is_ok()
}

/// Fills `buffer` with randomness fit for keys.
///
/// # Errors
/// [`IdentityError::Provider`].
pub(crate) fn fill_random(buffer: &mut [u8]) -> Result<(), IdentityError> {
    let failed = |_| IdentityError::Provider("it has no randomness".to_owned());
    provider().secure_random.fill(buffer).map_err(failed)
}

/// So many random bytes.
///
/// # Errors
/// [`IdentityError::Provider`]: there is no randomness.
pub(crate) fn random_bytes<const N: usize>() -> Result<[u8; N], IdentityError> {
    let mut bytes = [0; N];
    fill_random(&mut bytes)?;
    Ok(bytes)
}

/// The cryptographic provider of TLS, signatures and randomness. Always passed on explicitly, never
/// installed as the process's default: two providers in one build would then fail at run time.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    use rustls::crypto::ring::{cipher_suite as suite, default_provider};
    use std::sync::LazyLock;
    static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| {
        // Who dials chooses, in this order: AES-128 takes 8 % less than AES-256 (docs/ARCHITECTURE.md).
        let cipher_suites = vec![
            suite::TLS13_AES_128_GCM_SHA256,
            suite::TLS13_AES_256_GCM_SHA384,
            suite::TLS13_CHACHA20_POLY1305_SHA256,
        ];
        Arc::new(CryptoProvider { cipher_suites, ..default_provider() })
    });
    Arc::clone(&PROVIDER)
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::sys::testing;

    #[test]
    fn a_stored_key_comes_back_and_is_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        assert!(Identity::load(&path).unwrap().is_none());
        let a = Identity::generate().unwrap();
        a.store(&path).unwrap();
        assert_eq!(testing::mode(&path), 0o600);
        assert_eq!(Identity::load(&path).unwrap().unwrap().id(), a.id());
        let b = Identity::generate().unwrap();
        assert_ne!(a.id(), b.id());
        assert!(matches!(b.store(&path), Err(IdentityError::Exists(_))));
        for junk in [&b""[..], b"short", &[7; 33]] {
            fs::write(&path, junk).unwrap();
            assert!(matches!(Identity::load(&path), Err(IdentityError::Damaged { .. })));
            assert_eq!(fs::read(&path).unwrap(), junk);
        }
    }

    #[test]
    fn the_seed_is_an_rfc_8032_seed() {
        // RFC 8032 §7.1, TEST 2.
        let hex = |s: &str| data_encoding::HEXLOWER.decode(s.as_bytes()).unwrap();
        let seed = hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
        let id = Identity::from_seed(seed.try_into().unwrap()).unwrap();
        assert_eq!(
            id.public().0.to_vec(),
            hex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
        );
        let signature = hex("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
        assert_eq!(id.sign(b"", &[0x72]).to_vec(), signature);
    }

    #[test]
    fn a_signature_is_bound_to_key_context_and_message() {
        let (a, b) = (Identity::generate().unwrap(), Identity::generate().unwrap());
        let signature = a.sign(b"one\0", b"message");
        assert!(verify(&a.public(), b"one\0", b"message", &signature));
        assert!(!verify(&b.public(), b"one\0", b"message", &signature));
        assert!(!verify(&a.public(), b"two\0", b"message", &signature));
        assert!(!verify(&a.public(), b"one\0", b"massage", &signature));
        assert!(!verify(&a.public(), b"one\0", b"message", &signature[1..]));
    }
}
