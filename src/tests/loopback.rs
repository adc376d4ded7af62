//! Real engines, real TLS, port 0.

use super::*;
use crate::error::Code;
use crate::limits;

pub(super) fn ready(owner: &Owner) -> Getter {
    let getter = Getter::new();
    getter.handle.send(ReceiverCommand::Peer(owner.contact()));
    getter
}

impl Getter {
    fn file(&self, path: &str) -> Option<Vec<u8>> {
        self.disk.arrived().remove(&Path::new("/nowhere").join(path))
    }

    /// Fetches a file, and stands still in the midst of it.
    fn fetch_half(&self, number: u64, wanted: Wanted) -> JobId {
        self.disk.pause_after(5 << 20);
        let job = self.fetch(number, vec![wanted]);
        self.wait(|event| {
            matches!(event, ReceiverEvent::Job(JobEvent::Progress(p)) if p.fetched > 0).then_some(())
        });
        job
    }

    fn catalogue(&self, owner: &Owner) -> Arc<Catalogue> {
        self.handle.send(ReceiverCommand::Catalogue(owner.id()));
        self.wait(|event| match event {
            ReceiverEvent::Catalogue(peer, _, _, catalogue) if peer == owner.id() => Some(catalogue),
            _ => None,
        })
    }
}

#[test]
fn a_catalogue_and_a_file_cross() {
    let mut owner = Owner::new();
    let bytes = content(300_000, 1);
    owner.share(&[("docs/a.bin", &bytes), ("b.txt", b"hello")]);
    let getter = ready(&owner);
    assert_eq!(getter.catalogue(&owner).entries().cloned().collect::<Vec<_>>(), owner.entries());
    let job = getter.fetch(1, vec![wanted("docs/a.bin", &bytes, &[owner.id()])]);
    assert_eq!(getter.wait_finished(job), (1, None));
    assert_eq!(getter.file("docs/a.bin").unwrap(), bytes);
    // The second version shares what did not change, and is as right.
    owner.share(&[("c.txt", b"more")]);
    assert_eq!(getter.catalogue(&owner).entries().count(), 3);
    assert_eq!(getter.catalogue(&owner).entries().cloned().collect::<Vec<_>>(), owner.entries());
}

#[test]
fn a_large_catalogue_crosses_in_pages() {
    let mut owner = Owner::new();
    let kind = EntryKind::File { id: FileId([7; 32]), size: 1, modified: 0, executable: false, since: 0 };
    let long = "x".repeat(200);
    // All in one bucket would take too long to find; 60,000 entries of 300 bytes make 70 KB a bucket.
    let entries =
        (0..60_000).map(|n| Entry { path: format!("{n}/{long}").parse().unwrap(), kind: kind.clone() });
    owner.list(Catalogue::of(entries));
    let getter = ready(&owner);
    assert_eq!(*getter.catalogue(&owner), owner.catalogue());
}

#[test]
fn files_of_every_size_at_the_edges() {
    let sizes = [0, 1, 65_535, 65_536, 65_537, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 7_864_320];
    let files: Vec<_> = sizes.iter().map(|&n| (format!("f{n}"), content(n, n as u64))).collect();
    let mut owner = Owner::new();
    let shared: Vec<_> = files.iter().map(|(p, b)| (p.as_str(), b.as_slice())).collect();
    owner.share(&shared);
    let getter = ready(&owner);
    let job = getter.fetch(1, files.iter().map(|(p, b)| wanted(p, b, &[owner.id()])).collect());
    assert_eq!(getter.wait_finished(job), (9, None));
    let mut arrived = getter.disk.arrived();
    for (path, bytes) in &files {
        assert_eq!(arrived.remove(&Path::new("/nowhere").join(path)).as_ref(), Some(bytes), "{path}");
    }
}

#[test]
fn a_file_of_200_mib_and_two_downloads_at_once() {
    let (large, small) = (content(200 << 20, 1), content(5 << 20, 2));
    let mut owner = Owner::new();
    owner.share(&[("large", &large), ("small", &small)]);
    let getter = ready(&owner);
    let first = getter.fetch(1, vec![wanted("large", &large, &[owner.id()])]);
    let second = getter.fetch(2, vec![wanted("small", &small, &[owner.id()])]);
    let mut finished = Vec::new();
    while finished.len() < 2 {
        finished.push(getter.wait(|event| match event {
            ReceiverEvent::Job(JobEvent::Finished(job, 1, None)) => Some(job),
            ReceiverEvent::Job(JobEvent::Progress(p)) if p.job == first => {
                assert!(p.done <= p.size && p.fetched <= p.size);
                None
            }
            _ => None,
        }));
    }
    finished.sort_unstable();
    assert_eq!(finished, [first, second]);
    assert_eq!((getter.file("large").unwrap(), getter.file("small").unwrap()), (large, small));
}

