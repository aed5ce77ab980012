# SPDX-License-Identifier: BSD-2-Clause
"""Access logs: typed JSON lines, paths with variables; `sluice logs` out of shared memory."""

import json
import os
import signal
import subprocess
import unittest

from support.harness import SluiceTest
from support.waiting import DEADLINE, wait_for

JSON_CONF = r"""
http {
    log_format typed json {
        uri $uri;
        status $status;
        bytes $body_bytes_sent;
        seconds $request_time;
        referer $http_referer;
        agent $http_user_agent optional;
        "the peer" { address $remote_addr; port $remote_port; }
        text "$request_method to $host";
        seen $arg_seen boolean;
        version 2 number;
        as_text $status string;
    }
    server {
        listen 127.0.0.1:%%PORT%%;
        access_log %%DIR%%/logs/access.log typed;
        location / { return 200 OK; }
    }
}"""


class TypedJson(SluiceTest):
    conf = JSON_CONF

    def lines(self):
        return [json.loads(line) for line in self.server.access_log().splitlines()]

    def line_for(self, uri):
        def found():
            return [line for line in self.lines() if line.get("uri") == uri]
        return wait_for(found, what=f"the line of {uri}")[0]

    def test_values_have_their_types(self):
        self.server.get("/plain?seen=1", headers={"Host": "a.example", "User-Agent": "test/1"})
        line = self.line_for("/plain")

        self.assertEqual(line["status"], 200)
        self.assertEqual(line["bytes"], 2)
        self.assertIsInstance(line["seconds"], float)
        self.assertIsNone(line["referer"])
        self.assertEqual(line["agent"], "test/1")
        self.assertEqual(line["the peer"]["address"], "127.0.0.1")
        self.assertIsInstance(line["the peer"]["port"], int)
        self.assertEqual(line["text"], "GET to a.example")
        self.assertIs(line["seen"], True)
        self.assertEqual(line["version"], 2)
        self.assertEqual(line["as_text"], "200")

    def test_what_is_empty_is_null_false_or_left_out(self):
        self.server.get("/empty?seen=0")
        line = self.line_for("/empty")

        self.assertIsNone(line["referer"])
        self.assertNotIn("agent", line)
        self.assertIs(line["seen"], False)

    def test_bytes_of_a_client_leave_valid_json(self):
        self.server.get("/q%22%5C%0A%FF%C3%A9x")
        line = self.line_for("/q\"\\\n\ufffd\u00e9x")

        self.assertEqual(line["status"], 200)


class Refused(SluiceTest):
    def error_of(self, formats):
        server = self.serve("http { " + formats + " server { listen %%PORT%%; } }", start=False)
        result = server.run("-t")
        self.assertEqual(result.returncode, 1)
        return result.stderr

    def test_bad_formats_are_told(self):
        self.assertIn('"log_format" has a block', self.error_of("log_format a text { }"))
        self.assertIn("has no keys", self.error_of("log_format a json { }"))
        self.assertIn('unknown "nothing" variable',
                      self.error_of("log_format a json { k $nothing; }"))
        self.assertIn('invalid type "integer"', self.error_of("log_format a json { k 1 integer; }"))
        self.assertIn('duplicate key "k"', self.error_of("log_format a json { k 1; k 2; }"))
        self.assertIn("has no value", self.error_of("log_format a json { k; }"))


PATHS_CONF = """
http {
    log_format uri $request_uri;
    root %%DIR%%/www;
    server {
        listen 127.0.0.1:%%PORT%%;
        location / { access_log %%DIR%%/vhosts/$arg_name.log uri; return 200; }
        location /kept {
            open_log_file_cache max=10;
            access_log %%DIR%%/vhosts/$arg_name.log uri;
            return 200;
        }
        location /rootless { root %%DIR%%/nothing; access_log %%DIR%%/vhosts/$arg_name.log uri; return 200; }
        location /if { access_log %%DIR%%/vhosts/if.log uri if=$arg_log; return 200; }
        location /two { access_log %%DIR%%/vhosts/1.log uri; access_log %%DIR%%/vhosts/2.log uri; return 200; }
        location /two/off { access_log off; return 200; }
    }
}"""


