# SPDX-License-Identifier: BSD-2-Clause
"""auth_basic with every kind of hash, auth_delay, and satisfy."""

import base64
import time
import unittest

from support.client import Connection, build_request
from support.harness import Sluice, SluiceTest
from support.waiting import wait_for

# All are hashes of "secret word".
USERS = r"""# a comment: not a user
bcrypt:$2b$05$abcdefghijklmnopqrstuu1C7yeI3ZG3Jm.nHdnKkGJg1xTYKP9Oy
sha512:$6$rounds=1000$saltsalt$UAvNWimCHicMjCrJkB.ShbcMDmn7Ins43QLvcd077tn.ukMYvoFZzAItyyd5BjDXLyfVnm0RvZbWpuhfVrhT9.
apr1:$apr1$saltsalt$V6yRnJjVfJdL7DFnS70E2.
sha:{SHA}PDUC6jG3V40qqE4XqHRFLkyoMVM=
ssha:{SSHA}OQRv2FS3YUP+wDQSMNfzeCIqaiRzYWx0IQ==
plain:{PLAIN}secret word
more:{PLAIN}secret word:a comment
"""

CONF = r"""
http {
    access_log off;
    server {
        listen %%PORT%%;
        root %%DIR%%/www;
        location / { auth_basic "the $arg_r realm"; auth_basic_user_file users; }
        location /checked/ {
            auth_basic realm; auth_basic_user_file users;
            location /checked/off { auth_basic off; }
            location /checked/limited { limit_except GET { auth_basic off; deny all; } }
        }
        location /variable { auth_basic $arg_realm; auth_basic_user_file %%DIR%%/conf/$arg_f; }
        location /missing { auth_basic realm; auth_basic_user_file %%DIR%%/nothing; }
        location /delayed { auth_basic realm; auth_basic_user_file users; auth_delay 400ms; }
        location /page { auth_basic realm; auth_basic_user_file users; error_page 401 /why; }
        location = /why { auth_basic off; internal; return 200 "why"; }
        location /page/file { auth_basic realm; auth_basic_user_file users; error_page 401 /checked/off; }
        location /page/named { auth_basic realm; auth_basic_user_file users; error_page 401 @named; }
        location @named { auth_basic other; auth_basic_user_file users; }
        location = /posted { alias %%DIR%%/www/in; error_page 405 /checked/off; }
        location /any/ {
            satisfy any;
            auth_basic realm; auth_basic_user_file users;
            location /any/denied { deny all; }
            location /any/allowed { allow 127.0.0.1; deny all; }
            location /any/delayed { deny all; auth_delay 400ms; }
            location /any/rules { auth_basic off; deny all; }
        }
        location /all/ {
            auth_basic realm; auth_basic_user_file users;
            location /all/denied { deny all; }
            location /all/allowed { allow all; }
        }
    }
}
"""


def credentials(user, password):
    text = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {text}"}


