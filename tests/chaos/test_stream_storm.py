# SPDX-License-Identifier: BSD-2-Clause
"""stream relays between peers that stall, half-close and reset at random, by a seed: every byte that
arrives is the right one, all of them arrive where nobody cut the session off, memory stays flat and
no descriptor is left. 64 MiB by default; SLUICE_RELAY_BYTES=10737418240 for 10 GiB,
SLUICE_RELAY_SEED for another course."""

import os
import random
import select
import socket
import struct
import time
import unittest

from support.harness import SluiceTest
from support.waiting import DEADLINE, wait_for

SANITIZED = os.environ.get("SLUICE_SANITIZED")
BYTES = int(os.environ.get("SLUICE_RELAY_BYTES", 16 << 20 if SANITIZED else 64 << 20))
SEED = int(os.environ.get("SLUICE_RELAY_SEED", "7"))
LIVE = 8  # sessions at a time
PERIOD = 1_000_003
PIECE = 256 * 1024
KEPT_PIPES = 16  # by a worker
GROWTH = 8 << 20  # bytes that a worker's memory may grow by: pools that fill

TEXT = random.Random(1).randbytes(PERIOD)
TEXT = memoryview(TEXT + TEXT[:PIECE])


def text_at(offset, size):
    return TEXT[offset % PERIOD:][:min(size, PIECE)]


class Storm:
    """All sessions and what they do, from one seed."""

    def __init__(self, listener, port):
        self.dice = random.Random(SEED)
        self.listener, self.port = listener, port
        self.live = {}
        self.passed = self.number = self.whole = 0
        self.room = memoryview(bytearray(PIECE))

    def size(self):
        """Small as often as large, up to 8 MiB."""
        return self.dice.randrange(1 << self.dice.randrange(24))

    def begin(self):
        self.number += 1
        session = Session(self.number, self.dice.random() < 0.2)
        session.client = Peer(session, socket.create_connection(("127.0.0.1", self.port)), self)
        session.client.sock.sendall(struct.pack("!Q", self.number))
        self.live[self.number] = session

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except BlockingIOError:
                return
            sock.settimeout(DEADLINE)
            try:
                number = sock.recv(8, socket.MSG_WAITALL)
            except ConnectionResetError:
                number = b""
            session = self.live.get(struct.unpack("!Q", number)[0]) if len(number) == 8 else None
            if session is None:  # its client was cut off before it got here
                sock.close()
                continue
            session.upstream = Peer(session, sock, self)

    def step(self):
        """One act of every peer; True if any byte moved."""
        before = self.passed
        self.accept()
        for number, session in list(self.live.items()):
            for peer in session.peers():
                peer.act()
            if session.is_over():
                self.whole += session.check_whole()
                session.close()
                del self.live[number]
        return self.passed > before

    def wants(self, wanted):
        """More bytes, or more sessions that nobody cut off."""
        return self.passed < wanted or self.whole < 10

    def run(self, wanted):
        quiet_since = time.monotonic()
        while self.wants(wanted) or self.live:
            while self.wants(wanted) and len(self.live) < LIVE:
                self.begin()
            if self.step():
                quiet_since = time.monotonic()
                continue
            assert time.monotonic() < quiet_since + 2 * DEADLINE, [str(s) for s in self.live.values()]
            socks = [peer.sock for session in self.live.values() for peer in session.peers() if not peer.is_cut]
            select.select([self.listener, *socks], [], [], 0.001)


class Session:
    def __init__(self, number, is_cut_off):
        self.number, self.is_cut_off = number, is_cut_off
        self.client = self.upstream = None

    def peers(self):
        return [peer for peer in (self.client, self.upstream) if peer]

    def is_over(self):
        return all(peer.has_ended() for peer in self.peers()) and (self.upstream or self.client.is_cut)

    def check_whole(self):
        """All that was sent has arrived, where nobody cut the session off."""
        if self.is_cut_off:
            return 0
        for one, other in ((self.client, self.upstream), (self.upstream, self.client)):
            assert one.received == other.to_send, f"{self}: {one.received} of {other.to_send} bytes arrived"
        return 1

    def close(self):
        for peer in self.peers():
            peer.sock.close()

    def __str__(self):
        return f"session {self.number} (cut off: {self.is_cut_off}): " + " | ".join(map(str, self.peers()))


