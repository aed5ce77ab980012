// SPDX-License-Identifier: BSD-2-Clause
// Resolver: names to addresses while serving, by the name servers of one `resolver` directive.
// c-ares speaks to them; its sockets and its clock are the worker's loop. Answers are kept as long
// as they say, within a bound.
// Runs in: worker.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/list.h"
#include "base/units.h"
#include "event/loop.h"
#include "upstream/dns_answer.h"
#include "upstream/spec.h"

namespace sluice::upstream {

class ResolverWire;

enum class NameOutcome : std::uint8_t {
    Found,
    NoName,       ///< the name, or a record of that kind, does not exist
    FormatError,  ///< the server did not understand, or its answer makes no sense
    Failed,       ///< the server failed or refused
    TimedOut,
};

/// nginx's words for log lines: "x could not be resolved (3: Host not found)".
struct OutcomeWords {
    int code = 0;
    std::string_view text;
};

[[nodiscard]] OutcomeWords words_of(NameOutcome outcome);

/// What a name means.
struct NameAnswer {
    NameOutcome outcome = NameOutcome::Failed;
    std::vector<ResolvedAddress> addresses;
    std::vector<ServiceRecord> services;
    Millis asked_at{0};  ///< monotonic, as the next
    Millis valid_until{0};
};

/// A question under way. It lies in whoever asks; destroying it takes the question back.
struct Lookup : ListHook {
    /// Called once, never from inside find(). The Lookup may be destroyed or used again there.
    /// Lives: `answer` until it returns.
    using Done = void (*)(Lookup& lookup, const NameAnswer& answer);

    struct Patience : event::Timer {
        Lookup* lookup = nullptr;
    };

    Done done = nullptr;
    Patience patience;  ///< the resolver's

    [[nodiscard]] bool is_waiting() const { return is_linked(); }

    /// Takes the question back.
    void cancel() {
        unlink();
        event::TimerWheel::disarm(patience);
    }
};

enum class NameKind : std::uint8_t { Addresses, Services };

struct Question {
    std::string_view name;
    NameKind kind = NameKind::Addresses;
    Millis timeout{30'000};  ///< resolver_timeout
    bool is_fresh = false;   ///< do not take an answer that is known
};

class Resolver {
  public:
    Resolver(event::Loop& loop, const ResolverSpec& spec);
    ~Resolver();
    Resolver(const Resolver&) = delete;
    Resolver& operator=(const Resolver&) = delete;

    /// The answer where it is known; else null, and `lookup.done` will be called.
    /// Lives: the answer until the loop turns.
    [[nodiscard]] const NameAnswer* find(const Question& question, Lookup& lookup);

    /// Names that are kept.
    static constexpr std::size_t kMostNames = 1024;
    /// Negative answers are believed for that long.
    static constexpr Millis kNegative{1000};

    [[nodiscard]] std::size_t names() const { return names_.size(); }

    std::uint64_t references = 0;  ///< of generations that name it

  private:
    struct Name;
    struct Part;

    /// In the list of names whose askers have to be told.
    struct NewsHook : ListHook {};

    /// In the list of names by their use.
    struct UseHook : ListHook {};

    struct Outbox : event::Posted {
        Resolver* resolver = nullptr;
    };

    [[nodiscard]] Name& name_of(std::string_view key);
    void make_room();
    void ask(Name& name);
    void ask_part(Name& name, std::uint16_t type, const std::string& text, int depth);
    void take_part(const Part& part, int status, std::span<const unsigned char> bytes);
    void finish(Name& name);
    void tell_waiting();
    [[nodiscard]] bool answer_from_hosts(std::string_view text, NameAnswer& out) const;

    event::Loop& loop_;
    ResolverSpec spec_;  ///< what it wants; no texts
    std::multimap<std::string, net::Address> hosts_;
    std::map<std::string, std::unique_ptr<Name>, std::less<>> names_;
    IntrusiveList<Name, UseHook> by_use_;  ///< used last at the end
    IntrusiveList<Name, NewsHook> news_;
    Outbox outbox_;
    bool is_ending_ = false;
    std::unique_ptr<ResolverWire> wire_;
};

}  // namespace sluice::upstream
