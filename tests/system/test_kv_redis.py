# SPDX-License-Identifier: BSD-2-Clause
"""Side by side with Debian's redis-server: the same requests, the same bytes in reply. docs/redis.md
lists what differs on purpose."""

import random
import shutil
import unittest

from support.harness import SluiceTest
from support.redis_server import start_redis
from support.resp import Resp, encode

CONF = "stream { kv_zone cache 16m; server { listen 127.0.0.1:%%PORT%%; kv zone=cache; } }"

# One line a request, words separated by blanks; "" is an empty word.
REQUESTS = """
get
get a b
GET nope
set a
set a 1
get a
SeT a b nx
set a b xx
set a b nx xx
set a b xx nx
set a c nx get
set new c nx get
set none c xx get
get none
set a b foo
set a b ex
set a b ex 0
set a b ex -1
set a b ex x
set a b ex 10 px 10
set a b ex 10 keepttl
set a b keepttl ex 10
set a b ex 9223372036854775807
set a b px 9223372036854775807
set a b ex 100
ttl a
set a c keepttl
ttl a
set a d keepttl get
set a d
ttl a
set a 1 exat 99999999999
expiretime a
pexpiretime a
set a 1 pxat 99999999999999
expiretime a
set a 1 pxat 1
exists a
set a 1 get
getset a 2
getset fresh 2
getset a
setnx a 5
setnx b1 5
setex a 0 1
setex a x 1
setex a 100 1
ttl a
psetex a 100000 1
ttl a
psetex a -5 1
getex a
getex a persist
ttl a
getex a ex 10
ttl a
getex a ex 0
getex a ex
getex a persist ex 10
getex a foo
getex nope ex 10
getdel a
getdel a
getdel
append a 12
append a 34
append a ""
strlen a
strlen nope
strlen a b
incr a
incr a b
incrby a 10
incrby a x
incrby a 1.5
incrby a 01
decr a
decrby a 3
decrby a -9223372036854775808
set n 9223372036854775807
incr n
incrby n -1
set n -9223372036854775808
decr n
set n " 1"
set n 01
incr n
set n -0
incr n
set n 1x
incr n
set n ""
incr n
mset
mset a
mset a 1 b
mset a 1 b 2 c 3
mget a b nope c
mget
del a b nope
del
unlink c
touch n nope
exists n n nope
exists
expire n
expire n x
expire n 100 zz
expire n 100 nx xx
expire n 100 gt lt
expire n 100 nx gt
expire n 100 xx
expire n 100 gt
expire n 100 lt
expire n 50 gt
expire n 200 gt
expire n 300 lt
expire n 100 lt
expire n 100 nx
expire n 100 xx lt
ttl n
expire n 9223372036854775807
expire n 9223372036854775
expire n -9223372036854775808
pexpire n 9223372036854775807
pexpire n 100000
ttl n
persist n
persist n
persist nope
expire nope 10
expireat n 99999999999
expiretime n
pexpireat n 99999999999999
expireat n 1
exists n
set n 1
expire n 0
exists n
set n 1
pexpire n -1
get n
ttl nope
pttl nope
expiretime nope
type nope
set t 1
type t
type
keys
keys t
keys nope*
scan
scan x
scan 0 foo
scan 0 count
scan 0 count 0
scan 0 count x
scan 0 match t count 1000000 type hash
scan 0 match t* count 1000000
dbsize
dbsize x
flushdb foo
flushdb sync async
flushdb
flushall async
dbsize
ping
ping hello
ping a b
echo
echo hi
echo ""
select 0
select x
select -1
select
foo
foo bar
foo bar baz with many words that go on and on until they are longer than what an error repeats of them, which is 128 bytes
FOO ""
client
client foo
client getname
client setname x
client getname
client setname
client setname ""
client getname
client setname a b
client id x
command foo
command count x
command docs nope
config
config foo
config get
auth
auth x
auth default x
auth other x
auth a b c
hello 1
hello 4
hello x
hello 3 foo
hello 3 auth x
hello 3 setname
hello 2 auth other x
hello 2 setname
reset
reset x
time x
quit
"""

