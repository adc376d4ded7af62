//! The text of a file of settings: what stands where, and the same text with one of them changed. All else in it,
//! comments too, stays as it is.

use core::ops::Range;

use toml_edit::{Array, Document, Item, Value};

use super::keys::SettingKey;

/// What is wrong with a text of settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WrongText {
    /// The line, from 1.
    pub(crate) line: usize,
    /// What, in words.
    pub(crate) why: String,
}

/// Something that is set there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SetText {
    /// Its key; whether there is such a setting was not looked at.
    pub(crate) key: String,
    /// Its values, as a flag would have them.
    pub(crate) values: Result<Vec<String>, &'static str>,
    /// The line of its key, from 1.
    pub(crate) line: usize,
    /// Its lines, whole.
    lines: Range<usize>,
    /// Its value.
    value: Range<usize>,
}

/// All that is set in `text`, in no order.
///
/// # Errors
/// It is no TOML.
pub(crate) fn read(text: &str) -> Result<Vec<SetText>, WrongText> {
    let document = Document::parse(text).map_err(|e| WrongText {
        line: line_of(text, e.span().map_or(0, |span| span.start)),
        why: e.message().lines().collect::<Vec<_>>().join(", "),
    })?;
    let table = document.as_table();
    let set = table.iter().map(|(name, item)| {
        let value = item.span().unwrap_or_default();
        // A table begins at its bracket, and may have no place of its own.
        let start = table.key(name).and_then(toml_edit::Key::span).map_or(value.start, |span| span.start);
        let begin = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let end = text[value.end..].find('\n').map_or(text.len(), |at| value.end + at + 1);
        SetText {
            key: name.to_owned(),
            values: values(item),
            line: line_of(text, start),
            lines: begin..end,
            value,
        }
    });
    Ok(set.collect())
}

/// `text` with this setting in it.
///
/// # Errors
/// It is no TOML.
pub(crate) fn set(text: &str, key: &SettingKey, values: &[String]) -> Result<String, WrongText> {
    let value = written(key, values);
    Ok(match read(text)?.into_iter().find(|set| set.key == key.name) {
        Some(set) => format!("{}{value}{}", &text[..set.value.start], &text[set.value.end..]),
        None => {
            let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
            format!("{text}{end}{} = {value}\n", key.name)
        }
    })
}

/// `text` without what is set for `key`; `None`: nothing is.
///
/// # Errors
/// It is no TOML.
pub(crate) fn unset(text: &str, key: &str) -> Result<Option<String>, WrongText> {
    let set = read(text)?.into_iter().find(|set| set.key == key);
    Ok(set.map(|set| format!("{}{}", &text[..set.lines.start], &text[set.lines.end..])))
}

fn line_of(text: &str, at: usize) -> usize {
    let before = text.as_bytes().get(..at).unwrap_or(text.as_bytes());
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}

fn values(item: &Item) -> Result<Vec<String>, &'static str> {
    match item {
        Item::Value(Value::Array(list)) => list.iter().map(scalar).collect(),
        Item::Value(value) => Ok(vec![scalar(value)?]),
        _ => Err("give a value, not a table"),
    }
}

fn scalar(value: &Value) -> Result<String, &'static str> {
    match value {
        Value::String(text) => Ok(text.value().clone()),
        Value::Integer(number) => Ok(number.value().to_string()),
        Value::Boolean(is) => Ok(is.value().to_string()),
        _ => Err("give a text in quotes, a whole number, true or false"),
    }
}

/// Values as TOML has them: numbers and switches bare, all else in quotes.
fn written(key: &SettingKey, values: &[String]) -> String {
    let one = |value: &String| match value.parse::<i64>() {
        _ if key.is_switch() => Value::from(value == "true"),
        Ok(number) if number.to_string() == *value => Value::from(number),
        _ => Value::from(value.as_str()),
    };
    if key.is_list() {
        return Value::Array(values.iter().map(one).collect::<Array>()).to_string();
    }
    values.first().map(one).unwrap_or_else(|| Value::from("")).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "# the office\nup-limit = \"500K\" # at day\n\ncopies=3\nconnect = [\n  \"a\", # one\n  \"b\"\n]\n";

    fn key(name: &str) -> SettingKey {
        SettingKey::all().into_iter().find(|key| key.name == name).unwrap()
    }

    fn changed(text: &str, name: &str, values: &[&str]) -> String {
        set(text, &key(name), &values.iter().map(|&v| v.to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn what_is_set_is_found_with_its_line() {
        let found: Vec<_> =
            read(TEXT).unwrap().into_iter().map(|s| (s.key, s.line, s.values.unwrap())).collect();
        assert_eq!(
            found,
            [
                ("up-limit".to_owned(), 2, vec!["500K".to_owned()]),
                ("copies".to_owned(), 4, vec!["3".to_owned()]),
                ("connect".to_owned(), 5, vec!["a".to_owned(), "b".to_owned()]),
            ]
        );
        assert_eq!(read("").unwrap(), []);
    }

    #[test]
    fn what_is_no_toml_or_no_value_is_told_with_its_line() {
        for (text, line) in
            [("a = 1\nb = \n", 2), ("a = 1\n\na = 2\n", 3), ("copies 3\n", 1), ("x = \"\u{1}\"", 1)]
        {
            let wrong = read(text).unwrap_err();
            assert!(
                wrong.line == line && !wrong.why.is_empty() && !wrong.why.contains('\n'),
                "{text}: {wrong:?}"
            );
        }
        for text in [
            "lend = 1.5\n",
            "name = 2026-11-30\n",
            "[peer]\nname = \"x\"\n",
            "connect = [[1]]\n",
            "a.b = 1\n",
        ] {
            assert!(read(text).unwrap()[0].values.is_err(), "{text}");
        }
        // However deep, it ends.
        assert!(read(&"[".repeat(100_000)).is_err());
        assert!(read(&format!("a = {}", "[".repeat(60_000))).is_err());
    }

    #[test]
    fn a_change_leaves_all_else_as_it_is() {
        assert_eq!(changed(TEXT, "up-limit", &["2M"]), TEXT.replace("500K", "2M"));
        assert_eq!(changed(TEXT, "copies", &["2"]), TEXT.replace("copies=3", "copies=2"));
        assert_eq!(changed(TEXT, "wan", &["true"]), format!("{TEXT}wan = true\n"));
        assert_eq!(changed("", "name", &["a \"b\" \u{1b}"]), "name = \"a \\\"b\\\" \\u001B\"\n");
        assert_eq!(changed("# only this", "connect", &["a", "b"]), "# only this\nconnect = [\"a\", \"b\"]\n");
        assert_eq!(changed("", "keep-deleted", &["007"]), "keep-deleted = \"007\"\n");
    }

    #[test]
    fn what_is_unset_is_gone_with_its_lines_and_comments_stay() {
        assert_eq!(unset(TEXT, "copies").unwrap().unwrap(), TEXT.replace("copies=3\n", ""));
        assert_eq!(unset(TEXT, "connect").unwrap().unwrap(), TEXT.split("connect").next().unwrap());
        assert_eq!(unset(TEXT, "wan"), Ok(None));
        assert_eq!(unset("copies = 1", "copies").unwrap().unwrap(), "");
    }
}
