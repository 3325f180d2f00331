#include "router/router.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/metrics.h"
#include "broker/live.h"
#include "broker/read_marks.h"
#include "message/parse.h"
#include "message/write.h"
#include "router/answer.h"

/* A frame is at most its content and this: two ids and a ref, all escaped, and the member names. */
#define FRAME_OVERHEAD 4096

/* However short they are: beside SESSION_HELD_MAX, which counts their bytes. */
#define HELD_FRAMES_MAX 256

enum receiver_result { RECEIVER_ONLINE, RECEIVER_OFFLINE };
static const char *const receiver_results[] = {"online", "offline"};

enum copy_result { COPY_MADE, COPY_REFUSED };
static const char *const copy_results[] = {"made", "refused"};

enum signal_label { SIGNAL_TYPING, SIGNAL_DELIVERED, SIGNAL_READ };
static const char *const signal_labels[] = {"typing", "delivered", "read"};

#define UNSUPPORTED(symbol, type) [REQUEST_##symbol] = type " is not supported by this version",
static const char *const unsupported[] = {REQUEST_TYPES(UNSUPPORTED)};

struct router {
    struct router_settings settings;
    struct parser *parser;
    struct live *live;    /* NULL when messages are stored */
    struct builder frame; /* what is being written; empty between uses */
};

/* A message that Redis was asked to accept. The texts point behind the struct. */
struct pending {
    struct router *router;
    uint64_t session; /* its number: the session may be gone when the answer comes */
    bool copy;        /* one was asked for */
    bool has_ref;
    struct text ref;
    struct text sender;
    struct text receiver;
};

struct router *router_new(const struct router_settings *settings)
{
    struct router *router = memory_alloc(sizeof(*router));

    router->settings = *settings;
    router->parser = parser_new(settings->max_message, settings->max_depth);
    if (!settings->durable)
        router->live = live_new(settings->broker);
    builder_init(&router->frame, settings->max_message + FRAME_OVERHEAD);
    metrics_label_values(METRIC_ERRORS, ERROR_CODE_NAMES, ERROR_CODE_COUNT);
    metrics_label_values(METRIC_MESSAGES_REFUSED, ERROR_CODE_NAMES, ERROR_CODE_COUNT);
    metrics_label_values(METRIC_MESSAGES_ACCEPTED, receiver_results, 2);
    metrics_label_values(METRIC_COPIES, copy_results, 2);
    metrics_label_values(METRIC_SIGNALS, signal_labels, 3);
    read_marks_register_metrics();
    return router;
}

void router_free(struct router *router)
{
    if (router == NULL)
        return;
    parser_free(router->parser);
    live_free(router->live);
    builder_clear(&router->frame);
    free(router);
}

static void fail(struct session *session, const struct request *request, enum error_code code,
                 struct text message)
{
    if (request->type == REQUEST_MESSAGE)
        metrics_add_labelled(METRIC_MESSAGES_REFUSED, code, 1);
    answer_error(session, code, message, request->has_ref, request->ref);
}

static struct text append_copy(char **at, struct text bytes)
{
    struct text copy = {*at, bytes.len};

    memcpy(*at, bytes.at, bytes.len);
    *at += bytes.len;
    return copy;
}

static struct pending *pending_new(struct router *router, const struct session *session,
                                   const struct request *request, struct text sender)
{
    size_t ref_len = request->has_ref ? request->ref.len : 0;
    struct pending *pending =
        memory_alloc(sizeof(*pending) + ref_len + sender.len + request->receiver.len);
    char *at = (char *)(pending + 1);

    pending->router = router;
    pending->session = session_number(session);
    pending->has_ref = request->has_ref;
    if (request->has_ref)
        pending->ref = append_copy(&at, request->ref);
    pending->sender = append_copy(&at, sender);
    pending->receiver = append_copy(&at, request->receiver);
    return pending;
}

static void tell_sent(struct pending *pending, const struct mailbox_accepted *accepted)
{
    struct router *router = pending->router;
    struct session *session = registry_find(router->settings.registry, pending->session);
    bool online = accepted->subscribers > 0;

    if (session == NULL || !pending->has_ref || session_is_pair(session))
        return;
    write_sent(&router->frame, pending->ref, accepted->id,
               router->settings.presence ? &online : NULL);
    answer_push_built(session, &router->frame);
}

static void count_copy(const struct pending *pending, struct text refusal)
{
    if (!pending->copy)
        return;
    metrics_add_labelled(METRIC_COPIES, refusal.len == 0 ? COPY_MADE : COPY_REFUSED, 1);
    if (refusal.len > 0)
        log_repeated(LOG_LEVEL_WARN, "copy_refused", LOG_TEXT("sender", pending->sender),
                     LOG_TEXT("reason", refusal));
}

