# SPDX-License-Identifier: BSD-2-Clause
"""Files that are not in memory: threads of the worker load them, and nobody else waits. The fault
switch makes every file cold, and lets names with "hang" hang until a file "<name>.go" exists."""

import os
import signal
import unittest

from support import processes
from support.harness import SluiceTest

CONF = """
http {
    access_log %%DIR%%/logs/access.log;
    server {
        listen 127.0.0.1:%%PORT%%;
        root %%DIR%%/www;
        location /try/ { try_files $uri $uri/ /fallback.html; }
        location /if/ {
            set $seen "";
            set $seen "${seen}once";
            if (-f %%DIR%%/www$uri) { return 200 "file $seen"; }
            if (!-d %%DIR%%/www$uri) { return 200 "nothing $seen"; }
            return 200 "directory $seen";
        }
        location = /open { return 200 "open"; }
        location /list/ { autoindex on; }
        location /copy/ { sendfile off; alias %%DIR%%/www/; }
        location /stale/ { open_file_cache_valid 0s; }
    }
}
"""
FILES = {"www/index.html": "index", "www/fast.html": "fast", "www/hang.html": "slow", "www/fallback.html": "fallback",
         "www/hang/index.html": "hung index", "www/try/hang.txt": "hung try", "www/stale/a.html": "stale",
         "www/list/hang/x": "", "www/list/hangs/x": "", "www/list/y": "", "www/stall": "s" * 3_000_000,
         "www/if/f": "f", "www/big": "b" * 300_000}


