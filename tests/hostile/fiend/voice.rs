//! What a hostile peer says of itself and of others, in datagrams.

use potluck::address::Ports;
use potluck::codec::encode;
use potluck::identity::{Identity, Instance, PublicKey};
use potluck::wire::datagram::{self, PresenceState};
use serde::Serialize;

use super::SENDER;

/// Makes datagrams that only look like those of [`potluck::wire::datagram::seal`].
pub(crate) struct Voice {
    pub(super) identity: Identity,
    name: String,
    pub(super) instance: Instance,
    sequence: u64,
    pub(crate) catalogue: u64,
    /// Milliseconds between two announcements, as it says.
    pub(super) interval: u32,
    /// Its place in the order of arrival.
    pub(super) ticket: u64,
    pub(super) features: u64,
}

#[derive(Serialize)]
struct Says<'a> {
    instance: Instance,
    sequence: u64,
    presence: SaysOfItself<'a>,
    message: &'a datagram::DatagramMessage,
    #[serde(with = "serde_bytes")]
    pad: &'a [u8],
}

#[derive(Serialize)]
struct SaysOfItself<'a> {
    state: PresenceState,
    name: &'a str,
    ports: Ports,
    interval: u32,
    catalogue: u64,
    ticket: u64,
    features: u64,
}

impl Voice {
    pub(crate) fn new(identity: &Identity, name: &str) -> Self {
        let instance = Instance { count: 9, random: 9 };
        Self {
            identity: identity.clone(),
            name: name.to_owned(),
            instance,
            sequence: 0,
            catalogue: 0,
            interval: 1_000,
            ticket: 0,
            features: 0,
        }
    }

    /// The next datagram.
    pub(crate) fn say(&mut self, message: &datagram::DatagramMessage) -> Vec<u8> {
        self.sequence += 1;
        self.forge(self.identity.public(), self.instance, self.sequence, message)
    }

    /// A datagram that claims to be of `key`, signed with this one's own.
    pub(crate) fn forge(
        &self,
        key: PublicKey,
        instance: Instance,
        sequence: u64,
        message: &datagram::DatagramMessage,
    ) -> Vec<u8> {
        let ports =
            Ports { receiver: SENDER - 1, sender: SENDER, distributor: SENDER + 1, distributee: SENDER + 2 };
        let (name, catalogue, interval) = (self.name.as_str(), self.catalogue, self.interval);
        let (state, ticket, features) = (PresenceState::Here, self.ticket, self.features);
        let presence = SaysOfItself { state, name, ports, interval, catalogue, ticket, features };
        // A line takes the place of what only fills a datagram up.
        let said = if let datagram::DatagramMessage::Room(line) = message { line.text.len() } else { 0 };
        let pad = &[0; datagram::DATAGRAM_MIN][said.min(datagram::DATAGRAM_MIN)..];
        let body = encode(&Says { instance, sequence, presence, message, pad });
        let mut bytes = [&datagram::MAGIC[..], &[datagram::VERSION], &key.0, &body].concat();
        let signature = self.identity.sign(b"potluck datagram 1\0", &bytes);
        bytes.extend(signature);
        bytes
    }
}
