//! A machine that pulls, with numbers for its requests, as tests drive it.

use core::ops::{Deref, DerefMut};

use super::{Pull, PullMachine as _, PullOutput, Question, RequestNumbers};
use crate::identity::PeerId;
use crate::time::Time;

pub(in crate::receiver) struct Driven<Q: Question> {
    pull: Pull<Q>,
    numbers: RequestNumbers,
}

impl<Q: Question + Default> Default for Driven<Q> {
    fn default() -> Self {
        Self { pull: Pull::default(), numbers: RequestNumbers::default() }
    }
}

impl<Q: Question> Driven<Q> {
    pub(in crate::receiver) fn poll_output(&mut self) -> Option<PullOutput> {
        self.pull.poll_output(&mut self.numbers)
    }

    /// Runs until nothing is left to do; each dial is answered. The outputs but dials.
    pub(in crate::receiver) fn run(&mut self, now: Time) -> Vec<PullOutput> {
        let mut rest = Vec::new();
        while let Some(output) = self.poll_output() {
            match output {
                PullOutput::Dial(peer) => self.pull.handle_up(now, peer),
                other => rest.push(other),
            }
        }
        rest
    }

    /// The peers that are asked now.
    pub(in crate::receiver) fn asked(&self) -> Vec<PeerId> {
        self.pull.pulls.iter().filter(|(_, pull)| pull.step.is_open()).map(|(key, _)| key.from).collect()
    }
}

impl<Q: Question> Deref for Driven<Q> {
    type Target = Pull<Q>;

    fn deref(&self) -> &Pull<Q> {
        &self.pull
    }
}

impl<Q: Question> DerefMut for Driven<Q> {
    fn deref_mut(&mut self) -> &mut Pull<Q> {
        &mut self.pull
    }
}
