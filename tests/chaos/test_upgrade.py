# SPDX-License-Identifier: BSD-2-Clause
# Runs: alone
"""USR2: a new program file takes over while clients are served, and the ways back."""

import os
import shutil
import signal
import unittest

from support import processes
from support.client import build_request
from support.harness import BINARY, SluiceTest
from support.load import Load
from support.waiting import wait_for

SITE = """
http { access_log off; server { listen %%PORT%%; root %%DIR%%/www; } }"""

LIMIT = """
http { access_log off; limit_conn_zone $host zone=open:1m;
       server { listen %%PORT%%; root %%DIR%%/www; location /one { limit_conn open 1; try_files /big =404; } } }"""

ZONES = """
http { access_log off; kv_zone store 1m; zone_state %%DIR%%/store.zone;
       server { listen %%PORT%%; location /kv/ { kv zone=store; } } }"""


class Upgrade(SluiceTest):
    def start(self, site=SITE, **options):
        server = self.serve(site, workers=2, files={"www/index.html": "x" * 612}, start=False,
                            **options)
        # A program file of its own, so that a test may replace it.
        program = server.dir / "sluice"
        shutil.copy2(BINARY, program)
        server.binary = str(program)
        return server.start()

    def read_pid(self, server, suffix=""):
        try:
            return int((server.dir / f"sluice.pid{suffix}").read_text())
        except (OSError, ValueError):
            return None

    def upgrade(self, server):
        """Sends USR2 and gives the new master's pid once it serves."""
        old = server.pid
        server.signal(signal.SIGUSR2)
        wait_for(lambda: self.read_pid(server, ".oldbin") == old, what=".oldbin with the old pid")
        new = wait_for(lambda: (self.read_pid(server) or old) != old and self.read_pid(server),
                       what="the new master's pid file")
        wait_for(lambda: len(server.workers(new)) == 2, what="the new master's workers")
        self.addCleanup(self.end, new)
        return new

    def end(self, pid):
        for victim in [pid] + processes.children_of(pid):
            try:
                os.kill(victim, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def test_upgrade_then_quit_of_the_old_master(self):
        server = self.start()
        with Load(server.port, connections=32) as kept, \
                Load(server.port, connections=4, keep_alive=False) as fresh:
            new = self.upgrade(server)
            server.signal(signal.SIGQUIT)
            self.assertEqual(server.wait_exit(), 0)
            wait_for(lambda: self.read_pid(server, ".oldbin") is None, what=".oldbin to go")
            self.assertEqual(server.get("/").status, 200)
            self.assertEqual(server.reload().returncode, 0, server.report())
        self.assertEqual(kept.failures + fresh.failures, [])
        self.assertEqual(self.read_pid(server), new)
        os.kill(new, signal.SIGQUIT)
        wait_for(lambda: not processes.is_alive(new), what="the new master to end")
        server.process = None

    def test_zones_go_over_live_and_the_old_master_leaves_their_file_alone(self):
        server = self.start(ZONES)
        self.assertEqual(server.get("/kv/a", method="PUT", body=b"before").status, 201)

        new = self.upgrade(server)
        server.signal(signal.SIGQUIT)
        self.assertEqual(server.wait_exit(), 0)
        wait_for(lambda: self.read_pid(server, ".oldbin") is None, what=".oldbin to go")

        self.assertEqual(server.get("/kv/a").body, b"before")
        self.assertFalse((server.dir / "store.zone").exists(), "the zone lives on elsewhere")
        self.assertEqual(server.get("/kv/b", method="PUT", body=b"after").status, 201)
        os.kill(new, signal.SIGQUIT)
        wait_for(lambda: not processes.is_alive(new), what="the new master to end")
        server.process = None
        self.assertIn(b"before", (server.dir / "store.zone").read_bytes())

    def test_rollback_by_winch_hup_and_quit_of_the_new_master(self):
        server = self.start()
        with Load(server.port, connections=32) as kept, \
                Load(server.port, connections=4, keep_alive=False) as fresh:
            new = self.upgrade(server)
            server.signal(signal.SIGWINCH)
            wait_for(lambda: not server.workers(), what="the old workers to retire")
            self.assertEqual(server.get("/").status, 200)  # the new workers serve
            server.signal(signal.SIGHUP)
            wait_for(lambda: len(server.workers()) == 2, what="the old master's workers again")
            os.kill(new, signal.SIGQUIT)
            wait_for(lambda: not processes.is_alive(new), what="the new master to end")
            wait_for(lambda: self.read_pid(server) == server.pid, what="the pid file to come back")
            self.assertEqual(server.get("/").status, 200)
        self.assertEqual(kept.failures + fresh.failures, [])

    def test_a_new_program_that_fails_leaves_the_old_serving(self):
        server = self.start()
        server.allowed_words += ["[emerg]", "[alert]"]
        broken = server.dir / "broken"
        broken.write_text("#!/bin/sh\nexit 1\n")
        broken.chmod(0o755)
        os.rename(broken, server.binary)
        with Load(server.port, connections=16) as load:
            server.signal(signal.SIGUSR2)
            server.wait_logged("the new master process")
            wait_for(lambda: self.read_pid(server) == server.pid, what="the pid file to come back")
            self.assertIsNone(self.read_pid(server, ".oldbin"))
        self.assertEqual(load.failures, [])
        shutil.copy2(BINARY, server.dir / "again")
        os.rename(server.dir / "again", server.binary)
        self.assertEqual(server.reload().returncode, 0)

    def test_a_new_program_killed_gives_the_pid_file_back(self):
        server = self.start()
        server.allowed_words += ["signal 9", "[alert]", "the master has gone"]
        new = self.upgrade(server)
        os.kill(new, signal.SIGKILL)
        wait_for(lambda: self.read_pid(server) == server.pid, what="the pid file to come back")
        self.assertEqual(server.get("/").status, 200)

    def test_what_workers_of_a_killed_master_had_counted_is_forgotten(self):
        server = self.start(LIMIT)
        server.allowed_words += ["signal 9", "[alert]", "the master has gone", "[error]"]
        (server.dir / "www" / "big").write_bytes(b"x" * (64 << 20))
        with server.connect() as held:
            held.send(build_request("/one"))
            self.assertEqual(held.read_head().status, 200)
            self.assertEqual(server.get("/one").status, 429)
            self.upgrade(server)
            old_workers = server.workers(server.pid)
            server.process.kill()
            server.wait_exit()
            for pid in old_workers:
                os.kill(pid, signal.SIGKILL)
            wait_for(lambda: not any(processes.is_alive(pid) for pid in old_workers),
                     what="the old master's workers to end")
        self.assertEqual(server.reload().returncode, 0, server.report())
        wait_for(lambda: server.get("/one", method="HEAD").status == 200, what="the place to be free")
        server.process = None


if __name__ == "__main__":
    unittest.main()
