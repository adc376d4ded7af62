//! What a search tells, and when.

use super::*;
use crate::content::Span;
use crate::control::{FileType, ListRow, SearchProgress, SearchRequest, UnlistedCause};
use crate::error::Code;
use crate::peer::away::KeptPart;
use crate::peer::limits;
use crate::receiver::catalogue::NoCatalogueCause;

fn words(words: &[&str]) -> SearchRequest {
    SearchRequest { words: words.iter().map(|&word| word.to_owned()).collect(), ..SearchRequest::default() }
}

fn rows(replies: &[Reply]) -> Vec<&ListRow> {
    replies.iter().filter_map(|r| if let Reply::File(row) = r { Some(row) } else { None }).collect()
}

fn paths(replies: &[Reply]) -> Vec<&str> {
    rows(replies).into_iter().map(|row| row.path.as_str()).collect()
}

impl TestPeer {
    fn search(&mut self, request: SearchRequest) -> Vec<Reply> {
        let ask = self.ask(request.into());
        self.replies(ask)
    }
}

#[test]
fn own_files_and_those_of_others_are_found_by_words_in_any_order() {
    let mut peer = TestPeer::sharing(&[file("music/Blue Moon.mp3", 1), file("music/red.mp3", 2)]);
    peer.join(1, "anna", 1);
    peer.catalogue(1, &[file("songs/moon, blue.ogg", 1), file("Bläulich/Mond.ogg", 3)]);
    let replies = peer.search(words(&["MOON", "blue"]));
    // The same content is one row, however many have it, and the copies are counted.
    let found: Vec<_> = rows(&replies).iter().map(|row| (row.path.clone(), row.copies)).collect();
    assert_eq!(found.len(), 1, "{replies:?}");
    assert_eq!((found[0].1, replies.last()), (2, Some(&Reply::Done)));
    let replies = peer.search(words(&["blau"]));
    let row = rows(&replies)[0];
    assert_eq!(
        (row.path.as_str(), row.mine, &row.peers[..]),
        ("Bläulich/Mond.ogg", false, &["anna".to_owned()][..])
    );
    assert_eq!((row.size, row.modified, row.copies, row.away), (3, 5, 1, false));
    assert_eq!(peer.search(words(&["blue", "green"])), [Reply::Done]);
}

#[test]
fn facts_about_files_narrow_what_is_found() {
    let mut peer = TestPeer::sharing(&[file("a.mp3", 5), file("a.txt", 9)]);
    let anna = peer.join(1, "anna", 1);
    peer.catalogue(1, &[file("a.MP3", 200)]);
    let of = |request: SearchRequest| SearchRequest { words: vec!["a".to_owned()], ..request };
    let audio = SearchRequest { types: vec![FileType::Audio], ..SearchRequest::default() };
    for (request, expected) in [
        (audio.clone(), &["a.MP3", "a.mp3"][..]),
        (SearchRequest { min: Some(9), ..SearchRequest::default() }, &["a.MP3", "a.txt"]),
        (SearchRequest { max: Some(9), ..audio }, &["a.mp3"]),
        (SearchRequest { newer: Some(6), ..SearchRequest::default() }, &[]),
        (SearchRequest { newer: Some(5), ..SearchRequest::default() }, &["a.MP3", "a.mp3", "a.txt"]),
        // As with `list`, own files are not those of somebody who is named.
        (SearchRequest { from: vec![anna.full()], ..SearchRequest::default() }, &["a.MP3"]),
    ] {
        for request in [request.clone(), of(request)] {
            let replies = peer.search(request.clone());
            let mut found = paths(&replies);
            found.sort_unstable();
            assert_eq!(found, expected, "{request:?}");
        }
    }
}

#[test]
fn what_is_there_is_told_at_once_and_the_rest_as_it_comes() {
    let mut peer = TestPeer::sharing(&[file("own song", 1)]);
    peer.pass(seconds(10));
    peer.join(1, "anna", 1);
    peer.join(2, "bert", 1);
    let ask = peer.ask(words(&["song"]).into());
    let progress = |found, awaited| Reply::Searching(SearchProgress { found, awaited });
    let first = peer.replies(ask);
    assert_eq!((paths(&first), first.last()), (vec!["own song"], Some(&progress(1, 2))));
    peer.catalogue(1, &[file("her song", 2), file("own song", 1)]);
    let second = peer.replies(ask);
    assert_eq!((paths(&second), second.last()), (vec!["her song"], Some(&progress(2, 1))));
    peer.catalogue(2, &[file("nothing", 3)]);
    assert_eq!(peer.replies(ask), [Reply::Done]);
}

#[test]
fn nobody_is_waited_for_longer_than_three_seconds() {
    let mut peer = TestPeer::sharing(&[]);
    peer.pass(seconds(10));
    peer.join(1, "anna", 1);
    let ask = peer.ask(words(&["song"]).into());
    peer.pass(Duration::from_millis(2_999));
    assert_eq!(peer.replies(ask).len(), 1, "how far it is");
    peer.pass(Duration::from_millis(1));
    let replies = peer.replies(ask);
    let [Reply::Unlisted(row), Reply::Done] = &replies[..] else { panic!("{replies:?}") };
    assert_eq!((row.cause, &row.peers[..]), (UnlistedCause::Coming, &["anna".to_owned()][..]));
}

#[test]
fn whose_files_are_missing_is_said() {
    let mut peer = TestPeer::sharing(&[file("song", 1)]);
    let anna = peer.join(1, "anna", 1);
    let ask = peer.ask(words(&["song"]).into());
    peer.event(PeerEvent::Receiver(ReceiverEvent::NoCatalogue(anna, NoCatalogueCause::Busy)));
    let replies = peer.replies(ask);
    let [Reply::File(_), .., Reply::Unlisted(row), Reply::Done] = &replies[..] else { panic!("{replies:?}") };
    assert_eq!(row.cause, UnlistedCause::Busy);
}

