//! What is heard on a network of this peer, and goes over its links, by what is known of who said it. Pure.

use std::sync::Arc;

use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::{Gateway, Passing};
use crate::identity::PeerId;
use crate::lan::discovery::Listing;
use crate::lan::traffic::Packet;
use crate::time::Time;
use crate::wire::datagram::DatagramMessage;
use crate::wire::room::RoomLine;

/// Where a peer is of which nobody knows where it is.
const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

impl Gateway {
    /// Over our links goes what a peer that is here said to everyone, and any line, for that proves itself.
    pub(in crate::lan) fn handle_heard(
        &mut self,
        now: Time,
        packet: &Packet<'_>,
        hops: u8,
        listing: &Listing,
    ) {
        let Packet { source, peer, body, signed } = *packet;
        let is_line = matches!(body.message, DatagramMessage::Room(_));
        let at = match listing.address(peer) {
            _ if source.gateway().is_some() => Some(source.at),
            Some(_) => listing.routable_address(peer),
            None if is_line => Some(NOWHERE),
            // A leave is heard of a peer that is here no more.
            None if body.message == DatagramMessage::Leave => Some(source.at),
            None => return,
        };
        let charged = listing.account_host(source.gateway().unwrap_or(peer));
        let passing = Passing { peer, charged, at, hops, message: &body.message, signed };
        self.handle_near(now, passing, |id| listing.is_near(id));
    }

    /// A line of another peer that we send once more to everyone goes over our links, too.
    pub(in crate::lan) fn handle_repair(
        &mut self,
        now: Time,
        peer: PeerId,
        signed: &Arc<[u8]>,
        listing: &Listing,
    ) {
        let at = if listing.address(peer).is_some() { listing.routable_address(peer) } else { Some(NOWHERE) };
        // What it says is not looked at: that it is a line is all that counts.
        let message = DatagramMessage::Room(RoomLine { number: 0, said: 0, text: String::new() });
        let charged = listing.account_host(peer);
        let passing = Passing { peer, charged, at, hops: 0, message: &message, signed };
        self.handle_near(now, passing, |id| listing.is_near(id));
    }
}
