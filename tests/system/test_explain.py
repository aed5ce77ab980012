# SPDX-License-Identifier: BSD-2-Clause
"""`sluice explain`: what it prints, and that it agrees with the server that it explains.

SLUICE_EXPLAIN_PAIRS is how many pairs of request and configuration are compared (default 300)."""

import json
import os
import re
import shutil
import subprocess

from support.client import Closed, Connection
from support.harness import SluiceTest
from support.sites import FILES, Site
from support.waiting import wait_for

PAIRS = int(os.environ.get("SLUICE_EXPLAIN_PAIRS", "300"))
REQUESTS_PER_SITE = 50
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"


def explain(server, *args, text=None, code=0):
    """Runs `sluice explain` for a server's configuration."""
    result = subprocess.run([server.binary, "explain", "-p", f"{server.dir}/", "-c", str(server.conf), *args],
                            input=text, env=server.env, text=True, capture_output=True, timeout=120,
                            errors="surrogateescape", check=False)
    if result.returncode != code:
        raise AssertionError(f"explain exited with {result.returncode}\n{result.stderr}")
    return result.stdout if code == 0 else result.stderr


def explain_all(server, requests):
    """The JSON answers to many requests, in one run."""
    lines = []
    for method, host, target, headers in requests:
        fields = "".join(f"\t{name}: {value}" for name, value in headers.items())
        lines.append(f"{method} http://{host}:{server.port}{target}{fields}\n")
    out = explain(server, "--json", "-", text="".join(lines))
    return [json.loads(line) for line in out.splitlines()]


class Client:
    """Asks one request after the other, on as few connections as the server allows."""

    def __init__(self, port):
        self.port = port
        self.connection = None

    def ask(self, method, host, target, headers):
        """The reply, or None where the connection was closed instead."""
        self.connection = self.connection or Connection(self.port)
        fields = {"Host": f"{host}:{self.port}", **headers}
        try:
            reply = self.connection.get(target, fields, method=method)
        except (Closed, ConnectionError):
            self.close()
            return None
        if not reply.keeps_alive():
            self.close()
        return reply

    def close(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None


UNSTABLE = {"date", "connection", "keep-alive"}  # they depend on the moment and the connection


def told(answer):
    """What explain says, in the form of seen(): a raw client takes bytes for Latin-1."""
    headers = [(name, value.encode().decode("latin-1")) for name, value in answer["headers"]
               if name.lower() not in UNSTABLE]
    return answer["status"], sorted(headers), answer["body_bytes"]


def seen(reply):
    if reply is None:
        return 0, [], 0
    headers = [(name, value) for name, value in reply.headers if name.lower() not in UNSTABLE]
    return reply.status, sorted(headers), len(reply.body)


class Agreement(SluiceTest):
    def test_explain_says_what_the_server_does(self):
        server = self.serve("http { server { listen %%PORT%%; } }", files=FILES)
        client = Client(server.port)
        for seed in range(max(1, PAIRS // REQUESTS_PER_SITE)):
            site = Site(seed)
            server.configure(site.http)
            reloaded = server.reload()
            self.assertEqual(reloaded.returncode, 0, reloaded.stderr + site.http)
            client.close()
            requests = site.requests(REQUESTS_PER_SITE)

            for request, answer in zip(requests, explain_all(server, requests), strict=True):
                self.assertEqual(told(answer), seen(client.ask(*request)),
                                 f"seed {seed}: {request}\n{server.expand(site.http)}\n"
                                 + json.dumps(answer, indent=1))
        client.close()
