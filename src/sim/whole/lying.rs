//! Keepers of the index that lie: what they send in the place of what they found.

use std::sync::Arc;

use crate::content::FileId;
use crate::index::FoundFile;
use crate::index::answer::IndexAnswer;
use crate::sender::SenderCommand;

/// How a keeper lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IndexLie {
    /// It knows all and finds nothing.
    Nothing,
    /// It leaves out every second file.
    Half,
    /// Each file is a byte longer.
    Sizes,
    /// Each file lies elsewhere.
    Names,
    /// Each owner has files that it has not.
    MadeUp,
    /// It knows catalogues that do not exist yet, and finds nothing in them.
    Future,
}

impl IndexLie {
    pub(super) const ALL: [Self; 6] =
        [Self::Nothing, Self::Half, Self::Sizes, Self::Names, Self::MadeUp, Self::Future];

    /// What goes out in the place of this.
    pub(super) fn instead(self, command: SenderCommand) -> SenderCommand {
        match command {
            SenderCommand::Found(ticket, Ok(answer)) => {
                let mut answer = IndexAnswer::clone(&answer);
                self.falsify(&mut answer);
                SenderCommand::Found(ticket, Ok(Arc::new(answer)))
            }
            command => command,
        }
    }

    fn falsify(self, answer: &mut IndexAnswer) {
        match self {
            Self::Nothing => answer.files.clear(),
            Self::Half => {
                let files = std::mem::take(&mut answer.files);
                answer.files = files.into_iter().step_by(2).collect();
            }
            Self::Sizes => answer.files.iter_mut().for_each(|found| found.hit.size += 1),
            Self::Names => answer.files.iter_mut().for_each(|found| rename(found, "a ")),
            Self::MadeUp => {
                let made_up = answer.files.iter().take(20).cloned().map(|mut found| {
                    found.hit.file = FileId(found.hit.file.0.map(|byte| !byte));
                    rename(&mut found, "made up ");
                    found
                });
                let made_up: Vec<_> = made_up.collect();
                answer.files.extend(made_up);
            }
            Self::Future => {
                answer.files.clear();
                for owner in &mut answer.coverage.owners {
                    owner.head = owner.head.map(|mut head| {
                        head.version += 1_000;
                        head
                    });
                }
            }
        }
    }
}

/// The file lies in another folder.
fn rename(found: &mut FoundFile, folder: &str) {
    found.hit.path = format!("{folder}{}", found.hit.path).parse().expect("it is a path still");
}
