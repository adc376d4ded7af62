//! What the browser runs and shows (page/). Pure: all of it is part of the program.

use super::site::guarded_page;
use crate::http::{Answer, AnswerBody, RequestHead, Status};

/// One of its files.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asset {
    name: &'static str,
    /// Its media type.
    pub(super) media: &'static str,
    pub(super) bytes: &'static [u8],
}

impl Asset {
    /// Its strong tag: a browser that has the same need not be given it again.
    pub(super) fn tag(&self) -> String {
        let hash = blake3::hash(self.bytes);
        format!("\"{}\"", data_encoding::HEXLOWER.encode(&hash.as_bytes()[..16]))
    }
}

const PAGE: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const WORDS: &str = "application/json";

/// What is answered with it.
pub(super) fn asset_answer(head: &RequestHead, asset: &Asset) -> Answer {
    let tag = asset.tag();
    let answer = if head.field("if-none-match") == Some(&tag) {
        Answer::empty(Status::NotModified)
    } else {
        Answer::new(Status::Ok, AnswerBody::Whole(asset.bytes.to_vec())).with("content-type", asset.media)
    };
    guarded_page(answer.with("etag", tag).with("cache-control", "no-cache"))
}

/// A file of page/, under its own name.
macro_rules! asset {
    ($name:literal, $media:expr) => {
        asset!($name, $media, $name)
    };
    ($name:literal, $media:expr, $file:literal) => {
        Asset { name: $name, media: $media, bytes: include_bytes!(concat!("page/", $file)) }
    };
}

/// The page of a guest, which its server shows at the link.
pub(super) static GUEST_PAGE: Asset = asset!("guest.html", PAGE);

/// All of them. That of `/` has no name. Those of a guest are among them.
const ASSETS: [Asset; 32] = [
    asset!("", PAGE, "index.html"),
    asset!("guest.html", PAGE),
    asset!("style.css", STYLE),
    asset!("icon.svg", "image/svg+xml"),
    // What both pages are made of.
    asset!("ui.js", SCRIPT),
    asset!("i18n.js", SCRIPT),
    asset!("list.js", SCRIPT),
    asset!("media.js", SCRIPT),
    asset!("upload.js", SCRIPT),
    // The page of the owner.
    asset!("app.js", SCRIPT),
    asset!("peer.js", SCRIPT),
    asset!("files.js", SCRIPT),
    asset!("details.js", SCRIPT),
    asset!("downloads.js", SCRIPT),
    asset!("offers.js", SCRIPT),
    asset!("copies.js", SCRIPT),
    asset!("shares.js", SCRIPT),
    asset!("peers.js", SCRIPT),
    asset!("chat.js", SCRIPT),
    asset!("guests.js", SCRIPT),
    asset!("settings.js", SCRIPT),
    asset!("own.js", SCRIPT),
    asset!("doctor.js", SCRIPT),
    // The page of a guest.
    asset!("guest.js", SCRIPT),
    asset!("slices.js", SCRIPT),
    asset!("texts.js", SCRIPT),
    // A table of words for each language.
    asset!("lang-en.json", WORDS, "lang/en.json"),
    asset!("lang-de.json", WORDS, "lang/de.json"),
    asset!("lang-fr.json", WORDS, "lang/fr.json"),
    asset!("lang-es.json", WORDS, "lang/es.json"),
    asset!("lang-zh.json", WORDS, "lang/zh.json"),
    asset!("lang-ar.json", WORDS, "lang/ar.json"),
];

/// The one of this name.
pub(super) fn find(name: &str) -> Option<&'static Asset> {
    static ALL: [Asset; ASSETS.len()] = ASSETS;
    ALL.iter().find(|asset| asset.name == name)
}

