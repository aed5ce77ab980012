# SPDX-License-Identifier: BSD-2-Clause
"""How connections end: lingering close and its times, clients that stop reading, resets, clients that
leave a limited reply; and what a reply of unknown length looks like."""

import os
import re
import signal
import socket
import time
import unittest

from support import processes
from support.client import build_request
from support.harness import SluiceTest
from support.waiting import wait_for

BIG = 16_000_000  # more than sockets hold
FIN_WAIT2 = 5  # the FIN was sent, and the other kernel has it
CONF = """
http {
    log_format line '$status $body_bytes_sent $request_uri';
    access_log %%DIR%%/logs/access.log line;
    server {
        listen %%PORT%% sndbuf=64k;
        root %%DIR%%/www;
        location /refused { client_max_body_size 10; client_body_read on; return 200 ok; }
        location /refused/short { client_max_body_size 10; client_body_read on; lingering_timeout 200ms; return 200 ok; }
        location /refused/total { client_max_body_size 10; client_body_read on; lingering_time 400ms; return 200 ok; }
        location /refused/off { client_max_body_size 10; client_body_read on; lingering_close off; return 200 ok; }
        location /always { lingering_close always; keepalive_timeout 0; return 200 ok; }
        location /stalled/ { alias %%DIR%%/www/; send_timeout 300ms; }
        location /slowly/ { alias %%DIR%%/www/; send_timeout 1s; }
        location /reset/ { alias %%DIR%%/www/; send_timeout 300ms; reset_timedout_connection on; }
        location /rate { limit_rate 1; return 200 "0123456789012345678901234567890123456789"; }
        location /paced/ { alias %%DIR%%/www/; limit_rate 4k; }
        location = /stub { stub_status; }
    }
}
"""
FILES = {"www/big": b"x" * BIG, "www/small": b"y" * 100, "www/page": b"z" * 6000}


def head(path, fields=b""):
    return b"GET " + path.encode() + b" HTTP/1.1\r\nHost: h\r\n" + fields + b"\r\n"


def post(path, size):
    return f"POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {size}\r\n\r\n".encode()


class Lingering(SluiceTest):
    conf = CONF
    files = FILES

    def refused(self, path):
        """A connection whose body was refused: the reply has come, and the server's FIN behind it."""
        connection = self.server.connect()
        self.addCleanup(connection.close)
        connection.send(post(path, 100_000_000))
        self.assertEqual(connection.read_reply().status, 413)
        return connection

    def is_taken(self, connection, seconds):
        """Whether the server takes what is sent for so long; a closed one answers with a reset."""
        end = time.monotonic() + seconds
        try:
            while time.monotonic() < end:
                connection.send(b"a" * 1000)
                connection.sock.settimeout(0.02)
                try:
                    connection.sock.recv(1)  # b"" at the FIN
                except TimeoutError:
                    pass
        except OSError:
            return False
        return True

    def assert_ends(self, connection):
        wait_for(lambda: not self.is_taken(connection, 0.01), what="the end of the connection")

    def test_what_follows_a_refused_body_is_taken(self):
        connection = self.refused("/refused")
        self.assertTrue(self.is_taken(connection, 1))

    def test_off_closes_at_once(self):
        self.assert_ends(self.refused("/refused/off"))

    def test_silence_ends_it_after_lingering_timeout(self):
        connection = self.refused("/refused/short")
        begin = time.monotonic()
        self.assertEqual(connection.sock.recv(1), b"")
        wait_for(lambda: self.active() == 1, what="the connection to go")
        self.assertLess(time.monotonic() - begin, 4)  # lingering_timeout's default is 5 s

    def test_lingering_time_ends_it_though_bytes_come(self):
        connection = self.refused("/refused/total")
        self.assertFalse(self.is_taken(connection, 4))

    def test_always_lingers_behind_any_last_reply(self):
        with self.server.connect() as connection:
            self.assertEqual(connection.get("/always").text, "ok")
            self.assertEqual(connection.sock.recv(1), b"")
            connection.send(b"a")
            self.assertEqual(connection.sock.recv(1), b"")  # no reset

    def active(self):
        return int(re.search(r"Active connections: (\d+)", self.server.get("/stub").text)[1])


class Stalled(SluiceTest):
    conf = CONF
    files = FILES

    def stalled(self, path):
        sock = socket.socket()
        self.addCleanup(sock.close)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(10)
        sock.connect(("127.0.0.1", self.server.port))
        sock.sendall(head(path))
        return sock

    def test_a_client_that_stops_reading_is_left_after_send_timeout(self):
        self.stalled("/stalled/big")
        line = re.search(r"200 (\d+) /stalled/big", self.server.wait_accessed("/stalled/big\n"))
        self.assertLess(int(line[1]), BIG)

    def test_with_reset_timedout_connection_it_gets_a_reset(self):
        sock = self.stalled("/reset/big")
        self.server.wait_accessed("/reset/big")
        with self.assertRaises(ConnectionResetError):
            while sock.recv(65536):
                pass

    def test_a_client_that_reads_slowly_is_not_left(self):
        sock = self.stalled("/slowly/big")
        end = time.monotonic() + 2.5
        while time.monotonic() < end:
            self.assertTrue(sock.recv(400_000))
            time.sleep(0.002)  # the pace of the client, not a wait for the server
        self.assertNotIn("/slowly/big", self.server.access_log())


