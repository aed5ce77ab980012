# SPDX-License-Identifier: BSD-2-Clause
"""set, rewrite, if, break and return, and the variables that a configuration makes."""

import os
import re
import unittest

from support.harness import Sluice, SluiceTest
from support.waiting import wait_for

RULES = r"""
http {
    access_log off;
    default_type text/plain;
    server {
        listen %%PORT%%;
        root %%DIR%%/www;

        set $plain one;
        rewrite ^/at-server/(.*)$ /show/$1;

        location /show/ { return 200 "$uri?$args [$plain]"; }
        location /set/ {
            set $a x$arg_q;
            set $b "$a-$a";
            set $a later;
            return 200 "$a $b $never";
        }
        location /never { set $never 1; }
        location /last/ { rewrite ^/last/(\w+)/(\w+)$ /show/$2/$1 last; return 200 kept; }
        location /break/ { rewrite ^/break/(.*)$ /files/$1 break; rewrite ^ /show/wrong; }
        location /chain/ { rewrite ^/chain/ /step/; rewrite ^/step/ /show/chained; }
        location /args/ { rewrite ^/args/(.*)$ /show/?first=$1 last; }
        location /drop/ { rewrite ^ /show/dropped? last; }
        location /fresh/ { rewrite ^/fresh/(.*) /show/?v=$1? last; }
        location /away/ { rewrite ^/away/((?s).*)$ /to/$1 redirect; }
        location /for-good { rewrite ^ /elsewhere?x=1 permanent; }
        location /url/ { rewrite ^/url/(.*)$ http://other.test/$1; return 200 unreached; }
        location /bare-url/ { rewrite ^/bare-url/(.*)$ https://other.test/$1? ; }
        location /scheme/ { rewrite ^ $scheme://$host/there permanent; }
        location /loop { rewrite ^ /loop; }
        location /ten/ { rewrite ^/ten/(?<rest>\d)(\d*)$ /ten/$2 last; return 200 "done"; }
        location /empty { rewrite ^ $arg_nothing; }
        location /climb { rewrite ^ /files/$arg_f last; }
        location /files/ { }
        location /args-set/ { set $args "y=$arg_x"; return 200 "$args|$arg_y|$is_args"; }
        location ~ ^/named/(?<first>\w+)/(?<second>\w+)$ { return 200 "$second $first $1"; }
        location /stop/ { break; return 200 unreached; }
        location /alias/ { alias %%DIR%%/www/; rewrite ^/alias/(.*)$ /$1 break; }
    }
}
"""


class Rules(SluiceTest):
    conf = RULES
    files = {"www/files/a.txt": "file a", "www/stop/x.txt": "static", "www/x.txt": "x",
             "secret.txt": "outside"}

    def text(self, path, status=200, **headers):
        reply = self.server.get(path, headers)
        self.assertEqual(reply.status, status, reply.text)
        return reply.text

    def wait_for_line(self, text):
        self.server.wait_logged(text)

    def location(self, path, status):
        reply = self.server.get(path)
        self.assertEqual(reply.status, status)
        return reply.header("location").replace(f":{self.server.port}", "")

    def test_server_rules_run_before_the_location_search(self):
        self.assertEqual(self.text("/at-server/x?y"), "/show/x?y [one]")

    def test_set_runs_in_file_order(self):
        self.assertEqual(self.text("/set/?q=1"), "later x1-x1 ")
        self.wait_for_line('using uninitialized "never" variable')

    def test_last_searches_the_location_again(self):
        self.assertEqual(self.text("/last/a/b"), "/show/b/a? [one]")
        self.assertEqual(self.text("/last/none"), "kept")

    def test_break_stays_in_the_location(self):
        self.assertEqual(self.text("/break/a.txt"), "file a")

    def test_rules_without_flag_go_on_in_the_block(self):
        self.assertEqual(self.text("/chain/x"), "/show/chained? [one]")

    def test_arguments_are_kept_added_and_dropped(self):
        self.assertEqual(self.text("/args/v?w=1"), "/show/?first=v&w=1 [one]")
        self.assertEqual(self.text("/drop/?w=1"), "/show/dropped? [one]")
        self.assertEqual(self.text("/fresh/z?w=1"), "/show/?v=z [one]")

    def test_groups_of_an_escaped_path_are_escaped_among_arguments(self):
        self.assertEqual(self.text("/args/a%26b%20c"), "/show/?first=a%26b%20c [one]")
        self.assertEqual(self.text("/args/a&b"), "/show/?first=a&b [one]")

    def test_redirects(self):
        self.assertEqual(self.location("/away/x%20y?q", 302), "http://localhost/to/x%20y?q")
        self.assertEqual(self.location("/for-good?y", 301), "http://localhost/elsewhere?x=1&y")
        self.assertEqual(self.location("/url/p?q", 302), "http://other.test/p?q")
        self.assertEqual(self.location("/bare-url/p?q", 302), "https://other.test/p")
        self.assertEqual(self.location("/scheme/", 301), "http://localhost/there")

    def test_a_line_break_never_reaches_the_reply(self):
        reply = self.server.get("/away/x%0d%0aSet-Cookie:%20a=b")

        self.assertEqual(reply.status, 302)
        self.assertEqual(reply.header("location").partition("/to/")[2],
                         "x%0D%0ASet-Cookie:%20a=b")
        self.assertIsNone(reply.header("set-cookie"))

    def test_ten_rewrites_pass_and_the_eleventh_is_refused(self):
        self.assertEqual(self.text("/ten/1234567890"), "done")
        self.text("/ten/12345678901", status=500)
        self.text("/loop", status=500)
        self.wait_for_line("rewrite or internal redirection cycle while processing")

    def test_odd_results_are_refused(self):
        self.text("/empty", status=500)
        self.text("/climb?f=../../secret.txt", status=400)
        self.text("/climb?f=a.txt")
        self.text("/alias/x.txt", status=500)

    def test_args_may_be_set(self):
        self.assertEqual(self.text("/args-set/?x=1"), "y=1|1|?")

    def test_named_groups_are_variables(self):
        self.assertEqual(self.text("/named/one/two"), "two one one")

    def test_break_ends_the_block(self):
        self.assertEqual(self.text("/stop/x.txt"), "static")


