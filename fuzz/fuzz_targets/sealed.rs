//! A sealed datagram from anyone: nothing opens that was not sealed, and what was opens as it was.
use potluck::group::{DatagramSeal, GroupKey, NONCE};

pub(crate) fn run(bytes: &[u8]) {
    let seal: DatagramSeal = GroupKey::kept([7; 32]).datagram_seal();
    assert!(seal.open(bytes).is_err(), "nobody has sealed this");
    let sealed = seal.seal([9; NONCE], bytes);
    match seal.open(&sealed) {
        Ok(datagram) => assert_eq!(datagram, bytes),
        // It is too short or too long for a datagram.
        Err(_) => assert!(!(480..=1_200).contains(&bytes.len())),
    }
}