class Peer:
    """One far end: sends its text, then its FIN; receives and compares; now and then does nothing."""

    def __init__(self, session, sock, storm):
        sock.setblocking(False)
        self.session, self.sock, self.storm = session, sock, storm
        self.to_send, self.sent, self.received = storm.size(), 0, 0
        self.cut_at = storm.size() if session.is_cut_off and storm.dice.random() < 0.7 else None
        self.stall = 0
        self.has_said_end = self.has_seen_end = self.is_cut = False

    def has_ended(self):
        return self.is_cut or (self.has_seen_end and self.has_said_end)

    def act(self):
        if self.is_cut:
            return
        if self.stall > 0:
            self.stall -= 1
            return
        if self.storm.dice.random() < 0.1:
            self.stall = self.storm.dice.randrange(50)
        try:
            self.send()
            self.receive()
        except (ConnectionResetError, BrokenPipeError):
            assert self.session.is_cut_off, f"{self.session}: cut off by the relay"
            self.is_cut = True
        if self.cut_at is not None and self.received >= self.cut_at and not self.is_cut:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.sock.close()
            self.is_cut = True

    def send(self):
        if self.sent < self.to_send:
            size = min(self.to_send - self.sent, 1 + self.storm.size())
            try:
                self.sent += self.sock.send(text_at(self.sent, size))
            except BlockingIOError:
                pass
        elif not self.has_said_end:
            self.has_said_end = True
            try:
                self.sock.shutdown(socket.SHUT_WR)
            except OSError:  # reset meanwhile: receiving tells
                pass

    def receive(self):
        if self.has_seen_end:
            return
        try:
            count = self.sock.recv_into(self.storm.room)
        except BlockingIOError:
            return
        self.has_seen_end = count == 0
        assert self.storm.room[:count] == text_at(self.received, count), f"{self.session}: wrong at {self.received}"
        self.received += count
        self.storm.passed += count

    def __str__(self):
        return (f"sent {self.sent} of {self.to_send}, received {self.received}"
                f"{', said end' * self.has_said_end}{', seen end' * self.has_seen_end}{', cut' * self.is_cut}")


class StreamStorm(SluiceTest):
    def kinds(self, pid, kind):
        """How many of a process' descriptors are of a kind."""
        count = 0
        for fd in os.listdir(f"/proc/{pid}/fd"):
            try:
                count += os.readlink(f"/proc/{pid}/fd/{fd}").startswith(kind)
            except FileNotFoundError:
                pass
        return count

    def only_has(self, worker, sockets, storm):
        """Whether no session is left; of some the client was cut off before its upstream was accepted."""
        storm.accept()
        return self.kinds(worker, "socket:") == sockets

    def resident(self, pid):
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def test_every_byte_arrives_and_nothing_is_left(self):
        with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
            listener.setblocking(False)
            server = self.serve(f"stream {{ server {{ listen %%PORT%%; proxy_half_close on; "
                                f"proxy_pass 127.0.0.1:{listener.getsockname()[1]}; }} }}")
            worker = server.workers()[0]
            # Its channel is there from its birth, its listener comes through it.
            wait_for(lambda: self.kinds(worker, "socket:") == 2, what="a worker with its listener")
            sockets, pipes = 2, self.kinds(worker, "pipe:")
            storm = Storm(listener, server.port)

            storm.run(BYTES // 4)
            memory = self.resident(worker)
            storm.run(BYTES)

            self.assertGreaterEqual(storm.whole, 10)
            wait_for(lambda: self.only_has(worker, sockets, storm), what="all sockets to be closed")
            self.assertLessEqual(self.kinds(worker, "pipe:"), pipes + 2 * KEPT_PIPES)
            if not SANITIZED:
                self.assertLess(self.resident(worker), memory + GROWTH)
            self.assertEqual(server.workers(), [worker])


if __name__ == "__main__":
    unittest.main()
