//! Which downloads a user means. Pure.

use super::{Queue, QueuedDownload};
use crate::control::QueueWord;
use crate::error::{Code, Failure};
use crate::index::fold;
use crate::swarm::JobId;
use crate::text::shown;

impl Queue {
    /// Those that a word means, in their order: all, one by its number, or one by what was asked for, or by what it is
    /// to bring.
    ///
    /// # Errors
    /// [`Code::NotFound`]; [`Code::Ambiguous`] with the numbers.
    pub(in crate::peer) fn named(&self, which: &QueueWord) -> Result<Vec<JobId>, Failure> {
        if which.is_all() {
            return Ok(self.in_order().map(|(id, _)| id).collect());
        }
        let number = which.as_number().map(JobId).filter(|id| self.get(*id).is_some());
        if let Some(id) = number {
            return Ok(vec![id]);
        }
        let steps: [fn(&QueuedDownload, &str) -> bool; 3] = [is_asked, brings, brings_alike];
        for is_meant in steps {
            let is_meant = |d: &QueuedDownload| !d.is_removed() && is_meant(d, which.as_str());
            let meant: Vec<JobId> = self.in_order().filter(|(_, d)| is_meant(d)).map(|(id, _)| id).collect();
            match meant[..] {
                [] => {}
                [id] => return Ok(vec![id]),
                _ => return Err(ambiguous(which, &meant)),
            }
        }
        Err(not_there(which))
    }
}

/// That was asked for, or a part of it.
fn is_asked(download: &QueuedDownload, word: &str) -> bool {
    let bare = |of: &str| of.trim_end_matches('/').to_owned();
    download.what() == word || download.order.words.iter().any(|asked| bare(asked) == bare(word))
}

/// It is to bring a file of that name or path.
fn brings(download: &QueuedDownload, word: &str) -> bool {
    download.order.files.iter().any(|file| file.to.as_str() == word || file.to.name() == word)
}

/// As both, however that is written.
fn brings_alike(download: &QueuedDownload, word: &str) -> bool {
    let word = fold(word.trim_end_matches('/'));
    let is_like = |other: &str| fold(other.trim_end_matches('/')) == word;
    let last = |asked: &str| is_like(asked.trim_end_matches('/').rsplit('/').next().unwrap_or(asked));
    download.order.words.iter().any(|asked| is_like(asked) || last(asked))
        || download.order.files.iter().any(|file| is_like(file.to.as_str()) || is_like(file.to.name()))
}

fn not_there(which: &QueueWord) -> Failure {
    let message = match which.as_number() {
        Some(number) => format!("no download {number} in the queue; `queue` shows what there is"),
        None => format!("no download `{}` in the queue; `queue` shows what there is", shown(which.as_str())),
    };
    Failure::new(Code::NotFound, message)
}

fn ambiguous(which: &QueueWord, meant: &[JobId]) -> Failure {
    let numbers = meant.iter().map(|id| id.0.to_string()).collect::<Vec<_>>().join(" or ");
    Failure::new(
        Code::Ambiguous,
        format!("`{}` can be download {numbers}; use the number", shown(which.as_str())),
    )
}
