"""Programs that run and have nothing to fetch: how long they take to come up, and what they cost while nothing happens."""

import signal
import time

import lab
import meter
import processes
import swarms
import tools
from lab import Peer, until


def sample(strangers, since, **more):
    """A sample, with what other processes took since then."""
    others = (meter.others() - strangers) / (time.monotonic() - since)
    return {**more, "others": others, "void": others > meter.OTHERS}


class Potluck(tools.Tool):
    """One peer, with nobody else on its network."""

    name = "potluck"
    encrypted = verified = "yes"
    peer = None

    @staticmethod
    def version():
        return tools.said(lab.POTLUCK, "--version").split()[-1]

    def up(self, count):
        self.peer = Peer(self.bench.giver, self.bench.folder("owner"))

        def has_looked():
            told = [row for row in self.peer.ask(command="status") or [] if row["reply"] == "status"]
            return told and told[0]["files"] == count and not told[0]["hashing"]

        until("everything is shared", has_looked, 300, every=0.01)
        return self.peer.process.pid

    def first(self, count):
        """Files are hashed now, and not again."""
        self.up(count)
        time.sleep(2)

    def again(self, count):
        strangers, begun = meter.others(), time.monotonic()
        pid = self.up(count)
        seconds = time.monotonic() - begun
        return sample(strangers, begun, seconds=seconds, cpu=processes.cpu(pid), rss=processes.resident(pid))

    def at_rest(self, seconds):
        pid = self.up(10)
        # What follows a start is over by then.
        time.sleep(5)
        strangers, begun = meter.others(), time.monotonic()
        cpu, wakes, whose = processes.rest(seconds, pid)
        return sample(strangers, begun, cpu=cpu, wakes=wakes, whose=whose, rss=processes.resident(pid))

    def stop(self):
        if self.peer:
            self.peer.end(signal.SIGTERM)
            self.peer = None


class Syncthing(Potluck):
    """One that shares a folder with another one which is not there; its watcher is off (`swarms.CONFIG`)."""

    name = "Syncthing"
    needs = ("syncthing",)
    version = staticmethod(swarms.Syncthing.version)

    def __init__(self, bench):
        super().__init__(bench)
        self.inner = None

    def up(self, count):
        if self.inner is None:
            self.inner = swarms.Syncthing(self.bench)
            self.inner.start()
        else:
            self.inner.owner = self.inner.run("giver", self.bench.source, "sendonly", False)

        def has_looked():
            told = self.inner.ask("giver", "db/status?folder=c")
            return told.get("state") == "idle" and told.get("localFiles") == count

        until("Syncthing has scanned", has_looked, 600, every=0.05)
        return self.inner.owner.pid

    def stop(self):
        if self.inner:
            self.inner.stop()
