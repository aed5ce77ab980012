# SPDX-License-Identifier: BSD-2-Clause
"""`sluice lint`: each rule warns of its own example and not of the near one; and what else must be quiet."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from support.harness import BINARY, ROOT

CORPUS = ROOT.parent / "shared" / "corpora" / "nginx-config"


class Rule:
    def __init__(self, text):
        self.id = text.split("\n", 1)[0].strip()
        self.bad, self.good = re.findall(r"```nginx\n(.*?)\n```", text, re.S)


def rules():
    text = (ROOT / "docs" / "lint.md").read_text(encoding="utf-8")
    return [Rule(part) for part in re.split(r"(?m)^### ", text)[1:]]


class LintTest(unittest.TestCase):
    """Each test has a prefix of its own with a root `www` that holds a checkout."""

    def setUp(self):
        self.dir = Path(tempfile.mkdtemp(prefix="sluice-lint-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        (self.dir / "conf").mkdir()
        (self.dir / "www" / ".git").mkdir(parents=True)
        (self.dir / "conf" / "users").write_text("a:b\n")
        (self.dir / "conf" / "types").write_text("types { text/plain txt; }\n")

    def lint(self, conf, *args, whole=False):
        """The CompletedProcess of linting a text that stands in `http { }`, or is `whole`."""
        text = conf if whole else "events {}\nhttp {\n" + conf + "\n}\n"
        (self.dir / "conf" / "sluice.conf").write_text(text, encoding="utf-8")
        return subprocess.run([BINARY, "lint", "-p", f"{self.dir}/", *args], text=True, timeout=60,
                              capture_output=True, stdin=subprocess.DEVNULL, check=False)

    def found(self, conf, whole=False):
        """The objects that --json prints."""
        answer = self.lint(conf, "--json", whole=whole)
        self.assertIn(answer.returncode, (0, 2), answer.stderr)
        out = [json.loads(line) for line in answer.stdout.splitlines()]
        self.assertEqual(answer.returncode, 2 if out else 0)
        return out

    def ids(self, conf, whole=False):
        return [one["id"] for one in self.found(conf, whole)]


class Rules(LintTest):
    def test_each_warns_of_its_example_only(self):
        all_rules = rules()
        self.assertGreater(len(all_rules), 30)
        for rule in all_rules:
            with self.subTest(rule=rule.id):
                self.assertEqual(set(self.ids(rule.bad)), {rule.id})
                self.assertEqual(self.ids(rule.good), [])

    def test_the_page_is_what_the_program_prints(self):
        printed = subprocess.run([BINARY, "lint", "--rules"], text=True, capture_output=True, timeout=60,
                                 check=True).stdout
        self.assertEqual((ROOT / "docs" / "lint.md").read_text(encoding="utf-8").splitlines(),
                         printed.splitlines(), "stale; run: sluice lint --rules > docs/lint.md")

    def test_names_are_unique(self):
        names = [rule.id for rule in rules()]
        self.assertEqual(len(names), len(set(names)))


class Origins(LintTest):
    """The other ways to fall into origin-unanchored."""

    def test_referers_conditions_and_maps(self):
        for conf in (r"valid_referers ~example\.com;", r"valid_referers ~\.google\.;",
                     r"if ($http_origin ~* example\.com$) { return 403; }",
                     r"if ($http_referer !~ ^https://example\.com) { return 403; }"):
            found = self.found("server { listen 80; root /srv/www; " + conf + " }")
            self.assertIn("origin-unanchored", str(found), conf)
        found = self.found(r"map $http_referer $own { ~example\.com 1; ~^https://evil\.example 0; }")
        self.assertEqual(str(found).count("origin-unanchored"), 1)


class Quiet(LintTest):
    """Configurations that resemble a trap."""

    def quiet(self, conf):
        self.assertEqual(self.found("server { listen 80; root /srv/www; " + conf + " }"), [])

    def test_alias_of_one_file_and_without_any_slash(self):
        self.quiet("location = /a { alias /srv/b; } location /c { alias /srv/c; } "
                   r"location ~ ^/d/(.*)$ { alias /srv/d/$1; } location ^~ /e/ { alias /srv/e/; }")

    def test_root_that_only_names_alike(self):
        self.quiet("location /www2/ { root www; }")
        self.quiet("location /conf/ { root .; deny all; }")
        self.quiet("location /x/ { root /nowhere/x; }")

    def test_log_beside_a_root(self):
        self.quiet("access_log /srv/www-logs/access.log; error_log /srv/www.log;")
        self.quiet("access_log /srv/www/a.log; location ~ \\.log$ { return 404; }")
        self.quiet("access_log /srv/www/in/a.log; location /in/ { root /srv/other; }")

    def test_default_server_that_refuses_or_has_no_name(self):
        for first in ("server_name a; return 444;", "server_name _; return 200;", "return 200;"):
            self.assertEqual(self.ids("server { listen 80; " + first + " } "
                                      "server { listen 80; server_name b; return 200; }"), [])

    def test_one_server_for_each_address(self):
        self.assertEqual(self.ids("server { listen 80; server_name a; return 200; } "
                                  "server { listen 81; server_name b; return 200; }"), [])

    def test_patterns_that_mean_a_piece(self):
        self.quiet(r"location ~ /\.ht { deny all; } location ~ \.php(/|$) { } location ~ \.php { deny all; }"
                   r"location ~ ^/a { } location ~ \.(png|jpe?g)$ { } location ~* /uploads/.*\.x$ { }")

    def test_origins_that_are_held_at_both_ends(self):
        self.quiet(r"valid_referers none server_names ~^example\.com/ ~^(www\.)?example\.com$ *.example.com;"
                   r"if ($invalid_referer) { return 403; }"
                   r"if ($http_origin !~ ^https://example\.com$) { return 403; }"
                   r"if ($http_referer ~ ^https?://example\.com/app) { return 403; }"
                   r"if ($http_origin ~ ^https) { return 403; } if ($http_user_agent ~ example\.com) { return 403; }")

    def test_guards_that_regular_expressions_do_not_pass(self):
        self.quiet(r"location /in/ { deny all; } location ~ \.css$ { deny all; }")
        self.quiet(r"location /in/ { auth_basic x; auth_basic_user_file users; location ~ \.css$ { } }")
        self.quiet(r"location /in/ { deny all; } location ~ ^/out/.*\.css$ { }")

    def test_redirects_of_what_the_client_sent(self):
        self.quiet("location /a { return 301 $scheme://$host$request_uri; }")
        self.quiet("location /a { return 200 $uri; }")
        self.quiet("location /a { rewrite ^/a/(.*)$ /b/$1 redirect; }")
        self.quiet("location ~ ^/u/([^/]*)$ { return 200 $1; }")
        self.quiet(r"location ~ ^/u/(\d+)$ { return 301 /v/$1; }")
        self.quiet(r'location ~ "^/u/([^/\n]*)$" { return 301 /v/$1; }')

    def test_rewrites_that_end(self):
        self.quiet("location / { rewrite ^/a$ /b last; }")
        self.quiet("location / { rewrite ^(.*)$ /i.html break; }")
        self.quiet("location / { if ($arg_x) { return 404; } rewrite ^(.*)$ /i.html last; }")

    def test_conditions_that_lead_away(self):
        self.quiet("location / { if ($arg_a) { expires 1d; } if ($arg_b) { return 404; } }")
        self.quiet("location / { try_files $uri =404; if ($arg_a) { rewrite ^ /x last; } } location = /x { }")

    def test_conditions_that_exclude_each_other(self):
        self.quiet("location / { if ($request_method = GET) { expires 1d; } "
                   "if ($request_method = POST) { expires off; } }")

    def test_headers_that_are_repeated(self):
        self.quiet("add_header X-A 1; location /b { add_header x-a 2; add_header X-B 2; }")
        self.quiet("add_header_inherit merge; add_header X-A 1; location /b { add_header X-B 2; }")

    def test_access_lists_that_are_whole(self):
        self.quiet("location /a { deny 10.0.0.1; allow all; }")
        self.quiet("location /a { allow 10.0.0.0/8; allow 127.0.0.1; deny all; }")
        self.quiet("deny all; location /a { allow all; }")

    def test_users_who_are_asked_elsewhere(self):
        self.quiet("auth_basic x; location /a { auth_basic_user_file users; }")
        self.quiet("location /a { auth_basic off; }")

    def test_verdict_that_a_map_asks_for(self):
        self.assertEqual(self.ids('map $invalid_referer $bad { "" 0; default 1; } '
                                  "server { listen 80; root /srv; valid_referers none; "
                                  "if ($bad) { return 403; } }"), [])

    def test_key_with_the_real_address(self):
        self.assertEqual(self.ids("limit_req_zone $binary_remote_addr$http_x_real_ip zone=z:1m rate=1r/s; "
                                  "limit_req zone=z;"), [])

    def test_rules_that_stream_shares(self):
        def of(text):
            return self.ids("events {} stream { " + text + " }", whole=True)

        self.assertEqual(of("server { listen 1234; allow 10.0.0.1; echo; }"), ["allow-without-deny"])
        self.assertEqual(of("set_real_ip_from 0.0.0.0/0; server { listen 1234; echo; }"), ["realip-trusts-all"])
        self.assertEqual(of('log_format p "$remote_addr"; map $ssl_preread_server_name $to { ~a 1; default 2; } '
                            "upstream u { server 127.0.0.1:1; } limit_conn_zone $remote_addr zone=z:1m; "
                            "server { listen 1234 proxy_protocol; ssl_preread on; set $x $to; limit_conn z 1; "
                            "access_log /dev/null p; proxy_pass u; } server { listen 1234 udp; return ACK; }"), [])

    def test_location_that_needs_no_root(self):
        self.assertEqual(self.ids("server { listen 80; location / { return 204; } location /s { stub_status; } "
                                  "location @n { return 404; } location /d { deny all; } }"), [])

    def test_nginx_as_its_authors_hand_it_out(self):
        self.assertEqual(self.ids("""
            include types; default_type application/octet-stream; sendfile on; keepalive_timeout 65;
            server { listen 80; server_name localhost;
                     location / { root html; index index.html index.htm; }
                     error_page 500 502 503 504 /50x.html;
                     location = /50x.html { root html; } }"""), [])

    def test_default_configuration(self):
        answer = subprocess.run([BINARY, "lint", "-p", str(ROOT) + "/"], text=True, capture_output=True,
                                timeout=60, check=False)
        self.assertEqual(answer.returncode, 0, answer.stdout + answer.stderr)


class Loud(LintTest):
    """Shapes of traps that the examples do not show."""

    def loud(self, rule, conf):
        self.assertEqual(self.ids("server { listen 80; root /srv/www; " + conf + " }"), [rule])

    def test_shapes(self):
        for rule, conf in (
                ("alias-slash", "location /a/ { alias /srv/a; }"),
                ("alias-slash", "location ^~ /a { alias /srv/a/; }"),
                ("root-exposes", "location /a/ { alias /; }"),
                ("file-in-root", "location /l/ { alias /var/log/w/; error_log /var/log/w/e.log; }"),
                ("server-name-unanchored", r"server_name ~example\.org$;"),
                ("regex-unanchored", r"location ~ \.(txt|md) { }"),
                ("regex-unanchored", "location ~ /docs/ { }"),
                ("regex-dot", "location ~* .(txt|md)$ { }"),
                ("access-bypass", r"location /in { auth_basic x; auth_basic_user_file users; } location ~* \.txt$ { }"),
                ("redirect-uri", "location /a { rewrite ^ https://x.example${document_uri}; }"),
                ("http-host", "location /a { rewrite ^ https://$http_host/ permanent; }"),
                ("try-files-last", "location /a { try_files $uri =404 /x; }"),
                ("try-files-last", "location /a { try_files $uri index.html; }"),
                ("add-header-lost", "add_header X-A 1; location /b { if ($arg_c) { add_header X-B 2; } }"),
                ("access-unreachable", "location /a { allow all; deny 10.0.0.1; }"),
                ("allow-without-deny", "location /a { deny 10.0.0.1; allow 10.0.0.0/8; }"),
                ("verdict-unused", "location /a { secure_link $arg_a; secure_link_md5 x; }")):
            with self.subTest(conf=conf):
                self.loud(rule, conf)

    def test_main_level(self):
        self.assertEqual(self.ids("error_log off; events {} http { }", whole=True), ["error-log-off"])

    def test_password_file_in_the_root(self):
        self.assertEqual(self.ids("server { listen 80; root /srv/www; auth_basic x; auth_basic_user_file "
                                  "/srv/www/users; location /open/ { auth_basic off; } }"), [])
        self.assertEqual(self.ids("server { listen 80; root /srv/www; location /in/ { auth_basic x; "
                                  "auth_basic_user_file /srv/www/users; } }"), ["file-in-root"])


class Output(LintTest):
    def test_names_rule_place_and_fix(self):
        answer = self.lint("server { listen 80; return 301 https://a.example$uri; }")

        self.assertEqual(answer.returncode, 2)
        self.assertIn("redirect-uri: ", answer.stdout)
        self.assertIn(f" in {self.dir}/conf/sluice.conf:3:21\n", answer.stdout)
        self.assertIn("                        ^~~~~~\n", answer.stdout)
        self.assertIn("    fix: use $request_uri", answer.stdout)
        self.assertTrue(answer.stdout.endswith("\n1 warning\n"), answer.stdout)

    def test_objects_have_the_same(self):
        one, = self.found("server { listen 80; return 301 https://a.example$uri; }")

        self.assertEqual((one["id"], one["line"], one["column"]), ("redirect-uri", 3, 21))
        self.assertEqual(one["file"], f"{self.dir}/conf/sluice.conf")
        self.assertTrue(one["message"] and one["fix"])

    def test_nothing_to_say(self):
        answer = self.lint("server { listen 80; return 204; }")

        self.assertEqual((answer.returncode, answer.stdout), (0, "nothing to warn of\n"))
        self.assertEqual(self.lint("server { listen 80; return 204; }", "-q").stdout, "")

    def test_errors_are_those_of_the_check(self):
        answer = self.lint("server { lsten 80; }")

        self.assertEqual((answer.returncode, answer.stdout), (1, ""))
        self.assertIn('[emerg] unknown directive "lsten"', answer.stderr)

    def test_file_that_is_included_twice_is_named_once(self):
        (self.dir / "conf" / "part").write_text("add_header Access-Control-Allow-Origin *;\n")
        found = self.found("server { listen 80; root /srv; location /a { include part; } "
                           "location /b { include part; } }")

        self.assertEqual([(one["file"], one["line"]) for one in found], [(f"{self.dir}/conf/part", 1)])

    def test_other_file(self):
        (self.dir / "conf" / "other.conf").write_text("events {} error_log off;")
        answer = self.lint("server { }", "-c", "conf/other.conf")

        self.assertEqual(answer.returncode, 2)
        self.assertIn("conf/other.conf:1:11", answer.stdout)


class Allowed(LintTest):
    BAD = "add_header Access-Control-Allow-Origin *;"

    def ids_in_server(self, lines):
        return self.ids("server { listen 80; root /srv;\n" + lines + "\n}")

    def test_on_the_line_and_above_it(self):
        self.assertEqual(self.ids_in_server(self.BAD + "  # lint: allow cors-errors"), [])
        self.assertEqual(self.ids_in_server("  # lint: allow cors-errors\n" + self.BAD), [])
        self.assertEqual(self.ids_in_server("#lint: allow zone-unused, cors-errors\n" + self.BAD), [])
        self.assertEqual(self.ids_in_server("# lint: allow cors-errors\n# lint: allow zone-unused\n" + self.BAD), [])

    def test_not_further(self):
        self.assertEqual(self.ids_in_server("# lint: allow cors-errors\n\n" + self.BAD), ["cors-errors"])
        self.assertEqual(self.ids_in_server("charset utf-8; # lint: allow cors-errors\n" + self.BAD), ["cors-errors"])
        self.assertEqual(self.ids_in_server("# lint: allow zone-unused\n" + self.BAD), ["cors-errors"])

    def test_a_name_that_is_none(self):
        self.assertEqual(self.ids_in_server("# lint: allow no-such-rule\ncharset utf-8;"), ["unknown-allow"])


class Corpora(LintTest):
    def check_quiet(self, path, *args, expected=()):
        """No warning but the `expected`; False: it is no configuration for this server."""
        answer = subprocess.run([BINARY, "lint", "--json", "-q", "-c", str(path), *args], text=True,
                                capture_output=True, timeout=60, check=False, errors="replace")
        if answer.returncode == 1:
            return False
        found = {json.loads(line)["id"] for line in answer.stdout.splitlines()}
        self.assertLessEqual(found, set(expected), f"{path}: {answer.stdout}")
        return True

    def test_configurations_of_others(self):
        if not CORPUS.is_dir():
            self.skipTest("corpora not present")
        # "messy" does turn error_log off, and its last server is empty.
        known = {"messy": ("error-log-off", "root-missing")}
        read = [path for path in sorted(CORPUS.glob("*/*.conf"))
                if self.check_quiet(path, expected=known.get(path.parent.name, ()))]
        self.assertTrue(read)

    @unittest.skipUnless(os.path.exists("/etc/nginx/nginx.conf"), "no nginx here")
    def test_nginx_as_it_is_installed(self):
        if not self.check_quiet("/etc/nginx/nginx.conf", "-p", "/usr/share/nginx/"):
            self.skipTest("it has directives that are not there yet")


if __name__ == "__main__":
    unittest.main()
