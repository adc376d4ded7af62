//! What becomes of datagrams between the machines and the wire: in a group they are sealed (docs/PROTOCOL.md,
//! "Groups"), in the open network they are what they are. The machines know nothing of it. Shell.

use std::borrow::Cow;
use std::io;

use super::outsiders::Outsiders;
use super::tally::Tally;
use super::traffic::Endpoint;
use crate::address::Host;
use crate::group::{DatagramSeal, NONCE, NotOpened, OVERHEAD, is_sealed};
use crate::identity::fill_random;
use crate::lan::limits;
use crate::time::Time;

/// Bytes that a datagram takes on the wire, at most.
pub(super) const ON_THE_WIRE: usize = limits::ENVELOPE + OVERHEAD;

/// The way to the wire and back.
#[derive(Debug)]
pub(super) struct Sealing {
    /// `None`: the network is open.
    seal: Option<DatagramSeal>,
    pub(super) outsiders: Outsiders,
}

impl Sealing {
    pub(super) fn new(seal: Option<DatagramSeal>) -> Self {
        Self { seal, outsiders: Outsiders::default() }
    }

    /// A datagram as it goes out. The same one goes out differently each time.
    ///
    /// # Errors
    /// The system has no randomness: then nothing is sent.
    pub(super) fn outward<'d>(&self, datagram: &'d [u8]) -> io::Result<Cow<'d, [u8]>> {
        let Some(seal) = &self.seal else { return Ok(datagram.into()) };
        let mut nonce = [0; NONCE];
        fill_random(&mut nonce).map_err(io::Error::other)?;
        Ok(seal.seal(nonce, datagram).into())
    }

    /// The datagram in what came; `None`, and counted, if it is of another network. This comes before its
    /// signature is checked, and costs a few microseconds.
    pub(super) fn inward<'d>(
        &mut self,
        now: Time,
        bytes: &'d [u8],
        source: Endpoint,
        tally: &Tally,
    ) -> Option<Cow<'d, [u8]>> {
        let speaks_for_a_group = match &self.seal {
            None if is_sealed(bytes) => true,
            None => return Some(bytes.into()),
            Some(seal) => match seal.open(bytes) {
                Ok(datagram) => return Some(datagram.into()),
                Err(why) => matches!(why, NotOpened::Key | NotOpened::Version(_)),
            },
        };
        if speaks_for_a_group {
            self.outsiders.handle_outsider(now, Host::from(source.at).into());
        }
        tally.foreign();
        None
    }
}