class VariablePaths(SluiceTest):
    def start_server(self):
        server = self.serve(PATHS_CONF, start=False, files={"vhosts/x": ""})
        (server.dir / "vhosts").chmod(0o777)
        return server.start()

    def text(self, server, name):
        path = server.dir / "vhosts" / name
        return path.read_text() if path.exists() else ""

    def test_each_name_gets_its_file(self):
        server = self.start_server()
        for name in ("a", "b", "a"):
            server.get(f"/?name={name}")

        wait_for(lambda: self.text(server, "a.log") == "/?name=a\n" * 2, what="both lines of a")
        wait_for(lambda: self.text(server, "b.log") == "/?name=b\n", what="the line of b")

    def test_the_end_of_a_connection_comes_after_its_line_is_written(self):
        server = self.start_server()
        folder, away = server.dir / "vhosts", server.dir / "away"
        for i in range(20):
            with server.connect() as client:
                client.send(f"GET /?name=n{i} HTTP/1.0\r\n\r\n".encode())
                self.assertIn(b"200", client.read_to_end())
            folder.rename(away)
            self.assertEqual((away / f"n{i}.log").read_text(), f"/?name=n{i}\n")
            away.rename(folder)

    def test_a_stopped_logger_does_not_keep_connections_open(self):
        server = self.start_server()
        os.kill(server.logger(), signal.SIGSTOP)
        with server.connect() as client:
            client.send(b"GET /?name=late HTTP/1.0\r\n\r\n")
            self.assertIn(b"200", client.read_to_end())
        os.kill(server.logger(), signal.SIGCONT)
        wait_for(lambda: self.text(server, "late.log"), what="the line")

    def test_the_end_of_a_connection_comes_after_its_error_lines_too(self):
        server = self.serve("error_log %%DIR%%/logs/error.log info;\n"
                            "http { server { listen 127.0.0.1:%%PORT%%; root %%DIR%%/www; } }")
        for i in range(20):
            with server.connect() as client:
                client.send(f"GET /missing-{i}- HTTP/1.0\r\n\r\n".encode())
                self.assertIn(b"404", client.read_to_end())
            self.assertIn(f"/missing-{i}-\" failed", server.error_log())

    def test_no_name_leads_out_of_the_folder(self):
        server = self.start_server()
        server.get("/?name=../../outside")
        server.get("/?name=..")  # not a segment of its own: a file with an odd name
        wait_for(lambda: self.text(server, "...log") == "/?name=..\n", what="the odd line")
        server.wait_logged("leads elsewhere")

        self.assertEqual(list(server.dir.glob("outside*")), [])
        self.assertEqual(list(server.dir.parent.glob("outside*")), [])

    def test_without_the_root_nothing_is_logged(self):
        server = self.start_server()
        server.get("/rootless?name=r")
        server.wait_logged("existence failed")

        self.assertFalse((server.dir / "vhosts/r.log").exists())

    def test_a_file_that_cannot_be_opened_is_told(self):
        server = self.start_server()
        server.get("/?name=no/such")

        server.wait_logged('no/such.log" failed (2:')

    def test_reopen_lets_go_of_kept_files(self):
        server = self.start_server()
        server.get("/kept?name=k")
        wait_for(lambda: self.text(server, "k.log") != "", what="the first line")
        os.rename(server.dir / "vhosts/k.log", server.dir / "vhosts/k.log.1")
        server.get("/kept?name=k&2")
        wait_for(lambda: "&2" in self.text(server, "k.log.1"), what="a line in the kept file")

        server.signal(signal.SIGUSR1)

        def is_new():
            server.get("/kept?name=k&3")
            return "&3" in self.text(server, "k.log")
        wait_for(is_new, what="a line in the new file")

    def test_conditions_several_logs_and_off(self):
        server = self.start_server()
        for uri in ("/if?log=", "/if?log=0", "/if?log=1", "/two", "/two/off"):
            server.get(uri)

        wait_for(lambda: self.text(server, "if.log") == "/if?log=1\n", what="the line of if")
        wait_for(lambda: self.text(server, "1.log") == "/two\n", what="the first log's line")
        wait_for(lambda: self.text(server, "2.log") == "/two\n", what="the second log's line")


LOGS_CONF = """
http {
    log_format uri "$status $request_uri";
    server {
        listen 127.0.0.1:%%PORT%%;
        access_log /dev/null uri;
        location / { return 200; }
        location /gone { return 410; }
        location /broken { return 503; }
    }
}"""