static void tell_accepted(struct pending *pending, const struct mailbox_accepted *accepted)
{
    bool online = accepted->subscribers > 0;

    metrics_add_labelled(METRIC_MESSAGES_ACCEPTED, online ? RECEIVER_ONLINE : RECEIVER_OFFLINE, 1);
    if (!online)
        log_repeated(LOG_LEVEL_WARN, "receiver_offline", LOG_TEXT("sender", pending->sender),
                     LOG_TEXT("receiver", pending->receiver));
    count_copy(pending, accepted->copy_refusal);
    tell_sent(pending, accepted);
}

static void tell_conflict(struct pending *pending)
{
    metrics_add_labelled(METRIC_MESSAGES_REFUSED, ERROR_REF_CONFLICT, 1);
    answer_error(registry_find(pending->router->settings.registry, pending->session),
                 ERROR_REF_CONFLICT,
                 TEXT("ref: another message to this receiver had it already, and this one is not "
                      "stored; give each message a new random one"),
                 pending->has_ref, pending->ref);
}

static void tell_answered(struct pending *pending, const struct mailbox_accepted *accepted)
{
    switch (accepted->verdict) {
    case MAILBOX_ACCEPTED:
        tell_accepted(pending, accepted);
        break;
    case MAILBOX_REPEATED:
        metrics_add(METRIC_MESSAGES_REPEATED, 1);
        tell_sent(pending, accepted);
        break;
    case MAILBOX_CONFLICT:
        tell_conflict(pending);
        break;
    }
}

static void tell_unavailable(struct pending *pending)
{
    metrics_add_labelled(METRIC_MESSAGES_REFUSED, ERROR_UNAVAILABLE, 1);
    answer_error(registry_find(pending->router->settings.registry, pending->session),
                 ERROR_UNAVAILABLE,
                 TEXT("Redis is not available: the message is not stored; send it again later"),
                 pending->has_ref, pending->ref);
}

static void tell_unknown(struct pending *pending)
{
    bool is_safe = pending->has_ref && pending->router->live == NULL;

    metrics_add(METRIC_MESSAGES_UNKNOWN, 1);
    answer_error(registry_find(pending->router->settings.registry, pending->session), ERROR_UNKNOWN,
                 is_safe
                     ? TEXT("Redis has not answered in time: the message may be stored, or not; "
                            "send it again with the same ref, and it is stored once")
                     : TEXT("Redis has not answered in time: the message may be stored, or "
                            "not"),
                 pending->has_ref, pending->ref);
}

static void accepted_cb(void *arg, const struct mailbox_accepted *accepted)
{
    struct pending *pending = arg;
    struct session *session;

    switch (accepted->outcome) {
    case BROKER_ANSWERED:
        tell_answered(pending, accepted);
        break;
    case BROKER_REFUSED:
    case BROKER_NOT_SENT:
        tell_unavailable(pending);
        break;
    case BROKER_UNANSWERED:
        tell_unknown(pending);
        break;
    }
    session = registry_find(pending->router->settings.registry, pending->session);
    if (session != NULL)
        session_answered(session);
    free(pending);
}

static void send_message(struct router *router, struct session *session,
                         const struct request *request, struct text sender)
{
    struct mailbox_message message = {
        .receiver = request->receiver,
        .sender = sender,
        .gateway = broker_incarnation(router->settings.broker),
        .session = session_name(session),
        .copy = router->settings.copies && !text_equal(sender, request->receiver),
    };
    struct pending *pending = pending_new(router, session, request, sender);

    if (request->has_ref)
        message.ref = request->ref;
    pending->copy = message.copy;
    write_message_body(&router->frame, sender, request->receiver, request->content);
    message.body = builder_text(&router->frame);
    session_ask(session);
    if (router->live != NULL)
        live_publish(router->live, &message, accepted_cb, pending);
    else
        mailbox_accept(router->settings.broker, &message, &router->settings.bounds, accepted_cb,
                       pending);
    builder_reset(&router->frame);
}

static void send_signal(struct router *router, const struct request *request, struct text sender)
{
    write_signal(&router->frame, request->type, TEXT(""), sender, request->receiver, request->id);
    broker_publish(router->settings.broker, request->receiver, builder_text(&router->frame));
    builder_reset(&router->frame);
}

static void acknowledge(struct router *router, struct session *session,
                        const struct request *request)
{
    struct message_id id;

    if (!router->settings.durable)
        fail(session, request, ERROR_UNSUPPORTED,
             TEXT("ack: this gateway keeps no messages (--delivery live)"));
    else if (session_is_pair(session) || !session_acks(session))
        fail(
            session, request, ERROR_NOT_ALLOWED,
            TEXT("ack: this session is acknowledged by its pongs; connect with ack=client to do it "
                 "yourself"));
    else if (message_id_parse(request->id, &id))
        feed_acknowledge(router->settings.feed, session, id);
}

