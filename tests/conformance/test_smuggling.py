# SPDX-License-Identifier: BSD-2-Clause
"""Requests that two servers could read differently, and requests at the edge of what fits: a table
of bytes and of what they must be answered. Each is sent whole and then in two pieces; a marker
request behind a refused one must never be served."""

import unittest

from support.harness import SluiceTest

LINE = 2048  # of the small port: client_header_buffer_size and large_client_header_buffers
CONF = f"""
http {{
    access_log off;
    server {{
        listen %%PORT%%;
        location / {{ return 200 "front"; }}
        location = /marker {{ return 200 "MARKER"; }}
        location /silent {{ return 444; }}
        location /body {{ client_body_read on; return 200 $request_body; }}
    }}
    server {{
        listen %%PORT2%%;
        client_header_buffer_size 1k;
        large_client_header_buffers 4 2k;
        location / {{ return 200 "front"; }}
        location = /marker {{ return 200 "MARKER"; }}
    }}
}}
"""
GET = b"GET / HTTP/1.1\r\nHost: h\r\n"
POST = b"POST / HTTP/1.1\r\nHost: h\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
MARKER = b"GET /marker HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"

# name, request, statuses in order. After a refusal nothing may follow: MARKER is sent behind each.
REFUSED = [
    ("length and coding", POST + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("coding and length", POST + b"Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n", 400),
    ("coding twice", POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("coding twice, one unknown", POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n", 400),
    ("coding list", POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    ("coding chunked twice in a list", POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 501),
    ("coding identity", POST + b"Transfer-Encoding: identity\r\n\r\n", 501),
    ("coding with vertical tab", POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 400),
    ("coding quoted", POST + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n', 501),
    ("coding empty", POST + b"Transfer-Encoding:\r\n\r\n0\r\n\r\n", 501),
    ("coding with parameter", POST + b"Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n", 501),
    ("coding in 1.0", b"POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("folded line", GET + b"X: a\r\n b\r\n\r\n", 400),
    ("folded coding", POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400),
    ("folded with tab", GET + b"X: a\r\n\tb\r\n\r\n", 400),
    ("white space before first field", b"GET / HTTP/1.1\r\n Host: h\r\n\r\n", 400),
    ("bare CR in value", GET + b"X: a\rY: b\r\n\r\n", 400),
    ("bare CR in name", GET + b"X\rY: b\r\n\r\n", 400),
    ("bare CR in target", b"GET /a\rb HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ("bare CR after version", b"GET / HTTP/1.1\rHost: h\r\n\r\n", 400),
    ("CR CR LF", GET + b"X: a\r\r\n\r\n", 400),
    ("lines ended by LF", b"GET / HTTP/1.1\nHost: h\n\n", 400),
    ("request line ended by LF", b"GET / HTTP/1.1\nHost: h\r\n\r\n", 400),
    ("field line ended by LF", GET + b"X: a\nY: b\r\n\r\n", 400),
    ("head ended by LF", GET + b"\n", 400),
    ("empty LF line in front", b"\n" + GET + b"\r\n", 400),
    ("NUL in value", GET + b"X: a\x00b\r\n\r\n", 400),
    ("NUL in name", GET + b"X\x00: a\r\n\r\n", 400),
    ("NUL in target", b"GET /\x00 HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ("encoded NUL in target", b"GET /%00 HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ("NUL in method", b"GE\x00T / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ("space before colon", POST + b"Content-Length : 5\r\n\r\nhello", 400),
    ("tab before colon", POST + b"Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n", 400),
    ("no colon", GET + b"X\r\n\r\n", 400),
    ("empty name", GET + b": x\r\n\r\n", 400),
    ("name with byte over 127", GET + b"X\xff: a\r\n\r\n", 400),
    ("Host twice", GET + b"Host: h\r\n\r\n", 400),
    ("Host twice, other case", GET + b"hOST: other\r\n\r\n", 400),
    ("no Host in 1.1", b"GET / HTTP/1.1\r\n\r\n", 400),
    ("empty Host", b"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),  # as nginx: no such authority here
    ("Host with slash", b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    ("Host with user", b"GET http://u@h/ HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    ("length twice, equal", POST + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n", 400),
    ("length twice, different", POST + b"Content-Length: 0\r\nContent-Length: 5\r\n\r\nhello", 400),
    ("length list", POST + b"Content-Length: 5, 5\r\n\r\nhello", 400),
    ("length with sign", POST + b"Content-Length: +5\r\n\r\nhello", 400),
    ("negative length", POST + b"Content-Length: -1\r\n\r\n", 400),
    ("hexadecimal length", POST + b"Content-Length: 0x5\r\n\r\nhello", 400),
    ("length with spaces", POST + b"Content-Length: 5 5\r\n\r\nhello", 400),
    ("empty length", POST + b"Content-Length:\r\n\r\n", 400),
    ("length over 64 bit", POST + b"Content-Length: 18446744073709551621\r\n\r\nhello", 400),
    ("length over 63 bit", POST + b"Content-Length: 9223372036854775808\r\n\r\n", 400),
    ("length with underscore", POST + b"Content-Length: 1_0\r\n\r\n", 400),
    ("chunk size no digit", CHUNKED + b"x\r\n", 400),
    ("chunk size empty", CHUNKED + b"\r\nhello", 400),
    ("chunk size 0x", CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n", 400),
    ("chunk size negative", CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n", 400),
    ("chunk size plus", CHUNKED + b"+5\r\nhello\r\n0\r\n\r\n", 400),
    ("chunk size underscore", CHUNKED + b"6_0\r\n", 400),
    ("chunk size space in front", CHUNKED + b" 5\r\nhello\r\n0\r\n\r\n", 400),
    ("chunk size space behind", CHUNKED + b"5 \r\nhello\r\n0\r\n\r\n", 400),
    ("chunk size over 64 bit", CHUNKED + b"10000000000000005\r\nhello\r\n0\r\n\r\n", 400),
    ("chunk size all ones", CHUNKED + b"ffffffffffffffff1\r\n", 400),
    ("chunk too long", CHUNKED + b"5\r\nhelloX\r\n0\r\n\r\n", 400),
    ("chunk too short", CHUNKED + b"5\r\nhell\r\n0\r\n\r\n", 400),
    ("chunk ended by LF", CHUNKED + b"5\r\nhello\n0\r\n\r\n", 400),
    ("chunk size ended by LF", CHUNKED + b"5\nhello\r\n0\r\n\r\n", 400),
    ("chunk size ended by CR", CHUNKED + b"5\rhello\r\n0\r\n\r\n", 400),
    ("chunk extension with CR", CHUNKED + b"5;a\rb\r\nhello\r\n0\r\n\r\n", 400),
    ("chunk extension with LF", CHUNKED + b"5;a\nhello\r\n0\r\n\r\n", 400),
    ("chunk extension with NUL", CHUNKED + b"5;a\x00\r\nhello\r\n0\r\n\r\n", 400),
    ("trailer with space before colon", CHUNKED + b"0\r\nX : a\r\n\r\n", 400),
    ("trailer with bare CR", CHUNKED + b"0\r\nX: a\rb\r\n\r\n", 400),
    ("trailer with NUL", CHUNKED + b"0\r\nX: a\x00\r\n\r\n", 400),
    ("unfinished request line", b"GET\r\nHost: h\r\n\r\n", 400),
    ("HTTP/0.9 with POST", b"POST /\r\n\r\n", 400),
    ("two spaces", b"GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ("two spaces before version", b"GET /  HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ("space behind version", b"GET / HTTP/1.1 \r\nHost: h\r\n\r\n", 400),
    ("tab for space", b"GET\t/\tHTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ("space in target", b"GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ("space in front", b" GET / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ("lower case version", b"GET / http/1.1\r\nHost: h\r\n\r\n", 400),
    ("version with two digits", b"GET / HTTP/1.10\r\nHost: h\r\n\r\n", 400),
    ("version 01.1", b"GET / HTTP/01.1\r\nHost: h\r\n\r\n", 400),
    ("version 2.0", b"GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505),
    ("version 3.1", b"GET / HTTP/3.1\r\nHost: h\r\n\r\n", 505),
    ("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ("method with colon", b"GET: / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ("method with bracket", b"G(ET / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ("TLS on a plain port", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    ("target without slash", b"GET marker HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ("target with fragment only", b"GET #a HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ("target above the root", b"GET /../a HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ("target above the root, encoded", b"GET /%2e%2e/a HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ("broken escape", b"GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ("cut escape", b"GET /%4 HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ("asterisk with GET", b"GET * HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ("absolute without host", b"GET http:/// HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ("absolute with bad host", b"GET http://a\x7f/ HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ("CONNECT", b"CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n", 405),
    ("TRACE", b"TRACE / HTTP/1.1\r\nHost: h\r\n\r\n", 405),
]

# name, request, statuses of the replies; then MARKER is answered on the same connection.
SERVED = [
    ("plain", GET + b"\r\n", [200]),
    ("empty lines in front", b"\r\n\r\n" + GET + b"\r\n", [200]),
    ("counted body", POST + b"Content-Length: 5\r\n\r\nhello", [200]),
    ("length with zeros", POST + b"Content-Length: 0005\r\n\r\nhello", [200]),
    ("length with white space around", POST + b"Content-Length: \t5 \t\r\n\r\nhello", [200]),
    ("body that looks like a request", POST + b"Content-Length: 27\r\n\r\nGET /marker HTTP/1.1\r\n\r\nabc", [200]),
    ("length on GET", GET + b"Content-Length: 5\r\n\r\nhello", [200]),
    ("chunked on GET", GET + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", [200]),
    ("chunked, other case", POST + b"tRANSFER-eNCODING: Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", [200]),
    ("chunk size with zeros", CHUNKED + b"0005\r\nhello\r\n000\r\n\r\n", [200]),
    ("chunk extensions", CHUNKED + b"5;a;b=c\r\nhello\r\n0;z\r\n\r\n", [200]),
    ("trailers", CHUNKED + b"5\r\nhello\r\n0\r\nX: y\r\nContent-Length: 99\r\n\r\n", [200]),
    ("upper case chunk size", CHUNKED + b"A\r\n0123456789\r\n0\r\n\r\n", [200]),
    ("two requests", GET + b"\r\n" + POST + b"Content-Length: 2\r\n\r\nab", [200, 200]),
    ("absolute target", b"GET http://h/ HTTP/1.1\r\nHost: h\r\n\r\n", [200]),
    ("absolute target, other Host", b"GET http://h/ HTTP/1.1\r\nHost: other\r\n\r\n", [200]),
    ("absolute target without path", b"GET http://h HTTP/1.1\r\nHost: h\r\n\r\n", [200]),
    ("absolute target with port and query", b"GET HTTP://h:8080?x=1 HTTP/1.1\r\nHost: h\r\n\r\n", [200]),
    ("absolute target, https", b"GET https://h/ HTTP/1.1\r\nHost: h\r\n\r\n", [200]),
    ("Host with port", b"GET / HTTP/1.1\r\nHost: h:80\r\n\r\n", [200]),
    ("Host of IPv6", b"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", [200]),
    ("unknown method", b"BREW / HTTP/1.1\r\nHost: h\r\n\r\n", [200]),
    ("method in lower case", b"get / HTTP/1.1\r\nHost: h\r\n\r\n", [200]),
    ("version 1.9", b"GET / HTTP/1.9\r\nHost: h\r\n\r\n", [200]),
    ("value with bytes over 127", GET + b"X: \xc3\x9f\xff\r\n\r\n", [200]),
    ("value with tab", GET + b"X: a\tb\r\n\r\n", [200]),
    ("empty value", GET + b"X:\r\n\r\n", [200]),
    ("name of odd token characters", GET + b"X!#$%&'*+.^`|~: a\r\n\r\n", [200]),
    ("underscore name is another name", GET + b"Content_Length: 5\r\n\r\n", [200]),
    ("length in a query", b"GET /?Content-Length:5 HTTP/1.1\r\nHost: h\r\n\r\n", [200]),
    ("expect with body at once", POST + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello", [200]),
    ("expect of another thing", GET + b"Expect: a-miracle\r\n\r\n", [200]),
    ("upgrade that is not offered", GET + b"Connection: upgrade\r\nUpgrade: h2c\r\n\r\n", [200]),
]


def of_size(before, after, size):
    """`before` + filling + `after`, `size` bytes in all."""
    return before + b"a" * (size - len(before) - len(after)) + after


def line_of(size):
    """A whole request whose request line has `size` bytes, line end included."""
    return of_size(b"GET /", b" HTTP/1.1\r\n", size) + b"Host: h\r\n\r\n"


def field_of(size):
    return GET + of_size(b"X: ", b"\r\n", size) + b"\r\n"


def head_of(size):
    return of_size(GET + b"Y: " + b"b" * 2040 + b"\r\nX: ", b"\r\n\r\n", size)


# On the port with small buffers: a line of exactly the buffer's size is served, one byte more is not.
EDGES = [
    ("line of the first buffer's size", line_of(1024), [200]),
    ("line one byte over the first buffer", line_of(1025), [200]),
    ("line of the large buffer's size", line_of(LINE), [200]),
    ("line one byte less", line_of(LINE - 1), [200]),
    ("field of the buffer's size", field_of(LINE), [200]),
    ("field across the page's end", GET + of_size(b"X: ", b"\r\n", 1500) * 2 + b"\r\n", [200]),
    ("head of exactly one page", head_of(4096), [200]),
    ("head one byte over a page", head_of(4097), [200]),
]
TOO_LONG = [
    ("line one byte over", line_of(LINE + 1), 414),
    ("line without end", b"GET /" + b"a" * LINE, 414),
    ("field one byte over", field_of(LINE + 1), 400),
    ("field without end", GET + b"X: " + b"a" * LINE, 400),
    ("more fields than all buffers hold", GET + (b"X: " + b"a" * 1000 + b"\r\n") * 10 + b"\r\n", 400),
]


class Smuggling(SluiceTest):
    conf = CONF

    def statuses(self, data, cut=None, port=None):
        """Sends `data` whole, or in two pieces, and gives the statuses until the server closes."""
        found, marked = [], False
        with self.server.connect(port) as connection:
            try:
                if cut is None:
                    connection.send(data)
                else:
                    connection.send(data[:cut])
                    connection.send(data[cut:])
            except OSError:
                pass  # refused before all was sent
            rest = connection.read_rest()
        while rest:
            head, _, rest = rest.partition(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 "):
                self.fail(f"not a reply: {head[:200]!r}")
            status = int(head[9:12])
            if status == 100:
                continue
            found.append(status)
            size = next(int(line.split(b":")[1]) for line in head.split(b"\r\n")
                        if line.lower().startswith(b"content-length:"))
            marked = marked or rest[:size] == b"MARKER"
            rest = rest[size:]
        return found, marked

    def judge(self, table, port_index, expectation):
        port = self.server.port_number(port_index)
        workers = self.server.workers()
        for name, request, wanted in table:
            data = request + MARKER
            for cut in (None, len(request) // 2, len(request) - 1):
                with self.subTest(name, cut=cut):
                    expectation(self.statuses(data, cut, port), wanted)
        self.assertEqual(self.server.workers(), workers, "a worker died")

    def assert_refused(self, got, status):
        self.assertEqual(got, ([status], False))

    def assert_served(self, got, wanted):
        self.assertEqual(got, (wanted + [200], True))

    def test_ambiguous_requests_are_refused(self):
        self.judge(REFUSED, 1, self.assert_refused)

    def test_sound_requests_are_served_and_the_next_is_found(self):
        self.judge(SERVED, 1, self.assert_served)

    def test_what_just_fits_is_served(self):
        self.judge(EDGES, 2, self.assert_served)

    def test_what_does_not_fit_is_refused(self):
        self.judge(TOO_LONG, 2, self.assert_refused)

    def test_under_compat_lf_ends_lines_of_a_head(self):
        server = self.serve("compat nginx;\n" + CONF)
        for name, request in (("all", b"GET / HTTP/1.1\nHost: h\n\n"), ("one", GET + b"X: a\n\r\n"),
                              ("in front", b"\n" + GET + b"\r\n")):
            with self.subTest(name):
                self.assert_served(self.statuses(request + MARKER, None, server.port), [200])
        chunk = CHUNKED + b"5\nhello\r\n0\r\n\r\n"
        self.assert_refused(self.statuses(chunk + MARKER, None, server.port), 400)

    def test_a_body_that_is_never_sent_swallows_what_follows(self):
        for name, head in (("huge length", b"Content-Length: 1000000\r\n\r\n"),
                           ("huge chunk", b"Transfer-Encoding: chunked\r\n\r\nfffff\r\n")):
            with self.subTest(name), self.server.connect() as connection:
                connection.send(POST + head + MARKER)
                connection.sock.shutdown(1)
                self.assertNotIn(b"MARKER", connection.read_rest())

    def test_a_body_over_the_limit_is_413_at_once(self):
        for name, head in (("length", b"Content-Length: 9223372036854775807\r\n\r\n"),
                           ("chunk", b"Transfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\n" + b"a" * 1_200_000)):
            with self.subTest(name):
                self.assertEqual(self.statuses(POST + head), ([413], False))

    def test_expect_is_answered_before_the_body(self):
        with self.server.connect() as connection:
            connection.send(b"POST /body HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
            self.assertEqual(connection.read_head().status, 100)
            connection.send(b"hello")
            self.assertEqual(connection.read_reply().text, "hello")
        with self.server.connect() as connection:  # not wanted: what follows may be body or request
            connection.send(POST + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n")
            reply = connection.read_reply()
            self.assertEqual((reply.status, reply.keeps_alive()), (200, False))
            connection.send(MARKER)
            self.assertNotIn(b"MARKER", connection.read_rest())

    def test_http_09_gets_the_body_alone(self):
        with self.server.connect() as connection:
            connection.send(b"GET /marker\r\n")
            self.assertEqual(connection.read_rest(), b"MARKER")

    def test_444_closes_without_an_answer(self):
        with self.server.connect() as connection:
            connection.send(b"GET /silent HTTP/1.1\r\nHost: h\r\n\r\n")
            self.assertEqual(connection.read_rest(), b"")


if __name__ == "__main__":
    unittest.main()
