//! `share`: one more folder is shared; answered once it is remembered. Pure.

use super::{Answer, Command, Needs};
use crate::control::{Reply, ShareRequest};
use crate::error::{Code, Failure};
use crate::library::Share;
use crate::peer::event::AskId;
use crate::peer::file_work::FileWork;
use crate::peer::machine::PeerMachine;
use crate::peer::output::{PeerOutput, ShareOrder};
use crate::settings::ShareArgument;
use crate::text;
use crate::time::Time;

impl Command for ShareRequest {
    fn needs(&self) -> Needs {
        Needs::Nothing
    }

    fn answer(self: Box<Self>, _: Time, ask: AskId, peer: &mut PeerMachine) -> Result<Answer, Failure> {
        if peer.own.settings.index.is_only {
            return Err(Failure::new(Code::Usage, "this peer shares nothing (--index-only)"));
        }
        let asked = ShareArgument { name: self.name, folder: self.folder };
        peer.out.files(FileWork::Share(ask, asked));
        Ok(Answer::Later)
    }
}

/// It is remembered, or cannot be shared.
pub(super) fn shared(ask: AskId, shared: Result<Share, Failure>, peer: &mut PeerMachine) {
    let share = match shared {
        Ok(share) => share,
        Err(failure) => return peer.out.reply(ask, Reply::Failed(failure)),
    };
    let (name, folder) = (share.name.clone(), text::shown(&share.folder.to_string_lossy()).into_owned());
    let text = if peer.shared.shares.folder(&name) == Some(&share.folder) {
        format!("{folder} is shared already, as {name}/")
    } else {
        peer.shared.shares.add(share.clone());
        peer.out.push(PeerOutput::Share(ShareOrder::Begin(share)));
        format!("sharing {folder} as {name}/, now and after a restart; `unshare {}` ends that", name.typed())
    };
    peer.out.reply(ask, Reply::Note { text });
    peer.out.reply(ask, Reply::Done);
}
