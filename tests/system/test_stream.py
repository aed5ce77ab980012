# SPDX-License-Identifier: BSD-2-Clause
"""stream over TCP and Unix sockets: return, echo, pass, the PROXY protocol in, reloads and the end
of a server; what configurations are refused. Relays to peers are in test_stream_proxy.py."""

import re
import signal
import socket
import unittest

from support.client import Connection
from support.harness import SluiceTest
from support.waiting import wait_for

CONF = r"""
http {
    access_log off;
    server { listen 127.0.0.1:%%PORT8%%; location / { return 200 "http from $remote_port"; } }
}
stream {
    server { listen 127.0.0.1:%%PORT%%; return "ACK $protocol $bytes_received/$bytes_sent"; }
    server { listen 127.0.0.1:%%PORT2%%; echo; }
    server { listen 127.0.0.1:%%PORT3%%; pass 127.0.0.1:%%PORT8%%; }
    server { listen 127.0.0.1:%%PORT4%% proxy_protocol; proxy_protocol_timeout 400ms; return ok; }
    server { listen unix:%%DIR%%/echo.sock; echo 300ms; }
    server { listen 127.0.0.1:%%PORT5%%; return ""; }
    server { listen 127.0.0.1:%%PORT6%%; pass unix:%%DIR%%/echo.sock; }
    server { listen 127.0.0.1:%%PORT7%%; pass 127.0.0.1:1; }
    server { listen [::1]:%%PORT9%%; return six; }
}
"""


class Stream(SluiceTest):
    conf = CONF

    def all_of(self, index, data=b"", ends=False):
        """What the server answers on that port until it closes."""
        with Connection(self.server.port_number(index)) as client:
            client.send(data)
            if ends:
                client.sock.shutdown(socket.SHUT_WR)
            return client.read_rest()

    def test_return_sends_a_text_and_ends(self):
        self.assertEqual(self.all_of(1), b"ACK TCP 0/0")

    def test_return_is_whole_though_the_client_has_sent_what_nobody_read(self):
        self.assertEqual(self.all_of(1, b"x" * 100000), b"ACK TCP 0/0")

    def test_an_empty_return_only_closes(self):
        self.assertEqual(self.all_of(5), b"")

    def test_return_on_ipv6(self):
        with Connection(self.server.port_number(9), host="::1") as client:
            self.assertEqual(client.read_rest(), b"six")

    def test_echo_sends_back_a_megabyte(self):
        data = bytes(range(256)) * 4096
        with Connection(self.server.port_number(2)) as client:
            got = b""
            for at in range(0, len(data), 10000):
                client.send(data[at:at + 10000])
                got += client.read_exactly(len(data[at:at + 10000]))
            self.assertEqual(got, data)

    def test_echo_gives_back_all_before_it_answers_the_end(self):
        self.assertEqual(self.all_of(2, b"y" * 60000, ends=True), b"y" * 60000)

    def test_echo_over_a_unix_socket_ends_after_its_pause(self):
        with Connection(str(self.server.dir / "echo.sock")) as client:
            client.send(b"hello")
            self.assertEqual(client.read_exactly(5), b"hello")
            self.assertTrue(client.is_closed_by_peer())

    def test_pass_hands_the_client_to_http(self):
        with Connection(self.server.port_number(3)) as client:
            own = client.sock.getsockname()[1]
            self.assertEqual(client.get("/").text, f"http from {own}")
            self.assertEqual(client.get("/").text, f"http from {own}")

    def test_pass_hands_the_client_to_another_stream_server(self):
        with Connection(self.server.port_number(6)) as client:
            client.send(b"abc")
            self.assertEqual(client.read_exactly(3), b"abc")

    def test_pass_to_an_address_without_listener_says_so(self):
        self.assertEqual(self.all_of(7), b"")
        self.server.wait_logged(re.compile(r'port not found for "127\.0\.0\.1:1"'))

    def test_a_proxy_header_in_pieces_is_read(self):
        with Connection(self.server.port_number(4)) as client:
            for byte in b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n":
                client.send(bytes([byte]))
            self.assertEqual(client.read_rest(), b"ok")

    def test_a_broken_proxy_header_is_closed_and_logged(self):
        self.assertEqual(self.all_of(4, b"HELLO\r\n"), b"")
        self.server.wait_logged(re.compile(r'broken header: "HELLO" while reading PROXY protocol, client: '
                                r'127\.0\.0\.1, server: 127\.0\.0\.1:\d+'))

    def test_a_proxy_header_that_does_not_come_is_not_waited_for(self):
        with Connection(self.server.port_number(4)) as client:
            client.send(b"PROXY TCP4")
            self.assertTrue(client.is_closed_by_peer())
        self.server.wait_logged(re.compile("client timed out .* while reading PROXY protocol"))


