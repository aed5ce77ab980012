# SPDX-License-Identifier: BSD-2-Clause
"""stream over UDP: return, echo and proxy_pass; whose session a datagram belongs to and when it
ends; peers that refuse or are silent; rates; large and empty datagrams; wildcard listeners; reloads."""

import os
import signal
import socket
import threading
import time
import unittest

from support import processes
from support.datagrams import Caller, DatagramPeer, closed_datagram_port
from support.harness import SluiceTest
from support.waiting import wait_for

# A thorough run has 50.
RELOADS = int(os.environ.get("SLUICE_RELOADS", "10"))
LARGEST = 65507


def who(data, sender):
    """Answers with the port that asked, so that a test sees whose session it is in."""
    return b"%d" % sender[1]


class Answers(SluiceTest):
    conf = r"""
stream {
    server { listen 127.0.0.1:%%PORT%% udp; return "ACK $protocol $bytes_received"; }
    server { listen 127.0.0.1:%%PORT2%% udp; echo; }
    server { listen %%PORT3%% udp; return wild; }
    server { listen [::]:%%PORT4%% udp ipv6only=off; echo; }
    server { listen 127.0.0.1:%%PORT5%% udp; return ""; }
    server { listen 127.0.0.1:%%PORT6%% udp; echo 200ms; }
    server { listen unix:%%DIR%%/in.sock udp; echo; }
}
"""

    def caller(self, index, **options):
        caller = Caller(self.server.port_number(index), **options)
        self.addCleanup(caller.close)
        return caller

    def test_return_answers_every_datagram(self):
        caller = self.caller(1)
        for data in (b"x", b"hello", b""):
            self.assertEqual(caller.ask(data), b"ACK UDP %d" % len(data))

    def test_a_burst_of_datagrams_is_answered_one_by_one(self):
        callers = [self.caller(1) for _ in range(20)]
        for caller in callers:
            for size in (1, 2, 3):
                caller.send(b"x" * size)
        for caller in callers:
            self.assertEqual(sorted(caller.receive() for _ in range(3)),
                             [b"ACK UDP 1", b"ACK UDP 2", b"ACK UDP 3"])

    def test_an_empty_return_says_nothing(self):
        caller = self.caller(5)
        caller.send(b"x")
        self.assertTrue(caller.hears_nothing_for(0.2))

    def test_echo_gives_back_datagrams_as_they_are(self):
        caller = self.caller(2)
        for data in (b"a", b"", b"b" * 1400, b"c" * 20000, b"d" * LARGEST, b"e"):
            self.assertEqual(caller.ask(data), data)

    def test_echo_keeps_the_order_of_a_burst(self):
        caller = self.caller(2)
        sent = [b"%03d" % i + b"." * (i % 7) for i in range(60)]
        for data in sent:
            caller.send(data)
        self.assertEqual([caller.receive() for _ in sent], sent)

    def test_a_run_of_one_size_that_the_kernel_joined_comes_back_apart(self):
        caller = self.caller(2)
        udp_segment = 103
        caller.sock.setsockopt(socket.IPPROTO_UDP, udp_segment, 100)
        caller.send(b"".join(b"%03d" % i + b"-" * 97 for i in range(30)) + b"tail")
        got = [caller.receive() for _ in range(31)]
        self.assertEqual(got, [b"%03d" % i + b"-" * 97 for i in range(30)] + [b"tail"])

    def test_a_wildcard_listener_answers_from_the_address_that_was_asked(self):
        for host in ("127.0.0.1", "127.0.0.2", "127.1.2.3"):
            caller = self.caller(3, host=host)
            self.assertEqual(caller.ask(b"x"), b"wild")
            self.assertEqual(caller.answered_by, (host, self.server.port_number(3)))

    def test_a_wildcard_of_ipv6_serves_both_families(self):
        for host in ("::1", "127.0.0.9"):
            caller = self.caller(4, host=host)
            self.assertEqual(caller.ask(b"six"), b"six")
            self.assertEqual(caller.answered_by[0], host)

    def test_a_unix_datagram_socket(self):
        own = str(self.server.dir / "own.sock")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.bind(own)
            os.chmod(own, 0o777)
            sock.settimeout(15)
            sock.sendto(b"over a path", str(self.server.dir / "in.sock"))
            self.assertEqual(sock.recv(100), b"over a path")

    def test_echo_ends_after_its_pause(self):
        caller = self.caller(6)
        self.assertEqual(caller.ask(b"one"), b"one")
        self.assertEqual(caller.ask(b"two"), b"two")


