//! What a keeper is asked and answers, as it goes over a connection. Pure. The receiver asks (receiver/search.rs), the
//! sender answers (sender/searches.rs).

use core::ops::RangeInclusive;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::answer::{CoverageChange, CoverageVersion, CoveredOwner, IndexAnswer, IndexQuestion};
use super::host::FoundFile;
use super::{FilePrefix, FileType, Hit, Query, QueryError, Rank, SearchWords, limits};
use crate::content::HeadNumber;
use crate::identity::Instance;
use crate::wire::message::{CoveredRow, FoundIs, HitRow, KnownCoverage, SearchIndex};

/// No size at all.
const NO_SIZE: RangeInclusive<u64> = RangeInclusive::new(1, 0);

impl IndexQuestion {
    /// As it is asked. `known`: the coverage list that the asker has of that keeper.
    pub(crate) fn to_message(&self, known: Option<CoverageVersion>, request: u64) -> SearchIndex {
        let Self { query, most } = self;
        SearchIndex {
            request,
            words: query.words.as_slice().to_vec(),
            types: query.types.iter().map(|t| t.name().to_owned()).collect(),
            min: Some(*query.size.start()).filter(|min| *min > 0),
            max: Some(*query.size.end()).filter(|max| *max < u64::MAX),
            newer: query.newer,
            owners: query.owners.as_ref().map(|owners| owners.iter().copied().collect()),
            at: query.at.clone(),
            file: query.file.as_ref().map(|file| file.as_bytes().to_vec()),
            most: u16::try_from(*most).unwrap_or(u16::MAX),
            known: known.map(|CoverageVersion { epoch, number }| KnownCoverage { epoch, number }),
        }
    }

    /// What is asked, and the coverage list that the asker has.
    ///
    /// # Errors
    /// [`QueryError`]: the words are none.
    pub(crate) fn of_message(message: SearchIndex) -> Result<(Self, Option<CoverageVersion>), QueryError> {
        let types: BTreeSet<FileType> = message.types.iter().filter_map(|name| name.parse().ok()).collect();
        // Types of a later version are skipped. Where that leaves none, it does not mean any.
        let is_none = types.is_empty() && message.types.count() > 0;
        let size = message.min.unwrap_or(0)..=message.max.unwrap_or(u64::MAX);
        let query = Query {
            words: SearchWords::new(message.words.iter().map(String::as_str))?,
            types,
            size: if is_none { NO_SIZE } else { size },
            newer: message.newer,
            owners: message.owners.map(|owners| owners.into_iter().collect()),
            at: message.at,
            file: message.file.and_then(FilePrefix::new),
        };
        let known = message.known.map(|KnownCoverage { epoch, number }| CoverageVersion { epoch, number });
        Ok((Self { query, most: message.most.into() }, known))
    }
}

/// An answer that is sent page by page, as the asker takes them.
#[derive(Debug)]
pub(crate) struct AnswerPages {
    request: u64,
    answer: Arc<IndexAnswer>,
    /// Owners of the coverage list that were sent.
    sent: usize,
}

impl AnswerPages {
    /// Those of an answer to this request.
    pub(crate) const fn new(request: u64, answer: Arc<IndexAnswer>) -> Self {
        Self { request, answer, sent: 0 }
    }

    /// The next page. The first one has all hits.
    pub(crate) fn next_page(&mut self) -> FoundIs {
        let CoverageChange { version, is_whole, owners } = &self.answer.coverage;
        let files = if self.sent == 0 { &self.answer.files[..] } else { &[] };
        let rest = owners.get(self.sent..).unwrap_or_default();
        let covered: Vec<_> = rest.iter().take(limits::FOUND_COVERED).map(covered_row).collect();
        let last = covered.len() == rest.len();
        self.sent += covered.len();
        FoundIs {
            request: self.request,
            epoch: version.epoch,
            number: version.number,
            whole: *is_whole,
            covered: covered.into(),
            hits: files.iter().map(hit_row).collect(),
            more: self.answer.more,
            last,
        }
    }
}

fn covered_row(covered: &CoveredOwner) -> CoveredRow {
    let none = Instance { count: 0, random: 0 };
    let Instance { count, random } = covered.head.map_or(none, |head| head.instance);
    CoveredRow { owner: covered.owner, count, random, version: covered.head.map(|head| head.version) }
}

