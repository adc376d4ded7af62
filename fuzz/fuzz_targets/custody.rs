//! A message of custody, and a row of its ledger: not understood, or the same when written again.
use potluck::custody::ledger::{Ledger, Record};
use potluck::wire::custody::CustodyMessage;
use potluck::wire::frame::{Decoder, Frame, Piece};

pub(crate) fn run(bytes: &[u8]) {
    // As the bytes of a connection.
    let (mut decoder, mut rest) = (Decoder::default(), bytes);
    while let Ok((n, piece)) = decoder.feed(rest) {
        rest = &rest[n..];
        match piece {
            Piece::More => break,
            Piece::Frame(frame) => message(&frame),
            Piece::Payload(..) => {}
        }
    }
    let Some((kind, body)) = bytes.split_first() else { return };
    message(&Frame { kind: *kind, header: body.to_vec(), payload: 0 });
    // As what is filed. Only rows that stay have a value, and a row has one key.
    let Some(record) = Record::read(bytes) else { return };
    if let Some(value) = record.value() {
        let again = Record::read(&value).expect("our own bytes");
        assert_eq!((again.key(), &again), (record.key(), &record));
    }
    let mut ledger = Ledger::default();
    ledger.apply(record.clone());
    let once = ledger.clone();
    ledger.apply(record);
    assert_eq!(ledger, once);
}

fn message(frame: &Frame) {
    let Ok(Some(message)) = CustodyMessage::decode(frame) else { return };
    let (kind, header) = message.encode();
    assert_eq!((kind, message.kind().number()), (frame.kind, frame.kind));
    let again = Frame { kind, header, payload: 0 };
    // What a later version put into it is left out when it is written again; what is known is the same.
    let again = CustodyMessage::decode(&again).expect("our own bytes").expect("a known kind");
    assert_eq!(again.encode(), message.encode());
}
