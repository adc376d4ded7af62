//! Whether a peer directory can be trusted: looked at before anything in it is believed or written.
//!
//! Where others can write, they can have made `.potluck/` with a key that they know, or `shared` as a link to
//! the files of the user who starts a peer there. Git asks the same of a repository (`safe.directory`), ssh
//! of its keys (`StrictModes`). Root is no attacker, and root itself is told and not refused in a folder of
//! another user: what runs there may be meant so.

use core::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Failure;
use crate::sys::owner::{self, Ownership, UserId};
use crate::text;

/// Holds the key: who made it may know that.
const STATE: &str = ".potluck";
/// What a peer believes to be its own.
const ITEMS: [&str; 3] = [STATE, SHARED, DOWNLOADS];
const SHARED: &str = "shared";
const DOWNLOADS: &str = "downloads";

/// Who else may write in a peer directory, root apart: as many as there are.
#[derive(Clone, Debug, PartialEq, Eq)]
enum OtherWriter {
    /// The folder's owner, called this.
    Owner(String),
    /// A group that others may be in.
    Group,
    /// Everybody on this machine.
    All,
}

/// What was made in a peer directory by another user who is not root.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Foreign {
    item: &'static str,
    maker: String,
}

/// What was seen of a peer directory.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Look {
    /// As it is shown.
    directory: String,
    /// Who looks, and wants to run a peer.
    user: UserId,
    writer: Option<OtherWriter>,
    /// True if those who may write cannot replace what is not theirs.
    sticky: bool,
    foreign: Vec<Foreign>,
}

/// What follows from a look; each text is for the user.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    /// All that is there is this user's, and stays so.
    Own,
    /// It may be used; this is to be known.
    Told(String),
    /// It is not to be used.
    Refused(String),
}

/// Looks at a peer directory before it is used. `Some`: it may be used, and this is to be known.
///
/// # Errors
/// Others may have made what lies there; who, and what to do.
pub(crate) fn check(directory: &Path) -> Result<Option<String>, Failure> {
    match look(directory).map_or(Verdict::Own, |look| look.judge()) {
        Verdict::Own => Ok(None),
        // What a file system without owners and rights says of them means nothing.
        Verdict::Told(_) | Verdict::Refused(_) if !owner::are_kept(directory) => {
            Ok(Some(without_rights(directory)))
        }
        Verdict::Told(text) => Ok(Some(text)),
        Verdict::Refused(text) => Err(Failure::other(text)),
    }
}

/// What is to be known of a peer directory whose folders are there: who else may write, whether the key can
/// be read by others, and where links lead.
///
/// # Errors
/// As [`check`].
pub(crate) fn warnings(directory: &Path) -> Result<Vec<String>, Failure> {
    let told = check(directory)?;
    // It was closed a moment ago, as far as that is possible.
    let is_open = Ownership::at(&directory.join(STATE)).is_ok_and(Ownership::is_open);
    let open = (is_open && told.is_none()).then(|| without_rights(directory));
    Ok(told.into_iter().chain(open).chain(links(directory)).collect())
}

/// `None` if it cannot be looked at; then it cannot be used either, and whoever tries says why.
fn look(directory: &Path) -> Option<Look> {
    let user = UserId::own();
    let found = Ownership::at(directory).ok()?;
    let is_other = |owner: UserId| owner != user && !owner.is_root();
    let writer = if found.is_open_to_all() {
        Some(OtherWriter::All)
    } else if found.is_open_to_group(user) {
        Some(OtherWriter::Group)
    } else {
        is_other(found.owner).then(|| OtherWriter::Owner(found.owner.name()))
    };
    let maker = |item: &'static str| {
        let path = directory.join(item);
        let made = Ownership::at_link(&path).ok()?.owner;
        // A link to the files of others is a matter of its maker, but for the key.
        let held = Ownership::at(&path).ok().filter(|_| item == STATE).map(|found| found.owner);
        let maker = [Some(made), held].into_iter().flatten().find(|owner| is_other(*owner))?;
        Some(Foreign { item, maker: maker.name() })
    };
    let foreign = ITEMS.into_iter().filter_map(maker).collect();
    Some(Look { directory: shown(directory), user, writer, sticky: found.is_sticky(), foreign })
}

