// SPDX-License-Identifier: BSD-2-Clause
// Pool: the threads' side and the loop's side.
// Runs in: worker | logger.
#include "event/pool.h"

#include <system_error>

namespace sluice::event {

Result<std::unique_ptr<Pool>> Pool::create(Loop& loop, const PoolOptions& options) {
    return std::make_unique<Pool>(loop, options);
}

Pool::Pool(const PoolOptions& options)
    : options_(options), wakeup_([](void* self) { static_cast<Pool*>(self)->deliver(); }, this) {}

Pool::~Pool() {
    begin_stop();
    for (std::thread& thread : threads_) {
        thread.join();
    }
}

void Pool::set_options(const PoolOptions& options) {
    const std::lock_guard lock(mutex_);
    options_ = options;
}

bool Pool::submit(Work& work, Priority priority) {
    if (!is_watched_ && !wakeup_.start(*loop_)) {
        return false;
    }
    is_watched_ = true;
    {
        const std::lock_guard lock(mutex_);
        if (queued_ >= options_.queue_limit || is_stopping_ || !has_thread_for_more()) {
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

/// Whether one more piece of work will find a thread; starts one where all are busy. Under the lock.
bool Pool::has_thread_for_more() {
    if (idle_ > queued_ || threads_.size() >= options_.threads) {
        return !threads_.empty();
    }
    try {  // std::thread reports a refused thread by an exception only
        threads_.emplace_back([this] { serve(); });
        ++running_;
    } catch (const std::system_error&) {
        return !threads_.empty();
    }
    return true;
}

void Pool::begin_stop() {
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
    }
    has_work_.notify_all();
}

bool Pool::stop(Millis limit) {
    begin_stop();
    {
        std::unique_lock lock(mutex_);
        if (!has_ended_.wait_for(lock, limit, [this] { return running_ == 0; })) {
            return false;
        }
    }
    for (std::thread& thread : threads_) {
        thread.join();
    }
    threads_.clear();
    const auto rest = [](Work& work) {
        work.unlink();
        work.state = Work::State::Idle;
    };
    for (IntrusiveList<Work>& queue : queues_) {
        queue.each(rest);
    }
    finished_.each(rest);
    queued_ = pending_ = 0;
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
    const std::lock_guard lock(mutex_);
    --running_;
    has_ended_.notify_one();
}

Work* Pool::next_work() {
    std::unique_lock lock(mutex_);
    ++idle_;
    has_work_.wait(lock, [this] { return is_stopping_ || queued_ > 0; });
    --idle_;
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
