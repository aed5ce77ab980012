# SPDX-License-Identifier: BSD-2-Clause
"""Formats of access logs: texts with their escapes, typed JSON lines."""

import json
import unittest

from support.harness import SluiceTest
from support.waiting import wait_for

JSON_CONF = r"""
http {
    log_format typed json {
        uri $uri;
        status $status;
        bytes $body_bytes_sent;
        seconds $request_time;
        referer $http_referer;
        agent $http_user_agent optional;
        "the peer" { address $remote_addr; port $remote_port; }
        text "$request_method to $host";
        seen $arg_seen boolean;
        version 2 number;
        as_text $status string;
    }
    server {
        listen 127.0.0.1:%%PORT%%;
        access_log %%DIR%%/logs/access.log typed;
        location / { return 200 OK; }
    }
}"""


class TypedJson(SluiceTest):
    conf = JSON_CONF

    def lines(self):
        return [json.loads(line) for line in self.server.access_log().splitlines()]

    def line_for(self, uri):
        def found():
            return [line for line in self.lines() if line.get("uri") == uri]
        return wait_for(found, what=f"the line of {uri}")[0]

    def test_values_have_their_types(self):
        self.server.get("/plain?seen=1", headers={"Host": "a.example", "User-Agent": "test/1"})
        line = self.line_for("/plain")

        self.assertEqual(line["status"], 200)
        self.assertEqual(line["bytes"], 2)
        self.assertIsInstance(line["seconds"], float)
        self.assertIsNone(line["referer"])
        self.assertEqual(line["agent"], "test/1")
        self.assertEqual(line["the peer"]["address"], "127.0.0.1")
        self.assertIsInstance(line["the peer"]["port"], int)
        self.assertEqual(line["text"], "GET to a.example")
        self.assertIs(line["seen"], True)
        self.assertEqual(line["version"], 2)
        self.assertEqual(line["as_text"], "200")

    def test_what_is_empty_is_null_false_or_left_out(self):
        self.server.get("/empty?seen=0")
        line = self.line_for("/empty")

        self.assertIsNone(line["referer"])
        self.assertNotIn("agent", line)
        self.assertIs(line["seen"], False)

    def test_bytes_of_a_client_leave_valid_json(self):
        self.server.get("/q%22%5C%0A%FF%C3%A9x")
        line = self.line_for("/q\"\\\n\ufffd\u00e9x")

        self.assertEqual(line["status"], 200)


class Refused(SluiceTest):
    def error_of(self, formats):
        server = self.serve("http { " + formats + " server { listen %%PORT%%; } }", start=False)
        result = server.run("-t")
        self.assertEqual(result.returncode, 1)
        return result.stderr

    def test_bad_formats_are_told(self):
        self.assertIn('"log_format" has a block', self.error_of("log_format a text { }"))
        self.assertIn("has no keys", self.error_of("log_format a json { }"))
        self.assertIn('unknown "nothing" variable',
                      self.error_of("log_format a json { k $nothing; }"))
        self.assertIn('invalid type "integer"', self.error_of("log_format a json { k 1 integer; }"))
        self.assertIn('duplicate key "k"', self.error_of("log_format a json { k 1; k 2; }"))
        self.assertIn("has no value", self.error_of("log_format a json { k; }"))


if __name__ == "__main__":
    unittest.main()
