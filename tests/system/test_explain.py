# SPDX-License-Identifier: BSD-2-Clause
"""`sluice explain`: what it prints, and that it agrees with the server that it explains.

SLUICE_EXPLAIN_PAIRS is how many pairs of request and configuration are compared (default 300)."""

import json
import os
import re
import shutil
import subprocess
import unittest

from support.client import Closed, Connection
from support.harness import SluiceTest
from support.sites import FILES, Site
from support.waiting import wait_for

PAIRS = int(os.environ.get("SLUICE_EXPLAIN_PAIRS", "300"))
REQUESTS_PER_SITE = 50
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"


def explain(server, *args, text=None, code=0):
    """Runs `sluice explain` for a server's configuration."""
    result = subprocess.run([server.binary, "explain", "-p", f"{server.dir}/", "-c", str(server.conf), *args],
                            input=text, env=server.env, text=True, capture_output=True, timeout=120,
                            errors="surrogateescape", check=False)
    if result.returncode != code:
        raise AssertionError(f"explain exited with {result.returncode}\n{result.stderr}")
    return result.stdout if code == 0 else result.stderr


def explain_all(server, requests):
    """The JSON answers to many requests, in one run."""
    lines = []
    for method, host, target, headers in requests:
        fields = "".join(f"\t{name}: {value}" for name, value in headers.items())
        lines.append(f"{method} http://{host}:{server.port}{target}{fields}\n")
    out = explain(server, "--json", "-", text="".join(lines))
    return [json.loads(line) for line in out.splitlines()]


