"""The index of a large network: one peer that keeps it, and all others in one process (benches/crowd)."""

import json
import os
import shutil
import signal
import statistics
import subprocess
import time

import lab
from lab import Failed, Peer, netlab, until

# What is looked for, by what it is to show. The words are those of benches/index.
SEARCHES = {
    "a rare word": ["sanacapa", "zzzmarker"],
    "a common word": ["music", "photos", "jpg", "projects"],
    "two letters": ["er", "in", "st", "pa", "20", "an"],
    "one letter": ["a", "e", "i", "o", "g", "p"],
}


def build():
    """Builds both programs; the path of the crowd."""
    command = ["cargo", "build", "--release", "--quiet", "--bin", "potluck", "--bench", "crowd"]
    done = subprocess.run([*command, "--message-format=json"], cwd=lab.ROOT, check=True, stdout=subprocess.PIPE, text=True)
    made = [json.loads(line) for line in done.stdout.splitlines()]
    return next(m["executable"] for m in made if m.get("target", {}).get("name") == "crowd" and m.get("executable"))


class Crowd:
    """Peers of one process in node 2, each with an address of its own."""

    def __init__(self, program, count, files):
        addresses = [f"10.77.{1 + n // 250}.{1 + n % 250}" for n in range(count)]
        batch = "".join(f"addr add {address}/16 dev v0\n" for address in addresses)
        node = f"{lab.PREFIX}-2"
        subprocess.run(["ip", "-n", node, "-batch", "-"], input=batch, text=True, check=True)
        command = ["ip", "netns", "exec", node, program, str(count), str(files), "10.77.255.255", *addresses]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.files = int(self.hear("ready"))

    def hear(self, word):
        line = self.process.stdout.readline().split()
        if line[:1] != [word]:
            raise Failed(f"{lab.SCRIPT}: the crowd says {line}, not {word}")
        return line[-1]

    def tell(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()

    def crossed(self):
        """Connections so far, and bytes of TCP both ways."""
        self.tell("stats")
        _, accepted, read, written = self.process.stdout.readline().split()
        return int(accepted), int(read) + int(written)

    def cpu(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self):
        self.process.stdin.close()
        self.process.wait(20)


def search(peer, *words):
    """The answers, and seconds until the first row and the last answer."""
    start = time.monotonic()
    replies = peer.ask(60, command="search", words=list(words))
    if not replies or replies[-1]["reply"] != "done":
        raise Failed(f"{lab.SCRIPT}: search {words}: {replies and replies[-1]}")
    rows = [reply["at"] - start for reply in replies if reply["reply"] == "file"]
    return replies, min(rows, default=None), replies[-1]["at"] - start


def found(peer, *words):
    replies, _, _ = search(peer, *words)
    return sum(reply["reply"] == "file" or reply.get("more", 0) for reply in replies)


def known(peer):
    """Peers whose files it knows, and how many those are."""
    rows = [row["files"] for row in peer.ask(10, command="peers") or [] if row.get("files") is not None]
    return len(rows), sum(rows)


def fill(table, peer, crowd, count, name, aim):
    heard = []

    def full():
        rows = peer.ask(10, command="peers") or []
        if not heard and len(rows) >= count:
            heard.append(time.monotonic() - peer.started)
        knows = [row["files"] for row in rows if row.get("files") is not None]
        return len(knows) >= count and sum(knows) == crowd.files

    try:
        until("all is known", full, 300, every=0.1)
    finally:
        known_now = known(peer)
        if known_now[1] != crowd.files:
            print(f"known: {known_now}, heard all after {heard}", flush=True)
    # The index has taken over what came before it is asked.
    search(peer, "zzzmarker")
    seconds = time.monotonic() - peer.started
    table(name, f"{seconds:.1f} s", aim)
    table("  until all peers were listed", f"{heard[0]:.1f} s")
    table("  CPU of it", f"{peer.cpu():.1f} s")
    table("  largest resident set, and now", f"{peer.peak():.0f} and {peer.resident():.0f} MiB")


def searches(table, peer, rounds):
    for name, words in SEARCHES.items():
        times = sorted(search(peer, words[n % len(words)])[2] for n in range(rounds))
        told = f"{statistics.median(times) * 1e3:.0f} ms, p99 {times[len(times) * 99 // 100] * 1e3:.0f}"
        table(f"search at it: {name}", told, "<= 50 ms")
    times = []
    for n in range(10):
        start = time.monotonic()
        peer.one_shot("search", "music")
        times.append(time.monotonic() - start)
    table("  a common word, one-shot", f"{statistics.median(times) * 1e3:.0f} ms, worst {max(times) * 1e3:.0f}")


def asked(table, work, count, rounds):
    """Searches of a peer that keeps no index."""
    other = Peer(3, f"{work}/other", "--no-index")
    try:
        until("all are listed", lambda: len(other.ask(10, command="peers") or []) >= count + 1, 60)
        for name, words in SEARCHES.items():
            firsts, times = [], []
            for n in range(rounds):
                _, first, last = search(other, words[n % len(words)])
                firsts.append(first)
                times.append(last)
            times.sort()
            told = f"{statistics.median(times) * 1e3:.0f} ms, p99 {times[len(times) * 99 // 100] * 1e3:.0f}"
            table(f"search at another peer: {name}", told, "<= 100 ms")
            known = sorted(first for first in firsts if first is not None)
            if known:
                table("  its first row", f"{statistics.median(known) * 1e3:.0f} ms, worst {known[-1] * 1e3:.0f}", "<= 200 ms")
    finally:
        other.end()
        shutil.rmtree(other.directory, ignore_errors=True)


def change(table, peer, crowd, rounds):
    times, crossed, cpus = [], [], []
    for n in range(rounds):
        word = f"zzzchange{n}x"
        cpu, (_, before) = peer.cpu(), crowd.crossed()
        crowd.tell("change", 7 + n, word)
        crowd.hear("changed")
        times.append(until(word, lambda: found(peer, word), 60, every=0.005))
        crossed.append(crowd.crossed()[1] - before)
        cpus.append(peer.cpu() - cpu)
    told = f"{statistics.median(times) * 1e3:.0f} ms, worst {max(times) * 1e3:.0f}"
    table("1,000 other files of one peer, until found", told, "<= 2 s")
    table("  bytes of its connections", f"{statistics.median(crossed):.0f}")
    table("  CPU, with the searches for them", f"{statistics.median(cpus) * 1e3:.0f} ms")


def size(folder):
    paths = (os.path.join(at, name) for at, _, names in os.walk(folder) for name in names)
    return sum(os.path.getsize(path) for path in paths if os.path.isfile(path))


def index(table, work, quick):
    count, files = (100, 100) if quick else (999, 1000)
    program = build()
    netlab("up", 3, OFFLOAD="on")
    for node, host in ((1, 11), (2, 12), (3, 13)):
        netlab("move", node, f"10.77.0.{host}/16")
    crowd = Crowd(program, count, files)
    try:
        table(f"{count} other peers, {crowd.files} files", "")
        peer = Peer(1, f"{work}/supernode")
        fill(table, peer, crowd, count, "a start, until all is in its index", "")
        table("  connections, and bytes of them", "{} and {}".format(*crowd.crossed()))
        table("  its folder", f"{size(f'{work}/supernode') / (1 << 20):.1f} MiB")
        searches(table, peer, 20 if quick else 200)
        asked(table, work, count, 20 if quick else 100)
        change(table, peer, crowd, 3 if quick else 10)
        peer.end(signal.SIGKILL)
        time.sleep(10)
        peer = Peer(1, f"{work}/supernode")
        fill(table, peer, crowd, count, "killed and started again, until all is", "<= 10 s")
        peer.end()
    finally:
        crowd.end()
        shutil.rmtree(f"{work}/supernode", ignore_errors=True)
