# SPDX-License-Identifier: BSD-2-Clause
"""Clients and peers that speak datagrams."""

import socket
import threading

from .waiting import DEADLINE


class Caller:
    """A client with a port of its own."""

    def __init__(self, port, host="127.0.0.1", source=None):
        self.sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET,
                                  socket.SOCK_DGRAM)
        self.sock.settimeout(DEADLINE)
        self.target = (host, port)
        if source is not None:
            self.sock.bind(source)
        self.answered_by = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    @property
    def port(self):
        return self.sock.getsockname()[1]

    def send(self, data):
        self.sock.sendto(data, self.target)

    def receive(self):
        """The next answer; who sent it is in answered_by."""
        data, self.answered_by = self.sock.recvfrom(70000)
        return data

    def ask(self, data):
        """Sends until an answer comes (datagrams may be lost) and gives it."""
        self.sock.settimeout(DEADLINE / 10)
        for _ in range(10):
            self.send(data)
            try:
                return self.receive()
            except socket.timeout:
                continue
            except ConnectionRefusedError:
                continue
        raise AssertionError("no answer")

    def hears_nothing_for(self, seconds):
        self.sock.settimeout(seconds)
        try:
            data = self.sock.recv(70000)
        except socket.timeout:
            return True
        finally:
            self.sock.settimeout(DEADLINE)
        raise AssertionError(f"unexpected answer {data[:50]!r}")


class DatagramPeer:
    """A server that answers each datagram with what `answer(data, sender)` gives: bytes, a list of
    them, or None. `heard` has (data, sender's port) of each."""

    def __init__(self, answer=lambda data, sender: data, host="127.0.0.1", port=0):
        self.answer = answer
        self.heard = []
        self.sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET,
                                  socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.sock.bind((host, port))
        self.port = self.sock.getsockname()[1]
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        # A thread in recvfrom does not notice that its socket is closed: wake it.
        self.sock.shutdown(socket.SHUT_RDWR) if self.is_awake() else None
        self.sock.close()
        self.thread.join(DEADLINE)

    def is_awake(self):
        try:
            self.sock.connect(self.sock.getsockname())
        except OSError:
            return False
        return True

    def run(self):
        while True:
            try:
                data, sender = self.sock.recvfrom(70000)
            except OSError:
                return
            if self.sock.fileno() < 0 or (not data and sender is None):
                return
            self.heard.append((data, sender[1]))
            answers = self.answer(data, sender)
            for one in [answers] if isinstance(answers, bytes) else answers or ():
                try:
                    self.sock.sendto(one, sender)
                except OSError:
                    return


def closed_datagram_port():
    """A port that nobody listens on."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
