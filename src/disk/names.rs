//! Names beside a taken one: `report (2).docx`; and names in the place of one that a file system cannot hold.
//! Pure.

use crate::disk::limits;

/// Bytes of what counts as a name's extension, at most, dot included; longer ones are part of the stem.
const EXTENSION: usize = 32;

/// Bytes of a substitute, at most: file systems that encrypt names hold 143 (eCryptfs).
const SUBSTITUTE: usize = 140;

/// Characters that FAT, exFAT, NTFS and drives of Windows have no names with.
const FORBIDDEN: [char; 8] = ['<', '>', ':', '"', '\\', '|', '?', '*'];

/// Names that are devices there, whatever extension follows.
const DEVICES: [&str; 4] = ["CON", "PRN", "AUX", "NUL"];

/// Names that are devices there with a digit behind.
const PORTS: [&str; 2] = ["COM", "LPT"];

/// Names like `name` that more file systems can hold, the most like it first; none if there are none.
pub(crate) fn substitutes(name: &str) -> Vec<String> {
    let with = |keeps: fn(char) -> bool| {
        let replaced = name.chars().map(|c| if keeps(c) { c } else { '_' }).collect::<String>();
        portable(&replaced)
    };
    let is_allowed = |c: char| !c.is_control() && !FORBIDDEN.contains(&c) && c <= '\u{ffff}';
    let mut all =
        vec![with(is_allowed), with(|c| c.is_ascii() && !c.is_control() && !FORBIDDEN.contains(&c))];
    all.dedup();
    all.retain(|other| other != name);
    all
}

/// `name` without what is refused of a name as a whole: its length, a dot or blank at its end, a device.
fn portable(name: &str) -> String {
    let first = name.split('.').next().unwrap_or(name).to_ascii_uppercase();
    let port = first.strip_suffix(|c: char| c.is_ascii_digit());
    let is_device = DEVICES.contains(&first.as_str()) || port.is_some_and(|port| PORTS.contains(&port));
    let name = if is_device { format!("_{name}") } else { name.to_owned() };
    let (stem, extension) = split(&name);
    let mut name = format!("{}{extension}", cut(stem, SUBSTITUTE - extension.len()));
    if name.ends_with(['.', ' ']) {
        name.pop();
        name.push('_');
    }
    name
}

/// As much of `text` as fits into this many bytes.
fn cut(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The `n`th name for `name`: itself for 1, then `stem (n).extension`, never above 255 bytes.
pub(crate) fn candidate(name: &str, n: u32) -> String {
    if n <= 1 {
        return name.to_owned();
    }
    let (stem, extension) = split(name);
    let mark = format!(" ({n})");
    format!("{}{mark}{extension}", cut(stem, limits::COMPONENT - mark.len() - extension.len()))
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

    #[test]
    fn a_substitute_is_like_the_name_and_can_be_held() {
        for (name, expected) in [
            ("a:b?.txt", &["a_b_.txt"][..]),
            ("what: é\u{1f389}", &["what_ é_", "what_ __"]),
            ("漢字", &["__"]),
            ("end. ", &["end._"]),
            ("con.txt", &["_con.txt"]),
            ("Lpt1", &["_Lpt1"]),
            ("tab\there", &["tab_here"]),
            ("plain (2).tar.gz", &[]),
            ("COMMON", &[]),
            (".hidden", &[]),
        ] {
            assert_eq!(substitutes(name), expected, "{name:?}");
        }
        let long = format!("{}.tar.gz", "x".repeat(240));
        assert_eq!(substitutes(&long), [format!("{}.tar.gz", "x".repeat(133))]);
    }

    proptest::proptest! {
        #[test]
        fn a_substitute_is_a_path_of_one_component_and_needs_none(name in "[^/\0]{1,63}") {
            for other in substitutes(&name) {
                assert!(other.len() <= SUBSTITUTE && other != name);
                assert!(other.parse::<crate::content::SafePath>().is_ok_and(|path| path.parent().is_none()));
            }
            if let Some(last) = substitutes(&name).last() {
                assert!(substitutes(last).is_empty(), "{last:?}");
            }
        }

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
