# SPDX-License-Identifier: BSD-2-Clause
"""Facts about processes, read from /proc."""

import os
import signal

from .waiting import wait_for


def parent_of(pid):
    """The parent's pid, or None when `pid` is gone or a zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[1])


def children_of(pid):
    """Living children of `pid`, zombies left out."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and parent_of(int(name)) == pid:
            found.append(int(name))
    return sorted(found)


def title_of(pid):
    """The process title as `ps` shows it; empty when the process is gone."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().replace(b"\0", b" ").strip().decode("utf-8", "replace")
    except OSError:
        return ""


def start_time(pid):
    """When `pid` was born, in clock ticks since boot; 0 when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return int(file.read().rpartition(")")[2].split()[19])
    except OSError:
        return 0


def stop(pid):
    """Stops `pid` and waits until it is: until then it may take up another connection or line."""
    os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: (status_field(pid, "State") or "").startswith("T"), what=f"{pid} to stop")


def is_alive(pid):
    return parent_of(pid) is not None


def fd_count(pid):
    """How many descriptors `pid` has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def fd_targets(pid):
    """What the descriptors of `pid` point at, sorted; for messages about leaks."""
    targets = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            targets.append(os.readlink(f"/proc/{pid}/fd/{name}"))
        except OSError:
            pass
    return sorted(targets)


def cpu_seconds(pid):
    """User plus system time used so far."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def status_field(pid, name):
    """One line of /proc/<pid>/status, for example `Uid`."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        for line in file:
            if line.startswith(name + ":"):
                return line.partition(":")[2].strip()
    return None
