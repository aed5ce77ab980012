# SPDX-License-Identifier: BSD-2-Clause
"""Edges of serving: full workers, addresses that replace one another, clients without Host."""

import socket
import threading
import time
import unittest

from support.client import Connection
from support.harness import SluiceTest

SITE = "http { access_log off; server { listen %s; root %%%%DIR%%%%/www; } }"
FILES = {"www/index.html": "front", "www/dir/index.html": "dir"}


class FullWorker(SluiceTest):
    CONF = "events { worker_connections 20; }\n" + SITE % "%%PORT%%"

    def busy(self, server, count):
        """Connections with half a request, so that none of them is idle."""
        out = []
        for _ in range(count):
            connection = server.connect()
            self.assertEqual(connection.get("/").status, 200)
            connection.send(b"GET / HTTP/1.1\r\n")
            out.append(connection)
        return out

    def test_the_last_connection_that_fits_is_served_though_it_is_silent_at_first(self):
        server = self.serve(self.CONF, files=FILES)
        held = self.busy(server, 19)

        with server.connect() as last:
            self.assertFalse(last.is_closed_by_peer(timeout=0.1))

        for connection in held:
            connection.close()

    def test_connections_that_become_idle_make_room_though_nobody_closes_one(self):
        server = self.serve(self.CONF, files=FILES)
        held = self.busy(server, 20)
        served = 0
        for connection in held:
            try:
                connection.send(b"Host: x\r\n\r\n")
                self.assertEqual(connection.read_reply().status, 200)
            except OSError:
                continue  # its first bytes were not read yet: an idle connection may make room
            served += 1
        self.assertGreater(served, 0)

        with server.connect() as late:  # queued in the kernel until a place is free
            self.assertEqual(late.get("/").status, 200)

        for connection in held:
            connection.close()


class ReplacedAddress(SluiceTest):
    def test_new_clients_wait_no_longer_than_one_retry_when_a_wider_address_takes_over(self):
        server = self.serve(SITE % "%%PORT%%", files=FILES, workers=2)
        slowest = [0.0]
        failures = []
        stop = threading.Event()

        def load():
            while not stop.is_set():
                started = time.monotonic()
                try:
                    with server.connect() as connection:
                        connection.get("/")
                except OSError as error:
                    failures.append(error)
                slowest[0] = max(slowest[0], time.monotonic() - started)

        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        server.configure(SITE % "[::]:%%PORT%% ipv6only=off")
        reloaded = server.reload()
        stop.wait(4)  # three of a client's retries: 1 s, 2 s
        stop.set()
        for thread in threads:
            thread.join()

        self.assertEqual(reloaded.returncode, 0, reloaded.stderr)
        self.assertEqual(failures, [])
        self.assertLess(slowest[0], 2.8)  # the second retry comes after 3 s


class Redirects(SluiceTest):
    def location(self, connection):
        with connection:
            connection.send(b"GET /dir HTTP/1.0\r\n\r\n")
            return connection.read_reply().header("Location")

    def test_without_host_an_ipv6_address_stands_in_brackets(self):
        server = self.serve(SITE % "[::1]:%%PORT%%", files=FILES)

        found = self.location(Connection(server.port, host="::1"))

        self.assertEqual(found, f"http://[::1]:{server.port}/dir/")

    def test_without_host_a_unix_socket_gives_a_relative_location(self):
        server = self.serve(SITE % "unix:%%DIR%%/s.sock", files=FILES)

        found = self.location(Connection(str(server.dir / "s.sock")))

        self.assertEqual(found, "/dir/")


if __name__ == "__main__":
    unittest.main()
