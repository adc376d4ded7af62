//! Whether the words of a search occur in a path, and how well. Pure.

use memchr::memmem::Finder;
use memchr::{memchr, memchr_iter};

use super::found::Rank;
use super::query::SearchWords;

/// Words as they are looked for in folded lines.
#[derive(Debug)]
pub(super) struct Matcher {
    words: Vec<Word>,
    /// What occurs within one line of each path that answers: the longest part of a word without a slash.
    pivot: Option<Pivot>,
    /// The word that the pivot is, if it is the whole of one.
    pivot_word: u32,
}

/// What occurs within one line of each path that answers.
#[derive(Debug)]
pub(super) enum Pivot {
    /// One byte, which is found without much ado.
    Byte(u8),
    Text(Box<Finder<'static>>),
}

impl Pivot {
    fn new(part: &str) -> Self {
        match part.as_bytes() {
            [byte] => Self::Byte(*byte),
            _ => Self::Text(Box::new(Finder::new(part).into_owned())),
        }
    }

    /// Where it occurs first.
    #[inline]
    pub(super) fn find(&self, text: &[u8]) -> Option<usize> {
        match self {
            Self::Byte(byte) => memchr(*byte, text),
            Self::Text(finder) => finder.find(text),
        }
    }
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

/// Which words occur in the name of a row.
#[derive(Clone, Copy, Debug)]
pub(super) struct NameMatch {
    found: u32,
}

impl Matcher {
    /// `component`: what occurs in each path that is wanted, within one component.
    pub(super) fn new(words: &SearchWords, component: Option<&str>) -> Self {
        let words = words.as_slice();
        let parts = words.iter().flat_map(|word| word.split('/')).chain(component);
        let part = parts.filter(|part| !part.is_empty()).max_by_key(|part| part.len());
        let pivot_word = words.iter().position(|word| Some(word.as_str()) == part).map_or(0, |n| 1 << n);
        let word = |w: &String| Word { finder: Finder::new(w).into_owned(), slash: w.rfind('/') };
        Self { words: words.iter().map(word).collect(), pivot: part.map(Pivot::new), pivot_word }
    }

    pub(super) const fn pivot(&self) -> Option<&Pivot> {
        self.pivot.as_ref()
    }

    /// How many words there are.
    pub(super) const fn len(&self) -> usize {
        self.words.len()
    }

    pub(super) fn folder(&self, folder: &[u8]) -> FolderMatch {
        let mut known = FolderMatch::default();
        for (n, word) in self.words.iter().enumerate() {
            if word.finder.find(folder).is_some() {
                known.found |= 1 << n;
                known.begun |= u32::from(word.begins(folder)) << n;
            }
        }
        known
    }

    /// Which words occur in a name, in which the pivot `is_named`; `None`: one is missing in name, folder and across
    /// both.
    #[inline]
    pub(super) fn name(
        &self,
        known: FolderMatch,
        folder: &[u8],
        name: &[u8],
        is_named: bool,
    ) -> Option<NameMatch> {
        let mut found = if is_named { self.pivot_word } else { 0 };
        for (n, word) in self.words.iter().enumerate() {
            if found >> n & 1 == 1 {
                continue;
            }
            if word.finder.find(name).is_some() {
                found |= 1 << n;
            } else if known.found >> n & 1 == 0 && word.across(folder, name).is_none() {
                return None;
            }
        }
        Some(NameMatch { found })
    }

    /// How many words do not occur in the name.
    #[inline]
    pub(super) fn outside(&self, of: NameMatch) -> u8 {
        // Invariant: there are 32 words at most.
        u8::try_from(self.words.len() - of.found.count_ones() as usize).unwrap_or(u8::MAX)
    }

    /// Whether all words occur in a folder.
    pub(super) fn has_all(&self, known: FolderMatch) -> bool {
        known.found.count_ones() as usize == self.words.len()
    }

    /// Whether each word begins a word of a name.
    pub(super) fn all_begin(&self, name: &[u8]) -> bool {
        self.words.iter().all(|word| word.begins(name))
    }

    /// How well a row answers that has all words.
    pub(super) fn rank(&self, known: FolderMatch, folder: &[u8], name: &[u8]) -> Rank {
        let mut rank = Rank::default();
        for (n, word) in self.words.iter().enumerate() {
            let begins = word.begins(name) || {
                let is_outside = word.finder.find(name).is_none();
                rank.outside += u8::from(is_outside);
                is_outside && (known.begun >> n & 1 == 1 || word.across(folder, name).unwrap_or_default())
            };
            rank.inside += u8::from(!begins);
        }
        rank
    }
}

impl Word {
    /// Whether it begins a word of a line. However often it occurs, each byte is looked at once or
    /// twice, unless words of the line begin as it does.
    fn begins(&self, all: &[u8]) -> bool {
        let needle = self.finder.needle();
        // Invariant: no word is empty.
        let (Some(first), Some(last)) = (needle.first(), all.len().checked_sub(needle.len())) else {
            return false;
        };
        let line = &all[..=last];
        may_begin(line, *first)
            && memchr_iter(*first, line).any(|at| is_start(&line[..at]) && all[at..].starts_with(needle))
    }

    /// Whether it occurs at the end of the folder and the beginning of the name, with its last slash between them,
    /// and begins a word there.
    fn across(&self, folder: &[u8], name: &[u8]) -> Option<bool> {
        let (slash, word) = (self.slash?, self.finder.needle());
        let is_there = !folder.is_empty() && name.starts_with(&word[slash + 1..]);
        let before = folder.strip_suffix(&word[..slash]).filter(|_| is_there)?;
        Some(is_start(before))
    }
}

/// False if no word of a line begins with this byte. It has no branches, for nobody could foretell them.
fn may_begin(line: &[u8], first: u8) -> bool {
    let pairs = line.iter().zip(line.get(1..).unwrap_or_default());
    let begins = pairs.fold(0, |any, (before, byte)| {
        any | (u8::from(*byte == first) & u8::from(!before.is_ascii_alphanumeric()))
    });
    begins == 1 || line.first() == Some(&first)
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
