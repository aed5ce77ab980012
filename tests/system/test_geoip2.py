# SPDX-License-Identifier: BSD-2-Clause
"""geoip2: variables that a MaxMind database gives."""

import os
import unittest

from support.harness import SluiceTest
from support.mmdb import Float, Int32, Uint16, Uint64, Uint128, database
from support.waiting import wait_for

PLACES = {
    "10.0.0.0/8": {"country": {"iso_code": "DE", "names": {"en": "Germany"}},
                   "subdivisions": [{"iso_code": "BE"}, {"iso_code": "XX"}],
                   "location": {"latitude": 52.52, "longitude": -0.5, "accuracy_radius": Uint16(20)}},
    "127.0.0.0/8": {"country": {"iso_code": "LO"}},
    "192.0.2.0/24": {"country": {"iso_code": "FR"}},
    "2001:db8::/32": {"country": {"iso_code": "JP"}},
}
KINDS = {"10.0.0.0/8": {"text": "t\u00fc", "bytes": b"ab", "double": 1.5, "float": Float(0.25), "u16": Uint16(65535),
                        "u32": 4294967295, "i32": Int32(-7), "u64": Uint64(2**64 - 1), "u128": Uint128(2**64 + 5),
                        "yes": True, "no": False, "empty": "", "map": {"a": "b"}, "list": ["a"]}}
CONF = """
http {
    access_log off;
    geoip2 %%DIR%%/places.mmdb {
        $code default=none source=$arg_a country iso_code;
        $name source=$arg_a country names en;
        $part source=$arg_a subdivisions 1 iso_code;
        $far source=$arg_a subdivisions 7 iso_code;
        $latitude source=$arg_a location latitude;
        $radius source=$arg_a default=0 location accuracy_radius;
        $whole default=all source=$arg_a country;
        $own country iso_code;
        $built metadata build_epoch;
        $checked metadata last_check;
        $changed metadata last_change;
    }
    geoip2 kinds.mmdb {
        $text source=$arg_a text;    $bytes source=$arg_a bytes;   $double source=$arg_a double;
        $float source=$arg_a float;  $u16 source=$arg_a u16;       $u32 source=$arg_a u32;
        $i32 source=$arg_a i32;      $u64 source=$arg_a u64;       $u128 source=$arg_a u128;
        $yes source=$arg_a yes;      $no source=$arg_a no;         $empty default=d source=$arg_a empty;
        $map source=$arg_a map;      $list source=$arg_a list;
    }
    server {
        listen %%PORT%%;
        listen unix:%%DIR%%/socket;
        location /place { return 200 "$code|$name|$part|$far|$latitude|$radius|$whole"; }
        location /kinds { return 200 "$text|$bytes|$double|$float|$u16|$u32|$i32|$u64|$u128|$yes|$no|$empty|$map|$list"; }
        location /own { return 200 "$own"; }
        location /meta { return 200 "$built $checked $changed"; }
    }
}
"""


class Geoip2(SluiceTest):
    conf = CONF
    files = {"places.mmdb": database(PLACES, build_epoch=1700000000),
             "kinds.mmdb": database(KINDS, ip_version=4)}

    def text(self, path, **headers):
        reply = self.server.get(path, headers)
        self.assertEqual(reply.status, 200, reply.text)
        return reply.text

    def test_values_are_found_by_the_path_in_an_entry(self):
        for address, text in (("10.1.2.3", "DE|Germany|XX||52.52000|20|all"),
                              ("::ffff:10.1.2.3", "DE|Germany|XX||52.52000|20|all"),
                              ("192.0.2.1", "FR|||||0|all"), ("2001:db8::7", "JP|||||0|all"),
                              ("198.51.100.1", "none|||||0|all"), ("::1", "none|||||0|all"),
                              ("nonsense", "none|||||0|all"), ("", "none|||||0|all")):
            self.assertEqual(self.text(f"/place?a={address}"), text, address)

    def test_every_kind_of_value_has_a_text(self):
        self.assertEqual(
            self.text("/kinds?a=10.0.0.1"),
            "t\u00fc|ab|1.50000|0.25000|65535|4294967295|-7|18446744073709551615|"
            "0x00000000000000010000000000000005|1|0|||")
        self.assertEqual(self.text("/kinds?a=2001:db8::1"), "|||||||||||d||", "a database of IPv4 only")

    def test_the_client_counts_where_no_source_is_given(self):
        self.assertEqual(self.text("/own"), "LO")
        with self.server.connect(str(self.server.dir / "socket")) as connection:
            self.assertEqual(connection.get("/own").text, "")

    def test_the_database_tells_of_itself(self):
        built, checked, changed = self.text("/meta").split()

        self.assertEqual(built, "1700000000")
        self.assertEqual(int(changed), int(os.stat(self.server.dir / "places.mmdb").st_mtime))
        self.assertGreaterEqual(int(checked), int(changed))


