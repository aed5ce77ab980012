# SPDX-License-Identifier: BSD-2-Clause
# Runs: alone
"""The number of workers changes by signal while clients are served: no request fails."""

import random
import signal
import unittest

from support import realtime
from support.harness import SluiceTest
from support.load import Load
from support.waiting import wait_for

CONF = """
http { access_log off; keepalive_requests 100000;
       server { listen %%LISTEN%%; root %%DIR%%/www; } }"""


class LiveWorkers(SluiceTest):
    def storm(self, listen, keep_alive):
        server = self.serve(CONF.replace("%%LISTEN%%", listen), workers=2,
                            files={"www/index.html": "x" * 612})
        numbers = random.Random(4)
        with Load(server.port, connections=32, keep_alive=keep_alive) as load:
            for _ in range(25):
                count = numbers.randint(1, 6)
                seen = load.requests
                realtime.queue(server.pid, realtime.WORKERS, count)
                # Each number is reached and has served before the next.
                wait_for(lambda: len(server.workers()) >= count and load.requests > seen + 50,
                         what=f"{count} workers")
        wait_for(lambda: len(server.workers()) == count, what="retired workers to leave")

        self.assertEqual(load.failures, [])
        self.assertGreater(load.requests, 1000)

    def test_kept_connections_fail_no_request(self):
        self.storm("127.0.0.1:%%PORT%%", keep_alive=True)

    def test_new_connections_fail_no_request(self):
        self.storm("127.0.0.1:%%PORT%%", keep_alive=False)

    def test_groups_of_sockets_fail_no_request(self):
        self.storm("127.0.0.1:%%PORT%% reuseport", keep_alive=False)

    def test_orders_during_reloads_fail_no_request(self):
        server = self.serve(CONF.replace("%%LISTEN%%", "%%PORT%%"), workers=2,
                            files={"www/index.html": "x" * 612})
        with Load(server.port, connections=16) as load:
            for count in (4, 1, 6, 3):
                server.signal(signal.SIGHUP)
                result = server.run("-s", f"workers={count}")
                self.assertIn(result.returncode, (0, 1), result.stderr)
            self.assertEqual(server.reload().returncode, 0)
            result = server.run("-s", "workers=3")
            self.assertEqual(result.returncode, 0, result.stderr)

        self.assertEqual(load.failures, [])
        wait_for(lambda: len(server.workers()) == 3, what="three workers")


if __name__ == "__main__":
    unittest.main()
