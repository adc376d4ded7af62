"""What a transfer costs: seconds, CPU, memory, bytes on a device, and whether the machine was ours meanwhile."""

import contextlib
import ctypes
import dataclasses
import json
import os
import select
import subprocess
import tempfile
import time

from lab import PREFIX, Failed
from processes import cpu, cpu_of, stat, tree

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000

# CPU of other processes from which on a measurement is void, as a share of one core.
OTHERS = 0.10

# The share of all cores that must stay idle in a crowd; below it the machine is what is measured.
IDLE = 0.10

# Seconds between two looks at the memory of both sides.
LOOK = 0.05


@dataclasses.dataclass
class Sample:
    """One transfer. Two sides: who gives (a server, an owner) and who takes."""

    seconds: float
    cpu_giver: float
    cpu_taker: float
    rss_giver: float
    rss_taker: float
    others: float

    def void(self):
        return self.others > OTHERS


@dataclasses.dataclass
class Crowd:
    """One transfer to many at once: seconds until the last and the first of them was done, bytes on their devices."""

    seconds: float
    first: float
    # What the owner sent: bytes and frames, every frame with its header.
    sent: int
    frames: int
    # Bytes that reached all who fetched, together.
    received: int
    idle: float
    others: float

    def void(self):
        return self.others > OTHERS or self.idle < IDLE


@contextlib.contextmanager
def inside(node):
    """What is started in here lives in that node's network, without a helper that would be measured along."""

    def enter(path):
        with open(path) as namespace:
            if LIBC.setns(namespace.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), f"cannot enter {path}")

    # Held open, because the name of the namespace we come from is only good while we are in it.
    with open("/proc/thread-self/ns/net") as home:
        enter(f"/run/netns/{PREFIX}-{node}")
        try:
            yield
        finally:
            enter(f"/proc/self/fd/{home.fileno()}")


def received(node):
    """Bytes that reached a node's device so far; of several frames in one train, the headers count once."""
    with inside(node), open("/proc/thread-self/net/dev") as file:
        return next(int(line.split()[1]) for line in file if line.lstrip().startswith("v0:"))


def sent(node):
    """Bytes and frames that left a node by its line so far, every frame with its header, and without what was lost."""
    command = ["tc", "-n", f"{PREFIX}-{node}", "-s", "-j", "qdisc", "show", "dev", "v0"]
    line = next(q for q in json.loads(subprocess.check_output(command)) if q.get("root"))
    return line["bytes"], line["packets"]


class Idle:
    """How much of all cores was idle since then."""

    def __init__(self):
        self.begun = self.look()

    @staticmethod
    def look():
        with open("/proc/stat") as file:
            # user nice system idle iowait irq softirq steal; guests are counted in the first two.
            ticks = [int(field) for field in file.readline().split()[1:9]]
        return ticks[3] + ticks[4], sum(ticks)

    def share(self):
        idle, whole = (now - then for now, then in zip(self.look(), self.begun))
        return idle / whole if whole else 1.0


def others():
    """CPU seconds of the processes that are neither ours nor the kernel's, as far as they can be seen."""
    ours, seconds = set(tree(os.getpid())), 0.0
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) not in ours:
            fields = stat(name)
            # Process 2 and its children are threads of the kernel: what they do, they do for us as well.
            if fields and name != "2" and fields[1] != "2":
                seconds += cpu_of(fields)
    return seconds


class Memory:
    """The largest resident set of one side: the sum of what each of its processes had at most."""

    def __init__(self, *roots):
        self.roots, self.peaks = roots, {}

    def look(self):
        for pid in tree(*self.roots):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                with open(f"/proc/{pid}/status") as file:
                    for line in file:
                        if line.startswith("VmHWM"):
                            self.peaks[pid] = max(self.peaks.get(pid, 0), int(line.split()[1]) / 1024)

    def peak(self):
        return sum(self.peaks.values())


def during(giver, taker, act):
    """Measures `act` between two sides that run before and after it; each is a list of process ids."""
    memories = Memory(*giver), Memory(*taker)
    strangers, before = others(), (cpu(*giver), cpu(*taker))
    start = time.monotonic()
    act()
    seconds = time.monotonic() - start
    after = cpu(*giver), cpu(*taker)
    elsewhere = (others() - strangers) / (time.monotonic() - start)
    for memory in memories:
        memory.look()
    return Sample(
        seconds, after[0] - before[0], after[1] - before[1], memories[0].peak(), memories[1].peak(), elsewhere
    )


def command(node, words, giver=(), limit=300.0):
    """Measures a command that takes from the processes `giver`, from its start to its end."""
    resting = set(tree(*giver))
    server, strangers, before = Memory(*giver), others(), cpu(*giver)
    said = tempfile.TemporaryFile()
    start = time.monotonic()
    with inside(node):
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
    client = Memory(process.pid)
    ended = select.poll()
    descriptor = os.pidfd_open(process.pid)
    ended.register(descriptor, select.POLLIN)
    look = LOOK / 16
    while not ended.poll(look * 1e3):
        look = min(LOOK, 2 * look)
        server.look()
        client.look()
        if time.monotonic() - start > limit:
            process.kill()
    seconds = time.monotonic() - start
    os.close(descriptor)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        said.seek(0)
        lines = said.read().decode(errors="replace").strip().splitlines() or [""]
        raise Failed(f"{os.path.basename(words[0])} ended with {process.returncode}: {lines[-1]}")
    said.close()
    # A server counts the CPU of what it started for this transfer once that has ended.
    while set(tree(*giver)) - resting and time.monotonic() - start < seconds + 2.0:
        time.sleep(0.005)
    server.look()
    spent = cpu(*giver) - before
    elsewhere = (others() - strangers) / (time.monotonic() - start)
    return Sample(seconds, spent, usage.ru_utime + usage.ru_stime, server.peak(), client.peak(), elsewhere)
