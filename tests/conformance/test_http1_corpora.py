# SPDX-License-Identifier: BSD-2-Clause
"""Other projects' HTTP/1 test cases, read from ../shared/corpora where that folder is present:
what must be accepted is, what must be refused is, and no stream of bytes, however cut, ends a worker."""

import re
import socket
import time
import unittest
from pathlib import Path

from support import processes
from support.harness import ROOT, SluiceTest

CORPORA = ROOT.parent / "shared" / "corpora"
BYTEWISE_SIZE = 300  # seeds up to that many bytes are sent a byte at a time, too
SPLIT_SECONDS = 3  # for splitting seeds at every byte, the short ones first
AT_ONCE = 100

CONF = """
http {
    access_log off;
    lingering_close off;
    client_header_timeout 5s;
    client_body_timeout 5s;
    server {
        listen %%PORT%%;
        listen %%PORT2%%;
        location / { return 200 "front"; }
    }
    server {
        listen %%PORT3%%;
        client_body_buffer_size 64;
        client_body_temp_path %%DIR%%/bodies;
        location / { client_body_read on; return 200 "front $request_body_size"; }
    }
}
"""

# Where we differ on purpose: the reason, what we do, and the cases.
REASONS = [
    ("the limit is a setting of that server, ours are larger, as nginx's", "accepted",
     ["invalid/006.http", "invalid/008.http", "invalid/009.http", "invalid/010.http",
      "invalid/011.http", "invalid/017.http"]),
    ("a field line may take 8 KiB with its line end, or all of them 33 KiB, as in nginx", "refused",
     ["valid/026.http", "valid/024.http"]),
    ("a header line of 8 KiB just fits large_client_header_buffers", "accepted",
     ["invalid/limit_header_default_01.http"]),
    ("any token is a method (RFC 9110 9.1); handlers refuse those they do not know", "accepted",
     ["invalid/003c.http", "invalid.md:  / HTTP protocol and ANNOUNCE method",
      "invalid.md:  / Invalid method"]),
    ("'=' is a sub-delim, so it may stand in a host (RFC 3986 3.2.2)", "accepted", ["invalid/012.http"]),
    ("X-Forwarded-* is believed nowhere, so it cannot contradict itself", "accepted",
     ["invalid/019.http"]),
    ("a name with '_' is dropped before anything could map it to another", "accepted",
     ["invalid/040.http", "invalid/chunked_07.http"]),
    ("a coding other than chunked is answered 501 (RFC 9112 6.1), two fields of it 400", "refused",
     ["valid/009.http", "valid/025.http", "valid/025_line.http", "valid/029.http", "valid/030.http",
      "transfer-encoding.md: POST with `chunked` as last transfer-encoding"
      " / POST with `chunked` as last transfer-encoding",
      "transfer-encoding.md: POST with `chunked` as last transfer-encoding (multiple headers)"
      " / POST with `chunked` as last transfer-encoding (multiple headers)"]),
    ("If-Match twice is refused, as by nginx", "refused", ["valid/017.http"]),
    ("white space before the colon must be refused (RFC 9112 5.1)", "refused", ["valid/028.http"]),
    ("folded lines are refused (RFC 9112 5.2)", "refused", ["valid/compat_obs_fold.http", "valid/compat_obs_fold_huge.http"]),
    ("the PROXY protocol is for ports that ask for it", "refused",
     ["valid/pp_01.http", "valid/pp_02.http", "valid/pp_04.http", "valid/pp_05.http"]),
    ("the connection ends with the first reply, what follows is never read", "accepted",
     ["connection.md: `keep-alive` / No restart when keep-alive is off (1.0)"]),
    ("their parser stops for an upgrade; one that is not offered is ignored (RFC 9110 7.8)", "accepted",
     ["connection.md: Parsing multiple tokens / Multiple tokens with folding and LWS",
      "connection.md: `upgrade` / Setting a flag and pausing",
      "connection.md: `upgrade` / Emitting part of body and pausing",
      "connection.md: `upgrade` / Upgrade GET request",
      "connection.md: `upgrade` / Upgrade POST request"]),
    ("'*' is for OPTIONS alone (RFC 9112 3.2.4)", "refused", ["method.md:  / M-SEARCH request"]),
    ("ICE and RTSP are not HTTP", "refused",
     ["method.md:  / SOURCE request with ICE", "method.md:  / OPTIONS request with RTSP",
      "method.md:  / ANNOUNCE request with RTSP"]),
    ("bytes over 127 in a path are taken as they are, as by nginx", "accepted",
     ["uri.md: Disallow UTF-8 in URI path in strict mode"
      " / Disallow UTF-8 in URI path in strict mode"]),
    ("a user in the target is an error (RFC 9110 4.2.4)", "refused",
     ["uri.md: `host:port` and basic auth / `host:port` and basic auth"]),
]
EXCEPTIONS = {case: outcome for _, outcome, cases in REASONS for case in cases}


