# SPDX-License-Identifier: BSD-2-Clause
"""tcp_nopush and postpone_output, counted on the wire: how many segments with data a reply takes."""

import socket
import struct

from support.harness import SluiceTest

CONF = """
http {
    access_log off;
    %%GLOBALS%%
    server {
        listen %%PORT%%;
        root %%DIR%%/www;
        location /usual/ { alias %%DIR%%/www/; }
        location /off/ { tcp_nopush off; alias %%DIR%%/www/; }
        location /list/ { autoindex on; alias %%DIR%%/www/many/; }
        location /pieces/ { postpone_output 0; alias %%DIR%%/www/; }
        location /slow/ { autoindex on; limit_rate 100k; alias %%DIR%%/www/many/; }
    }
}
"""
FILES = {"www/large": "x" * 20_000, "www/small": "y" * 1000}
FILES.update({f"www/many/{i:03}": "" for i in range(300)})  # more than one pull reads


def data_segments(sock):
    """tcpi_data_segs_in of struct tcp_info."""
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 160)
    return struct.unpack_from("I", info, 152)[0]


class Packets(SluiceTest):
    conf = CONF.replace("%%GLOBALS%%", "sendfile on;")
    files = FILES

    def segments(self, path, server=None, ranges=0):
        asked = ",".join(f"{100 * i}-{100 * i}" for i in range(ranges))
        with (server or self.server).connect() as connection:
            reply = connection.get(path, {"Range": f"bytes={asked}"} if ranges else None)
            self.assertEqual(reply.status, 206 if ranges else 200)
            return data_segments(connection.sock), reply

    def test_the_head_leaves_with_the_files_first_bytes(self):
        together, reply = self.segments("/usual/large")
        self.assertEqual(len(reply.body), 20_000)
        alone, _ = self.segments("/off/large")

        self.assertEqual(alone - together, 1)

    def test_a_small_file_is_always_one_packet(self):
        self.assertEqual(self.segments("/usual/small")[0], 1)
        self.assertEqual(self.segments("/off/small")[0], 1)

    def test_a_body_in_pieces_is_gathered(self):
        gathered, reply = self.segments("/usual/large", ranges=12)
        at_once, same = self.segments("/pieces/large", ranges=12)

        self.assertEqual(len(same.body), len(reply.body))
        self.assertLess(gathered, at_once)

    def test_what_limit_rate_lets_go_is_not_kept(self):
        self.assertIn(b"299", self.segments("/slow/")[1].body)

    def test_nothing_is_kept_from_the_replies_before(self):
        with self.server.connect() as connection:
            connection.send(b"GET /small HTTP/1.1\r\nHost: a\r\n\r\n"
                            b"GET /list/ HTTP/1.1\r\nHost: a\r\n\r\n"
                            b"GET /small HTTP/1.1\r\nHost: a\r\n\r\n")
            bodies = [connection.read_reply().body for _ in range(3)]

        self.assertEqual((bodies[0], bodies[2]), (b"y" * 1000,) * 2)
        self.assertIn(b"299", bodies[1])

    def test_settings_are_inherited(self):
        server = self.serve(CONF.replace("%%GLOBALS%%", "sendfile on; tcp_nopush off; "
                                         "postpone_output 0;"), files=FILES)
        self.assertEqual(self.segments("/usual/large", server)[0],
                         self.segments("/off/large", server)[0])
        self.assertEqual(self.segments("/usual/large", server, 12)[0],
                         self.segments("/pieces/large", server, 12)[0])