class Proxy(SluiceTest):
    def proxy(self, text, **options):
        return self.serve("error_log %%DIR%%/logs/error.log info;\nstream { " + text + " }", **options)

    def test_each_client_has_a_session_of_its_own(self):
        with DatagramPeer(who) as peer:
            server = self.proxy(f"server {{ listen 127.0.0.1:%%PORT%% udp; proxy_pass 127.0.0.1:{peer.port}; }}")
            callers = [Caller(server.port) for _ in range(30)]
            seen = [caller.ask(b"?") for caller in callers]
            self.assertEqual(len(set(seen)), 30)
            self.assertEqual([caller.ask(b"?") for caller in callers], seen)
            for caller in callers:
                caller.close()

    def test_datagrams_of_all_sizes_pass(self):
        with DatagramPeer() as peer:
            server = self.proxy(f"server {{ listen 127.0.0.1:%%PORT%% udp; proxy_pass 127.0.0.1:{peer.port}; }}")
            with Caller(server.port) as caller:
                for data in (b"a", b"", b"b" * 1500, b"c" * LARGEST, b"d"):
                    self.assertEqual(caller.ask(data), data)
                self.assertEqual([data for data, _ in peer.heard][:2], [b"a", b""])

    def test_bursts_pass_whole_and_in_order(self):
        def many(data, sender):
            return [b"%s %03d" % (data, i) for i in range(40)]

        with DatagramPeer(many) as peer:
            server = self.proxy(f"server {{ listen 127.0.0.1:%%PORT%% udp; proxy_pass 127.0.0.1:{peer.port}; }}")
            with Caller(server.port) as caller:
                caller.send(b"x")
                self.assertEqual([caller.receive() for _ in range(40)],
                                 [b"x %03d" % i for i in range(40)])

    def test_proxy_requests_begins_another_session(self):
        with DatagramPeer(who) as peer:
            server = self.proxy("server { listen 127.0.0.1:%%PORT%% udp; proxy_requests 2; "
                                f"proxy_pass 127.0.0.1:{peer.port}; }}")
            with Caller(server.port) as caller:
                seen = [caller.ask(b"?") for _ in range(6)]
            self.assertEqual(seen[0], seen[1])
            self.assertEqual(seen[2], seen[3])
            self.assertNotEqual(seen[1], seen[2])
            self.assertNotEqual(seen[3], seen[4])

    def test_proxy_responses_ends_the_session(self):
        with DatagramPeer(who) as peer:
            server = self.proxy("server { listen 127.0.0.1:%%PORT%% udp; proxy_responses 1; "
                                f"proxy_pass 127.0.0.1:{peer.port}; }}")
            with Caller(server.port) as caller:
                first = caller.ask(b"?")
                server.wait_logged("udp done, packets from/to client:1/1")
                self.assertNotEqual(caller.ask(b"?"), first)

    def test_no_response_is_expected_where_none_is_wanted(self):
        with DatagramPeer(who) as peer:
            server = self.proxy("server { listen 127.0.0.1:%%PORT%% udp; proxy_responses 0; "
                                f"proxy_pass 127.0.0.1:{peer.port}; }}")
            with Caller(server.port) as caller:
                for i in range(3):
                    caller.send(b"note %d" % i)
                wait_for(lambda: len(peer.heard) == 3, what="the notes")
                server.wait_logged("udp done, packets from/to client:1/0", times=3)
                self.assertTrue(caller.hears_nothing_for(0.1))

    def test_a_session_ends_after_its_pause(self):
        with DatagramPeer(who) as peer:
            server = self.proxy("server { listen 127.0.0.1:%%PORT%% udp; proxy_timeout 300ms; "
                                f"proxy_pass 127.0.0.1:{peer.port}; }}")
            with Caller(server.port) as caller:
                first = caller.ask(b"?")
                server.wait_logged("udp timed out, packets from/to client:1/1")
                self.assertNotEqual(caller.ask(b"?"), first)

    def test_a_silent_peer_fails(self):
        with DatagramPeer(lambda data, sender: None) as peer:
            server = self.proxy("server { listen 127.0.0.1:%%PORT%% udp; proxy_timeout 200ms; "
                                f"proxy_responses 1; proxy_pass 127.0.0.1:{peer.port}; }}")
            with Caller(server.port) as caller:
                caller.send(b"?")
                server.wait_logged("upstream timed out (110: Connection timed out) while proxying "
                                   "connection, udp client: 127.0.0.1")

    def test_a_peer_that_refuses_is_followed_by_the_next(self):
        with DatagramPeer(who) as peer:
            server = self.proxy(f"upstream u {{ server 127.0.0.1:{closed_datagram_port()}; "
                                f"server 127.0.0.1:{peer.port} backup; }}"
                                "server { listen 127.0.0.1:%%PORT%% udp; proxy_pass u; }")
            with Caller(server.port) as caller:
                caller.send(b"once")  # no second chance: the server has to ask again by itself
                self.assertTrue(caller.receive().isdigit())
            self.assertEqual([data for data, _ in peer.heard], [b"once"])
            server.wait_logged("recv() failed (111: Connection refused) while proxying and reading "
                               "from upstream, udp client: 127.0.0.1")

    def test_a_peer_that_refuses_alone_counts_as_answer(self):
        # Refused, silent, refused without a number of answers: as nginx has it.
        for settings, status in (("proxy_responses 1;", 200), ("proxy_responses 2;", 502), ("", 200)):
            for compat in ("", "compat nginx;\n"):
                server = self.serve(f"{compat}stream {{ log_format s '$status $upstream_addr'; "
                                    "access_log %%DIR%%/logs/access.log s; "
                                    f"server {{ listen 127.0.0.1:%%PORT%% udp; proxy_timeout 100ms; {settings} "
                                    f"proxy_pass 127.0.0.1:{closed_datagram_port()}; }} }}")
                with self.subTest(settings=settings, compat=compat), Caller(server.port) as caller:
                    caller.send(b"?")
                    server.wait_accessed(f"{status} 127.0.0.1:")

    def test_compat_goes_on_with_a_peer_that_refuses(self):
        with DatagramPeer(who) as peer:
            server = self.serve("compat nginx;\nerror_log %%DIR%%/logs/error.log info;\n"
                                f"stream {{ upstream u {{ server 127.0.0.1:{closed_datagram_port()}; "
                                f"server 127.0.0.1:{peer.port} backup; }}"
                                "server { listen 127.0.0.1:%%PORT%% udp; proxy_timeout 200ms; proxy_pass u; } }")
            with Caller(server.port) as caller:
                caller.send(b"lost")
                server.wait_logged("udp timed out, packets from/to client:1/1")
                server.wait_logged("upstream server temporarily disabled")
                self.assertTrue(caller.ask(b"?").isdigit())
            self.assertEqual([data for data, _ in peer.heard], [b"?"])

    def test_a_peer_that_comes_back_is_heard_in_the_same_session(self):
        with DatagramPeer(who) as peer:
            port = peer.port
            server = self.proxy(f"server {{ listen 127.0.0.1:%%PORT%% udp; proxy_pass 127.0.0.1:{port}; }}")
            caller = Caller(server.port)
            self.addCleanup(caller.close)
            first = caller.ask(b"?")
            peer.close()
            caller.send(b"lost")
            server.wait_logged("recv() failed (111: Connection refused)")
        with DatagramPeer(who, port=port):
            self.assertEqual(caller.ask(b"?"), first)

    def test_a_proxy_header_goes_inside_the_first_datagram(self):
        with DatagramPeer() as peer:
            server = self.proxy("server { listen 127.0.0.1:%%PORT%% udp; proxy_protocol on; "
                                f"proxy_pass 127.0.0.1:{peer.port}; }}")
            with Caller(server.port) as caller:
                self.assertTrue(caller.ask(b"body").endswith(b"\r\nbody"))
                self.assertEqual(caller.ask(b"more"), b"more")

    def test_a_proxy_header_of_version_2_says_datagram(self):
        with DatagramPeer() as peer:
            server = self.proxy("server { listen 127.0.0.1:%%PORT%% udp; proxy_protocol v2; "
                                f"proxy_pass 127.0.0.1:{peer.port}; }}")
            with Caller(server.port) as caller:
                heard = caller.ask(b"body")
            self.assertEqual(heard[12:16], b"\x21\x12\x00\x0c")
            self.assertTrue(heard.endswith(b"body"))

    def test_an_upload_beyond_its_rate_is_dropped(self):
        with DatagramPeer() as peer:
            server = self.proxy("server { listen 127.0.0.1:%%PORT%% udp; proxy_upload_rate 500; "
                                f"proxy_pass 127.0.0.1:{peer.port}; }}")
            with Caller(server.port) as caller:
                caller.send(b"x" * 1000)
                self.assertEqual(caller.receive(), b"x" * 1000)
                caller.send(b"y" * 1000)
                self.assertTrue(caller.hears_nothing_for(0.3))

    def test_a_download_beyond_its_rate_comes_later(self):
        with DatagramPeer() as peer:
            server = self.proxy("server { listen 127.0.0.1:%%PORT%% udp; proxy_download_rate 2k; "
                                f"proxy_pass 127.0.0.1:{peer.port}; }}")
            with Caller(server.port) as caller:
                begin = time.monotonic()
                for _ in range(2):
                    caller.send(b"x" * 1000)
                for _ in range(2):
                    self.assertEqual(caller.receive(), b"x" * 1000)
                self.assertGreater(time.monotonic() - begin, 0.4)

    def test_a_full_worker_makes_room_for_new_clients(self):
        with DatagramPeer(lambda data, sender: data if data != b"silence" else None) as peer:
            server = self.proxy("server { listen 127.0.0.1:%%PORT%% udp; "
                                f"proxy_pass 127.0.0.1:{peer.port}; }} }}\n"
                                "events { worker_connections 32; ")
            with Caller(server.port) as old:
                self.assertEqual(old.ask(b"1"), b"1")
                self.assertEqual(old.ask(b"2"), b"2")
                port = peer.heard[0][1]
                flood = [Caller(server.port) for _ in range(100)]
                for caller in flood:
                    caller.send(b"silence")
                wait_for(lambda: len(peer.heard) >= 102, what="the flood")
                self.assertEqual(old.ask(b"3"), b"3")
                self.assertEqual(peer.heard[-1][1], port)
                for caller in flood:
                    caller.close()
                server.wait_logged("udp session ended, worker_connections are not enough")


