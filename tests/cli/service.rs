//! A peer without a person: its log, its service manager, SIGHUP, and what it counts.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Stdio};

use potluck::sys::thread::Thread;
use rustix::process::Signal;

use crate::common::{DEADLINE, Daemon, Peer, err, out};

/// The log of a peer that runs, line by line. The thread that reads it ends with the peer.
struct Log {
    lines: std::sync::mpsc::Receiver<String>,
    seen: Vec<String>,
}

impl Log {
    fn of(child: &mut Child) -> Self {
        let (to, lines) = std::sync::mpsc::channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let read = move || {
            for line in stderr.lines().map_while(Result::ok) {
                if to.send(line).is_err() {
                    return;
                }
            }
        };
        Thread::spawn("log", read).unwrap().detach();
        Self { lines, seen: Vec::new() }
    }

    /// Reads on to a line that contains this.
    fn until(&mut self, what: &str) -> String {
        loop {
            let Ok(line) = self.lines.recv_timeout(DEADLINE) else { panic!("no {what} in {:#?}", self.seen) };
            self.seen.push(line.clone());
            if line.contains(what) {
                return line;
            }
        }
    }
}

/// A peer as a service, whose log is read.
fn service(peer: &Peer, flags: &[&str], variables: &[(&str, &str)]) -> (Daemon, Log) {
    let mut command = peer.start(flags);
    command.arg("--daemon").envs(variables.iter().copied()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let log = Log::of(&mut child);
    (Daemon(child), log)
}

/// A line without what is another one each time: time, ids and ports.
fn masked(line: &str) -> String {
    let (time, rest) = line.split_once(' ').unwrap();
    assert!(time.len() == 24 && time.starts_with("20") && time.ends_with('Z'), "{line}");
    let word = |word: &str| match word {
        id if id.starts_with('(') && id.trim_end_matches(',').len() == 10 => "(ID)".to_owned(),
        number if number.trim_end_matches(',').parse::<u16>().is_ok_and(|n| n > 1_000) => "PORT".to_owned(),
        other => other.to_owned(),
    };
    format!("TIME {}", rest.split(' ').map(word).collect::<Vec<_>>().join(" "))
}

#[test]
fn a_service_logs_what_it_does_with_time_and_level() {
    let peer = Peer::new();
    let (mut daemon, mut log) = service(&peer, &["--name", "office"], &[]);
    let running = log.until("running as");
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        masked(&running),
        format!(
            "TIME info    running as office (ID) potluck {version}: open network, TCP ports PORT to PORT UDP port PORT"
        )
    );
    let giver = peer.neighbour();
    giver.share("notes.txt", b"notes");
    let giver_runs = giver.daemon_with(&["--name", "anna"]);
    assert_eq!(masked(&log.until("anna")), "TIME info    anna joined (ID)");
    peer.lists(1);
    assert_eq!(peer.ask(&["download", "notes.txt", "--no-wait"]).status.code(), Some(0));
    let saved = log.until("notes.txt");
    assert!(saved.contains(" info    saved ") && saved.contains("from anna"), "{saved}");
    std::os::unix::fs::symlink("/etc/hosts", peer.path().join("shared/link")).unwrap();
    let warning = log.until("link");
    assert!(warning.contains(" warning "), "{warning}");
    drop(giver_runs);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.0.wait().unwrap().code(), Some(0));
}

#[test]
fn a_log_in_json_is_an_object_a_line_and_levels_can_be_chosen() {
    let peer = Peer::new();
    let (mut daemon, mut log) = service(&peer, &["--log-format", "json", "--name", "office"], &[]);
    let row: serde_json::Value = serde_json::from_str(&log.until("running as")).unwrap();
    assert_eq!(row["level"], "info");
    assert!(row["message"].as_str().unwrap().starts_with("running as office ("), "{row}");
    assert_eq!(row["time"].as_str().unwrap().len(), 24);
    daemon.signal(Signal::TERM);
    daemon.0.wait().unwrap();
    let mut command = peer.start(&["--daemon"]);
    let child = command.env("POTLUCK_LOG", "warn").stderr(Stdio::piped()).spawn().unwrap();
    peer.wait_until_it_answers();
    assert_eq!(peer.ask(&["exit", "--now"]).status.code(), Some(0));
    assert_eq!(err(&child.wait_with_output().unwrap()), "");
}

