"""Programs for passing files between equals: Syncthing, BitTorrent, magic-wormhole. They transfer single files."""

import json
import os
import shutil
import subprocess
import urllib.request

import install
import meter
from lab import until
from tools import LIB, Tool, said

KEY = "compare"

CONFIG = """<configuration version="36">
  <folder id="c" path="{path}" type="{kind}" rescanIntervalS="0" fsWatcherEnabled="false" paused="{paused}">
    <device id="{giver}"></device><device id="{taker}"></device>
    <markerName>.</markerName>
  </folder>
  <device id="{giver}" name="giver"><address>tcp://{address}:{giver_port}</address></device>
  <device id="{taker}" name="taker"><address>dynamic</address></device>
  <gui enabled="true"><address>127.0.0.1:{gui}</address><apikey>{key}</apikey></gui>
  <options>
    <listenAddress>tcp://0.0.0.0:{port}</listenAddress>
    <globalAnnounceEnabled>false</globalAnnounceEnabled><localAnnounceEnabled>false</localAnnounceEnabled>
    <relaysEnabled>false</relaysEnabled><natEnabled>false</natEnabled><startBrowser>false</startBrowser>
    <urAccepted>-1</urAccepted><autoUpgradeIntervalH>0</autoUpgradeIntervalH>
    <crashReportingEnabled>false</crashReportingEnabled><reconnectionIntervalS>1</reconnectionIntervalS>
  </options>
</configuration>
"""


class Syncthing(Tool):
    """A folder that is joined already; measured from when it is no longer paused to when the file is there."""

    name = "Syncthing"
    encrypted = verified = "yes"
    needs = ("syncthing",)
    ports = {"giver": 22001, "taker": 22002}
    guis = {"giver": 8385, "taker": 8386}

    @staticmethod
    def version():
        return said("syncthing", "--version").split()[1].lstrip("v")

    def start(self):
        self.ids = {}
        for side in self.ports:
            home = self.bench.folder("syncthing", side)
            subprocess.run(
                ["syncthing", "generate", "--home", home, "--no-default-folder"], check=True, capture_output=True
            )
            self.ids[side] = said("syncthing", "serve", "--home", home, "--device-id").splitlines()[-1]
        self.owner = self.run("giver", self.bench.source, "sendonly", False)
        until("Syncthing has scanned", lambda: self.ask("giver", "db/status?folder=c").get("state") == "idle", 120, 0.1)

    def run(self, side, path, kind, paused):
        home = self.bench.folder("syncthing", side)
        with open(os.path.join(home, "config.xml"), "w") as file:
            file.write(
                CONFIG.format(
                    path=path, kind=kind, paused=str(paused).lower(), address=self.bench.address, key=KEY,
                    giver_port=self.ports["giver"], port=self.ports[side], gui=self.guis[side], **self.ids,
                )
            )
        node = self.bench.giver if side == "giver" else self.bench.taker
        words = ["syncthing", "serve", "--home", home, "--no-browser", "--no-upgrade"]
        return self.serve(words, self.guis[side], node)

    def ask(self, side, path, **change):
        node = self.bench.giver if side == "giver" else self.bench.taker
        asked = urllib.request.Request(f"http://127.0.0.1:{self.guis[side]}/rest/{path}", headers={"X-API-Key": KEY})
        if change:
            asked.method, asked.data = "PATCH", json.dumps(change).encode()
        with meter.inside(node), urllib.request.urlopen(asked, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else {}

    def fetch(self, what, to):
        # A new database each time, or it would take a file that is gone for one that was deleted.
        shutil.rmtree(self.bench.folder("syncthing/taker/index-v0.14.0.db"))
        taker = self.run("taker", to, "receiveonly", True)
        connected = lambda: self.ask("taker", "system/connections")["connections"][self.ids["giver"]]["connected"]
        until("Syncthing is connected", connected, 30, every=0.05)
        size, end = os.path.getsize(os.path.join(self.bench.source, what)), os.path.join(to, what)

        def go():
            self.ask("taker", "config/folders/c", paused=False)
            # It has another name until all of it is there.
            until("Syncthing is done", lambda: os.path.exists(end) and os.path.getsize(end) == size, self.bench.limit)

        try:
            return meter.during([self.owner.pid], [taker.pid], go)
        finally:
            self.end(taker)


class Libtorrent(Tool):
    """A seed and a peer that is told its address; plain TCP, no tracker."""

    name = "libtorrent"
    verified = "SHA-1"
    needs = ("libtorrent",)
    port = 6881

    @staticmethod
    def version():
        return said(install.PYTHON, "-c", "import libtorrent; print(libtorrent.__version__)")

    def words(self, *args):
        return [install.PYTHON, os.path.join(LIB, "torrent.py"), *map(str, args)]

    def start(self):
        self.torrent = os.path.join(self.bench.folder("torrent"), "torrent")
        file = os.path.join(self.bench.source, os.listdir(self.bench.source)[0])
        self.serve(self.words("seed", file, self.torrent, self.port), self.port)

    def fetch(self, what, to):
        return self.command(self.words("fetch", self.torrent, to, self.bench.address, self.port))


class Wormhole(Tool):
    """Sender and receiver directly; the mailbox, which is on the Internet otherwise, is here too."""

    name = "magic-wormhole"
    encrypted = verified = "yes"
    needs = ("wormhole",)
    port = 4000

    @staticmethod
    def version():
        return said(f"{install.WORMHOLE}/bin/wormhole", "--version").split()[-1]

    def start(self):
        mailbox = f"--channel-db={self.bench.folder('wormhole')}/db"
        program = f"{install.WORMHOLE}/bin/twist"
        self.serve([program, "wormhole-mailbox", f"--port=tcp:{self.port}", mailbox], self.port)

    def words(self, *args):
        relay = f"ws://{self.bench.address}:{self.port}/v1"
        return [f"{install.WORMHOLE}/bin/wormhole", "--relay-url", relay, "--transit-helper", "", *args]

    def fetch(self, what, to):
        code = "1-compare"
        file = os.path.join(self.bench.source, what)
        sender = self.serve(self.words("send", "--hide-progress", "--code", code, file))
        log = self.logs[-1]
        try:
            until("wormhole waits", lambda: "receive" in open(log.name).read(), 30, every=0.05)
            return self.command(self.words("receive", "--hide-progress", "--accept-file", "-o", to, code))
        finally:
            self.end(sender)
