//! What a peer keeps for another one and downloads, too.

use potluck::control::Reply;

use super::{contents, peer, until_whole};
use crate::files::{assert_nothing_partial, fill};
use crate::lab::Lab;

#[test]
fn what_a_peer_keeps_for_another_one_is_downloaded_without_the_network() {
    let Some(lab) = Lab::of("up 2") else { return };
    let folder = lab.folder("owner/shared/film");
    for (n, bytes) in [(1, 10), (2, 200_000), (3, 5 << 20)] {
        fill(&folder.join(format!("{n}.bin")), bytes, n);
    }
    let keeper = peer(&lab, 2, "keeper", &["--copies", "1"]);
    let owner = peer(&lab, 1, "owner", &["--lend", "0"]);
    until_whole([&owner], 3);
    let before = lab.received(2);
    let replies = keeper.download("film", 0);
    let sum = replies.iter().find_map(|r| if let Reply::DownloadSum(sum) = r { Some(sum) } else { None });
    let sum = sum.unwrap();
    assert_eq!((sum.saved, sum.fetched), (3, 0), "{sum:?}");
    assert_eq!(contents(&keeper.directory.join("downloads/film")), contents(&folder));
    assert_nothing_partial(&keeper);
    let received = lab.received(2) - before;
    assert!(received < 1 << 20, "{received} bytes came");
    // The copy is still kept.
    until_whole([&owner], 3);
}