#[test]
fn the_best_hundred_are_told_and_the_rest_is_counted() {
    let all: Vec<_> = (0..=150_u8).map(|n| file(&format!("x{n}"), n)).collect();
    let mut peer = TestPeer::sharing(&all);
    peer.join(1, "anna", 1);
    peer.catalogue(1, &[file("x of hers", 200)]);
    let replies = peer.search(words(&["x"]));
    assert_eq!(rows(&replies).len(), limits::SEARCH_HITS);
    assert_eq!(replies[limits::SEARCH_HITS..], [Reply::FoundMore { more: 52 }, Reply::Done]);
}

#[test]
fn of_those_who_are_gone_only_what_others_keep_is_found() {
    let mut peer = TestPeer::sharing(&[]);
    let (anna, bert) = (peer.join(1, "anna", 1), peer.join(2, "bert", 0));
    peer.catalogue(1, &[file("kept song", 1), file("lost song", 2)]);
    assert_eq!(rows(&peer.search(words(&["song"]))).len(), 2);
    peer.event(PeerEvent::Discovery(lan::Event::Gone(anna, lan::Gone::Silent)));
    assert_eq!(peer.search(words(&["song"])), [Reply::Done]);
    let part = KeptPart { file: FileId([1; 32]), size: 1, span: Span { from: 0, to: 1 } };
    let away = &mut peer.machine.presence.roster.away;
    away.kept(bert, [(anna, Some("anna".to_owned()), vec![part])]);
    let replies = peer.search(words(&["song"]));
    let [Reply::File(row), Reply::Done] = &replies[..] else { panic!("{replies:?}") };
    assert_eq!((row.path.as_str(), row.away, row.copies), ("kept song", true, 1));
    // It is back, with another file.
    peer.join(1, "anna", 1);
    peer.catalogue(1, &[file("new song", 3)]);
    assert_eq!(paths(&peer.search(words(&["song"]))), ["new song"]);
}

#[test]
fn whatever_is_found_can_be_given_to_download() {
    let odd = ["a b", "b3:00ff", "-x", "evil\u{1b}\u{202e}", "é", "dir/b3:x", "q\"'\\"];
    let typable = |path: &&str| path.parse::<crate::content::SafePath>().is_ok();
    let files: Vec<_> = (1..).zip(odd.into_iter().filter(typable)).map(|(n, path)| file(path, n)).collect();
    assert!(files.len() >= 6);
    let mut peer = TestPeer::sharing(&[]);
    let anna = peer.join(1, "anna", 1);
    peer.catalogue(1, &files);
    let request = SearchRequest { from: vec![anna.full()], ..SearchRequest::default() };
    let found: Vec<(String, String)> =
        rows(&peer.search(request)).into_iter().map(|row| (row.path.clone(), row.id.clone())).collect();
    assert_eq!(found.len(), files.len());
    for (path, id) in found {
        let word = crate::control::file_word::typed_path(&path).into_owned();
        peer.outputs.clear();
        peer.ask(download(&word, false));
        let jobs = peer.fetched();
        assert_eq!(jobs.len(), 1, "{word}");
        assert_eq!(jobs[0].files[0].id.to_string(), id, "{word}");
    }
}

/// What each change holds is bounded, and what was told last is what is found.
#[test]
fn whoever_changes_what_it_shares_all_the_time_makes_no_queue() {
    let mut peer = TestPeer::sharing(&[]);
    peer.join(1, "anna", 1);
    peer.is_index_slow = true;
    for n in 0..100 {
        let catalogue = Catalogue::of([file("song", n)]);
        let head = catalogue.head(key(1), Instance { count: 1, random: 1 }, u64::from(n) + 1);
        let event = ReceiverEvent::Catalogue(key(1).peer_id(), head, Arc::from([]), Arc::new(catalogue));
        peer.event(PeerEvent::Receiver(event));
    }
    let waiting = peer.outputs.iter().filter(|output| matches!(output, PeerOutput::Index(_))).count();
    assert_eq!(waiting, limits::INDEX_FED);
    // It takes over one after the other.
    let mut told = VecDeque::new();
    loop {
        told.extend(
            peer.take(|output| if let PeerOutput::Index(command) = output { Some(command) } else { None }),
        );
        let Some(command) = told.pop_front() else { break };
        let event = peer.index.handle(peer.now, command);
        peer.event(PeerEvent::Index(event));
    }
    peer.is_index_slow = false;
    let replies = peer.search(words(&["song"]));
    assert_eq!(rows(&replies).iter().map(|row| row.size).collect::<Vec<_>>(), [99]);
}

#[test]
fn a_search_for_nothing_in_particular_is_refused() {
    let mut peer = TestPeer::sharing(&[file("a", 1)]);
    let bounds = SearchRequest { min: Some(2), max: Some(1), ..SearchRequest::default() };
    let nobody = SearchRequest { from: vec!["nobody".to_owned()], ..SearchRequest::default() };
    let many: Vec<&str> = (0..10_000).map(|_| "a").collect();
    for (request, code) in [
        (SearchRequest::default(), Code::Usage),
        (words(&["\u{301}", " "]), Code::Usage),
        (words(&many), Code::Usage),
        (bounds, Code::Usage),
        (nobody, Code::NotFound),
    ] {
        let replies = peer.search(request);
        let [Reply::Failed(failure)] = &replies[..] else { panic!("{replies:?}") };
        assert_eq!(failure.code, code, "{failure:?}");
    }
}
