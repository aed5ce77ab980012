# SPDX-License-Identifier: BSD-2-Clause
"""Peers that are killed, refuse, hang, are slow or close early: the right one is marked, clients get
another, it is asked again when it is back, and a log line says why."""

import json
import threading
import time
import unittest

from support.client import Closed, Connection
from support.harness import SluiceTest
from support.peers import FullListener, TcpPeer, closed_port, echo
from support.waiting import wait_for


def silent(sock):
    sock.recv(1)
    while sock.recv(65536):
        pass


def slow_echo(sock):
    while data := sock.recv(65536):
        time.sleep(0.3)
        sock.sendall(data)


class Load:
    """Clients that make short sessions one after the other; counts what became of them."""

    def __init__(self, port, clients=6):
        self.port, self.good, self.bad, self.is_over = port, 0, 0, False
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(clients)]
        for thread in self.threads:
            thread.start()

    def run(self):
        while not self.is_over:
            client = Connection(self.port)
            try:
                client.send(b"ping")
                is_good = client.read_exactly(4) == b"ping"
            except (OSError, Closed):
                is_good = False
            finally:
                client.close()
            with self.lock:
                self.good += is_good
                self.bad += not is_good

    def stop(self):
        self.is_over = True
        for thread in self.threads:
            thread.join(30)


class Trouble(SluiceTest):
    def start(self, upstream, more="", workers=2):
        return self.serve(f"stream {{ {more} upstream u {{ zone z 64k; {upstream} }} proxy_connect_timeout 300ms;"
                          " server { listen 127.0.0.1:%%PORT2%%; proxy_pass u; } }"
                          " http { server { listen %%PORT%%; location /status { status_api; } } }", workers=workers)

    def peer_of(self, server, port):
        body = json.loads(server.get("/status").body)
        return next(peer for peer in body["upstreams"]["stream"]["u"]["peers"]
                    if peer["server"].endswith(f":{port}"))

    def ask(self, server):
        client = Connection(server.port_number(2))
        self.addCleanup(client.close)
        client.send(b"ping")
        return client.read_exactly(4)

    def test_killed_under_load_and_back(self):
        with TcpPeer() as stays:
            goes = TcpPeer()
            server = self.start(f"server 127.0.0.1:{goes.port} fail_timeout=1s; server 127.0.0.1:{stays.port};")
            load = Load(server.port_number(2))
            self.addCleanup(load.stop)
            wait_for(lambda: goes.accepted > 20 and stays.accepted > 20, what="both to be asked")

            goes.close()
            server.wait_logged("upstream server temporarily disabled while connecting to upstream")
            server.wait_logged("connect() failed (111: Connection refused) while connecting to upstream")
            wait_for(lambda: self.peer_of(server, goes.port)["state"] == "unavail", what="the dead one to be out")
            self.assertEqual(self.peer_of(server, stays.port)["state"], "up")
            with load.lock:
                bad = load.bad
            good = load.good
            wait_for(lambda: load.good > good + 200, what="sessions to go on with the other")
            # Whoever was with the dead one has lost it; nobody who came later.
            self.assertEqual(load.bad, bad)

            with TcpPeer(port=goes.port) as back:
                wait_for(lambda: back.accepted > 20, what="the one that is back to be asked")
                server.wait_logged(f"upstream server 127.0.0.1:{goes.port} of \"u\" answers again")
                wait_for(lambda: self.peer_of(server, goes.port)["state"] == "up", what="its state")
                load.stop()

    def test_hangs_before_it_accepts(self):
        with FullListener() as hung, TcpPeer() as good:
            server = self.start(f"server 127.0.0.1:{hung.port} fail_timeout=1m; server 127.0.0.1:{good.port};")

            self.assertEqual([self.ask(server) for _ in range(4)], [b"ping"] * 4)

            server.wait_logged("upstream timed out (110: Connection timed out) while connecting to upstream")
            self.assertEqual(self.peer_of(server, hung.port)["state"], "unavail")
            self.assertEqual(self.peer_of(server, hung.port)["fails"], 1)

    def test_all_refuse(self):
        first, second = closed_port(), closed_port()
        server = self.start(f"server 127.0.0.1:{first} fail_timeout=1m; server 127.0.0.1:{second} fail_timeout=1m;")

        for _ in range(3):
            with self.assertRaises((Closed, OSError)):
                self.ask(server)

        server.wait_logged("no live upstreams while connecting to upstream", times=2)
        self.assertEqual([self.peer_of(server, port)["fails"] for port in (first, second)], [1, 1])

    def test_slow_is_not_marked(self):
        with TcpPeer(slow_echo) as slow, TcpPeer() as good:
            server = self.start(f"server 127.0.0.1:{slow.port}; server 127.0.0.1:{good.port};")

            self.assertEqual([self.ask(server) for _ in range(4)], [b"ping"] * 4)

            self.assertEqual(self.peer_of(server, slow.port)["state"], "up")
            self.assertEqual(slow.accepted, 2)
            self.assertNotIn("temporarily disabled", server.error_log())

    def test_silent_and_closing_ones_are_found_by_checks(self):
        match = "match m { send ping; expect ping; } health_check_timeout 300ms;"
        with TcpPeer(silent) as hung, TcpPeer(lambda sock: None) as closing, TcpPeer(echo) as good:
            server = self.start("".join(f"server 127.0.0.1:{peer.port};" for peer in (hung, closing, good)) +
                                "health_check interval=100ms match=m;", more=match)
            for peer in (hung, closing):
                wait_for(lambda: self.peer_of(server, peer.port)["state"] == "unhealthy", what="it to be found")

            self.assertEqual([self.ask(server) for _ in range(6)], [b"ping"] * 6)

            server.wait_logged("peer is unhealthy while reading the answer of upstream, health check \"m\" of peer "
                               f"127.0.0.1:{hung.port} in upstream \"u\"")
            self.assertEqual(self.peer_of(server, good.port)["state"], "up")
            hung.behave = closing.behave = echo
            for peer in (hung, closing):
                wait_for(lambda: self.peer_of(server, peer.port)["state"] == "up", what="it to be back")


if __name__ == "__main__":
    unittest.main()
