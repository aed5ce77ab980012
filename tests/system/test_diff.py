# SPDX-License-Identifier: BSD-2-Clause
"""`sluice diff`: what a reload would change, told from the running server's own memory."""

import os
import re
import subprocess
import unittest

from support.harness import SluiceTest

CONF = """
http {
    limit_req_zone $binary_remote_addr zone=each:1m rate=5r/s;
    access_log %%DIR%%/logs/access.log;
    server {
        listen 127.0.0.1:%%PORT%%;
        server_name a.example;
        root %%DIR%%/www;
        location /one/ { limit_req zone=each; expires 1d; }
        location ~ x$ { return 204; }
        location ~ y$ { return 205; }
    }
}"""


class Diff(SluiceTest):
    def start(self, conf=CONF, **options):
        return self.serve(conf, **options)

    def change(self, server, *changes, conf=CONF):
        for old, new in changes:
            self.assertIn(old, conf)
            conf = conf.replace(old, new)
        server.configure(conf)

    def diff(self, server, *args, code=0):
        answer = server.run("diff", *args)
        self.assertEqual(answer.returncode, code, answer.stdout + answer.stderr)
        return answer.stdout

    def lines_after(self, server, *changes, conf=CONF):
        """What is said of changes, with file names, free ports and folders left out."""
        self.change(server, *changes, conf=conf)
        text = self.diff(server)
        text = text.replace(str(server.conf), "FILE").replace(str(server.dir), "DIR")
        return [line.strip() for line in re.sub(r"127\.0\.0\.1:\d+", "ADDRESS", text).splitlines()]

    # --- nothing

    def test_nothing_changes(self):
        server = self.start()

        self.assertEqual(self.diff(server), "a reload changes nothing: generation 1 is what the files say\n")
        self.assertEqual(self.diff(server, "--exit-code"), self.diff(server))

    def test_comments_blanks_and_lines_that_only_move_are_nothing(self):
        server = self.start()
        self.change(server, ("http {", "# words\n\n\nhttp   {"),
                    ("        root %%DIR%%/www;\n", ""), ("server_name a.example;", 'root %%DIR%%/www; server_name "a.example";'))

        self.assertIn("changes nothing", self.diff(server))

    def test_after_the_reload_there_is_nothing_left(self):
        server = self.start()
        self.change(server, ("expires 1d", "expires 2d"))
        self.assertIn("expires 2d", self.diff(server))

        self.assertEqual(server.reload().returncode, 0)

        self.assertIn("generation 2 is what the files say", self.diff(server))

    # --- directives

    def test_a_changed_directive_has_both_lines(self):
        lines = self.lines_after(self.start(), ("access_log", "charset utf-8;\n    access_log"), ("expires 1d", "expires 2d"))

        self.assertIn("+ charset utf-8;    FILE:5", lines)
        self.assertIn("http > server a.example > location /one/", lines)
        self.assertIn("~ expires 1d; → expires 2d;    FILE:10 → FILE:11", lines)
        self.assertEqual(lines[-1], "a reload applies this in the living workers")
        self.assertEqual(len([line for line in lines if line[:2] in ("+ ", "- ", "~ ", "> ")]), 2)

    def test_blocks_come_and_go(self):
        lines = self.lines_after(self.start(), ("location ~ x$ { return 204; }", "location /new/ { expires 1d; charset utf-8; }"),
                                 ("http {", "http {\n    server { listen 127.0.0.1:%%PORT%%; server_name b.example; return 404; }"))

        self.assertIn("+ server b.example { 3 directives }    FILE:4", lines)
        self.assertIn("- location ~ x$ { 1 directive }    FILE:11", lines)
        self.assertIn("+ location /new/ { 2 directives }    FILE:12", lines)

    def test_a_renamed_server_is_the_same(self):
        lines = self.lines_after(self.start(), ("server_name a.example", "server_name b.example"))

        self.assertIn("~ server_name a.example; → server_name b.example;    FILE:8", lines)

    def test_order_where_it_decides(self):
        server = self.start()
        lines = self.lines_after(server, ("location ~ x$ { return 204; }", "MARK"), ("location ~ y$ { return 205; }",
                                 "location ~ x$ { return 204; }"), ("MARK", "location ~ y$ { return 205; }"))

        moved = [line for line in lines if line.startswith("> ")]
        self.assertEqual(len(moved), 1, lines)
        self.assertIn("stands at another place in the order", moved[0])

    def test_included_files(self):
        conf = CONF.replace("expires 1d;", "include part.conf;")
        server = self.start(conf, files={"conf/part.conf": "expires 1d;\n"})
        server.write("conf/part.conf", "\nexpires 2d;\n")
        text = self.diff(server)

        part = f"{server.dir}/conf/part.conf"
        self.assertIn(f"~ expires 1d; → expires 2d;    {part}:1 → {part}:2", text)

    # --- what is opened

    def test_listeners(self):
        lines = self.lines_after(self.start(), ("listen 127.0.0.1:%%PORT%%", "listen 127.0.0.1:%%PORT2%%"))

        self.assertEqual(lines[:3], ["listeners", "+ ADDRESS    FILE:7", "- ADDRESS    FILE:7"])

    def test_stream(self):
        conf = """
stream {
    log_format p $protocol;
    limit_conn_zone $remote_addr zone=held:1m;
    server { listen 127.0.0.1:%%PORT%%; allow 127.0.0.1; deny all; limit_conn held 1; set $a b; return $a; }
    server { listen 127.0.0.1:%%PORT2%%; access_log %%DIR%%/logs/s.log p; ssl_preread on; echo; }
}"""
        server = self.start(conf)
        self.assertIn("a reload changes nothing", self.diff(server))

        self.change(server, ("allow 127.0.0.1; deny all;", "deny all; allow 127.0.0.1;"), ("held 1", "held 2"),
                    ("%%PORT2%%;", "%%PORT2%% udp;"), ("s.log", "t.log"), conf=conf)
        text = self.diff(server)

        for wanted in ("limit_conn held 1; → limit_conn held 2;", f"+ udp:127.0.0.1:{server.port_number(2)}",
                       f"- 127.0.0.1:{server.port_number(2)}", "t.log", "deny all;"):
            self.assertIn(wanted, text)

    def test_options_of_a_listener(self):
        lines = self.lines_after(self.start(), ("%%PORT%%;", "%%PORT%% backlog=100 rcvbuf=64k;"))

        self.assertEqual(lines[1:3], ["~ ADDRESS  backlog 511 → 100, rcvbuf 0 → 65536    FILE:7",
                                      "rcvbuf 0 → 65536 with the next restart only: the socket stays open"])

    def test_logs(self):
        lines = self.lines_after(self.start(), ("access.log;", "other.log combined buffer=4k;"))

        self.assertIn("logs", lines)
        self.assertIn("+ DIR/logs/other.log    FILE:5", lines)
        self.assertIn("- DIR/logs/access.log    FILE:5", lines)

    def test_a_log_that_is_buffered(self):
        lines = self.lines_after(self.start(), ("access.log;", "access.log combined buffer=4k;"))

        self.assertIn("~ DIR/logs/access.log  unbuffered → buffer=4096    FILE:5", lines)

    def test_zones(self):
        server = self.start()
        lines = self.lines_after(server, ("each:1m", "each:2m"))
        self.assertEqual(lines[:3], ["zones", "~ each  1m → 2m    FILE:4", "the new one begins empty"])

        lines = self.lines_after(server, ("http {", "http {\n    limit_conn_zone $uri zone=more:1m;"))
        self.assertEqual(lines[:2], ["zones", "+ more    FILE:4"])

    def test_a_zone_that_cannot_change(self):
        server = self.start()
        lines = self.lines_after(server, ("$binary_remote_addr", "$uri"))

        self.assertIn('~ each  key "$binary_remote_addr" → "$uri"    FILE:4', lines)
        self.assertIn("a reload is refused: a zone in use keeps its key, give the new one another name", lines)
        server.allowed_words.append('"each" uses the "$uri" key')
        self.assertEqual(server.reload().returncode, 1)  # and so it is

    # --- processes

    def test_workers(self):
        server = self.start("worker_processes 1;" + CONF)
        lines = self.lines_after(server, ("worker_processes 1", "worker_processes 2"), conf="worker_processes 1;" + CONF)

        self.assertEqual(lines[:2], ["workers", "~ 1 → 2 worker processes"])

    def test_what_signals_changed(self):
        server = self.start()
        self.assertEqual(server.run("-s", "workers=2").returncode, 0)
        self.assertEqual(server.run("-s", "loglevel=debug").returncode, 0)
        text = self.diff(server)

        self.assertIn("~ 2 → 1 worker processes\n      -s workers=2 counts until the reload\n", text)
        self.assertIn("~ log level debug → as configured\n", text)

    def test_new_workers_and_restarts(self):
        server = self.start()
        self.change(server, ("http {", "worker_rlimit_nofile 512;\nmaster_process on;\nhttp {"))
        self.assertTrue(self.diff(server).endswith("\na reload applies this with new workers, because of worker_rlimit_nofile\n"))

        old_pid_file = str(server.pid_file)
        self.change(server, ("http {", "pid %%DIR%%/other.pid;\nhttp {"))
        self.assertIn("no server runs here", server.run("diff").stderr)
        text = self.diff(server, "--pid-file", old_pid_file)
        self.assertTrue(text.endswith("; not applied before a restart: pid\n"), text)

    def test_the_environment_is_the_servers(self):
        conf = CONF.replace("expires 1d", "add_header X ${ENV:WHO}")
        server = self.start(conf, env={"WHO": "me"})
        server.env["WHO"] = "you"

        self.assertIn("changes nothing", self.diff(server))

    # --- trouble and exit codes

    def test_exit_codes(self):
        server = self.start()
        self.change(server, ("expires 1d", "expires 2d"))
        self.diff(server)
        self.diff(server, "--exit-code", code=1)

        self.change(server, ("expires 1d", "expire 2d"))
        for args, code in (((), 1), (("--exit-code",), 2)):
            answer = server.run("diff", *args)
            self.assertEqual((answer.returncode, answer.stdout), (code, ""))
            self.assertIn('[emerg] unknown directive "expire"', answer.stderr)
            self.assertIn("a reload would be refused", answer.stderr)

    def test_no_server(self):
        server = self.serve(CONF, start=False)
        answer = server.run("diff")

        self.assertEqual((answer.returncode, answer.stdout), (1, ""))
        self.assertIn("no server runs here", answer.stderr)
        self.assertEqual(server.run("diff", "--exit-code").returncode, 2)

    def test_a_file_that_the_server_does_not_read(self):
        server = self.start()
        other = server.dir / "conf" / "other.conf"
        other.write_text(server.conf.read_text().replace("expires 1d", "expires 2d"))
        answer = subprocess.run([server.binary, "diff", "-p", f"{server.dir}/", "-c", str(other)], text=True,
                                capture_output=True, timeout=30, check=False)

        self.assertEqual(answer.returncode, 0)
        self.assertIn(f'[warn] this server reads "{server.conf}" at a reload, not "{other}"', answer.stderr)
        self.assertIn("expires 1d; → expires 2d;", answer.stdout)

    @unittest.skipUnless(os.geteuid() == 0, "needs to become another user")
    def test_strangers_learn_nothing(self):
        server = self.start()
        os.chmod(f"{server.pid_file}.ctl", 0o666)  # even where somebody opened the door
        pid = os.fork()
        if pid == 0:
            try:
                os.setgid(65534)
                os.setuid(65534)
                answer = server.run("diff")
                os._exit(0 if answer.returncode == 1 and not answer.stdout else 1)
            except PermissionError:
                os._exit(77)  # the program is where only its owner may go
            finally:
                os._exit(2)

        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if code == 77:
            self.skipTest("others may not run the program here")
        self.assertEqual(code, 0)


if __name__ == "__main__":
    unittest.main()
