# SPDX-License-Identifier: BSD-2-Clause
"""access_log, log_format and open_log_file_cache in stream."""

import gzip
import json
import re
import socket
import unittest

from support.harness import SluiceTest
from support.sessions import ask, reach, read_to_end
from support.waiting import wait_for


def text_of(path):
    return path.read_text() if path.exists() else ""


class AccessLog(SluiceTest):
    conf = """
    stream {
        log_format plain "$protocol $status $bytes_received $bytes_sent $session_time $server_port";
        log_format quoted '$protocol "$proxy_protocol_tlv_authority" $upstream_addr';
        log_format as_json escape=json '{"addr":"$remote_addr","told":"$proxy_protocol_addr","port":"$server_port"}';
        log_format raw escape=none "$word";
        log_format typed json { status $status; bytes $bytes_sent; in { port $server_port; } told $proxy_protocol_addr optional; }
        log_format port "port $server_port";
        map $bytes_sent $is_short { ~^[0-9]$ 1; default 0; }
        map $server_port $word { default 'a"b'; }
        access_log %%DIR%%/logs/outer.log port;

        server { listen 127.0.0.1:%%PORT%%; access_log %%DIR%%/logs/plain.log plain; return hello; }
        server { listen 127.0.0.1:%%PORT2%%; return x; }
        server { listen 127.0.0.1:%%PORT3%%; access_log off; return x; }
        server {
            listen 127.0.0.1:%%PORT4%%;
            access_log %%DIR%%/logs/json.log as_json;
            access_log %%DIR%%/logs/raw.log raw;
            access_log %%DIR%%/logs/typed.log typed;
            access_log %%DIR%%/logs/quoted.log quoted;
            return x;
        }
        server { listen 127.0.0.1:%%PORT5%%; access_log %%DIR%%/logs/if.log plain if=$is_short; echo; }
        server { listen 127.0.0.1:%%PORT7%% proxy_protocol; access_log %%DIR%%/logs/broken.log plain; return x; }
        server { listen 127.0.0.1:%%PORT8%%; access_log %%DIR%%/logs/denied.log plain; deny all; return x; }
        server { listen 127.0.0.1:%%PORT9%%; access_log %%DIR%%/logs/zipped.log plain gzip flush=10ms; return x; }
        server { listen 127.0.0.1:%%PORT10%%; access_log %%DIR%%/logs/$word/../../$proxy_protocol_addr port; return x; }
    }
    """

    def log(self, name):
        return text_of(self.server.dir / "logs" / f"{name}.log")

    def wait_log(self, name, wanted):
        return self.server.wait_logged(re.compile(wanted), log=lambda: self.log(name))

    def test_a_session_is_one_line_when_it_is_over(self):
        ask(self.server.port, b"")

        self.wait_log("plain", rf"(?m)^TCP 200 0 5 \d+\.\d{{3}} {self.server.port}$")

    def test_a_log_of_stream_is_inherited(self):
        ask(self.server.port_number(2))
        ask(self.server.port_number(3))
        ask(self.server.port_number(2))

        port = self.server.port_number(2)
        said = self.server.wait_logged(f"port {port}", times=2, log=lambda: self.log("outer"))
        self.assertEqual(set(said.splitlines()), {f"port {port}"})

    def test_escapes_and_types(self):
        port = self.server.port_number(4)
        ask(port)

        line = self.wait_log("json", r"\}\n").splitlines()[0]
        self.assertEqual(json.loads(line), {"addr": "127.0.0.1", "told": "", "port": str(port)})
        self.wait_log("raw", '^a"b\n')
        typed = json.loads(self.wait_log("typed", r"\}\n").splitlines()[0])
        self.assertEqual(typed, {"status": 200, "bytes": 1, "in": {"port": port}})
        self.wait_log("quoted", '^TCP "-" -\n')

    def test_a_condition_is_asked_when_the_session_is_over(self):
        port = self.server.port_number(5)
        for text in (b"long enough", b"short", b"long enough", b"s"):
            with reach(port) as client:
                client.sendall(text)
                client.shutdown(socket.SHUT_WR)
                read_to_end(client)

        said = self.wait_log("if", r"(?m)^TCP 200 1 1 ")
        self.assertEqual([line.split()[2] for line in said.splitlines()], ["5", "1"])

    def test_a_path_that_leads_elsewhere_is_refused(self):
        ask(self.server.port_number(10))

        self.server.wait_logged("leads elsewhere, the line is dropped")

    def test_whoever_was_refused_is_logged_too(self):
        ask(self.server.port_number(7), b"PROXY nonsense")
        ask(self.server.port_number(8))

        self.wait_log("broken", r"(?m)^TCP 400 ")
        self.wait_log("denied", r"(?m)^TCP 403 0 0 ")

    def test_gzip(self):
        ask(self.server.port_number(9))
        path = self.server.dir / "logs" / "zipped.log"

        wait_for(lambda: path.exists() and path.stat().st_size > 0, what="the compressed line")
        self.assertRegex(gzip.decompress(path.read_bytes()).decode(), r"^TCP 200 0 1 ")