class Talker(threading.Thread):
    """A session that asks and is answered until it is stopped. Every answer names the session."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.caller = Caller(port)
        self.names = []
        self.rounds = 0
        self.is_stopping = False
        self.failure = None
        self.start()

    def run(self):
        try:
            while not self.is_stopping:
                name = self.caller.ask(b"who")
                if name not in self.names:
                    self.names.append(name)
                self.rounds += 1
        except (OSError, AssertionError) as error:
            self.failure = error

    def stop(self):
        self.is_stopping = True
        self.join(60)
        self.caller.close()


class Lives(SluiceTest):
    def talkers(self, server, count):
        talkers = [Talker(server.port) for _ in range(count)]
        self.addCleanup(lambda: [talker.stop() for talker in talkers])
        wait_for(lambda: all(t.rounds > 0 for t in talkers), what="a round of every session")
        return talkers

    def test_no_session_is_lost_in_reloads(self):
        with DatagramPeer(who) as peer:
            conf = (f"stream {{ server {{ listen 127.0.0.1:%%PORT%% udp; "
                    f"proxy_pass 127.0.0.1:{peer.port}; }} }}")
            server = self.serve(conf, workers=3)
            talkers = self.talkers(server, 12)
            for _ in range(RELOADS):
                self.assertEqual(server.reload().returncode, 0)
            before = [t.rounds for t in talkers]
            wait_for(lambda: all(t.rounds > n for t, n in zip(talkers, before)), what="rounds")
            for talker in talkers:
                talker.stop()
                self.assertIsNone(talker.failure)
                self.assertEqual(len(talker.names), 1, "one session each")

    def test_a_killed_worker_takes_only_its_own_sessions(self):
        with DatagramPeer(who) as peer:
            server = self.serve(f"stream {{ server {{ listen 127.0.0.1:%%PORT%% udp; "
                                f"proxy_pass 127.0.0.1:{peer.port}; }} }}", workers=2)
            talkers = self.talkers(server, 16)
            server.kill_worker(server.workers()[0])
            before = [t.rounds for t in talkers]
            wait_for(lambda: all(t.rounds > n + 1 for t, n in zip(talkers, before)),
                     what="rounds of all")
            for talker in talkers:
                talker.stop()
                self.assertIsNone(talker.failure)
            names = [len(talker.names) for talker in talkers]
            self.assertIn(1, names, "sessions of the other worker")
            self.assertTrue(all(count <= 2 for count in names), names)

    def test_fewer_and_more_workers_serve_all(self):
        with DatagramPeer(who) as peer:
            conf = (f"stream {{ server {{ listen 127.0.0.1:%%PORT%% udp; "
                    f"proxy_pass 127.0.0.1:{peer.port}; }} }}")
            server = self.serve("worker_processes 1;\n" + conf)
            talkers = self.talkers(server, 9)
            for count in (3, 1, 2):
                server.configure(f"worker_processes {count};\n" + conf)
                self.assertEqual(server.reload().returncode, 0)
                before = [t.rounds for t in talkers]
                wait_for(lambda: all(t.rounds > n for t, n in zip(talkers, before)), what="rounds")
            for talker in talkers:
                talker.stop()
                self.assertIsNone(talker.failure)

    def test_an_address_that_leaves_ends_its_sessions_and_may_come_back(self):
        with DatagramPeer(who) as peer:
            kept = f"server {{ listen 127.0.0.1:%%PORT2%% udp; proxy_pass 127.0.0.1:{peer.port}; }}"
            leaving = f"server {{ listen 127.0.0.1:%%PORT%% udp; proxy_pass 127.0.0.1:{peer.port}; }}"
            server = self.serve(f"stream {{ {kept} {leaving} }}", workers=2)
            with Caller(server.port) as caller, Caller(server.port_number(2)) as other:
                first = caller.ask(b"?")
                stays = other.ask(b"?")
                server.configure(f"stream {{ {kept} }}")
                self.assertEqual(server.reload().returncode, 0)
                server.configure(f"stream {{ {kept} {leaving} }}")
                self.assertEqual(server.reload().returncode, 0)
                self.assertNotEqual(caller.ask(b"?"), first)
                self.assertEqual(other.ask(b"?"), stays)

    def test_the_next_program_serves_on_the_same_sockets(self):
        server = self.serve("stream { server { listen 127.0.0.1:%%PORT%% udp; return $pid; } }", workers=2)
        old = server.pid

        def written():
            text = server.pid_file.read_text().strip() if server.pid_file.exists() else ""
            return int(text) if text else old

        server.signal(signal.SIGUSR2)
        new = wait_for(lambda: written() != old and written(), what="a new master")
        self.addCleanup(self.end, new)
        wait_for(lambda: len(server.workers(new)) == 2, what="its workers")
        server.signal(signal.SIGQUIT)
        self.assertEqual(server.wait_exit(), 0)
        workers = [str(pid).encode() for pid in server.workers(new)]
        for _ in range(20):
            with Caller(server.port) as caller:
                self.assertIn(caller.ask(b"?"), workers)
        os.kill(new, signal.SIGQUIT)
        wait_for(lambda: not processes.is_alive(new), what="the new master's end")

    def end(self, pid):
        """Ends a master that the harness does not know."""
        for victim in [pid] + processes.children_of(pid):
            try:
                os.kill(victim, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def test_quit_answers_what_has_come(self):
        with DatagramPeer(who) as peer:
            server = self.serve(f"stream {{ server {{ listen 127.0.0.1:%%PORT%% udp; "
                                f"proxy_pass 127.0.0.1:{peer.port}; }} }}")
            with Caller(server.port) as caller:
                caller.ask(b"?")
                server.signal(signal.SIGQUIT)
                self.assertEqual(server.wait_exit(), 0)


if __name__ == "__main__":
    unittest.main()
