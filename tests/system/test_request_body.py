# SPDX-License-Identifier: BSD-2-Clause
"""Request bodies that a location asks for: where they are kept, what is too much or too slow, and
when a client is told to go on."""

import os
import re
import stat
import unittest
from pathlib import Path

from support import processes
from support.harness import SluiceTest
from support.waiting import wait_for

CONF = """
http {
    log_format body '$status $request_length $request_body_size $request_body_file';
    access_log %%DIR%%/logs/access.log body;
    client_body_temp_path %%DIR%%/body 1 2;
    client_body_buffer_size 1k;
    client_body_read on;
    server {
        listen %%PORT%%;
        location / { return 200 "$request_body|$request_body_size|$request_body_file"; }
        location /file { client_body_in_file_only on; return 200 "$request_body_file"; }
        location /clean { client_body_in_file_only clean; return 200 "$request_body_file"; }
        location /small { client_max_body_size 10; return 200 "small"; }
        location /unread { client_body_read off; client_max_body_size 10; return 200 "unread"; }
        location /slow { client_body_timeout 200ms; return 200 "slow"; }
        location /rate {
            client_body_timeout 400ms;
            client_body_min_rate 1m;
            return 200 "rate";
        }
        location /reset {
            client_body_timeout 200ms;
            reset_timedout_connection on;
            return 200 "reset";
        }
        location /fallback {
            error_page 413 @large;
            client_max_body_size 10;
            return 200 "fits";
        }
        location @large { return 200 "large: $request_body"; }
        location /files/ { alias %%DIR%%/www/; }
    }
}
"""
FILES = {"www/full": b"f" * 8000}
POST = b"POST %s HTTP/1.1\r\nHost: h\r\n"


def post(path, body, more=b""):
    head = POST % path + b"Content-Length: %d\r\n" % len(body)
    return head + more + b"\r\n" + body


def chunked(path, *parts):
    chunks = b"".join(b"%x;a=b\r\n%s\r\n" % (len(part), part) for part in parts)
    return POST % path + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\nTrailer: x\r\n\r\n"