/* The reader's other sessions are to know too; where nothing is stored they are just told. */
static void note_read(struct router *router, const struct session *session,
                      const struct request *request, struct text reader)
{
    struct read_mark mark = {
        .reader = reader,
        .peer = request->receiver,
        .id = request->id,
        .ttl_ms = 2 * router->settings.bounds.ttl_ms,
    };

    write_signal(&router->frame, REQUEST_READ, session_name(session), reader, request->receiver,
                 request->id);
    mark.frame = builder_text(&router->frame);
    if (router->settings.durable)
        read_mark_move(router->settings.broker, &mark);
    else
        broker_publish(router->settings.broker, reader, mark.frame);
    builder_reset(&router->frame);
}

static void take_signal(struct router *router, const struct session *session,
                        const struct request *request, struct text sender)
{
    metrics_add_labelled(METRIC_SIGNALS, request->type - REQUEST_TYPING, 1);
    if (request->type == REQUEST_READ)
        note_read(router, session, request, sender);
    /* Of what one wrote oneself the line above has told all who do not know. */
    if (request->type != REQUEST_READ || !text_equal(request->receiver, sender))
        send_signal(router, request, sender);
}

/* After what asks Redis for something: who does not is not the cause, and stays readable. */
static void pause_when_congested(struct router *router, struct session *session)
{
    if (broker_is_congested(router->settings.broker))
        session_pause(session);
}

static void handle(struct router *router, struct session *session, const struct request *request)
{
    struct text sender = request->sender.len > 0 ? request->sender : session_user(session, 0);

    if (request->type == REQUEST_MESSAGE)
        metrics_add(METRIC_MESSAGES_RECEIVED, 1);
    if (request->failed) {
        fail(session, request, request->error, request->message);
        return;
    }
    if (!session_has_user(session, sender)) {
        fail(session, request, ERROR_FORBIDDEN_SENDER,
             TEXT("sender must be a user of this session, or be left out"));
        return;
    }
    switch (request->type) {
    case REQUEST_MESSAGE:
        if (session_is_leaving(session))
            fail(session, request, ERROR_UNAVAILABLE,
                 TEXT("this gateway stops: the message is not stored; connect again and send it"));
        else
            send_message(router, session, request, sender);
        pause_when_congested(router, session);
        break;
    case REQUEST_TYPING:
    case REQUEST_DELIVERED:
    case REQUEST_READ:
        take_signal(router, session, request, sender);
        pause_when_congested(router, session);
        break;
    case REQUEST_ACK:
        acknowledge(router, session, request);
        break;
    case REQUEST_PING:
        if (session_is_pair(session))
            break;
        write_pong(&router->frame, request->has_ref, request->ref);
        answer_push_built(session, &router->frame);
        break;
    case REQUEST_HISTORY:
        history_take(router->settings.history, session, request);
        pause_when_congested(router, session);
        break;
    case REQUEST_PRESENCE:
    case REQUEST_WATCH:
    case REQUEST_UNWATCH:
        queries_take(router->settings.queries, session, request);
        pause_when_congested(router, session);
        break;
    default:
        fail(session, request, ERROR_UNSUPPORTED, text_of(unsupported[request->type]));
        break;
    }
}

static void handle_frame(struct router *router, struct session *session, struct text frame)
{
    size_t count = parser_read(router->parser, frame, session_is_pair(session));

    for (size_t i = 0; i < count && session_state(session) != SESSION_CLOSING; i++)
        handle(router, session, parser_request(router->parser, i));
}

/* While Redis is away nothing is held: senders are to be told at once. */
static bool hold(struct router *router, struct session *session, struct text frame)
{
    struct buffer *copy;
    bool held;

    if (session_state(session) != SESSION_OPENING || !broker_is_up(router->settings.broker) ||
        session_held(session)->count == HELD_FRAMES_MAX)
        return false;
    copy = buffer_new(frame.at, frame.len);
    held = output_push(session_held(session), &(struct output_item){.frame = copy});
    buffer_unref(copy);
    return held;
}

void router_receive(struct router *router, struct session *session, struct text frame)
{
    metrics_add(METRIC_FRAMES_RECEIVED, 1);
    metrics_add(METRIC_RECEIVED_BYTES, (int64_t)frame.len);
    if (hold(router, session, frame))
        return;
    router_release(router, session); /* what was held comes first */
    if (session_state(session) != SESSION_CLOSING)
        handle_frame(router, session, frame);
}

void router_release(struct router *router, struct session *session)
{
    struct output *held = session_held(session);
    const struct output_item *item;

    while ((item = output_front(held)) != NULL) {
        if (session_state(session) != SESSION_CLOSING)
            handle_frame(router, session, buffer_text(item->frame));
        output_shift(held);
    }
}
