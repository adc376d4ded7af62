//! Slices are given with what proves them, from wherever the file is, and refused like blocks.

use std::fs::File;

use super::liar::Client;
use super::store::Keeper;
use super::*;
use crate::content::slice::{SLICE, SliceError, count, verify};
use crate::wire::Message;
use crate::wire::message::{GetBlocks, GetSlices, Item, Reason, Refused};

/// The bytes of a slice, and its path.
type Given = (Vec<u8>, Vec<u8>);

impl Client {
    /// Slices of a file with their paths, or why one does not come.
    fn slices(
        &mut self,
        (file, size): (FileId, u64),
        first: u64,
        count: u32,
        to_file: bool,
    ) -> Result<Vec<Given>, Reason> {
        let asked = GetSlices { request: 4, file, size, first, count, to_file, background: false };
        self.say(&Message::GetSlices(asked).encode());
        let mut all = Vec::new();
        while all.len() < count as usize {
            match self.hear().unwrap() {
                (Message::Slice(slice), bytes) => {
                    assert_eq!((slice.request, slice.slice), (4, first + all.len() as u64));
                    all.push((bytes, slice.path));
                }
                (Message::Refused(Refused { request: 4, reason, .. }), _) => return Err(reason),
                other => panic!("{other:?}"),
            }
        }
        Ok(all)
    }
}

#[test]
fn slices_are_proved_by_the_file_id_or_by_their_chunk() {
    let mut owner = Owner::new();
    for len in [0, 1, 65_536, 65_537, 1_000_000] {
        let bytes = content(len, 3);
        owner.share(&[("file", &bytes)]);
        let manifest = manifest(&bytes);
        let (claim, chunks) = ((manifest.file(), len as u64), manifest.chunks());
        let mut client = Client::new(&owner);
        let all = u32::try_from(count(chunks)).unwrap();
        for to_file in [true, false] {
            let slices = client.slices(claim, 0, all, to_file).unwrap();
            for ((slice, (bytes, path)), n) in (0..).zip(&slices).zip(0..) {
                let value = manifest.as_bytes().as_chunks().0.get(n).filter(|_| !to_file);
                assert_eq!(verify(claim.0, chunks, slice, bytes, path, value), Ok(()), "{len}");
            }
            assert_eq!(slices.into_iter().flat_map(|(bytes, _)| bytes).collect::<Vec<_>>(), bytes);
        }
        assert_eq!(client.slices(claim, all.into(), 1, true), Err(Reason::Malformed));
        assert_eq!(client.slices((claim.0, claim.1 + 1), 0, 1, true), Err(Reason::Malformed));
        assert_eq!(client.slices((FileId([1; 32]), 5), 0, 1, true), Err(Reason::Unknown));
    }
}

/// A chunk of many slices is hashed step by step before the first of them leaves; blocks are given meanwhile.
#[test]
fn slices_of_long_chunks_are_given_beside_blocks() {
    let len: u64 = (300 << 20) + 5;
    let mut owner = Owner::new();
    let manifest = owner.share_zeros("zeros", len);
    let (claim, chunks) = ((manifest.file(), len), manifest.chunks());
    assert_eq!(chunks.chunk_size(), 8 * SLICE);
    let mut client = Client::new(&owner);
    let last = count(chunks) - 1;
    let [(bytes, path)] = &client.slices(claim, last, 1, true).unwrap()[..] else { panic!("not one") };
    assert_eq!(verify(claim.0, chunks, last, bytes, path, None), Ok(()), "it proves the size");
    assert_eq!(bytes.len(), 5);
    // Bytes from another place are not what was asked for.
    let other = verify(claim.0, chunks, last - 1, &[0; 65_536], path, None);
    assert!(matches!(other, Err(SliceError::Path | SliceError::Unproved)));
    for ((bytes, path), slice) in client.slices(claim, 14, 20, false).unwrap().iter().zip(14..) {
        let chunk = chunks.at_offset(slice * SLICE).unwrap();
        let value = manifest.as_bytes().as_chunks().0.get(chunk.at());
        assert_eq!(verify(claim.0, chunks, slice, bytes, path, value), Ok(()));
    }
    let items = vec![Item { file: claim.0, offset: 0, len: 5 }];
    client.say(&Message::GetBlocks(GetBlocks { request: 9, items, background: false }).encode());
    let Some((Message::Block(block), bytes)) = client.hear() else { panic!("no block") };
    assert_eq!((block.request, bytes), (9, vec![0; 5]));
}

#[test]
fn a_slice_of_a_file_that_changed_does_not_leave() {
    let mut owner = Owner::new();
    let bytes = content(200_000, 4);
    owner.share(&[("file", &bytes)]);
    let claim = (blake3::hash(&bytes).into(), 200_000);
    let mut client = Client::new(&owner);
    assert_eq!(client.slices(claim, 1, 1, true).unwrap()[0].0, bytes[65_536..131_072]);
    std::fs::write(owner.dir.path().join("file"), content(200_000, 5)).unwrap();
    assert_eq!(client.slices(claim, 2, 1, true), Err(Reason::Changed));
}

#[test]
fn slices_of_a_part_that_is_kept_are_given_and_no_others() {
    let keeper = Keeper::new();
    let bytes = content(400_000, 6);
    let owner = PeerId([1; 32]);
    keeper.owner.send(SenderCommand::Open([owner].into()));
    let part = [Span { from: 2, to: 4 }];
    let id = keeper.put(&bytes, &part);
    keeper.tell(&bytes, &part, &[owner]);
    let chunks = Chunks::of(400_000).unwrap();
    let mut client = Client::new(&keeper.owner);
    for ((bytes, path), slice) in client.slices((id, 400_000), 2, 2, true).unwrap().iter().zip(2..) {
        assert_eq!(verify(id, chunks, slice, bytes, path, None), Ok(()));
    }
    assert_eq!(client.slices((id, 400_000), 1, 1, true), Err(Reason::Unknown));
}

impl Owner {
    /// Shares a file of zeros, which takes no space.
    fn share_zeros(&mut self, name: &str, len: u64) -> Manifest {
        let at = self.dir.path().join(name);
        File::create(&at).unwrap().set_len(len).unwrap();
        let chunks = Chunks::of(len).unwrap();
        let zeros = vec![0; usize::try_from(chunks.chunk_size()).unwrap()];
        let mut builder = ManifestBuilder::new(chunks);
        for index in chunks.iter() {
            let mut hasher = ChunkHasher::new(chunks, index);
            hasher.update(&zeros[..usize::try_from(chunks.len_of(index)).unwrap()]);
            builder.push(hasher.finish().unwrap());
        }
        let manifest = builder.finish().unwrap();
        let file = SharedFile {
            path: name.parse().unwrap(),
            stamp: stamp(&at),
            manifest: Arc::new(manifest.clone()),
            since: 0,
        };
        self.shelf.files.insert(file);
        self.offer();
        manifest
    }
}
