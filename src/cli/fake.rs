//! A controller that answers from canned facts, for the tests of the command line (`POTLUCK_FAKE`).
//!
//! `big.bin` takes 20 ticks of 100 ms to arrive, `slow.bin` never does; `cancel N` makes peer N come, so
//! that a test can make something happen while a line is being typed. The peer called `stuck` never
//! leaves; those called `kept` and `alone` take three ticks to hand over 12 files, of which others keep all,
//! or 11. `restore` says that files are missing, `restore --forget` does not.

use core::num::NonZeroU64;
use core::time::Duration;

use crossbeam_channel::{RecvTimeoutError, Sender};

use crate::control::{
    Ask, CancelRequest, CompleteRequest, CompletionNames, Confinement, ControllerChannels, CopiesRequest,
    CountersRow, CustodyRow, DownloadRequest, DownloadRow, ExitReport, ExitRequest, KeptFor, ListRequest,
    ListRow, Location, NotKept, NotKeptReason, Notice, PeerRow, Reply, Request, RestoreRequest, Saved,
    Sharing, SpeedLimits, Status, VerifyResult, VerifyRow,
};
use crate::error::{Code, Failure};
use crate::settings::Settings;

const TICK: Duration = Duration::from_millis(100);
const BIG: u64 = 100 << 20;

/// A download under way, and who waits for it.
struct FakeDownload {
    row: DownloadRow,
    waits: Option<Sender<Reply>>,
}

/// Files that a peer hands over before it leaves.
const FILES: u64 = 12;

/// A peer that hands over its files: how many others keep, and who waits for that.
struct Departure {
    done: u64,
    asked: Vec<Sender<Reply>>,
}

struct Fake<'a> {
    config: &'a Settings,
    departure: Option<Departure>,
    notices: Sender<Notice>,
    running: Vec<FakeDownload>,
    jobs: u64,
}

