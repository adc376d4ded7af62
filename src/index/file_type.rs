//! What a file is, as its name says. Pure.

use core::fmt;
use core::str::FromStr;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// What a file is by the extension of its name. Most files that are shared are of one of these types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileType {
    /// Music and speech.
    Audio,
    /// Films.
    Video,
    /// Photos and drawings.
    Picture,
    /// What is read.
    Document,
    /// Many files in one, and images of disks.
    Archive,
    /// What is run or installed.
    Program,
}

/// Extensions of each type, in lower case.
const EXTENSIONS: [(FileType, &[&str]); 6] = [
    (
        FileType::Audio,
        &[
            "aac", "aif", "aiff", "alac", "amr", "ape", "flac", "m4a", "m4b", "mid", "midi", "mka", "mp2",
            "mp3", "oga", "ogg", "opus", "wav", "wma",
        ],
    ),
    (
        FileType::Video,
        &[
            "3g2", "3gp", "avi", "flv", "m2ts", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "mts", "ogv",
            "vob", "webm", "wmv",
        ],
    ),
    (
        FileType::Picture,
        &[
            "arw", "avif", "bmp", "cr2", "cr3", "dng", "gif", "heic", "heif", "ico", "jpeg", "jpg", "jxl",
            "nef", "orf", "png", "psd", "raw", "rw2", "svg", "tif", "tiff", "webp", "xcf",
        ],
    ),
    (
        FileType::Document,
        &[
            "azw3", "csv", "djvu", "doc", "docx", "epub", "htm", "html", "key", "md", "mobi", "numbers",
            "odp", "ods", "odt", "org", "pages", "pdf", "ppt", "pptx", "ps", "rst", "rtf", "tex", "tsv",
            "txt", "xls", "xlsx",
        ],
    ),
    (
        FileType::Archive,
        &[
            "7z", "bz2", "cab", "gz", "img", "iso", "lz", "lz4", "lzma", "rar", "tar", "tbz", "tgz", "txz",
            "xz", "zip", "zst",
        ],
    ),
    (
        FileType::Program,
        &["apk", "app", "appimage", "bat", "deb", "dmg", "exe", "flatpak", "jar", "msi", "rpm", "run", "sh"],
    ),
];

/// Bytes of the longest extension in the table. So many are one number.
const LONGEST: usize = 8;

impl FileType {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Audio, Self::Video, Self::Picture, Self::Document, Self::Archive, Self::Program];

    /// As it is typed.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Picture => "picture",
            Self::Document => "document",
            Self::Archive => "archive",
            Self::Program => "program",
        }
    }

    /// The extensions of files of this type.
    fn extensions(self) -> &'static [&'static str] {
        EXTENSIONS.iter().find(|(file_type, _)| *file_type == self).map_or(&[], |(_, all)| *all)
    }
}

/// What names of files of some types end with. A search for a type alone asks that of each file that there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TypeFilter(Vec<u64>);

impl TypeFilter {
    /// Of files of these types; of none: of all files.
    pub(super) fn new(types: &BTreeSet<FileType>) -> Self {
        let extensions = types.iter().flat_map(|t| t.extensions());
        Self(extensions.filter_map(|extension| packed(extension.as_bytes())).collect())
    }

    /// True if a name in lower case is that of such a file.
    pub(super) fn allows(&self, name: &[u8]) -> bool {
        if self.0.is_empty() {
            return true;
        }
        let from = name.len().saturating_sub(LONGEST + 1);
        let dot = name[from..].iter().rposition(|b| *b == b'.');
        let extension = dot.and_then(|dot| packed(&name[from + dot + 1..]));
        extension.is_some_and(|extension| self.0.contains(&extension))
    }
}

/// An extension as one number.
fn packed(extension: &[u8]) -> Option<u64> {
    (extension.len() <= LONGEST).then(|| extension.iter().fold(0, |all, b| all << 8 | u64::from(*b)))
}

impl fmt::Display for FileType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What is not the name of a [`FileType`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a type of files: it is audio, video, picture, document, archive or program")]
pub struct ParseFileTypeError;

impl FromStr for FileType {
    type Err = ParseFileTypeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|t| t.name() == text).ok_or(ParseFileTypeError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str) -> Option<FileType> {
        let is = |t: &FileType| TypeFilter::new(&[*t].into()).allows(name.as_bytes());
        FileType::ALL.into_iter().find(is)
    }

    #[test]
    fn a_name_says_what_its_file_is() {
        for (name, file_type) in [
            ("song.mp3", Some(FileType::Audio)),
            ("a.tar.gz", Some(FileType::Archive)),
            (".zip", Some(FileType::Archive)),
            ("x.appimage", Some(FileType::Program)),
            ("mp3", None),
            ("a.mp3.part", None),
            ("a.", None),
            ("", None),
            ("long.extensionmp3", None),
        ] {
            assert_eq!(of(name), file_type, "{name}");
            assert!(TypeFilter::new(&BTreeSet::new()).allows(name.as_bytes()));
        }
        let two = TypeFilter::new(&[FileType::Audio, FileType::Video].into());
        assert_eq!(["a.mp3", "a.mkv", "a.pdf"].map(|name| two.allows(name.as_bytes())), [true, true, false]);
    }

    #[test]
    fn each_extension_stands_in_the_table_once_and_is_found() {
        let all: Vec<_> = EXTENSIONS.iter().flat_map(|(t, all)| all.iter().map(|e| (*t, *e))).collect();
        for (file_type, extension) in &all {
            assert!(extension.len() <= LONGEST, "{extension}");
            assert_eq!(all.iter().filter(|(_, e)| e == extension).count(), 1, "{extension}");
            assert_eq!(of(&format!("a.{extension}")), Some(*file_type));
        }
        for file_type in FileType::ALL {
            assert_eq!(file_type.to_string().parse(), Ok(file_type));
        }
        assert_eq!("films".parse::<FileType>(), Err(ParseFileTypeError));
    }
}
