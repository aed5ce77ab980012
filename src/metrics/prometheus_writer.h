// SPDX-License-Identifier: BSD-2-Clause
// PrometheusWriter: Prometheus' text exposition format 0.0.4: families with HELP and TYPE, samples
// with escaped labels.
// Runs in: any.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "metrics/text.h"

namespace sluice::metrics {

using Label = std::pair<std::string_view, std::string_view>;

class PrometheusWriter {
  public:
    /// Appends to `out`, which is the caller's.
    explicit PrometheusWriter(std::string& out) : out_(out) {}

    /// Begins a family; `type` is counter, gauge or histogram. All of its samples follow.
    void family(std::string_view name, std::string_view type, std::string_view help) {
        name_ = name;
        out_ += "# HELP ";
        out_ += name;
        out_ += ' ';
        for (const char c : help) {
            out_ += c == '\\' ? "\\\\" : c == '\n' ? "\\n" : std::string_view(&c, 1);
        }
        out_ += "\n# TYPE ";
        out_ += name;
        out_ += ' ';
        out_ += type;
        out_ += '\n';
    }

    void sample(std::span<const Label> labels, std::uint64_t value) {
        sample_of({}, labels, fmt::format_int(value).c_str());
    }

    void sample(std::uint64_t value) { sample({}, value); }

    /// A sample of the family's name and `suffix` (`_bucket`, `_sum`, `_count`).
    void sample_of(std::string_view suffix,
                   std::span<const Label> labels,
                   std::string_view value) {
        out_ += name_;
        out_ += suffix;
        char mark = '{';
        for (const auto& [name, text] : labels) {
            out_ += mark;
            out_ += name;
            out_ += "=\"";
            append_label(out_, text);
            out_ += '"';
            mark = ',';
        }
        out_ += labels.empty() ? " " : "} ";
        out_ += value;
        out_ += '\n';
    }

  private:
    std::string& out_;
    std::string name_;
};

}  // namespace sluice::metrics
