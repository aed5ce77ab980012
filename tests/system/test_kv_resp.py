# SPDX-License-Identifier: BSD-2-Clause
"""kv in stream: the keys and values of a zone for clients of redis, together with those of HTTP; what
hostile clients get; what configurations are refused."""

import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import unittest

from support.harness import SluiceTest
from support.processes import status_field
from support.resp import Resp, RespError, encode
from support.waiting import wait_for

sys.path.append("/usr/lib/python3/dist-packages")  # where Debian keeps python3-redis
try:
    import redis
except ImportError:
    redis = None

CONF = """
http {
    access_log off;
    server {
        listen 127.0.0.1:%%PORT2%%;
        location /kv/ { kv zone=cache; }
        location /status { status_api; }
    }
}
stream {
    kv_zone cache 16m shards=4;
    server { listen 127.0.0.1:%%PORT%%; kv zone=cache; }
    server { listen 127.0.0.1:%%PORT3%%; kv zone=cache idle=300ms max=1k; }
}
"""
LARGEST = (1 << 20) - 100_000  # a little below a quarter of a shard
# Kilobytes that a worker may grow; a sanitizer keeps what was given back.
MUCH = 400 * 1024 if os.environ.get("SLUICE_SANITIZED") else 24 * 1024


class RespTest(SluiceTest):
    conf = CONF

    def open(self, index=1):
        client = Resp(self.server.port_number(index))
        self.addCleanup(client.close)
        return client

    def setUp(self):
        self.open().ask("FLUSHDB")


class Commands(RespTest):
    def test_one_map_for_http_and_resp(self):
        client = self.open()
        port = self.server.port_number(2)

        client.ask("SET", "a", "over resp")
        self.server.get("/kv/b", port=port, method="PUT", body=b"over http", headers={"Content-Type": "text/x"})
        got = self.server.get("/kv/a", port=port)

        self.assertEqual((got.status, got.body), (200, b"over resp"))
        self.assertEqual(got.header("Content-Type"), "application/octet-stream")
        self.assertEqual(client.ask("GET", "b"), b"over http")
        self.assertEqual(client.ask("APPEND", "b", "!"), 10)
        self.assertEqual(self.server.get("/kv/b", port=port).header("Content-Type"), "text/x")
        self.assertEqual(client.ask("INCR", "n"), 1)
        self.assertEqual(self.server.get("/kv/n?incr=5", port=port, method="POST").body, b"6")
        self.assertEqual(client.ask("GET", "n"), b"6")
        self.assertEqual(self.server.get("/kv/a", port=port, method="DELETE").status, 204)
        self.assertIsNone(client.ask("GET", "a"))

    def test_times_to_live(self):
        client = self.open()

        client.ask("SET", "a", 1, "PX", 40)
        client.ask("SET", "b", 1, "EX", 100)
        client.ask("SET", "b", 2, "KEEPTTL")
        self.assertIn(client.ask("TTL", "b"), (99, 100))
        self.assertEqual(client.ask("PERSIST", "b"), 1)
        self.assertEqual(client.ask("TTL", "b"), -1)
        self.assertEqual(client.ask("EXPIRE", "b", 50, "XX"), 0)
        self.assertEqual(client.ask("EXPIRE", "b", -1), 1)
        self.assertEqual(client.ask("EXISTS", "b"), 0)
        wait_for(lambda: client.ask("TTL", "a") == -2, what="a to expire")

    def test_pipelines_are_answered_whole_and_in_order(self):
        client = self.open()
        count = 20_000
        replies = client.pipeline(*[("INCR", "n")] * count)
        self.assertEqual(replies, list(range(1, count + 1)))

    def test_values_of_any_size_and_keys_of_any_bytes(self):
        client = self.open()
        for size in (0, 1, 9, 10, 300, 4096, 65_535, LARGEST):
            key, value = bytes(range(256)), os.urandom(size)
            self.assertEqual(client.ask("SET", key, value), "OK")
            self.assertEqual(client.ask("GET", key), value)
            self.assertEqual(client.ask("MGET", key, "none", key), [value, None, value])

    def test_workers_share_the_map_and_each_other_s_counts(self):
        server = self.serve(CONF, workers=2)
        clients = [Resp(server.port) for _ in range(8)]
        for turn in range(50):
            for client in clients:
                client.ask("INCR", "n")
        self.assertEqual({client.ask("GET", "n") for client in clients}, {b"400"})
        for client in clients:
            client.close()

    def test_hello_chooses_the_protocol(self):
        client = self.open()
        self.assertEqual(client.ask("HELLO", 3, "SETNAME", "me")[b"proto"], 3)
        self.assertEqual(client.ask("CLIENT", "GETNAME"), b"me")
        self.assertIsInstance(client.ask("CONFIG", "GET", "save"), dict)
        self.assertIsNone(client.ask("GET", "nothing"))
        self.assertEqual(client.ask("RESET"), "RESET")
        self.assertEqual(client.ask("CONFIG", "GET", "save"), [b"save", b""])

    def test_quit_is_answered_and_ends(self):
        client = self.open()
        self.assertEqual(client.pipeline(("PING",), ("QUIT",)), ["PONG", "OK"])
        self.assertTrue(client.is_closed())

    def test_a_pause_ends_the_connection(self):
        client = self.open(3)
        self.assertEqual(client.ask("PING"), "PONG")
        self.assertTrue(client.is_closed())

    def test_max_bounds_values(self):
        client = self.open(3)
        self.assertEqual(client.ask("SET", "a", "x" * 1024), "OK")
        self.assertEqual(client.ask("SET", "a", "x" * 1025),
                         RespError("ERR string exceeds maximum allowed size (proto-max-bulk-len)"))
        self.assertEqual(client.ask("STRLEN", "a"), 1024)

    def test_counters_and_info(self):
        client = self.open()
        client.pipeline(("SET", "a", 1), ("GET", "a"), ("GET", "b"), ("NONSENSE",))

        info = client.ask("INFO").decode()
        metrics = self.server.get("/status/metrics", port=self.server.port_number(2)).text

        self.assertIn("db0:keys=1", info)
        self.assertIn("# Memory\r\n", info)
        for name in ("resp_hits_total", "resp_misses_total", "resp_commands_total", "resp_errors_total"):
            self.assertRegex(metrics, rf"sluice_{name}{{?.*}}? [1-9]")

    def test_sessions_survive_a_reload(self):
        server = self.serve(CONF)
        with Resp(server.port) as client:
            client.ask("SET", "a", "kept")
            server.reload()
            self.assertEqual(client.ask("GET", "a"), b"kept")
            with Resp(server.port) as other:
                self.assertEqual(other.ask("GET", "a"), b"kept")

    def test_entries_are_restored_at_the_next_start(self):
        server = self.serve(CONF.replace("kv_zone", "zone_state %%DIR%%/www/cache.zone zone=cache; kv_zone"))
        with Resp(server.port) as client:
            client.ask("SET", "a", "kept", "EX", 1000)
            client.ask("QUIT")
        server.stop()
        server.start()
        with Resp(server.port) as client:
            self.assertEqual(client.ask("GET", "a"), b"kept")
            self.assertGreater(client.ask("TTL", "a"), 900)


