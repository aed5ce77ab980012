# SPDX-License-Identifier: BSD-2-Clause
"""listen … proxy_protocol: what a proxy tells before the first request, however it is cut; what
becomes of broken headers; real_ip_header proxy_protocol; turning it on and off on a live address."""

import re
import struct
import unittest

from support.client import Closed, Connection, build_request
from support.harness import SluiceTest
from support.waiting import wait_for

SHOWN = ("[$proxy_protocol_addr]:[$proxy_protocol_port] [$proxy_protocol_server_addr]:"
         "[$proxy_protocol_server_port] $remote_addr $realip_remote_addr")

CONF = r"""
http {
    access_log off;
    client_header_timeout 400ms;
    server {
        listen %%PORT%% proxy_protocol;
        client_header_timeout 30s;
        location / { return 200 "SHOWN"; }
        location /tlv {
            return 200 "$proxy_protocol_tlv_alpn|$proxy_protocol_tlv_ssl_cn|$proxy_protocol_tlv_ssl_verify|$proxy_protocol_tlv_0xea|$proxy_protocol_tlv_netns";
        }
        location /file {
            set_real_ip_from 127.0.0.1;
            real_ip_header proxy_protocol;
            deny 192.0.2.66;
            root %%DIR%%/www;
            add_header X-Real $remote_addr;
        }
    }
    server {
        listen %%PORT%%;
        server_name real;
        set_real_ip_from 127.0.0.1;
        real_ip_header proxy_protocol;
        return 200 "SHOWN $remote_port";
    }
    server {
        listen %%PORT%%;
        server_name stranger;
        set_real_ip_from 10.0.0.0/8;
        real_ip_header proxy_protocol;
        return 200 "SHOWN";
    }
    server { listen %%PORT2%% proxy_protocol; return 200 "hasty"; }
    server { listen %%PORT3%%; return 200 "SHOWN"; }
    server { listen unix:%%DIR%%/socket proxy_protocol; return 200 "$proxy_protocol_addr"; }
}
""".replace("SHOWN", SHOWN)

TCP4 = b"PROXY TCP4 192.0.2.1 192.0.2.2 123 5678\r\n"
TCP6 = b"PROXY TCP6 2001:db8::1 2001:db8::2 123 5678\r\n"
UNKNOWN = b"PROXY UNKNOWN\r\n"
TOLD4 = "[192.0.2.1]:[123] [192.0.2.2]:[5678] 127.0.0.1 127.0.0.1"
TOLD6 = "[2001:db8::1]:[123] [2001:db8::2]:[5678] 127.0.0.1 127.0.0.1"
NOTHING = "[]:[] []:[] 127.0.0.1 127.0.0.1"

FOUR = bytes([192, 0, 2, 1, 192, 0, 2, 2]) + struct.pack(">HH", 123, 5678)
SIX = bytes.fromhex("20010db8000000000000000000000001"
                    "20010db8000000000000000000000002") + struct.pack(">HH", 123, 5678)


def binary(rest, command=0x21, family=0x11):
    return b"\r\n\r\n\0\r\nQUIT\n" + bytes([command, family]) + struct.pack(">H", len(rest)) + rest


def tlv(kind, value):
    return bytes([kind]) + struct.pack(">H", len(value)) + value


