// SPDX-License-Identifier: BSD-2-Clause
// Bundle: the recorded answers to every question that compiling one configuration asked. The master
// records while it compiles and passes the bytes in a sealed memfd; every other process replays
// them and gets the same generation.
// Runs in: master (Recorder), any (Replay).
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "conf/facts.h"

namespace sluice::conf {

/// What a bundle is about, besides the answers.
struct BundleHead {
    GenerationNumber generation{};
    std::string main_file{};  ///< absolute
    std::string globals{};    ///< -g
    friend bool operator==(const BundleHead&, const BundleHead&) = default;
};

/// Kinds of question; the wire's numbers, add at the end.
enum class Question : std::uint8_t {
    File,
    Glob,
    Env,
    User,
    Group,
    Resolve,
    Cpus,
    HostName,
    Prefix,
    DefaultErrorLog,
    Listener,
    Sink,
    Series,
    Root,
    Zone,
};

/// One recorded answer: an errno value (0: found; -1: absent) and texts or numbers as texts.
struct Answer {
    std::int32_t code = 0;
    std::vector<std::string> values;
    friend bool operator==(const Answer&, const Answer&) = default;
};

using Answers = std::map<std::pair<Question, std::string>, Answer, std::less<>>;

/// Passes questions on to live facts and remembers the answers. A question asked twice is
/// answered the same way: the configuration is one consistent picture.
class Recorder final : public Facts {
  public:
    explicit Recorder(Facts& live) : live_(live) {}

    /// The bundle's bytes.
    [[nodiscard]] std::string serialize(const BundleHead& head) const;

    Result<std::string_view> file(std::string_view path) override;
    Result<std::vector<std::string>> glob(std::string_view pattern) override;
    std::optional<std::string> env(std::string_view name) override;
    std::optional<Account> user(std::string_view name) override;
    std::optional<std::uint32_t> group(std::string_view name) override;
    Result<std::vector<std::string>> resolve(std::string_view host) override;
    int cpus() override;
    bool is_root() override;
    std::string host_name() override;
    std::string prefix() override;
    std::string default_error_log() override;
    ListenerId listener_id(std::string_view key) override;
    SinkId sink_id(std::string_view target) override;
    std::optional<SeriesId> series_id(std::string_view name) override;
    ZoneId zone_id(std::string_view key) override;

  private:
    /// The known answer, or the one that `ask` makes.
    template <class Ask>
    const Answer& answer(Question question, std::string_view about, Ask ask);

    Facts& live_;
    Answers answers_;
};

/// Answers from a bundle only. A question that was not recorded gets ENOENT, "absent" or a zero.
class Replay final : public Facts {
  public:
    /// Reads a bundle; every length in it is checked.
    /// Fails: EPROTO where the bytes are no bundle of this layout.
    [[nodiscard]] static Result<Replay> open(std::span<const char> bytes);

    [[nodiscard]] const BundleHead& head() const { return head_; }

    /// Everything that was recorded.
    [[nodiscard]] const Answers& answers() const { return answers_; }

    Result<std::string_view> file(std::string_view path) override;
    Result<std::vector<std::string>> glob(std::string_view pattern) override;
    std::optional<std::string> env(std::string_view name) override;
    std::optional<Account> user(std::string_view name) override;
    std::optional<std::uint32_t> group(std::string_view name) override;
    Result<std::vector<std::string>> resolve(std::string_view host) override;
    int cpus() override;
    bool is_root() override;
    std::string host_name() override;
    std::string prefix() override;
    std::string default_error_log() override;
    ListenerId listener_id(std::string_view key) override;
    SinkId sink_id(std::string_view target) override;
    std::optional<SeriesId> series_id(std::string_view name) override;
    ZoneId zone_id(std::string_view key) override;

  private:
    [[nodiscard]] const Answer* find(Question question, std::string_view about) const;
    [[nodiscard]] std::string text(Question question) const;
    [[nodiscard]] std::uint32_t number(Question question, std::string_view about) const;

    BundleHead head_;
    Answers answers_;
};

}  // namespace sluice::conf
