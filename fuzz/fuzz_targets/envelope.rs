//! An envelope of a gateway, and what crosses a link: refused, or the same when it is written again.
use std::sync::LazyLock;

use potluck::identity::Identity;
use potluck::wire::datagram::Envelope;
use potluck::wire::envelope::{GatewayEnvelope, wrap};
use potluck::wire::message::Relay;
use potluck::wire::{decode, encode};

static GATEWAY: LazyLock<Identity> = LazyLock::new(|| Identity::from_seed([7; 32]).expect("any seed will do"));

pub(crate) fn run(bytes: &[u8]) {
    if let Ok(envelope) = GatewayEnvelope::parse(bytes) {
        let _ = (envelope.is_signed(), Envelope::parse(envelope.datagram).and_then(|inner| inner.open()));
        let GatewayEnvelope { hops, at, datagram, .. } = envelope;
        let again = wrap(&GATEWAY, hops, at, datagram);
        let again = GatewayEnvelope::parse(&again).expect("our own bytes");
        assert!(again.is_signed() && again.gateway == GATEWAY.public());
        assert_eq!((again.hops, again.at, again.datagram), (hops, at, datagram));
    }
    if let Ok(relay) = decode::<Relay>(bytes) {
        // Rows of a later version are left out when it is written again; what is known is the same.
        let encoded = encode(&relay);
        assert_eq!(encode(&decode::<Relay>(&encoded).expect("our own bytes")), encoded);
    }
}
