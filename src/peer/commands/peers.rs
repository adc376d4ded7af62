//! `peers`: who is here. Pure.

use super::{Answer, Command, Needs};
use crate::control::{PeerRow, PeersRequest, Reply};
use crate::error::Failure;
use crate::identity::PeerId;
use crate::peer::event::AskId;
use crate::peer::look_alikes::LookAlikes;
use crate::peer::machine::PeerMachine;
use crate::peer::offices::numbers;
use crate::peer::roster::Member;
use crate::time::Time;

impl Command for PeersRequest {
    fn needs(&self) -> Needs {
        Needs::Nothing
    }

    fn answer(self: Box<Self>, now: Time, ask: AskId, peer: &mut PeerMachine) -> Result<Answer, Failure> {
        let roster = &peer.presence.roster;
        let look_alikes = LookAlikes::of(roster);
        let numbers = numbers(peer.own.arrival(), roster);
        let row = |(id, m): (&PeerId, &Member)| PeerRow {
            name: m.info.name.to_string(),
            id: id.full(),
            address: peer.interface_names.shown(m.host()),
            port: m.info.contact.ports.sender,
            files: roster.catalogue(*id).map(|(_, c)| c.files()),
            bytes: roster.catalogue(*id).map(|(head, _)| head.bytes),
            seconds: now.since(m.since).as_secs(),
            order: numbers.get(id).copied(),
            office: peer.presence.offices.of(*id),
            through: m
                .info
                .told
                .as_ref()
                // The gateway itself is at the other end of the link.
                .filter(|told| told.through != *id)
                .map(|told| roster.name(told.through)),
            look_alike: look_alikes.has(*id),
        };
        let mut rows: Vec<PeerRow> = roster.iter().map(row).collect();
        rows.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        for row in rows {
            peer.out.reply(ask, Reply::Peer(row));
        }
        Ok(Answer::Done)
    }
}
