//! The header of a frame of any kind, with a payload of any length behind it.
#![no_main]
use potluck::wire::frame::Frame;
use potluck::wire::message::{Message, datagrams, request_of, told};

libfuzzer_sys::fuzz_target!(|input: (u8, u16, &[u8])| {
    let (kind, payload, header) = input;
    let frame = Frame { kind, header: header.to_vec(), payload: payload.into() };
    let _ = (request_of(&frame), datagrams(header));
    if let Ok(Some(Message::Table(table))) = Message::decode(&frame) {
        let _ = told(&table);
    }
});
