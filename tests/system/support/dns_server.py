# SPDX-License-Identifier: BSD-2-Clause
"""A name server for tests: answers what it is told, counts what it is asked.

    with DnsServer() as dns:
        dns.set("backend.test", "A", "127.0.0.2", ttl=1)
        dns.set("_http._tcp.backend.test", "SRV", (priority, weight, port, "target.test"))
        dns.fail("broken.test", SERVFAIL); dns.silence("slow.test")
        … resolver 127.0.0.1:{dns.port} …
        dns.asked("backend.test")    # how often
"""

import ipaddress
import socket
import struct
import threading

TYPES = {"A": 1, "CNAME": 5, "AAAA": 28, "SRV": 33}
SERVFAIL, NXDOMAIN, REFUSED = 2, 3, 5


def encode_name(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label) + b"\0"


def encode_data(kind, value):
    if kind in ("A", "AAAA"):
        return ipaddress.ip_address(value).packed
    if kind == "CNAME":
        return encode_name(value)
    priority, weight, port, target = value
    return struct.pack("!HHH", priority, weight, port) + encode_name(target)


def read_question(data):
    at, labels = 12, []
    while data[at]:
        labels.append(data[at + 1:at + 1 + data[at]].decode("latin-1"))
        at += 1 + data[at]
    kind, = struct.unpack_from("!H", data, at + 1)
    return ".".join(labels).lower(), kind, data[12:at + 5]


class DnsServer:
    def __init__(self):
        self.lock = threading.Lock()
        self.records = {}   # (name, type) -> [(ttl, data)]
        self.failures = {}  # name -> rcode
        self.silent = set()
        self.questions = []
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.port = self.udp.getsockname()[1]
        self.udp.settimeout(0.2)
        self.is_over = False
        self.thread = threading.Thread(target=self.serve, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over = True
        self.thread.join()
        self.udp.close()

    # --- what it knows

    def set(self, name, kind, *values, ttl=60):
        """Replaces what the name means; no value: nothing of that kind."""
        with self.lock:
            self.failures.pop(name, None)
            self.silent.discard(name)
            self.records[name, TYPES[kind]] = [(ttl, encode_data(kind, value), TYPES[kind]) for value in values]

    def fail(self, name, code):
        with self.lock:
            self.failures[name] = code

    def silence(self, name):
        with self.lock:
            self.silent.add(name)

    def asked(self, name, kind="A"):
        with self.lock:
            return self.questions.count((name, TYPES[kind]))

    # --- serving

    def serve(self):
        while not self.is_over:
            try:
                data, peer = self.udp.recvfrom(2048)
            except socket.timeout:
                continue
            answer = self.answer(data)
            if answer is not None:
                self.udp.sendto(answer, peer)

    def answer(self, data):
        name, kind, question = read_question(data)
        with self.lock:
            self.questions.append((name, kind))
            if name in self.silent:
                return None
            code = self.failures.get(name, 0)
            known = any(one == name for one, _ in self.records)
            records = self.records.get((name, kind)) or self.records.get((name, TYPES["CNAME"]), [])
        if code == 0 and not known:
            code = NXDOMAIN
        records = [] if code else records
        out = data[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, len(records), 0, 0) + question
        for ttl, value, record_kind in records:
            out += b"\xc0\x0c" + struct.pack("!HHIH", record_kind, 1, ttl, len(value)) + value
        return out
