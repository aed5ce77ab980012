# SPDX-License-Identifier: BSD-2-Clause
"""The budget of kv in stream: system calls and allocations of a batch of requests, counted by budget_kv, and
user-space instructions of one GET and one SET, alone and of 16 that come together, by callgrind."""

import concurrent.futures
import os
import shutil
import subprocess
import unittest
from pathlib import Path

from support.callgrind import instructions
from support.resp import encode

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("SLUICE_BINARY") or ROOT / "build/release/sluice")
PROGRAM = BINARY.parent / "tests/budget_kv"
CONF = """daemon off; pid {dir}/pid; error_log {dir}/error.log; worker_processes 1; events { }
stream { kv_zone cache 1m shards=4; server { listen 127.0.0.1:{port}; kv zone=cache; } }
"""
KEY, VALUE = "key:000000000000", "xxx"
SET = encode("SET", KEY, VALUE), b"+OK\r\n"
GET = encode("GET", KEY), b"$3\r\nxxx\r\n"
BATCHES = 300
# Of each request, by how many come together; raise them only with a reason in the commit.
BUDGETS = {("GET", 1): 2000, ("SET", 1): 2200, ("GET", 16): 950, ("SET", 16): 1150}


def talk_of(request, pipeline):
    """What stores a key and then asks so many batches."""
    def exchange(client, asked, answer):
        client.sendall(asked)
        said = b""
        while len(said) < len(answer):
            part = client.recv(65536)
            if not part:
                break
            said += part
        if said != answer:
            raise AssertionError(f"answered {said!r}")

    def talk(client, batches):
        exchange(client, *SET)
        for _ in range(batches):
            exchange(client, request[0] * pipeline, request[1] * pipeline)
    return talk


@unittest.skipIf(os.environ.get("SLUICE_SANITIZED"), "a release build is measured")
class Kv(unittest.TestCase):
    def test_a_batch_is_a_recv_and_a_send_and_allocates_nothing(self):
        for what, pipeline in (("get", 1), ("set", 1), ("mixed", 16)):
            with self.subTest(what=what, pipeline=pipeline):
                result = subprocess.run([PROGRAM, what, str(pipeline)], text=True, capture_output=True, timeout=120)

                print(result.stdout)
                if result.returncode == 77:
                    self.skipTest("tracing is not permitted here")
                self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
                self.assertIn("allocations    0 in 2000 batches", result.stdout)

    @unittest.skipUnless(shutil.which("valgrind"), "valgrind is not installed")
    def test_a_request_stays_within_its_instructions(self):
        requests = {"GET": GET, "SET": SET}
        with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
            start = pool.submit(instructions, BINARY, CONF, 0, ask=talk_of(GET, 1))
            counts = {case: pool.submit(instructions, BINARY, CONF, BATCHES, ask=talk_of(requests[case[0]], case[1]))
                      for case in BUDGETS}
        for (name, pipeline), count in counts.items():
            each = (count.result() - start.result()) / (BATCHES * pipeline)
            print(f"{name} of {pipeline:2}      {each:.0f} instructions, budget {BUDGETS[name, pipeline]}")
            with self.subTest(name=name, pipeline=pipeline):
                self.assertGreater(each, 300)
                self.assertLessEqual(each, BUDGETS[name, pipeline])


if __name__ == "__main__":
    unittest.main()
