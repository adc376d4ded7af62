//! Whatever is said on the control socket, line by line, both ends read it or refuse it: for fuzzing and
//! property tests.
//!
//! The first byte of an input says who listens, the peer or the client, and whether the rest is what was
//! said, or chooses from lines that could be said and what is wrong with them.

use std::path::Path;

use super::client::{HeardLine, Hearing};
use super::line::{self, Call};
use super::server::parse;
use super::typed::{CommandOrigin, TypedFrom};
use super::{ExitRequest, ListRequest, Reply, Request, client};
use crate::control::limits;
use crate::text::is_unprintable;

/// Characters of a refusal, at most: it repeats nothing of what was said.
const REFUSAL: usize = 200;

/// Each request that there is.
const REQUESTS: [&str; 15] = [
    r#"{"version":1,"command":"list","pattern":"*.txt","mine":true,"from":"anna"}"#,
    r#"{"version":1,"command":"list"}"#,
    r#"{"version":1,"command":"search","words":["a","b"]}"#,
    r#"{"version":1,"command":"search","types":["audio"],"min":1,"max":2,"newer":-3,"from":["anna","ben"]}"#,
    r#"{"version":1,"command":"download","files":["a/b","b3:00"],"from":["anna","ben"],"to":"d","wait":true}"#,
    r#"{"version":1,"command":"download","files":[],"from":"anna"}"#,
    r#"{"version":1,"command":"cat","file":"a","from":["anna"],"offset":7,"length":9}"#,
    r#"{"version":1,"command":"cancel","job":7}"#,
    r#"{"version":1,"command":"peers"}"#,
    r#"{"version":1,"command":"status"}"#,
    r#"{"version":1,"command":"copies","copies":3,"files":["a"]}"#,
    r#"{"version":1,"command":"restore","forget":true,"files":["a"]}"#,
    r#"{"version":1,"command":"verify"}"#,
    r#"{"version":1,"command":"exit","now":true}"#,
    r#"{"version":1,"command":"complete","prefix":"a","names":"offered"}"#,
];

/// Each reply that there is.
const REPLIES: [&str; 21] = [
    concat!(
        r#"{"reply":"file","path":"a/b","folder":false,"size":5,"modified":-1,"copies":2,"wanted":3,"mine":false,"#,
        r#""peers":["anna"],"peer_ids":["k7qd"],"id":"b3:00","ambiguous":true,"away":true,"large":true,"hashing":9}"#,
    ),
    r#"{"reply":"searching","found":1,"awaited":2}"#,
    r#"{"reply":"found_more","more":3}"#,
    r#"{"reply":"unlisted","cause":"no_answer","count":1,"peers":["anna"],"peer_ids":["k7qd"]}"#,
    concat!(
        r#"{"reply":"peer","name":"anna","id":"k7qd","address":"10.0.0.1","port":1,"files":1,"bytes":2,"seconds":3,"#,
        r#""look_alike":true}"#,
    ),
    concat!(
        r#"{"reply":"status","name":"anna","id":"k7qd","directory":"/peer","ports":[1,2,3,4],"network":"open","#,
        r#""peers":2,"files":12,"bytes":3000000,"hashing":1,"downloads":[],"unfinished":[{"id":"b3:00","path":"a","#,
        r#""asked":"a","held":1,"size":null}],"uploads":[{"to":"ben","bytes":1,"speed":2}],"gives":3,"#,
        r#""confined":"partly","confined_why":"an old kernel","up_limit":2000000,"custody":{"copies":2,"own_files":1,"#,
        r#""own_whole":1,"moving":0,"lent":9,"used":8,"free_reserve":7,"kept_files":6,"fetching":5,"kept_for":[],"#,
        r#""conflict":false,"lost":0,"absent":0},"key_exported":false,"warnings":["so it is"]}"#,
    ),
    concat!(
        r#"{"reply":"begun","job":1,"what":"a","done":1,"size":2,"files_done":0,"files":1,"speed":9,"left":1,"#,
        r#""fetched":1,"from":["anna"],"waiting":null}"#,
    ),
    concat!(
        r#"{"reply":"progress","job":1,"what":"a","done":1,"size":2,"files_done":0,"files":1,"speed":9,"left":null,"#,
        r#""fetched":1,"from":[],"waiting":"nobody has it"}"#,
    ),
    r#"{"reply":"saved","job":1,"id":"b3:00","path":"/d/a","how":"saved_as"}"#,
    r#"{"reply":"bytes","len":3}"#,
    r#"{"reply":"missing","path":"a","failure":{"code":"no_holder","message":"nobody has it"}}"#,
    r#"{"reply":"names","names":["a","b"]}"#,
    r#"{"reply":"copied","path":"a","copies":3}"#,
    r#"{"reply":"verified","path":"a","what":"shared","result":"rotten","repaired":true}"#,
    r#"{"reply":"verify_sum","files":3,"bytes":4,"bad":1}"#,
    r#"{"reply":"leaving","done":1,"total":2,"bytes_left":3}"#,
    concat!(
        r#"{"reply":"farewell","total":3,"safe":1,"once":1,"#,
        r#""not_kept":[{"path":"a","size":1,"why":"no_room"}]}"#,
    ),
    r#"{"reply":"note","text":"a is still being sent"}"#,
    r#"{"reply":"done"}"#,
    r#"{"reply":"failed","code":"not_kept","message":"so it is"}"#,
    r#"{"reply":"failed","code":"usage","message":"so it is not"}"#,
];