#[test]
fn a_thousand_small_files_in_one_job() {
    let files: Vec<_> =
        (0..1_000).map(|n| (format!("d{}/f{n}", n % 7), content(n * 17 % 30_000, n as u64))).collect();
    let mut owner = Owner::new();
    let shared: Vec<_> = files.iter().map(|(p, b)| (p.as_str(), b.as_slice())).collect();
    owner.share(&shared);
    let getter = ready(&owner);
    let job = getter.fetch(1, files.iter().map(|(p, b)| wanted(p, b, &[owner.id()])).collect());
    assert_eq!(getter.wait_finished(job), (1_000, None));
    let arrived = getter.disk.arrived();
    for (path, bytes) in &files {
        assert_eq!(&arrived[&Path::new("/nowhere").join(path)], bytes);
    }
}

#[test]
fn when_a_holder_dies_another_one_takes_over() {
    let bytes = content(100 << 20, 3);
    let (mut first, mut second) = (Owner::new(), Owner::new());
    first.share(&[("a", &bytes)]);
    second.share(&[("b", &bytes)]);
    let getter = ready(&first);
    let job = getter.fetch_half(1, wanted("a", &bytes, &[first.id()]));
    // As soon as bytes came, the first one dies: as with kill -9, its sockets just close.
    first.sender = None;
    getter.disk.go_on();
    getter.wait(|event| matches!(event, ReceiverEvent::Lost(p) if p == first.id()).then_some(()));
    getter.handle.send(ReceiverCommand::Peer(second.contact()));
    let Wanted { id, size, .. } = wanted("a", &bytes, &[]);
    getter.handle.send(ReceiverCommand::Holders((id, size), vec![second.id()]));
    let mut fetched = 0;
    let end = getter.wait(|event| match event {
        ReceiverEvent::Job(JobEvent::Progress(p)) => {
            fetched = p.fetched;
            None
        }
        ReceiverEvent::Job(JobEvent::Finished(id, files, failure)) => Some((id, files, failure)),
        _ => None,
    });
    assert_eq!(end, (job, 1, None));
    assert_eq!(getter.file("a").unwrap(), bytes);
    assert_eq!(fetched, bytes.len() as u64, "no byte is fetched twice");
}

#[test]
fn a_holder_that_comes_back_is_used_within_a_second() {
    let bytes = content(100 << 20, 4);
    let mut owner = Owner::new();
    owner.share(&[("a", &bytes)]);
    let getter = ready(&owner);
    let job = getter.fetch_half(1, wanted("a", &bytes, &[owner.id()]));
    owner.sender = None;
    getter.handle.send(ReceiverCommand::Gone(owner.id()));
    getter.wait(|event| {
        matches!(event, ReceiverEvent::Job(JobEvent::Progress(p)) if p.waiting.is_some()).then_some(())
    });
    getter.disk.go_on();
    owner.start();
    let back = crate::sys::clock::now();
    getter.handle.send(ReceiverCommand::Peer(owner.contact()));
    getter.wait(|event| {
        matches!(event, ReceiverEvent::Job(JobEvent::Progress(p)) if p.waiting.is_none()).then_some(())
    });
    assert!(crate::sys::clock::now().since(back) < Duration::from_secs(1));
    assert_eq!(getter.wait_finished(job), (1, None));
    assert_eq!(getter.file("a").unwrap(), bytes);
}

#[test]
fn a_file_that_changes_while_it_is_sent_is_noticed() {
    let bytes = content(100 << 20, 5);
    let (mut owner, mut other) = (Owner::new(), Owner::new());
    owner.share(&[("a", &bytes)]);
    other.share(&[("a", &bytes)]);
    let getter = ready(&owner);
    let job = getter.fetch_half(1, wanted("a", &bytes, &[owner.id(), other.id()]));
    std::fs::write(owner.dir.path().join("a"), b"another content").unwrap();
    getter.disk.go_on();
    let sender = owner.sender.as_ref().unwrap();
    let end = crate::sys::clock::now() + DEADLINE;
    loop {
        let left = end.since(crate::sys::clock::now());
        if let SenderEvent::Changed(path) = sender.events.recv_timeout(left).unwrap() {
            assert_eq!(path.as_str(), "a");
            break;
        }
    }
    // The other one has it still.
    getter.handle.send(ReceiverCommand::Peer(other.contact()));
    assert_eq!(getter.wait_finished(job), (1, None));
    assert_eq!(getter.file("a").unwrap(), bytes);
}

