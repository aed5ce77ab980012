# SPDX-License-Identifier: BSD-2-Clause
"""The same stream configuration on sluice and on the nginx of this machine: what clients see must be
the same, byte for byte, including how their connections end. Skipped where nginx or its stream module
is absent."""

import os
import re
import shutil
import socket
import struct
import subprocess
import unittest

from support.harness import SluiceTest
from support.peers import TcpPeer, closed_port, echo, receive_all
from support.waiting import wait_for

MODULES = ["/usr/lib/nginx/modules/ngx_stream_module.so",
           "/usr/lib64/nginx/modules/ngx_stream_module.so"]
NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")

CONF = r"""
stream {
    upstream next { server 127.0.0.1:ECHO; server 127.0.0.1:NOBODY; }
    upstream ring { hash $remote_addr consistent; server 127.0.0.1:ECHO; server 127.0.0.1:COUNT; }
    upstream down { server 127.0.0.1:ECHO down; server 127.0.0.1:COUNT backup; }
    upstream heavy { server 127.0.0.1:ECHO weight=3; server 127.0.0.1:NOBODY; server 127.0.0.1:COUNT; }
    proxy_timeout 700ms;
    proxy_connect_timeout 500ms;
    server { listen 127.0.0.1:%%PORT1%%; return "a $protocol $bytes_sent"; }
    server { listen 127.0.0.1:%%PORT2%%; proxy_pass 127.0.0.1:ECHO; }
    server { listen 127.0.0.1:%%PORT3%%; proxy_pass next; }
    server { listen 127.0.0.1:%%PORT4%%; proxy_pass 127.0.0.1:COUNT; }
    server { listen 127.0.0.1:%%PORT5%%; proxy_pass ring; }
    server { listen 127.0.0.1:%%PORT6%%; proxy_pass down; }
    server { listen 127.0.0.1:%%PORT7%%; proxy_pass 127.0.0.1:COUNT; proxy_half_close on; }
    server { listen 127.0.0.1:%%PORT8%% proxy_protocol; proxy_pass 127.0.0.1:SHOW; proxy_protocol on; }
    server { listen 127.0.0.1:%%PORT9%%; proxy_pass 127.0.0.1:NOBODY; }
    server { listen 127.0.0.1:%%PORT10%%; proxy_pass heavy; }
}
"""

PROXY = b"PROXY TCP4 192.0.2.1 192.0.2.2 3 4\r\n"
LOCAL = b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00"

# Port and what the client does there: bytes to send, a number of bytes to read, "end" of its own
# side, "rest" to read to the other's end, "reset".
CASES = {
    "a text": (1, ["rest"]),
    "both ways": (2, [b"hi", 2, b"y" * 200000, 200000]),
    "a pause longer than proxy_timeout": (2, [b"hi", 2, "rest"]),
    "an end behind the last answer": (2, [b"z" * 100, 100, "end", "rest"]),
    "a reset": (2, [b"q", 1, "reset"]),
    "a peer that is dead": (3, [b"a", 1]),
    "a peer that is dead, again": (3, [b"b", 1]),
    "an end before the answer": (4, [b"z" * 5000, "end", "rest"]),
    "a peer chosen by hash": (5, [b"c", 1]),
    "a backup peer": (6, [b"d", "end", "rest"]),
    "an end that is passed on": (7, [b"z" * 5000, "end", "rest"]),
    "a PROXY header": (8, [PROXY + b"abc", "rest"]),
    "a PROXY header that names nobody": (8, [b"PROXY UNKNOWN\r\nabc", "rest"]),
    "a binary PROXY header": (8, [LOCAL + b"abc", "rest"]),
    "nobody to ask": (9, ["rest"]),
    "weights, first": (10, [b"e", 1]),
    "weights, second": (10, [b"f", 1]),
}


def count(sock):
    sock.sendall(b"got %d" % len(receive_all(sock)))


def show(sock):
    """What came first, without the ports, then a reset."""
    seen = re.sub(rb" \d+ \d+\r", b" P P\r", sock.recv(200))
    sock.sendall(b"seen " + seen)
    sock.recv(1)


def receive(sock, size):
    """That many bytes, or less where the other side ends."""
    got = b""
    while len(got) < size and (data := sock.recv(size - len(got))):
        got += data
    return got


def behave(port, steps):
    """What a client sees: what it read at each step, and how the connection ended."""
    seen = []
    with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
        for step in steps:
            try:
                if isinstance(step, bytes):
                    sock.sendall(step)
                elif step == "end":
                    sock.shutdown(socket.SHUT_WR)
                elif step == "reset":
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                elif step == "rest":
                    seen.append(receive_all(sock))
                else:
                    seen.append(receive(sock, step))
            except OSError as error:
                seen.append(type(error).__name__)
    return seen


class LikeNginx(SluiceTest):
    def setUp(self):
        module = next((path for path in MODULES if os.path.exists(path)), None)
        if NGINX is None or module is None:
            self.skipTest("no nginx with a stream module here")
        self.load = f"load_module {module};"
        peers = {"ECHO": TcpPeer(echo), "COUNT": TcpPeer(count), "SHOW": TcpPeer(show)}
        for peer in peers.values():
            self.addCleanup(peer.close)
        self.conf_text = CONF.replace("NOBODY", str(closed_port()))
        for name, peer in peers.items():
            self.conf_text = self.conf_text.replace(name, str(peer.port))

    def start_nginx(self, server):
        """nginx with the configuration of `server`, which does not run; in its folder."""
        path = server.dir / "nginx.conf"
        path.write_text(f"{self.load} daemon off; worker_processes 1; pid {server.dir}/nginx.pid;"
                        f"error_log {server.dir}/nginx.log info; events {{}}\n" +
                        server.expand(self.conf_text))
        process = subprocess.Popen([NGINX, "-p", str(server.dir), "-c", str(path)],
                                   stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)

        def is_up():
            try:
                socket.create_connection(("127.0.0.1", server.port_number(1))).close()
                return True
            except OSError:
                return False

        wait_for(is_up, what="nginx")

    def test_clients_see_the_same(self):
        ours = self.serve(self.conf_text)
        theirs = self.serve(self.conf_text, start=False)
        self.start_nginx(theirs)
        for name, (index, steps) in CASES.items():
            with self.subTest(name):
                expected = behave(theirs.port_number(index), steps)
                self.assertEqual(behave(ours.port_number(index), steps), expected)


if __name__ == "__main__":
    unittest.main()
