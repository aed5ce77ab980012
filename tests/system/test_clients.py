# SPDX-License-Identifier: BSD-2-Clause
"""Who asks, and from where: realip, valid_referers, secure_link."""

import base64
import hashlib
import time
import unittest

from support.client import Connection
from support.harness import Sluice, SluiceTest
from support.waiting import wait_for

CONF = r"""
http {
    log_format who "$remote_addr $realip_remote_addr";
    access_log off;
    server {
        listen %%PORT%%;
        listen unix:%%DIR%%/socket;
        root %%DIR%%/www;
        set_real_ip_from 127.0.0.1;
        set_real_ip_from 192.0.2.0/24;
        set_real_ip_from unix:;
        location /who { return 200 "$remote_addr:$remote_port $realip_remote_addr"; }
        location /denied { deny 198.51.100.7; }
        location /logged { access_log %%DIR%%/logs/who.log who; }
    }
    server {
        listen %%PORT%%;
        server_name list;
        set_real_ip_from 127.0.0.1;
        set_real_ip_from 192.0.2.0/24;
        real_ip_header X-Forwarded-For;
        real_ip_recursive on;
        return 200 "$remote_addr:$remote_port";
    }
    server {
        listen %%PORT%%;
        server_name stranger;
        set_real_ip_from 10.0.0.0/8;
        return 200 "$remote_addr";
    }
    server {
        listen %%PORT%%;
        server_name sites.test *.sites.test ~^re\d+\.test$;
        valid_referers none blocked server_names example.com *.wild.org paths.test/in mail.* ~^re\.x/a;
        if ($invalid_referer) { return 403; }
        location / { return 200 "fine"; }
        location /strict { valid_referers only.test; return 200 "<$invalid_referer>"; }
        location /open { valid_referers none; return 200 "<$invalid_referer>"; }
    }
    server {
        listen %%PORT%%;
        server_name links;
        location /timed { secure_link $arg_h,$arg_e; secure_link_md5 "$arg_e$uri secret";
                          return 200 "<$secure_link> <$secure_link_expires>"; }
        location /plain { secure_link $arg_h; secure_link_md5 "$uri secret"; return 200 "<$secure_link>"; }
        location /p/ {
            secure_link_secret word;
            location /p/new { secure_link $arg_h; secure_link_md5 "$uri secret";
                              return 200 "<$secure_link>"; }
            return 200 "<$secure_link>";
        }
        location /none { return 200 "<$secure_link><$secure_link_expires>"; }
    }
}
"""


