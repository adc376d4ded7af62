"""The page for guests (scripts/measure guests): its speed over TLS beside nginx, a folder of 10,000 files and 5 GiB as one
archive, and what idle, slow and honest guests cost and get."""

import json
import os
import random
import signal
import statistics
import subprocess
import time

import install
from lab import PREFIX, ROOT, Failed, Peer, fill, until

PORT, NGINX = 8099, 7443
HERE = os.path.join(ROOT, "scripts/lib/guest_load.py")


def inside(*command, **options):
    return subprocess.run(["ip", "netns", "exec", f"{PREFIX}-1", *command], check=True, **options)


def invite(peer, *words):
    """A link for guests: plain, and encrypted."""
    replies = peer.ask(command="guest", action="on", port=PORT)
    row = next(r for r in replies if r["reply"] == "guest")
    return row["address"], row["private_address"]


def rows(link, path=""):
    told = inside("curl", "-sS", f"{link}api/list?path={path}", capture_output=True).stdout
    return json.loads(told)["rows"]


def guests(table, work, quick, node):
    node()
    speed(table, work, quick)
    crowd(table, work, quick)
    archive(table, work, quick)


class Nginx:
    """With TLS, and one worker: as many threads as serve guests."""

    def __init__(self, work, root):
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{work}/key.pem"]
        made = ["openssl", "req", "-x509", *key, "-subj", "/CN=measure", "-days", "2", "-out", f"{work}/cert.pem"]
        subprocess.run(made, check=True, capture_output=True)
        with open(f"{work}/nginx.conf", "w") as file:
            file.write(
                f"""user root; worker_processes 1; daemon off; pid {work}/pid; events {{ worker_connections 1024; }}
                http {{ access_log off; sendfile on; tcp_nopush on; server {{ listen 127.0.0.1:{NGINX} ssl; root {root};
                ssl_certificate {work}/cert.pem; ssl_certificate_key {work}/key.pem; ssl_protocols TLSv1.3; }} }}"""
            )
        command = ["ip", "netns", "exec", f"{PREFIX}-1", "nginx", "-p", work, "-e", "stderr", "-c", f"{work}/nginx.conf"]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until("nginx", lambda: os.path.exists(f"{work}/pid"))

    def cpu(self):
        children = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True).stdout.split()
        total = 0
        for pid in [self.process.pid, *children]:
            with open(f"/proc/{pid}/stat") as stat:
                fields = stat.read().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        return total / os.sysconf("SC_CLK_TCK")

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def speed(table, work, quick):
    size = (128 if quick else 1024) << 20
    fill(f"{work}/speed/shared/big.bin", size)
    peer = Peer(1, f"{work}/speed")
    until("hashed", lambda: peer.shares() == (1, 0), 120)
    _, private = invite(peer)
    content = rows_of_private(private)[0]["id"]
    address = {"guests": f"{private}file/{content}/big.bin", "nginx": f"https://127.0.0.1:{NGINX}/big.bin"}
    if not (install.obtain("nginx") and install.obtain("openssl")):
        raise Failed("measure: nginx cannot be had")
    servers = {"guests": peer, "nginx": Nginx(work, f"{work}/speed/shared")}
    took, cpu = {name: [] for name in servers}, {name: [] for name in servers}
    for _ in range(2 if quick else 7):
        for name, server in servers.items():
            before, start = server.cpu(), time.monotonic()
            inside("curl", "-sSk", "--tlsv1.3", "-o", "/dev/null", address[name])
            took[name].append(time.monotonic() - start)
            cpu[name].append(server.cpu() - before)
    fast = {name: size / statistics.median(times) / 1e6 for name, times in took.items()}
    spent = {name: statistics.median(times) * (1 << 30) / size for name, times in cpu.items()}
    table(f"a guest saves {size >> 20} MiB over TLS", f"{fast['guests']:.0f} MB/s", f"nginx: {fast['nginx']:.0f}")
    table("  of the speed of nginx", f"{fast['guests'] / fast['nginx']:.2f}", ">= 1.0")
    table("  CPU a GiB", f"{spent['guests']:.2f} s", f"nginx: {spent['nginx']:.2f}")
    table("  of the CPU of nginx", f"{spent['guests'] / max(spent['nginx'], 0.01):.2f}", "<= 0.9")
    servers["nginx"].end()
    peer.end()


