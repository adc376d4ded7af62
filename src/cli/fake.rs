//! A controller that answers from canned facts, for the tests of the command line (`POTLUCK_FAKE`).
//!
//! `big.bin` takes 20 ticks of 100 ms to arrive, `slow.bin` never does; `cancel N` makes peer N come, so
//! that a test can make something happen while a line is being typed. The peer called `stuck` never
//! leaves.

use core::num::NonZeroU64;
use core::time::Duration;

use crossbeam_channel::{RecvTimeoutError, Sender};

use crate::config::Config;
use crate::control::{Ask, DownloadRow, ListRow, Notice, PeerRow, Reply, Request, Saved, Seams, Status};
use crate::error::{Code, Failure};

const TICK: Duration = Duration::from_millis(100);
const BIG: u64 = 100 << 20;

/// A download under way, and who waits for it.
struct Running {
    row: DownloadRow,
    waits: Option<Sender<Reply>>,
}

struct Fake<'a> {
    config: &'a Config,
    notices: Sender<Notice>,
    running: Vec<Running>,
    jobs: u64,
}

/// Answers until asked to leave.
pub(super) fn run(config: &Config, seams: Seams) -> Result<(), Failure> {
    let Seams { asks, notices, leave } = seams;
    leave.set_last_words(|| super::output::err("last words\n"));
    let mut fake = Fake { config, notices, running: Vec::new(), jobs: 0 };
    if config.port == 1 {
        return Err(Failure::other("port 1 is not free"));
    }
    loop {
        match asks.recv_timeout(TICK) {
            // One that is stuck while leaving.
            Ok(Ask { request: Request::Exit { .. }, .. }) if config.name.as_deref() == Some("stuck") => {}
            Ok(ask) => {
                let leaving = match &ask.request {
                    // Something is being sent, so that a plain exit takes until it is hurried.
                    Request::Exit { now } => *now || fake.running.is_empty(),
                    _ => false,
                };
                fake.answer(ask);
                if leaving {
                    fake.say(Notice::Ended(None));
                    return Ok(());
                }
            }
            Err(RecvTimeoutError::Timeout) => fake.tick(),
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
    }
}

/// Whoever asked may be gone.
fn reply(to: &Sender<Reply>, reply: Reply) {
    to.send(reply).unwrap_or(());
}

impl Fake<'_> {
    fn say(&self, notice: Notice) {
        self.notices.send(notice).unwrap_or(());
    }

    fn answer(&mut self, Ask { request, replies: to }: Ask) {
        let last = match request {
            Request::List { pattern, .. } => {
                let rows = rows().into_iter();
                rows.filter(|row| pattern.as_ref().is_none_or(|p| row.path.contains(p.as_str())))
                    .for_each(|row| reply(&to, Reply::File(row)));
                Reply::Done
            }
            Request::Peers => {
                reply(&to, Reply::Peer(peer()));
                Reply::Done
            }
            Request::Status => {
                reply(&to, Reply::Status(Box::new(self.status())));
                Reply::Done
            }
            Request::Download { files, to: folder, wait, .. } => {
                return self.download(files, folder, wait, &to);
            }
            Request::Cancel { job } => {
                self.say(Notice::Joined { name: format!("peer{job}"), id: "abcdefgh".into() });
                Reply::Done
            }
            Request::Exit { now } => {
                if !now && !self.running.is_empty() {
                    let text = "still sending to peer2".to_owned();
                    self.say(Notice::Text(text.clone()));
                    return reply(&to, Reply::Note { text });
                }
                self.say(Notice::Text("left".into()));
                reply(&to, Reply::Note { text: "left".into() });
                Reply::Done
            }
            Request::Complete { prefix, peers } => {
                let names = if peers {
                    vec!["peer2-ab".into()]
                } else {
                    rows().into_iter().map(|r| r.path).collect()
                };
                let names = names.into_iter().filter(|n: &String| n.starts_with(&prefix)).collect();
                reply(&to, Reply::Names { names });
                Reply::Done
            }
        };
        reply(&to, last);
    }

    fn download(
        &mut self,
        files: Vec<String>,
        folder: Option<std::path::PathBuf>,
        wait: bool,
        to: &Sender<Reply>,
    ) {
        let what = files.join(", ");
        let failure = match what.as_str() {
            "notes.txt" => Failure::new(Code::Ambiguous, "`notes.txt` is two files: b3:1111, b3:2222"),
            "full" => Failure::new(Code::Full, "no room"),
            "report.txt" | "big.bin" | "slow.bin" => return self.begin(what, folder, wait, to),
            _ => Failure::new(Code::NotFound, format!("no file `{}`", crate::text::shown(&what))),
        };
        reply(to, Reply::Failed(failure));
    }

    fn begin(&mut self, what: String, folder: Option<std::path::PathBuf>, wait: bool, to: &Sender<Reply>) {
        self.jobs += 1;
        let row = DownloadRow {
            job: self.jobs,
            done: 0,
            size: BIG,
            files_done: 0,
            files: 1,
            speed: BIG / 2,
            left: Some(2),
            fetched: 0,
            from: vec!["peer2-ab".into()],
            waiting: None,
            what: what.clone(),
        };
        reply(to, Reply::Begun(row.clone()));
        if !wait {
            self.say(Notice::Download(self.jobs, Reply::Begun(row.clone())));
        }
        if what == "report.txt" {
            let path = folder.unwrap_or_else(|| self.config.downloads()).join(&what);
            reply(to, Reply::Saved(Saved { job: self.jobs, id: String::new(), path, how: "saved".into() }));
            return reply(to, Reply::Done);
        }
        if !wait {
            reply(to, Reply::Done);
        }
        self.running.push(Running { row, waits: wait.then(|| to.clone()) });
    }

    fn tick(&mut self) {
        for running in &mut self.running {
            if running.row.what == "big.bin" {
                running.row.done += BIG / 20;
            }
            if let Some(waits) = &running.waits {
                reply(waits, Reply::Progress(running.row.clone()));
            }
        }
        let (done, left): (Vec<_>, Vec<_>) =
            self.running.drain(..).partition(|running| running.row.done >= running.row.size);
        let had = !done.is_empty() || !left.is_empty();
        self.running = left;
        for Running { row, waits } in done {
            let path = self.config.downloads().join(&row.what);
            let saved = Reply::Saved(Saved { job: row.job, id: String::new(), path, how: "saved".into() });
            for answer in [saved, Reply::Done] {
                match &waits {
                    Some(waits) => reply(waits, answer),
                    None => self.say(Notice::Download(row.job, answer)),
                }
            }
        }
        if had {
            self.say(Notice::Downloads(self.running.iter().map(|running| running.row.clone()).collect()));
        }
    }

    fn status(&self) -> Status {
        Status {
            name: self.config.name.clone().unwrap_or_else(|| "fake-peer".into()),
            id: "abcdefgh".repeat(6),
            directory: self.config.directory.clone(),
            ports: [0, 1, 2, 3].map(|n| self.config.port.saturating_add(n)),
            network: "open".into(),
            peers: 1,
            files: 3,
            bytes: 1_000_000,
            hashing: 0,
            downloads: self.running.iter().map(|running| running.row.clone()).collect(),
            unfinished: Vec::new(),
            uploads: Vec::new(),
            gives: Some(0),
            confined: "yes".into(),
            confined_why: None,
            up_limit: self.config.up_limit.map(NonZeroU64::get),
            down_limit: self.config.down_limit.map(NonZeroU64::get),
            key_exported: false,
            warnings: Vec::new(),
        }
    }
}

fn rows() -> Vec<ListRow> {
    let row = |path: &str, mine| ListRow {
        path: path.into(),
        folder: false,
        size: 1 << 20,
        modified: 1_700_000_000,
        copies: 2,
        mine,
        peers: vec!["peer2-ab".into()],
        peer_ids: vec!["q".repeat(52)],
        id: "3f2a9c1b".repeat(8),
        ambiguous: false,
        hashing: None,
    };
    vec![
        row("big.bin", false),
        row("evil\u{1b}]0;x\u{7}\u{202e}.txt", false),
        row("my file.txt", true),
        row("report.txt", true),
    ]
}

fn peer() -> PeerRow {
    PeerRow {
        name: "peer2-ab".into(),
        id: "q".repeat(52),
        address: "127.0.0.1".into(),
        port: 2002,
        files: Some(3),
        bytes: Some(1 << 20),
        seconds: 65,
    }
}
