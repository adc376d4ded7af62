//! A datagram from anyone, and the body behind a good signature: refused, or the same when written again.
#![no_main]
use potluck::wire::datagram::{Envelope, read_body};
use potluck::codec::encode;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(envelope) = Envelope::parse(bytes) {
        let _ = envelope.open();
    }
    if let Ok(body) = read_body(bytes) {
        assert_eq!(read_body(&encode(&body)).expect("our own bytes"), body);
    }
});
