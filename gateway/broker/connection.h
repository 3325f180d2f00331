/* broker/connection.h: one connection to Redis, made again for ever.
 *
 *     DOWN -> CONNECTING -> GREETING -> USABLE      and from each back to DOWN
 *
 * A bufferevent carries the bytes, hiredis formats and parses them (RESP2). What is commanded in
 * one turn of the loop is gathered in the bufferevent's output and leaves with one writev(2) in the
 * next. The greeting is AUTH, SELECT, PING, and what the owner adds; only when all of it was
 * answered does the connection take other commands.
 *
 * Commands are answered in order. One that is not answered in time is told so to its owner, but
 * keeps its place in the queue, to swallow the late reply: a slow Redis is no reason to connect
 * anew. One that keeps Redis busy for CONNECTION_STALL_FACTOR times as long is.
 *
 * No function calls back before it returns. In a callback everything is allowed but to free. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/loop.h"
#include "base/text.h"
#include "broker/pending.h"

struct connection;
struct redisReply;

#define CONNECTION_STALL_FACTOR 3

struct connection_settings {
    const char *name;    /* for the log: which of the gateway's connections */
    size_t metric_value; /* the same, as a value of METRIC_REDIS_RECONNECTS' label */
    const struct redis_address *address;
    int64_t timeout_ms;
    struct broker_bounds bounds;

    void (*greet)(void *arg); /* to add commands to the greeting; may be NULL */
    void (*usable)(void *arg);
    void (*lost)(void *arg);     /* was usable; the callbacks of what was pending come after it */
    void (*relieved)(void *arg); /* not congested any more; NULL when it never is */
    /* Everything that arrives after the greeting; NULL on a connection of commands. `reply` lives
     * until it returns. */
    void (*pushed)(void *arg, const struct redisReply *reply);
    void *arg;
};

/* `settings` is copied; what it points to outlives the connection. Never NULL. */
struct connection *connection_new(struct loop *loop, const struct connection_settings *settings);
void connection_start(struct connection *connection);
void connection_free(struct connection *connection); /* closes first; NULL is allowed */

/* Takes no more commands. Calls `done` once, when everything is written and answered, or the
 * connection is lost. */
void connection_drain(struct connection *connection, loop_cb *done, void *arg);
/* Closes for good; what is pending gets its callbacks now, as BROKER_NOT_SENT or _UNANSWERED. */
void connection_close(struct connection *connection);
/* Closes because of `reason` (copied, logged), and connects again. */
void connection_reset(struct connection *connection, const char *reason);

/* Sends a command made by command_format() (copied); `done` is called once. */
void connection_send(struct connection *connection, struct text command, pending_cb *done,
                     void *arg);
/* Both in one. */
void connection_command(struct connection *connection, const struct text *args, size_t count,
                        pending_cb *done, void *arg);
/* Sends a command whose answers are pushed; only while usable. */
void connection_push_command(struct connection *connection, const struct text *args, size_t count);

/* From broker_bounds' congestion until half of it; never while the connection is not usable. */
bool connection_is_congested(const struct connection *connection);

/* Hands to the kernel what was gathered, now, as far as it takes it; the rest goes as usual. */
void connection_flush(struct connection *connection);
