"""A crowd: all peers of a LAN that fetch one file at the same moment, each over a line of its own.

The owner is node 1, those who fetch are the nodes from 2 on. What they run is started before, waits, and is let go
by one and the same event; the time is that of the last one, until it has said that it is done.
"""

import contextlib
import filecmp
import os
import selectors
import shutil
import signal
import subprocess
import time

import lab
import meter
import swarms
import tools
from lab import Failed, Peer, until

# Says that it waits, waits for the end of its input, and becomes the command.
GATE = 'echo ready; read -r _; exec "$@" </dev/null'

# How long those who fetch may take to come up, in seconds.
UP = 60.0


def address(node):
    return f"10.77.0.{10 + node}"


class Crowd:
    """What a tool of a crowd has besides `start` and `stop`, which are the owner's."""

    # Whether those who fetch stay when they are done, and give to the others; such a one says "done".
    stays = False
    # A transfer that takes minutes and is as long each time need not be repeated.
    once = False

    def gather(self, nodes, what):
        """Makes ready who fetches; for each node a command that waits for the end of its input."""
        raise NotImplementedError

    def arrived(self, node, what):
        """Where the file is in the end."""
        return os.path.join(self.bench.folder("out", str(node)), what)

    def scatter(self):
        """Ends what `gather` started."""

    def together(self, count, what):
        """One transfer to `count` peers; each file is compared with the source."""
        nodes = range(2, 2 + count)
        try:
            sample = at_once(self.bench, self.gather(nodes, what), self.stays)
            source = os.path.join(self.bench.source, what)
            for node in nodes:
                if not filecmp.cmp(source, self.arrived(node, what), shallow=False):
                    raise Failed(f"what arrived at node {node} differs")
            return sample
        finally:
            self.scatter()
            for folder in os.listdir(self.bench.work):
                if folder == "out" or folder.startswith("taker"):
                    shutil.rmtree(os.path.join(self.bench.work, folder))


class Potluck(Crowd, tools.Potluck):
    """Peers that run and know of each other; each is asked by a command of its own."""

    takers = ()

    def start(self):
        self.peers = (Peer(1, self.bench.folder("owner"), under=self.bench.refuse()),)

    def gather(self, nodes, what):
        under = self.bench.refuse()
        self.takers = [Peer(node, self.bench.folder(f"taker{node}"), under=under) for node in nodes]
        names = {peer.name for peer in (*self.peers, *self.takers)}

        def ready(peer):
            known = {row.get("name") for row in peer.ask(command="peers") or []}
            # Who left an earlier round must be forgotten, too.
            return names <= known | {peer.name} and peer.offers(what) and peer.copies(what) == 1

        until("all know each other", lambda: all(ready(peer) for peer in self.takers), UP, every=0.05)
        gate = ["sh", "-c", GATE, "gate"]
        return {
            node: [*gate, lab.POTLUCK, "-d", peer.directory, "download", what]
            for node, peer in zip(nodes, self.takers)
        }

    def arrived(self, node, what):
        return os.path.join(self.bench.work, f"taker{node}/downloads", what)

    def scatter(self):
        for peer in self.takers:
            peer.process.send_signal(signal.SIGTERM)
        for peer in self.takers:
            try:
                peer.process.wait(20)
            except subprocess.TimeoutExpired:
                peer.end()
        self.takers = ()


class Curl(Crowd, tools.Curl):
    once = True

    def gather(self, nodes, what):
        certificate = os.path.join(self.bench.work, "https/cert.pem")
        curl = ["curl", "--silent", "--show-error", "--fail", "--cacert", certificate]
        url = f"{self.scheme}://{self.bench.address}:{self.port}/{what}"
        gate = ["sh", "-c", GATE, "gate", *self.bench.refuse()]
        return {node: [*gate, *curl, "--output", self.arrived(node, what), url] for node in nodes}


class EachCurl(Curl):
    """The same, where it takes seconds."""

    once = False


class Libtorrent(Crowd, swarms.Libtorrent):
    """Each is told the addresses of all, and gives to the others until all are done."""

    stays = True

    def gather(self, nodes, what):
        commands = {}
        for node in nodes:
            others = [address(other) for other in (1, *nodes) if other != node]
            folder = os.path.dirname(self.arrived(node, what))
            commands[node] = self.bench.refuse() + self.words("crowd", self.torrent, folder, self.port, *others)
        return commands


def at_once(bench, commands, stays):
    """Lets the commands (by node) go at once; what it cost until the last one was done."""
    held, gate = os.pipe()
    running, logs = {}, []
    with contextlib.ExitStack() as after:
        after.callback(os.close, held)
        for node, words in commands.items():
            logs.append(after.enter_context(open(os.path.join(bench.folder("logs"), f"taker{node}"), "w+b")))
            with meter.inside(node):
                process = subprocess.Popen(words, stdin=held, stdout=subprocess.PIPE, stderr=logs[-1])
            after.callback(end, process)
            running[process] = logs[-1]
        # Registered last, for those who still wait must not be waited for with their gate shut.
        opened = after.enter_context(contextlib.closing(os.fdopen(gate, "wb")))
        heard = Ears(running)
        heard.each(UP, lambda said, ended: said.startswith(b"ready\n"))
        arrived = {node: meter.received(node) for node in commands}
        before, idle = meter.sent(1), meter.Idle()
        strangers, start = meter.others(), time.monotonic()
        opened.close()
        ends = heard.each(bench.limit, lambda said, ended: ended or stays and said.endswith(b"done\n"))
        seconds, share = time.monotonic() - start, idle.share()
        elsewhere = (meter.others() - strangers) / (time.monotonic() - start)
        received = sum(meter.received(node) - arrived[node] for node in commands)
        sent, frames = (now - then for now, then in zip(meter.sent(1), before))
        return meter.Crowd(seconds, min(ends) - start, sent, frames, received, share, elsewhere)


def end(process):
    """Ends one that fetches, if it still runs."""
    process.stdout.close()
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Ears:
    """Hears what processes say on their outputs."""

    def __init__(self, logs):
        self.logs, self.said = logs, {process: b"" for process in logs}

    def each(self, limit, enough):
        """Hears each until `enough(said, ended)`; when that was."""
        deadline, times = time.monotonic() + limit, []
        with selectors.DefaultSelector() as selector:
            for process in self.said:
                selector.register(process.stdout, selectors.EVENT_READ, process)
            while selector.get_map():
                ready = selector.select(deadline - time.monotonic())
                if not ready:
                    raise Failed(f"{len(selector.get_map())} of {len(self.said)} were not ready in {limit:.0f} s")
                for key, _ in ready:
                    process = key.data
                    more = os.read(process.stdout.fileno(), 1 << 16)
                    self.said[process] += more
                    if not more and process.wait(10) != 0:
                        raise Failed(f"one that fetches ended with {process.returncode}: {self.last(process)}")
                    if enough(self.said[process], not more):
                        times.append(time.monotonic())
                        selector.unregister(process.stdout)
                    elif not more:
                        raise Failed(f"one that fetches ended before it was done: {self.last(process)}")
        return times

    def last(self, process):
        """Its last words."""
        self.logs[process].seek(0)
        lines = self.logs[process].read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else self.said[process].decode(errors="replace").strip()[-300:]
