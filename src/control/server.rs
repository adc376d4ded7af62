//! The side of the control socket that answers: a Unix socket in `.potluck` that only this user can
//! open. The side that asks is `client`.
//!
//! One thread accepts, each client has a thread, and the controller answers into a channel of the
//! request's own, so a slow client delays nobody. A client that goes away ends nothing: a download that
//! it waited for goes on.

use std::io::{self, BufReader, Write};
use std::net::Shutdown;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::line::{self, Call, VersionOnly};
use super::{Ask, Reply, Request, SOCKET};
use crate::control::limits;
use crate::error::{Code, Failure};
use crate::sys::local::{self, Listener, Stream};
use crate::sys::thread::Thread;

/// The running server. Dropping it removes the socket, lets answers under way be finished, and ends.
#[derive(Debug)]
pub(crate) struct ControlServer {
    state: PathBuf,
    stop: Arc<AtomicBool>,
    acceptor: Option<Thread>,
}

/// A client, as the acceptor keeps it.
struct ControlClient {
    stream: Stream,
    thread: Thread,
}

/// Starts to answer in `directory/.potluck`, which is made if needed and closed to other users. The
/// caller holds the directory's lock.
///
/// # Errors
/// When the folder or the socket cannot be made (some file systems have no sockets).
pub(crate) fn start(directory: &Path, asks: Sender<Ask>) -> io::Result<ControlServer> {
    let state = directory.join(".potluck");
    super::make_state(&state)?;
    let listener = Listener::bind(&state, SOCKET)?;
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let acceptor = Thread::spawn("control", move || accept(listener, &asks, &stopped))?;
    Ok(ControlServer { state, stop, acceptor: Some(acceptor) })
}

impl Drop for ControlServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // A call of our own wakes the acceptor.
        let woken = Stream::dial(&self.state, SOCKET).is_ok();
        // Before the clients are let go: who asked for `exit` must find nobody here afterwards.
        if let Err(e) = local::remove(&self.state, SOCKET) {
            log::debug!("the control socket stays behind: {e}");
        }
        match self.acceptor.take() {
            // Somebody removed the socket: the acceptor cannot be woken, and ends with the process.
            Some(acceptor) if !woken => acceptor.detach(),
            acceptor => drop(acceptor),
        }
    }
}

/// Takes clients until told to stop, then waits for the answers under way.
fn accept(listener: Listener, asks: &Sender<Ask>, stop: &AtomicBool) {
    let mut clients: Vec<ControlClient> = Vec::new();
    loop {
        let stream = listener.accept();
        if stop.load(Ordering::SeqCst) {
            break;
        }
        clients.retain(|client| !client.thread.is_finished());
        let Ok(stream) = stream else { continue };
        if let Err(e) = admit(stream, &mut clients, asks) {
            log::debug!("a client of the control socket was dropped: {e}");
        }
    }
    drop(listener); // For the same reason.
    for client in &clients {
        // Who waits for a next command ends here; who is being answered, after the answer.
        if let Err(e) = client.stream.shutdown(Shutdown::Read) {
            log::debug!("a client of the control socket is gone: {e}");
        }
    }
}

/// Gives a client its thread, if it may have one.
fn admit(stream: Stream, clients: &mut Vec<ControlClient>, asks: &Sender<Ask>) -> io::Result<()> {
    stream.set_write_timeout(Some(limits::CONTROL_WRITE))?;
    if !stream.is_own_user() {
        return refuse(&stream, Failure::other("this peer belongs to another user"));
    }
    if clients.len() >= limits::CONTROL_CLIENTS {
        return refuse(&stream, Failure::other("the peer answers too many others now: try again"));
    }
    let (ours, asks) = (stream.try_clone()?, asks.clone());
    let thread = Thread::spawn("control-client", move || {
        if let Err(e) = serve(&ours, &asks) {
            log::debug!("a client of the control socket was dropped: {e}");
        }
        // The acceptor holds a second handle, so that dropping this one would not end the connection.
        drop(ours.shutdown(Shutdown::Both));
    })?;
    clients.push(ControlClient { stream, thread });
    Ok(())
}

fn refuse(stream: &Stream, failure: Failure) -> io::Result<()> {
    send(stream, &Reply::Failed(failure))
}

/// Answers one client's commands, one after the other.
fn serve(stream: &Stream, asks: &Sender<Ask>) -> io::Result<()> {
    let mut lines = BufReader::new(stream);
    while let Some(line) = line::read(&mut lines)? {
        match parse(&line) {
            Ok(request) => answer(stream, asks, request)?,
            Err(failure) => refuse(stream, failure)?,
        }
    }
    Ok(())
}

/// The request in a line.
pub(super) fn parse(line: &[u8]) -> Result<Request, Failure> {
    match serde_json::from_slice::<Call>(line) {
        Ok(call) if call.version == line::VERSION => return Ok(call.request),
        _ => {}
    }
    Err(match serde_json::from_slice::<VersionOnly>(line) {
        Ok(v) if v.version != line::VERSION => Failure::other(format!(
            "the running peer speaks version {} of the control protocol, not {}: restart it",
            line::VERSION,
            v.version
        )),
        _ => Failure::new(Code::Usage, "the running peer does not know this command"),
    })
}

/// Passes one request on, and its replies back.
fn answer(stream: &Stream, asks: &Sender<Ask>, request: Request) -> io::Result<()> {
    let (replies, answers) = unbounded();
    if asks.send(Ask { request, replies }).is_err() {
        return refuse(stream, Failure::other("the peer is leaving"));
    }
    forward(stream, &answers)
}

fn forward(stream: &Stream, answers: &Receiver<Reply>) -> io::Result<()> {
    for reply in answers {
        send(stream, &reply)?;
        if reply.is_last() {
            return Ok(());
        }
    }
    refuse(stream, Failure::other("the peer is leaving"))
}

/// Writes a reply as one line.
fn send(mut stream: &Stream, reply: &Reply) -> io::Result<()> {
    let mut line = serde_json::to_vec(reply)?;
    line.push(b'\n');
    stream.write_all(&line)
}
