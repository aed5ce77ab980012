# SPDX-License-Identifier: BSD-2-Clause
"""stub_status and status_api: exact numbers, whichever worker answers and whatever dies meanwhile."""

import json
import os
import re
import signal
import unittest

from support import processes
from support.client import build_request
from support.harness import SluiceTest
from support.waiting import wait_for

CONF = """
http { server { listen 127.0.0.1:%%PORT%%; server_name a.example; root %%DIR%%/www;
  location = /stub { stub_status; }
  location = /old { stub_status on; }
  location /status { status_api; }
  location /gone/ { return 410; }
  location /if/ { if ($arg_x) { return 403; } return 200 x; }
  location /away/ { return 301 /; }
  location /broken/ { return 500 x; }
  location /named/ { status_zone pictures; return 200 abc; }
  location ~ "\\.quiet$" { status_zone off; return 204; }
  location ~ "\\d\\"odd" { return 200 odd; }
  location = /gauges { return 200 "$connections_active $connections_reading $connections_writing $connections_waiting"; } } }
"""
FILES = {"www/index.html": "hello"}


def zone(server):
    return f"a.example@127.0.0.1:{server.port}"


def wire_size(reply):
    return len(reply.raw_head) + len("\r\n\r\n") + len(reply.body)


def state(server, path="/status"):
    return json.loads(server.get(path).body)


def parse_prometheus(text):
    """{name: {labels: value}}; asserts the rules of the exposition format."""
    kinds, samples = {}, {}
    current = None
    for line in text.decode().splitlines():
        if match := re.fullmatch(r"# HELP (\w+) (.+)", line):
            current = match[1]
            assert current not in kinds, f"{current} comes twice"
        elif match := re.fullmatch(r"# TYPE (\w+) (counter|gauge|histogram)", line):
            assert match[1] == current, line
            kinds[current] = match[2]
        else:
            match = re.fullmatch(r'(\w+?)(_bucket|_sum|_count)?(\{(?:\w+="(?:[^"\\\n]|\\[\\"n])*",?)+\})? '
                                 r"(\d+(?:\.\d+)?)", line)
            assert match, line
            name = match[1]
            if name != current:  # a counter may end in _sum by itself
                name += match[2] or ""
            assert name == current, f"{line} stands in family {current}"
            samples.setdefault(match[1] + (match[2] or ""), {})[match[3] or ""] = float(match[4])
    return kinds, samples


class StubStatus(SluiceTest):
    conf = CONF
    files = FILES

    def test_looks_as_in_nginx(self):
        reply = self.server.get("/stub")

        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.header("Content-Type"), "text/plain")
        self.assertRegex(reply.body.decode(),
                         r"\AActive connections: \d+ \nserver accepts handled requests\n"
                         r" \d+ \d+ \d+ \nReading: \d+ Writing: \d+ Waiting: \d+ \n\Z")
        self.assertIsNone(reply.header("ETag"))
        self.assertIsNone(reply.header("Last-Modified"))

    def test_takes_the_old_argument_and_head(self):
        self.assertEqual(self.server.get("/old").status, 200)
        with self.server.connect() as connection:
            connection.send(build_request("/stub", method="HEAD"))
            reply = connection.read_reply(head_only=True)
        self.assertEqual(reply.status, 200)
        self.assertGreater(int(reply.header("Content-Length")), 60)

    def test_refuses_other_methods(self):
        for path in ("/stub", "/status"):
            self.assertEqual(self.server.get(path, method="POST", body=b"x").status, 405)


