//! Wildcards in the words of users: `*` and `?` stand for letters of a name, `[a-z]` for one of these, `**` for any
//! folders. Pure.

/// A pattern for paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Glob(Vec<GlobPart>);

/// What one component of a path is to be like.
#[derive(Clone, Debug, PartialEq, Eq)]
enum GlobPart {
    /// Any number of components, also none.
    Deep,
    Name(Vec<Letter>),
}

/// What a part of a name is to be like.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Letter {
    /// Any letters, also none.
    Many,
    /// Any letter.
    One,
    /// This letter.
    Is(char),
    /// A letter in one of these ranges; or in none of them.
    In { ranges: Vec<(char, char)>, is_negated: bool },
}

impl Glob {
    /// The pattern that a word is; `None`: there is no wildcard in it.
    pub(super) fn of(word: &str) -> Option<Self> {
        let glob = Self::any(word);
        let is_plain = |part: &GlobPart| match part {
            GlobPart::Deep => false,
            GlobPart::Name(letters) => letters.iter().all(|letter| matches!(letter, Letter::Is(_))),
        };
        let has_wildcard = !glob.0.iter().all(is_plain);
        has_wildcard.then_some(glob)
    }

    /// The pattern that a word is, also if it is that path alone.
    pub(super) fn any(word: &str) -> Self {
        let part = |part: &str| if part == "**" { GlobPart::Deep } else { GlobPart::Name(letters(part)) };
        Self(word.split('/').map(part).collect())
    }

    /// How many components a path has that it means; `None`: any number.
    pub(super) fn depth(&self) -> Option<usize> {
        (!self.0.contains(&GlobPart::Deep)).then_some(self.0.len())
    }

    /// How many components of each path that it means are those of the word, before the first wildcard.
    pub(super) fn fixed(&self) -> usize {
        let is_fixed = |part: &&GlobPart| match part {
            GlobPart::Deep => false,
            GlobPart::Name(letters) => letters.iter().all(|letter| matches!(letter, Letter::Is(_))),
        };
        self.0.iter().take_while(is_fixed).count()
    }

    /// True if it means this path.
    pub(super) fn matches(&self, path: &str) -> bool {
        let components: Vec<&str> = path.split('/').collect();
        // Which beginnings of the pattern mean the components so far.
        let mut at = vec![false; self.0.len() + 1];
        at[0] = true;
        self.skip_deep(&mut at);
        for component in components {
            let mut next = vec![false; self.0.len() + 1];
            for (n, part) in self.0.iter().enumerate().filter(|(n, _)| at[*n]) {
                match part {
                    GlobPart::Deep => next[n] = true,
                    GlobPart::Name(letters) if is_like(letters, component) => next[n + 1] = true,
                    GlobPart::Name(_) => {}
                }
            }
            at = next;
            self.skip_deep(&mut at);
        }
        at[self.0.len()]
    }

    /// Any folders may also be none.
    fn skip_deep(&self, at: &mut [bool]) {
        for (n, part) in self.0.iter().enumerate() {
            if at[n] && *part == GlobPart::Deep {
                at[n + 1] = true;
            }
        }
    }
}

fn letters(part: &str) -> Vec<Letter> {
    let (mut letters, mut rest) = (Vec::new(), part.chars());
    while let Some(letter) = rest.next() {
        letters.push(match letter {
            '*' if letters.last() == Some(&Letter::Many) => continue,
            '*' => Letter::Many,
            '?' => Letter::One,
            '[' => match class(rest.as_str()) {
                Some((class, after)) => {
                    rest = after.chars();
                    class
                }
                None => Letter::Is('['),
            },
            letter => Letter::Is(letter),
        });
    }
    letters
}

/// The letters between brackets, of which the first one was read, and what stands behind. `None`: the second one is
/// missing.
fn class(text: &str) -> Option<(Letter, &str)> {
    let is_negated = text.starts_with(['!', '^']);
    let body = if is_negated { &text[1..] } else { text };
    // A bracket right behind the first one is one of the letters.
    let first = body.chars().next()?.len_utf8();
    let end = first + body[first..].find(']')?;
    let (mut ranges, mut inside) = (Vec::new(), body[..end].chars().peekable());
    while let Some(from) = inside.next() {
        let mut behind = inside.clone();
        match (behind.next(), behind.next()) {
            (Some('-'), Some(to)) => {
                ranges.push((from, to));
                inside = behind;
            }
            _ => ranges.push((from, from)),
        }
    }
    Some((Letter::In { ranges, is_negated }, &body[end + 1..]))
}

/// True if a name is like these letters. In time of the length of both at most, whatever the pattern.
fn is_like(letters: &[Letter], name: &str) -> bool {
    let name: Vec<char> = name.chars().collect();
    let (mut at, mut of) = (0, 0);
    // Where the last `*` was, and how much of the name it stands for.
    let mut many: Option<(usize, usize)> = None;
    while at < name.len() {
        match letters.get(of) {
            Some(Letter::Many) => {
                many = Some((of, at));
                of += 1;
            }
            Some(letter) if is_one(letter, name[at]) => (at, of) = (at + 1, of + 1),
            _ => {
                let Some((star, taken)) = many else { return false };
                many = Some((star, taken + 1));
                (at, of) = (taken + 1, star + 1);
            }
        }
    }
    letters[of..].iter().all(|letter| *letter == Letter::Many)
}

fn is_one(letter: &Letter, is: char) -> bool {
    match letter {
        Letter::Many => false,
        Letter::One => true,
        Letter::Is(wanted) => *wanted == is,
        Letter::In { ranges, is_negated } => {
            ranges.iter().any(|(from, to)| (*from..=*to).contains(&is)) != *is_negated
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stand_for_what_they_do_in_a_shell() {
        for (pattern, like, unlike) in [
            ("*.iso", &["a.iso", ".iso"][..], &["a.iso2", "d/a.iso", "iso"][..]),
            ("Week ?/*", &["Week 1/a", "Week é/b.c"], &["Week 12/a", "Week 1", "Week 1/d/a"]),
            ("[a-c]*[!0-9]", &["bx", "a1x"], &["dx", "a1", "b"]),
            ("**/*.iso", &["a.iso", "d/e/a.iso"], &["a.txt"]),
            ("d/**", &["d/a", "d/e/a"], &["e/a"]),
            ("d/**/x?", &["d/x1", "d/e/f/x2"], &["d/e", "x1"]),
            ("a[b", &["a[b"], &["ab"]),
            ("[]]x*", &["]x", "]xy"], &["x"]),
            ("*a*b*c", &["abc", "xaxbxc", "aabbcc"], &["acb", "ab"]),
        ] {
            let glob = Glob::any(pattern);
            assert!(like.iter().all(|path| glob.matches(path)), "{pattern}");
            assert!(!unlike.iter().any(|path| glob.matches(path)), "{pattern}");
        }
        assert_eq!((Glob::of("a/b.c"), Glob::of("a [b")), (None, None));
        let glob = Glob::of("a/b/*/c").unwrap();
        assert_eq!((glob.depth(), glob.fixed()), (Some(4), 2));
        assert_eq!(Glob::of("**/c").unwrap().depth(), None);
    }

    #[test]
    fn no_pattern_takes_long() {
        let pattern = format!("{}b", "a*".repeat(100));
        assert!(!Glob::any(&pattern).matches(&"a".repeat(250)));
    }
}
