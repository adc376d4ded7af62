//! The bytes of a connection, in pieces of any length.
pub(crate) fn run(bytes: &[u8]) {
    potluck::wire::frame::fuzz(bytes);
}