class Counts(SluiceTest):
    def start(self, workers=1, **options):
        return self.serve(CONF, workers=workers, files=FILES, **options)

    def test_stub_status_counts_exactly(self):
        server = self.start()
        for _ in range(3):
            server.get("/")
        with (server.connect() as asking, server.connect() as idle, server.connect() as reading,
              server.connect()):
            idle.get("/")
            reading.send(b"GET / HTTP/1.1\r\n")

            def numbers():
                return [int(n) for n in re.findall(r"\d+", asking.get("/stub").body.decode())]

            wait_for(lambda: numbers()[4] == 1, what="the unfinished head to be counted")
            wait_for(lambda: numbers()[0] == 4, what="closed connections to be forgotten")
            first, second = numbers(), numbers()
            self.assertEqual(first[4:], [1, 1, 2])
            self.assertEqual(first[1], first[2])
            self.assertEqual([b - a for a, b in zip(first, second)], [0, 0, 0, 1, 0, 0, 0])
            self.assertEqual(asking.get("/gauges").body, b"4 1 1 2")

    def test_series_count_exactly_by_class_and_bytes(self):
        server = self.start()
        sent, received = 0, 0
        with server.connect() as connection:
            for path, count in (("/", 4), ("/gone/x", 3), ("/away/x", 2), ("/missing", 1)):
                for _ in range(count):
                    request = build_request(path)
                    connection.send(request)
                    reply = connection.read_reply()
                    received += len(request)
                    sent += wire_size(reply)
        server.get("/broken/")
        for _ in range(2):
            server.get("/named/")
        server.get("/x.quiet")
        server.get("/7%22odd")
        server.get("/if/?x=1")
        page = state(server)

        mine = page["servers"][zone(server)]
        self.assertEqual(mine["responses"],
                         {"1xx": 0, "2xx": 8, "3xx": 2, "4xx": 5, "5xx": 1, "other": 0})
        self.assertEqual(mine["requests"], 16)
        self.assertEqual(mine["latency_ms"]["count"], 16)
        self.assertEqual(mine["locations"]["/if/"]["responses"]["4xx"], 1)
        self.assertEqual(mine["locations"]["/gone/"]["responses"]["4xx"], 3)
        self.assertEqual(mine["locations"]["/away/"]["responses"]["3xx"], 2)
        self.assertEqual(mine["locations"]['~ \\d"odd']["requests"], 1)
        self.assertNotIn("~ \\.quiet$", mine["locations"])
        self.assertNotIn("/named/", mine["locations"])
        self.assertEqual(page["locations"]["pictures"]["requests"], 2)
        self.assertEqual(page["requests"]["requests"], 16)
        self.assertEqual(page["requests"]["begun"], 17)
        gone = mine["locations"]["/gone/"]
        self.assertEqual(gone["received"], 3 * len(build_request("/gone/x")))
        self.assertGreaterEqual(mine["received"], received)
        self.assertGreaterEqual(mine["sent"], sent)

    def test_bytes_are_those_on_the_wire(self):
        server = self.start()
        request = build_request("/gone/x")
        with server.connect() as connection:
            connection.send(request)
            reply = connection.read_reply()
        gone = state(server)["servers"][zone(server)]["locations"]["/gone/"]

        self.assertEqual(gone["received"], len(request))
        self.assertEqual(gone["sent"], wire_size(reply))

    def test_latency_is_that_of_slow_requests(self):
        server = self.start()
        with server.connect() as connection:
            connection.send(b"GET /gone/x HTTP/1.1\r\n")
            wait_for(lambda: state(server)["connections"]["reading"] == 1,
                     what="the head to have begun")
            begun = state(server)["time"]
            # Whole seconds of the server's own clock: no sleep, and no guess about its speed.
            wait_for(lambda: state(server)["time"] >= begun + 2, what="a second to pass")
            connection.send(b"Host: x\r\n\r\n")
            connection.read_reply()
        latency = state(server)["servers"][zone(server)]["locations"]["/gone/"]["latency_ms"]

        self.assertEqual(latency["count"], 1)
        self.assertGreaterEqual(latency["sum"], 1000)
        self.assertEqual(latency["below"]["800"], 0)
        self.assertEqual(latency["below"]["102400"], 1)
        self.assertGreaterEqual(latency["p50"], 800)

    # --- every worker tells the whole

    def total(self, server):
        return state(server)["servers"][zone(server)]["locations"]["/gone/"]["requests"]

    def wait_total(self, server, count):
        """A request is counted when it has ended, a moment behind its reply; another worker may
        tell the number meanwhile."""
        wait_for(lambda: self.total(server) >= count, what=f"{count} requests to be counted")
        self.assertEqual(self.total(server), count)

    def ask(self, server, count):
        for _ in range(count):
            self.assertEqual(server.get("/gone/").status, 410)

    def test_any_worker_tells_the_whole(self):
        server = self.start(workers=2)
        connections = [server.connect() for _ in range(16)]
        for connection in connections:
            for _ in range(5):
                self.assertEqual(connection.get("/gone/").status, 410)
        self.wait_total(server, 80)
        wait_for(lambda: json.loads(connections[0].get("/status").body)["connections"]["active"] == 16,
                 what="closed connections to be forgotten")
        pages = [json.loads(connection.get("/status").body) for connection in connections]
        for connection in connections:
            connection.close()

        counts = {page["servers"][zone(server)]["locations"]["/gone/"]["requests"] for page in pages}
        self.assertEqual(counts, {80})
        self.assertEqual({page["connections"]["active"] for page in pages}, {16})
        self.assertEqual([worker["worker"] for worker in pages[0]["workers"]], [0, 1])
        self.assertEqual({worker["pid"] for worker in pages[0]["workers"]}, set(server.workers()))
        self.assertEqual(sum(worker["connections"] for worker in pages[0]["workers"]), 16)
        self.assertEqual(pages[0]["pid"], server.pid)

    def test_counts_survive_a_reload(self):
        server = self.start(workers=2)
        self.ask(server, 7)
        self.assertEqual(server.reload().returncode, 0)
        self.ask(server, 1)

        self.wait_total(server, 8)
        page = state(server)
        self.assertEqual(page["generation"], 2)
        self.assertEqual({worker["generation"] for worker in page["workers"]}, {2})
        self.assertEqual(page["reloads"]["accepted"], 1)
        self.assertEqual(page["reloads"]["last"]["result"], "accepted")

    def test_a_refused_reload_is_told(self):
        server = self.start()
        server.configure(CONF.replace("stub_status;", "nonsense;"))
        server.allowed_words = ["nonsense"]
        server.signal(signal.SIGHUP)
        page = wait_for(lambda: (page := state(server))["reloads"]["refused"] and page,
                        what="the reload to be refused")

        self.assertEqual(page["reloads"]["refused"], 1)
        self.assertEqual(page["reloads"]["last"]["result"], "refused")
        self.assertEqual(page["generation"], 1)

    def test_a_location_that_left_is_counted_on_when_it_returns(self):
        server = self.start()
        self.ask(server, 3)
        server.configure(CONF.replace("location /gone/ { return 410; }", ""))
        server.reload()
        self.assertNotIn("/gone/", state(server)["servers"][zone(server)]["locations"])
        self.assertEqual(state(server)["servers"][zone(server)]["responses"]["4xx"], 3)
        server.configure(CONF)
        server.reload()
        self.ask(server, 1)

        self.wait_total(server, 4)

    def test_counts_survive_killed_workers_and_their_gauges_do_not(self):
        server = self.start(workers=2)
        self.ask(server, 5)
        held = [server.connect() for _ in range(12)]
        for connection in held:
            connection.get("/gone/")
        self.wait_total(server, 17)
        for pid in server.workers():
            server.kill_worker(pid)

        def restarts():
            return [worker["restarts"] for worker in state(server)["workers"]]
        wait_for(lambda: self.answers(server) and restarts() == [1, 1], what="both workers to be back")
        with server.connect() as asking:
            # The dead workers' twelve are gone at once, those that asked meanwhile when they end.
            wait_for(lambda: json.loads(asking.get("/status").body)["connections"]["active"] == 1,
                     what="no connection but this one")
        page = state(server)

        self.assertEqual(self.total(server), 17)
        self.assertEqual(page["counters"]["sluice_worker_restarts_total"], 2)
        for name in ("refused", "overflows", "muted"):
            self.assertEqual(page["counters"][f"sluice_directory_watches_{name}_total"], 0)
        for connection in held:
            connection.close()

    def answers(self, server):
        try:
            return server.get("/stub").status == 200
        except OSError:
            return False

    def test_counts_survive_an_upgrade(self):
        server = self.start(workers=2)
        self.ask(server, 6)
        server.signal(signal.SIGUSR2)
        wait_for(lambda: len(server.workers(self.heir(server) or -1)) == 2,
                 what="the new master's workers")
        heir = self.heir(server)
        server.signal(signal.SIGQUIT)
        server.wait_exit()

        family = [heir, *processes.children_of(heir)]
        try:
            self.ask(server, 1)
            self.wait_total(server, 7)
            page = state(server)
            self.assertEqual(page["pid"], heir)
            self.assertEqual(page["generation"], 1)
        finally:
            os.kill(heir, signal.SIGQUIT)
            wait_for(lambda: not any(map(processes.is_alive, family)), what="the new master to end")
        self.assertNotIn("statistics", server.error_log())

    def heir(self, server):
        for pid in processes.children_of(server.pid):
            if processes.title_of(pid).startswith("sluice: master"):
                return pid
        text = server.pid_file.read_text() if server.pid_file.exists() else ""
        return int(text) if text and int(text) != server.pid else None

    # --- forms

    def test_the_form_follows_query_path_and_accept(self):
        server = self.start()
        text, page = "text/plain; version=0.0.4; charset=utf-8", "application/json"
        for path, accept, kind in (
                ("/status", None, page), ("/status/", "*/*", page), ("/status/json", None, page),
                ("/status/metrics", None, text), ("/status?format=prometheus", None, text),
                ("/status/metrics?format=json", None, page), ("/status", "text/html,*/*;q=0.8", page),
                ("/status", "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5", text),
                ("/status", "application/json, text/plain", page)):
            reply = server.get(path, headers={"Accept": accept} if accept else None)
            self.assertEqual((reply.status, reply.header("Content-Type")), (200, kind), path)
        for path in ("/status?format=xml", "/status/other"):
            self.assertEqual(server.get(path).status, 404)

    def test_prometheus_text_is_valid_and_agrees_with_the_json(self):
        server = self.start(workers=2)
        self.ask(server, 4)
        server.get("/7%22odd")
        self.wait_total(server, 4)
        wait_for(lambda: state(server)["servers"][zone(server)]["locations"]['~ \\d"odd']["requests"] == 1,
                 what="the odd one to be counted")
        page = state(server)
        kinds, samples = parse_prometheus(server.get("/status/metrics").body)

        labels = f'{{server="{zone(server)}",location="/gone/",class="4xx"}}'
        self.assertEqual(samples["sluice_http_location_responses_total"][labels], 4)
        self.assertEqual(kinds["sluice_http_server_request_duration_seconds"], "histogram")
        self.assertEqual(samples["sluice_connections_accepted_total"][""],
                         page["connections"]["accepted"] + 1)
        odd = [key for key in samples["sluice_http_location_sent_bytes_total"] if "odd" in key]
        self.assertEqual(odd, [f'{{server="{zone(server)}",location="~ \\\\d\\"odd"}}'])
        self.check_histograms(samples, "sluice_http_server_request_duration_seconds")
        self.check_histograms(samples, "sluice_http_location_request_duration_seconds")

    def check_histograms(self, samples, name):
        series = {}
        for labels, value in samples[name + "_bucket"].items():
            bound = re.search(r',?le="([^"]+)"', labels)
            key = labels.replace(bound[0], "")
            series.setdefault(key, []).append((float(bound[1].replace("+Inf", "inf")), value))
        self.assertEqual(series.keys(), samples[name + "_count"].keys())
        for key, buckets in series.items():
            self.assertEqual(buckets, sorted(buckets), key)
            self.assertEqual([value for _, value in buckets],
                             sorted(value for _, value in buckets), key)
            self.assertEqual(buckets[-1], (float("inf"), samples[name + "_count"][key]), key)
            self.assertIn(key, samples[name + "_sum"])

    # --- limits

    def test_too_many_locations_are_counted_together(self):
        many = "".join(f"location = /l{i} {{ return 200 x; }}\n" for i in range(600))
        server = self.serve("http { server { listen 127.0.0.1:%%PORT%%; location /status { status_api; }\n"
                            + many + "} }")
        server.wait_logged('are counted as "other"')
        for i in (598, 599):
            server.get(f"/l{i}")
        server.get("/l3")
        page = state(server)

        self.assertEqual(page["locations"]["other"]["requests"], 2)
        self.assertEqual(page["servers"][f"127.0.0.1:{server.port}"]["locations"]["= /l3"]["requests"], 1)
        self.assertEqual(page["requests"]["requests"], 3)


if __name__ == "__main__":
    unittest.main()
