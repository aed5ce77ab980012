# SPDX-License-Identifier: BSD-2-Clause
"""Viewers of a live stream, and a text whose bytes tell where in the stream they belong."""

import os
import random
import re
import select
import socket
import time

from .waiting import DEADLINE

PERIOD = 1_000_003
MOST = 1 << 20
_TEXT = random.Random(19).randbytes(PERIOD)
_TEXT = memoryview(_TEXT + _TEXT[:MOST])


def text_at(place, size):
    """`size` bytes (at most 1 MiB) of the stream's text from `place` on."""
    return _TEXT[place % PERIOD:][:size]


class Viewer:
    """One client. Checks what it gets against the text, takes chunks apart, keeps nothing."""

    def __init__(self, port, path="/live", version="HTTP/1.1", start=0, room=None):
        self.sock = socket.socket()
        if room:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        self.sock.connect(("127.0.0.1", port))
        self.sock.sendall(f"GET {path} {version}\r\nHost: localhost\r\n\r\n".encode())
        self.head = None
        self.place = start  # of the next byte in the stream's text
        self.got = 0
        self.pending = b""
        self.chunk = 0  # bytes of the current chunk that are still to come; its CRLF counts
        self.is_chunked = False
        self.is_whole = False  # the last chunk came, or the end of a connection that has none
        self.is_over = False
        self.wrong = None
        self.is_checked = True
        self.text = []  # where it is not checked

    def close(self):
        self.sock.close()

    def read_head(self, deadline=DEADLINE):
        """Waits for the head; gives the status."""
        self.sock.settimeout(deadline)
        while b"\r\n\r\n" not in self.pending:
            data = self.sock.recv(1)
            if not data:
                raise AssertionError(f"no head: {self.pending!r}")
            self.pending += data
        self.head, self.pending = self.pending.decode("latin-1"), b""
        self.is_chunked = "transfer-encoding: chunked" in self.head.lower()
        self.sock.setblocking(False)
        return int(self.head.split(" ", 2)[1])

    def header(self, name):
        found = re.search(rf"(?im)^{name}: (.*?)\r$", self.head)
        return found and found[1]

    def read_some(self, most=256 * 1024):
        """Takes what is there. False: nothing was, or the stream is over."""
        try:
            data = self.sock.recv(most)
        except BlockingIOError:
            return False
        except ConnectionError:
            self.is_over = True
            return False
        if not data:
            self.is_over = True
            self.is_whole = self.is_whole or not self.is_chunked
            return False
        if self.is_chunked:
            self._take_chunks(data)
        else:
            self._take(memoryview(data))
        return True

    def read_until(self, condition, deadline=DEADLINE, what="bytes"):
        """Reads until condition(self); AssertionError at the deadline."""
        end = time.monotonic() + deadline
        while not condition(self):
            if time.monotonic() > end or (self.is_over and not condition(self)):
                raise AssertionError(f"{what}: {self}")
            if not self.is_over:
                select.select([self.sock], [], [], 0.1)
                self.read_some()

    def read_to(self, count, **options):
        self.read_until(lambda viewer: viewer.got >= count, what=f"{count} bytes", **options)

    def _take_chunks(self, data):
        data = self.pending + data if self.pending else data
        view, at = memoryview(data), 0
        while at < len(data):
            if self.chunk > 2:
                part = view[at:at + self.chunk - 2]
                self._take(part)
                at += len(part)
                self.chunk -= len(part)
            elif self.chunk > 0:
                part = bytes(view[at:at + self.chunk])
                if part != b"\r\n"[2 - self.chunk:][:len(part)]:
                    self.wrong = self.wrong or f"no CRLF behind the chunk that ends at {self.place}"
                at += len(part)
                self.chunk -= len(part)
            else:
                end = data.find(b"\r\n", at)
                if end < 0:
                    break
                size = int(data[at:end], 16)
                at = end + 2
                self.chunk = size + 2
                self.is_whole = self.is_whole or size == 0
        self.pending = data[at:]

    def _take(self, part):
        if not self.is_checked:
            self.text.append(bytes(part))
        elif part != text_at(self.place, len(part)) and self.wrong is None:
            self.wrong = f"wrong bytes between {self.place} and {self.place + len(part)}"
        self.place += len(part)
        self.got += len(part)

    def __repr__(self):
        return (f"<Viewer {self.got} bytes, {'over' if self.is_over else 'open'}, "
                f"{'whole' if self.is_whole else 'not whole'}, wrong: {self.wrong}>")


class Writer:
    """Writes the stream's text to a FIFO; close() and open() again go on with it."""

    def __init__(self, path):
        self.path = str(path)
        self.place = 0
        self.fd = -1
        self.open()

    def open(self):
        self.fd = os.open(self.path, os.O_WRONLY)

    def close(self):
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def write(self, count, piece=64 * 1024):
        """`count` bytes; waits for room."""
        end = self.place + count
        while self.place < end:
            self.place += os.write(self.fd, text_at(self.place, min(piece, end - self.place)))
