# SPDX-License-Identifier: BSD-2-Clause
"""limit_req and limit_conn: over all workers, in nginx's words, and after workers were killed."""

import os
import re
import unittest

from support.client import build_request
from support.harness import SluiceTest
from support.waiting import wait_for

CONF = """
%%COMPAT%%
http {
    limit_req_zone $arg_key zone=slow:1m rate=1r/m;
    limit_req_zone $arg_key zone=fast:1m rate=2r/s;
    limit_conn_zone $arg_key zone=open:1m;
    log_format status "$limit_req_status $limit_conn_status $status";
    access_log %%DIR%%/logs/access.log status;
    server {
        listen %%PORT%%;
        root %%DIR%%/www;
        location /slow { limit_req zone=slow; return 200 never; }
        location /file { limit_req zone=slow; try_files /index.html =404; }
        location /burst { limit_req zone=slow burst=2 nodelay; try_files /index.html =404; }
        location /wait { limit_req zone=fast burst=5; add_header X-Time $request_time;
                         try_files /index.html =404; }
        location /dry { limit_req zone=slow; limit_req_dry_run on; try_files /index.html =404; }
        location /own { limit_req zone=slow; limit_req_status 503; limit_req_log_level info;
                        try_files /index.html =404; }
        location /big { limit_conn open 1; try_files /big.bin =404; }
        location /both { limit_req zone=slow; limit_conn open 1; try_files /index.html =404; }
    }
}"""
FILES = {"www/index.html": "front", "www/big.bin": os.urandom(1 << 16) * 256}


class Limits(SluiceTest):
    def start(self, workers=1, compat=""):
        return self.serve(CONF.replace("%%COMPAT%%", compat), workers=workers, files=FILES)

    def status(self, server, path):
        return server.get(path).status

    def test_a_second_request_is_one_too_many(self):
        server = self.start()

        first, second = server.get("/file?key=a"), server.get("/file?key=a")

        self.assertEqual((first.status, second.status), (200, 429))
        self.assertIn(int(second.header("Retry-After")), range(60, 64))
        self.assertEqual(self.status(server, "/file?key=b"), 200, "another key")
        self.assertEqual(self.status(server, "/file"), 200, "no key, no limit")
        self.assertEqual(self.status(server, "/file"), 200)
        line = r'limiting requests, excess: [01]\.\d{3} by zone "slow", client: 127\.0\.0\.1, server: '
        server.wait_logged(re.compile(line))
        server.wait_logged('request: "GET /file?key=a HTTP/1.1", host: ')

    def test_only_a_limit_that_has_a_key_tells_what_it_did(self):
        server = self.start()

        server.get("/both")
        server.get("/both?key=a")

        server.wait_accessed("- - 200")
        server.wait_accessed("PASSED PASSED 200")

    def test_compat_refuses_with_503(self):
        server = self.start(compat="compat nginx;")

        replies = [server.get("/file?key=a") for _ in range(2)]

        self.assertEqual([r.status for r in replies], [200, 503])
        self.assertIsNone(replies[1].header("Retry-After"))
        server.wait_logged(re.compile(r"\[error\].*limiting requests, excess: "))

    def test_all_workers_count_together(self):
        server = self.start(workers=4)

        answers = [self.status(server, "/burst?key=a") for _ in range(12)]

        self.assertEqual(answers.count(200), 3)
        self.assertEqual(answers.count(429), 9)

    def test_what_is_over_the_rate_waits(self):
        server = self.start()
        with server.connect() as connection:
            connection.send(build_request("/wait?key=a") * 3)
            replies = [connection.read_reply() for _ in range(3)]

        self.assertEqual([r.status for r in replies], [200, 200, 200])
        self.assertNotEqual(replies[2].header("X-Time"), "0.000")
        server.wait_accessed("DELAYED - 200")
        server.wait_logged("delaying request, excess: ")

    def test_a_client_that_leaves_while_it_waits_is_forgotten(self):
        server = self.start()
        before = server.workers()
        self.assertEqual(self.status(server, "/wait?key=a"), 200)
        for _ in range(3):
            with server.connect() as connection:
                connection.send(build_request("/wait?key=a"))

        wait_for(lambda: self.status(server, "/file?key=fresh" + os.urandom(4).hex()) == 200,
                 what="the worker to live on")
        self.assertEqual(server.workers(), before)

    def test_one_that_leaves_is_noticed_at_once(self):
        server = self.serve("""http { limit_req_zone $arg_key zone=r:1m rate=1r/m;
            log_format s "$status $uri"; access_log %%DIR%%/logs/access.log s;
            server { listen %%PORT%%; root %%DIR%%/www;
                location /wait { limit_req zone=r burst=1; try_files /f =404; }
                location /slow { auth_basic r; auth_basic_user_file none; auth_delay 1m; } } }""",
                            files={"www/f": "f"})
        self.assertEqual(self.status(server, "/wait?key=a"), 200)
        for path, word in (("/wait", "delaying request"), ("/slow", "delaying unauthorized")):
            with server.connect() as connection:
                connection.get("/f")  # then no event can bring the request and the FIN
                connection.send(build_request(path + "?key=a"))  # a minute's delay
                server.wait_logged(word)
            server.wait_accessed(f"499 {path}\n")

    def test_dry_run_lets_all_pass_and_says_so(self):
        server = self.start()

        self.assertEqual([self.status(server, "/dry?key=a") for _ in range(2)], [200, 200])

        server.wait_accessed("REJECTED_DRY_RUN - 200")
        server.wait_logged("limiting requests, dry run, excess: ")

    def test_status_and_level_can_be_chosen(self):
        server = self.start()

        self.assertEqual([self.status(server, "/own?key=a") for _ in range(2)], [200, 503])
        text = server.wait_logged(re.compile(r"\[info\].*limiting requests"))
        self.assertNotRegex(text, r"\[error\].*limiting requests")

    def hold(self, server, key):
        """A connection whose reply is not read: the request stays in progress."""
        connection = server.connect()
        connection.send(build_request(f"/big?key={key}"))
        connection.read_head()
        return connection

    def test_one_request_at_a_time(self):
        server = self.start(workers=2)
        held = self.hold(server, "a")

        self.assertEqual([self.status(server, "/big?key=a") for _ in range(4)], [429] * 4)
        self.assertEqual(server.get("/both?key=b").status, 200)
        held.close()

        wait_for(lambda: self.status(server, "/big?key=a") == 200, what="the place to be given back")
        server.wait_logged('limiting connections by zone "open", client: 127.0.0.1')

    def test_a_killed_worker_s_requests_count_no_more(self):
        server = self.start(workers=1)
        held = self.hold(server, "a")
        self.assertEqual(self.status(server, "/both?key=a"), 429)

        server.kill_worker()

        wait_for(lambda: self.status(server, "/big?key=a") == 200, what="the dead one's count to go")
        held.close()

    def test_limits_survive_reload_and_a_killed_worker(self):
        server = self.start()
        self.assertEqual(self.status(server, "/file?key=a"), 200)

        server.reload()
        self.assertEqual(self.status(server, "/file?key=a"), 429, "after a reload")
        server.kill_worker()

        self.assertEqual(self.status(server, "/file?key=a"), 429, "after kill -9")

    def test_a_zone_of_another_size_begins_empty_and_a_refused_reload_changes_nothing(self):
        server = self.start()
        self.assertEqual(self.status(server, "/file?key=a"), 200)

        server.configure(CONF.replace("%%COMPAT%%", "").replace("slow:1m rate", "slow:2m rate"))
        server.reload()
        self.assertEqual(self.status(server, "/file?key=a"), 200, "a new zone")
        server.wait_logged('zone "slow" changes its size or use: the new one begins empty')
        changed = CONF.replace("%%COMPAT%%", "").replace("slow:1m rate", "slow:2m rate")
        server.allowed_words.append("previously it used")
        server.configure(changed.replace("$arg_key zone=slow", "$arg_other zone=slow"))
        answer = server.run("-s", "reload")

        self.assertIn('limit_req_zone "slow" uses the "$arg_other" key while previously it used '
                      'the "$arg_key" key', answer.stderr)
        self.assertEqual(self.status(server, "/file?key=a"), 429, "the old configuration serves on")


