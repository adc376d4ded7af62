//! Power loss at random moments, for the state of a peer: key, start count, database. Recorded below
//! strace (`sim/trace.rs`); the disk forgets what was not synced (`sim/disk.rs`).

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use crate::content::{FileId, Manifest, Stamp};
use crate::control::{keyfile, make_state};
use crate::identity::{Identity, Instance};
use crate::sim::disk::{Forgets, Tree};
use crate::sim::trace::{Known, Op, record};
use crate::sim::{Rng, seeds};
use crate::store::{self, HashRow};

/// Moments at which the power fails, in one run of the test.
const CUTS: u64 = 400;

/// Longer than what is written at once: a page of the database.
const SHOWN: usize = 8_192;

/// A row of the hash cache that is told apart by its inode.
fn row(path: &str, inode: u64) -> HashRow {
    let stamp = Stamp { device: 1, inode, size: 0, modified: 0, changed: 0 };
    let manifest = Arc::new(Manifest::prove(FileId([7; 32]), 0, &[]).unwrap());
    HashRow { path: path.parse().unwrap(), stamp, manifest, since: 1, seen: 0 }
}

#[test]
#[ignore = "run by the next test, below strace"]
fn victim() {
    let Some(dir) = std::env::var_os("POTLUCK_TEST_DIR") else { return };
    let dir = Path::new(&dir);
    let (state, backup) = (dir.join("disk/.potluck"), dir.join("backup"));
    let mut marks = fs::File::options().create(true).append(true).open(dir.join("marks")).unwrap();
    let mut mark = |what: &str| marks.write_all(format!("{what}\n").as_bytes()).unwrap();
    make_state(&state).unwrap();
    let first = Identity::generate().unwrap();
    first.store(&keyfile::key_path(&state)).unwrap();
    for round in 0..4 {
        let key = keyfile::load(&state).unwrap().unwrap();
        let instance = Instance::begin(&state.join("instance"), 0, 1).unwrap();
        // From here on others know both.
        mark(&format!("started {} {}", instance.count, key.id().full()));
        let store = store::start(&state.join(store::FILE)).unwrap();
        for n in 0..10 {
            let long = format!("{n}{}", "/some text ".repeat(50));
            store.put_hashes(vec![row("round", round), row(&long, n)]);
        }
        drop(store);
        match round {
            0 => drop(keyfile::export(&state, &backup).unwrap()),
            1 => drop(keyfile::renew(&state).unwrap()),
            2 => drop(keyfile::import(&state, &backup, true).unwrap()),
            _ => {}
        }
    }
}

/// The ids of all keys that are there, the one in use first.
fn keys(state: &Path) -> Vec<String> {
    let key = keyfile::load(state).unwrap().expect("a key that others know is there");
    let old = (1..10).filter_map(|n| Identity::load(&state.join(format!("key.old-{n}"))).unwrap());
    [key].into_iter().chain(old).map(|key| key.id().full()).collect()
}

#[test]
fn power_loss_at_any_moment_leaves_the_key_the_count_and_the_database() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("disk")).unwrap();
    let Some(trace) = record("control::tests::power::victim", dir.path(), SHOWN, &Known::default()) else {
        return;
    };
    let started = |op: &Op| match op {
        Op::Mark(text) => {
            let [_, count, id] = text.split(' ').collect::<Vec<_>>().try_into().unwrap();
            Some((count.parse::<u64>().unwrap(), id.to_owned()))
        }
        _ => None,
    };
    let all: Vec<_> = trace.ops.iter().filter_map(started).collect();
    assert_eq!(all.iter().map(|(count, _)| *count).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert!(all[1].1 == all[0].1 && all[2].1 != all[0].1 && all[3].1 == all[0].1);
    seeds(CUTS, |seed| {
        let rng = &mut Rng::new(seed);
        let cut = usize::try_from(rng.below(trace.ops.len() as u64 + 1)).unwrap();
        let forgets = [Forgets::All, Forgets::FromSomeMoment, Forgets::Anything];
        let left = tempfile::tempdir().unwrap();
        Tree::after(&trace, cut, forgets[usize::try_from(seed % 3).unwrap()], rng).put(left.path());
        let known: Vec<_> = trace.ops[..cut].iter().filter_map(started).collect();
        let Some((count, id)) = known.last() else { return };
        let state = left.path().join(".potluck");
        let keys = keys(&state);
        // The command that changes the key may have been under way, or done.
        let next = all.get(known.len()).map(|(_, id)| id);
        assert!(keys[0] == *id || Some(&keys[0]) == next, "{} is neither the old key nor the new", keys[0]);
        for (_, id) in &known {
            assert!(keys.contains(id), "the key of {id} is lost");
        }
        let again = Instance::begin(&state.join("instance"), 0, 1).unwrap();
        assert!(again.count > *count, "{} was used already", again.count);
        let store = store::start(&state.join(store::FILE)).unwrap();
        let rows = store.hashes().iter().flatten().collect::<Vec<_>>();
        let round = rows.iter().find(|row| row.path.as_str() == "round").map(|row| row.stamp.inode);
        assert_eq!(store.warnings.try_iter().collect::<Vec<_>>(), [""; 0], "the database is damaged");
        assert!(round.is_none_or(|round| round < known.len() as u64));
    });
}
