//! What the machines of the receiver (`mod.rs`) ask for, and how it is done: dialling, asking, writing,
//! telling.

use super::pull::PullOutput;
use super::{ReceiverEvent, ReceiverRole, dial_back};
use crate::disk;
use crate::swarm::{self, JobEvent};
use crate::time::Time;
use crate::transfer::net::Net;

impl ReceiverRole {
    /// Does what the machines ask for, until they are silent.
    pub(super) fn pump(&mut self, now: Time, net: &mut Net) {
        loop {
            if let Some(output) = self.swarm.poll_output() {
                self.swarm_output(now, net, output);
            } else if let Some(output) = self.pulls.poll_output(now) {
                self.pull_output(now, net, output);
            } else if let Some(output) = self.reading.machine.poll_output() {
                self.read_output(now, net, output);
            } else if let Some(output) = self.asking.poll_output() {
                self.asking_output(now, output);
            } else {
                return;
            }
        }
    }

    fn swarm_output(&mut self, now: Time, net: &mut Net, output: swarm::Output) {
        match output {
            swarm::Output::Dial(peer) => match self.connect(now, net, peer) {
                Some(true) => self.swarm.handle_up(now, peer),
                Some(false) => {}
                None => self.swarm.handle_down(now, peer),
            },
            swarm::Output::Drop(peer, why) => {
                self.drop_link(now, net, peer, &why);
                self.pulls.handle_down(now, peer);
                self.reading.machine.handle_down(now, peer);
            }
            swarm::Output::Ask(peer, lane, message) => self.ask_on(net, peer, lane, &message),
            swarm::Output::Lanes(peer, count) => self.widen(now, net, peer, count),
            swarm::Output::Disk(command) => self.disks.send(command),
            swarm::Output::WriteNothing(token, chunk) => match self.pool.take() {
                Some(block) => self.disks.send(disk::Command::Write(token, chunk, 0, block)),
                // It is asked for again by whoever opens the file again; there is no hurry for nothing.
                None => self.swarm.handle_disk(now, disk::Event::Chunk(token, chunk, false)),
            },
            swarm::Output::Event(event) => {
                if let JobEvent::Finished(job, ..) = event {
                    self.disks.job_over(job);
                }
                self.tell(ReceiverEvent::Job(event));
            }
            swarm::Output::Warning(text) => self.tell(ReceiverEvent::Warning(text)),
        }
    }

    fn pull_output(&mut self, now: Time, net: &mut Net, output: PullOutput) {
        match output {
            PullOutput::Dial(peer) => match self.connect(now, net, peer) {
                Some(true) => self.pulls.handle_up(now, peer),
                Some(false) => {}
                None => self.pulls.handle_down(now, peer),
            },
            PullOutput::Drop(peer, why) => {
                self.drop_link(now, net, peer, &why);
                self.swarm.handle_down(now, peer);
                self.pulls.handle_down(now, peer);
                self.reading.machine.handle_down(now, peer);
            }
            PullOutput::Ask(peer, message) => self.ask(net, peer, &message),
            PullOutput::Tell(event) => self.tell(event),
        }
    }

    fn asking_output(&mut self, now: Time, output: dial_back::Output) {
        match output {
            dial_back::Output::Ask(peer, before) => self.tell(ReceiverEvent::AskBack(peer, before)),
            dial_back::Output::Unreached(peer) => self.tell(ReceiverEvent::Unreached(peer)),
            dial_back::Output::Blocked(peer) => {
                self.swarm.handle_blocked(now, peer);
                self.tell(ReceiverEvent::Blocked(peer));
            }
        }
    }
}
