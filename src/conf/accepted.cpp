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
    {"aio_write",                    kAnyHttp, "there is no temporary file to write"},
    {"accept_mutex",                 kEvents,  "listeners are shared with EPOLLEXCLUSIVE", true},
    {"accept_mutex_delay",           kEvents,  "listeners are shared with EPOLLEXCLUSIVE", true},
    {"connection_pool_size",         kHttp | kServer, "sluice has no such pool", true},
    {"debug_connection",             kEvents,  "use error_log … debug"},
    {"debug_points",                 kMain,    "sluice has no such points"},
    {"fastcgi_temp_path",            kAnyHttp, "this version passes nothing on to FastCGI", false, take_range(1, 4)},
    {"gzip",                         kAnyHttp, "replies are not compressed yet"},
    {"gzip_buffers",                 kAnyHttp, "replies are not compressed yet", true, take(2)},
    {"gzip_comp_level",              kAnyHttp, "replies are not compressed yet", true},
    {"gzip_min_length",              kAnyHttp, "replies are not compressed yet", true},
    {"gzip_types",                   kAnyHttp, "replies are not compressed yet", true, take_at_least(1)},
    {"load_module",                  kMain,    "every feature of sluice is built in"},
    {"lock_file",                    kMain,    "sluice needs no lock file", true},
    {"log_subrequest",               kAnyHttp, "there are no subrequests", true},
    {"map_hash_bucket_size",         kHttp,    "tables size themselves", true},
    {"map_hash_max_size",            kHttp,    "tables size themselves", true},
    {"msie_padding",                 kAnyHttp, "error pages are not padded for old browsers"},
    {"output_buffers",               kAnyHttp, "sluice sizes its buffers itself", true, take(2)},
    {"proxy_headers_hash_bucket_size", kAnyHttp, "tables size themselves", true},
    {"proxy_headers_hash_max_size",  kAnyHttp, "tables size themselves", true},
    {"proxy_temp_path",              kAnyHttp, "this version passes nothing on to other servers", false, take_range(1, 4)},
    {"referer_hash_bucket_size",     kServer | kLocation, "tables size themselves", true},
    {"referer_hash_max_size",        kServer | kLocation, "tables size themselves", true},
    {"request_pool_size",            kHttp | kServer, "sluice has no such pool", true},
    {"scgi_temp_path",               kAnyHttp, "this version passes nothing on to SCGI", false, take_range(1, 4)},
    {"send_lowat",                   kAnyHttp, "it has no effect on Linux", true},
    {"server_names_hash_bucket_size", kHttp,   "tables size themselves", true},
    {"server_names_hash_max_size",   kHttp,    "tables size themselves", true},
    {"ssl_ciphers",                  kHttp | kServer, "this version has no TLS, so no listener uses it"},
    {"ssl_dhparam",                  kHttp | kServer, "this version has no TLS, so no listener uses it"},
    {"ssl_ecdh_curve",               kHttp | kServer, "this version has no TLS, so no listener uses it"},
    {"ssl_prefer_server_ciphers",    kHttp | kServer, "this version has no TLS, so no listener uses it"},
    {"ssl_protocols",                kHttp | kServer, "this version has no TLS, so no listener uses it", false, take_at_least(1)},
    {"ssl_session_cache",            kHttp | kServer, "this version has no TLS, so no listener uses it", false, take_range(1, 2)},
    {"ssl_session_tickets",          kHttp | kServer, "this version has no TLS, so no listener uses it"},
    {"ssl_session_timeout",          kHttp | kServer, "this version has no TLS, so no listener uses it"},
    {"subrequest_output_buffer_size", kAnyHttp, "there are no subrequests", true},
    {"timer_resolution",             kMain,    "the clock is read once per turn", true},
    {"types_hash_bucket_size",       kAnyHttp, "tables size themselves", true},
    {"types_hash_max_size",          kAnyHttp, "tables size themselves", true},
    {"use",                          kEvents,  "sluice always uses epoll", true},
    {"uwsgi_temp_path",              kAnyHttp, "this version passes nothing on to uwsgi", false, take_range(1, 4)},
    {"variables_hash_bucket_size",   kHttp,    "tables size themselves", true},
    {"variables_hash_max_size",      kHttp,    "tables size themselves", true},
    {"worker_aio_requests",          kEvents,  "cold files are read by sluice's own means", true},
};

