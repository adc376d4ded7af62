//! A catalogue head and a bucket from another peer: refused, or the same when written again.
#![no_main]
use potluck::content::catalogue::{Bucket, Entry, Head};
use potluck::codec::{decode, encode};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = Head::open(bytes);
    let Some((index, body)) = bytes.split_first() else { return };
    let Ok(entries) = decode::<Vec<Entry>>(body) else { return };
    let Ok(bucket) = Bucket::new(*index, entries) else { return };
    assert_eq!(decode::<Vec<Entry>>(&encode(bucket.entries())).expect("our own bytes"), bucket.entries());
    let _ = bucket.digest();
});
