# SPDX-License-Identifier: BSD-2-Clause
"""Debian's redis-server beside the server under test."""

import subprocess

from .resp import Resp
from .waiting import PortPool, wait_for


def start_redis(test):
    """Its port; it is stopped when the tests of the class of `test` are done."""
    pool = PortPool()
    port = pool.take()
    process = subprocess.Popen(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly",
                                "no", "--daemonize", "no"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop():
        process.terminate()
        process.wait(30)
        pool.release()

    test.addClassCleanup(stop)
    wait_for(lambda: answers(port), what="redis-server to start")
    return port


def answers(port):
    try:
        with Resp(port) as client:
            return client.ask("PING") == "PONG"
    except OSError:
        return False
