# SPDX-License-Identifier: BSD-2-Clause
"""Thousands of ways to write "one directory up", against every way of mapping a path to a file.
Nothing that lies outside may be seen, neither its bytes nor its name, and nothing may be a 5xx.
Our own list is made of parts; Debian's wfuzz lists are used where they are installed."""

import itertools
import os
import pathlib
import unittest

from support.client import Closed
from support.harness import SluiceTest

CONF = """
http {
    access_log off;
    server {
        listen %%PORT%%;
        root %%DIR%%/site/www;
        location /al/ { alias %%DIR%%/site/al/; }
        location /img { alias %%DIR%%/site/al/; autoindex on; }
        location /i. { alias %%DIR%%/site/al/.; }
        location /cut/ { alias %%DIR%%/site/al; }
        location ~ ^/re(.*)$ { alias %%DIR%%/site/al/$1; autoindex on; }
        location /var { root %%DIR%%/site/www/$arg_at; }
        location /list/ { autoindex on; }
        location /json/ { autoindex on; autoindex_format json; alias %%DIR%%/site/al/; }
        location /try/ { try_files $uri $uri/ $uri.txt /inside.txt; }
        location /tryal/ { alias %%DIR%%/site/al/; try_files $uri $uri/ /inside.txt; }
        location /tryarg/ { try_files /$arg_f /$arg_f/ /inside.txt; }
        location /indexed/ { index $arg_f index.html; }
    }
    server {
        listen %%PORT2%%;
        root %%DIR%%/site/www;
        merge_slashes off;
        autoindex on;
        location /img { alias %%DIR%%/site/al/; }
    }
}
"""
DOTS = ["..", "%2e%2e", ".%2e", "%2E.", "%252e%252e", "%25%32%65%25%32%65", "%c0%ae%c0%ae", "%c0%2e%c0%2e",
        "%e0%80%ae%e0%80%ae", "%f0%80%80%ae%f0%80%80%ae", "%uff0e%uff0e", "%u002e%u002e",
        "..%00", "..%01", "..%0d%0a", "..%20", "..;", "...", "....", "..%2e", ".%00.", "%ff%2e%2e",
        "\xc0\xae\xc0\xae", "..\x7f", "%2e%2e%3f", "..%23", "%%32%65%%32%65", "..%ef%bc%8f", "."]
SLASHES = ["/", "%2f", "%2F", "//", "%2f%2f", "/./", "/%2e/", "\\", "%5c", "%5C/", "\\/", "%255c", "%252f",
           "%c0%af", "%e0%80%af", "%f0%80%80%af", "%c1%9c", "%u2215", "/;/", "%00/", "/x/../", "%09/"]
PREFIXES = ["/", "//", "/al/", "/al", "/img", "/img/", "/i.", "/cut/", "/re", "/re/", "/list/", "/list",
            "/json/", "/try/", "/tryal/", "/sub/deep/", "/none/", "/sub/./", "/al/%2e/"]
TARGETS = ["secret.txt", "", "etc/passwd", "site/secret.txt", "secret-folder/", "secret.txt%00.html"]
DEPTHS = (1, 2, 3, 7)
WORDLISTS = pathlib.Path("/usr/share/wfuzz/wordlist")
LISTS = ["Injections/Traversal.txt", "vulns/dirTraversal.txt", "vulns/dirTraversal-nix.txt",
         "vulns/dirTraversal-win.txt"]
SIGNS = (b"SECRET", b"secret", b"root:x:0")
LIMIT = 2500 if os.environ.get("SLUICE_SANITIZED") else 1_000_000


