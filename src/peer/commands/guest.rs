//! `guest`: people with a browser are let in, or not any more. Pure; the shell serves them.

use jiff::SignedDuration;

use super::{Answer, Command, Needs};
use crate::content::SafePath;
use crate::control::{GuestAction, GuestOrder, GuestRequest};
use crate::error::{Code, Failure};
use crate::peer::event::AskId;
use crate::peer::machine::PeerMachine;
use crate::peer::output::PeerOutput;
use crate::peer::owners::Owners;
use crate::text;
use crate::time::Time;

impl Command for GuestRequest {
    fn needs(&self) -> Needs {
        let is_named = self.action == Some(GuestAction::On) && self.what.is_some();
        if is_named { Needs::Catalogues } else { Needs::Nothing }
    }

    fn answer(self: Box<Self>, _: Time, ask: AskId, peer: &mut PeerMachine) -> Result<Answer, Failure> {
        let usage = |text: &str| Failure::new(Code::Usage, text);
        let is_plain =
            self.time.is_none() && !self.upload && !self.pin && !self.private && self.port.is_none();
        if self.action != Some(GuestAction::On) && !is_plain {
            return Err(usage("--for, --upload, --pin, --private and --port are for `guest on`"));
        }
        let order = match (self.action, self.what) {
            (None, None) => GuestOrder::Show,
            (Some(GuestAction::Off), None) => GuestOrder::Off,
            (Some(GuestAction::Say), Some(text)) if !text.trim().is_empty() => GuestOrder::Say(text),
            (Some(GuestAction::Say), _) => return Err(usage("what are guests to be told? `guest say TEXT`")),
            (Some(GuestAction::On), what) => {
                let seconds = self.time.as_deref().map(seconds).transpose()?;
                let root = what.map_or_else(|| Ok(String::new()), |path| root(&path, peer))?;
                GuestOrder::On {
                    name: peer.own.presence.name.to_string(),
                    root,
                    seconds,
                    uploads: self.upload,
                    has_pin: self.pin,
                    // Who is in a group keeps what others share from those who are not.
                    is_private: self.private || peer.own.settings.network.is_some(),
                    port: self.port.unwrap_or(0),
                }
            }
            (None | Some(GuestAction::Off), Some(_)) => return Err(usage("say `guest on PATH`")),
        };
        peer.out.push(PeerOutput::Guest(ask, order));
        Ok(Answer::Later)
    }
}

/// The file or folder that is meant.
fn root(path: &str, peer: &PeerMachine) -> Result<String, Failure> {
    let none = || {
        let message = format!("nobody shares `{}`; `list` shows what there is", text::shown(path));
        Failure::new(Code::NotFound, message)
    };
    let root: SafePath = path.trim_end_matches('/').parse().map_err(|_| none())?;
    let own = peer.shared.shelf.catalogue.entries();
    let mut all = own.chain(peer.presence.roster.entries(&Owners::Anyone).map(|(_, entry)| entry));
    let is_there = all.any(|entry| entry.path.is_below(&root) || entry.path == root);
    if is_there { Ok(root.as_str().to_owned()) } else { Err(none()) }
}

/// A time as people write it.
fn seconds(time: &str) -> Result<u64, Failure> {
    let time: Option<SignedDuration> = time.parse().ok();
    let seconds = time
        .and_then(|time| u64::try_from(time.as_secs()).ok())
        .filter(|seconds| (1..=31_536_000).contains(seconds));
    seconds.ok_or_else(|| Failure::new(Code::Usage, "--for takes a time up to a year: `90m`, `2h`, `1d 12h`"))
}
