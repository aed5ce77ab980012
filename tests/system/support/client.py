# SPDX-License-Identifier: BSD-2-Clause
"""A raw HTTP/1.x client for tests: sends exactly the bytes it is given and parses one reply at a
time, so that framing mistakes show. No connection pool, no redirects, no retries."""

import socket


class Reply:
    """One parsed reply. `headers` keeps order and duplicates."""

    def __init__(self, version, status, reason, headers, raw_head):
        self.version = version
        self.status = status
        self.reason = reason
        self.headers = headers
        self.raw_head = raw_head
        self.body = b""

    def header(self, name, default=None):
        """The first value of header `name`, in any case."""
        for key, value in self.headers:
            if key.lower() == name.lower():
                return value
        return default

    def all(self, name):
        """Every value of header `name`."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    def keeps_alive(self):
        """Whether the connection may carry another request after this reply."""
        tokens = (self.header("connection") or "").lower()
        if self.version == "HTTP/1.1":
            return "close" not in tokens
        return "keep-alive" in tokens

    def __repr__(self):
        return f"<Reply {self.status} {self.reason!r} {len(self.body)} bytes>"


class Closed(Exception):
    """The server closed the connection before a whole reply had come."""


class Connection:
    """One socket to the server. Use as a context manager, or call close()."""

    def __init__(self, target, host="127.0.0.1", timeout=10.0):
        if isinstance(target, str):
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.sock.settimeout(timeout)
            self.sock.connect(target)
        else:
            self.sock = socket.create_connection((host, target), timeout=timeout)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def request(self, request, head_only=False):
        """Sends raw bytes and reads one reply."""
        self.send(request)
        return self.read_reply(head_only=head_only)

    def get(self, path="/", headers=None, method="GET", body=b"", version="HTTP/1.1"):
        """Builds one request, sends it, reads its reply."""
        self.send(build_request(path, headers, method, body, version))
        return self.read_reply(head_only=(method == "HEAD"))

    def _fill(self):
        data = self.sock.recv(65536)
        if not data:
            return False
        self.buffer += data
        return True

    def _read_until(self, mark):
        while mark not in self.buffer:
            if not self._fill():
                raise Closed(f"closed while waiting for {mark!r}; had {self.buffer[:200]!r}")
        part, self.buffer = self.buffer.split(mark, 1)
        return part

    def read_exactly(self, count):
        """`count` raw bytes; for bodies read at the test's own pace."""
        parts = [self.buffer[:count]]
        self.buffer = self.buffer[count:]
        have = len(parts[0])
        while have < count:
            data = self.sock.recv(min(1 << 20, count - have))
            if not data:
                raise Closed(f"closed after {have} of {count} bytes")
            parts.append(data)
            have += len(data)
        return b"".join(parts)

    def read_head(self):
        """Reads a reply's head only; the body stays on the wire."""
        raw = self._read_until(b"\r\n\r\n")
        lines = raw.decode("latin-1").split("\r\n")
        version, status, *reason = lines[0].split(" ", 2)
        headers = []
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers.append((name, value.strip()))
        return Reply(version, int(status), reason[0] if reason else "", headers, raw)

    def read_reply(self, head_only=False):
        """Reads one whole reply. `head_only`: it answers HEAD and so has no body."""
        reply = self.read_head()
        while 100 <= reply.status < 200 and reply.status != 101:
            reply = self.read_head()
        if head_only or reply.status in (101, 204, 304):
            return reply
        if "chunked" in (reply.header("transfer-encoding") or "").lower():
            reply.body = self._read_chunks()
        elif reply.header("content-length") is not None:
            reply.body = self.read_exactly(int(reply.header("content-length")))
        else:
            reply.body = self.read_to_end()
        return reply

    def _read_chunks(self):
        parts = []
        while True:
            size = int(self._read_until(b"\r\n").split(b";")[0], 16)
            if size == 0:
                while self._read_until(b"\r\n"):
                    pass
                return b"".join(parts)
            parts.append(self.read_exactly(size))
            if self.read_exactly(2) != b"\r\n":
                raise Closed("a chunk does not end with CRLF")

    def read_to_end(self):
        """Everything up to the server's close."""
        while self._fill():
            pass
        data, self.buffer = self.buffer, b""
        return data

    def read_rest(self):
        """The same where the server may reset the connection: what came before that."""
        try:
            return self.read_to_end()
        except ConnectionResetError:
            data, self.buffer = self.buffer, b""
            return data

    def is_closed_by_peer(self, timeout=5.0):
        """Waits up to `timeout` for the server to close; False when it stays open."""
        self.sock.settimeout(timeout)
        try:
            while True:
                data = self.sock.recv(65536)
                if not data:
                    return True
                self.buffer += data
        except socket.timeout:
            return False
        except ConnectionResetError:
            return True


def build_request(path="/", headers=None, method="GET", body=b"", version="HTTP/1.1"):
    """A request as bytes; adds Host and Content-Length unless the headers have them."""
    headers = dict(headers or {})
    names = {name.lower() for name in headers}
    lines = [f"{method} {path} {version}"]
    if "host" not in names and version == "HTTP/1.1":
        lines.append("Host: localhost")
    if body and "content-length" not in names and "transfer-encoding" not in names:
        lines.append(f"Content-Length: {len(body)}")
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body
