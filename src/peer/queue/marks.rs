//! Which files of a download are marked: a bit for each, by its place. Pure.

/// The marks; a place that was never marked is not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FileMarks(Vec<u8>);

impl FileMarks {
    /// As [`Self::as_bytes`] gave them.
    pub(super) const fn of(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// All of them, the first eight in the first byte, from its lowest bit on.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Marks the file at this place. False: it was marked.
    pub(super) fn insert(&mut self, at: usize) -> bool {
        if self.has(at) {
            return false;
        }
        if self.0.len() <= at / 8 {
            self.0.resize(at / 8 + 1, 0);
        }
        self.0[at / 8] |= 1 << (at % 8);
        true
    }

    /// True if the file at this place is marked.
    pub(super) fn has(&self, at: usize) -> bool {
        self.0.get(at / 8).is_some_and(|byte| byte & 1 << (at % 8) != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_marked_is_marked_and_nothing_else() {
        let mut marks = FileMarks::default();
        assert!(!marks.has(1_000));
        assert!(marks.insert(9) && marks.insert(0) && !marks.insert(9));
        let marked: Vec<usize> = (0..100).filter(|at| marks.has(*at)).collect();
        assert_eq!((marked, marks.as_bytes()), (vec![0, 9], &[1, 2][..]));
        assert_eq!(FileMarks::of(vec![1, 2]), marks);
    }
}
