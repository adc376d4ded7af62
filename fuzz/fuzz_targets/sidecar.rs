//! The sidecar of a partial file, as it is and with a checksum that is right: not believed, or bits that
//! agree with their count.
use potluck::content::partial::{describe, slot_len};

pub(crate) fn run(input: (u64, [u8; 32], u64, &[u8])) {
    let (size, id, number, bits) = input;
    let mut slot = [b"potluck partial\x01", &id[..], &size.to_le_bytes(), &number.to_le_bytes(), bits].concat();
    let sum = blake3::hash(&slot);
    slot.extend_from_slice(sum.as_bytes());
    for (sidecar, boot) in [(bits, None), (&slot, None), (bits, Some(&id)), (&slot, Some(&id))] {
        let Some((_, have)) = describe(sidecar, boot) else { continue };
        assert_eq!(have.iter().count(), have.count() as usize);
        assert!(have.count() <= have.chunks().count() && have.bytes() <= have.chunks().size());
        assert!(slot_len(have.chunks()) <= sidecar.len());
    }
}
