//! The command `group`: works on the group of a peer, with or without a running one.

use core::ops::ControlFlow;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use zeroize::Zeroizing;

use super::local::GroupAct;
use super::local_answer::{GroupRow, LocalAnswer, LocalReply};
use crate::control::typed::CommandOrigin;
use crate::control::{self, RejoinRequest, client, trust};
use crate::error::{Code, Failure};
use crate::group::{GroupFile, GroupFileError, GroupName, GroupWords};
use crate::sys::hidden_line::ask_hidden;
use crate::text::shown;

/// What is said of a peer without a group.
const NONE: &str = "in no group: everyone on this network sees shared/; `potluck group new NAME` makes a group, \
                    `potluck group join` joins one\n";

/// Does it for the peer in `directory`; returns what is to be said.
pub(super) fn run(
    act: Option<GroupAct>,
    directory: &Path,
    origin: CommandOrigin,
) -> Result<LocalAnswer, Failure> {
    match act {
        None | Some(GroupAct::Show) => show(directory),
        Some(GroupAct::New { name }) => make(directory, &name),
        Some(GroupAct::Join) => join(directory, || words(origin)),
        Some(GroupAct::Leave) => leave(directory),
    }
}

/// Where the group of the peer in `directory` lies.
fn state(directory: &Path) -> Result<PathBuf, Failure> {
    // Who made this folder could read the passphrase.
    trust::check(directory)?;
    Ok(directory.join(".potluck"))
}

/// Tells the group of the peer in `directory`, with its passphrase.
pub(super) fn show(directory: &Path) -> Result<LocalAnswer, Failure> {
    let here = GroupFile::load(&state(directory)?).map_err(|e| failure(&e))?;
    Ok(match here {
        Some(group) => answer(told(&group.words), object(Some(&group.words), true)),
        None => answer(NONE.to_owned(), object(None, false)),
    })
}

/// Makes a group of this name, and joins it.
pub(super) fn make(directory: &Path, name: &str) -> Result<LocalAnswer, Failure> {
    let state = state(directory)?;
    in_none(&state)?;
    let name = GroupName::parse(name).map_err(|e| usage(&e.into()))?;
    let words = GroupWords::make(name).map_err(|e| failure(&e))?;
    let joined = put(&state, words)?;
    let how = "tell the passphrase to those who may be in it; they type `potluck group join`\n";
    let text = format!("{}{how}", told(&joined.words));
    Ok(tell_peer(directory, answer(text, object(Some(&joined.words), true))))
}

/// Joins a group that is there already: these are its words.
pub(super) fn join(
    directory: &Path,
    words: impl FnOnce() -> Result<GroupWords, Failure>,
) -> Result<LocalAnswer, Failure> {
    let state = state(directory)?;
    in_none(&state)?;
    let joined = put(&state, words()?)?;
    let name = shown(joined.words.name.as_str());
    let text = format!("in the group {name} now\n");
    Ok(tell_peer(directory, answer(text, object(Some(&joined.words), false))))
}

/// Leaves it.
pub(super) fn leave(directory: &Path) -> Result<LocalAnswer, Failure> {
    let left = GroupFile::leave(&state(directory)?).map_err(|e| failure(&e))?;
    let none = object(None, false);
    let Some(name) = left else { return Ok(answer(NONE.to_owned(), none)) };
    let what = format!(
        "left the group {}: everyone on this network sees shared/ from now on. What is kept for the group \
         stays here, and is there again when this peer joins it again\n",
        shown(name.as_str())
    );
    Ok(tell_peer(directory, answer(what, none)))
}

fn answer(text: String, group: GroupRow) -> LocalAnswer {
    LocalAnswer { text, objects: vec![LocalReply::Group(group)] }
}

/// A group as JSON has it.
fn object(words: Option<&GroupWords>, tells_passphrase: bool) -> GroupRow {
    let passphrase = words.filter(|_| tells_passphrase).map(|words| words.passphrase.reveal().to_owned());
    GroupRow { name: words.map(|words| words.name.as_str().to_owned()), passphrase }
}

/// What a user types, or what comes by a pipe.
fn words(origin: CommandOrigin) -> Result<GroupWords, Failure> {
    if origin == CommandOrigin::Pipe {
        let message = "`group join` reads the name and the passphrase, and here commands are read: run `potluck group \
                       join` on its own, or start the peer with --group-file";
        return Err(Failure::new(Code::Usage, message));
    }
    if !io::stdin().is_terminal() {
        return GroupWords::from_reader(io::stdin()).map_err(|e| usage(&e));
    }
    let asked = |e: io::Error| Failure::other(format!("the terminal cannot be used: {e}"));
    let mut name = String::new();
    io::stderr().write_all(b"Name of the group: ").map_err(asked)?;
    io::stdin().read_line(&mut name).map_err(asked)?;
    let passphrase = ask_hidden("Passphrase (not shown): ").map_err(asked)?;
    parsed(&name, passphrase)
}

/// What somebody gave, as the words of a group.
pub(super) fn parsed(name: &str, passphrase: Zeroizing<String>) -> Result<GroupWords, Failure> {
    let text = Zeroizing::new(format!("{}\n{}\n", name.trim(), &*passphrase));
    GroupWords::parse(&text).map_err(|e| usage(&e))
}

/// The group of the peer whose state lies there is this one from now on.
fn put(state: &Path, words: GroupWords) -> Result<GroupFile, Failure> {
    control::make_state(state).map_err(|e| failure(&e.into()))?;
    GroupFile::join(state, words).map_err(|e| failure(&e))
}

/// Refuses to forget the passphrase of another group.
fn in_none(state: &Path) -> Result<(), Failure> {
    match GroupFile::load(state) {
        Ok(Some(here)) => Err(Failure::other(format!(
            "this peer is in the group {} already: `potluck group leave` first",
            shown(here.words.name.as_str())
        ))),
        // A damaged one is no reason to refuse: this is how it is repaired.
        Ok(None) | Err(_) => Ok(()),
    }
}

/// Name and passphrase, and where somebody looks also as a QR code.
fn told(words: &GroupWords) -> String {
    let (name, passphrase) = (words.name.as_str(), words.passphrase.reveal());
    let mut text = format!("  group       {}\n  passphrase  {}\n", shown(name), shown(passphrase));
    if io::stdout().is_terminal()
        && let Ok(code) = QrCode::new(Zeroizing::new(format!("{name}\n{passphrase}\n")).as_bytes())
    {
        let drawn = code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build();
        text.extend([&drawn, "\n"]);
    }
    text
}

/// Has a running peer change networks, and says what came of that behind what was done.
fn tell_peer(directory: &Path, mut done: LocalAnswer) -> LocalAnswer {
    let asked = client::ask(directory, &RejoinRequest {}.into(), |_| ControlFlow::Continue(()));
    match asked {
        Ok(()) => done.text.push_str("the peer that runs here has changed networks\n"),
        Err(failure) if failure.code == Code::NoPeer => {}
        Err(failure) => {
            let text = format!(
                "the peer that runs here is in its old network until it is started again: {}",
                failure.message
            );
            done.text.extend([&text, "\n"]);
            done.objects.push(LocalReply::Note { text });
        }
    }
    done
}

fn usage(e: &GroupFileError) -> Failure {
    Failure::new(Code::Usage, e.to_string())
}

fn failure(e: &GroupFileError) -> Failure {
    Failure::other(format!("the group of this peer (.potluck/group): {e}"))
}