/// How a browser shows a file of this name; `None`: not at all, for it could run what is in it.
pub(super) fn shown_as(name: &str) -> Option<&'static str> {
    let (_, ending) = name.rsplit_once('.')?;
    Some(match ending.to_ascii_lowercase().as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "bmp" => "image/bmp",
        "mp4" | "m4v" => "video/mp4",
        "webm" => "video/webm",
        "mov" => "video/quicktime",
        "mkv" => "video/x-matroska",
        "ogv" => "video/ogg",
        "mp3" => "audio/mpeg",
        "m4a" => "audio/mp4",
        "ogg" | "oga" | "opus" => "audio/ogg",
        "flac" => "audio/flac",
        "wav" => "audio/wav",
        "txt" | "md" | "log" | "csv" | "json" | "toml" | "yaml" | "yml" | "ini" | "srt" | "rs" | "py"
        | "c" | "h" | "sh" => "text/plain; charset=utf-8",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use serde_json::Value;

    use super::*;

    /// Plurals of each language (Unicode CLDR), of those that `other` does not stand for.
    const LANGUAGES: [(&str, &[&str]); 6] = [
        ("en", &["one"]),
        ("de", &["one"]),
        ("fr", &["one"]),
        ("es", &["one"]),
        ("zh", &[]),
        ("ar", &["one", "two", "few", "many"]),
    ];

    fn text(asset: &Asset) -> &'static str {
        std::str::from_utf8(asset.bytes).unwrap()
    }

    fn table(language: &str) -> BTreeMap<String, Value> {
        serde_json::from_str(text(find(&format!("lang-{language}.json")).unwrap())).unwrap()
    }

    /// What stands in braces.
    fn places(words: &str) -> BTreeSet<&str> {
        words.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0)).collect()
    }

    /// What stands behind `before`, up to `end`, wherever that is in the scripts and pages.
    fn named(before: &str, end: char) -> BTreeSet<&'static str> {
        let of_one = |asset: &'static Asset| {
            text(asset).split(before).skip(1).filter_map(move |rest| Some(rest.split_once(end)?.0))
        };
        let all = ["", "guest.html"]
            .into_iter()
            .chain(ASSETS.iter().filter(|asset| asset.media == SCRIPT).map(|asset| asset.name));
        all.filter_map(find).flat_map(of_one).collect()
    }

    #[test]
    fn the_page_is_small_and_asks_nobody_else() {
        // A browser fetches one language.
        let (words, rest): (Vec<_>, Vec<_>) = ASSETS.iter().partition(|asset| asset.media == WORDS);
        let rest: usize = rest.iter().map(|asset| asset.bytes.len()).sum();
        let largest = words.iter().map(|asset| asset.bytes.len()).max().unwrap();
        assert!(rest + largest <= 150 << 10, "{rest} and {largest} bytes");
        let all = rest + words.iter().map(|asset| asset.bytes.len()).sum::<usize>();
        assert!(all <= 230 << 10, "{all} bytes");
        for asset in &ASSETS {
            let text = text(asset).replace("http://www.w3.org/2000/svg", "");
            for word in
                ["http://", "https://", "innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval("]
            {
                assert!(!text.contains(word), "{}: {word}", asset.name);
            }
        }
        assert!(find("").is_some() && find("nothing").is_none());
        assert_ne!(find("app.js").unwrap().tag(), find("peer.js").unwrap().tag());
    }

    #[test]
    fn each_script_is_there_that_another_one_imports() {
        for name in named("from \"/", '"') {
            assert!(find(name).is_some(), "{name}");
        }
    }

    /// Else a browser learns of a script only once it has read the one that imports it.
    #[test]
    fn a_page_names_each_script_that_it_will_need() {
        let between = |text: &'static str, before: &str| -> BTreeSet<&'static str> {
            text.split(before).skip(1).filter_map(|rest| Some(rest.split_once('"')?.0)).collect()
        };
        for (page, first) in [("", "app.js"), ("guest.html", "guest.js")] {
            let mut needed = BTreeSet::from([first]);
            let mut unread = vec![first];
            while let Some(script) = unread.pop() {
                let imports = between(text(find(script).unwrap()), "from \"/");
                unread.extend(imports.into_iter().filter(|import| needed.insert(import)));
            }
            needed.remove(first);
            assert_eq!(between(text(find(page).unwrap()), "modulepreload\" href=\"/"), needed, "{page}");
        }
    }

    #[test]
    fn each_language_has_the_same_words() {
        let english = table("en");
        for (language, plurals) in LANGUAGES {
            let table = table(language);
            assert_eq!(table.keys().collect::<Vec<_>>(), english.keys().collect::<Vec<_>>(), "{language}");
            for (key, words) in &table {
                let all: Vec<_> = match words {
                    Value::Object(forms) => {
                        let wanted: BTreeSet<_> = plurals.iter().copied().chain(["other"]).collect();
                        assert_eq!(
                            forms.keys().map(String::as_str).collect::<BTreeSet<_>>(),
                            wanted,
                            "{language}: {key}"
                        );
                        forms.values().collect()
                    }
                    one => vec![one],
                };
                assert!(
                    all.iter().all(|words| !words.as_str().unwrap().trim().is_empty()),
                    "{language}: {key}"
                );
                // One and two may be said without a number.
                let other = |words: &Value| words.get("other").unwrap_or(words).as_str().unwrap().to_owned();
                assert_eq!(places(&other(words)), places(&other(&english[key])), "{language}: {key}");
            }
        }
    }

    /// As [`named`], where `before` is a word of its own.
    fn said(before: &str, end: char) -> BTreeSet<&'static str> {
        ["(", "[", "{", " ", "\n"].iter().flat_map(|mark| named(&format!("{mark}{before}"), end)).collect()
    }

    #[test]
    fn each_word_is_there_that_is_said_and_none_else() {
        let english = table("en");
        for before in ["t(\"", "of(\"", "data-t=\"", "data-label=\""] {
            for key in said(before, '"') {
                assert!(english.contains_key(key), "{key}");
            }
        }
        // The peer says the rest of these.
        let mut begun = said("word(\"", '"');
        begun.extend(said("t(`", '$').into_iter().map(|kind| kind.trim_end_matches('_')));
        for kind in &begun {
            assert!(english.keys().any(|key| key.starts_with(&format!("{kind}_"))), "{kind}");
        }
        let scripts = ASSETS.iter().filter(|asset| asset.media == SCRIPT || asset.media == PAGE);
        let scripts: String = scripts.map(text).collect();
        for key in english.keys() {
            let is_whole =
                scripts.contains(&format!("\"{key}\"")) || scripts.contains(&format!("table.{key}"));
            assert!(is_whole || begun.iter().any(|kind| key.starts_with(&format!("{kind}_"))), "{key}");
        }
    }

    #[test]
    fn what_a_browser_could_run_is_not_shown() {
        for name in
            ["a.html", "a.svg", "a.xhtml", "a.xml", "a.pdf", "a.js", "a", "html", "a.png.html", ".png.svg"]
        {
            assert_eq!(shown_as(name), None, "{name}");
        }
        assert_eq!(shown_as("Film.MKV"), Some("video/x-matroska"));
    }
}
