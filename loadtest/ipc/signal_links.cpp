// SPDX-License-Identifier: BSD-2-Clause
// Links that carry no bytes worth the name: eventfd, queued signals, descriptors in SCM_RIGHTS.
// They are measured by round trips.
// Runs in: ipc_bench, both of its processes.
#include <array>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>

#include "ipc/link.h"

namespace sluice::ipc_bench {

namespace {

class EventfdLink final : public Link {
  public:
    EventfdLink() : fd_(must(::eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE), "eventfd()")) {}

    ~EventfdLink() override { ::close(fd_); }

    void send(std::span<const char>) override { must(::eventfd_write(fd_, 1), "eventfd_write()"); }

    void receive(std::span<char>) override {
        eventfd_t value = 0;
        must(::eventfd_read(fd_, &value), "eventfd_read()");
    }

  private:
    int fd_;
};

/// The receiver's pid is learnt from a shared word, which the receiver writes at its first wait.
class SignalLink final : public Link {
  public:
    SignalLink() {
        ::sigemptyset(&set_);
        ::sigaddset(&set_, SIGRTMIN);
        must(::sigprocmask(SIG_BLOCK, &set_, nullptr), "sigprocmask()");
        void* const at = ::mmap(nullptr, sizeof(Pid), PROT_READ | PROT_WRITE,
                                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (at == MAP_FAILED) {
            fail("mmap()");
        }
        receiver_ = new (at) Pid(0);
    }

    ~SignalLink() override { ::munmap(receiver_, sizeof(Pid)); }

    void send(std::span<const char>) override {
        while (receiver_->load() == 0) {
        }
        sigval value{};
        value.sival_int = 1;
        must(::sigqueue(receiver_->load(), SIGRTMIN, value), "sigqueue()");
    }

    void receive(std::span<char>) override {
        if (receiver_->load(std::memory_order_relaxed) == 0) {
            receiver_->store(::getpid());
        }
        must(::sigwaitinfo(&set_, nullptr), "sigwaitinfo()");
    }

  private:
    using Pid = std::atomic<pid_t>;

    sigset_t set_{};
    Pid* receiver_ = nullptr;
};

class RightsLink final : public Link {
  public:
    RightsLink() {
        must(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends_.data()), "socketpair()");
        passed_ = must(::open("/dev/null", O_RDONLY | O_CLOEXEC), "open() of /dev/null");
    }

    ~RightsLink() override {
        ::close(ends_[0]);
        ::close(ends_[1]);
        ::close(passed_);
    }

    void send(std::span<const char>) override {
        Message message;
        cmsghdr* const head = CMSG_FIRSTHDR(&message.head);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof(int));
        std::memcpy(CMSG_DATA(head), &passed_, sizeof passed_);
        must(::sendmsg(ends_[1], &message.head, 0), "sendmsg()");
    }

    void receive(std::span<char>) override {
        Message message;
        must(::recvmsg(ends_[0], &message.head, MSG_CMSG_CLOEXEC), "recvmsg()");
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message.head)), sizeof fd);
        ::close(fd);
    }

  private:
    struct Message {
        Message() {
            head.msg_iov = &piece;
            head.msg_iovlen = 1;
            head.msg_control = control.data();
            head.msg_controllen = control.size();
        }

        char byte = 'd';
        iovec piece{&byte, 1};
        alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
        msghdr head{};
    };

    std::array<int, 2> ends_{};
    int passed_ = -1;
};

template <class T>
std::unique_ptr<Link> make(std::size_t) {
    return std::make_unique<T>();
}

constexpr Kind kTable[] = {
    {"eventfd", "a count", 0, &make<EventfdLink>, {}},
    {"signal", "sigqueue, sigwaitinfo", 0, &make<SignalLink>, {}},
    {"SCM_RIGHTS", "one descriptor, seqpacket", 0, &make<RightsLink>, {}},
};

}  // namespace

std::span<const Kind> signal_kinds() {
    return kTable;
}

}  // namespace sluice::ipc_bench
