//! Whether the words of a search occur in a path, and how well. Pure.

use memchr::memmem::Finder;

use super::query::SearchWords;

/// Words as they are looked for in folded lines.
#[derive(Debug)]
pub(super) struct Matcher {
    words: Vec<Word>,
    /// What occurs within one line of each path that answers: the longest part of a word without a slash.
    pivot: Option<Finder<'static>>,
}

#[derive(Debug)]
struct Word {
    finder: Finder<'static>,
    /// Where its last slash is. It may be that between folder and name.
    slash: Option<usize>,
}

/// What is known of a folder: which words occur in it, and which of those begin a word there.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FolderMatch {
    found: u32,
    begun: u32,
}

impl Matcher {
    /// `component`: what occurs in each path that is wanted, within one component.
    pub(super) fn new(words: &SearchWords, component: Option<&str>) -> Self {
        let words = words.as_slice();
        let parts = words.iter().flat_map(|word| word.split('/')).chain(component);
        let parts = parts.filter(|part| !part.is_empty());
        let pivot = parts.max_by_key(|part| part.len()).map(|part| Finder::new(part).into_owned());
        let word = |w: &String| Word { finder: Finder::new(w).into_owned(), slash: w.rfind('/') };
        Self { words: words.iter().map(word).collect(), pivot }
    }

    pub(super) const fn pivot(&self) -> Option<&Finder<'static>> {
        self.pivot.as_ref()
    }

    /// How many words there are.
    pub(super) const fn len(&self) -> usize {
        self.words.len()
    }

    pub(super) fn folder(&self, folder: &[u8]) -> FolderMatch {
        let mut known = FolderMatch::default();
        for (n, word) in self.words.iter().enumerate() {
            if let Some(is_begun) = occurs(folder, &word.finder) {
                known.found |= 1 << n;
                known.begun |= u32::from(is_begun) << n;
            }
        }
        known
    }

    /// How many words do not occur in a name, but in its folder or across both; `None`: one is missing.
    pub(super) fn outside(&self, known: FolderMatch, folder: &[u8], name: &[u8]) -> Option<u8> {
        let mut outside = 0;
        for (n, word) in self.words.iter().enumerate() {
            if word.finder.find(name).is_none() {
                if known.found >> n & 1 == 0 && word.across(folder, name).is_none() {
                    return None;
                }
                outside += 1;
            }
        }
        Some(outside)
    }

    /// How many words begin no word, where they occur: in the name, or else in the folder or across both.
    pub(super) fn inside(&self, known: FolderMatch, folder: &[u8], name: &[u8]) -> u8 {
        let mut inside = 0;
        for (n, word) in self.words.iter().enumerate() {
            let begins = occurs(name, &word.finder).unwrap_or_else(|| {
                known.begun >> n & 1 == 1 || word.across(folder, name).unwrap_or_default()
            });
            inside += u8::from(!begins);
        }
        inside
    }
}

impl Word {
    /// Whether it occurs at the end of the folder and the beginning of the name, with its last slash between them,
    /// and begins a word there.
    fn across(&self, folder: &[u8], name: &[u8]) -> Option<bool> {
        let (slash, word) = (self.slash?, self.finder.needle());
        let is_there = !folder.is_empty() && name.starts_with(&word[slash + 1..]);
        let before = folder.strip_suffix(&word[..slash]).filter(|_| is_there)?;
        Some(is_start(before))
    }
}

/// Whether a word occurs in a line, and begins a word there. However often it occurs, each byte is looked at once or
/// twice, unless words of the line begin as it does.
fn occurs(line: &[u8], word: &Finder<'_>) -> Option<bool> {
    let at = word.find(line)?;
    let needle = word.needle();
    let begins = |at: usize| is_start(&line[..at]) && line[at..].starts_with(needle);
    let last = line.len() - needle.len();
    Some((at..=last).any(|at| line.get(at) == needle.first() && begins(at)))
}

/// True if a word begins behind this text: it ends with neither a letter nor a digit.
fn is_start(before: &[u8]) -> bool {
    match before {
        [] => true,
        [.., last] if last.is_ascii() => !last.is_ascii_alphanumeric(),
        _ => {
            let first = before.iter().rposition(|b| b & 0xc0 != 0x80).unwrap_or(0);
            let last = core::str::from_utf8(&before[first..]).ok().and_then(|text| text.chars().next());
            !last.is_some_and(char::is_alphanumeric)
        }
    }
}
