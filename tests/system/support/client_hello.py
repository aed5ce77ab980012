# SPDX-License-Identifier: BSD-2-Clause
"""The first message of a TLS client, byte by byte, as RFC 8446 §4.1.2 has it.

Run as a program it writes the corpus of the fuzz target client_hello into the given folder.
"""

import sys
from pathlib import Path


def sized(count, data):
    """`data` behind its length in `count` bytes."""
    return len(data).to_bytes(count, "big") + data


def extension(kind, data):
    return kind.to_bytes(2, "big") + sized(2, data)


def server_name(name):
    return extension(0, sized(2, b"\0" + sized(2, name)))


def protocols(*names):
    return extension(16, sized(2, b"".join(sized(1, name) for name in names)))


def versions(*numbers):
    return extension(43, sized(1, b"".join(number.to_bytes(2, "big") for number in numbers)))


def message(extensions=b"", version=0x0303, session=b"", has_extensions=True):
    """A ClientHello without its records."""
    body = (version.to_bytes(2, "big") + bytes(32) + sized(1, session) + sized(2, b"\x13\x01\x00\xff")
            + sized(1, b"\0") + (sized(2, extensions) if has_extensions else b""))
    return b"\x01" + sized(3, body)


def records(data, size=16384):
    """`data` in records of at most `size` bytes."""
    return b"".join(b"\x16\x03\x01" + sized(2, data[at:at + size]) for at in range(0, len(data), size))


def hello(name=None, names=(), numbers=(), size=16384, version=0x0303):
    """A whole ClientHello: SNI, ALPN and supported_versions, each where it is given."""
    extensions = ((server_name(name) if name else b"") + (protocols(*names) if names else b"")
                  + (versions(*numbers) if numbers else b""))
    return records(message(extensions, version), size)


CORPUS = {
    "name": hello(b"a.example"),
    "all": hello(b"b.example", (b"h2", b"http/1.1"), (0x0a0a, 0x0304, 0x0303)),
    "split": hello(b"c.example", (b"h2",), (0x0304,), size=7),
    "old": records(message(has_extensions=False, version=0x0301)),
    "session": records(message(server_name(b"d.example"), session=bytes(32))),
    "second": b"\x80\x2e\x01\x03\x01",
    "short": hello(b"e.example")[:-5],
    "other": b"GET / HTTP/1.1\r\n",
}


if __name__ == "__main__":
    for file, data in CORPUS.items():
        (Path(sys.argv[1]) / file).write_bytes(data)
