// SPDX-License-Identifier: BSD-2-Clause
// Recording, bytes and replay. Layout: magic, version, total length, then length-prefixed texts and
// little-endian numbers.
// Runs in: master (Recorder), any (Replay).
#include "conf/bundle.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/ascii.h"

namespace sluice::conf {

namespace {

constexpr std::string_view kMagic = "SLBUNDLE";
constexpr std::uint32_t kVersion = 1;
constexpr std::int32_t kAbsent = -1;

class Writer {
  public:
    template <class Int>
    void number(Int value) {
        char bytes[sizeof value];
        std::memcpy(bytes, &value, sizeof value);
        out.append(bytes, sizeof value);
    }

    void text(std::string_view value) {
        number(static_cast<std::uint64_t>(value.size()));
        out.append(value);
    }

    std::string out;
};

class Reader {
  public:
    explicit Reader(std::string_view bytes) : rest_(bytes) {}

    template <class Int>
    Int number() {
        Int value{};
        if (rest_.size() < sizeof value) {
            is_good_ = false;
            return value;
        }
        std::memcpy(&value, rest_.data(), sizeof value);
        rest_.remove_prefix(sizeof value);
        return value;
    }

    std::string text() {
        const auto size = number<std::uint64_t>();
        if (size > rest_.size()) {
            is_good_ = false;
            return {};
        }
        std::string out(rest_.substr(0, size));
        rest_.remove_prefix(size);
        return out;
    }

    [[nodiscard]] bool is_good() const { return is_good_; }

    [[nodiscard]] bool is_empty() const { return rest_.empty(); }

    [[nodiscard]] std::size_t left() const { return rest_.size(); }

