//! A line on a terminal that is replaced by its next version, as long as nothing was written below it. Pure.

/// Up to the line above, which is emptied.
const OVER: &str = "\x1b[A\r\x1b[2K";

/// The newest version, and whether the one before it is right above the cursor.
///
/// `entered`, in all methods: how many lines were typed so far. Below one of them may stand anything.
#[derive(Debug, Default)]
pub(super) struct Replaced {
    next: Option<String>,
    above: Option<u64>,
}

impl Replaced {
    /// Nothing yet.
    pub(super) const fn new() -> Self {
        Self { next: None, above: None }
    }

    /// A newer version: `text` without a line end, not wider than the terminal.
    pub(super) fn set(&mut self, text: String) {
        self.next = Some(text);
    }

    /// What is to be written, with its line end; [`written`](Self::written) when that was done.
    pub(super) fn next(&self, entered: u64) -> Option<String> {
        let over = if self.above == Some(entered) { OVER } else { "" };
        self.next.as_ref().map(|text| format!("{over}{text}\n"))
    }

    /// What [`next`](Self::next) gave stands above the cursor now.
    pub(super) fn written(&mut self, entered: u64) {
        if self.next.take().is_some() {
            self.above = Some(entered);
        }
    }

    /// Something else was written.
    pub(super) const fn covered(&mut self) {
        self.above = None;
    }

    /// There will be no newer version; the one on the screen stays.
    pub(super) fn end(&mut self) {
        *self = Self::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_takes_the_place_of_the_one_before_if_that_is_right_above() {
        let mut line = Replaced::new();
        assert_eq!(line.next(0), None);
        line.set("1 %".into());
        line.set("2 %".into());
        assert_eq!(line.next(0).unwrap(), "2 %\n");
        line.written(0);
        assert_eq!(line.next(0), None);
        // Something else that was drawn again takes no place.
        line.written(0);
        line.set("3 %".into());
        assert_eq!(line.next(0).unwrap(), "\x1b[A\r\x1b[2K3 %\n");
        line.written(0);
        line.set("4 %".into());
        assert_eq!(line.next(1).unwrap(), "4 %\n", "a line was typed meanwhile");
        line.written(1);
        line.covered();
        line.set("5 %".into());
        assert_eq!(line.next(1).unwrap(), "5 %\n", "something was said meanwhile");
        line.end();
        assert_eq!(line.next(1), None);
    }
}
