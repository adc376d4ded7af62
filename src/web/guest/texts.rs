//! What guests and the owner say to each other. Pure.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

use super::limits;
use crate::accounts::AccountHost;
use crate::time::Time;

/// Who said something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum GuestSpeaker {
    Owner,
    Guest,
}

/// A line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct GuestText {
    n: u64,
    from: GuestSpeaker,
    pub(super) text: String,
    /// Seconds since 1970.
    at: u64,
}

/// All lines that are kept.
#[derive(Debug, Default)]
pub(super) struct GuestTexts {
    texts: VecDeque<GuestText>,
    said: u64,
    /// Until when what each host said is paid for.
    paid: BTreeMap<AccountHost, Time>,
}

impl GuestTexts {
    /// Somebody said this.
    pub(super) fn say(&mut self, from: GuestSpeaker, text: &str, at: u64) {
        self.said += 1;
        self.texts.push_back(GuestText { n: self.said, from, text: text.to_owned(), at });
        if self.texts.len() > limits::TEXTS {
            self.texts.pop_front();
        }
    }

    /// True if this host may say something now: it has not just said much.
    pub(super) fn may_say(&mut self, now: Time, from: AccountHost) -> bool {
        self.paid.retain(|_, until| *until > now);
        let until = self.paid.get(&from).copied().unwrap_or(now);
        if until >= now + limits::TEXT_PAUSE * limits::TEXT_BURST || self.paid.len() >= limits::PIN_HOSTS {
            return false;
        }
        self.paid.insert(from, until + limits::TEXT_PAUSE);
        true
    }

    /// What was said after the line of this number, and the number of the last one.
    pub(super) fn after(&self, n: u64) -> (Vec<GuestText>, u64) {
        (self.texts.iter().filter(|text| text.n > n).cloned().collect(), self.said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept_and_nobody_says_them_all() {
        let mut texts = GuestTexts::default();
        let (host, other) = (AccountHost::V6(1), AccountHost::V6(2));
        let said = (0..100).filter(|_| texts.may_say(Time(0), host)).count();
        assert_eq!(said, limits::TEXT_BURST as usize);
        assert!(texts.may_say(Time(0), other) && texts.may_say(Time(0) + limits::TEXT_PAUSE * 2, host));
        for n in 0..=limits::TEXTS as u64 {
            texts.say(GuestSpeaker::Guest, &n.to_string(), n);
        }
        let (all, next) = texts.after(0);
        assert_eq!((all.len(), next, all[0].text.as_str()), (limits::TEXTS, limits::TEXTS as u64 + 1, "1"));
        assert_eq!(texts.after(next), (vec![], next));
    }
}
