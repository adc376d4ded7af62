//! What a sender tells of what it sent.

use std::collections::BTreeMap;

use super::loopback::ready;
use super::*;
use crate::content::ByteRanges;
use crate::sender::SentFor;

#[test]
fn each_byte_of_a_file_that_is_sent_is_told_with_whom_it_went_to() {
    let (small, large) = (content(9, 1), content((3 << 20) + 5, 2));
    let mut owner = Owner::new();
    owner.share(&[("small", &small), ("large", &large)]);
    let getter = ready(&owner);
    let files = vec![wanted("small", &small, &[owner.id()]), wanted("large", &large, &[owner.id()])];
    let job = getter.fetch(1, files);
    assert_eq!(getter.wait_finished(job), (2, None));
    owner.send(SenderCommand::Stop);
    let events = &owner.sender.as_ref().unwrap().events;
    let mut told: BTreeMap<FileId, (u64, u64, ByteRanges)> = BTreeMap::new();
    loop {
        match events.recv_timeout(DEADLINE).unwrap() {
            SenderEvent::Sent(parts) => {
                for part in parts {
                    assert_eq!((part.to.peer, part.why), (getter.identity.id(), SentFor::Fetch));
                    let file = told.entry(part.file).or_default();
                    (file.0, file.1) = (part.size, file.1 + part.bytes);
                    file.2.extend(&part.ranges);
                }
            }
            SenderEvent::Stopped => break,
            _ => {}
        }
    }
    assert_eq!(told.len(), 2);
    for bytes in [&small, &large] {
        let (size, sent, ranges) = &told[&FileId(*blake3::hash(bytes).as_bytes())];
        assert_eq!((*size, *sent), (bytes.len() as u64, bytes.len() as u64));
        assert!(ranges.are_all(*size), "{ranges:?}");
    }
}
