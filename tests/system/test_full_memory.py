# SPDX-License-Identifier: BSD-2-Clause
"""What a request or session of bounded memory does when a variable finds no room: it fails with a line that
says why. Nothing goes on with a value that is empty only because the client sent so much."""

import unittest

from support.harness import SluiceTest

DOUBLED = "".join(f'set ${b} "${a}${a}"; ' for a, b in zip("abcd", "bcde"))
HTTP = """http {
    log_format l '$status $request_uri "$too_long"';
    access_log %%DIR%%/logs/access.log l if=$too_long;
    large_client_header_buffers 8 64k;
    map $http_x $is_bad { default 0; ~evil 1; }
    map "$e$e" $too_long { default 1; }
    map $too_long $of_a_map { volatile; default 1; "" 0; }
    limit_req_zone $too_long zone=z:32k rate=1r/m;
    server { listen %%PORT%%;
        location = /joined { return 200 "$is_bad $http_x"; }
        location = /cookies { return 200 $http_cookie; }
        set $a $http_x; SETS
        location /full/ {
            location = /full/set { set $f "$e$e"; return 200 ok; }
            location = /full/if { if ($too_long) { return 403; } return 200 ok; }
            location = /full/unless { if ($of_a_map = 1) { return 403; } return 200 ok; }
            location = /full/return { return 200 "[$too_long]"; }
            location = /full/limit { limit_req zone=z; }
            location = /full/file { try_files $too_long /full/ok; }
            location = /full/ok { return 200 ok; }
        }
    }
}""".replace("SETS", DOUBLED)


class FullMemory(SluiceTest):
    conf = HTTP

    def ask(self, path, field=b"", times=1):
        with self.server.connect() as connection:
            connection.send(b"GET " + path.encode() + b" HTTP/1.1\r\nHost: h\r\n" + field * times + b"\r\n")
            return connection.read_reply()

    def test_a_field_that_was_sent_often_is_joined_whole(self):
        reply = self.ask("/joined", b"X: evil\r\n" + b"X: 0123456789\r\n" * 900)
        self.assertEqual(reply.text, "1 evil" + ", 0123456789" * 900)

    def test_cookies_likewise(self):
        self.assertEqual(self.ask("/cookies", b"Cookie: a=1\r\n", 900).text, "; ".join(["a=1"] * 900))

    def test_small_values_have_room(self):
        for name in ("set", "return", "ok"):
            with self.subTest(name):
                self.assertEqual(self.ask("/full/" + name, b"X: 1\r\n").status, 200)

    def test_what_has_no_room_is_an_error(self):
        # 30 kB, doubled four times, is nearly all that a request may have.
        field = b"X: " + b"x" * 30000 + b"\r\n"
        for name, text in (("set", "$e$e"), ("if", "$too_long"), ("unless", "$of_a_map"),
                           ("return", "[$too_long]"), ("limit", "$too_long"), ("file", "$too_long")):
            with self.subTest(name):
                self.assertEqual(self.ask("/full/" + name, field).status, 500)
                self.server.wait_logged(f'no memory for "{text}", the request has used')

    def test_such_a_request_is_logged_though_a_condition_cannot_be_known(self):
        field = b"X: " + b"x" * 30000 + b"\r\n"
        self.ask("/full/return?logged", field)
        self.assertIn('500 /full/return?logged "-"', self.server.wait_accessed("?logged"))


if __name__ == "__main__":
    unittest.main()