CONDITIONS = r"""
http {
    access_log off;
    default_type text/plain;
    rewrite_log on;
    error_page 418 = @teapot;
    server {
        listen %%PORT%%;
        root %%DIR%%/www;
        if ($arg_server = yes) { set $at_server " server"; rewrite ^ /from-server; }
        uninitialized_variable_warn off;

        location @teapot { return 200 "teapot$at_server"; }
        location /from-server { return 200 "$uri$at_server"; }
        location /if {
            set $r "";
            if ($arg_a) { set $r "$r true"; }
            if ($arg_a = b) { set $r "$r eq"; }
            if ($arg_a != b) { set $r "$r ne"; }
            if ($arg_a ~ ^B(.*)$) { set $r "$r re:$1"; }
            if ($arg_a ~* ^B(.*)$) { set $r "$r ire:$1"; }
            if ($arg_a !~ ^B) { set $r "$r nre"; }
            if ($arg_a !~* ^B) { set $r "$r nire"; }
            if ($arg_a ~ "x{2}") { set $r "$r quoted"; }
            return 200 "$r";
        }
        location /file {
            set $p %%DIR%%/www/$arg_p;
            set $r "";
            if (-f $p) { set $r "${r}f"; }
            if (!-f $p) { set $r "${r}F"; }
            if (-d $p) { set $r "${r}d"; }
            if (!-d $p) { set $r "${r}D"; }
            if (-e $p) { set $r "${r}e"; }
            if (!-e $p) { set $r "${r}E"; }
            if (-x $p) { set $r "${r}x"; }
            if (!-x $p) { set $r "${r}X"; }
            return 200 $r;
        }
        location /logic {
            set $r "";
            if ($arg_a and $arg_b) { set $r "$r and"; }
            if ($arg_a or $arg_b) { set $r "$r or"; }
            if (not $arg_a and $arg_b = 2) { set $r "$r not"; }
            if ($arg_a = 1 and $arg_b = 2 or $arg_c ~ ^(x)(y)$) { set $r "$r mixed:$2"; }
            if (not $arg_a != 1 or not -f %%DIR%%/www/none) { set $r "$r double"; }
            return 200 "$r";
        }
        location /nested {
            if ($arg_a) {
                set $n a;
                if ($arg_b) { set $n ab; }
                set $n "$n.";
            }
            return 200 "<$n>";
        }
        location /conf/ {
            add_header X-Where outer;
            root %%DIR%%/www;
            if ($arg_h) { add_header X-Where inner; }
            if ($arg_r) { root %%DIR%%/other; expires 1h; }
            if ($arg_e) { error_page 404 =200 /if?a=b; }
        }
        location /return { if ($arg_a) { return 418; } if ($arg_b) { return 403 "no\n"; } }
        location /break { if ($arg_a) { break; return 500; } root %%DIR%%/other; }
    }
}
"""


