//! Several downloads of one user at once, and what is kept for others beside them: stories of whole peers, over
//! connections of 12.5 MB/s.

use core::time::Duration;

use super::WholeWorld;
use super::tests::{content, download, seconds};
use crate::control::Reply;
use crate::peer::event::AskId;
use crate::sim::Link;

const MIB: usize = 1 << 20;

/// What a small download may take more beside a large one.
const MORE: Duration = Duration::from_millis(100);

/// An owner and a taker without copies, who know each other; the owner shares these files.
fn pair(files: &[(&str, usize)]) -> WholeWorld {
    let mut world = WholeWorld::new(1, 2, Link::WIRE);
    for (n, (path, len)) in files.iter().enumerate() {
        world.put(0, path, content(n, *len));
    }
    for place in 0..2 {
        let settings = world.settings(place);
        (settings.copies, settings.lend) = (1, Some(0));
        world.start(place);
    }
    world.run(seconds(5));
    world
}

impl WholeWorld {
    /// Waits until a download of the taker is done; how long it took from now on.
    fn done(&mut self, ask: AskId) -> Duration {
        let took = self.run_while(seconds(60), |world| world.is_answered(1, ask));
        assert_eq!(self.peers[1].replies(ask).last(), Some(&Reply::Done));
        took.expect("it is done")
    }

    /// How long the taker waits for a file.
    fn takes(&mut self, path: &str) -> Duration {
        let ask = self.ask(1, download(path));
        self.done(ask)
    }
}

#[test]
fn a_small_download_takes_at_most_100_ms_more_beside_a_large_one() {
    for len in [10, 100_000, 400_000] {
        let mut world = pair(&[("large", 40 * MIB), ("alone", len), ("beside", len)]);
        let alone = world.takes("alone");
        let large = world.ask(1, download("large"));
        world.run(seconds(1));
        let beside = world.takes("beside");
        assert!(!world.is_answered(1, large), "the large one goes on");
        assert!(beside <= alone + MORE, "{len} bytes: {beside:?}, and {alone:?} alone");
        world.done(large);
    }
}

#[test]
fn two_equal_downloads_end_together_and_take_no_longer_than_one_as_large() {
    let mut world = pair(&[("both", 24 * MIB), ("one", 12 * MIB), ("two", 12 * MIB + 1)]);
    let both = world.takes("both");
    let begun = world.network.now;
    let [one, two] = ["one", "two"].map(|path| world.ask(1, download(path)));
    let is_any = |world: &WholeWorld| world.is_answered(1, one) || world.is_answered(1, two);
    let first = world.run_while(seconds(60), is_any).expect("one is done");
    world.done(one);
    world.done(two);
    let last = world.network.now.since(begun);
    assert!(last <= first.mul_f64(1.05), "{first:?} and {last:?}");
    assert!(last <= both.mul_f64(1.02), "{last:?}, and {both:?} in one");
}

/// The user's files are so few that there is room for others beside them, and what is kept so small that its bytes
/// are nothing: if it did not wait, 30 files would come.
#[test]
fn what_is_kept_for_others_waits_while_a_user_downloads() {
    const KEPT: usize = 2_000;
    let mut world = WholeWorld::new(1, 2, Link::WIRE);
    world.settings(1).copies = 1;
    for n in 0..KEPT {
        world.put(0, &format!("kept/{n}"), content(n, 1_000));
    }
    for n in 0..60 {
        world.put(0, &format!("wanted/{n}"), content(KEPT + n, 400_000));
    }
    world.start(0);
    world.start(1);
    world.run_while(seconds(30), |world| world.peers[1].n_stored() > 200).expect("copies are made");
    let before = world.peers[1].n_stored();
    let took = world.takes("wanted");
    let meanwhile = world.peers[1].n_stored() - before;
    assert!(took < seconds(3) && meanwhile <= 12, "{meanwhile} of {KEPT} were kept in {took:?}");
    world.all_kept(seconds(600), &[0]);
}
