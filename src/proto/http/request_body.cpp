// SPDX-License-Identifier: BSD-2-Clause
// Keeping request bodies.
// Runs in: worker.
#include "proto/http/request_body.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "sys/file.h"

namespace sluice::http {

Result<> RequestBody::begin(const BodyPlan& plan, std::optional<std::uint64_t> expected) {
    state_ = State::Reading;
    plan_ = plan;
    plan_.buffer_size.count = std::max<std::uint64_t>(plan.buffer_size.count, 1);
    if (plan.files != BodyFiles::Off) {
        file_ = TRY(open_temp_file(plan.temp_path, true));
        removes_file_ = plan.files == BodyFiles::Clean;
    }
    const std::uint64_t wanted = std::min(expected.value_or(kFirstBuffer), plan_.buffer_size.count);
    first_size_ = static_cast<std::size_t>(std::max<std::uint64_t>(wanted, 1));
    return {};
}

Result<> RequestBody::grow(std::size_t wanted) {
    if (wanted <= capacity_) {
        return {};
    }
    std::unique_ptr<char[]> larger(new (std::nothrow) char[wanted]);
    if (larger == nullptr) {
        return fail("malloc()", ENOMEM);
    }
    if (filled_ > 0) {
        std::memcpy(larger.get(), buffer_.get(), filled_);
    }
    buffer_ = std::move(larger);
    capacity_ = wanted;
    return {};
}

Result<std::span<char>> RequestBody::room() {
    // A buffer kept from another request may be larger than this one's may be.
    const auto most = static_cast<std::size_t>(plan_.buffer_size.count);
    if (filled_ == std::min(capacity_, most)) {
        if (filled_ < most) {
            TRY(grow(std::min(most, std::max(first_size_, capacity_ * 2))));
        } else {
            TRY(spill());
        }
    }
    const std::size_t end = std::min(capacity_, most);
    return std::span<char>(buffer_.get() + filled_, end - filled_);
}

Result<> RequestBody::append(std::string_view bytes) {
    while (!bytes.empty()) {
        const std::span<char> space = TRY(room());
        const std::size_t count = std::min(space.size(), bytes.size());
        std::memcpy(space.data(), bytes.data(), count);
        commit(count);
        bytes.remove_prefix(count);
    }
    return {};
}

// The buffer is full: what it holds goes to the file.
Result<> RequestBody::spill() {
    if (!file_.fd.is_open()) {
        file_ = TRY(open_temp_file(plan_.temp_path, false));
    }
    TRY(sys::write_all(file_.fd.get(), {buffer_.get(), filled_}));
    filled_ = 0;
    return {};
}

Result<> RequestBody::complete() {
    if (file_.fd.is_open()) {
        TRY(spill());
        if (memory_.data() != nullptr) {
            TRY(sys::write_all(file_.fd.get(), memory_));
            memory_ = {};
        }
    } else if (memory_.data() == nullptr) {
        memory_ = {buffer_.get(), filled_};
    }
    state_ = State::Whole;
    return {};
}

void RequestBody::reset() {
    if (state_ == State::Unasked) {
        return;
    }
    if (removes_file_ && !file_.path.empty()) {
        static_cast<void>(sys::unlink(file_.path.c_str()));  // it may be gone
    }
    file_ = TempFile{};
    if (capacity_ > kKeptBuffer) {
        buffer_.reset();
        capacity_ = 0;
    }
    filled_ = 0;
    size_ = 0;
    memory_ = {};
    removes_file_ = false;
    state_ = State::Unasked;
}

}  // namespace sluice::http