class Geoip2Life(SluiceTest):
    CONF = """
    http {
        geoip2 %%DIR%%/db.mmdb { $code default=none country iso_code; [MORE] }
        [PROXY]
        server { listen %%PORT%%; location / { return 200 $code; } }
    }
    """

    def conf_with(self, more="", proxy=""):
        return self.CONF.lstrip().replace("[MORE]", more).replace("[PROXY]", proxy)

    @staticmethod
    def places(**codes):
        nets = {"loop": "127.0.0.0/8", "ten": "10.0.0.0/8", "doc": "192.0.2.0/24"}
        return database({nets[name]: {"country": {"iso_code": code}} for name, code in codes.items()})

    def replace(self, server, name, content):
        """As an updater does."""
        server.write(name + ".new", content)
        os.rename(server.dir / (name + ".new"), server.dir / name)

    def test_trusted_proxies_name_the_client(self):
        files = {"db.mmdb": self.places(loop="LO", ten="TE", doc="DO")}
        server = self.serve(self.conf_with(proxy="geoip2_proxy 127.0.0.1; geoip2_proxy 10.0.0.0/8;"), files=files)
        fields = {"X-Forwarded-For": "192.0.2.1, 10.0.0.1"}
        self.assertEqual(server.get().text, "LO")
        self.assertEqual(server.get(headers=fields).text, "TE")

        server.configure(self.conf_with(
            proxy="geoip2_proxy 127.0.0.1; geoip2_proxy 10.0.0.0/8; geoip2_proxy_recursive on;"))
        self.assertEqual(server.reload().returncode, 0)
        self.assertEqual(server.get(headers=fields).text, "DO")

    def test_stream_has_it_too(self):
        server = self.serve("""stream {
            geoip2 %%DIR%%/db.mmdb { $code country iso_code; }
            server { listen %%PORT%%; return "<$code>"; }
        }""", files={"db.mmdb": self.places(loop="LO")})
        with server.connect() as connection:
            self.assertEqual(connection.read_exactly(4), b"<LO>")

    def test_a_reload_takes_the_new_file_and_nothing_else_does(self):
        server = self.serve(self.conf_with(), workers=2, files={"db.mmdb": self.places(loop="AA")})
        server.allowed_words.append("MMDB_open() failed")
        path = server.dir / "db.mmdb"

        path.write_bytes(b"")  # workers do not read it
        self.assertEqual(server.get().text, "AA")
        server.kill_worker()
        self.assertEqual({server.get().text for _ in range(8)}, {"AA"})

        self.replace(server, "db.mmdb", self.places(loop="BB"))
        self.assertEqual(server.get().text, "AA")
        self.assertEqual(server.reload().returncode, 0)
        self.assertEqual({server.get().text for _ in range(8)}, {"BB"})

        self.replace(server, "db.mmdb", b"no database")
        refused = server.reload()
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("MMDB_open() failed", refused.stderr)
        self.assertEqual({server.get().text for _ in range(8)}, {"BB"})

    def test_auto_reload_takes_a_file_that_has_changed(self):
        server = self.serve(self.conf_with("auto_reload 50ms;"), workers=2,
                            files={"db.mmdb": self.places(loop="AA")})
        self.assertEqual(server.get().text, "AA")

        self.replace(server, "db.mmdb", b"no database")
        server.wait_logged("the data of before is kept")
        self.assertEqual(server.get().text, "AA")
        self.replace(server, "db.mmdb", b"no database either")
        server.wait_logged("the data of before is kept", times=2)

        self.replace(server, "db.mmdb", self.places(loop="BB"))
        server.wait_logged("has changed: the workers take the new one")
        self.assertEqual(server.error_log().count("the data of before is kept"), 2, "once for each file")
        for _ in range(8):
            wait_for(lambda: server.get().text == "BB", what="the new data in a worker")
        server.kill_worker()
        self.assertEqual({server.get().text for _ in range(8)}, {"BB"})

    def test_explain_reads_the_database(self):
        conf = self.conf_with().replace("return 200 $code", "return 302 /$code")
        server = self.serve(conf, files={"db.mmdb": self.places(loop="AA")}, start=False)

        answer = server.run("explain", f"http://127.0.0.1:{server.port}/")

        self.assertEqual(answer.returncode, 0, answer.stderr)
        self.assertIn("/AA", answer.stdout)

    def test_what_cannot_be_used_is_refused_with_its_place(self):
        good = self.places(loop="AA")
        for content, words in (
                (None, "failed (2: No such file or directory) in %s:3"),
                (b"", "MMDB_open() failed"), (b"x" * 1000, "MMDB_open() failed"),
                (good[:-20], "MMDB_open() failed")):
            server = self.serve(self.conf_with(), start=False,
                                files={} if content is None else {"db.mmdb": content})
            answer = server.run("-t")
            self.assertEqual(answer.returncode, 1, answer.stderr)
            self.assertIn(words.replace("%s", str(server.conf)), answer.stderr)

        server = self.serve(self.conf_with().replace("db.mmdb", "logs"), start=False)
        self.assertIn("failed (21: Is a directory)", server.run("-t").stderr)
        server = self.serve(self.conf_with().replace("%%DIR%%/db.mmdb", "/dev/null"), start=False)
        self.assertIn('"/dev/null" is not a regular file', server.run("-t").stderr)

    def test_mistakes_are_refused(self):
        for more, words in (
                ("$x;", 'no path for "$x"'), ("$x default=a;", 'no path for "$x"'),
                ("x country;", 'invalid variable name "x"'),
                ("$uri country;", 'the duplicate "uri" variable'),
                ("$x source=1.2.3.4 country;", 'invalid source "1.2.3.4"'),
                ("$x source=$nothing_here country;", 'unknown "nothing_here" variable'),
                ("$x metadata;", 'invalid number of arguments in "metadata" parameter'),
                ("$x metadata size;", 'invalid metadata "size"'),
                ("auto_reload never;", 'invalid "auto_reload"'), ("auto_reload;", 'invalid "auto_reload"'),
                ("$x { }", "unexpected \"{\"")):
            server = self.serve(self.conf_with(more), start=False, files={"db.mmdb": self.places(loop="AA")})
            answer = server.run("-t")
            self.assertEqual(answer.returncode, 1, more)
            self.assertIn(words, answer.stderr)


if __name__ == "__main__":
    unittest.main()
