# SPDX-License-Identifier: BSD-2-Clause
"""live in trouble: a worker that stands still while the window goes on, limits that are full, writers
and viewers that go at bad moments. A viewer gets every byte in order or is cut; never another byte."""

import json
import os
import resource
import subprocess
import threading
import unittest
from signal import SIGCONT, SIGKILL, SIGQUIT, SIGUSR2

from support import processes
from support.harness import SluiceTest, read_text
from support.live import Viewer, Writer
from support.waiting import wait_for

WINDOW = 8 << 20  # what `window=1m` keeps at most, and more
# Some reader in between sees the bytes, and changes none.
SAME = " ".join(f"{byte:02X} {byte:02X};" for byte in range(128, 256))
CONF = """http { access_log off;
  charset_map x-one x-same { """ + SAME + """ }
  server { listen %%PORT%%; add_header X-Pid $pid;
    location /live { live fifo:%%DIR%%/pipe window=1m; }
    location /read { live fifo:%%DIR%%/pipe window=1m; charset x-same; source_charset x-one; charset_types *; }
    location /status { status_api; } } }"""


def queued(port, viewers):
    """Bytes that the kernel holds for these viewers, at the server's end."""
    peers = {viewer.sock.getsockname()[1] for viewer in viewers}
    total = 0
    with open("/proc/net/tcp", encoding="ascii") as table:
        for line in list(table)[1:]:
            local, remote, _, queues = line.split()[1:5]
            if int(local[-4:], 16) == port and int(remote[-4:], 16) in peers:
                total += int(queues.split(":")[0], 16)
    return total


