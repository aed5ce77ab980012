# SPDX-License-Identifier: BSD-2-Clause
# Time limit: 1800 s
"""limit_req and limit_conn against the exact model, while workers are killed with SIGKILL at random:
eight clients over two workers. SLUICE_KILLS=1000 is the long form.

The model is the leaky bucket. When the server decided about a request is not known, only that it was
between sending it and having its answer, so that the judge asks for what no order of decisions could
have given: a machine that is slow makes the judge milder, never wrong."""

import asyncio
import bisect
import json
import os
import random
import signal
import threading
import time
import unittest

from support.client import build_request
from support.harness import SluiceTest
from support.waiting import wait_for

KILLS = int(os.environ.get("SLUICE_KILLS", "8"))
CLIENTS = 8
WORKERS = 2
RATE = 50
BURST = 20
PLACES = 3
CONF = f"""
http {{
    access_log off;
    limit_req_zone $binary_remote_addr zone=rate:1m rate={RATE}r/s;
    limit_conn_zone $arg_key zone=open:1m;
    error_log %%DIR%%/logs/error.log notice;
    server {{
        listen 0.0.0.0:%%PORT%%;
        root %%DIR%%/www;
        location = /small {{ limit_req zone=rate burst={BURST} nodelay; }}
        location = /big {{ limit_conn open {PLACES}; add_header X-Worker $pid; }}
        location = /status {{ status_api; }}
    }}
}}"""


class Log:
    """What one client saw: (sent, answered, outcome) of each request, in seconds. The outcome is True
    where it passed, False where it was refused, None where its worker died over it."""

    def __init__(self):
        self.rows = []

    def add(self, sent, answered, outcome):
        self.rows.append((sent, answered, outcome))

    def count(self, outcome):
        return sum(1 for row in self.rows if row[2] is outcome)

    def surplus(self):
        """How many requests more than any bucket would have let pass, in the worst stretch of time:
        from one that was sent to one that was answered, 1 + BURST + RATE × time may pass."""
        passed = [row for row in self.rows if row[2] is True]
        sent = sorted(row[0] for row in passed)
        answered = sorted(row[1] for row in passed)
        worst = best_start = float("-inf")
        started = 0
        for done, end in enumerate(answered, 1):
            while started < len(sent) and sent[started] <= end:
                best_start = max(best_start, RATE * sent[started] - started)
                started += 1
            worst = max(worst, done - RATE * end + best_start - (1 + BURST))
        return worst

    def shortage(self):
        """How many requests more any bucket would have taken, where one was refused at the worst moment.
        Those whose worker died may have been counted."""
        counted = [row for row in self.rows if row[2] is not False]
        sent = sorted(row[0] for row in counted)
        answered = sorted(row[1] for row in counted)
        # The fullest that a bucket which was empty before a request can be, but for the time of the reading.
        starts = sorted((begin, RATE * end - bisect.bisect_left(answered, begin)) for begin, end, _ in counted)
        worst = fullest = float("-inf")
        used = 0
        for begin, end, outcome in sorted(self.rows, key=lambda row: row[1]):
            while used < len(starts) and starts[used][0] <= end:
                fullest = max(fullest, starts[used][1])
                used += 1
            if outcome is False:
                level = bisect.bisect_right(sent, end) - RATE * begin + fullest
                worst = max(worst, BURST - level)
        return worst


class Clients:
    """Eight clients with an address each; each has two connections, and a new one after some requests, so
    that both workers count for it. Some of the time a client asks faster than its rate, some of the time
    it rests and its bucket becomes empty."""

    def __init__(self, port):
        self.port = port
        self.logs = [Log() for _ in range(CLIENTS)]
        self.odd = []
        self._stopping = False
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopping = True
        self._thread.join(60)

    async def _run(self):
        await asyncio.gather(*(self._connections(client, random.Random(2 * client + half))
                               for client in range(CLIENTS) for half in range(2)))

    async def _connections(self, client, numbers):
        while not self._stopping:
            try:
                reader, writer = await asyncio.open_connection(
                    "127.0.0.1", self.port, local_addr=(f"127.0.0.{client + 1}", 0))
            except OSError as error:
                self.odd.append(f"connect: {error}")
                return
            try:
                await self._requests(client, numbers, reader, writer)
            finally:
                writer.close()
            if numbers.random() < 0.1:
                await asyncio.sleep(numbers.uniform(0.2, 0.8))

    async def _requests(self, client, numbers, reader, writer):
        # More than a bucket holds comes in one packet: that is over the rate however slow this machine is.
        for size in [BURST + 10] + [1] * numbers.randrange(10, 30):
            sent = time.monotonic()
            try:
                writer.write(build_request("/small") * size)
            except OSError:
                pass  # noticed below
            # Where the worker dies, any that has no answer may have been counted.
            outcomes = [await self._outcome(client, sent, reader) for _ in range(size)]
            if None in outcomes or self._stopping:
                return
            await asyncio.sleep(numbers.uniform(0, 0.02))

    async def _outcome(self, client, sent, reader):
        outcome = None
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            await asyncio.wait_for(reader.readexactly(length), 30)
            outcome = {b"200": True, b"429": False}[head.split(b" ", 2)[1]]
        except (OSError, asyncio.IncompleteReadError):
            pass  # the worker was killed
        except (asyncio.TimeoutError, KeyError, IndexError, ValueError) as error:
            self.odd.append(f"client {client}: {error!r}")
        self.logs[client].add(sent, time.monotonic(), outcome)
        return outcome


