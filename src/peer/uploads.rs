//! Who is being served, and how fast. Pure.

use std::collections::BTreeMap;

use crate::control::UploadRow;
use crate::identity::PeerId;
use crate::peer::roster::Roster;
use crate::peer::speeds::Speed;
use crate::time::Time;

/// What is sent to one peer.
#[derive(Debug, Default)]
struct Upload {
    bytes: u64,
    speed: Speed,
}

/// All that content is under way to.
#[derive(Debug, Default)]
pub(super) struct Uploads(BTreeMap<PeerId, Upload>);

impl Uploads {
    /// To these, and to nobody else, so many bytes were sent. Returns how many these are in all.
    pub(super) fn serving(&mut self, now: Time, list: Vec<(PeerId, u64)>) -> u64 {
        let mut before = std::mem::take(&mut self.0);
        for (peer, bytes) in list {
            let mut speed = before.remove(&peer).unwrap_or_default().speed;
            speed.note(now, bytes);
            self.0.insert(peer, Upload { bytes, speed });
        }
        self.0.values().map(|upload| upload.bytes).fold(0, u64::saturating_add)
    }

    /// The names of those who are served.
    pub(super) fn names(&self, roster: &Roster) -> Vec<String> {
        roster.shown_names(&self.0.keys().copied().collect::<Vec<_>>())
    }

    /// What `status` shows of them.
    pub(super) fn rows(&self, now: Time, roster: &Roster) -> Vec<UploadRow> {
        let names = self.names(roster);
        let row = |(to, upload): (String, &Upload)| UploadRow {
            to,
            bytes: upload.bytes,
            speed: upload.speed.get(now),
        };
        names.into_iter().zip(self.0.values()).map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::super::roster::tests::{key, roster};
    use super::*;

    #[test]
    fn who_is_served_is_named_with_speed_until_it_has_all() {
        let (roster, mut uploads) = (roster(&[("anna", &[]), ("bert", &[])]), Uploads::default());
        let (anna, bert) = (key(1).peer_id(), key(2).peer_id());
        let at = |seconds| Time::ZERO + Duration::from_secs(seconds);
        assert_eq!(uploads.serving(at(0), vec![(anna, 0), (bert, 7)]), 7);
        assert_eq!(uploads.serving(at(2), vec![(anna, 2_000)]), 2_000);
        assert_eq!(uploads.names(&roster), ["anna"]);
        let row = UploadRow { to: "anna".to_owned(), bytes: 2_000, speed: 1_000 };
        assert_eq!(uploads.rows(at(2), &roster), [row]);
        assert_eq!(uploads.serving(at(3), Vec::new()), 0);
        assert!(uploads.names(&roster).is_empty());
    }
}