impl Look {
    fn judge(&self) -> Verdict {
        let is_key_foreign = self.foreign.iter().any(|foreign| foreign.item == STATE);
        match &self.writer {
            // Only this user can have put it there: a disk that is mounted, or a folder that was moved.
            None if !is_key_foreign => Verdict::Own,
            None | Some(OtherWriter::Owner(_)) if self.user.is_root() => Verdict::Told(self.told_to_root()),
            writer => match (self.foreign.first(), writer) {
                (Some(foreign), writer) => Verdict::Refused(self.refusal(foreign, writer.as_ref())),
                (None, Some(OtherWriter::All | OtherWriter::Group)) if self.sticky => Verdict::Own,
                (None, Some(writer)) => Verdict::Told(self.told_of(writer)),
                (None, None) => Verdict::Own,
            },
        }
    }

    fn told_to_root(&self) -> String {
        let Self { directory, .. } = self;
        let other = match (&self.writer, self.foreign.first()) {
            (Some(OtherWriter::Owner(name)), _) => name,
            (_, Some(foreign)) => &foreign.maker,
            _ => "another user",
        };
        format!(
            "this peer runs as root in {directory}, where {other} can change what it shares and read its key; \
             run it as {other} if that is not meant"
        )
    }

    fn told_of(&self, writer: &OtherWriter) -> String {
        let Self { directory, .. } = self;
        let end = writer.end().map_or_else(String::new, |end| format!("; `{end}` on it ends that"));
        format!("{writer} can write in {directory}, and so replace this peer's folders{end}")
    }

    fn refusal(&self, foreign: &Foreign, writer: Option<&OtherWriter>) -> String {
        let (Self { directory, user, .. }, Foreign { item, maker }) = (self, foreign);
        let own = user.name();
        let why = match writer {
            None => "and may know the key in it".to_owned(),
            Some(OtherWriter::Owner(_)) => "which is not yours".to_owned(),
            Some(writer) => format!("where {writer} can write"),
        };
        let close = writer.and_then(OtherWriter::end);
        let close = close.map_or_else(String::new, |end| format!("close this one (`{end}`), then "));
        format!(
            "{maker} made {item} in {directory}, {why}: start potluck in a folder of your own; or, if you trust \
             what is there, {close}make it yours (`chown -h {own} {item}`)"
        )
    }
}

impl OtherWriter {
    /// The command that takes the right away, but for an owner.
    const fn end(&self) -> Option<&'static str> {
        match self {
            Self::Owner(_) => None,
            Self::Group => Some("chmod go-w"),
            Self::All => Some("chmod o-w"),
        }
    }
}

impl fmt::Display for OtherWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner(name) => f.write_str(name),
            Self::Group => f.write_str("a group of users"),
            Self::All => f.write_str("everyone on this machine"),
        }
    }
}

fn without_rights(directory: &Path) -> String {
    let shown = shown(directory);
    format!(
        "the file system of {shown} keeps no owners or no rights: other users of this machine may be able to \
         read this peer's key and replace its folders"
    )
}

/// Where the folders lie that are links: that is shared, or written, and does not show in their names.
fn links(directory: &Path) -> Vec<String> {
    let target = |item: &str| -> Option<PathBuf> {
        let path = directory.join(item);
        fs::read_link(&path).ok()?;
        path.canonicalize().ok()
    };
    let line = |item| {
        let target = shown(&target(item)?);
        Some(match item {
            SHARED => format!("shared is a link: everything in {target} is shared"),
            DOWNLOADS => format!("downloads is a link: files are saved in {target}"),
            _ => format!("{item} is a link: this peer's key and state lie in {target}"),
        })
    };
    ITEMS.into_iter().filter_map(line).collect()
}

