// SPDX-License-Identifier: BSD-2-Clause
// Task<T>: a coroutine for rules and handlers that must wait and should still read like a script.
// It starts at once, in the caller's stack; awaiting one that has finished does not suspend, so a
// long run of completed awaits uses no stack in any build. Frames live in a FrameArena.
// Runs in: any.
#pragma once

#include <cerrno>
#include <concepts>
#include <coroutine>
#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/bug.h"
#include "base/error.h"
#include "event/frame_arena.h"

// g++ without optimisation takes the two operators below for a mismatched pair, because one is a
// template. It says so at the end of each coroutine, in the including file: hence no pop.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

namespace sluice::event {

/// The first parameter of every Task: it says where the frame lives (the exchange, by reference).
template <class T>
concept HasFrameArena = requires(T& owner) {
    { owner.frame_arena() } -> std::same_as<FrameArena&>;
};

/// The value that co_await gives where a Task got no memory for its frame. Defined for Result<U>;
/// specialise it for any other type that a Task returns.
template <class T>
struct FrameFailure;

template <class U>
struct FrameFailure<Result<U>> {
    static Result<U> value() { return fail("coroutine frame", ENOMEM); }
};

/// Called when a root Task has finished; it must not destroy the Task, only post or mark.
struct FinishHook {
    void (*call)(void* owner) = nullptr;
    void* owner = nullptr;
};

/// Owns one coroutine. Destroy Tasks in the reverse order of their creation, and never while they
/// run. co_await gives T; where the frame could not be allocated it gives FrameFailure<T>::value().
template <class T>
class [[nodiscard]] Task {
  public:
    static_assert(!std::is_void_v<T>, "a Task reports failure: use Task<Result<>>");

    struct promise_type;
    using Handle = std::coroutine_handle<promise_type>;

    Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}

    Task& operator=(Task&& other) noexcept {
        Task taken(std::move(other));
        std::swap(handle_, taken.handle_);
        return *this;
    }

    Task(const Task&) = delete;
    Task& operator=(const Task&) = delete;

    ~Task() {
        if (handle_) {
            handle_.destroy();
        }
    }

    /// False where the frame could not be allocated: nothing ran, nothing ever will.
    [[nodiscard]] bool has_frame() const { return static_cast<bool>(handle_); }

    /// True when the result is there (a failed allocation is one).
    [[nodiscard]] bool is_done() const { return !handle_ || handle_.done(); }

    /// Moves the result out, once, after is_done(). For the owner of a root Task.
    [[nodiscard]] T take() {
        if (!handle_) {
            return FrameFailure<T>::value();
        }
        std::optional<T>& result = handle_.promise().result;
        BUG_UNLESS(result.has_value(), "result taken from a task that has not finished");
        return std::move(*result);
    }

    /// Calls `hook` when the Task finishes; BUG when it is done already or awaited by another.
    void on_finish(FinishHook hook) {
        BUG_UNLESS(!is_done(), "finish hook set on a task that is done");
        handle_.promise().finish = hook;
    }

    [[nodiscard]] bool await_ready() const noexcept { return is_done(); }

    void await_suspend(std::coroutine_handle<> parent) noexcept {
        handle_.promise().parent = parent;
    }

    [[nodiscard]] T await_resume() { return take(); }

  private:
    explicit Task(Handle handle) : handle_(handle) {}

    Handle handle_;
};

template <class T>
struct Task<T>::promise_type {
    struct FinalAwaiter {
        [[nodiscard]] bool await_ready() const noexcept { return false; }

        std::coroutine_handle<> await_suspend(Handle self) const noexcept {
            promise_type& promise = self.promise();
            if (promise.parent) {
                return promise.parent;
            }
            if (promise.finish.call != nullptr) {
                promise.finish.call(promise.finish.owner);
            }
            return std::noop_coroutine();
        }

        void await_resume() const noexcept {}
    };

    template <HasFrameArena First, class... Rest>
    static void* operator new(std::size_t size, First& first, Rest&...) noexcept {
        return first.frame_arena().allocate(size);
    }

    static void operator delete(void* frame, std::size_t) noexcept { FrameArena::pop(frame); }

    static Task get_return_object_on_allocation_failure() noexcept { return Task(Handle{}); }

    Task get_return_object() noexcept { return Task(Handle::from_promise(*this)); }

    [[nodiscard]] std::suspend_never initial_suspend() const noexcept { return {}; }

    [[nodiscard]] FinalAwaiter final_suspend() const noexcept { return {}; }

    template <class U>
        requires std::constructible_from<T, U&&>
    void return_value(U&& value) {
        result.emplace(std::forward<U>(value));
    }

    [[noreturn]] void unhandled_exception() const noexcept {
        die_of_bug(__FILE__, __LINE__, "an exception reached a task");
    }

    std::optional<T> result;
    std::coroutine_handle<> parent;
    FinishHook finish;
};

}  // namespace sluice::event
