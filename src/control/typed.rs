//! What a command says of the words that are typed for it, beside what clap knows of them.

use std::path::{Path, PathBuf};

use super::CompletionNames;
use crate::error::{Code, Failure};

/// Where a command was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CommandOrigin {
    /// At the prompt of the peer itself.
    Prompt,
    /// On the standard input of the peer.
    Pipe,
    /// On the command line, to a running peer.
    OneShot,
}

/// From where a command is taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TypedFrom<'a> {
    pub(crate) origin: CommandOrigin,
    /// The folder to which paths are relative; `None`: the current folder was deleted.
    pub(crate) folder: Option<&'a Path>,
}

impl TypedFrom<'_> {
    /// `path` from where it was typed. `~/` is what a shell would make of it, which has not seen our prompt.
    ///
    /// # Errors
    /// It is relative to a folder that was deleted.
    pub(crate) fn absolute(&self, path: PathBuf) -> Result<PathBuf, Failure> {
        if self.origin != CommandOrigin::OneShot
            && let Ok(rest) = path.strip_prefix("~")
            && let Some(home) = std::env::var_os("HOME")
        {
            return Ok(Path::new(&home).join(rest));
        }
        match self.folder {
            Some(folder) => Ok(folder.join(path)),
            None if path.is_absolute() => Ok(path),
            None => Err(folder_deleted()),
        }
    }
}

/// A path was typed that is relative to the current folder, which was deleted.
pub(crate) fn folder_deleted() -> Failure {
    let message = "the current folder was deleted: go to another one, or give a path that begins with `/`";
    Failure::new(Code::Usage, message)
}

/// What can be proposed for an argument, at the prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proposals {
    /// Names that the peer knows.
    Names(CompletionNames),
    /// These words.
    Words(&'static [&'static str]),
    /// Folders of this machine.
    Folders,
    /// Nothing of the command's own; clap may know choices, or that it is a path of this machine.
    None,
}

/// A request that is made of typed words.
pub(crate) trait TypedRequest {
    /// What can be proposed for an argument, which is called as its field.
    fn proposals(argument: &str) -> Proposals;

    /// Makes what was typed independent of where that was.
    ///
    /// # Errors
    /// That place was deleted.
    fn anchor(&mut self, _from: &TypedFrom<'_>) -> Result<(), Failure> {
        Ok(())
    }

    /// The answer is read by a person, not by a program: where both want something else, this asks for it.
    fn for_people(&mut self) {}
}
