// SPDX-License-Identifier: BSD-2-Clause
// IntrusiveList: a doubly linked list whose links live in the elements, so that insertion and
// removal never allocate and an element can leave without knowing its list.
// Runs in: any.
#pragma once

#include <cstddef>

namespace sluice {

/// The link inside an element. Unlinks itself when destroyed.
struct ListHook {
    ListHook* previous = nullptr;
    ListHook* next = nullptr;

    ListHook() = default;
    ~ListHook() { unlink(); }
    ListHook(const ListHook&) = delete;
    ListHook& operator=(const ListHook&) = delete;

    [[nodiscard]] bool is_linked() const { return next != nullptr; }

    void unlink() {
        if (next != nullptr) {
            previous->next = next;
            next->previous = previous;
            next = previous = nullptr;
        }
    }
};

/// List of Ts that inherit from ListHook (or from `Hook`, a ListHook subtype, where an element is
/// in several lists at once). Owns nothing.
template <class T, class Hook = ListHook>
class IntrusiveList {
  public:
    IntrusiveList() { head_.next = head_.previous = &head_; }
    ~IntrusiveList() {
        while (!empty()) {
            head_.next->unlink();
        }
        head_.next = head_.previous = nullptr;
    }
    IntrusiveList(const IntrusiveList&) = delete;
    IntrusiveList& operator=(const IntrusiveList&) = delete;

    [[nodiscard]] bool empty() const { return head_.next == &head_; }
    [[nodiscard]] T& front() { return from(head_.next); }
    [[nodiscard]] T& back() { return from(head_.previous); }

    /// Appends; an element that is linked somewhere leaves that list first.
    void push_back(T& element) { link(static_cast<Hook&>(element), head_.previous, &head_); }
    void push_front(T& element) { link(static_cast<Hook&>(element), &head_, head_.next); }

    /// Removes and returns the first element, or nullptr.
    T* pop_front() {
        if (empty()) {
            return nullptr;
        }
        T& element = front();
        static_cast<Hook&>(element).unlink();
        return &element;
    }

    /// Moves all elements of `other` behind ours.
    void splice(IntrusiveList& other) {
        while (T* element = other.pop_front()) {
            push_back(*element);
        }
    }

    /// Calls `visit(T&)` for each element; `visit` may unlink the element it is given.
    template <class Visit>
    void each(Visit&& visit) {
        for (ListHook* at = head_.next; at != &head_;) {
            ListHook* const next = at->next;
            visit(from(at));
            at = next;
        }
    }

  private:
    static T& from(ListHook* hook) { return static_cast<T&>(static_cast<Hook&>(*hook)); }

    void link(ListHook& hook, ListHook* previous, ListHook* next) {
        if (hook.is_linked()) {
            if (next == &hook) {
                next = hook.next;
            }
            if (previous == &hook) {
                previous = hook.previous;
            }
            hook.unlink();
        }
        hook.previous = previous;
        hook.next = next;
        previous->next = &hook;
        next->previous = &hook;
    }

    ListHook head_;
};

}  // namespace sluice
