# SPDX-License-Identifier: BSD-2-Clause
"""A client of RESP2 and RESP3 on a plain socket.

    with Resp(port) as client:
        client.ask("SET", "a", 1) == "OK"
        client.ask("GET", "a") == b"1"
        client.ask("FOO")          # gives RespError("ERR unknown command …")
"""

import socket


class RespError(Exception):
    """An error reply; compares by its text."""

    def __eq__(self, other):
        return isinstance(other, RespError) and self.args == other.args

    __hash__ = Exception.__hash__


def encode(*words):
    """A request as an array of bulk strings."""
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        if not isinstance(word, bytes):
            word = str(word).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(word), word))
    return b"".join(parts)


class Resp:
    def __init__(self, port, host="127.0.0.1", timeout=10):
        self.sock = socket.create_connection((host, port), timeout=timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.input = b""
        self.at = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def ask(self, *words):
        self.send(encode(*words))
        return self.read()

    def line(self, text):
        """What an inline command is answered."""
        self.send(text.encode() + b"\r\n")
        return self.read()

    def pipeline(self, *requests):
        self.send(b"".join(encode(*words) for words in requests))
        return [self.read() for _ in requests]

    def read(self):
        """One reply: str, int, bytes, list, dict, set, None or RespError."""
        line = self._line()
        mark, text = line[:1], line[1:]
        if mark == b"+":
            return text.decode()
        if mark == b"-":
            return RespError(text.decode(errors="surrogateescape"))
        if mark == b":":
            return int(text)
        if mark in (b"$", b"="):
            size = int(text)
            return None if size < 0 else self._bytes(size + 2)[4 if mark == b"=" else 0:-2]
        if mark == b"*":
            return None if int(text) < 0 else [self.read() for _ in range(int(text))]
        if mark == b"~":
            return [self.read() for _ in range(int(text))]
        if mark == b"%":
            return {self.read(): self.read() for _ in range(int(text))}
        if mark == b"_":
            return None
        raise AssertionError(f"no reply: {line!r}")

    def is_closed(self):
        """Whether nothing but the end comes."""
        try:
            return self.at == len(self.input) and self.sock.recv(1) == b""
        except ConnectionResetError:
            return True

    def _fill(self):
        data = self.sock.recv(1 << 18)
        if not data:
            raise ConnectionError("the server has closed the connection")
        self.input = self.input[self.at:] + data
        self.at = 0

    def _line(self):
        while (end := self.input.find(b"\r\n", self.at)) < 0:
            self._fill()
        line = self.input[self.at:end]
        self.at = end + 2
        return line

    def _bytes(self, count):
        if len(self.input) - self.at < count:
            parts = [self.input[self.at:]]
            left = count - len(parts[0])
            self.input, self.at = b"", 0
            while left > 0:
                data = self.sock.recv(min(left, 1 << 20))
                if not data:
                    raise ConnectionError("the server has closed the connection")
                parts.append(data)
                left -= len(data)
            return b"".join(parts)
        got = self.input[self.at:self.at + count]
        self.at += count
        return got