class LimitModel(SluiceTest):
    def setUp(self):
        self.born = {}

    def start(self):
        server = self.serve(CONF, workers=WORKERS,
                            files={"www/small": "x", "www/big": os.urandom(1 << 16) * 256})
        server.allowed_words.append("signal 9")
        return server

    def victim(self, server, numbers):
        """A worker that has lived long enough for the master to replace it at once."""
        def old_ones():
            workers = server.workers()
            now = time.monotonic()
            self.born = {pid: self.born.get(pid, now) for pid in workers}
            return [pid for pid in workers if len(workers) == WORKERS and now - self.born[pid] > 1.1]

        return numbers.choice(wait_for(old_ones, what="a worker of some age"))

    def zone(self, server, name):
        return json.loads(server.get("/status").body)["shared_zones"][name]

    def test_rates_follow_the_bucket(self):
        server = self.start()
        numbers = random.Random(5)

        with Clients(server.port) as clients:
            for _ in range(KILLS):
                os.kill(self.victim(server, numbers), signal.SIGKILL)
        wait_for(lambda: len(server.workers()) == WORKERS, what="all workers")

        self.assertEqual(clients.odd, [])
        for log in clients.logs:
            self.assertGreater(log.count(True), BURST, "hardly anything passed")
            self.assertGreater(log.count(False), 0, "nothing was refused")
            self.assertLessEqual(log.surplus(), BURST, "more passed than the model and a burst")
            self.assertLessEqual(log.shortage(), BURST, "fewer passed than the model and a burst")
        zone = self.zone(server, "rate")
        self.assertEqual((zone["resets"], zone["refusals"], zone["evictions"]), (0, 0, 0), zone)
        passed, refused, broken = (sum(log.count(outcome) for log in clients.logs)
                                   for outcome in (True, False, None))
        print(f"{KILLS} kills: {passed} passed, {refused} refused, {broken} broken; above the model "
              f"{max(log.surplus() for log in clients.logs):+.2f}, below it "
              f"{max(log.shortage() for log in clients.logs):+.2f} (a burst is {BURST}); "
              f"repairs {zone['repairs']}, busy {zone['busy']}")

    def test_the_judge_sees_a_bucket_that_is_lost(self):
        """What the server would do if a worker's death emptied the buckets, or froze them."""
        lost, frozen = Log(), Log()
        excess, last = -1.0, 0.0
        for number in range(1000):
            at = number * 0.01
            level = max(0.0, excess - RATE * (at - last) + 1)
            passes = level <= BURST
            if passes:
                excess, last = level, at
            if number % 200 == 199:
                excess = -1.0
            lost.add(at, at + 0.002, passes)
            frozen.add(at, at + 0.002, passes and number < 300)
        self.assertGreater(lost.surplus(), BURST)
        self.assertLess(lost.shortage(), 1)
        self.assertGreater(frozen.shortage(), BURST)

    def test_places_of_the_dead_are_free_and_no_others(self):
        server = self.start()
        numbers = random.Random(6)
        held = [[] for _ in range(CLIENTS)]
        self.addCleanup(lambda: [c.close() for places in held for c, _ in places])
        for client in range(CLIENTS):
            self.fill(server, client, held)

        for _ in range(max(2, KILLS // 2)):
            dead = self.victim(server, numbers)
            os.kill(dead, signal.SIGKILL)
            wait_for(lambda: dead not in server.workers(), what="the death to be noticed")
            for client, places in enumerate(held):
                for connection, worker in places:
                    if worker == dead:
                        connection.close()
                places[:] = [place for place in places if place[1] != dead]
                self.fill(server, client, held)

        for client, places in enumerate(held):
            for connection, _ in places:
                connection.close()
            places.clear()
            self.fill(server, client, held)

    def take(self, server, client, held):
        """One more request in progress, as nobody reads its reply; False: it was refused."""
        connection = server.connect(timeout=30)
        connection.send(build_request(f"/big?key={client}"))
        reply = connection.read_head()
        if reply.status != 200:
            connection.close()
            self.assertEqual(reply.status, 429)
            return False
        held[client].append((connection, int(reply.header("X-Worker"))))
        return True

    def fill(self, server, client, held):
        """Takes all places of a client: as many as its dead left, then no more."""
        places = held[client]
        wait_for(lambda: len(places) == PLACES or (self.take(server, client, held) and len(places) == PLACES),
                 what=f"{PLACES} places for client {client}")
        self.assertFalse(self.take(server, client, held), f"client {client}: a place too many")


if __name__ == "__main__":
    unittest.main()
