# SPDX-License-Identifier: BSD-2-Clause
"""A FIFO and 200 viewers over two workers, 5 of whom never read: the writer stops and another comes,
the other 195 get every byte in order, the 5 are dropped, and nothing grows. Once as fast as the
writer can (`cat file`), once at a pace of its own, where the stalled ones must not delay anybody.
SLUICE_LIVE_BYTES, SLUICE_LIVE_VIEWERS and SLUICE_LIVE_STALLED change the size; SLUICE_LIVE_REPORT=1
prints what was measured."""

import json
import os
import select
import threading
import time
import unittest

from support import processes
from support.harness import SluiceTest
from support.live import Viewer, Writer
from support.waiting import DEADLINE, wait_for

SANITIZED = os.environ.get("SLUICE_SANITIZED")
VIEWERS = int(os.environ.get("SLUICE_LIVE_VIEWERS", "200"))
STALLED = int(os.environ.get("SLUICE_LIVE_STALLED", "5"))
BYTES = int(os.environ.get("SLUICE_LIVE_BYTES", 10 << 20 if SANITIZED else 16 << 20))
LIMIT = 8 * DEADLINE
GROWTH = 4 << 20  # bytes that a worker's memory may grow by: pools that fill
WORKERS = 2

CONF = """events { worker_connections 2000; }
http { access_log off;
  server { listen %%PORT%%;
    location /live { live fifo:%%DIR%%/pipe; }
    location = /status { status_api; access_log off; } } }"""


def memory_of(pid):
    """What a process has of its own, in bytes: the window is everybody's."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        facts = dict(line.split(":", 1) for line in file)
    return (int(facts["VmRSS"].split()[0]) - int(facts["RssShmem"].split()[0])) * 1024


class Crowd:
    """Viewers that read whatever comes, in one thread."""

    def __init__(self, viewers):
        self.viewers = {viewer.sock.fileno(): viewer for viewer in viewers}
        self.poll = select.epoll()
        for fd in self.viewers:
            self.poll.register(fd, select.EPOLLIN)

    def read_to(self, count):
        """Until every viewer has `count` bytes."""
        missing = {fd for fd, viewer in self.viewers.items() if viewer.got < count}
        end = time.monotonic() + LIMIT
        while missing:
            if time.monotonic() > end:
                raise AssertionError(f"{len(missing)} viewers lack bytes, one of them "
                                     f"{self.viewers[min(missing)]}")
            for fd, _ in self.poll.poll(0.1):
                viewer = self.viewers[fd]
                viewer.read_some()
                if viewer.is_over:
                    raise AssertionError(f"cut off: {viewer}")
                if viewer.got >= count:
                    missing.discard(fd)

    def close(self):
        self.poll.close()


class LiveViewers(SluiceTest):
    def start(self):
        server = self.serve(CONF, start=False, workers=WORKERS)
        os.mkfifo(server.dir / "pipe")
        return server.start()

    def views(self, server, count, **options):
        viewers = [Viewer(server.port, **options) for _ in range(count)]
        for viewer in viewers:
            self.addCleanup(viewer.close)
            self.assertEqual(viewer.read_head(), 200)
        return viewers

    def figures(self, server):
        return json.loads(server.get("/status").text)["live"][str(server.dir / "pipe")]

    def descriptors(self, server):
        return {pid: processes.fd_count(pid) for pid in server.workers()}

    def settled(self, server, before):
        """No more than before; then a connection that had just been used may still have been open."""
        wait_for(lambda: all(count <= before.get(pid, 0)
                             for pid, count in self.descriptors(server).items()),
                 what=f"no more descriptors ({self.descriptors(server)}) than {before}")

    def test_every_byte_to_those_who_read_and_the_stalled_are_dropped(self):
        server = self.start()
        warm = Crowd(self.views(server, VIEWERS - STALLED))
        with Writer(server.dir / "pipe") as writer:
            writer.write(1 << 20)
            warm.read_to(1 << 20)
        for viewer in warm.viewers.values():
            viewer.close()
        wait_for(lambda: self.figures(server)["viewers"] == 0, what="everybody to be gone")
        before = self.descriptors(server), {pid: memory_of(pid) for pid in server.workers()}

        stalled = self.views(server, STALLED, room=4096)
        crowd = Crowd(self.views(server, VIEWERS - STALLED))
        began = time.monotonic()
        place = 0
        for part in (BYTES // 2, 1000, BYTES - BYTES // 2 - 1000):  # three writers, one after another
            writer = Writer(server.dir / "pipe")
            writer.place = place
            thread = threading.Thread(target=writer.write, args=(part,), daemon=True)
            thread.start()
            place += part
            crowd.read_to(place)
            thread.join(DEADLINE)
            writer.close()
        took = time.monotonic() - began
        for viewer in crowd.viewers.values():
            self.assertIsNone(viewer.wrong)
        wait_for(lambda: self.figures(server)["dropped"] == STALLED, what="the stalled ones' end")
        self.assertEqual(self.figures(server)["viewers"], VIEWERS - STALLED)
        during = {pid: memory_of(pid) for pid in server.workers()}

        for viewer in list(crowd.viewers.values()) + stalled:
            viewer.close()
        crowd.close()
        self.settled(server, before[0])
        growth = {pid: during[pid] - before[1][pid] for pid in during}
        self.report(f"{VIEWERS - STALLED} viewers, {BYTES >> 20} MiB each in {took:.1f} s, "
                    f"{STALLED} dropped, growth of workers {[g >> 10 for g in growth.values()]} KiB")
        self.assertEqual(len(growth), WORKERS)
        for pid, bytes_more in growth.items():
            self.assertLess(bytes_more, GROWTH, f"worker {pid}")

    @staticmethod
    def delays(crowd, writer, pieces):
        """Seconds from each write until the last viewer had it."""
        found = []
        start = next(iter(crowd.viewers.values())).got - writer.place
        for _ in range(pieces):
            began = time.monotonic()
            writer.write(32 * 1024)
            crowd.read_to(writer.place + start)
            found.append(time.monotonic() - began)
            time.sleep(max(0.0, 0.01 - found[-1]))  # the stream's pace, 3 MB/s
        return sorted(found)

    def test_stalled_viewers_delay_nobody(self):
        server = self.start()
        crowd = Crowd(self.views(server, 20))
        with Writer(server.dir / "pipe") as writer:
            alone = self.delays(crowd, writer, 100)
            self.views(server, STALLED, room=4096)
            beside = self.delays(crowd, writer, 300)  # past what sockets and window hold
        wait_for(lambda: self.figures(server)["dropped"] == STALLED, what="the stalled ones' end")
        self.report(f"delay alone: median {alone[50] * 1e3:.2f} ms, most {alone[-1] * 1e3:.1f}; "
                    f"beside {STALLED} stalled: {beside[150] * 1e3:.2f} and {beside[-1] * 1e3:.1f}")
        for viewer in crowd.viewers.values():
            self.assertIsNone(viewer.wrong)
        # Whoever waited for a stalled viewer would wait until it is dropped, for seconds.
        self.assertLess(beside[150], alone[50] + 1)

    @staticmethod
    def report(text):
        if os.environ.get("SLUICE_LIVE_REPORT"):
            print("\n" + text, flush=True)


if __name__ == "__main__":
    unittest.main()
