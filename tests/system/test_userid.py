# SPDX-License-Identifier: BSD-2-Clause
"""userid: cookies given, read again, marked, replaced; what variables and logs say of them."""

import base64
import struct
import unittest
from concurrent.futures import ThreadPoolExecutor

from support.client import Connection
from support.harness import SluiceTest

CONF = r"""
http {
    log_format ids "$uri got $uid_got set $uid_set";
    access_log %%DIR%%/logs/access.log ids;
    map $arg_reset $uid_reset { default ""; 0 0; 1 1; log log; }
    root %%DIR%%/www;
    add_header X-Got $uid_got;
    add_header X-Set $uid_set;
    server {
        listen %%PORT%%;
        userid on;
        location / { }
        location /early/ { return 200 "$uid_set $uid_set"; }
        location /off { userid off; }
        location /log { userid log; }
        location /v1 { userid v1; }
        location /v1/service { userid v1; userid_service 258; alias %%DIR%%/www/a; }
        location /service { userid_service 258; }
        location /mark { userid_mark t; }
        location /named {
            userid_name visitor; userid_domain example.com; userid_path /named; userid_expires max;
            userid_p3p 'policyref="/w3c/p3p.xml", CP="CUR"'; userid_flags secure httponly samesite=lax;
            location /named/plain {
                userid_domain none; userid_p3p none; userid_flags off; userid_expires off;
            }
        }
        location /days { userid_expires 2d; }
        location /inner { error_page 404 /a; }
        location /refused { deny all; }
    }
}
"""

NAMES = ("a", "off", "log", "v1", "service", "mark", "named", "named/plain", "days")


def digits(cookie):
    """What variables show of a cookie's id."""
    raw = base64.b64decode(cookie[:22] + "==")
    return "".join(f"{word:08X}" for word in struct.unpack("=4I", raw))


class UserId(SluiceTest):
    conf = CONF
    files = {f"www/{name}" + ("/index.html" if name == "named" else ""): "x" for name in NAMES}
    workers = 2

    def given(self, path="/a", name="uid", **headers):
        """The reply, the cookie's id and its attributes."""
        reply = self.server.get(path, headers)
        cookies = reply.all("set-cookie")
        self.assertEqual(len(cookies), 1, f"{path} {reply.raw_head}")
        value, *attributes = cookies[0].split("; ")
        self.assertTrue(value.startswith(name + "="), value)
        return reply, value[len(name) + 1:], attributes

    def test_a_cookie_is_given(self):
        reply, cookie, attributes = self.given()
        self.assertEqual(reply.status, 200)
        self.assertRegex(cookie, r"^[A-Za-z0-9+/]{22}==$")
        self.assertEqual(attributes, ["path=/"])
        self.assertEqual(base64.b64decode(cookie)[:4], bytes([127, 0, 0, 1]))
        self.assertEqual(reply.header("x-got"), None)
        self.assertEqual(reply.header("x-set"), "uid=" + digits(cookie))
        self.assertEqual(reply.header("p3p"), None)

    def test_one_that_comes_again_is_kept(self):
        _, cookie, _ = self.given()
        for field in (f"uid={cookie}", f"a=b; uid={cookie}; c=d", f"UID={cookie[:22]}xx trailing"):
            reply = self.server.get("/a", {"Cookie": field})
            self.assertEqual(reply.all("set-cookie"), [], field)
            self.assertEqual(reply.header("x-got"), "uid=" + digits(cookie))
            self.assertEqual(reply.header("x-set"), None)

    def test_the_id_is_one_wherever_it_is_asked_for(self):
        reply, cookie, _ = self.given("/early/")
        self.assertEqual(reply.text, f"uid={digits(cookie)} uid={digits(cookie)}")
        self.server.wait_accessed(f"/early/ got - set uid={digits(cookie)}")

    def test_any_reply_has_it(self):
        for path, status in (("/nothing", 404), ("/refused", 403), ("/inner", 404)):
            self.assertEqual(self.given(path)[0].status, status)

    def test_log_and_off_give_none(self):
        _, cookie, _ = self.given()
        for path, got in (("/log", "uid=" + digits(cookie)), ("/off", None)):
            reply = self.server.get(path, {"Cookie": "uid=" + cookie})
            self.assertEqual(reply.header("x-got"), got, path)
            reply = self.server.get(path)
            self.assertEqual(reply.all("set-cookie"), [], path)
            self.assertEqual(reply.header("x-set"), None, path)

    def test_broken_cookies_are_replaced_and_logged(self):
        self.given(Cookie="uid=short")
        self.server.wait_logged('client sent too short userid cookie "uid=short"')
        self.given(Cookie="uid=" + "!" * 24)
        self.server.wait_logged('client sent invalid userid cookie "uid=!!!!!!!')
        self.given(Cookie="other=" + "A" * 24)
        self.given(Cookie="uid=" + "A" * 22 + "==")  # the id of nobody

    def test_attributes(self):
        reply, _, attributes = self.given("/named/", "visitor")
        self.assertEqual(attributes, ["expires=Thu, 31-Dec-37 23:55:55 GMT", "domain=example.com",
                                      "path=/named", "secure", "httponly", "samesite=lax"])
        self.assertEqual(reply.header("p3p"), 'policyref="/w3c/p3p.xml", CP="CUR"')
        reply, _, attributes = self.given("/named/plain", "visitor")
        self.assertEqual(attributes, ["path=/named"])
        self.assertEqual(reply.header("p3p"), None)
        _, _, attributes = self.given("/days")
        self.assertRegex(attributes[0], r"^expires=\w{3}, \d\d-\w{3}-\d\d \d\d:\d\d:\d\d GMT$")

    def test_service_and_formats(self):
        def words(path, order):
            return struct.unpack(order + "4I", base64.b64decode(self.given(path)[1]))
        self.assertEqual(words("/service", ">")[0], 258)
        self.assertEqual(words("/v1/service", "=")[0], 258)
        first, second = words("/v1", "="), words("/a", ">")
        self.assertEqual(first[0], 0)
        self.assertLess(abs(first[1] - second[1]), 600)  # seconds
        self.assertEqual((first[3] & 255, second[3] & 255), (1, 2))

    def test_a_mark_is_added_to_cookies_without_it(self):
        _, cookie, _ = self.given("/mark")
        self.assertEqual(cookie[22:], "t=")
        self.assertEqual(self.server.get("/mark", {"Cookie": "uid=" + cookie}).all("set-cookie"), [])
        _, plain, _ = self.given()
        reply, again, _ = self.given("/mark", Cookie="uid=" + plain)
        self.assertEqual(again, plain[:22] + "t=")
        self.assertEqual(reply.header("x-got"), reply.header("x-set"))

    def test_reset_replaces_the_id(self):
        _, cookie, _ = self.given()
        field = {"Cookie": "uid=" + cookie}
        for path in ("/a", "/a?reset=0", "/a?reset="):
            self.assertEqual(self.server.get(path, field).all("set-cookie"), [], path)
        reply, fresh, _ = self.given("/a?reset=1", **field)
        self.assertNotEqual(fresh, cookie)
        self.assertEqual(reply.header("x-got"), "uid=" + digits(cookie))
        self.assertEqual(reply.header("x-set"), "uid=" + digits(fresh))
        self.given("/a?reset=log", **field)
        self.server.wait_logged(f'userid cookie "uid={digits(cookie)}" was reset')

    def test_ids_differ_over_workers_and_connections(self):
        def ids(_):
            with Connection(self.server.port) as client:
                return [client.get("/a").header("set-cookie") for _ in range(25)]
        with ThreadPoolExecutor(8) as pool:
            seen = [cookie for some in pool.map(ids, range(24)) for cookie in some]
        self.assertEqual(len(set(seen)), 600)

    def test_a_worker_that_took_anothers_place_makes_others(self):
        server = self.serve("http { server { listen %%PORT%%; userid on; return 200 x; } }")
        seen = []
        for _ in range(3):
            seen += [server.get("/").header("set-cookie") for _ in range(5)]
            server.kill_worker()
        self.assertEqual(len(set(seen)), 15)


