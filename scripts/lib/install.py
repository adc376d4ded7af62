"""Installs what potluck is compared with, from Debian and PyPI, as far as it is missing and can be had."""

import os
import shutil
import subprocess
import sys

from lab import ROOT

# Debian keeps servers where only root's PATH looks.
os.environ["PATH"] += os.pathsep + "/usr/sbin" + os.pathsep + "/sbin"

PACKAGES = {
    "b3sum": "b3sum",
    "nginx": "nginx-light",
    "curl": "curl",
    "openssl": "openssl",
    "rsync": "rsync",
    "sshd": "openssh-server",
    "scp": "openssh-client",
    "iperf3": "iperf3",
    "syncthing": "syncthing",
}

# A package may start the server it brings; while this file says 101, none does (Debian policy, 9.3.3.2).
POLICY = "/usr/sbin/policy-rc.d"

# The Python that Debian's python3-libtorrent is for.
PYTHON = "/usr/bin/python3"

WORMHOLE = os.path.join(ROOT, "target/tools/wormhole")
PIP = ["magic-wormhole==0.24.0", "magic-wormhole-mailbox-server==0.8.0"]


def there(tool):
    """Whether a tool can be used: a program, or "libtorrent" or "wormhole"."""
    if tool == "libtorrent":
        return succeeds([PYTHON, "-c", "import libtorrent"])
    if tool == "wormhole":
        return os.path.exists(os.path.join(WORMHOLE, "bin/wormhole"))
    return shutil.which(tool) is not None


def succeeds(command):
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def apt(package):
    command = ["apt-get", "install", "-qq", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300", package]
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"
    if succeeds(command):
        return True
    return succeeds(["apt-get", "update", "-qq"]) and succeeds(command)


def without_starting(install):
    """Runs `install` while no package may start a server on this machine."""
    if os.path.exists(POLICY):
        return install()
    with open(POLICY, "x") as file:
        file.write("#!/bin/sh\nexit 101\n")
    os.chmod(POLICY, 0o755)
    try:
        return install()
    finally:
        os.remove(POLICY)


def obtain(tool):
    """Installs a tool; whether it is there afterwards."""
    if there(tool):
        return True
    print(f"installing {tool}", file=sys.stderr)
    if tool == "wormhole":
        succeeds([sys.executable, "-m", "venv", WORMHOLE]) and succeeds([f"{WORMHOLE}/bin/pip", "install", "-q", *PIP])
    elif shutil.which("apt-get"):
        package = PACKAGES.get(tool, f"python3-{tool}")
        without_starting(lambda: apt(package))
    if not there(tool):
        print(f"cannot be had here: {tool}", file=sys.stderr)
    return there(tool)
