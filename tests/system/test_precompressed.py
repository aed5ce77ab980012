# SPDX-License-Identifier: BSD-2-Clause
"""gzip_static, brotli_static, zstd_static: which file answers which client."""

import gzip

from support.harness import SluiceTest

KINDS = {
    "on": "gzip_static on; brotli_static on; zstd_static on;",
    "gzip": "gzip_static on;",
    "vary": "gzip_static on; brotli_static on; gzip_vary on;",
    "always": "gzip_static always;",
    "mixed": "gzip_static always; brotli_static on;",
    "proxied": "gzip_static on; gzip_proxied any;",
    "old": "gzip_static on; gzip_http_version 1.0;",
    "agents": "gzip_static on; gzip_disable msie6 'Odd.*Bot';",
    "off": "gzip_static off;",
    "none": "gzip_static on; max_ranges 0; etag off;",
}
CONF = """
http {
    access_log off;
    types { text/css css; }
    default_type application/octet-stream;
    open_file_cache off;
    server {
        listen %%PORT%%;
""" + "".join(f"location /{name}/ {{ alias %%DIR%%/www/; {text} }}\n" for name, text in KINDS.items()) + """
        location /tried/ { alias %%DIR%%/www/; gzip_static on; try_files $uri =404; }
        location ~ ^/one/ { alias %%DIR%%/www/a.css; gzip_static on; }
    }
}
"""
TEXT = b"p { color: red }\n" * 20
LARGE = bytes(range(256)) * 400
GZ, BR, ZST = gzip.compress(TEXT), b"as if brotli", b"as if zstd"


