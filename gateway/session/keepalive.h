/* session/keepalive.h: who was silent for so long that it gets a ping, and who did not answer.
 *
 * All sessions wait for the same two times, so two queues in order of their deadlines are enough:
 * hearing from a session moves it to the end of the first. One timer, for the oldest of both. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"

struct keepalive;

/* Embedded in a session; in no queue while `queue` is NULL. */
struct keepalive_link {
    struct keepalive_link *previous;
    struct keepalive_link *next;
    struct keepalive_queue *queue;
    int64_t due_ms;
};

typedef void keepalive_cb(struct keepalive_link *link);

/* ping_ms: silence after which `ping` is called; 0: never. pong_timeout_ms: silence after that, at
 * which `dead` is called, once. Both callbacks may remove the link they are given. */
struct keepalive *keepalive_new(struct loop *loop, int64_t ping_ms, int64_t pong_timeout_ms,
                                keepalive_cb *ping, keepalive_cb *dead);
void keepalive_free(struct keepalive *keepalive); /* when no link is in it; NULL is allowed */

/* Bytes arrived from this session (or it has just been opened). */
void keepalive_heard(struct keepalive *keepalive, struct keepalive_link *link);
bool keepalive_is_on(const struct keepalive *keepalive); /* with a ping_ms */
/* Pings from before this time, as loop_now_ms(), should have been answered. */
int64_t keepalive_overdue_ms(const struct keepalive *keepalive);
void keepalive_remove(struct keepalive_link *link); /* also when it is in no queue */
