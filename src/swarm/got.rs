//! Telling those who have a file that it is here as a whole, where several gave parts of it. Pure; part of
//! swarm/mod.rs.
//!
//! Whoever shares a file is asked by its user who has it. It knows what it sent, and not what the others gave each other.

use std::collections::BTreeSet;

use super::download::FileDownload;
use super::sources::{Source, SourceLink, Sources};
use super::{Output, Outputs};
use crate::content::Claim;
use crate::identity::PeerId;
use crate::swarm::limits;
use crate::time::Time;
use crate::wire::Message;
use crate::wire::message::GotFile;

/// What a source was not told yet.
pub(super) type Untold = BTreeSet<Claim>;

impl Sources {
    /// A file is here as a whole: those are told who are asked for it, and those who have all of it: who are linked, or were
    /// asked, or, where none was, all of few. They are dialled for that. One that gave all at once knows.
    pub(super) fn note_got(&mut self, download: &FileDownload, outputs: &mut Outputs) {
        if !download.is_for_user {
            return;
        }
        let is_one = download.chunks.is_single();
        // Where all of it came from those who had some, no holder knows of it.
        let is_dialled = download.holders.len() <= limits::FILE_SOURCES
            && download.sources.is_disjoint(&download.holders)
            && download.lost.is_empty();
        for (peer, source) in &mut self.by_peer {
            let is_asked = download.sources.contains(peer);
            let knows = is_one && is_asked && download.sources.len() == 1 && download.lost.is_empty();
            let is_holder = download.lost.contains(peer)
                || download.holders.contains(peer) && (source.link == SourceLink::Up || is_dialled);
            if (is_asked || is_holder) && !knows && source.untold.len() < limits::UNTOLD {
                source.untold.insert(download.claim());
            }
        }
        self.tell_got(outputs);
    }

    /// Tells those who are linked what they were not told yet.
    pub(super) fn tell_got(&mut self, outputs: &mut Outputs) {
        for (peer, source) in self.by_peer.iter_mut().filter(|(_, source)| source.link == SourceLink::Up) {
            for (file, size) in std::mem::take(&mut source.untold) {
                self.next_request += 1;
                let got = GotFile { request: self.next_request, file, size };
                outputs.push_back(Output::Ask(*peer, 0, Message::GotFile(got)));
            }
        }
    }

    /// Whom to connect to, to tell them.
    pub(super) fn to_tell(&self, now: Time) -> BTreeSet<PeerId> {
        let waits = |source: &Source| {
            source.is_untold() && source.link == SourceLink::Down && source.rest_until <= now
        };
        self.by_peer.iter().filter(|(_, source)| waits(source)).map(|(peer, _)| *peer).collect()
    }
}
