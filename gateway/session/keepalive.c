#include "session/keepalive.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

struct keepalive_queue {
    struct keepalive_link *first;
    struct keepalive_link *last;
};

struct keepalive {
    struct loop *loop;
    struct timer *timer;
    int64_t ping_ms;
    int64_t pong_timeout_ms;
    int64_t armed_ms; /* what the timer runs for, while it does */
    keepalive_cb *ping;
    keepalive_cb *dead;
    struct keepalive_queue silent; /* due when a ping is to be sent */
    struct keepalive_queue pinged; /* due when the answer is overdue */
    bool sockets_read;             /* since the timer was due */
};

static void append(struct keepalive_queue *queue, struct keepalive_link *link, int64_t due_ms)
{
    link->queue = queue;
    link->due_ms = due_ms;
    link->next = NULL;
    link->previous = queue->last;
    if (queue->last != NULL)
        queue->last->next = link;
    else
        queue->first = link;
    queue->last = link;
}

void keepalive_remove(struct keepalive_link *link)
{
    struct keepalive_queue *queue = link->queue;

    if (queue == NULL)
        return;
    if (link->previous != NULL)
        link->previous->next = link->next;
    else
        queue->first = link->next;
    if (link->next != NULL)
        link->next->previous = link->previous;
    else
        queue->last = link->previous;
    link->queue = NULL;
}

static void arm(struct keepalive *keepalive)
{
    const struct keepalive_link *silent = keepalive->silent.first;
    const struct keepalive_link *pinged = keepalive->pinged.first;
    const struct keepalive_link *oldest = silent;
    int64_t delay_ms;

    if (oldest == NULL || (pinged != NULL && pinged->due_ms < oldest->due_ms))
        oldest = pinged;
    if (oldest == NULL)
        return;
    keepalive->armed_ms = oldest->due_ms;
    delay_ms = oldest->due_ms - loop_now_ms(keepalive->loop);
    timer_start(keepalive->timer, delay_ms > 0 ? delay_ms : 0);
}

static void run(void *arg)
{
    struct keepalive *keepalive = arg;
    int64_t now_ms = loop_now_ms(keepalive->loop);
    struct keepalive_link *link;

    /* When this process was stopped or busy, the answers are waiting in the sockets, which the
     * rest of this turn reads: who is silent is judged in the next one. */
    keepalive->sockets_read = !keepalive->sockets_read;
    if (keepalive->sockets_read) {
        timer_start(keepalive->timer, 0);
        return;
    }
    while ((link = keepalive->pinged.first) != NULL && link->due_ms <= now_ms) {
        keepalive_remove(link);
        keepalive->dead(link);
    }
    while ((link = keepalive->silent.first) != NULL && link->due_ms <= now_ms) {
        keepalive_remove(link);
        append(&keepalive->pinged, link, now_ms + keepalive->pong_timeout_ms);
        keepalive->ping(link);
    }
    arm(keepalive);
}

struct keepalive *keepalive_new(struct loop *loop, int64_t ping_ms, int64_t pong_timeout_ms,
                                keepalive_cb *ping, keepalive_cb *dead)
{
    struct keepalive *keepalive = memory_alloc(sizeof(*keepalive));

    keepalive->loop = loop;
    keepalive->timer = timer_new(loop, run, keepalive);
    keepalive->ping_ms = ping_ms;
    keepalive->pong_timeout_ms = pong_timeout_ms;
    keepalive->ping = ping;
    keepalive->dead = dead;
    return keepalive;
}

void keepalive_free(struct keepalive *keepalive)
{
    if (keepalive == NULL)
        return;
    assert(keepalive->silent.first == NULL && keepalive->pinged.first == NULL);
    timer_free(keepalive->timer);
    free(keepalive);
}

void keepalive_heard(struct keepalive *keepalive, struct keepalive_link *link)
{
    if (!keepalive_is_on(keepalive))
        return;
    keepalive_remove(link);
    append(&keepalive->silent, link, loop_now_ms(keepalive->loop) + keepalive->ping_ms);
    /* With a time for pongs above that between pings, the timer may run for an overdue pong. */
    if (!timer_is_running(keepalive->timer) || link->due_ms < keepalive->armed_ms)
        arm(keepalive);
}

bool keepalive_is_on(const struct keepalive *keepalive)
{
    return keepalive->ping_ms > 0;
}

int64_t keepalive_overdue_ms(const struct keepalive *keepalive)
{
    return loop_now_ms(keepalive->loop) - keepalive->pong_timeout_ms;
}
