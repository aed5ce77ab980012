# SPDX-License-Identifier: BSD-2-Clause
"""error_log … format=json: one object a line, for every kind of target and every process."""

import ctypes
import json
import os
import re
import select
import socket
import unittest
from signal import SIGKILL

from support.harness import SluiceTest
from support.waiting import wait_for

SITE = "http { server { listen %%PORT%%; server_name here; root %%DIR%%/www; } }\n"


class ErrorJson(SluiceTest):
    def serve_with(self, logs, **options):
        return self.serve(f"error_log %%DIR%%/logs/error.log info;\n{logs}\n" + SITE,
                          files={"www/index.html": "hello"}, **options)

    def objects(self, path):
        """Every whole line of the file, judged as JSON."""
        text = path.read_text(encoding="utf-8")
        return [json.loads(line) for line in text.split("\n")[:-1]]

    def object_about(self, path, word):
        def found():
            return [o for o in self.objects(path) if word in o["message"]]

        return wait_for(found, what=f"an object about {word}")[0]

    def test_a_request_has_its_parts_as_fields_and_any_byte_is_valid(self):
        server = self.serve_with("error_log %%DIR%%/logs/e.json info format=json;")
        path = server.dir / "logs/e.json"
        with server.connect() as client:
            client.send(b"GET /gone HTTP/1.1\r\nHost: a\r\nReferer: http://b/\x80\"\\\xc3\xa9\r\n"
                        b"Connection: close\r\n\r\n")
            self.assertEqual(client.read_reply().status, 404)

        found = self.object_about(path, "gone")

        self.assertRegex(found["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d$")
        self.assertEqual(found["level"], "info")
        self.assertEqual(found["process"], "worker")
        self.assertIn(found["pid"], server.workers())
        self.assertIsInstance(found["slot"], int)
        self.assertIsInstance(found["connection"], int)
        self.assertRegex(found["message"], r'^open\(\) ".*/gone" failed \(2: No such file or directory\)$')
        self.assertEqual(found["errno"], 2)
        self.assertEqual(found["error"], "No such file or directory")
        self.assertEqual(found["client"], "127.0.0.1")
        self.assertEqual(found["server"], "here")
        self.assertEqual(found["request"], "GET /gone HTTP/1.1")
        self.assertEqual(found["host"], "a")
        self.assertEqual(found["referrer"], 'http://b/\ufffd"\\\u00e9')
        self.assertNotIn("upstream", found)

    def test_lines_of_master_and_logger_are_objects_too(self):
        server = self.serve("error_log %%DIR%%/logs/e.json notice format=json;\n"
                            "error_log %%DIR%%/logs/error.log notice;\n"
                            "error_log fifo:logs/unread notice;\n" + SITE)
        server.allowed_words.append("exited on signal")
        path = server.dir / "logs/e.json"
        os.kill(server.workers()[0], SIGKILL)
        self.assertEqual(self.object_about(path, "exited on signal 9")["process"], "master")
        found = self.object_about(path, "log lines dropped")
        self.assertEqual(found["process"], "logger")
        self.assertEqual(found["level"], "warn")
        self.assertNotIn("slot", found)

    def test_syslog_command_and_fifo_take_objects(self):
        receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(receiver.close)
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(15)
        port = receiver.getsockname()[1]
        server = self.serve_with(
            f"error_log syslog:server=127.0.0.1:{port},nohostname,tag=t info format=json;\n"
            'error_log "|tee %%DIR%%/logs/piped" info format=json;\n'
            "error_log fifo:logs/f info format=json;")
        reader = os.open(server.dir / "logs/f", os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        long = "/gone" + "x" * 3000
        self.assertEqual(server.get(long).status, 404)

        message = receiver.recv(65536)
        while b"/gone" not in message:
            message = receiver.recv(65536)
        text = re.match(rb"<\d+>\w+ [ \d]\d [\d:]+ t: (.*)$", message).group(1)
        self.assertTrue(json.loads(text)["request"].startswith("GET /gonexxx"))
        self.assertLessEqual(len(text), 2048)
        self.assertEqual(self.object_about(server.dir / "logs/piped", "gone")["request"],
                         f"GET {long} HTTP/1.1")
        got = b""
        while b"/gone" not in got or not got.endswith(b"\n"):
            self.assertTrue(select.select([reader], [], [], 15)[0])
            got += os.read(reader, 65536)
        line = [part for part in got.splitlines() if b"/gone" in part][0]
        self.assertEqual(json.loads(line)["request"], f"GET {long} HTTP/1.1")

    def test_queue_takes_objects(self):
        libc = ctypes.CDLL(None, use_errno=True)
        name = f"/sluice-json-{os.getpid()}".encode()
        libc.mq_unlink(name)
        self.addCleanup(libc.mq_unlink, name)
        server = self.serve_with(f"error_log mq:{name.decode()} info format=json;")
        queue = libc.mq_open(name, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, queue)
        self.assertEqual(server.get("/gone").status, 404)
        buffer = ctypes.create_string_buffer(8192)

        def message():
            size = libc.mq_receive(queue, buffer, ctypes.c_size_t(8192), None)
            text = buffer.raw[:size] if size > 0 else b""
            return json.loads(text) if b"/gone" in text else None

        self.assertEqual(wait_for(message, what="the object")["errno"], 2)

    def test_default_level_and_refusals(self):
        server = self.serve_with("error_log %%DIR%%/logs/e.json format=json;", start=False)
        self.assertEqual(server.run("-t").returncode, 0)
        for logs, expected in (
                ("error_log logs/a info format=xml;", 'invalid value "format=xml"'),
                ("error_log logs/a format=json info;", 'invalid value "info"'),
                ("error_log logs/a info; error_log logs/a warn format=json;",
                 "already defined with conflicting parameters")):
            server.configure(f"{logs}\n" + SITE)
            result = server.run("-t")
            self.assertEqual(result.returncode, 1, logs)
            self.assertIn(expected, result.stderr)


if __name__ == "__main__":
    unittest.main()
