# SPDX-License-Identifier: BSD-2-Clause
"""charset and its companions: what Content-Type says, and bodies converted on their way."""

import unittest

from support.harness import SluiceTest

# Every byte of KOI8-R that has another one in windows-1251 or in UTF-8.
KOI = {byte: bytes([byte]).decode("koi8-r") for byte in range(0xC0, 0x100)}
TO_WIN = "".join(f"{byte:x} {char.encode('cp1251')[0]:x};\n" for byte, char in KOI.items())
TO_UTF = "".join(f"{byte:X} {char.encode().hex().upper()};\n" for byte, char in KOI.items())

CONF = f"""
http {{
    access_log off;
    types {{ text/html html; text/plain txt; image/gif gif; text/css css; }}
    charset_map koi8-r windows-1251 {{ {TO_WIN} }}
    charset_map koi8-r utf-8 {{ include %%DIR%%/koi-utf; 80 E29480; }}
    server {{
        listen %%PORT%%;
        root %%DIR%%/www;
        charset utf-8;
        location /off/ {{ charset off; }}
        location /types/ {{ charset_types text/css; }}
        location /all/ {{ charset_types *; }}
        location /typed/ {{ default_type "text/html; charset=koi8-r"; types {{ }} }}
        location /override/ {{ default_type "text/html; charset=koi8-r"; types {{ }} override_charset on; }}
        location /win/ {{ charset windows-1251; source_charset koi8-r; alias %%DIR%%/www/; }}
        location /win-copy/ {{ charset windows-1251; source_charset koi8-r; sendfile off; alias %%DIR%%/www/; }}
        location /back/ {{ charset koi8-r; source_charset Windows-1251; alias %%DIR%%/www/; }}
        location /utf/ {{ charset utf-8; source_charset koi8-r; alias %%DIR%%/www/; }}
        location /koi/ {{ charset koi8-r; source_charset utf-8; alias %%DIR%%/www/; }}
        location /arg/ {{ charset $arg_to; source_charset koi8-r; alias %%DIR%%/www/; }}
        location /moved {{ return 301 /; }}
        location /other {{ return 303 /; }}
        location /text {{ default_type text/plain; return 200 "text"; }}
        location /if/ {{ alias %%DIR%%/www/; if ($arg_k) {{ charset koi8-r; }} }}
        location /lists/ {{ autoindex on; }}
        location /lists-off/ {{ autoindex on; charset off; alias %%DIR%%/www/lists/; }}
        location /gz/ {{ gzip_static on; charset windows-1251; source_charset koi8-r; alias %%DIR%%/www/; }}
        location /gz-named/ {{ gzip_static on; alias %%DIR%%/www/; }}
    }}
}}
"""
WORDS = "Привет, мир! "
SHORT = WORDS.encode("koi8-r")
LONG_TEXT = WORDS * 9000
LONG = LONG_TEXT.encode("koi8-r")
LONG_UTF = LONG_TEXT.encode()
NAME = "й" * 60  # as wide as a listing shows 47 of


