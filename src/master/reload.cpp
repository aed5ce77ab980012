// SPDX-License-Identifier: BSD-2-Clause
// The reload transaction.
// Runs in: master.
#include "master/reload.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/bug.h"

namespace sluice::master {

namespace {

using State = Reload::State;

constexpr unsigned bit(State state) {
    return 1U << std::to_underlying(state);
}

/// The allowed steps, by the state that is left.
constexpr std::array<unsigned, 7> kSteps = {
    bit(State::Reading),                        // Idle
    bit(State::Opening) | bit(State::Idle),     // Reading
    bit(State::Canary) | bit(State::Idle),      // Opening
    bit(State::Preparing) | bit(State::Idle),   // Canary
    bit(State::Committing) | bit(State::Idle),  // Preparing
    bit(State::Retiring),                       // Committing: no way back
    bit(State::Idle),                           // Retiring
};

}  // namespace

void Reload::request() {
    has_request_ = true;
    if (state_ != State::Idle) {
        return;
    }
    // A refusal ends a run at once; requests that came during it are one more run.
    while (has_request_ && state_ == State::Idle) {
        run_once();
    }
}

void Reload::enter(State next) {
    BUG_UNLESS((kSteps[std::to_underlying(state_)] & bit(next)) != 0, "reload: forbidden step");
    state_ = next;
}

void Reload::run_once() {
    has_request_ = false;
    ++run_;
    // Never the number of a refused candidate: a late answer to that one must not count for this.
    candidate_ = GenerationNumber{std::max(candidate_.value, current_.value) + 1};
    enter(State::Reading);
    const auto mode = port_.read(candidate_);
    if (!mode) {
        return refuse(mode.error());
    }
    mode_ = *mode;
    enter(State::Opening);
    if (const auto opened = port_.open_resources(); !opened) {
        return refuse(opened.error());
    }
    enter(State::Canary);
    const auto canary = port_.start_canary();
    if (!canary) {
        return refuse(canary.error());
    }
    canary_ = *canary;
    port_.arm(kCanaryLimit);
}

void Reload::on_ready(ChildId child, GenerationNumber generation) {
    if (generation != candidate_) {
        return;  // a respawned worker's answer for the current generation
    }
    if (state_ == State::Canary && child == canary_) {
        return enter_preparing();
    }
    if (state_ == State::Preparing && waiting_.erase(child) != 0) {
        decide_when_all_ready();
    }
}

void Reload::on_refused(ChildId child, GenerationNumber generation, const std::string& text) {
    if (generation != candidate_) {
        return;
    }
    const bool is_canary = state_ == State::Canary && child == canary_;
    if (is_canary || (state_ == State::Preparing && participants_.contains(child))) {
        refuse(text);
    }
}

void Reload::enter_preparing() {
    enter(State::Preparing);
    if (mode_ == ReloadMode::InPlace) {
        participants_ = port_.prepare_workers();
        port_.arm(kPrepareLimit);
    } else {
        const auto born = port_.start_new_workers();
        if (!born) {
            return refuse(born.error());
        }
        participants_ = *born;
        port_.arm(kBirthLimit);
    }
    waiting_ = participants_;
    decide_when_all_ready();
}

void Reload::decide_when_all_ready() {
    if (!waiting_.empty()) {
        return;
    }
    enter(State::Committing);
    current_ = candidate_;
    waiting_ = participants_;
    port_.commit(participants_);
    port_.arm(kCommitLimit);
    finish_when_all_committed();
}

void Reload::on_committed(ChildId child, GenerationNumber generation) {
    if (state_ == State::Committing && generation == candidate_ && waiting_.erase(child) != 0) {
        finish_when_all_committed();
    }
}

void Reload::finish_when_all_committed() {
    if (waiting_.empty()) {
        retire();
    }
}

void Reload::retire() {
    enter(State::Retiring);
    port_.disarm();
    port_.retire_old();
    participants_.clear();
    waiting_.clear();
    enter(State::Idle);
    port_.report({.run = run_, .is_accepted = true, .generation = current_, .text = {}});
    if (has_request_) {
        request();
    }
}

void Reload::on_death(ChildId child, const std::string& how) {
    if (state_ == State::Canary && child == canary_) {
        return refuse("the canary process " + how + " before it was ready");
    }
    if (participants_.erase(child) == 0) {
        return;
    }
    const bool was_awaited = waiting_.erase(child) != 0;
    if (state_ == State::Preparing) {
        // In place its successor starts on the current generation and is asked when it is born.
        // A new worker of a replace reload that dies says that the candidate cannot live.
        if (mode_ == ReloadMode::Replace) {
            return refuse("a new worker process " + how + " before it was committed");
        }
        return decide_when_all_ready();
    }
    if (state_ == State::Committing && was_awaited) {
        finish_when_all_committed();
    }
}

void Reload::on_birth(ChildId worker) {
    if (state_ != State::Preparing || mode_ != ReloadMode::InPlace) {
        return;
    }
    participants_.insert(worker);
    waiting_.insert(worker);
    port_.prepare_worker(worker);
}

void Reload::time_out() {
    switch (state_) {
        case State::Canary:
            return refuse("the canary process gave no answer in 10 s");
        case State::Preparing:
            return refuse(mode_ == ReloadMode::InPlace
                              ? "a worker process gave no answer to Prepare in 5 s"
                              : "a new worker process was not ready in 10 s");
        case State::Committing: {
            const std::set<ChildId> silent = std::exchange(waiting_, {});
            for (const ChildId child : silent) {
                participants_.erase(child);
                port_.kill(child);
            }
            return retire();
        }
        case State::Idle:
        case State::Reading:
        case State::Opening:
        case State::Retiring:
            return;
    }
}

void Reload::refuse(const std::string& why) {
    port_.disarm();
    if (state_ == State::Canary) {
        port_.kill(canary_);
    }
    port_.roll_back();
    participants_.clear();
    waiting_.clear();
    enter(State::Idle);
    port_.report({.run = run_, .is_accepted = false, .generation = current_, .text = why});
    if (has_request_) {
        request();
    }
}

const char* name_of(Reload::State state) {
    constexpr std::array<const char*, 7> kNames = {"Idle",      "Reading",    "Opening", "Canary",
                                                   "Preparing", "Committing", "Retiring"};
    return kNames[std::to_underlying(state)];
}

}  // namespace sluice::master
