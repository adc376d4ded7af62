"""The rows of the comparison: what is measured, in which network, of which tools."""

import dataclasses
import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import crowd as crowds
import install
import lab
import resting
import swarms
import tools
from lab import Failed, Peer, allow_cubic, fill, netlab, until
from tools import Bench

# What can go wrong with a tool without saying anything of the others.
WRONG = (Failed, OSError, subprocess.CalledProcessError)

ONE_GIB = [
    tools.Beside, tools.Potluck, tools.Curl, tools.PlainCurl, tools.Rsync, tools.Scp,
    swarms.Syncthing, swarms.Libtorrent, swarms.Wormhole,
]  # fmt: skip
MANY = [tools.Beside, tools.Potluck, tools.Curl, tools.Rsync, tools.RsyncSynced, tools.Scp]
NESTED = [tools.Beside, tools.Potluck, tools.PotluckKeeping, tools.Rsync, tools.RsyncSynced]
LOSS = [tools.Potluck, tools.Curl]
CROWD = [crowds.Potluck, crowds.Curl, crowds.Libtorrent]
TAKERS = [crowds.Potluck, crowds.EachCurl]
RESTING = [resting.Potluck, resting.Syncthing]

# Packets lost of each thousand that arrive at the taker.
LOSSES = (0, 10, 50)

# How many fetch at once, and the Mbit/s that all of them together can take.
CROWDS, LINES = (8, 16), 400

# How many take at once without any limit but the machine.
MANY_TAKERS = (1, 4, 16)

# Milliseconds from one end to the other of a path by satellite: 300 there and back.
FAR = 150

# What waits at each end of a line in a crowd, at most.
QUEUE = "20ms"

# Bytes in a train of frames in a crowd (ten frames; 2.4 ms at 50 Mbit/s). With single frames the lab takes three times
# as much of the CPU, and nothing is left to see by.
TRAIN = "15000"


@dataclasses.dataclass
class Plan:
    """How much is measured, and where files lie."""

    quick: bool
    rounds: int
    memory: str
    disk: str
    obtain: bool
    # Only tools with one of these in their names, and crowds of this size; all without.
    only: tuple = ()
    crowd: int | None = None


def entry(tool, **more):
    """What a row tells of one tool."""
    return {"tool": tool.name, "encrypted": tool.encrypted, "verified": tool.verified, **more}


def begin(plan, bench, kinds, **more):
    """Starts the tools that can be had: pairs of a running tool (or None) and its entry."""
    begun = []
    for kind in kinds:
        if plan.only and not any(part.lower() in kind.name.lower() for part in plan.only):
            continue
        if kind is tools.Beside and not lab.BESIDE:
            continue
        told = entry(kind, state="ok", samples=[], **more)
        begun.append((None, told))
        has = install.obtain if plan.obtain else install.there
        if not all([has(need) for need in kind.needs]):
            told["state"] = "not installed"
            continue
        tool = kind(bench)
        try:
            told["version"] = tool.version()
            tool.start()
            begun[-1] = tool, told
        except WRONG as wrong:
            told["state"] = f"failed: {wrong}"
            tool.stop()
    return begun


def end(begun):
    for tool, _ in begun:
        if tool:
            tool.stop()


def transfer(tool, told, what, keep=False, **more):
    """One transfer into a new folder, compared with the source; no more of this tool if it fails. keep: what arrived
    stays until the row is done."""
    if told["state"] != "ok":
        return
    to = tempfile.mkdtemp(dir=tool.bench.folder("out"))
    # What others wrote before is not ours to wait for.
    subprocess.run(["sync", "-f", to], check=True)
    try:
        sample = tool.fetch(what, to)
        same = ["diff", "-r", os.path.join(tool.bench.source, what), os.path.join(to, what)]
        if subprocess.run(same, capture_output=True).returncode != 0:
            raise Failed("what arrived differs")
        told["samples"].append({**dataclasses.asdict(sample), "void": sample.void(), **more})
        where = " ".join(f"{key} {value}" for key, value in more.items())
        print(f"  {tool.name:<24} {where:<14} {sample.seconds:8.3f} s", file=sys.stderr)
    except WRONG as wrong:
        told["state"] = f"failed: {wrong}"
    finally:
        if not keep:
            shutil.rmtree(to)


