// SPDX-License-Identifier: BSD-2-Clause
// Links over message queues of the kernel: POSIX and System V.
// Runs in: ipc_bench, both of its processes.
#include <cstring>
#include <string>
#include <vector>

#include <fcntl.h>
#include <mqueue.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <unistd.h>

#include "ipc/link.h"

namespace sluice::ipc_bench {

namespace {

constexpr std::size_t kQueueLimit = 8192;  // the system's usual limit for both kinds

class PosixQueueLink final : public Link {
  public:
    explicit PosixQueueLink(std::size_t message) {
        static unsigned count = 0;
        const std::string name =
            "/ipc_bench." + std::to_string(::getpid()) + "." + std::to_string(++count);
        mq_attr attributes{};
        attributes.mq_maxmsg = 10;
        attributes.mq_msgsize = static_cast<long>(message);
        queue_ = must(::mq_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600,
                                &attributes),
                      "mq_open()");
        ::mq_unlink(name.c_str());
    }

    ~PosixQueueLink() override { ::mq_close(queue_); }

    void send(std::span<const char> message) override {
        must(::mq_send(queue_, message.data(), message.size(), 0), "mq_send()");
    }

    void receive(std::span<char> message) override {
        must(::mq_receive(queue_, message.data(), message.size(), nullptr), "mq_receive()");
    }

  private:
    mqd_t queue_ = -1;
};

class SystemVQueueLink final : public Link {
  public:
    explicit SystemVQueueLink(std::size_t message)
        : owner_(::getpid()),
          queue_(must(::msgget(IPC_PRIVATE, IPC_CREAT | 0600), "msgget()")),
          room_(sizeof(long) + message) {
        const long type = 1;
        std::memcpy(room_.data(), &type, sizeof type);
    }

    ~SystemVQueueLink() override {
        if (owner_ == ::getpid()) {
            ::msgctl(queue_, IPC_RMID, nullptr);
        }
    }

    void send(std::span<const char> message) override {
        std::memcpy(room_.data() + sizeof(long), message.data(), message.size());
        must(::msgsnd(queue_, room_.data(), message.size(), 0), "msgsnd()");
    }

    void receive(std::span<char> message) override {
        must(::msgrcv(queue_, room_.data(), message.size(), 0, 0), "msgrcv()");
        std::memcpy(message.data(), room_.data() + sizeof(long), message.size());
    }

  private:
    pid_t owner_;
    int queue_;
    std::vector<char> room_;  ///< the kernel wants type and text in one piece
};

template <class T>
std::unique_ptr<Link> make(std::size_t message) {
    return std::make_unique<T>(message);
}

constexpr Kind kTable[] = {
    {"POSIX queue", "10 messages", kQueueLimit, &make<PosixQueueLink>, {892, 3500}},
    {"System V queue", "16 KiB", kQueueLimit, &make<SystemVQueueLink>, {}},
};

}  // namespace

std::span<const Kind> queue_kinds() {
    return kTable;
}

}  // namespace sluice::ipc_bench
