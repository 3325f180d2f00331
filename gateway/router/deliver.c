#include "router/deliver.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/metrics.h"
#include "message/published.h"

#define HEAD_ROOM 1024 /* what a frame may have beyond --max-message */

enum published_result { RESULT_MESSAGE, RESULT_SIGNAL, RESULT_FOREIGN, RESULT_DROPPED };
static const char *const published_results[] = {"message", "signal", "foreign", "dropped"};

enum pushed_result { PUSHED_QUEUED, PUSHED_SLOW, PUSHED_SIGNAL_DROPPED };
static const char *const pushed_results[] = {"queued", "slow", "signal_dropped"};

struct deliver {
    struct registry *registry;
    size_t max_frame;
};

/* One frame on its way to the sessions of one user. */
struct delivery {
    struct buffer *frame;
    bool is_message;
    uint64_t ts_ms;
    bool is_copy;
    struct text session; /* which does not get it; empty: all do */
};

struct deliver *deliver_new(struct registry *registry, size_t max_message)
{
    struct deliver *deliver = memory_alloc(sizeof(*deliver));

    deliver->registry = registry;
    deliver->max_frame = max_message + HEAD_ROOM;
    metrics_label_values(METRIC_PUBLISHED, published_results, 4);
    metrics_label_values(METRIC_PUSHED, pushed_results, 3);
    return deliver;
}

void deliver_free(struct deliver *deliver)
{
    free(deliver);
}

static void push(void *arg, struct session *session)
{
    const struct delivery *delivery = arg;

    if (!delivery->is_message && session_is_pair(session))
        return; /* the tutorial's clients know no signals */
    if (session_state(session) == SESSION_OPENING && !session_is_pair(session))
        return; /* what an older subscription brings is from before this session */
    if (delivery->is_copy && session_is_pair(session))
        return; /* the tutorial's clients know no copies */
    if (text_equal(delivery->session, session_name(session)))
        return; /* it did itself what the others are told */
    if (session_push(session, delivery->frame, delivery->ts_ms)) {
        metrics_add_labelled(METRIC_PUSHED, PUSHED_QUEUED, 1);
    } else if (!delivery->is_message) {
        metrics_add_labelled(METRIC_PUSHED, PUSHED_SIGNAL_DROPPED, 1);
    } else {
        metrics_add_labelled(METRIC_PUSHED, PUSHED_SLOW, 1);
        log_repeated(LOG_LEVEL_WARN, "session_slow", LOG_TEXT("user", session_user(session, 0)),
                     LOG_TEXT("session", session_name(session)));
        session_close(session, CLOSE_SLOW);
    }
}

/* Whether somebody else's bytes may go to a client, and as what. */
static bool accept_foreign(const struct deliver *deliver, struct text user, struct text bytes,
                           struct delivery *delivery)
{
    const char *refusal = bytes.len > deliver->max_frame
                              ? "longer than --max-message and 1 KiB"
                              : parse_foreign(bytes, &delivery->is_message);

    if (refusal == NULL) {
        metrics_add_labelled(METRIC_PUBLISHED, RESULT_FOREIGN, 1);
        return true;
    }
    metrics_add_labelled(METRIC_PUBLISHED, RESULT_DROPPED, 1);
    log_repeated(LOG_LEVEL_WARN, "published_dropped", LOG_TEXT("user", user),
                 LOG_STRING("why", refusal), LOG_NUMBER("bytes", bytes.len));
    return false;
}

void deliver_published(struct deliver *deliver, struct text user, struct text bytes)
{
    struct published published = parse_published(bytes);
    struct delivery delivery = {.is_message = published.kind == PUBLISHED_MESSAGE,
                                .ts_ms = published.id.ms,
                                .is_copy = published.is_copy,
                                .session = published.session};

    if (published.kind == PUBLISHED_FOREIGN) {
        if (!accept_foreign(deliver, user, bytes, &delivery))
            return;
    } else {
        metrics_add_labelled(METRIC_PUBLISHED, delivery.is_message ? RESULT_MESSAGE : RESULT_SIGNAL,
                             1);
    }
    delivery.frame = buffer_new(bytes.at, bytes.len);
    registry_each_of_user(deliver->registry, user, push, &delivery);
    buffer_unref(delivery.frame);
}
