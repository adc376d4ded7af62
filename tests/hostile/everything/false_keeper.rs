//! A keeper that keeps nothing: it has all the space one could ask for, accepts whatever is offered, and reports
//! that all of it is there.

use core::time::Duration;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;

use potluck::content::{Head, HeadNumber};
use potluck::identity::tls::Tls;
use potluck::wire::custody::{CustodyMessage, CustodyOffer, KeeperReport, OfferAnswer, Space};
use potluck::wire::frame::{Decoder, Piece};
use rustls::{ServerConnection, StreamOwned};

use super::attackers::Target;
use crate::caller::Caller;
use crate::fiend::{Fiend, Lie, SENDER, address};
use crate::lab::{Lab, pause};
use crate::{custody, keepers};

/// More than anybody has.
const SPACE: u64 = 1 << 50;

/// Who offers something.
struct Line {
    stream: StreamOwned<ServerConnection, TcpStream>,
    decoder: Decoder,
}

/// Such a keeper.
pub(super) struct FalseKeeper {
    lab: Arc<Lab>,
    node: u32,
    target: Target,
    fiend: Fiend,
    tls: Tls,
    listener: TcpListener,
    lines: Vec<Line>,
}

impl FalseKeeper {
    pub(super) fn start(lab: &Arc<Lab>, node: u8, target: &Target) -> Self {
        let fiend = Fiend::start(lab, node, "false keeper", Lie::None);
        let tls = Tls::new(&fiend.identity).unwrap();
        let node = u32::from(node);
        // Where an honest peer has its distributee.
        let bind = || TcpListener::bind((Ipv4Addr::UNSPECIFIED, SENDER + 2));
        let listener = lab.within(node, bind).unwrap();
        listener.set_nonblocking(true).unwrap();
        Self { lab: Arc::clone(lab), node, target: target.clone(), fiend, tls, listener, lines: Vec::new() }
    }

    /// Answers what came, and reports what it accepted; how many messages it answered.
    pub(super) fn step(&mut self) -> u64 {
        pause(Duration::from_millis(5));
        self.fiend.events.try_iter().for_each(drop);
        while let Ok((tcp, _)) = self.listener.accept() {
            tcp.set_nonblocking(true).unwrap();
            let stream = StreamOwned::new(self.tls.accept().unwrap(), tcp);
            self.lines.push(Line { stream, decoder: Decoder::default() });
        }
        let (mut accepted, mut answered) = (Vec::new(), 0);
        self.lines.retain_mut(|line| line.serve(&mut accepted, &mut answered));
        accepted.iter().for_each(|offer| self.report(offer).unwrap_or_default());
        answered
    }

    /// Says that all of this is there.
    fn report(&self, offer: &CustodyOffer) -> Option<()> {
        let HeadNumber { instance, version } = Head::open(&offer.head).ok()?.number();
        let CustodyOffer { file, size, copies, copy, span, .. } = *offer;
        let mut row = keepers::held(b"");
        (row.file, row.size, row.span, row.have) = (file, size, span, span.len());
        (row.copies, row.copy) = (copies, copy);
        let origin = self.target.peer();
        let report = KeeperReport { request: 1, origin, instance, version, rows: vec![row].into() };
        let report = custody::bytes(&CustodyMessage::Report(report));
        let (tls, port) = (&self.tls, self.target.ports[2]);
        self.lab.within(self.node, || {
            let mut caller = Caller::dial(tls, origin, address(1), port).ok()?;
            caller.say(&report).ok()?;
            caller.hear_custody().map(drop)
        })
    }
}

impl Line {
    /// Answers what came, and notes down what was offered; false when the connection is over.
    fn serve(&mut self, accepted: &mut Vec<CustodyOffer>, answered: &mut u64) -> bool {
        let mut buffer = [0; 16_384];
        loop {
            let n = match self.stream.read(&mut buffer) {
                Ok(0) => return false,
                Ok(n) => n,
                Err(e) => return e.kind() == ErrorKind::WouldBlock,
            };
            let mut bytes = &buffer[..n];
            loop {
                let Ok((used, piece)) = self.decoder.feed(bytes) else { return false };
                bytes = &bytes[used..];
                let Piece::Frame(frame) = piece else { break };
                let Ok(Some(message)) = CustodyMessage::decode(&frame) else { return false };
                let answer = match message {
                    CustodyMessage::GetSpace(m) => {
                        CustodyMessage::Space(Space { request: m.request, free: SPACE, share: SPACE })
                    }
                    CustodyMessage::Offer(offer) => {
                        let request = offer.request;
                        accepted.push(*offer);
                        let (free, share) = (SPACE, SPACE);
                        let (refusal, span, head) = (None, None, None);
                        CustodyMessage::Answer(OfferAnswer { request, refusal, span, free, share, head })
                    }
                    _ => return false,
                };
                if self.stream.write_all(&custody::bytes(&answer)).is_err() {
                    return false;
                }
                *answered += 1;
            }
        }
    }
}
