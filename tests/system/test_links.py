# SPDX-License-Identifier: BSD-2-Clause
"""disable_symlinks: which links are followed by each rule, in every way a file is reached, and that
the open-file cache keeps the rules apart."""

import os
import unittest

from support.harness import SluiceTest

RULES = {"off": "off", "on": "on", "owner": "if_not_owner", "beneath": "beneath",
         "from": "on from=$document_root", "ownerfrom": "if_not_owner from=%%DIR%%/site",
         "stray": "on from=/nowhere"}
CONF = "http { access_log off; open_file_cache max=100; open_file_cache_errors on; server {" \
    "listen %%PORT%%;" + "".join(f"""
        location /{name}/ {{ alias %%DIR%%/site/; disable_symlinks {rule}; autoindex on; }}
        location /try-{name}/ {{ alias %%DIR%%/site/; disable_symlinks {rule};
                                 try_files $uri $uri/ =418; }}
        location ~ ^/exact-{name}/(.*)$ {{ alias %%DIR%%/site/$1; disable_symlinks {rule}; }}
    """ for name, rule in RULES.items()) + """
        location /self/ { alias %%DIR%%/site/self; disable_symlinks on from=%%DIR%%/site/self/own.txt; }
        location /dots/ { alias %%DIR%%//site/./dir/..//; disable_symlinks on; }
    } }"""


class Links(SluiceTest):
    conf = CONF
    files = {"site/plain.txt": "plain", "site/dir/f.txt": "in dir", "site/dir/index.html": "index",
             "outside.txt": "outside", "outside/f.txt": "outside"}

    def setUp(self):
        site = self.server.dir / "site"
        if not (site / "own.txt").is_symlink():
            (site / "own.txt").symlink_to("plain.txt")
            (site / "chain.txt").symlink_to("own.txt")
            (site / "owndir").symlink_to("dir")
            (site / "out.txt").symlink_to("../outside.txt")
            (site / "abs.txt").symlink_to(self.server.dir / "outside.txt")
            (site / "outdir").symlink_to("../outside")
            (site / "self").symlink_to("dir")
            (site / "nowhere").symlink_to("missing")
            (site / "loop").symlink_to("loop")
            (site / "proc").symlink_to("/proc/self/root")
            if os.getuid() == 0:
                # A link of another: root's file behind nobody's link, and the other way round.
                for name, target in (("foreign.txt", "plain.txt"), ("foreigndir", "dir")):
                    (site / name).symlink_to(target)
                    os.lchown(site / name, 65534, 65534)

    def statuses(self, path, kind="{}"):
        return {name: self.server.get(f"/{kind.format(name)}/{path}").status for name in RULES}

    def check(self, path, **expected):
        """`expected`: by rule; `rest` for those not named. Asked twice: the second is remembered."""
        rest = expected.pop("rest", 200)
        wanted = {name: expected.get(name, rest) for name in RULES}
        # There the alias is the whole path, and so is $document_root: nothing is left to check.
        exact = {**wanted, "from": wanted["off"]}
        for kind, answers in (("{}", wanted), ("exact-{}", exact)) * 2:
            self.assertEqual(self.statuses(path, kind), answers, f"{kind} {path}")
        tried = {name: 200 if status == 200 else 418 for name, status in wanted.items()}
        self.assertEqual(self.statuses(path, "try-{}"), tried, f"try_files {path}")

    def test_plain_files(self):
        self.check("plain.txt")
        self.check("dir/f.txt")

    def test_links_inside(self):
        self.check("own.txt", on=403, stray=403, **{"from": 403})
        self.check("chain.txt", on=403, stray=403, **{"from": 403})
        self.check("owndir/f.txt", on=403, stray=403, **{"from": 403})

    def test_links_to_the_outside(self):
        self.check("out.txt", on=403, stray=403, beneath=403, **{"from": 403})
        self.check("outdir/f.txt", on=403, stray=403, beneath=403, **{"from": 403})
        self.check("abs.txt", on=403, stray=403, beneath=403, **{"from": 403})

    def test_links_to_nothing(self):
        self.check("nowhere", rest=404, on=403, stray=403, **{"from": 403})
        self.check("loop", rest=403)

    @unittest.skipUnless(os.getuid() == 0, "needs root: files of two owners")
    def test_links_of_another_owner(self):
        self.check("foreign.txt", on=403, stray=403, owner=403, ownerfrom=403, **{"from": 403})
        self.check("foreigndir/f.txt", on=403, stray=403, owner=403, ownerfrom=403, **{"from": 403})

    def test_magic_links_lead_nowhere(self):
        for name in RULES:
            reply = self.server.get(f"/{name}/proc/etc/passwd")
            self.assertEqual(reply.status, 403, name)

    def test_index_and_listing(self):
        for name, rule in RULES.items():
            is_refused = rule.startswith("on")
            self.assertEqual(self.server.get(f"/{name}/owndir/").status, 403 if is_refused else 200)
            listing = self.server.get(f"/{name}/").body
            self.assertIn(b"plain.txt", listing)
            outdir = self.server.get(f"/{name}/outdir/").status
            self.assertEqual(outdir, 200 if name in ("off", "owner", "ownerfrom") else 403, name)

    def test_listing_does_not_look_through_links(self):
        self.assertIn(b'href="outdir/"', self.server.get("/off/").body)
        self.assertIn(b'href="outdir"', self.server.get("/on/").body)

    def test_a_path_that_is_all_from_is_not_checked(self):
        self.assertEqual(self.server.get("/self/").status, 403)
        self.assertEqual(self.server.get("/dots/plain.txt").status, 200)
        self.assertEqual(self.server.get("/dots/own.txt").status, 403)

    def test_path_through_a_file_is_404(self):
        for name in RULES:
            self.assertEqual(self.server.get(f"/{name}/plain.txt/").status, 404, name)
            self.assertEqual(self.server.get(f"/{name}/plain.txt/more").status, 404, name)

    def test_links_are_seen_when_a_file_becomes_one(self):
        path = self.server.dir / "site/turns.txt"
        path.write_text("file")
        other = self.serve(CONF.replace("open_file_cache max=100;", "open_file_cache off;"),
                           files=dict(self.files))
        (other.dir / "site/turns.txt").write_text("file")
        self.assertEqual(other.get("/on/turns.txt").status, 200)
        (other.dir / "site/turns.txt").unlink()
        (other.dir / "site/turns.txt").symlink_to("plain.txt")
        self.assertEqual(other.get("/on/turns.txt").status, 403)
        self.assertEqual(other.get("/off/turns.txt").status, 200)


class LinkSettings(SluiceTest):
    def complaint(self, line):
        return self.refusal_of(f"http {{ server {{ listen %%PORT%%; {line} }} }}")

    def test_errors(self):
        for line, text in (("disable_symlinks;", "invalid number of arguments"),
                           ("disable_symlinks maybe;", "maybe"),
                           ("disable_symlinks from=/x;", "must have"),
                           ("disable_symlinks off from=/x;", "duplicate parameters"),
                           ("disable_symlinks on from=;", "from="),
                           ("disable_symlinks on on;", "on"),
                           ("disable_symlinks on from=$nothing;", "nothing")):
            with self.subTest(line):
                self.assertIn(text, self.complaint(line))
