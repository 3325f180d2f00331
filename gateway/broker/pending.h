/* broker/pending.h: the commands of one connection that have no answer, in their order.
 *
 * Redis answers in order, so this is a queue; all have the same time-out, so they fall due in that
 * order too. A command that fell due stays, without its callback, to swallow the late reply:
 *
 *     first: overdue  overdue  |  waiting: ...  ...
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/broker.h"

struct redisReply;

/* `reply` lives until the callback returns; it is NULL unless `outcome` is BROKER_ANSWERED (then it
 * has any type but an error) or BROKER_REFUSED (an error). */
typedef void pending_cb(void *arg, enum broker_outcome outcome, const struct redisReply *reply);

struct pending;

struct pending_queue {
    struct pending *first; /* the oldest */
    struct pending **end;  /* where the next one goes */
    struct pending *waiting;
    size_t count;
    uint64_t added_end;   /* of the newest that was added */
    uint64_t removed_end; /* of the newest that was removed */
};

void pending_init(struct pending_queue *queue);

/* Of all commands in the queue together; as of the stream's beginning before the first one left. */
size_t pending_bytes(const struct pending_queue *queue);

/* `end`: the offset in the connection's stream behind the command's last byte. `done` is called
 * once, by one of the functions below; it may add commands and call any of these functions. */
void pending_add(struct pending_queue *queue, uint64_t end, int64_t now_ms, pending_cb *done,
                 void *arg);

/* Gives the reply to the oldest command and removes it. False when there is none. */
MUST_USE bool pending_answer(struct pending_queue *queue, const struct redisReply *reply);

/* Tells BROKER_UNANSWERED to the commands that were added at `until_ms` or before. */
void pending_expire(struct pending_queue *queue, int64_t until_ms);

/* Removes all. Those that end at `handed_over` or before may have run: BROKER_UNANSWERED. Redis
 * runs no command that it has not read completely, so the others are BROKER_NOT_SENT. */
void pending_abandon(struct pending_queue *queue, uint64_t handed_over);

/* When the oldest was added, and the oldest that is not overdue. INT64_MAX: there is none. */
int64_t pending_first_ms(const struct pending_queue *queue);
int64_t pending_waiting_ms(const struct pending_queue *queue);
