// SPDX-License-Identifier: BSD-2-Clause
// The report as a picture: bars for messages and round trips, lines for waiting; all scales are
// logarithmic.
// Runs in: ipc_bench.
#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "ipc/report.h"

namespace sluice::ipc_bench {

namespace {

constexpr int kWidth = 840;
constexpr int kLeft = 220;
constexpr int kPlot = 480;  // width of the scale
constexpr int kLine = 24;
constexpr int kHead = 72;   // a panel's title and space above its plot
constexpr int kFoot = 34;   // the scale below it
constexpr int kWaitHeight = 260;

/// From `least` to `most` on `size` units.
struct Scale {
    double least = 1;
    double most = 10;
    double size = kPlot;

    [[nodiscard]] double at(double value) const {
        const double share = std::log10(value / least) / std::log10(most / least);
        return std::clamp(share, 0.0, 1.0) * size;
    }
};

struct Bar {
    std::string_view name;
    double value = 0;
    double in_texts = 0;  ///< 0: no figure
    std::string label;
};

/// What grows downwards while panels are added.
struct Picture {
    std::string body;
    int height = 16;

    [[nodiscard]] auto end() { return std::back_inserter(body); }
};

std::string tick_text(double ns) {
    if (ns < 1e3) {
        return fmt::format("{:.0f} ns", ns);
    }
    return ns < 1e6 ? fmt::format("{:.0f} µs", ns / 1e3)
                    : ns < 1e9 ? fmt::format("{:.0f} ms", ns / 1e6) : fmt::format("{:.0f} s", ns / 1e9);
}

void add_title(Picture& picture, std::string_view title, std::string_view note) {
    fmt::format_to(picture.end(),
                   "<text x=\"16\" y=\"{}\" font-size=\"18\" font-weight=\"bold\">{}</text>\n"
                   "<text x=\"16\" y=\"{}\" fill=\"#555\">{}</text>\n",
                   picture.height + 14, title, picture.height + 36, note);
}

/// Upright lines at the powers of ten, values in nanoseconds.
void add_scale(Picture& picture, const Scale& scale, int top, int bottom) {
    for (double tick = scale.least; tick <= scale.most * 1.01; tick *= 10) {
        fmt::format_to(picture.end(),
                       "<line x1=\"{0:.1f}\" y1=\"{1}\" x2=\"{0:.1f}\" y2=\"{2}\" stroke=\"#ddd\"/>"
                       "<text x=\"{0:.1f}\" y=\"{3}\" text-anchor=\"middle\" font-size=\"11\" fill=\"#777\">{4}</text>\n",
                       kLeft + scale.at(tick), top, bottom, bottom + 14, tick_text(tick));
    }
}

/// The powers of ten around all values.
Scale scale_of(const std::vector<Bar>& bars) {
    double least = 1e18;
    double most = 1;
    for (const Bar& bar : bars) {
        for (const double value : {bar.value, bar.in_texts}) {
            least = value > 0 ? std::min(least, value) : least;
            most = std::max(most, value);
        }
    }
    const double left = std::pow(10, std::floor(std::log10(least)));
    return {.least = left, .most = std::max(left * 10, std::pow(10, std::ceil(std::log10(most))))};
}

void add_bars(Picture& picture, const std::vector<Bar>& bars) {
    const int top = picture.height + kHead - 16;
    const int bottom = top + kLine * static_cast<int>(bars.size()) + 4;
    const Scale scale = scale_of(bars);
    add_scale(picture, scale, top, bottom);
    int y = top + 4;
    for (const Bar& bar : bars) {
        const double width = std::max(2.0, scale.at(bar.value));
        const double dot = scale.at(bar.in_texts);
        const double behind = bar.in_texts > 0 && dot + 60 > width ? std::max(width, dot) : width;  // the label stands clear of the dot
        fmt::format_to(picture.end(),
                       "<text x=\"{0}\" y=\"{1}\" text-anchor=\"end\">{2}</text>"
                       "<rect x=\"{3}\" y=\"{4}\" width=\"{5:.1f}\" height=\"16\" rx=\"2\" fill=\"{6}\"/>"
                       "<text x=\"{7:.1f}\" y=\"{1}\" stroke=\"#fff\" stroke-width=\"4\" paint-order=\"stroke\">{8}</text>\n",
                       kLeft - 8, y + 13, bar.name, kLeft, y, width,
                       bar.name.starts_with(kRing) ? "#1769aa" : "#6b8f3d", kLeft + behind + 12, bar.label);
        if (bar.in_texts > 0) {
            fmt::format_to(picture.end(), "<circle cx=\"{:.1f}\" cy=\"{}\" r=\"5\" fill=\"#c62828\"/>\n",
                           kLeft + dot, y + 8);
        }
        y += kLine;
    }
    picture.height = bottom + kFoot;
}

/// One panel of a time in milliseconds that has a figure in the texts.
void add_transfer(Picture& picture, const Report& report, std::string_view title, double Row::* here,
                  double TextFigures::* in_texts) {
    std::vector<Bar> bars;
    for (const Row& row : report.rows) {
        if (row.*here > 0) {
            bars.push_back({.name = row.kind->name,
                            .value = row.*here * 1e6,
                            .in_texts = row.kind->text.*in_texts * 1e6,
                            .label = fmt::format("{:.0f} ms", row.*here)});
        }
    }
    if (!bars.empty()) {
        add_title(picture, title, "shorter is better; logarithmic; the red dot is the figure of the founding texts");
        add_bars(picture, bars);
    }
}

void add_round_trips(Picture& picture, const Report& report) {
    std::vector<Bar> bars;
    for (const Row& row : report.rows) {
        bars.push_back({.name = row.kind->name,
                        .value = row.round_trip.median,
                        .label = fmt::format("{:.1f} µs, p99 {:.0f} µs", row.round_trip.median / 1e3, row.round_trip.p99 / 1e3)});
    }
    if (!bars.empty()) {
        add_title(picture, "There and back again with 64 bytes", "median; shorter is better; logarithmic");
        add_bars(picture, bars);
    }
}

struct Curve {
    std::string_view name;
    std::string_view colour;
    double WaitCost::* cost;
    std::string_view dashes;  ///< select and poll lie on each other
};

void add_curve(Picture& picture, const Report& report, const Curve& curve, const Scale& up, int bottom) {
    const Scale across{.least = 10, .most = 100'000};
    std::string points;
    double x = 0;
    double y = 0;
    for (const WaitCost& row : report.waiting) {
        x = kLeft + across.at(static_cast<double>(row.idle));
        y = bottom - up.at(row.*curve.cost);
        fmt::format_to(std::back_inserter(points), "{:.1f},{:.1f} ", x, y);
    }
    fmt::format_to(picture.end(),
                   "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2.5\" stroke-dasharray=\"{}\"/>"
                   "<text x=\"{:.1f}\" y=\"{:.1f}\" fill=\"{}\">{}</text>\n",
                   points, curve.colour, curve.dashes, x + 8, y + (curve.name == "select" ? -6 : 8), curve.colour, curve.name);
}

void add_waiting(Picture& picture, const Report& report) {
    constexpr Curve kCurves[] = {{"select", "#c62828", &WaitCost::select_ns, "none"},
                                 {"poll", "#e8a33d", &WaitCost::poll_ns, "6 6"},
                                 {"epoll", "#1769aa", &WaitCost::epoll_ns, "none"}};
    if (report.waiting.empty()) {
        return;
    }
    add_title(picture, "One event among idle descriptors", "time of the wait with its write and read, by the number of idle ones; both scales logarithmic");
    const int top = picture.height + kHead - 16;
    const int bottom = top + kWaitHeight;
    const Scale across{.least = 10, .most = 100'000};
    const Scale up{.least = 100, .most = 1e7, .size = kWaitHeight};
    for (double tick = across.least; tick <= across.most; tick *= 10) {
        fmt::format_to(picture.end(),
                       "<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\" font-size=\"11\" fill=\"#777\">{:.0f}</text>\n",
                       kLeft + across.at(tick), bottom + 14, tick);
    }
    for (double tick = up.least; tick <= up.most; tick *= 10) {
        fmt::format_to(picture.end(),
                       "<line x1=\"{0}\" y1=\"{1:.1f}\" x2=\"{2}\" y2=\"{1:.1f}\" stroke=\"#ddd\"/>"
                       "<text x=\"{3}\" y=\"{4:.1f}\" text-anchor=\"end\" font-size=\"11\" fill=\"#777\">{5}</text>\n",
                       kLeft, bottom - up.at(tick), kLeft + kPlot, kLeft - 8, bottom - up.at(tick) + 4, tick_text(tick));
    }
    for (const Curve& curve : kCurves) {
        add_curve(picture, report, curve, up, bottom);
    }
    picture.height = bottom + kFoot;
}

}  // namespace

std::string as_svg(const Report& report) {
    Picture picture;
    add_transfer(picture, report, "1,000,000 messages of 1 KB between two processes", &Row::million_ms,
                 &TextFigures::million_ms);
    add_transfer(picture, report, "1 GB as a stream", &Row::gigabyte_ms, &TextFigures::gigabyte_ms);
    add_round_trips(picture, report);
    add_waiting(picture, report);
    return fmt::format(
               "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\""
               " font-family=\"sans-serif\" font-size=\"13\" fill=\"#222\">\n"
               "<rect width=\"{0}\" height=\"{1}\" fill=\"#fff\"/>\n",
               kWidth, picture.height) +
           picture.body + "</svg>\n";
}

}  // namespace sluice::ipc_bench
