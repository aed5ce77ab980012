# SPDX-License-Identifier: BSD-2-Clause
"""Names of upstream servers: looked up again, as services, when they were not known, by one worker for all."""

import os
import re
import socket
import unittest
from signal import SIGKILL

from support.dns_server import NXDOMAIN, SERVFAIL, DnsServer
from support.harness import SluiceTest
from support.waiting import holds_for, wait_for

BACKENDS = " ".join(f"server {{ listen 127.0.0.{i}:%%PORT2%%; return {i}; }}" for i in range(2, 7))


class NameTest(SluiceTest):
    def setUp(self):
        super().setUp()
        self.dns = DnsServer()
        self.dns.__enter__()
        self.addCleanup(self.dns.__exit__)

    def start(self, upstream, workers=1, more="", start=True):
        return self.serve(f"stream {{ resolver 127.0.0.1:{self.dns.port} ipv6=off; resolver_timeout 1s;"
                          f" upstream u {{ {upstream} }} server {{ listen %%PORT%%; proxy_pass u; }}"
                          f" {BACKENDS} {more} }}", workers=workers, start=start)

    def ask(self, server, port=1):
        """The backend that answers; empty where there is none."""
        with socket.create_connection(("127.0.0.1", server.port_number(port)), timeout=10) as client:
            out = b""
            while True:
                try:
                    piece = client.recv(100)
                except ConnectionResetError:
                    return out.decode()
                if not piece:
                    return out.decode()
                out += piece

    def backends(self, server, count=8):
        return "".join(sorted(set(self.ask(server) for _ in range(count))))


class Resolve(NameTest):
    def test_addresses_follow_the_name(self):
        self.dns.set("b.test", "A", "127.0.0.2", ttl=1)
        server = self.start("server b.test:%%PORT2%% resolve;")
        wait_for(lambda: self.ask(server) == "2", what="the first address")

        self.dns.set("b.test", "A", "127.0.0.3", "127.0.0.4", ttl=1)

        wait_for(lambda: self.backends(server) == "34", what="the new addresses")

    def test_time_to_live_is_honoured_and_valid_overrides_it(self):
        self.dns.set("long.test", "A", "127.0.0.2", ttl=60)
        self.dns.set("short.test", "A", "127.0.0.2", ttl=1)
        server = self.start("server long.test:%%PORT2%% resolve; server short.test:%%PORT2%% resolve;")
        wait_for(lambda: self.ask(server) == "2", what="the address")

        wait_for(lambda: self.dns.asked("short.test") >= 3, what="the short one to be asked for again")

        self.assertEqual(self.dns.asked("long.test"), 1)

    def test_failing_server_leaves_what_was_known(self):
        self.dns.set("b.test", "A", "127.0.0.2", ttl=1)
        server = self.start("server b.test:%%PORT2%% resolve;")
        wait_for(lambda: self.ask(server) == "2", what="the address")

        self.dns.fail("b.test", SERVFAIL)

        server.wait_logged("b.test could not be resolved (2: Server failure)")
        self.assertEqual(self.ask(server), "2")
        self.assertEqual(server.reload().returncode, 0)
        self.assertEqual(self.ask(server), "2")

    def test_name_that_is_gone_has_no_peers_until_it_comes_back(self):
        self.dns.set("b.test", "A", "127.0.0.2", ttl=1)
        server = self.start("server b.test:%%PORT2%% resolve;"
                            f"resolver 127.0.0.1:{self.dns.port} valid=1s ipv6=off;")
        wait_for(lambda: self.ask(server) == "2", what="the address")

        self.dns.fail("b.test", NXDOMAIN)
        wait_for(lambda: self.ask(server) == "", what="nobody to be there")
        server.wait_logged("no live upstreams while connecting to upstream")
        self.dns.set("b.test", "A", "127.0.0.3", ttl=1)

        wait_for(lambda: self.ask(server) == "3", what="the new address")

    def test_alias_is_followed(self):
        self.dns.set("b.test", "CNAME", "c.test", ttl=60)
        self.dns.set("c.test", "A", "127.0.0.5", ttl=60)
        server = self.start("server b.test:%%PORT2%% resolve;")

        wait_for(lambda: self.ask(server) == "5", what="the alias's address")

    def test_silent_server_times_out_and_is_asked_again(self):
        self.dns.silence("b.test")
        server = self.start("server b.test:%%PORT2%% resolve;")
        server.wait_logged("b.test could not be resolved (110: Operation timed out)")

        self.dns.set("b.test", "A", "127.0.0.2", ttl=60)

        wait_for(lambda: self.ask(server) == "2", what="the address")

    def test_one_worker_asks_for_all_and_another_takes_over(self):
        self.dns.set("b.test", "A", "127.0.0.2", ttl=1)
        server = self.start("zone z 64k; server b.test:%%PORT2%% resolve;", workers=3)
        wait_for(lambda: self.backends(server, 20) == "2", what="all workers to know the address")
        self.assertLessEqual(self.dns.asked("b.test"), 3)

        for pid in server.workers()[:2]:
            server.kill_worker(pid)
        self.dns.set("b.test", "A", "127.0.0.3", ttl=1)

        wait_for(lambda: self.backends(server, 20) == "3", what="all workers to know the new one")

    def test_unknown_at_the_start_is_down_with_a_warning_and_found_later(self):
        self.dns.fail("later.invalid", NXDOMAIN)
        server = self.start("server later.invalid:%%PORT2%%; server 127.0.0.2:%%PORT2%%;"
                            f"resolver 127.0.0.1:{self.dns.port} valid=1s ipv6=off;")
        self.assertIn('host not found in upstream "later.invalid:', server.stderr() + server.error_log())
        self.assertEqual(self.backends(server), "2")

        self.dns.set("later.invalid", "A", "127.0.0.3", ttl=60)

        wait_for(lambda: self.backends(server) == "23", what="the name to be found")


