"""What the measuring scripts have in common: a lab of their own (scripts/netlab), and peers in it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import processes

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
POTLUCK = os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target")), "release/potluck")
# Another build of it, to be measured in turn with it.
BESIDE = None
PREFIX = f"pm-{os.getpid()}-0"
SCRIPT = os.path.basename(sys.argv[0])


class Failed(SystemExit):
    """What was asked did not happen: ends a script that does not catch it, with its text."""


def netlab(*args, **env):
    command = [os.path.join(ROOT, "scripts/netlab"), *map(str, args)]
    return subprocess.run(
        command, env={**os.environ, "NETLAB": PREFIX, **env}, check=True, capture_output=True, text=True
    ).stdout


class Peer:
    """A peer in a node of the lab; its command is put under that of `under`."""

    def __init__(self, node, directory, *args, under=(), program=None):
        self.directory, self.name = directory, os.path.basename(directory)
        os.makedirs(os.path.join(directory, "shared"), exist_ok=True)
        self.log = open(os.path.join(directory, "log"), "ab")
        command = ["ip", "netns", "exec", f"{PREFIX}-{node}", *under, program or POTLUCK, "-d", directory, "--daemon"]
        # Whoever keeps peers on one device otherwise does not mean those of a lab, which has no other network.
        env = {name: value for name, value in os.environ.items() if name != "POTLUCK_INTERFACE"}
        # What is placed with others by itself would be measured along with what is asked for.
        if not {"--copies", "--lend"} & set(args):
            args = ("--copies", "1", "--lend", "0", *args)
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [*command, "--name", self.name, *args],
            env=env, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
        )

    def ask(self, limit=None, **request):
        """The answers to a request and when each came; None while the peer cannot be reached, or none within `limit`
        seconds."""
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(limit)
                s.connect(os.path.join(self.directory, ".potluck/control.sock"))
                s.sendall((json.dumps({"version": 1, **request}) + "\n").encode())
                replies = []
                for line in s.makefile():
                    replies.append({**json.loads(line), "at": time.monotonic()})
                    if replies[-1]["reply"] in ("done", "failed"):
                        return replies
        except OSError:
            pass
        return None

    def tell(self, **request):
        """Sends a request without waiting for its answer."""
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(os.path.join(self.directory, ".potluck/control.sock"))
            s.sendall((json.dumps({"version": 1, **request}) + "\n").encode())

    def sees(self, other):
        return any(r.get("name") == other.name for r in self.ask(command="peers") or [])

    def offers(self, path):
        rows = self.ask(command="list") or []
        return any(r.get("path") == path and r.get("peers") and r.get("id") for r in rows)

    def copies(self, path):
        """How many others offer it."""
        return max((len(r["peers"]) for r in self.ask(command="list") or [] if r.get("path") == path), default=0)

    def files(self):
        return sum(1 for r in self.ask(command="list") or [] if r.get("peers") and r.get("id"))

    def download(self, path, limit=None, **more):
        replies = self.ask(limit, command="download", files=[path], wait=True, **more)
        if not replies or replies[-1]["reply"] != "done":
            raise Failed(f"{SCRIPT}: download of {path}: {replies and replies[-1]}")
        return [r["path"] for r in replies if r["reply"] == "saved"]

    def cpu(self):
        """CPU seconds so far, user and system."""
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak(self):
        """Largest resident set so far, MiB."""
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))

    def resident(self):
        """Resident set now, MiB."""
        return processes.resident(self.process.pid)

    def threads(self):
        """For each thread its name, CPU seconds (finer than cpu()) and how often it gave up the processor."""
        return processes.threads(self.process.pid)

    def rest(self, seconds):
        """Lets the peer alone: percent of a core it used, wake-ups a second, and whose they were."""
        return processes.rest(seconds, self.process.pid)

    def one_shot(self, *args):
        """The output of a command to this peer; None if it failed."""
        done = subprocess.run([POTLUCK, "-d", self.directory, *args], capture_output=True)
        return done.stdout if done.returncode == 0 else None

    def counters(self):
        """What it has done since its start."""
        return self.ask(command="status")[0]["counters"]

    def shares(self):
        """Files it shares, and how many of its files are not hashed yet."""
        status = (self.ask(command="status") or [{}])[0]
        return status.get("files"), status.get("hashing")

    def end(self, how=signal.SIGKILL):
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(20)


def until(what, look, limit=60.0, every=0.001):
    """Looks until it holds; seconds that took."""
    start = time.monotonic()
    while not look():
        if time.monotonic() - start > limit:
            raise Failed(f"{SCRIPT}: not within {limit} s: {what}")
        time.sleep(every)
    return time.monotonic() - start


def fill(path, size):
    """Bytes that do not repeat."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        for _ in range(size >> 20):
            file.write(os.urandom(1 << 20))
        file.write(os.urandom(size & ((1 << 20) - 1)))


def allow_cubic():
    """A namespace may only choose what the machine allows to everyone."""
    path = "/proc/sys/net/ipv4/tcp_allowed_congestion_control"
    with open(path) as file:
        allowed = file.read().split()
    if "cubic" not in allowed:
        with open(path, "w") as file:
            file.write(" ".join([*allowed, "cubic"]))
