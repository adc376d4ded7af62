"""Many guests at once, from addresses of this machine (run in the network of the peer by guests.py): tells in JSON what
became of them.

    guest_load.py idle LINK COUNT PID    so many connections over TLS that asked once and rest: bytes of the peer for each
    guest_load.py slow LINK COUNT        so many that send a byte now and then: how many are cut, and an honest one beside them
"""

import json
import resource
import selectors
import socket
import ssl
import statistics
import subprocess
import sys
import threading
import time
from urllib.parse import urlsplit

ADDRESSES = [f"127.0.1.{n}" for n in range(1, 121)]


def anything():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def connection(link, n):
    return socket.create_connection((link.hostname, link.port), timeout=60, source_address=(ADDRESSES[n % len(ADDRESSES)], 0))


def resident(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS"))


def idle(link, count, pid):
    context, rests = anything(), []

    def ask(n):
        secure = context.wrap_socket(connection(link, n))
        secure.sendall(f"GET {link.path}api/about HTTP/1.1\r\nHost: {link.netloc}\r\n\r\n".encode())
        if not secure.recv(4096).startswith(b"HTTP/1.1 200"):
            sys.exit(f"guest {n} was refused")
        return secure

    rests = [ask(n) for n in range(16)]
    before = resident(pid)
    rests += [ask(n) for n in range(16, count)]
    return {"each": (resident(pid) - before) / (count - 16)}


def slow(link, count):
    """Each sends the beginning of a head, of a handshake, or a body, byte by byte."""
    begun = [b"GET /", b"\x16\x03\x01\x02", b"POST " + link.path.encode() + b"api/text HTTP/1.1\r\nHost: "]
    waits = selectors.DefaultSelector()
    for n in range(count):
        stream = connection(link, n)
        stream.sendall(begun[n % 3])
        stream.setblocking(False)
        waits.register(stream, selectors.EVENT_READ)
    times, failed, over = [], 0, threading.Event()

    def honest():
        nonlocal failed
        told = subprocess.run(["curl", "-sSk", f"{link.geturl()}api/list"], capture_output=True).stdout
        content = json.loads(told)["rows"][0]["id"]
        while not over.is_set():
            start = time.monotonic()
            done = subprocess.run(["curl", "-sSk", "--fail", "-o", "/dev/null", f"{link.geturl()}file/{content}/file.bin"])
            failed += done.returncode != 0
            times.append(time.monotonic() - start)
            over.wait(0.2)

    beside = threading.Thread(target=honest)
    beside.start()
    start, cut, last = time.monotonic(), 0, 0.0
    while cut < count and time.monotonic() - start < 60:
        for key, _ in waits.select(1):
            try:
                rest = key.fileobj.recv(4096)
            except OSError:
                rest = b""
            if not rest:
                waits.unregister(key.fileobj)
                key.fileobj.close()
                cut, last = cut + 1, time.monotonic() - start
        for key in list(waits.get_map().values()):
            try:
                key.fileobj.send(b"x")
            except OSError:
                pass
    over.set()
    beside.join()
    return {"cut": cut, "seconds": last, "honest": statistics.median(times), "worst": max(times), "failed": failed}


def main():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    what, link, count, *more = sys.argv[1:]
    link = urlsplit(link)
    print(json.dumps(idle(link, int(count), int(more[0])) if what == "idle" else slow(link, int(count))))


main()
