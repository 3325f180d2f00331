#include "router/deliver.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/metrics.h"
#include "message/published.h"

#define HEAD_ROOM 1024 /* what a frame may have beyond --max-message */

enum published_result { RESULT_MESSAGE, RESULT_SIGNAL, RESULT_FOREIGN, RESULT_DROPPED };
static const char *const published_results[] = {"message", "signal", "foreign", "dropped"};

struct deliver {
    struct registry *registry;
    struct feed *feed;
    size_t max_frame;
};

/* One frame on its way to the sessions of one user. */
struct delivery {
    struct feed *feed;
    struct text user;
    struct buffer *frame;
    bool is_message;
    struct published published;
};

struct deliver *deliver_new(struct registry *registry, struct feed *feed, size_t max_message)
{
    struct deliver *deliver = memory_alloc(sizeof(*deliver));

    deliver->registry = registry;
    deliver->feed = feed;
    deliver->max_frame = max_message + HEAD_ROOM;
    metrics_label_values(METRIC_PUBLISHED, published_results, 4);
    return deliver;
}

void deliver_free(struct deliver *deliver)
{
    free(deliver);
}

/* The tutorial's clients know no signals; and one may be for the other sessions only. */
static bool is_signal_for(const struct session *session, const struct delivery *delivery)
{
    return !session_is_pair(session) &&
           !text_equal(delivery->published.session, session_name(session));
}

/* What an older subscription brings is from before an OPENING session. */
static void push_signal(struct session *session, struct buffer *frame)
{
    if (session_state(session) != SESSION_LIVE || !session_push_signal(session, frame))
        metrics_add(METRIC_SIGNALS_DROPPED, 1);
}

static void push(void *arg, struct session *session)
{
    const struct delivery *delivery = arg;

    if (delivery->is_message)
        feed_push(delivery->feed, session, !text_equal(session_user(session, 0), delivery->user),
                  delivery->frame, &delivery->published);
    else if (is_signal_for(session, delivery))
        push_signal(session, delivery->frame);
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
    struct delivery delivery = {
        .feed = deliver->feed, .user = user, .published = parse_published(bytes)};

    delivery.is_message = delivery.published.kind == PUBLISHED_MESSAGE;
    if (delivery.published.kind == PUBLISHED_FOREIGN) {
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
