"""The programs that are compared: how each is started, and how it fetches a file or a folder.

Each shares the same folder (`Bench.source`) and writes to a folder that was empty before. What a tool does once
for a file, however often that is fetched (hashing it, making a torrent of it), happens in `start` and is not
measured; neither is the comparing afterwards.
"""

import dataclasses
import os
import shutil
import signal
import socket
import subprocess
import sys

import lab
import meter
from lab import Failed, Peer, until

LIB = os.path.dirname(os.path.abspath(__file__))

# The nodes of the other build of potluck, if there is one, and of peers that keep copies.
BESIDE, KEEPING = 9, 8


@dataclasses.dataclass
class Bench:
    """Where tools run: a giving and a taking node of the lab (the same one for loopback), and their folder."""

    work: str
    giver: int = 1
    taker: int = 1
    address: str = "127.0.0.1"
    # How long one transfer may take, in seconds.
    limit: float = 300.0
    # Only the namespace's own congestion control; choosing another is refused.
    refused: bool = False

    @property
    def source(self):
        return os.path.join(self.work, "owner/shared")

    def folder(self, *names):
        path = os.path.join(self.work, *names)
        os.makedirs(path, exist_ok=True)
        return path

    def refuse(self):
        """What a command is put under."""
        return [sys.executable, os.path.join(LIB, "refuse.py")] if self.refused else []


