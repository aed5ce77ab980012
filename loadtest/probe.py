#!/usr/bin/env python3
"""Latency probe: 200 requests/s on one keep-alive connection, apart from the load.

    probe.py PORT [--path /612] [--rate 200] [--cpu 1]

Writes "ready" when connected, runs until its stdin is closed, then writes one JSON object:
{"latencies_us": [...], "failed": count}. A request that could not leave in time because the reply
before it was late counts from the moment it was due, so a stall is seen as often as it would be felt.
"""

import argparse
import gc
import json
import os
import select
import socket
import sys
import time

REPLY_SECONDS = 5


def take_precedence(cpu: int) -> None:
    """Own CPU and, where allowed, ahead of the load generator: its delays are not the server's."""
    os.sched_setaffinity(0, {cpu})
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except OSError:
        try:
            os.setpriority(os.PRIO_PROCESS, 0, -20)
        except OSError:
            pass


def connect(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=REPLY_SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def exchange(connection: socket.socket, request: bytes) -> None:
    """Sends the request and reads one whole reply; raises OSError where that fails."""
    connection.sendall(request)
    reply = connection.recv(65536)
    while (end := reply.find(b"\r\n\r\n")) < 0:
        reply += receive(connection)
    head = reply[:end].lower()
    if not head.startswith(b"http/1.1 200"):
        raise OSError("unexpected status")
    start = head.index(b"content-length:") + len(b"content-length:")
    missing = int(head[start:].split(b"\r\n", 1)[0]) - (len(reply) - end - 4)
    while missing > 0:
        missing -= len(receive(connection))


def receive(connection: socket.socket) -> bytes:
    piece = connection.recv(65536)
    if not piece:
        raise OSError("closed within a reply")
    return piece


def probe(port: int, path: str, rate: float) -> dict:
    """Probes until stdin is closed. Latencies in microseconds."""
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    connection = connect(port)
    exchange(connection, request)
    print("ready", flush=True)

    latencies: list[float] = []
    failed = 0
    due = time.monotonic()
    while True:
        due += 1 / rate
        is_late = time.monotonic() >= due
        if select.select([sys.stdin], [], [], max(0.0, due - time.monotonic()))[0]:
            return {"latencies_us": latencies, "failed": failed}
        begun = due if is_late else time.monotonic()
        try:
            exchange(connection, request)
            latencies.append(round((time.monotonic() - begun) * 1e6, 1))
        except (OSError, ValueError):
            failed += 1
            connection.close()
            try:
                connection = connect(port)
            except OSError:
                pass  # the next exchange fails on the closed socket and is counted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("port", type=int)
    parser.add_argument("--path", default="/612")
    parser.add_argument("--rate", type=float, default=200, help="requests per second")
    parser.add_argument("--cpu", type=int, default=max(os.sched_getaffinity(0)))
    options = parser.parse_args()
    take_precedence(options.cpu)
    gc.disable()
    json.dump(probe(options.port, options.path, options.rate), sys.stdout)


if __name__ == "__main__":
    main()
