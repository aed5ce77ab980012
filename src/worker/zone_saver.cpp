// SPDX-License-Identifier: BSD-2-Clause
// Saving zones in threads.
// Runs in: worker (one that saves only).
#include "worker/zone_saver.h"

#include <cerrno>
#include <utility>

#include "shm/zone_file.h"
#include "sys/clock.h"
#include "sys/process.h"

namespace sluice::worker {

namespace {

Result<shm::ZoneFileCounts> write_zone(const ipc::SaveZone& order, sys::UniqueFd zone_fd, int file) {
    const shm::ZoneKind kind{
        .name = order.kind, .layout = order.layout, .cell_bytes = order.cell_bytes};
    const shm::Zone zone = TRY(shm::Zone::attach(
        kind, {.bytes = order.bytes, .shards = order.shards}, std::move(zone_fd)));
    sys::RobustOwner owner;
    TRY(sys::RobustOwner::start(owner));
    shm::ZoneUser user(zone, owner);
    const shm::ZoneClocks clocks{.monotonic = sys::monotonic_now(), .wall = sys::wall_now()};
    return shm::save_zone(user, order.kind, order.layout, clocks, file);
}

}  // namespace

void ZoneSaver::save(const ipc::SaveZone& order, std::vector<sys::UniqueFd>& fds) {
    jobs_.emplace_back();
    Job& job = jobs_.back();
    job.saver = this;
    job.order = order;
    job.zone = std::move(fds[0]);
    job.file = std::move(fds[1]);
    job.answer.id = order.id;
    job.run = [](event::Work& work) { write(static_cast<Job&>(work)); };
    job.done = [](event::Work& work) {
        Job& done = static_cast<Job&>(work);
        done.saver->finish(done);
    };
    if (order.drops_user && !std::exchange(has_dropped_user_, true)) {
        if (const Result<> dropped =
                sys::set_user(order.uid, order.gid, order.user_name.c_str());
            !dropped) {
            job.answer.failure = dropped.error().code;
            return finish(job);
        }
    }
    if (!pool_.submit(job, event::Priority::Normal)) {
        job.answer.failure = EAGAIN;
        finish(job);
    }
}

void ZoneSaver::write(Job& job) {
    const Result<shm::ZoneFileCounts> written =
        write_zone(job.order, std::move(job.zone), job.file.get());
    if (!written) {
        job.answer.failure = written.error().code == 0 ? EIO : written.error().code;
        return;
    }
    job.answer.entries = written->entries;
    job.answer.bytes = written->bytes;
}

void ZoneSaver::finish(Job& job) {
    const ipc::ZoneSaved answer = job.answer;
    jobs_.remove_if([&](const Job& other) { return &other == &job; });
    saved_(owner_, answer);
}

}  // namespace sluice::worker
