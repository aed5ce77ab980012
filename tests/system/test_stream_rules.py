# SPDX-License-Identifier: BSD-2-Clause
"""The rules and variables that stream shares with http: what a session is told, refused, counted."""

import re
import socket
import unittest

from support.datagrams import Caller
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


class Access(SluiceTest):
    conf = """
    stream {
        deny 192.0.2.7;
        server { listen 127.0.0.1:%%PORT%%; allow 127.0.0.0/8; deny all; return ok; }
        server { listen 127.0.0.1:%%PORT2%%; deny 127.0.0.1; allow all; return ok; }
        server { listen unix:%%DIR%%/allowed; allow unix:; deny all; return ok; }
        server { listen unix:%%DIR%%/denied; deny unix:; return ok; }
        server { listen 127.0.0.1:%%PORT3%% proxy_protocol; set_real_ip_from 127.0.0.1; return "ok $remote_addr"; }
        server { listen 127.0.0.1:%%PORT4%% proxy_protocol; return "ok $remote_addr"; }
    }
    """

    def test_the_first_rule_that_fits_decides(self):
        self.assertEqual(ask(self.server.port), "ok")
        self.assertEqual(ask(self.server.port_number(2)), "")
        self.server.wait_logged(re.compile(
            r"\[info\] .* access forbidden by rule, client: 127\.0\.0\.1, server: 127\.0\.0\.1:"
            + str(self.server.port_number(2))))

    def test_of_unix_sockets(self):
        self.assertEqual(ask(self.server.dir / "allowed"), "ok")
        self.assertEqual(ask(self.server.dir / "denied"), "")

    def test_rules_of_stream_hold_in_a_server_without_its_own(self):
        told = b"PROXY TCP4 192.0.2.7 192.0.2.2 1 2\r\n"

        self.assertEqual(ask(self.server.port_number(3), told), "")
        self.assertEqual(ask(self.server.port_number(4), told), "ok 127.0.0.1")
        self.assertEqual(ask(self.server.port_number(3), TCP4), "ok 192.0.2.1")

    def test_nginx_says_it_at_error(self):
        server = self.serve("compat nginx; stream { server { listen 127.0.0.1:%%PORT%%; deny all; return ok; } }")

        self.assertEqual(ask(server.port), "")
        server.wait_logged(re.compile(r"\[error\] .* access forbidden by rule"))

    def test_mistakes_are_refused(self):
        for text in ("allow 10.0.0.0/99;", "deny nobody;"):
            with self.subTest(text):
                self.assertIn("invalid parameter", self.refusal_of(
                    "stream { server { listen 127.0.0.1:%%PORT%%; " + text + " return ok; } }"))


class Datagrams(SluiceTest):
    conf = """
    stream {
        ssl_preread on;
        limit_conn_zone $server_port zone=held:1m;
        log_format all "$protocol $status $remote_addr $bytes_received $a";
        geo $near { default no; 127.0.0.0/8 yes; }
        access_log %%DIR%%/logs/udp.log all;
        set_real_ip_from 127.0.0.1;
        server { listen 127.0.0.1:%%PORT%% udp; set $a $near; return "$remote_addr|$protocol|$a"; }
        server { listen 127.0.0.1:%%PORT2%% udp; deny 127.0.0.1; echo; }
        server { listen 127.0.0.1:%%PORT3%% udp; limit_conn held 1; echo; }
    }
    """

    def caller(self, index):
        caller = Caller(self.server.port_number(index))
        self.addCleanup(caller.close)
        return caller

    def log(self):
        path = self.server.dir / "logs/udp.log"
        return path.read_text() if path.exists() else ""

    def test_variables_and_log(self):
        self.assertEqual(self.caller(1).ask(b"\x16\x03hi"), b"127.0.0.1|UDP|yes")
        self.server.wait_logged("UDP 200 127.0.0.1 4 yes\n", log=self.log)

    def test_whom_a_rule_refuses(self):
        self.caller(2).send(b"hello")

        self.server.wait_logged("access forbidden by rule, udp client: 127.0.0.1")
        self.server.wait_logged(re.compile(r"(?m)^UDP 403 127\.0\.0\.1 "), log=self.log)

    def test_one_client_at_a_time(self):
        self.assertEqual(self.caller(3).ask(b"first"), b"first")
        self.caller(3).send(b"second")

        self.server.wait_logged('limiting connections by zone "held", udp client: 127.0.0.1')