class RequestBody(SluiceTest):
    conf = CONF
    files = FILES

    def ask(self, *pieces):
        with self.server.connect() as connection:
            for piece in pieces:
                connection.send(piece)
            return connection.read_reply()

    def temp(self):
        return self.server.dir / "body"

    def open_bodies(self):
        """How many files under the temporary path a worker holds open."""
        [worker] = self.server.workers()
        return sum(str(self.temp()) in target for target in processes.fd_targets(worker))

    def test_a_body_in_memory_is_there_however_it_comes(self):
        for request in (post(b"/", b"hello"), chunked(b"/", b"he", b"l", b"lo")):
            self.assertEqual(self.ask(request).text, "hello|5|")
            for cut in range(1, len(request)):
                self.assertEqual(self.ask(request[:cut], request[cut:]).text, "hello|5|")

    def test_no_body_is_an_empty_one(self):
        with self.server.connect() as connection:
            self.assertEqual(connection.get("/").text, "||")
            self.assertEqual(connection.request(post(b"/", b"")).text, "||")
            self.assertEqual(connection.request(chunked(b"/")).text, "|0|")

    def test_a_body_of_the_buffers_size_stays_in_memory_and_one_byte_more_does_not(self):
        for make in (post, chunked):
            self.assertEqual(self.ask(make(b"/", b"x" * 1024)).text, "x" * 1024 + "|1024|")
            self.assertEqual(self.ask(make(b"/", b"x" * 1025)).text, "|1025|")

    def test_a_large_body_goes_to_a_file_without_a_name_that_does_not_stay(self):
        with self.server.connect() as connection:
            connection.send(POST % b"/" + b"Content-Length: 200000\r\n\r\n" + b"y" * 100_000)
            wait_for(lambda: self.open_bodies() == 1, what="the file to be opened")
            self.assertEqual([p for p in self.temp().rglob("*") if p.is_file()], [])
            connection.send(b"y" * 100_000)
            self.assertEqual(connection.read_reply().text, "|200000|")
            self.assertEqual(connection.request(post(b"/", b"next")).text, "next|4|")
        wait_for(lambda: self.open_bodies() == 0, what="the file to be closed")

    def test_requests_behind_a_body_are_found(self):
        for body in (b"hello", b"z" * 5000):
            for first in (post(b"/", body), chunked(b"/", body[:3], body[3:])):
                with self.server.connect() as connection:
                    connection.send(first + post(b"/", b"second"))
                    self.assertEqual(connection.read_reply().status, 200)
                    self.assertEqual(connection.read_reply().text, "second|6|")

    def test_in_file_only_keeps_or_cleans_the_file(self):
        body = os.urandom(3000)
        for sent in (b"tiny", body):
            for make in (post, chunked):
                kept = Path(self.ask(make(b"/file", sent)).text)
                self.assertEqual(kept.read_bytes(), sent)
                self.assertEqual(stat.S_IMODE(kept.stat().st_mode), 0o600)
                digits = kept.name
                self.assertEqual(kept.parent, self.temp() / digits[-1] / digits[-3:-1])
                cleaned = Path(self.ask(make(b"/clean", sent)).text)
                self.assertEqual(cleaned.parent.parent.parent, self.temp())
                wait_for(lambda path=cleaned: not path.exists(), what="the file to go")

    def test_too_large_a_body_is_413_and_ends_the_connection(self):
        for path in (b"/small", b"/unread"):
            for request in (post(path, b"x" * 11), chunked(path, b"x" * 6, b"x" * 5)):
                with self.server.connect() as connection:
                    reply = connection.request(request)
                    self.assertEqual(reply.status, 413)
                    self.assertFalse(reply.keeps_alive())

    def test_a_page_for_413_does_not_read_the_body_after_all(self):
        for request in (post(b"/fallback", b"x" * 11), chunked(b"/fallback", b"x" * 11)):
            self.assertEqual(self.ask(request).text, "large: ")

    def test_continue_is_sent_to_who_waits_and_only_for_a_body_that_is_wanted(self):
        expect = b"Expect: 100-continue\r\n"
        with self.server.connect() as connection:
            connection.send(POST % b"/" + expect + b"Content-Length: 5\r\n\r\n")
            self.assertEqual(connection.read_head().status, 100)
            connection.send(b"hello")
            self.assertEqual(connection.read_reply().text, "hello|5|")
            # One that does not wait is not told either.
            self.assertEqual(connection.request(post(b"/", b"hello", expect)).status, 200)
        for path, length, status in ((b"/unread", 5, 200), (b"/unread", 11, 413), (b"/small", 11, 413)):
            with self.server.connect() as connection:
                connection.send(POST % path + expect + b"Content-Length: %d\r\n\r\n" % length)
                reply = connection.read_reply()
                self.assertEqual((reply.status, reply.keeps_alive()), (status, False))

    def test_continue_is_sent_where_earlier_replies_fill_the_buffer(self):
        outbox = 65536
        with self.server.connect() as connection:
            get = b"GET /files/%s HTTP/1.1\r\nHost: h\r\n\r\n"
            head_size = len(connection.request(get % b"full").raw_head) + 4
            rest = outbox - 7 * (head_size + len(FILES["www/full"]))
            self.server.write("www/rest", b"r" * (rest - head_size - 10))
            connection.send(get % b"full" * 7 + get % b"rest" + POST % b"/" +
                            b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n")
            for _ in range(8):
                self.assertEqual(connection.read_reply().status, 200)
            self.assertEqual(connection.read_head().status, 100)
            connection.send(b"hello")
            self.assertEqual(connection.read_reply().text, "hello|5|")

    def test_a_client_that_pauses_too_long_gets_408(self):
        for path in (b"/slow", b"/rate"):
            with self.server.connect() as connection:
                connection.send(POST % path + b"Content-Length: 100\r\n\r\nx")
                reply = connection.read_reply()
                self.assertEqual((reply.status, reply.keeps_alive()), (408, False))
        with self.server.connect() as connection:
            connection.send(POST % b"/reset" + b"Content-Length: 100\r\n\r\nx")
            with self.assertRaises(ConnectionResetError):
                connection.read_reply()
        self.server.wait_accessed("408 ", times=3)

    def test_a_malformed_body_is_400(self):
        with self.server.connect() as connection:
            reply = connection.request(POST % b"/" + b"Transfer-Encoding: chunked\r\n\r\n5\nhello")
            self.assertEqual((reply.status, reply.keeps_alive()), (400, False))

    def test_a_client_that_leaves_is_logged_as_400(self):
        with self.server.connect() as connection:
            connection.send(POST % b"/left" + b"Content-Length: 100\r\n\r\nabc")
        self.server.wait_accessed(re.compile("(?m)^400 "))

    def test_the_whole_request_is_counted(self):
        request = post(b"/", b"x" * 2000)
        self.ask(request)
        line = f"200 {len(request)} 2000 "
        self.server.wait_accessed(line)


class TroubleWithFiles(SluiceTest):
    def test_a_directory_that_cannot_be_made_refuses_the_configuration(self):
        server = self.serve("http { client_body_temp_path %%DIR%%/file/below; server { listen %%PORT%%; } }",
                            files={"file": "in the way"}, start=False)
        run = server.run("-t")
        self.assertNotEqual(run.returncode, 0)
        self.assertIn(f'mkdir() "{server.dir}/file/below" failed (20: Not a directory)', run.stderr)

    def test_a_body_that_cannot_be_kept_is_500_and_logged_once(self):
        server = self.serve(CONF)
        os.rename(server.dir / "body", server.dir / "gone")
        for _ in range(3):
            with server.connect() as connection:
                self.assertEqual(connection.request(post(b"/", b"x" * 2000)).status, 500)
                self.assertTrue(connection.is_closed_by_peer())
            self.assertEqual(server.get("/").status, 200)
        server.wait_logged("a request body cannot be kept")
        server.stop()
        self.assertEqual(server.error_log().count("[crit]"), 1)


if __name__ == "__main__":
    unittest.main()