#[test]
fn another_key_than_the_announced_one_gets_and_gives_nothing() {
    let mut impostor = Owner::new();
    impostor.share(&[("a", b"content")]);
    let victim = Identity::generate().unwrap();
    let getter = Getter::new();
    getter.handle.send(ReceiverCommand::Peer(Contact { id: victim.id(), ..impostor.contact() }));
    getter.handle.send(ReceiverCommand::Catalogue(victim.id()));
    getter.fetch(1, vec![wanted("a", b"content", &[victim.id()])]);
    getter.wait(|event| match event {
        ReceiverEvent::Lost(peer) if peer == victim.id() => Some(()),
        ReceiverEvent::Proved(..) | ReceiverEvent::Catalogue(..) => panic!("{event:?}"),
        _ => None,
    });
    assert!(getter.disk.arrived().is_empty());
    let served = impostor.sender.as_ref().unwrap();
    assert!(served.events.try_recv().is_err(), "the sender must not take it for proved");
}

#[test]
fn the_second_address_is_tried_when_the_first_fails() {
    let mut owner = Owner::new();
    owner.share(&[("a", b"content")]);
    let getter = Getter::new();
    let mut contact = owner.contact();
    // Nothing listens on IPv6 here.
    contact.hosts.insert(0, Host { ip: core::net::Ipv6Addr::LOCALHOST.into(), scope: 0 });
    getter.handle.send(ReceiverCommand::Peer(contact));
    let job = getter.fetch(1, vec![wanted("a", b"content", &[owner.id()])]);
    assert_eq!(getter.wait_finished(job), (1, None));
}

#[test]
fn a_full_disk_fails_the_file_and_says_so() {
    let mut owner = Owner::new();
    let bytes = content(1 << 20, 6);
    owner.share(&[("a", &bytes)]);
    let getter = ready(&owner);
    getter.disk.fill_up();
    let job = getter.fetch(1, vec![wanted("a", &bytes, &[owner.id()])]);
    let (files, failure) = getter.wait_finished(job);
    assert_eq!((files, failure.unwrap().code), (0, Code::Full));
}

#[test]
fn a_table_crosses_and_other_ports_offer_nothing() {
    let owner = Owner::new();
    let getter = ready(&owner);
    getter.handle.send(ReceiverCommand::Table(owner.id()));
    let table = getter.wait(|event| match event {
        ReceiverEvent::Table(teller, table) if teller == owner.id() => Some(table),
        _ => None,
    });
    assert_eq!(table.len(), 3);
    assert!(table.iter().all(|t| &*t.signed == b"announcement" && t.at == ([10, 0, 0, 1], 9).into()));
    // A receiver's own port, and a distributor's, prove themselves and offer nothing.
    let (socket, port) = listener();
    let identity = Identity::generate().unwrap();
    let tls = Tls::new(&identity).unwrap();
    let distributor = start_distributor(Engine::new().unwrap(), vec![socket], tls).unwrap();
    for (id, port) in [(getter.identity.id(), getter.port), (identity.id(), port)] {
        let asker = Getter::new();
        let ports = Ports { receiver: 1, sender: port, distributor: 1, distributee: 1 };
        asker.handle.send(ReceiverCommand::Peer(Contact { id, hosts: vec![HOST], ports }));
        asker.handle.send(ReceiverCommand::Catalogue(id));
        asker.wait(|event| matches!(event, ReceiverEvent::Proved(peer, _) if peer == id).then_some(()));
        asker.fetch(1, vec![wanted("a", b"content", &[id])]);
        asker.wait(|event| {
            matches!(event, ReceiverEvent::Job(JobEvent::Progress(p)) if p.waiting.is_some()).then_some(())
        });
    }
    assert!(matches!(distributor.events.recv_timeout(DEADLINE), Ok(CustodyEvent::Authenticated(..))));
}

#[test]
fn stopping_keeps_what_arrived_and_ends_within_a_second() {
    let bytes = content(100 << 20, 7);
    let mut owner = Owner::new();
    owner.share(&[("a", &bytes)]);
    let getter = ready(&owner);
    getter.fetch_half(1, wanted("a", &bytes, &[owner.id()]));
    let begin = crate::sys::clock::now();
    getter.disk.go_on();
    getter.handle.send(ReceiverCommand::Stop);
    getter.wait(|event| matches!(event, ReceiverEvent::Stopped).then_some(()));
    owner.send(SenderCommand::Stop);
    let sender = owner.sender.take().unwrap();
    while !matches!(sender.events.recv_timeout(DEADLINE).unwrap(), SenderEvent::Stopped) {}
    drop(sender);
    assert!(crate::sys::clock::now().since(begin) < Duration::from_secs(1));
    assert!(getter.disk.arrived().is_empty());
}

