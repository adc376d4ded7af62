//! What a text looks like, to tell which texts can be taken for each other. Pure.

/// The skeleton of a text (Unicode UTS #39), without regard to letter case: texts that look alike have the same
/// one. It is for comparison only.
pub(crate) fn skeleton(text: &str) -> String {
    // Capital letters of other alphabets look like ours, whatever their small letters look like: case is left
    // out of what they look like, not of them.
    unicode_security::skeleton(text).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_look_alike_have_the_same_skeleton() {
        for [one, other] in [
            ["Anna", "\u{410}nna"],
            ["anna", "\u{430}nn\u{430}"],
            ["Anna", "anna"],
            ["anna", "anna\u{fe0f}"],
            ["bill", "bi1I"],
            ["corner", "comer"],
            ["PC-0", "\u{420}\u{421}\u{2010}O"],
            ["\u{e9}clair", "e\u{301}clair"],
            ["a b", "a\u{a0}b"],
        ] {
            assert_eq!(skeleton(one), skeleton(other), "{one} {other}");
        }
        for [one, other] in [["anna", "hanna"], ["peer1", "peer2"], ["", "a"], ["\u{6f22}", "\u{5b57}"]] {
            assert_ne!(skeleton(one), skeleton(other), "{one} {other}");
        }
    }
}