def in_turn(number, begun):
    """The tools in another order each round, so that none always comes after the same one."""
    at = number % len(begun)
    return begun[at:] + begun[:at]


def one_node():
    """A node with loopback only, where TCP is cubic; and one for each further pair of potluck's peers."""
    netlab("down")
    for node in (1, tools.KEEPING, *((tools.BESIDE,) if lab.BESIDE else ())):
        netlab("node", node)
        choose(node, "cubic")


def choose(node, congestion):
    allow_cubic()
    netlab("exec", node, "sysctl", "-qw", f"net.ipv4.tcp_congestion_control={congestion}")


def one_gib(plan, work):
    """One file, two ends on the loopback device, files in memory."""
    size = (64 if plan.quick else 1024) << 20
    one_node()
    bench = Bench(work(plan.memory))
    fill(f"{bench.source}/big.bin", size)
    begun = begin(plan, bench, ONE_GIB)
    for number in range(plan.rounds):
        for tool, told in in_turn(number, begun):
            transfer(tool, told, "big.bin")
    end(begun)
    return {"size": size, "entries": [told for _, told in begun]}


def many_small(plan, work):
    """A folder of small files, once in memory and once on a disk."""
    count = 200 if plan.quick else 2000
    entries = []
    for place, folder in (("memory", plan.memory), ("disk", plan.disk)):
        one_node()
        bench = Bench(work(folder))
        for number in range(count):
            fill(f"{bench.source}/many/{number:04}.bin", 16 << 10)
        # Each folder below it goes elsewhere on the disk, where less was deleted lately; ext4 only.
        subprocess.run(["chattr", "+T", bench.folder("out")], capture_output=True)
        begun = begin(plan, bench, MANY, place=place)
        for number in range(plan.rounds):
            for tool, told in in_turn(number, begun):
                # ext4 passes over the inodes that were freed in the last minutes, one by one: whoever wrote after
                # a deletion would be ten times as slow as the one before it.
                transfer(tool, told, "many", keep=place == "disk")
        end(begun)
        entries += [told for _, told in begun]
    return {"count": count, "entries": entries}


def nested(plan, work):
    """Very many very small files in folders of folders, in memory."""
    folders, count = (2, 10, 50) if plan.quick else (100, 10, 100), 0
    one_node()
    bench = Bench(work(plan.memory))
    for outer, inner in itertools.product(range(folders[0]), range(folders[1])):
        for number in range(folders[2]):
            fill(f"{bench.source}/tree/{outer:02}/{inner:02}/{number:03}.bin", 1 << 10)
            count += 1
    begun = begin(plan, bench, NESTED)
    for number in range(plan.rounds):
        for tool, told in in_turn(number, begun):
            transfer(tool, told, "tree")
    end(begun)
    return {"count": count, "entries": [told for _, told in begun]}


def loss(plan, work):
    """Two nodes at 100 Mbit/s; packets are lost that arrive at the taker."""
    size = (8 if plan.quick else 64) << 20
    entries = []
    for congestion in ("cubic", "bbr"):
        netlab("up", 2, "100mbit")
        for node in (1, 2):
            choose(node, congestion)
        refused = congestion == "cubic"
        bench = Bench(work(plan.memory), giver=1, taker=2, address="10.77.0.11", refused=refused, limit=120.0)
        fill(f"{bench.source}/file.bin", size)
        begun = begin(plan, bench, LOSS, congestion=congestion)
        for number in range(plan.rounds):
            for permille in LOSSES:
                netlab("loss", 2, permille)
                for tool, told in in_turn(number, begun):
                    transfer(tool, told, "file.bin", loss=permille)
            netlab("loss", 2, 0)
        end(begun)
        netlab("down")
        entries += [told for _, told in begun]
    return {"size": size, "entries": entries}


def holders(plan, work):
    """A taker at 100 Mbit/s, and one or two that hold the file at 50 Mbit/s each."""
    size = (8 if plan.quick else 64) << 20
    netlab("up", 3, "100mbit")
    for node in (1, 2, 3):
        choose(node, "cubic")
    for node in (1, 2):
        netlab("rate", node, "50mbit")
    bench = Bench(work(plan.memory), giver=1, taker=3, limit=120.0)
    fill(f"{bench.source}/file.bin", size)
    second = bench.folder("second")
    shutil.copytree(bench.source, os.path.join(second, "shared"))
    begun = begin(plan, bench, [tools.Potluck])
    for _ in range(plan.rounds):
        for tool, told in begun:
            transfer(tool, told, "file.bin", holders=1)
            if told["state"] == "ok":
                with_two(tool, told, second)
    end(begun)
    return {"size": size, "entries": [told for _, told in begun]}


