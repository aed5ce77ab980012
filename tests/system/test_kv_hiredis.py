# SPDX-License-Identifier: BSD-2-Clause
"""kv in stream and Debian's C library for redis: what libhiredis makes of the reply to each command, one by one and
pipelined. The same is expected of redis-server, which is asked too where it is installed."""

import shutil
import subprocess
import tempfile
import unittest
from fnmatch import fnmatchcase
from pathlib import Path

from support.harness import SluiceTest
from support.redis_server import start_redis

SOURCE = Path(__file__).resolve().parent / "hiredis_client.c"
COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
CONF = "stream { kv_zone cache 16m; server { listen 127.0.0.1:%%PORT%%; kv zone=cache; } }"
WRONG_INTEGER = "ERROR ERR%20value%20is%20not%20an%20integer%20or%20out%20of%20range"
SYNTAX = "ERROR ERR%20syntax%20error"

# Each command and what the library has to give for it; * stands for anything.
COMMANDS = [
    ("FLUSHDB", "STATUS OK"),
    ("GET a", "NIL"),
    ("SET a 1", "STATUS OK"),
    ("GET a", "STRING 1"),
    ("GET", "ERROR ERR%20wrong%20number%20of%20arguments%20for%20'get'%20command"),
    ("SET a 2 NX", "NIL"),
    ("SET b 2 XX", "NIL"),
    ("SET a 2 XX GET", "STRING 1"),
    ("SET b 1 GET", "NIL"),
    ("SET a 3 EX 1999", "STATUS OK"),
    ("TTL a", "INTEGER 19*"),
    ("SET a 4 KEEPTTL", "STATUS OK"),
    ("PTTL a", "INTEGER 19*"),
    ("SET a 5 PX 100000", "STATUS OK"),
    ("SET a 5 EX 0", "ERROR ERR%20invalid%20expire%20time%20in%20'set'%20command"),
    ("SET a 5 EX x", WRONG_INTEGER),
    ("SET a 5 FOO", SYNTAX),
    ("SETNX a 1", "INTEGER 0"),
    ("SETNX c 1", "INTEGER 1"),
    ("MSET d 1 e 2", "STATUS OK"),
    ("MSET d", "ERROR ERR%20wrong%20number%20of%20arguments%20for%20'mset'%20command"),
    ("MGET a d nope e", "ARRAY (STRING 5, STRING 1, NIL, STRING 2)"),
    ("EXISTS a d nope a", "INTEGER 3"),
    ("DEL d e nope", "INTEGER 2"),
    ("EXPIRE a 200", "INTEGER 1"),
    ("EXPIRE nope 200", "INTEGER 0"),
    ("EXPIRE a x", WRONG_INTEGER),
    ("PEXPIRE a 2999000", "INTEGER 1"),
    ("TTL a", "INTEGER 29*"),
    ("PERSIST a", "INTEGER 1"),
    ("PERSIST a", "INTEGER 0"),
    ("TTL a", "INTEGER -1"),
    ("PTTL nope", "INTEGER -2"),
    ("INCR n", "INTEGER 1"),
    ("INCRBY n 41", "INTEGER 42"),
    ("DECR n", "INTEGER 41"),
    ("DECRBY n 50", "INTEGER -9"),
    ("GET n", "STRING -9"),
    ("APPEND s text", "INTEGER 4"),
    ("APPEND s %00%0D%0A%FF", "INTEGER 8"),
    ("GET s", "STRING text%00%0D%0A%FF"),
    ("STRLEN s", "INTEGER 8"),
    ("STRLEN nope", "INTEGER 0"),
    ("INCR s", WRONG_INTEGER),
    ("SET %00key%20 ", "STATUS OK"),
    ("GET %00key%20", "STRING "),
    ("GETDEL n", "STRING -9"),
    ("GETDEL n", "NIL"),
    ("TYPE s", "STATUS string"),
    ("TYPE nope", "STATUS none"),
    ("KEYS s*", "ARRAY (STRING s)"),
    ("KEYS nope*", "ARRAY ()"),
    ("SCAN 0 MATCH s* COUNT 1000", "ARRAY (STRING 0, ARRAY (STRING s))"),
    ("SCAN x", "ERROR ERR%20invalid%20cursor"),
    ("DBSIZE", "INTEGER 5"),
    ("PING", "STATUS PONG"),
    ("PING hello", "STRING hello"),
    ("ECHO %00", "STRING %00"),
    ("HELLO 2", "ARRAY (STRING server, STRING redis, STRING version, STRING 7.*, STRING proto, INTEGER 2, STRING id, INTEGER *"),
    ("HELLO 4", "ERROR NOPROTO%20unsupported%20protocol%20version"),
    ("SELECT 0", "STATUS OK"),
    ("SELECT x", WRONG_INTEGER),
    ("INFO", "STRING *redis_version:7.*"),
    ("COMMAND", "ARRAY (ARRAY (STRING *"),
    ("COMMAND COUNT", "INTEGER *"),
    ("CLIENT SETNAME me", "STATUS OK"),
    ("CLIENT GETNAME", "STRING me"),
    ("CLIENT ID", "INTEGER *"),
    ("CLIENT FOO", "ERROR ERR%20unknown%20subcommand%20'FOO'.%20Try%20CLIENT%20HELP."),
    ("FOO bar", "ERROR ERR%20unknown%20command%20'FOO',%20with%20args%20beginning%20with:%20'bar'%20"),
    ("FLUSHDB", "STATUS OK"),
    ("DBSIZE", "INTEGER 0"),
    ("QUIT", "STATUS OK"),
    ("PING", "CLOSED"),
]
# redis-server knows it from 7.2 on.
OURS = [("CLIENT SETINFO lib-name hiredis", "STATUS OK"), *COMMANDS]


