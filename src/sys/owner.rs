//! To whom files and folders belong, and who else may write in them: users, groups and rights of POSIX
//! (stat(2), passwd(5), group(5)). Access lists (acl(5)) show here as rights of the group.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use nix::unistd::{Gid, Group, Uid, User};

/// The bits of a mode that let a group and everybody write, and the one that lets nobody rename or remove
/// what belongs to others (inode(7)).
const GROUP_WRITES: u32 = 0o020;
const ALL_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;

/// Rights of a folder that is its owner's alone, and what others must not have there.
const PRIVATE: u32 = 0o700;
const OTHERS: u32 = 0o077;

/// A user of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct UserId(u32);

/// To whom something belongs, and what rights others have on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ownership {
    /// Its owner, who can change all the rest.
    pub owner: UserId,
    group: u32,
    mode: u32,
}

impl UserId {
    /// The user whose rights this process has.
    #[must_use]
    pub(crate) fn own() -> Self {
        Self(rustix::process::geteuid().as_raw())
    }

    /// True for root, who can do anything on this machine.
    #[must_use]
    pub(crate) const fn is_root(self) -> bool {
        self.0 == 0
    }

    /// The name, or `user 1234` if there is none for it.
    #[must_use]
    pub(crate) fn name(self) -> String {
        self.entry().map_or_else(|| format!("user {}", self.0), |user| user.name)
    }

    /// The number, as folders are named by it.
    #[must_use]
    pub(crate) fn number(self) -> String {
        self.0.to_string()
    }

    fn entry(self) -> Option<User> {
        User::from_uid(Uid::from_raw(self.0)).ok().flatten()
    }

    /// The user of this number.
    #[must_use]
    pub(crate) const fn of(number: u32) -> Self {
        Self(number)
    }
}

impl Ownership {
    /// That of what lies at `path`, or of what it leads to if it is a link.
    ///
    /// # Errors
    /// `NotFound`, or what else the operating system says.
    pub(crate) fn at(path: &Path) -> io::Result<Self> {
        path.metadata().map(|facts| Self::of(&facts))
    }

    /// That of what lies at `path`, be it a link.
    ///
    /// # Errors
    /// `NotFound`, or what else the operating system says.
    pub(crate) fn at_link(path: &Path) -> io::Result<Self> {
        path.symlink_metadata().map(|facts| Self::of(&facts))
    }

    fn of(facts: &std::fs::Metadata) -> Self {
        Self { owner: UserId(facts.uid()), group: facts.gid(), mode: facts.permissions().mode() }
    }

    /// True if everybody on this machine may write there.
    #[must_use]
    pub(crate) const fn is_open_to_all(self) -> bool {
        self.mode & ALL_WRITE != 0
    }

    /// True if its group may write there, and others than its owner and `user` may be in that group.
    #[must_use]
    pub(crate) fn is_open_to_group(self, user: UserId) -> bool {
        self.mode & GROUP_WRITES != 0 && !is_private(self.group, [self.owner, user])
    }

    /// True if others than the owner have any right on it.
    #[must_use]
    pub(crate) const fn is_open(self) -> bool {
        self.mode & OTHERS != 0
    }

    /// True for a folder in which nobody can rename or remove what belongs to others, such as `/tmp`.
    #[must_use]
    pub(crate) const fn is_sticky(self) -> bool {
        self.mode & STICKY != 0
    }

    #[cfg(test)]
    pub(crate) const fn new(owner: UserId, group: u32, mode: u32) -> Self {
        Self { owner, group, mode }
    }
}

/// True if `group` is the private one of one of `users`, as many systems give one to each user: it has the
/// user's name and is the user's first group, and no other member is named than these users and root. Users
/// whose first group it is are not among its members (group(5)); that is why the name is asked for.
fn is_private(group: u32, users: [UserId; 2]) -> bool {
    let Ok(Some(group)) = Group::from_gid(Gid::from_raw(group)) else { return false };
    let users: Vec<_> = users.into_iter().filter_map(UserId::entry).collect();
    users.iter().any(|user| user.name == group.name && user.gid == group.gid)
        && group.mem.iter().all(|member| is_root(member) || users.iter().any(|user| user.name == *member))
}

fn is_root(name: &str) -> bool {
    User::from_name(name).is_ok_and(|user| user.is_some_and(|user| user.uid.is_root()))
}

/// True if the file system of `folder` keeps owners and rights: what this process makes there belongs to its
/// user and is closed to others if it is made so. FAT and some FUSE file systems give all files one owner and
/// one mode. Also true where nothing can be made to find out.
#[must_use]
pub(crate) fn are_kept(folder: &Path) -> bool {
    let mut new = tempfile::Builder::new();
    let new = new.prefix(".potluck-try-").permissions(Permissions::from_mode(PRIVATE));
    let Ok(made) = new.tempdir_in(folder) else { return true };
    Ownership::at_link(made.path()).is_ok_and(|found| found.owner == UserId::own() && !found.is_open())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::testing;

    #[test]
    fn who_may_write_is_read_from_the_rights() {
        let dir = tempfile::tempdir().unwrap();
        let (own, path) = (UserId::own(), dir.path());
        for (mode, all, sticky, open) in [
            (0o700, false, false, false),
            (0o755, false, false, true),
            (0o757, true, false, true),
            (0o1777, true, true, true),
        ] {
            testing::set_mode(path, mode);
            let found = Ownership::at(path).unwrap();
            let told = (found.is_open_to_all(), found.is_sticky(), found.is_open());
            assert_eq!((found.owner, told), (own, (all, sticky, open)), "{mode:o}");
        }
        assert!(are_kept(path));
        assert_eq!(std::fs::read_dir(path).unwrap().count(), 0);
    }

    #[test]
    fn a_link_belongs_to_whoever_made_it() {
        let dir = tempfile::tempdir().unwrap();
        testing::link("/", dir.path().join("link"));
        assert_eq!(Ownership::at_link(&dir.path().join("link")).unwrap().owner, UserId::own());
        assert!(Ownership::at(&dir.path().join("link")).unwrap().owner.is_root());
    }

    #[test]
    fn the_group_of_root_is_private_and_one_of_many_is_not() {
        let (root, nobody) = (UserId::of(0), UserId::of(65_534));
        assert!(!Ownership::new(root, 0, 0o775).is_open_to_group(root));
        assert!(!Ownership::new(root, 12_345, 0o755).is_open_to_group(root));
        // A group without a name may have anybody in it; so may one that is called otherwise than its users.
        assert!(Ownership::new(root, 12_345, 0o775).is_open_to_group(root));
        assert!(Ownership::new(nobody, 0, 0o775).is_open_to_group(nobody));
    }

    #[test]
    fn a_user_without_a_name_is_called_by_the_number() {
        assert_eq!(UserId::of(0).name(), "root");
        assert_eq!(UserId::of(4_000_111).name(), "user 4000111");
    }
}
