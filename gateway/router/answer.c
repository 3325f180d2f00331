#include "router/answer.h"

#include "base/log.h"
#include "base/metrics.h"
#include "message/write.h"

#define GAP_MAX 512    /* bytes of a frame */
#define ERROR_MAX 4096 /* bytes of a frame: a message and a ref, all escaped */

void answer_close_slow(struct session *session)
{
    if (session_state(session) == SESSION_CLOSING)
        return;
    log_repeated(LOG_LEVEL_WARN, "slow_session_closed", LOG_TEXT("user", session_user(session, 0)),
                 LOG_TEXT("session", session_name(session)));
    session_close(session, CLOSE_SLOW);
}

void answer_push(struct session *session, struct buffer *frame)
{
    if (!session_push(session, frame))
        answer_close_slow(session);
}

void answer_push_built(struct session *session, struct builder *frame)
{
    struct buffer *bytes = builder_to_buffer(frame);

    answer_push(session, bytes);
    buffer_unref(bytes);
}

static void log_pair_error(const struct session *session, enum error_code code, struct text message)
{
    log_repeated(LOG_LEVEL_WARN, "bad_frame", LOG_STRING("code", error_code_name(code)),
                 LOG_TEXT("user_a", session_user(session, 0)),
                 LOG_TEXT("user_b", session_other_user(session)), LOG_TEXT("why", message));
}

void answer_gap(struct session *session, struct message_id last, bool reset, struct text epoch)
{
    struct builder frame;

    metrics_add(METRIC_GAPS, 1);
    log_repeated(LOG_LEVEL_WARN, "session_gap", LOG_TEXT("user", session_user(session, 0)),
                 LOG_TEXT("device", session_device(session)), LOG_NUMBER("reset", reset));
    if (session_is_pair(session))
        return;
    builder_init(&frame, GAP_MAX);
    write_gap(&frame, last, reset, epoch);
    answer_push_built(session, &frame);
    builder_clear(&frame);
}

void answer_error(struct session *session, enum error_code code, struct text message, bool has_ref,
                  struct text ref)
{
    struct builder frame;

    metrics_add_labelled(METRIC_ERRORS, code, 1);
    if (session == NULL)
        return;
    if (session_is_pair(session)) {
        log_pair_error(session, code, message);
        return;
    }
    builder_init(&frame, ERROR_MAX);
    write_error(&frame, code, message, has_ref, ref);
    answer_push_built(session, &frame);
    builder_clear(&frame);
}
