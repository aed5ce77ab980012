# SPDX-License-Identifier: BSD-2-Clause
"""add_header, add_trailer, how blocks inherit them, and expires with variables."""

import unittest

from support.client import Connection, build_request
from support.harness import Sluice, SluiceTest
from support.waiting import wait_for

CONF = r"""
http {
    access_log off;
    log_format sent "$sent_http_x_sent|$sent_trailer_t_sent|$sent_trailer_none";
    add_header X-Http "$request_method";
    add_trailer T-Http http;
    server {
        listen %%PORT%%;
        root %%DIR%%/www;

        location /inherited { return 200 text; }
        location /own { add_header X-Own own; return 200 text; }
        location /merge {
            add_header X-Own own;
            add_header_inherit merge;
            add_trailer T-Own own;
            add_trailer_inherit merge;
            location /merge/empty { return 200 text; }
            location /merge/more { add_header X-More more; return 200 text; }
            location /merge/on { add_header X-More more; add_header_inherit on; return 200 text; }
            return 200 text;
        }
        location /off { add_header_inherit off; add_trailer_inherit off; return 200 text;
            location /off/own { add_header X-Own own; return 200 text; }
        }
        location /status/ { add_header X-Good good; add_header X-Always always always;
            location /status/202 { return 202 x; }
            location /status/302 { return 302 /x; }
            location /status/303 { return 303 /x; }
            location /status/307 { return 307 /x; }
            location /status/308 { return 308 /x; }
            location /status/404 { return 404; }
        }
        location /unsafe { add_header X-Uri "$uri"; add_header X-Arg "a$arg_a";
                           add_trailer T-Uri "$uri"; return 200 text; }
        location /empty { add_header X-Empty "$arg_none"; add_trailer T-Empty "$arg_none"; return 200 ""; }
        location /file { add_trailer T-Status "$status"; add_trailer T-2 "2" always; }
        location /missing { add_trailer T-Good good; return 404 text; }
        location /always { add_trailer T-Always always always; return 404 text; }
        location /long { add_trailer T-Long "$args$args"; return 200 text; }
        location /plain { chunked_transfer_encoding off; return 200 text; }
        location /logged { access_log %%DIR%%/logs/sent.log sent; add_header X-Sent sent;
                           add_trailer T-Sent one; add_trailer T-Sent two; return 200 text; }
        location /expires { expires $arg_e; return 200 text; }
        location /modified { expires modified $arg_e; }
    }
}
"""


