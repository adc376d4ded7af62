//! A session at the prompt, line by line, without what differs from run to run.

use expectrl::Expect as _;
use expectrl::session::OsSession;

use crate::common::{DEADLINE, Peer, wait};
use crate::plain::plain;
use crate::prompt::{ended_with, until};

/// One session, and what differs from run to run in it.
pub(crate) struct Transcript {
    pub(crate) terminal: OsSession,
    /// What is shown in the place of what.
    pub(crate) masks: Vec<(String, &'static str)>,
    /// Columns are as wide as they were shown: nothing in them is masked by what has another width.
    pub(crate) has_widths: bool,
    /// The prompt is shown again below what is told: not on a terminal that can do nothing but show lines.
    pub(crate) is_redrawn: bool,
}

impl Transcript {
    /// What stands above the next prompt.
    pub(crate) fn above(&mut self) -> String {
        plain(&until(&mut self.terminal, "potluck> "))
    }

    /// Types a line; what is answered.
    pub(crate) fn say(&mut self, line: &str) -> String {
        self.terminal.send(format!("{line}\r")).unwrap();
        // The prompt may be shown again for what was told before.
        let (answer, _) = wait("the answer", DEADLINE, || {
            let shown = self.above();
            shown.trim_start().strip_prefix(line).map(str::to_owned)
        });
        self.masked(&answer)
    }

    /// Types the last line; what is answered before the peer ends, which it does well.
    pub(crate) fn say_last(&mut self, line: &str) -> String {
        self.terminal.send(format!("{line}\r")).unwrap();
        let shown = plain(&ended_with(&mut self.terminal, "0", ""));
        self.masked(shown.trim_start().strip_prefix(line).unwrap())
    }

    /// What is told above the prompt, once it has `part` in it.
    pub(crate) fn told(&mut self, part: &str) -> String {
        let before = until(&mut self.terminal, part);
        let rest = if self.is_redrawn { self.above() } else { plain(&until(&mut self.terminal, "\n")) };
        self.masked(&format!("{}{part}{rest}", plain(&before)))
    }

    /// The lines, without what differs from run to run: times, and what `masks` says.
    pub(crate) fn masked(&self, text: &str) -> String {
        let mut masked = text.to_owned();
        for (what, mask) in &self.masks {
            masked = masked.replace(what, mask);
        }
        let numbers =
            |line: &str| if self.has_widths { masked_ports(line, "PPPPP") } else { masked_numbers(line) };
        let lines = masked.lines().map(|line| without_speed(line.trim_end()));
        let lines = lines.map(|line| masked_offices(masked_times(&numbers(&line))));
        // The shell below the terminal says the number of its process.
        let there: Vec<String> = lines.filter(|line| !line.is_empty() && !line.starts_with("pid=")).collect();
        there.join("\n")
    }

    /// Its id and its ports differ from run to run.
    pub(crate) fn mask_peer(&mut self, peer: &Peer, [id, port]: [&'static str; 2]) {
        let status = peer.status();
        self.masks.push((status.id[..8].to_owned(), id));
        for number in status.ports {
            self.masks.push((number.to_string(), port));
        }
    }
}

/// Too short a time has no speed.
fn without_speed(line: &str) -> String {
    let speed = line.find(" (").zip(line.find("B/s)")).filter(|(from, to)| from < to);
    speed.map_or_else(|| line.to_owned(), |(from, to)| format!("{}{}", &line[..from], &line[to + 4..]))
}

/// Other ports, and columns, whose widths hang on what is masked.
fn masked_numbers(line: &str) -> String {
    let mut masked = masked_ports(line, "PORT");
    while masked.contains("   ") {
        masked = masked.replace("   ", "  ");
    }
    masked
}

/// Ports, which are all that has five digits.
fn masked_ports(line: &str, mask: &str) -> String {
    let mut masked = String::new();
    for character in line.chars() {
        masked.push(character);
        let digits = masked.chars().rev().take_while(char::is_ascii_digit).count();
        if digits == 5 {
            masked.truncate(masked.len() - digits);
            masked.push_str(mask);
        }
    }
    masked
}

/// Who keeps the index: that hangs on who came first, and whether it was heard already.
fn masked_offices(line: String) -> String {
    match line.split_once("  ") {
        Some(("fine", what)) if what.contains("keeps the index") => "fine  WHO keeps the index".to_owned(),
        _ => line,
    }
}

/// Times of the day, and spans of a few seconds.
fn masked_times(line: &str) -> String {
    let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    for at in 0..words.len() {
        let is_number = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_digit());
        if words[at].len() == 5 && words[at].split(':').all(is_number) && words[at].contains(':') {
            words[at] = "HH:MM".to_owned();
        }
        let unit = words.get(at + 1).map(|unit| unit.trim_end_matches([',', ';', ':']).to_owned());
        let is_span = words[at].replacen('.', "", 1);
        if unit.as_deref() == Some("s") && is_number(&is_span) {
            words[at] = "N".to_owned();
        }
    }
    words.join(" ")
}
