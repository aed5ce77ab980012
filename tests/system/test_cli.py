# SPDX-License-Identifier: BSD-2-Clause
"""The command line: what each option prints and how it exits."""

import os
import re
import subprocess
import unittest

from support import processes
from support.harness import BINARY, SluiceTest
from support.waiting import wait_for

CONF = """
http { server { listen %%PORT%%; root %%DIR%%/www; location = /v { return 200 one; } } }"""


def sluice(*args, **options):
    return subprocess.run([BINARY, *args], text=True, capture_output=True, timeout=30,
                          stdin=subprocess.DEVNULL, check=False, **options)


class CommandLine(SluiceTest):
    def start(self, **options):
        return self.serve(CONF, files={"www/index.html": "front"}, **options)

    # --- what it tells about itself

    def test_version(self):
        result = sluice("-v")

        self.assertEqual(result.returncode, 0)
        self.assertRegex(result.stdout + result.stderr, r"sluice version: sluice/\d+\.\d+\.\d+")

    def test_version_with_build(self):
        result = sluice("-V")

        self.assertEqual(result.returncode, 0)
        self.assertRegex(result.stdout + result.stderr, r"(?s)sluice/\d.*\n.*\w")

    def test_help_names_every_option(self):
        for option in ("-h", "--help", "-?"):
            with self.subTest(option):
                result = sluice(option)
                self.assertEqual(result.returncode, 0, result.stderr)
                for word in ("-c", "-p", "-e", "-g", "-t", "-T", "-q", "-s", "-v", "-V", "--explain",
                             "--probe"):
                    self.assertIn(word, result.stdout + result.stderr)

    def test_unknown_option(self):
        result = sluice("--no-such-option")

        self.assertNotEqual(result.returncode, 0)
        self.assertIn("no-such-option", result.stdout + result.stderr)

    def test_explain(self):
        result = sluice("--explain", "sendfile")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("sendfile", result.stdout)
        self.assertRegex(result.stdout, r"\b(http|server|location)\b")

        unknown = sluice("--explain", "sendfiel")
        self.assertNotEqual(unknown.returncode, 0)
        self.assertIn("sendfile", unknown.stdout + unknown.stderr)

    def test_explain_a_variable(self):
        for name, words in (("$request_uri", "$request_uri — "), ("$arg_x", "$arg_NAME — "),
                            ("$env_HOME", "env NAME;")):
            result = sluice("--explain", name)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertIn(words, result.stdout)

        unknown = sluice("--explain", "$request_url")
        self.assertEqual(unknown.returncode, 1)
        self.assertIn('no variable "$request_url"', unknown.stderr)

    # --- the configuration

    def test_dump_prints_every_file(self):
        server = self.serve("http {\n include more.conf;\n}", start=False,
                            files={"conf/more.conf": "server { listen %%PORT%%; }\n"})
        result = server.run("-T")

        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertRegex(result.stdout, r"(?m)^# configuration file \S+/sluice\.conf:$")
        self.assertRegex(result.stdout, r"(?m)^# configuration file \S+/more\.conf:$")
        self.assertIn("include more.conf;", result.stdout)

    def test_g_adds_directives(self):
        server = self.serve(CONF.lstrip(), start=False)
        good = server.run("-t", "-g", "worker_rlimit_nofile 512;")
        bad = server.run("-t", "-g", "nonsense on;")

        self.assertEqual(good.returncode, 0, good.stderr)
        self.assertNotEqual(bad.returncode, 0)
        self.assertIn('"nonsense"', bad.stderr)

    def test_prefix_makes_relative_paths(self):
        server = self.serve("error_log logs/here.log; http { server { listen %%PORT%%; root www; } }",
                            files={"www/index.html": "relative"})

        self.assertEqual(server.get("/").body, b"relative")
        self.assertTrue((server.dir / "logs/here.log").exists())

    # --- -s

    def test_signal_without_a_server(self):
        server = self.serve(CONF, start=False)
        for name in ("reload", "quit", "stop", "reopen"):
            with self.subTest(name):
                result = server.run("-s", name)
                self.assertNotEqual(result.returncode, 0)
                self.assertIn("sluice.pid", result.stderr)

    def test_unknown_signal(self):
        result = sluice("-s", "dance")

        self.assertNotEqual(result.returncode, 0)
        self.assertIn("dance", result.stdout + result.stderr)

    def test_stop_and_quit(self):
        for name in ("stop", "quit"):
            with self.subTest(name):
                server = self.start()
                self.assertEqual(server.run("-s", name).returncode, 0)
                self.assertEqual(server.wait_exit(), 0)

    def test_reload_waits_for_the_outcome(self):
        server = self.start()
        server.configure(CONF.replace("one", "two"))

        result = server.reload()

        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(server.get("/v").body, b"two")

    def test_reload_tells_what_is_wrong(self):
        server = self.start()
        server.allowed_words = ["[emerg]"]
        server.configure(CONF.replace("root", "rooot"))

        result = server.reload()

        self.assertNotEqual(result.returncode, 0)
        self.assertRegex(result.stdout + result.stderr,
                         r'unknown directive "rooot" in \S+sluice\.conf:3\b')
        self.assertEqual(server.get("/v").body, b"one")

    def test_reload_tells_of_a_port_in_use(self):
        other = self.start()
        server = self.start()
        server.allowed_words = ["[emerg]"]
        server.configure(CONF.replace("listen %%PORT%%;", f"listen %%PORT%%; listen {other.port};"))

        result = server.reload()

        self.assertNotEqual(result.returncode, 0)
        self.assertRegex(result.stdout + result.stderr, r"bind\(\).*failed \(98: Address already in use\)")
        self.assertEqual(server.get("/v").body, b"one")

    def test_reopen(self):
        server = self.start()
        server.error_log_file.rename(server.dir / "logs/moved.log")

        self.assertEqual(server.run("-s", "reopen").returncode, 0)

        wait_for(server.error_log_file.exists, what="a new error log")

    # --- starting

    def test_port_in_use_ends_the_start(self):
        other = self.start()
        server = self.serve(f"http {{ server {{ listen {other.port}; }} }}", start=False)
        server.start(wait=False)

        self.assertNotEqual(server.wait_exit(), 0)
        server.wait_logged("98: Address already in use",
                           log=lambda: server.stderr() + server.error_log())
        self.assertFalse(server.pid_file.exists())
        server.process = None  # it ended as it should: nothing to stop

    def test_starts_with_closed_descriptors(self):
        server = self.serve(CONF, start=False, files={"www/index.html": "front"})
        command = server.command()
        script = 'exec "$@" <&- >&- 2>&-'
        server.process = subprocess.Popen(["bash", "-c", script, "bash", *command], env=server.env)
        wait_for(lambda: server.pid_file.exists() and server.workers(), what="the server to start")

        self.assertEqual(server.get("/").body, b"front")
        for pid in server.family():
            for number in (0, 1, 2):
                target = os.readlink(f"/proc/{pid}/fd/{number}")
                self.assertRegex(target, r"^(/dev/null|.*/error\.log)$")

    def test_daemon_returns_when_it_serves(self):
        server = self.serve("daemon on;\n" + CONF.lstrip(), start=False,
                            files={"www/index.html": "front"})
        result = server.run()
        try:
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual(server.get("/").body, b"front")
            pid = int(server.pid_file.read_text("ascii"))
            self.assertNotEqual(os.getsid(pid), os.getsid(0))
        finally:
            server.run("-s", "stop")
        wait_for(lambda: not server.pid_file.exists(), what="the daemon to end")

    def test_daemon_tells_of_failure(self):
        other = self.start()
        server = self.serve(f"daemon on;\nhttp {{ server {{ listen {other.port}; }} }}", start=False)

        result = server.run()

        self.assertNotEqual(result.returncode, 0)
        self.assertIn("98: Address already in use", result.stderr)

    # --- probe

    def test_probe(self):
        server = self.start()
        url = f"http://127.0.0.1:{server.port}"

        self.assertEqual(sluice("--probe", url + "/").returncode, 0)
        self.assertNotEqual(sluice("--probe", url + "/none").returncode, 0)
        self.assertNotEqual(sluice("--probe", f"http://127.0.0.1:{server.port_number(9)}/").returncode, 0)
        self.assertNotEqual(sluice("--probe", "not a url").returncode, 0)

    # --- titles

    def test_compat_logs_to_the_default_place_as_nginx_does(self):
        site = "http { server { listen %%PORT%%; root %%DIR%%/www; } }"
        ours = self.serve(site, files={"www/index.html": "x"})
        theirs = self.serve("compat nginx; " + site, files={"www/index.html": "x"})

        self.assertEqual((ours.get("/").status, theirs.get("/").status), (200, 200))

        theirs.wait_accessed('"GET / HTTP/1.1" 200 1')
        self.assertFalse(ours.access_log_file.exists())

    def test_process_titles(self):
        server = self.start(workers=2)
        titles = [t for t in map(processes.title_of, server.family()) if t]

        self.assertTrue(re.match(r"sluice: master", processes.title_of(server.pid)), titles)
        self.assertEqual(len([t for t in titles if re.match(r"sluice: worker", t)]), 2, titles)


if __name__ == "__main__":
    unittest.main()
