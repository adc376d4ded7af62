//! The bytes of a connection, in pieces of any length.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| potluck::wire::frame::fuzz(bytes));
