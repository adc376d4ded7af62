//! Warnings of this run: each is shown once, and `status` tells the last ones. Pure.

use std::collections::VecDeque;

use crate::control::Notice;
use crate::peer::output::Outputs;

/// Warnings that `status` shows.
const WARNINGS: usize = 20;

/// The last ones.
#[derive(Debug, Default)]
pub(super) struct Warnings(VecDeque<String>);

impl Warnings {
    /// Warns the user.
    pub(super) fn warn(&mut self, warning: String, out: &mut Outputs) {
        out.log_warning(warning.clone());
        out.notice(Notice::Warning(warning.clone()));
        self.0.push_back(warning);
        if self.0.len() > WARNINGS {
            self.0.pop_front();
        }
    }

    /// What `status` tells of them, the newest last.
    pub(super) fn rows(&self) -> Vec<String> {
        self.0.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::output::{LogLevel, PeerOutput};

    #[test]
    fn each_is_shown_once_and_the_last_ones_are_remembered() {
        let (mut warnings, mut out) = (Warnings::default(), Outputs::default());
        warnings.warn("0".to_owned(), &mut out);
        assert!(matches!(out.pop(), Some(PeerOutput::Log(LogLevel::Warn, text)) if text == "0"));
        assert!(matches!(out.pop(), Some(PeerOutput::Notice(Notice::Warning(text))) if text == "0"));
        assert!(out.pop().is_none());
        for n in 1..=WARNINGS {
            warnings.warn(n.to_string(), &mut out);
        }
        let rows = warnings.rows();
        assert_eq!(
            (rows.len(), rows.first(), rows.last()),
            (20, Some(&"1".to_owned()), Some(&"20".to_owned()))
        );
    }
}
