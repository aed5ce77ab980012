// SPDX-License-Identifier: BSD-2-Clause
// The tables of nginx's directives that have no row here.
// Runs in: any.
#include "conf/accepted.h"

#include <algorithm>
#include <iterator>

namespace sluice::conf {

namespace {

// clang-format off
constexpr AcceptedRow kAccepted[] = {
    {"aio",                          kAnyHttp, "cold files are read by sluice's own means"},
    {"aio_write",                    kAnyHttp, "there is no temporary file to write"},
    {"accept_mutex",                 kEvents,  "listeners are shared with EPOLLEXCLUSIVE", true},
    {"accept_mutex_delay",           kEvents,  "listeners are shared with EPOLLEXCLUSIVE", true},
    {"client_body_buffer_size",      kAnyHttp, "bodies are passed on as they come", true},
    {"connection_pool_size",         kHttp | kServer, "sluice has no such pool", true},
    {"debug_connection",             kEvents,  "use error_log … debug"},
    {"debug_points",                 kMain,    "sluice has no such points"},
    {"directio",                     kAnyHttp, "files are served from the page cache"},
    {"directio_alignment",           kAnyHttp, "files are served from the page cache"},
    {"gzip",                         kAnyHttp, "replies are not compressed yet"},
    {"gzip_buffers",                 kAnyHttp, "replies are not compressed yet", true},
    {"gzip_comp_level",              kAnyHttp, "replies are not compressed yet", true},
    {"gzip_disable",                 kAnyHttp, "replies are not compressed yet", true},
    {"gzip_http_version",            kAnyHttp, "replies are not compressed yet", true},
    {"gzip_min_length",              kAnyHttp, "replies are not compressed yet", true},
    {"gzip_proxied",                 kAnyHttp, "replies are not compressed yet", true},
    {"gzip_types",                   kAnyHttp, "replies are not compressed yet", true},
    {"gzip_vary",                    kAnyHttp, "replies are not compressed yet", true},
    {"gzip_static",                  kAnyHttp, "precompressed files are not looked for yet"},
    {"load_module",                  kMain,    "every feature of sluice is built in"},
    {"lock_file",                    kMain,    "sluice needs no lock file", true},
    {"log_subrequest",               kAnyHttp, "there are no subrequests", true},
    {"output_buffers",               kAnyHttp, "sluice sizes its buffers itself", true},
    {"pcre_jit",                     kMain,    "patterns run without just-in-time compilation"},
    {"postpone_output",              kAnyHttp, "the replies of one turn leave together anyway", true},
    {"proxy_headers_hash_bucket_size", kAnyHttp, "tables size themselves", true},
    {"proxy_headers_hash_max_size",  kAnyHttp, "tables size themselves", true},
    {"read_ahead",                   kAnyHttp, "the kernel decides how far to read ahead", true},
    {"request_pool_size",            kHttp | kServer, "sluice has no such pool", true},
    {"send_lowat",                   kAnyHttp, "it has no effect on Linux", true},
    {"server_names_hash_bucket_size", kHttp,   "tables size themselves", true},
    {"server_names_hash_max_size",   kHttp,    "tables size themselves", true},
    {"ssl_ciphers",                  kHttp | kServer, "this version has no TLS, so no listener uses it"},
    {"ssl_dhparam",                  kHttp | kServer, "this version has no TLS, so no listener uses it"},
    {"ssl_ecdh_curve",               kHttp | kServer, "this version has no TLS, so no listener uses it"},
    {"ssl_prefer_server_ciphers",    kHttp | kServer, "this version has no TLS, so no listener uses it"},
    {"ssl_protocols",                kHttp | kServer, "this version has no TLS, so no listener uses it"},
    {"ssl_session_cache",            kHttp | kServer, "this version has no TLS, so no listener uses it"},
    {"ssl_session_tickets",          kHttp | kServer, "this version has no TLS, so no listener uses it"},
    {"ssl_session_timeout",          kHttp | kServer, "this version has no TLS, so no listener uses it"},
    {"subrequest_output_buffer_size", kAnyHttp, "there are no subrequests", true},
    {"thread_pool",                  kMain,    "the worker pool needs no declaration"},
    {"timer_resolution",             kMain,    "the clock is read once per turn", true},
    {"types_hash_bucket_size",       kAnyHttp, "tables size themselves", true},
    {"types_hash_max_size",          kAnyHttp, "tables size themselves", true},
    {"use",                          kEvents,  "sluice always uses epoll", true},
    {"variables_hash_bucket_size",   kHttp,    "tables size themselves", true},
    {"variables_hash_max_size",      kHttp,    "tables size themselves", true},
    {"worker_aio_requests",          kEvents,  "cold files are read by sluice's own means", true},
};

// Sorted. Directives of nginx that are refused, with a message that says why.
constexpr std::string_view kRefused[] = {
    "absolute_redirect", "add_after_body", "add_before_body", "add_header", "add_trailer",
    "addition_types", "allow", "ancient_browser", "auth_basic", "auth_basic_user_file",
    "auth_delay", "auth_http", "auth_request", "auth_request_set", "autoindex",
    "autoindex_exact_size", "autoindex_format", "autoindex_localtime", "break", "charset",
    "charset_map", "charset_types", "client_body_in_file_only", "client_body_in_single_buffer",
    "client_body_temp_path", "create_full_put_path", "dav_access", "dav_methods", "deny",
    "disable_symlinks", "empty_gif", "expires", "fastcgi_cache", "fastcgi_index", "fastcgi_param",
    "fastcgi_pass", "fastcgi_split_path_info", "flv", "geo", "geoip_city", "geoip_country",
    "google_perftools_profiles", "grpc_pass", "gunzip", "hash", "http2", "http3", "if",
    "if_modified_since", "image_filter", "internal", "ip_hash", "js_content", "js_import",
    "keepalive", "least_conn", "limit_conn", "limit_conn_zone", "limit_except", "limit_rate",
    "limit_rate_after", "limit_req", "limit_req_zone", "log_not_found", "mail", "map",
    "map_hash_bucket_size", "map_hash_max_size", "memcached_pass", "min_delete_depth", "mirror",
    "modern_browser", "mp4", "open_log_file_cache", "override_charset", "perl", "perl_modules",
    "proxy_cache", "proxy_cache_path", "proxy_http_version", "proxy_pass", "proxy_set_header",
    "random", "random_index", "real_ip_header", "referer_hash_max_size", "resolver",
    "resolver_timeout", "rewrite", "rewrite_log", "satisfy", "scgi_param", "scgi_pass",
    "secure_link", "secure_link_md5", "set", "set_real_ip_from", "slice", "source_charset",
    "split_clients", "ssi", "ssl_certificate", "ssl_certificate_key", "ssl_client_certificate",
    "ssl_preread", "ssl_verify_client", "status_zone", "stream", "stub_status", "sub_filter",
    "try_files", "uninitialized_variable_warn", "upstream", "userid", "uwsgi_param", "uwsgi_pass",
    "valid_referers", "xslt_stylesheet", "zone",
};
// clang-format on

static_assert(std::is_sorted(std::begin(kRefused), std::end(kRefused)));

}  // namespace

std::span<const AcceptedRow> accepted_directives() {
    return kAccepted;
}

const AcceptedRow* find_accepted(std::string_view name) {
    const auto* const found =
        std::find_if(std::begin(kAccepted), std::end(kAccepted),
                     [&](const AcceptedRow& row) { return row.name == name; });
    return found == std::end(kAccepted) ? nullptr : found;
}

bool is_nginx_directive(std::string_view name) {
    return std::binary_search(std::begin(kRefused), std::end(kRefused), name);
}

}  // namespace sluice::conf