def own_paths():
    """Every dot with every slash behind every prefix; depth and target take turns."""
    turn = itertools.count()
    for dots, slash in itertools.product(DOTS, SLASHES):
        for prefix in PREFIXES:
            at = next(turn)
            depth = DEPTHS[at % len(DEPTHS)]
            target = TARGETS[(at // len(DEPTHS)) % len(TARGETS)]
            yield prefix + (dots + slash) * depth + target
    for first, second in itertools.permutations(DOTS, 2):
        yield f"/sub/{first}/{second}/{first}/secret.txt"
    for first, second in itertools.permutations(SLASHES, 2):
        yield f"/sub/..{first}..{second}..{first}secret.txt"


def argument_paths():
    """Paths that a configuration makes of arguments, which nobody normalises."""
    for place in ("/tryarg/?f=", "/indexed/?f=", "/var?at=", "/var/?at="):
        for depth in range(1, 6):
            for dots, slash in itertools.product(("..", "%2e%2e", "./..", "x/../.."), ("/", "%2f", "//")):
                for target in ("secret.txt", "", "etc/passwd"):
                    yield place + (dots + slash) * depth + target


class Traversal(SluiceTest):
    conf = CONF
    files = {"site/www/inside.txt": "inside", "site/www/sub/deep/x.txt": "x", "site/www/list/l.txt": "l",
             "site/www/indexed/a": "a", "site/al/inside.txt": "inside", "site/al/sub/y.txt": "y",
             "site/www/var/v.txt": "v",
             "site/secret.txt": "SECRET", "secret.txt": "SECRET", "site/secret-folder/z.txt": "SECRET",
             "site/etc/passwd": "SECRET", "etc/passwd": "SECRET"}

    def check(self, paths, port=None):
        """Asks for all; gives the number asked and how many were answered 200."""
        asked = found = 0
        connection = self.server.connect(port)
        for path in itertools.islice(paths, LIMIT):
            request = f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode("latin-1", "replace")
            for attempt in range(2):
                try:
                    reply = connection.request(request)
                    break
                except (Closed, ConnectionError):
                    # The connection may have been closed behind the reply before.
                    self.assertEqual(attempt, 0, path)
                    connection.close()
                    connection = self.server.connect(port)
            if not reply.keeps_alive():
                connection.close()
                connection = self.server.connect(port)
            asked += 1
            found += reply.status == 200
            seen = reply.body + reply.header("Location", "").encode("latin-1")
            if reply.status >= 500 or any(sign in reply.body for sign in SIGNS):
                self.fail(f"{path!r} gave {reply.status}: {seen[:300]!r}")
        connection.close()
        return asked, found

    def test_the_places_work(self):
        for path in ("/inside.txt", "/al/inside.txt", "/img/inside.txt", "/re/inside.txt", "/list/",
                     "/json/", "/try/inside.txt", "/tryal/sub", "/tryarg/?f=inside.txt", "/var/v.txt",
                     "/i./inside.txt", "/imginside.txt"):
            self.assertIn(self.server.get(path).status, (200, 301), path)

    def test_own_list(self):
        asked, found = self.check(own_paths())

        self.assertGreater(asked, 2000)
        self.assertGreater(found, 0)  # a path may come back inside

    def test_own_list_where_slashes_are_not_merged(self):
        paths = (path for path in own_paths() if path.startswith(("/img", "//", "/sub")))

        self.assertGreater(self.check(paths, self.server.port_number(2))[0], 1000)

    def test_paths_made_of_arguments(self):
        self.assertGreater(self.check(argument_paths())[0], 500)

    def test_absolute_targets(self):
        paths = [f"http://h{path}" for path in itertools.islice(own_paths(), 0, None, 37)]

        self.assertGreater(self.check(iter(paths))[0], 200)

    @unittest.skipUnless(WORDLISTS.is_dir(), "wfuzz is not installed")
    def test_wfuzz_lists(self):
        lines = []
        for name in LISTS:
            file = WORDLISTS / name
            if file.is_file():
                lines += [line for line in file.read_text("latin-1").splitlines()
                          if line and not line.startswith("#") and " " not in line]
        paths = (prefix + line for prefix in ("/", "/al/", "/img", "/try/", "/list/") for line in lines)

        self.assertGreater(self.check(paths)[0], 2000)
