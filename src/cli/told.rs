//! What a screen tells of downloads that nobody waits for; screen.rs says it.

use std::collections::BTreeMap;

use super::output::Style;
use super::show::download;
use crate::control::{DownloadOutcome, DownloadSum, Reply, Saved};
use crate::text::shown;

/// Files of one download that are named; the rest is counted at its end.
const NAMED: u64 = 10;

/// What is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Telling {
    /// To everybody: something is wrong.
    Said(String),
    /// To a person, or to who asked for more.
    Mentioned(String),
    /// To a person at a prompt: elsewhere whoever asked says it.
    Answered(String),
}

/// What was told of each download so far, by its number.
#[derive(Debug, Default)]
pub(super) struct ToldDownloads(BTreeMap<u64, ToldDownload>);

/// What was told of a download.
#[derive(Debug, Default)]
struct ToldDownload {
    saved: u64,
    /// The only file: what its download was is told in the same line.
    only: Option<Saved>,
    /// What it was, all in all, was told.
    is_summed: bool,
}

impl ToldDownloads {
    /// None yet.
    pub(super) const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// What is to be told of a reply to a download. `ring` is what rings for one that is over.
    pub(super) fn reply(
        &mut self,
        job: u64,
        reply: Reply,
        style: Style,
        ring: impl FnOnce(&DownloadSum) -> String,
    ) -> Option<Telling> {
        match reply {
            Reply::Begun(row) => Some(Telling::Answered(download::begun(&row))),
            Reply::Saved(saved) if saved.files == 1 => {
                self.0.entry(job).or_default().only = Some(saved);
                None
            }
            Reply::Saved(saved) => {
                let told = self.0.entry(job).or_default();
                told.saved += 1;
                (told.saved <= NAMED).then(|| Telling::Mentioned(download::saved(&saved)))
            }
            Reply::DownloadSum(sum) => Some(self.sum(job, &sum, style, &ring(&sum))),
            Reply::Done => {
                // What came for another purpose has no sum.
                let only = self.0.remove(&job)?.only?;
                Some(Telling::Mentioned(download::saved(&only)))
            }
            Reply::Failed(failure) => {
                let is_told = self.0.remove(&job).is_some_and(|told| told.is_summed);
                let line = || style.red(&format!("[{job}] {}", shown(&failure.message)));
                (!is_told).then(|| Telling::Said(line()))
            }
            // What will not come is counted in the sum.
            _ => None,
        }
    }

    fn sum(&mut self, job: u64, sum: &DownloadSum, style: Style, ring: &str) -> Telling {
        let told = self.0.entry(job).or_default();
        told.is_summed = true;
        let line = match told.only.take() {
            Some(only) if download::is_only_file(sum) => download::saved_and_sum(&only, sum),
            _ => download::numbered_ending(sum, style),
        };
        match sum.outcome {
            DownloadOutcome::Incomplete | DownloadOutcome::Waiting => Telling::Said(line + ring),
            _ => Telling::Mentioned(line + ring),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::show::download::tests::{download as row, sum};
    use super::Telling::{Answered, Mentioned, Said};
    use super::*;
    use crate::control::DownloadFailures;
    use crate::error::Failure;

    fn arrival(path: &str, files: u64) -> Reply {
        let how = "saved".to_owned();
        Reply::Saved(Saved {
            job: 4,
            id: String::new(),
            path: path.into(),
            how,
            wanted: None,
            through: None,
            files,
        })
    }

    /// What is told of these replies.
    fn told(replies: impl IntoIterator<Item = Reply>) -> Vec<Telling> {
        let mut all = ToldDownloads::new();
        let style = Style::PLAIN;
        let told = replies.into_iter().filter_map(|reply| all.reply(4, reply, style, |_| "*".to_owned()));
        let told = told.collect();
        assert!(all.0.is_empty(), "what is over is forgotten");
        told
    }

    #[test]
    fn of_many_files_a_few_are_named_and_the_end_says_the_rest() {
        let all = DownloadSum { files: 15, saved: 15, ..sum() };
        let end = [Reply::DownloadSum(Box::new(all)), Reply::Done];
        let mut told = told((0..15).map(|n| arrival(&format!("/d/{n}"), 15)).chain(end));
        let last = "[4] done: 15 files, 3.0 MiB in 3.0 s (1.0 MiB/s) from anna, bert, saved in /d/*";
        assert_eq!(told.pop(), Some(Mentioned(last.to_owned())));
        assert_eq!((told.len(), &told[9]), (10, &Mentioned("saved /d/9".to_owned())));
    }

    #[test]
    fn one_file_is_one_line() {
        let all = Box::new(DownloadSum { files: 1, saved: 1, ..sum() });
        let told = told([Reply::Begun(row()), arrival("/d/a", 1), Reply::DownloadSum(all), Reply::Done]);
        let end = "saved /d/a: 3.0 MiB in 3.0 s (1.0 MiB/s) from anna, bert*";
        let begun = "[3] downloading big.iso (100.0 MiB) from peer2, peer3";
        assert_eq!(told, [Answered(begun.to_owned()), Mentioned(end.to_owned())]);
    }

    #[test]
    fn a_failure_is_said_once() {
        let failure = Failure::other("disk full");
        let failures = vec![DownloadFailures { failure: failure.clone(), count: 1, first: "a".into() }];
        let outcome = DownloadOutcome::Incomplete;
        let all = Box::new(DownloadSum { outcome, saved: 3, failures, failed: 1, ..sum() });
        let missing = Reply::Missing { path: "a".into(), failure: failure.clone() };
        let end = "[4] incomplete: 3 of 4 files, 3.0 MiB in 3.0 s (1.0 MiB/s) from anna, bert, saved in /d/\n  \
                   1 failed: a: disk full*";
        assert_eq!(
            told([missing, Reply::DownloadSum(all), Reply::Failed(failure.clone())]),
            [Said(end.to_owned())]
        );
        // A job that no user asked for has no sum.
        assert_eq!(told([Reply::Failed(failure)]), [Said("[4] disk full".to_owned())]);
        assert_eq!(told([arrival("/d/a", 1), Reply::Done]), [Mentioned("saved /d/a".to_owned())]);
    }
}