class LiveTrouble(SluiceTest):
    def live(self, conf=CONF, **more):
        server = self.serve(conf, start=False, **more)
        os.mkfifo(server.dir / "pipe")
        return server.start()

    def view(self, server, path="/live", **options):
        viewer = Viewer(server.port, path, **options)
        self.addCleanup(viewer.close)
        self.assertEqual(viewer.read_head(), 200)
        return viewer

    def try_view(self, server, start):
        """A viewer, or None where there is no room for one."""
        viewer = Viewer(server.port, start=start)
        self.addCleanup(viewer.close)
        return viewer if viewer.read_head() == 200 else None

    def figures(self, server):
        return json.loads(server.get("/status").text)["live"][str(server.dir / "pipe")]

    def view_at(self, server, pid, **options):
        """A viewer of the worker `pid`, for whom the others leave the connection to it."""
        others = [other for other in server.workers() if other != pid]
        for other in others:
            processes.stop(other)
        viewer = self.view(server, **options)
        for other in others:
            os.kill(other, SIGCONT)
        self.assertEqual(viewer.header("x-pid"), str(pid))
        return viewer

    def freeze(self, server, pid, writer):
        """Stops a worker, but not while it moves bytes, where everybody would have to wait for it."""
        def has_stopped():
            processes.stop(pid)
            self.addCleanup(self.thaw, pid)
            before = writer.place
            writer.write(1)
            try:
                wait_for(lambda: self.figures(server)["bytes"] > before, deadline=5, what="the byte")
                return True
            except AssertionError:
                os.kill(pid, SIGCONT)
                return False
        wait_for(has_stopped, what="a worker that stands still")

    @staticmethod
    def thaw(pid):
        try:
            os.kill(pid, SIGCONT)
        except ProcessLookupError:
            pass

    @staticmethod
    def drain(viewers):
        """Takes what is there; gives whether anything was."""
        return any([viewer.read_some() for viewer in viewers])

    # --- a worker that stands still

    def test_a_worker_that_stood_still_sends_no_wrong_byte(self):
        """Its viewers have pieces of the window queued, which goes on without them meanwhile."""
        server = self.live(workers=2)
        frozen, living = server.workers()
        watching = [self.view_at(server, living) for _ in range(3)]
        late = [self.view_at(server, frozen, room=4096, **options)
                for options in ({}, {"version": "HTTP/1.0"}, {"path": "/read"}) * 3]
        with Writer(server.dir / "pipe") as writer:
            writer.write(512 << 10)  # more than sockets take, less than makes a slow viewer
            for viewer in watching:
                viewer.read_to(writer.place)
            wait_for(lambda: all(queued(server.port, [viewer]) > 100_000 for viewer in late),
                     what="sockets that are full")

            self.freeze(server, frozen, writer)
            pouring = threading.Thread(target=writer.write, args=(3 * WINDOW,), daemon=True)
            pouring.start()
            for place in range(1 << 20, 3 * WINDOW, 1 << 20):
                for viewer in watching:
                    viewer.read_to(place, deadline=60)
            pouring.join(60)
            for viewer in watching:
                viewer.read_to(writer.place)
            wait_for(lambda: self.drain(late) or not queued(server.port, late),
                     what="room for what is queued in the worker")
            os.kill(frozen, SIGCONT)

            for viewer in late:
                viewer.read_until(lambda one: one.is_over, what="the end")
            for viewer in late:
                self.assertIsNone(viewer.wrong)
                self.assertFalse(viewer.is_whole)
            wait_for(lambda: self.figures(server)["dropped"] == len(late), what="the drops to count")
            server.wait_logged("the window has moved on", times=len(late))

            again = self.view_at(server, frozen, start=writer.place)
            writer.write(3000)
            for viewer in (again, *watching):
                viewer.read_until(lambda one: one.place == writer.place)
                self.assertIsNone(viewer.wrong)

    def test_a_worker_that_stood_still_goes_on_where_the_window_still_is(self):
        server = self.live(workers=2)
        frozen, living = server.workers()
        watching = [self.view_at(server, living)]
        late = [self.view_at(server, frozen, **options) for options in ({}, {"path": "/read"}) * 2]
        with Writer(server.dir / "pipe") as writer:
            writer.write(100_000)
            self.read_all(watching + late, writer)
            self.freeze(server, frozen, writer)
            writer.write(900_000)
            self.read_all(watching, writer)
            os.kill(frozen, SIGCONT)
            self.read_all(late, writer)
            writer.write(10)
            self.read_all(watching + late, writer)
        self.assertEqual(self.figures(server)["dropped"], 0)

    # --- the next program

    def test_the_next_program_goes_on_with_the_window(self):
        """Both programs' workers take from the FIFO, until the old one ends its viewers' streams."""
        server = self.live(workers=2)
        old = [self.view(server) for _ in range(4)]
        with Writer(server.dir / "pipe") as writer:
            writer.write(100_000)
            self.read_all(old, writer)

            new = self.upgrade(server)
            pids = {str(pid) for pid in server.workers(new)}
            fresh = []
            for viewer in [self.view(server, start=writer.place) for _ in range(8)]:
                (fresh if viewer.header("x-pid") in pids else old).append(viewer)
            for _ in range(20):
                writer.write(200_000)
                self.read_all(old + fresh, writer)
            server.signal(SIGQUIT)
            for viewer in old:
                viewer.read_until(lambda one: one.is_whole, what="the last chunk")
                self.assertIsNone(viewer.wrong)
                viewer.close()  # kept alive, it would be waited for
            self.assertEqual(server.wait_exit(), 0)

            last = self.view(server, start=writer.place)
            self.assertIn(last.header("x-pid"), pids)
            for _ in range(20):
                writer.write(200_000)
                self.read_all([*fresh, last], writer)
        for viewer in (*fresh, last):
            viewer.close()
        os.kill(new, SIGQUIT)
        wait_for(lambda: not processes.is_alive(new), what="the new master's end")

    def upgrade(self, server):
        """Sends USR2 and gives the new master's pid once it serves."""
        def written():
            text = read_text(server.pid_file).strip()  # moved aside, then written anew
            return text and int(text) != server.pid and int(text)
        server.signal(SIGUSR2)
        new = wait_for(written, what="a new master")
        self.addCleanup(self.end, new)
        wait_for(lambda: len(server.workers(new)) == 2, what="its workers")
        return new

    @staticmethod
    def end(pid):
        """Ends a master that the harness does not know."""
        for victim in [pid] + processes.children_of(pid):
            try:
                os.kill(victim, SIGKILL)
            except ProcessLookupError:
                pass

    # --- limits that are full

    def test_viewers_up_to_limit_conn(self):
        server = self.live("http { limit_conn_zone $server_port zone=some:1m; server { listen %%PORT%%;\n"
                           "location /live { live fifo:%%DIR%%/pipe; limit_conn some 3; } } }", workers=2)
        viewers = [self.view(server) for _ in range(3)]
        self.assertEqual(server.get("/live").status, 429)
        server.wait_logged('limiting connections by zone "some"')
        with Writer(server.dir / "pipe") as writer:
            writer.write(100_000)
            for viewer in viewers:
                viewer.read_to(100_000)
            viewers.pop().close()
            viewers.append(wait_for(lambda: self.try_view(server, writer.place), what="a free place"))
            writer.write(1000)
            self.read_all(viewers, writer)

    def test_viewers_up_to_worker_connections(self):
        """More wait at the door, where nobody who watches is sent away for them, and come in when
        somebody goes."""
        limit = 6
        server = self.live(f"events {{ worker_connections {limit}; }}\n" + CONF)
        viewers = [self.view(server) for _ in range(limit)]
        server.wait_logged(f"{limit} worker_connections are not enough, accepting pauses")
        waiting = Viewer(server.port)
        self.addCleanup(waiting.close)
        with Writer(server.dir / "pipe") as writer:
            writer.write(100_000)
            self.read_all(viewers, writer)
            viewers.pop().close()
            self.assertEqual(waiting.read_head(), 200)
            waiting.place = writer.place
            writer.write(1000)
            self.read_all([*viewers, waiting], writer)

    def test_a_window_that_cannot_be_had(self):
        """The reload is refused, and those who watch another FIFO notice nothing."""
        server = self.live(workers=2)
        os.mkfifo(server.dir / "pipe2")
        viewers = [self.view(server) for _ in range(4)]
        more = "location /more { live fifo:%%DIR%%/pipe2; }\n    location /status"
        server.configure(CONF.replace("location /status", more))
        server.allowed_words.append("File too large")
        limits = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (1 << 30, limits[1]))

        refused = server.reload()
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn(f'zone "live:{server.dir}/pipe2": ftruncate() failed (27: File too large) in '
                      f"{server.conf}:7", refused.stderr)
        self.assertEqual(server.get("/more").status, 404)
        with Writer(server.dir / "pipe") as writer:
            writer.write(3_000_000)
            self.read_all(viewers, writer)

            resource.prlimit(server.pid, resource.RLIMIT_FSIZE, limits)
            self.assertEqual(server.reload().returncode, 0)
            other = self.view(server, "/more")
            with Writer(server.dir / "pipe2") as second:
                second.write(1000)
                self.read_all([other], second)
            writer.write(1000)
            self.read_all(viewers, writer)

    def test_a_window_that_cannot_be_had_at_the_start(self):
        server = self.serve(CONF, start=False)
        done = subprocess.run(["sh", "-c", 'ulimit -f 1000 && exec "$@"', "sh", *server.command()],
                              text=True, capture_output=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f'[emerg] zone "live:{server.dir}/pipe": ftruncate() failed (27: File too large)',
                      done.stderr)

    def test_a_fifo_that_may_not_be_read(self):
        """The bits are looked at when it is opened: a worker that cannot goes on trying."""
        server = self.serve(CONF, start=False)
        os.mkfifo(server.dir / "pipe", 0o200)
        server.start()
        if processes.status_field(server.workers()[0], "Uid").split()[1] == "0":
            self.skipTest("the worker may read everything")
        self.assertEqual(server.get("/live").status, 503)
        server.wait_logged(f'live: open() "{server.dir}/pipe" failed (13: Permission denied)')
        os.chmod(server.dir / "pipe", 0o644)
        viewer = self.view(server)
        with Writer(server.dir / "pipe") as writer:
            writer.write(1000)
            self.read_all([viewer], writer)

    def read_all(self, viewers, writer):
        for viewer in viewers:
            viewer.read_until(lambda one: one.place == writer.place)
            self.assertIsNone(viewer.wrong)


if __name__ == "__main__":
    unittest.main()
