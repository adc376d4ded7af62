//! The first thing on a connection of a group: both ends prove that they are of it. Nothing else is read or
//! sent before. Shell, beside `connection.rs`; what is proved is said in `identity/binding.rs`.

use std::io::{self, BufRead as _, Write as _};
use std::sync::Arc;

use crate::identity::tls::{exported, own_end};
use crate::identity::{CHANNEL_PROOF, ChannelBinding, End};

/// How far a connection is with it.
#[derive(Debug)]
pub(super) struct Unbound {
    binding: Arc<ChannelBinding>,
    /// Ours is sent.
    is_sent: bool,
    /// What came of theirs.
    came: Vec<u8>,
}

/// What one step came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BindStep {
    /// The other end is of this network.
    Bound,
    /// The other end closed the connection.
    Ended,
    /// The other end is of another network, or somebody stands between.
    Refused,
}

impl Unbound {
    pub(super) const fn new(binding: Arc<ChannelBinding>) -> Self {
        Self { binding, is_sent: false, came: Vec::new() }
    }

    /// Once the handshake is over: sends our proof, and reads theirs as far as it came, and nothing behind
    /// it.
    ///
    /// # Errors
    /// What TLS says; `WouldBlock` if nothing is there.
    pub(super) fn step(&mut self, tls: &mut rustls::Connection) -> io::Result<BindStep> {
        let shared = exported(tls).map_err(io::Error::other)?;
        let (own, theirs) = match own_end(tls) {
            End::Dialled => (End::Dialled, End::Accepted),
            End::Accepted => (End::Accepted, End::Dialled),
        };
        if !self.is_sent {
            tls.writer().write_all(&self.binding.proof(own, &shared))?;
            self.is_sent = true;
        }
        let mut reader = tls.reader();
        loop {
            let plain = reader.fill_buf()?;
            if plain.is_empty() {
                return Ok(BindStep::Ended);
            }
            let used = plain.len().min(CHANNEL_PROOF - self.came.len());
            self.came.extend_from_slice(&plain[..used]);
            reader.consume(used);
            if let Ok(proof) = <&[u8; CHANNEL_PROOF]>::try_from(self.came.as_slice()) {
                let is_right = self.binding.is_proof(theirs, &shared, proof);
                return Ok(if is_right { BindStep::Bound } else { BindStep::Refused });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use core::net::Ipv4Addr;

    use zeroize::Zeroizing;

    use super::*;
    use crate::address::Host;
    use crate::identity::Identity;
    use crate::identity::tls::Tls;

    const HOST: Host = Host { ip: core::net::IpAddr::V4(Ipv4Addr::LOCALHOST), scope: 0 };

    /// The network of a secret; its tag is that of all of these, as whoever listens on the wire can copy it.
    fn network(secret: u8) -> Arc<ChannelBinding> {
        Arc::new(ChannelBinding::new(Zeroizing::new([secret; 32]), [1; 8]))
    }

    /// Carries bytes between two ends of one TLS connection until neither has more to say.
    fn carry(one: &mut rustls::Connection, other: &mut rustls::Connection) {
        for _ in 0..8 {
            for flip in [false, true] {
                let (from, to) = if flip { (&mut *other, &mut *one) } else { (&mut *one, &mut *other) };
                let mut bytes = Vec::new();
                while from.wants_write() {
                    from.write_tls(&mut bytes).unwrap();
                }
                let mut rest = bytes.as_slice();
                while !rest.is_empty() {
                    to.read_tls(&mut rest).unwrap();
                    to.process_new_packets().unwrap();
                }
            }
        }
    }

    /// Both ends of a connection after the handshake.
    fn connected() -> (rustls::Connection, rustls::Connection) {
        let (a, b) = (Identity::generate().unwrap(), Identity::generate().unwrap());
        let tls = |identity| Tls::of_network(identity, (*network(1)).clone()).unwrap();
        let mut client: rustls::Connection = tls(&a).dial(Some(b.id()), HOST).unwrap().into();
        let mut server: rustls::Connection = tls(&b).accept().unwrap().into();
        carry(&mut client, &mut server);
        (client, server)
    }

    fn waits(unbound: &mut Unbound, tls: &mut rustls::Connection) {
        assert_eq!(unbound.step(tls).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn members_bind_and_what_follows_stays_unread() {
        let (mut client, mut server) = connected();
        let (mut one, mut other) = (Unbound::new(network(1)), Unbound::new(network(1)));
        waits(&mut one, &mut client);
        client.writer().write_all(b"frame").unwrap();
        waits(&mut other, &mut server);
        carry(&mut client, &mut server);
        assert_eq!(one.step(&mut client).unwrap(), BindStep::Bound);
        assert_eq!(other.step(&mut server).unwrap(), BindStep::Bound);
        assert_eq!(server.reader().fill_buf().unwrap(), b"frame");
    }

    #[test]
    fn a_proof_may_come_byte_by_byte() {
        let (mut client, mut server) = connected();
        let proof = network(1).proof(End::Dialled, &exported(&client).unwrap());
        let mut other = Unbound::new(network(1));
        for byte in proof {
            waits(&mut other, &mut server);
            client.writer().write_all(&[byte]).unwrap();
            carry(&mut client, &mut server);
        }
        assert_eq!(other.step(&mut server).unwrap(), BindStep::Bound);
    }

    #[test]
    fn another_secret_and_a_proof_that_is_sent_back_are_refused() {
        let (mut client, mut server) = connected();
        let (mut one, mut other) = (Unbound::new(network(1)), Unbound::new(network(2)));
        waits(&mut one, &mut client);
        waits(&mut other, &mut server);
        carry(&mut client, &mut server);
        assert_eq!(one.step(&mut client).unwrap(), BindStep::Refused);
        assert_eq!(other.step(&mut server).unwrap(), BindStep::Refused);
        // Whoever has no secret sends back what came.
        let (mut client, mut server) = connected();
        let mut one = Unbound::new(network(1));
        waits(&mut one, &mut client);
        carry(&mut client, &mut server);
        let mut echo = vec![0; CHANNEL_PROOF];
        io::Read::read_exact(&mut server.reader(), &mut echo).unwrap();
        server.writer().write_all(&echo).unwrap();
        carry(&mut client, &mut server);
        assert_eq!(one.step(&mut client).unwrap(), BindStep::Refused);
    }

    /// Somebody between two members has a connection with each, and carries their proofs from one to the
    /// other.
    #[test]
    fn whoever_stands_between_two_members_is_refused_by_both() {
        let (mut client, mut middle_server) = connected();
        let (mut middle_client, mut server) = connected();
        let (mut one, mut other) = (Unbound::new(network(1)), Unbound::new(network(1)));
        waits(&mut one, &mut client);
        waits(&mut other, &mut server);
        carry(&mut client, &mut middle_server);
        carry(&mut middle_client, &mut server);
        let mut proof = vec![0; CHANNEL_PROOF];
        io::Read::read_exact(&mut middle_server.reader(), &mut proof).unwrap();
        middle_client.writer().write_all(&proof).unwrap();
        io::Read::read_exact(&mut middle_client.reader(), &mut proof).unwrap();
        middle_server.writer().write_all(&proof).unwrap();
        carry(&mut client, &mut middle_server);
        carry(&mut middle_client, &mut server);
        assert_eq!(one.step(&mut client).unwrap(), BindStep::Refused);
        assert_eq!(other.step(&mut server).unwrap(), BindStep::Refused);
    }
}
