# SPDX-License-Identifier: BSD-2-Clause
"""Instructions that a worker needs, counted by valgrind's callgrind: the same in every run of one build
on one machine. One client on one connection, so that every request pays for a whole turn."""

import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from support.waiting import DEADLINE, PortPool

BODY = b"x" * 612
REQUEST = b"GET /index.html HTTP/1.1\r\nHost: localhost\r\n\r\n"
# All that a connection's events cause, from the loop and back to it.
SERVING = "sluice::http1::Session::on_event_of*"


def connect(port):
    """A connection as soon as there is one to be had: under valgrind a start takes seconds."""
    end = time.monotonic() + 4 * DEADLINE
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=4 * DEADLINE)
        except OSError:
            if time.monotonic() > end:
                raise


def ask(client, count):
    for _ in range(count):
        client.sendall(REQUEST)
        said = b""
        while not said.endswith(BODY):
            part = client.recv(65536)
            if not part:
                raise AssertionError(f"closed after {said!r}")
            said += part


def instructions(binary, conf, requests, within=None, files=None, ask=ask):
    """Of the worker, in `requests` requests for 612 bytes, or what else `ask` makes of them: of its whole
    life, or only what passes in a function `within`. `conf` names its folder {dir} and its port {port};
    `files` are more of {dir}/www."""
    folder = Path(tempfile.mkdtemp(prefix="sluice-callgrind-"))
    pool = PortPool()
    try:
        folder.chmod(0o777)  # the worker writes its figures there as another user
        (folder / "www").mkdir(mode=0o755)
        for name, content in {"index.html": BODY, **(files or {})}.items():
            (folder / "www" / name).write_bytes(content)
        port = pool.take()
        (folder / "conf").write_text(conf.replace("{dir}", str(folder)).replace("{port}", str(port)))
        command = ["valgrind", "-q", "--tool=callgrind", "--trace-children=yes",
                   f"--callgrind-out-file={folder}/counted.%p"]
        if within:
            command += ["--collect-atstart=no", f"--toggle-collect={within}"]
        run(command + [str(binary), "-c", str(folder / "conf")], port, requests, ask)
        totals = [re.search(r"(?m)^totals: (\d+)", path.read_text()) for path in folder.glob("counted.*")]
        return max(int(match[1]) for match in totals if match)
    finally:
        pool.release()
        shutil.rmtree(folder, ignore_errors=True)


def run(command, port, requests, ask):
    server = subprocess.Popen(command, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    try:
        with connect(port) as client:
            ask(client, requests)
        server.send_signal(signal.SIGTERM)
        said = server.communicate(timeout=4 * DEADLINE)[1]
        if server.returncode != 0:
            raise AssertionError(said.decode(errors="replace"))
    finally:
        server.kill()
        server.wait()
