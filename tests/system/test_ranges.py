# SPDX-License-Identifier: BSD-2-Clause
"""Several ranges in one reply, max_ranges, and what If-Range makes of them."""

import hashlib
import re

from support.harness import SluiceTest

CONF = """
http {
    access_log off;
    default_type application/octet-stream;
    types { text/plain txt; }
    server {
        listen %%PORT%%;
        root %%DIR%%/www;
        location /typeless/ { default_type ""; }
        location /two/ { max_ranges 2; }
        location /none/ { max_ranges 0; }
        location /paged/ { error_page 416 /page.txt; }
        location /inner/ { max_ranges 5; location /inner/none/ { max_ranges 0; } }
    }
}
"""
DIGITS = b"0123456789"
BIG = hashlib.shake_128(b"ranges").digest(3 * 1024 * 1024 + 11)
PLACES = ("two", "none", "paged", "inner", "inner/none", "typeless")


def parts_of(reply):
    """[(content range, type, bytes)] of a multipart/byteranges reply, taken apart strictly."""
    boundary = re.fullmatch(r"multipart/byteranges; boundary=(\d{20})",
                            reply.header("Content-Type")).group(1).encode()
    head = re.compile(rb"\r\n--" + boundary + rb"\r\n(?:Content-Type: ([^\r]*)\r\n)?"
                      rb"Content-Range: bytes (\d+)-(\d+)/(\d+)\r\n\r\n")
    parts, at, body = [], 0, reply.body
    while True:
        match = head.match(body, at)
        if match is None:
            break
        first, last = int(match[2]), int(match[3])
        at = match.end() + last - first + 1
        parts.append((f"{first}-{last}/{match[4].decode()}", match[1], body[match.end():at]))
    if body[at:] != b"\r\n--" + boundary + b"--\r\n":
        raise AssertionError(f"the end is {body[at:at + 60]!r}")
    return parts


