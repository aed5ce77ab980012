// SPDX-License-Identifier: BSD-2-Clause
// Links over shared memory that sleep: rings of slots whose two counters are kept by semaphores, by
// a mutex with condition variables, or by futexes.
// Runs in: ipc_bench, both of its processes.
#include <atomic>
#include <climits>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ipc/link.h"

namespace sluice::ipc_bench {

namespace {

/// Shared memory of the two processes, zeroed.
char* map_posix(std::size_t size) {
    static unsigned count = 0;
    const std::string name =
        "/ipc_bench." + std::to_string(::getpid()) + "." + std::to_string(++count);
    const int fd =
        must(::shm_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600), "shm_open()");
    ::shm_unlink(name.c_str());
    must(::ftruncate(fd, static_cast<off_t>(size)), "ftruncate()");
    void* const at = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (at == MAP_FAILED) {
        fail("mmap()");
    }
    ::close(fd);
    return static_cast<char*>(at);
}

char* map_system_v(std::size_t size) {
    const int id = must(::shmget(IPC_PRIVATE, size, IPC_CREAT | 0600), "shmget()");
    void* const at = ::shmat(id, nullptr, 0);
    ::shmctl(id, IPC_RMID, nullptr);  // goes when both processes have
    if (at == reinterpret_cast<void*>(-1)) {
        fail("shmat()");
    }
    return static_cast<char*>(at);
}

/// Counts free and full slots by two System V semaphores.
class SystemVCounts {
  public:
    explicit SystemVCounts(char*, unsigned slots)
        : set_(must(::semget(IPC_PRIVATE, 2, IPC_CREAT | 0600), "semget()")), owner_(::getpid()) {
        must(::semctl(set_, 0, SETVAL, static_cast<int>(slots)), "semctl()");
        must(::semctl(set_, 1, SETVAL, 0), "semctl()");
    }

    ~SystemVCounts() {
        if (owner_ == ::getpid()) {
            ::semctl(set_, 0, IPC_RMID);
        }
    }

    void take_free() { change(0, -1); }

    void give_full() { change(1, 1); }

    void take_full() { change(1, -1); }

    void give_free() { change(0, 1); }

  private:
    void change(unsigned short index, short by) {
        sembuf operation{.sem_num = index, .sem_op = by, .sem_flg = 0};
        must(::semop(set_, &operation, 1), "semop()");
    }

    int set_;
    pid_t owner_;
};

struct SystemVMapping {
    static char* map(std::size_t size) { return map_system_v(size); }

    static void unmap(char* at, std::size_t) { ::shmdt(at); }
};

struct PosixMapping {
    static char* map(std::size_t size) { return map_posix(size); }

    static void unmap(char* at, std::size_t size) { ::munmap(at, size); }
};

class PosixCounts {
  public:
    PosixCounts(char* at, unsigned slots) : words_(reinterpret_cast<sem_t*>(at)) {
        must(::sem_init(&words_[0], 1, slots), "sem_init()");
        must(::sem_init(&words_[1], 1, 0), "sem_init()");
    }

    void take_free() { must(::sem_wait(&words_[0]), "sem_wait()"); }

    void give_full() { must(::sem_post(&words_[1]), "sem_post()"); }

    void take_full() { must(::sem_wait(&words_[1]), "sem_wait()"); }

    void give_free() { must(::sem_post(&words_[0]), "sem_post()"); }

  private:
    sem_t* words_;
};

class MutexCounts {
  public:
    MutexCounts(char* at, unsigned slots) : words_(new (at) Words) {
        words_->free = slots;
        pthread_mutexattr_t mutex;
        ::pthread_mutexattr_init(&mutex);
        ::pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED);
        ::pthread_mutex_init(&words_->mutex, &mutex);
        pthread_condattr_t condition;
        ::pthread_condattr_init(&condition);
        ::pthread_condattr_setpshared(&condition, PTHREAD_PROCESS_SHARED);
        ::pthread_cond_init(&words_->has_free, &condition);
        ::pthread_cond_init(&words_->has_full, &condition);
    }

    void take_free() { take(words_->free, words_->has_free); }

    void give_full() { give(words_->full, words_->has_full); }

    void take_full() { take(words_->full, words_->has_full); }

    void give_free() { give(words_->free, words_->has_free); }

