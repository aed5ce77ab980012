# SPDX-License-Identifier: BSD-2-Clause
"""Configurations that people bring along: what Debian's nginx package and the nginx container image
install must load as it stands."""

import pwd
import re
import shutil
import unittest
from pathlib import Path

from support.harness import SluiceTest

DEBIAN = """user www-data;
worker_processes auto;
pid %%DIR%%/run/nginx.pid;
error_log %%DIR%%/log/error.log;
include %%DIR%%/nginx/modules-enabled/*.conf;

events {
	worker_connections 768;
	# multi_accept on;
}

http {

	##
	# Basic Settings
	##

	sendfile on;
	tcp_nopush on;
	types_hash_max_size 2048;
	# server_tokens off;

	# server_names_hash_bucket_size 64;
	# server_name_in_redirect off;

	include %%DIR%%/nginx/mime.types;
	default_type application/octet-stream;

	##
	# SSL Settings
	##

	ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3; # Dropping SSLv3, ref: POODLE
	ssl_prefer_server_ciphers on;

	##
	# Logging Settings
	##

	access_log %%DIR%%/log/access.log;

	##
	# Gzip Settings
	##

	gzip on;

	# gzip_vary on;
	# gzip_proxied any;
	# gzip_comp_level 6;
	# gzip_buffers 16 8k;
	# gzip_http_version 1.1;

	##
	# Virtual Host Configs
	##

	include %%DIR%%/nginx/conf.d/*.conf;
	include %%DIR%%/nginx/sites-enabled/*;
}

#mail {
#	server {
#		listen     localhost:110;
#		protocol   pop3;
#		proxy      on;
#	}
#}
"""
DEBIAN_SITE = """##
# Default server configuration
#
server {
	listen %%PORT%% default_server;
	listen [::]:%%PORT%% default_server;

	# SSL configuration
	#
	# listen 443 ssl default_server;

	root %%DIR%%/html;

	# Add index.php to the list if you are using PHP
	index index.html index.htm index.nginx-debian.html;

	server_name _;

	location / {
		# First attempt to serve request as file, then
		# as directory, then fall back to displaying a 404.
		try_files $uri $uri/ =404;
	}

	#location ~ \\.php$ {
	#	include snippets/fastcgi-php.conf;
	#}
}
"""
IMAGE = """
user  nginx;
worker_processes  auto;

error_log  %%DIR%%/log/error.log notice;
pid        %%DIR%%/run/nginx.pid;


events {
    worker_connections  1024;
}


http {
    include       %%DIR%%/nginx/mime.types;
    default_type  application/octet-stream;

    log_format  main  '$remote_addr - $remote_user [$time_local] "$request" '
                      '$status $body_bytes_sent "$http_referer" '
                      '"$http_user_agent" "$http_x_forwarded_for"';

    access_log  %%DIR%%/log/access.log  main;

    sendfile        on;
    #tcp_nopush     on;

    keepalive_timeout  65;

    #gzip  on;

    include %%DIR%%/nginx/conf.d/*.conf;
}
"""
IMAGE_SITE = """server {
    listen       %%PORT%%;
    listen  [::]:%%PORT%%;
    server_name  localhost;

    #access_log  /var/log/nginx/host.access.log  main;

    location / {
        root   %%DIR%%/html;
        index  index.html index.htm;
    }

    #error_page  404              /404.html;

    # redirect server error pages to the static page /50x.html
    #
    error_page   500 502 503 504  /50x.html;
    location = /50x.html {
        root   %%DIR%%/html;
    }

    # deny access to .htaccess files, if Apache's document root
    # concurs with nginx's one
    #
    #location ~ /\\.ht {
    #    deny  all;
    #}
}
"""
MIME = """
types {
    text/html                                        html htm shtml;
    text/css                                         css;
    text/xml                                         xml;
    image/gif                                        gif;
    image/jpeg                                       jpeg jpg;
    application/javascript                           js;
    application/atom+xml                             atom;
    application/rss+xml                              rss;

    text/mathml                                      mml;
    text/plain                                       txt;
    text/vnd.wap.wml                                 wml;

    image/png                                        png;
    image/svg+xml                                    svg svgz;
    image/x-icon                                     ico;

    font/woff2                                       woff2;

    application/json                                 json;
    application/vnd.openxmlformats-officedocument.wordprocessingml.document
                                                     docx;
    video/mp4                                        mp4;
    video/3gpp                                       3gpp 3gp;
}
"""
PAGES = {
    "html/index.html": "<h1>Welcome</h1>",
    "html/docs/index.nginx-debian.html": "<p>docs</p>",
    "html/a.svg": "<svg/>",
    "nginx/mime.types": MIME,
    "log/.keep": "",
    "run/.keep": "",
    "nginx/conf.d/.keep": "",
    "nginx/modules-enabled/.keep": "",
}


def without_unknown_user(text):
    """A system without the package's user lacks it by no fault of the configuration."""
    def judge(match):
        try:
            pwd.getpwnam(match[1])
            return match[0]
        except KeyError:
            return ""
    return re.sub(r"(?m)^user\s+(\S+);$", judge, text)


