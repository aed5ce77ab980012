# SPDX-License-Identifier: BSD-2-Clause
"""Files over HTTP/1.1 and 1.0, as a client on a raw socket sees them."""

import hashlib
import os
import re
import socket
import unittest

from support.client import Connection, build_request
from support.harness import SluiceTest
from support.waiting import wait_for

CONF = """
http {
    include %%DIR%%/conf/types.conf;
    default_type application/octet-stream;
    access_log off;
    server {
        listen %%PORT%%;
        root %%DIR%%/www;
        index index.html;
        location /custom/ { error_page 404 /errors/404.html; }
        location /alias/ { alias %%DIR%%/other/; }
        location = /moved { return 301 /hello.txt; }
        location = /text { default_type text/plain; return 200 "by return"; }
        location /small/ { client_max_body_size 10; root %%DIR%%/www; }
    }
}
"""
TYPES = "types { text/html html; text/plain txt; text/css css; image/png png; }"
HELLO = "Hello, sluice!\n"
BIG = hashlib.shake_128(b"big").digest(5 * 1024 * 1024 + 17)


class StaticFiles(SluiceTest):
    conf = CONF
    files = {
        "conf/types.conf": TYPES,
        "www/index.html": "<p>front</p>",
        "www/hello.txt": HELLO,
        "www/style.css": "p { color: red }",
        "www/noext": "plain bytes",
        "www/empty.txt": b"",
        "www/digits.txt": "0123456789",
        "www/big.bin": BIG,
        "www/dir/index.html": "<p>dir</p>",
        "www/bare/file.txt": "x",
        "www/with space/a+b.txt": "spaced",
        "www/errors/404.html": "our own 404",
        "www/secret.txt": "not for you",
        "www/small/f.txt": "f",
        "other/inside.txt": "aliased",
    }

    def test_get_sends_the_file_with_its_headers(self):
        reply = self.server.get("/hello.txt")

        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.version, "HTTP/1.1")
        self.assertEqual(reply.body, HELLO.encode())
        self.assertEqual(reply.header("Content-Length"), str(len(HELLO)))
        self.assertEqual(reply.header("Content-Type"), "text/plain")
        self.assertEqual(reply.header("Accept-Ranges"), "bytes")
        self.assertRegex(reply.header("ETag"), r'^"[0-9a-f]+-[0-9a-f]+"$')
        date = r"^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$"
        self.assertRegex(reply.header("Last-Modified"), date)
        self.assertRegex(reply.header("Date"), date)
        self.assertTrue(reply.header("Server"))
        self.assertEqual(len(reply.all("Content-Length")), 1)

    def test_types_follow_the_extension(self):
        self.assertEqual(self.server.get("/style.css").header("Content-Type"), "text/css")
        self.assertEqual(self.server.get("/noext").header("Content-Type"),
                         "application/octet-stream")

    def test_head_equals_get_without_the_body(self):
        with self.server.connect() as connection:
            get = connection.get("/hello.txt")
            head = connection.get("/hello.txt", method="HEAD")
            after = connection.get("/digits.txt")

        strip = lambda reply: [h for h in reply.headers if h[0].lower() != "date"]
        self.assertEqual(strip(head), strip(get))
        self.assertEqual(after.body, b"0123456789")

    def test_index_is_served_for_a_directory(self):
        self.assertEqual(self.server.get("/").body, b"<p>front</p>")
        self.assertEqual(self.server.get("/dir/").body, b"<p>dir</p>")

    def test_missing_file_is_404_with_a_page(self):
        reply = self.server.get("/nothing-here")

        self.assertEqual(reply.status, 404)
        self.assertIn(b"404 Not Found", reply.body)
        self.assertEqual(reply.header("Content-Type"), "text/html")

    def test_a_file_is_no_directory(self):
        self.assertEqual(self.server.get("/hello.txt/").status, 404)
        self.assertEqual(self.server.get("/hello.txt/more").status, 404)

    def test_directory_without_index_is_403(self):
        self.assertEqual(self.server.get("/bare/").status, 403)

    @unittest.skipUnless(os.getuid() == 0, "needs root: workers must be another user")
    def test_unreadable_file_is_403(self):
        (self.server.dir / "www/secret.txt").chmod(0o600)

        self.assertEqual(self.server.get("/secret.txt").status, 403)

    def test_directory_without_slash_redirects(self):
        reply = self.server.get("/dir", {"Host": f"example.test:{self.server.port}"})

        self.assertEqual(reply.status, 301)
        self.assertEqual(reply.header("Location"), f"http://example.test:{self.server.port}/dir/")

    def test_directory_redirect_keeps_the_query(self):
        reply = self.server.get("/dir?a=1&b=2")

        self.assertEqual(reply.status, 301)
        self.assertTrue(reply.header("Location").endswith("/dir/?a=1&b=2"), reply.header("Location"))

    def test_escapes_in_paths(self):
        self.assertEqual(self.server.get("/with%20space/a+b.txt").body, b"spaced")
        self.assertEqual(self.server.get("/%68ello.txt").body, HELLO.encode())
        self.assertEqual(self.server.get("//hello.txt").body, HELLO.encode())
        self.assertEqual(self.server.get("/dir/../hello.txt").body, HELLO.encode())
        self.assertEqual(self.server.get("/./hello.txt?x=/../..").body, HELLO.encode())

    def test_paths_never_leave_the_root(self):
        for path in ("/../etc/passwd", "/..%2f..%2fetc/passwd", "/%2e%2e/%2e%2e/etc/passwd",
                     "/dir/../../etc/passwd", "/dir/%2e%2e/%2e%2e/%2e%2e/etc/passwd"):
            with self.subTest(path):
                reply = self.server.get(path)
                self.assertIn(reply.status, (400, 403, 404))
                self.assertNotIn(b"root:", reply.body)

    def test_bad_escapes_are_400(self):
        for path in ("/%00", "/%zz", "/%2", "/hello.txt%"):
            with self.subTest(path):
                self.assertEqual(self.server.get(path).status, 400)

    def test_alias_replaces_the_prefix(self):
        self.assertEqual(self.server.get("/alias/inside.txt").body, b"aliased")
        self.assertEqual(self.server.get("/alias/hello.txt").status, 404)

    def test_return_answers_at_once(self):
        moved = self.server.get("/moved")
        self.assertEqual(moved.status, 301)
        self.assertTrue(moved.header("Location").endswith("/hello.txt"))

        text = self.server.get("/text")
        self.assertEqual((text.status, text.body), (200, b"by return"))
        self.assertEqual(text.header("Content-Type"), "text/plain")

    def test_error_page_keeps_the_status(self):
        reply = self.server.get("/custom/none")

        self.assertEqual((reply.status, reply.body), (404, b"our own 404"))

    def test_empty_file(self):
        with self.server.connect() as connection:
            reply = connection.get("/empty.txt")
            self.assertEqual((reply.status, reply.body), (200, b""))
            self.assertEqual(reply.header("Content-Length"), "0")
            self.assertEqual(connection.get("/empty.txt", method="HEAD").status, 200)
            self.assertEqual(connection.get("/digits.txt").body, b"0123456789")

    def test_big_file_arrives_whole(self):
        with self.server.connect() as connection:
            for _ in range(2):
                reply = connection.get("/big.bin")
                self.assertEqual(hashlib.sha256(reply.body).digest(), hashlib.sha256(BIG).digest())

    def test_big_file_to_a_slow_reader(self):
        with self.server.connect() as connection:
            connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            connection.send(build_request("/big.bin"))
            head = connection.read_head()
            body = b""
            while len(body) < int(head.header("Content-Length")):
                body += connection.read_exactly(min(50_000, len(BIG) - len(body)))
            self.assertEqual(hashlib.sha256(body).digest(), hashlib.sha256(BIG).digest())
            self.assertEqual(connection.get("/digits.txt").body, b"0123456789")

    def test_client_that_leaves_in_the_middle_hurts_nobody(self):
        for _ in range(20):
            connection = self.server.connect()
            connection.send(build_request("/big.bin"))
            connection.read_head()
            connection.close()

        self.assertEqual(self.server.get("/hello.txt").status, 200)

    def test_methods_that_files_do_not_know(self):
        with self.server.connect() as connection:
            for method in ("POST", "PUT", "DELETE"):
                with self.subTest(method):
                    reply = connection.get("/hello.txt", method=method, body=b"data")
                    self.assertEqual(reply.status, 405)
        self.assertEqual(self.server.get("/hello.txt").status, 200)

    def test_request_bodies_are_discarded(self):
        chunked = (b"GET /digits.txt HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                   b"5\r\nhello\r\n3;x=y\r\nabc\r\n0\r\nTrailer: 1\r\n\r\n")
        with self.server.connect() as connection:
            self.assertEqual(connection.get("/digits.txt", body=b"x" * 100_000).status, 200)
            self.assertEqual(connection.request(chunked).status, 200)
            self.assertEqual(connection.get("/hello.txt").body, HELLO.encode())

    def test_body_over_the_limit_is_413(self):
        self.assertEqual(self.server.get("/small/f.txt", body=b"x" * 10).status, 200)
        self.assertEqual(self.server.get("/small/f.txt", body=b"x" * 11).status, 413)

    def test_expect_100_continue_is_answered(self):
        with self.server.connect() as connection:
            reply = connection.request(b"GET /hello.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
                                       b"Expect: 100-continue\r\n\r\nabc")
            self.assertEqual(reply.status, 200)

    def test_changed_file_is_seen(self):
        path = self.server.write("www/changing.txt", "one")
        self.assertEqual(self.server.get("/changing.txt").body, b"one")

        path.with_suffix(".new").write_text("number two", encoding="ascii")
        path.with_suffix(".new").rename(path)

        wait_for(lambda: self.server.get("/changing.txt").body == b"number two", what="the new file")

    def test_removed_file_is_gone(self):
        path = self.server.write("www/removed.txt", "one")
        self.assertEqual(self.server.get("/removed.txt").status, 200)

        path.unlink()

        wait_for(lambda: self.server.get("/removed.txt").status == 404, what="404")

    def test_symbolic_link_inside_the_root(self):
        (self.server.dir / "www/link.txt").symlink_to("hello.txt")

        self.assertEqual(self.server.get("/link.txt").body, HELLO.encode())


class Ranges(SluiceTest):
    conf = CONF
    files = {"conf/types.conf": TYPES, "www/digits.txt": "0123456789", "www/empty.txt": b""}

    def range(self, value, path="/digits.txt", **headers):
        return self.server.get(path, {"Range": value, **headers})

    def test_one_range(self):
        for value, body, content_range in (
                ("bytes=0-4", b"01234", "bytes 0-4/10"),
                ("bytes=3-3", b"3", "bytes 3-3/10"),
                ("bytes=7-", b"789", "bytes 7-9/10"),
                ("bytes=-3", b"789", "bytes 7-9/10"),
                ("bytes=5-100", b"56789", "bytes 5-9/10"),
                ("bytes=-100", b"0123456789", "bytes 0-9/10")):
            with self.subTest(value):
                reply = self.range(value)
                self.assertEqual((reply.status, reply.body), (206, body))
                self.assertEqual(reply.header("Content-Range"), content_range)
                self.assertEqual(reply.header("Content-Length"), str(len(body)))

    def test_range_past_the_end_is_416(self):
        reply = self.range("bytes=10-")

        self.assertEqual(reply.status, 416)
        self.assertEqual(reply.header("Content-Range"), "bytes */10")

    def test_other_units_are_ignored(self):
        reply = self.range("lines=0-4")

        self.assertEqual((reply.status, reply.body), (200, b"0123456789"))

    def test_huge_numbers_do_not_wrap(self):
        self.assertEqual(self.range("bytes=18446744073709551615-").status, 416)
        self.assertEqual(self.range("bytes=99999999999999999999999-").status, 416)

    def test_if_range(self):
        whole = self.server.get("/digits.txt")
        for validator, status in ((whole.header("ETag"), 206), ('"other"', 200),
                                  (whole.header("Last-Modified"), 206),
                                  ("Thu, 01 Jan 1970 00:00:01 GMT", 200)):
            with self.subTest(validator):
                reply = self.range("bytes=0-1", **{"If-Range": validator})
                self.assertEqual(reply.status, status)

    def test_head_with_range_tells_the_range_and_has_no_body(self):
        with self.server.connect() as connection:
            head = connection.get("/digits.txt", {"Range": "bytes=0-4"}, method="HEAD")
            self.assertEqual(connection.get("/digits.txt").body, b"0123456789")

        self.assertEqual((head.status, head.header("Content-Length")), (206, "5"))
        self.assertEqual(head.header("Content-Range"), "bytes 0-4/10")

    def test_range_of_an_empty_file(self):
        self.assertIn(self.range("bytes=0-", "/empty.txt").status, (200, 416))

    def test_over_2_gib(self):
        size = (1 << 31) + (1 << 29) + 10
        path = self.server.dir / "www/huge.bin"
        with open(path, "wb") as file:
            file.truncate(size)
            file.seek(size - 4)
            file.write(b"tail")

        with self.server.connect() as connection:
            head = connection.get("/huge.bin", method="HEAD")
            self.assertEqual(head.header("Content-Length"), str(size))
            tail = connection.get("/huge.bin", {"Range": f"bytes={size - 6}-"})
            self.assertEqual((tail.status, tail.body), (206, b"\0\0tail"))
            # Across the 2 GiB mark, and more than one sendfile call can carry at once.
            low = (1 << 31) - 3
            reply = connection.get("/huge.bin", {"Range": f"bytes={low}-{low + 5}"})
            self.assertEqual((reply.status, reply.body), (206, b"\0" * 6))


class Conditionals(SluiceTest):
    conf = CONF
    files = {"conf/types.conf": TYPES, "www/hello.txt": HELLO}
    past = "Thu, 01 Jan 1970 00:00:01 GMT"

    def setUp(self):
        self.whole = self.server.get("/hello.txt")

    def status(self, **headers):
        return self.server.get("/hello.txt", {k.replace("_", "-"): v for k, v in headers.items()}).status

    def test_if_none_match(self):
        etag = self.whole.header("ETag")

        self.assertEqual(self.status(If_None_Match=etag), 304)
        self.assertEqual(self.status(If_None_Match=f'"x", {etag}, "y"'), 304)
        self.assertEqual(self.status(If_None_Match="W/" + etag), 304)
        self.assertEqual(self.status(If_None_Match="*"), 304)
        self.assertEqual(self.status(If_None_Match='"other"'), 200)

    def test_not_modified_has_no_body_and_the_validators(self):
        with self.server.connect() as connection:
            reply = connection.get("/hello.txt", {"If-None-Match": self.whole.header("ETag")})
            self.assertEqual(reply.status, 304)
            self.assertEqual(reply.header("ETag"), self.whole.header("ETag"))
            self.assertIsNone(reply.header("Content-Type"))
            self.assertEqual(connection.get("/hello.txt").body, HELLO.encode())

    def test_if_modified_since(self):
        self.assertEqual(self.status(If_Modified_Since=self.whole.header("Last-Modified")), 304)
        self.assertEqual(self.status(If_Modified_Since=self.past), 200)
        self.assertEqual(self.status(If_Modified_Since="not a date"), 200)

    def test_if_none_match_wins_over_if_modified_since(self):
        since = self.whole.header("Last-Modified")

        self.assertEqual(self.status(If_None_Match='"other"', If_Modified_Since=since), 200)

    def test_if_match(self):
        self.assertEqual(self.status(If_Match=self.whole.header("ETag")), 200)
        self.assertEqual(self.status(If_Match="*"), 200)
        self.assertEqual(self.status(If_Match='"other"'), 412)

    def test_if_unmodified_since(self):
        self.assertEqual(self.status(If_Unmodified_Since=self.whole.header("Last-Modified")), 200)
        self.assertEqual(self.status(If_Unmodified_Since=self.past), 412)


class Connections(SluiceTest):
    conf = CONF
    files = {"conf/types.conf": TYPES, "www/hello.txt": HELLO, "www/digits.txt": "0123456789",
             "www/middle.bin": BIG[:1_000_000], "www/empty.txt": b""}

    def test_one_connection_carries_many_requests(self):
        with self.server.connect() as connection:
            for _ in range(300):
                self.assertEqual(connection.get("/hello.txt").body, HELLO.encode())

    def test_pipelined_replies_come_whole_and_in_order(self):
        wanted = [("/hello.txt", "GET"), ("/none", "GET"), ("/middle.bin", "GET"),
                  ("/hello.txt", "HEAD"), ("/empty.txt", "GET"), ("/digits.txt", "GET")] * 10
        with self.server.connect() as connection:
            connection.send(b"".join(build_request(path, method=method) for path, method in wanted))
            for path, method in wanted:
                reply = connection.read_reply(head_only=(method == "HEAD"))
                self.assertEqual(reply.status, 404 if path == "/none" else 200)
                if method == "GET" and path == "/middle.bin":
                    self.assertEqual(reply.body, BIG[:1_000_000])
                elif method == "GET" and path == "/digits.txt":
                    self.assertEqual(reply.body, b"0123456789")
            connection.send(build_request("/digits.txt", {"Connection": "close"}))
            self.assertEqual(connection.read_reply().body, b"0123456789")
            self.assertTrue(connection.is_closed_by_peer())

    def test_pipelined_behind_a_body(self):
        with self.server.connect() as connection:
            connection.send(build_request("/digits.txt", body=b"z" * 70_000) +
                            build_request("/hello.txt"))
            self.assertEqual(connection.read_reply().body, b"0123456789")
            self.assertEqual(connection.read_reply().body, HELLO.encode())

    def test_request_in_single_bytes(self):
        with self.server.connect() as connection:
            for byte in build_request("/digits.txt", {"X-Long": "v" * 50}):
                connection.send(bytes([byte]))
            self.assertEqual(connection.read_reply().body, b"0123456789")

    def test_http_10_closes_by_default(self):
        with self.server.connect() as connection:
            reply = connection.request(b"GET /digits.txt HTTP/1.0\r\n\r\n")
            self.assertEqual((reply.status, reply.body), (200, b"0123456789"))
            self.assertTrue(connection.is_closed_by_peer())

    def test_http_10_keep_alive(self):
        with self.server.connect() as connection:
            for _ in range(3):
                reply = connection.get("/digits.txt", {"Connection": "keep-alive"},
                                       version="HTTP/1.0")
                self.assertEqual(reply.body, b"0123456789")
                self.assertEqual(reply.header("Connection").lower(), "keep-alive")

    def test_connection_close_is_honoured_and_announced(self):
        with self.server.connect() as connection:
            reply = connection.get("/digits.txt", {"Connection": "close"})
            self.assertEqual(reply.header("Connection").lower(), "close")
            self.assertTrue(connection.is_closed_by_peer())

    def test_half_closed_client_still_gets_its_reply(self):
        with self.server.connect() as connection:
            connection.send(build_request("/middle.bin"))
            connection.sock.shutdown(socket.SHUT_WR)
            self.assertEqual(connection.read_reply().body, BIG[:1_000_000])

    def test_bad_requests_are_400_and_close(self):
        for request in (b"GET /\r\n\r\n", b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n",
                        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
                        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"):
            with self.subTest(request), self.server.connect() as connection:
                connection.send(request)
                data = connection.read_to_end() if request.startswith(b"GET /\r\n") else None
                if data is None:
                    self.assertEqual(connection.read_reply().status, 400)
                    self.assertTrue(connection.is_closed_by_peer())
                else:
                    self.assertNotIn(b" 200 ", data[:20])
        self.assertEqual(self.server.get("/hello.txt").status, 200)

    def test_unknown_version_is_refused(self):
        with self.server.connect() as connection:
            connection.send(b"GET / HTTP/3.7\r\nHost: a\r\n\r\n")
            self.assertRegex(connection.read_to_end(), rb"^HTTP/1\.1 (400|505) ")

    def test_uri_of_every_size_around_the_buffer(self):
        statuses = []
        for size in list(range(8170, 8200)) + [8000, 9000, 20_000]:
            with self.server.connect() as connection:
                connection.send(build_request("/" + "a" * size))
                statuses.append((size, connection.read_reply().status))

        statuses.sort()
        self.assertEqual(statuses[0][1], 404)
        self.assertEqual(statuses[-1][1], 414)
        text = "".join("n" if status == 404 else "l" if status == 414 else "?"
                       for _, status in statuses)
        self.assertRegex(text, r"^n+l+$", statuses)

    def test_header_too_large(self):
        with self.server.connect() as connection:
            connection.send(build_request("/hello.txt", {"X-Big": "b" * 40_000}))
            self.assertIn(connection.read_reply().status, (400, 431))

    def test_idle_connections_do_not_stand_in_the_way(self):
        idle = [self.server.connect() for _ in range(100)]
        try:
            self.assertEqual(self.server.get("/hello.txt").status, 200)
            self.assertEqual(idle[50].get("/digits.txt").body, b"0123456789")
        finally:
            for connection in idle:
                connection.close()


class Listening(SluiceTest):
    def test_names_locations_and_default_server(self):
        server = self.serve("""
http {
    server { listen %%PORT%%; server_name a.test *.wild.test; return 200 a; }
    server { listen %%PORT%% default_server; return 200 default; }
    server {
        listen %%PORT%%; server_name b.test;
        location / { return 200 prefix; }
        location = /exact { return 200 exact; }
        location ^~ /kept/ { return 200 kept; }
        location ~ \\.php$ { return 200 regex; }
        location ~* \\.GIF$ { return 200 nocase; }
    }
}""")
        for host, path, body in (
                ("a.test", "/", b"a"), ("A.Test", "/", b"a"), ("x.wild.test", "/", b"a"),
                ("a.test:99", "/", b"a"), ("unknown", "/", b"default"), ("b.test", "/x", b"prefix"),
                ("b.test", "/exact", b"exact"), ("b.test", "/exact/", b"prefix"),
                ("b.test", "/kept/x.php", b"kept"), ("b.test", "/x.php", b"regex"),
                ("b.test", "/x.gif", b"nocase"), ("b.test", "/x.PHP", b"prefix")):
            with self.subTest(host=host, path=path):
                self.assertEqual(server.get(path, {"Host": host}).body, body)

    def test_unix_socket(self):
        server = self.serve("""
http { server { listen unix:%%DIR%%/s.sock; return 200 unix; } server { listen %%PORT%%; } }""")

        with Connection(str(server.dir / "s.sock")) as connection:
            self.assertEqual(connection.get("/").body, b"unix")

    @unittest.skipUnless(socket.has_ipv6 and os.path.exists("/proc/net/if_inet6"), "no IPv6 here")
    def test_ipv6(self):
        try:
            socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        except OSError as error:
            self.skipTest(f"no IPv6 loopback: {error}")
        server = self.serve("""
http { server { listen [::1]:%%PORT%%; return 200 six; } }""")

        with server.connect(host="::1") as connection:
            self.assertEqual(connection.get("/").body, b"six")

    def test_try_files(self):
        server = self.serve("""
http { server { listen %%PORT%%; root %%DIR%%/www;
    location / { try_files $uri $uri.html $uri/ /fallback.html; }
    location /strict/ { try_files $uri =403; }
} }""", files={"www/a": "a", "www/b.html": "b", "www/d/index.html": "d", "www/fallback.html": "f"})

        for path, status, body in (("/a", 200, b"a"), ("/b", 200, b"b"), ("/d/", 200, b"d"),
                                   ("/zzz", 200, b"f"), ("/strict/x", 403, None)):
            with self.subTest(path):
                reply = server.get(path)
                self.assertEqual(reply.status, status)
                if body is not None:
                    self.assertEqual(reply.body, body)

    def test_add_header_and_server_tokens(self):
        server = self.serve("""
http { server { listen %%PORT%%; root %%DIR%%/www; server_tokens off; add_header X-A one;
    location / { }
    location /always { add_header X-B two always; }
} }""", files={"www/index.html": "i"})

        front = server.get("/")
        self.assertEqual(front.header("X-A"), "one")
        self.assertNotRegex(front.header("Server"), r"\d")
        missing = server.get("/always")
        self.assertEqual((missing.status, missing.header("X-B")), (404, "two"))
        self.assertIsNone(missing.header("X-A"))
        self.assertIsNone(server.get("/none").header("X-A"))

    def test_root_through_a_link_that_a_deploy_swaps(self):
        server = self.serve("""
http { server { listen %%PORT%%; root %%DIR%%/current; } }""", start=False,
                            files={"r1/index.html": "release one", "r2/index.html": "release two"})
        (server.dir / "current").symlink_to("r1")
        server.start()
        self.assertEqual(server.get("/").body, b"release one")

        (server.dir / "next").symlink_to("r2")
        (server.dir / "next").rename(server.dir / "current")

        wait_for(lambda: server.get("/").body == b"release two", what="the new release")

    def test_access_log_lines_are_escaped(self):
        server = self.serve("""
http { access_log %%DIR%%/logs/access.log;
       server { listen %%PORT%%; root %%DIR%%/www; } }""", files={"www/a.txt": "12345"})
        with server.connect() as connection:
            connection.get("/a.txt?q", {"User-Agent": 'bad"\xe9\\agent', "Referer": "r"})
        line = wait_for(server.access_log, what="an access line")

        self.assertTrue(re.match(
            r'^127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] '
            r'"GET /a\.txt\?q HTTP/1\.1" 200 5 "r" "bad\\x22(?:\\xC3)?\\x[EA]9\\x5Cagent"\n$', line), line)


if __name__ == "__main__":
    unittest.main()