class ProxyProtocol(SluiceTest):
    conf = CONF
    files = {"www/file": "file"}

    def tell(self, header, path="/", host="localhost"):
        with Connection(self.server.port) as client:
            client.send(header + build_request(path, {"Host": host}))
            return client.read_reply().text

    def test_both_versions_are_understood(self):
        self.assertEqual(self.tell(TCP4), TOLD4)
        self.assertEqual(self.tell(TCP6), TOLD6)
        self.assertEqual(self.tell(binary(FOUR)), TOLD4)
        self.assertEqual(self.tell(binary(SIX, family=0x21)), TOLD6)
        self.assertEqual(self.tell(binary(FOUR + tlv(3, b"\1\2\3\4"))), TOLD4)

    def test_who_tells_nothing_is_served_as_the_peer(self):
        for header in (UNKNOWN, b"PROXY UNKNOWN 1 2 3\r\n", binary(b"", 0x20, 0),
                       binary(FOUR, 0x20), binary(bytes(216), family=0x31)):
            self.assertEqual(self.tell(header), NOTHING, header)
            self.assertEqual(self.tell(header, host="real").split()[2:4], ["127.0.0.1"] * 2, header)

    def test_headers_may_come_in_pieces(self):
        request = build_request("/")
        for header, told in ((TCP4, TOLD4), (binary(SIX, family=0x21), TOLD6)):
            clients = []
            for cut in range(1, len(header) + 2):
                client = Connection(self.server.port)
                self.addCleanup(client.close)
                client.send((header + request)[:cut])
                clients.append((cut, client))
            # Whether the worker has seen the first piece by now must not matter.
            for cut, client in clients:
                client.send((header + request)[cut:])
                self.assertEqual(client.read_reply().text, told, cut)

    def test_byte_by_byte(self):
        with Connection(self.server.port) as client:
            for byte in TCP4 + build_request("/"):
                client.send(bytes([byte]))
            self.assertEqual(client.read_reply().text, TOLD4)

    def test_it_holds_for_every_request_of_the_connection(self):
        with Connection(self.server.port) as client:
            client.send(TCP4 + build_request("/") * 3)
            for _ in range(3):
                self.assertEqual(client.read_reply().text, TOLD4)
            self.assertEqual(client.get("/").text, TOLD4)
            client.send(TCP4 + build_request("/"))  # only the first bytes are a header
            self.assertEqual(client.read_reply().status, 400)

    def test_a_long_header_and_a_long_head(self):
        header = binary(FOUR + tlv(0xea, b"x" * 4000))
        with Connection(self.server.port) as client:
            client.send(header)
            client.send(build_request("/tlv", {"X-Long": "y" * 3000}))
            self.assertEqual(client.read_reply().text, "|||" + "x" * 4000 + "|")
            self.assertEqual(client.get("/").text, TOLD4)

    def test_tlvs(self):
        inner = tlv(0x21, b"TLSv1.3") + tlv(0x22, b"a client")
        header = binary(FOUR + tlv(1, b"h2") + tlv(0x20, b"\x07\0\0\0\x2a" + inner) +
                        tlv(0xea, b"own"))
        self.assertEqual(self.tell(header, "/tlv"), "h2|a client|42|own|")
        self.assertEqual(self.tell(TCP4, "/tlv"), "||||")

    def test_the_real_address_is_that_of_the_header(self):
        self.assertEqual(self.tell(TCP4, host="real"),
                         "[192.0.2.1]:[123] [192.0.2.2]:[5678] 192.0.2.1 127.0.0.1 123")
        self.assertEqual(self.tell(binary(SIX, family=0x21), host="real").split()[2:],
                         ["2001:db8::1", "127.0.0.1", "123"])
        self.assertEqual(self.tell(TCP4, host="stranger"), TOLD4)

    def test_access_rules_see_the_real_address(self):
        denied = TCP4.replace(b"192.0.2.1 ", b"192.0.2.66 ")
        for header, status in ((TCP4, 200), (denied, 403), (UNKNOWN, 200)):
            with Connection(self.server.port) as client:
                client.send(header + build_request("/file"))
                reply = client.read_reply()
                self.assertEqual(reply.status, status, header)
                if header is TCP4:
                    self.assertEqual(reply.header("x-real"), "192.0.2.1")

    def test_unix_sockets_speak_it_too(self):
        with Connection(str(self.server.dir / "socket")) as client:
            client.send(TCP6 + build_request("/"))
            self.assertEqual(client.read_reply().text, "2001:db8::1")

    def test_other_addresses_do_not(self):
        self.assertEqual(self.server.get("/", port=self.server.port_number(3)).text, NOTHING)
        with Connection(self.server.port_number(3)) as client:
            client.send(TCP4 + build_request("/"))
            self.assertEqual(client.read_reply().status, 400)


class Broken(SluiceTest):
    conf = CONF

    def ends(self, sent, port=None):
        """Nothing is answered, the connection ends."""
        with Connection(port or self.server.port) as client:
            client.send(sent)
            self.assertEqual(client.read_rest(), b"", sent)

    def test_who_does_not_speak_it_is_logged_and_closed(self):
        self.ends(build_request("/"))
        self.server.wait_logged(re_line('broken header: "GET / HTTP/1.1" while reading PROXY protocol'))

    def test_broken_headers_are_logged_and_closed(self):
        for header, text in (
                (b"PROXY TCP4 192.0.2.1 192.0.2.2 123 99999\r\n",
                 'broken header: "PROXY TCP4 192.0.2.1 192.0.2.2 123 99999" while'),
                (b"PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n", 'broken header: "PROXY TCP4 1.2.3 '),
                (b"PROXY UNKNOWN" + b"x" * 200, 'broken header: "PROXY UNKNOWNxxxx'),
                (binary(FOUR, 0x31), "unknown PROXY protocol version: "),
                (binary(FOUR[:-1]), r'broken header: "\x0D\x0A\x0D\x0A\x00'),
                (binary(bytes(65535)), "header is too large: ")):
            self.ends(header + build_request("/"))
            self.server.wait_logged(text)

    def test_it_has_no_longer_than_client_header_timeout(self):
        for part in (b"", b"PROXY", TCP4[:-1], binary(FOUR)[:20]):
            self.ends(part, self.server.port_number(2))

    def test_who_leaves_meanwhile_leaves_nothing(self):
        for part in (b"", b"PRO", TCP4):
            client = Connection(self.server.port)
            client.send(part)
            client.close()
        self.assertEqual(self.server.get("/", port=self.server.port_number(3)).status, 200)