  private:
    std::string_view rest_;
    bool is_good_ = true;
};

Answer found(std::string value) {
    return {.code = 0, .values = {std::move(value)}};
}

Answer absent() {
    return {.code = kAbsent, .values = {}};
}

Answer failed(const Error& error) {
    // The operation's name travels too, because the message is made of it.
    return {.code = error.code == 0 ? EIO : error.code, .values = {error.op}};
}

/// Names of operations must outlive the Error: map the recorded text back to a literal.
const char* literal_op(Question question) {
    switch (question) {
        case Question::Glob:
            return "glob()";
        case Question::Resolve:
            return "getaddrinfo()";
        default:
            return "open()";
    }
}

Result<std::vector<std::string>> as_list(const Answer* answer, Question question) {
    if (answer == nullptr || answer->code != 0) {
        return fail(literal_op(question), answer == nullptr ? ENOENT : answer->code);
    }
    return answer->values;
}

Result<std::string_view> as_view(const Answer* answer) {
    if (answer == nullptr || answer->code != 0 || answer->values.empty()) {
        return fail("open()", answer == nullptr || answer->code == 0 ? ENOENT : answer->code);
    }
    return std::string_view(answer->values.front());
}

std::optional<std::string> as_optional(const Answer* answer) {
    if (answer == nullptr || answer->code != 0 || answer->values.empty()) {
        return std::nullopt;
    }
    return answer->values.front();
}

std::uint32_t as_number(std::string_view text) {
    return static_cast<std::uint32_t>(parse_decimal(text).value_or(0));
}

std::optional<Account> as_account(const Answer* answer) {
    if (answer == nullptr || answer->code != 0 || answer->values.size() != 2) {
        return std::nullopt;
    }
    const std::optional<std::uint64_t> uid = parse_decimal(answer->values[0]);
    const std::optional<std::uint64_t> gid = parse_decimal(answer->values[1]);
    if (!uid || !gid || *uid > UINT32_MAX || *gid > UINT32_MAX) {
        return std::nullopt;  // never uid 0 by a misreading
    }
    return Account{static_cast<std::uint32_t>(*uid), static_cast<std::uint32_t>(*gid)};
}

Answer list_answer(const Result<std::vector<std::string>>& live) {
    return live ? Answer{.code = 0, .values = *live} : failed(live.error());
}

}  // namespace

// ---- recording ----

template <class Ask>
const Answer& Recorder::answer(Question question, std::string_view about, Ask ask) {
    std::pair<Question, std::string> key(question, about);
    const auto known = answers_.find(key);
    if (known != answers_.end()) {
        return known->second;
    }
    return answers_.emplace(std::move(key), ask()).first->second;
}

Result<std::string_view> Recorder::file(std::string_view path) {
    return as_view(&answer(Question::File, path, [&] {
        const Result<std::string_view> live = live_.file(path);
        return live ? found(std::string(*live)) : failed(live.error());
    }));
}

Result<std::vector<std::string>> Recorder::glob(std::string_view pattern) {
    return as_list(
        &answer(Question::Glob, pattern, [&] { return list_answer(live_.glob(pattern)); }),
        Question::Glob);
}

std::optional<std::string> Recorder::env(std::string_view name) {
    return as_optional(&answer(Question::Env, name, [&] {
        const std::optional<std::string> live = live_.env(name);
        return live ? found(*live) : absent();
    }));
}

std::optional<Account> Recorder::user(std::string_view name) {
    return as_account(&answer(Question::User, name, [&] {
        const std::optional<Account> live = live_.user(name);
        return live ? Answer{.code = 0,
                             .values = {std::to_string(live->uid), std::to_string(live->gid)}}
                    : absent();
    }));
}

std::optional<std::uint32_t> Recorder::group(std::string_view name) {
    const std::optional<std::string> text = as_optional(&answer(Question::Group, name, [&] {
        const std::optional<std::uint32_t> live = live_.group(name);
        return live ? found(std::to_string(*live)) : absent();
    }));
    return text ? std::optional(as_number(*text)) : std::nullopt;
}

Result<std::vector<std::string>> Recorder::resolve(std::string_view host) {
    return as_list(
        &answer(Question::Resolve, host, [&] { return list_answer(live_.resolve(host)); }),
        Question::Resolve);
}

int Recorder::cpus() {
    return std::stoi(answer(Question::Cpus, {}, [&] {
                         return found(std::to_string(live_.cpus()));
                     }).values.front());
}

bool Recorder::is_root() {
    return answer(Question::Root, {}, [&] { return found(live_.is_root() ? "1" : "0"); })
               .values.front() == "1";
}

std::string Recorder::host_name() {
    return answer(Question::HostName, {}, [&] { return found(live_.host_name()); }).values.front();
}

std::string Recorder::prefix() {
    return answer(Question::Prefix, {}, [&] { return found(live_.prefix()); }).values.front();
}

std::string Recorder::default_error_log() {
    return answer(Question::DefaultErrorLog, {}, [&] { return found(live_.default_error_log()); })
        .values.front();
}

ListenerId Recorder::listener_id(std::string_view key) {
    return ListenerId{as_number(answer(Question::Listener, key, [&] {
                                    return found(std::to_string(live_.listener_id(key).value));
                                }).values.front())};
}

SinkId Recorder::sink_id(std::string_view target) {
    return SinkId{static_cast<std::uint16_t>(as_number(answer(Question::Sink, target, [&] {
                                                           return found(std::to_string(
                                                               live_.sink_id(target).value));
                                                       }).values.front()))};
}

std::optional<SeriesId> Recorder::series_id(std::string_view name) {
    const std::optional<std::string> text = as_optional(&answer(Question::Series, name, [&] {
        const std::optional<SeriesId> live = live_.series_id(name);
        return live ? found(std::to_string(live->value)) : absent();
    }));
    return text ? std::optional(SeriesId{static_cast<std::uint16_t>(as_number(*text))})
                : std::nullopt;
}

ZoneId Recorder::zone_id(std::string_view key) {
    return ZoneId{as_number(answer(Question::Zone, key, [&] {
                                return found(std::to_string(live_.zone_id(key).value));
                            }).values.front())};
}

std::string Recorder::serialize(const BundleHead& head) const {
    Writer body;
    body.number(head.generation.value);
    body.text(head.main_file);
    body.text(head.globals);
    body.number(static_cast<std::uint64_t>(answers_.size()));
    for (const auto& [key, answer] : answers_) {
        body.number(static_cast<std::uint8_t>(key.first));
        body.text(key.second);
        body.number(answer.code);
        body.number(static_cast<std::uint64_t>(answer.values.size()));
        for (const std::string& value : answer.values) {
            body.text(value);
        }
    }
    Writer whole;
    whole.out = kMagic;
    whole.number(kVersion);
    whole.number(static_cast<std::uint64_t>(body.out.size()));
    return whole.out + body.out;
}

// ---- replay ----

Result<Replay> Replay::open(std::span<const char> bytes) {
    const std::string_view text(bytes.data(), bytes.size());
    if (!text.starts_with(kMagic)) {
        return fail("reading a bundle", EPROTO);
    }
    Reader reader(text.substr(kMagic.size()));
    const bool is_ours = reader.number<std::uint32_t>() == kVersion;
    if (!is_ours || reader.number<std::uint64_t>() != reader.left()) {
        return fail("reading a bundle", EPROTO);
    }
    Replay out;
    out.head_.generation = GenerationNumber{reader.number<std::uint64_t>()};
    out.head_.main_file = reader.text();
    out.head_.globals = reader.text();
    const auto count = reader.number<std::uint64_t>();
    for (std::uint64_t i = 0; i < count && reader.is_good(); ++i) {
        const auto question = static_cast<Question>(reader.number<std::uint8_t>());
        std::string about = reader.text();
        Answer answer{.code = reader.number<std::int32_t>(), .values = {}};
        const auto values = reader.number<std::uint64_t>();
        for (std::uint64_t j = 0; j < values && reader.is_good(); ++j) {
            answer.values.push_back(reader.text());
        }
        out.answers_.emplace(std::pair(question, std::move(about)), std::move(answer));
    }
    if (!reader.is_good() || !reader.is_empty()) {
        return fail("reading a bundle", EPROTO);
    }
    return out;
}

const Answer* Replay::find(Question question, std::string_view about) const {
    const auto found_at = answers_.find(std::pair(question, std::string(about)));
    return found_at == answers_.end() ? nullptr : &found_at->second;
}

std::string Replay::text(Question question) const {
    return as_optional(find(question, {})).value_or("");
}

std::uint32_t Replay::number(Question question, std::string_view about) const {
    return as_number(as_optional(find(question, about)).value_or("0"));
}

Result<std::string_view> Replay::file(std::string_view path) {
    return as_view(find(Question::File, path));
}

Result<std::vector<std::string>> Replay::glob(std::string_view pattern) {
    return as_list(find(Question::Glob, pattern), Question::Glob);
}

std::optional<std::string> Replay::env(std::string_view name) {
    return as_optional(find(Question::Env, name));
}

std::optional<Account> Replay::user(std::string_view name) {
    return as_account(find(Question::User, name));
}

std::optional<std::uint32_t> Replay::group(std::string_view name) {
    const std::optional<std::string> value = as_optional(find(Question::Group, name));
    return value ? std::optional(as_number(*value)) : std::nullopt;
}

Result<std::vector<std::string>> Replay::resolve(std::string_view host) {
    return as_list(find(Question::Resolve, host), Question::Resolve);
}

int Replay::cpus() {
    return std::max(1, static_cast<int>(number(Question::Cpus, {})));
}

bool Replay::is_root() {
    return number(Question::Root, {}) == 1;
}

std::string Replay::host_name() {
    return text(Question::HostName);
}

std::string Replay::prefix() {
    return text(Question::Prefix);
}

std::string Replay::default_error_log() {
    return text(Question::DefaultErrorLog);
}

ListenerId Replay::listener_id(std::string_view key) {
    return ListenerId{number(Question::Listener, key)};
}

SinkId Replay::sink_id(std::string_view target) {
    return SinkId{static_cast<std::uint16_t>(number(Question::Sink, target))};
}

std::optional<SeriesId> Replay::series_id(std::string_view name) {
    const std::optional<std::string> text = as_optional(find(Question::Series, name));
    return text ? std::optional(SeriesId{static_cast<std::uint16_t>(as_number(*text))})
                : std::nullopt;
}

ZoneId Replay::zone_id(std::string_view key) {
    return ZoneId{number(Question::Zone, key)};
}

}  // namespace sluice::conf
