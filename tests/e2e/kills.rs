//! A hundred times `kill -9`, on either side and on both, at random moments (`scripts/measure kills`).

use potluck::control::Reply;
use potluck::error::Code;

use crate::files::{assert_nothing_partial, assert_same, fill};
use crate::kill::begin_one;
use crate::lab::{LATER, Lab, Peer, Random, SOON, pause, wait};

/// Bytes of a file. The kills are spread over as many as it takes.
const SIZE: u64 = 256 << 20;
const FILES: u64 = 8;
const RATE: &str = "200mbit";
/// Kills, unless `POTLUCK_KILLS` says how many.
const KILLS: u32 = 100;

/// What a kill may cost on the average, in percent of a file.
const EACH: f64 = 1.0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Owner,
    Taker,
    Both,
}

fn name(file: u64) -> String {
    format!("big{file}.bin")
}

/// True if the file is there; then it is whole.
fn there(owner: &Peer, taker: &Peer, file: u64) -> bool {
    let path = taker.directory.join("downloads").join(name(file));
    let there = path.exists();
    if there {
        assert_same(&owner.directory.join("shared").join(name(file)), &path);
    }
    there
}

fn hundred_kills(who: Who) {
    let Some(lab) = Lab::of(&format!("up 2 {RATE}")) else { return };
    for file in 0..FILES {
        fill(&lab.folder("owner/shared").join(name(file)), SIZE, file);
    }
    let (mut owner, mut taker) = (lab.peer(1, "owner", &[]), lab.peer(2, "taker", &[]));
    wait("all offered", LATER, || (0..FILES).all(|file| taker.offered(&name(file)).is_some()).then_some(()));
    let mut random = Random::seeded();
    let before = lab.received(2);
    let wanted = std::env::var("POTLUCK_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(KILLS);
    let (mut file, mut kills) = (0, 0);
    let mut asked = begin_one(&taker, &name(file));
    while kills < wanted {
        pause(random.millis(20, 500));
        match who {
            Who::Owner => owner.kill(),
            Who::Taker => taker.kill(),
            Who::Both if random.next().is_multiple_of(2) => {
                owner.kill();
                taker.kill();
            }
            Who::Both => {
                taker.kill();
                owner.kill();
            }
        }
        kills += 1;
        let mut next = there(&owner, &taker, file);
        if who != Who::Taker {
            owner = lab.peer(1, "owner", &[]);
        }
        if who != Who::Owner {
            taker = lab.peer(2, "taker", &[]);
        }
        wait("offered again", SOON, || taker.offered(&name(file)).filter(|_| owner.sees(&taker)));
        next |= there(&owner, &taker, file);
        if next {
            file += 1;
            assert!(file < FILES, "the kills come too late: {kills} in all files");
        }
        // An owner that was killed is waited for, unless that ended in want of a holder.
        let ended = asked.0.try_iter().any(|reply| match reply {
            Reply::Failed(failure) => {
                assert_eq!(failure.code, Code::NoHolder, "{failure}");
                true
            }
            _ => false,
        });
        if next || ended || who != Who::Owner {
            asked = begin_one(&taker, &name(file));
        }
    }
    drop(asked);
    let all = file + 1;
    for file in 0..all {
        wait("offered", SOON, || taker.offered(&name(file)));
        wait("the whole file", LATER, || {
            let (replies, _thread) = begin_one(&taker, &name(file));
            let done = replies.iter().any(|reply| matches!(reply, Reply::Done));
            (done && there(&owner, &taker, file)).then_some(())
        });
    }
    assert_nothing_partial(&taker);
    assert_eq!(taker.downloads().len() as u64, all, "no file twice, nothing left behind");
    let twice = (lab.received(2) - before).saturating_sub(all * SIZE);
    let each = twice as f64 * 100.0 / SIZE as f64 / f64::from(kills);
    let sum = twice as f64 * 100.0 / (all * SIZE) as f64;
    println!(
        "{who:?}: {kills} kills in {all} files of {} MiB: {each:.3} % of a file came twice for each, {sum:.2} % of all",
        SIZE >> 20
    );
    assert!(each <= EACH, "{each:.3} % of a file came twice for each kill");
}

#[test]
#[ignore = "takes minutes: `scripts/measure kills`"]
fn a_hundred_kills_of_the_owner() {
    hundred_kills(Who::Owner);
}

#[test]
#[ignore = "takes minutes: `scripts/measure kills`"]
fn a_hundred_kills_of_the_taker() {
    hundred_kills(Who::Taker);
}

#[test]
#[ignore = "takes minutes: `scripts/measure kills`"]
fn a_hundred_kills_of_both() {
    hundred_kills(Who::Both);
}
