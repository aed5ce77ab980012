# SPDX-License-Identifier: BSD-2-Clause
"""Which server and location answer, error pages in all forms, and who may."""

import re
import unittest

from support.harness import Sluice, SluiceTest
from support.waiting import wait_for

NAMES = r"""
http {
    access_log off;
    default_type text/plain;
    server { listen %%PORT%%; return 200 first; }
    server { listen %%PORT%%; server_name exact.test; return 200 exact; }
    server { listen %%PORT%%; server_name *.test; return 200 leading; }
    server { listen %%PORT%%; server_name *.deep.test; return 200 longer; }
    server { listen %%PORT%%; server_name exact.*; return 200 trailing; }
    server { listen %%PORT%%; server_name .both.org; return 200 "both $server_name"; }
    server { listen %%PORT%%; server_name ~^(?<Sub>[a-z]+)\.(\d+)\.re$ _; return 200 "re $sub $1 $2"; }
    server { listen %%PORT%%; server_name ~^later\.; return 200 later; }
    server { listen %%PORT%%; server_name ""; return 200 nameless; }
    server { listen %%PORT%%; server_name "~^V\d\.x$"; root /srv/$1; return 200 "v $document_root"; }
}
"""


class ServerNames(SluiceTest):
    conf = NAMES

    def served(self, host):
        return self.server.get("/", {"Host": host}).text

    def test_precedence_is_nginx_s(self):
        for host, who in [
            ("exact.test", "exact"), ("EXACT.test.", "exact"), ("exact.test:8080", "exact"),
            ("a.test", "leading"), ("a.b.test", "leading"), ("a.deep.test", "longer"),
            ("deep.test", "leading"), ("exact.net", "trailing"), ("exact.a.b", "trailing"),
            ("both.org", "both both.org"), ("www.both.org", "both both.org"),
            ("abc.12.re", "re abc abc 12"), ("ABC.12.re", "re abc abc 12"),
            ("_", "re   "), ("later.x", "later"), ("v1.x", "v /srv/"), ("unknown", "first"),
        ]:
            with self.subTest(host=host):
                self.assertEqual(self.served(host), who)

    def test_a_request_without_host_finds_the_empty_name(self):
        with self.server.connect() as connection:
            self.assertEqual(connection.request(b"GET / HTTP/1.0\r\n\r\n").text, "nameless")

    def test_conflicts_are_warned_of(self):
        server = Sluice("http { server { listen %%PORT%%; server_name a b; } "
                        "server { listen %%PORT%%; server_name b; } }")
        self.addCleanup(server.cleanup)
        told = server.run("-t")
        self.assertEqual(told.returncode, 0)
        self.assertIn(f'conflicting server name "b" on 0.0.0.0:{server.port}, ignored', told.stderr)


ERRORS = r"""
http {
    access_log off;
    default_type text/plain;
    server {
        listen %%PORT%%;
        root %%DIR%%/www;
        error_page 401 402 /several;
        error_page 403 =200 /changed;
        error_page 404 = /own?from=$uri;
        error_page 405 http://other.test/$uri;
        error_page 406 =303 http://other.test/;
        error_page 407 @named;
        error_page 412 =503 @named;
        error_page 409 =301 /path;
        error_page 410 /missing-page;
        error_page 411 $arg_to;
        location /several { return 200 "several $request_method $args"; }
        location /changed { return 200 "changed"; }
        location /own { return 203 "own $args"; }
        location /path { return 200 "path"; }
        location @named { return 200 "named $request_method $uri"; }
        location /code/401 { return 401; }
        location /code/402 { return 402; }
        location /code/403 { return 403; }
        location /code/405 { return 405; }
        location /code/406 { return 406; }
        location /code/407 { return 407; }
        location /code/412 { return 412; }
        location /code/409 { return 409; }
        location /code/410 { return 410; }
        location /code/411 { return 411; }
        location /text { return 404 "a text is the whole answer"; }
        location /chain {
            error_page 403 /chain/second;
            return 403;
            location /chain/second { error_page 402 /chain/third; return 402; }
            location /chain/third { return 200 third; }
        }
        location /deep {
            recursive_error_pages on;
            error_page 403 /deep/second;
            return 403;
            location /deep/second { error_page 402 =200 /deep/third; return 402; }
            location /deep/third { return 200 third; }
        }
        location /endless { recursive_error_pages on; error_page 403 /endless; return 403; }
        location /none { error_page 404 @nowhere; return 404; }
        location /inner { internal; return 200 inner; location /inner/too { return 200 too; } }
        location /to-inner { error_page 404 =200 /inner; return 404; }
        location /lines { return 302 http://a.test/$arg_x$http_x_lines; }
        location ~ ^/split/(?<rest>(?s).*)$ { return 301 http://a.test/$rest; }
        location /off { error_page 404 /own; return 402; }
    }
}
"""


