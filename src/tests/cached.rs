//! What is asked for of a file that is open comes from memory, and never once the file changed.

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};

use super::liar::Client;
use super::*;
use crate::sender::reader::ReaderCommand;
use crate::sys::cached::CachedFile;
use crate::sys::file::write_all_at;
use crate::wire::Message;
use crate::wire::message::{GetBlocks, Item, Reason};

/// The bytes of a range of a file; or why there are none.
fn range(client: &mut Client, file: FileId, offset: u64, len: u64) -> Result<Vec<u8>, Reason> {
    let items = vec![Item { file, offset, len }];
    client.say(&Message::GetBlocks(GetBlocks { request: offset, items, background: false }).encode());
    let mut all = Vec::new();
    while (all.len() as u64) < len {
        match client.hear().expect("an answer") {
            (Message::Block(_), bytes) => all.extend(bytes),
            (Message::Refused(refused), _) => return Err(refused.reason),
            other => panic!("{other:?}"),
        }
    }
    Ok(all)
}

/// Starts a sender whose reader counts the bytes that it is asked for.
fn count(owner: &mut Owner) -> Arc<AtomicU64> {
    let (engine, asked) = (Engine::new().unwrap(), Arc::new(AtomicU64::new(0)));
    let (counted, mut reads) = (Arc::clone(&asked), SharedReader::working());
    let reader = SharedReader::start_with(engine.bell(), move |command| {
        if let ReaderCommand::Read(_, job) = &command {
            counted.fetch_add(job.items.iter().map(|item| item.len).sum(), Ordering::Relaxed);
        }
        reads(command)
    });
    let (socket, port) = listener();
    let tls = Tls::new(&owner.identity).unwrap();
    owner.sender = Some(start_sender(engine, vec![socket], tls, reader.unwrap()).unwrap());
    owner.port = port;
    owner.offer();
    asked
}

/// True if the file system of the owner's folder tells what is in memory; not all do.
fn can_read_cached(owner: &Owner) -> bool {
    let file = tempfile::tempfile_in(owner.dir.path()).unwrap();
    write_all_at(&file, b"bytes", 0).unwrap();
    CachedFile::new(file.into()).read_exact_at(&mut [0; 5], 0).unwrap()
}

#[test]
fn what_is_in_memory_of_an_open_file_comes_without_the_reader() {
    let bytes = content(8 << 20, 1);
    let file = manifest(&bytes).file();
    let mut owner = Owner::new();
    owner.share(&[("a", &bytes)]);
    let asked = count(&mut owner);
    let mut client = Client::new(&owner);
    assert_eq!(range(&mut client, file, 0, 100), Ok(bytes[..100].to_vec()));
    assert_eq!(range(&mut client, file, 1 << 20, 4 << 20), Ok(bytes[1 << 20..5 << 20].to_vec()));
    let read = asked.load(Ordering::Relaxed);
    assert!(read < 4 << 20 || !can_read_cached(&owner), "{read} bytes came from the reader");
    // Whatever it changes to, nothing of it is given out.
    let path = owner.dir.path().join("a");
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    let open = fs::File::options().write(true).open(&path).unwrap();
    write_all_at(&open, b"other", 6 << 20).unwrap();
    open.set_modified(modified).unwrap();
    assert_eq!(range(&mut client, file, 6 << 20, 100), Err(Reason::Changed));
    assert_eq!(range(&mut client, file, 0, 100), Err(Reason::Changed));
}