fn hit_row(found: &FoundFile) -> HitRow {
    let FoundFile { hit, is_ambiguous } = found;
    HitRow {
        path: hit.path.clone(),
        size: hit.size,
        file: hit.file,
        modified: hit.modified,
        owners: hit.owners.clone(),
        copies: hit.copies,
        outside: hit.rank.outside,
        inside: hit.rank.inside,
        ambiguous: *is_ambiguous,
    }
}

/// What came of an answer so far.
#[derive(Debug, Default)]
pub(crate) struct AnswerPart {
    pages: usize,
    /// Hits of later versions, too.
    hits: usize,
    /// What the first page says of all of them.
    begun: Option<IndexAnswer>,
}

impl AnswerPart {
    /// Takes a page of an answer to a question for at most so many hits. `Some`: that was the last one.
    ///
    /// # Errors
    /// How it is no page of an answer.
    pub(crate) fn take(&mut self, page: FoundIs, most: usize) -> Result<Option<IndexAnswer>, &'static str> {
        self.pages += 1;
        self.hits += page.hits.count();
        if self.pages > limits::FOUND_PAGES {
            return Err("its answer to a search does not end");
        }
        if self.hits > most {
            return Err("it found more than was asked for");
        }
        let version = CoverageVersion { epoch: page.epoch, number: page.number };
        let (is_whole, more, is_last) = (page.whole, page.more, page.last);
        let answer = self.begun.get_or_insert_with(|| IndexAnswer {
            coverage: CoverageChange { version, is_whole, owners: Vec::new() },
            files: Vec::new(),
            more,
        });
        let coverage = &mut answer.coverage;
        if (coverage.version, coverage.is_whole, answer.more) != (version, is_whole, more) {
            return Err("the pages of its answer to a search do not belong together");
        }
        coverage.owners.extend(page.covered.into_iter().map(covered_owner));
        answer.files.extend(page.hits.into_iter().map(found_file));
        if !is_last {
            return Ok(None);
        }
        if more > 0 && self.hits < most {
            return Err("it found more than it tells, though there was a place for it");
        }
        Ok(self.begun.take())
    }
}

fn covered_owner(row: CoveredRow) -> CoveredOwner {
    let CoveredRow { owner, count, random, version } = row;
    let head = version.map(|version| HeadNumber { instance: Instance { count, random }, version });
    CoveredOwner { owner, head }
}

