# SPDX-License-Identifier: BSD-2-Clause
"""pcre_jit: patterns as machine code, also where a sandbox forbids that."""

import ctypes
import re
import unittest
from pathlib import Path

from support.harness import SluiceTest

PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1
LIBC = ctypes.CDLL(None, use_errno=True)
CONF = """
http {
    map $arg_k $mapped { ~^(?<first>.)(.+)$ "$first-$2"; default none; }
    server {
        listen %%PORT%%;
        location ~ ^/a(b+)c$ { return 200 "$1 $mapped"; }
        location / { rewrite ^/x/(.*)$ /a$1c last; return 200 "other"; }
    }
}
"""


def forbid_new_code():
    """From now on no memory of this process becomes executable, as MemoryDenyWriteExecute has it."""
    return LIBC.prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0)


def has_made_code(pid):
    """Whether a process has executable memory that is of no file."""
    maps = Path(f"/proc/{pid}/maps").read_text(encoding="ascii")
    return re.search(r"(?m)^\S+ ..x. \S+ 00:00 0 *$", maps) is not None


class PcreJit(SluiceTest):
    def assert_matches(self, server):
        self.assertEqual(server.get("/abbc?k=xyz").text, "bb x-yz")
        self.assertEqual(server.get("/x/b?k=y").text, "b none")
        self.assertEqual(server.get("/ac").text, "other")

    def test_off_unless_asked_for(self):
        server = self.serve(CONF)

        self.assert_matches(server)
        self.assertFalse(has_made_code(server.workers()[0]))

    def test_on_makes_code_wherever_it_stands(self):
        server = self.serve(CONF + "pcre_jit on;")

        self.assert_matches(server)
        self.assertTrue(has_made_code(server.workers()[0]))

        server.configure("pcre_jit off;" + CONF)
        self.assertEqual(server.reload().returncode, 0)
        self.assert_matches(server)

    def test_a_sandbox_without_executable_memory_is_served_too(self):
        server = self.serve("pcre_jit on;" + CONF, start=False)
        server.start(preexec_fn=forbid_new_code)
        worker = server.workers()[0]
        if has_made_code(worker):
            self.skipTest("this kernel knows no such sandbox")

        self.assert_matches(server)
        server.wait_logged(re.compile(rf"\[warn\] {server.pid}#0: pcre2_jit_compile\(\) failed: .* interpreted"))
        server.stop()
        self.assertEqual(server.error_log().count("pcre2_jit_compile"), 1, "once, not for every pattern")

    def test_other_words_are_refused(self):
        self.assertIn('"pcre_jit"', self.refusal_of("pcre_jit maybe;" + CONF))


if __name__ == "__main__":
    unittest.main()
