# SPDX-License-Identifier: BSD-2-Clause
"""stream's proxy_pass over TCP and Unix sockets: relays, peers that refuse, hang, close early or are
slow, half-closed connections, the PROXY protocol out, rates, reloads."""

import os
import re
import socket
import struct
import threading
import time
import unittest

from support import processes
from support.client import Connection
from support.harness import SluiceTest
from support.peers import FullListener, TcpPeer, closed_port, receive_all
from support.waiting import holds_for, wait_for

SANITIZED = os.environ.get("SLUICE_SANITIZED")
# A thorough run has 50.
RELOADS = int(os.environ.get("SLUICE_RELOADS", "10"))


class Proxy(SluiceTest):
    def proxy(self, text, **options):
        return self.serve("stream { " + text + " }", **options)

    def test_relays_both_ways(self):
        with TcpPeer() as peer:
            server = self.proxy(f"server {{ listen %%PORT%%; proxy_pass 127.0.0.1:{peer.port}; }}")
            with Connection(server.port) as client:
                for size in (1, 100, 20000, 300000):
                    data = bytes([size % 251]) * size
                    client.send(data)
                    self.assertEqual(client.read_exactly(size), data)

    def test_unix_sockets_on_both_sides(self):
        server = self.proxy("server { listen unix:%%DIR%%/in.sock; proxy_pass unix:%%DIR%%/out.sock; }",
                            start=False)
        with TcpPeer(path=server.dir / "out.sock"):
            (server.dir / "out.sock").chmod(0o777)
            server.start()
            for _ in range(20):
                with Connection(str(server.dir / "in.sock")) as client:
                    client.send(b"hello")
                    self.assertEqual(client.read_exactly(5), b"hello")

    def test_what_the_peer_says_first_and_last_arrives(self):
        with TcpPeer(lambda sock: sock.sendall(b"banner")) as peer:
            server = self.proxy(f"server {{ listen %%PORT%%; proxy_pass 127.0.0.1:{peer.port}; }}")
            with Connection(server.port) as client:
                self.assertEqual(client.read_rest(), b"banner")

    def test_the_clients_end_ends_the_session_behind_its_bytes(self):
        with TcpPeer(receive_all) as peer:
            server = self.proxy(f"server {{ listen %%PORT%%; proxy_pass 127.0.0.1:{peer.port}; }}")
            with Connection(server.port) as client:
                client.send(b"z" * 200000)
            wait_for(lambda: peer.heard, what="the peer's end")
            self.assertEqual(peer.heard[0], b"z" * 200000)

    def test_half_close_lets_the_peer_answer_behind_the_clients_end(self):
        def answer(sock):
            sock.sendall(b"got %d" % len(receive_all(sock)))

        with TcpPeer(answer) as peer:
            server = self.proxy(f"server {{ listen %%PORT%%; proxy_pass 127.0.0.1:{peer.port}; "
                                "proxy_half_close on; }")
            with Connection(server.port) as client:
                client.send(b"x" * 1000)
                client.sock.shutdown(socket.SHUT_WR)
                self.assertEqual(client.read_rest(), b"got 1000")

    def test_the_next_peer_is_asked_and_the_dead_one_marked(self):
        with TcpPeer() as peer:
            server = self.proxy(f"upstream u {{ server 127.0.0.1:{closed_port()}; "
                                f"server 127.0.0.1:{peer.port}; }}"
                                "server { listen %%PORT%%; proxy_pass u; }")
            for _ in range(4):
                with Connection(server.port) as client:
                    client.send(b"hi")
                    self.assertEqual(client.read_exactly(2), b"hi")
        server.wait_logged(re.compile(r"connect\(\) failed \(111: Connection refused\) while connecting to "
                           r'upstream, client: 127\.0\.0\.1, server: 0\.0\.0\.0:\d+, upstream: "'))
        server.wait_logged("upstream server temporarily disabled while connecting to upstream")
        self.assertEqual(server.error_log().count("connect() failed"), 1)

    def test_next_upstream_off_ends_with_the_first_refusal(self):
        with TcpPeer() as peer:
            server = self.proxy(f"upstream u {{ server 127.0.0.1:{closed_port()}; "
                                f"server 127.0.0.1:{peer.port}; }}"
                                "server { listen %%PORT%%; proxy_pass u; proxy_next_upstream off; }")
            with Connection(server.port) as client:
                self.assertEqual(client.read_rest(), b"")
            self.assertEqual(peer.accepted, 0)

    def test_a_peer_that_never_accepts_is_given_up(self):
        with FullListener() as full, TcpPeer() as peer:
            server = self.proxy(f"upstream u {{ server 127.0.0.1:{full.port}; "
                                f"server 127.0.0.1:{peer.port} backup; }}"
                                "server { listen %%PORT%%; proxy_pass u; "
                                "proxy_connect_timeout 200ms; }")
            with Connection(server.port) as client:
                client.send(b"hi")
                self.assertEqual(client.read_exactly(2), b"hi")
        server.wait_logged(re.compile(r"upstream timed out \(110: Connection timed out\) while connecting to "
                           "upstream"))

    def test_a_client_that_leaves_while_its_peer_is_waited_for_costs_nothing(self):
        with FullListener() as full:
            server = self.proxy(f"server {{ listen %%PORT%%; proxy_pass 127.0.0.1:{full.port}; "
                                "proxy_connect_timeout 300ms; } "
                                "server { listen %%PORT2%%; return here; }")
            worker = server.workers()[0]
            with Connection(server.port_number(2)) as client:
                self.assertEqual(client.read_rest(), b"here")  # the worker has its listeners
            before = processes.fd_count(worker)
            for _ in range(20):
                Connection(server.port).close()
            wait_for(lambda: processes.fd_count(worker) <= before, what="no descriptor left")

    def test_a_peer_that_comes_back_is_asked_again(self):
        with TcpPeer() as first:
            server = self.proxy(f"upstream u {{ server 127.0.0.1:{first.port}; "
                                "server 127.0.0.1:%%PORT2%% fail_timeout=1s; }"
                                "server { listen %%PORT%%; proxy_pass u; }")

            def talk():
                with Connection(server.port) as client:
                    client.send(b"hi")
                    return client.read_exactly(2) == b"hi"

            self.assertTrue(all(talk() for _ in range(4)))
            with TcpPeer(port=server.port_number(2)) as second:
                wait_for(lambda: talk() and second.accepted > 0, what="the second peer")
        server.wait_logged("upstream server temporarily disabled")

    def test_one_connection_proves_that_a_peer_is_back(self):
        def called(name):
            def behave(sock):
                sock.sendall(name)
                sock.recv(1)

            return behave

        with TcpPeer(called(b"spare")) as spare:
            server = self.proxy("upstream u { server 127.0.0.1:%%PORT2%% fail_timeout=1s; "
                                f"server 127.0.0.1:{spare.port} backup; }}"
                                "server { listen %%PORT%%; proxy_pass u; }")

            def ask():
                client = Connection(server.port)
                self.addCleanup(client.close)
                return client, client.read_exactly(4)

            self.assertEqual(ask()[1], b"spar")
            with TcpPeer(called(b"main"), port=server.port_number(2)):
                wait_for(lambda: ask()[1] == b"main", what="the peer on trial")
                # The session on trial is still open.
                self.assertEqual([ask()[1] for _ in range(5)], [b"main"] * 5)

    def test_a_peer_that_dies_midway_ends_its_session_only(self):
        with TcpPeer() as first, TcpPeer() as second:
            server = self.proxy(f"upstream u {{ server 127.0.0.1:{first.port}; "
                                f"server 127.0.0.1:{second.port}; }}"
                                "server { listen %%PORT%%; proxy_pass u; }")
            with Connection(server.port) as one, Connection(server.port) as two:
                for client in (one, two):
                    client.send(b"hi")
                    self.assertEqual(client.read_exactly(2), b"hi")
                first.close()
                closed = wait_for(lambda: [c for c in (one, two) if c.is_closed_by_peer(0.2)],
                                  what="an end")
                self.assertEqual(len(closed), 1)
                other = two if closed[0] is one else one
                other.send(b"still")
                self.assertEqual(other.read_exactly(5), b"still")
            server.wait_logged("upstream disconnected")

    def test_connections_to_peers_come_from_proxy_bind(self):
        def tell(sock):
            sock.sendall(sock.getpeername()[0].encode())

        with TcpPeer(tell) as peer:
            target = f"proxy_pass 127.0.0.1:{peer.port};"
            server = self.proxy(f"proxy_bind 127.0.0.2; server {{ listen %%PORT%%; {target} }}"
                                f"server {{ listen %%PORT2%%; {target} proxy_bind off; }}"
                                f"server {{ listen %%PORT3%%; {target} proxy_bind 127.0.0.3:0; }}")
            for index, address in ((1, b"127.0.0.2"), (2, b"127.0.0.1"), (3, b"127.0.0.3")):
                with Connection(server.port_number(index)) as client:
                    self.assertEqual(client.read_rest(), address)

    def test_an_address_that_is_not_ours_is_a_fault_of_ours(self):
        with TcpPeer() as peer:
            server = self.proxy(f"server {{ listen %%PORT%%; proxy_pass 127.0.0.1:{peer.port}; "
                                "proxy_bind 192.0.2.1; }")
            with Connection(server.port) as client:
                self.assertEqual(client.read_rest(), b"")
            server.wait_logged(re.compile(r"\[crit\] .* bind\(\) failed \(99: .*\) while connecting to upstream"))

    def test_nobody_alive_is_said(self):
        server = self.proxy(f"upstream u {{ server 127.0.0.1:{closed_port()}; "
                            f"server 127.0.0.1:{closed_port()}; }}"
                            "server { listen %%PORT%%; proxy_pass u; }")
        for _ in range(2):
            with Connection(server.port) as client:
                self.assertEqual(client.read_rest(), b"")
        server.wait_logged("no live upstreams while connecting to upstream")

    def test_a_pause_longer_than_proxy_timeout_ends_the_session(self):
        with TcpPeer() as peer:
            server = self.proxy(f"server {{ listen %%PORT%%; proxy_pass 127.0.0.1:{peer.port}; "
                                "proxy_timeout 300ms; }")
            with Connection(server.port) as client:
                client.send(b"hi")
                self.assertEqual(client.read_exactly(2), b"hi")
                self.assertTrue(client.is_closed_by_peer())
        server.wait_logged(re.compile(r"connection timed out \(110: Connection timed out\)"))

    def test_a_target_made_of_variables(self):
        server = self.proxy("upstream TCP { server unix:%%DIR%%/TCP; }"
                            "server { listen %%PORT%%; proxy_pass $protocol; }"
                            "server { listen %%PORT2%%; proxy_pass unix:%%DIR%%/$protocol; }"
                            "server { listen %%PORT3%%; proxy_pass no$protocol; }", start=False)
        with TcpPeer(path=server.dir / "TCP"):
            (server.dir / "TCP").chmod(0o777)
            server.start()
            for index in (1, 2):
                with Connection(server.port_number(index)) as client:
                    client.send(b"hi")
                    self.assertEqual(client.read_exactly(2), b"hi")
            with Connection(server.port_number(3)) as client:
                self.assertEqual(client.read_rest(), b"")
            server.wait_logged('no port in upstream "noTCP"')

    # ---- the PROXY protocol ----

    def header_sent(self, option, first=b""):
        with TcpPeer(receive_all) as peer:
            server = self.proxy(f"server {{ listen %%PORT%% {'proxy_protocol' if first else ''}; "
                                f"proxy_pass 127.0.0.1:{peer.port}; proxy_protocol {option}; }}")
            with Connection(server.port) as client:
                own = client.sock.getsockname()[1]
                client.send(first + b"rest")
            wait_for(lambda: peer.heard, what="the peer's end")
            return peer.heard[0], own, server.port

    def test_version_1_goes_before_the_clients_bytes(self):
        heard, own, port = self.header_sent("on")
        self.assertEqual(heard, b"PROXY TCP4 127.0.0.1 127.0.0.1 %d %d\r\nrest" % (own, port))

    def test_version_2_goes_before_the_clients_bytes(self):
        heard, own, port = self.header_sent("v2")
        self.assertEqual(heard, b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c" +
                         socket.inet_aton("127.0.0.1") * 2 + struct.pack(">HH", own, port) + b"rest")

    def test_what_follows_a_header_in_is_relayed(self):
        heard, own, port = self.header_sent("on", b"PROXY TCP4 192.0.2.7 192.0.2.8 5 6\r\n")
        self.assertEqual(heard, b"PROXY TCP4 127.0.0.1 127.0.0.1 %d %d\r\nrest" % (own, port))

    # ---- slow sides, rates ----

    def test_a_client_that_does_not_read_holds_its_peer_back(self):
        sent = []

        def flood(sock):
            try:
                while True:
                    sock.sendall(b"f" * 65536)
                    sent.append(65536)
            except OSError:
                pass

        with TcpPeer(flood) as peer:
            server = self.proxy(f"server {{ listen %%PORT%%; proxy_pass 127.0.0.1:{peer.port}; }}")
            worker = server.workers()[0]
            with Connection(server.port) as client:
                client.read_exactly(1)

                def is_held():
                    count = len(sent)
                    try:
                        holds_for(lambda: len(sent) == count, 0.3)
                    except AssertionError:
                        return False
                    return True

                wait_for(is_held, what="a peer that is held back")
                memory = int(processes.status_field(worker, "VmRSS").split()[0])
                self.assertLess(memory, (200 if SANITIZED is None else 2000) * 1024, "kB")

    def test_download_rate(self):
        with TcpPeer(lambda sock: sock.sendall(b"d" * 40000)) as peer:
            server = self.proxy(f"server {{ listen %%PORT%%; proxy_pass 127.0.0.1:{peer.port}; "
                                "proxy_download_rate 40k; proxy_buffer_size 4k; }")
            start = time.monotonic()
            with Connection(server.port) as client:
                self.assertEqual(len(client.read_rest()), 40000)
            self.assertGreater(time.monotonic() - start, 0.5)

    # ---- life ----

    def test_sessions_survive_reloads_under_load(self):
        with TcpPeer() as peer:
            conf = (f"stream {{ upstream u {{ server 127.0.0.1:{peer.port}; }} "
                    "server { listen %%PORT%%; proxy_pass u; } }")
            server = self.serve(conf, workers=2)
            failures, stop = [], threading.Event()

            def talk():
                try:
                    with Connection(server.port) as client:
                        while not stop.is_set():
                            client.send(b"ping" * 100)
                            if client.read_exactly(400) != b"ping" * 100:
                                failures.append("other bytes")
                except Exception as error:  # pylint: disable=broad-except
                    failures.append(repr(error))

            talkers = [threading.Thread(target=talk) for _ in range(8)]
            for talker in talkers:
                talker.start()
            for _ in range(RELOADS):
                server.reload()
            stop.set()
            for talker in talkers:
                talker.join(30)
            self.assertEqual(failures, [])
            self.assertEqual(peer.accepted, 8)

    def test_idle_relays_leave_no_descriptor(self):
        with TcpPeer() as peer:
            server = self.proxy(f"server {{ listen %%PORT%%; proxy_pass 127.0.0.1:{peer.port}; }}")
            worker = server.workers()[0]

            def once(count):
                clients = [Connection(server.port) for _ in range(count)]
                for client in clients:
                    client.send(b"x" * 100000)
                    client.read_exactly(100000)
                for client in clients:
                    client.close()

            once(20)
            before = wait_for(lambda: processes.fd_count(worker), what="a number")
            for _ in range(5):
                once(20)
            wait_for(lambda: processes.fd_count(worker) <= before, what="descriptors as before")


class Refusals(SluiceTest):
    def refused(self, line):
        return self.refusal_of("stream { server { listen %%PORT%%; " + line + " } }")

    def test_targets(self):
        self.assertIn("no port in upstream", self.refused("proxy_pass 127.0.0.1;"))
        self.assertIn('unknown "x" variable', self.refused("proxy_pass $x;"))

    def test_values(self):
        ok = "proxy_pass 127.0.0.1:1; "
        self.assertIn("proxy_timeout", self.refused(ok + "proxy_timeout soon;"))
        self.assertIn("proxy_protocol", self.refused(ok + "proxy_protocol v3;"))
        self.assertIn("proxy_upload_rate", self.refused(ok + "proxy_upload_rate fast;"))
        self.assertIn('invalid address "here"', self.refused(ok + "proxy_bind here;"))
        self.assertIn('invalid parameter "opaque"', self.refused(ok + "proxy_bind 127.0.0.1 opaque;"))


if __name__ == "__main__":
    unittest.main()
