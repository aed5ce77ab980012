# SPDX-License-Identifier: BSD-2-Clause
"""The only waiting that tests do: poll a condition until a deadline; and free ports."""

import fcntl
import os
import random
import socket
import tempfile
import time

# A sanitizer build on a busy machine is many times slower; a passing test never waits this long.
DEADLINE = float(os.environ.get("SLUICE_DEADLINE", "15"))


def wait_for(condition, deadline=None, what="condition"):
    """Polls `condition` until it is true and gives its value; AssertionError at the deadline."""
    deadline = DEADLINE if deadline is None else deadline
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {deadline:g} s for {what}")
        time.sleep(0.005)


def holds_for(condition, seconds, what="condition"):
    """Asserts that `condition` stays true for `seconds`: for things that must not happen."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not condition():
            raise AssertionError(f"{what} did not hold for {seconds:g} s")
        time.sleep(0.01)


class PortPool:
    """Free ports below the range of outgoing connections, so that no client takes one by chance.
    A lock file per port keeps test programs that run at the same time apart."""

    def __init__(self):
        self.folder = os.path.join(tempfile.gettempdir(), f"sluice-test-ports-{os.getuid()}")
        os.makedirs(self.folder, exist_ok=True)
        self.held = []

    def take(self):
        with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
            top = max(11000, int(file.read().split()[0]))
        for _ in range(1000):
            port = random.randrange(10000, top)
            lock = open(os.path.join(self.folder, str(port)), "w", encoding="ascii")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if is_free(port):
                    self.held.append(lock)
                    return port
            except OSError:
                pass
            lock.close()
        raise RuntimeError("no free port found")

    def release(self):
        for lock in self.held:
            lock.close()
        self.held.clear()


def is_free(port):
    """Whether a server could listen on `port` now, on every address."""
    for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((address, port))
        except OSError as error:
            if family == socket.AF_INET6 and error.errno != 98:
                continue  # a machine without IPv6
            return False
    return True
