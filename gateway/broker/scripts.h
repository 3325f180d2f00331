/* broker/scripts.h: the Lua scripts, and running them by their SHA1 (EVALSHA).
 *
 * Every connection of commands begins with SCRIPT LOAD for each. A script that is gone after all
 * (SCRIPT FLUSH) is loaded again, and the call that noticed it sent again, once. */
#pragma once

#include <stddef.h>

#include "broker/connection.h"

enum script_name {
    SCRIPT_ACCEPT,
    SCRIPT_CURSOR,
    SCRIPT_ENLIST,
    SCRIPT_HISTORY,
    SCRIPT_LIVE,
    SCRIPT_PAGE,
    SCRIPT_PRESENCE,
    SCRIPT_READ,
    SCRIPT_REAP,
    SCRIPT_RENEW,
    SCRIPT_COUNT
};

#define SCRIPT_MAX_ARGS 68 /* keys and arguments of one call */

struct scripts;

struct scripts *scripts_new(void);          /* never NULL */
void scripts_free(struct scripts *scripts); /* after the connection; NULL is allowed */

/* Before the connection is started; it outlives every call, not the scripts. */
void scripts_set_connection(struct scripts *scripts, struct connection *connection);

/* Adds SCRIPT LOAD to the connection's greeting. */
void scripts_load_all(struct scripts *scripts);

/* Runs a script with `key_count` keys and the arguments behind them; all are copied. `done` is
 * called once. A refusal is logged here. */
void scripts_run(struct scripts *scripts, enum script_name name, const struct text *keys_and_args,
                 size_t key_count, size_t count, pending_cb *done, void *arg);
