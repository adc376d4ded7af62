//! The bytes of every message, as they are and as a later version may send them: `tests/vectors/`.
//!
//! `NAME.bin` has the bytes of this version. They must be read as the value that is told here, and that value
//! must be written as these bytes, for ever. `NAME.later.bin` has the same message of a later version: with
//! fields that are not known here, rows of another shape, variants of enums with data. It must be read as
//! what is told for it, and what stands beside the unknown must not be lost. `docs/PROTOCOL.md`, "Growth",
//! has the rules.
//!
//! `POTLUCK_VECTORS=write cargo test --test vectors` writes files that are missing and those that are wrong.
//! From the first release on a file that is there must not be written again: a message that changed needs
//! another answer. In CI (`CI` is set) it is refused.
#![expect(clippy::unwrap_used, reason = "helpers of tests, which may panic")]

#[path = "vectors/tree.rs"]
mod tree;
#[path = "vectors/values.rs"]
mod values;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use potluck::wire::custody::CustodyMessage;
use potluck::wire::frame::Frame;
use potluck::wire::message::Message;

use crate::values::{Vector, all};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

fn writes() -> bool {
    let writes = std::env::var_os("POTLUCK_VECTORS").is_some_and(|v| v == "write");
    assert!(!writes || std::env::var_os("CI").is_none(), "vectors are not written in CI");
    writes
}

/// The bytes of a file; those that are to be written come from `made`.
fn bytes(name: &str, made: &[u8]) -> Vec<u8> {
    let path = folder().join(name);
    if writes() {
        fs::write(&path, made).unwrap();
    }
    fs::read(&path).unwrap_or_else(|e| panic!("{name}: {e}"))
}

#[test]
fn every_message_is_the_bytes_that_it_was_and_is_read_from_a_later_version() {
    for Vector { name, golden, read, later, read_later } in all() {
        if let Some(golden) = golden {
            let bytes = bytes(&format!("{name}.bin"), &golden);
            assert_eq!(bytes, golden, "{name} is written in another way than before");
            read(&bytes);
        }
        read_later(&bytes(&format!("{name}.later.bin"), &later));
    }
}

#[test]
fn no_file_is_left_over() {
    let mut known = BTreeSet::new();
    for Vector { name, golden, .. } in all() {
        known.extend(golden.map(|_| format!("{name}.bin")));
        assert!(known.insert(format!("{name}.later.bin")), "{name} twice");
    }
    for entry in fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !name.ends_with(".bin") {
            continue;
        }
        assert!(known.contains(&name), "tests/vectors/{name} belongs to no message");
    }
}

/// A kind that this version reads has a vector: a header that is none is an error for it, and skipped for
/// others.
#[test]
fn every_kind_of_frame_has_a_vector() {
    let vectors: BTreeSet<String> =
        all().into_iter().filter(|v| v.golden.is_some()).map(|v| v.name).collect();
    let mut kinds = 0;
    for kind in 0..=u8::MAX {
        let frame = Frame { kind, header: vec![0xc1], payload: 0 };
        if Message::decode(&frame).is_err() || CustodyMessage::decode(&frame).is_err() {
            let begin = format!("frame-{kind:03}-");
            assert!(vectors.iter().any(|name| name.starts_with(&begin)), "no vector of kind {kind}");
            kinds += 1;
        }
    }
    assert_eq!(kinds, vectors.iter().filter(|name| name.starts_with("frame-")).count());
}
