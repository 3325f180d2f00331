#include "session/session.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/loop.h"
#include "base/metrics.h"
#include "session/internal.h"
#include "session/ledger.h"
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

struct session *session_of_keepalive(struct keepalive_link *link)
{
    return (struct session *)(void *)((char *)link - offsetof(struct session, keepalive));
}

bool session_acks(const struct session *session)
{
    return !session->receipt.is_kept;
}

struct feed_state *session_feed(struct session *session)
{
    return &session->feed;
}

struct session *session_of_feed(struct feed_state *feed)
{
    return (struct session *)(void *)((char *)feed - offsetof(struct session, feed));
}

void session_use_window(struct session *session)
{
    session->window.is_used = keepalive_is_on(registry_keepalive(session->registry));
}

void session_set_live(struct session *session)
{
    assert(session->state == SESSION_OPENING);
    session->state = SESSION_LIVE;
}

/* What messages and signals may fill; the rest is for answers. */
static size_t message_limit(const struct session *session)
{
    return session->output.limit - session->output.limit / 4;
}

static bool push(struct session *session, const struct output_item *item)
{
    if (session->state == SESSION_CLOSING || !output_push(&session->output, item))
        return false;
    metrics_add(METRIC_OUTPUT_BYTES, (int64_t)buffer_text(item->frame).len);
    session->transport->wake(session->connection);
    return true;
}

bool session_push(struct session *session, struct buffer *frame)
{
    return push(session, &(struct output_item){.frame = frame});
}

bool session_push_signal(struct session *session, struct buffer *frame)
{
    return session->output.bytes + buffer_text(frame).len <= message_limit(session) &&
           session_push(session, frame);
}

struct message_id session_position(const struct session *session, size_t user)
{
    assert(user < session->user_count);
    return session->position[user];
}

void session_begin_at(struct session *session, size_t user, struct message_id position)
{
    assert(user < session->user_count);
    session->position[user] = position;
    output_forget_ids(&session->output, (unsigned char)user);
    receipts_begin(session, (unsigned)user, position);
}

void session_pass(struct session *session, size_t user, struct message_id id)
{
    assert(user < session->user_count);
    session->position[user] = id;
    if (session->output.messages == 0)
        receipts_wrote(registry_receipts(session->registry), session);
}

size_t session_room(const struct session *session)
{
    size_t limit = message_limit(session);

    if (session->state == SESSION_CLOSING || session->leaving || session->output.bytes >= limit)
        return 0;
    return limit - session->output.bytes;
}

bool session_has_read(const struct session *session)
{
    return session->output.bytes <= session->output.limit / 2;
}

bool session_give(struct session *session, size_t user, struct message_id id, bool live,
                  struct buffer *frame)
{
    const struct output_item item = {
        .frame = frame, .id = id, .is_message = true, .is_live = live, .user = (unsigned char)user};

    assert(user < session->user_count);
    /* One that is longer than all the room must still come through. */
    if ((session->output.count > 0 && buffer_text(frame).len > session_room(session)) ||
        session->leaving || !push(session, &item))
        return false;
    metrics_add(METRIC_OUTPUT_MESSAGES, 1);
    if (id.ms > 0 || id.seq > 0)
        session->position[user] = id;
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
    metrics_add(METRIC_OUTPUT_MESSAGES, -(int64_t)session->output.messages);
    for (unsigned i = 0; i < session->output.messages; i++)
        ledger_settled(LEDGER_DISCARDED);
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

static void leave_when_done(struct session *session)
{
    if (!session->leaving || session->unanswered > 0 || session->state == SESSION_CLOSING)
        return;
    if (receipts_are_complete(session))
        session_close(session, CLOSE_GOING_AWAY);
    else
        receipts_end(registry_receipts(session->registry), session);
}

void session_answered(struct session *session)
{
    assert(session->unanswered > 0);
    session->unanswered--;
    leave_when_done(session);
}

void session_leave(struct session *session)
{
    session->leaving = true;
    if (session->state != SESSION_CLOSING && session->output.count > 0)
        session->transport->wake(session->connection); /* see must_read_first() */
    leave_when_done(session);
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

void session_heard(struct session *session)
{
    struct keepalive *keepalive = registry_keepalive(session->registry);

    keepalive_heard(keepalive, &session->keepalive);
    if (window_heard(&session->window, keepalive_overdue_ms(keepalive)))
        session->transport->wake(session->connection);
}

/* What ends soon, or is not read from, gets its rest without waiting for a pong. And answers have
 * the last quarter of the output: who reads them, but sends so much that a pong comes late behind
 * it, is not to be closed for that. */
static bool must_read_first(const struct session *session)
{
    return window_is_full(&session->window) && session->state != SESSION_CLOSING &&
           !session->leaving && session->pause == NULL &&
           session->output.bytes <= message_limit(session);
}

const struct output_item *session_next(const struct session *session)
{
    return must_read_first(session) ? NULL : output_front(&session->output);
}

void session_wrote(struct session *session)
{
    struct output *output = &session->output;
    const struct output_item item = *output_front(output);

    metrics_add(METRIC_OUTPUT_BYTES, -(int64_t)buffer_text(item.frame).len);
    window_wrote(&session->window, buffer_text(item.frame).len);
    output_shift(output);
    if (!item.is_message)
        return;
    metrics_add(METRIC_OUTPUT_MESSAGES, -1);
    ledger_settled(LEDGER_WRITTEN);
    if (item.id.ms > 0 || item.id.seq > 0)
        session->receipt.written[item.user] = item.id;
    receipts_wrote(registry_receipts(session->registry), session);
}

struct text session_take_ping(struct session *session, char payload[RECEIPT_PAYLOAD_MAX])
{
    struct text ping = {payload, 0};

    if (session->state == SESSION_CLOSING ||
        (!session->wants_ping && !window_wants_ping(&session->window)))
        return ping;
    session->wants_ping = false;
    ping = receipts_ping(registry_receipts(session->registry), session, payload);
    window_pinged(&session->window, session->receipt.number, session->receipt.pinged_ms);
    return ping;
}

bool session_pong(struct session *session, struct text payload)
{
    bool was_full = window_is_full(&session->window);
    bool has_arrived = false;
    uint64_t number;

    session_heard(session);
    if (text_to_number(payload, session->receipt.number, &number)) {
        has_arrived =
            receipts_pong(registry_receipts(session->registry), session, (uint32_t)number);
        window_pong(&session->window, (uint32_t)number);
        if (was_full)
            session->transport->wake(session->connection);
    }
    leave_when_done(session);
    return has_arrived;
}

struct message_id session_arrived(const struct session *session, size_t user)
{
    assert(user < session->user_count);
    return session->receipt.arrived[user];
}

void session_free(struct session *session)
{
    drop_output(session);
    output_clear(&session->held);
    free(session->identity);
    free(session);
}
