//! Limits of speed, with real engines. That no more passes than may is asserted; how exactly the rate holds
//! is tested in transfer/gate.rs, and measured by `scripts/measure limits`.

use core::num::NonZeroU64;

use super::*;
use crate::sys::clock;

const MS: Duration = Duration::from_millis(1);

fn limited(rate: u64) -> Engine {
    Engine::new().unwrap().limited(NonZeroU64::new(rate))
}

impl Owner {
    fn limited(rate: u64) -> Self {
        let mut owner = Self::new();
        let (socket, port) = listener();
        owner.port = port;
        let tls = Tls::new(&owner.identity).unwrap();
        owner.sender = Some(start_sending(limited(rate), vec![socket], tls));
        owner
    }
}

/// A peer that fetches at most `rate` bytes a second, and knows the owners.
fn getter(rate: u64, owners: &[&Owner]) -> Getter {
    let identity = Identity::generate().unwrap();
    let engine = limited(rate);
    let (disk, commands, events) = memory_disk::Memory::start(engine.bell());
    let (socket, port) = listener();
    let tls = Tls::new(&identity).unwrap();
    let handle = start_receiver(engine, vec![socket], tls, commands, events).unwrap();
    for owner in owners {
        handle.send(ReceiverCommand::Peer(owner.contact()));
    }
    Getter { handle, disk, port, identity }
}

/// Fetches `bytes` in milliseconds; no source may be lost on the way. When the first byte is there, a
/// catalogue is asked for, which comes long before the last one.
fn fetch(getter: &Getter, bytes: &[u8], owners: &[&Owner]) -> u128 {
    let ids: Vec<_> = owners.iter().map(|o| o.id()).collect();
    let wanted = wanted("a", bytes, &ids);
    let begun = clock::now();
    let job = getter.fetch(1, vec![wanted]);
    let (mut asked, mut reported) = (false, false);
    let end = getter.wait(|event| match event {
        ReceiverEvent::Job(JobEvent::Progress(p)) if p.fetched > 0 && !asked => {
            asked = true;
            getter.handle.send(ReceiverCommand::Catalogue(ids[0]));
            None
        }
        ReceiverEvent::Catalogue(..) => {
            reported = true;
            None
        }
        ReceiverEvent::Lost(peer) => panic!("{peer} is lost"),
        ReceiverEvent::Job(JobEvent::Finished(id, files, failure)) => Some((id, files, failure)),
        _ => None,
    });
    assert_eq!(end, (job, 1, None));
    let took = clock::now().since(begun).as_millis();
    assert!(reported, "a small frame was held up");
    assert_eq!(getter.disk.arrived().remove(Path::new("/nowhere/a")).as_deref(), Some(bytes));
    took
}

#[test]
fn a_sender_gives_no_faster_than_its_limit() {
    let bytes = content(4_000_000, 1);
    let mut owner = Owner::limited(2_000_000);
    owner.share(&[("a", &bytes)]);
    let took = fetch(&getter(0, &[&owner]), &bytes, &[&owner]);
    assert!(took >= 1_800, "2 s are due, it took {took} ms");
}

#[test]
fn three_who_fetch_share_the_limit() {
    let bytes = content(1_500_000, 2);
    let mut owner = Owner::limited(2_000_000);
    owner.share(&[("a", &bytes)]);
    let begun = clock::now();
    let getters = [(); 3].map(|()| getter(0, &[&owner]));
    let jobs = getters.each_ref().map(|g| g.fetch(1, vec![wanted("a", &bytes, &[owner.id()])]));
    for (getter, job) in getters.iter().zip(jobs) {
        assert_eq!(getter.wait_finished(job), (1, None));
    }
    let took = clock::now().since(begun);
    assert!(took >= 2_025 * MS, "2.25 s are due, it took {took:?}");
}

#[test]
fn a_receiver_takes_no_more_than_its_limit_of_two_sources() {
    let bytes = content(3_000_000, 3);
    let mut owners = [Owner::new(), Owner::new()];
    owners.iter_mut().for_each(|o| o.share(&[("a", &bytes)]));
    let both = owners.each_ref();
    let took = fetch(&getter(1_000_000, &both), &bytes, &both);
    assert!(took >= 2_700, "3 s are due, it took {took} ms");
}

#[test]
fn fifty_kilobytes_a_second_are_a_limit_too() {
    let bytes = content(150_000, 4);
    let mut slow = Owner::limited(50_000);
    slow.share(&[("a", &bytes)]);
    let took = fetch(&getter(0, &[&slow]), &bytes, &[&slow]);
    assert!(took >= 2_700, "3 s are due, sending took {took} ms");
    let mut owner = Owner::new();
    owner.share(&[("a", &bytes)]);
    let took = fetch(&getter(50_000, &[&owner]), &bytes, &[&owner]);
    assert!(took >= 2_700, "3 s are due, fetching took {took} ms");
}

#[test]
fn whoever_asks_for_many_files_at_once_gets_no_more_of_a_limit() {
    let files: Vec<_> = (0..40).map(|n| (format!("f{n}"), content(100_000, 10 + n))).collect();
    let one = content(1_500_000, 5);
    let mut owner = Owner::limited(2_000_000);
    let shared = files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice()));
    owner.share(&shared.chain([("one", one.as_slice())]).collect::<Vec<_>>());
    let [greedy, modest] = [(); 2].map(|()| getter(0, &[&owner]));
    for (n, (path, bytes)) in (1..).zip(&files) {
        greedy.fetch(n, vec![wanted(path, bytes, &[owner.id()])]);
    }
    let job = modest.fetch(1, vec![wanted("one", &one, &[owner.id()])]);
    assert_eq!(modest.wait_finished(job), (1, None));
    // With equal shares it has fifteen; some are ahead because it asked first.
    let arrived = greedy.disk.arrived().len();
    assert!(arrived <= 20, "{arrived} of its files came meanwhile");
}
