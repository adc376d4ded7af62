//! Running a peer: one start after the other, each in the network that the user wants then. Shell.

use core::time::Duration;

use crossbeam_channel::{Receiver, bounded};

use super::own_group::remember_named;
use super::parts::Parts;
use super::shell::{Ended, PeerShell};
use super::start::Peer;
use crate::control::ControllerChannels;
use crate::error::Failure;
use crate::lan;
use crate::settings::Settings;
use crate::sys::clock;

/// How long the leave may take that is announced on a second Ctrl-C.
const LEAVE_NOW: Duration = Duration::from_millis(200);

/// Runs a peer until it has left; on this thread. When it is to be in another network, it leaves the one
/// where it is and starts again. The caller holds the directory's lock.
///
/// # Errors
/// What cannot be had, and what to do; why it ended, if not because somebody wanted it to.
pub fn run(mut config: Settings, channels: ControllerChannels) -> Result<(), Failure> {
    remember_named(&config)?;
    let (voice_to, voice) = bounded(1);
    let present = voice.clone();
    channels.leave.set_last_words(move || leave_now(&present));
    loop {
        let Peer { machine, parts } = Peer::start(config.clone())?;
        // They are remembered: what is unshared meanwhile is not to come back.
        config.share.shares.clear();
        // That of the start before, which nobody needed.
        while voice.try_recv().is_ok() {}
        drop(voice_to.try_send(Voice::of(&parts)));
        let shell = PeerShell::new(machine, parts, &channels);
        match shell.run() {
            Ended::Left(None) => return Ok(()),
            Ended::Left(Some(failure)) => return Err(failure),
            Ended::Again => {}
        }
    }
}

/// By this a start announces its leave, from any thread.
#[derive(Debug)]
struct Voice {
    commands: lan::Commands,
    events: Receiver<lan::Event>,
}

impl Voice {
    fn of(parts: &Parts) -> Self {
        Self { commands: parts.discovery.commands(), events: parts.discovery.events.clone() }
    }
}

/// What is still done when the user does not wait for the departure: one leave is announced. It may be called
/// from any thread, while the peer runs, and takes 200 ms at most.
fn leave_now(present: &Receiver<Voice>) {
    let Ok(Voice { commands, events }) = present.try_recv() else { return };
    let deadline = clock::now() + LEAVE_NOW;
    commands.send(lan::Command::Leave);
    // The thread ends once it has said it, and its channel with it.
    while events.recv_timeout(deadline.since(clock::now())).is_ok() {}
}
