// SPDX-License-Identifier: BSD-2-Clause
// RespConversation: one client of kv in stream. Requests are parsed where they came in, all that have
// come are carried out, and their replies go out together. It holds memory only while a request
// or a reply is under way, and takes no more requests while replies wait for the client.
// Runs in: worker.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "modules/shared/resp_command.h"
#include "modules/shared/resp_worker.h"
#include "proto/resp/byte_buffer.h"
#include "proto/resp/reply_writer.h"
#include "proto/resp/request_parser.h"
#include "proto/stream/conversation.h"
#include "shm/zone_user.h"

namespace sluice::modules {

class RespConversation final : public stream::Conversation {
  public:
    /// Both references outlive it. `most`: bytes of a value, at most, where the zone has room for
    /// them.
    RespConversation(RespWorker& worker, shm::ZoneUser& zone, std::size_t most, std::uint64_t id);
    ~RespConversation() { worker_.counters.subtract(RespRow::Clients); }
    RespConversation(const RespConversation&) = delete;
    RespConversation& operator=(const RespConversation&) = delete;

    /// What was wrong with the bytes of a client that is_over() because of them; empty: nothing.
    [[nodiscard]] std::string_view complaint() const {
        return is_broken_ ? parser_.complaint() : std::string_view{};
    }

    // stream::Conversation
    std::span<char> room() override;
    void heard(std::size_t count) override;
    std::string_view to_send() override { return out_.view(); }
    void sent(std::size_t count) override;
    bool is_over() const override { return client_.is_leaving; }

  private:
    [[nodiscard]] std::size_t answer_all(std::string_view input);
    void carry_out();
    void hang_up();

    RespWorker& worker_;
    shm::ZoneUser& zone_;
    std::size_t largest_;
    resp::RequestParser parser_;
    resp::ByteBuffer in_;   ///< what has come of requests that could not be carried out yet
    resp::ByteBuffer out_;
    RespClient client_;
    std::size_t resume_ = 0;  ///< Call::resume of the request that in_ begins with
    bool has_work_ = false;   ///< in_ holds requests that wait for their turn
    bool is_broken_ = false;
};

}  // namespace sluice::modules
