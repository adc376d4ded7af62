//! Who is here, and whose catalogue is to be pulled when. Pure.

use core::time::Duration;
use std::sync::Arc;

use super::limits;
use super::output::Outputs;
use super::roster::Roster;
use crate::control::Notice;
use crate::identity::PeerId;
use crate::lan::{Gone, PeerInfo};
use crate::receiver::ReceiverCommand;
use crate::sender::SenderCommand;
use crate::time::Time;
use crate::wire::message::PeerRecord;

/// A catalogue that could not be pulled is asked for again after this time.
const PULL_AGAIN: Duration = Duration::from_secs(5);

/// What discovery tells, and what follows for catalogues.
#[derive(Debug, Default)]
pub(super) struct Presence {
    pub(super) roster: Roster,
    /// The network has answered.
    is_settled: bool,
    /// When catalogues that could not be pulled are asked for again.
    pull_again: Option<Time>,
}

impl Presence {
    /// A peer is here, or can be reached otherwise, or says something new of itself.
    pub(super) fn here(&mut self, now: Time, info: PeerInfo, out: &mut Outputs) {
        let id = info.contact.id;
        let name = info.name.to_string();
        let record = PeerRecord { at: info.at, signed: Arc::clone(&info.signed) };
        out.sender(SenderCommand::Table(id, Some(record)));
        out.receiver(ReceiverCommand::Peer(info.contact.clone()));
        if self.roster.here(now, info) {
            out.notice(Notice::Joined { name, id: id.to_string() });
        }
        if self.roster.len() <= limits::CATALOGUES_ON_SIGHT {
            self.pull(out);
        }
    }

    /// A peer is gone. What it shared is remembered, should others keep it.
    pub(super) fn gone(&mut self, id: PeerId, why: Gone, out: &mut Outputs) {
        out.receiver(ReceiverCommand::Gone(id));
        self.roster.away.keeper_gone(id);
        if let Some(member) = self.roster.gone(id) {
            out.sender(SenderCommand::Table(id, None));
            let name = member.info.name.to_string();
            if let Some((head, catalogue)) = &member.shares {
                self.roster.away.shares(id, head.number(), catalogue);
            }
            self.roster.away.owner_gone(id, name.clone());
            out.notice(Notice::Gone { name, left: why == Gone::Left });
        }
    }

    /// A peer asks to be dialled: where it was authenticated, at the port that it announced.
    pub(super) fn dial_back(&self, id: PeerId, out: &mut Outputs) {
        if let Some(contact) = self.roster.contact(id) {
            out.sender(SenderCommand::DialBack(contact.clone()));
        }
    }

    /// The network has answered.
    pub(super) const fn settled(&mut self) {
        self.is_settled = true;
    }

    /// True once it is known who is here, and what they share.
    pub(super) fn is_known(&self) -> bool {
        self.is_settled && !self.roster.is_pulling()
    }

    /// Asks for every catalogue that is newer than what we have.
    pub(super) fn pull(&mut self, out: &mut Outputs) {
        for id in self.roster.next_pulls() {
            out.receiver(ReceiverCommand::Catalogue(id));
        }
    }

    /// A catalogue did not come.
    pub(super) fn pull_failed(&mut self, now: Time, id: PeerId) {
        self.roster.pull_failed(id);
        self.pull_again.get_or_insert(now + PULL_AGAIN);
    }

    /// When [`Self::handle_timeout`] is to be called.
    pub(super) const fn poll_timeout(&self) -> Option<Time> {
        self.pull_again
    }

    /// Asks again for what is due.
    pub(super) fn handle_timeout(&mut self, now: Time, out: &mut Outputs) {
        if self.pull_again.take_if(|at| *at <= now).is_some() {
            self.pull(out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::roster::tests::{info, key};
    use super::*;
    use crate::content::Catalogue;
    use crate::identity::Instance;
    use crate::peer::output::PeerOutput;

    /// Whose catalogues are asked for by what was put out; notices as text.
    fn seen(out: &mut Outputs) -> Vec<String> {
        let all = std::iter::from_fn(|| out.pop());
        all.filter_map(|output| match output {
            PeerOutput::Receiver(ReceiverCommand::Catalogue(id)) => Some(format!("pull {id}")),
            PeerOutput::Notice(Notice::Joined { name, .. }) => Some(format!("{name} joined")),
            PeerOutput::Notice(Notice::Gone { name, left: true }) => Some(format!("{name} left")),
            PeerOutput::Notice(Notice::Gone { name, left: false }) => Some(format!("{name} is silent")),
            PeerOutput::Sender(SenderCommand::Table(id, None)) => Some(format!("no row of {id}")),
            _ => None,
        })
        .collect()
    }

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn a_catalogue_that_did_not_come_is_asked_for_after_five_seconds() {
        let (mut presence, mut out) = (Presence::default(), Outputs::default());
        let id = key(1).peer_id();
        presence.here(at(0), info(1, "anna", 1), &mut out);
        assert_eq!(seen(&mut out), ["anna joined".to_owned(), format!("pull {id}")]);
        presence.settled();
        assert!(!presence.is_known(), "its catalogue is still to come");
        presence.pull_failed(at(1), id);
        presence.pull_failed(at(2), id);
        assert_eq!(presence.poll_timeout(), Some(at(6)));
        presence.handle_timeout(at(5), &mut out);
        assert!(seen(&mut out).is_empty());
        presence.handle_timeout(at(6), &mut out);
        assert_eq!((seen(&mut out), presence.poll_timeout()), (vec![format!("pull {id}")], None));
        let catalogue = Catalogue::default();
        let head = catalogue.head(key(1), Instance { count: 1, random: 1 }, 1);
        assert!(presence.roster.shares(id, head, catalogue.into()) && presence.is_known());
    }

    #[test]
    fn in_a_large_network_catalogues_are_asked_for_when_they_are_wanted() {
        let (mut presence, mut out) = (Presence::default(), Outputs::default());
        let all = u8::try_from(limits::CATALOGUES_ON_SIGHT).unwrap();
        for n in 1..=all {
            presence.here(at(0), info(n, "x", 1), &mut out);
        }
        assert_eq!(seen(&mut out).iter().filter(|s| s.starts_with("pull")).count(), usize::from(all));
        presence.here(at(0), info(all + 1, "one more", 1), &mut out);
        assert_eq!(seen(&mut out), ["one more joined"]);
        presence.pull(&mut out);
        assert_eq!(seen(&mut out), [format!("pull {}", key(all + 1).peer_id())]);
    }

    #[test]
    fn whoever_goes_is_told_and_its_name_is_remembered_while_others_keep_its_files() {
        let (mut presence, mut out) = (Presence::default(), Outputs::default());
        let id = key(1).peer_id();
        presence.here(at(0), info(1, "anna", 0), &mut out);
        presence.gone(id, Gone::Left, &mut out);
        assert_eq!(
            seen(&mut out),
            ["anna joined".to_owned(), format!("no row of {id}"), "anna left".to_owned()]
        );
        assert_eq!((presence.roster.len(), presence.roster.name(id)), (0, "anna".to_owned()));
        presence.gone(id, Gone::Silent, &mut out);
        assert!(seen(&mut out).is_empty(), "it was not here");
    }
}