class Client:
    """Asks one request after the other, on as few connections as the server allows."""

    def __init__(self, port):
        self.port = port
        self.connection = None

    def ask(self, method, host, target, headers):
        """The reply, or None where the connection was closed instead."""
        self.connection = self.connection or Connection(self.port)
        fields = {"Host": f"{host}:{self.port}", **headers}
        try:
            reply = self.connection.get(target, fields, method=method)
        except (Closed, ConnectionError):
            self.close()
            return None
        if not reply.keeps_alive():
            self.close()
        return reply

    def close(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None


UNSTABLE = {"date", "expires", "connection", "keep-alive"}  # they depend on the moment and the connection


def told(answer):
    """What explain says, in the form of seen(): a raw client takes bytes for Latin-1."""
    headers = [(name, value.encode().decode("latin-1")) for name, value in answer["headers"]
               if name.lower() not in UNSTABLE]
    return answer["status"], sorted(headers), answer["body_bytes"]


def seen(reply):
    if reply is None:
        return 0, [], 0
    headers = [(name, value) for name, value in reply.headers if name.lower() not in UNSTABLE]
    return reply.status, sorted(headers), len(reply.body)


class Agreement(SluiceTest):
    def test_explain_says_what_the_server_does(self):
        server = self.serve("http { server { listen %%PORT%%; } }", files=FILES)
        client = Client(server.port)
        for seed in range(max(1, PAIRS // REQUESTS_PER_SITE)):
            site = Site(seed)
            server.configure(site.http)
            reloaded = server.reload()
            self.assertEqual(reloaded.returncode, 0, reloaded.stderr + site.http)
            client.close()
            requests = site.requests(REQUESTS_PER_SITE)

            for request, answer in zip(requests, explain_all(server, requests), strict=True):
                self.assertEqual(told(answer), seen(client.ask(*request)),
                                 f"seed {seed}: {request}\n{server.expand(site.http)}\n"
                                 + json.dumps(answer, indent=1))
        client.close()


# --- what it prints

CONF = """
http {
    limit_req_zone $binary_remote_addr zone=slow:1m rate=1r/m;
    limit_conn_zone $server_name zone=few:1m;
    access_log %%DIR%%/logs/access.log;
    add_header X-Outer yes;
    server {
        listen %%PORT%%;
        server_name a.example *.a.example;
        root %%DIR%%/www;
        error_page 404 /err/404.html;
        rewrite ^/old/(.*)$ /dir/$1 last;
        location / { try_files $uri $uri/ =404; }
        location ^~ /static/ { }
        location ~ \\.php$ { limit_req zone=slow; limit_conn few 5; }
        location ~* \\.PHP$ { }
        location = /away { return 301 /there; }
        location /secret/ { satisfy any; allow 10.0.0.0/8; deny all; auth_basic box; auth_basic_user_file users; }
        location = /status { status_api; }
        location = /counters { stub_status; }
        location /bare/ { autoindex on; }
        location /read/ { limit_except GET { deny all; } }
    }
    server {
        listen %%PORT%% default_server;
        server_name ~^b\\d;
        if ($arg_q = 1) { return 403; }
    }
    server { listen %%PORT2%%; limit_rate 10; location / { return 200 "slow but explained at once"; } }
}
"""


class Text(SluiceTest):
    conf = CONF
    files = {**FILES, "conf/users": "ann:{PLAIN}word\n"}

    def of(self, path, *args, host="a.example", port=None):
        return explain(self.server, f"http://{host}:{port or self.server.port}{path}", *args)

    def assert_line(self, text, wanted, directive=None):
        """A line has `wanted`, and names the line of the configuration that has `directive`."""
        found = [line for line in text.splitlines() if wanted in line]
        self.assertTrue(found, f"no {wanted!r} in\n{text}")
        if directive is not None:
            written = self.server.conf.read_text().splitlines()
            number = next(i for i, line in enumerate(written, 1) if directive in line)
            self.assertIn(f"[conf/sluice.conf:{number}]", found[0])

    def test_listener_and_servers(self):
        text = self.of("/", host="x.a.example")

        self.assert_line(text, f"listener  0.0.0.0:{self.server.port}: any address", "listen ")
        self.assert_line(text, "*.a.example, longest wildcard at the start", "    server {")
        self.assert_line(text, "*.a.example: fits", "server_name a.example")
        self.assert_line(text, "~^b\\d: does not match", "server_name ~^b")
        self.assert_line(text, ": not needed")
        self.assert_line(self.of("/", host="none"), "the default server, no name fits")
        self.assert_line(self.of("/", host="b7"), "first regular expression that matches")

    def test_locations(self):
        self.assert_line(self.of("/static/a.php"), "^~ asks no regular expression", "location ^~ /static/")
        self.assert_line(self.of("/static/a.php"), "~ \\.php$: not asked", "location ~ \\.php$")
        self.assert_line(self.of("/away"), "= /away: exact", "location = /away")
        text = self.of("/page.php")
        self.assert_line(text, "~ \\.php$: matches, the first", "location ~ \\.php$")
        self.assert_line(text, "~* \\.PHP$: not asked: an earlier one", "location ~* \\.PHP$")
        self.assert_line(text, "/: longest prefix", "location / {")

    def test_rewrite_and_files(self):
        text = self.of("/old/b.txt?q=1")

        self.assert_line(text, 'matches "/old/b.txt"', "rewrite ^/old/")
        self.assert_line(text, '"/old/b.txt?q=1" becomes "/dir/b.txt?q=1", and the rules end', "rewrite ^/old/")
        self.assert_line(text, f"{self.server.dir}/www/dir/b.txt is a file: taken", "try_files")
        self.assert_line(text, "www/dir/b.txt: found", "root ")
        self.assert_line(text, 'add_header X-Outer yes: "yes"', "add_header X-Outer")
        self.assert_line(text, "HTTP/1.1 200 OK")
        self.assert_line(text, "body      300 bytes")

    def test_error_page(self):
        text = self.of("/none")

        self.assert_line(text, "none is there: 404", "try_files")
        self.assert_line(text, '404 goes to "/err/404.html"', "error_page 404")
        self.assert_line(text, "HTTP/1.1 404 Not Found")

    def test_return_and_if(self):
        self.assert_line(self.of("/away"), "return 301 /there: answers", "return 301")
        self.assert_line(self.of("/away"), f"Location: http://a.example:{self.server.port}/there")
        self.assert_line(self.of("/?q=1", host="b1"), "if ($arg_q = 1): holds", "if ($arg_q")

    def test_access(self):
        text = self.of("/secret/x")
        self.assert_line(text, "allow 10.0.0.0/8: does not fit 127.0.0.1", "location /secret/")
        self.assert_line(text, "deny all: forbids 127.0.0.1", "location /secret/")
        self.assert_line(text, "no rule allows, 401", "satisfy any")
        self.assert_line(self.of("/secret/x", "--client", "10.1.2.3"), "allow 10.0.0.0/8: allows 10.1.2.3")
        word = self.of("/secret/x", "-H", "Authorization: Basic YW5uOndvcmQ=")  # ann:word
        self.assert_line(word, 'user "ann" and password fit', "auth_basic box")
        wrong = self.of("/secret/x", "-H", "Authorization: Basic YW5uOm5v")
        self.assert_line(wrong, 'wrong password of "ann": 401', "auth_basic box")

    def test_methods(self):
        text = self.of("/read/x", "-X", "POST")

        self.assert_line(text, "limit_except GET: POST is not among them", "limit_except")
        self.assert_line(text, "HTTP/1.1 403 Forbidden")
        self.assert_line(self.of("/away", "-X", "HEAD"), "body      0 bytes")

    def test_pages_that_are_made(self):
        for path, name in (("/status", "status_api"), ("/counters", "stub_status"), ("/bare/", "autoindex on")):
            with self.subTest(path):
                text = self.of(path)
                self.assert_line(text, f"file      {name}: ", f"{name};")
                self.assert_line(text, "HTTP/1.1 200 OK")

    def test_limits_are_asked_of_a_copy(self):
        for _ in range(3):
            text = self.of("/page.php")
            self.assert_line(text, 'in an empty copy of zone "slow": passes', "limit_req zone=slow")
            self.assert_line(text, 'key "a.example" in an empty copy of zone "few": passes', "limit_conn few")

        # One request a minute: had any of them counted, the live server would refuse.
        self.assertEqual(self.server.get("/page.php", {"Host": "a.example"}).status, 200)
        self.assertEqual(self.server.get("/page.php", {"Host": "a.example"}).status, 429)
        self.assert_line(self.of("/page.php"), "passes")

    def test_nothing_is_logged(self):
        self.of("/from-explain")
        self.server.get("/from-a-client", {"Host": "a.example"})

        log = self.server.wait_accessed("/from-a-client")
        self.assertNotIn("/from-explain", log + self.server.error_log())

    def test_a_limited_rate_is_not_waited_for(self):
        self.assert_line(self.of("/", port=self.server.port_number(2)), "slow but explained at once")

    def test_many_questions(self):
        port = self.server.port
        lines = (f"http://a.example:{port}/away\nPOST http://a.example:{port}/read/x\tX-A: 1\n\n"
                 f"http://a.example:1/\nhttp://b1:{port}/")
        result = subprocess.run([self.server.binary, "explain", "--json", "-p", f"{self.server.dir}/", "-c",
                                 str(self.server.conf), "-"], input=lines, env=self.server.env, text=True,
                                capture_output=True, timeout=60, check=False)

        self.assertEqual(result.returncode, 1)  # one of them cannot be asked
        answers = [json.loads(line) for line in result.stdout.splitlines()]
        self.assertEqual([a.get("status") for a in answers], [301, 403, None, 404])
        self.assertIn("nothing listens on port 1", answers[2]["error"])
        self.assertTrue(all(step["line"] > 0 for step in answers[0]["steps"] if "file" in step))

    def test_what_cannot_be_asked(self):
        for url, wanted in (("/path", "relative"), ("a.example/", "relative"), ("https://a/", "no TLS"),
                            ("http:///", "names no host"), ("http://a:0/", "is no port"),
                            ("http://a:99999/", "is no port"), ("http://u:p@a/", "-H 'Authorization"),
                            ("http://a/b c", "%20"), ("http://[::1/", "no end"), ("ftp://a/", "expected http://"),
                            ("http://a:1/", "nothing listens on port 1 of a")):
            with self.subTest(url):
                self.assertIn(wanted, explain(self.server, url, code=1))
        self.assertIn("is no field", explain(self.server, "http://a/", "-H", "nonsense", code=1))
        self.assertIn("is no address", explain(self.server, f"http://a:{self.server.port}/", "--client", "x", code=1))

    def test_listeners_of_stream_are_none_of_http(self):
        server = self.serve("""stream { server { listen %%PORT2%%; set $a b; return $a; } server { listen %%PORT3%% udp; echo; } }
            http { server { listen %%PORT%%; return 204; } }""", start=False)
        text = explain(server, f"http://a:{server.port}/")
        refusal = explain(server, f"http://a:{server.port_number(2)}/", code=1)

        self.assertIn("204", text)
        self.assertNotIn(str(server.port_number(2)), text)
        self.assertIn(f"this configuration listens on 0.0.0.0:{server.port}\n", refusal)

    def test_a_configuration_that_does_not_compile(self):
        server = self.serve("http { server { listen %%PORT%%; nonsense on; } }", start=False)

        self.assertRegex(explain(server, "http://a/", code=1), r'\[emerg\] unknown directive "nonsense" in \S+:2')


# --- nginx

def start_nginx(test, server):
    """Runs nginx on the site of a server that is not started itself, until the test ends."""
    folder = server.dir / "nginx"
    folder.mkdir(exist_ok=True)
    temporary = "".join(f" {name}_temp_path {folder}/{name};"
                        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    text = server.conf.read_text().split("\n", 1)[1].replace("http {", "http {" + temporary, 1)
    conf = folder / "nginx.conf"
    conf.write_text(f"daemon off; pid {folder}/pid; error_log {folder}/error.log; events {{}}\n"
                    + text.replace("compat nginx;", ""))
    process = subprocess.Popen([NGINX, "-p", str(folder), "-c", str(conf), "-e", f"{folder}/error.log"],
                               stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def end():
        process.terminate()
        process.wait()
    test.addCleanup(end)

    def is_up():
        if process.poll() is not None:
            raise AssertionError("nginx does not start: " + (folder / "error.log").read_text() + conf.read_text())
        try:
            Connection(server.port).close()
        except ConnectionRefusedError:
            return False
        return True
    wait_for(is_up, what="nginx to listen")
    return end


SHARED = ("location", "content-type", "content-range", "cache-control", "last-modified", "etag")
BUILT_IN = re.compile(rb"<center>nginx")


def in_common(status, headers, body_bytes, is_page):
    """What nginx and sluice have to agree on: their own pages name the server, so may be of any length."""
    kept = sorted((name.lower(), value) for name, value in headers
                  if name.lower() in SHARED or name.lower().startswith("x-"))
    return status, kept, 0 if is_page else body_bytes


@unittest.skipUnless(os.access(NGINX, os.X_OK), "nginx is not installed")
class AgreementWithNginx(SluiceTest):
    def test_explain_says_what_nginx_does(self):
        for seed in range(max(1, PAIRS // REQUESTS_PER_SITE)):
            with self.subTest(seed=seed):
                self.compare(Site(seed, is_for_nginx=True))

    @staticmethod
    def is_known_to_differ(headers, answer):
        """Conditions and ranges: ours are about what was asked for, not about an error page sent for it, and
        `If-None-Match: *` is asked of files only; a 416 is a reply of its own, without add_header. An error page
        that is answered by `return 204` stays empty, where nginx puts its own page in its place."""
        steps = json.dumps(answer["steps"])
        is_error_page = "error_page" in steps
        is_file = any(name == "Last-Modified" for name, _ in answer["headers"]) or answer["status"] == 304
        return (("Range" in headers and (is_error_page or answer["status"] == 416))
                or ("If-None-Match" in headers and (is_error_page or not is_file))
                or (is_error_page and "return 204: answers" in steps))

    def compare(self, site):
        server = self.serve("compat nginx;\n" + site.http, files=FILES, start=False)
        requests = site.requests(REQUESTS_PER_SITE)
        answers = explain_all(server, requests)
        end = start_nginx(self, server)
        client = Client(server.port)
        for request, answer in zip(requests, answers, strict=True):
            reply = client.ask(*request)
            if self.is_known_to_differ(request[3], answer):
                continue
            is_page = reply is not None and BUILT_IN.search(reply.body) is not None
            self.assertEqual(in_common(*told(answer), is_page), in_common(*seen(reply), is_page),
                             f"{request}\n{server.expand(site.http)}\n" + json.dumps(answer, indent=1))
        client.close()
        end()
        server.cleanup()
