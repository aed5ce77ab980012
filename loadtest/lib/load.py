"""One measurement: wrk on one server for some seconds, the probe beside it, the server's CPU time around it."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass

from lib.scenarios import Scenario
from lib.servers import HERE, Server, Trouble


@dataclass
class Measure:
    """What one server did in one round."""

    requests: int  # completed for wrk
    seconds: float  # of wrk's run
    cpu_us: float  # server CPU per request, microseconds
    failed: int  # requests of wrk and of the probe that failed or had another status
    probe_us: list[float]  # latencies, microseconds

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds


@dataclass
class Client:
    """The load generator and where it runs."""

    wrk: str
    cpu: int
    seconds: int


def measure(server: Server, scenario: Scenario, client: Client) -> Measure:
    """Loads `server` for `client.seconds`."""
    server.require_alive()
    server.empty_access_log()
    probe = subprocess.Popen(
        [sys.executable, str(HERE / "probe.py"), str(server.port), "--cpu", str(client.cpu)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        if probe.stdout.readline().strip() != "ready":
            raise Trouble(f"the probe got no answer from {server.name}:\n{server.last_words()}")
        before = server.cpu_seconds()
        requests, seconds, failed = run_wrk(server, scenario, client)
        used = server.cpu_seconds() - before
        answer = json.loads(probe.communicate()[0])  # closes its stdin: the sign to stop
    finally:
        if probe.poll() is None:
            probe.kill()
            probe.wait()
    server.require_alive()
    return Measure(requests, seconds, used / requests * 1e6, failed + answer["failed"], answer["latencies_us"])


def run_wrk(server: Server, scenario: Scenario, client: Client) -> tuple[int, float, int]:
    """Requests completed, seconds taken, requests failed."""
    command = [client.wrk, "-t1", f"-c{scenario.connections}", f"-d{client.seconds}s"]
    if scenario.header:
        command += ["-H", ": ".join(scenario.header)]
    if scenario.script:
        command += ["-s", str(HERE / "wrk" / scenario.script)]
    command.append(f"http://127.0.0.1:{server.port}{scenario.path}")
    done = subprocess.run(command, capture_output=True, text=True,
                          preexec_fn=lambda: os.sched_setaffinity(0, {client.cpu}))
    total = re.search(r"(\d+) requests in ([\d.]+)(ms|s|m),", done.stdout)
    if done.returncode != 0 or not total or total[1] == "0":
        server.require_alive()
        raise Trouble(f"wrk failed on {server.name}:\n{done.stdout}{done.stderr}{server.last_words()}")
    requests = int(total[1])
    seconds = float(total[2]) * {"ms": 0.001, "s": 1, "m": 60}[total[3]]
    return requests, seconds, count_failures(done.stdout, requests, scenario.status >= 400)


def count_failures(output: str, requests: int, expects_error: bool) -> int:
    """Socket errors, and replies whose status was on the wrong side of 400."""
    sockets = re.search(r"connect (\d+), read (\d+), write (\d+), timeout (\d+)", output)
    failed = sum(int(count) for count in sockets.groups()) if sockets else 0
    errors = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    refused = int(errors[1]) if errors else 0
    return failed + (requests - refused if expects_error else refused)
