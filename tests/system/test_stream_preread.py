# SPDX-License-Identifier: BSD-2-Clause
"""ssl_preread: what a TLS client asks for, however it is cut, and a relay that chooses by it."""

import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path

from support.client_hello import extension, hello, message, records, server_name
from support.harness import SluiceTest
from support.sessions import ask, reach, read_to_end
from support.waiting import DEADLINE

SHOWN = "$ssl_preread_server_name|$ssl_preread_alpn_protocols|$ssl_preread_protocol"


class Variables(SluiceTest):
    conf = """
    stream {
        ssl_preread on;
        server { listen 127.0.0.1:%%PORT%%; return "SHOWN"; }
        server { listen 127.0.0.1:%%PORT2%%; ssl_preread off; return "SHOWN"; }
        server { listen 127.0.0.1:%%PORT3%%; preread_buffer_size 64; return "SHOWN"; }
        server { listen 127.0.0.1:%%PORT4%% proxy_protocol; return "$proxy_protocol_addr $ssl_preread_server_name"; }
        server { listen 127.0.0.1:%%PORT5%%; preread_timeout 20ms; return "SHOWN"; }
        server { listen 127.0.0.1:%%PORT6%%; echo; }
    }
    """.replace("SHOWN", SHOWN)

    def test_names_protocols_and_versions(self):
        cases = {
            hello(b"A.example", (b"h2", b"http/1.1"), (0x0304, 0x0303)): "A.example|h2,http/1.1|TLSv1.3",
            hello(b"b.example"): "b.example||TLSv1.2",
            hello(names=(b"dot",), version=0x0301): "|dot|TLSv1",
            hello(numbers=(0x0a0a, 0x7f1c, 0x0302), version=0x0301): "||TLSv1.1",
            hello(version=0x0300): "||SSLv3",
            hello(version=0x0909): "||",
            records(message(has_extensions=False)): "||TLSv1.2",
            b"\x80\x2e\x01\x00\x02" + bytes(43): "||SSLv2",
            b"\x80\x2e\x01\x03\x01": "||TLSv1",
        }
        for sent, said in cases.items():
            with self.subTest(said):
                self.assertEqual(ask(self.server.port, sent), said)

    def test_over_several_records_and_packets(self):
        sent = hello(b"c.example", (b"h2",), (0x0304,), size=9)
        with reach(self.server.port) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for at in range(len(sent)):
                client.sendall(sent[at:at + 1])

            self.assertEqual(read_to_end(client), b"c.example|h2|TLSv1.3")

    def test_what_is_no_tls_goes_on_at_once(self):
        for sent in (b"G", b"SSH-2.0-x\r\n", b"\x16\x02", b"\x16\x03\x01\x00\x00", b"\x16\x03\x01\x00\x01\x02",
                     b"\x80\x00\x02", b"\x80\x00\x01\x09", b"\x16\x03\x01\xff\xff\x01",
                     records(message(extension(0, b"\0\x09"))), records(b"\x01\0\0\x02\x03\x03"),
                     records(message(extension(16, b"\0\x01\0")))):
            with self.subTest(sent):
                self.assertEqual(ask(self.server.port, sent), "||")

    def test_nothing_is_taken_from_the_client(self):
        sent = hello(b"d.example") + b"more"
        with reach(self.server.port_number(6)) as client:
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)

            self.assertEqual(read_to_end(client), sent)

    def test_off_in_a_server(self):
        self.assertEqual(ask(self.server.port_number(2), hello(b"e.example")), "||")

    def test_a_full_buffer_ends_the_session(self):
        self.assertEqual(ask(self.server.port_number(3), hello(b"f.example" * 9)), "")
        self.server.wait_logged("preread buffer full")

    def test_behind_the_proxy_protocol(self):
        sent = b"PROXY TCP4 192.0.2.1 192.0.2.2 123 5678\r\n" + hello(b"g.example")

        self.assertEqual(ask(self.server.port_number(4), sent), "192.0.2.1 g.example")

    def test_who_says_too_little_is_not_waited_for_longer(self):
        with reach(self.server.port_number(5)) as client:
            client.sendall(hello(b"h.example")[:20])

            self.assertEqual(read_to_end(client), b"")

    def test_mistakes_are_refused(self):
        for text in ("ssl_preread yes;", "ssl_preread;"):
            with self.subTest(text):
                self.assertIn("ssl_preread", self.refusal_of(
                    "stream { server { listen 127.0.0.1:%%PORT%%; " + text + " return ok; } }"))


class Names(SluiceTest):
    conf = """
    stream {
        server { listen 127.0.0.1:%%PORT%%; ssl_preread on; return "default"; }
        server { listen 127.0.0.1:%%PORT%%; server_name a.example; return "a"; }
        server { listen 127.0.0.1:%%PORT%%; server_name *.a.example; return "below a"; }
        server { listen 127.0.0.1:%%PORT%%; server_name ~^(?<part>\\w+)\\.b\\.example$; return "b $part"; }
    }
    """

    def test_choose_the_server(self):
        cases = {b"a.example": "a", b"A.Example.": "a", b"x.a.example": "below a", b"Word.b.example": "b word",
                 b"other.example": "default", b"a/b": "default", b"a\0.example": "default", None: "default"}
        for name, said in cases.items():
            with self.subTest(name):
                self.assertEqual(ask(self.server.port, hello(name)), said)

    def test_a_name_that_lies_beside_another_kind_of_name(self):
        both = extension(0, (b"\x00\x0f" + b"\x01\x00\x00" + b"\x00\x00\x09a.example"))

        self.assertEqual(ask(self.server.port, records(message(both))), "a")


@unittest.skipUnless(shutil.which("openssl"), "openssl is not installed")
class Relay(SluiceTest):
    """Two TLS services behind one port, which relays by the name."""

    conf = """
    stream {
        map $ssl_preread_server_name $backend { one.example 127.0.0.1:%%PORT2%%; default 127.0.0.1:%%PORT3%%; }
        server { listen 127.0.0.1:%%PORT%%; ssl_preread on; proxy_pass $backend; }
    }
    """

    def serve_tls(self, name, port):
        """A TLS service that answers one client with its name."""
        folder = Path(tempfile.mkdtemp(prefix="sluice-tls-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                        "-nodes", "-subj", f"/CN={name}", "-days", "2", "-keyout", folder / "key",
                        "-out", folder / "cert"], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "cert", folder / "key")
        listener = socket.create_server(("127.0.0.1", port))
        listener.settimeout(DEADLINE)

        def answer():
            with listener, listener.accept()[0] as peer, context.wrap_socket(peer, server_side=True) as client:
                client.sendall(name.encode())
                client.recv(1)
        thread = threading.Thread(target=answer)
        thread.start()
        self.addCleanup(thread.join, DEADLINE)

    def test_a_name_finds_its_service(self):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        for name, port in (("one.example", 2), ("two.example", 3)):
            self.serve_tls(name, self.server.port_number(port))
            with reach(self.server.port) as plain, context.wrap_socket(plain, server_hostname=name) as client:
                self.assertEqual(client.recv(100), name.encode())


if __name__ == "__main__":
    unittest.main()
