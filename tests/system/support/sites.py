# SPDX-License-Identifier: BSD-2-Clause
"""Configurations and requests by the thousand, made from a seed: servers with exact, wildcard and
regular names, nested locations of every kind, rewrites, returns, try_files, index, error_page,
access rules, added headers; and requests that meet them, with odd paths among them. Only what nginx
knows too is used, so that the same text can be given to both."""

import random

FILES = {
    "www/index.html": "front page\n",
    "www/a.html": "<p>a</p>\n",
    "www/a.txt": "a text of some length\n",
    "www/page.php": "<?php\n",
    "www/sp ace.txt": "space\n",
    "www/dir/index.html": "index of dir\n",
    "www/dir/index.htm": "another index of dir, longer\n",
    "www/dir/b.txt": "b" * 300,
    "www/dir/sub/c.txt": "c" * 20_000,
    "www/dir/sub/page.php": "<?php two\n",
    "www/bare/x.bin": "\u0001\u0002",
    "www/static/a.css": "a { }\n",
    "www/static/index.html": "static index\n",
    "www/err/404.html": "our own 404\n",
    "www/err/50x.html": "our own 50x, which is longer\n",
    "other/index.html": "other\n",
    "other/dir/b.txt": "other b\n",
}

NAMES = ["a.example", "*.a.example", ".b.example", "www.*", "~^(?<sub>[a-z]+)\\.c\\.example$",
         "~^d\\d+\\.", "deep.x.a.example", "_", "E.example"]
HOSTS = ["a.example", "x.a.example", "deep.x.a.example", "b.example", "y.b.example", "www.foo",
         "foo.c.example", "d7.anything", "nobody.example", "127.0.0.1", "A.EXAMPLE", "e.example",
         "a.example."]
SEGMENTS = ["", "dir", "sub", "static", "old", "app", "bare", "err", "index.html", "a.html", "a.txt",
            "b.txt", "c.txt", "page.php", "x.PHP", "nope", "sp%20ace.txt", "404.html", "images", "a.css",
            "%61.txt", "%2e", "A.txt"]
GOOD_PATHS = ["/", "/a.html", "/a.txt", "/page.php", "/dir/", "/dir", "/dir/b.txt", "/dir/sub/c.txt", "/dir/sub/",
              "/bare/", "/bare/x.bin", "/static/a.css", "/static/", "/err/404.html", "/old/b.txt", "/old/x.php",
              "/app/b.txt", "/app/sub/c.txt", "/images/logo", "/nope", "/nope/x", "/sp%20ace.txt",
              "/dir/sub/page.php", "/none", "/index.html"]
ODD_PATHS = ["/dir/../a.txt", "/dir/%2e%2e/a.txt", "//dir//b.txt", "/dir/./b.txt", "/../a.txt",
             "/dir/sub/../../index.html", "/a.txt?", "/?", "/%zz", "/a%00b", "/a%2fb", "/dir%2fb.txt",
             "/a.txt#f", "/old/%C3%A9/x", "/old/a+b", "/old/100%25", "/a.txt?x=%20y&q=1",
             "/" + "l" * 300]
PREFIXES = ["/", "/dir/", "/dir", "/dir/sub/", "/static/", "/old/", "/app/", "/bare/", "/images/",
            "/err/", "/a", "/nope"]
PATTERNS = ["~ \\.php$", "~* \\.PHP$", "~ ^/(?<first>[a-z]+)/", "~ \\.(txt|css)$", "~ ^/dir/(.+)$",
            "~ /sub/", "~ ^/old/(\\w+)", "~* INDEX"]


