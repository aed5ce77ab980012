// SPDX-License-Identifier: BSD-2-Clause
// Explanations as text and as JSON.
// Runs in: any (explain, on the command line).
#include "worker/explain_report.h"

#include <algorithm>

#include <fmt/format.h>

#include "log/escape.h"
#include "log/json_text.h"

namespace sluice::worker {

namespace {

constexpr std::size_t kIndent = 10;
constexpr std::size_t kMostText = 72;  ///< bytes of a body that are shown

using http::Topic;
using http::Trace;

std::string_view name_of(Topic topic) {
    switch (topic) {
        case Topic::Request:
            return "request";
        case Topic::Listener:
            return "listener";
        case Topic::Server:
            return "server";
        case Topic::Location:
            return "location";
        case Topic::Rewrite:
            return "rewrite";
        case Topic::Limit:
            return "limit";
        case Topic::Access:
            return "access";
        case Topic::Redirect:
            return "redirect";
        case Topic::File:
            return "file";
        case Topic::Header:
            return "header";
        case Topic::Log:
            return "log";
    }
    return "";
}

/// Path and line of a place; empty where it is none.
struct Place {
    std::string_view path;
    std::uint32_t line = 0;
};

Place place_of(const Report& report, const conf::Position& at) {
    if (at.line == 0 || at.file >= report.tree->files.size()) {
        return {};
    }
    std::string_view path = report.tree->files[at.file].path;
    if (!report.prefix.empty() && path.starts_with(report.prefix)) {
        path.remove_prefix(report.prefix.size());
    }
    return {path, at.line};
}

/// Control bytes must not reach a terminal, nor break a line.
std::string plain(std::string_view text) {
    std::string out;
    log::escape(text, log::EscapeRule::OneLine, [&out](std::string_view piece) { out += piece; });
    return out;
}

std::string line_of(const Report& report,
                    std::string_view heading,
                    const Trace::Entry& entry) {
    std::string out = fmt::format("{:<{}}{}{}", heading, kIndent, entry.is_detail ? "  " : "",
                                  plain(entry.text));
    if (const Place place = place_of(report, entry.at); place.line != 0) {
        out += fmt::format("  [{}:{}]", place.path, place.line);
    }
    return out + "\n";
}

/// The lines of a head, without the empty one that ends it.
std::vector<std::string_view> lines_of(std::string_view head) {
    std::vector<std::string_view> out;
    while (!head.empty()) {
        const std::size_t end = std::min(head.find("\r\n"), head.size());
        if (end > 0) {
            out.push_back(head.substr(0, end));
        }
        head.remove_prefix(std::min(end + 2, head.size()));
    }
    return out;
}

std::string answer_text(const Outcome& outcome) {
    if (!outcome.is_answered) {
        return fmt::format("{:<{}}none, the connection is closed\n", "answer", kIndent);
    }
    std::string out;
    for (const std::string_view line : lines_of(outcome.head)) {
        out += fmt::format("{:<{}}{}\n", out.empty() ? "answer" : "", kIndent, plain(line));
    }
    out += fmt::format("{:<{}}{} bytes\n", "body", kIndent, outcome.body_bytes);
    if (!outcome.text.empty()) {
        const std::string_view whole = outcome.text;
        const std::string_view text = whole.substr(0, std::min(whole.find('\n'), kMostText));
        out += fmt::format("{:<{}}{}{}\n", "", kIndent, plain(text),
                           whole.size() > text.size() ? " …" : "");
    }
    return out;
}

void put_string(std::string& out, std::string_view text) {
    out += '"';
    log::put_json_text(text, [&out](std::string_view piece) { out += piece; });
    out += '"';
}

void put_member(std::string& out, std::string_view name, std::string_view text) {
    out += fmt::format("\"{}\": ", name);
    put_string(out, text);
}

void put_headers(std::string& out, const Outcome& outcome) {
    out += "\"headers\": [";
    std::string_view comma;
    const std::vector<std::string_view> lines = lines_of(outcome.head);
    for (std::size_t i = 1; i < lines.size(); ++i) {
        const std::size_t colon = std::min(lines[i].find(": "), lines[i].size());
        out += comma;
        out += '[';
        put_string(out, lines[i].substr(0, colon));
        out += ", ";
        put_string(out, lines[i].substr(std::min(colon + 2, lines[i].size())));
        out += ']';
        comma = ", ";
    }
    out += ']';
}

void put_steps(std::string& out, const Report& report, const Trace& trace) {
    out += "\"steps\": [";
    std::string_view comma;
    for (const Trace::Entry& entry : trace.entries()) {
        out += comma;
        out += '{';
        put_member(out, "about", name_of(entry.topic));
        out += entry.is_detail ? ", \"is_detail\": true, " : ", ";
        put_member(out, "text", entry.text);
        if (const Place place = place_of(report, entry.at); place.line != 0) {
            out += ", ";
            put_member(out, "file", place.path);
            out += fmt::format(", \"line\": {}", place.line);
        }
        out += '}';
        comma = ", ";
    }
    out += ']';
}

}  // namespace

std::string as_text(const Report& report, const Trace& trace, const Outcome& outcome) {
    std::string out = fmt::format("{} {}\n", report.method, plain(report.url));
    const Trace::Entry* before = nullptr;
    for (const Trace::Entry& entry : trace.entries()) {
        const bool is_new = before == nullptr || before->topic != entry.topic ||
                            (!entry.is_detail && entry.topic == Topic::Location);
        out += line_of(report, is_new ? name_of(entry.topic) : "", entry);
        before = &entry;
    }
    return out + answer_text(outcome);
}

std::string as_json(const Report& report, const Trace& trace, const Outcome& outcome) {
    constexpr std::size_t kStatusAt = 9;  // behind "HTTP/1.1 "
    std::string out = "{";
    put_member(out, "method", report.method);
    out += ", ";
    put_member(out, "url", report.url);
    out += fmt::format(", \"status\": {}, ",
                       outcome.is_answered ? std::string_view(outcome.head).substr(kStatusAt, 3)
                                           : "0");
    put_headers(out, outcome);
    out += fmt::format(", \"body_bytes\": {}, ", outcome.body_bytes);
    put_steps(out, report, trace);
    return out + "}\n";
}

std::string error_as_json(std::string_view url, std::string_view error) {
    std::string out = "{";
    put_member(out, "url", url);
    out += ", ";
    put_member(out, "error", error);
    return out + "}\n";
}

}  // namespace sluice::worker
