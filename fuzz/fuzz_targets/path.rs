//! A path from another peer: refused, or one that cannot leave its root.
use std::path::Path;

use potluck::content::SafePath;

pub(crate) fn run(text: &str) {
    let Ok(path) = text.parse::<SafePath>() else { return };
    let local = path.under(Path::new("/root"));
    let back = SafePath::from_relative(local.strip_prefix("/root").expect("below the root"));
    assert_eq!(back.as_ref(), Ok(&path));
    assert!(!path.to_string().contains(char::is_control));
    let _: (String, u8) = (path.folded(), path.bucket());
}
