//! All targets in one program, so that potluck is built and linked for them once. `POTLUCK_FUZZ` names the one that
//! runs. The first ones hand bytes to a decoder; those of `sequences` hand what peers may say, one thing after the
//! other, to a machine, and look whether it holds together.
#![no_main]

mod catalogue;
mod custody;
mod datagram;
mod envelope;
mod frame;
mod manifest;
mod message;
mod path;
mod sealed;
mod sidecar;
mod slice;

use std::sync::LazyLock;

use libfuzzer_sys::arbitrary::{Arbitrary, Unstructured};
use potluck::sim::sequences;

const TARGETS: &[(&str, fn(&[u8]))] = &[
    ("path", |bytes| with(bytes, path::run)),
    ("manifest", |bytes| with(bytes, manifest::run)),
    ("catalogue", catalogue::run),
    ("datagram", datagram::run),
    ("envelope", envelope::run),
    ("frame", frame::run),
    ("message", |bytes| with(bytes, message::run)),
    ("sidecar", |bytes| with(bytes, sidecar::run)),
    ("custody", custody::run),
    ("sealed", sealed::run),
    ("slice", |bytes| with(bytes, slice::run)),
    ("swarm", sequences::swarm),
    ("answers", sequences::answers),
    ("discovery", sequences::discovery),
    ("room", sequences::room),
    ("catalogues", sequences::catalogues),
    ("kept", sequences::kept),
    ("control", sequences::control),
    ("http", sequences::http),
    ("identity", sequences::identity),
    ("keeper", sequences::keeper),
    ("distributor", sequences::distributor),
];

/// Makes the input of a target out of bytes.
fn with<'b, T: Arbitrary<'b>>(bytes: &'b [u8], run: fn(T)) {
    if let Ok(input) = T::arbitrary_take_rest(Unstructured::new(bytes)) {
        run(input);
    }
}

static TARGET: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let name = std::env::var("POTLUCK_FUZZ").expect("POTLUCK_FUZZ names a target");
    let found = TARGETS.iter().find(|(target, _)| *target == name);
    found.unwrap_or_else(|| panic!("there is no target {name}")).1
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| TARGET(bytes));