class ColdFiles(SluiceTest):
    def cold(self, conf=CONF, **options):
        return self.serve(conf, files=FILES, env={"SLUICE_FAULT": "cold-files,hung-files"}, **options)

    def let_go(self, server, name):
        server.write(f"www/{name}.go", "")

    def test_every_handler_serves_cold_files(self):
        server = self.cold()

        self.assertEqual(server.get("/fast.html").text, "fast")
        self.assertEqual(server.get("/").text, "index")
        self.assertEqual(server.get("/try/none").text, "fallback")
        self.assertEqual(server.get("/big").body, b"b" * 300_000)
        self.assertEqual(server.get("/none").status, 404)
        self.assertEqual(server.get("/none/").status, 404)
        self.assertEqual(server.get("/try").status, 301)
        self.assertEqual(server.get("/stale/a.html").text, "stale")
        self.assertEqual(server.get("/stale/a.html").text, "stale")
        self.assertEqual(server.get("/if/f").text, "file once")
        self.assertEqual(server.get("/if/none").text, "nothing once")
        self.assertEqual(server.get("/if/").text, "directory once")

    def test_a_hung_open_delays_nobody_else(self):
        server = self.cold()
        waiting = [server.connect() for _ in range(20)]
        for connection in waiting:
            connection.send(b"GET /hang.html HTTP/1.1\r\nHost: a\r\n\r\n")
        for path in (b"/hang/", b"/try/hang.txt"):
            waiting.append(server.connect())
            waiting[-1].send(b"GET " + path + b" HTTP/1.1\r\nHost: a\r\n\r\n")

        with server.connect() as other:
            for _ in range(50):
                self.assertEqual(other.get("/fast.html").text, "fast")

        waiting.pop(0).close()
        waiting.pop(0).close()
        for name in ("hang.html", "hang/index.html", "try/hang.txt"):
            self.let_go(server, name)
        texts = [connection.read_reply().text for connection in waiting]
        self.assertEqual(texts, ["slow"] * 18 + ["hung index", "hung try"])
        for connection in waiting:
            self.assertEqual(connection.get("/fast.html").text, "fast")
            connection.close()

    def test_a_hung_listing_delays_nobody_else(self):
        server = self.cold()
        self.assertIn("y</a>", server.get("/list/").text)
        with server.connect() as waiting, server.connect() as leaving, server.connect() as other:
            for connection, path in ((waiting, b"/list/hang/"), (leaving, b"/list/hangs/")):
                connection.send(b"GET " + path + b" HTTP/1.1\r\nHost: a\r\n\r\n")
            for _ in range(20):
                self.assertEqual(other.get("/open").text, "open")
            leaving.close()
            for name in ("index.html", ""):  # the index is looked for first
                self.let_go(server, f"list/hang/{name}")
                self.let_go(server, f"list/hangs/{name}")
            reply = waiting.read_reply()
            self.assertEqual((reply.status, "x</a>" in reply.text), (200, True))
            self.assertEqual(waiting.get("/list/none/").status, 404)
            self.assertEqual(other.get("/list/", method="HEAD").status, 200)

    def test_a_listing_of_several_slices(self):
        server = self.serve(CONF, files={**FILES, **{f"www/list/f{i}": "" for i in range(300)}})
        names = [line.split('"')[1] for line in server.get("/list/").text.split("\r\n") if "href" in line]
        self.assertEqual(len([name for name in names if name.startswith("f")]), 300)
        self.assertEqual(names[4:], sorted(names[4:]))

    def test_without_sendfile_a_stalled_file_delays_nobody_else(self):
        server = self.cold()
        with server.connect() as waiting, server.connect() as leaving, server.connect() as other:
            for connection in (waiting, leaving):
                connection.send(b"GET /copy/stall HTTP/1.1\r\nHost: a\r\n\r\n")
            for _ in range(10):
                self.assertEqual(other.get("/copy/big").body, b"b" * 300_000)
            leaving.close()
            self.let_go(server, "stall")
            self.assertEqual(waiting.read_reply().body, b"s" * 3_000_000)

    def test_pipelined_replies_stay_in_order(self):
        server = self.cold()
        with server.connect() as connection:
            connection.send(b"GET /fast.html HTTP/1.1\r\nHost: a\r\n\r\nGET /hang.html HTTP/1.1\r\nHost: a\r\n\r\n"
                            b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertEqual(connection.read_reply().text, "fast")
            self.let_go(server, "hang.html")
            self.assertEqual(connection.read_reply().text, "slow")
            self.assertEqual(connection.read_reply().text, "index")

    def test_a_reload_meanwhile_hurts_no_one(self):
        server = self.cold()
        with server.connect() as connection, server.connect() as gone:
            for one in (connection, gone):
                one.send(b"GET /hang.html HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertEqual(server.get("/fast.html").text, "fast")
            server.configure(CONF.replace("%%DIR%%/www;", "%%DIR%%/other;"))
            server.write("other/fast.html", "other")
            self.assertEqual(server.reload().returncode, 0)
            gone.close()
            self.assertEqual(server.get("/fast.html").text, "other")
            self.let_go(server, "hang.html")
            self.assertEqual(connection.read_reply().text, "slow")

    def test_an_error_page_that_hangs_behind_a_body_that_is_too_large(self):
        server = self.cold(CONF.replace("root", "client_max_body_size 10; error_page 413 /hang.html; root"))
        with server.connect() as connection:
            connection.send(b"POST /fast.html HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n")
            self.assertEqual(server.get("/fast.html").text, "fast")
            self.let_go(server, "hang.html")
            reply = connection.read_reply()
            self.assertEqual((reply.status, reply.text), (413, "slow"))

    def test_a_worker_ends_while_a_file_system_hangs(self):
        server = self.cold()
        with server.connect() as connection:
            connection.send(b"GET /hang.html HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertEqual(server.get("/fast.html").text, "fast")
            server.stop(signal.SIGTERM)
        server.process = None

    def test_threads_start_when_needed_and_take_no_signal(self):
        server = self.serve(CONF, files=FILES)
        self.assertEqual(server.get("/").text, "index")
        self.assertEqual(server.get("/").text, "index")
        cold = self.cold()
        worker = cold.workers()[0]
        before = set(os.listdir(f"/proc/{worker}/task"))  # a sanitizer may have a thread of its own
        self.assertEqual(cold.get("/fast.html").text, "fast")

        tasks = set(os.listdir(f"/proc/{worker}/task")) - before
        self.assertGreater(len(tasks), 0)
        for task in tasks:
            blocked = int(processes.status_field(f"{worker}/task/{task}", "SigBlk"), 16)
            for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1, signal.SIGCHLD):
                self.assertTrue(blocked >> (number - 1) & 1, f"{number!r} in task {task}")

    def test_a_queue_of_one_place_loses_nothing(self):
        server = self.cold("thread_pool default threads=1 max_queue=1;\n" + CONF)
        waiting = [server.connect() for _ in range(8)]
        for index, connection in enumerate(waiting):
            server.write(f"www/n{index}", str(index))
            connection.send(f"GET /n{index} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        self.assertEqual([c.read_reply().text for c in waiting], [str(i) for i in range(8)])
        for connection in waiting:
            connection.close()

    def test_a_waiting_client_is_in_the_access_log_once(self):
        server = self.cold()
        with server.connect() as connection:
            connection.send(b"GET /hang.html HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertEqual(server.get("/fast.html").text, "fast")
        self.let_go(server, "hang.html")
        server.wait_accessed("/hang.html")
        server.stop()
        self.assertEqual(server.access_log().count("/hang.html"), 1)


if __name__ == "__main__":
    unittest.main()
