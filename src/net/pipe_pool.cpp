// SPDX-License-Identifier: BSD-2-Clause
// PipePool: a stack of empty pipes.
// Runs in: worker.
#include "net/pipe_pool.h"

#include <utility>

#include "sys/file.h"
#include "sys/splice.h"

namespace sluice::net {

namespace {

constexpr std::size_t kRefusals = 1000;
constexpr std::size_t kKernelsSize = 64 * 1024;

}  // namespace

PipePool::PipePool(const PipePoolLimits& limits) : limits_(limits) {
    free_.reserve(limits.retained);
}

Pipe PipePool::take() {
    if (!free_.empty()) {
        Pipe pipe = std::move(free_.back());
        free_.pop_back();
        ++borrowed_;
        return pipe;
    }
    if (borrowed_ >= limits_.most) {
        return {};
    }
    if (refusals_left_ > 0) {
        --refusals_left_;
        return {};
    }
    return open();
}

Pipe PipePool::open() {
    Result<sys::Pipe> made = sys::pipe();
    if (!made) {
        refusals_left_ = kRefusals;
        return {};
    }
    ++borrowed_;
    const Result<std::size_t> size = sys::set_pipe_size(made->write_end.get(), limits_.pipe_size);
    return {.read_end = std::move(made->read_end),
            .write_end = std::move(made->write_end),
            .capacity = size ? *size : kKernelsSize};
}

void PipePool::give_back(Pipe pipe, std::size_t left) {
    if (!pipe.is_open()) {
        return;
    }
    --borrowed_;
    if (left == 0 && free_.size() < limits_.retained) {
        free_.push_back(std::move(pipe));
    }
}

}  // namespace sluice::net
