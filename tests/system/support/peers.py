# SPDX-License-Identifier: BSD-2-Clause
"""Peers for tests of proxies: small TCP (or Unix) servers in threads of the test.

    with TcpPeer(lambda sock: sock.sendall(b"hello")) as peer:
        … proxy_pass 127.0.0.1:%d … % peer.port
"""

import socket
import threading


def echo(sock):
    """Sends back what comes, until the other side ends."""
    while data := sock.recv(65536):
        sock.sendall(data)


def receive_all(sock):
    """Everything up to the other side's end."""
    parts = []
    while data := sock.recv(65536):
        parts.append(data)
    return b"".join(parts)


class TcpPeer:
    """Runs `behave(sock)` in a thread for every connection, and closes it behind that."""

    def __init__(self, behave=echo, path=None, port=0):
        self.behave = behave
        if path is None:
            self.listener = socket.create_server(("127.0.0.1", port), backlog=512)
            self.port = self.listener.getsockname()[1]
        else:
            self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.listener.bind(str(path))
            self.listener.listen(512)
        self.accepted = 0
        self.heard = []  # what behave() gave, one entry per connection that is over
        self.open = set()
        self.is_closing = False
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Stops listening, and ends every connection."""
        self.is_closing = True
        # A blocked accept() does not notice close(); shutdown() wakes it.
        for sock in [self.listener, *self.open]:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.thread.join(10)
        self.listener.close()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.accepted += 1
            self.open.add(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        try:
            self.heard.append(self.behave(sock))
        except OSError:
            pass
        finally:
            self.open.discard(sock)
            sock.close()


class FullListener:
    """A port whose queue is full: connections to it neither succeed nor fail."""

    def __init__(self):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(0)
        self.port = self.listener.getsockname()[1]
        self.waiting = []
        for _ in range(3):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", self.port))
            self.waiting.append(sock)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for sock in [self.listener, *self.waiting]:
            sock.close()


def closed_port():
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
