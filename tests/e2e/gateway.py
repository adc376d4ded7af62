"""A router's answers to PCP (RFC 6887) and NAT-PMP (RFC 6886), by the layouts of the RFCs, for tests.

gateway.py PROTOCOLS OUTSIDE: PROTOCOLS is `both`, `nat-pmp` or `refuses`; OUTSIDE is the outside address. What is
mapped is passed on by nftables, at an outside port that is 10,000 above the one that was wished for. Each request
is told in a line on standard output.
"""

import ipaddress
import socket
import struct
import subprocess
import sys
import time

protocols, outside = sys.argv[1], ipaddress.IPv4Address(sys.argv[2])
began = time.monotonic()
here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
here.bind(("0.0.0.0", 5351))
subprocess.run(["nft", "table ip maps { chain pre { type nat hook prerouting priority dstnat; }; }"], check=True)


def epoch():
    return int(time.monotonic() - began)


def pass_on(client, inside, port, lifetime):
    subprocess.run(["nft", "flush chain ip maps pre"], check=True)
    if lifetime:
        rule = f"ip daddr {outside} tcp dport {port} dnat to {client}:{inside}"
        subprocess.run(["nft", f"add rule ip maps pre {rule}"], check=True)


def tell(protocol, inside, lifetime):
    print(protocol, inside, lifetime, flush=True)


def pcp(data, client):
    opcode, lifetime = data[1], struct.unpack("!I", data[4:8])[0]
    nonce, protocol = data[24:36], data[36]
    inside, wished = struct.unpack("!HH", data[40:44])
    own = ipaddress.IPv6Address(data[8:24]).ipv4_mapped
    assert (opcode, protocol, len(data)) == (1, 6, 60) and str(own) == client, data
    tell("pcp", inside, lifetime)
    result = 2 if protocols == "refuses" else 0
    port = wished if wished >= 37000 else wished + 10000
    if result == 0:
        pass_on(client, inside, port, lifetime)
    head = struct.pack("!BBBBII12x", 2, 0x81, 0, result, min(lifetime, 240), epoch())
    mapped = ipaddress.IPv6Address("::ffff:" + str(outside)).packed
    return head + nonce + struct.pack("!B3xHH", 6, inside, port) + mapped


def nat_pmp(data, client):
    if data[1] == 0:
        return struct.pack("!BBHI", 0, 128, 0, epoch()) + outside.packed
    _, opcode, inside, wished, lifetime = struct.unpack("!BB2xHHI", data)
    assert opcode == 2, data
    tell("nat-pmp", inside, lifetime)
    port = wished if wished == 0 or wished >= 37000 else wished + 10000
    pass_on(client, inside, port, lifetime)
    return struct.pack("!BBHIHHI", 0, 130, 0, epoch(), inside, port, min(lifetime, 240))


print("ready", flush=True)
while True:
    data, (client, port) = here.recvfrom(1100)
    if data[0] == 0:
        answer = nat_pmp(data, client)
    elif protocols == "nat-pmp":
        # RFC 6886, 3.5: the version is not supported.
        answer = struct.pack("!BBHI", 0, 0x80 | data[1], 1, epoch())
    else:
        answer = pcp(data, client)
    here.sendto(answer, (client, port))