/// Answers until asked to leave.
pub(super) fn run(config: Settings, seams: ControllerChannels) -> Result<(), Failure> {
    let ControllerChannels { asks, notices, leave } = seams;
    leave.set_last_words(|| super::output::err("last words\n"));
    let mut fake = Fake { config: &config, departure: None, notices, running: Vec::new(), jobs: 0 };
    if config.port == 1 {
        return Err(Failure::other("port 1 is not free"));
    }
    loop {
        match asks.recv_timeout(TICK) {
            // One that is stuck while leaving.
            Ok(Ask { request: Request::Exit(_), .. }) if config.name.as_deref() == Some("stuck") => {}
            Ok(Ask { request: Request::Exit(ExitRequest { now }), replies }) if fake.hands_over() => {
                fake.depart(replies, now);
            }
            Ok(ask) => {
                let leaving = match &ask.request {
                    // Something is being sent, so that a plain exit takes until it is hurried.
                    Request::Exit(ExitRequest { now }) => *now || fake.running.is_empty(),
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
        if let Some(end) = fake.departed() {
            return end;
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

    fn hands_over(&self) -> bool {
        matches!(self.config.name.as_deref(), Some("kept" | "alone"))
    }

    fn depart(&mut self, asked: Sender<Reply>, now: bool) {
        let departure = self.departure.get_or_insert_with(|| Departure { done: 0, asked: Vec::new() });
        departure.asked.push(asked);
        if now {
            departure.done = FILES;
        }
    }

    /// The end, once all is handed over.
    fn departed(&self) -> Option<Result<(), Failure>> {
        let departure = self.departure.as_ref().filter(|departure| departure.done >= FILES)?;
        let not_kept = match self.config.name.as_deref() {
            Some("alone") => {
                vec![NotKept { path: "my film".into(), size: 2 << 30, why: NotKeptReason::NotChosen }]
            }
            _ => Vec::new(),
        };
        let report = ExitReport { total: FILES, safe: FILES - 3 - not_kept.len() as u64, once: 3, not_kept };
        let end = match report.is_safe() {
            true => Ok(()),
            false => Err(Failure::new(Code::NotKept, report.sentence())),
        };
        self.say(Notice::ExitReport(report.clone()));
        for asked in &departure.asked {
            reply(asked, Reply::ExitReport(report.clone()));
            reply(asked, end.clone().map_or_else(Reply::Failed, |()| Reply::Done));
        }
        self.say(Notice::Ended(end.clone().err()));
        Some(end)
    }

    fn answer(&mut self, Ask { request, replies: to }: Ask) {
        let last = match request {
            Request::List(ListRequest { pattern, .. }) => {
                let rows = rows().into_iter();
                rows.filter(|row| pattern.as_ref().is_none_or(|p| row.path.contains(p.as_str())))
                    .for_each(|row| reply(&to, Reply::File(row)));
                Reply::Done
            }
            Request::Peers(_) => {
                reply(&to, Reply::Peer(peer()));
                Reply::Done
            }
            Request::Status(_) => {
                reply(&to, Reply::Status(Box::new(self.status())));
                Reply::Done
            }
            Request::Download(DownloadRequest { files, to: folder, wait, .. }) => {
                return self.download(files, folder, wait, &to);
            }
            Request::Cancel(CancelRequest { job }) => {
                self.say(Notice::Joined { name: format!("peer{job}"), id: "abcdefgh".into() });
                Reply::Done
            }
            Request::Exit(ExitRequest { now }) => {
                if !now && !self.running.is_empty() {
                    let text = "still sending to peer2".to_owned();
                    self.say(Notice::Text(text.clone()));
                    return reply(&to, Reply::Note { text });
                }
                self.say(Notice::Text("left".into()));
                reply(&to, Reply::Note { text: "left".into() });
                Reply::Done
            }
            Request::Copies(CopiesRequest { copies, files }) => {
                for path in files {
                    reply(&to, Reply::Copied { path, copies });
                }
                Reply::Done
            }
            Request::Restore(RestoreRequest { forget, .. }) => {
                if !forget {
                    self.say(Notice::Lost { files: 12, bytes: 3_565_158 });
                }
                Reply::Done
            }
            Request::Verify(_) => {
                for row in verified() {
                    reply(&to, Reply::Verified(row));
                }
                reply(&to, Reply::VerifySum { files: 5, bytes: 1 << 20, bad: 2 });
                Reply::Failed(Failure::other("2 of 5 files are not as they were"))
            }
            Request::Complete(CompleteRequest { prefix, names }) => {
                let names = match names {
                    CompletionNames::Peers => vec!["peer2-ab".into()],
                    CompletionNames::Offered => rows().into_iter().map(|r| r.path).collect(),
                    CompletionNames::Own => rows().into_iter().filter(|r| r.mine).map(|r| r.path).collect(),
                    CompletionNames::Lost => vec!["lost.txt".into()],
                };
                let names = names.into_iter().filter(|n: &String| n.starts_with(&prefix)).collect();
                reply(&to, Reply::Names { names });
                Reply::Done
            }
            #[allow(unreachable_patterns, reason = "commands that come later need not be played here")]
            _ => Reply::Failed(Failure::other("this is not played")),
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
        self.running.push(FakeDownload { row, waits: wait.then(|| to.clone()) });
    }

    fn tick(&mut self) {
        if let Some(departure) = &mut self.departure {
            departure.done = FILES.min(departure.done + FILES / 3);
            let (done, bytes_left) = (departure.done, (FILES - departure.done) << 20);
            let far = Reply::Leaving { done, total: FILES, bytes_left };
            departure.asked.iter().for_each(|asked| reply(asked, far.clone()));
            self.say(Notice::Leaving { done, total: FILES, bytes_left });
        }
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
        for FakeDownload { row, waits } in done {
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

    fn custody(&self) -> CustodyRow {
        let name = "peer3-cd".to_owned();
        let kept_for = KeptFor { name, id: "r".repeat(52), files: 2, bytes: 5_000, away: true };
        CustodyRow {
            copies: self.config.copies,
            own_files: 3,
            own_whole: 2,
            moving: 1,
            lent: self.config.lend.unwrap_or(10 << 30),
            used: 5_000,
            free_reserve: 1 << 30,
            kept_files: 2,
            kept_for: vec![kept_for],
            ..CustodyRow::default()
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
            sharing: Sharing { files: 3, bytes: 1_000_000, hashing: 0 },
            downloads: self.running.iter().map(|running| running.row.clone()).collect(),
            unfinished: Vec::new(),
            uploads: Vec::new(),
            counters: CountersRow::default(),
            gives: Some(0),
            confinement: Confinement { confined: "yes".into(), confined_why: None },
            limits: SpeedLimits {
                up_limit: self.config.up_limit.map(NonZeroU64::get),
                down_limit: self.config.down_limit.map(NonZeroU64::get),
            },
            custody: Some(self.custody()),
            key_exported: false,
            warnings: Vec::new(),
        }
    }
}

fn verified() -> [VerifyRow; 2] {
    let row = |path: &str, what, result, repaired| VerifyRow { path: path.into(), what, result, repaired };
    [
        row("evil\u{1b}.txt", Location::Shared, VerifyResult::Changed, None),
        row("photos/a.png", Location::Kept, VerifyResult::Rotten, Some(true)),
    ]
}

fn rows() -> Vec<ListRow> {
    let row = |path: &str, mine: bool| ListRow {
        path: path.into(),
        folder: false,
        size: 1 << 20,
        modified: 1_700_000_000,
        copies: 2,
        wanted: mine.then_some(2),
        mine,
        peers: vec!["peer2-ab".into()],
        peer_ids: vec!["q".repeat(52)],
        id: "3f2a9c1b".repeat(8),
        ambiguous: false,
        away: false,
        large: false,
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