class ErrorPages(SluiceTest):
    conf = ERRORS

    def got(self, path, **options):
        reply = self.server.get(path, **options)
        return reply.status, reply.text

    def test_forms(self):
        self.assertEqual(self.got("/code/401?a"), (401, "several GET "))
        self.assertEqual(self.got("/code/402"), (402, "several GET "))
        self.assertEqual(self.got("/code/403"), (200, "changed"))
        self.assertEqual(self.got("/missing"), (203, "own from=/missing"))
        self.assertEqual(self.got("/code/409"), (301, "path"))
        self.assertEqual(self.got("/text"), (404, "a text is the whole answer"))
        self.assertEqual(self.got("/code/411?to=/several"), (411, "several GET "))

    def test_urls_are_redirects(self):
        plain, chosen = self.server.get("/code/405"), self.server.get("/code/406")

        self.assertEqual((plain.status, plain.header("location")),
                         (302, "http://other.test//code/405"))
        self.assertEqual((chosen.status, chosen.header("location")), (303, "http://other.test/"))

    def test_named_locations_keep_method_and_uri(self):
        post = {"method": "POST", "body": b"x"}
        self.assertEqual(self.got("/code/407", **post), (407, "named POST /code/407"))
        self.assertEqual(self.got("/code/412"), (503, "named GET /code/412"))
        self.assertEqual(self.got("/code/401", **post), (401, "several GET "))

    def test_a_page_s_own_error_is_told_plainly(self):
        status, text = self.got("/code/410")
        self.assertEqual(status, 404)
        self.assertIn("<title>404 Not Found</title>", text)
        self.assertEqual(self.got("/chain")[0], 402)
        self.assertEqual(self.got("/none")[0], 500)

    def test_recursion_where_asked_for(self):
        self.assertEqual(self.got("/deep"), (200, "third"))
        self.assertEqual(self.got("/endless")[0], 500)

    def test_internal_locations(self):
        self.assertEqual(self.got("/inner"), (203, "own from=/inner"))
        self.assertEqual(self.got("/inner/too"), (203, "own from=/inner/too"))
        self.assertEqual(self.got("/to-inner"), (200, "inner"))

    def test_pages_at_one_level_replace_those_above(self):
        status, text = self.got("/off")
        self.assertEqual(status, 402)
        self.assertIn("402 Payment Required", text)

    def test_no_redirect_holds_a_line_break(self):
        reply = self.server.get("/split/a%0d%0aSet-Cookie:x=y")
        self.assertEqual(reply.status, 400)
        self.assertIsNone(reply.header("location"))


ACCESS = r"""
http {
    access_log off;
    default_type text/plain;
    server {
        listen %%PORT%%;
        listen [::1]:%%PORT%%;
        listen unix:%%DIR%%/s.sock;
        root %%DIR%%/www;
        location /open { }
        location /closed { deny all; }
        location /v4 { allow 127.0.0.0/8; deny all; }
        location /v6 { allow ::1; deny all; }
        location /unix { allow unix:; deny all; }
        location /first { deny 127.0.0.1; allow all; deny ::/0; }
        location /outer { deny all; location /outer/inner { allow all; } location /outer/same { } }
        location /limited { limit_except GET { deny all; } }
        location /limited/more { limit_except POST PUT { allow 10.0.0.0/8; deny all; } return 200 x; }
    }
}
"""


class Access(SluiceTest):
    conf = ACCESS
    files = {f"www/{name}": name for name in
             ("open", "closed", "v4", "v6", "unix", "first", "limited", "outer/inner", "outer/same")}

    def statuses(self, path, **options):
        out = []
        for connection in (self.server.connect(), self.server.connect(host="::1"),
                           self.server.connect(str(self.server.dir / "s.sock"))):
            with connection:
                out.append(connection.get(path, **options).status)
        return out

    def test_the_first_rule_that_fits_decides(self):
        self.assertEqual(self.statuses("/open"), [200, 200, 200])
        self.assertEqual(self.statuses("/closed"), [403, 403, 403])
        self.assertEqual(self.statuses("/v4"), [200, 403, 403])
        self.assertEqual(self.statuses("/v6"), [403, 200, 403])
        self.assertEqual(self.statuses("/unix"), [403, 403, 200])
        self.assertEqual(self.statuses("/first"), [403, 200, 200])

    def test_rules_are_inherited_as_a_whole(self):
        self.assertEqual(self.statuses("/outer/inner"), [200, 200, 200])
        self.assertEqual(self.statuses("/outer/same"), [403, 403, 403])

    def test_limit_except(self):
        get = self.server.get
        self.assertEqual(get("/limited").status, 200)
        self.assertEqual(get("/limited", method="HEAD").status, 200)
        for method in ("POST", "DELETE", "OPTIONS", "ODD"):
            self.assertEqual(get("/limited", method=method).status, 403, method)
        self.assertEqual(get("/limited/more", method="POST").status, 200)
        self.assertEqual(get("/limited/more", method="PUT").status, 200)
        self.assertEqual(get("/limited/more").status, 403)


