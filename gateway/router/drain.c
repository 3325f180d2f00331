#include "router/drain.h"

#include <assert.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "message/write.h"

#define RECONNECT_MAX 128 /* bytes of a frame */

struct drain {
    struct drain_settings settings;
    struct loop *loop;
    struct timer *timer; /* to the next slot, or to the end of the grace */
    int64_t start_ms;
    uint64_t *sessions; /* their numbers, in the order of the slots; NULL before the start */
    size_t count;
    size_t next; /* the first whose slot has not come */
};

/* From the start on. The last session's slot is at the end of the drain time, and the first one too
 * has some notice. */
static int64_t slot_ms(const struct drain *drain, size_t nth)
{
    return drain->settings.drain_ms * (int64_t)(nth + 1) / (int64_t)drain->count;
}

static void assign_slot(void *arg, struct session *session)
{
    struct drain *drain = arg;

    if (session_state(session) != SESSION_CLOSING)
        drain->sessions[drain->count++] = session_number(session);
}

/* Advice: for who has no room for it, the close frame will do. Nothing comes before a welcome. */
static void tell_slot(struct drain *drain, size_t nth)
{
    struct session *session = registry_find(drain->settings.registry, drain->sessions[nth]);
    struct builder frame;
    struct buffer *bytes;
    bool told;

    if (session_is_pair(session) || session_state(session) != SESSION_LIVE)
        return;
    builder_init(&frame, RECONNECT_MAX);
    write_reconnect(&frame, slot_ms(drain, nth));
    bytes = builder_to_buffer(&frame);
    told = session_push(session, bytes);
    (void)told;
    buffer_unref(bytes);
    builder_clear(&frame);
}

static void leave(struct drain *drain, uint64_t number)
{
    struct session *session = registry_find(drain->settings.registry, number);

    if (session == NULL)
        return;
    router_release(drain->settings.router, session); /* who has no welcome yet is answered too */
    session_leave(session);
}

static void close_due(void *arg)
{
    struct drain *drain = arg;
    int64_t now_ms = loop_now_ms(drain->loop) - drain->start_ms;

    if (drain->next == drain->count) {
        drain->settings.over(drain->settings.arg);
        return;
    }
    while (drain->next < drain->count && slot_ms(drain, drain->next) <= now_ms)
        leave(drain, drain->sessions[drain->next++]);
    timer_start(drain->timer, drain->next < drain->count ? slot_ms(drain, drain->next) - now_ms
                                                         : drain->settings.grace_ms);
}

struct drain *drain_new(struct loop *loop, const struct drain_settings *settings)
{
    struct drain *drain = memory_alloc(sizeof(*drain));

    drain->settings = *settings;
    drain->loop = loop;
    drain->timer = timer_new(loop, close_due, drain);
    return drain;
}

void drain_free(struct drain *drain)
{
    if (drain == NULL)
        return;
    timer_free(drain->timer);
    free(drain->sessions);
    free(drain);
}

void drain_start(struct drain *drain)
{
    struct registry *registry = drain->settings.registry;

    assert(drain->sessions == NULL);
    drain->start_ms = loop_now_ms(drain->loop);
    drain->sessions = memory_alloc(registry_size(registry) * sizeof(*drain->sessions));
    registry_each(registry, assign_slot, drain);
    for (size_t i = 0; drain->settings.drain_ms > 0 && i < drain->count; i++)
        tell_slot(drain, i);
    if (drain->count > 0)
        close_due(drain);
    else
        timer_start(drain->timer, drain->settings.grace_ms); /* some are closing already */
}
