# SPDX-License-Identifier: BSD-2-Clause
# Time limit: 600 s
"""Workers are killed with SIGKILL while all of them count in the zones of limit_req and limit_conn:
no limit lets too many pass or too few, nothing stays counted for the dead, no lock is wedged.
SLUICE_KILLS=1000 is the long form."""

import asyncio
import json
import os
import random
import re
import signal
import threading
import time
import unittest

from support.client import build_request
from support.harness import SluiceTest
from support.waiting import wait_for

KILLS = int(os.environ.get("SLUICE_KILLS", "40"))
WORKERS = 6
BURST = 150
MOST_HELD = 4
CONF = """
http {
    access_log off;
    keepalive_requests 1000000;
    limit_req_zone $arg_key zone=rate:16m rate=1r/m;
    limit_conn_zone $arg_conn zone=open:1m;
    limit_req_log_level info;
    limit_conn_log_level info;
    error_log %%DIR%%/logs/error.log notice;
    server {
        listen %%PORT%%;
        root %%DIR%%/www;
        location /hit { limit_req zone=rate burst=%%BURST%% nodelay; limit_conn open 60000; try_files /small =404; }
        location /held { limit_conn open %%HELD%%; add_header X-Worker $pid; try_files /big =404; }
        location /one { limit_conn open 1; try_files /small =404; }
        location /status { status_api; }
    }
}""".replace("%%BURST%%", str(BURST)).replace("%%HELD%%", str(MOST_HELD))


class Hammer:
    """Clients that use up the bucket of one key after the other. `passed`, `refused` and `broken` count
    the requests of each key; broken ones may have been counted by the server or not."""

    def __init__(self, port, clients=12):
        self.port, self.clients = port, clients
        self.passed, self.refused, self.broken = {}, {}, {}
        self.odd = []
        self.key = 0
        self._stopping = False
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopping = True
        self._thread.join(30)

    async def _run(self):
        await asyncio.gather(*(self._client(number) for number in range(self.clients)))

    async def _client(self, number):
        while not self._stopping:
            key = self.key
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                try:
                    while not self._stopping:
                        key = self.key
                        await self._ask(reader, writer, key, number)
                finally:
                    writer.close()
            except (OSError, asyncio.IncompleteReadError):
                self.broken[key] = self.broken.get(key, 0) + 1
            except asyncio.TimeoutError:
                self.odd.append(f"key {key}: no answer in 20 s")

    async def _ask(self, reader, writer, key, number):
        writer.write(build_request(f"/hit?key={key}&conn=hammer{number}"))
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        await asyncio.wait_for(reader.readexactly(int(length[1])), 20)
        status = int(head.split(b" ", 2)[1])
        if status == 200:
            self.passed[key] = self.passed.get(key, 0) + 1
        elif status == 429:
            self.refused[key] = self.refused.get(key, 0) + 1
            self.key = max(self.key, key + 1)
        else:
            self.odd.append(f"key {key}: status {status}")


class Holder:
    """Requests that stay in progress, as nobody reads their replies."""

    def __init__(self, server):
        self.server = server
        self.held = {}  # by worker
        self.killed = set()

    def bury(self, worker):
        """Forgets the requests of a worker that was killed."""
        self.killed.add(worker)
        for connection in self.held.pop(worker, []):
            connection.close()

    def count(self):
        return sum(len(connections) for connections in self.held.values())

    def take(self):
        """Asks for one more; its status, or None where the worker was killed over it."""
        connection = self.server.connect(timeout=20)
        try:
            connection.send(build_request("/held?conn=held"))
            reply = connection.read_head()
        except OSError:
            connection.close()
            return None
        worker = int(reply.header("X-Worker") or 0)
        if reply.status == 200 and worker not in self.killed:
            self.held.setdefault(worker, []).append(connection)
        else:
            connection.close()
        return reply.status

    def give_back(self):
        for connections in self.held.values():
            for connection in connections:
                connection.close()
        self.held = {}


class KilledLimits(SluiceTest):
    def setUp(self):
        self.born = {}

    def kill_one(self, server, numbers):
        """Kills a worker that has lived long enough for the master to replace it at once."""
        def old_ones():
            workers = server.workers()
            now = time.monotonic()
            self.born = {pid: self.born.get(pid, now) for pid in workers}
            return [pid for pid in workers if len(workers) == WORKERS and now - self.born[pid] > 1.1]

        victim = numbers.choice(wait_for(old_ones, what="a worker of some age"))
        os.kill(victim, signal.SIGKILL)
        return victim

    def test_limits_hold_while_workers_are_killed(self):
        server = self.serve(CONF, workers=WORKERS, files={"www/small": "x", "www/big": os.urandom(1 << 16) * 256})
        server.allowed_words.append("signal 9")
        numbers = random.Random(9)
        began = time.monotonic()
        holder = Holder(server)
        statuses = {}
        with Hammer(server.port) as hammer:
            for _ in range(KILLS):
                holder.bury(self.kill_one(server, numbers))
                for _ in range(3):
                    status = holder.take()
                    statuses[status] = statuses.get(status, 0) + 1
                    self.assertLessEqual(holder.count(), MOST_HELD)
        wait_for(lambda: len(server.workers()) == WORKERS, what="all workers")

        self.assertEqual(hammer.odd, [])
        self.assertGreater(hammer.key, 0, "no bucket was ever full")
        self.assertLessEqual(set(statuses), {200, 429, None})
        self.judge_rates(hammer, began)
        self.judge_places(server, holder, hammer)
        zones = json.loads(server.get("/status").body)["shared_zones"]
        self.assertEqual([(zone["resets"], zone["refusals"], zone["evictions"]) for zone in zones.values()],
                         [(0, 0, 0)] * 2, zones)
        print(f"{KILLS} kills, {sum(hammer.passed.values())} passed, {sum(hammer.broken.values())} broken, "
              f"{hammer.key} buckets, held {statuses}, repairs {[z['repairs'] for z in zones.values()]}, "
              f"busy {[z['busy'] for z in zones.values()]}")

    def judge_rates(self, hammer, began):
        """A bucket takes one request and BURST more, and one each minute."""
        leaked = (time.monotonic() - began) / 60 + 1
        for key in range(hammer.key):
            passed, broken = hammer.passed.get(key, 0), hammer.broken.get(key, 0)
            self.assertLessEqual(passed, 1 + BURST + leaked, f"key {key}: too many passed")
            self.assertGreaterEqual(passed + broken, 1 + BURST, f"key {key}: refused too early")

    def judge_places(self, server, holder, hammer):
        """Nothing is counted any more for those who are gone, and all places can be had again."""
        holder.give_back()
        for number in range(hammer.clients):
            wait_for(lambda n=number: server.get(f"/one?conn=hammer{n}").status == 200,
                     what=f"nothing to be counted for client {number}")
        wait_for(lambda: server.get("/one?conn=held").status == 200, what="the places to be given back")
        self.assertEqual([holder.take() for _ in range(MOST_HELD + 1)], [200] * MOST_HELD + [429])
        holder.give_back()


if __name__ == "__main__":
    unittest.main()
