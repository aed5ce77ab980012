# SPDX-License-Identifier: BSD-2-Clause
"""Large files on their way: with sendfile and without, cut, replaced and grown meanwhile. A reply
whose file was cut ends short; it never hangs, pads or ends a worker."""

import hashlib

from support import processes
from support.client import Closed, build_request
from support.harness import SluiceTest

CONF = """
http {
    access_log off;
    open_file_cache max=100;
    server {
        listen %%PORT%%;
        root %%DIR%%/www;
        location /send/ { sendfile on; alias %%DIR%%/www/; }
        location /chunk/ { sendfile on; sendfile_max_chunk 64k; alias %%DIR%%/www/; }
        location /copy/ { sendfile off; directio 1m; alias %%DIR%%/www/; }
    }
}
"""
WAYS = ("send", "chunk", "copy")
SIZE = 24 * 1024 * 1024 + 7
CONTENT = hashlib.shake_128(b"transfer").digest(SIZE)


class Transfers(SluiceTest):
    conf = CONF
    files = {"www/small.txt": "small"}

    def setUp(self):
        self.pids = self.server.workers()

    def new_file(self):
        """A file of its own for each transfer: the server remembers files for a second."""
        self.count = getattr(self, "count", 0) + 1
        path = self.server.dir / f"www/{self._testMethodName}-{self.count}.bin"
        path.write_bytes(CONTENT)
        self.addCleanup(path.unlink, missing_ok=True)
        return path, path.name

    def tearDown(self):
        self.assertEqual(self.server.workers(), self.pids)
        super().tearDown()

    def begin(self, path, fields=b""):
        """A reader that has read the head and a little: more is still to come than sockets hold."""
        connection = self.server.connect()
        connection.send(b"GET " + path.encode() + b" HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\n")
        head = connection.read_head()
        return connection, head, connection.read_exactly(4096)

    def end(self, connection):
        try:
            return connection.read_to_end()
        except ConnectionResetError:
            return b""
        finally:
            connection.close()

    def test_whole(self):
        _, name = self.new_file()
        for way in WAYS:
            with self.subTest(way), self.server.connect() as connection:
                self.assertEqual(connection.get(f"/{way}/{name}").body, CONTENT)
                self.assertEqual(connection.get(f"/{way}/small.txt").body, b"small")

    def test_ranges(self):
        _, name = self.new_file()
        for way in WAYS:
            for first, last in ((0, 0), (SIZE - 5, SIZE - 1), (65535, 65536), (1000, 9_000_000)):
                with self.subTest((way, first, last)):
                    reply = self.server.get(f"/{way}/{name}", {"Range": f"bytes={first}-{last}"})
                    self.assertEqual((reply.status, reply.body), (206, CONTENT[first:last + 1]))
            reply = self.server.get(f"/{way}/{name}", {"Range": "bytes=5-9,70000-170000"})
            self.assertIn(CONTENT[70000:170001], reply.body)
            self.assertEqual(len(reply.body), int(reply.header("Content-Length")))

    def test_cut_file_ends_the_connection_short(self):
        for way in WAYS:
            for left in (0, 5_000_000):
                with self.subTest((way, left)):
                    path, name = self.new_file()
                    connection, head, start = self.begin(f"/{way}/{name}")
                    with open(path, "r+b") as file:
                        file.truncate(left)
                    rest = self.end(connection)

                    got = start + rest
                    self.assertEqual(head.status, 200)
                    self.assertLess(len(got), SIZE)
                    self.assertTrue(CONTENT.startswith(got))
                    self.assertEqual(self.server.get(f"/{way}/small.txt").body, b"small")

    def test_file_cut_before_its_head(self):
        for way in WAYS:
            with self.subTest(way):
                path, name = self.new_file()
                self.server.get(f"/{way}/{name}", method="HEAD")
                with open(path, "r+b") as file:
                    file.truncate(100_000)
                with self.server.connect() as connection:
                    try:
                        reply = connection.get(f"/{way}/{name}", {"Range": "bytes=200000-201000"})
                        self.assertEqual(reply.status, 416)  # the change was seen already
                    except (Closed, ConnectionResetError):
                        pass

    def test_replaced_file_is_sent_as_it_was(self):
        for way in WAYS:
            with self.subTest(way):
                path, name = self.new_file()
                connection, _, start = self.begin(f"/{way}/{name}")
                new = self.server.dir / "www/large.new"
                new.write_bytes(b"new" * 100)
                new.rename(path)
                rest = connection.read_exactly(SIZE - len(start))
                connection.close()

                self.assertEqual(hashlib.sha1(start + rest).digest(), hashlib.sha1(CONTENT).digest())

    def test_removed_and_grown_files_are_sent_as_announced(self):
        for way in WAYS:
            with self.subTest(way):
                path, name = self.new_file()
                connection, _, start = self.begin(f"/{way}/{name}")
                with open(path, "ab") as file:
                    file.write(b"more" * 1000)
                path.unlink()
                rest = connection.read_exactly(SIZE - len(start))

                self.assertEqual(hashlib.sha1(start + rest).digest(), hashlib.sha1(CONTENT).digest())
                self.assertEqual(connection.get(f"/{way}/small.txt").body, b"small")
                connection.close()

    def test_over_2_gib(self):
        path = self.server.dir / "www/huge.bin"
        marks = (0, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32, (1 << 32) + 12345)
        with open(path, "wb") as file:
            file.truncate((1 << 32) + 20000)
            for mark in marks:
                file.seek(mark)
                file.write(b"#")
        for way in WAYS:
            for mark in marks:
                reply = self.server.get(f"/{way}/huge.bin", {"Range": f"bytes={mark}-{mark + 2}"})
                self.assertEqual(reply.body[:1], b"#", (way, mark))
            across = self.server.get(f"/{way}/huge.bin",
                                     {"Range": f"bytes={(1 << 32) - 300000}-{(1 << 32) + 300}"})
            self.assertEqual(across.body, b"\0" * 299999 + b"##" + b"\0" * 300)
            head = self.server.get(f"/{way}/huge.bin", method="HEAD")
            self.assertEqual(head.header("Content-Length"), str((1 << 32) + 20000))
        path.unlink()

    def test_a_huge_file_is_never_in_memory(self):
        """Neither by sendfile nor where every byte is read: the worker's memory does not grow with it."""
        size = 256 << 20
        with open(self.server.dir / "www/sparse.bin", "wb") as file:
            file.truncate(size)
        for way in WAYS:
            with self.subTest(way), self.server.connect() as connection:
                before = int(processes.status_field(self.pids[0], "VmHWM").split()[0])
                connection.send(build_request(f"/{way}/sparse.bin"))
                self.assertEqual(connection.read_head().status, 200)
                for _ in range(size >> 20):
                    self.assertEqual(len(connection.read_exactly(1 << 20)), 1 << 20)
                grown = int(processes.status_field(self.pids[0], "VmHWM").split()[0]) - before
                self.assertLess(grown, 16 << 10, f"KiB, {way}")
        (self.server.dir / "www/sparse.bin").unlink()

    def test_client_that_leaves(self):
        _, name = self.new_file()
        for way in WAYS:
            connection, _, _ = self.begin(f"/{way}/{name}")
            connection.close()
            self.assertEqual(self.server.get(f"/{way}/small.txt").body, b"small")

    def test_post_is_405(self):
        reply = self.server.get("/small.txt", method="POST", body=b"x")

        self.assertEqual((reply.status, reply.header("Allow")), (405, "GET, HEAD"))