def rows_of_private(link):
    told = inside("curl", "-sSk", f"{link}api/list", capture_output=True).stdout
    return json.loads(told)["rows"]


def crowd(table, work, quick):
    """Idle guests, and slow ones with an honest one beside them."""
    fill(f"{work}/crowd/shared/file.bin", 4 << 20)
    peer = Peer(1, f"{work}/crowd")
    until("hashed", lambda: peer.shares() == (1, 0), 60)
    _, private = invite(peer)
    idle = 200 if quick else 1000
    told = inside("python3", HERE, "idle", private, str(idle), str(peer.process.pid), capture_output=True).stdout
    told = json.loads(told)
    table(f"{idle} idle guests of 120 addresses, over TLS", f"{told['each'] / 1024:.1f} KiB each", "<= 16 KiB")
    slow = 100 if quick else 500
    told = json.loads(inside("python3", HERE, "slow", private, str(slow), capture_output=True).stdout)
    table(f"{slow} slow guests: cut within", f"{told['seconds']:.0f} s", f"{told['cut']} of {slow}")
    table("  an honest one beside them, 4 MiB", f"{told['honest'] * 1e3:.0f} ms, worst {told['worst'] * 1e3:.0f}", f"{told['failed']} failed")
    peer.end()


def archive(table, work, quick):
    """10,000 small files and one that is nearly all a hole, as one archive, cut at places that chance chooses."""
    count, large = (500, 64 << 20) if quick else (10_000, 5 << 30)
    folder = f"{work}/archive/shared/all"
    for n in range(count):
        fill(f"{folder}/{n % 100}/file {n}.txt", 100 + n % 5000)
    with open(f"{folder}/large.bin", "wb") as file:
        file.write(os.urandom(1 << 20))
        file.truncate(large)
    peer = Peer(1, f"{work}/archive")
    until("hashed", lambda: peer.shares() == (count + 1, 0), 600, every=0.2)
    link, _ = invite(peer)
    address, whole = f"{link}zip/all.zip?path=all", f"{work}/whole.zip"
    start = time.monotonic()
    inside("curl", "-sS", "--fail", "-o", whole, address)
    size = os.path.getsize(whole)
    table(f"an archive of {count + 1} files, {size >> 20} MiB", f"{size / (time.monotonic() - start) / 1e6:.0f} MB/s")
    chance = random.Random(seed := int.from_bytes(os.urandom(4)))
    places = [0, 1, size - 1, size - 30, *(chance.randrange(size) for _ in range(20 if quick else 200))]
    for at in places:
        end = min(size, at + (64 << 10)) - 1
        part = inside("curl", "-sS", "--fail", "-r", f"{at}-{end}", address, capture_output=True).stdout
        with open(whole, "rb") as file:
            file.seek(at)
            if part != file.read(end + 1 - at):
                raise Failed(f"measure: the archive has other bytes at {at} (seed {seed})")
    table("  goes on with these bytes", f"{len(places)} places", f"seed {seed}")
    readers = {
        "unzip": ["unzip", "-tqq", whole],
        "Python": ["python3", "-c", "import sys, zipfile; sys.exit(zipfile.ZipFile(sys.argv[1]).testzip() is not None)", whole],
        "bsdtar": ["bsdtar", "-tf", whole],
    }
    for name, command in readers.items():
        try:
            read = subprocess.run(command, capture_output=True)
            table(f"  {name}", "accepts it" if read.returncode == 0 else f"REFUSES it: {read.stderr[-200:]}")
        except FileNotFoundError:
            table(f"  {name}", "is not here")
    peer.end()
