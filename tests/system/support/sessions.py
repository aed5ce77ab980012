# SPDX-License-Identifier: BSD-2-Clause
"""One session with a service of `stream`, from the client's side."""

import socket

from .waiting import DEADLINE


def reach(target):
    """A connected socket: `target` is a port or a Unix socket's path."""
    if isinstance(target, int):
        return socket.create_connection(("127.0.0.1", target), timeout=DEADLINE)
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(DEADLINE)
    client.connect(str(target))
    return client


def read_to_end(client):
    """All bytes until the server's end, or until it breaks the connection."""
    said = b""
    while True:
        try:
            part = client.recv(65536)
        except ConnectionResetError:
            return said
        if not part:
            return said
        said += part


def ask(target, data=b""):
    """What a session answers to `data`, as text."""
    with reach(target) as client:
        try:
            client.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it was over before
        return read_to_end(client).decode("latin-1")
