//! The header of a frame of any kind, with a payload of any length behind it.
use potluck::wire::frame::{Frame, PREFIX};
use potluck::wire::message::{Message, request_of};

pub(crate) fn run(input: (u8, u16, &[u8])) {
    let (kind, payload, header) = input;
    let frame = Frame { kind, header: header.to_vec(), payload: payload.into() };
    let _ = request_of(&frame);
    let Ok(Some(message)) = Message::decode(&frame) else { return };
    // What a later version put into it is left out when it is written again; what is known is the same.
    let encoded = message.encode();
    let again = Frame { header: encoded[PREFIX..].to_vec(), ..frame };
    let again = Message::decode(&again).expect("our own bytes").expect("a known kind");
    assert_eq!(again.encode(), encoded);
}