RAW = [b"\r\n", b"*0\r\n", b"*-5\r\n", b"PING\r\n", b"  ping   \"a b\"\r\n", b"set k 'it\\'s'\r\nget k\r\n",
       b"set k \"\\x41\\n\\q\\\"\"\nget k\n", b"*1\r\n$4\r\nPINGxx", b"*1\r\n$4\r\nping\r\n*1\r\n$4\r\nPING\r\n",
       b"get \"a\r\n", b"get \"a\"b\r\n", b"*x\r\n", b"*1x\r\n", b"*\r\n", b"*1\r\n*1\r\n", b"*1\r\n$-1\r\n", b"*1\r\n$x\r\n",
       b"*1\r\n$\r\n", b"*1\r\n$01\r\na\r\n", b"*+1\r\n", b"*2\r\n$3\r\nGET\r\n\r\n", b"*9999999999999999999999\r\n",
       b"*1\r\n$9999999999999999999999\r\n", b"x" * 70_000, b"*" + b"1" * 70_000, b"*1\r\n$" + b"1" * 70_000,
       b"*1\r\n$7\r\nfoo\r\nba\r\n", b"*2\r\n$3\r\nfoo\r\n$5\r\na\r\nbc\r\n", b"*1\r\n$0\r\n\r\n"]


def words_of(line):
    return ["" if word == '""' else word for word in line.split(" ")]


def plain(reply):
    """A reply that can be compared: errors as texts, sets and maps as they are."""
    if isinstance(reply, Exception):
        return "-" + reply.args[0]
    return [plain(one) for one in reply] if isinstance(reply, list) else reply


@unittest.skipUnless(shutil.which("redis-server"), "redis-server is not installed")
class SideBySide(SluiceTest):
    conf = CONF

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.redis_port = start_redis(cls)

    def both(self):
        ports = (self.server.port, self.redis_port)
        clients = [Resp(port) for port in ports]
        for client in clients:
            self.addCleanup(client.close)
            client.ask("FLUSHALL")
        return clients

    def assert_same(self, ours, theirs, *words):
        answers = []
        for client in (ours, theirs):
            client.send(encode(*words))
            answers.append(plain(client.read()))
        if words[0] in ("ttl", "pexpiretime"):  # the two were not asked at the same time
            self.assertLessEqual(abs(answers[0] - answers[1]), 5, words)
        else:
            self.assertEqual(answers[0], answers[1], words)

    def test_every_command_and_error(self):
        for version in (2, 3):
            ours, theirs = self.both()
            for client in (ours, theirs):
                client.ask("HELLO", version)
            for line in REQUESTS.strip().splitlines():
                with self.subTest(line, version=version):
                    self.assert_same(ours, theirs, *words_of(line))

    def test_bytes_that_are_no_requests(self):
        for data in RAW:
            with self.subTest(data[:30]):
                got = []
                for client in self.both():
                    client.send(data + encode("ECHO", "end"))
                    replies = b""
                    try:
                        while b"end" not in replies and (more := client.sock.recv(65536)):
                            replies += more
                    except ConnectionResetError:
                        pass  # redis-server closes with bytes unread
                    got.append(replies)
                self.assertEqual(got[0], got[1])

    def test_random_commands_on_few_keys(self):
        choose = random.Random(11)
        ours, theirs = self.both()
        values = ["", "0", "12", "-7", "text", "x" * 600, "y" * 3000]
        shapes = [("SET", "k", "v"), ("SET", "k", "v", "NX"), ("SET", "k", "v", "XX", "GET"), ("SET", "k", "v", "KEEPTTL"),
                  ("SET", "k", "v", "EX", "1000"), ("GET", "k"), ("GETSET", "k", "v"), ("GETDEL", "k"), ("APPEND", "k", "v"),
                  ("STRLEN", "k"), ("INCR", "k"), ("DECRBY", "k", "3"), ("DEL", "k", "k"), ("EXISTS", "k", "k"),
                  ("MGET", "k", "k", "k"), ("MSET", "k", "v", "k", "v"), ("SETNX", "k", "v"), ("EXPIRE", "k", "1000"),
                  ("PERSIST", "k"), ("TYPE", "k")]
        for _ in range(3000):
            words = [choose.choice("abcdef") if word == "k" else choose.choice(values) if word == "v" else word
                     for word in choose.choice(shapes)]
            self.assert_same(ours, theirs, *words)
        for key in "abcdef":
            self.assert_same(ours, theirs, "GET", key)

    def test_what_command_tells_of_arity_and_keys(self):
        ours, theirs = self.both()
        for name in (one.decode() for one in ours.ask("COMMAND", "LIST")):
            with self.subTest(name):
                got = [client.ask("COMMAND", "INFO", name)[0] for client in (ours, theirs)]
                self.assertEqual(got[0][:2], got[1][:2])
                self.assertEqual(got[0][3:6], got[1][3:6])
                known = {"write", "readonly", "denyoom", "fast"}
                self.assertEqual(set(got[0][2]) & known, set(got[1][2]) & known)


if __name__ == "__main__":
    unittest.main()
