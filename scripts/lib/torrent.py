"""torrent seed|fetch: libtorrent at one end, for scripts/compare. Runs with Debian's Python.

torrent.py seed FILE TORRENT PORT         makes the torrent and seeds it until it is ended
torrent.py fetch TORRENT FOLDER ADDRESS PORT   ends when the file is there
torrent.py crowd TORRENT FOLDER PORT ADDRESS...   says "ready", waits for the end of its input, fetches from all
                                          addresses, says "done", and seeds until it is ended
"""

import os
import sys

import libtorrent as lt

# Defaults, but for what would ask a network for peers, and for protocols other than plain TCP.
SETTINGS = {
    "enable_dht": False,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    "enable_incoming_utp": False,
    "enable_outgoing_utp": False,
    "out_enc_policy": 2,
    "in_enc_policy": 2,
    "allow_multiple_connections_per_ip": True,
    # No more than is waited for: what does not fit into the queue of alerts is lost.
    "alert_mask": lt.alert.category_t.error_notification
    | lt.alert.category_t.status_notification
    | lt.alert.category_t.storage_notification,
}


def session(port):
    return lt.session({**SETTINGS, "listen_interfaces": f"0.0.0.0:{port}"})


def until(ses, kind):
    while True:
        ses.wait_for_alert(1000)
        for alert in ses.pop_alerts():
            if isinstance(alert, kind):
                return
            if isinstance(alert, (lt.torrent_error_alert, lt.file_error_alert)):
                sys.exit(alert.message())


def seed(file, torrent, port):
    files = lt.file_storage()
    lt.add_files(files, file)
    made = lt.create_torrent(files, flags=lt.create_torrent.v1_only)
    lt.set_piece_hashes(made, os.path.dirname(file))
    with open(torrent, "wb") as out:
        out.write(lt.bencode(made.generate()))
    ses = session(port)
    added = lt.add_torrent_params()
    added.ti, added.save_path = lt.torrent_info(torrent), os.path.dirname(file)
    added.flags = lt.torrent_flags.seed_mode
    ses.add_torrent(added)
    stay(ses)


def stay(ses):
    """Nothing but a signal ends it; what it has to say is thrown away."""
    while True:
        ses.wait_for_alert(60_000)
        ses.pop_alerts()


def add(ses, torrent, folder):
    added = lt.add_torrent_params()
    added.ti, added.save_path = lt.torrent_info(torrent), folder
    added.flags = lt.torrent_flags.default_flags & ~(lt.torrent_flags.paused | lt.torrent_flags.auto_managed)
    return ses.add_torrent(added)


def finish(ses, handle):
    until(ses, lt.torrent_finished_alert)
    handle.flush_cache()
    until(ses, lt.cache_flushed_alert)


def fetch(torrent, folder, address, port):
    ses = session(0)
    handle = add(ses, torrent, folder)
    handle.connect_peer((address, int(port)))
    finish(ses, handle)
    # The session's own end would wait for threads that have nothing left to do.
    os._exit(0)


def crowd(torrent, folder, port, *addresses):
    ses = session(port)
    handle = add(ses, torrent, folder)
    print("ready", flush=True)
    sys.stdin.read()
    for address in addresses:
        handle.connect_peer((address, int(port)))
    finish(ses, handle)
    print("done", flush=True)
    stay(ses)


if __name__ == "__main__":
    {"seed": seed, "fetch": fetch, "crowd": crowd}[sys.argv[1]](*sys.argv[2:])
