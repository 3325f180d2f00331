#include "session/session.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/loop.h"
#include "base/metrics.h"
#include "session/internal.h"
#include "session/registry.h"

uint64_t session_number(const struct session *session)
{
    return session->number;
}

enum session_state session_state(const struct session *session)
{
    return session->state;
}

bool session_is_pair(const struct session *session)
{
    return session->pair;
}

size_t session_user_count(const struct session *session)
{
    return session->user_count;
}

struct text session_user(const struct session *session, size_t index)
{
    assert(index < session->user_count);
    return session->users[index];
}

struct text session_other_user(const struct session *session)
{
    return session->users[session->user_count - 1];
}

bool session_has_user(const struct session *session, struct text user)
{
    for (size_t i = 0; i < session->user_count; i++)
        if (text_equal(session->users[i], user))
            return true;
    return false;
}

struct text session_device(const struct session *session)
{
    return session->device;
}

struct text session_name(const struct session *session)
{
    return text_of(session->name);
}

struct output *session_output(struct session *session)
{
    return &session->output;
}

struct output *session_held(struct session *session)
{
    return &session->held;
}

struct keepalive_link *session_keepalive(struct session *session)
{
    return &session->keepalive;
}

struct session *session_of_keepalive(struct keepalive_link *link)
{
    return (struct session *)(void *)((char *)link - offsetof(struct session, keepalive));
}

void session_set_live(struct session *session)
{
    assert(session->state == SESSION_OPENING);
    session->state = SESSION_LIVE;
}

bool session_push(struct session *session, struct buffer *frame, uint64_t ts_ms)
{
    if (session->state == SESSION_CLOSING || !output_push(&session->output, frame, ts_ms))
        return false;
    metrics_add(METRIC_OUTPUT_BYTES, (int64_t)buffer_text(frame).len);
    session->transport->wake(session->connection);
    return true;
}

void session_pause(struct session *session)
{
    if (session->state != SESSION_CLOSING)
        registry_pause(session->registry, session);
}

static void drop_output(struct session *session)
{
    metrics_add(METRIC_OUTPUT_BYTES, -(int64_t)session->output.bytes);
    output_clear(&session->output);
}

void session_close(struct session *session, enum close_code code)
{
    if (session->state == SESSION_CLOSING)
        return;
    session->state = SESSION_CLOSING;
    session->close_code = code;
    if (code == CLOSE_SLOW)
        drop_output(session);
    registry_detach(session->registry, session);
    session->transport->close(session->connection, code);
}

enum close_code session_close_code(const struct session *session)
{
    assert(session->state == SESSION_CLOSING);
    return session->close_code;
}

void session_ask(struct session *session)
{
    session->unanswered++;
}

void session_answered(struct session *session)
{
    assert(session->unanswered > 0);
    session->unanswered--;
    if (session->leaving && session->unanswered == 0)
        session_close(session, CLOSE_GOING_AWAY);
}

void session_leave(struct session *session)
{
    session->leaving = true;
    if (session->unanswered == 0)
        session_close(session, CLOSE_GOING_AWAY);
}

bool session_is_leaving(const struct session *session)
{
    return session->leaving;
}

void session_gone(struct session *session)
{
    session->state = SESSION_CLOSING;
    session->connection = NULL;
    registry_detach(session->registry, session);
    registry_remove(session->registry, session);
}

void session_want_ping(struct session *session)
{
    session->wants_ping = true;
    session->transport->wake(session->connection);
}

bool session_take_ping(struct session *session)
{
    bool wanted = session->wants_ping;

    session->wants_ping = false;
    return wanted;
}

void session_free(struct session *session)
{
    drop_output(session);
    output_clear(&session->held);
    free(session->identity);
    free(session);
}