class MultipleRanges(SluiceTest):
    conf = CONF
    files = {"www/digits.txt": DIGITS, "www/big.bin": BIG, "www/page.txt": "our page",
             "www/empty.txt": b"", **{f"www/{place}/digits.txt": DIGITS for place in PLACES}}

    def range(self, value, path="/digits.txt", **headers):
        return self.server.get(path, {"Range": value, **headers})

    def check_parts(self, content, ranges, path):
        value = ",".join(f"{first}-{last}" for first, last in ranges)
        reply = self.range(f"bytes={value}", path)
        self.assertEqual(reply.status, 206)
        self.assertEqual([part[2] for part in parts_of(reply)],
                         [content[first:last + 1] for first, last in ranges])

    def test_first_and_last_byte(self):
        reply = self.range("bytes=0-0,-1")

        self.assertEqual(reply.status, 206)
        self.assertEqual(parts_of(reply), [("0-0/10", b"text/plain", b"0"),
                                           ("9-9/10", b"text/plain", b"9")])
        self.assertEqual(reply.header("Content-Length"), str(len(reply.body)))
        self.assertIsNone(reply.header("Content-Range"))
        self.assertEqual(len(reply.all("Content-Type")), 1)
        self.assertTrue(reply.header("ETag") and reply.header("Last-Modified"))

    def test_order_of_the_request_is_kept(self):
        parts = parts_of(self.range("bytes=7-8, 0-1 ,5-5"))

        self.assertEqual([part[2] for part in parts], [b"78", b"01", b"5"])

    def test_ranges_past_the_end_are_left_out(self):
        self.assertEqual([part[0] for part in parts_of(self.range("bytes=0-0,100-,9-20"))],
                         ["0-0/10", "9-9/10"])
        one = self.range("bytes=100-200,4-5")
        self.assertEqual((one.status, one.body, one.header("Content-Range")),
                         (206, b"45", "bytes 4-5/10"))

    def test_ranges_larger_than_the_file_give_the_file(self):
        for value in ("bytes=0-9,0-0", "bytes=0-,-1", "bytes=1-6,4-9", "bytes=-10,-10"):
            with self.subTest(value):
                reply = self.range(value)
                self.assertEqual((reply.status, reply.body), (200, DIGITS))
                self.assertEqual(reply.header("Accept-Ranges"), "bytes")

    def test_overlap_within_the_size_is_given_as_asked(self):
        self.assertEqual([part[2] for part in parts_of(self.range("bytes=0-4,3-7"))],
                         [b"01234", b"34567"])

    def test_nonsense_is_416(self):
        for value in ("bytes=0-0,x", "bytes=0-0,", "bytes=,", "bytes=0-0 1-1", "bytes=20-,30-"):
            with self.subTest(value):
                reply = self.range(value)
                self.assertEqual(reply.status, 416)
                self.assertEqual(reply.header("Content-Range"), "bytes */10")

    def test_416_may_have_a_page_of_its_own(self):
        reply = self.range("bytes=50-", "/paged/digits.txt")

        self.assertEqual((reply.status, reply.body), (416, b"our page"))
        self.assertEqual(reply.header("Content-Range"), "bytes */10")

    def test_large_file(self):
        size = len(BIG)
        self.check_parts(BIG, [(0, 0), (size - 1, size - 1)], "/big.bin")
        self.check_parts(BIG, [(5, 99_999), (1_000_000, 2_500_000), (3, 3)], "/big.bin")
        self.check_parts(BIG, [(start, start + 16383) for start in range(0, 1_600_000, 32768)],
                         "/big.bin")

    def test_a_thousand_ranges(self):
        self.check_parts(BIG, [(at * 2, at * 2) for at in range(450)], "/big.bin")

    def test_connection_goes_on_behind_parts(self):
        with self.server.connect() as connection:
            for path, content in (("/digits.txt", DIGITS), ("/big.bin", BIG)) * 3:
                reply = connection.get(path, {"Range": "bytes=1-2,4-5"})
                self.assertEqual([part[2] for part in parts_of(reply)],
                                 [content[1:3], content[4:6]])
                self.assertEqual(connection.get("/digits.txt").body, DIGITS)

    def test_boundaries_differ(self):
        with self.server.connect() as connection:
            seen = {connection.get("/digits.txt", {"Range": "bytes=0-0,-1"}).header("Content-Type")
                    for _ in range(20)}

        self.assertEqual(len(seen), 20)

    def test_head_tells_what_get_would_send(self):
        get = self.range("bytes=0-0,-1")
        head = self.server.get("/digits.txt", {"Range": "bytes=0-0,-1"}, method="HEAD")

        self.assertEqual((head.status, head.body), (206, b""))
        self.assertEqual(head.header("Content-Length"), get.header("Content-Length"))

    def test_part_without_a_type(self):
        reply = self.range("bytes=0-0,-1", "/typeless/digits")
        self.assertEqual(reply.status, 404)
        (self.server.dir / "www/typeless/digits").write_bytes(DIGITS)

        reply = self.range("bytes=0-0,-1", "/typeless/digits")

        self.assertEqual([part[1] for part in parts_of(reply)], [None, None])

    def test_max_ranges(self):
        two = self.range("bytes=0-0,2-2", "/two/digits.txt")
        three = self.range("bytes=0-0,2-2,4-4", "/two/digits.txt")
        far = self.range("bytes=0-0,2-2,400-500", "/two/digits.txt")

        self.assertEqual((two.status, three.status, far.status), (206, 200, 206))

    def test_max_ranges_0_turns_ranges_off(self):
        for path in ("/none/digits.txt", "/inner/none/digits.txt"):
            reply = self.range("bytes=0-0", path)
            self.assertEqual((reply.status, reply.body), (200, DIGITS))
            self.assertIsNone(reply.header("Accept-Ranges"))

    def test_if_range_holds_for_all_parts(self):
        whole = self.server.get("/digits.txt")
        etag = whole.header("ETag")
        for validator, status in ((etag, 206), ("W/" + etag, 200), ('"other"', 200), (etag[:-1], 200),
                                  (whole.header("Last-Modified"), 206), ("soon", 200), ("", 200),
                                  ("Thu, 01 Jan 1970 00:00:01 GMT", 200),
                                  ("Fri, 01 Jan 2038 00:00:01 GMT", 200)):
            with self.subTest(validator):
                reply = self.range("bytes=0-0,-1", **{"If-Range": validator})
                self.assertEqual(reply.status, status)

    def test_conditions_come_before_ranges(self):
        etag = self.server.get("/digits.txt").header("ETag")
        value = "bytes=0-0,-1"

        self.assertEqual(self.range(value, **{"If-None-Match": etag}).status, 304)
        self.assertEqual(self.range(value, **{"If-Match": '"x"'}).status, 412)
        self.assertEqual(self.range(value, **{"If-Match": etag}).status, 206)

    def test_only_get_and_head_have_ranges(self):
        self.assertEqual(self.server.get("/digits.txt", {"Range": "bytes=0-0"}, method="POST").status, 405)

    def test_http_10_has_ranges(self):
        reply = self.server.get("/digits.txt", {"Range": "bytes=0-0,-1"}, version="HTTP/1.0")

        self.assertEqual(len(parts_of(reply)), 2)

    def test_file_cut_between_parts_ends_short(self):
        first = 24_000_000  # more than sockets hold: the cut comes while this part is on its way
        path = self.server.dir / "www/cut.bin"
        with open(path, "wb") as file:
            file.truncate(2 * first)
        with self.server.connect() as connection:
            connection.send(f"GET /cut.bin HTTP/1.1\r\nHost: a\r\n"
                            f"Range: bytes=0-{first - 1},{first + 1000}-{first + 2000}\r\n\r\n".encode())
            head = connection.read_head()
            with open(path, "r+b") as file:
                file.truncate(first + 500)
            rest = connection.read_to_end()

        self.assertEqual(head.status, 206)
        self.assertLess(len(rest), int(head.header("Content-Length")))
        self.assertGreater(len(rest), first)
