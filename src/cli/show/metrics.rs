//! `metrics`: a status as Prometheus reads it (text format 0.0.4). What grows only ends in `_total`, and names have their
//! units.

use core::fmt::Write as _;
use core::ops::ControlFlow;

use super::{Page, Show};
use crate::cli::output;
use crate::control::{CustodyRow, MetricsRequest, Reply, Status};
use crate::text::shown;

#[derive(Debug)]
struct MetricsShow;

/// What shows it.
pub(super) fn show(_: &MetricsRequest) -> Box<dyn Show> {
    Box::new(MetricsShow)
}

impl Show for MetricsShow {
    fn reply(&mut self, reply: Reply, _: &mut Page) -> ControlFlow<()> {
        match reply {
            Reply::Status(facts) => output::out(&metrics(&facts)),
            _ => ControlFlow::Continue(()),
        }
    }
}

fn metrics(status: &Status) -> String {
    let mut page = Exposition::default();
    let info = [
        ("version", env!("CARGO_PKG_VERSION")),
        ("name", &status.name),
        ("id", &status.id),
        ("network", &status.on.network),
    ];
    page.gauge("info", "Which peer this is; always 1.", &[(&info, 1)]);
    page.gauge("uptime_seconds", "Time since the peer was started.", &[(&[], status.uptime)]);
    page.gauge("peers", "Other peers that are here.", &[(&[], status.on.peers)]);
    page.gauge("shared_files", "Files that are shared.", &[(&[], status.sharing.files)]);
    page.gauge("shared_bytes", "Bytes of the files that are shared.", &[(&[], status.sharing.bytes)]);
    page.gauge("hashing_files", "Files that are not hashed yet.", &[(&[], status.sharing.hashing)]);
    page.gauge("downloads", "Downloads that are running.", &[(&[], status.downloads.len() as u64)]);
    page.gauge("uploads", "Peers that are being served.", &[(&[], status.uploads.len() as u64)]);
    page.gauge("warnings", "Warnings that `status` shows.", &[(&[], status.warnings.len() as u64)]);
    traffic(&mut page, status);
    if let Some(custody) = &status.custody {
        kept(&mut page, custody);
    }
    page.0
}

