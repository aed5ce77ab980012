# SPDX-License-Identifier: BSD-2-Clause
"""stream when things break: a worker killed under sessions, more clients than worker_connections,
descriptors that run out, the number of workers changed, the program replaced."""

import os
import signal
import threading
import unittest

from support import processes
from support.client import Closed, Connection
from support.harness import SluiceTest
from support.peers import TcpPeer
from support.waiting import wait_for


class Talker(threading.Thread):
    """A session that sends and receives until it is stopped, or ends."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.client = Connection(port)
        self.rounds = 0
        self.failure = None
        self.is_stopping = False
        self.start()

    def run(self):
        try:
            while not self.is_stopping:
                self.client.send(b"ping" * 50)
                if self.client.read_exactly(200) != b"ping" * 50:
                    raise AssertionError("other bytes came back")
                self.rounds += 1
        except (OSError, Closed, AssertionError) as error:
            self.failure = error
        finally:
            self.client.close()

    def stop(self):
        self.is_stopping = True
        self.join(30)
        return self.failure


class StreamTrouble(SluiceTest):
    def talkers(self, server, count):
        """Sessions that have all made a round, spread over the workers as it comes."""
        talkers = [Talker(server.port) for _ in range(count)]
        self.addCleanup(lambda: [talker.stop() for talker in talkers])
        wait_for(lambda: all(t.rounds > 0 for t in talkers), what="a round of every session")
        return talkers

    def test_a_killed_worker_takes_only_its_own_sessions(self):
        with TcpPeer() as peer:
            server = self.serve(f"stream {{ server {{ listen %%PORT%% reuseport; "
                                f"proxy_pass 127.0.0.1:{peer.port}; }} }}", workers=2)
            server.allowed_words.append("[alert]")
            talkers = self.talkers(server, 16)
            server.kill_worker(server.workers()[0])
            # Those of the dead worker learn it by a reset; the others never notice.
            wait_for(lambda: any(t.failure for t in talkers), what="an end")
            left = [t for t in talkers if t.failure is None]
            self.assertTrue(left, "the other worker's sessions")
            self.talkers(server, 4)
            before = [t.rounds for t in left]
            wait_for(lambda: all(t.failure is None and t.rounds > n for t, n in zip(left, before)),
                     what="rounds of the other sessions")

    def test_a_full_worker_pauses_and_goes_on(self):
        with TcpPeer() as peer:
            server = self.serve("events { worker_connections 32; }\n"
                                f"stream {{ server {{ listen %%PORT%%; "
                                f"proxy_pass 127.0.0.1:{peer.port}; }} }}")
            held = [Connection(server.port) for _ in range(24)]
            server.wait_logged("worker_connections are not enough, accepting pauses")
            for client in held:
                client.close()
            with Connection(server.port) as client:
                client.send(b"hi")
                self.assertEqual(client.read_exactly(2), b"hi")

    def test_descriptors_that_run_out_cost_new_sessions_only(self):
        with TcpPeer() as peer:
            server = self.serve("worker_rlimit_nofile 64;\nevents { worker_connections 4000; }\n"
                                f"stream {{ server {{ listen %%PORT%%; "
                                f"proxy_pass 127.0.0.1:{peer.port}; }} }}")
            talkers = self.talkers(server, 4)
            flood = [Connection(server.port) for _ in range(100)]
            wait_for(lambda: "24: Too many open files" in server.error_log(), what="the line")
            for client in flood:
                client.close()
            self.assertEqual([t.failure for t in talkers], [None] * 4)

            def works():
                try:
                    with Connection(server.port) as client:
                        client.send(b"hi")
                        return client.read_exactly(2) == b"hi"
                except (OSError, Closed):
                    return False

            wait_for(works, what="a new session")

    def test_sessions_survive_fewer_and_more_workers(self):
        with TcpPeer() as peer:
            conf = (f"stream {{ server {{ listen %%PORT%%; proxy_pass 127.0.0.1:{peer.port}; }} }}")
            server = self.serve("worker_processes 3;\n" + conf)
            talkers = self.talkers(server, 12)
            for count in (1, 3, 2):
                server.configure(f"worker_processes {count};\n" + conf)
                server.reload()
                talkers += self.talkers(server, 2)
            self.assertEqual([t.stop() for t in talkers], [None] * len(talkers))

    def test_sessions_survive_the_replacement_of_the_program(self):
        with TcpPeer() as peer:
            server = self.serve(f"stream {{ server {{ listen %%PORT%%; "
                                f"proxy_pass 127.0.0.1:{peer.port}; }} }}", workers=2)
            talkers = self.talkers(server, 8)
            old = server.pid

            def written():
                text = server.pid_file.read_text().strip() if server.pid_file.exists() else ""
                return int(text) if text else old

            server.signal(signal.SIGUSR2)
            new = wait_for(lambda: written() != old and written(), what="a new master")
            self.addCleanup(self.end, new)
            wait_for(lambda: len(server.workers(new)) == 2, what="its workers")
            talkers += self.talkers(server, 4)
            server.signal(signal.SIGQUIT)
            talkers += self.talkers(server, 4)
            self.assertEqual([t.stop() for t in talkers], [None] * len(talkers))
            self.assertEqual(server.wait_exit(), 0)
            os.kill(new, signal.SIGQUIT)
            wait_for(lambda: not processes.is_alive(new), what="the new master's end")

    def end(self, pid):
        """Ends a master that the harness does not know."""
        for victim in [pid] + processes.children_of(pid):
            try:
                os.kill(victim, signal.SIGKILL)
            except ProcessLookupError:
                pass


if __name__ == "__main__":
    unittest.main()
