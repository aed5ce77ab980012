// SPDX-License-Identifier: BSD-2-Clause
// FileBody: a file, or a range of it, sent from its descriptor. It stays open through the exchange's
// pin. A file that became shorter makes sendfile end early, and the wire then breaks the connection
// off.
// Runs in: worker.
#pragma once

#include <cstddef>
#include <cstdint>

#include "modules/http/chunk_loader.h"
#include "modules/http/open_file_cache.h"
#include "proto/http/body.h"
#include "proto/http/exchange.h"

namespace sluice::modules {

class FileBody final : public http::Body {
  public:
    /// In the exchange's arena; null where that is full. `file` is pinned by the exchange. `loader`
    /// reads in what sendfile would have to wait for; null: sendfile waits.
    [[nodiscard]] static FileBody* make(http::Exchange& exchange,
                                        OpenFile& file,
                                        const FilePolicy& policy,
                                        ChunkLoader* loader);

    FileBody(http::Exchange& exchange, OpenFile& file, ChunkLoader* loader)
        : exchange_(exchange), file_(file), loader_(loader), left_(file.info.size) {}

    http::Pull pull(net::Chain& out, std::size_t max) override;
    void close() noexcept override;
    bool select(std::uint64_t first, std::uint64_t size) override;

  private:
    struct Wait : ChunkWait {
        FileBody* body = nullptr;
    };

    [[nodiscard]] std::uint64_t sendable(std::uint64_t size);
    void drop_behind(std::uint64_t end);

    http::Exchange& exchange_;
    OpenFile& file_;
    ChunkLoader* loader_;
    std::uint64_t at_ = 0;
    std::uint64_t left_;
    std::uint64_t loaded_end_ = 0;  ///< up to there it was read in for this body
    std::uint64_t dropped_ = 0;     ///< directio: up to there the page cache was told to let go
    bool is_direct_ = false;
    Wait wait_;
};

}  // namespace sluice::modules
