// SPDX-License-Identifier: BSD-2-Clause
// Arguments of server_name.
// Runs in: any.
#include "script/server_name.h"

#include <string>

#include <fmt/format.h>

#include "base/ascii.h"
#include "script/dialect.h"

namespace sluice::script {

namespace {

bool is_valid_name(std::string_view name) {
    const std::size_t star = name.find('*');
    if (name.find('/') != name.npos || name.find("..") != name.npos) {
        return false;
    }
    if (star == name.npos) {
        return name != ".";
    }
    const bool is_leading = star == 0 && name.size() > 2 && name[1] == '.';
    const bool is_trailing = star == name.size() - 1 && name.size() > 2 && name[star - 1] == '.';
    return (is_leading || is_trailing) && name.find('*', star + 1) == name.npos;
}

bool read_name(conf::Build& build, const conf::Argument& argument, ServerName& out) {
    const std::string_view text = argument.text;
    out.at = argument.at;
    if (text.starts_with('~')) {
        out.name = text;
        out.pattern = compile_pattern(build, argument, text.substr(1), true);
        return out.pattern != nullptr;
    }
    const std::string name = text == "$hostname" ? build.facts().host_name() : std::string(text);
    out.name = build.arena().copy(lowered(name));
    return is_valid_name(out.name) ||
           build.error(argument, fmt::format("invalid server name or wildcard \"{}\"", text),
                       "a name, *.name, .name, name.* or ~pattern");
}

}  // namespace

bool read_server_names(conf::Build& build,
                       const conf::Directive& directive,
                       std::vector<ServerName>& out) {
    for (const conf::Argument& argument : directive.args) {
        if (!read_name(build, argument, out.emplace_back())) {
            return false;
        }
    }
    return true;
}

}  // namespace sluice::script