class Hostile(RespTest):
    def wrong(self, data, expected):
        client = self.open()
        client.send(data)
        self.assertEqual(client.read(), RespError("ERR Protocol error: " + expected))
        self.assertTrue(client.is_closed())

    def test_garbage_is_told_what_redis_tells_and_closed(self):
        for data, expected in [(b"*x\r\n", "invalid multibulk length"),
                               (b"*1\r\n+a\r\n", "expected '$', got '+'"),
                               (b"*2\r\n$3\r\nGET\r\n$-5\r\n", "invalid bulk length"),
                               (b"*2\r\n$3\r\nGET\r\n$99999999999\r\n", "invalid bulk length"),
                               (b'GET "a\r\n', "unbalanced quotes in request"),
                               (b"x" * (1 << 20), "too big inline request"),
                               (b"*" + b"1" * 70_000, "too big mbulk count string")]:
            with self.subTest(data[:20]):
                self.wrong(data, expected)
        with self.open() as other:
            self.assertEqual(other.ask("PING"), "PONG")
        self.server.wait_logged("client sent no RESP: invalid bulk length")

    def test_garbage_behind_good_requests_does_not_hinder_them(self):
        client = self.open()
        client.send(encode("SET", "a", 1) + encode("GET", "a") + b"*1\r\n!\r\n" + encode("SET", "a", 2))
        self.assertEqual([client.read() for _ in range(3)],
                         ["OK", b"1", RespError("ERR Protocol error: expected '$', got '!'")])
        self.assertTrue(client.is_closed())
        self.assertEqual(self.open().ask("GET", "a"), b"1")

    def test_announced_sizes_cost_nothing_before_the_bytes_come(self):
        worker = self.server.workers()[0]
        before = status_field(worker, "VmRSS")
        clients = [self.open() for _ in range(200)]
        for client in clients:
            client.send(b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$%d\r\nabc" % LARGEST)
        self.assertEqual(self.open().ask("PING"), "PONG")
        self.assertLess(kilobytes(status_field(worker, "VmRSS")) - kilobytes(before), MUCH)

    def test_a_client_that_does_not_read_is_not_written_for(self):
        worker = self.server.workers()[0]
        other = self.open()
        other.ask("SET", "large", "x" * LARGEST)
        slow = self.open()
        before = kilobytes(status_field(worker, "VmRSS"))
        slow.send(encode("GET", "large") * 1000)

        for _ in range(50):
            self.assertEqual(other.ask("PING"), "PONG")
        self.assertLess(kilobytes(status_field(worker, "VmRSS")) - before, MUCH)
        for _ in range(20):
            self.assertEqual(len(slow.read()), LARGEST)

    def test_a_client_that_leaves_in_the_middle_is_forgotten(self):
        for part in (b"*3\r\n$3\r\nSET\r\n", b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$900000\r\n" + b"x" * 500_000):
            client = self.open()
            client.send(part)
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
        self.assertIsNone(self.open().ask("GET", "a"))


def kilobytes(text):
    return int(str(text).split()[0])


class Configurations(SluiceTest):
    def refused(self, text, expected):
        self.assertIn(expected, self.refusal_of(text))

    def test_what_is_refused(self):
        server = "server { listen 127.0.0.1:%%PORT%%; kv zone=a; }"
        self.refused("stream { " + server + " }", 'zero size shared memory zone "a"')
        self.refused("stream { kv_zone a 1m; server { listen 127.0.0.1:%%PORT%%; kv idle=3s; } }",
                     '"kv" must have "zone" parameter')
        self.refused("stream { kv_zone a 1m; server { listen 127.0.0.1:%%PORT%%; kv zone=a max=1g; } }",
                     'invalid parameter "max=1g"')
        self.refused("http { kv_zone a 1m; } stream { kv_zone a 2m; " + server + " }",
                     'the size 2097152 of shared memory zone "a" conflicts with already declared size 1048576')

    def test_one_zone_may_be_declared_in_both_blocks(self):
        server = self.serve("http { kv_zone a 1m; server { listen %%PORT2%%; location / { kv zone=a; } } } "
                            "stream { kv_zone a 1m; server { listen 127.0.0.1:%%PORT%%; kv zone=a; } }")
        with Resp(server.port) as client:
            client.ask("SET", "x", "1")
        self.assertEqual(server.get("/x", port=server.port_number(2)).body, b"1")


@unittest.skipUnless(shutil.which("redis-cli"), "redis-cli is not installed")
class Tools(RespTest):
    def cli(self, *words, **options):
        done = subprocess.run(["redis-cli", "-p", str(self.server.port), *words], capture_output=True, text=True,
                              timeout=30, **options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_redis_cli(self):
        self.assertEqual(self.cli("set", "a", "b"), "OK\n")
        self.assertEqual(self.cli("-3", "get", "a"), "b\n")
        self.assertEqual(self.cli(input="set c 1\nincr c\nget c\n"), "OK\n2\n2\n")
        self.assertEqual(sorted(self.cli("--scan").split()), ["a", "c"])
        self.assertIn("SET", self.cli("command", "list").upper())

    @unittest.skipUnless(shutil.which("redis-benchmark"), "redis-benchmark is not installed")
    def test_redis_benchmark(self):
        done = subprocess.run(["redis-benchmark", "-p", str(self.server.port), "-t", "set,get,incr,mset", "-n", "2000",
                               "-c", "10", "-P", "8", "-q"], capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout.count("requests per second"), 4)


@unittest.skipIf(redis is None, "python3-redis is not installed")
class Library(RespTest):
    def test_python3_redis(self):
        client = redis.Redis(port=self.server.port)
        self.addCleanup(client.close)
        self.assertTrue(client.set("a", b"\0\xff", ex=100))
        self.assertEqual(client.get("a"), b"\0\xff")
        self.assertEqual(client.mget("a", "b"), [b"\0\xff", None])
        self.assertEqual(client.incr("n", 5), 5)
        pipe = client.pipeline(transaction=False)
        for _ in range(100):
            pipe.incr("n")
        self.assertEqual(pipe.execute()[-1], 105)
        self.assertEqual(sorted(client.scan_iter("*")), [b"a", b"n"])
        self.assertEqual(client.info()["redis_version"], "7.0.15")
        with self.assertRaises(redis.ResponseError):
            client.incr("a")


if __name__ == "__main__":
    unittest.main()