def decoded(text):
    """The corpus of gunicorn writes escapes and means no real newline."""
    text = text.replace(b"\r", b"").replace(b"\n", b"")
    simple = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"0": b"\0", b"\\": b"\\"}

    def escape(match):
        return bytes([int(match[2], 16)]) if match[2] else simple[match[1]]
    return re.sub(rb"\\(x([0-9a-fA-F]{2})|[rnt0\\])", escape, text)


def with_host(data):
    """Adds Host to every head that has none, as the corpora's own parsers do not ask for it."""
    if re.search(rb"(?im)^host[ \t]*:", data):
        return data
    return re.sub(rb"(HTTP/1\.\d\r\n)", rb"\1Host: localhost\r\n", data)


def llhttp_cases():
    """(name, bytes, whether it must be refused) of the cases for a strict parser."""
    pattern = re.compile(r"<!-- meta=(\{.*?\}) -->\s*```http\n(.*?)```\s*```log\n(.*?)```", re.S)
    for file in sorted((CORPORA / "llhttp").glob("*.md")):
        text = file.read_text(encoding="utf-8")
        for match in pattern.finditer(text):
            meta, request, log = match.groups()
            if not re.search(r'"type":\s*"request"', meta):
                continue  # of a lenient parser
            section = (re.findall(r"(?m)^## (.+)$", text[:match.start()]) or [""])[-1]
            title = re.findall(r"(?m)^##+ (.+)$", text[:match.start()])[-1]
            request = re.sub(r"\\\n", "", request).removesuffix("\n")
            data = re.sub(r"(?<!\r)\n", "\r\n", request).encode("utf-8")
            data = re.sub(rb"\\([rntf]|x[0-9a-fA-F]{2}|[0-7]{1,3})", llhttp_escape, data)
            yield f"{file.name}: {section} / {title}", data, "error code=" in log


def llhttp_escape(match):
    word = match[1].decode()
    if word[0] in "rntf":
        return {"r": b"\r", "n": b"\n", "t": b"\t", "f": b"\f"}[word]
    return bytes([int(word[1:], 16) if word[0] == "x" else int(word, 8) & 255])