def build(folder):
    """The program; None: there is no compiler or no library."""
    if COMPILER is None:
        return None
    look = subprocess.run([COMPILER, "-E", "-x", "c", "-"], input="#include <hiredis/hiredis.h>\n", text=True, capture_output=True)
    if look.returncode != 0:
        return None
    program = Path(folder) / "hiredis_client"
    done = subprocess.run([COMPILER, "-std=c11", "-D_DEFAULT_SOURCE", "-Wall", "-Wextra", "-Werror", str(SOURCE), "-o",
                           str(program), "-lhiredis"], text=True, capture_output=True)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return program


class Hiredis(SluiceTest):
    conf = CONF

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="sluice-hiredis-")
        cls.addClassCleanup(folder.cleanup)
        cls.program = build(folder.name)
        if cls.program is None:
            raise unittest.SkipTest("libhiredis-dev or a C compiler is not installed")
        super().setUpClass()

    def assert_answers(self, port, mode, commands):
        done = subprocess.run([self.program, str(port), mode], input="".join(line + "\n" for line, _ in commands),
                              text=True, capture_output=True, timeout=60)

        self.assertEqual((done.returncode, done.stderr), (0, ""))
        said = done.stdout.splitlines()
        self.assertEqual(len(said), len(commands))
        for (line, expected), answer in zip(commands, said):
            with self.subTest(line, mode=mode):
                self.assertTrue(fnmatchcase(answer, expected), f"{answer}\nexpected: {expected}")

    def test_one_command_after_another(self):
        self.assert_answers(self.server.port, "single", OURS)

    def test_all_commands_at_once(self):
        self.assert_answers(self.server.port, "pipelined", OURS)

    @unittest.skipUnless(shutil.which("redis-server"), "redis-server is not installed")
    def test_redis_server_answers_the_same(self):
        self.assert_answers(start_redis(self), "pipelined", COMMANDS)


if __name__ == "__main__":
    unittest.main()
