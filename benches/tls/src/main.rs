//! What TLS 1.3 costs on one core, both ends together: bytes go from a client to a server in memory,
//! encrypted and decrypted, by each provider and cipher suite that rustls has, and in steps of several sizes.
//!
//!     cd benches/tls && cargo run --release
//!
//! Not part of potluck, whose build is to need one provider only; what was chosen by it stands in
//! `docs/ARCHITECTURE.md`.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::crypto::{CryptoProvider, aws_lc_rs, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};

/// Bytes of one run.
const AMOUNT: usize = 1 << 30;

type Failed = Box<dyn std::error::Error>;

/// Both ends of a connection that stands.
struct Pair {
    client: ClientConnection,
    server: ServerConnection,
    wire: Vec<u8>,
}

impl Pair {
    fn new(provider: CryptoProvider) -> Result<Self, Failed> {
        let provider = Arc::new(provider);
        let made = rcgen::generate_simple_self_signed(vec!["bench".to_owned()])?;
        let certificate = CertificateDer::from(made.cert.der().to_vec());
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())?;
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone())?;
        let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)?;
        let client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut pair = Self {
            client: ClientConnection::new(Arc::new(client), ServerName::try_from("bench")?)?,
            server: ServerConnection::new(Arc::new(server))?,
            wire: Vec::new(),
        };
        while pair.client.is_handshaking() || pair.server.is_handshaking() {
            pair.client.write_tls(&mut pair.wire)?;
            pair.server.read_tls(&mut pair.wire.as_slice())?;
            pair.server.process_new_packets()?;
            pair.wire.clear();
            pair.server.write_tls(&mut pair.wire)?;
            pair.client.read_tls(&mut pair.wire.as_slice())?;
            pair.client.process_new_packets()?;
            pair.wire.clear();
        }
        Ok(pair)
    }

    /// Sends so many bytes in steps of that size; how long it took.
    fn send(&mut self, amount: usize, step: usize) -> Result<Duration, Failed> {
        let (content, mut taken) = (vec![7_u8; step], vec![0_u8; step]);
        self.client.set_buffer_limit(None);
        let begin = Instant::now();
        for _ in 0..amount / step {
            self.client.writer().write_all(&content)?;
            while self.client.wants_write() {
                self.client.write_tls(&mut self.wire)?;
            }
            let (mut wire, mut come) = (self.wire.as_slice(), 0);
            while come < step {
                if !wire.is_empty() {
                    self.server.read_tls(&mut wire)?;
                    self.server.process_new_packets()?;
                }
                match self.server.reader().read(&mut taken[come..]) {
                    Ok(n) => come += n,
                    Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {}
                    Err(e) => return Err(e.into()),
                }
            }
            self.wire.clear();
        }
        Ok(begin.elapsed())
    }
}

fn main() -> Result<(), Failed> {
    println!("{:<12} {:<30} {:>9} {:>10} {:>14}", "provider", "suite", "step", "MB/s", "CPU s/GiB");
    let providers = [("ring", ring::default_provider()), ("aws-lc-rs", aws_lc_rs::default_provider())];
    for (name, provider) in &providers {
        for suite in provider.cipher_suites.iter().filter(|suite| suite.tls13().is_some()) {
            row(name, provider, *suite, 256 << 10)?;
        }
    }
    let (name, provider) = &providers[0];
    let aes = provider.cipher_suites.iter().find(|s| format!("{:?}", s.suite()).contains("AES_128"));
    for step in [16 << 10, 64 << 10, 128 << 10, 1 << 20, 4 << 20] {
        row(name, provider, *aes.ok_or("no such suite")?, step)?;
    }
    Ok(())
}

/// The best of five runs: the others were disturbed.
fn row(
    name: &str,
    provider: &CryptoProvider,
    suite: rustls::SupportedCipherSuite,
    step: usize,
) -> Result<(), Failed> {
    let only = CryptoProvider { cipher_suites: vec![suite], ..provider.clone() };
    let mut pair = Pair::new(only)?;
    let mut best = Duration::MAX;
    for _ in 0..5 {
        best = best.min(pair.send(AMOUNT, step)?);
    }
    let seconds = best.as_secs_f64();
    let (rate, suite) = (AMOUNT as f64 / seconds / 1e6, format!("{:?}", suite.suite()));
    println!("{name:<12} {suite:<30} {:>5} KiB {rate:>10.0} {seconds:>14.3}", step >> 10);
    Ok(())
}
