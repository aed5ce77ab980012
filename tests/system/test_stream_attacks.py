# SPDX-License-Identifier: BSD-2-Clause
"""stream under attack: what clients, sick peers and careless configurations must not be able to do."""

import os
import re
import socket
import struct
import threading
import unittest

from support.datagrams import Caller, DatagramPeer
from support.harness import SluiceTest
from support.peers import TcpPeer
from support.processes import fd_count
from support.sessions import ask, reach, read_to_end
from support.waiting import wait_for


def reset(client):
    """Closes with a RST instead of a FIN."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def fill(client):
    """Sends until nobody takes more."""
    client.setblocking(False)
    stuck = 0
    while stuck < 3:
        try:
            client.send(b"y" * 65536)
            stuck = 0
        except BlockingIOError:
            stuck += 1
            threading.Event().wait(0.05)


def is_told_of_the_end(port):
    """Whether the kernel has the FIN of a server on `port` for its client, who has not closed yet."""
    with open("/proc/net/tcp", encoding="ascii") as table:
        rows = [line.split() for line in table][1:]
    close_wait = "08"
    return any(row[2].endswith(f":{port:04X}") and row[3] == close_wait for row in rows)


class Datagrams(SluiceTest):
    def test_a_datagram_that_is_too_large_for_the_way_marks_no_peer(self):
        # IPv6 has room for 20 bytes more than IPv4, where the peers are.
        with DatagramPeer() as first, DatagramPeer() as second:
            server = self.serve(
                "stream { upstream u { server 127.0.0.1:%d; server 127.0.0.1:%d; } server { "
                "listen [::1]:%%%%PORT%%%% udp; proxy_responses 1; proxy_pass u; } }" % (first.port, second.port))
            with Caller(server.port, host="::1") as client:
                client.send(b"q" * 65520)
                server.wait_logged(re.compile(r"\[info\].*send\(\) failed \(90: Message too long\) while "
                                              r"proxying and sending to upstream"))
                for _ in range(4):
                    self.assertEqual(client.ask(b"small"), b"small")
            self.assertNotIn("temporarily disabled", server.error_log())
            self.assertNotIn("[error]", server.error_log())

    def test_a_proxy_header_that_makes_it_too_large_marks_no_peer(self):
        with DatagramPeer() as first, DatagramPeer() as second:
            server = self.serve(
                "stream { upstream u { server 127.0.0.1:%d; server 127.0.0.1:%d; } server { "
                "listen %%%%PORT%%%% udp; proxy_protocol on; proxy_pass u; } }" % (first.port, second.port))
            with Caller(server.port) as client:
                client.send(b"q" * 65507)
                server.wait_logged("Message too long")
                self.assertEqual(client.ask(b"small"), b"small", "the session goes on")
            with Caller(server.port) as client:
                self.assertRegex(client.ask(b"x"), rb"^PROXY TCP4 .*\r\nx$")
            self.assertNotIn("temporarily disabled", server.error_log())


class Pass(SluiceTest):
    def test_a_circle_of_passes_ends(self):
        server = self.serve("stream { server { listen 127.0.0.1:%%PORT%%; pass 127.0.0.1:%%PORT2%%; } "
                            "server { listen 127.0.0.1:%%PORT2%%; pass 127.0.0.1:%%PORT%%; } }")
        worker = server.workers()
        self.assertEqual(ask(server.port), "")
        server.wait_logged("listeners hand the client round in a circle")
        self.assertEqual(server.workers(), worker)

    def test_a_listener_on_all_addresses_is_meant_by_each(self):
        server = self.serve("stream { server { listen 127.0.0.1:%%PORT%%; pass 127.0.0.1:%%PORT2%%; } "
                            "server { listen %%PORT2%%; return found; } "
                            "server { listen 127.0.0.1:%%PORT3%%; pass [::1]:%%PORT4%%; } "
                            "server { listen [::]:%%PORT4%%; return six; } }")
        self.assertEqual(ask(server.port), "found")
        self.assertEqual(ask(server.port_number(3)), "six")

    def test_the_server_that_serves_has_a_name(self):
        server = self.serve("stream { server { listen %%PORT%%; server_name a.example b.example; return $server_name; } "
                            "server { listen %%PORT2%%; return '[$server_name]'; } }")
        self.assertEqual(ask(server.port), "a.example")
        self.assertEqual(ask(server.port_number(2)), "[]")

    def test_a_client_that_was_heard_is_not_handed_on(self):
        server = self.serve("stream { server { listen 127.0.0.1:%%PORT%%; ssl_preread on; pass 127.0.0.1:%%PORT2%%; } "
                            "server { listen %%PORT2%%; return found; } }")
        self.assertEqual(ask(server.port, b"hello"), "")
        server.wait_logged("the client's first bytes were read, it cannot pass to")


class Relays(SluiceTest):
    def test_a_client_that_resets_does_not_keep_its_session_behind_a_peer_that_takes_nothing(self):
        over = threading.Event()

        def talks_and_does_not_listen(sock):
            while not over.wait(0.1):
                sock.sendall(b"x" * 1000)

        with TcpPeer(talks_and_does_not_listen) as peer:
            self.addCleanup(over.set)
            server = self.serve("stream { server { listen %%%%PORT%%%%; proxy_pass 127.0.0.1:%d; } }" % peer.port)
            worker = server.workers()[0]
            before = fd_count(worker)
            client = reach(server.port)
            fill(client)
            reset(client)
            server.wait_logged(re.compile(r"\[info\].*Connection reset by peer\) while proxying connection"))
            wait_for(lambda: fd_count(worker) <= before, what="the session's descriptors to be closed")
            over.set()

    def test_what_a_peer_sent_before_both_ended_reaches_a_slow_client(self):
        size = 90_000
        with TcpPeer(lambda sock: sock.sendall(b"z" * size)) as peer:
            server = self.serve("stream { server { listen %%%%PORT%%%% sndbuf=4k; proxy_pass 127.0.0.1:%d; } }"
                                % peer.port)
            with socket.socket() as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                client.settimeout(30)
                client.connect(("127.0.0.1", server.port))
                wait_for(lambda: is_told_of_the_end(peer.port), what="the peer's FIN")
                client.shutdown(socket.SHUT_WR)
                self.assertEqual(len(read_to_end(client)), size)


def own_memory(pid):
    """What a process has for itself alone, in KiB."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as lines:
        return int(next(line for line in lines if line.startswith("Private_Dirty")).split()[1])


