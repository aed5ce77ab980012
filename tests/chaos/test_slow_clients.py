# SPDX-License-Identifier: BSD-2-Clause
"""Clients that are slow on purpose, hundreds at once: heads and bodies that trickle, replies that
are not read. Everybody else is served meanwhile. Prints how long the others waited; with
SLUICE_SLOW_P99_MS=50 on a quiet machine that is a bar too, and SLUICE_IDLE_CONNECTIONS=15000 adds
as many idle connections."""

import os
import resource
import socket
import time
import unittest

from support.harness import SluiceTest

EACH = 267  # of three kinds
PROBES = 300
IDLE = int(os.environ.get("SLUICE_IDLE_CONNECTIONS", "500"))
CONF = """\
events { worker_connections 16384; }
http {
    access_log off;
    server {
        listen %%PORT%%;
        root %%DIR%%/www;
        location /body { client_body_read on; return 200 "$request_body_size"; }
    }
}
"""
FILES = {"www/index.html": "front", "www/large": b"x" * 20_000_000}
HEAD = b"GET / HTTP/1.1\r\nHost: h\r\nX: "
BODY = b"POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n"
READ = b"GET /large HTTP/1.1\r\nHost: h\r\n\r\n"


class SlowClients(SluiceTest):
    def open(self, server, first, count, **options):
        """`count` connections that have sent `first`."""
        out = []
        for _ in range(count):
            sock = socket.socket()
            self.addCleanup(sock.close)
            for name, value in options.items():
                sock.setsockopt(socket.SOL_SOCKET, getattr(socket, name), value)
            sock.settimeout(30)
            sock.connect(("127.0.0.1", server.port))
            sock.sendall(first)
            out.append(sock)
        return out

    def test_others_are_served_while_hundreds_are_slow(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = 3 * EACH + IDLE + 200
        if hard < wanted:
            self.skipTest(f"only {hard} descriptors are allowed")
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        server = self.serve(CONF, workers=2, files=FILES)
        before = server.workers()
        idle = self.open(server, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", IDLE)
        for sock in idle:
            self.assertTrue(sock.recv(4096).startswith(b"HTTP/1.1 200"))
        heads = self.open(server, HEAD, EACH)
        bodies = self.open(server, BODY, EACH)
        readers = self.open(server, READ, EACH, SO_RCVBUF=4096)

        waits = []
        for probe in range(PROBES):
            which = probe % EACH
            heads[which].sendall(b"a")
            bodies[which].sendall(b"a")
            self.assertTrue(readers[which].recv(512))
            begin = time.monotonic()
            self.assertEqual(server.get("/").text, "front")
            waits.append((time.monotonic() - begin) * 1000)

        p99 = sorted(waits)[int(PROBES * 0.99)]
        print(f"slow clients: {3 * EACH} beside {IDLE} idle ones; others waited p99 {p99:.1f} ms,"
              f" at most {max(waits):.1f} ms")
        self.assertLess(p99, float(os.environ.get("SLUICE_SLOW_P99_MS", "5000")))
        self.assertEqual(server.workers(), before)
        for sock in idle[::50]:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            self.assertTrue(sock.recv(4096).startswith(b"HTTP/1.1 200"))
        for sock in heads[:5]:
            sock.sendall(b"\r\n\r\n")
            self.assertTrue(sock.recv(4096).startswith(b"HTTP/1.1 200"))


if __name__ == "__main__":
    unittest.main()
