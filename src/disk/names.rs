//! Names beside a taken one: `report (2).docx`. Pure.

use crate::disk::limits;

/// Bytes of what counts as a name's extension, at most, dot included; longer ones are part of the stem.
const EXTENSION: usize = 32;

/// The `n`th name for `name`: itself for 1, then `stem (n).extension`, never above 255 bytes.
pub(super) fn candidate(name: &str, n: u32) -> String {
    if n <= 1 {
        return name.to_owned();
    }
    let (stem, extension) = split(name);
    let mark = format!(" ({n})");
    let mut room = (limits::COMPONENT - mark.len() - extension.len()).min(stem.len());
    while !stem.is_char_boundary(room) {
        room -= 1;
    }
    format!("{}{mark}{extension}", &stem[..room])
}

/// Stem and extension; of `.tar.gz` and its like both parts. A leading dot begins no extension.
fn split(name: &str) -> (&str, &str) {
    let dot = |text: &str| text.rfind('.').filter(|at| *at > 0 && text.len() > at + 1);
    let Some(mut at) = dot(name) else { return (name, "") };
    if let Some(inner) = dot(&name[..at])
        && name[..at][inner..].eq_ignore_ascii_case(".tar")
    {
        at = inner;
    }
    if name.len() - at > EXTENSION { (name, "") } else { name.split_at(at) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_stands_before_the_extension() {
        for (name, second) in [
            ("report.docx", "report (2).docx"),
            ("report", "report (2)"),
            (".profile", ".profile (2)"),
            ("a.tar.gz", "a (2).tar.gz"),
            ("x.", "x. (2)"),
            ("...", "... (2)"),
            (".tar.gz", ".tar (2).gz"),
        ] {
            assert_eq!(candidate(name, 2), second);
            assert_eq!(candidate(name, 1), name);
        }
    }

    proptest::proptest! {
        #[test]
        fn a_candidate_is_a_name_and_differs(name in "[a.é漢 ]{1,127}", n in 2_u32..10_000) {
            let name = name.chars().scan(0, |len, c| { *len += c.len_utf8(); (*len <= 255).then_some(c) })
                .collect::<String>();
            let other = candidate(&name, n);
            assert!(other.len() <= 255 && other != name, "{other}");
            assert_ne!(candidate(&name, n + 1), other);
        }
    }
}
