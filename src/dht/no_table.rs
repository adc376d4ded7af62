//! What stands in for `table.rs` where potluck is built without the feature `wan`: there is no node.

use core::net::{Ipv4Addr, SocketAddrV4};
use std::io;

use crossbeam_channel::Receiver;

use super::machine::{Question, QuestionId, TableAnswer};
use crate::sys::own_sockets::OwnDescriptors;

/// Where it would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NodeAddress {
    /// The address of the interface that is used; `0.0.0.0`: all of them.
    pub(super) ip: Ipv4Addr,
    /// Its UDP port; `None`: any.
    pub(super) port: Option<u16>,
}

/// None.
pub(super) enum NoTable {}

impl NoTable {
    /// There is none.
    ///
    /// # Errors
    /// Always.
    pub(super) fn start(_: NodeAddress, _: &[SocketAddrV4], _: bool) -> io::Result<Self> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "this potluck was built without `wan`"))
    }

    /// Never called.
    pub(super) const fn slow_down(&mut self, _: &OwnDescriptors) {
        match *self {}
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
