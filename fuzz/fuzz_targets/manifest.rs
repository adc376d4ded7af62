//! A manifest from another peer: refused, or one whose bytes come out as they went in.
use blake3::hazmat::{ChainingValue, Mode, merge_subtrees_non_root as inner, merge_subtrees_root as top};
use potluck::content::{FileId, Manifest};

pub(crate) fn run(input: (u64, [u8; 32], &[u8])) {
    let (size, false_id, values) = input;
    // Hashes cannot be guessed: with the true root, what lies behind that check is reached as well.
    let (parts, _) = values.as_chunks::<32>();
    let true_id = if parts.len() < 2 { false_id } else { root(parts) };
    for id in [false_id, true_id] {
        let Ok(manifest) = Manifest::prove(FileId(id), size, values) else { continue };
        assert_eq!((manifest.as_bytes(), manifest.chunks().size()), (values, size));
    }
}

fn root(parts: &[ChainingValue]) -> [u8; 32] {
    let (left, right) = parts.split_at(parts.len().next_power_of_two() / 2);
    top(&subtree(left), &subtree(right), Mode::Hash).into()
}

fn subtree(parts: &[ChainingValue]) -> ChainingValue {
    if let [one] = parts {
        return *one;
    }
    let (left, right) = parts.split_at(parts.len().next_power_of_two() / 2);
    inner(&subtree(left), &subtree(right), Mode::Hash)
}
