//! Where the outputs of keeper, distributor and recovery go in the machine of `mod.rs`: to one another, or
//! out. Pure.

use std::sync::Arc;

use super::{Custodian, CustodianOutput, LOOK};
use crate::content::HeadNumber;
use crate::custody::distributor::Want;
use crate::custody::ledger::Record;
use crate::custody::{distributor, keeper, recovery};
use crate::identity::PeerId;
use crate::time::Time;
use crate::wire::custody::{CustodyMessage, CustodyOffer, GetSpace, KeeperReport};

impl Custodian {
    /// Brings the machines' outputs to where they belong, until there are none.
    pub(super) fn gather(&mut self, now: Time) {
        let mut moved = false;
        loop {
            if let Some(output) = self.keeper.poll_output() {
                self.of_keeper(now, output);
            } else if let Some(output) = self.distributor.poll_output() {
                moved |= output == distributor::DistributorOutput::Moved;
                self.of_distributor(now, output);
            } else if let Some(output) = self.recovery.poll_output() {
                self.out.push_back(of_recovery(output, self.live.keys().copied()));
            } else {
                break;
            }
        }
        if let Some(handoff) = &mut self.handoff {
            if moved {
                handoff.moved(now);
            }
            let soon = now + LOOK;
            self.look.get_or_insert(soon);
        }
    }

    fn of_keeper(&mut self, now: Time, output: keeper::KeeperOutput) {
        use keeper::KeeperOutput as K;
        match output {
            K::Fetch { file, size, span, sources } => {
                self.out.push_back(CustodianOutput::Fetch { file, size, span, sources });
            }
            K::Drop { file, keep } => self.out.push_back(CustodianOutput::Drop { file, keep }),
            K::Report { to, origin, rows } => {
                let Some(known) = self.keeper.owner_catalogue(origin) else { return };
                let HeadNumber { instance, version } = known.number();
                let request = self.requests.number();
                let report = KeeperReport { request, origin, instance, version, rows: rows.into() };
                self.out.push_back(CustodianOutput::Send(to, CustodyMessage::Report(report)));
            }
            K::Challenge { peer, key, size, chunk } => {
                self.out.push_back(CustodianOutput::Challenge { peer, key, size, chunk });
            }
            K::Tend { key, want, places, owner_lost } => {
                self.distributor.want(now, key, want, &places, Some(owner_lost));
            }
            K::Untend(key) => self.distributor.unwant(now, key),
            K::Pull { origin, from } => self.out.push_back(CustodianOutput::Pull { origin, from }),
            K::Record(record) => self.out.push_back(CustodianOutput::Record(record)),
        }
    }

    fn of_distributor(&mut self, now: Time, output: distributor::DistributorOutput) {
        use distributor::DistributorOutput as D;
        match output {
            D::AskSpace { to, origin } => {
                let request = self.requests.ask_space(to, origin);
                self.out.push_back(CustodianOutput::Send(
                    to,
                    CustodyMessage::GetSpace(GetSpace { request, origin }),
                ));
            }
            D::Offer { to, key, request, want, copy, span, others } => {
                let own = self.own.as_ref().filter(|_| key.0 == self.me).map(|e| Arc::clone(e.signed()));
                let Some(head) =
                    own.or_else(|| self.keeper.owner_catalogue(key.0).map(|e| Arc::clone(e.signed())))
                else {
                    return;
                };
                let Want { size, path, copies } = want;
                let quiet = self.keeper.quiet(now, key);
                let offer = CustodyOffer {
                    request,
                    head,
                    path,
                    file: key.1,
                    size,
                    copies,
                    copy,
                    span,
                    others,
                    quiet,
                    proof: None,
                };
                self.requests.offer(offer.clone());
                self.out.push_back(CustodianOutput::Send(to, CustodyMessage::Offer(Box::new(offer))));
            }
            D::Challenge { peer, key, size, chunk } => {
                self.out.push_back(CustodianOutput::Challenge { peer, key, size, chunk });
            }
            // Nothing is placed of what is lost, but who keeps it is to be known at the next start, too.
            D::Placed(file, None) if self.copies.is_placed(file) => {}
            D::Placed(file, row) => self.out.push_back(CustodianOutput::Record(Record::Placed(file, row))),
            D::Moved => {}
        }
    }
}

/// What the recovery wants, to be done; `live`: who is here.
fn of_recovery(output: recovery::RecoveryOutput, live: impl Iterator<Item = PeerId>) -> CustodianOutput {
    use recovery::RecoveryOutput as H;
    match output {
        H::Ask { files, bytes } => CustodianOutput::Ask { files, bytes },
        H::Absent(on, count) => CustodianOutput::Absent(on, count),
        H::Withdrawn(count) => CustodianOutput::Withdrawn(count),
        H::Restore(entry) => CustodianOutput::Restore(entry, live.collect()),
        H::Publish => CustodianOutput::Publish,
        H::Record(record) => CustodianOutput::Record(record),
    }
}