class Reset(SluiceTest):
    def test_set_may_change_it(self):
        server = self.serve("""http { server { listen %%PORT%%; userid on;
            location / { return 200 "[$uid_reset]"; }
            location /reset { set $uid_reset 1; return 200 "[$uid_reset]"; } } }""")
        cookie = server.get("/").header("set-cookie").split(";")[0]
        for path, text, is_given in (("/", "[]", False), ("/reset", "[1]", True)):
            reply = server.get(path, {"Cookie": cookie})
            self.assertEqual((reply.text, bool(reply.header("set-cookie"))), (text, is_given))
        self.assertNotIn("uninitialized", server.error_log())


class Configuration(SluiceTest):
    def test_mistakes_are_told(self):
        for line, text in (
                ("userid yes;", '"yes"'),
                ("userid_mark ab;", "userid_mark"), ("userid_mark -;", "single letter"),
                ("userid_flags insecure;", "insecure"), ("userid_flags off secure;", "off"),
                ("userid_expires soon;", "soon"), ("userid_expires 10ms;", "10ms"),
                ("userid_service x;", "userid_service"), ("userid_service 4294967296;", "service"),
                ('userid_path "/a\nb";', "userid_path"), ("userid on; userid off;", "duplicate"),
                ("userid;", "number of arguments")):
            refusal = self.refusal_of(f"http {{ server {{ listen %%PORT%%; {line} }} }}")
            self.assertRegex(refusal, text, line)
            self.assertIn(".conf:", refusal, line)

    def test_uid_reset_may_be_read_where_nothing_sets_it(self):
        server = self.serve('http { server { listen %%PORT%%; return 200 "[$uid_reset]"; } }')
        self.assertEqual(server.get("/").text, "[]")
        self.assertIn("uid_resets", self.refusal_of(
            'http { server { listen %%PORT%%; return 200 "$uid_resets"; } }'))


if __name__ == "__main__":
    unittest.main()
