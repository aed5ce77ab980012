# SPDX-License-Identifier: BSD-2-Clause
"""What the options of `listen` do to the socket, read from the master's own descriptors."""

import ctypes
import os
import socket
import struct
import unittest
from pathlib import Path

from support.harness import SluiceTest

PIDFD_GETFD = 438


def listening(server, port):
    """The master's listening socket on `port`, as one of our own."""
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = os.pidfd_open(server.pid)
    try:
        for entry in Path(f"/proc/{server.pid}/fd").iterdir():
            if not os.readlink(entry).startswith("socket:"):
                continue
            fd = libc.syscall(PIDFD_GETFD, pidfd, int(entry.name), 0)
            if fd < 0:
                raise unittest.SkipTest("descriptors of others cannot be had here")
            sock = socket.socket(fileno=fd)
            if sock.family in (socket.AF_INET, socket.AF_INET6) and sock.getsockname()[1] == port:
                return sock
            sock.close()
    finally:
        os.close(pidfd)
    raise AssertionError(f"nobody listens on {port}")


class ListenOptions(SluiceTest):
    def value(self, options, level, name, address=""):
        conf = f"http {{ server {{ listen {address}%%PORT%% {options}; return 200 ok; }} }}"
        server = self.serve(conf)
        with listening(server, server.port) as sock:
            return sock.getsockopt(level, name)

    def test_each_option_has_its_effect_and_none_is_there_unasked(self):
        tcp, sol = socket.IPPROTO_TCP, socket.SOL_SOCKET
        for options, level, name, with_it, without in (
                ("deferred", tcp, socket.TCP_DEFER_ACCEPT, lambda v: v > 0, lambda v: v == 0),
                ("so_keepalive=on", sol, socket.SO_KEEPALIVE, lambda v: v == 1, lambda v: v == 0),
                ("rcvbuf=32k", sol, socket.SO_RCVBUF, lambda v: v == 65536, lambda v: v != 65536),
                ("sndbuf=48k", sol, socket.SO_SNDBUF, lambda v: v == 98304, lambda v: v != 98304),
                ("fastopen=7", tcp, socket.TCP_FASTOPEN, lambda v: v == 7, lambda v: v == 0)):
            with self.subTest(options):
                self.assertTrue(with_it(self.value(options, level, name)))
                self.assertTrue(without(self.value("", level, name)))

    def backlog(self, server):
        """A listening socket's TCP_INFO tells it where others have `sacked`."""
        with listening(server, server.port) as sock:
            return struct.unpack_from("I", sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), 28)[0]

    def test_the_backlog_is_as_asked_for_and_a_reload_changes_it(self):
        conf = "http {{ server {{ listen %%PORT%% {}; return 200 ok; }} }}"
        server = self.serve(conf.format("backlog=77"))
        self.assertEqual(self.backlog(server), 77)
        for options, expected in (("backlog=5", 5), ("", 511)):
            server.configure(conf.format(options))
            self.assertEqual(server.reload().returncode, 0)
            self.assertEqual(self.backlog(server), expected)
        self.assertEqual(server.get("/").text, "ok")

    def test_ipv6only_is_on_unless_it_is_turned_off(self):
        for options, expected in (("", 1), ("ipv6only=on", 1), ("ipv6only=off", 0)):
            try:
                value = self.value(options, socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, "[::]:")
            except AssertionError as error:
                if "97:" in str(error):
                    self.skipTest("no IPv6 here")
                raise
            self.assertEqual(value, expected, options)


if __name__ == "__main__":
    unittest.main()
