// SPDX-License-Identifier: BSD-2-Clause
// Trace: what the code that serves has to tell about its decisions, step by step, while
// `sluice explain` runs it. An exchange of a worker has none: a rule that tells something costs it one
// comparison, and the router, which every request runs, not even that.
// Runs in: any (explain, on the command line); workers only ask whether there is one.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "conf/tree.h"
#include "proto/http/exchange.h"

namespace sluice::http {

/// What a line is about; consecutive lines of one topic stand under one heading.
enum class Topic : std::uint8_t {
    Request,
    Listener,
    Server,
    Location,
    Rewrite,
    Limit,
    Access,
    Redirect,  ///< internal: error_page, try_files, index
    File,
    Header,
    Log,  ///< what the server's log would have
};

/// Owner: whoever explains. Grows without limit: for one request at a time.
class Trace {
  public:
    struct Entry {
        Topic topic = Topic::Request;
        bool is_detail = false;  ///< stands below the entry before it
        conf::Position at;       ///< line 0: nowhere in particular
        std::string text;
    };

    void add(Entry entry) { entries_.push_back(std::move(entry)); }

    /// Adds an entry that is filled in when what follows it is known. Gives its number.
    [[nodiscard]] std::size_t reserve(Topic topic);
    void fill(std::size_t number, conf::Position at, std::string text);

    /// Forgets the details behind the last entry that is none.
    void drop_details();

    [[nodiscard]] std::span<const Entry> entries() const { return entries_; }

    void clear() { entries_.clear(); }

  private:
    std::vector<Entry> entries_;
};

/// A location as it is written: "~ \.php$", "^~ /static/", "@fallback"; and what it stands for where
/// it has no name.
[[nodiscard]] std::string text_of(const Location& location);

/// The place of what `name` says at the exchange's location: its own directive or an outer block's.
[[nodiscard]] conf::Position place_of(const Exchange& exchange, std::string_view name);
/// Of the first of several names that an inner block has.
[[nodiscard]] conf::Position place_of(const Exchange& exchange,
                                      std::span<const std::string_view> names);
/// The directive at that place as it is written, then ": "; empty where there is none.
[[nodiscard]] std::string quote(const Exchange& exchange, conf::Position at);

void vtell(const Exchange& exchange,
           Topic topic,
           conf::Position at,
           fmt::string_view format,
           fmt::format_args args);

/// Out of line, and away from what runs: a rule that tells is as small as one that does not.
template <class... Args>
[[gnu::cold, gnu::noinline]] void tell_trace(const Exchange& exchange,
                                             Topic topic,
                                             conf::Position at,
                                             fmt::format_string<Args...> format,
                                             const Args&... args) {
    vtell(exchange, topic, at, format, fmt::make_format_args(args...));
}

/// Tells that the directive at `at` did something: its text, a colon, and the line. Arguments have to
/// be free; where they are not, ask exchange.trace before.
template <class... Args>
void tell(const Exchange& exchange,
          Topic topic,
          conf::Position at,
          fmt::format_string<Args...> format,
          const Args&... args) {
    if (exchange.trace != nullptr) [[unlikely]] {
        tell_trace<Args...>(exchange, topic, at, format, args...);
    }
}

/// The same of the directive `name` that holds at the exchange's location.
template <class... Args>
void tell(const Exchange& exchange,
          Topic topic,
          std::string_view name,
          fmt::format_string<Args...> format,
          const Args&... args) {
    if (exchange.trace != nullptr) [[unlikely]] {
        tell_trace<Args...>(exchange, topic, place_of(exchange, name), format, args...);
    }
}

}  // namespace sluice::http
