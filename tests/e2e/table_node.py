"""A node of a hash table of BitTorrent's kind (BEP 5, BEP 44), by the words of the BEPs, for tests.

table_node.py ADDRESS PORT: it knows no other node, so that all that anybody says is said to it alone. It answers lines
on standard input, each with one line: `hide` (who was announced so far under numbers that are known now is told nobody
from now on, nor who will be there), and `dump` (all that it holds, and all that it was asked, as JSON).
"""

import hashlib
import json
import select
import socket
import sys

here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
here.bind((sys.argv[1], int(sys.argv[2])))
announced, values, hidden, asked = {}, {}, set(), {}
print("ready", flush=True)


def read(data, at):
    """What stands at this place, and the place behind it."""
    kind = data[at : at + 1]
    if kind == b"i":
        end = data.index(b"e", at)
        return int(data[at + 1 : end]), end + 1
    if kind in b"ld":
        items, at = [], at + 1
        while data[at : at + 1] != b"e":
            item, at = read(data, at)
            items.append(item)
        return (items if kind == b"l" else dict(zip(items[::2], items[1::2]))), at + 1
    colon = data.index(b":", at)
    end = colon + 1 + int(data[at:colon])
    return data[colon + 1 : end], end


def write(value):
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, list):
        return b"l" + b"".join(map(write, value)) + b"e"
    if isinstance(value, dict):
        return b"d" + b"".join(write(key) + write(value[key]) for key in sorted(value)) + b"e"
    return b"%d:%s" % (len(value), value)


def answer(query, said, source):
    kind = query.decode()
    result = {b"id": b"x" * 20, b"nodes": b"", b"token": b"abcd"}
    number = said.get(b"info_hash", said.get(b"target"))
    if number is not None:
        asked.setdefault(number, set()).add((kind, source[0]))
    if kind == "announce_peer":
        announced.setdefault(number, set()).add((source[0], said[b"port"]))
    elif kind == "put":
        number = hashlib.sha1(said[b"k"] + said.get(b"salt", b"")).digest()
        values[number] = {name: said[name] for name in (b"k", b"seq", b"sig", b"v")}
    elif kind == "get":
        result.update(values.get(number, {}))
    elif kind == "get_peers" and number in announced and number not in hidden:
        compact = [socket.inet_aton(ip) + port.to_bytes(2, "big") for ip, port in sorted(announced[number])]
        result[b"values"] = compact
    # That something is kept is said by an answer with nothing in it.
    return {b"id": result[b"id"]} if kind in ("announce_peer", "put", "ping") else result


def dump():
    return json.dumps(
        {
            "announced": {number.hex(): sorted(at) for number, at in announced.items()},
            "values": {number.hex(): value[b"v"].hex() for number, value in values.items()},
            "keys": {number.hex(): value[b"k"].hex() for number, value in values.items()},
            "asked": {number.hex(): sorted(by) for number, by in asked.items()},
        }
    )


while True:
    for ready in select.select([here, sys.stdin], [], [])[0]:
        if ready is sys.stdin:
            command = sys.stdin.readline().strip()
            if not command:
                sys.exit()
            if command == "hide":
                hidden.update(announced)
            print(dump() if command == "dump" else "done", flush=True)
            continue
        datagram, source = here.recvfrom(4096)
        try:
            message, _ = read(datagram, 0)
        except (ValueError, IndexError):
            continue
        if message.get(b"y") == b"q":
            at = socket.inet_aton(source[0]) + source[1].to_bytes(2, "big")
            result = answer(message[b"q"], message[b"a"], source)
            here.sendto(write({b"ip": at, b"r": result, b"t": message[b"t"], b"y": b"r"}), source)
