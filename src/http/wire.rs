//! A connection as its socket carries it: as it is, or by TLS 1.3 (RFC 8446). Where both are served, the first byte says
//! which one: a handshake begins with 0x16, and no request of HTTP does.

use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;

use mio::net::TcpStream;
use rustls::{ServerConfig, ServerConnection};

use super::limits;
use super::machine::HttpConnection;
use crate::time::Time;

/// Bytes that are read at once.
const READ: usize = 16 << 10;

/// Pieces that are written at once.
const AT_ONCE: usize = 16;

/// Bytes that TLS holds in front of the socket, at most: some records, so that one call writes several.
const ENCRYPTED: usize = 256 << 10;

/// What the first byte of a TLS connection is: a record of the handshake (RFC 8446 §5.1).
const HANDSHAKE: u8 = 0x16;

/// How bytes are read and written.
enum Speech {
    /// Nothing came yet.
    Unknown(Arc<ServerConfig>),
    Plain,
    Tls(Box<ServerConnection>),
}

/// One connection.
pub(super) struct HttpWire {
    pub(super) stream: TcpStream,
    speech: Speech,
    /// Until then a handshake has to be done, or the last bytes taken.
    met_by: Option<Time>,
    pub(super) readable: bool,
    pub(super) writable: bool,
    is_shut: bool,
}

impl HttpWire {
    /// Over this socket; `tls`: for those who want it.
    pub(super) fn new(now: Time, stream: TcpStream, tls: Option<Arc<ServerConfig>>) -> Self {
        let speech = tls.map_or(Speech::Plain, Speech::Unknown);
        let met_by = matches!(speech, Speech::Unknown(_)).then(|| now + limits::HEAD_TIME);
        Self { stream, speech, met_by, readable: false, writable: false, is_shut: false }
    }

    /// True if nobody on the way can read it.
    pub(super) const fn is_private(&self) -> bool {
        matches!(self.speech, Speech::Tls(_))
    }

    /// When the connection is to be closed, if it is not met by then.
    pub(super) const fn met_by(&self) -> Option<Time> {
        self.met_by
    }

    /// Reads what there is, up to some bytes. True: something came.
    pub(super) fn read(&mut self, now: Time, http: &mut HttpConnection) -> io::Result<bool> {
        if !http.hears() {
            return Ok(false);
        }
        if let Speech::Unknown(config) = &self.speech {
            let config = Arc::clone(config);
            if !self.readable {
                return Ok(false);
            }
            let Some(first) = self.peek()? else { return Ok(false) };
            self.speech = if first == Some(HANDSHAKE) {
                let mut tls = ServerConnection::new(config).map_err(io::Error::other)?;
                tls.set_buffer_limit(Some(ENCRYPTED));
                Speech::Tls(Box::new(tls))
            } else {
                self.met_by = None;
                Speech::Plain
            };
        }
        match &mut self.speech {
            Speech::Tls(tls) => {
                let has_moved = read_private(now, tls, &mut self.stream, &mut self.readable, http)?;
                if !tls.is_handshaking() {
                    self.met_by = None;
                }
                Ok(has_moved)
            }
            Speech::Plain | Speech::Unknown(_) => self.read_plain(now, http),
        }
    }

    /// The first byte (`Some(None)`: there will be none), once there is one.
    fn peek(&mut self) -> io::Result<Option<Option<u8>>> {
        let mut first = [0];
        loop {
            match self.stream.peek(&mut first) {
                Ok(0) => return Ok(Some(None)),
                Ok(_) => return Ok(Some(Some(first[0]))),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    self.readable = false;
                    return Ok(None);
                }
                Err(e) => return Err(e),
            }
        }
    }

    fn read_plain(&mut self, now: Time, http: &mut HttpConnection) -> io::Result<bool> {
        let mut bytes = [0; READ];
        while self.readable {
            match self.stream.read(&mut bytes) {
                Ok(0) => {
                    self.readable = false;
                    http.handle_end(now);
                }
                Ok(len) => http.handle_bytes(now, &bytes[..len]),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    self.readable = false;
                    return Ok(false);
                }
                Err(e) => return Err(e),
            }
            return Ok(true);
        }
        Ok(false)
    }

    /// Writes what it takes now. True: it took something.
    pub(super) fn write(&mut self, now: Time, http: &mut HttpConnection) -> io::Result<bool> {
        let mut has_moved = false;
        while self.writable {
            if let Speech::Tls(tls) = &mut self.speech {
                if !tls.wants_write() && !http.output().is_empty() {
                    let slices: Vec<_> = http.output().pieces().take(AT_ONCE).map(IoSlice::new).collect();
                    let taken = tls.writer().write_vectored(&slices)?;
                    http.handle_taken(now, taken);
                }
                if !tls.wants_write() {
                    break;
                }
            } else if http.output().is_empty() {
                break;
            }
            let written = match &mut self.speech {
                Speech::Tls(tls) => tls.write_tls(&mut self.stream),
                Speech::Plain | Speech::Unknown(_) => {
                    let slices: Vec<_> = http.output().pieces().take(AT_ONCE).map(IoSlice::new).collect();
                    self.stream.write_vectored(&slices).inspect(|bytes| http.handle_taken(now, *bytes))
                }
            };
            match written {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(_) => has_moved = true,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => self.writable = false,
                Err(e) => return Err(e),
            }
        }
        Ok(has_moved)
    }

    /// True if all that was to be sent is with the operating system.
    pub(super) fn is_flushed(&self) -> bool {
        !matches!(&self.speech, Speech::Tls(tls) if tls.wants_write())
    }

    /// All was said, and is to be taken within some time.
    pub(super) fn wait_for_flush(&mut self, now: Time) {
        self.met_by.get_or_insert(now + limits::MOVES_IN);
    }

    /// Nothing more is said.
    pub(super) fn shut(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.is_shut, true) {
            return Ok(());
        }
        if let Speech::Tls(tls) = &mut self.speech {
            tls.send_close_notify();
            // If the socket takes it at once; else the end of the connection says it.
            drop(tls.write_tls(&mut self.stream));
        }
        self.stream.shutdown(Shutdown::Write)
    }
}

/// As [`HttpWire::read_plain`], by TLS.
fn read_private(
    now: Time,
    tls: &mut ServerConnection,
    stream: &mut TcpStream,
    readable: &mut bool,
    http: &mut HttpConnection,
) -> io::Result<bool> {
    let mut bytes = [0; READ];
    loop {
        match tls.reader().read(&mut bytes) {
            Ok(0) => {
                let is_news = http.hears();
                http.handle_end(now);
                return Ok(is_news);
            }
            Ok(len) => {
                http.handle_bytes(now, &bytes[..len]);
                return Ok(true);
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            // Cut off without a word: as an end.
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
                http.handle_end(now);
                return Ok(true);
            }
            Err(e) => return Err(e),
        }
        if !*readable {
            return Ok(false);
        }
        match tls.read_tls(stream) {
            // What follows from an end is said by the reader.
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                *readable = false;
                return Ok(false);
            }
            Err(e) => return Err(e),
        }
        if let Err(e) = tls.process_new_packets() {
            // The alert that says why is sent if the socket takes it at once.
            drop(tls.write_tls(stream));
            return Err(io::Error::other(e));
        }
    }
}
