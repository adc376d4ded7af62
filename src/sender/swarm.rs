//! What a member of a swarm hears and gets: which chunks are here, and any of those that it
//! wants. Part of the sender.

use super::{HAVES, SenderRole, SenderState, SentFor, SentPart, unknown};
use crate::content::partial::Bits;
use crate::content::{ByteRanges, Chunks, FileId};
use crate::identity::PeerId;
use crate::sender::client::{HavesWatch, SenderClient};
use crate::sender::limits;
use crate::time::Time;
use crate::transfer::net::{ConnId, Net};
use crate::wire::Message;
use crate::wire::message::{GetAny, GetHaves, GotFile, GotNoted, Item, Reason, Refused};

/// Chunks that may turn out to be wrong before a request for any chunk is put off: each is read.
const CHOICES: usize = 4;

impl SenderRole {
    /// Chooses the chunk for a request that leaves it to us, if that is what comes next. True: the request
    /// was refused.
    pub(super) fn choose(&mut self, now: Time, net: &mut Net, id: ConnId) -> bool {
        let Some(any) = self.clients.get(&id).and_then(SenderClient::next_any) else { return false };
        let (request, file) = (any.request, any.file);
        let chosen = match Chunks::of(any.size).and_then(|chunks| Bits::from_map(chunks, &any.want)) {
            Some(want) => self.choose_of(now, id, file, &want),
            None => Err(Reason::Malformed),
        };
        let Some(client) = self.clients.get_mut(&id) else { return false };
        match chosen {
            Ok(chosen) => {
                client.choose(Some(chosen));
                false
            }
            Err(reason) => {
                client.choose(None);
                net.send(id, &Message::Refused(Refused { request, item: None, reason }));
                true
            }
        }
    }

    fn choose_of(
        &mut self,
        now: Time,
        id: ConnId,
        file: FileId,
        want: &Bits,
    ) -> Result<(Item, Bits), Reason> {
        let Some(client) = self.clients.get(&id) else { return Err(Reason::Unknown) };
        let (peer, chunks) = (client.peer, want.chunks());
        if self.cut(peer, file, chunks.size())? != chunks {
            return Err(Reason::Malformed);
        }
        let given = client.given(file).filter(|g| g.chunks() == chunks);
        let mut given = given.map_or_else(|| Bits::none(chunks), Bits::clone);
        let shared = self.offer.file(peer, file).is_some_and(|f| f.manifest.chunks() == chunks);
        let shared = shared && !self.shared.is_changed(file);
        let seed = self.partial_seeds.get(file).filter(|h| h.chunks() == chunks);
        let is_here = |chunk| shared || seed.is_some_and(|h| h.has(chunk));
        let stored = self.store.chunks(peer, file) == Some(chunks);
        for _ in 0..CHOICES {
            let here = |chunk| is_here(chunk) || (stored && self.store.has(peer, file, chunk));
            let chunk = self.super_seed.choose(file, want, &given, here).ok_or(Reason::Unknown)?;
            // One that turns out to be wrong is none of those that are here.
            if !is_here(chunk)
                && let Err(reason) = self.store.prove(now, peer, file, chunk)
            {
                if reason == Reason::Busy {
                    return Err(reason);
                }
                continue;
            }
            given.insert(chunk);
            let item = Item { file, offset: chunks.range(chunk).start, len: chunks.len_of(chunk) };
            return Ok((item, given));
        }
        Err(Reason::Busy)
    }

    /// How a file that is served here to `peer` is cut, if it has that size and fits a map.
    pub(super) fn cut(&self, peer: PeerId, file: FileId, size: u64) -> Result<Chunks, Reason> {
        let shared = self.offer.file(peer, file).map(|f| f.manifest.chunks());
        let seed = self.partial_seeds.get(file).map(|h| h.chunks());
        let mut known = [shared, seed, self.store.chunks(peer, file)].into_iter().flatten().peekable();
        if known.peek().is_none() {
            return Err(unknown(&self.offer));
        }
        let right = known.find(|c| c.size() == size && c.count() <= limits::MAP_CHUNKS);
        right.ok_or(Reason::Malformed)
    }

