//! Any `MessagePack` value as a tree, to be made into one of a later version.

use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Tree {
    Nil,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Self>),
    Map(Vec<(Self, Self)>),
}

/// Variants with data of enums: each is written as a map of this one key, and gets no other.
const VARIANTS: [&str; 25] = [
    "hello",
    "proof",
    "probe",
    "dial_back",
    "seek",
    "has",
    "keep",
    "give_back",
    "not_acting",
    "file",
    "Lived",
    "Estate",
    "Bucket",
    "Kept",
    "Placed",
    "Deleted",
    "Folder",
    "Named",
    "Copies",
    "Lost",
    "Mount",
    "V4",
    "V6",
    "room",
    "room_missing",
];

pub(crate) fn text(text: &str) -> Tree {
    Tree::Text(text.to_owned())
}

pub(crate) fn map<const N: usize>(fields: [(&str, Tree); N]) -> Tree {
    Tree::Map(fields.into_iter().map(|(name, value)| (text(name), value)).collect())
}

impl Tree {
    /// Gives each map in it (but those that are variants) fields that this version does not know.
    pub(crate) fn grow(&mut self) {
        match self {
            Self::List(all) => all.iter_mut().for_each(Self::grow),
            Self::Map(fields) => {
                fields.iter_mut().for_each(|(_, value)| value.grow());
                let is_variant = |key: &Self| matches!(key, Self::Text(t) if VARIANTS.contains(&t.as_str()));
                if !matches!(&fields[..], [(key, _)] if is_variant(key)) {
                    let inner = map([("deep", Self::List(vec![Self::Nil, Self::Signed(-7)]))]);
                    fields.insert(0, (text("first_later"), Self::Bool(true)));
                    fields.push((text("later"), inner));
                }
            }
            _ => {}
        }
    }

    /// A field of a map.
    pub(crate) fn field(&mut self, name: &str) -> &mut Self {
        let Self::Map(fields) = self else { panic!("no map") };
        let found = fields.iter_mut().find(|(key, _)| *key == text(name));
        &mut found.unwrap_or_else(|| panic!("no field {name}")).1
    }

    /// The elements of a list.
    pub(crate) fn list(&mut self) -> &mut Vec<Self> {
        let Self::List(all) = self else { panic!("no list") };
        all
    }
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Nil => serializer.serialize_unit(),
            Self::Bool(b) => serializer.serialize_bool(*b),
            Self::Unsigned(n) => serializer.serialize_u64(*n),
            Self::Signed(n) => serializer.serialize_i64(*n),
            Self::Text(t) => serializer.serialize_str(t),
            Self::Bytes(b) => serializer.serialize_bytes(b),
            Self::List(all) => {
                let mut list = serializer.serialize_seq(Some(all.len()))?;
                all.iter().try_for_each(|value| list.serialize_element(value))?;
                list.end()
            }
            Self::Map(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                fields.iter().try_for_each(|(key, value)| map.serialize_entry(key, value))?;
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Tree;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }

            fn visit_unit<E>(self) -> Result<Tree, E> {
                Ok(Tree::Nil)
            }

            fn visit_bool<E>(self, b: bool) -> Result<Tree, E> {
                Ok(Tree::Bool(b))
            }

            fn visit_u64<E>(self, n: u64) -> Result<Tree, E> {
                Ok(Tree::Unsigned(n))
            }

            fn visit_i64<E>(self, n: i64) -> Result<Tree, E> {
                Ok(Tree::Signed(n))
            }

            fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
                Ok(Tree::Text(text.to_owned()))
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Tree, E> {
                Ok(Tree::Bytes(bytes.to_vec()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
                let mut all = Vec::new();
                while let Some(value) = seq.next_element()? {
                    all.push(value);
                }
                Ok(Tree::List(all))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
                let mut all = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    all.push(entry);
                }
                Ok(Tree::Map(all))
            }
        }
        deserializer.deserialize_any(Any)
    }
}