fn shown(path: &Path) -> String {
    text::shown(&path.display().to_string()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::testing;

    const ANNA: UserId = UserId::of(1000);
    const ROOT: UserId = UserId::of(0);

    fn owner() -> OtherWriter {
        OtherWriter::Owner("bob".to_owned())
    }

    fn verdict(user: UserId, writer: Option<OtherWriter>, sticky: bool, items: &[&'static str]) -> Verdict {
        let foreign = |item: &&'static str| Foreign { item, maker: "bob".to_owned() };
        let foreign = items.iter().map(foreign).collect();
        Look { directory: "/peer".to_owned(), user, writer, sticky, foreign }.judge()
    }

    fn refused(user: UserId, writer: Option<OtherWriter>, sticky: bool, items: &[&'static str]) -> String {
        match verdict(user, writer, sticky, items) {
            Verdict::Refused(text) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_others_can_have_made_is_refused() {
        for sticky in [false, true] {
            for item in ITEMS {
                for user in [ANNA, ROOT] {
                    let text = refused(user, Some(OtherWriter::All), sticky, &[item]);
                    assert!(text.contains(&format!("bob made {item} in /peer, where everyone")), "{text}");
                    assert!(text.contains("`chmod o-w`"), "{text}");
                    let text = refused(user, Some(OtherWriter::Group), sticky, &[item]);
                    assert!(text.contains("`chmod go-w`"), "{text}");
                }
                let text = refused(ANNA, Some(owner()), sticky, &[item]);
                assert!(text.contains("which is not yours"), "{text}");
            }
        }
        assert!(refused(ANNA, None, false, &[STATE]).contains("may know the key"));
    }

    #[test]
    fn what_only_this_user_can_have_put_there_is_its_own() {
        for user in [ANNA, ROOT] {
            assert_eq!(verdict(user, None, false, &[]), Verdict::Own);
            assert_eq!(verdict(user, None, false, &[SHARED, DOWNLOADS]), Verdict::Own);
            // In a folder such as /tmp nobody replaces what is ours.
            assert_eq!(verdict(user, Some(OtherWriter::All), true, &[]), Verdict::Own);
        }
    }

    #[test]
    fn an_open_folder_without_foreign_things_is_told() {
        for (writer, who) in
            [(OtherWriter::All, "everyone"), (OtherWriter::Group, "a group"), (owner(), "bob")]
        {
            let Verdict::Told(text) = verdict(ANNA, Some(writer), false, &[]) else { panic!("{who}") };
            assert!(text.starts_with(who) && text.contains("/peer"), "{text}");
        }
    }

    #[test]
    fn root_is_told_in_the_folder_of_another_user() {
        for (writer, items) in [(Some(owner()), &[][..]), (Some(owner()), &ITEMS), (None, &[STATE])] {
            let Verdict::Told(text) = verdict(ROOT, writer, false, items) else { panic!("{items:?}") };
            assert!(text.contains("runs as root") && text.contains("as bob"), "{text}");
        }
    }

    #[test]
    fn an_own_folder_is_quiet_and_says_where_links_lead() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        assert_eq!(warnings(dir.path()).unwrap(), [""; 0]);
        testing::set_mode(other.path(), 0o700);
        for item in ITEMS {
            testing::link(other.path(), dir.path().join(item));
        }
        let target = other.path().canonicalize().unwrap().display().to_string();
        let told = warnings(dir.path()).unwrap();
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(told.iter().all(|line| line.contains("is a link") && line.contains(&target)));
    }

    #[test]
    fn a_state_that_cannot_be_closed_is_told() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join(STATE)).unwrap();
        testing::set_mode(dir.path().join(STATE), 0o755);
        let told = warnings(dir.path()).unwrap();
        assert!(
            matches!(told.as_slice(), [line] if line.contains("keeps no owners or no rights")),
            "{told:?}"
        );
    }
}