class Paths(SluiceTest):
    def test_may_have_variables(self):
        server = self.serve("""stream {
            log_format port "port $server_port";
            open_log_file_cache max=10 inactive=1m;
            server { listen 127.0.0.1:%%PORT%%; access_log %%DIR%%/logs/port-$server_port.log port; return x; }
        }""", start=False)
        (server.dir / "logs").chmod(0o777)  # the logger opens such files, as another user
        server.start()
        for _ in range(2):
            ask(server.port)

        server.wait_logged(f"port {server.port}\n", times=2,
                           log=lambda: text_of(server.dir / f"logs/port-{server.port}.log"))


class Syslog(SluiceTest):
    def test_lines_go_to_syslog(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as collector:
            collector.bind(("127.0.0.1", 0))
            collector.settimeout(20)
            server = self.serve("""stream {
                log_format plain "$protocol $status";
                server { listen 127.0.0.1:%%PORT%%; return x;
                         access_log syslog:server=127.0.0.1:PORT,tag=streams plain; }
            }""".replace("PORT,", f"{collector.getsockname()[1]},"))
            ask(server.port)

            self.assertRegex(collector.recv(4096).decode(), r"^<190>.* streams: TCP 200$")


class Mistakes(SluiceTest):
    def test_are_refused(self):
        form = 'log_format plain "$protocol";'
        cases = {
            "access_log %%DIR%%/a.log;": "log format is not specified",
            "access_log %%DIR%%/a.log buffer=1k;": "log format is not specified",
            "access_log %%DIR%%/a.log combined;": 'unknown log format "combined"',
            "access_log %%DIR%%/a.log other;": 'unknown log format "other"',
            form + form: 'duplicate "log_format" name "plain"',
            'log_format plain "$request";': 'unknown "request" variable',
            form + "access_log %%DIR%%/$server_port plain buffer=1k;": "buffered logs cannot have variables in name",
            form + "access_log %%DIR%%/a.log plain if=$uri;": 'unknown "uri" variable',
            "open_log_file_cache inactive=1s;": '"open_log_file_cache" must have "max" parameter',
        }
        for text, complaint in cases.items():
            with self.subTest(text):
                self.assertIn(complaint, self.refusal_of(
                    "stream { " + text + " server { listen 127.0.0.1:%%PORT%%; return x; } }"))

    def test_a_form_of_http_is_none_of_stream(self):
        self.assertIn('unknown log format "plain"', self.refusal_of(
            'http { log_format plain "x"; } stream { server { listen 127.0.0.1:%%PORT%%; return x; '
            "access_log %%DIR%%/a.log plain; } }"))

    def test_nginx_has_no_log_without_a_word(self):
        server = self.serve("compat nginx; stream { server { listen 127.0.0.1:%%PORT%%; return x; } }")
        ask(server.port)

        self.assertEqual(server.access_log(), "")


if __name__ == "__main__":
    unittest.main()
