# SPDX-License-Identifier: BSD-2-Clause
"""Load during a test: clients that count every request the server failed, and wrk."""

import asyncio
import re
import subprocess
import threading


class Load:
    """`connections` clients that ask for `path` again and again in a thread of their own until
    stop(). `failures` has one line per request that did not get its whole expected reply; a
    connection that the server announced to close is replaced and is no failure."""

    def __init__(self, port, connections=64, keep_alive=True, path="/", expect=200, host="127.0.0.1"):
        self.port, self.host, self.path, self.expect = port, host, path, expect
        self.connections, self.keep_alive = connections, keep_alive
        self.requests = 0
        self.reconnects = 0
        self.failures = []
        self._stopping = False
        self._thread = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self):
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()
        return self

    def stop(self):
        """Lets running requests end and gives the list of failures."""
        self._stopping = True
        self._thread.join(30)
        if self._thread.is_alive():
            self.failures.append("a client hangs: its request was never answered")
        return self.failures

    async def _run(self):
        await asyncio.gather(*(self._client() for _ in range(self.connections)))

    async def _client(self):
        while not self._stopping:
            try:
                reader, writer = await asyncio.open_connection(self.host, self.port)
            except OSError as error:
                self.failures.append(f"connect: {error}")
                await asyncio.sleep(0.01)
                continue
            try:
                await self._requests(reader, writer)
            except (OSError, asyncio.IncompleteReadError, ValueError) as error:
                self.failures.append(f"request: {type(error).__name__}: {error}")
            finally:
                self.reconnects += 1
                writer.close()

    async def _requests(self, reader, writer):
        connection = "keep-alive" if self.keep_alive else "close"
        request = (f"GET {self.path} HTTP/1.1\r\nHost: localhost\r\n"
                   f"Connection: {connection}\r\n\r\n").encode()
        while not self._stopping:
            writer.write(request)
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
            status = int(head.split(b" ", 2)[1])
            length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
            await asyncio.wait_for(reader.readexactly(int(length[1]) if length else 0), 20)
            self.requests += 1
            if status != self.expect:
                self.failures.append(f"status {status}")
            if re.search(rb"(?i)\r\nconnection: *close", head):
                return


class Wrk:
    """wrk as a subprocess; wait() gives it with `requests`, `socket_errors` and `non_2xx` set."""

    def __init__(self, port, seconds=5, connections=64, threads=1, path="/", headers=None):
        self.requests = self.socket_errors = self.non_2xx = 0
        self.rate = 0.0
        self.text = ""
        command = ["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s"]
        for name, value in (headers or {}).items():
            command += ["-H", f"{name}: {value}"]
        command.append(f"http://127.0.0.1:{port}{path}")
        self.seconds = seconds
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        text=True)

    def is_running(self):
        return self.process.poll() is None

    def wait(self):
        self.text, _ = self.process.communicate(timeout=self.seconds + 60)
        match = re.search(r"(\d+) requests in", self.text)
        self.requests = int(match[1]) if match else 0
        match = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)",
                          self.text)
        self.socket_errors = sum(int(n) for n in match.groups()) if match else 0
        match = re.search(r"Non-2xx or 3xx responses: (\d+)", self.text)
        self.non_2xx = int(match[1]) if match else 0
        match = re.search(r"Requests/sec: +([\d.]+)", self.text)
        self.rate = float(match[1]) if match else 0.0
        return self
