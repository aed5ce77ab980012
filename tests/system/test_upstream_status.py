# SPDX-License-Identifier: BSD-2-Clause
"""What status_api says of upstreams: sessions, bytes, failures, state, times; JSON and Prometheus."""

import json
import socket
import unittest

from support.harness import SluiceTest
from support.waiting import wait_for

CONF = """
stream {
    upstream u {
        zone z 64k;
        server 127.0.0.1:%%PORT3%%;
        server 127.0.0.1:%%PORT9%% fail_timeout=1m;
        server 127.0.0.1:%%PORT4%% backup;
        server 127.0.0.1:%%PORT5%% down;
    }
    server { listen 127.0.0.1:%%PORT2%%; proxy_pass u; }
    server { listen 127.0.0.1:%%PORT3%%; return 12345; }
}
http { server { listen %%PORT%%; location /status { status_api; } } }
"""


class Status(SluiceTest):
    def ask(self, server):
        with socket.create_connection(("127.0.0.1", server.port_number(2)), timeout=10) as client:
            out = b""
            while piece := client.recv(100):
                out += piece
            return out

    def peers(self, server):
        group = json.loads(server.get("/status").body)["upstreams"]["stream"]["u"]
        return group, {peer["server"]: peer for peer in group["peers"]}

    def test_figures_of_each_peer(self):
        server = self.serve(CONF, workers=2)
        for _ in range(6):
            self.assertEqual(self.ask(server), b"12345")
        good, bad, backup, down = (f"127.0.0.1:{server.port_number(i)}" for i in (3, 9, 4, 5))

        def is_counted():
            return self.peers(server)[1][good]["active"] == 0 and self.peers(server)[1][good]["received"] == 30
        wait_for(is_counted, what="all sessions to have ended")
        group, peers = self.peers(server)

        self.assertEqual((group["method"], group["zone"], group["is_shared"]), ("round_robin", "z", True))
        self.assertEqual((peers[good]["state"], peers[good]["selected"], peers[good]["fails"]), ("up", 6, 0))
        self.assertEqual(peers[good]["connect_ms"]["count"], 6)
        self.assertEqual(peers[good]["first_byte_ms"]["count"], 6)
        self.assertEqual((peers[bad]["state"], peers[bad]["fails"], peers[bad]["unavail"]), ("unavail", 1, 1))
        self.assertEqual((peers[backup]["backup"], peers[backup]["selected"]), (True, 0))
        self.assertEqual(peers[down]["state"], "down")

    def test_prometheus(self):
        server = self.serve(CONF)
        self.ask(server)
        label = f'{{protocol="stream",upstream="u",peer="127.0.0.1:{server.port_number(3)}"}}'

        def samples():
            return server.get("/status/metrics").body.decode()
        wait_for(lambda: f"sluice_upstream_peer_received_bytes_total{label} 5" in samples(), what="the session's bytes")

        self.assertIn(f"sluice_upstream_peer_up{label} 1", samples())
        self.assertIn(f"sluice_upstream_peer_connect_seconds_count{label} 1", samples())


if __name__ == "__main__":
    unittest.main()
