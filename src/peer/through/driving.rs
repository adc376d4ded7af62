//! How the carrier (`carrier.rs`) is driven: whose questions it takes, and what follows from what it decides. Pure.

use std::sync::Arc;

use super::asking::ThroughOthers;
use super::carrier::{Carrier, CarryOrder};
use crate::accounts::Payer;
use crate::content::{Catalogue, Entry, EntryKind, FileId, Span};
use crate::distribution::chunk_store;
use crate::identity::PeerId;
use crate::peer::custody::CustodyDriver;
use crate::peer::jobs::{JobPurpose, Jobs};
use crate::peer::output::Outputs;
use crate::peer::own_peer::OwnPeer;
use crate::peer::roster::Roster;
use crate::peer::shared::SharedFolder;
use crate::receiver::ReceiverCommand;
use crate::receiver::through::ThroughFile;
use crate::sender::SenderCommand;
use crate::time::Time;
use crate::wire::message::Reason;

/// What a question is answered from.
pub(in crate::peer) struct CarryContext<'a> {
    pub(in crate::peer) own: &'a OwnPeer,
    pub(in crate::peer) roster: &'a Roster,
    pub(in crate::peer) shared: &'a SharedFolder,
    pub(in crate::peer) through: &'a ThroughOthers,
    pub(in crate::peer) custody: &'a CustodyDriver,
    pub(in crate::peer) jobs: &'a mut Jobs,
    pub(in crate::peer) out: &'a mut Outputs,
    /// This peer is about to leave.
    pub(in crate::peer) is_leaving: bool,
}

impl Carrier {
    /// What a peer shares is told, as it signed it, to those who cannot reach it, and to those who ask whoever keeps the
    /// index instead of each owner. It is held here in any case.
    pub(in crate::peer) fn list(
        owner: PeerId,
        signed: Arc<[u8]>,
        catalogue: &Arc<Catalogue>,
        out: &mut Outputs,
    ) {
        out.sender(SenderCommand::Listed(owner, Some((signed, Arc::clone(catalogue)))));
    }

    /// A peer asks that a file is fetched for it; bytes that it can have by now.
    ///
    /// # Errors
    /// Why it is not fetched.
    pub(in crate::peer) fn asked(
        &mut self,
        now: Time,
        from: PeerId,
        file: &ThroughFile,
        context: CarryContext<'_>,
    ) -> Result<u64, Reason> {
        let CarryContext { own, roster, shared, through, custody, jobs, out, is_leaving } = context;
        if !self.is_on() {
            return Err(Reason::NotOffered);
        }
        if is_leaving {
            return Err(Reason::Busy);
        }
        if shared.shelf.files.contains_key(&file.file) {
            return Ok(file.size);
        }
        if let Some(known) = self.renew(now, file) {
            return known;
        }
        // Whoever is not here does not go past the accounts.
        let host = roster.account_host(from).ok_or(Reason::Busy)?;
        let is_reached = roster.contact(file.owner).is_some() && !through.is_blocked(file.owner);
        // What its owner does not list is not asked of it: it would be taken for a liar.
        if !is_reached || !is_listed(file, roster) {
            return Err(Reason::Unknown);
        }
        self.charge(now, Payer { host, peer: from }, file)?;
        let job = jobs.begin(JobPurpose::Carry(file.file));
        self.begin(now, file, job);
        custody.carry(job, file, own, out);
        out.debug(format!("{:?} of {} is fetched for {from}", file.file, file.owner));
        Ok(0)
    }

    /// The job that fetches a file is over.
    pub(in crate::peer) fn job_over(
        &mut self,
        now: Time,
        file: FileId,
        is_good: bool,
        custody: &mut CustodyDriver,
        out: &mut Outputs,
    ) {
        self.over(now, file, is_good);
        self.serve(now, custody, out);
    }

    /// Lets go of what is not to be carried any more, and of what custody wants the space of.
    pub(in crate::peer) fn turn(
        &mut self,
        now: Time,
        custody: &mut CustodyDriver,
        jobs: &mut Jobs,
        out: &mut Outputs,
    ) {
        let quota = custody.machine.keeper().quota();
        self.set_spare(quota.lent(), quota.spare());
        self.handle_timeout(now);
        let mut is_changed = false;
        while let Some(CarryOrder::Drop(file, job)) = self.poll_output() {
            is_changed = true;
            if let Some(job) = job.filter(|job| jobs.end(*job).is_some()) {
                out.receiver(ReceiverCommand::Cancel(job));
            }
            let kept = custody.machine.keeper().all().filter(|((_, kept), ..)| *kept == file);
            let kept: Vec<Span> = kept.map(|(_, row, _)| row.span).collect();
            out.chunks(chunk_store::Command::Drop(file, kept));
        }
        if is_changed {
            self.serve(now, custody, out);
        }
    }

    /// Tells the sender at once what is carried: whoever wants it asks for it.
    fn serve(&self, now: Time, custody: &mut CustodyDriver, out: &mut Outputs) {
        custody.serve_carried(now, self.whole().collect(), out);
    }
}

/// True if the owner of a file lists it, in the bucket of its catalogue that is named.
fn is_listed(file: &ThroughFile, roster: &Roster) -> bool {
    let claim = file.claim();
    let is_it = |e: &Entry| matches!(e.kind, EntryKind::File { id, size, .. } if (id, size) == claim);
    let catalogue = roster.catalogue(file.owner);
    catalogue.is_some_and(|(_, c)| c.bucket(file.bucket).entries().iter().any(is_it))
}
