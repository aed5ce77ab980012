# SPDX-License-Identifier: BSD-2-Clause
"""Every feature is in the registry: a module that nobody lists would be built and never run."""

import re
import unittest

from house import ROOT, SRC, sources

OBJECT = re.compile(r"^\s*(?:inline |extern |static )*const(?:expr|init)?\s+(?:const\s+)?"
                    r"(?:sluice::)?(?:conf|http)::Module\s+(\w+)", re.M)


class Registry(unittest.TestCase):
    def setUp(self):
        if not list((SRC / "registry").glob("*.cpp")):
            self.skipTest("no registry yet")
        self.registry = "\n".join(p.read_text("utf-8") for p in sources() if p.parent.name == "registry")
        # Some rooms bring rows too (core of http, error_log), not only src/modules.
        self.modules = [p for p in sources(".cpp") if p.relative_to(SRC).parts[0] != "registry"]

    def test_every_module_object_is_listed(self):
        """http::Module objects by name; a conf::Module may be reached through an http::Module."""
        problems = []
        for path in self.modules:
            text = path.read_text(encoding="utf-8")
            for name in set(OBJECT.findall(text)):
                reached = len(re.findall(rf"&\s*{name}\b", text)) > 0
                if not re.search(rf"\b{name}\b", self.registry) and not reached:
                    problems.append(f"{path.relative_to(ROOT)}: {name}")

        self.assertEqual(problems, [], "not named in src/registry:\n" + "\n".join(problems))

    def test_there_is_something_to_list(self):
        found = [name for path in self.modules for name in OBJECT.findall(path.read_text("utf-8"))]

        self.assertGreater(len(found), 5)


if __name__ == "__main__":
    unittest.main()