class Charset(SluiceTest):
    conf = CONF
    files = {"koi-utf": TO_UTF, "www/a.html": SHORT, "www/long.html": LONG, "www/utf.html": LONG_UTF,
             "www/win.html": WORDS.encode("cp1251"), "www/odd.html": b"\x80|\x81|a",
             "www/points.html": "€ é 😀 я".encode() + b"|\xff|\xd1", "www/empty.html": b"",
             "www/a.html.gz": b"packed", "www/a.gif": b"gif", "www/off/a.html": b"o", "www/types/a.css": b"c",
             "www/types/a.html": b"c", "www/types/a.txt": b"c", "www/all/a.gif": b"g", "www/typed/a": SHORT,
             "www/override/a": SHORT, f"www/lists/{NAME}": b"", "www/lists/ж": b"1"}

    def type_of(self, path, **headers):
        return self.server.get(path, headers).header("Content-Type")

    def test_content_type_names_it(self):
        self.assertEqual(self.type_of("/a.html"), "text/html; charset=utf-8")
        self.assertEqual(self.type_of("/text"), "text/plain; charset=utf-8")
        self.assertEqual(self.type_of("/a.gif"), "image/gif")
        self.assertEqual(self.type_of("/off/a.html"), "text/html")
        self.assertEqual(self.type_of("/types/a.css"), "text/css; charset=utf-8")
        self.assertEqual(self.type_of("/types/a.html"), "text/html; charset=utf-8")
        self.assertEqual(self.type_of("/types/a.txt"), "text/plain")
        self.assertEqual(self.type_of("/all/a.gif"), "image/gif; charset=utf-8")
        self.assertEqual(self.type_of("/none"), "text/html; charset=utf-8")
        self.assertEqual(self.type_of("/moved"), "text/html")
        self.assertEqual(self.type_of("/other"), "text/html; charset=utf-8")
        self.assertEqual(self.type_of("/if/a.html?k=1"), "text/html; charset=koi8-r")
        self.assertEqual(self.type_of("/if/a.html"), "text/html; charset=utf-8")

    def test_a_remembered_file_keeps_its_fields(self):
        for _ in range(3):
            reply = self.server.get("/a.html")
            self.assertEqual(reply.all("Content-Type"), ["text/html; charset=utf-8"])
            self.assertEqual(reply.all("Accept-Ranges"), ["bytes"])
            self.assertEqual(len(reply.all("ETag")), 1)
            self.assertEqual(reply.body, SHORT)

    def test_a_type_that_names_its_own(self):
        self.assertEqual(self.type_of("/typed/a"), "text/html; charset=koi8-r")
        reply = self.server.get("/override/a")
        self.assertEqual((reply.header("Content-Type"), reply.text), ("text/html; charset=utf-8", WORDS))

    def test_bytes_to_bytes_keep_their_length_and_ranges(self):
        for way in ("win", "win-copy"):
            for name, text in (("a.html", WORDS), ("long.html", LONG_TEXT), ("empty.html", "")):
                with self.subTest(way=way, name=name):
                    content = text.encode("cp1251")
                    for _ in range(2):
                        reply = self.server.get(f"/{way}/{name}")
                        self.assertEqual(reply.header("Content-Type"), "text/html; charset=windows-1251")
                        self.assertEqual(reply.header("Content-Length"), str(len(content)))
                        self.assertEqual(reply.header("Accept-Ranges"), "bytes")
                        self.assertIsNotNone(reply.header("ETag"))
                        self.assertIsNotNone(reply.header("Last-Modified"))
                        self.assertEqual(reply.body, content)
            content = LONG_TEXT.encode("cp1251")
            part = self.server.get(f"/{way}/long.html", {"Range": "bytes=30000-70000"})
            self.assertEqual((part.status, part.body), (206, content[30000:70001]))
            self.assertEqual(part.header("Content-Type"), "text/html; charset=windows-1251")
            parts = self.server.get(f"/{way}/long.html", {"Range": "bytes=0-5,7-7,20000-60000,100000-100001"})
            self.assertEqual(parts.status, 206)
            for piece in (content[:6], content[7:8], content[20000:60001], content[100000:100002]):
                self.assertIn(b"\r\n\r\n" + piece + b"\r\n--", parts.body)
            self.assertEqual(parts.body.count(b"Content-Type: text/html; charset=windows-1251\r\n"), 4)
            self.assertEqual(self.server.get(f"/{way}/a.html", {"Range": "bytes=99-"}).status, 416)
            head = self.server.get(f"/{way}/long.html", method="HEAD")
            self.assertEqual(head.header("Content-Length"), str(len(content)))

    def test_a_map_works_backward(self):
        self.assertEqual(self.server.get("/back/win.html").body, SHORT)

    def test_to_and_from_utf8_the_length_is_unknown_and_there_are_no_ranges(self):
        for path, content in (("/utf/long.html", LONG_UTF), ("/koi/utf.html", LONG), ("/utf/a.html", WORDS.encode()),
                              ("/utf/empty.html", b"")):
            with self.subTest(path=path):
                reply = self.server.get(path, {"Range": "bytes=0-3"})
                self.assertEqual((reply.status, reply.body), (200, content))
                self.assertIsNone(reply.header("Accept-Ranges"))
                self.assertIsNotNone(reply.header("Last-Modified"))
                head = self.server.get(path, method="HEAD")
                self.assertEqual(head.body, b"")
        with self.server.connect() as old:
            old.send(b"GET /utf/long.html HTTP/1.0\r\n\r\n")
            self.assertEqual(old.read_reply().body, LONG_UTF)

    def test_what_has_no_counterpart(self):
        self.assertEqual(self.server.get("/utf/odd.html").body, "─|?|a".encode())
        self.assertEqual(self.server.get("/koi/points.html").body, b"&#8364; &#233; &#128512; \xd1|?|")

    def test_the_charset_may_be_a_variable(self):
        self.assertEqual(self.type_of("/arg/a.html?to=KOI8-R"), "text/html; charset=KOI8-R")
        self.assertEqual(self.server.get("/arg/a.html?to=utf-8").text, WORDS)
        self.assertEqual(self.type_of("/arg/a.html"), "text/html")
        unknown = self.server.get("/arg/a.html?to=latin1")
        self.assertEqual((unknown.header("Content-Type"), unknown.body), ("text/html", SHORT))

    def test_conditions_are_about_the_stored_file(self):
        etag = self.server.get("/utf/a.html").header("ETag")
        self.assertEqual(self.server.get("/utf/a.html", {"If-None-Match": etag}).status, 304)
        self.assertIsNone(self.server.get("/utf/a.html", {"If-None-Match": etag}).header("Content-Type"))

    def test_an_encoded_reply_is_named_but_not_converted(self):
        packed = self.server.get("/gz/a.html", {"Accept-Encoding": "gzip"})
        self.assertEqual((packed.header("Content-Type"), packed.body), ("text/html", b"packed"))
        self.assertEqual(self.type_of("/gz/a.html"), "text/html; charset=windows-1251")
        named = self.server.get("/gz-named/a.html", {"Accept-Encoding": "gzip"})
        self.assertEqual((named.header("Content-Type"), named.body), ("text/html; charset=utf-8", b"packed"))

    def test_a_listing_in_utf8_counts_characters(self):
        reply = self.server.get("/lists/")
        self.assertEqual(reply.header("Content-Type"), "text/html; charset=utf-8")
        self.assertIn(">" + "й" * 47 + "..&gt;</a>", reply.text)
        self.assertNotIn(">" + "й" * 47 + "..&gt;</a>", self.server.get("/lists-off/").text)