  private:
    struct Words {
        pthread_mutex_t mutex;
        pthread_cond_t has_free;
        pthread_cond_t has_full;
        unsigned free = 0;
        unsigned full = 0;
    };

    void take(unsigned& count, pthread_cond_t& condition) {
        ::pthread_mutex_lock(&words_->mutex);
        while (count == 0) {
            ::pthread_cond_wait(&condition, &words_->mutex);
        }
        --count;
        ::pthread_mutex_unlock(&words_->mutex);
    }

    void give(unsigned& count, pthread_cond_t& condition) {
        ::pthread_mutex_lock(&words_->mutex);
        ++count;
        ::pthread_mutex_unlock(&words_->mutex);
        ::pthread_cond_signal(&condition);
    }

    Words* words_;
};

class FutexCounts {
  public:
    FutexCounts(char* at, unsigned slots) : words_(new (at) Words) { words_->free.value = slots; }

    void take_free() { take(words_->free); }

    void give_full() { give(words_->full); }

    void take_full() { take(words_->full); }

    void give_free() { give(words_->free); }

  private:
    struct alignas(64) Count {
        std::atomic<std::uint32_t> value{0};
        std::atomic<std::uint32_t> sleepers{0};
    };

    struct Words {
        Count free;
        Count full;
    };

    static long futex(std::atomic<std::uint32_t>& word, int operation, std::uint32_t value) {
        return ::syscall(SYS_futex, &word, operation, value, nullptr, nullptr, 0);
    }

    static void take(Count& count) {
        for (;;) {
            std::uint32_t seen = count.value.load(std::memory_order_acquire);
            if (seen == 0) {
                count.sleepers.fetch_add(1);
                futex(count.value, FUTEX_WAIT, 0);
                count.sleepers.fetch_sub(1);
            } else if (count.value.compare_exchange_weak(seen, seen - 1)) {
                return;
            }
        }
    }

    static void give(Count& count) {
        count.value.fetch_add(1);
        if (count.sleepers.load() != 0) {
            futex(count.value, FUTEX_WAKE, INT_MAX);
        }
    }

    Words* words_;
};

template <class Mapping, class Counts>
class SlotLink final : public Link {
  public:
    explicit SlotLink(std::size_t message)
        : slots_(message > kLarge ? 8 : 64),
          stride_((message + 63) & ~std::size_t{63}),
          size_(kControl + slots_ * stride_),
          at_(Mapping::map(size_)),
          counts_(at_, slots_) {}

    ~SlotLink() override { Mapping::unmap(at_, size_); }

    void begin() override { map_pages({at_, size_}); }

    void send(std::span<const char> message) override {
        counts_.take_free();
        std::memcpy(slot(), message.data(), message.size());
        counts_.give_full();
    }

    void receive(std::span<char> message) override {
        counts_.take_full();
        std::memcpy(message.data(), slot(), message.size());
        counts_.give_free();
    }

  private:
    static constexpr std::size_t kControl = 4096;
    static constexpr std::size_t kLarge = 64 * 1024;

    char* slot() { return at_ + kControl + (turn_++ % slots_) * stride_; }

    unsigned slots_;
    std::size_t stride_;
    std::size_t size_;
    char* at_;
    Counts counts_;
    std::uint64_t turn_ = 0;
};

template <class T>
std::unique_ptr<Link> make(std::size_t message) {
    return std::make_unique<T>(message);
}

constexpr Kind kTable[] = {
    {"System V shm + semaphores", "64 slots", kNoLimit, &make<SlotLink<SystemVMapping, SystemVCounts>>, {}},
    {"System V shm + mutex", "64 slots, conditions", kNoLimit, &make<SlotLink<SystemVMapping, MutexCounts>>, {}},
    {"System V shm + futex", "64 slots", kNoLimit, &make<SlotLink<SystemVMapping, FutexCounts>>, {}},
    {"POSIX shm + semaphores", "64 slots", kNoLimit, &make<SlotLink<PosixMapping, PosixCounts>>, {}},
    {"POSIX shm + mutex", "64 slots, conditions", kNoLimit, &make<SlotLink<PosixMapping, MutexCounts>>, {}},
    {"POSIX shm + futex", "64 slots", kNoLimit, &make<SlotLink<PosixMapping, FutexCounts>>, {}},
};

}  // namespace

std::span<const Kind> memory_kinds() {
    return kTable;
}

}  // namespace sluice::ipc_bench