class Memory(SluiceTest):
    @unittest.skipIf(os.environ.get("SLUICE_SANITIZED"), "ASan keeps what was freed")
    def test_old_generations_give_their_memory_back_when_their_last_sessions_have_ended(self):
        table = "map $remote_addr $m { " + " ".join(f"k{i} v{i};" for i in range(5000)) + " }"
        conf = "stream { " + table + " server { listen %%PORT%%; echo; } server { listen %%PORT2%%; return NUMBER$m; } }"
        server = self.serve(conf.replace("NUMBER", "0"))
        worker = server.workers()[0]
        before = own_memory(worker)
        held = []
        for number in range(1, 9):
            held.append(reach(server.port))
            held[-1].sendall(b"a")
            self.assertEqual(held[-1].recv(1), b"a")
            server.configure(conf.replace("NUMBER", str(number)))
            self.assertEqual(server.reload().returncode, 0)
        peak = own_memory(worker)
        self.assertGreater(peak, before + 5000, "the sessions hold their generations")
        sockets = fd_count(worker)
        for client in held:
            client.close()
        wait_for(lambda: fd_count(worker) <= sockets - len(held), what="the ends of the sessions")
        server.configure(conf.replace("NUMBER", "9"))
        self.assertEqual(server.reload().returncode, 0)
        wait_for(lambda: own_memory(worker) < before + (peak - before) / 2, what="memory to be given back")
        self.assertEqual(server.workers(), [worker])


