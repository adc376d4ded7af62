//! What the machine of `mod.rs` does when the libraries of the shares report. Pure.

use super::PeerMachine;
use crate::content::{SafePath, ShareName};
use crate::library::{self, Share};
use crate::peer::commands::{own_files_changed, rescanned};
use crate::peer::happenings;
use crate::peer::output::{PeerOutput, ShareOrder};
use crate::time::Time;

impl PeerMachine {
    /// The library of a share reports; `None`: that of `shared/`.
    pub(super) fn on_library(&mut self, now: Time, share: Option<&ShareName>, event: library::Event) {
        if let (Some(name), library::Event::Moved) = (share, &event) {
            return begin_share_again(now, name, self);
        }
        if let Some(event) = self.shared.shares.handle(now, share, event) {
            on_all_shares(now, event, self);
        }
    }
}

/// Another folder lies where a share was: its threads cannot open that, so new ones are started.
fn begin_share_again(now: Time, name: &ShareName, peer: &mut PeerMachine) {
    let Some(folder) = peer.shared.shares.folder(name).map(ToOwned::to_owned) else { return };
    let is_looking = peer.shared.shares.begins_again(name);
    peer.out.push(PeerOutput::Share(ShareOrder::Begin(Share { name: name.clone(), folder })));
    if is_looking {
        peer.out.push(PeerOutput::Share(ShareOrder::Tell(name.clone(), library::Command::Rescan)));
    }
    shares_changed(now, peer);
}

/// What lies in the shares together changed, though no library told more.
pub(in crate::peer) fn shares_changed(now: Time, peer: &mut PeerMachine) {
    let shelf = peer.shared.shares.shelf();
    on_all_shares(now, library::Event::Changed(shelf), peer);
}

/// All shares together are so now.
pub(super) fn on_all_shares(now: Time, event: library::Event, peer: &mut PeerMachine) {
    match event {
        // A peer that is here for the index alone shares nothing, whatever is put there.
        library::Event::Changed(_) | library::Event::Hashing { .. } if peer.own.settings.index.is_only => {}
        library::Event::Changed(shelf) => {
            let before = std::mem::replace(&mut peer.shared.shelf, shelf);
            if peer.out.is_watched() {
                happenings::own_files(&before.catalogue, &peer.shared.shelf.catalogue, &mut peer.out);
            }
            for name in peer.shared.shares.take_hiding() {
                peer.warn(format!(
                    "shared/{name} is not shared, because the share {name} has its name: rename it, or `unshare {}`",
                    name.typed()
                ));
            }
            own_files_changed(now, peer);
            peer.custody.own.look_again(now);
        }
        library::Event::Hashing { first, files, bytes } => {
            if peer.shared.unhashed == 0 {
                peer.out.debug(format!("{files} files with {bytes} bytes are to be hashed"));
            }
            peer.shared.hashing(first, files);
            if files == 0 {
                peer.custody.own.look_again(now);
            }
        }
        library::Event::Scanned => {
            peer.shared.is_scanned = true;
            // If nothing is shared, others are to know that, too.
            peer.custody.own.look_again(now);
        }
        library::Event::Rescanned => rescanned(peer),
        library::Event::Warning(text) => peer.warn(text),
        // It is that of one share.
        library::Event::Moved => {}
    }
}

/// A shared file is not what it was: its library is to look at it.
pub(super) fn check_shared(path: SafePath, peer: &mut PeerMachine) {
    let command = library::Command::Check(path.clone());
    peer.out.push(match peer.shared.shares.of(&path) {
        None => PeerOutput::Library(command),
        Some(share) => PeerOutput::Share(ShareOrder::Tell(share.name, command)),
    });
}