    /// Queues a request for any chunk. Looked at before it is kept: whoever asks chooses neither how many
    /// bytes its map has nor what file it is of.
    pub(super) fn take_any(&mut self, now: Time, id: ConnId, m: GetAny) -> Result<(), Reason> {
        let Some(peer) = self.clients.get(&id).map(|c| c.peer) else { return Ok(()) };
        if Bits::from_map(self.cut(peer, m.file, m.size)?, &m.want).is_none() {
            return Err(Reason::Malformed);
        }
        let begin = self.state == SenderState::Serving;
        let taken = self.clients.get_mut(&id).is_none_or(|client| client.take_any(now, m, begin));
        if taken { Ok(()) } else { Err(Reason::Busy) }
    }

    /// The chunks that are here for `peer` of a file that it asked for by this size; `None`: it is not here.
    fn have(&self, peer: PeerId, watch: &HavesWatch) -> Option<Bits> {
        let fits = |c: &Chunks| c.size() == watch.size;
        let shared = self.offer.file(peer, watch.file).map(|f| f.manifest.chunks());
        if let Some(chunks) = shared.filter(fits) {
            return Some(Bits::all(chunks));
        }
        let seed = self.partial_seeds.get(watch.file).map(|h| h.have()).filter(|b| fits(&b.chunks()));
        let stored = self.store.have(peer, watch.file).filter(|b| fits(&b.chunks()));
        match (seed, stored) {
            (Some(mut seed), Some(stored)) => {
                for chunk in stored.iter() {
                    seed.insert(chunk);
                }
                Some(seed)
            }
            (seed, stored) => seed.or(stored),
        }
    }

    /// Begins to tell what is there of a file.
    pub(super) fn watch(&mut self, now: Time, id: ConnId, m: &GetHaves) -> Result<(), Reason> {
        let Some(peer) = self.clients.get(&id).map(|c| c.peer) else { return Ok(()) };
        self.cut(peer, m.file, m.size)?;
        let Some(client) = self.clients.get_mut(&id) else { return Ok(()) };
        if client.watches.len() >= limits::REQUESTS_OPEN {
            return Err(Reason::Busy);
        }
        client.watches.insert(m.request, HavesWatch::new(m.file, m.size));
        // At once: whoever asks has nothing to do before it knows.
        self.partial_seeds.report_due = Some(now);
        Ok(())
    }

    /// Tells those who want to know of the chunks that came.
    pub(super) fn tell_haves(&mut self, now: Time, net: &mut Net) {
        let mut clients = std::mem::take(&mut self.clients);
        let mut any = false;
        for (&id, client) in &mut clients {
            let mut over = Vec::new();
            for (&request, watch) in &mut client.watches {
                if !net.has_room(id) {
                    break;
                }
                // Nothing comes by itself to a file that is in the store alone.
                let version = Some(self.store.version());
                let alone = self.partial_seeds.get(watch.file).is_none();
                if alone && watch.version == version && self.offer.file(client.peer, watch.file).is_none() {
                    continue;
                }
                watch.version = version.filter(|_| alone);
                match self.have(client.peer, watch) {
                    Some(have) => {
                        if let Some(haves) = watch.next(request, have) {
                            net.send(id, &Message::Haves(haves));
                        }
                    }
                    None => over.push(request),
                }
            }
            for request in over {
                client.watches.remove(&request);
                let refused = Refused { request, item: None, reason: Reason::Unknown };
                net.send(id, &Message::Refused(refused));
            }
            any |= !client.watches.is_empty();
        }
        self.clients = clients;
        self.partial_seeds.report_due = any.then_some(now + HAVES);
    }
}

/// Whoever asked over this connection says that it has all of a file: noted as if the rest had been sent. Of what is not
/// here nothing is noted; that it was heard is answered all the same, so that it is not said again.
pub(super) fn note_got(now: Time, sender: &mut SenderRole, net: &mut Net, id: ConnId, m: &GotFile) {
    net.send(id, &Message::GotNoted(GotNoted { request: m.request }));
    let (Some(client), Some(to)) = (sender.clients.get(&id), net.payer(id)) else { return };
    if sender.cut(client.peer, m.file, m.size).is_ok() {
        let ranges = ByteRanges::of([(0, m.size)]);
        let (file, size, why) = (m.file, m.size, SentFor::Fetch);
        sender.serving.note(SentPart { to, file, size, why, bytes: 0, ranges }, &sender.events);
        // Also where nothing is sent, and so nothing would be reported.
        sender.serving.begin(now);
    }
}