class RealIp(SluiceTest):
    conf = """
    stream {
        set_real_ip_from 127.0.0.0/8;
        server { listen 127.0.0.1:%%PORT%% proxy_protocol; return "SHOWN"; }
        server { listen 127.0.0.1:%%PORT2%% proxy_protocol; set_real_ip_from 10.0.0.0/8; return "SHOWN"; }
        server { listen 127.0.0.1:%%PORT3%%; return "SHOWN"; }
        server { listen unix:%%DIR%%/socket proxy_protocol; set_real_ip_from unix:; return "SHOWN"; }
        server { listen 127.0.0.1:%%PORT4%% proxy_protocol; set_real_ip_from localhost; return "SHOWN"; }
    }
    """.replace("SHOWN", "$remote_addr:$remote_port $realip_remote_addr")

    def test_a_trusted_peer_names_the_client(self):
        self.assertEqual(ask(self.server.port, TCP4), "192.0.2.1:123 127.0.0.1")
        self.assertEqual(ask(self.server.dir / "socket", TCP4), "192.0.2.1:123 unix:")
        self.assertEqual(ask(self.server.port_number(4), TCP4), "192.0.2.1:123 127.0.0.1")

    def test_a_stranger_does_not(self):
        self.assertRegex(ask(self.server.port_number(2), TCP4), r"^127\.0\.0\.1:\d+ 127\.0\.0\.1$")

    def test_without_the_protocol_the_peer_is_the_client(self):
        self.assertRegex(ask(self.server.port_number(3)), r"^127\.0\.0\.1:\d+ 127\.0\.0\.1$")

    def test_fields_are_of_http_only(self):
        for text in ("real_ip_header X-Real-IP;", "real_ip_recursive on;"):
            with self.subTest(text):
                self.assertIn("directive is not allowed here", self.refusal_of(
                    "stream { " + text + " server { listen 127.0.0.1:%%PORT%%; return ok; } }"))


class Set(SluiceTest):
    conf = """
    stream {
        map $first $mapped { default "of $first"; }
        map $server_port $replaced { default table; }
        server {
            listen 127.0.0.1:%%PORT%%;
            set $first a;
            set $second "$first$first";
            set $first "${second}b";
            set $replaced set;
            return "$first|$second|$mapped|$replaced";
        }
        server { listen 127.0.0.1:%%PORT2%%; return "$first|$mapped|$replaced"; }
    }
    """

    def test_in_the_order_of_the_file(self):
        self.assertEqual(ask(self.server.port), "aab|aa|of aab|set")

    def test_a_server_has_its_own(self):
        self.assertEqual(ask(self.server.port_number(2)), "|of |table")

    def test_mistakes_are_refused(self):
        cases = {"set $status 1;": 'the duplicate "status" variable',
                 "set name 1;": 'invalid variable name "name"',
                 "set $a $http_host;": 'unknown "http_host" variable'}
        for text, complaint in cases.items():
            with self.subTest(text):
                self.assertIn(complaint, self.refusal_of(
                    "stream { server { listen 127.0.0.1:%%PORT%%; " + text + " return ok; } }"))
        self.assertIn('"set" directive is not allowed here', self.refusal_of(
            "stream { set $a 1; server { listen 127.0.0.1:%%PORT%%; return ok; } }"))


