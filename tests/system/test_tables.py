# SPDX-License-Identifier: BSD-2-Clause
"""map, geo and split_clients: variables that tables give. Values were compared with nginx's."""

import unittest

from support.harness import Sluice, SluiceTest
from support.waiting import wait_for

CONF = r"""
http {
    access_log off;
    map_hash_max_size 4096;
    map_hash_bucket_size 128;

    map $arg_k $plain {
        default "rest-$arg_h";
        1 one;
        ABC abc;
        "" nothing;
        \default escaped;
        ~*^x(.)(.*)$ "$2$1";
        ~^name-(?<who>\w+) "called $who";
        ~^k first;
        ~^k second;
        include more.map;
    }
    map $arg_h $host_map {
        hostnames;
        default none;
        example.com exact;
        *.example.com below;
        .dot.org dotted;
        mail.* mail;
        www.deep.* deep;
        *.a.b ab;
        *.b b;
    }
    map $pair $both { default 0; "a-b" 1; }
    map "$arg_k-$arg_h" $pair { default "$arg_k-$arg_h"; }
    map $changing $kept { default $changing; }
    map $changing $fresh { volatile; default $changing; }
    map $loop_a $loop_b { default "b$loop_a"; }
    map $loop_b $loop_a { default "a$loop_b"; }
    map $arg_k $replaced { default mapped; }

    split_clients $arg_k $share { 0.01% tiny; 33.33% a; 33.33% b; 12.5% c; * rest; }
    split_clients $arg_k $partly { 50% half; }

    geo $arg_a $net {
        default def;
        10.0.0.0/8 ten;
        10.1.0.0/16 tenone;
        10.1.2.3 host;
        0.0.0.0/1 half;
        2001:db8::/32 six;
        2001:db8:1::/48 six1;
        127.0.0.0/8 loop;
        delete 127.0.0.0/8;
    }
    geo $arg_a $range {
        ranges;
        default def;
        10.0.0.0-10.255.255.255 ten;
        10.1.0.0-10.1.255.255 tenone;
        10.0.255.0-10.1.0.10 over;
        1.0.0.0-1.0.0.9 one;
        delete 1.0.0.0-1.0.0.9;
    }
    geo $direct { 127.0.0.1 local; default remote; }
    geo $forwarded { proxy 127.0.0.1; 127.0.0.1 local; 192.0.2.0/24 doc; 198.51.100.0/24 far; }
    geo $chain { proxy 127.0.0.1; proxy 192.0.2.0/24; proxy_recursive;
                 192.0.2.0/24 doc; 198.51.100.0/24 far; default none; }

    server {
        listen %%PORT%%;
        listen unix:%%DIR%%/socket;
        location /map { return 200 $plain; }
        location /later { set $first $plain; return 200 "$first $1"; }
        location /host { return 200 $host_map; }
        location /both { return 200 "$both $pair"; }
        location /fresh { set $changing 1; set $x "$kept$fresh"; set $changing 2; return 200 "$x $kept$fresh"; }
        location /loop { return 200 "<$loop_a>"; }
        location /replaced { set $x $replaced; set $replaced own; return 200 "$x $replaced"; }
        location /split { return 200 "$share $partly"; }
        location /geo { return 200 "$net $range"; }
        location /peer { return 200 "$direct $forwarded $chain"; }
    }
}
"""


