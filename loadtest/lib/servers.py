"""Starting, watching and stopping the servers under test. Stops only what it started, by process id."""

import http.client
import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
START_SECONDS = 10
FETCH_SECONDS = 5
STOP_SECONDS = 5


class Trouble(Exception):
    """The run cannot go on; the text says why and what to do."""


@dataclass
class Server:
    """One running server: its root process and the port it answers on."""

    name: str
    process: subprocess.Popen
    port: int
    log: Path

    def cpu_seconds(self) -> float:
        """CPU time of the whole tree of processes so far: user and system, threads and the dead included."""
        ticks = 0
        for pid in process_tree(self.process.pid):
            fields = stat_fields(pid)
            ticks += sum(int(field) for field in fields[11:15]) if fields else 0
        return ticks / TICKS_PER_SECOND

    def require_alive(self) -> None:
        if self.process.poll() is not None:
            raise Trouble(f"{self.name} ended with status {self.process.returncode}:\n{self.last_words()}")

    def last_words(self) -> str:
        """The last lines that the server wrote to stderr or its error log."""
        lines = []
        for path in (self.log, self.log.parent / "error.log"):
            if path.exists():
                lines += path.read_text(errors="replace").splitlines()[-10:]
        return "\n".join("    " + line for line in lines)

    def empty_access_log(self) -> None:
        """Servers append to it: what one measurement wrote must not burden the disk of the next."""
        access_log = self.log.parent / "access.log"
        if access_log.exists():
            os.truncate(access_log, 0)

    def stop(self) -> None:
        """TERM to the root process; KILL to whatever of its tree is left after that."""
        pids = process_tree(self.process.pid)
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self.process.wait()


def stat_fields(pid: int) -> list[str] | None:
    """/proc/PID/stat from the third field on (state, parent, ...); None where the process has gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text[text.rindex(")") + 2 :].split()


def process_tree(root: int) -> list[int]:
    """`root` and all that descend from it now."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (fields := stat_fields(int(entry))):
            children.setdefault(int(fields[1]), []).append(int(entry))
    tree = [root]
    for pid in tree:  # grows while it is walked
        tree += children.get(pid, [])
    return tree


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(name: str, command: list[str], port: int, folder: Path, cpu: int) -> Server:
    """Starts `command` on CPU number `cpu` and waits until /612 is answered on `port`."""
    log = folder / "stderr.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder,
            preexec_fn=lambda: os.sched_setaffinity(0, {cpu}))
    server = Server(name, process, port, log)
    deadline = time.monotonic() + START_SECONDS
    try:
        while True:
            server.require_alive()
            try:
                if fetch(port, "/612").status == 200:
                    return server
            except OSError:
                pass
            if time.monotonic() > deadline:
                raise Trouble(f"{name} did not serve /612 within {START_SECONDS} s:\n{server.last_words()}")
            time.sleep(0.02)
    except BaseException:
        server.stop()
        raise


def start_configured(name: str, binary: str, kind: str, base: Path, cpu: int) -> Server:
    """Starts nginx or sluice (`kind`) with its configuration of this folder, filled in."""
    folder = base / name.replace(" ", "-")
    folder.mkdir(mode=0o755)
    port = free_port()
    values = {"port": port, "root": base / "www", "base": base, "folder": folder, "cpu_mask": f"{1 << cpu:b}"}
    for file in (f"{kind}.conf", "site.conf"):
        text = (HERE / file).read_text()
        for key, value in values.items():
            text = text.replace(f"@{key}@", str(value))
        (folder / file).write_text(text)
    command = [binary, "-p", f"{folder}/", "-c", str(folder / f"{kind}.conf"), "-e", str(folder / "error.log")]
    return start(name, command, port, folder, cpu)


def start_floor(binary: str, replies: list[str], base: Path, cpu: int) -> Server:
    folder = base / "floor"
    folder.mkdir(mode=0o755)
    port = free_port()
    return start("floor", [binary, str(port), *replies], port, folder, cpu)


@dataclass
class Reply:
    """What a server said."""

    status: int
    body: bytes
    headers: dict[str, str]  # but those that name the server or the moment


def fetch(port: int, path: str, header: tuple[str, str] | None = None) -> Reply:
    """One GET on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=FETCH_SECONDS)
    try:
        connection.request("GET", path, headers=dict([header] if header else [], Host="localhost"))
        reply = connection.getresponse()
        headers = {name.lower(): value for name, value in reply.getheaders()}
        return Reply(reply.status, reply.read(), {name: headers[name] for name in headers.keys() - {"server", "date"}})
    except http.client.HTTPException as error:
        raise OSError(f"no reply: {error}") from error
    finally:
        connection.close()


def find_program(name: str, package: str) -> str:
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/sbin")
    if path is None:
        raise Trouble(f"{name} is missing: apt-get install {package}")
    return path