class Site:
    """One configuration (without what a harness adds) and requests for it."""

    def __init__(self, seed, is_for_nginx=False):
        self.random = random.Random(seed)
        self.is_for_nginx = is_for_nginx
        self.http = self._http()

    # --- configuration

    def _http(self):
        pick = self.random
        lines = ["access_log off;", "types { text/html html htm; text/css css; text/plain txt; }",
                 "default_type application/octet-stream;", "map $arg_m $mapped { default none; a first; ~^b second; }"]
        if pick.random() < 0.5:
            lines.append("add_header X-Outer $host;")
        names = NAMES[:]
        pick.shuffle(names)
        for number in range(pick.randint(1, 4)):
            own = [names.pop() for _ in range(pick.randint(1, 2))] if names else []
            lines.append(self._server(number, own))
        return "http {\n" + "\n".join(lines) + "\n}\n"

    def _server(self, number, names):
        pick = self.random
        lines = [f"listen %%PORT%%{' default_server' if number == 1 else ''};",
                 f"server_name {' '.join(names)};" if names else "",
                 f"root %%DIR%%/{pick.choice(['www', 'www', 'www', 'other'])};"]
        if pick.random() < 0.3:
            lines.append("error_page 404 /err/404.html;")
        if pick.random() < 0.2:
            lines.append("error_page 500 502 =200 /err/50x.html;")
        if pick.random() < 0.2:
            lines.append("index index.htm index.html;")
        if pick.random() < 0.2:
            lines.append("absolute_redirect off;")
        if pick.random() < 0.3:
            lines.append(pick.choice(["rewrite ^/app/(.*)$ /dir/$1;", "rewrite ^/images/ /static/a.css break;",
                                      "if ($arg_s = 1) { return 202 from-server; }",
                                      "rewrite ^/nope$ /a.txt permanent;"]))
        lines += self._locations(["/"], 0)
        if pick.random() < 0.8:
            lines.append("location @fallback { " + pick.choice([
                "return 200 \"fallback $uri\";", "return 418;", "rewrite ^ /dir/b.txt break;"]) + " }")
        else:
            lines.append("location @fallback { add_header X-Named 1 always; return 503; }")
        return "server {\n  " + "\n  ".join(line for line in lines if line) + "\n}"

    def _locations(self, outer, depth):
        pick = self.random
        out, seen = [], set()
        wanted = pick.randint(2, 6) if depth == 0 else pick.randint(0, 2)
        for _ in range(wanted):
            kind = pick.choice(["prefix", "prefix", "prefix", "=", "^~", "pattern", "pattern"])
            if self.is_for_nginx and outer[0] is None:
                kind = "pattern"  # nginx takes nothing else inside of a pattern
            if kind == "pattern":
                heading = pick.choice(PATTERNS)
                key = heading
                name = None
            else:
                name = pick.choice([p for p in PREFIXES if outer[0] is None or p.startswith(outer[0])])
                if kind == "=":
                    name = pick.choice([name, name + "a.txt", name.rstrip("/") or "/"])
                    if outer[0] is not None and not name.startswith(outer[0]):
                        continue
                heading = name if kind == "prefix" else f"{kind} {name}"
                key = ("=" if kind == "=" else "") + name
            if key in seen:
                continue
            seen.add(key)
            body = self._body(name, kind)
            if depth < 2 and kind != "=" and pick.random() < 0.3:
                body += self._locations([name], depth + 1)
            out.append(f"location {heading} {{ " + " ".join(body) + " }")
        return out

    def _body(self, name, kind):
        pick = self.random
        lines = []
        for _ in range(pick.randint(0, 3)):
            lines.append(pick.choice(self._choices()))
        if pick.random() < 0.2 and kind == "prefix" and name.endswith("/"):
            lines.append("alias %%DIR%%/www/dir/;")
        elif pick.random() < 0.1:
            lines.append("root %%DIR%%/other;")
        # Each of these may stand once in a block.
        once, kept = set(), []
        for line in lines:
            word = line.split()[0].rstrip(";")
            if word in ("try_files", "autoindex", "limit_except", "internal", "expires", "default_type",
                        "satisfy", "etag", "root", "alias"):
                if word in once or (word in ("root", "alias") and once & {"root", "alias"}):
                    continue
                once.add(word)
            kept.append(line)
        return kept

    @staticmethod
    def _choices():
        return [
            "return 200 \"text $uri $args\";", "return 204;", "return 301 /moved$uri;",
            "return 302 http://else.example$request_uri;", "return 403;", "return 404;", "return 500;",
            "return 307 /other?x=$arg_q;", "return 444;",
            "try_files $uri $uri/ =404;", "try_files $uri @fallback;", "try_files $uri $uri/ /index.html;",
            "try_files /none /a.txt?from=$uri;", "try_files $uri.html $uri/index.html =403;",
            "rewrite ^/old/(.*)$ /dir/$1 last;", "rewrite ^/app/(.+)$ /static/$1 break;",
            "rewrite ^/(.*)\\.php$ /$1.html redirect;", "rewrite ^/dir/(.*)$ /old/$1?d=1 last;",
            "rewrite ^/nope/(.*)$ /$1? permanent;", "rewrite sub /static/ last;",
            "if ($arg_q = 1) { return 206 \"if\"; }", "if ($arg_q) { add_header X-If $arg_q; }",
            "if (!-e $request_filename) { rewrite ^ /a.txt last; }",
            "if ($http_x_test ~ ^(t.*)$) { set $got $1; return 200 \"got $got\"; }",
            "if ($request_method = POST) { return 405; }", "set $x \"$uri-$mapped\"; add_header X-Set $x;",
            "index nothing.html index.html;", "index /a.txt;", "autoindex on;",
            "error_page 404 /err/404.html;", "error_page 404 = @fallback;", "error_page 403 =200 /a.txt;",
            "error_page 404 http://else.example/lost;", "error_page 405 500 /err/50x.html;",
            "deny all;", "allow 127.0.0.1; deny all;", "deny 10.0.0.0/8; allow all;",
            "limit_except GET { deny all; }", "limit_except GET POST { allow 127.0.0.1; deny all; }",
            "add_header X-Own \"$uri\";", "add_header X-Always 1 always;", "add_header X-Map $mapped;",
            "internal;", "expires 1h;", "expires -1;", "default_type text/special;", "etag off;",
            "break;", "satisfy any;",
        ]

    # --- requests

    def requests(self, count):
        """(method, host, target, headers) each."""
        pick = self.random
        out = []
        for _ in range(count):
            kind = pick.random()
            if kind < 0.1:
                target = pick.choice(ODD_PATHS)
            elif kind < 0.6:
                target = pick.choice(GOOD_PATHS) + pick.choice(["", "", "", "?q=1", "?q=2&m=a", "?m=bb", "?s=1"])
            else:
                target = "/" + "/".join(pick.choice(SEGMENTS) for _ in range(pick.randint(1, 3)))
                target += pick.choice(["", "", "", "/", "?q=1", "?q=2&m=a", "?m=bb", "?s=1", "?"])
            headers = {}
            if pick.random() < 0.1:
                headers["X-Test"] = pick.choice(["tail", "no"])
            if pick.random() < 0.05:
                headers["Range"] = pick.choice(["bytes=0-3", "bytes=-2", "bytes=5-", "bytes=99999-"])
            if pick.random() < 0.05:
                headers["If-None-Match"] = "*"
            method = pick.choice(["GET"] * 12 + ["HEAD", "HEAD", "POST", "DELETE", "OPTIONS", "PUT"])
            out.append((method, pick.choice(HOSTS), target.split("#")[0], headers))
        return out
