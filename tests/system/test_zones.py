# SPDX-License-Identifier: BSD-2-Clause
"""Shared zones as users see them: kv over HTTP, and what becomes of a zone over reloads, deaths, upgrades
and restarts."""

import json
import os
import re
import unittest

from support.client import build_request
from support.harness import SluiceTest
from support.waiting import wait_for

CONF = """
http {
    access_log off;
    kv_zone store 8m;
    %%STATE%%
    server {
        listen %%PORT%%;
        location /kv/ { kv zone=store; }
        location /status { status_api; }
        location /small/ { kv zone=store max=10; client_max_body_size 1k; }
    }
}"""


class ZoneTest(SluiceTest):
    def start(self, state="", workers=1):
        server = self.serve(CONF.replace("%%STATE%%", state), workers=workers)
        server.dir.joinpath("state").mkdir()
        server.dir.joinpath("state").chmod(0o700)
        return server

    def put(self, server, key, body, **headers):
        return server.get("/kv/" + key, method="PUT", body=body,
                          headers={name.replace("_", "-"): value for name, value in headers.items()})

    def value(self, server, key):
        reply = server.get("/kv/" + key)
        return reply.body if reply.status == 200 else reply.status


class KeysAndValues(ZoneTest):
    def test_put_get_delete(self):
        server = self.start(workers=2)

        created = self.put(server, "a", b"one", Content_Type="text/x-test")
        replaced = self.put(server, "a", b"two" * 10000, Content_Type="text/x-test")
        got = server.get("/kv/a")

        self.assertEqual((created.status, replaced.status, got.status), (201, 204, 200))
        self.assertEqual(got.body, b"two" * 10000)
        self.assertEqual(got.header("Content-Type"), "text/x-test")
        self.assertEqual(got.header("ETag"), replaced.header("ETag"))
        self.assertNotEqual(got.header("ETag"), created.header("ETag"))
        self.assertEqual(server.get("/kv/a", method="DELETE").status, 204)
        self.assertEqual(server.get("/kv/a", method="DELETE").status, 404)
        self.assertEqual(self.value(server, "a"), 404)

    def test_conditions(self):
        server = self.start()

        self.assertEqual(self.put(server, "a", b"1", If_Match="*").status, 412)
        tag = self.put(server, "a", b"1", If_None_Match="*").header("ETag")
        self.assertEqual(self.put(server, "a", b"2", If_None_Match="*").status, 412)
        self.assertEqual(server.get("/kv/a", headers={"If-None-Match": tag}).status, 304)
        self.assertEqual(self.put(server, "a", b"2", If_Match='"foreign"').status, 412)
        self.assertEqual(self.put(server, "a", b"2", If_Match=tag).status, 204)
        self.assertEqual(self.put(server, "a", b"3", If_Match=tag).status, 412)
        self.assertEqual(server.get("/kv/a", method="DELETE", headers={"If-Match": tag}).status, 412)
        self.assertEqual(self.value(server, "a"), b"2")

    def test_time_to_live(self):
        server = self.start()
        self.put(server, "short", b"1", X_TTL="1")
        self.put(server, "long?ttl=1000", b"1")

        self.assertIn(int(server.get("/kv/long").header("X-TTL")), range(990, 1001))
        wait_for(lambda: self.value(server, "short") == 404, what="the short one to expire")
        self.assertEqual(self.value(server, "long"), b"1")
        self.assertEqual(self.put(server, "bad", b"1", X_TTL="soon").status, 400)

    def test_counting(self):
        server = self.start(workers=2)

        answers = [server.get("/kv/n?incr=5", method="POST").body for _ in range(3)]

        self.assertEqual(answers, [b"5", b"10", b"15"])
        self.put(server, "text", b"words")
        self.assertEqual(server.get("/kv/text?incr=1", method="POST").status, 409)
        self.assertEqual(server.get("/kv/n", method="POST").status, 400)

    def test_refusals(self):
        server = self.start()

        self.assertEqual(server.get("/small/a", method="PUT", body=b"x" * 11).status, 413)
        self.assertEqual(server.get("/kv/", method="PUT", body=b"x").status, 400)
        self.assertEqual(server.get("/kv/").status, 404)
        refused = server.get("/kv/a", method="PATCH")
        self.assertEqual((refused.status, refused.header("Allow")),
                         (405, "GET, HEAD, PUT, DELETE, POST"))

    def test_the_status_pages_and_statistics_tell_of_zones(self):
        server = self.start()
        self.put(server, "a", b"one")
        self.value(server, "a")
        self.value(server, "b")

        zone = json.loads(server.get("/status").body)["shared_zones"]["store"]
        metrics = server.get("/status/metrics").text
        self.assertEqual(server.run("-s", "stats").returncode, 0)

        self.assertEqual((zone["kind"], zone["entries"], zone["hits"], zone["misses"], zone["stores"]),
                         ("kv", 1, 1, 1, 1))
        self.assertIn('sluice_zone_entries{zone="store",kind="kv"} 1', metrics)
        server.wait_logged("statistics: zone store: 1 entries, 256 of ")

    def test_a_full_zone_forgets_the_oldest(self):
        server = self.start()
        with server.connect() as connection:
            for i in range(1000):  # 60 to a shard, that has room for 17
                connection.send(build_request(f"/kv/k{i}", method="PUT", body=b"x" * 30000))
                self.assertEqual(connection.read_reply().status, 201)

        self.assertEqual(self.value(server, "k0"), 404)
        self.assertEqual(self.value(server, "k999"), b"x" * 30000)

    def test_counting_under_kill_9(self):
        server = self.start(workers=3)
        sent = acknowledged = 0
        for round_number in range(4):  # more would make the master pause
            for _ in range(30):
                sent += 1
                try:
                    acknowledged += server.get("/kv/n?incr=1", method="POST").status == 200
                except OSError:
                    pass
            server.kill_worker(server.workers()[round_number % 3])

        count = int(self.value(server, "n"))
        self.assertLessEqual(acknowledged, count)
        self.assertLessEqual(count, sent)


