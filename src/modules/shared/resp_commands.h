// SPDX-License-Identifier: BSD-2-Clause
// The functions of the RESP commands, for the table.
// Runs in: worker.
#pragma once

#include "modules/shared/resp_command.h"

namespace sluice::modules::resp_run {

// resp_strings.cpp
void append(Call& call);
void get(Call& call);
void getdel(Call& call);
void getex(Call& call);
void getset(Call& call);
void mget(Call& call);
void mset(Call& call);
void psetex(Call& call);
void set(Call& call);
void setex(Call& call);
void setnx(Call& call);
void strlen(Call& call);

// resp_numbers.cpp
void decr(Call& call);
void decrby(Call& call);
void incr(Call& call);
void incrby(Call& call);

// resp_keys.cpp
void dbsize(Call& call);
void del(Call& call);
void exists(Call& call);
void expire(Call& call);
void expireat(Call& call);
void expiretime(Call& call);
void flush(Call& call);
void keys(Call& call);
void persist(Call& call);
void pexpire(Call& call);
void pexpireat(Call& call);
void pexpiretime(Call& call);
void pttl(Call& call);
void scan(Call& call);
void ttl(Call& call);
void type(Call& call);

// resp_server.cpp
void auth(Call& call);
void client(Call& call);
void command(Call& call);
void config(Call& call);
void echo(Call& call);
void hello(Call& call);
void info(Call& call);
void ping(Call& call);
void quit(Call& call);
void reset(Call& call);
void select(Call& call);
void time(Call& call);

}  // namespace sluice::modules::resp_run
