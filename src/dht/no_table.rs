//! What stands in for `table.rs` where potluck is built without the feature `wan`: there is no node.

use core::net::SocketAddrV4;
use std::io;

use crossbeam_channel::Receiver;

use super::machine::{Question, QuestionId, TableAnswer};

/// None.
pub(super) enum NoTable {}

impl NoTable {
    /// There is none.
    ///
    /// # Errors
    /// Always.
    pub(super) fn start(_: Option<u16>, _: &[SocketAddrV4], _: bool) -> io::Result<Self> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "this potluck was built without `wan`"))
    }

    /// Never called.
    pub(super) const fn bell(&self) -> &Receiver<()> {
        match *self {}
    }

    /// Never called.
    pub(super) fn ask(&mut self, _: QuestionId, _: Question) {
        match *self {}
    }

    /// Never called.
    pub(super) const fn poll(&mut self) {
        match *self {}
    }

    /// Never called.
    pub(super) const fn poll_answer(&self) -> Option<(QuestionId, TableAnswer)> {
        match *self {}
    }
}