/// What may stand where something else should.
const WORDS: [&str; 12] = [
    "null",
    "true",
    "-1",
    "1e999",
    "0.5",
    "256",
    "18446744073709551616",
    r#""""#,
    r#""\u0000\u202e\ud800""#,
    r#""../../\n""#,
    "[[]]",
    r#"{"a":{}}"#,
];

/// Reads what the bytes say.
///
/// # Panics
/// When an end takes what it should not, or does not hold together.
pub fn run(bytes: &[u8]) {
    let Some((&first, rest)) = bytes.split_first() else { return };
    let to_peer = first.is_multiple_of(2);
    let said = match first {
        128.. => rest.to_vec(),
        _ if to_peer => lines(&REQUESTS, rest),
        _ => lines(&REPLIES, rest),
    };
    if to_peer {
        peer_reads(&said);
    } else {
        let request: Request =
            if first % 4 == 1 { ExitRequest::default().into() } else { ListRequest::default().into() };
        client_reads(&request, &said);
    }
}

/// Lines that are chosen by the bytes, with what is wrong with them.
fn lines(known: &[&str], bytes: &[u8]) -> Vec<u8> {
    let mut said = Vec::new();
    let (steps, _) = bytes.as_chunks::<4>();
    for &[what, n, a, b] in steps {
        let mut line = known[usize::from(n) % known.len()].as_bytes().to_vec();
        let at = usize::from(a) * 2 % line.len();
        match what % 8 {
            0 | 1 => {}
            2 => line[at] = b,
            3 => line.truncate(at),
            4 | 5 => replace_value(&mut line, a, WORDS[usize::from(b) % WORDS.len()]),
            6 => drop(line.splice(at..at, vec![b'['; usize::from(b) * 4])),
            _ => {
                let field = format!("\"version\":{b},\"more\":{},", WORDS[usize::from(b) % WORDS.len()]);
                line.splice(1..1, field.into_bytes());
            }
        }
        said.extend(line);
        if what < 250 {
            said.push(b'\n');
        }
    }
    said
}

/// Puts a word in the place of a value of an object.
fn replace_value(line: &mut Vec<u8>, a: u8, word: &str) {
    let colons: Vec<usize> = (0..line.len()).filter(|at| line[*at] == b':').collect();
    let Some(from) = colons.get(usize::from(a) % colons.len().max(1)).map(|at| at + 1) else { return };
    let len = line[from..].iter().position(|byte| matches!(byte, b',' | b'}')).unwrap_or(0);
    line.splice(from..from + len, word.bytes());
}

fn peer_reads(mut said: &[u8]) {
    while let Ok(Some(line)) = line::read(&mut said) {
        assert!(line.len() <= limits::CONTROL_LINE, "a line is too long");
        match parse(&line) {
            Ok(mut request) => {
                assert_eq!(
                    again(&request),
                    Some(request.clone()),
                    "it is another request when it is said again"
                );
                let folder = Path::new("/folder");
                let from = TypedFrom { origin: CommandOrigin::OneShot, folder: Some(folder) };
                assert_eq!(request.anchor(&from), Ok(()), "the folder is there");
                assert_eq!(again(&request), Some(request), "it is another request once it is anchored");
            }
            Err(failure) => {
                let is_fit = failure.message.len() <= REFUSAL && !failure.message.chars().any(is_unprintable);
                assert!(is_fit, "this may not be shown: {:?}", failure.message);
            }
        }
    }
}

/// A request as the peer hears it when the client says it.
fn again(request: &Request) -> Option<Request> {
    let line = serde_json::to_vec(&Call { version: line::VERSION, request: request.clone() }).ok()?;
    parse(&line).ok()
}

fn client_reads(request: &Request, mut said: &[u8]) {
    let is_exit = matches!(request, Request::Exit(_));
    let mut hearing = Hearing::new(request);
    while let Ok(Some(line)) = line::read(&mut said) {
        match hearing.take(&line) {
            Ok(HeardLine::Reply(reply)) => {
                assert!(!reply.is_last(), "something is waited for after the end");
                let line = serde_json::to_vec(&reply).unwrap_or_default();
                let again: Option<Reply> = client::parse(&line).ok();
                assert_eq!(again, Some(reply), "it is another reply when it is said again");
            }
            Ok(HeardLine::End(_)) | Err(_) => return,
            Ok(HeardLine::LeavesWith(_)) => {
                assert!(is_exit, "the end of a peer is waited for that nobody asked to leave");
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::with_bytes;

    #[test]
    fn each_line_that_could_be_said_is_understood() {
        for line in REQUESTS {
            assert!(parse(line.as_bytes()).is_ok(), "{line}");
        }
        for line in REPLIES {
            assert!(client::parse(line.as_bytes()).is_ok(), "{line}");
        }
    }

    #[test]
    fn whatever_is_said_both_ends_read_it_or_refuse_it() {
        with_bytes(500, 1_000, run);
    }
}