class Tables(SluiceTest):
    conf = CONF
    files = {"conf/more.map": "included yes;\n~^file- file;\n"}

    def text(self, path, **headers):
        reply = self.server.get(path, headers)
        self.assertEqual(reply.status, 200, reply.text)
        return reply.text

    def test_a_map_finds_names_then_patterns_then_the_default(self):
        for key, value in (("1", "one"), ("abc", "abc"), ("AbC", "abc"), ("", "nothing"),
                           ("default", "escaped"), ("xyz", "zy"), ("Xab", "ba"), ("k9", "first"),
                           ("name-bo", "called bo"), ("included", "yes"), ("file-1", "file"),
                           ("other", "rest-h")):
            self.assertEqual(self.text(f"/map?k={key}&h=h"), value, key)
        self.assertEqual(self.text("/map"), "nothing")

    def test_captures_of_a_map_can_be_used_later(self):
        self.assertEqual(self.text("/later?k=xyz"), "zy y")

    def test_hostnames_have_wildcards(self):
        for host, value in (("example.com", "exact"), ("EXAMPLE.COM.", "exact"),
                            ("a.b.example.com", "below"), ("dot.org", "dotted"),
                            ("x.dot.org", "dotted"), ("mail.x.y", "mail"), ("mail", "none"),
                            ("www.deep.x", "deep"), ("x.a.b", "ab"), ("a.b", "b"), ("b", "none"),
                            ("", "none")):
            self.assertEqual(self.text(f"/host?h={host}"), value, host)

    def test_a_map_may_read_one_that_stands_below(self):
        self.assertEqual(self.text("/both?k=a&h=b"), "1 a-b")
        self.assertEqual(self.text("/both?k=a&h=c"), "0 a-c")

    def test_a_value_is_computed_once_unless_volatile(self):
        self.assertEqual(self.text("/fresh"), "11 12")

    def test_a_cycle_ends_and_is_logged(self):
        self.assertEqual(self.text("/loop"), "<ab>")
        wait_for(lambda: 'cycle while evaluating variable "loop_a"' in self.server.error_log(),
                 what="the log line")

    def test_set_replaces_a_value(self):
        self.assertEqual(self.text("/replaced"), "mapped own")

    def test_shares_are_chosen_as_nginx_does(self):
        for key, value in (("nlm2.aob6f3gd8h.ol0l0i8od", "rest "), ("e", "c "),
                           ("ABC", "rest "), ("default", "a half"), ("", "tiny half"),
                           ("kj3dginl0ip464c.d68dkdd4j8", "a half")):
            self.assertEqual(self.text(f"/split?k={key}"), value, key)

    def test_addresses_find_networks_and_ranges(self):
        for address, value in (("10.0.0.1", "ten ten"), ("10.1.2.3", "host tenone"),
                               ("10.1.2.4", "tenone tenone"), ("127.0.0.1", "half def"),
                               ("200.1.1.1", "def def"), ("2001:db8::1", "six def"),
                               ("2001:db8:1::7", "six1 def"), ("::1", "def def"),
                               ("::ffff:10.1.2.3", "host tenone"), ("", "def def"),
                               ("nonsense", "def def"), ("10.0.255.9", "ten over"),
                               ("10.1.0.10", "tenone over"), ("10.1.0.11", "tenone tenone"),
                               ("1.0.0.5", "half def")):
            self.assertEqual(self.text(f"/geo?a={address}"), value, address)

    def test_proxies_name_the_client(self):
        def told(*fields):
            return self.text("/peer", **{"X-Forwarded-For": ", ".join(fields)})

        self.assertEqual(self.text("/peer"), "local local none")
        self.assertEqual(told("198.51.100.1"), "local far far")
        self.assertEqual(told("198.51.100.1", "192.0.2.1"), "local doc far")
        self.assertEqual(told("198.51.100.1", "203.0.113.1"), "local  none")
        self.assertEqual(told("nonsense"), "local local none")
        self.assertEqual(told("198.51.100.1", "nonsense"), "local local none")


