# SPDX-License-Identifier: BSD-2-Clause
"""Directory listings in all forms, as a client sees them."""

import json
import os
import unittest
import xml.etree.ElementTree

from support.harness import SluiceTest
from support.waiting import wait_for

CONF = """
http {
    access_log off;
    server {
        listen %%PORT%%;
        root %%DIR%%/www;
        autoindex on;
        location /json/ { alias %%DIR%%/www/tree/; autoindex_format json; }
        location /xml/ { alias %%DIR%%/www/tree/; autoindex_format xml; }
        location /call/ { alias %%DIR%%/www/tree/; autoindex_format jsonp; }
        location /off/ { alias %%DIR%%/www/tree/; autoindex off; }
        location /round/ { alias %%DIR%%/www/tree/; autoindex_exact_size off; }
        location /error/ { error_page 404 = /tree/sub/; }
    }
}
"""
NAMES = ["B.txt", "a b&c.txt", "plain.txt", "quo\"te", "über"]


class Autoindex(SluiceTest):
    conf = CONF
    files = {**{f"www/tree/{name}": "12345" for name in NAMES}, "www/tree/.hidden": "",
             "www/tree/sub/inner.txt": "x", "www/tree/Sub2/i": "", "www/indexed/index.html": "front"}

    def setUp(self):
        tree = self.server.dir / "www/tree"
        if not (tree / "dangling").is_symlink():
            (tree / "dangling").symlink_to("nowhere")
            (tree / "linked").symlink_to("sub")
            os.utime(tree / "plain.txt", (0, 0))

    def test_html(self):
        reply = self.server.get("/tree/")

        self.assertEqual((reply.status, reply.header("Content-Type")), (200, "text/html"))
        lines = reply.body.decode().split("\r\n")
        self.assertEqual(lines[:4], ["<html>", "<head><title>Index of /tree/</title></head>",
                                     "<body>",
                                     '<h1>Index of /tree/</h1><hr><pre><a href="../">../</a>'])
        self.assertEqual(lines[-3:], ["</pre><hr></body>", "</html>", ""])
        self.assertEqual([line.split('"')[1] for line in lines[4:-3]],
                         ["Sub2/", "linked/", "sub/", "B.txt", "a%20b%26c.txt", "dangling",
                          "plain.txt", "quo%22te", "%C3%BCber"])
        self.assertIn('<a href="plain.txt">plain.txt</a>' + " " * 42 +
                      "01-Jan-1970 00:00                   5", lines)

    def test_json(self):
        reply = self.server.get("/json/")

        self.assertEqual(reply.header("Content-Type"), "application/json")
        entries = json.loads(reply.body)
        self.assertEqual([entry["name"] for entry in entries],
                         ["Sub2", "linked", "sub", "B.txt", "a b&c.txt", "dangling", "plain.txt",
                          'quo"te', "über"])
        self.assertEqual(entries[0]["type"], "directory")
        self.assertNotIn("size", entries[0])
        self.assertEqual(entries[5]["type"], "other")
        self.assertEqual(entries[6], {"name": "plain.txt", "type": "file", "size": 5,
                                      "mtime": "Thu, 01 Jan 1970 00:00:00 GMT"})

    def test_xml(self):
        reply = self.server.get("/xml/")

        self.assertEqual(reply.header("Content-Type"), "text/xml; charset=utf-8")
        root = xml.etree.ElementTree.fromstring(reply.body)
        self.assertEqual([child.tag for child in root],
                         ["directory"] * 3 + ["file"] * 2 + ["other"] + ["file"] * 3)
        self.assertEqual(root[6].attrib, {"mtime": "1970-01-01T00:00:00Z", "size": "5"})

    def test_jsonp(self):
        called = self.server.get("/call/sub/?callback=show.it")
        plain = self.server.get("/call/sub/")

        self.assertEqual(called.header("Content-Type"), "application/javascript")
        self.assertTrue(called.body.startswith(b"/* callback */\r\nshow.it([\r\n{ "), called.body)
        self.assertTrue(called.body.endswith(b" }\r\n]);"), called.body)
        self.assertEqual(plain.header("Content-Type"), "application/json")
        for bad in ("a-b", "alert(1)", "x" * 129, "%41"):
            self.assertEqual(self.server.get(f"/call/sub/?callback={bad}").status, 400)

    def test_head_of_a_listing(self):
        with self.server.connect() as connection:
            for version, path in (("HTTP/1.1", "/tree/"), ("HTTP/1.1", "/json/")):
                head = connection.get(path, method="HEAD", version=version)
                self.assertEqual((head.status, head.body), (200, b""))
                self.assertIsNone(head.header("Content-Length"))
                self.assertTrue(head.keeps_alive())
            self.assertEqual(connection.get("/tree/sub/inner.txt").body, b"x")

    def test_http_10_ends_with_the_connection(self):
        reply = self.server.get("/tree/", version="HTTP/1.0")

        self.assertIsNone(reply.header("Transfer-Encoding"))
        self.assertTrue(reply.body.endswith(b"</html>\r\n"))

    def test_index_comes_first_and_off_forbids(self):
        self.assertEqual(self.server.get("/indexed/").body, b"front")
        self.assertEqual(self.server.get("/off/").status, 403)

    def test_what_is_no_directory(self):
        self.assertEqual(self.server.get("/nothing/").status, 404)
        self.assertEqual(self.server.get("/tree/B.txt/").status, 404)
        self.assertEqual(self.server.get("/tree").status, 301)
        self.assertEqual(self.server.get("/tree/", method="POST").status, 403)
        self.assertEqual(self.server.get("/tree/", method="DELETE").status, 405)

    @unittest.skipUnless(os.getuid() == 0, "needs root: workers must be another user")
    def test_unreadable_directory_is_403(self):
        path = self.server.dir / "www/locked"
        path.mkdir(exist_ok=True)
        path.chmod(0o711)

        self.assertEqual(self.server.get("/locked/").status, 403)

    def test_listing_as_an_error_page(self):
        reply = self.server.get("/error/none")

        self.assertEqual(reply.status, 200)
        self.assertIn(b"inner.txt", reply.body)

    def test_rounded_sizes(self):
        (self.server.dir / "www/tree/sub/large").write_bytes(b"\0" * 12_000)

        self.assertIn(b"     12K\r\n", self.server.get("/round/sub/").body)

    def test_large_directory(self):
        path = self.server.dir / "www/large"
        path.mkdir(exist_ok=True)
        names = [f"file-{at:05}-{'x' * (at % 60)}" for at in range(2500)]
        for name in names:
            (path / name).touch()

        with self.server.connect() as lister, self.server.connect() as other:
            lister.send(b"GET /large/ HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertEqual(other.get("/tree/sub/inner.txt").body, b"x")
            lines = lister.read_reply().body.decode().split("\r\n")[4:-3]

        self.assertEqual([line.split('"')[1] for line in lines], names)

    def test_client_that_leaves_in_the_middle_hurts_nobody(self):
        path = self.server.dir / "www/half"
        path.mkdir(exist_ok=True)
        for at in range(1500):
            (path / f"{at}-{'y' * 100}").touch()
        self.assertEqual(self.server.get("/half/").status, 200)  # what a worker opens once is open
        before = self.server.fd_count(self.server.workers()[0])
        for _ in range(5):
            with self.server.connect() as connection:
                connection.send(b"GET /half/ HTTP/1.1\r\nHost: a\r\n\r\n")
                connection.read_head()

        self.assertEqual(self.server.get("/tree/sub/inner.txt").body, b"x")
        wait_for(lambda: self.server.fd_count(self.server.workers()[0]) <= before,
                 what="the descriptors of abandoned listings to be closed")
