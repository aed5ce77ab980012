// SPDX-License-Identifier: BSD-2-Clause
// CoreConf: the settings of HTTP itself, one object per level (http, server, location), inherited
// downwards. Rows and blocks that fill it are in core_conf.cpp, server_conf.cpp and
// location_conf.cpp.
// Runs in: any (build), worker (read).
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

#include "base/units.h"
#include "conf/module.h"
#include "conf/row.h"
#include "proto/http/conditionals.h"
#include "proto/http/limit_rate.h"
#include "proto/http/request_body.h"
#include "proto/http/types.h"
#include "script/template.h"

namespace sluice::http {

class Exchange;

/// Where request paths meet the file system: `root` or `alias`.
struct FileBase {
    script::Template path;  ///< absolute where constant
    bool is_alias = false;
    bool replaces_all = false;  ///< alias in a regular-expression location: path is the whole file
    std::size_t stripped = 0;   ///< alias: bytes of the uri that it stands for
    std::string_view prefix;    ///< directory that a rendered relative path is taken from
};

/// One status of an `error_page` directive.
struct ErrorPage {
    static constexpr int kKeepStatus = -1;  ///< `error_page 404 /x`
    static constexpr int kTakeStatus = 0;   ///< `error_page 404 = /x`: the page's own status

    std::uint16_t status = 0;
    conf::Position at;
    int overwrite = kKeepStatus;  ///< else the status that replaces it
    script::Template target;      ///< uri with arguments, "@name" or a full URL
};

enum class ServerTokens : std::uint8_t { Off, On, Build, Text };

struct ServerTokensConf {
    ServerTokens kind = ServerTokens::Off;
    std::string_view text;
};

enum class Lingering : std::uint8_t { Off, On, Always };

struct KeepaliveTimeout {
    Millis timeout{75'000};   ///< 0: connections are not kept
    std::int64_t header = 0;  ///< seconds in a Keep-Alive field; 0: no such field
};

/// Browsers whose connections are not kept.
struct KeepaliveDisable {
    bool msie6 = true;  ///< old Internet Explorers, behind a POST
    bool safari = false;
};

struct BufferSizes {
    std::uint32_t count = 4;
    std::uint64_t size = 8192;
};

/// How rules of the Access phase are combined.
enum class Satisfy : std::uint8_t { All, Any };

class SiteBuilder;

struct CoreConf {
    conf::Setting<FileBase> file_base;
    conf::Setting<const TypeTable*> types;
    conf::Setting<std::string_view> default_type{.value = "text/plain"};
    conf::Setting<std::span<const ErrorPage>> error_pages;
    conf::Setting<ServerTokensConf> server_tokens;

    conf::Setting<KeepaliveTimeout> keepalive_timeout;
    conf::Setting<std::uint64_t> keepalive_requests{.value = 1000};
    conf::Setting<Millis> keepalive_time{.value = Millis(3'600'000)};
    conf::Setting<Millis> client_header_timeout{.value = Millis(60'000)};
    conf::Setting<Millis> client_body_timeout{.value = Millis(60'000)};
    conf::Setting<Millis> send_timeout{.value = Millis(60'000)};
    conf::Setting<Lingering> lingering_close{.value = Lingering::On};
    conf::Setting<Millis> lingering_time{.value = Millis(30'000)};
    conf::Setting<Millis> lingering_timeout{.value = Millis(5'000)};
    conf::Setting<Bytes> client_header_buffer_size{.value = Bytes{1024}};
    conf::Setting<BufferSizes> large_client_header_buffers;
    conf::Setting<Bytes> client_max_body_size{.value = Bytes{1 << 20}};  ///< 0: no limit
    conf::Setting<Bytes> client_body_buffer_size{.value = Bytes{16 * 1024}};
    conf::Setting<BodyFiles> client_body_in_file_only{.value = BodyFiles::Off};
    conf::Setting<bool> client_body_in_single_buffer;
    conf::Setting<TempPath> client_body_temp_path{.value = {.directory = "/var/tmp"}};
    conf::Setting<Bytes> client_body_min_rate{.value = Bytes{0}};      ///< a second; 0: no minimum
    conf::Setting<Bytes> sendfile_max_chunk{.value = Bytes{2 << 20}};  ///< 0: no limit
    conf::Setting<Bytes> postpone_output{.value = Bytes{1460}};
    conf::Setting<SizeConf> limit_rate;
    conf::Setting<SizeConf> limit_rate_after;
    conf::Setting<Millis> keepalive_min_timeout{.value = Millis(0)};
    conf::Setting<KeepaliveDisable> keepalive_disable;
    conf::Setting<std::uint64_t> max_headers{.value = 1000};
    conf::Setting<std::uint64_t> max_ranges{.value = std::numeric_limits<std::uint64_t>::max()};
    conf::Setting<ModifiedRule> if_modified_since{.value = ModifiedRule::Exact};

    /// What requests of this very server or location are counted as; empty: by its own name.
    std::string_view status_zone;

    conf::Setting<Satisfy> satisfy{.value = Satisfy::All};
    conf::Setting<Millis> auth_delay{.value = Millis(0)};
    conf::Setting<bool> internal;
    conf::Setting<bool> sendfile;
    conf::Setting<bool> tcp_nodelay{.value = true};
    conf::Setting<bool> tcp_nopush;
    conf::Setting<bool> reset_timedout_connection;
    conf::Setting<bool> merge_slashes{.value = true};
    conf::Setting<bool> ignore_invalid_headers{.value = true};
    conf::Setting<bool> underscores_in_headers;
    conf::Setting<bool> etag{.value = true};
    conf::Setting<bool> absolute_redirect{.value = true};
    conf::Setting<bool> port_in_redirect{.value = true};
    conf::Setting<bool> server_name_in_redirect;
    conf::Setting<bool> chunked_transfer_encoding{.value = true};
    conf::Setting<bool> recursive_error_pages;
    conf::Setting<bool> log_not_found{.value = true};
    conf::Setting<bool> uninitialized_variable_warn{.value = true};

    /// While the configuration is read: the site being built, and the draft of this very block
    /// (its type depends on the level's context). Null afterwards for nobody to use.
    SiteBuilder* site = nullptr;
    void* draft = nullptr;
};

/// How a request's body is kept where these settings hold.
[[nodiscard]] inline BodyPlan body_plan(const CoreConf& core) {
    return {*core.client_body_buffer_size, *core.client_body_in_file_only,
            *core.client_body_temp_path};
}

/// The rows of HTTP itself; the registry lists it first of all http modules.
extern const conf::Module kCoreModule;

/// The file that the request's uri means in its location ($request_filename).
/// Lives: the exchange's arena (NUL-terminated). Fails: data() == nullptr where the arena is full.
[[nodiscard]] std::string_view file_path(Exchange& exchange);
/// The same for any uri. A path that would leave the root by ".." is one that nothing can have.
[[nodiscard]] std::string_view file_path(Exchange& exchange, std::string_view uri);
/// The directory part of it ($document_root): the rendered root or alias.
[[nodiscard]] std::string_view document_root(Exchange& exchange);
/// The media type for a file name by `types` and `default_type`.
[[nodiscard]] std::string_view content_type_of(const CoreConf& core, std::string_view file_name);

}  // namespace sluice::http
