# SPDX-License-Identifier: BSD-2-Clause
"""Files that change while they are remembered or sent: what is sent is one version of the file or
ends short; it never hangs, never pads, never kills the worker. And inotify makes changes visible."""

import os
import socket
import unittest
from signal import SIGCONT

from support import processes
from support.client import Closed
from support.harness import SluiceTest
from support.waiting import wait_for

SIZE = 40 << 20
CONF = """
http {
    open_file_cache max=1000 inactive=1h;
    open_file_cache_valid 1h;
    server {
        listen 127.0.0.1:%%PORT%%;
        root %%DIR%%/www;
        location /blocking/ { alias %%DIR%%/www/; aio off; }
        location /direct/ { alias %%DIR%%/www/; directio 1m; }
        location /blind/ { alias %%DIR%%/blind/; open_file_cache_events off; }
        location /short/ { alias %%DIR%%/www/; open_file_cache_events off; open_file_cache_valid 1s; }
    }
}
"""


class Watched(SluiceTest):
    """Changes are visible at once, although trust lasts an hour."""

    conf = CONF

    def put(self, name, text):
        self.server.write(f"www/{name}", text)

    def becomes(self, path, text):
        wait_for(lambda: self.server.get(path).text == text, what=f"{path} to become {text!r}")

    def test_modified_replaced_deleted(self):
        self.put("f", "one")
        self.assertEqual(self.server.get("/f").text, "one")
        self.put("f", "two, in place")
        self.becomes("/f", "two, in place")
        self.put("f.new", "three")
        os.rename(self.server.dir / "www/f.new", self.server.dir / "www/f")
        self.becomes("/f", "three")
        os.unlink(self.server.dir / "www/f")
        wait_for(lambda: self.server.get("/f").status == 404, what="404")

    def point(self, name, target):
        """Makes the link `name` lead to `target` in one step, whether it was there or not."""
        fresh = self.server.dir / "www" / (name + ".new")
        os.symlink(target, fresh)
        os.rename(fresh, self.server.dir / "www" / name)

    def test_link_swapped(self):
        self.put("l1", "one")
        self.put("l2", "two")
        self.point("link", "l1")
        self.assertEqual(self.server.get("/link").text, "one")
        self.point("link", "l2")
        self.becomes("/link", "two")

    def test_ancestor_swapped_is_seen_after_the_trust(self):
        self.put("v1/sub/f", "one")
        self.put("v2/sub/f", "two")
        self.point("current", "v1")
        self.assertEqual(self.server.get("/short/current/sub/f").text, "one")
        self.point("current", "v2")
        self.becomes("/short/current/sub/f", "two")

    def test_without_events_the_trust_holds(self):
        self.server.write("blind/b", "one")
        self.assertEqual(self.server.get("/blind/b").text, "one")
        self.put("b2", "one")
        self.assertEqual(self.server.get("/b2").text, "one")
        self.server.write("blind/b", "two")
        self.put("b2", "two")
        self.becomes("/b2", "two")  # so events of both would have been read
        self.assertEqual(self.server.get("/blind/b").text, "one")

    def test_lost_events_make_it_forget_all(self):
        for name in ("target", "x", "y"):
            self.put(f"o/{name}", "old")
        self.assertEqual(self.server.get("/o/target").text, "old")
        worker = self.server.workers()[0]
        processes.stop(worker)
        try:
            folder = self.server.dir / "www/o"
            with open(folder / "x", "wb", buffering=0) as x, open(folder / "y", "wb", buffering=0) as y:
                for _ in range(int(read("/proc/sys/fs/inotify/max_queued_events")) // 2 + 10):
                    x.write(b"x")
                    y.write(b"y")
            self.put("o/target", "new")
        finally:
            os.kill(worker, SIGCONT)
        self.becomes("/o/target", "new")


class WatchLimit(SluiceTest):
    def test_refused_watches_cost_nothing_but_time(self):
        server = self.serve(CONF.replace("_valid 1h", "_valid 1s"), files={"www/f": "one"}, env={"SLUICE_FAULT": "no-watches"})
        self.assertEqual(server.get("/f").text, "one")
        server.write("www/f", "two!")
        wait_for(lambda: server.get("/f").text == "two!", what="the trust to end")
        server.stop()
        self.assertNotIn("inotify", server.error_log())


class Shrinking(SluiceTest):
    """The reader is slow, so that the file changes while most of it is unsent."""

    conf = CONF

    def big(self, name, folder="www"):
        path = self.server.dir / folder / name
        path.parent.mkdir(exist_ok=True)
        with open(path, "wb") as file:
            for value in range(SIZE >> 20):
                file.write(bytes([value]) * (1 << 20))
        return path

    def begin(self, path):
        connection = self.server.connect()
        self.addCleanup(connection.close)
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        connection.send(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        head = connection.read_head()
        self.assertEqual((head.status, head.header("content-length")), (200, str(SIZE)))
        return connection

    def assert_ends_short(self, connection):
        try:
            body = connection.read_exactly(SIZE)
        except (Closed, ConnectionResetError):
            return
        self.fail(f"{len(body)} bytes came of a file that is shorter")

    def test_truncated_while_it_is_sent(self):
        for where in ("/", "/blocking/", "/direct/"):
            with self.subTest(where=where):
                path = self.big("cut")
                connection = self.begin(f"{where}cut")
                os.truncate(path, 20 << 20)
                self.assert_ends_short(connection)
                wait_for(lambda: self.server.get("/cut", method="HEAD").header("content-length") == str(20 << 20),
                         what="the new size")

    def test_replaced_while_it_is_sent_the_old_one_is_served(self):
        for where in ("/", "/blocking/", "/direct/"):
            with self.subTest(where=where):
                path = self.big("swap")
                connection = self.begin(f"{where}swap")
                self.server.write("www/swap.new", b"n" * SIZE)
                os.rename(self.server.dir / "www/swap.new", path)
                body = connection.read_exactly(SIZE)
                self.assertEqual([body[at << 20] for at in range(SIZE >> 20)], list(range(SIZE >> 20)))

    def test_deleted_while_it_is_sent(self):
        path = self.big("gone")
        connection = self.begin("/gone")
        os.unlink(path)
        self.assertEqual(connection.read_exactly(SIZE)[-1], (SIZE >> 20) - 1)

    def test_truncated_while_it_is_remembered(self):
        # Without events the cache promises the old size for an hour; the reply then ends short.
        path = self.big("blind", "blind")
        self.assertEqual(self.server.get("/blind/blind", method="HEAD").status, 200)
        os.truncate(path, 1 << 20)
        with self.server.connect() as connection:
            connection.send(b"GET /blind/blind HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertEqual(connection.read_head().status, 200)
            self.assert_ends_short(connection)
        self.assertEqual(self.server.get("/blind/blind", headers={"Range": "bytes=0-9"}).body, bytes(10))

    def test_the_worker_is_the_same_afterwards(self):
        before = self.server.workers()
        self.test_truncated_while_it_is_sent()
        self.assertEqual(self.server.workers(), before)


class ColdPieces(SluiceTest):
    """Every piece comes through a thread; a name with "stall" waits for "<name>.go"."""

    def serve_cold(self, size=5 << 20):
        body = bytes(range(256)) * (size // 256)
        server = self.serve(CONF, files={"www/stall": body, "www/plain": body, "www/small": "s"},
                            env={"SLUICE_FAULT": "cold-files,hung-files"})
        return server, body

    def assert_is_read(self, server):
        """The one worker has taken what came before these: a stalled reply gives no sign."""
        for _ in range(3):
            self.assertEqual(server.get("/small").text, "s")

    def test_pieces_arrive_whole_and_in_order(self):
        server, body = self.serve_cold()
        for where in ("/", "/blocking/", "/direct/"):
            self.assertEqual(server.get(f"{where}plain").body, body)
            part = server.get(f"{where}plain", headers={"Range": "bytes=1048000-1049000"})
            self.assertEqual((part.status, part.body), (206, body[1048000:1049001]))

    def test_a_stalled_disk_delays_only_those_who_read_from_it(self):
        server, body = self.serve_cold()
        waiting = [server.connect() for _ in range(10)]
        for connection in waiting:
            connection.send(b"GET /stall HTTP/1.1\r\nHost: a\r\n\r\n")
        with server.connect() as other:
            for _ in range(50):
                self.assertEqual(other.get("/small").text, "s")
        waiting.pop(0).close()
        server.write("www/stall.go", "")
        for connection in waiting:
            self.assertEqual(connection.read_reply().body, body)
            connection.close()

    def test_truncated_while_a_piece_is_read(self):
        server, body = self.serve_cold()
        with server.connect() as connection:
            connection.send(b"GET /stall HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assert_is_read(server)
            os.truncate(server.dir / "www/stall", 100)
            server.write("www/stall.go", "")
            with self.assertRaises((Closed, ConnectionResetError)):
                connection.read_reply()
        self.assertEqual(server.get("/small").text, "s")

    def test_the_worker_ends_while_a_disk_stalls(self):
        server, _ = self.serve_cold()
        with server.connect() as connection:
            connection.send(b"GET /stall HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assert_is_read(server)
            server.stop(15)
        server.process = None


def read(path):
    with open(path, encoding="ascii") as file:
        return file.read()


if __name__ == "__main__":
    unittest.main()