class BadLimits(SluiceTest):
    def complaint(self, http, server=""):
        return self.refusal_of("http { %s server { listen %%%%PORT%%%%; %s } }" % (http, server))

    def test_a_name_for_two_uses(self):
        text = self.complaint("limit_req_zone $uri zone=x:1m rate=1r/s;\n limit_conn_zone $uri zone=x:1m;")

        self.assertIn('the shared memory zone "x" is already declared for a different use', text)
        self.assertRegex(text, r"it is a limit_req_zone in .*:2")

    def test_sizes_rates_and_unknown_zones(self):
        for http, server, expected in [
                ("limit_req_zone $uri zone=x:4k rate=1r/s;", "", "is too small"),
                ("limit_req_zone $uri zone=x rate=1r/s;", "", "invalid zone size"),
                ("limit_req_zone $uri zone=x:1m rate=fast;", "", "invalid rate"),
                ("limit_req_zone $uri rate=1r/s shards=4;", "", 'must have "zone" parameter'),
                ("", "limit_req zone=none;", 'zero size shared memory zone "none"'),
                ("limit_conn_zone $uri zone=x:1m;", "limit_conn x 0;", "invalid number of connections"),
                ("limit_conn_zone $uri zone=x:1m;", "limit_conn x 65536;", "must be less 65536"),
                ("limit_conn_zone $uri zone=x:1m;", "limit_conn x 1; limit_conn x 2;", "is duplicate"),
                ("limit_conn_zone $uri zone=x:1m;", "limit_req zone=x;", "for a different use"),
                ("", "limit_req_status 200;", "value must be between 400 and 599")]:
            with self.subTest(http=http, server=server):
                self.assertIn(expected, self.complaint(http, server))


if __name__ == "__main__":
    unittest.main()
