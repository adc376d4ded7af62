//! TLS 1.3 with raw public keys (RFC 8446, RFC 7250): both sides prove their Ed25519 key, and there
//! are no certificates. No resumption: on a resumed connection nobody's key is checked again.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{AlwaysResolvesClientRawPublicKeys, Resumption};
use rustls::crypto::verify_tls13_signature_with_raw_key;
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{AlwaysResolvesServerRawPublicKeys, NoServerSessionStorage};
use rustls::sign::CertifiedKey;
use rustls::{
    AlertDescription, ClientConfig, ClientConnection, CommonState, Connection, DigitallySignedStruct,
    DistinguishedName, Error, ServerConfig, ServerConnection, SignatureScheme,
};

use super::binding::EXPORTER;
use super::key::provider;
use super::{ChannelBinding, End, Identity, PeerId, PublicKey};
use crate::address::Host;

/// The application protocol (RFC 7301) of this version of the wire.
pub const ALPN: &[u8] = b"potluck/1";

/// DER in front of a 32-byte Ed25519 public key: SubjectPublicKeyInfo (RFC 8410).
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// The key in an Ed25519 SubjectPublicKeyInfo; `None` for any other shape.
pub(super) fn public_key_of(spki: &[u8]) -> Option<PublicKey> {
    spki.strip_prefix(&SPKI_PREFIX)?.try_into().ok().map(PublicKey)
}

/// Makes the TLS side of connections for one identity. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Tls {
    server: Arc<ServerConfig>,
    key: Arc<CertifiedKey>,
    /// That of the network, if it is not open to everyone.
    binding: Option<Arc<ChannelBinding>>,
}

impl Tls {
    /// For `identity`, in the open network.
    ///
    /// # Errors
    /// When the provider lacks TLS 1.3 (a broken build).
    pub fn new(identity: &Identity) -> Result<Self, Error> {
        Self::with(identity, None)
    }

    /// For `identity`, in the network of this binding.
    ///
    /// # Errors
    /// When the provider lacks TLS 1.3 (a broken build).
    pub fn of_network(identity: &Identity, binding: ChannelBinding) -> Result<Self, Error> {
        Self::with(identity, Some(binding))
    }

    fn with(identity: &Identity, binding: Option<ChannelBinding>) -> Result<Self, Error> {
        let signing = identity.signing();
        let spki =
            signing.public_key().ok_or_else(|| Error::General("the key shows no public key".into()))?;
        let key = Arc::new(CertifiedKey::new(vec![CertificateDer::from(spki.to_vec())], signing));
        let mut server = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_client_cert_verifier(Arc::new(RawKeys { pinned: None }))
            .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(Arc::clone(&key))));
        server.alpn_protocols =
            vec![binding.as_ref().map_or_else(|| ALPN.to_vec(), ChannelBinding::protocol)];
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;
        Ok(Self { server: Arc::new(server), key, binding: binding.map(Arc::new) })
    }

    /// The accepting side. Whoever dials must prove some key; [`proved`] tells which.
    ///
    /// # Errors
    /// When the provider fails.
    pub fn accept(&self) -> Result<ServerConnection, Error> {
        ServerConnection::new(Arc::clone(&self.server))
    }

    /// The dialling side: the other end must prove to be `peer`, else the handshake fails. `None`: any peer will
    /// do, and [`proved`] tells which it is.
    ///
    /// # Errors
    /// When the provider fails.
    pub fn dial(&self, peer: Option<PeerId>, host: Host) -> Result<ClientConnection, Error> {
        let mut client = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(RawKeys { pinned: peer }))
            .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(Arc::clone(
                &self.key,
            ))));
        client.alpn_protocols.clone_from(&self.server.alpn_protocols);
        client.enable_sni = false;
        client.resumption = Resumption::disabled();
        ClientConnection::new(Arc::new(client), ServerName::from(host.ip))
    }

    /// What both ends of a connection have to prove beside their keys, before anything else is read or sent.
    #[must_use]
    pub fn binding(&self) -> Option<Arc<ChannelBinding>> {
        self.binding.clone()
    }
}

/// What the two ends of this connection, and nobody else, can compute (RFC 5705, RFC 9266).
///
/// # Errors
/// Before the end of the handshake.
pub fn exported(connection: &Connection) -> Result<[u8; 32], Error> {
    connection.export_keying_material([0; 32], EXPORTER, None)
}

/// Which end of a connection this is.
#[must_use]
pub const fn own_end(connection: &Connection) -> End {
    match connection {
        Connection::Client(_) => End::Dialled,
        Connection::Server(_) => End::Accepted,
    }
}

/// True if a handshake failed because the other end speaks for another network.
#[must_use]
pub const fn is_of_another_network(error: &Error) -> bool {
    matches!(
        error,
        Error::NoApplicationProtocol | Error::AlertReceived(AlertDescription::NoApplicationProtocol)
    )
}

/// Whom the other end has proved to be. `None` until the handshake is over.
#[must_use]
pub fn proved(connection: &CommonState) -> Option<PeerId> {
    if connection.is_handshaking() {
        return None;
    }
    let key = connection.peer_certificates()?.first()?;
    public_key_of(key).map(|k| k.peer_id())
}

/// Accepts Ed25519 raw public keys, and of a pinned peer only its own.
#[derive(Debug)]
struct RawKeys {
    pinned: Option<PeerId>,
}

