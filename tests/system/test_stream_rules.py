# SPDX-License-Identifier: BSD-2-Clause
"""The rules and variables that stream shares with http: what a session is told, refused, counted."""

import re
import socket
import unittest

from support.harness import SluiceTest
from support.mmdb import database
from support.sessions import ask, reach, read_to_end
from support.waiting import wait_for

TCP4 = b"PROXY TCP4 192.0.2.1 192.0.2.2 123 5678\r\n"

SHOWN = "|".join(f"${name}" for name in (
    "remote_addr", "remote_port", "server_addr", "server_port", "protocol", "realip_remote_addr",
    "realip_remote_port", "proxy_protocol_addr", "proxy_protocol_port",
    "proxy_protocol_server_addr", "proxy_protocol_server_port"))


class Variables(SluiceTest):
    conf = """
    env SLUICE_TEST_WORD=from-env;
    stream {
        server { listen 127.0.0.1:%%PORT%%; return "SHOWN"; }
        server { listen 127.0.0.1:%%PORT2%% proxy_protocol; return "SHOWN"; }
        server { listen unix:%%DIR%%/socket; return "$remote_addr|$remote_port|$server_addr|$server_port|$binary_remote_addr"; }
        server { listen 127.0.0.1:%%PORT3%%; return $binary_remote_addr; }
        server { listen 127.0.0.1:%%PORT4%%; return "$msec|$time_local|$time_iso8601|$hostname|$pid|$nginx_version|$sluice_version|$connection|$connection_time|$env_SLUICE_TEST_WORD"; }
        server { listen 127.0.0.1:%%PORT5%%; return "$tcpinfo_rtt|$tcpinfo_rttvar|$tcpinfo_snd_cwnd|$tcpinfo_rcv_space"; }
        server { listen 127.0.0.1:%%PORT6%%; return "$status|$bytes_received|$bytes_sent|$session_time"; }
    }
    """.replace("SHOWN", SHOWN)

    def test_addresses_of_both_ends(self):
        with reach(self.server.port) as client:
            own = client.getsockname()[1]
            said = read_to_end(client).decode()

        self.assertEqual(said, f"127.0.0.1|{own}|127.0.0.1|{self.server.port}|TCP|127.0.0.1|{own}||||")

    def test_what_a_proxy_told(self):
        said = ask(self.server.port_number(2), TCP4).split("|")

        self.assertEqual(said[0], "127.0.0.1")
        self.assertEqual(said[7:], ["192.0.2.1", "123", "192.0.2.2", "5678"])

    def test_of_a_unix_socket(self):
        said = ask(self.server.dir / "socket").split("|")

        self.assertEqual((said[0], said[1], said[3], said[4]), ("unix:", "", "", "unix:"))

    def test_the_address_in_bytes(self):
        self.assertEqual(ask(self.server.port_number(3)), "\x7f\x00\x00\x01")

    def test_time_and_process(self):
        said = ask(self.server.port_number(4)).split("|")

        self.assertRegex(said[0], r"^\d+\.\d{3}$")
        self.assertRegex(said[1], r"^\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}$")
        self.assertRegex(said[2], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d$")
        self.assertEqual(said[3].lower(), socket.gethostname().lower())
        self.assertIn(int(said[4]), self.server.workers())
        self.assertEqual(said[5], said[6])
        self.assertGreater(int(said[7]), 0)
        self.assertRegex(said[8], r"^\d+\.\d{3}$")
        self.assertEqual(said[9], "from-env")

    def test_what_tcp_knows(self):
        for number in ask(self.server.port_number(5)).split("|"):
            self.assertGreater(int(number), 0)

    def test_of_a_session_that_runs(self):
        self.assertRegex(ask(self.server.port_number(6)), r"^000\|0\|0\|\d\.\d{3}$")

    def test_names_that_only_http_has_are_refused(self):
        for name in ("uri", "http_host", "request_id"):
            with self.subTest(name):
                self.assertIn(f'unknown "{name}" variable', self.refusal_of(
                    "stream { server { listen 127.0.0.1:%%PORT%%; return $" + name + "; } }"))

    def test_names_that_only_stream_has_are_refused_in_http(self):
        self.assertIn('unknown "session_time" variable', self.refusal_of(
            "http { server { listen 127.0.0.1:%%PORT%%; return 200 $session_time; } }"))

    def test_the_program_tells_of_both(self):
        both = self.server.run("--explain", "$remote_addr").stdout
        one = self.server.run("--explain", "$session_time").stdout

        self.assertRegex(both, r"(?s)of: +http.*of: +stream")
        self.assertRegex(one, r"of: +stream")


class Tables(SluiceTest):
    conf = """
    stream {
        map $server_port $named {
            hostnames;
            default other;
            %%PORT%% "first $protocol";
            ~^(?<head>.)\\d*$ "head $head";
        }
        geo $here { default far; 127.0.0.0/8 near; }
        geo $proxy_protocol_addr $there { ranges; default far; 192.0.2.0-192.0.2.255 told; }
        split_clients $remote_addr $share { 100% all; }
        split_clients $server_port $rest { 0.01% few; * many; }
        geoip2 places.mmdb { $code country iso_code; $told_code default=none source=$proxy_protocol_addr country iso_code; }
        server { listen 127.0.0.1:%%PORT%%; return "$named|$here|$there|$share|$code"; }
        server { listen 127.0.0.1:%%PORT2%% proxy_protocol; return "$named|$there|$told_code"; }
    }
    http {
        map $host $named { default http; }
        server { listen 127.0.0.1:%%PORT3%%; return 200 "$named"; }
    }
    """
    files = {"places.mmdb": database({"127.0.0.0/8": {"country": {"iso_code": "LO"}},
                                      "192.0.2.0/24": {"country": {"iso_code": "FR"}}})}

    def test_by_the_client(self):
        self.assertEqual(ask(self.server.port), "first TCP|near|far|all|LO")

    def test_by_what_a_proxy_told(self):
        port = self.server.port_number(2)

        self.assertEqual(ask(port, TCP4), f"head {str(port)[0]}|told|FR")

    def test_a_name_of_http_is_another_variable(self):
        self.assertEqual(self.server.get("/", port=self.server.port_number(3)).body, b"http")

    def test_values_of_mistakes_are_refused(self):
        server = "server { listen 127.0.0.1:%%PORT%%; return $a; }"
        cases = {
            "map $uri $a { default 1; }": 'unknown "uri" variable',
            "map $remote_addr $status { default 1; }": 'the duplicate "status" variable',
            "geo $a { proxy 10.0.0.0/8; }": '"proxy" in "geo" is not allowed here',
            "geoip2_proxy 10.0.0.0/8;": '"geoip2_proxy" directive is not allowed here',
            "split_clients $remote_addr $a { 101% b; }": 'invalid percent value "101%"',
        }
        for text, complaint in cases.items():
            with self.subTest(text):
                self.assertIn(complaint, self.refusal_of("stream { " + text + server + " }"))

    def test_a_table_of_http_is_none_of_stream(self):
        self.assertIn('unknown "b" variable', self.refusal_of(
            "http { map $host $b { default 1; } } stream { server { listen 127.0.0.1:%%PORT%%; return $b; } }"))


if __name__ == "__main__":
    unittest.main()