// Sorted. Directives of nginx that are refused, with a message that says why.
constexpr std::string_view kRefused[] = {
    "add_after_body", "add_before_body", "addition_types",
    "ancient_browser", "ancient_browser_value", "auth_http", "auth_http_header",
    "auth_http_pass_client_cert", "auth_http_timeout", "auth_request", "auth_request_set",
    "create_full_put_path", "dav_access", "dav_methods", "early_hints", "empty_gif",
    "epoll_events", "fastcgi_bind", "fastcgi_buffer_size", "fastcgi_buffering", "fastcgi_buffers",
    "fastcgi_busy_buffers_size", "fastcgi_cache", "fastcgi_cache_background_update",
    "fastcgi_cache_bypass", "fastcgi_cache_key", "fastcgi_cache_lock", "fastcgi_cache_lock_age",
    "fastcgi_cache_lock_timeout", "fastcgi_cache_max_range_offset", "fastcgi_cache_methods",
    "fastcgi_cache_min_uses", "fastcgi_cache_path", "fastcgi_cache_revalidate",
    "fastcgi_cache_use_stale", "fastcgi_cache_valid", "fastcgi_catch_stderr",
    "fastcgi_connect_timeout", "fastcgi_force_ranges", "fastcgi_hide_header",
    "fastcgi_ignore_client_abort", "fastcgi_ignore_headers", "fastcgi_index",
    "fastcgi_intercept_errors", "fastcgi_keep_conn", "fastcgi_limit_rate",
    "fastcgi_max_temp_file_size", "fastcgi_next_upstream", "fastcgi_next_upstream_timeout",
    "fastcgi_next_upstream_tries", "fastcgi_no_cache", "fastcgi_param", "fastcgi_pass",
    "fastcgi_pass_header", "fastcgi_pass_request_body", "fastcgi_pass_request_headers",
    "fastcgi_read_timeout", "fastcgi_request_buffering", "fastcgi_send_lowat",
    "fastcgi_send_timeout", "fastcgi_socket_keepalive", "fastcgi_split_path_info",
    "fastcgi_store", "fastcgi_store_access", "fastcgi_temp_file_write_size",
    "flv", "geoip_city", "geoip_country", "geoip_org", "geoip_proxy",
    "google_perftools_profiles", "grpc_bind", "grpc_buffer_size", "grpc_connect_timeout",
    "grpc_hide_header", "grpc_ignore_headers", "grpc_intercept_errors", "grpc_next_upstream",
    "grpc_next_upstream_timeout", "grpc_next_upstream_tries", "grpc_pass", "grpc_pass_header",
    "grpc_read_timeout", "grpc_send_timeout", "grpc_set_header", "grpc_socket_keepalive",
    "grpc_ssl_certificate", "grpc_ssl_certificate_key", "grpc_ssl_ciphers",
    "grpc_ssl_conf_command", "grpc_ssl_crl", "grpc_ssl_name", "grpc_ssl_password_file",
    "grpc_ssl_protocols", "grpc_ssl_server_name", "grpc_ssl_session_reuse",
    "grpc_ssl_trusted_certificate", "grpc_ssl_verify", "grpc_ssl_verify_depth", "gunzip",
    "gunzip_buffers", "gzip_hash", "gzip_no_buffer", "gzip_window", "http2",
    "http2_body_preread_size", "http2_chunk_size", "http2_idle_timeout",
    "http2_max_concurrent_pushes", "http2_max_concurrent_streams", "http2_max_field_size",
    "http2_max_header_size", "http2_max_requests", "http2_pool_size", "http2_push",
    "http2_push_preload", "http2_recv_buffer_size", "http2_recv_timeout",
    "http2_streams_index_size", "http3", "http3_max_concurrent_streams",
    "http3_stream_buffer_size", "image_filter", "image_filter_buffer",
    "image_filter_interlace", "image_filter_jpeg_quality", "image_filter_sharpen",
    "image_filter_transparency", "image_filter_webp_quality", "imap_auth", "imap_capabilities",
    "imap_client_buffer", "js_body_filter", "js_content", "js_filter",
    "js_header_filter", "js_import", "js_path", "js_preread", "js_set", "js_var", "keepalive",
    "mail", "memcached_bind",
    "memcached_buffer_size", "memcached_connect_timeout", "memcached_gzip_flag",
    "memcached_next_upstream", "memcached_next_upstream_timeout", "memcached_next_upstream_tries",
    "memcached_pass", "memcached_read_timeout", "memcached_send_timeout",
    "memcached_socket_keepalive", "min_delete_depth", "mirror", "mirror_request_body",
    "modern_browser", "modern_browser_value", "mp4", "mp4_buffer_size", "mp4_max_buffer_size",
    "mp4_start_key_frame",
    "pass", "perl", "perl_modules", "perl_require",
    "perl_set", "pop3_auth", "pop3_capabilities", "post_action", "postpone_gzipping",
    "preread_buffer_size", "preread_timeout", "proxy_bind", "proxy_buffer_size",
    "proxy_buffering", "proxy_buffers", "proxy_busy_buffers_size", "proxy_cache",
    "proxy_cache_background_update", "proxy_cache_bypass", "proxy_cache_convert_head",
    "proxy_cache_key", "proxy_cache_lock", "proxy_cache_lock_age", "proxy_cache_lock_timeout",
    "proxy_cache_max_range_offset", "proxy_cache_methods", "proxy_cache_min_uses",
    "proxy_cache_path", "proxy_cache_revalidate", "proxy_cache_use_stale", "proxy_cache_valid",
    "proxy_connect_timeout", "proxy_cookie_domain", "proxy_cookie_flags", "proxy_cookie_path",
    "proxy_download_rate", "proxy_force_ranges", "proxy_half_close", "proxy_hide_header",
    "proxy_http_version", "proxy_ignore_client_abort", "proxy_ignore_headers",
    "proxy_intercept_errors", "proxy_limit_rate", "proxy_max_temp_file_size", "proxy_method",
    "proxy_next_upstream", "proxy_next_upstream_timeout", "proxy_next_upstream_tries",
    "proxy_no_cache", "proxy_pass", "proxy_pass_error_message", "proxy_pass_header",
    "proxy_pass_request_body", "proxy_pass_request_headers", "proxy_protocol",
    "proxy_protocol_timeout", "proxy_read_timeout", "proxy_redirect", "proxy_request_buffering",
    "proxy_requests", "proxy_responses", "proxy_send_lowat", "proxy_send_timeout",
    "proxy_session_drop", "proxy_set_body", "proxy_set_header", "proxy_socket_keepalive",
    "proxy_ssl", "proxy_ssl_certificate", "proxy_ssl_certificate_key", "proxy_ssl_ciphers",
    "proxy_ssl_conf_command", "proxy_ssl_crl", "proxy_ssl_name", "proxy_ssl_password_file",
    "proxy_ssl_protocols", "proxy_ssl_server_name", "proxy_ssl_session_reuse",
    "proxy_ssl_trusted_certificate", "proxy_ssl_verify", "proxy_ssl_verify_depth", "proxy_store",
    "proxy_store_access", "proxy_temp_file_write_size", "proxy_timeout",
    "proxy_upload_rate", "quic_active_connection_id_limit", "quic_bpf", "quic_gso",
    "quic_host_key", "quic_retry", "random_index",
    "scgi_bind", "scgi_buffer_size",
    "scgi_buffering", "scgi_buffers", "scgi_busy_buffers_size", "scgi_cache",
    "scgi_cache_background_update", "scgi_cache_bypass", "scgi_cache_key", "scgi_cache_lock",
    "scgi_cache_lock_age", "scgi_cache_lock_timeout", "scgi_cache_max_range_offset",
    "scgi_cache_methods", "scgi_cache_min_uses", "scgi_cache_path", "scgi_cache_revalidate",
    "scgi_cache_use_stale", "scgi_cache_valid", "scgi_connect_timeout", "scgi_force_ranges",
    "scgi_hide_header", "scgi_ignore_client_abort", "scgi_ignore_headers",
    "scgi_intercept_errors", "scgi_limit_rate", "scgi_max_temp_file_size", "scgi_next_upstream",
    "scgi_next_upstream_timeout", "scgi_next_upstream_tries", "scgi_no_cache", "scgi_param",
    "scgi_pass", "scgi_pass_header", "scgi_pass_request_body", "scgi_pass_request_headers",
    "scgi_read_timeout", "scgi_request_buffering", "scgi_send_timeout", "scgi_socket_keepalive",
    "scgi_store", "scgi_store_access", "scgi_temp_file_write_size",
    "slice",
    "smtp_auth", "smtp_capabilities", "smtp_client_buffer", "smtp_greeting_delay",
    "ssi", "ssi_ignore_recycled_buffers", "ssi_last_modified",
    "ssi_min_file_chunk", "ssi_silent_errors", "ssi_types", "ssi_value_length", "ssl", "ssl_alpn",
    "ssl_buffer_size", "ssl_certificate", "ssl_certificate_cache", "ssl_certificate_key",
    "ssl_client_certificate", "ssl_conf_command", "ssl_crl", "ssl_early_data", "ssl_engine",
    "ssl_handshake_timeout", "ssl_ocsp", "ssl_ocsp_cache", "ssl_ocsp_responder",
    "ssl_password_file", "ssl_reject_handshake", "ssl_session_ticket_key",
    "ssl_stapling", "ssl_stapling_file", "ssl_stapling_responder", "ssl_stapling_verify",
    "ssl_trusted_certificate", "ssl_verify_client", "ssl_verify_depth", "starttls",
    "sub_filter", "sub_filter_last_modified", "sub_filter_once", "sub_filter_types",
    "uwsgi_bind", "uwsgi_buffer_size", "uwsgi_buffering", "uwsgi_buffers",
    "uwsgi_busy_buffers_size", "uwsgi_cache", "uwsgi_cache_background_update",
    "uwsgi_cache_bypass", "uwsgi_cache_key", "uwsgi_cache_lock", "uwsgi_cache_lock_age",
    "uwsgi_cache_lock_timeout", "uwsgi_cache_max_range_offset", "uwsgi_cache_methods",
    "uwsgi_cache_min_uses", "uwsgi_cache_path", "uwsgi_cache_revalidate", "uwsgi_cache_use_stale",
    "uwsgi_cache_valid", "uwsgi_connect_timeout", "uwsgi_force_ranges", "uwsgi_hide_header",
    "uwsgi_ignore_client_abort", "uwsgi_ignore_headers", "uwsgi_intercept_errors",
    "uwsgi_limit_rate", "uwsgi_max_temp_file_size", "uwsgi_modifier1", "uwsgi_modifier2",
    "uwsgi_next_upstream", "uwsgi_next_upstream_timeout", "uwsgi_next_upstream_tries",
    "uwsgi_no_cache", "uwsgi_param", "uwsgi_pass", "uwsgi_pass_header", "uwsgi_pass_request_body",
    "uwsgi_pass_request_headers", "uwsgi_read_timeout", "uwsgi_request_buffering",
    "uwsgi_send_timeout", "uwsgi_socket_keepalive", "uwsgi_ssl_certificate",
    "uwsgi_ssl_certificate_key", "uwsgi_ssl_ciphers", "uwsgi_ssl_conf_command", "uwsgi_ssl_crl",
    "uwsgi_ssl_name", "uwsgi_ssl_password_file", "uwsgi_ssl_protocols", "uwsgi_ssl_server_name",
    "uwsgi_ssl_session_reuse", "uwsgi_ssl_trusted_certificate", "uwsgi_ssl_verify",
    "uwsgi_ssl_verify_depth", "uwsgi_store", "uwsgi_store_access", "uwsgi_string",
    "uwsgi_temp_file_write_size", "worker_rlimit_sigpending",
    "xclient", "xslt_entities", "xslt_last_modified", "xslt_param", "xslt_string_param",
    "xslt_stylesheet", "xslt_types",
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
