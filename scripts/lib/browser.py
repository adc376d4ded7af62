"""Chromium in a node of the lab, driven by its driver (W3C WebDriver), with the owner's page of a peer in it."""

import ctypes
import http.client
import json
import os
import socket
import subprocess
import threading

import lab
from lab import Failed, until

# The port of the driver, in the network of its node alone.
PORT = 9515

ARGUMENTS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
ARGUMENTS += ["--disable-background-networking", "--disable-component-update", "--hide-scrollbars"]
ARGUMENTS += ["--lang=en-US", "--accept-lang=en-US", "--force-device-scale-factor=1", "--window-size=1280,900"]

# Nothing more comes: the page has as many elements for some frames.
SETTLED = """
    const main = document.querySelector('main');
    for (let same = 0, before = 0; same < 20;) {
      await new Promise((next) => { requestAnimationFrame(next); });
      const now = main.querySelectorAll('*').length;
      same = now > 0 && now === before ? same + 1 : 0;
      before = now;
    }
    return null"""

# setns(2): the thread's network from now on.
CLONE_NEWNET = 0x40000000


def connected(node, port):
    """A connection that was made inside a node: a socket stays in the network in which it was made."""
    made = []

    def connect():
        with open(f"/run/netns/{lab.PREFIX}-{node}") as namespace:
            if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        try:
            made.append(socket.create_connection(("127.0.0.1", port), 120))
        except OSError as error:
            made.append(error)

    thread = threading.Thread(target=connect)
    thread.start()
    thread.join()
    if not made or isinstance(made[0], OSError):
        raise made[0] if made else Failed(f"{lab.SCRIPT}: no network of node {node}")
    return made[0]


class Browser:
    """Keeps what it needs in `home`, a folder that goes with the measurement."""

    def __init__(self, node, home):
        self.node, self.session = node, ""
        os.makedirs(home, exist_ok=True)
        command = ["ip", "netns", "exec", f"{lab.PREFIX}-{node}", "chromedriver", f"--port={PORT}", "--log-level=SEVERE"]
        env = {**os.environ, "HOME": home, "TMPDIR": home}
        self.driver = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until("a driver", self.stands, every=0.05)
        wanted = {"browserName": "chrome", "goog:chromeOptions": {"args": ARGUMENTS}, "goog:loggingPrefs": {"browser": "WARNING"}}
        self.session = "/session/" + self.call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]

    def stands(self):
        if self.driver.poll() is not None:
            raise Failed(f"{lab.SCRIPT}: chromedriver ended; scripts/setup-tests installs it")
        try:
            return self.call("GET", "/status")["ready"]
        except OSError:
            return False

    def call(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", PORT)
        connection.sock = connected(self.node, PORT)
        connection.request(method, path, None if body is None else json.dumps(body), {"Content-Type": "application/json"})
        told = json.load(connection.getresponse())["value"]
        connection.close()
        if isinstance(told, dict) and "error" in told:
            raise Failed(f"{lab.SCRIPT}: {path}: {told['error']}: {told['message']}")
        return told

    def cdp(self, command, **parameters):
        return self.call("POST", f"{self.session}/goog/cdp/execute", {"cmd": command, "params": parameters})

    def run(self, script, *given):
        """What an asynchronous script in the page returns; its arguments are `given`."""
        script = (
            "const done = arguments[arguments.length - 1]; const given = [...arguments].slice(0, -1); "
            f"(async () => {{ {script} }})().then(done, (e) => done({{ wrong: String(e) }}))"
        )
        told = self.call("POST", f"{self.session}/execute/async", {"script": script, "args": list(given)})
        if isinstance(told, dict) and "wrong" in told:
            raise Failed(f"{lab.SCRIPT}: {told['wrong']}")
        return told

    def go(self, address):
        self.call("POST", f"{self.session}/url", {"url": address})

    def open(self, peer):
        """A new page of this peer, as if it had never been open here; it shows rows when this returns."""
        self.go("about:blank")
        self.go(json.loads(peer.one_shot("web", "--no-open", "--json"))["address"])
        until("rows", lambda: self.run("return document.querySelector('.rows > *') !== null"), every=0.05)

    def turn_to(self, view):
        """Turns to a view, until all of it is there."""
        self.run("document.querySelector(`nav [data-view=${given[0]}], nav #to-${given[0]}`).click(); return null", view)
        script = "return document.querySelector(`nav [data-view=${given[0]}], nav #to-${given[0]}`).ariaCurrent"
        until(view, lambda: self.run(script, view) == "page", every=0.05)
        self.run(SETTLED)

    def complaints(self):
        return [entry["message"] for entry in self.call("POST", f"{self.session}/se/log", {"type": "browser"})]

    def end(self):
        if self.session:
            self.call("DELETE", self.session)
        self.driver.terminate()
        self.driver.wait(20)