class Services(NameTest):
    def test_records_give_ports_weights_and_backups(self):
        server = self.start("server b.test resolve service=http;", start=False)
        port = server.port_number(2)
        for i in (2, 3, 4):
            self.dns.set(f"t{i}.test", "A", f"127.0.0.{i}")
        self.dns.set("_http._tcp.b.test", "SRV", (1, 1, port, "t2.test"), (1, 3, port, "t3.test"),
                     (9, 1, port, "t4.test"), ttl=1)
        server.start()  # after that: a name that is not there is asked for again 10 s later

        wait_for(lambda: self.ask(server) != "", what="the service")
        answers = [self.ask(server) for _ in range(8)]
        self.assertEqual((answers.count("2"), answers.count("3")), (2, 6))

        self.dns.set("_http._tcp.b.test", "SRV", (1, 1, server.port_number(9), "t2.test"),
                     (9, 1, port, "t4.test"), ttl=1)
        wait_for(lambda: self.ask(server) == "4", what="the backup behind a dead port")


class Variables(NameTest):
    def start_by_name(self, name, more=""):
        return self.start("server 127.0.0.2:%%PORT2%%;",
                          more=f"server {{ listen %%PORT3%%; set $name {name}; proxy_pass $name; {more} }}")

    def test_name_is_looked_up_when_a_session_needs_it(self):
        self.dns.set("b.test", "A", "127.0.0.3", ttl=60)
        server = self.start_by_name("b.test:%%PORT2%%")
        self.assertEqual(self.dns.asked("b.test"), 0)

        self.assertEqual([self.ask(server, 3) for _ in range(5)], ["3"] * 5)

        self.assertEqual(self.dns.asked("b.test"), 1)

    def test_answer_is_used_for_its_time(self):
        self.dns.set("b.test", "A", "127.0.0.3", ttl=1)
        server = self.start_by_name("b.test:%%PORT2%%")
        self.assertEqual(self.ask(server, 3), "3")

        self.dns.set("b.test", "A", "127.0.0.4", ttl=1)

        wait_for(lambda: self.ask(server, 3) == "4", what="the new address")

    def test_one_after_the_other_is_asked_and_the_dead_one_left_alone(self):
        self.dns.set("b.test", "A", "127.0.0.100", "127.0.0.3", ttl=60)
        server = self.start_by_name("b.test:%%PORT2%%")

        self.assertEqual([self.ask(server, 3) for _ in range(6)], ["3"] * 6)

        server.wait_logged("upstream server temporarily disabled while connecting to upstream")
        self.assertEqual(server.error_log().count("connect() failed"), 1)

    def test_blocks_and_addresses_need_no_server(self):
        by_block, by_address = self.start_by_name("u"), self.start_by_name("127.0.0.5:%%PORT2%%")

        self.assertEqual((self.ask(by_block, 3), self.ask(by_address, 3)), ("2", "5"))
        self.assertEqual(self.dns.questions, [])

    def test_failures_are_told(self):
        for name, action, words in (
                ("gone.test", lambda: self.dns.fail("gone.test", NXDOMAIN), "gone.test could not be resolved (3: Host not found)"),
                ("bad.test", lambda: self.dns.fail("bad.test", SERVFAIL), "bad.test could not be resolved (2: Server failure)"),
                ("slow.test", lambda: self.dns.silence("slow.test"), "slow.test could not be resolved (110: Operation timed out)")):
            with self.subTest(name):
                action()
                server = self.start_by_name(name + ":%%PORT2%%")
                self.assertEqual(self.ask(server, 3), "")
                server.wait_logged(words)

    def test_client_that_leaves_meanwhile_costs_nothing(self):
        self.dns.silence("slow.test")
        server = self.start_by_name("slow.test:%%PORT2%%", more="resolver_timeout 30s;")
        with socket.create_connection(("127.0.0.3", server.port_number(2))) as peer:
            self.assertEqual(peer.recv(1), b"3")  # the worker has its listeners
        before = server.fd_count(server.workers()[0])
        clients = [socket.create_connection(("127.0.0.1", server.port_number(3))) for _ in range(20)]
        wait_for(lambda: self.dns.asked("slow.test") > 0, what="the question")
        for client in clients:
            client.close()

        self.dns.set("slow.test", "A", "127.0.0.3", ttl=60)

        wait_for(lambda: self.ask(server, 3) == "3", what="the name to be known")
        wait_for(lambda: server.fd_count(server.workers()[0]) <= before + 2, what="nothing to be left")