class Life(SluiceTest):
    def test_sessions_survive_a_reload_and_new_ones_follow_it(self):
        server = self.serve("stream { server { listen %%PORT%%; echo; } "
                            "server { listen %%PORT2%%; return old; } }", workers=2)
        with Connection(server.port) as client:
            client.send(b"one")
            self.assertEqual(client.read_exactly(3), b"one")
            server.configure("stream { server { listen %%PORT2%%; return new; } }")
            server.reload()
            client.send(b"two")
            self.assertEqual(client.read_exactly(3), b"two")
        with Connection(server.port_number(2)) as client:
            self.assertEqual(client.read_rest(), b"new")

    def test_quit_waits_for_sessions_and_ends_them_at_the_time_out(self):
        server = self.serve("worker_shutdown_timeout 500ms;\n"
                            "stream { server { listen %%PORT%%; echo; } }")
        with Connection(server.port) as client:
            client.send(b"one")
            self.assertEqual(client.read_exactly(3), b"one")
            server.signal(signal.SIGQUIT)
            server.wait_logged("gracefully shutting down")
            client.send(b"two")
            self.assertEqual(client.read_exactly(3), b"two")
            self.assertTrue(client.is_closed_by_peer())
        server.wait_exit()

    def test_quit_ends_when_the_last_session_does(self):
        server = self.serve("worker_shutdown_timeout 60s;\n"
                            "stream { server { listen %%PORT%%; echo; } }")
        with Connection(server.port) as client:
            client.send(b"one")
            self.assertEqual(client.read_exactly(3), b"one")
            server.signal(signal.SIGQUIT)
            server.wait_logged("gracefully shutting down")
        server.wait_exit()

    def test_sessions_are_counted(self):
        server = self.serve("http { server { listen %%PORT%%; location / { status_api; } } }\n"
                            "stream { server { listen %%PORT2%%; return hello; status_zone mine; } }")
        for _ in range(3):
            with Connection(server.port_number(2)) as client:
                self.assertEqual(client.read_rest(), b"hello")

        def rows():
            return server.get("/metrics").text

        wait_for(lambda: "sluice_stream_sessions_total 3" in rows(), what="three sessions")
        wait_for(lambda: "\nsluice_stream_sessions 0" in rows(), what="no open session")
        self.assertRegex(rows(), r'server="mine"')


class Refusals(SluiceTest):
    def refused(self, stream):
        return self.refusal_of("stream { " + stream + " }")

    def test_a_server_without_listen(self):
        self.assertIn('no "listen" is defined for server', self.refused("server { echo; }"))

    def test_a_server_without_handler(self):
        self.assertIn("no handler for server", self.refused("server { listen %%PORT%%; }"))

    def test_a_listen_without_port(self):
        self.assertIn('no port in "127.0.0.1" of the "listen" directive',
                      self.refused("server { listen 127.0.0.1; echo; }"))

    def test_the_same_address_twice_in_a_server(self):
        self.assertRegex(self.refused("server { listen %%PORT%%; listen %%PORT%%; echo; }"),
                         r'duplicate "0\.0\.0\.0:\d+" address and port pair')

    def test_options_that_datagrams_do_not_have(self):
        for option in ("backlog=5", "so_keepalive=on", "proxy_protocol"):
            with self.subTest(option):
                self.assertIn('is incompatible with "udp"',
                              self.refused("server { listen %%PORT%% udp " + option + "; echo; }"))

    def test_keepalive_times(self):
        for text in ("on", "off", "30m::10", "::3", "1m:5s:"):
            with self.subTest(text):
                answer = self.serve("stream { server { listen %%PORT%% so_keepalive=" + text +
                                    "; echo; } }", start=False).run("-t")
                self.assertEqual(answer.returncode, 0, answer.stderr)
        for text in ("::", "1m", "x::", "::999"):
            with self.subTest(text):
                self.assertIn("invalid so_keepalive value",
                              self.refused("server { listen %%PORT%% so_keepalive=" + text +
                                           "; echo; }"))

    def test_names_that_no_client_can_ask_for(self):
        for name in (".", "a/b", "a..b", "a*", "*.a.*"):
            with self.subTest(name):
                self.assertIn(f'invalid server name or wildcard "{name}"', self.refused(
                    "server { listen %%PORT%%; server_name " + name + "; echo; }"))

    def test_an_address_that_http_has(self):
        text = self.refusal_of("http { server { listen %%PORT%%; } }\n"
                               "stream { server { listen %%PORT%%; echo; } }")
        self.assertIn('listened on by "http" already', text)

    def test_variables_that_nobody_makes(self):
        self.assertIn('unknown "nobody" variable',
                      self.refused("server { listen %%PORT%%; return $nobody; }"))

    def test_http_has_no_proxy_yet_and_says_so(self):
        text = self.refusal_of("http { server { listen %%PORT%%; location / "
                               "{ proxy_pass http://127.0.0.1:1; } } }")
        self.assertIn("one of nginx's that this version does not have", text)

    def test_a_second_stream_block(self):
        self.assertIn('"stream" directive is duplicate', self.refusal_of(
            "stream { server { listen %%PORT%%; echo; } }\nstream {}"))


if __name__ == "__main__":
    unittest.main()