fn found_file(row: HitRow) -> FoundFile {
    let HitRow { path, size, file, modified, owners, copies, outside, inside, ambiguous } = row;
    let hit = Hit { path, size, file, modified, owners, copies, rank: Rank { outside, inside } };
    FoundFile { hit, is_ambiguous: ambiguous }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{decode, encode};
    use crate::content::FileId;
    use crate::identity::PeerId;
    use crate::wire::Rows;

    fn found(n: u8) -> FoundFile {
        let rank = Rank { outside: 1, inside: n };
        let owners = vec![PeerId([n; 32]), PeerId([9; 32])];
        let path = format!("a/{n}").parse().unwrap();
        let hit = Hit { path, size: 7, file: FileId([n; 32]), modified: -4, owners, copies: 12, rank };
        FoundFile { hit, is_ambiguous: n % 2 == 1 }
    }

    fn answer(covered: usize, hits: u8, more: u64) -> IndexAnswer {
        let owner = |n: usize| {
            let mut owner = [7; 32];
            owner[..8].copy_from_slice(&n.to_be_bytes());
            let head = HeadNumber { instance: Instance { count: 5, random: 6 }, version: n as u64 };
            CoveredOwner { owner: PeerId(owner), head: (n % 3 > 0).then_some(head) }
        };
        let version = CoverageVersion { epoch: 1, number: 2 };
        let coverage = CoverageChange { version, is_whole: false, owners: (0..covered).map(owner).collect() };
        IndexAnswer { coverage, files: (0..hits).map(found).collect(), more }
    }

    /// All pages of it, as they come.
    fn pages(answer: &IndexAnswer) -> Vec<FoundIs> {
        let mut pages = AnswerPages::new(3, Arc::new(answer.clone()));
        let mut all: Vec<FoundIs> = Vec::new();
        while all.last().is_none_or(|page| !page.last) {
            all.push(decode(&encode(&pages.next_page())).unwrap());
        }
        all
    }

    fn take(
        pages: impl IntoIterator<Item = FoundIs>,
        most: usize,
    ) -> Result<Option<IndexAnswer>, &'static str> {
        let mut part = AnswerPart::default();
        pages.into_iter().try_fold(None, |_, page| part.take(page, most))
    }

    #[test]
    fn an_answer_comes_back_as_it_was_given_however_long_it_is() {
        for (covered, count) in [(0, 1), (1, 1), (4_096, 1), (4_097, 2), (65_536, 16)] {
            let answer = answer(covered, 9, 0);
            let pages = pages(&answer);
            assert_eq!(pages.len(), count);
            let back = take(pages, 100).unwrap().unwrap();
            assert_eq!(format!("{back:?}"), format!("{answer:?}"));
        }
    }

    #[test]
    fn pages_that_say_too_much_or_different_things_are_no_answer() {
        let one = pages(&answer(1, 10, 5)).remove(0);
        let page = |last| FoundIs { last, ..one.clone() };
        assert!(take([page(true)], 10).unwrap().is_some());
        let endless = FoundIs { hits: Rows::default(), ..page(false) };
        assert!(take(vec![endless.clone(); limits::FOUND_PAGES], 10).unwrap().is_none());
        assert_eq!(
            take(vec![endless; limits::FOUND_PAGES + 1], 10).unwrap_err(),
            "its answer to a search does not end"
        );
        assert_eq!(take([page(true)], 9).unwrap_err(), "it found more than was asked for");
        assert_eq!(take([page(false), page(true)], 15).unwrap_err(), "it found more than was asked for");
        assert!(take([page(true)], 11).unwrap_err().starts_with("it found more than it tells"));
        for other in [
            FoundIs { number: 9, ..page(true) },
            FoundIs { epoch: 9, ..page(true) },
            FoundIs { whole: true, ..page(true) },
            FoundIs { more: 9, ..page(true) },
        ] {
            let other = FoundIs { hits: Rows::default(), ..other };
            let wrong = take([page(false), other], 10).unwrap_err();
            assert_eq!(wrong, "the pages of its answer to a search do not belong together");
        }
    }

    #[test]
    fn a_question_comes_as_it_was_asked() {
        let words = SearchWords::new(["Réd", "a/b"]).unwrap();
        let query = Query {
            types: [FileType::Audio, FileType::Program].into(),
            size: 7..=9,
            newer: Some(-4),
            owners: Some([PeerId([1; 32]), PeerId([2; 32])].into()),
            at: Some("A/é".parse().unwrap()),
            file: FilePrefix::new(vec![1, 2, 3]),
            ..Query::of(words.clone())
        };
        let known = Some(CoverageVersion { epoch: 1, number: u64::MAX });
        for (query, known) in
            [(query, known), (Query::of(words), None), (Query::of(SearchWords::default()), None)]
        {
            let question = IndexQuestion { query, most: 100 };
            let came: SearchIndex = decode(&encode(&question.to_message(known, 4))).unwrap();
            assert_eq!((came.request, IndexQuestion::of_message(came)), (4, Ok((question, known))));
        }
    }

    #[test]
    fn of_types_that_are_not_known_nothing_is_found_and_those_beside_them_count() {
        let question = IndexQuestion { query: Query::of(SearchWords::default()), most: 1 };
        let of = |types: &[&str]| {
            let types = types.iter().map(|t| (*t).to_owned()).collect();
            let message = SearchIndex { types, ..question.to_message(None, 4) };
            IndexQuestion::of_message(message).unwrap().0.query
        };
        assert_eq!((of(&["hologram"]).size, of(&[]).size), (NO_SIZE, 0..=u64::MAX));
        let two = of(&["hologram", "audio"]);
        assert_eq!((two.size, two.types), (0..=u64::MAX, [FileType::Audio].into()));
    }

    #[test]
    fn words_without_letters_are_no_question() {
        let question = IndexQuestion { query: Query::of(SearchWords::default()), most: 1 };
        let message = SearchIndex { words: vec!["\u{301}".to_owned()], ..question.to_message(None, 4) };
        assert_eq!(IndexQuestion::of_message(message).unwrap_err(), QueryError::Nothing);
    }
}