class Clients(SluiceTest):
    conf = CONF
    files = {"www/denied": "d", "www/logged": "l"}

    def text(self, path, host="localhost", **headers):
        reply = self.server.get(path, {"Host": host, **{
            name.replace("_", "-"): value for name, value in headers.items()}})
        return f"{reply.status} {reply.text}" if reply.status != 200 else reply.text

    # --- realip

    def test_a_trusted_peer_names_the_client(self):
        self.assertEqual(self.text("/who", X_Real_IP="198.51.100.7"), "198.51.100.7: 127.0.0.1")
        self.assertEqual(self.text("/who", X_Real_IP="198.51.100.7:99"),
                         "198.51.100.7:99 127.0.0.1")
        self.assertEqual(self.text("/who", X_Real_IP="2001:db8::1"), "2001:db8::1: 127.0.0.1")
        for nobody in ("", "nonsense", "1.2.3", "unix:/x"):
            self.assertRegex(self.text("/who", X_Real_IP=nobody), r"^127\.0\.0\.1:\d+ 127")

    def test_one_request_does_not_change_the_next(self):
        with Connection(self.server.port) as client:
            self.assertIn("198.51.100.7", client.get("/who", {"X-Real-IP": "198.51.100.7"}).text)
            self.assertRegex(client.get("/who").text, r"^127\.0\.0\.1:")

    def test_rules_and_logs_mean_that_client(self):
        self.assertEqual(self.server.get("/denied", {"X-Real-IP": "198.51.100.7"}).status, 403)
        self.assertEqual(self.server.get("/denied", {"X-Real-IP": "198.51.100.8"}).status, 200)
        self.server.get("/logged", {"X-Real-IP": "198.51.100.9"})
        log = self.server.dir / "logs/who.log"
        wait_for(lambda: log.exists() and log.read_text() == "198.51.100.9 127.0.0.1\n",
                 what="the access line")
        wait_for(lambda: "client: 198.51.100.7" in self.server.error_log(), what="the error line")

    def test_a_unix_socket_may_be_trusted(self):
        with Connection(str(self.server.dir / "socket")) as client:
            self.assertEqual(client.get("/who", {"X-Real-IP": "198.51.100.7"}).text,
                             "198.51.100.7: unix:")

    def test_a_list_is_followed_while_its_addresses_are_trusted(self):
        for listed, client in (("198.51.100.7, 192.0.2.5", "198.51.100.7:"),
                               ("10.9.9.9, 198.51.100.7:8, 192.0.2.5", "198.51.100.7:8"),
                               ("192.0.2.9, 192.0.2.5", "192.0.2.9:"),
                               ("what, 192.0.2.5", "192.0.2.5:")):
            self.assertEqual(self.text("/", "list", X_Forwarded_For=listed), client, listed)

    def test_a_stranger_is_not_believed(self):
        self.assertEqual(self.text("/", "stranger", X_Real_IP="198.51.100.7"), "127.0.0.1")

    # --- valid_referers

    def test_referers_are_judged(self):
        good = ("http://example.com", "https://EXAMPLE.com:8080/x", "http://a.wild.org/",
                "http://sites.test/", "http://a.sites.test", "http://re12.test/x",
                "http://paths.test/in/side", "http://paths.test:80/in", "http://mail.any/",
                "http://re.x/abc", "something", "")
        bad = ("http://other.test/", "http://example.com.evil/", "http://wild.org/",
               "http://paths.test/out", "http://re.x/b", "https://other.test/http://example.com")
        for referer in good:
            self.assertEqual(self.text("/", "sites.test", Referer=referer), "fine", referer)
        for referer in bad:
            self.assertEqual(self.text("/", "sites.test", Referer=referer)[:3], "403", referer)
        self.assertEqual(self.text("/", "sites.test"), "fine")

    # --- secure_link

    def link(self, path, *, end="", secret=" secret"):
        digest = hashlib.md5(f"{end}{path}{secret}".encode()).digest()
        text = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        return f"{path}?h={text}" + (f"&e={end}" if end else "")

    def test_a_link_is_right_until_it_ends(self):
        later, before = int(time.time()) + 3600, int(time.time()) - 3600
        self.assertEqual(self.text(self.link("/timed", end=later), "links"), f"<1> <{later}>")
        self.assertEqual(self.text(self.link("/timed", end=before), "links"), f"<0> <{before}>")
        self.assertEqual(self.text(self.link("/timed", end=later) + "0", "links"),
                         f"<> <{later}0>")
        self.assertEqual(self.text(self.link("/timed", end="soon"), "links"), "<> <>")
        self.assertEqual(self.text(self.link("/plain"), "links"), "<1>")
        self.assertEqual(self.text(self.link("/plain", secret="guess"), "links"), "<>")
        for wrong in ("/plain", "/plain?h=", "/plain?h=!", "/plain?h=" + "A" * 22,
                      "/plain?h=" + "A" * 60):
            self.assertEqual(self.text(wrong, "links"), "<>", wrong)
        self.assertEqual(self.text("/none", "links"), "<><>")

    def test_a_secret_word_protects_links(self):
        digest = hashlib.md5(b"a/b.htmlword").hexdigest()
        self.assertEqual(self.text(f"/p/{digest}/a/b.html", "links"), "<a/b.html>")
        self.assertEqual(self.text(f"/p/{digest}/a/c.html", "links"), "<>")
        self.assertEqual(self.text(f"/p/{digest[:-1]}/a/b.html", "links"), "<>")
        self.assertEqual(self.text(f"/p/{digest[:-1]}x/a/b.html", "links"), "<>")
        self.assertEqual(self.text("/p/x", "links"), "<>")
        self.assertEqual(self.text(self.link("/p/new"), "links"), "<1>")


class Mistakes(SluiceTest):
    def test_mistakes_are_refused(self):
        for directive, message in (
                ("set_real_ip_from 10.0.0.0/40;", 'invalid parameter "10.0.0.0/40"'),
                ("real_ip_recursive maybe;", "real_ip_recursive"),
                ("valid_referers http://x;", 'invalid parameter "http://x"'),
                ("valid_referers a.*.b;", 'invalid hostname or wildcard "a.*.b"'),
                ("location / { secure_link $arg_a; secure_link_secret x; }", "is incompatible"),
                ("location / { secure_link_secret x; secure_link_md5 y; }", "is incompatible")):
            server = Sluice("http { server { listen %%PORT%%; " + directive + " } }")
            self.addCleanup(server.cleanup)
            ran = server.run("-t")
            self.assertNotEqual(ran.returncode, 0, directive)
            self.assertIn(message, ran.stderr)


if __name__ == "__main__":
    unittest.main()
