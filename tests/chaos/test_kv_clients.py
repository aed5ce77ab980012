# SPDX-License-Identifier: BSD-2-Clause
# Time limit: 600 s
"""Sixteen clients of kv in stream change and read one map while workers are killed with SIGKILL, the
configuration is read again, and the server ends and starts from its zone_state: what was acknowledged is
there, counts lie between what was acknowledged and what was sent, no lock is wedged.
SLUICE_KILLS=100 SLUICE_RELOADS=20 is the long form."""

import os
import random
import threading
import unittest

from support.harness import SluiceTest
from support.resp import Resp, RespError
from support.waiting import wait_for

KILLS = int(os.environ.get("SLUICE_KILLS", "8"))
RELOADS = int(os.environ.get("SLUICE_RELOADS", "4"))
CLIENTS = 16
WORKERS = 3
CONF = """
worker_shutdown_timeout 1s;
stream {
    kv_zone cache 32m shards=4;
    zone_state %%DIR%%/www/cache.zone;
    server { listen 127.0.0.1:%%PORT%%; kv zone=cache; }
}"""


class Client(threading.Thread):
    """Owns keys that nobody else writes, and counts together with the others. `possible` has for each key the
    values that it may have: one where the last change was acknowledged, more where one was sent only."""

    def __init__(self, port, number):
        super().__init__(daemon=True)
        self.port, self.number = port, number
        self.random = random.Random(number)
        self.possible = {}
        self.sent, self.acknowledged = {}, {}
        self.odd = []
        self.answers = 0
        self.stopping = False

    def run(self):
        while not self.stopping:
            try:
                with Resp(self.port) as server:
                    while not self.stopping:
                        self.step(server)
            except OSError:  # killed; ConnectionError is one
                pass

    def step(self, server):
        key = f"own:{self.number}:{self.random.randrange(40)}"
        act = self.random.choice([self.set, self.append, self.delete, self.read, self.count, self.pipeline])
        act(server, key)
        self.answers += 1

    def change(self, server, key, values, *words):
        """`values`: what the key may have afterwards, given each that it may have before."""
        before = self.possible.get(key, {None})
        after = {values(value) for value in before}
        self.possible[key] = before | after
        reply = server.ask(*words)
        if isinstance(reply, RespError):
            self.odd.append((words, reply))
        self.possible[key] = after
        return reply

    def set(self, server, key):
        value = bytes([65 + self.random.randrange(26)]) * self.random.choice([1, 10, 300, 5000, 100_000])
        options = self.random.choice([(), ("EX", 100_000), ("GET",), ("KEEPTTL",)])
        self.change(server, key, lambda _: value, "SET", key, value, *options)

    def append(self, server, key):
        if max(len(value or b"") for value in self.possible.get(key, {None})) < 200_000:
            more = b"+" * self.random.choice([1, 1000])
            self.change(server, key, lambda old: (old or b"") + more, "APPEND", key, more)

    def delete(self, server, key):
        self.change(server, key, lambda _: None, "DEL", key)

    def read(self, server, key):
        value = server.ask("GET", key)
        if value not in self.possible.get(key, {None}):
            self.odd.append(("GET", key, value and value[:50], [one and one[:50] for one in self.possible[key]]))
        self.possible[key] = {value}

    def count(self, server, _):
        self.count_many(server, f"count:{self.random.randrange(3)}", 1)

    def pipeline(self, server, _):
        self.count_many(server, "count:pipelined", 20)

    def count_many(self, server, key, times):
        self.sent[key] = self.sent.get(key, 0) + times
        for reply in server.pipeline(*[("INCR", key)] * times) if times > 1 else [server.ask("INCR", key)]:
            if isinstance(reply, int):
                self.acknowledged[key] = self.acknowledged.get(key, 0) + 1
            else:
                self.odd.append((key, reply))


class Storm(SluiceTest):
    def check(self, server, clients):
        for client in clients:
            self.assertEqual(client.odd, [])
        with Resp(server.port) as reader:
            for client in clients:
                for key, values in client.possible.items():
                    got = reader.ask("GET", key)
                    self.assertTrue(got in values, f"{key}: {got and got[:40]}")
            for key in {key for client in clients for key in client.sent}:
                count = int(reader.ask("GET", key) or 0)
                self.assertLessEqual(sum(client.acknowledged.get(key, 0) for client in clients), count)
                self.assertLessEqual(count, sum(client.sent.get(key, 0) for client in clients))

    def run_clients(self, server, clients, meanwhile):
        for client in clients:
            client.start()
        try:
            meanwhile()
        finally:
            for client in clients:
                client.stopping = True
            for client in clients:
                client.join(60)
        self.assertFalse(any(client.is_alive() for client in clients))

    def wait_progress(self, clients):
        """Each of them gets answers: no lock is wedged."""
        before = [client.answers for client in clients]
        wait_for(lambda: all(client.answers > old + 2 for client, old in zip(clients, before)), what="answers to all")

    def test_kills_reloads_and_restarts(self):
        server = self.serve(CONF, workers=WORKERS)
        clients = [Client(server.port, number) for number in range(CLIENTS)]
        choose = random.Random(5)

        def meanwhile():
            acts = ["kill"] * KILLS + ["reload"] * RELOADS
            choose.shuffle(acts)
            for act in acts:
                self.wait_progress(clients)
                server.kill_worker(choose.choice(server.workers())) if act == "kill" else server.reload()
            self.wait_progress(clients)

        self.run_clients(server, clients, meanwhile)
        self.check(server, clients)
        server.stop()
        server.start()
        self.check(server, clients)
        with Resp(server.port) as reader:
            self.assertGreater(reader.ask("DBSIZE"), 0)


if __name__ == "__main__":
    unittest.main()