#[test]
fn the_service_manager_hears_of_start_life_reload_and_end() {
    let peer = Peer::new();
    let path = peer.path().join("notify");
    let listener = UnixDatagram::bind(&path).unwrap();
    listener.set_read_timeout(Some(DEADLINE)).unwrap();
    let hear = || {
        let mut bytes = [0; 1_000];
        let length = listener.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    };
    // The peer is asked thrice in this time.
    let variables = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "300000")];
    let (mut daemon, _log) = service(&peer, &[], &variables);
    assert_eq!(hear(), "READY=1\nSTATUS=0 peers here, sharing 0 files (0 B)");
    // Whoever hears that it is ready is answered.
    assert_eq!(peer.ask(&["status"]).status.code(), Some(0));
    assert!(hear().starts_with("WATCHDOG=1\nSTATUS="));
    daemon.signal(Signal::HUP);
    let hear_of = |what: &str| loop {
        let heard = hear();
        if !heard.starts_with("WATCHDOG=1") {
            assert!(heard.starts_with(what), "{heard}");
            return heard;
        }
    };
    let reloading = hear_of("RELOADING=1\nMONOTONIC_USEC=");
    assert!(reloading.rsplit('=').next().unwrap().parse::<u64>().unwrap() > 0);
    hear_of("READY=1");
    daemon.signal(Signal::TERM);
    hear_of("STOPPING=1");
    assert_eq!(daemon.0.wait().unwrap().code(), Some(0));
}

#[test]
fn a_service_reads_its_settings_again() {
    let peer = Peer::new();
    let file = peer.path().join("potluck.toml");
    fs::write(&file, "up-limit = \"500K\"\n").unwrap();
    let (daemon, mut log) = service(&peer, &["--down-limit", "3M"], &[]);
    log.until("running as");
    let limits = || (peer.status().limits.up_limit, peer.status().limits.down_limit);
    assert_eq!(limits(), (Some(500_000), Some(3_000_000)));
    // The flag weighs more than the file, now as before.
    fs::write(&file, "up-limit = \"2M\"\ndown-limit = \"1M\"\nname = \"another\"\n").unwrap();
    daemon.signal(Signal::HUP);
    // In the order of `help`.
    assert!(log.until("name is").ends_with(" info    name is another from the next start on"));
    assert!(log.until("up-limit is").ends_with("up-limit is 2M from now on"));
    assert_eq!(limits(), (Some(2_000_000), Some(3_000_000)));
    fs::write(&file, "up-limt = \"1M\"\n").unwrap();
    daemon.signal(Signal::HUP);
    let told = log.until("settings stay as they are");
    assert!(told.contains(" warning ") && told.contains("did you mean `up-limit`?"), "{told}");
    assert_eq!(limits(), (Some(2_000_000), Some(3_000_000)));
    fs::remove_file(&file).unwrap();
    daemon.signal(Signal::HUP);
    log.until("up-limit is 0 from now on");
    assert_eq!(limits(), (None, Some(3_000_000)));
}

#[test]
fn counters_are_told_as_prometheus_reads_them() {
    let peer = Peer::new();
    peer.share("notes.txt", b"notes");
    let _daemon = peer.daemon_with(&["--name", "office"]);
    peer.lists(1);
    let output = peer.ask(&["metrics"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let text = out(&output);
    assert!(
        text.contains("\n# TYPE potluck_sent_bytes_total counter\npotluck_sent_bytes_total 0\n"),
        "{text}"
    );
    assert!(text.contains("\npotluck_shared_files 1\n") && text.contains("name=\"office\""), "{text}");
    assert!(text.contains("\npotluck_hashed_bytes_total 5\n"), "{text}");
    let without = Peer::new().ask(&["metrics"]);
    assert_eq!(without.status.code(), Some(3));
}