class Conditions(SluiceTest):
    conf = CONDITIONS
    files = {"www/conf/x": "in www", "other/conf/x": "in other", "www/plain": "p", "www/tool": "t",
             "other/break": "broken off", "www/folder/x": "x"}

    def text(self, path):
        return self.server.get(path).text

    def test_comparisons(self):
        self.assertEqual(self.text("/if?a=b"), " true eq ire: nre")
        self.assertEqual(self.text("/if?a=Bc"), " true ne re:c ire:c")
        self.assertEqual(self.text("/if?a=0"), " ne nre nire")
        self.assertEqual(self.text("/if"), " ne nre nire")
        self.assertEqual(self.text("/if?a=axx"), " true ne nre nire quoted")

    def test_files(self):
        os.chmod(self.server.dir / "www/tool", 0o755)
        os.chmod(self.server.dir / "www/plain", 0o644)
        self.assertEqual(self.text("/file?p=plain"), "fDeX")
        self.assertEqual(self.text("/file?p=tool"), "fDex")
        self.assertEqual(self.text("/file?p=folder"), "Fdex")
        self.assertEqual(self.text("/file?p=none"), "FDEX")

    def test_and_or_not(self):
        self.assertEqual(self.text("/logic?a=1&b=2"), " and or mixed: double")
        self.assertEqual(self.text("/logic?b=2"), " or not double")
        self.assertEqual(self.text("/logic?c=xy"), " mixed:y double")
        self.assertEqual(self.text("/logic"), " double")

    def test_blocks_nest(self):
        self.assertEqual(self.text("/nested?a=1&b=1"), "<ab.>")
        self.assertEqual(self.text("/nested?a=1"), "<a.>")
        self.assertEqual(self.text("/nested?b=1"), "<>")

    def test_the_last_block_that_holds_gives_the_settings(self):
        plain, headed, rooted, both = (self.server.get(f"/conf/x{q}")
                                       for q in ("", "?h=1", "?r=1", "?h=1&r=1"))

        self.assertEqual((plain.text, plain.header("x-where")), ("in www", "outer"))
        self.assertEqual((headed.text, headed.all("x-where")), ("in www", ["inner"]))
        self.assertEqual((rooted.text, rooted.header("x-where")), ("in other", "outer"))
        self.assertEqual(rooted.header("cache-control"), "max-age=3600")
        self.assertEqual((both.text, both.header("x-where")), ("in other", "outer"))

    def test_error_page_in_a_block(self):
        self.assertEqual(self.server.get("/conf/none").status, 404)
        missing = self.server.get("/conf/none?e=1")
        self.assertEqual((missing.status, missing.text), (200, " true eq ire: nre"))

    def test_return_and_break_in_a_block(self):
        self.assertEqual(self.text("/return?a=1"), "teapot")
        refused = self.server.get("/return?b=1")
        self.assertEqual((refused.status, refused.text), (403, "no\n"))
        self.assertEqual(self.server.get("/return").status, 404)
        self.assertEqual(self.text("/break?a=1"), "broken off")

    def test_if_at_server_level(self):
        self.assertEqual(self.text("/x?server=yes"), "/from-server server")

    def test_rewrite_log_tells_what_patterns_do(self):
        self.text("/if?a=Bc")
        self.server.wait_logged('"^B(.*)$" matches "Bc"')
        text = self.server.wait_logged('"x{2}" does not match "Bc"')
        self.assertNotIn("uninitialized", text)