/// What passed since the start, and what was refused.
fn traffic(page: &mut Exposition, status: &Status) {
    let counted = &status.counters;
    page.counter("hashed_bytes_total", "Bytes read to be hashed.", &[(&[], counted.hashed)]);
    page.counter("sent_bytes_total", "Bytes of content given to others.", &[(&[], counted.sent)]);
    page.counter("received_bytes_total", "Bytes of content that others gave.", &[(&[], counted.received)]);
    page.counter(
        "discarded_bytes_total",
        "Of the bytes received, those that nobody waited for any more.",
        &[(&[], counted.discarded)],
    );
    page.counter(
        "disk_waits_total",
        "How often a connection had to wait for the disk.",
        &[(&[], counted.pool_waits)],
    );
    let datagrams = &counted.datagrams;
    page.counter("datagrams_sent_total", "Datagrams of discovery sent.", &[(&[], datagrams.sent)]);
    page.counter("datagrams_unsent_total", "Datagrams that could not be sent.", &[(&[], datagrams.unsent)]);
    page.counter("datagrams_received_total", "Datagrams received and taken.", &[(&[], datagrams.taken)]);
    let reasons = [
        ("malformed", datagrams.malformed),
        ("version", datagrams.version),
        ("forged", datagrams.forged),
        ("limited", datagrams.limited),
        ("replayed", datagrams.replayed),
        ("foreign", datagrams.foreign),
    ];
    let known: u64 = reasons.iter().map(|(_, count)| count).sum();
    let other = ("other", datagrams.dropped.saturating_sub(known));
    let labels: Vec<_> =
        reasons.into_iter().chain([other]).map(|(reason, count)| ([("reason", reason)], count)).collect();
    let samples: Vec<(&[Label<'_>], u64)> =
        labels.iter().map(|(labels, count)| (&labels[..], *count)).collect();
    page.counter("datagrams_dropped_total", "Datagrams received and refused.", &samples);
    page.gauge("outsiders", "Hosts that speak for another group.", &[(&[], datagrams.outsiders)]);
}

/// Copies on others, and what is kept for others.
fn kept(page: &mut Exposition, custody: &CustodyRow) {
    page.gauge(
        "copies_wanted",
        "Copies of each shared file, the own one included.",
        &[(&[], custody.copies.into())],
    );
    page.gauge("copied_files", "Own files of which there are to be copies.", &[(&[], custody.own_files)]);
    page.gauge(
        "copied_files_whole",
        "Of these, files that have all their copies.",
        &[(&[], custody.own_whole)],
    );
    page.gauge("copied_files_moving", "Of these, files that are being placed.", &[(&[], custody.moving)]);
    page.gauge("lent_bytes", "Bytes lent to others, at most.", &[(&[], custody.lent)]);
    page.gauge("kept_bytes", "Bytes kept for others.", &[(&[], custody.used)]);
    page.gauge("kept_files", "Files kept for others.", &[(&[], custody.kept_files)]);
    page.gauge(
        "lost_files",
        "Own files that are missing, and that nobody was seen deleting.",
        &[(&[], custody.lost)],
    );
    page.gauge("absent_files", "Own files on what is not mounted.", &[(&[], custody.absent)]);
}

/// A label, and its value.
type Label<'a> = (&'a str, &'a str);

/// A text in that format.
#[derive(Debug, Default)]
struct Exposition(String);

impl Exposition {
    /// Something that can become less.
    fn gauge(&mut self, name: &str, help: &str, samples: &[(&[Label<'_>], u64)]) {
        self.metric(name, "gauge", help, samples);
    }

    /// Something that only grows.
    fn counter(&mut self, name: &str, help: &str, samples: &[(&[Label<'_>], u64)]) {
        self.metric(name, "counter", help, samples);
    }

    fn metric(&mut self, name: &str, kind: &str, help: &str, samples: &[(&[Label<'_>], u64)]) {
        let text = &mut self.0;
        // Writing to a text cannot fail.
        writeln!(text, "# HELP potluck_{name} {help}\n# TYPE potluck_{name} {kind}").unwrap_or(());
        for (labels, value) in samples {
            let quoted: Vec<_> =
                labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
            let labels = if quoted.is_empty() { String::new() } else { format!("{{{}}}", quoted.join(",")) };
            writeln!(text, "potluck_{name}{labels} {value}").unwrap_or(());
        }
    }
}

/// A value as it stands between quotes.
fn escaped(value: &str) -> String {
    shown(value).replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::show::status::tests::facts;

    #[test]
    fn a_status_is_told_in_the_form_that_is_scraped() {
        let mut status = facts();
        status.name = "evil\" \\\n} 1\u{1b}".to_owned();
        status.counters.sent = 1_500;
        status.counters.datagrams.dropped = 5;
        status.counters.datagrams.forged = 2;
        let text = metrics(&status);
        let mut kinds = std::collections::BTreeMap::new();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap();
                assert!(kinds.insert(name, kind).is_none(), "{name} is there once");
                assert_eq!(name.ends_with("_total"), kind == "counter", "{line}");
            } else if !line.starts_with('#') {
                let name = line.split([' ', '{']).next().unwrap();
                assert!(kinds.contains_key(name), "{line}");
                line.rsplit(' ').next().unwrap().parse::<u64>().unwrap();
            }
        }
        for there in [
            "\npotluck_sent_bytes_total 1500\n",
            "\npotluck_datagrams_dropped_total{reason=\"forged\"} 2\n",
            "\npotluck_datagrams_dropped_total{reason=\"other\"} 3\n",
            "name=\"evil\\\" \\\\\\\\u{a}} 1\\\\u{1b}\"",
        ] {
            assert!(text.contains(there), "{there}: {text}");
        }
        assert!(text.ends_with('\n') && !text.contains('\u{1b}'));
    }
}