def with_two(tool, told, second):
    """The same once more while a second one holds it."""
    taker, other = tool.peers[1], Peer(2, second)
    try:
        until("two hold it", lambda: taker.copies("file.bin") == 2, every=0.02)
        transfer(tool, told, "file.bin", holders=2)
        other.end(signal.SIGTERM)
        until("one holds it", lambda: taker.copies("file.bin") == 1, every=0.02)
    except Failed as wrong:
        told["state"] = f"failed: {wrong}"
    finally:
        other.end()


def tiny(plan, work):
    """Files of ten bytes: alone, and while a big one of the same owner is on its way. 100 Mbit/s."""
    size, count = (8 if plan.quick else 128) << 20, 4 if plan.quick else 16
    netlab("up", 2, "100mbit")
    for node in (1, 2):
        choose(node, "cubic")
    bench = Bench(work(plan.memory), giver=1, taker=2, address="10.77.0.11", limit=120.0)
    fill(f"{bench.source}/big.bin", size)
    for number in range(count):
        fill(f"{bench.source}/{number}.bin", 10)
    begun = begin(plan, bench, [tools.Potluck, tools.Curl])
    for _ in range(plan.rounds):
        for tool, told in begun:
            for number in range(count):
                transfer(tool, told, f"{number}.bin", beside="nothing")
            beside_a_big_one(tool, told, count)
    end(begun)
    return {"size": size, "entries": [told for _, told in begun]}


def beside_a_big_one(tool, told, count):
    """Fetches small files as long as a big one is on its way, and that one to its end."""
    if told["state"] != "ok":
        return
    to = tempfile.mkdtemp(dir=tool.bench.folder("out"))
    big = threading.Thread(target=tool.fetch, args=("big.bin", to))
    big.start()
    # By then it has its speed.
    time.sleep(1.0)
    for number in range(count):
        if big.is_alive():
            transfer(tool, told, f"{number}.bin", beside="a big one")
    big.join()
    shutil.rmtree(to)


def takers(plan, work):
    """Some that fetch one file of one owner at the same moment, with nothing in the way but the machine."""
    size = (16 if plan.quick else 256) << 20
    entries = []
    for count in (2,) if plan.quick else MANY_TAKERS:
        netlab("up", count + 1, OFFLOAD="on")
        for node in range(1, count + 2):
            choose(node, "cubic")
        bench = Bench(work(plan.memory), address=crowds.address(1), refused=True, limit=300.0)
        fill(f"{bench.source}/file.bin", size)
        begun = begin(plan, bench, TAKERS, peers=count)
        for number in range(plan.rounds):
            for tool, told in in_turn(number, begun):
                if tool:
                    at_once(tool, told, count, alone=False)
        end(begun)
        netlab("down")
        entries += [told for _, told in begun]
    return {"size": size, "entries": entries}


def far(plan, work):
    """300 ms there and back at 100 Mbit/s."""
    size = (8 if plan.quick else 64) << 20
    netlab("up", 2, "100mbit")
    for node in (1, 2):
        choose(node, "cubic")
    netlab("delay", FAR)
    bench = Bench(work(plan.memory), giver=1, taker=2, address="10.77.0.11", limit=240.0)
    fill(f"{bench.source}/file.bin", size)
    begun = begin(plan, bench, LOSS)
    for number in range(plan.rounds):
        for tool, told in in_turn(number, begun):
            transfer(tool, told, "file.bin")
    end(begun)
    return {"size": size, "entries": [told for _, told in begun]}


