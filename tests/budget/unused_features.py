# SPDX-License-Identifier: BSD-2-Clause
"""Features that a configuration has and a request does not use. "Not used" means one of three things:

* declared: a variable, a zone or a table at the http level that nothing of this request asks for;
* elsewhere: in force in /elsewhere/, while the request is for another location;
* in vain: in force for the request, with a condition that does not hold for it: a pattern whose words the
  text does not hold, a client from elsewhere, an empty key, a header that was not sent, another media type.
  (A pattern without such words costs what PCRE2 takes to refuse a text, 900 instructions and up.)"""

from dataclasses import dataclass

from support.mmdb import database

CONF = """daemon off; pid {dir}/pid; error_log {dir}/error.log; worker_processes 1; @main@ events { }
http {
    access_log off; keepalive_requests 1000000; types { } default_type application/octet-stream;
    @http@
    server {
        listen 127.0.0.1:{port};
        root {dir}/www;
        disable_symlinks off;
        @server@
        location / { @here@ }
        location /elsewhere/ { @elsewhere@ }
    }
}
"""


@dataclass(frozen=True)
class Feature:
    """What a feature writes into each block of CONF."""

    name: str
    http: str = ""
    server: str = ""
    here: str = ""
    elsewhere: str = ""
    main: str = ""

    @property
    def is_in_force(self):
        return bool(self.here or self.server)


def conf_of(*features):
    """CONF with all of `features`."""
    text = CONF
    for block in ("main", "http", "server", "here", "elsewhere"):
        text = text.replace(f"@{block}@", " ".join(filter(None, (getattr(one, block) for one in features))))
    return text


REWRITES = "set $kind old; if ($http_x_old) { rewrite ^/elsewhere/(.*)$ /old/$1 last; } break;"
GUARDS = "satisfy any; allow 192.0.2.0/24; deny all;"
LINKS = "secure_link $arg_md5,$arg_expires; secure_link_md5 $uri; if ($secure_link = '') { return 403; }"
USERIDS = "userid on; userid_name uid; userid_path /; userid_expires 1d; userid_domain .example.com; userid_mark off;"
REAL_IP = "set_real_ip_from 192.0.2.0/24; real_ip_header X-Forwarded-For; real_ip_recursive on;"
REQUESTS = "limit_req zone=requests burst=5 nodelay; limit_req_status 429; limit_req_log_level info;"
CONNECTIONS = "limit_conn connections 5; limit_conn_status 429; limit_conn_log_level info;"
CHARSETS = ("charset koi8-r; source_charset utf-8; charset_types text/html text/plain; override_charset on;")

# What the configurations name besides the file that is asked for, in www.
FILES = {"places.mmdb": database({"192.0.2.0/24": {"country": {"iso_code": "FR"}}})}

FEATURES = [
    Feature("set, rewrite, if, break elsewhere", elsewhere=REWRITES),
    Feature("return elsewhere", elsewhere="return 204;"),
    Feature("rewrite in vain", server="rewrite ^/old/(.*)$ /new/$1 last;"),
    Feature("if in vain", here="if ($http_x_maintenance) { return 503; }"),
    Feature("rewrite_log, uninitialized_variable_warn", server="rewrite_log off; uninitialized_variable_warn off;"),
    Feature("map declared", http="map $uri $mapped { default 0; /a 1; ~^/b 2; }"),
    Feature("map by host declared", http="map $host $mapped_host { hostnames; volatile; default 0; *.example.com 1; }"),
    Feature("geo declared", http="geo $country { default zz; 192.0.2.0/24 aa; proxy 198.51.100.0/24; }"),
    Feature("geo ranges declared", http="geo $range { ranges; default zz; 192.0.2.0-192.0.2.9 aa; }"),
    Feature("split_clients declared", http="split_clients $remote_addr $variant { 50% a; * b; }"),
    Feature("geoip2 declared", http="geoip2 {dir}/www/places.mmdb { $place default=none country iso_code; }"),
    Feature("env declared", main="env SLUICE_BUDGET=1;"),
    Feature("pcre_jit, rewrite in vain", main="pcre_jit on;", server="rewrite ^/older/(.*)$ /new/$1 last;"),
    Feature("allow, deny, satisfy elsewhere", elsewhere=GUARDS),
    Feature("deny in vain", here="deny 192.0.2.0/24;"),
    Feature("auth_basic, auth_delay elsewhere",
            elsewhere="auth_basic closed; auth_basic_user_file {dir}/passwords; auth_delay 1s;"),
    Feature("auth_basic off here", here="auth_basic off;"),
    Feature("valid_referers elsewhere",
            elsewhere="valid_referers none blocked *.example.com ~\\.google\\.; if ($invalid_referer) { return 403; }"),
    Feature("secure_link elsewhere", elsewhere=LINKS),
    Feature("userid elsewhere", elsewhere=USERIDS),
    Feature("realip in vain", server=REAL_IP),
    Feature("limit_req elsewhere", http="limit_req_zone $binary_remote_addr zone=requests:1m rate=5r/s;",
            elsewhere=REQUESTS),
    Feature("limit_req without a key", http="limit_req_zone $http_x_key zone=keyed:1m rate=5r/s;",
            here="limit_req zone=keyed; limit_req_dry_run on;"),
    Feature("limit_conn elsewhere", http="limit_conn_zone $binary_remote_addr zone=connections:1m;",
            elsewhere=CONNECTIONS),
    Feature("limit_conn without a key", http="limit_conn_zone $http_x_key zone=connected:1m;",
            here="limit_conn connected 5; limit_conn_dry_run on;"),
    Feature("limit_rate elsewhere", elsewhere="limit_rate 100k; limit_rate_after 1m;"),
    Feature("limit_rate of 0", here="limit_rate $http_x_rate; limit_rate_after 1m;"),
    Feature("add_header elsewhere", elsewhere="add_header X-Frame-Options DENY always; add_header_inherit merge;"),
    Feature("add_header of nothing", here="add_header X-Kind $http_x_kind;"),
    Feature("add_trailer elsewhere", elsewhere="add_trailer X-Sum $request_id;"),
    Feature("expires elsewhere", elsewhere="expires 30d;"),
    Feature("expires off here", here="expires off;"),
    Feature("charset elsewhere", http="charset_map koi8-r utf-8 { 80 E282AC; }", elsewhere=CHARSETS),
    Feature("charset of other types", here="charset utf-8;"),
]
