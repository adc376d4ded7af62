//! Examples for the manual pages of commands whose help has none: what is typed, and what that does.

/// Of each command, by its name.
const EXAMPLES: [(&str, &[[&str; 2]]); 31] = [
    (
        "list",
        &[
            ["list", "everything, a folder as one line"],
            ["list photos/", "what lies in that folder"],
            ["list --json --from anna", "each file of anna, an object a line"],
        ],
    ),
    ("search", &[["search blue moon --type audio", "songs with both words in their paths"]]),
    (
        "download",
        &[
            ["download photos --to /tmp", "a folder, into another place"],
            ["download b3:da2c -o stew.txt", "a content by its id, under this name"],
            ["download '*.iso' -n", "what would come, and whether there is space for it"],
        ],
    ),
    ("offers", &[["offers", "what others want to send you, and what you send"]]),
    (
        "accept",
        &[
            ["accept 1", "offer 1 is downloaded"],
            ["accept anna -o /tmp", "what anna offers, into another folder"],
        ],
    ),
    ("reject", &[["reject 1", "offer 1 is declined"]]),
    ("holders", &[["holders stew.txt", "from whom it can be had"]]),
    ("queue", &[["queue", "downloads that are not done"]]),
    ("pause", &[["pause 3", "download 3 rests"], ["pause", "all rest"]]),
    ("resume", &[["resume 3", "download 3 goes on"], ["resume", "all go on"]]),
    ("first", &[["first 3", "download 3 before all others"]]),
    ("watch", &[["watch", "one object for all that happens"]]),
    ("cancel", &[["cancel 3 --discard", "download 3 and what came of it goes"]]),
    ("peers", &[["peers --json", "who is here, an object a peer"]]),
    ("ignore", &[["ignore anna", "nothing that anna says is shown"]]),
    ("unignore", &[["unignore anna", "what anna says is shown again"]]),
    ("status", &[["status --json", "one object with all that is known"]]),
    ("disconnect", &[["disconnect 10.1.2.3", "the link to that peer ends"]]),
    (
        "copies",
        &[
            ["copies 3 photos", "three copies of all in that folder"],
            ["copies auto photos", "as many as of all others"],
        ],
    ),
    (
        "restore",
        &[
            ["restore photos", "what is missing in that folder comes back"],
            ["restore --forget", "it was deleted on purpose"],
        ],
    ),
    ("share", &[["share /media/usb/Films --as Films", "others see Films/"]]),
    ("unshare", &[["unshare Films", "nobody sees it any more"]]),
    ("rescan", &[["rescan", "looks now, and says what was found"]]),
    ("verify", &[["verify", "reads all, and names what is not as it was"]]),
    ("doctor", &[["doctor", "what is wrong, and the line that helps"]]),
    ("metrics", &[["metrics", "counters for Prometheus"]]),
    ("exit", &[["exit", "leaves once others have the files"], ["exit --now", "leaves at once"]]),
    (
        "identity",
        &[["identity", "the id of this peer"], ["identity export key.txt", "keeps its key elsewhere"]],
    ),
    ("help", &[["help download", "what can be typed behind it"]]),
    ("completions", &[["completions bash", "the script for bash"]]),
    (
        "man",
        &[
            ["man download", "this page of download"],
            ["man --to /usr/local/share/man/man1", "all pages, a file each"],
        ],
    ),
];

/// Those of a command whose help has none.
pub(super) fn of(command: &str) -> &'static [[&'static str; 2]] {
    EXAMPLES.iter().find(|(name, _)| *name == command).map_or(&[], |(_, examples)| *examples)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::flags::{Parsed, manual, parse_typed};

    #[test]
    fn each_example_can_be_typed_and_is_of_a_command() {
        for (name, examples) in EXAMPLES {
            assert!(manual::all_names().iter().any(|known| known == name), "{name} is no command");
            for [line, what] in examples {
                let words = crate::cli::words::split(line).unwrap();
                assert_eq!(words[0], name, "{line}");
                let parsed = parse_typed(&words);
                assert!(matches!(parsed, Parsed::Command(_)), "{line}: {parsed:?}");
                assert!(!what.is_empty());
            }
        }
    }
}
