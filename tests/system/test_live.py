# SPDX-License-Identifier: BSD-2-Clause
"""live: one FIFO, many viewers over several workers. Who joins, who leaves, who is too slow; a
writer that comes back; workers that are killed, reload, and the end."""

import json
import os
import re
import threading
import time
import unittest
from signal import SIGHUP, SIGKILL, SIGQUIT

from support import processes
from support.harness import SluiceTest
from support.live import Viewer, Writer
from support.waiting import holds_for, wait_for

CONF = """worker_shutdown_timeout 5s;
http { access_log %%DIR%%/logs/access.log;
  server { listen %%PORT%%; LOCATIONS
    location /live { live fifo:%%DIR%%/pipe OPTIONS; }
    location /status { status_api; } } }"""


class Live(SluiceTest):
    def live(self, options="", locations="", workers=2, fifo=True, **more):
        server = self.serve(CONF.replace("OPTIONS", options).replace("LOCATIONS", locations),
                            start=False, workers=workers, **more)
        if fifo:
            os.mkfifo(server.dir / "pipe")
        return server.start()

    def view(self, server, path="/live", status=200, **options):
        viewer = Viewer(server.port, path, **options)
        self.addCleanup(viewer.close)
        self.assertEqual(viewer.read_head(), status)
        return viewer

    def write(self, server):
        writer = Writer(server.dir / "pipe")
        self.addCleanup(writer.close)
        return writer

    def figures(self, server):
        return json.loads(server.get("/status").text)["live"][str(server.dir / "pipe")]

    def wait_viewers(self, server, count):
        wait_for(lambda: self.figures(server)["viewers"] == count, what=f"{count} viewers")

    def wait_taken(self, server, writer):
        wait_for(lambda: self.figures(server)["bytes"] == writer.place, what="an empty FIFO")

    def check(self, *viewers):
        for viewer in viewers:
            self.assertIsNone(viewer.wrong)

    # --- joining and heads

    def test_all_viewers_get_all_bytes(self):
        server = self.live()
        viewers = [self.view(server) for _ in range(12)]
        with self.write(server) as writer:
            for size in (1, 5, 1459, 1461, 70_000, 300_000):
                writer.write(size)
                for viewer in viewers:
                    viewer.read_to(writer.place)
        self.check(*viewers)
        self.assertEqual(self.figures(server), {"viewers": 12, "bytes": writer.place, "dropped": 0})

    def test_the_head_comes_before_any_writer(self):
        server = self.live(locations="location = /live.ts { live fifo:%%DIR%%/pipe; default_type video/mp2t; }")
        viewer = self.view(server)
        self.assertEqual(viewer.header("transfer-encoding"), "chunked")
        self.assertEqual(viewer.header("cache-control"), "no-store")
        self.assertIsNone(viewer.header("content-length"))
        self.assertIsNone(viewer.header("accept-ranges"))
        self.assertEqual(self.view(server, "/live.ts").header("content-type"), "video/mp2t")

    def test_cache_control_of_the_configuration_counts(self):
        server = self.live(locations="location /a { live fifo:%%DIR%%/pipe; add_header Cache-Control no-cache; }")
        viewer = self.view(server, "/a")
        self.assertEqual(re.findall(r"(?i)cache-control: (.*)\r", viewer.head), ["no-cache"])

    def test_who_comes_late_begins_with_the_next_byte(self):
        server = self.live()
        first = self.view(server)
        with self.write(server) as writer:
            writer.write(5000)
            first.read_to(5000)
            late = self.view(server, start=5000)
            writer.write(5000)
            late.read_to(5000)
            first.read_to(10_000)
        self.check(first, late)

    def test_what_nobody_watches_is_gone(self):
        server = self.live()
        with self.write(server) as writer:
            writer.write(3_000_000)  # more than a FIFO holds: somebody empties it
            self.wait_taken(server, writer)
            viewer = self.view(server, start=writer.place)
            writer.write(100)
            viewer.read_to(100)
        self.check(viewer)

    def test_burst_gives_the_latest_bytes_first(self):
        server = self.live("burst=1000")
        with self.write(server) as writer:
            writer.write(5000)
            self.wait_taken(server, writer)
            viewer = self.view(server, start=4000)
            viewer.read_to(1000)
            writer.write(10)
            viewer.read_to(1010)
        self.check(viewer)

    def test_head_and_other_methods(self):
        server = self.live()
        with server.connect() as client:
            reply = client.get("/live", method="HEAD")
            self.assertEqual((reply.status, reply.header("cache-control")), (200, "no-store"))
            reply = client.get("/live", method="POST", body=b"x")
            self.assertEqual((reply.status, reply.header("allow")), (405, "GET, HEAD"))
        self.assertEqual(self.figures(server)["viewers"], 0)

    def test_http_1_0_ends_with_its_connection(self):
        server = self.live()
        viewer = self.view(server, version="HTTP/1.0")
        self.assertIsNone(viewer.header("transfer-encoding"))
        self.assertEqual(viewer.header("connection"), "close")
        with self.write(server) as writer:
            writer.write(100_000)
            viewer.read_to(100_000)
        self.check(viewer)

    def test_bytes_are_in_the_access_log(self):
        server = self.live()
        viewer = self.view(server, version="HTTP/1.0")
        with self.write(server) as writer:
            writer.write(4321)
            viewer.read_to(4321)
        viewer.close()
        server.wait_accessed('"GET /live HTTP/1.0" 200 4321 ')

    def test_access_rules_hold(self):
        server = self.live(locations="location /shut { deny all; live fifo:%%DIR%%/pipe; }")
        self.assertEqual(server.get("/shut").status, 403)

    # --- leaving

    def test_a_viewer_that_leaves_is_noticed_without_a_byte(self):
        server = self.live()
        viewers = [self.view(server) for _ in range(4)]
        self.wait_viewers(server, 4)
        for viewer in viewers:
            viewer.close()
        self.wait_viewers(server, 0)

    def test_a_slow_viewer_is_dropped_and_delays_nobody(self):
        """A stream at a pace of its own: the others have each piece before the next is written."""
        server = self.live("window=1m")
        viewer, slow = self.view(server), self.view(server, room=4096)
        with self.write(server) as writer:
            longest = 0
            for _ in range(1000):
                writer.write(64 * 1024)
                began = time.monotonic()
                viewer.read_to(writer.place)
                longest = max(longest, time.monotonic() - began)
                if self.figures(server)["dropped"]:
                    break
                threading.Event().wait(0.02)  # the stream's pace
        self.assertEqual(self.figures(server)["dropped"], 1)
        self.assertLess(longest, 5)  # a busy machine; test_live_viewers looks closer
        server.wait_logged(re.compile(r'\[info\].*live: a viewer of "\S+/pipe" is dropped, \d+ bytes behind: too slow for the stream'))
        slow.read_until(lambda viewer: viewer.is_over, what="the reset")
        self.assertFalse(slow.is_whole)
        self.check(viewer, slow)

    def test_a_writer_without_pace_waits_for_viewers_that_read(self):
        """`cat file`: none of those who read is dropped, though the file is larger than all buffers."""
        server = self.live("window=1m")
        viewers = [self.view(server) for _ in range(6)]
        total = 24 << 20
        writer = self.write(server)
        thread = threading.Thread(target=writer.write, args=(total,), daemon=True)
        thread.start()
        for place in range(1 << 20, total + 1, 1 << 20):
            for viewer in viewers:
                viewer.read_to(place, deadline=60)
        thread.join(30)
        self.check(*viewers)
        self.assertEqual(self.figures(server)["dropped"], 0)

    # --- the writer, and the FIFO

    def test_a_writer_goes_and_another_comes(self):
        server = self.live()
        viewers = [self.view(server) for _ in range(4)]
        place = 0
        for size in (1000, 200_000, 3):
            writer = self.write(server)
            writer.place = place
            writer.write(size)
            writer.close()
            place += size
            for viewer in viewers:
                viewer.read_to(place)
        self.check(*viewers)

    def test_several_writers_at_a_time(self):
        server = self.live()
        viewer = self.view(server)
        viewer.is_checked = False
        fds = [os.open(server.dir / "pipe", os.O_WRONLY) for _ in range(3)]
        for i in range(300):
            os.write(fds[i % 3], b"line %06d\n" % i)
        viewer.read_to(300 * 12)
        for fd in fds:
            os.close(fd)
        self.assertEqual(b"".join(viewer.text), b"".join(b"line %06d\n" % i for i in range(300)))

    def test_no_fifo_is_503_until_there_is_one(self):
        server = self.live(fifo=False)
        self.assertEqual(server.get("/live").status, 503)
        server.wait_logged(re.compile(r'\[error\].*live: there is no FIFO "\S+/pipe" \(mkfifo makes one\)'))
        os.mkfifo(server.dir / "pipe")
        viewer = self.view(server)
        with self.write(server) as writer:
            writer.write(10)
            viewer.read_to(10)
        self.check(viewer)

    def test_a_file_is_no_fifo(self):
        server = self.live(fifo=False, files={"pipe": "text"})
        self.assertEqual(server.get("/live").status, 503)
        server.wait_logged(re.compile(r'live: "\S+/pipe" is not a FIFO, which mkfifo would make'))

    def test_a_fifo_made_anew_is_taken(self):
        server = self.live()
        viewer = self.view(server)
        os.rename(server.dir / "pipe", server.dir / "old")
        os.mkfifo(server.dir / "pipe")
        with self.write(server) as writer:  # opens when a worker has it open
            writer.write(1000)
            viewer.read_to(1000)
        self.check(viewer)

    # --- processes

    def test_a_killed_worker_takes_only_its_viewers_along(self):
        server = self.live(workers=3)
        with self.write(server) as writer:
            for _ in range(3):
                viewers = [self.view(server, start=writer.place) for _ in range(9)]
                writer.write(100_000)
                for viewer in viewers:
                    viewer.read_to(100_000)
                server.kill_worker(server.workers()[0])
                writer.write(100_000)  # no SIGPIPE, nothing is lost
                live = [viewer for viewer in viewers if not self.is_cut(viewer)]
                for viewer in live:
                    viewer.read_to(200_000)
                self.check(*viewers)
                for viewer in viewers:
                    viewer.close()
                self.wait_taken(server, writer)  # the killed one may have had all viewers
            viewer = self.view(server, start=writer.place)
            writer.write(1000)
            viewer.read_to(1000)

    @staticmethod
    def is_cut(viewer):
        """Whether the connection is gone; one that is not has bytes coming."""
        viewer.read_until(lambda one: one.is_over or one.got > 100_000, what="bytes or the end")
        return viewer.is_over

    def test_a_killed_worker_leaves_the_fifo_to_the_next(self):
        """Nobody watches: whoever empties the FIFO is killed, and the writer does not hang."""
        server = self.live(workers=2)
        with self.write(server) as writer:
            for _ in range(2):
                for _ in range(2):
                    server.kill_worker(server.workers()[0])
                writer.write(3_000_000)
            self.wait_taken(server, writer)

    def test_reloads_lose_nothing(self):
        server = self.live()
        viewers = [self.view(server) for _ in range(6)]
        stop = threading.Event()
        writer = self.write(server)

        def stream():
            while not stop.wait(0.001):
                writer.write(10_000)
        thread = threading.Thread(target=stream, daemon=True)
        thread.start()
        for _ in range(5):
            reloading = threading.Thread(target=self.assertEqual,
                                         args=(0, server.reload().returncode))
            reloading.start()
            for viewer in viewers:
                viewer.read_to(viewer.got + 50_000)
            reloading.join()
        stop.set()
        thread.join()
        for viewer in viewers:
            viewer.read_to(writer.place)
        self.check(*viewers)
        self.assertEqual(self.figures(server)["viewers"], 6)

    def test_a_location_that_goes_leaves_its_viewers(self):
        server = self.live()
        viewer = self.view(server)
        server.configure("http { server { listen %%PORT%%; } }")
        self.assertEqual(server.reload().returncode, 0)
        with self.write(server) as writer:
            writer.write(100_000)
            viewer.read_to(100_000)
        self.check(viewer)

    def test_another_window_ends_the_stream_and_begins_a_new_one(self):
        server = self.live()
        old = self.view(server)
        server.configure(CONF.replace("LOCATIONS", "").replace("OPTIONS", "window=9m"))
        self.assertEqual(server.reload().returncode, 0)
        old.read_until(lambda viewer: viewer.is_whole, what="the last chunk")
        viewer = self.view(server)
        with self.write(server) as writer:
            writer.write(100_000)
            viewer.read_to(100_000)
        self.check(viewer)

    def test_quit_ends_the_stream(self):
        server = self.live()
        viewers = [self.view(server), self.view(server, version="HTTP/1.0")]
        with self.write(server) as writer:
            writer.write(100_000)
            for viewer in viewers:
                viewer.read_to(100_000)
            server.signal(SIGQUIT)
            for viewer in viewers:
                viewer.read_until(lambda one: one.is_whole, what="the end")
        self.check(*viewers)

    # --- words

    def test_mistakes_of_the_configuration(self):
        for text, words in (
                ("live /path;", 'invalid source "/path"'),
                ("live fifo:;", 'invalid source "fifo:"'),
                ("live fifo:/$uri;", 'no variables in "live"'),
                ("live fifo:/a window=1k;", 'invalid value in "window=1k"'),
                ("live fifo:/a window=1m burst=2m;", '"burst" is larger than the window'),
                ("live fifo:/a speed=2;", 'invalid parameter "speed=2"'),
                ("live fifo:/a; location /x/y { live fifo:/a window=8m; }", 'another window= for "/a"')):
            refusal = self.refusal_of("http { server { location /x { " + text + " } } }")
            self.assertIn(words, refusal)

    def test_explain_tells_of_it(self):
        server = self.live()
        told = server.run("explain", f"http://127.0.0.1:{server.port}/live")
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertIn("from now on", told.stdout)
        self.assertIn("200", told.stdout)

    def test_prometheus_has_the_figures(self):
        server = self.live(locations="")
        self.view(server)
        self.wait_viewers(server, 1)
        text = server.get("/status?format=prometheus").text
        self.assertIn(f'sluice_live_viewers{{fifo="{server.dir}/pipe"}} 1', text)


if __name__ == "__main__":
    unittest.main()