class Stock(SluiceTest):
    def stock(self, main, site, text):
        server = self.serve("daemon off;", start=False, files={**PAGES, site: text})
        # As installed: nothing is added, -g gives what a service's command line gives.
        server.conf.write_text(server.expand(without_unknown_user(main)), encoding="utf-8")
        server.pid_file = server.dir / "run" / "nginx.pid"
        server.error_log_file = server.dir / "log" / "error.log"
        server.args = ["-g", "daemon off;"]
        return server

    def assert_loads(self, server):
        result = server.run("-t")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("test is successful", result.stderr)
        self.assertNotIn("[emerg]", result.stderr)

    def test_debian(self):
        server = self.stock(DEBIAN, "nginx/sites-enabled/default", DEBIAN_SITE)

        self.assert_loads(server)
        server.start()

        front = server.get("/")
        self.assertEqual((front.status, front.text), (200, "<h1>Welcome</h1>"))
        self.assertEqual(front.header("Content-Type"), "text/html")
        for name in ("Accept-Ranges", "Content-Length", "ETag", "Last-Modified", "Connection"):
            self.assertEqual(len(front.all(name)), 1, front.raw_head)
        self.assertEqual(server.get("/docs/").text, "<p>docs</p>")
        self.assertEqual(server.get("/a.svg").header("Content-Type"), "image/svg+xml")
        self.assertEqual(server.get("/none").status, 404)
        with server.connect(host="::1") as connection:
            self.assertEqual(connection.get("/").status, 200)
        reload = server.run("-s", "reload")
        self.assertEqual(reload.returncode, 0, reload.stderr)
        self.assertEqual(server.get("/").status, 200)

    def test_container_image(self):
        server = self.stock(IMAGE, "nginx/conf.d/default.conf", IMAGE_SITE)

        self.assert_loads(server)
        server.start()

        self.assertEqual(server.get("/").text, "<h1>Welcome</h1>")
        self.assertEqual(server.get("/50x.html").status, 404)

    def test_every_file_is_read(self):
        server = self.stock(DEBIAN, "nginx/sites-enabled/default", DEBIAN_SITE + "\nnonsense;\n")
        shutil.rmtree(server.dir / "nginx" / "modules-enabled")  # a glob may match nothing

        result = server.run("-t")
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("sites-enabled/default:", result.stderr)


# What each configuration of the corpus comes to: None where it loads, else the complaint. A remark
# says where nginx judges differently, or why ours is right.
CORPUS = {
    "bad-args": 'invalid number of arguments in "user" directive',
    "comments-between-args": None,  # nginx wants an events block; without one its defaults do
    "directive-with-space": None,
    "empty-value-map": 'unknown "arg" variable',
    "includes-globbed": None,
    "includes-regular": 'bar.conf" failed (2: No such file or directory)',
    # Lua is no nginx: an unknown directive there; its text is not in our syntax either.
    "lua-block-larger": "is not terminated by",
    "lua-block-simple": 'unexpected "W" after a closing quote',
    "lua-block-tricky": "is not terminated by",
    "messy": None,  # nginx looks for a group called as the user; here the user's own group counts
    "missing-semicolon/broken-above.conf": 'directive "proxy_pass" is not terminated by ";"',
    "missing-semicolon/broken-below.conf": 'directive "proxy_pass" is not terminated by ";"',
    "non-unicode": None,  # as comments-between-args
    "quote-behavior": 'unexpected "-" after a closing quote',
    "quoted-right-brace": None,
    "russian-text": None,
    "simple": None,
    "spelling-mistake": 'unknown directive "proxy_passs"',
    "with-comments": None,
}
CORPUS_FOLDER = Path(__file__).resolve().parents[3] / "shared" / "corpora" / "nginx-config"


@unittest.skipUnless(CORPUS_FOLDER.is_dir(), "skipped: corpora not present")
class Corpus(SluiceTest):
    def complaints(self, case):
        name, _, file = case.partition("/")
        server = self.serve("", start=False)
        shutil.copytree(CORPUS_FOLDER / name, server.dir / "corpus")
        (server.dir / "corpus").chmod(0o755)
        server.conf = server.dir / "corpus" / (file or "nginx.conf")
        outcome = server.run("-t", "-g", f"pid {server.pid_file};")
        told = [line for line in outcome.stderr.splitlines() if "[emerg]" in line]
        self.assertEqual(outcome.returncode, 1 if told else 0, outcome.stderr)
        return told

    def test_each_is_judged_as_the_table_says(self):
        for case, complaint in CORPUS.items():
            with self.subTest(case=case):
                told = self.complaints(case)
                if complaint is None:
                    self.assertEqual(told, [])
                else:
                    self.assertTrue(any(complaint in line for line in told), told)

    def test_the_table_is_complete(self):
        found = {file.parent.name if file.name == "nginx.conf" else f"{file.parent.name}/{file.name}"
                 for file in CORPUS_FOLDER.glob("*/*.conf")
                 if file.name == "nginx.conf" or file.parent.name == "missing-semicolon"}
        self.assertEqual(found, set(CORPUS))