def start(plan, work):
    """A peer of a folder of 100,000 files is started again, until it has looked at all of them."""
    count = 2_000 if plan.quick else 100_000
    one_node()
    bench = Bench(work(plan.memory))
    for number in range(count):
        fill(f"{bench.source}/{number % 100:02}/some file name {number:06}.txt", 20)
    begun = [(kind(bench), entry(kind, state="ok", samples=[])) for kind in RESTING]
    for tool, told in list(begun):
        rest(plan, tool, told, lambda tool: tool.first(count))
    for number in range(plan.rounds):
        for tool, told in in_turn(number, begun):
            rest(plan, tool, told, lambda tool: told["samples"].append(tool.again(count)))
    return {"count": count, "entries": [told for _, told in begun]}


def idle(plan, work):
    """One that has nothing to do, with ten files and nobody else on the network; and with another one."""
    one_node()
    bench = Bench(work(plan.memory))
    for number in range(10):
        fill(f"{bench.source}/{number}.bin", 10_000)
    begun = [(kind(bench), entry(kind, state="ok", samples=[])) for kind in RESTING]
    for number in range(plan.rounds):
        for tool, told in in_turn(number, begun):
            seconds = 5 if plan.quick else 60
            rest(plan, tool, told, lambda tool: told["samples"].append(tool.at_rest(seconds)))
    return {"entries": [told for _, told in begun]}


def rest(plan, tool, told, act):
    """Does something with one that is started for it, unless it cannot be had."""
    has = install.obtain if plan.obtain else install.there
    if told["state"] == "ok" and not all([has(need) for need in tool.needs]):
        told["state"] = "not installed"
    if told["state"] != "ok":
        return
    try:
        told["version"] = tool.version()
        act(tool)
        if told["samples"]:
            print(f"  {tool.name:<24} {told['samples'][-1]}", file=sys.stderr)
    except WRONG as wrong:
        told["state"] = f"failed: {wrong}"
    finally:
        tool.stop()


def crowd(plan, work):
    """Peers that fetch one file at the same moment, as one alone did before; the owner's line is as theirs."""
    size = (8 if plan.quick else 64) << 20
    entries = []
    for count in (plan.crowd,) if plan.crowd else (3,) if plan.quick else CROWDS:
        rate = LINES // count
        netlab("up", count + 1, f"{rate}mbit", LAT=QUEUE, OFFLOAD=TRAIN)
        for node in range(1, count + 2):
            choose(node, "cubic")
        # A server alone takes `count` times one copy.
        limit = 30 + 2 * (count + 1) * size * 8 / rate / 1e6
        bench = Bench(work(plan.memory), address=crowds.address(1), refused=True, limit=limit)
        fill(f"{bench.source}/file.bin", size)
        begun = begin(plan, bench, CROWD, peers=count, rate=rate)
        for number in range(plan.rounds):
            for tool, told in in_turn(number, begun):
                if tool and not (tool.once and number):
                    at_once(tool, told, count)
        end(begun)
        netlab("down")
        entries += [told for _, told in begun]
    return {"size": size, "entries": entries}


def at_once(tool, told, count, alone=True):
    """One transfer to all; with potluck, if `alone`, one to a single peer before, which is what all are compared with."""
    if told["state"] != "ok":
        return
    size = os.path.getsize(os.path.join(tool.bench.source, "file.bin"))
    try:
        for takers in (1, count) if alone and tool.name == "potluck" else (count,):
            sample = tool.together(takers, "file.bin")
            told["samples"].append({**dataclasses.asdict(sample), "void": sample.void(), "takers": takers})
            shown = f"takers {takers:<7} {sample.seconds:8.3f} s, the first {sample.first:.3f} s"
            shown += f"; copies: {sample.sent / size:.2f} sent, {sample.received / takers / size:.2f} to each"
            print(f"  {tool.name:<24} {shown}; {sample.idle * 100:.0f} % idle", file=sys.stderr)
    except WRONG as wrong:
        told["state"] = f"failed: {wrong}"


ROWS = {"one-gib": one_gib, "many-small": many_small, "nested": nested, "loss": loss, "holders": holders, "crowd": crowd}
ROWS |= {"tiny": tiny, "takers": takers, "far": far, "start": start, "idle": idle}


def run(name, plan, work):
    """Runs a row; what it measured, with the circumstances."""
    begun, load = time.time(), os.getloadavg()[0]
    result = ROWS[name](plan, work)
    circumstances = {"row": name, "quick": plan.quick, "rounds": plan.rounds, "time": begun}
    return {**circumstances, "load": [load, os.getloadavg()[0]], "seconds": time.time() - begun, **result}
