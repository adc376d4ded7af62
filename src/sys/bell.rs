//! Wakes a thread that waits in a mio poll.

use std::io;
use std::sync::Arc;

use mio::{Registry, Token, Waker};

/// Wakes such a thread from another one. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Bell(Arc<Waker>);

impl Bell {
    /// A bell that makes the poll of this registry return with an event of this token.
    ///
    /// # Errors
    /// What the operating system says.
    pub(crate) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        Ok(Self(Arc::new(Waker::new(registry, token)?)))
    }

    /// Makes the thread look at its channels.
    pub(crate) fn ring(&self) {
        // It fails only if the kernel has no memory for eight bytes; the next ring then does it.
        drop(self.0.wake());
    }
}
