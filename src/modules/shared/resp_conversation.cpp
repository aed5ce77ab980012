// SPDX-License-Identifier: BSD-2-Clause
// A client's requests and replies.
//
//     recv → the worker's scratch, or behind what in_ holds of a request → parse → run → out_ → send
//
// What is left of the input when all whole requests are done, or when the replies have become long,
// moves to in_.
// Runs in: worker.
#include "modules/shared/resp_conversation.h"

#include <algorithm>
#include <string>

namespace sluice::modules {

namespace {

/// Room for input behind a part of a request: twice what is there, within these.
constexpr std::size_t kLeastRoom = 2 * 1024;
constexpr std::size_t kMostRoom = std::size_t{256} * 1024;

std::size_t largest_of(const shm::ZoneUser& zone, std::size_t most) {
    const std::size_t entry = zone.zone().largest_value(0);
    return std::min(most, entry - std::min<std::size_t>(entry, 1));
}

resp::RequestLimits limits_of(std::size_t largest) {
    const std::size_t argument = std::max(largest, shm::kMaxKeyBytes);
    return {.argument = argument, .request = 4 * argument + 1024 * 1024};
}

}  // namespace

RespConversation::RespConversation(RespWorker& worker,
                                   shm::ZoneUser& zone,
                                   std::size_t most,
                                   std::uint64_t id)
    : worker_(worker),
      zone_(zone),
      largest_(largest_of(zone, most)),
      parser_(limits_of(largest_)),
      in_(worker.inputs),
      out_(worker.outputs) {
    client_.id = id;
    worker_.counters.add(RespRow::Clients);
}

std::span<char> RespConversation::room() {
    if (in_.empty()) {
        return worker_.scratch;
    }
    const std::size_t wanted =
        std::clamp(std::min(in_.size(), parser_.missing()), kLeastRoom, kMostRoom);
    char* const at = in_.room(wanted);
    return {at, in_.room_size()};
}

void RespConversation::heard(std::size_t count) {
    if (!in_.empty()) {
        in_.commit(count);
        in_.consume(answer_all(in_.view()));
        return;
    }
    const std::string_view input(worker_.scratch.data(), count);
    in_.append(input.substr(answer_all(input)));
}

void RespConversation::sent(std::size_t count) {
    out_.consume(count);
    if (has_work_ && out_.empty()) {
        in_.consume(answer_all(in_.view()));
    }
}

/// Carries out the whole requests of `input`; gives how many bytes of it are done with.
std::size_t RespConversation::answer_all(std::string_view input) {
    std::size_t done = 0;
    has_work_ = false;
    while (done < input.size() && !client_.is_leaving) {
        if (out_.size() >= kReplyPause) {
            has_work_ = true;
            break;
        }
        const resp::Reading reading = parser_.read(input.substr(done), worker_.request);
        if (reading == resp::Reading::More) {
            break;
        }
        if (reading == resp::Reading::Broken) {
            hang_up();
            break;
        }
        if (!worker_.request.words.empty()) {
            carry_out();
        }
        if (resume_ != 0) {
            has_work_ = true;
            break;
        }
        done += parser_.size();
    }
    if (out_.empty()) {
        out_.release();
    }
    return client_.is_leaving ? input.size() : done;
}

void RespConversation::carry_out() {
    resp::ReplyWriter reply(out_, client_.version);
    const Command* const command = find_command(worker_.request.words[0]);
    worker_.counters.add(RespRow::Commands);
    if (command == nullptr || !fits(command->arity, worker_.request.words.size())) [[unlikely]] {
        worker_.counters.add(RespRow::Errors);
        return refuse_request(command, worker_.request.words, reply);
    }
    Call call{.command = *command,
              .words = worker_.request.words,
              .reply = reply,
              .client = client_,
              .worker = worker_,
              .zone = zone_,
              .largest = largest_,
              .now = worker_.loop.now(),
              .wall = worker_.loop.wall(),
              .resume = resume_};
    command->run(call);
    resume_ = call.resume;
}

void RespConversation::hang_up() {
    resp::ReplyWriter reply(out_, client_.version);
    reply.error("ERR Protocol error: " + std::string(parser_.complaint()));
    worker_.counters.add(RespRow::Errors);
    is_broken_ = true;
    client_.is_leaving = true;
}

}  // namespace sluice::modules
