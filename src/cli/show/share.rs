//! `share` as people read it, and what is shared by folder.

use super::parts::shown_path;
use super::{NotesOnly, Show};
use crate::cli::human::{count, size};
use crate::control::{ShareRequest, ShareRow};
use crate::text::shown;

/// What shows it.
pub(super) fn show(_: &ShareRequest) -> Box<dyn Show> {
    Box::new(NotesOnly)
}

/// A line for each folder that is shared, below the one that sums them up; nothing where there is `shared/` alone.
pub(super) fn rows(shares: &[ShareRow]) -> String {
    if shares.len() < 2 {
        return String::new();
    }
    shares.iter().map(|row| format!("\n            {}", line(row))).collect()
}

fn line(row: &ShareRow) -> String {
    let name = match row.name.as_str() {
        "" => "shared/".to_owned(),
        name => format!("{}/ from {}", shown(name), shown_path(&row.folder)),
    };
    let what = match row.state.as_str() {
        "gone" => "not there now; shared again once it is back".to_owned(),
        "looking" if row.files == 0 => "being looked at".to_owned(),
        _ => format!("{}, {}", count(row.files, "file"), size(row.bytes)),
    };
    format!("{name}: {what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_folder_has_a_line_where_there_are_several() {
        let row = |name: &str, folder: &str, state: &str, files| ShareRow {
            name: name.to_owned(),
            folder: folder.into(),
            state: state.to_owned(),
            files,
            bytes: files,
        };
        let own = row("", "/peer/shared", "here", 3);
        assert_eq!(rows(std::slice::from_ref(&own)), "");
        let all = [
            own,
            row("Films", "/mnt/films", "gone", 0),
            row("a\u{1b}", "/mnt/a", "looking", 0),
            row("b", "/mnt/b", "looking", 1),
        ];
        let expected = "
            shared/: 3 files, 3 B
            Films/ from /mnt/films: not there now; shared again once it is back
            a\\u{1b}/ from /mnt/a: being looked at
            b/ from /mnt/b: 1 file, 1 B";
        assert_eq!(rows(&all), expected);
    }
}