@unittest.skipUnless(CORPORA.is_dir(), "corpora not present")
class Corpora(SluiceTest):
    conf = CONF
    workers = 1  # so that as many connections as before need as much memory as before

    def setUp(self):
        self.before = self.server.workers()

    def exchange(self, pieces, port=None):
        """Sends the pieces, then FIN; gives all that the server says."""
        with self.server.connect(port) as connection:
            try:
                for piece in pieces:
                    connection.send(piece)
                connection.sock.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # refused already
            return connection.read_rest()

    def statuses(self, data):
        return [int(s) for s in re.findall(rb"HTTP/1\.1 (\d{3}) ", self.exchange([data])) if s != b"100"]

    def judge(self, name, data, must_be_refused):
        """Refused: the last reply is an error, or none came. Accepted: no reply is an error; some
        cases stop in the middle of a request and get none."""
        wanted = EXCEPTIONS.get(name, "refused" if must_be_refused else "accepted") == "refused"
        with self.subTest(name):
            statuses = self.statuses(data)
            if wanted:
                self.assertTrue(not statuses or statuses[-1] >= 400, f"{statuses} {data[:600]!r}")
            else:
                # A condition that fails (RFC 9110 §13.1.1) is a verdict on the file, not the request.
                failed = {412} if b"\nif-match:" in data.lower() else set()
                self.assertTrue(all(status < 400 or status in failed for status in statuses),
                                f"{statuses} {data[:600]!r}")

    def test_gunicorn_requests(self):
        files = sorted((CORPORA / "gunicorn").glob("*/*.http"))
        self.assertGreater(len(files), 80)
        for file in files:
            name = f"{file.parent.name}/{file.name}"
            self.judge(name, with_host(decoded(file.read_bytes())), file.parent.name == "invalid")
        self.assertEqual(self.server.workers(), self.before)

    def test_llhttp_requests(self):
        cases = list(llhttp_cases())
        self.assertGreater(len(cases), 100)
        for name, data, must_be_refused in cases:
            self.judge(name, with_host(data), must_be_refused)
        self.assertEqual(self.server.workers(), self.before)

    def exchange_all(self, requests, port=None, at_once=AT_ONCE):
        """Sends each list of pieces on a connection of its own, `at_once` of them at a time: each wait
        for the server is shared. Gives what the server said to each."""
        said = []
        for first in range(0, len(requests), at_once):
            batch = requests[first:first + at_once]
            connections = [self.server.connect(port) for _ in batch]
            for number in range(max(map(len, batch))):
                for connection, pieces in zip(connections, batch):
                    try:
                        if number < len(pieces):
                            connection.send(pieces[number])
                        if number + 1 == len(pieces):
                            connection.sock.shutdown(socket.SHUT_WR)
                    except OSError:
                        pass  # refused already
            for connection in connections:
                with connection:
                    said.append(connection.read_rest())
        return said

    def memory(self):
        """Anonymous memory of all workers, in KiB."""
        return sum(int(processes.status_field(pid, "RssAnon").split()[0]) for pid in self.before)

    def test_every_seed_is_survived_whole_and_in_pieces(self):
        """Cuts at every byte of all seeds are judged by unit tests (Seeds); here as many as fit."""
        seeds = [file.read_bytes() for file in sorted((CORPORA / "http1-seeds").iterdir())]
        self.assertGreater(len(seeds), 1000)
        keeping = self.server.port_number(3)  # where bodies are kept
        whole = self.exchange_all([[seed] for seed in seeds])
        kept = self.exchange_all([[seed] for seed in seeds], keeping)
        self.assertEqual(self.server.workers(), self.before, "a worker died")

        cuts = [[seed[:len(seed) // 2], seed[len(seed) // 2:]] for seed in seeds]
        for port, expected in ((None, whole), (keeping, kept)):
            for seed, said, before in zip(seeds, self.exchange_all(cuts, port), expected):
                with self.subTest(seed=seed, port=port):
                    self.assertEqual(self.replies(said), self.replies(before))
        # Pools have grown to what so many connections at once need; the same again needs no more.
        memory = self.memory()
        for port in (None, keeping):
            self.exchange_all(cuts, port)
        self.assertLess(self.memory(), memory + 512, "memory grows")

        # Byte by byte: all that are not long, several connections in turn so that bytes arrive alone,
        # not so many that a head takes longer than it may.
        short = [(seed, said) for seed, said in zip(seeds, whole) if 1 < len(seed) <= BYTEWISE_SIZE]
        bytewise = [[seed[at:at + 1] for at in range(len(seed))] for seed, _ in short]
        for (seed, said), found in zip(short, self.exchange_all(bytewise, at_once=20)):
            with self.subTest(seed=seed, pieces="bytes"):
                self.assertEqual(self.replies(found), self.replies(said))

        end = time.monotonic() + SPLIT_SECONDS
        for seed, said in sorted(zip(seeds, whole), key=lambda pair: len(pair[0])):
            cuts = [[seed[:cut], seed[cut:]] for cut in range(1, len(seed))]
            for number, found in enumerate(self.exchange_all(cuts)):
                with self.subTest(seed=seed, cut=number + 1):
                    self.assertEqual(self.replies(found), self.replies(said))
            if time.monotonic() > end:
                break
        self.assertEqual(self.server.workers(), self.before, "a worker died")

    @staticmethod
    def replies(said):
        return re.findall(rb"HTTP/1\.1 (\d{3}) ", said)


if not CORPORA.is_dir():
    print("skipped: corpora not present")
