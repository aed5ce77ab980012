// SPDX-License-Identifier: BSD-2-Clause
// Master: files of data that are looked at between reloads, because their directive says so. A new
// one goes to every worker of the current configuration; one that cannot be used changes nothing.
// Runs in: master.
#include <algorithm>
#include <array>

#include "conf/data_file.h"
#include "log/log.h"
#include "master/master.h"

namespace sluice::master {

void Master::send_data_files(Child& worker, const conf::Generation& generation) {
    for (const DataFileMessage& file : data_files_.messages(generation)) {
        const std::array<int, 1> fds = {file.fd};
        supervisor_->send(worker, file.message, fds);
    }
}

void Master::arm_data_timer() {
    Millis shortest{0};
    for (const std::unique_ptr<conf::DataFile>& file : conf::data_files(*current_.generation)) {
        if (file->check_every.count() > 0) {
            shortest = shortest.count() == 0 ? file->check_every
                                             : std::min(shortest, file->check_every);
            looked_at_.try_emplace(file->path, loop_->now());
        }
    }
    event::TimerWheel::disarm(data_timer_);
    if (shortest.count() > 0) {
        loop_->arm(data_timer_, shortest);
    }
}

void Master::look_at_data_files() {
    const auto files = conf::data_files(*current_.generation);
    for (std::size_t i = 0; i < files.size(); ++i) {
        const conf::DataFile& file = *files[i];
        const Millis since = loop_->now() - looked_at_[file.path];
        if (file.check_every.count() == 0 || since < file.check_every) {
            continue;
        }
        looked_at_[file.path] = loop_->now();
        // A reload that runs takes the file as it is anyhow.
        if (reload_.state() == Reload::State::Idle && data_files_.has_changed(file)) {
            renew_data_file(i);
        }
    }
    arm_data_timer();
}

void Master::renew_data_file(std::size_t index) {
    conf::DataFile& file = *conf::data_files(*current_.generation)[index];
    if (const auto taken = data_files_.take(file); !taken) {
        log::write(log::Level::Error, "the data of before is kept: {}", taken.error());
        return;
    }
    data_files_.keep_only(*current_.generation);
    log::write(log::Level::Notice, "\"{}\" has changed: the workers take the new one", file.path);
    const DataFileMessage renewed = data_files_.message(*current_.generation, index);
    const std::array<int, 1> fds = {renewed.fd};
    supervisor_->each(ChildKind::Worker, [&](Child& worker) {
        supervisor_->send(worker, renewed.message, fds);
    });
}

}  // namespace sluice::master
