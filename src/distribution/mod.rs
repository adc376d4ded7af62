//! The distributor's port (`t+2`) and the distributee's (`t+3`): port.rs carries the messages of custody on
//! both, chunk_store.rs is the thread that works on the chunk store. What is decided of custody is in
//! custody/.

pub(crate) mod chunk_store;
pub(crate) mod limits;
mod port;
mod read_again;

pub(crate) use self::port::{CustodyCommand, CustodyEvent};

use std::io;

use mio::net::TcpListener;

use self::port::{CustodyRole, Port};
use crate::identity::tls::Tls;
use crate::transfer::{Engine, EngineHandle};

/// A running distributor or distributee.
pub(crate) type CustodyHandle = EngineHandle<CustodyCommand, CustodyEvent>;

/// Starts the distributor on port `t+2`: it takes reports, and asks others for space and offers them files.
/// Somebody must take its events and answer the requests among them.
///
/// # Errors
/// What the operating system says.
pub(crate) fn start_distributor(
    engine: Engine,
    listeners: Vec<TcpListener>,
    tls: Tls,
) -> io::Result<CustodyHandle> {
    start_custody(engine, "distributor", Port::Distributor, listeners, tls)
}

/// Starts the distributee on port `t+3`: it takes questions for space and offers, and reports to others.
/// Somebody must take its events and answer the requests among them.
///
/// # Errors
/// What the operating system says.
pub(crate) fn start_distributee(
    engine: Engine,
    listeners: Vec<TcpListener>,
    tls: Tls,
) -> io::Result<CustodyHandle> {
    start_custody(engine, "distributee", Port::Distributee, listeners, tls)
}

fn start_custody(
    engine: Engine,
    name: &str,
    port: Port,
    listeners: Vec<TcpListener>,
    tls: Tls,
) -> io::Result<CustodyHandle> {
    let (tell, events) = crossbeam_channel::bounded(limits::CUSTODY_EVENTS);
    let role = CustodyRole::new(tell, port, engine.timeouts.idle);
    engine.start(name, tls, listeners, events, role)
}