class LogsCommand(SluiceTest):
    def logs(self, server, *options):
        result = server.run("logs", *options)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout.splitlines()

    def start_server(self, workers=1):
        server = self.serve(LOGS_CONF, workers=workers)
        for uri in ("/a", "/gone", "/broken?x", "/b"):
            server.get(uri)
        wait_for(lambda: len(self.logs(server, "--uri", "^/")) == 4, what="all four records")
        return server

    def test_finds_drained_records_by_status_uri_and_number(self):
        server = self.start_server()

        self.assertEqual(self.logs(server, "--uri", "."),
                         ["200 /a", "410 /gone", "503 /broken?x", "200 /b"])
        self.assertEqual(self.logs(server, "--status", "5xx"), ["503 /broken?x"])
        self.assertEqual(self.logs(server, "--status", "4xx,503"), ["410 /gone", "503 /broken?x"])
        self.assertEqual(self.logs(server, "--uri", "^/[ab]$"), ["200 /a", "200 /b"])
        self.assertEqual(self.logs(server, "--uri", ".", "-n", "1"), ["200 /b"])
        self.assertEqual(self.logs(server, "--uri", ".", "--since", "1h", "-n", "0"), [])

    def test_shows_error_lines_by_level(self):
        server = self.start_server()
        lines = wait_for(lambda: self.logs(server, "--level", "notice"), what="the lines of the start")

        self.assertTrue(any("[notice]" in line for line in lines), lines)
        self.assertFalse(any("/gone" in line for line in lines))
        self.assertEqual(self.logs(server, "--level", "emerg"), [])

    def test_json_is_an_object_a_record(self):
        server = self.start_server()
        records = [json.loads(line) for line in self.logs(server, "--json")]
        access = [one for one in records if one["kind"] == "access"]
        errors = [one for one in records if one["kind"] == "error"]

        self.assertEqual([one["status"] for one in access], [200, 410, 503, 200])
        self.assertEqual(access[1]["uri"], "/gone")
        self.assertEqual({one["level"] for one in errors} - {"notice", "info", "warn"}, set())
        self.assertRegex(access[0]["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d$")

    def follow(self, server, *options):
        """A `sluice logs -f` under way, its output file and its complaints."""
        out = server.dir / "followed"
        errors = server.dir / "complaints"
        with open(out, "wb") as stdout, open(errors, "wb") as stderr:
            viewer = subprocess.Popen(server.command("logs", "-f", *options), stdout=stdout,
                                      stderr=stderr)
        self.addCleanup(viewer.wait)
        self.addCleanup(viewer.kill)
        return viewer, out, errors

    def test_follow_survives_reload_and_respawn_and_ends_with_the_server(self):
        server = self.start_server()
        viewer, out, errors = self.follow(server, "-n", "0", "--uri", ".")

        def sees(uri):
            server.get(uri)
            return f"200 {uri}\n" in out.read_text()

        wait_for(lambda: sees("/first"), what="the first record")
        self.assertEqual(server.reload().returncode, 0)
        wait_for(lambda: sees("/reloaded"), what="a record after the reload")
        server.kill_worker()
        wait_for(lambda: sees("/reborn"), what="a record of the new worker")
        server.stop()

        self.assertEqual(viewer.wait(DEADLINE), 0)
        self.assertIn("the server has ended", errors.read_text())

    def test_interrupt_ends_following(self):
        server = self.start_server()
        viewer, out, _ = self.follow(server, "-n", "1", "--uri", ".")
        wait_for(lambda: out.read_text() == "200 /b\n", what="the last record")
        viewer.send_signal(signal.SIGINT)

        self.assertEqual(viewer.wait(DEADLINE), 0)

    def test_complains_clearly(self):
        server = self.serve(LOGS_CONF, start=False)
        for options, words in (((), "no server runs here"),
                               (("--status", "6y"), 'invalid status "6y"'),
                               (("--uri", "("), "missing closing parenthesis"),
                               (("--since", "soon"), 'invalid time "soon"'),
                               (("--level", "loud"), 'invalid level "loud"')):
            result = server.run("logs", *options)
            self.assertEqual(result.returncode, 1)
            self.assertIn(words, result.stderr)


if __name__ == "__main__":
    unittest.main()
