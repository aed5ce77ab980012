# SPDX-License-Identifier: BSD-2-Clause
"""`sluice -t`: what a mistake in the configuration is told. Wording begins as nginx's does; place,
caret, expectation and the nearest name follow."""

import re
import socket
import unittest

from support.harness import Sluice, SluiceTest

# The harness puts one line in front of what a test writes.
SHIFT = 1
SITE = "http {\n server {\n  listen %%PORT%%;\n  SITE\n }\n}"


class ConfigErrors(SluiceTest):
    def check(self, conf, files=None, env=None, args=()):
        server = Sluice(conf, files=files, env=env)
        self.addCleanup(server.cleanup)
        result = server.run("-t", *args)
        self.server = server
        return result

    def refused(self, conf, message, line=None, files=None):
        """Asserts that `conf` is refused with a message that names file and line."""
        result = self.check(conf, files)
        self.assertNotEqual(result.returncode, 0, result.stderr)
        place = "" if line is None else rf"[^\n]* in \S*sluice\.conf:{line + SHIFT}\b"
        self.assertRegex(result.stderr, message + place)
        self.assertNotIn("test is successful", result.stderr)
        return result.stderr

    def site(self, text, message, line=4):
        return self.refused(SITE.replace("SITE", text), message, line)

    # --- what is right

    def test_a_good_configuration_passes(self):
        result = self.check(SITE.replace("SITE", "root %%DIR%%/www;"))

        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertRegex(result.stderr, r"the configuration file \S+sluice\.conf syntax is ok")
        self.assertRegex(result.stderr, r"configuration file \S+sluice\.conf test is successful")

    def test_quiet_says_nothing_of_success(self):
        result = self.check(SITE.replace("SITE", ""), args=["-q"])

        self.assertEqual((result.returncode, result.stderr.strip()), (0, ""))

    def test_a_test_opens_no_port_for_good(self):
        with socket.create_server(("127.0.0.1", 0)) as busy:
            port = busy.getsockname()[1]
            result = self.check(f"http {{ server {{ listen 127.0.0.1:{port}; }} }}")

        self.assertIsInstance(result.returncode, int)

    def test_thread_pools_are_found_wherever_they_stand(self):
        for main, aio in (("", "threads=default"), ("thread_pool one threads=2;", "threads=one"), ("", "threads")):
            conf = SITE.replace("SITE", f"aio {aio};")
            self.assertEqual(self.check(main + conf).returncode, 0, aio)
            self.assertEqual(self.check(conf + main).returncode, 0, aio)

    # --- one mistake each

    def test_an_unknown_thread_pool(self):
        self.site("aio threads=fast;", 'unknown thread pool "fast"')

    def test_unknown_directive(self):
        self.refused("wroker_connections 5;", r'unknown directive "wroker_connections"', 1)

    def test_unknown_directive_names_the_nearest(self):
        text = self.site("rooot /tmp;", r'unknown directive "rooot"')

        self.assertIn('"root"', text)

    def test_wrong_context(self):
        self.refused("http {\n listen 80;\n}", r'"listen" directive is not allowed here', 2)

    def test_too_few_arguments(self):
        self.site("root;", r'invalid number of arguments in "root" directive')

    def test_too_many_arguments(self):
        self.site("root /a /b;", r'invalid number of arguments in "root" directive')

    def test_duplicate_directive(self):
        self.site("root /a; root /b;", r'"root" directive is duplicate')

    def test_flag(self):
        self.site("sendfile maybe;", r'invalid value "maybe" in "sendfile" directive')

    def test_size(self):
        self.site("client_max_body_size 10x;", r'"client_max_body_size" directive invalid value')

    def test_time(self):
        self.site("keepalive_timeout soon;", r'(invalid value|"keepalive_timeout" directive invalid)')

    def test_number(self):
        self.refused("events { worker_connections many; }", r'invalid (number|value) "many"')

    def test_missing_semicolon(self):
        self.refused("http {\n server {\n  root /a\n }\n}",
                     r'directive "root" is not terminated by ";"|unexpected "}"')

    def test_missing_brace_in_front(self):
        self.refused("http;", r'directive "http" has no opening "{"', 1)

    def test_brace_too_many(self):
        self.refused("http { }\n}", r'unexpected "}"', 2)

    def test_unclosed_block_is_reported_where_it_opened(self):
        result = self.check("http {\n server {\n  root /a;\n }\n")

        self.assertNotEqual(result.returncode, 0)
        self.assertRegex(result.stderr, r'unexpected end of file, expecting "}"')
        self.assertRegex(result.stderr, rf"sluice\.conf:{1 + SHIFT}\b")

    def test_unclosed_quote(self):
        self.site('root "/a;', r'unexpected end of file', None)

    def test_include_of_a_missing_file(self):
        self.refused("include none.conf;", r'open\(\) "\S+/conf/none\.conf" failed \(2: No such file', 1)

    def test_include_glob_that_matches_nothing_is_fine(self):
        self.assertEqual(self.check("include none-*.conf;").returncode, 0)

    def test_mistake_in_an_included_file_names_that_file(self):
        result = self.check("http {\n include site.conf;\n}",
                            files={"conf/site.conf": "server {\n listen %%PORT%%;\n bad 1;\n}\n"})

        self.assertNotEqual(result.returncode, 0)
        self.assertRegex(result.stderr, r'unknown directive "bad" in \S+/conf/site\.conf:3\b')

    def test_duplicate_listen(self):
        self.site("listen %%PORT%%;", r"a duplicate listen 0\.0\.0\.0:\d+")

    def test_duplicate_default_server(self):
        self.refused("http {\n server { listen %%PORT%% default_server; }\n"
                     " server { listen %%PORT%% default_server; }\n}",
                     r"a duplicate default server for 0\.0\.0\.0:\d+", 3)

    def test_duplicate_location(self):
        self.site("location /a {} location /a {}", r'duplicate location "/a"')

    def test_port_out_of_range(self):
        self.site("listen 99999;", r'invalid port in "99999" of the "listen" directive')

    def test_bad_regular_expression(self):
        self.site("location ~ ( {}", r"pcre2_compile\(\) failed")

    def test_missing_configuration_file(self):
        server = Sluice("")
        self.addCleanup(server.cleanup)
        server.conf.unlink()

        result = server.run("-t")

        self.assertNotEqual(result.returncode, 0)
        self.assertRegex(result.stderr, r'open\(\) "\S+/sluice\.conf" failed \(2: No such file')

    def test_nothing_starts_with_a_mistake(self):
        server = Sluice("http {\n bad;\n}")
        self.addCleanup(server.cleanup)

        server.start(wait=False)

        self.assertNotEqual(server.wait_exit(), 0)
        self.assertFalse(server.pid_file.exists())

    # --- better than one message a run

    def test_all_mistakes_of_a_run_are_told(self):
        result = self.check("http {\n first 1;\n server {\n  root;\n  sendfile maybe;\n }\n}")

        self.assertNotEqual(result.returncode, 0)
        for line, word in ((2, "first"), (4, "root"), (5, "sendfile")):
            self.assertRegex(result.stderr, rf'"{word}"[^\n]* in \S+sluice\.conf:{line + SHIFT}:\d+')

    def test_a_caret_points_at_the_word(self):
        result = self.check("http {\n  server { sendfile maybe; }\n}")

        lines = result.stderr.splitlines()
        carets = [i for i, line in enumerate(lines) if re.fullmatch(r"[\s|\d]*\^~*.*", line)]
        self.assertTrue(carets, result.stderr)
        above, caret = lines[carets[0] - 1], lines[carets[0]]
        self.assertTrue(above[caret.index("^"):].startswith(("maybe", "sendfile")), result.stderr)

    # --- the environment in arguments

    def test_environment_with_default(self):
        text = "http { server { listen ${ENV:SLUICE_TEST_PORT:-nonsense}; } }"

        missing = self.check(text)
        self.assertNotEqual(missing.returncode, 0)
        self.assertIn("nonsense", missing.stderr)
        given = self.check(text, env={"SLUICE_TEST_PORT": "8099"})
        self.assertEqual(given.returncode, 0, given.stderr)

    def test_environment_without_default_must_be_there(self):
        result = self.check("http { server { listen ${ENV:SLUICE_TEST_NONE}; } }")

        self.assertNotEqual(result.returncode, 0)
        self.assertIn("SLUICE_TEST_NONE", result.stderr)


if __name__ == "__main__":
    unittest.main()
