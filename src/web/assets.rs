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

const SCRIPT: &str = "text/javascript; charset=utf-8";

impl Asset {
    /// A page of a name that only its server knows.
    pub(super) const fn page(bytes: &'static [u8]) -> Self {
        Self { name: "", media: "text/html; charset=utf-8", bytes }
    }
}

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

/// All of them. That of `/` has no name.
const ASSETS: [Asset; 5] = [
    Asset { name: "", media: "text/html; charset=utf-8", bytes: include_bytes!("page/index.html") },
    Asset { name: "app.js", media: SCRIPT, bytes: include_bytes!("page/app.js") },
    Asset { name: "peer.js", media: SCRIPT, bytes: include_bytes!("page/peer.js") },
    Asset { name: "style.css", media: "text/css; charset=utf-8", bytes: include_bytes!("page/style.css") },
    Asset { name: "icon.svg", media: "image/svg+xml", bytes: include_bytes!("page/icon.svg") },
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
    use super::*;

    #[test]
    fn the_page_is_small_and_asks_nobody_else() {
        let all: usize = ASSETS.iter().map(|asset| asset.bytes.len()).sum();
        assert!(all <= 150 << 10, "{all} bytes");
        for asset in &ASSETS {
            let text = std::str::from_utf8(asset.bytes).unwrap();
            let text = text.replace("http://www.w3.org/2000/svg", "");
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
    fn what_a_browser_could_run_is_not_shown() {
        for name in
            ["a.html", "a.svg", "a.xhtml", "a.xml", "a.pdf", "a.js", "a", "html", "a.png.html", ".png.svg"]
        {
            assert_eq!(shown_as(name), None, "{name}");
        }
        assert_eq!(shown_as("Film.MKV"), Some("video/x-matroska"));
    }
}