class Configurations(SluiceTest):
    def warnings_of(self, conf_text):
        answer = self.serve(conf_text, start=False).run("-t")
        self.assertEqual(answer.returncode, 0, answer.stderr)
        return answer.stderr

    def test_two_handlers_of_one_server_are_refused(self):
        self.assertIn("several handlers for server",
                      self.refusal_of("stream { server { listen %%PORT%%; return x; proxy_pass 127.0.0.1:1; } }"))

    def test_a_server_that_nobody_reaches_is_warned_of(self):
        two = "stream { server { listen %%%%PORT%%%%; %s return x; } server { listen %%%%PORT%%%%; %s return y; } }"
        self.assertIn("reaches this server: it has no server_name", self.warnings_of(two % ("", "")))
        self.assertIn("reaches this server: nobody asks the clients",
                      self.warnings_of(two % ("server_name a.example;", "server_name b.example;")))
        self.assertNotIn("reaches this server",
                         self.warnings_of(two % ("ssl_preread on;", "server_name b.example;")))

    def test_a_range_of_ports_is_as_many_listeners(self):
        first = 0
        for candidate in range(20000, 30000, 3):
            try:
                held = [socket.create_server(("127.0.0.1", candidate + i)) for i in range(3)]
            except OSError:
                continue
            for sock in held:
                sock.close()
            first = candidate
            break
        server = self.serve("stream { server { listen 127.0.0.1:%d-%d; return $server_port; } "
                            "server { listen [::1]:%d-%d udp; return $server_port; } }" % ((first, first + 2) * 2))
        for port in range(first, first + 3):
            self.assertEqual(ask(port), str(port))
            with Caller(port, host="::1") as client:
                self.assertEqual(client.ask(b"x"), str(port).encode())
        for text, words in (("9002-9001", "invalid port range"), ("0-5", "invalid port"), ("65530-65536", "invalid port"),
                            ("127.0.0.1:1-", "invalid port"), ("[::1]:-5", "invalid port")):
            self.assertIn(f"{words} in \"{text}\"", self.refusal_of("stream { server { listen %s; return x; } }" % text))

    def test_any_size_of_the_preread_buffer_works(self):
        hello = b"\x16\x03\x01\x40\x00\x01\x00\x3f\xfc\x03\x03"
        server = self.serve("stream { preread_timeout 1s; "
                            "server { listen %%PORT%%; ssl_preread on; preread_buffer_size 0; return x; } "
                            "server { listen %%PORT2%%; ssl_preread on; preread_buffer_size 2m; return x; } }")
        self.assertEqual(ask(server.port, hello), "")
        server.wait_logged("preread buffer full")
        for port in (server.port, server.port_number(2)):
            self.assertEqual(ask(port, b"hello"), "x")

    def test_a_directive_of_http_and_an_unknown_host_are_called_by_their_names(self):
        self.assertIn("expected it in: upstream (of http)",
                      self.refusal_of("stream { upstream u { ip_hash; server 127.0.0.1:1; } }"))
        self.assertIn('host not found in geoip2_proxy "no.such.host.invalid"',
                      self.refusal_of("http { geoip2_proxy no.such.host.invalid; }"))

    def test_a_kv_zone_that_is_too_small_is_named(self):
        self.assertIn('zone "store" is too small',
                      self.refusal_of("stream { kv_zone store 1k; server { listen %%PORT%%; kv zone=store; } }"))

    def test_handlers_that_cannot_serve_datagrams_are_refused_for_them(self):
        for handler in ("pass 127.0.0.1:1;", "kv zone=a;"):
            self.assertIn("the handler of this server cannot serve \"udp:0.0.0.0:",
                          self.refusal_of("stream { kv_zone a 1m; server { listen %%PORT%% udp; " + handler + " } }"))


if __name__ == "__main__":
    unittest.main()