class Variables(SluiceTest):
    conf = r"""
http {
    log_format done '$uri "$request_completion" $connection_time "$sent_trailer_x"';
    access_log %%DIR%%/logs/access.log done;
    default_type text/plain;
    server {
        listen %%PORT%%;
        root %%DIR%%/link;
        add_header X-Binary "$binary_remote_addr.";
        location /tcp { return 200 "$tcpinfo_rtt $tcpinfo_rttvar $tcpinfo_snd_cwnd $tcpinfo_rcv_space"; }
        location /misc { return 200 "<$https> $nginx_version $connection_time $request_completion."; }
        location /binary {
            if ($binary_remote_addr ~ "^\x7f\x00\x00\x01$") { return 200 "four bytes"; }
        }
        location /root { return 200 "$realpath_root"; }
        location /port { return 200 "$host$is_request_port$request_port|$proxy_protocol_addr$proxy_protocol_tlv_alpn"; }
    }
}
"""
    files = {"www/x": "x"}

    def test_values(self):
        (self.server.dir / "link").symlink_to(self.server.dir / "www")

        self.assertRegex(self.server.get("/tcp").text, r"^\d+ \d+ \d+ \d+$")
        misc = self.server.get("/misc")
        self.assertRegex(misc.text, r"^<> \d+\.\d+\.\d+ \d+\.\d{3} \.$")
        self.assertIsNone(misc.header("x-binary"))  # it holds NUL bytes
        self.assertEqual(self.server.get("/binary").text, "four bytes")
        for host, text in (("a:8080", "a:8080|"), ("A.", "a|"), ("[::1]", "[::1]|"), ("[::1]:81", "[::1]:81|"), ("a:", "a|")):
            self.assertEqual(self.server.get("/port", {"Host": host}).text, text)
        self.assertEqual(self.server.get("http://b:99/port", {"Host": "a:1"}).text, "b:99|")
        self.assertEqual(self.server.get("/root").text, str(self.server.dir / "www"))
        wait_for(lambda: re.search(r'/root "OK" \d+\.\d{3} "-"', self.server.access_log()),
                 what="the log line")


class Mistakes(SluiceTest):
    def complaint(self, text):
        return re.search(r"\[emerg\] (.*) in ", self.refusal_of("http { server { listen %%PORT%%; " + text + " } }"))[1]

    def test_wording_is_nginx_s(self):
        for text, complaint in [
            ("location = /a { location /a/b { } }",
             'location "/a/b" cannot be inside the exact location "/a"'),
            ("location @a { location /b { } }",
             'location "/b" cannot be inside the named location "@a"'),
            ("location /a { location @b { } }",
             'named location "@b" can be on the server level only'),
            ("location /a { location /b { } }", 'location "/b" is outside location "/a"'),
            ("location /a { } location /a { }", 'duplicate location "/a"'),
            ("location /a { limit_except GOT { } }", 'invalid method "GOT"'),
            ("location /a { limit_except GET { } limit_except PUT { } }",
             '"limit_except" directive is duplicate'),
            ("limit_except GET { }", '"limit_except" directive is not allowed here'),
            ("allow 1.2.3;", 'invalid parameter "1.2.3"'),
            ("deny 10.0.0.0/33;", 'invalid parameter "10.0.0.0/33"'),
            ("error_page 200 /x;", 'value "200" must be between 300 and 599'),
            ("error_page 404 =20x /x;", 'invalid value "=20x"'),
            ("root /a; root /b;", '"root" directive is duplicate'),
            ("location /a { alias /b; root /c; }",
             '"root" directive is duplicate, "alias" directive was specified earlier'),
            ("expires @25h;", 'invalid value "@25h"'),
            ("expires modified @1h;", 'invalid value "@1h"'),
        ]:
            with self.subTest(text=text):
                self.assertIn(complaint, self.complaint(text))


if __name__ == "__main__":
    unittest.main()
