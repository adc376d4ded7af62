//! A path of this machine in JSON: text; or a list of bytes, where a folder has a name that is not UTF-8. For
//! serde's `with`.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::sys::names;

/// What stands for a path.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum PathWord {
    Text(String),
    Bytes(Vec<u8>),
}

impl PathWord {
    fn of(path: &Path) -> Self {
        path.to_str()
            .map_or_else(|| Self::Bytes(names::bytes(path).to_vec()), |text| Self::Text(text.to_owned()))
    }

    fn path(self) -> PathBuf {
        match self {
            Self::Text(text) => text.into(),
            Self::Bytes(bytes) => names::of_bytes(bytes),
        }
    }
}

pub(crate) fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    PathWord::of(path).serialize(serializer)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    PathWord::deserialize(deserializer).map(PathWord::path)
}

/// A path that may be missing.
pub(super) mod optional {
    use super::{Deserialize, Deserializer, PathBuf, PathWord, Serialize, Serializer};

    pub(in crate::control) fn serialize<S: Serializer>(
        path: &Option<PathBuf>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        path.as_deref().map(PathWord::of).serialize(serializer)
    }

    pub(in crate::control) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<PathBuf>, D::Error> {
        Ok(Option::<PathWord>::deserialize(deserializer)?.map(PathWord::path))
    }
}

#[cfg(test)]
mod tests {
    use crate::control::{DownloadRequest, Saved};
    use crate::sys::testing;

    #[test]
    fn any_path_of_this_machine_comes_back() {
        for (path, json) in [
            ("/a b/é".into(), r#""/a b/é""#),
            (testing::not_utf8().into(), "[110,111,116,255,117,116,102,56]"),
        ] {
            let saved = Saved {
                job: 1,
                id: String::new(),
                path,
                how: String::new(),
                wanted: None,
                through: None,
                files: 1,
            };
            let text = serde_json::to_string(&saved).unwrap();
            assert!(text.contains(&format!(r#""path":{json}"#)), "{text}");
            assert_eq!(serde_json::from_str::<Saved>(&text).unwrap(), saved);
            let text = format!(r#"{{"files":["x"],"to":{json},"wait":false}}"#);
            let request: DownloadRequest = serde_json::from_str(&text).unwrap();
            assert_eq!(request.to.as_ref(), Some(&saved.path));
            assert_eq!(serde_json::to_string(&request).unwrap(), text);
        }
    }
}