class PrecompressedFiles(SluiceTest):
    conf = CONF
    files = {"www/a.css": TEXT, "www/a.css.gz": GZ, "www/a.css.br": BR, "www/a.css.zst": ZST,
             "www/plain.css": TEXT, "www/only.css.gz": GZ, "www/large.css": LARGE * 2,
             "www/large.css.gz": LARGE, "www/folder.css": TEXT, "www/folder.css.gz/x": "x"}

    def get(self, path, accept=None, **headers):
        if accept is not None:
            headers["Accept-Encoding"] = accept
        return self.server.get(path, headers)

    def coding(self, path, accept, **headers):
        reply = self.get(path, accept, **headers)
        self.assertEqual(reply.status, 200)
        expected = {"gzip": GZ, "br": BR, "zstd": ZST, None: TEXT}
        self.assertEqual(reply.body, expected[reply.header("Content-Encoding")])
        return reply.header("Content-Encoding")

    def test_choice_by_weight(self):
        for accept, coding in ((None, None), ("", None), ("gzip", "gzip"), ("br", "br"),
                               ("zstd", "zstd"), ("gzip, br, zstd", "br"), ("gzip, zstd", "zstd"),
                               ("gzip, br;q=0.9", "gzip"), ("br;q=0, zstd;q=0, gzip", "gzip"),
                               ("*", "br"), ("*;q=0", None), ("*, br;q=0", "zstd"),
                               ("gzip;q=0.5, identity", None), ("gzip;q=0.5, identity;q=0.5", "gzip"),
                               ("identity;q=0, gzip;q=0.001", "gzip"), ("deflate", None),
                               ("GZIP", "gzip"), ("gzip;q=0", None), ("gzip;q=x", None)):
            with self.subTest(accept):
                self.assertEqual(self.coding("/on/a.css", accept), coding)

    def test_headers_are_of_the_file_and_of_its_name(self):
        encoded = self.get("/gzip/a.css", "gzip")
        plain = self.get("/gzip/a.css")
        itself = self.get("/gzip/a.css.gz", "gzip")

        self.assertEqual(encoded.header("Content-Type"), "text/css")
        self.assertEqual(encoded.header("Content-Length"), str(len(GZ)))
        self.assertNotEqual(encoded.header("ETag"), plain.header("ETag"))
        self.assertEqual(encoded.header("ETag"), itself.header("ETag"))
        self.assertEqual(itself.header("Content-Type"), "application/octet-stream")
        self.assertIsNone(itself.header("Content-Encoding"))
        self.assertIsNone(encoded.header("Vary"))

    def test_vary(self):
        for path, accept, vary in (("/vary/a.css", "gzip", True), ("/vary/a.css", None, True),
                                   ("/vary/plain.css", "gzip", False), ("/on/a.css", "gzip", False),
                                   ("/vary/only.css", "gzip", True), ("/vary/folder.css", None, False)):
            with self.subTest((path, accept)):
                reply = self.get(path, accept)
                self.assertEqual(reply.all("Vary"), ["Accept-Encoding"] if vary else [])

    def test_conditions(self):
        etag = self.get("/vary/a.css", "gzip").header("ETag")

        same = self.get("/vary/a.css", "gzip", **{"If-None-Match": etag})
        self.assertEqual((same.status, same.header("ETag")), (304, etag))
        self.assertEqual(same.header("Vary"), "Accept-Encoding")
        self.assertIsNone(same.header("Content-Encoding"))
        self.assertEqual(self.get("/vary/a.css", None, **{"If-None-Match": etag}).status, 200)
        failed = self.get("/vary/a.css", "gzip", **{"If-Match": '"x"'})
        self.assertEqual(failed.status, 412)
        self.assertIsNone(failed.header("Content-Encoding"))

    def test_ranges_are_of_the_encoded_file(self):
        for path, content in (("/gzip/a.css", GZ), ("/gzip/large.css", LARGE)):
            reply = self.get(path, "gzip", Range="bytes=5-9")
            self.assertEqual((reply.status, reply.body), (206, content[5:10]))
            self.assertEqual(reply.header("Content-Encoding"), "gzip")
            self.assertEqual(reply.header("Content-Range"), f"bytes 5-9/{len(content)}")
        self.assertEqual(self.get("/gzip/a.css", "gzip", Range="bytes=90000-").status, 416)
        self.assertEqual(self.get("/none/a.css", "gzip", Range="bytes=5-9").status, 200)

    def test_head(self):
        head = self.server.get("/gzip/a.css", {"Accept-Encoding": "gzip"}, method="HEAD")

        self.assertEqual((head.status, head.body), (200, b""))
        self.assertEqual(head.header("Content-Length"), str(len(GZ)))
        self.assertEqual(self.server.get("/gzip/a.css", method="POST").status, 405)

    def test_always(self):
        self.assertEqual(self.coding("/always/a.css", None), "gzip")
        self.assertEqual(self.coding("/always/a.css", "gzip;q=0"), "gzip")
        self.assertEqual(self.coding("/always/plain.css", "gzip"), None)
        self.assertEqual(self.coding("/mixed/a.css", "br"), "br")
        self.assertEqual(self.coding("/mixed/a.css", None), "gzip")

    def test_what_is_missing(self):
        self.assertEqual(self.coding("/on/plain.css", "gzip, br"), None)
        self.assertEqual(self.coding("/on/only.css", "gzip"), "gzip")
        self.assertEqual(self.get("/on/only.css").status, 404)
        self.assertEqual(self.get("/on/nothing.css", "gzip").status, 404)
        self.assertEqual(self.coding("/gzip/folder.css", "gzip"), None)

    def test_proxied(self):
        self.assertEqual(self.coding("/gzip/a.css", "gzip", Via="1.1 p"), None)
        self.assertEqual(self.coding("/proxied/a.css", "gzip", Via="1.1 p"), "gzip")

    def test_http_version(self):
        for name, coding in (("gzip", None), ("old", "gzip")):
            reply = self.server.get(f"/{name}/a.css", {"Accept-Encoding": "gzip"}, version="HTTP/1.0")
            self.assertEqual(reply.header("Content-Encoding"), coding)

    def test_agents(self):
        for agent, coding in (("Mozilla/4.0 (compatible; MSIE 6.0; Windows)", None),
                              ("Mozilla/4.0 (compatible; MSIE 6.0; Windows; SV1)", "gzip"),
                              ("an odd little bot", None), ("curl", "gzip")):
            with self.subTest(agent):
                self.assertEqual(self.coding("/agents/a.css", "gzip", **{"User-Agent": agent}), coding)

    def test_off_and_try_files(self):
        self.assertEqual(self.coding("/off/a.css", "gzip"), None)
        self.assertEqual(self.coding("/tried/a.css", "gzip"), "gzip")
        self.assertEqual(self.get("/tried/only.css", "gzip").status, 404)

    def test_type_follows_the_uri_where_many_have_one_file(self):
        for uri, kind in (("/one/x.css", "text/css"), ("/one/x.bin", "application/octet-stream"),
                          ("/one/y.css", "text/css")):
            self.assertEqual(self.get(uri, "gzip").header("Content-Type"), kind)
            self.assertEqual(self.get(uri).header("Content-Type"), kind)


class Settings(SluiceTest):
    def test_errors(self):
        for line, text in (("gzip_static maybe;", "maybe"), ("gzip_http_version 2.0;", "2.0"),
                           ("gzip_proxied some;", "some"), ("gzip_disable '(';", "missing"),
                           ("brotli_static;", "invalid number of arguments")):
            with self.subTest(line):
                server = self.serve(f"http {{ server {{ listen %%PORT%%; {line} }} }}", start=False)
                self.assertIn(text, server.run("-t").stderr)