class State(NameTest):
    def test_failures_outlive_a_reload_without_a_zone(self):
        server = self.start("server 127.0.0.2:%%PORT9%% fail_timeout=1m; server 127.0.0.3:%%PORT2%%;")
        for _ in range(4):
            self.assertEqual(self.ask(server), "3")
        server.wait_logged("upstream server temporarily disabled while connecting to upstream")

        self.assertEqual(server.reload().returncode, 0)
        for _ in range(4):
            self.assertEqual(self.ask(server), "3")

        self.assertEqual(server.error_log().count("temporarily disabled"), 1)
        self.assertEqual(len(re.findall(r"connect\(\) failed", server.error_log())), 1)

    def test_failures_are_every_workers_with_a_zone(self):
        server = self.start("zone z 64k; server 127.0.0.2:%%PORT9%% fail_timeout=1m; server 127.0.0.3:%%PORT2%%;",
                            workers=3)
        for _ in range(30):
            self.assertEqual(self.ask(server), "3")

        server.wait_logged("upstream server temporarily disabled")
        self.assertEqual(server.error_log().count("temporarily disabled"), 1)

    def test_connections_of_a_killed_worker_are_given_back(self):
        hold = "server { listen 127.0.0.7:%%PORT2%%; echo; }"
        server = self.start("zone z 64k; server 127.0.0.7:%%PORT2%% max_conns=1; server 127.0.0.3:%%PORT2%% backup;",
                            workers=2, more=hold)
        first = socket.create_connection(("127.0.0.1", server.port), timeout=10)
        self.addCleanup(first.close)
        first.sendall(b"x")
        self.assertEqual(first.recv(1), b"x")
        self.assertEqual(self.ask(server), "3")

        for pid in server.workers():
            server.kill_worker(pid)

        def is_free():
            with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
                client.sendall(b"y")
                return client.recv(1) == b"y"
        wait_for(is_free, what="the place to be free again")


if __name__ == "__main__":
    unittest.main()
