// SPDX-License-Identifier: BSD-2-Clause
// RequestBody: the body of a request whose handler asked for it, whole: in memory up to
// client_body_buffer_size, beyond that in a temporary file. Nothing is kept of a body that nobody
// asks for.
//
// How a handler gets it (see Exchange::read_body):
//
//     Verdict put(Exchange& exchange, const void* settings) {
//         if (exchange.request.method != Method::Put) { return Verdict::Declined; }
//         return exchange.read_body(&store, settings);
//     }
//     Verdict store(Exchange& exchange, const void* settings) {
//         … exchange.body.memory(), or exchange.body.fd() where is_in_file() …
//         return exchange.finish(201);
//     }
//
// Runs in: worker.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/units.h"
#include "proto/http/temp_file.h"

namespace sluice::http {

/// client_body_in_file_only.
enum class BodyFiles : std::uint8_t {
    Off,    ///< large bodies only, in files without a name
    On,     ///< every body, in a file that stays
    Clean,  ///< every body, in a file that goes with the request
};

/// How a body is to be kept; the location's settings.
struct BodyPlan {
    Bytes buffer_size{16 * 1024};
    BodyFiles files = BodyFiles::Off;
    TempPath temp_path;
};

class RequestBody {
  public:
    enum class State : std::uint8_t {
        Unasked,  ///< no handler wants it (yet)
        Reading,
        Whole,   ///< all of it is here; it may be empty
        Failed,  ///< it could not be had; the request was answered for that reason
    };

    [[nodiscard]] State state() const { return state_; }

    [[nodiscard]] std::uint64_t size() const { return size_; }

    [[nodiscard]] bool is_in_file() const { return file_.fd.is_open(); }

    /// The whole body in one piece; empty where is_in_file().
    /// Lives: until the exchange ends.
    [[nodiscard]] std::string_view memory() const { return memory_; }

    /// Where is_in_file(): read it from offset 0 with sys::read_at, or send a range of it. Stays
    /// the body's.
    [[nodiscard]] int fd() const { return file_.fd.get(); }

    /// The file's name ($request_body_file): only with client_body_in_file_only.
    [[nodiscard]] const std::string& path() const { return file_.path; }

    // For Exchange and wires.

    /// Starts to collect. `expected`: bytes that will come, if that is known.
    /// Fails: no file could be opened, or there is no memory.
    [[nodiscard]] Result<> begin(const BodyPlan& plan, std::optional<std::uint64_t> expected);
    /// Room for the next bytes, never empty; what is put there counts after commit().
    /// Fails: the file cannot be written.
    [[nodiscard]] Result<std::span<char>> room();

    void commit(std::size_t count) {
        filled_ += count;
        size_ += count;
    }

    [[nodiscard]] Result<> append(std::string_view bytes);

    /// The body is `bytes`, which stay where they are until the exchange ends. Instead of append(),
    /// and only where no file is asked for.
    void refer_to(std::string_view bytes) {
        memory_ = bytes;
        size_ = bytes.size();
    }

    [[nodiscard]] Result<> complete();

    void fail_reading() { state_ = State::Failed; }

    /// As new; a buffer of usual size is kept for the next request.
    void reset();

  private:
    static constexpr std::size_t kKeptBuffer = 16 * 1024;
    static constexpr std::size_t kFirstBuffer = 4 * 1024;

    [[nodiscard]] Result<> grow(std::size_t wanted);
    [[nodiscard]] Result<> spill();

    State state_ = State::Unasked;
    bool removes_file_ = false;
    std::uint64_t size_ = 0;
    std::string_view memory_;
    BodyPlan plan_;
    std::unique_ptr<char[]> buffer_;
    std::size_t first_size_ = 0;  ///< of a buffer, when one is needed
    std::size_t capacity_ = 0;
    std::size_t filled_ = 0;
    TempFile file_;
};

}  // namespace sluice::http
