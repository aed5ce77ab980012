# SPDX-License-Identifier: BSD-2-Clause
"""ipc_bench: every mechanism carries its messages whole (a quick run checks every byte), and the reports can
be read. No speeds."""

import json
import os
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from support.harness import BINARY
from support.waiting import DEADLINE

BENCH = Path(BINARY).parent / "loadtest" / "ipc_bench"
WITH_BYTES = {"shared ring", "shared ring, one by one", "shared ring, small", "System V shm + semaphores", "System V shm + mutex", "System V shm + futex",
              "POSIX shm + semaphores", "POSIX shm + mutex", "POSIX shm + futex", "pipe", "FIFO",
              "socketpair", "Unix stream", "Unix seqpacket", "Unix datagram",
              "TCP loopback", "UDP loopback", "POSIX queue", "System V queue"}
WITHOUT_BYTES = {"eventfd", "signal", "SCM_RIGHTS"}


def bench(*args):
    return subprocess.run([BENCH, *args], text=True, capture_output=True, timeout=DEADLINE * 10,
                          stdin=subprocess.DEVNULL, check=False)


@unittest.skipUnless(BENCH.exists(), "ipc_bench is not built")
@unittest.skipIf(os.environ.get("SLUICE_SANITIZED"), "nothing of the server runs here")
class IpcBench(unittest.TestCase):
    def test_every_mechanism_is_in_table_json_and_picture(self):
        with tempfile.TemporaryDirectory() as folder:
            result = bench("--quick", "--json", f"{folder}/a.json", "--svg", f"{folder}/a.svg")
            self.assertEqual(result.returncode, 0, result.stderr)
            report = json.loads(Path(folder, "a.json").read_text())
            picture = ElementTree.parse(f"{folder}/a.svg")

        rows = {row["name"]: row for row in report["mechanisms"]}
        self.assertEqual(set(rows), WITH_BYTES | WITHOUT_BYTES)
        for name in WITH_BYTES:
            self.assertGreater(rows[name]["million_1k_ms"], 0, name)
            self.assertGreater(rows[name]["gigabyte_ms"], 0, name)
        for name, row in rows.items():
            self.assertLessEqual(row["round_trip_ns"]["p50"], row["round_trip_ns"]["p999"], name)
            self.assertIn(f"| {name} |", result.stdout)
        self.assertEqual(len(report["turns"]), 3)
        self.assertGreater(report["ring_to_pipe"], 0)
        self.assertIn("The shared ring carries 1 KB messages", result.stdout)
        self.assertEqual([row["idle"] for row in report["waiting"]][:3], [10, 100, 1000])
        self.assertEqual([row["viewers"] for row in report["fan_out"]], [1, 10, 100])
        self.assertIn("| viewers | read, then send to each | tee and splice |", result.stdout)
        words = {element.text for element in picture.iter("{http://www.w3.org/2000/svg}text")}
        self.assertLessEqual(WITH_BYTES | WITHOUT_BYTES | {"select", "poll", "epoll"}, words)

    def test_ring_against_pipe_alone(self):
        with tempfile.TemporaryDirectory() as folder:
            result = bench("--quick", "--only", "turns", "--json", f"{folder}/a.json")
            self.assertEqual(result.returncode, 0, result.stderr)
            report = json.loads(Path(folder, "a.json").read_text())

        self.assertEqual((report["mechanisms"], report["waiting"], report["fan_out"]), ([], [], []))
        for turn in report["turns"]:
            self.assertGreater(min(turn.values()), 0, turn)
        ratios = sorted(turn["pipe_ns"] / turn["ring_ns"] for turn in report["turns"])
        self.assertAlmostEqual(report["ring_to_pipe"], ratios[1], delta=ratios[1] / 10)

    def test_calibration_names_every_threshold_of_the_table(self):
        result = bench("--calibrate", "--quick")

        self.assertEqual(result.returncode, 0, result.stderr)
        table = result.stdout[result.stdout.index("| threshold |"):]
        self.assertRegex(table, r"\| memory_file \| (never|\d+ KiB) \| 16 KiB \|")
        self.assertRegex(table, r"\| copied_body \| (never|\d+ KiB) \| 8 KiB \|")
        self.assertRegex(table, r"\| splice_from \| (never|\d+ KiB) \| \d+ KiB \|")

    def test_a_path_that_cannot_be_written_is_told(self):
        result = bench("--quick", "--only", "eventfd", "--json", "/nowhere/a.json")

        self.assertEqual(result.returncode, 1)
        self.assertIn('"/nowhere/a.json" could not be written', result.stderr)


if __name__ == "__main__":
    unittest.main()
