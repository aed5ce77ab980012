# SPDX-License-Identifier: BSD-2-Clause
"""How fast replies leave and how connections end: limit_rate, large heads, half heads in the log,
tcp_nodelay, keepalive_disable."""

import time
import unittest

from support.client import Closed
from support.harness import SluiceTest

BODY = 60_000
CONF = """
http {
    log_format line '$status "$request" $limit_rate $bytes_sent';
    access_log %%DIR%%/logs/access.log line;
    root %%DIR%%/www;
    client_header_timeout 800ms;
    server {
        listen %%PORT%%;
        location /plain { alias %%DIR%%/www/; }
        location /limited { alias %%DIR%%/www/; limit_rate 20k; limit_rate_after 5k; }
        location /named { alias %%DIR%%/www/; limit_rate $arg_rate; }
        location /text { limit_rate 100; return 200 "%%TEXT%%"; }
        location /heads { add_header X-Long "$arg_a$arg_a$arg_a$arg_a$arg_a$arg_a$arg_a$arg_a$arg_a$arg_a$arg_a$arg_a"; return 200 "ok"; }
        location /delayed { tcp_nodelay off; return 200 "ok"; }
        location /safari { keepalive_disable safari; return 200 "ok"; }
        location /both { keepalive_disable none; return 200 "ok"; }
        location /other { return 200 "ok"; }
        location /gone { reset_timedout_connection on; return 444; }
        location /old { chunked_transfer_encoding off; return 200 "ok"; }
    }
}
""".replace("%%TEXT%%", "t" * 150)
FILES = {"www/f": b"x" * BODY}


class Rates(SluiceTest):
    conf = CONF
    files = FILES

    def timed(self, path):
        begin = time.monotonic()
        reply = self.server.get(path)
        return reply, time.monotonic() - begin

    def test_a_limited_reply_takes_its_time_and_is_whole(self):
        reply, seconds = self.timed("/limited/f")  # 5k and 20k at once, 20k in each second behind
        self.assertEqual(reply.body, FILES["www/f"])
        self.assertGreater(seconds, (BODY - 25 * 1024) / 20480 - 0.3)

    def test_a_rate_may_come_from_a_variable(self):
        reply, seconds = self.timed("/named/f?rate=30000")
        self.assertEqual(len(reply.body), BODY)
        self.assertGreater(seconds, 0.7)
        for odd in ("nonsense", "", "0"):
            self.assertEqual(len(self.server.get(f"/named/f?rate={odd}").body), BODY)
        self.server.wait_accessed('200 "GET /named/f?rate=30000 HTTP/1.1" 30000 ')

    def test_a_reply_from_memory_is_limited_too(self):
        reply, seconds = self.timed("/text")
        self.assertEqual(reply.text, "t" * 150)
        self.assertGreater(seconds, 1.0)

    def test_others_are_served_and_the_next_request_is_not_limited(self):
        with self.server.connect() as slow:
            slow.send(b"GET /limited/f HTTP/1.1\r\nHost: h\r\n\r\nGET /plain/f HTTP/1.1\r\nHost: h\r\n\r\n")
            self.assertEqual(len(self.server.get("/plain/f").body), BODY)
            self.assertEqual(len(slow.read_reply().body), BODY)
            self.assertEqual(len(slow.read_reply().body), BODY)

    def test_a_head_that_no_buffer_holds_is_sent_all_the_same(self):
        with self.server.connect() as connection:
            for _ in range(2):
                word = "a" * 7000
                connection.send(f"GET /heads?a={word} HTTP/1.1\r\nHost: h\r\n\r\n".encode() * 2)
                for _ in range(2):
                    reply = connection.read_reply()
                    self.assertEqual((reply.text, len(reply.header("x-long"))), ("ok", 12 * 7000))

    def test_what_was_pipelined_behind_such_a_head_needs_no_further_event(self):
        with self.server.connect() as connection:
            connection.get("/other")  # the connection is watched, and its first event has come
            connection.send(f"GET /heads?a={'a' * 7000} HTTP/1.1\r\nHost: h\r\n\r\n".encode()
                            + b"GET /other HTTP/1.1\r\nHost: h\r\n\r\n")
            self.assertEqual(len(connection.read_reply().header("x-long")), 12 * 7000)
            self.assertEqual(connection.read_reply().text, "ok")

    def test_half_a_head_is_logged_and_not_answered(self):
        with self.server.connect() as connection:
            connection.send(b"GET /half HTTP/1.1\r\nHost")
            with self.assertRaises(Closed):
                connection.read_reply()
        with self.server.connect() as connection:
            connection.send(b"GET /left HTTP/1.1\r\nHost")
        for line in ('408 "GET /half HTTP/1.1"', '400 "GET /left HTTP/1.1"'):
            self.server.wait_accessed(line)

    def test_a_head_has_its_time_in_all_however_it_trickles(self):
        with self.server.connect() as connection, self.assertRaises((Closed, OSError)):
            connection.send(b"GET /trickle HTTP/1.1\r\nX: ")
            for _ in range(200):
                connection.send(b"a")
                connection.sock.settimeout(0.05)
                try:
                    connection.read_reply()
                except TimeoutError:
                    pass
            self.fail("still open")

    def test_browsers_whose_connections_are_not_kept(self):
        old = "Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)"
        safari = "Mozilla/5.0 (Macintosh; Mac OS X) AppleWebKit/1 (KHTML) Version/5 Safari/5"
        for path, method, agent, is_kept in (
                ("/other", "POST", old, False), ("/other", "GET", old, True),
                ("/other", "POST", safari, True), ("/safari", "GET", safari, False),
                ("/safari", "POST", old, True), ("/both", "POST", old, True),
                ("/other", "POST", old.replace("6.0", "7.0"), True)):
            reply = self.server.get(path, {"User-Agent": agent}, method=method)
            self.assertEqual(reply.keeps_alive(), is_kept, (path, method, agent))

    def test_silent_end_with_reset(self):
        with self.server.connect() as connection:
            connection.send(b"GET /gone HTTP/1.1\r\nHost: h\r\n\r\n")
            with self.assertRaises(ConnectionResetError):
                connection.read_reply()

    def test_nodelay_may_be_off_in_a_location(self):
        with self.server.connect() as connection:
            for path in ("/delayed", "/other", "/delayed"):
                self.assertEqual(connection.get(path).text, "ok")


class Shedding(SluiceTest):
    def test_keepalive_min_timeout_keeps_idle_connections_when_places_are_short(self):
        conf = """events { worker_connections 12; }
            http { keepalive_min_timeout 1h; server { listen %%PORT%%; return 200 ok; } }"""
        server = self.serve(conf)
        held = []
        for _ in range(8):
            connection = server.connect()
            self.assertEqual(connection.get("/").status, 200)
            held.append(connection)
        late = [server.connect(timeout=1) for _ in range(8)]
        for connection in held:
            self.assertEqual(connection.get("/").status, 200)
            connection.close()
        for connection in late:
            connection.sock.settimeout(10)
            self.assertEqual(connection.get("/").status, 200)
            connection.close()


if __name__ == "__main__":
    unittest.main()