class Mistakes(SluiceTest):
    def check(self, block, message, is_good=False):
        server = Sluice("http { " + block + " server { listen %%PORT%%; } }")
        self.addCleanup(server.cleanup)
        ran = server.run("-t")
        self.assertEqual(ran.returncode == 0, is_good, ran.stderr)
        self.assertIn(message, ran.stderr)

    def test_mistakes_are_refused(self):
        self.check("map $uri variable { }", 'invalid variable name "variable"')
        self.check("map $uri $uri { }", 'the duplicate "uri" variable')
        self.check("map $nothing_such $v { }", 'unknown "nothing_such" variable')
        self.check("map $uri $v { a 1; A 2; }", 'conflicting parameter "A"')
        self.check("map $uri $v { a; }", "invalid number of the map parameters")
        self.check("map $uri $v { default 1; default 2; }", "duplicate default map parameter")
        self.check("map $uri $v { hostnames; a.*.b 1; }", 'invalid hostname or wildcard "a.*.b"')
        self.check("map $uri $v { ~( 1; }", "pcre2_compile() failed")
        self.check("geo $v { 10.0.0.0/33 1; }", 'invalid network "10.0.0.0/33"')
        self.check("geo $v { ranges; 10.0.0.1 1; }", 'invalid range "10.0.0.1"')
        self.check("geo $v { 10.0.0.1 1; ranges; }", '"ranges" directive must be the first')
        self.check("geo addr $v { }", 'invalid variable name "addr"')
        self.check("split_clients $uri $v { 60% a; 41% b; }", "percent total is greater than 100%")
        self.check("split_clients $uri $v { 0.001% a; }", 'invalid percent value "0.001%"')

    def test_doubtful_lines_are_warned_of(self):
        self.check("geo $v { 10.0.0.0/8 1; 10.0.0.0/8 2; }", "duplicate network", is_good=True)
        self.check("geo $v { 10.0.0.1/8 1; }", "low address bits", is_good=True)
        self.check("geo $v { delete 10.0.0.0/8; }", "no network", is_good=True)


class Environment(SluiceTest):
    CONF = """
[HUE]
http {
    log_format seen "<$env_SLUICE_TEST_HUE>";
    access_log %%DIR%%/logs/access.log seen;
    map $env_SLUICE_TEST_HUE $warmth { red warm; default cold; }
    server {
        listen %%PORT%%;
        location / { return 200 "$env_SLUICE_TEST_HUE|${env_sluice_test_set}|$env_SLUICE_TEST_NONE|$warmth"; }
    }
}
env SLUICE_TEST_NONE;
env SLUICE_TEST_SET=[SET];
"""

    def conf_with(self, hue, value):
        return self.CONF.replace("[HUE]", hue).replace("[SET]", value)

    def test_names_that_env_allows_have_values(self):
        server = self.serve(self.conf_with("env SLUICE_TEST_HUE;", "first"),
                            env={"SLUICE_TEST_HUE": "red", "SLUICE_TEST_SET": "not mine"})

        self.assertEqual(server.get().text, "red|first||warm")
        server.wait_accessed("<red>")

        server.configure(self.conf_with("env SLUICE_TEST_HUE=green;", "second"))
        self.assertEqual(server.reload().returncode, 0, server.error_log())
        wait_for(lambda: server.get().text == "green|second||cold", what="the new values")

    def test_a_worker_that_is_replaced_has_the_same_values(self):
        server = self.serve(self.conf_with("env SLUICE_TEST_HUE;", "x"), env={"SLUICE_TEST_HUE": "red"})

        server.kill_worker()

        self.assertEqual(server.get().text, "red|x||warm")

    def test_stream_has_them_too(self):
        server = self.serve("""env SLUICE_A=blue;
            stream { server { listen %%PORT%%; return "<$env_SLUICE_A>"; } }""")
        with server.connect() as connection:
            self.assertEqual(connection.read_exactly(6), b"<blue>")

        self.assertIn('unknown "env_SLUICE_B" variable',
                      self.refusal_of('stream { server { listen %%PORT%%; return "$env_SLUICE_B"; } }'))

    def test_others_are_refused(self):
        def refusal(rest):
            return self.refusal_of(rest + ' http { server { listen %%PORT%%; return 200 "a $env_SLUICE_A"; } }')

        for rest, words in (
                ("", 'unknown "env_SLUICE_A" variable'),
                ("env SLUICE_B;", '"env SLUICE_A;" or "env SLUICE_A=value;" in the main block'),
                ("env SLUICE_A; env Sluice_A;", 'ambiguous "env_SLUICE_A" variable')):
            self.assertIn(words, refusal(rest))


if __name__ == "__main__":
    unittest.main()
