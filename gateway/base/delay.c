#include "base/delay.h"

#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"

TAILQ_HEAD(delay_list, delay_link);

struct delay {
    struct loop *loop;
    struct timer *timer; /* to the first's deadline, or an earlier one */
    struct delay_list links;
    int64_t delay_ms;
    delay_cb *due;
    void *arg;
};

static void run(void *arg)
{
    struct delay *delay = arg;
    int64_t now_ms = loop_now_ms(delay->loop);
    struct delay_link *link;

    while ((link = TAILQ_FIRST(&delay->links)) != NULL && link->due_ms <= now_ms) {
        delay_remove(delay, link);
        delay->due(delay->arg, link);
    }
    if (link != NULL)
        timer_start(delay->timer, link->due_ms - now_ms);
}

struct delay *delay_new(struct loop *loop, int64_t delay_ms, delay_cb *due, void *arg)
{
    struct delay *delay = memory_alloc(sizeof(*delay));

    delay->loop = loop;
    delay->timer = timer_new(loop, run, delay);
    TAILQ_INIT(&delay->links);
    delay->delay_ms = delay_ms;
    delay->due = due;
    delay->arg = arg;
    return delay;
}

void delay_free(struct delay *delay)
{
    if (delay == NULL)
        return;
    assert(TAILQ_EMPTY(&delay->links));
    timer_free(delay->timer);
    free(delay);
}

void delay_add(struct delay *delay, struct delay_link *link)
{
    if (link->queued)
        return;
    link->queued = true;
    link->due_ms = loop_now_ms(delay->loop) + delay->delay_ms;
    TAILQ_INSERT_TAIL(&delay->links, link, link);
    if (!timer_is_running(delay->timer))
        timer_start(delay->timer, delay->delay_ms);
}

void delay_remove(struct delay *delay, struct delay_link *link)
{
    if (!link->queued)
        return;
    link->queued = false;
    TAILQ_REMOVE(&delay->links, link, link);
}
