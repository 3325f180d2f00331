/* base/delay.h: many things that are due after one and the same delay.
 *
 * So a queue in the order of adding is one in the order of deadlines, and one timer is enough. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/loop.h"

struct delay;

/* Embedded in its owner; all zero to begin with. */
struct delay_link {
    TAILQ_ENTRY(delay_link) link;
    bool queued;
    int64_t due_ms;
};

typedef void delay_cb(void *arg, struct delay_link *link);

/* `due` is called for each link, once, which is in no queue then. Never NULL. */
struct delay *delay_new(struct loop *loop, int64_t delay_ms, delay_cb *due, void *arg);
void delay_free(struct delay *delay); /* when no link is in it; NULL is allowed */

void delay_add(struct delay *delay, struct delay_link *link);    /* nothing when it is queued */
void delay_remove(struct delay *delay, struct delay_link *link); /* also when it is not */