class Mistakes(SluiceTest):
    def check(self, text, *words):
        server = self.serve("http { " + text + " server { listen %%PORT%%; } }", start=False)
        result = server.run("-t")
        self.assertNotEqual(result.returncode, 0, text)
        for word in words:
            self.assertIn(word, result.stderr)

    def test_maps(self):
        self.check("charset_map a A { }", 'between the same charsets "a" and "A"')
        self.check("charset_map a b { } charset_map B A { }", 'duplicate "charset_map" between "B" and "A"')
        self.check("charset_map utf-8 a { }", "utf-8 second")
        self.check("charset_map a b { 80; }", "invalid parameters number")
        self.check("charset_map a b { 80 1 2; }", "invalid parameters number")
        self.check("charset_map a b { 100 1; }", 'invalid value "100"')
        self.check("charset_map a b { 80 x; }", 'invalid value "x"')
        for symbol in ("C", "FF", "C3", "C3A9C3", "F09F9880", "4141"):
            self.check("charset_map a utf-8 { 80 " + symbol + "; }", f'invalid value "{symbol}"')

    def test_a_conversion_that_no_map_knows(self):
        self.check("charset a; source_charset b;", 'no "charset_map" between the charsets "b" and "a"')

    def test_names(self):
        self.check("charset 'a b';", "the name of a charset")
        self.check("charset $nothing;", 'unknown "nothing" variable')


if __name__ == "__main__":
    unittest.main()