#[test]
fn finishing_sends_what_was_begun_and_refuses_what_was_not() {
    let (begun, other) = (content(100 << 20, 8), content(1_000, 9));
    let mut owner = Owner::new();
    owner.share(&[("begun", &begun), ("other", &other)]);
    let getter = ready(&owner);
    let job = getter.fetch_half(1, wanted("begun", &begun, &[owner.id()]));
    owner.send(SenderCommand::Finish);
    getter.disk.go_on();
    let late = getter.fetch(2, vec![wanted("other", &other, &[owner.id()])]);
    assert_eq!(getter.wait_finished(job), (1, None));
    let sender = owner.sender.as_ref().unwrap();
    while !matches!(sender.events.recv_timeout(DEADLINE).unwrap(), SenderEvent::Stopped) {}
    assert_eq!(getter.file("begun").unwrap(), begun);
    assert_eq!(getter.file("other"), None);
    getter.handle.send(ReceiverCommand::Cancel(late));
    assert_eq!(getter.wait_finished(late).0, 0);
}

#[test]
fn what_is_in_the_kernel_is_read_before_the_sender_stops() {
    // A block for each chunk fills the pool, and 2 MiB are written: the rest lies in the kernel's buffers.
    let chunk = usize::try_from(limits::CHUNK_MIN).unwrap();
    let bytes = content(crate::disk::limits::BLOCK_POOL / limits::BLOCK * chunk + (2 << 20) + 4 * chunk, 9);
    let mut owner = Owner::new();
    owner.share(&[("a", &bytes)]);
    let getter = ready(&owner);
    getter.disk.pause_after(2 << 20);
    let job = getter.fetch(1, vec![wanted("a", &bytes, &[owner.id()])]);
    let sender = owner.sender.as_ref().unwrap();
    let mut most = 0;
    loop {
        match sender.events.recv_timeout(DEADLINE).unwrap() {
            SenderEvent::Serving(list) if list.is_empty() && most > 0 => break,
            SenderEvent::Serving(list) => most = list.iter().map(|(_, bytes)| *bytes).sum::<u64>().max(most),
            _ => {}
        }
    }
    owner.send(SenderCommand::Finish);
    let end = crate::sys::clock::now() + Duration::from_millis(500);
    while let Ok(event) = sender.events.recv_timeout(end.since(crate::sys::clock::now())) {
        assert!(!matches!(event, SenderEvent::Stopped), "the getter has not read everything");
    }
    getter.disk.go_on();
    while !matches!(sender.events.recv_timeout(DEADLINE).unwrap(), SenderEvent::Stopped) {}
    // As when the leave comes in the same instant.
    getter.handle.send(ReceiverCommand::Gone(owner.id()));
    assert_eq!(getter.wait_finished(job), (1, None));
    assert_eq!(getter.file("a").unwrap(), bytes);
}

#[test]
fn who_reads_nothing_any_more_is_not_waited_for_when_all_stops() {
    let bytes = content(crate::disk::limits::BLOCK_POOL + (3 << 20), 9);
    let mut owner = Owner::new();
    owner.share(&[("a", &bytes)]);
    let getter = ready(&owner);
    getter.disk.pause_after(2 << 20);
    getter.fetch(1, vec![wanted("a", &bytes, &[owner.id()])]);
    let sender = owner.sender.as_ref().unwrap();
    let mut served = false;
    while !served {
        let event = sender.events.recv_timeout(DEADLINE).unwrap();
        served = matches!(event, SenderEvent::Serving(list) if !list.is_empty());
    }
    owner.send(SenderCommand::Finish);
    owner.send(SenderCommand::Stop);
    while !matches!(sender.events.recv_timeout(DEADLINE).unwrap(), SenderEvent::Stopped) {}
    getter.disk.go_on();
}

#[test]
fn a_cancelled_job_ends_and_goes_on_where_it_was() {
    let bytes = content(100 << 20, 10);
    let mut owner = Owner::new();
    owner.share(&[("a", &bytes)]);
    let getter = ready(&owner);
    getter.disk.pause_after(5 << 20);
    let job = getter.fetch(1, vec![wanted("a", &bytes, &[owner.id()])]);
    let some = getter.wait(|event| match event {
        ReceiverEvent::Job(JobEvent::Progress(p)) if p.done > 0 => Some(p.done),
        _ => None,
    });
    getter.handle.send(ReceiverCommand::Cancel(job));
    getter.disk.go_on();
    assert!(getter.wait_finished(job).1.is_some());
    let again = getter.fetch(2, vec![wanted("a", &bytes, &[owner.id()])]);
    let mut fetched = 0;
    let end = getter.wait(|event| match event {
        ReceiverEvent::Job(JobEvent::Progress(p)) if p.job == again => {
            fetched = p.fetched;
            None
        }
        ReceiverEvent::Job(JobEvent::Finished(id, files, failure)) => Some((id, files, failure)),
        _ => None,
    });
    assert_eq!(end, (again, 1, None));
    assert!(fetched <= bytes.len() as u64 - some);
    assert_eq!(getter.file("a").unwrap(), bytes);
}
