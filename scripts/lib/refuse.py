"""refuse CMD...: runs a command that may not choose how TCP handles congestion.

Root may choose what a machine allows to nobody, so the list of what is allowed would not hold a peer back.
Here the kernel refuses that one socket option (EPERM), as it does for other users; the default still holds.
"""

import ctypes
import os
import platform
import struct
import sys

SET_NO_NEW_PRIVS, SET_SECCOMP, FILTER = 38, 22, 2
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050001
IPPROTO_TCP, TCP_CONGESTION = 6, 13
# setsockopt's number and the audit name of the architecture.
SETSOCKOPT = {"x86_64": (54, 0xC000003E), "aarch64": (208, 0xC00000B7)}


def main():
    number, machine = SETSOCKOPT[platform.machine()]
    # Offsets into struct seccomp_data; a comparison that fails jumps to the end, which allows.
    program = [
        (LOAD, 0, 0, 4), (EQUAL, 0, 7, machine),
        (LOAD, 0, 0, 0), (EQUAL, 0, 5, number),
        (LOAD, 0, 0, 24), (EQUAL, 0, 3, IPPROTO_TCP),
        (LOAD, 0, 0, 32), (EQUAL, 0, 1, TCP_CONGESTION),
        (RETURN, 0, 0, REFUSE),
        (RETURN, 0, 0, ALLOW),
    ]  # fmt: skip
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in program))
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    for call in ((SET_NO_NEW_PRIVS, 1, 0, 0, 0), (SET_SECCOMP, FILTER, header, 0, 0)):
        if libc.prctl(*(ctypes.c_ulong(word) if isinstance(word, int) else word for word in call)) != 0:
            sys.exit(f"refuse: prctl: {os.strerror(ctypes.get_errno())}")
    os.execvp(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    main()
