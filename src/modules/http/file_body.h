// SPDX-License-Identifier: BSD-2-Clause
// FileBody: a file, or a range of it, sent from its descriptor, or from memory where `sendfile` is off
// or somebody has to look at the bytes. The descriptor stays open through the exchange's pin. A file
// that became shorter makes sendfile end early, and the wire then breaks the connection off.
// Runs in: worker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/error.h"
#include "modules/http/chunk_loader.h"
#include "modules/http/open_file_cache.h"
#include "net/transfer.h"
#include "proto/http/body.h"
#include "proto/http/exchange.h"
#include "sys/file.h"

namespace sluice::modules {

class FileBody final : public http::Body {
  public:
    /// In the exchange's arena; null where that is full. `file` is pinned by the exchange. `loader`
    /// reads in what is not in memory; null: whoever reads waits. Where `policy` does not ask for it,
    /// sendfile waits in any case.
    [[nodiscard]] static FileBody* make(http::Exchange& exchange,
                                        OpenFile& file,
                                        const FilePolicy& policy,
                                        ChunkLoader* loader);

    /// As make(), in memory of the caller's.
    FileBody(http::Exchange& exchange, OpenFile& file, ChunkLoader* loader)
        : exchange_(exchange), file_(file), loader_(loader), left_(file.info.size) {}

    http::Pull pull(net::Chain& out, std::size_t max) override;
    void close() noexcept override;
    bool select(std::uint64_t first, std::uint64_t size) override;
    bool give_memory() override;

  private:
    static constexpr std::size_t kBufferSize = net::kTransferTable.window;

    struct Wait : ChunkWait {
        FileBody* body = nullptr;
    };

    [[nodiscard]] http::Pull pull_memory(net::Chain& out, std::size_t max);
    [[nodiscard]] Result<sys::Transfer> read_some(std::span<char> into);
    [[nodiscard]] http::Pull advance(std::uint64_t size);
    [[nodiscard]] std::uint64_t sendable(std::uint64_t size);
    void drop_behind(std::uint64_t end);

    http::Exchange& exchange_;
    OpenFile& file_;
    ChunkLoader* loader_;
    std::uint64_t at_ = 0;
    std::uint64_t left_;
    std::uint64_t loaded_end_ = 0;  ///< up to there it was read in for this body
    std::uint64_t dropped_ = 0;     ///< directio: up to there the page cache was told to let go
    std::span<char> buffer_;        ///< what is given is read into it; none: file ranges are given
    bool is_direct_ = false;
    bool is_probed_ = false;  ///< file ranges too are read in before they are given
    Wait wait_;
};

}  // namespace sluice::modules