def said(*command):
    """What a program says of itself, on one of its outputs."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.stdout.strip()


class Tool:
    """One of them. `fetch(what, to)` takes the file or folder `what` of the source into the folder `to`."""

    name = ""
    encrypted = verified = "no"
    needs = ()

    def __init__(self, bench):
        self.bench, self.servers, self.logs = bench, [], []

    @staticmethod
    def version():
        return ""

    def start(self):
        """Makes ready what is needed, so that `fetch` only transfers."""

    def fetch(self, what, to):
        raise NotImplementedError

    def serve(self, words, port=None, node=None, env=None):
        """Starts a server, waits until it listens, and keeps it until `stop`."""
        node = node or self.bench.giver
        log = open(os.path.join(self.bench.folder("logs"), f"{len(os.listdir(self.bench.folder('logs')))}"), "w+")
        self.logs.append(log)
        with meter.inside(node):
            server = subprocess.Popen(
                [*self.bench.refuse(), *words],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **(env or {})},
            )
        self.servers.append(server)

        def listens():
            if server.poll() is not None:
                log.seek(0)
                raise Failed(f"{words[0]} ended with {server.returncode}: {log.read().strip()[-300:]}")
            with meter.inside(node), socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        if port:
            until(f"{words[0]} listens", listens, 20, every=0.02)
        return server

    def command(self, words):
        """Measures a command of the taker that takes from our servers."""
        giver = [server.pid for server in self.servers]
        return meter.command(self.bench.taker, [*self.bench.refuse(), *words], giver, self.bench.limit)

    def end(self, server):
        """Ends one server."""
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        self.servers.remove(server)

    def stop(self):
        for server in list(self.servers):
            self.end(server)
        for log in self.logs:
            log.close()
        self.logs = []


class Potluck(Tool):
    name = "potluck"
    encrypted = verified = "yes"
    peers = options = ()

    @staticmethod
    def program():
        return lab.POTLUCK

    def version(self):
        return said(self.program(), "--version").split()[-1]

    def places(self):
        """Node and folder of the owner and of the taker."""
        bench = self.bench
        return (bench.giver, bench.folder("owner")), (bench.taker, bench.folder("taker"))

    def start(self):
        bench = self.bench
        for node, folder in self.places():
            peer = Peer(node, folder, *self.options, under=bench.refuse(), program=self.program())
            self.peers = (*self.peers, peer)
        shared = sum(len(files) for _, _, files in os.walk(bench.source))
        until("everything is offered", lambda: self.peers[1].files() == shared, every=0.02)

    def fetch(self, what, to):
        owner, taker = self.peers
        sides = [owner.process.pid], [taker.process.pid]
        return meter.during(*sides, lambda: taker.download(what, to=to, limit=self.bench.limit))

    def stop(self):
        for peer in self.peers:
            peer.end(signal.SIGTERM)


class Apart(Potluck):
    """Two more peers, with the same files in a node of their own, for else all would find each other."""

    node = 0

    def places(self):
        bench = self.bench
        owner = bench.folder(str(self.node), "owner")
        # Hard links and no copies: those lie otherwise in memory, and made whichever build had them 4 % faster.
        # They are made before the other one starts, for which each would be a change.
        shutil.copytree(bench.source, os.path.join(owner, "shared"), copy_function=os.link)
        return (self.node, owner), (self.node, bench.folder(str(self.node), "taker"))


class Beside(Apart):
    """Another build of potluck."""

    name = "potluck, beside it"
    node = BESIDE

    @staticmethod
    def program():
        return lab.BESIDE


class PotluckKeeping(Apart):
    """An owner that wants two copies of each file, as all do unless they are told otherwise, and a taker that lends no
    space: what it fetches counts as a copy. (If it lent some, it would have all files before it asks for them.)"""

    name = "potluck, custody on"
    node = KEEPING
    options = ("--copies", "2", "--lend", "0")


class Curl(Tool):
    """nginx and curl, over TLS; many files at once from one curl."""

    name = "nginx TLS 1.3, curl"
    encrypted = "yes"
    needs = ("nginx", "curl", "openssl")
    scheme, port = "https", 8443
    # The cipher is the faster one of those that curl offers.
    tls = """ssl_certificate %(work)s/cert.pem; ssl_certificate_key %(work)s/key.pem; ssl_protocols TLSv1.3;
             ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;"""

    @staticmethod
    def version():
        nginx = said("nginx", "-v").split("/")[-1]
        return f"{nginx}, {said('curl', '--version').split()[1]}"

    def start(self):
        work = self.bench.folder(self.scheme)
        if self.scheme == "https":
            self.certificate(work)
        listen = f"listen {self.port}" + (" ssl;" + self.tls % {"work": work} if self.scheme == "https" else ";")
        config = os.path.join(work, "nginx.conf")
        with open(config, "w") as file:
            # Workers of root's, because nobody else may look into the folder.
            file.write(
                f"""user root; worker_processes auto; daemon off; pid {work}/pid;
                events {{ worker_connections 1024; }}
                http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;
                server {{ {listen} root {self.bench.source}; }} }}"""
            )
        self.serve(["nginx", "-p", work, "-e", "stderr", "-c", config], self.port)

    def certificate(self, work):
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{work}/key.pem"]
        name = ["-subj", "/CN=compare", "-addext", f"subjectAltName=IP:{self.bench.address}"]
        made = ["openssl", "req", "-x509", *key, *name, "-days", "2", "-out", f"{work}/cert.pem"]
        subprocess.run(made, check=True, capture_output=True)

    def fetch(self, what, to):
        base = f"{self.scheme}://{self.bench.address}:{self.port}"
        words = ["curl", "--silent", "--show-error", "--fail"]
        if self.scheme == "https":
            words += ["--cacert", os.path.join(self.bench.work, "https/cert.pem")]
        source = os.path.join(self.bench.source, what)
        if os.path.isfile(source):
            return self.command([*words, "--output", os.path.join(to, what), f"{base}/{what}"])
        os.makedirs(os.path.join(to, what))
        listed = os.path.join(self.bench.work, "curl-list")
        with open(listed, "w") as file:
            for name in sorted(os.listdir(source)):
                file.write(f'url = "{base}/{what}/{name}"\noutput = "{to}/{what}/{name}"\n')
        return self.command([*words, "--parallel", "--parallel-max", "50", "--config", listed])


class PlainCurl(Curl):
    name = "nginx, curl"
    encrypted = "no"
    scheme, port = "http", 8080


class Rsync(Tool):
    name = "rsync daemon"
    verified = "weakly"
    needs = ("rsync",)
    port, options = 8730, ()

    @staticmethod
    def version():
        return said("rsync", "--version").split()[2]

    def start(self):
        config = os.path.join(self.bench.folder(f"rsync-{self.port}"), "rsyncd.conf")
        with open(config, "w") as file:
            file.write(f"use chroot = no\nuid = {os.getuid()}\ngid = {os.getgid()}\n")
            file.write(f"[files]\npath = {self.bench.source}\nread only = yes\n")
        self.serve(["rsync", "--daemon", "--no-detach", "--config", config, "--port", str(self.port)], self.port)

    def fetch(self, what, to):
        url = f"rsync://{self.bench.address}:{self.port}/files/{what}"
        return self.command(["rsync", "--archive", *self.options, url, to])


class RsyncSynced(Rsync):
    """Syncs every file, as a program does that says "done" only of what a power cut cannot take."""

    name = "rsync daemon, --fsync"
    port, options = 8731, ("--fsync",)


class Scp(Tool):
    name = "scp"
    encrypted = "yes"
    needs = ("sshd", "scp")
    port = 2222

    @staticmethod
    def version():
        return said("ssh", "-V").split(",")[0].split("_")[-1].split()[0]

    def start(self):
        work = self.bench.folder("ssh")
        for name in ("host", "user"):
            made = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "compare", "-f", f"{work}/{name}"]
            subprocess.run(made, check=True, capture_output=True)
        # Where sshd goes after it gave up its rights; its package's service makes it.
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        config = f"{work}/sshd_config"
        with open(config, "w") as file:
            file.write(
                f"Port {self.port}\nListenAddress 0.0.0.0\nHostKey {work}/host\nPidFile none\nUsePAM no\n"
                f"AuthorizedKeysFile {work}/user.pub\nStrictModes no\nPermitRootLogin prohibit-password\n"
                "PasswordAuthentication no\nSubsystem sftp internal-sftp\n"
            )
        self.serve([shutil.which("sshd"), "-D", "-e", "-f", config], self.port)

    def fetch(self, what, to):
        options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "BatchMode=yes", "LogLevel=ERROR"]
        words = ["scp", "-q", "-r", "-F", "none", "-i", f"{self.bench.work}/ssh/user", "-P", str(self.port)]
        words += [word for option in options for word in ("-o", option)]
        return self.command([*words, f"root@{self.bench.address}:{self.bench.source}/{what}", to])