class Headers(SluiceTest):
    conf = CONF
    files = {"www/file.txt": "0123456789" * 2000, "www/file/empty.txt": "", "www/modified": "m"}

    def added(self, path, prefix="x-"):
        reply = self.server.get(path)
        return [name for name, _ in reply.headers if name.lower().startswith(prefix)]

    def raw(self, path, **options):
        with Connection(self.server.port) as client:
            client.send(build_request(path, {"Connection": "close"}, **options))
            return client.read_to_end().partition(b"\r\n\r\n")

    def test_a_block_without_fields_takes_the_outer_ones(self):
        self.assertEqual(self.added("/inherited"), ["X-Http"])
        self.assertEqual(self.added("/own"), ["X-Own"])

    def test_merge_puts_the_outer_fields_behind_the_own_ones(self):
        self.assertEqual(self.added("/merge"), ["X-Own", "X-Http"])
        self.assertEqual(self.added("/merge/empty"), ["X-Own", "X-Http"])
        self.assertEqual(self.added("/merge/more"), ["X-More", "X-Own", "X-Http"])
        self.assertEqual(self.added("/merge/on"), ["X-More"])

    def test_off_takes_nothing_from_outside(self):
        self.assertEqual(self.added("/off"), [])
        self.assertEqual(self.added("/off/own"), ["X-Own"])

    def test_only_listed_statuses_have_fields_without_always(self):
        for status in (302, 303, 307, 308):
            self.assertEqual(self.added(f"/status/{status}"), ["X-Good", "X-Always"], status)
        for status in (202, 404):
            self.assertEqual(self.added(f"/status/{status}"), ["X-Always"], status)

    def test_a_value_that_breaks_the_line_is_left_out_and_logged(self):
        reply = self.server.get("/unsafe/%0d%0aX-Evil:%201?a=1")
        self.assertEqual(reply.status, 200)
        self.assertEqual(self.added("/unsafe/%0d%0aX-Evil:%201?a=1"), ["X-Arg"])
        _, _, body = self.raw("/unsafe/%0aT-Evil:1")
        self.assertNotIn(b"T-Evil", body)
        wait_for(lambda: 'field "X-Uri" left out' in self.server.error_log() and
                 'field "T-Uri" left out' in self.server.error_log(), what="the log lines")

    def test_an_empty_value_is_no_field(self):
        self.assertEqual(self.added("/empty"), [])
        head, _, body = self.raw("/empty")
        self.assertIn(b"Transfer-Encoding: chunked", head)
        self.assertEqual(body, b"0\r\n\r\n")

    def test_trailers_stand_behind_a_chunked_body(self):
        head, _, body = self.raw("/merge")
        self.assertNotIn(b"Content-Length", head)
        self.assertEqual(body, b"4\r\ntext\r\n0\r\nT-Own: own\r\nT-Http: http\r\n\r\n")

    def test_files_have_trailers_too(self):
        _, _, body = self.raw("/file.txt")
        self.assertTrue(body.startswith(b"4e20\r\n0123456789"), body[:40])
        self.assertTrue(body.endswith(b"\r\n0\r\nT-Status: 200\r\nT-2: 2\r\n\r\n"), body[-80:])
        _, _, body = self.raw("/file/empty.txt")
        self.assertTrue(body.startswith(b"0\r\nT-Status: 200\r\n"), body)

    def test_no_trailers_where_they_cannot_be_framed(self):
        head, _, body = self.raw("/inherited", version="HTTP/1.0")
        self.assertIn(b"Content-Length: 4", head)
        self.assertEqual(body, b"text")
        head, _, body = self.raw("/plain")
        self.assertIn(b"Content-Length: 4", head)
        self.assertEqual(body, b"text")
        head, _, body = self.raw("/inherited", method="HEAD")
        self.assertIn(b"Content-Length: 4", head)
        self.assertEqual(body, b"")

    def test_the_status_decides_about_trailers_too(self):
        head, _, body = self.raw("/missing")
        self.assertIn(b"Content-Length", head)
        self.assertEqual(body, b"text")
        _, _, body = self.raw("/always")
        self.assertTrue(body.endswith(b"\r\n0\r\nT-Always: always\r\n\r\n"), body)

    def test_long_trailers_of_many_replies_come_whole(self):
        value = "x" * 6000
        with Connection(self.server.port) as client:
            client.send(build_request(f"/long?{value}") * 20)
            for _ in range(20):
                reply = client.read_head()
                self.assertEqual(reply.header("Transfer-Encoding"), "chunked")
                ending = f"4\r\ntext\r\n0\r\nT-Long: {value}{value}\r\n\r\n".encode()
                self.assertEqual(client.read_exactly(len(ending)), ending)

    def test_the_connection_goes_on_behind_trailers(self):
        with Connection(self.server.port) as client:
            for _ in range(3):
                self.assertEqual(client.get("/merge").text, "text")

    def test_logs_can_tell_what_was_sent(self):
        self.assertEqual(self.server.get("/logged").text, "text")
        log = self.server.dir / "logs/sent.log"
        wait_for(lambda: log.exists() and log.read_text() == "sent|one, two|-\n",
                 what="the log line")

    def test_expires_may_be_a_variable(self):
        for given, control in (("10m", "max-age=600"), ("-1s", "no-cache"), ("epoch", "no-cache"),
                               ("max", "max-age=315360000"), ("off", None), ("", None),
                               ("nonsense", None)):
            self.assertEqual(self.server.get(f"/expires?e={given}").header("cache-control"),
                             control, given)
        self.assertTrue(self.server.get("/modified?e=1d").header("expires"))


class Mistakes(SluiceTest):
    def refused(self, directive, message):
        server = Sluice("http { server { listen %%PORT%%; " + directive + " } }")
        self.addCleanup(server.cleanup)
        ran = server.run("-t")
        self.assertNotEqual(ran.returncode, 0, directive)
        self.assertIn(message, ran.stderr)

    def test_mistakes_are_refused(self):
        self.refused("add_header X y never;", 'invalid parameter "never"')
        self.refused("add_header Content-Length 1;", "Content-Length")
        self.refused("add_trailer Transfer-Encoding x;", "Transfer-Encoding")
        self.refused("add_header_inherit maybe;", 'invalid value "maybe"')
        self.refused("add_trailer X $nothing_such;", 'unknown "nothing_such" variable')
        self.refused("add_header_inherit on; add_header_inherit off;", "duplicate")


if __name__ == "__main__":
    unittest.main()
