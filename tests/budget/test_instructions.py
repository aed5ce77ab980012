# SPDX-License-Identifier: BSD-2-Clause
"""User-space instructions of a worker per keep-alive request of a 612-byte file, and per round trip
through a TCP relay, by callgrind: the difference between two runs, so that the start does not count."""

import os
import shutil
import socket
import threading
import unittest
from pathlib import Path

from support.callgrind import instructions

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("SLUICE_BINARY") or ROOT / "build/release/sluice")
BUDGET = 4000  # raise it only with a reason in the commit
FEW, MANY = 100, 600
CONF = """daemon off; pid {dir}/pid; error_log {dir}/error.log; worker_processes 1; events { }
http { access_log off; server { listen 127.0.0.1:{port}; root {dir}/www; disable_symlinks off; } }
"""
RELAY_BUDGET = 900  # of four messages in two turns of the loop
RELAY_CONF = """daemon off; pid {dir}/pid; error_log {dir}/error.log; worker_processes 1; events { }
stream { server { listen 127.0.0.1:{port}; proxy_pass 127.0.0.1:PEER; } }
"""
MESSAGE = b"x" * 64


def receive(connection):
    said = b""
    while len(said) < len(MESSAGE):
        part = connection.recv(len(MESSAGE) - len(said))
        if not part:
            break
        said += part
    return said


def echo(listening):
    """One connection after the other, until the socket is closed."""
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        with connection:
            while said := receive(connection):
                connection.sendall(said)


def ping(client, count):
    for _ in range(count):
        client.sendall(MESSAGE)
        if receive(client) != MESSAGE:
            raise AssertionError("closed, or other bytes")


@unittest.skipIf(os.environ.get("SLUICE_SANITIZED"), "a release build is measured")
@unittest.skipUnless(shutil.which("valgrind"), "valgrind is not installed")
class Instructions(unittest.TestCase):
    def test_a_keep_alive_request_stays_within_its_budget(self):
        per_request = (instructions(BINARY, CONF, MANY) - instructions(BINARY, CONF, FEW)) / (MANY - FEW)

        print(f"instructions   {per_request:.0f} per request, budget {BUDGET}")
        self.assertGreater(per_request, 500)
        self.assertLessEqual(per_request, BUDGET)

    def test_a_round_trip_through_a_relay_stays_within_its_budget(self):
        with socket.create_server(("127.0.0.1", 0)) as listening:
            threading.Thread(target=echo, args=(listening,), daemon=True).start()
            conf = RELAY_CONF.replace("PEER", str(listening.getsockname()[1]))
            few, many = (instructions(BINARY, conf, count, ask=ping) for count in (FEW, MANY))
        per_trip = (many - few) / (MANY - FEW)

        print(f"instructions   {per_trip:.0f} per round trip through a relay, budget {RELAY_BUDGET}")
        self.assertGreater(per_trip, 100)
        self.assertLessEqual(per_trip, RELAY_BUDGET)


if __name__ == "__main__":
    unittest.main()
