#include "broker/pending.h"

#include <stdlib.h>

#include <hiredis/hiredis.h>

#include "base/loop.h"
#include "base/metrics.h"

struct pending {
    struct pending *next;
    pending_cb *done; /* NULL when overdue */
    void *arg;
    uint64_t end;
    int64_t since_ms;
    int64_t since_us;
};

void pending_init(struct pending_queue *queue)
{
    *queue = (struct pending_queue){.end = &queue->first};
}

size_t pending_bytes(const struct pending_queue *queue)
{
    return queue->added_end - queue->removed_end;
}

void pending_add(struct pending_queue *queue, uint64_t end, int64_t now_ms, pending_cb *done,
                 void *arg)
{
    struct pending *pending = memory_alloc(sizeof(*pending));
    pending->done = done;
    pending->arg = arg;
    pending->end = end;
    pending->since_ms = now_ms;
    pending->since_us = loop_clock_us();

    *queue->end = pending;
    queue->end = &pending->next;
    if (queue->waiting == NULL)
        queue->waiting = pending;
    queue->count++;
    queue->added_end = end;
    metrics_add(METRIC_REDIS_PENDING, 1);
}

static struct pending *shift(struct pending_queue *queue)
{
    struct pending *pending = queue->first;
    if (pending == NULL)
        return NULL;
    queue->first = pending->next;
    if (queue->first == NULL)
        queue->end = &queue->first;
    if (queue->waiting == pending)
        queue->waiting = pending->next;
    queue->count--;
    queue->removed_end = pending->end;
    metrics_add(METRIC_REDIS_PENDING, -1);
    return pending;
}

bool pending_answer(struct pending_queue *queue, const struct redisReply *reply)
{
    struct pending *pending = shift(queue);
    if (pending == NULL)
        return false;

    struct pending answered = *pending;
    free(pending);
    metrics_observe_us(METRIC_REDIS_SECONDS, loop_clock_us() - answered.since_us);
    bool refused = reply->type == REDIS_REPLY_ERROR;
    if (refused)
        metrics_add(METRIC_REDIS_ERRORS, 1);
    if (answered.done != NULL)
        answered.done(answered.arg, refused ? BROKER_REFUSED : BROKER_ANSWERED, reply);
    return true;
}

void pending_expire(struct pending_queue *queue, int64_t until_ms)
{
    /* The queue is looked at again each time: a callback may abandon it. */
    while (queue->waiting != NULL && queue->waiting->since_ms <= until_ms) {
        struct pending *pending = queue->waiting;
        pending_cb *done = pending->done;
        pending->done = NULL;
        queue->waiting = pending->next;
        done(pending->arg, BROKER_UNANSWERED, NULL);
    }
}

void pending_abandon(struct pending_queue *queue, uint64_t handed_over)
{
    /* Moved out first: what a callback adds is not abandoned. (`end` is not used in the copy.) */
    struct pending_queue abandoned = *queue;
    struct pending *pending;

    pending_init(queue);
    while ((pending = shift(&abandoned)) != NULL) {
        if (pending->done != NULL)
            pending->done(pending->arg,
                          pending->end <= handed_over ? BROKER_UNANSWERED : BROKER_NOT_SENT, NULL);
        free(pending);
    }
}

int64_t pending_first_ms(const struct pending_queue *queue)
{
    return queue->first != NULL ? queue->first->since_ms : INT64_MAX;
}

int64_t pending_waiting_ms(const struct pending_queue *queue)
{
    return queue->waiting != NULL ? queue->waiting->since_ms : INT64_MAX;
}
