#include "session/pauses.h"

#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/metrics.h"
#include "session/internal.h"

/* A pause that ends before is how a busy gateway breathes, and only counted. */
#define LOG_AFTER_MS 1000

struct pauses {
    struct keepalive *keepalive;
    struct loop *loop;
    struct session_list wanted; /* to be paused at the end of the turn */
    struct session_list paused;
    struct deferred begin;
    size_t count; /* of the paused */
    int64_t since_ms;
    struct timer *log_timer;
    bool logged;
};

static void log_pause(void *arg)
{
    struct pauses *pauses = arg;

    pauses->logged = true;
    log_warn("reading_paused", LOG_NUMBER("sessions", pauses->count));
}

static void move(struct session *session, struct session_list *list)
{
    if (session->pause != NULL)
        TAILQ_REMOVE(session->pause, session, pause_link);
    session->pause = list;
    if (list != NULL)
        TAILQ_INSERT_TAIL(list, session, pause_link);
}

static void begin(void *arg)
{
    struct pauses *pauses = arg;
    struct session *session;

    if (pauses->count == 0 && !TAILQ_EMPTY(&pauses->wanted)) {
        pauses->since_ms = loop_now_ms(pauses->loop);
        timer_start(pauses->log_timer, LOG_AFTER_MS);
    }
    while ((session = TAILQ_FIRST(&pauses->wanted)) != NULL) {
        move(session, &pauses->paused);
        pauses->count++;
        metrics_add(METRIC_READING_PAUSED, 1);
        metrics_add(METRIC_READING_PAUSES, 1);
        keepalive_remove(&session->keepalive);
        session->transport->read(session->connection, false);
        if (session->output.count > 0)
            session->transport->wake(session->connection); /* its pongs are not awaited now */
    }
}

struct pauses *pauses_new(struct loop *loop, struct keepalive *keepalive)
{
    struct pauses *pauses = memory_alloc(sizeof(*pauses));

    pauses->loop = loop;
    pauses->keepalive = keepalive;
    TAILQ_INIT(&pauses->wanted);
    TAILQ_INIT(&pauses->paused);
    deferred_init(&pauses->begin, begin, pauses);
    pauses->log_timer = timer_new(loop, log_pause, pauses);
    return pauses;
}

void pauses_free(struct pauses *pauses)
{
    if (pauses == NULL)
        return;
    assert(TAILQ_EMPTY(&pauses->wanted) && TAILQ_EMPTY(&pauses->paused));
    loop_cancel(pauses->loop, &pauses->begin);
    timer_free(pauses->log_timer);
    free(pauses);
}

void pauses_add(struct pauses *pauses, struct session *session)
{
    if (session->pause != NULL)
        return;
    move(session, &pauses->wanted);
    loop_defer(pauses->loop, &pauses->begin);
}

static void log_end(struct pauses *pauses)
{
    timer_stop(pauses->log_timer);
    if (pauses->logged)
        log_info("reading_resumed",
                 LOG_NUMBER("after_ms", loop_now_ms(pauses->loop) - pauses->since_ms));
    pauses->logged = false;
}

void pauses_remove(struct pauses *pauses, struct session *session)
{
    bool was_paused = session->pause == &pauses->paused;

    move(session, NULL);
    if (!was_paused)
        return;
    metrics_add(METRIC_READING_PAUSED, -1);
    if (session->connection != NULL)
        session->transport->read(session->connection, true);
    if (--pauses->count == 0)
        log_end(pauses);
}

void pauses_end(struct pauses *pauses)
{
    struct session *session;

    while ((session = TAILQ_FIRST(&pauses->wanted)) != NULL)
        pauses_remove(pauses, session);
    while ((session = TAILQ_FIRST(&pauses->paused)) != NULL) {
        pauses_remove(pauses, session);
        keepalive_heard(pauses->keepalive, &session->keepalive);
    }
}