class Custody(ZoneTest):
    STATE = "zone_state %%DIR%%/state/store.zone;"

    def test_entries_survive_reload_and_death(self):
        server = self.start()
        self.put(server, "a", b"kept")

        server.reload()
        self.assertEqual(self.value(server, "a"), b"kept")
        server.kill_worker()
        self.assertEqual(self.value(server, "a"), b"kept")

    def restart(self, server):
        server.stop()
        server.start()

    def test_entries_are_restored_at_the_next_start(self):
        server = self.start(self.STATE, workers=2)
        tag = self.put(server, "a", b"one" * 5000).header("ETag")
        self.put(server, "b?ttl=1000", b"two")
        self.put(server, "gone?ttl=1", b"three")
        wait_for(lambda: self.value(server, "gone") == 404, what="one to expire")

        self.restart(server)

        self.assertEqual(server.get("/kv/a").header("ETag"), tag)
        self.assertEqual(self.value(server, "a"), b"one" * 5000)
        self.assertLess(int(server.get("/kv/b").header("X-TTL")), 1000)
        self.assertEqual(self.value(server, "gone"), 404)
        server.wait_logged("2 entries restored")
        self.assertEqual(os.listdir(server.dir / "state"), ["store.zone"])

    def test_a_place_where_nothing_can_be_written_is_told_at_the_start(self):
        server = self.start("zone_state %%DIR%%/none/store.zone;")
        server.wait_logged(re.compile(r"\[error\].*cannot be saved: open\(\) \".*/none/store.zone.\d+.tmp\" failed \(2:"))

    def test_a_torn_or_foreign_file_is_refused_and_the_server_starts_empty(self):
        server = self.start(self.STATE)
        self.put(server, "a", b"one")
        server.stop()
        path = server.dir / "state" / "store.zone"
        whole = path.read_bytes()
        changed = bytearray(whole)
        changed[-1] ^= 1
        for name, content, expected in [("cut", whole[:-1], "bytes of entries where"),
                                        ("changed", bytes(changed), "its checksum does not fit"),
                                        ("head", b"\0" * len(whole), "it is no zone file"),
                                        ("short", b"x", "it is too short")]:
            with self.subTest(name):
                path.write_bytes(content)
                server.start()
                self.assertEqual(self.value(server, "a"), 404)
                server.wait_logged(expected)
                server.stop()
        path.write_bytes(whole)
        server.start()
        self.assertEqual(self.value(server, "a"), b"one")

    def test_rates_are_restored_and_go_on_leaking(self):
        server = self.serve("""
            http {
                access_log off;
                zone_state %%DIR%%/state/rate.zone zone=rate;
                limit_req_zone $arg_key zone=rate:1m rate=1r/m;
                server { listen %%PORT%%; location / { limit_req zone=rate; root %%DIR%%/www; } }
            }""", files={"www/index.html": "x"}, workers=2)
        server.dir.joinpath("state").mkdir(mode=0o700)
        self.assertEqual([server.get("/?key=a").status for _ in range(2)], [200, 429])
        # 62.5 s are between two requests, as thousandths of a request go.
        wait_for(lambda: int(server.get("/?key=a").header("Retry-After")) <= 61, what="time to pass")

        self.restart(server)

        refused = server.get("/?key=a")
        self.assertEqual(refused.status, 429)
        self.assertLessEqual(int(refused.header("Retry-After")), 61, "what has passed is not forgotten")
        self.assertEqual(server.get("/?key=b").status, 200)
        server.wait_logged('zone "rate": 1 entries restored')

    def test_a_file_of_another_kind_is_refused(self):
        server = self.start(self.STATE)
        self.put(server, "a", b"one")
        server.stop()
        server.configure("""
            http {
                limit_req_zone $arg_key zone=store:8m rate=1r/m;
                zone_state %%DIR%%/state/store.zone;
                server { listen %%PORT%%; location / { limit_req zone=store; return 204; } }
            }""")

        server.start()

        self.assertEqual(server.get("/?key=a").status, 204)
        server.wait_logged('it holds a zone of kind "kv" 1, not "limit_req" 2')

    def test_what_cannot_be_saved_is_told_by_the_test_of_the_configuration(self):
        kv, conn = "kv_zone a 1m;", "limit_conn_zone $uri zone=c:1m;"
        for text, expected in [
                (conn + "zone_state f;", 'zone "c" of "limit_conn_zone" cannot be saved: its counts are '
                                         'of what is in progress'),
                (kv + conn + "zone_state f zone=c;", 'zone "c" of "limit_conn_zone" cannot be saved'),
                (kv + "zone_state f; zone_state g;", '"zone_state" directive is duplicate for zone "a"'),
                (kv + "zone_state f; kv_zone b 1m; zone_state f;", 'is the file of zone "a" already'),
                ("zone_state f; " + kv, '"zone_state" stands above every zone'),
                (kv + "zone_state f zone=none;", 'zero size shared memory zone "none"'),
                (kv + "zone_state f interval=10ms;", 'invalid parameter "interval=10ms"'),
                (kv + "zone_state f often;", 'invalid parameter "often"')]:
            with self.subTest(text):
                self.assertIn(expected, self.refusal_of("http { %s server { listen %%%%PORT%%%%; } }" % text))

    def test_a_running_server_saves_every_interval(self):
        server = self.start("zone_state %%DIR%%/state/store.zone interval=1s;")
        self.put(server, "a", b"one")
        path = server.dir / "state" / "store.zone"

        wait_for(lambda: path.exists() and b"one" in path.read_bytes(), what="the file")

    def test_a_place_that_cannot_be_written_is_an_error_and_no_hindrance(self):
        server = self.start("zone_state %%DIR%%/none/store.zone;")
        self.put(server, "a", b"one")

        server.stop()

        server.wait_logged('zone "store" is not saved')


if __name__ == "__main__":
    unittest.main()
