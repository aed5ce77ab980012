// SPDX-License-Identifier: BSD-2-Clause
// geoip2: variables whose values a MaxMind database gives for an address. It is looked up when a
// variable is first used, and costs nothing where none is. The configuration is that of nginx's
// well-known third-party module.
// Runs in: any (settings), worker (look-up).
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "conf/data_file.h"
#include "conf/generation.h"
#include "conf/level.h"
#include "conf/parse_as.h"
#include "modules/shared/features.h"
#include "modules/shared/forwarded.h"
#include "modules/shared/mmdb.h"
#include "net/network.h"
#include "proto/http/module.h"
#include "proto/stream/module.h"
#include "script/computed.h"
#include "script/dialect.h"
#include "script/template_argument.h"
#include "script/value_text.h"

namespace sluice::modules {

namespace {

struct Geoip2Conf {
    Trusted proxies;
    conf::Setting<bool> is_recursive;
};

/// What a variable tells of the database itself.
enum class Metadata : std::uint8_t { None, BuildEpoch, LastCheck, LastChange };

struct Geoip2 : script::Computed {
    const conf::DataFile* file = nullptr;
    const Geoip2Conf* conf = nullptr;
    const char* const* path = nullptr;
    std::string_view fallback;  ///< data() == nullptr: none
    bool has_source = false;    ///< else the client's address counts
    script::Template source;
    Metadata metadata = Metadata::None;
};

// ---- look-up ----

/// The address that counts; size 0: none. Nothing: no room for the text of it.
std::optional<net::IpBytes> address_for(const Geoip2& self, const void* subject, Arena& arena) {
    if (self.has_source) {
        const std::string_view text =
            self.source.render(subject, arena, self.access->captures(subject));
        if (text.data() == nullptr) {
            return std::nullopt;
        }
        return net::unmapped(net::parse_ip(text).value_or(net::IpBytes{}));
    }
    const net::Address& peer = self.access->peer(subject);
    return net::unmapped(self.conf->proxies.empty()
                             ? peer.ip()
                             : ip_behind(*self.access, subject, peer, self.conf->proxies,
                                         self.conf->is_recursive.value));
}

script::Value compute(const script::Computed& computed, const void* subject, Arena& arena) {
    const Geoip2& self = static_cast<const Geoip2&>(computed);
    switch (self.metadata) {
        case Metadata::BuildEpoch:
            return script::number_text(arena, build_epoch(*self.file));
        case Metadata::LastCheck:
            return script::number_text(arena, static_cast<std::uint64_t>(self.file->taken.count()));
        case Metadata::LastChange:
            return script::number_text(arena, static_cast<std::uint64_t>(self.file->modified.count()));
        case Metadata::None:
            break;
    }
    const std::optional<net::IpBytes> address = address_for(self, subject, arena);
    if (!address) {
        return script::Value::no_room();
    }
    const std::string_view found = find_in_mmdb(*self.file, *address, self.path, arena);
    const std::string_view text = found.data() == nullptr ? self.fallback : found;
    return text.data() == nullptr ? script::Value::none() : script::Value{text};
}

// ---- settings ----

bool read_metadata(conf::Build& build, const conf::Directive& row, Geoip2& out) {
    const conf::Argument& field = row.args.back();
    if (row.args.size() != 2) {
        return build.error(row, "invalid number of arguments in \"metadata\" parameter",
                           "metadata build_epoch");
    }
    if (field.text == "build_epoch") {
        out.metadata = Metadata::BuildEpoch;
    } else if (field.text == "last_check") {
        out.metadata = Metadata::LastCheck;
    } else if (field.text == "last_change") {
        out.metadata = Metadata::LastChange;
    } else {
        return build.error(field, fmt::format("invalid metadata \"{}\"", field.text),
                           "build_epoch, last_check or last_change");
    }
    return true;
}

/// Where in an entry the value stands; the arguments from `first` on.
bool read_path(conf::Build& build, const conf::Directive& row, std::size_t first, Geoip2& out) {
    if (first == row.args.size()) {
        return build.error(row, fmt::format("no path for \"{}\"", row.name),
                           "$variable [default=VALUE] [source=$variable] country iso_code");
    }
    const auto path = build.arena().make_span<const char*>(row.args.size() - first + 1);
    for (std::size_t i = 0; i + 1 < path.size(); ++i) {
        path[i] = build.arena().copy(row.args[first + i].text).data();  // ends with a zero byte
    }
    out.path = path.data();
    return out.path != nullptr || build.error(row, "no memory for geoip2");
}

/// default=, source=. Gives how many arguments these are; nothing: an error was reported.
std::optional<std::size_t> read_options(conf::Build& build,
                                        const conf::Directive& row,
                                        const script::VariableTable& variables,
                                        Geoip2& out) {
    constexpr std::string_view kDefault = "default=";
    constexpr std::string_view kSource = "source=";
    std::size_t count = 0;
    for (const conf::Argument& argument : row.args) {
        conf::Argument value = argument;
        if (argument.text.starts_with(kDefault)) {
            out.fallback = argument.text.substr(kDefault.size());
        } else if (argument.text.starts_with(kSource)) {
            value.text.remove_prefix(kSource.size());
            out.has_source = true;
            if (!value.text.starts_with('$')) {
                build.error(argument, fmt::format("invalid source \"{}\"", value.text),
                            "source=$variable, of a variable that holds an address");
                return std::nullopt;
            }
            if (!script::compile_argument(build, value, variables, out.source)) {
                return std::nullopt;
            }
        } else {
            break;
        }
        ++count;
    }
    return count;
}

bool read_variable(conf::Build& build,
                   const conf::Directive& row,
                   conf::DataFile& file,
                   const Geoip2Conf& conf) {
    Geoip2* const made = build.arena().make<Geoip2>();
    if (made == nullptr) {
        return build.error(row, "no memory for geoip2");
    }
    const conf::Argument name{.text = row.name, .at = row.at};
    const script::VariableTable variables = script::variables_of(build);
    made->compute = &compute;
    made->file = &file;
    made->conf = &conf;
    if (!script::declare_computed(build, name, variables, *made)) {
        return false;
    }
    if (!row.args.empty() && row.args[0].text == "metadata") {
        return read_metadata(build, row, *made);
    }
    const auto options = read_options(build, row, variables, *made);
    return options && read_path(build, row, *options, *made);
}

bool read_auto_reload(conf::Build& build, const conf::Directive& row, conf::DataFile& file) {
    const auto time = row.args.size() == 1 ? conf::parse_time(row.args[0].text) : std::nullopt;
    if (!time || time->count() == 0) {
        return build.error(row, "invalid \"auto_reload\"", "auto_reload TIME");
    }
    const bool is_first = file.check_every.count() == 0;
    file.check_every = is_first ? *time : std::min(file.check_every, *time);
    return true;
}

bool open_geoip2(conf::Build& build, const conf::Directive& block, Geoip2Conf& conf) {
    conf::DataFile& file = conf::declare_data_file(
        build, build.absolute_path(block.args[0].text), kMmdbKind, block.at);
    bool is_good = true;
    for (const conf::Directive& row : block.children) {
        if (row.has_block) {
            is_good = build.error(row, "unexpected \"{\" in \"geoip2\"");
        } else if (row.name == "auto_reload") {
            is_good = read_auto_reload(build, row, file) && is_good;
        } else {
            is_good = read_variable(build, row, file, conf) && is_good;
        }
    }
    return is_good;
}

bool add_proxy(conf::Build& build, const conf::Directive& directive, Geoip2Conf& conf) {
    return add_trusted(build, directive.args[0], directive.name, conf.proxies);
}

constexpr conf::Row kRows[] = {
    conf::block<Geoip2Conf, &open_geoip2>(
        "geoip2", conf::kHttp | conf::kStream, conf::take(1),
        "A MaxMind database and variables that it gives: lines of `$name [default=VALUE] "
        "[source=$variable] PATH…`, of `$name metadata build_epoch` (last_check, last_change); "
        "`auto_reload TIME`.")
        .repeats(),
    conf::row_fn<Geoip2Conf, &add_proxy>(
        "geoip2_proxy", conf::kHttp, conf::take(1),
        "Peers whose X-Forwarded-For names the client for geoip2.")
        .repeats(),
    conf::row<&Geoip2Conf::is_recursive>(
        "geoip2_proxy_recursive", conf::kHttp, conf::flag(),
        "Whether addresses of geoip2_proxy in X-Forwarded-For are passed over.")
        .defaults("off"),
};
constexpr conf::ConfKind kKind = conf::kind<Geoip2Conf>("geoip2", kRows);
constexpr conf::Module kConf{"geoip2", &kKind};

}  // namespace

constexpr http::Module kGeoip2{
    .name = "geoip2",
    .conf = &kConf,
};

constexpr stream::Module kStreamGeoip2{
    .name = "geoip2",
    .conf = &kConf,
};

}  // namespace sluice::modules