class Left(SluiceTest):
    conf = CONF
    files = FILES

    def test_a_client_that_leaves_a_limited_reply_is_noticed_at_once(self):
        with self.server.connect() as connection:
            connection.send(head("/rate"))
            self.assertEqual(connection.read_head().status, 200)
        line = re.search(r"200 (\d+) /rate\n", self.server.wait_accessed("/rate\n"))
        self.assertLess(int(line[1]), 20)  # the rest would take as many seconds

    def send_with_end(self, connection, requests):
        """Sends `requests` and the end of this half while the worker stands still, so that it finds
        both at once."""
        worker = self.server.workers()[0]
        processes.stop(worker)
        try:
            connection.send(requests)
            connection.sock.shutdown(socket.SHUT_WR)
            wait_for(lambda: connection.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
                     == FIN_WAIT2, what="the FIN to arrive")
        finally:
            os.kill(worker, signal.SIGCONT)

    def test_a_client_that_closes_its_half_with_the_request_is_served(self):
        with self.server.connect() as connection:
            self.send_with_end(connection, head("/stalled/small"))
            self.assertEqual(len(connection.read_reply().body), 100)

    def test_so_is_what_it_pipelined_behind_a_reply_that_took_several_turns(self):
        with self.server.connect() as connection:
            self.send_with_end(connection, head("/big") + head("/small"))
            self.assertEqual(len(connection.read_reply().body), BIG)
            self.assertEqual(len(connection.read_reply().body), 100)

    def test_so_is_one_whose_limited_reply_pauses(self):
        with self.server.connect() as connection:
            self.send_with_end(connection, head("/paced/page"))
            self.assertEqual(len(connection.read_reply().body), 6000)

    def test_so_is_one_that_it_asked_for_on_a_kept_connection(self):
        with self.server.connect() as connection:
            connection.get("/small")
            self.send_with_end(connection, head("/paced/page"))
            self.assertEqual(len(connection.read_reply().body), 6000)

    def test_one_that_closes_its_half_in_the_pause_has_left(self):
        with self.server.connect() as connection:
            connection.get("/small")  # then no event can bring the request and the FIN
            connection.send(head("/rate"))
            self.assertEqual(connection.read_head().status, 200)
            connection.sock.shutdown(socket.SHUT_WR)
            line = re.search(r"200 (\d+) /rate\n", self.server.wait_accessed("/rate\n"))
        self.assertLess(int(line[1]), 20)


class UnknownLength(SluiceTest):
    CONF = """http { access_log off; server { listen %%PORT%%; root %%DIR%%/www; autoindex on;
        location /old/ { alias %%DIR%%/www/; autoindex on; chunked_transfer_encoding off; } } }"""

    def test_without_chunks_the_end_of_the_connection_ends_the_reply(self):
        server = self.serve(self.CONF, files={"www/a": "a"})
        with server.connect() as connection:
            chunked = connection.get("/")
            plain = connection.get("/old/")
            self.assertIsNone(plain.header("Transfer-Encoding"))
            if plain.header("Content-Length") is None:
                self.assertFalse(plain.keeps_alive())
                self.assertEqual(connection.sock.recv(1), b"")
        self.assertEqual(chunked.text, plain.text.replace("/old/", "/"))

    def test_head_of_a_listing_has_no_body_and_the_connection_goes_on(self):
        server = self.serve(self.CONF, files={"www/a": "a"})
        with server.connect() as connection:
            for path in ("/", "/old/"):
                connection.send(build_request(path, {}, "HEAD", b"", "HTTP/1.1"))
                self.assertEqual(connection.read_reply(head_only=True).status, 200)
                self.assertEqual(connection.buffer, b"")
                if path == "/":
                    self.assertEqual(connection.get("/a").text, "a")

    def test_a_304_behind_a_pipelined_body(self):
        server = self.serve(self.CONF, files={"www/a": "a"})
        etag = server.get("/a").header("ETag").encode()
        with server.connect() as connection:
            connection.send(post("/a", 5) + b"hello" + head("/a", b"If-None-Match: " + etag + b"\r\n")
                            + head("/a"))
            self.assertEqual(connection.read_reply().status, 405)
            self.assertEqual(connection.read_reply(head_only=True).status, 304)
            self.assertEqual(connection.read_reply().text, "a")


if __name__ == "__main__":
    unittest.main()
