# SPDX-License-Identifier: BSD-2-Clause
"""Active checks: who fails is left out before a client meets it, and comes back; one worker checks for all."""

import json
import re
import socket
import threading
import time
import unittest

from support.harness import SluiceTest
from support.peers import TcpPeer
from support.sessions import reach
from support.waiting import wait_for


class Peer:
    """A TCP server that can be shut and opened, and counts who comes."""

    def __init__(self, port, answer=b"ok"):
        self.port, self.answer, self.count, self.times = port, answer, 0, []
        self.socket = None
        self.open()

    def open(self):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.1", self.port))
        self.socket.listen(50)
        threading.Thread(target=self.serve, args=(self.socket,), daemon=True).start()

    def serve(self, listening):
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            self.count += 1
            self.times.append(time.monotonic())
            with client:
                try:
                    client.sendall(self.answer)
                except OSError:
                    pass

    def shut(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


class HealthTest(SluiceTest):
    def start(self, upstream, more="", workers=1):
        return self.serve("stream { upstream u { %s } server { listen 127.0.0.1:%%%%PORT2%%%%; proxy_pass u; } %s }"
                          % (upstream, more) +
                          "http { server { listen %%PORT%%; location /status { status_api; } %%HTTP%% } }"
                          .replace("%%HTTP%%", self.http), workers=workers)

    http = ""

    def states(self, server):
        body = json.loads(server.get("/status").body)
        return {int(peer["server"].rsplit(":", 1)[1]): peer["state"]
                for peer in body["upstreams"]["stream"]["u"]["peers"]}

    def wait_state(self, server, index, state):
        wait_for(lambda: self.states(server)[server.port_number(index)] == state, what=f"peer {index} to be {state}")

    def ask(self, server):
        with socket.create_connection(("127.0.0.1", server.port_number(2)), timeout=10) as client:
            out = b""
            while piece := client.recv(100):
                out += piece
            return out


class Tcp(HealthTest):
    def test_peer_that_refuses_is_out_before_a_client_comes_and_is_back_later(self):
        server = self.start("zone z 64k; server 127.0.0.1:%%PORT3%%; server 127.0.0.1:%%PORT4%%;"
                            "health_check interval=100ms passes=2;",
                            "server { listen 127.0.0.1:%%PORT3%%; return a; }", workers=2)
        self.wait_state(server, 4, "unhealthy")
        server.wait_logged("peer is unhealthy while connecting to upstream, health check \"\" of peer "
                           f"127.0.0.1:{server.port_number(4)} in upstream \"u\"")
        self.assertEqual([self.ask(server) for _ in range(6)], [b"a"] * 6)
        self.assertNotIn("connect() failed", server.error_log())

        peer = Peer(server.port_number(4), b"b")
        self.addCleanup(peer.shut)

        self.wait_state(server, 4, "up")
        server.wait_logged("peer is healthy, health check of peer")
        self.assertEqual({self.ask(server) for _ in range(6)}, {b"a", b"b"})

    def test_fails_are_counted_in_a_row(self):
        server = self.start("server 127.0.0.1:%%PORT4%%; health_check interval=100ms fails=3;")

        self.wait_state(server, 4, "unhealthy")

        peers = json.loads(server.get("/status").body)["upstreams"]["stream"]["u"]["peers"]
        self.assertGreaterEqual(peers[0]["health_checks"]["fails"], 3)
        self.assertEqual(peers[0]["health_checks"]["unhealthy"], 1)

    def test_what_is_expected_decides(self):
        server = self.start("server 127.0.0.1:%%PORT3%%; server 127.0.0.1:%%PORT4%%; health_check interval=100ms match=hello;",
                            r"""match hello { send "GET\x0d"; expect ~ "^GET\r$"; }
                            server { listen 127.0.0.1:%%PORT3%%; echo; } server { listen 127.0.0.1:%%PORT4%%; return no; }""")

        self.wait_state(server, 4, "unhealthy")
        self.wait_state(server, 3, "up")
        server.wait_logged("peer is unhealthy while checking the answer of upstream, health check \"hello\"")

    def test_mandatory_peer_gets_nothing_before_it_has_passed(self):
        server = self.start("server 127.0.0.1:%%PORT4%%; health_check interval=100ms mandatory passes=3;",)
        self.assertEqual(self.states(server)[server.port_number(4)], "unhealthy")

        peer = Peer(server.port_number(4))
        self.addCleanup(peer.shut)

        self.wait_state(server, 4, "up")
        self.assertEqual(self.ask(server), b"ok")

    def test_one_worker_checks_for_all_and_another_goes_on(self):
        server = self.serve("stream {}", start=False)
        peer = Peer(server.port_number(3))
        self.addCleanup(peer.shut)
        server.configure("worker_processes 3; stream { upstream u { zone z 64k; server 127.0.0.1:%%PORT3%%;"
                         " health_check interval=200ms; } server { listen 127.0.0.1:%%PORT2%%; proxy_pass u; } }")
        server.start()
        wait_for(lambda: peer.count >= 8, what="eight checks")
        gaps = [b - a for a, b in zip(peer.times[1:], peer.times[2:])]
        self.assertGreater(sorted(gaps)[len(gaps) // 2], 0.15)

        for pid in server.workers():
            server.kill_worker(pid)
        seen = peer.count

        wait_for(lambda: peer.count >= seen + 3, what="checks to go on")

    def test_own_want_of_descriptors_says_nothing_of_peers(self):
        with TcpPeer() as peer:
            server = self.serve(
                "worker_rlimit_nofile 64;\nevents { worker_connections 4000; }\n"
                "stream { upstream u { zone z 64k; server 127.0.0.1:%d; health_check interval=100ms fails=1; } "
                "server { listen %%%%PORT%%%%; proxy_pass u; } server { listen %%%%PORT2%%%%; echo; } }" % peer.port)
            server.wait_logged("start worker process")
            held = [reach(server.port_number(2)) for _ in range(100)]
            server.wait_logged(re.compile(r"\[crit\].*Too many open files\), peer 127.0.0.1:\d+ in upstream \"u\" "
                                          r"is not checked"))
            for client in held:
                client.close()

            def works():
                try:
                    with reach(server.port) as client:
                        client.sendall(b"hi")
                        return client.recv(2) == b"hi"
                except OSError:
                    return False
            wait_for(works, what="a session")
            self.assertNotIn("unhealthy", server.error_log())

    def test_peer_that_was_out_is_asked_when_checks_are_taken_away(self):
        checked = ("stream { upstream u { server 127.0.0.1:%%PORT4%%; CHECK }"
                   " server { listen 127.0.0.1:%%PORT2%%; proxy_pass u; } }"
                   " http { server { listen %%PORT%%; location /status { status_api; } } }")
        server = self.serve(checked.replace("CHECK", "health_check interval=100ms;"))
        self.wait_state(server, 4, "unhealthy")
        peer = Peer(server.port_number(4))
        self.addCleanup(peer.shut)

        server.configure(checked.replace("CHECK", ""))
        self.assertEqual(server.reload().returncode, 0)

        self.assertEqual(self.ask(server), b"ok")


class Udp(HealthTest):
    def test_refused_datagrams_and_answers(self):
        server = self.start("server 127.0.0.1:%%PORT3%%; server 127.0.0.1:%%PORT4%%; health_check udp interval=100ms match=m;",
                            "match m { send ping; expect ping; } server { listen 127.0.0.1:%%PORT3%% udp; echo; }")

        self.wait_state(server, 4, "unhealthy")
        self.wait_state(server, 3, "up")


class Http(HealthTest):
    http = ("location = /good { return 200 'all well'; } location = /bad { return 500; } ")

    def start_http(self, check, more):
        return self.serve("http { %s upstream u { zone z 64k; server 127.0.0.1:%%%%PORT%%%%; health_check interval=100ms %s; }"
                          " server { listen 127.0.0.1:%%%%PORT%%%%; location /status { status_api; } %s } }"
                          % (more, check, self.http))

    def state(self, server):
        return json.loads(server.get("/status").body)["upstreams"]["http"]["u"]["peers"][0]

    def wait_checked(self, server, state):
        wait_for(lambda: self.state(server)["health_checks"]["checks"] >= 2 and self.state(server)["state"] == state,
                 what=f"the peer to be {state}")

    def test_status_decides(self):
        self.wait_checked(self.start_http("uri=/good", ""), "up")
        self.wait_checked(self.start_http("uri=/bad", ""), "unhealthy")
        self.wait_checked(self.start_http("uri=/missing", ""), "unhealthy")

    def test_match_block_decides(self):
        good = "match m { status 200-299 404; header Content-Type ~ octet|plain; header ! X-Odd; body ~ well; }"
        self.wait_checked(self.start_http("uri=/good match=m", good), "up")
        self.wait_checked(self.start_http("uri=/good match=m", good.replace("well", "ill")), "unhealthy")
        self.wait_checked(self.start_http("uri=/good match=m", "match m { status ! 200; }"), "unhealthy")
        self.wait_checked(self.start_http("uri=/good match=m", "match m { header Server; body !~ ill; }"), "up")


class Refusals(SluiceTest):
    def test_words(self):
        server = "stream { server { listen 127.0.0.1:%%PORT%%; proxy_pass 127.0.0.1:1; health_check "
        for text, message in (
                (server + "interval=x; } }", 'invalid parameter "interval=x"'),
                (server + "uri=/; } }", "invalid uri"),
                (server + "match=none; } }", 'match "none" not found'),
                (server + "; } server { listen 127.0.0.1:%%PORT2%%; proxy_pass 127.0.0.1:1; health_check; } }",
                 "has a health_check already"),
                ("stream { match m { status 200; } }", 'unknown directive "status" in "match"'),
                ("stream { match m { } match m { } }", 'duplicate match "m"'),
                ("http { match m { status 20; } }", 'invalid status "20"'),
                ("http { match m { body ~ (; } }", "pcre2_compile() failed"),
                ("http { server { listen %%PORT%%; location / { health_check; } } }", "has nothing to check")):
            with self.subTest(text):
                self.assertIn(message, self.refusal_of(text))


if __name__ == "__main__":
    unittest.main()