def re_line(text):
    return re.compile(re.escape(text) + r", client: 127\.0\.0\.1, server: 0\.0\.0\.0:\d+")


RELOADED = r"""
http {
    access_log off;
    server { listen %%PORT%% OPTION; location / { return 200 "$proxy_protocol_addr"; } }
    server { listen %%PORT2%%; location / { return 200 "OPTION"; } }
}
"""


class Reload(SluiceTest):
    def change(self, server, option):
        server.configure(RELOADED.replace("OPTION", option))
        self.assertEqual(server.reload().returncode, 0)
        wait_for(lambda: server.get("/", port=server.port_number(2)).text == option,
                 what="the new configuration")

    def is_new(self, server, header, text):
        """New connections live by the new configuration, once the workers of the old are gone."""
        def answer():
            try:
                with Connection(server.port) as client:
                    client.send(header + build_request("/"))
                    return client.read_reply().text == text
            except (Closed, OSError):
                return False
        wait_for(answer, what="connections by the new configuration")

    def test_connections_keep_what_they_began_with(self):
        server = self.serve(RELOADED.replace("OPTION", "proxy_protocol"))
        told, waiting = Connection(server.port), Connection(server.port)
        self.addCleanup(told.close)
        self.addCleanup(waiting.close)
        told.send(TCP4 + build_request("/"))
        self.assertEqual(told.read_reply().text, "192.0.2.1")
        waiting.send(TCP6[:20])
        self.change(server, "")
        self.is_new(server, b"", "")
        self.assertEqual(told.get("/").text, "192.0.2.1")
        waiting.send(TCP6[20:] + build_request("/"))
        self.assertEqual(waiting.read_reply().text, "2001:db8::1")
        self.change(server, "proxy_protocol")
        self.is_new(server, TCP4, "192.0.2.1")

    def test_a_plain_connection_stays_plain(self):
        server = self.serve(RELOADED.replace("OPTION", ""))
        plain = Connection(server.port)
        self.addCleanup(plain.close)
        self.assertEqual(plain.get("/").status, 200)
        self.change(server, "proxy_protocol")
        self.is_new(server, TCP4, "192.0.2.1")
        self.assertEqual(plain.get("/").status, 200)


class Configuration(SluiceTest):
    def check(self, *listens):
        servers = "".join(f"server {{ {listen} server_name s{i}; }}\n"
                          for i, listen in enumerate(listens))
        server = self.serve("http {\n" + servers + "}", start=False)
        answer = server.run("-t")
        self.assertEqual(answer.returncode, 0, answer.stderr)
        return answer.stderr

    def test_one_server_says_it_for_all_on_the_address(self):
        server = self.serve("""http { server { listen %%PORT%%; return 200 "a $proxy_protocol_addr"; }
            server { listen %%PORT%% proxy_protocol; server_name b; return 200 "b"; } }""")
        with Connection(server.port) as client:
            client.send(TCP4 + build_request("/"))
            self.assertEqual(client.read_reply().text, "a 192.0.2.1")
        self.assertNotIn("redefined", server.error_log() + server.stderr())

    def test_contradictions_are_warned_of(self):
        text = "protocol options redefined for 0.0.0.0:"
        self.assertNotIn(text, self.check("listen %%PORT%% proxy_protocol;", "listen %%PORT%%;"))
        self.assertIn(text, self.check("listen %%PORT%% proxy_protocol;", "listen %%PORT%%;",
                                       "listen %%PORT%% proxy_protocol;"))
        self.assertIn(text, self.check("listen %%PORT%% backlog=100;",
                                       "listen %%PORT%% proxy_protocol;"))


if __name__ == "__main__":
    unittest.main()