impl RawKeys {
    fn check(&self, key: &CertificateDer<'_>, others: &[CertificateDer<'_>]) -> Result<(), Error> {
        let refused = Error::InvalidCertificate(rustls::CertificateError::ApplicationVerificationFailure);
        let key = public_key_of(key).ok_or_else(|| refused.clone())?;
        if !others.is_empty() || self.pinned.is_some_and(|id| id != key.peer_id()) {
            return Err(refused);
        }
        Ok(())
    }

    fn check_signature(
        message: &[u8],
        key: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if signed.scheme != SignatureScheme::ED25519 {
            return Err(Error::InvalidCertificate(rustls::CertificateError::BadSignature));
        }
        let spki = SubjectPublicKeyInfoDer::from(key.as_ref());
        let algorithms = &provider().signature_verification_algorithms;
        verify_tls13_signature_with_raw_key(message, &spki, signed, algorithms)
    }

    fn no_tls12() -> Error {
        Error::General("TLS 1.2 is not spoken here".into())
    }
}

impl ServerCertVerifier for RawKeys {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(end_entity, intermediates).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Self::no_tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Self::check_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

impl ClientCertVerifier for RawKeys {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check(end_entity, intermediates).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Self::no_tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Self::check_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use core::net::Ipv4Addr;

    use zeroize::Zeroizing;

    use super::*;

    const HOST: Host = Host { ip: core::net::IpAddr::V4(Ipv4Addr::LOCALHOST), scope: 0 };

    /// Carries bytes between the two until neither has more to say.
    fn shake(client: &mut Connection, server: &mut Connection) -> Result<(), Error> {
        for _ in 0..8 {
            for flip in [false, true] {
                let (from, to) =
                    if flip { (&mut *server, &mut *client) } else { (&mut *client, &mut *server) };
                let mut bytes = Vec::new();
                while from.wants_write() {
                    from.write_tls(&mut bytes).unwrap();
                }
                let mut rest = bytes.as_slice();
                while !rest.is_empty() {
                    to.read_tls(&mut rest).unwrap();
                    to.process_new_packets()?;
                }
            }
        }
        Ok(())
    }

    #[test]
    fn both_sides_prove_their_key() {
        let (a, b) = (Identity::generate().unwrap(), Identity::generate().unwrap());
        let mut client: Connection = Tls::new(&a).unwrap().dial(Some(b.id()), HOST).unwrap().into();
        let mut server: Connection = Tls::new(&b).unwrap().accept().unwrap().into();
        assert_eq!(proved(&client), None);
        shake(&mut client, &mut server).unwrap();
        assert_eq!((proved(&client), proved(&server)), (Some(b.id()), Some(a.id())));
    }

    #[test]
    fn another_key_than_the_pinned_one_is_refused() {
        let (a, b, c) =
            (Identity::generate().unwrap(), Identity::generate().unwrap(), Identity::generate().unwrap());
        let mut client: Connection = Tls::new(&a).unwrap().dial(Some(c.id()), HOST).unwrap().into();
        let mut server: Connection = Tls::new(&b).unwrap().accept().unwrap().into();
        assert!(shake(&mut client, &mut server).is_err());
        assert_eq!(proved(&client), None);
    }

    /// The network of a secret.
    fn network(secret: u8) -> Option<ChannelBinding> {
        Some(ChannelBinding::new(Zeroizing::new([secret; 32]), [secret; 8]))
    }

    #[test]
    fn another_network_is_refused_before_any_key_is_shown() {
        let (a, b) = (Identity::generate().unwrap(), Identity::generate().unwrap());
        for (one, other) in [(None, network(1)), (network(1), None), (network(1), network(2))] {
            let mut client: Connection = Tls::with(&a, one).unwrap().dial(Some(b.id()), HOST).unwrap().into();
            let mut server: Connection = Tls::with(&b, other).unwrap().accept().unwrap().into();
            assert!(is_of_another_network(&shake(&mut client, &mut server).unwrap_err()));
            let mut alert = Vec::new();
            while server.wants_write() {
                server.write_tls(&mut alert).unwrap();
            }
            // What says so is shorter than a signature and what else comes with a key.
            assert!(alert.len() < 200, "{} bytes", alert.len());
            client.read_tls(&mut alert.as_slice()).unwrap();
            assert!(is_of_another_network(&client.process_new_packets().unwrap_err()));
            assert_eq!((proved(&client), client.peer_certificates()), (None, None));
        }
    }

    #[test]
    fn both_ends_of_one_connection_export_the_same() {
        let (a, b) = (Identity::generate().unwrap(), Identity::generate().unwrap());
        let pair = || {
            let tls = Tls::with(&a, network(1)).unwrap();
            let mut client: Connection = tls.dial(Some(b.id()), HOST).unwrap().into();
            let mut server: Connection = Tls::with(&b, network(1)).unwrap().accept().unwrap().into();
            assert!(exported(&client).is_err());
            shake(&mut client, &mut server).unwrap();
            assert_eq!((own_end(&client), own_end(&server)), (End::Dialled, End::Accepted));
            assert_eq!(exported(&client).unwrap(), exported(&server).unwrap());
            exported(&client).unwrap()
        };
        assert_ne!(pair(), pair());
    }
}
