// SPDX-License-Identifier: BSD-2-Clause
// Pool: the threads' side and the loop's side.
// Runs in: worker | logger.
#include "event/pool.h"

#include <system_error>

namespace sluice::event {

Result<std::unique_ptr<Pool>> Pool::create(Loop& loop, const PoolOptions& options) {
    std::unique_ptr<Pool> pool(new Pool(options));
    TRY(pool->start(loop));
    return pool;
}

Pool::Pool(const PoolOptions& options)
    : options_(options), wakeup_([](void* self) { static_cast<Pool*>(self)->deliver(); }, this) {}

Result<> Pool::start(Loop& loop) {
    TRY(wakeup_.start(loop));
    threads_.reserve(options_.threads);
    try {  // std::thread reports a refused thread by an exception only
        for (std::size_t i = 0; i < options_.threads; ++i) {
            threads_.emplace_back([this] { serve(); });
        }
    } catch (const std::system_error& error) {
        return fail("pthread_create()", error.code().value());
    }
    return {};
}

Pool::~Pool() {
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
    }
    has_work_.notify_all();
    for (std::thread& thread : threads_) {
        thread.join();
    }
}

bool Pool::submit(Work& work, Priority priority) {
    {
        const std::lock_guard lock(mutex_);
        if (queued_ >= options_.queue_limit) {
            return false;
        }
        ++queued_;
        queues_[static_cast<std::size_t>(priority)].push_back(work);
        work.state = Work::State::Queued;
    }
    ++pending_;
    has_work_.notify_one();
    return true;
}

bool Pool::cancel(Work& work) {
    const std::lock_guard lock(mutex_);
    if (work.state == Work::State::Queued) {
        work.unlink();
        work.state = Work::State::Idle;
        --queued_;
        --pending_;
    }
    return work.state == Work::State::Idle;
}

void Pool::serve() {
    while (Work* const work = next_work()) {
        work->run(*work);
        bool is_first = false;
        {
            const std::lock_guard lock(mutex_);
            is_first = finished_.empty();
            finished_.push_back(*work);
        }
        if (is_first) {
            (void)wakeup_.signal();  // fails only for a closed eventfd: the loop is gone then
        }
    }
}

Work* Pool::next_work() {
    std::unique_lock lock(mutex_);
    has_work_.wait(lock, [this] { return is_stopping_ || queued_ > 0; });
    if (is_stopping_) {
        return nullptr;
    }
    --queued_;
    for (IntrusiveList<Work>& queue : queues_) {
        if (Work* const work = queue.pop_front()) {
            work->state = Work::State::Running;
            return work;
        }
    }
    return nullptr;
}

void Pool::deliver() {
    IntrusiveList<Work> batch;
    {
        const std::lock_guard lock(mutex_);
        batch.splice(finished_);
    }
    while (Work* const work = batch.pop_front()) {
        work->state = Work::State::Idle;
        --pending_;
        work->done(*work);
    }
}

}  // namespace sluice::event