class Mistakes(SluiceTest):
    def complaint(self, text):
        return re.search(r"\[emerg\] (.*) in ", self.refusal_of("http { server { listen %%PORT%%; location / { " + text + " } } }"))[1]

    def test_wording_is_nginx_s(self):
        for text, complaint in [
            ("set x 1;", 'invalid variable name "x"'),
            ("set $document_root 1;", 'the duplicate "document_root" variable'),
            ("return 200 $nope;", 'unknown "nope" variable'),
            ("set $x $nope2;", 'unknown "nope2" variable'),
            ("rewrite ^ /x sideways;", 'invalid parameter "sideways"'),
            ('rewrite ^ "";', "empty replacement"),
            ("rewrite ( /x;", "pcre2_compile() failed: missing closing parenthesis"),
            ("if $x { }", 'invalid condition "$x"'),
            ("if ($uri = x { }", 'invalid condition "x"'),
            ("if ($uri >= x) { }", 'unexpected ">=" in condition'),
            ("if ($uri =) { }", 'invalid condition "$uri"'),
            ("if (uri) { }", 'invalid condition "uri"'),
            ("if (-q $uri) { }", 'invalid condition "-q"'),
            ("if ($uri and) { }", 'invalid condition "and"'),
            ("if ($uri = a b) { }", 'invalid condition "b"'),
            ("if ($uri) { location /x { } }", '"location" directive is not allowed here'),
            ("if ($uri) { try_files a =404; }", '"try_files" directive is not allowed here'),
            ("location ~ (?<uri>x) { }", 'the duplicate "uri" variable'),
        ]:
            with self.subTest(text=text):
                self.assertIn(complaint, self.complaint(text))

    def test_all_unknown_variables_are_told(self):
        told = self.refusal_of("http { log_format x $first; server { listen %%PORT%%; "
                               "root /srv/$second; set $third $fourth; } }")

        for name in ("first", "second", "fourth"):
            self.assertIn(f'unknown "{name}" variable', told)
        self.assertNotIn("third", told.replace("set $third", ""))

    def test_a_variable_may_be_used_above_its_set(self):
        server = Sluice("http { log_format x $later; access_log off; server { listen %%PORT%%; "
                        "location / { return 200 $later; } location /x { set $later 1; } } }")
        self.addCleanup(server.cleanup)
        self.assertEqual(server.run("-t").returncode, 0)


class OddAnswers(SluiceTest):
    """Statuses that nginx does not answer with, and redirects for old browsers."""

    conf = """
http {
    log_format short "$uri $status $bytes_sent";
    access_log %%DIR%%/logs/access.log short;
    server {
        listen %%PORT%%;
        error_page 408 /page;
        location = /page { return 200 "page"; }
        location /c408 { return 408; }
        location /c444 { return 444; }
        location /c499 { return 499; }
        location /t408 { default_type text/plain; return 408 "t"; }
        location /t444 { default_type text/plain; return 444 "t"; }
        location /msie { msie_refresh on; charset utf-8; return 301 'http://b/?x="y<z'; }
        location /msie303 { msie_refresh on; return 303 /x; }
        location /off { return 301 /x; }
    }
}
"""

    def test_some_statuses_without_text_close_the_connection(self):
        for status in (408, 444, 499):
            with self.server.connect() as connection:
                connection.send(f"GET /c{status} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                self.assertEqual(connection.read_to_end(), b"")
            wait_for(lambda: f"/c{status} {status} 0\n" in self.server.access_log(), what="the line")
        for status in (408, 444):
            reply = self.server.get(f"/t{status}")
            self.assertEqual((reply.status, reply.text), (status, "t"))

    def test_conditions_are_judged_without_validators(self):
        # As nginx answers. Where it has 412 for a date that nothing has, and 304 for a POST, RFC 9110
        # (13.1.4, 13.1.2) is followed.
        past, future = "Mon, 01 Jan 2024 00:00:00 GMT", "Mon, 01 Jan 2035 00:00:00 GMT"
        for method, fields, status in (
                ("GET", {"If-None-Match": "*"}, 304), ("HEAD", {"If-None-Match": "*"}, 304),
                ("GET", {"If-None-Match": '"a"'}, 200), ("GET", {"If-Match": "*"}, 200),
                ("GET", {"If-Match": '"a"'}, 412), ("GET", {"If-Unmodified-Since": past}, 200),
                ("GET", {"If-Modified-Since": future}, 200),
                ("POST", {"If-None-Match": "*"}, 412), ("POST", {"If-Match": '"a"'}, 412)):
            reply = self.server.get("/page", fields, method=method)
            self.assertEqual(reply.status, status, f"{method} {fields}")
            if status == 304:
                self.assertEqual((reply.text, reply.header("Content-Type")), ("", None))
        self.assertEqual(self.server.get("/t408", {"If-None-Match": "*"}).status, 408)

    def test_old_browsers_are_led_on_by_a_page(self):
        msie = {"User-Agent": "Mozilla/4.0 (compatible; MSIE 7.0)"}
        reply = self.server.get("/msie", msie)
        self.assertEqual((reply.status, reply.header("Location")), (200, None))
        self.assertEqual(reply.header("Content-Type"), "text/html; charset=utf-8")
        self.assertIn('content="0; URL=http://b/?x=%22y%3Cz"', reply.text)
        self.assertEqual(self.server.get("/msie").status, 301)
        self.assertEqual(self.server.get("/msie303", msie).status, 303)
        self.assertEqual(self.server.get("/off", msie).status, 301)


if __name__ == "__main__":
    unittest.main()