class LimitConn(SluiceTest):
    conf = """
    stream {
        limit_conn_zone $server_port zone=one:1m;
        limit_conn_zone $nothing zone=keyless:1m;
        map $protocol $nothing { default ""; }
        map $limit_conn_status $told { default $limit_conn_status; }
        limit_conn one 1;
        server { listen 127.0.0.1:%%PORT%%; echo; }
        server { listen 127.0.0.1:%%PORT2%%; limit_conn_dry_run on; preread_timeout 30s; return "$limit_conn_status"; }
        server { listen 127.0.0.1:%%PORT3%%; limit_conn keyless 1; echo; }
        server { listen 127.0.0.1:%%PORT4%%; limit_conn one 2; limit_conn_log_level notice; echo; }
        server { listen 127.0.0.1:%%PORT5%%; limit_conn keyless 1; return "[$limit_conn_status]"; }
    }
    """
    workers = 2

    def held(self, port):
        """A session that has got an answer, so that it is counted."""
        client = reach(port)
        self.addCleanup(client.close)
        client.sendall(b"x")
        self.assertEqual(client.recv(1), b"x")
        return client

    def test_one_more_is_turned_away_until_one_ends(self):
        port = self.server.port
        first = self.held(port)

        self.assertEqual(ask(port, b"y"), "")
        self.server.wait_logged(re.compile(
            rf'\[info\] .* limiting connections by zone "one", client: 127\.0\.0\.1, server: 127\.0\.0\.1:{port}'))

        first.close()
        wait_for(lambda: self.is_served(port), what="the place to be free")

    def is_served(self, port):
        with reach(port) as client:
            try:
                client.sendall(b"z")
                return client.recv(1) == b"z"
            except (BrokenPipeError, ConnectionResetError):
                return False

    def test_a_server_has_its_own_limits(self):
        port = self.server.port_number(4)
        self.held(port)
        self.held(port)

        self.assertEqual(ask(port), "")
        self.server.wait_logged(re.compile(r"\[notice\] .* limiting connections by zone"))

    def test_no_key_no_limit(self):
        for _ in range(3):
            self.held(self.server.port_number(3))

        self.assertEqual(ask(self.server.port_number(5)), "[]")

    def test_the_variable_tells_who_passes(self):
        self.assertEqual(ask(self.server.port_number(2)), "PASSED")

    def test_a_dry_run_turns_nobody_away(self):
        server = self.serve("""stream {
            limit_conn_zone $protocol zone=all:1m;
            limit_conn all 1;
            server { listen 127.0.0.1:%%PORT%%; echo; }
            server { listen 127.0.0.1:%%PORT2%%; limit_conn_dry_run on; return "$limit_conn_status"; }
        }""")
        self.held(server.port)

        self.assertEqual(ask(server.port_number(2)), "REJECTED_DRY_RUN")
        server.wait_logged('limiting connections, dry run by zone "all"')

    def test_a_killed_worker_leaves_no_places(self):
        server = self.serve("""stream {
            limit_conn_zone $server_port zone=one:1m;
            server { listen 127.0.0.1:%%PORT%%; limit_conn one 1; echo; }
        }""")
        self.held(server.port)
        server.kill_worker()

        self.held(server.port)

    def test_mistakes_are_refused(self):
        server = "server { listen 127.0.0.1:%%PORT%%; limit_conn one 1; return ok; }"
        http = "http { limit_conn_zone $host zone=one:1m; }"
        zone = "limit_conn_zone $protocol zone=one:1m;"
        cases = {
            "stream { " + server + " }": 'zero size shared memory zone "one"',
            http + "stream { " + server + " }": 'the shared memory zone "one" is declared in another block',
            http + "stream { " + zone + server + " }": "one",
            "stream { " + zone + server.replace("one 1", "one 0") + " }": 'invalid number of connections "0"',
            "stream { limit_conn_status 503; " + zone + server + " }": '"limit_conn_status" directive is not allowed here',
        }
        for text, complaint in cases.items():
            with self.subTest(text):
                self.assertIn(complaint, self.refusal_of(text))


if __name__ == "__main__":
    unittest.main()
