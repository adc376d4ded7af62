//! A catalogue head and a bucket from another peer: refused, or bytes that are passed on as they came.
use potluck::content::Head;
use potluck::content::bucket::{Bucket, BucketReader};

pub(crate) fn run(bytes: &[u8]) {
    let _ = Head::open(bytes);
    let Some((index, body)) = bytes.split_first() else { return };
    let Ok(bucket) = Bucket::read(*index, body) else { return };
    // Whatever its entries hold, its bytes are those that came, also page by page.
    assert_eq!(bucket.bytes(), body);
    assert!(bucket.entries().len() <= bucket.count());
    let mut reader = BucketReader::new(*index);
    for piece in bucket.pieces(0) {
        reader.push(&piece).expect("the same entries");
    }
    let again = reader.finish();
    assert_eq!((again.digest(), &again), (bucket.digest(), &bucket));
}
