//! A datagram from anyone, and the body behind a good signature: refused, or the same when written again.
use potluck::wire::datagram::{Envelope, read_body};
use potluck::codec::encode;

pub(crate) fn run(bytes: &[u8]) {
    if let Ok(envelope) = Envelope::parse(bytes) {
        let _ = envelope.open();
    }
    if let Ok(body) = read_body(bytes) {
        assert_eq!(read_body(&encode(&body)).expect("our own bytes"), body);
    }
}