class Auth(SluiceTest):
    conf = CONF
    files = {"conf/users": USERS, "www/in": "in", "www/checked/off": "off", "www/checked/limited": "x",
             "www/variable": "v", "www/delayed": "d", "www/page": "p", "www/any/denied": "1",
             "www/any/allowed": "2", "www/any/delayed": "3", "www/any/rules": "4",
             "www/all/denied": "5", "www/all/allowed": "6", "www/missing": "m"}

    def status(self, path, user=None, password="secret word", **headers):
        given = credentials(user, password) if user else {}
        return self.server.get(path, {**given, **headers}).status

    def test_every_kind_of_hash_is_understood(self):
        for line in USERS.splitlines()[1:]:
            user = line.split(":")[0]
            with self.subTest(user=user):
                self.assertEqual(self.status("/in", user), 200)
                self.assertEqual(self.status("/in", user, "secret wor"), 401)
                self.assertEqual(self.status("/in", user, ""), 401)

    def test_the_client_is_asked_for_a_password(self):
        reply = self.server.get("/in?r=inner")
        self.assertEqual(reply.status, 401)
        self.assertEqual(reply.header("www-authenticate"), 'Basic realm="the inner realm"')
        self.assertEqual(self.status("/in", "nobody"), 401)
        self.assertEqual(self.status("/in", "# a comment"), 401)
        for field in ("Basic", "Basic ====", "Basic cGxhaW4=", "Bearer x", "Basic !!!"):
            self.assertEqual(self.status("/in", Authorization=field), 401, field)
        wait_for(lambda: all(text in self.server.error_log() for text in (
            'user "nobody" was not found in', "no user/password was provided")),
            what="the log lines")

    def test_a_page_for_401_asks_for_the_password_too(self):
        for path, body in (("/page", "why"), ("/page/file", "off")):
            reply = self.server.get(path)
            self.assertEqual((reply.status, reply.text), (401, body))
            self.assertEqual(reply.all("www-authenticate"), ['Basic realm="realm"'])
            self.assertIsNone(reply.header("last-modified"))  # the page's, not the resource's
        # Asked again for the page itself: the client is told of one realm only.
        self.assertEqual(self.server.get("/page/named").all("www-authenticate"), ['Basic realm="other"'])
        reply = self.server.get("/posted", method="POST")
        self.assertEqual((reply.status, reply.text, reply.header("allow")), (405, "off", "GET, HEAD"))

    def test_a_wrong_password_is_logged(self):
        self.status("/in", "plain", "wrong")
        wait_for(lambda: 'user "plain": password mismatch' in self.server.error_log(),
                 what="the log line")
        self.assertNotIn("wrong", self.server.error_log())

    def test_off_asks_for_nothing(self):
        self.assertEqual(self.status("/checked/off"), 200)
        self.assertEqual(self.status("/checked/limited"), 401)
        self.assertEqual(self.status("/checked/limited", "plain"), 200)
        self.assertEqual(self.status("/variable?realm=off"), 200)

    def test_the_file_may_be_a_variable(self):
        self.assertEqual(self.status("/variable?realm=x&f=users", "plain"), 200)
        self.assertEqual(self.status("/variable?realm=x&f=other", "plain"), 403)
        self.assertEqual(self.status("/variable?realm=x&f=", "plain"), 500)
        self.assertEqual(self.status("/missing", "plain"), 403)

    def test_requests_on_one_connection_are_judged_one_by_one(self):
        with Connection(self.server.port) as client:
            for _ in range(3):
                self.assertEqual(client.get("/in", credentials("plain", "secret word")).status, 200)
                self.assertEqual(client.get("/in", credentials("plain", "no")).status, 401)
        with Connection(self.server.port) as client:  # pipelined
            client.send(build_request("/in", credentials("bcrypt", "secret word")) * 3 +
                        build_request("/in", credentials("bcrypt", "x")))
            self.assertEqual([client.read_reply().status for _ in range(4)], [200, 200, 200, 401])

    def test_a_client_that_leaves_meanwhile_does_no_harm(self):
        for _ in range(30):
            with Connection(self.server.port) as client:
                client.send(build_request("/in", credentials("bcrypt", "secret word")))
        self.assertEqual(self.status("/in", "plain"), 200)

    def test_401_is_held_back(self):
        begin = time.monotonic()
        reply = self.server.get("/delayed", credentials("plain", "wrong"))
        self.assertEqual(reply.status, 401)
        self.assertIn("Basic", reply.header("www-authenticate"))
        self.assertGreaterEqual(time.monotonic() - begin, 0.39)
        self.assertEqual(self.status("/delayed", "plain"), 200)
        wait_for(lambda: "delaying unauthorized request" in self.server.error_log(),
                 what="the log line")
        begin = time.monotonic()
        self.assertEqual(self.status("/any/delayed"), 401)
        self.assertGreaterEqual(time.monotonic() - begin, 0.39)

    def test_an_error_page_answers_401(self):
        reply = self.server.get("/page")
        self.assertEqual((reply.status, reply.text), (401, "why"))

    def test_any_needs_one_rule_that_allows(self):
        self.assertEqual(self.status("/any/allowed"), 200)
        self.assertIsNone(self.server.get("/any/allowed").header("www-authenticate"))
        self.assertEqual(self.status("/any/denied"), 401)
        self.assertEqual(self.status("/any/denied", "plain"), 200)
        self.assertEqual(self.status("/any/denied", "plain", "wrong"), 401)
        self.assertEqual(self.status("/any/rules"), 403)

    def test_all_need_to_allow(self):
        self.assertEqual(self.status("/all/denied", "plain"), 403)
        self.assertEqual(self.status("/all/allowed"), 401)
        self.assertEqual(self.status("/all/allowed", "plain"), 200)


class Mistakes(SluiceTest):
    def test_mistakes_are_refused(self):
        for directive, message in (("satisfy some;", 'invalid value "some"'),
                                   ("auth_delay soon;", 'invalid value "soon"'),
                                   ("auth_basic a b;", "invalid number of arguments"),
                                   ("auth_basic $nothing_such;", 'unknown "nothing_such"')):
            server = Sluice("http { server { listen %%PORT%%; " + directive + " } }")
            self.addCleanup(server.cleanup)
            ran = server.run("-t")
            self.assertNotEqual(ran.returncode, 0)
            self.assertIn(message, ran.stderr)


if __name__ == "__main__":
    unittest.main()
