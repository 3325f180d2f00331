/* WebSocket connections: the upgrade, whole messages from pieces, gathered writes, pings, close
 * codes. It decides nothing about messages: those go to the router, whole. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/log.h"
#include "base/metrics.h"
#include "socket/internal.h"
#include "socket/upgrade.h"
#include "socket/websocket.h"

/* Frames are gathered into one write up to this many bytes, so that a burst costs one system call
 * and not one a frame. */
#define GATHER_BYTES (64 * 1024)
/* A frame's header as a server writes it: no mask (RFC 6455, section 5.2). */
#define FRAME_HEADER_MAX 10
#define PING_FRAME_MAX (FRAME_HEADER_MAX + RECEIPT_PAYLOAD_MAX)
#define OPCODE_TEXT 0x1
#define OPCODE_PING 0x9
#define FIN 0x80
/* For a client to take what is queued and our close frame, before the connection is dropped. */
#define CLOSE_SECONDS 5

/* Of parley_sessions_closed_total: one for each close code, and one for who just was gone. */
#define REASON_LABEL(symbol, number, label) label,
static const char *const reasons[] = {CLOSE_CODES(REASON_LABEL) "lost"};
#define REASON_NUMBER(symbol, number, label) (number),
static const unsigned reason_codes[] = {CLOSE_CODES(REASON_NUMBER)};
enum { REASON_LOST = sizeof(reason_codes) / sizeof(reason_codes[0]), REASON_COUNT };

_Static_assert(sizeof(uintptr_t) >= sizeof(uint64_t), "a session's number travels as a pointer");

void websocket_register_metrics(void)
{
    metrics_label_values(METRIC_SESSIONS_CLOSED, reasons, REASON_COUNT);
}

static struct session *session_of(struct server *server, struct lws *wsi)
{
    uint64_t number = (uintptr_t)lws_get_opaque_user_data(wsi);

    return number == 0 ? NULL : registry_find(server->settings.registry, number);
}

/* Before the 101 is written there is nothing to ask libwebsockets for; established() makes up for
 * what was asked until then. */
static bool is_established(struct lws *wsi)
{
    const struct connection *connection = lws_wsi_user(wsi);

    return connection != NULL && connection->established;
}

static void wake(void *wsi)
{
    if (is_established(wsi))
        lws_callback_on_writable(wsi);
}

static void close_connection(void *wsi, enum close_code code)
{
    const struct connection *connection = lws_wsi_user(wsi);

    if (code == CLOSE_PONG_TIMEOUT) {
        lws_set_timeout(wsi, PENDING_TIMEOUT_CLOSE_SEND, LWS_TO_KILL_ASYNC);
    } else if (is_established(wsi)) {
        lws_set_timeout(wsi, PENDING_TIMEOUT_CLOSE_SEND, CLOSE_SECONDS);
        if (!connection->peer_closed)
            lws_callback_on_writable(wsi);
    }
    /* libwebsockets looks at its timers only after an event of its own, and a client that does not
     * read makes none. */
    lws_cancel_service(lws_get_context(wsi));
}

static void read_connection(void *wsi, bool on)
{
    if (!is_established(wsi))
        return; /* it is read from, as is a closing one */
    lws_rx_flow_control(wsi, on ? 1 : 0);
    /* What it had read before the pause it hands out after an event of its own, and a client that
     * waits for us makes none. */
    if (on)
        lws_cancel_service(lws_get_context(wsi));
}

static const struct session_transport transport = {
    .wake = wake, .close = close_connection, .read = read_connection};

int websocket_confirm_upgrade(struct server *server, struct lws *wsi)
{
    struct upgrade upgrade;
    struct http_answer refusal;
    struct session *session;

    /* An upgrade to what it does not know libwebsockets has answered itself, and forgotten. */
    if (!request_has_header(wsi, WSI_TOKEN_UPGRADE, 0))
        return -1;
    if (!upgrade_read(&upgrade, server, wsi, &refusal)) {
        http_count_refused_upgrade(refusal.status);
        log_repeated(LOG_LEVEL_DEBUG, "upgrade_refused", LOG_NUMBER("status", refusal.status),
                     LOG_TEXT("answer", builder_text(&refusal.body)));
        request_write_answer(server, wsi, &refusal, false, true);
        return -1;
    }
    session = attach_open(server->settings.attach, &upgrade.identity, &transport, wsi);
    lws_set_opaque_user_data(wsi, (void *)(uintptr_t)session_number(session));
    upgrade_clear(&upgrade);
    return 0;
}

static int established(struct session *session, struct lws *wsi, struct connection *connection)
{
    char peer[64] = "";

    connection->established = true;
    if (log_enabled(LOG_LEVEL_DEBUG)) {
        lws_get_peer_simple(wsi, peer, sizeof(peer));
        log_debug("session_opened", LOG_TEXT("session", session_name(session)),
                  LOG_TEXT("user", session_user(session, 0)),
                  LOG_TEXT("other", session_other_user(session)),
                  LOG_TEXT("device", session_device(session)), LOG_STRING("peer", peer));
    }
    if (session_state(session) == SESSION_CLOSING)
        close_connection(wsi, session_close_code(session));
    else
        wake(wsi);
    return 0;
}

/* A whole message. libwebsockets could check its UTF-8, but would take the payload of a pong for
 * text, and miss a character that an empty last fragment leaves incomplete. */
static void receive_message(struct server *server, struct session *session, struct text message)
{
    if (text_is_utf8(message))
        router_receive(server->settings.router, session, message);
    else
        session_close(session, CLOSE_BAD_UTF8);
}

static void free_partial(struct connection *connection)
{
    if (connection->partial == NULL)
        return;
    builder_clear(connection->partial);
    free(connection->partial);
    connection->partial = NULL;
}

/* A piece of a message that came in several: kept until the last one is there. */
static void receive_piece(struct server *server, struct session *session,
                          struct connection *connection, struct text piece, bool last)
{
    if (connection->partial == NULL) {
        connection->partial = memory_alloc(sizeof(*connection->partial));
        builder_init(connection->partial, server->settings.max_frame);
    }
    builder_append(connection->partial, piece);
    if (connection->partial->full)
        session_close(session, CLOSE_TOO_BIG);
    else if (last)
        receive_message(server, session, builder_text(connection->partial));
    else
        return;
    free_partial(connection);
}

static int receive(struct server *server, struct session *session, struct lws *wsi,
                   struct connection *connection, struct text piece)
{
    size_t remaining = lws_remaining_packet_payload(wsi);
    bool last = lws_is_final_fragment(wsi) != 0 && remaining == 0;
    size_t before = connection->partial == NULL ? 0 : connection->partial->len;

    session_heard(session);
    if (lws_frame_is_binary(wsi))
        session_close(session, CLOSE_NOT_ACCEPTED);
    else if (before + piece.len + remaining > server->settings.max_frame)
        session_close(session, CLOSE_TOO_BIG);
    else if (last && connection->partial == NULL)
        receive_message(server, session, piece);
    else
        receive_piece(server, session, connection, piece, last);
    return 0;
}

static size_t put_header(uint8_t *out, uint8_t opcode, size_t len)
{
    size_t length_bytes;

    out[0] = FIN | opcode;
    if (len < 126) {
        out[1] = (uint8_t)len;
        return 2;
    }
    length_bytes = len <= UINT16_MAX ? 2 : 8;
    out[1] = length_bytes == 2 ? 126 : 127;
    for (size_t i = 0; i < length_bytes; i++)
        out[2 + i] = (uint8_t)(len >> (8 * (length_bytes - 1 - i)));
    return 2 + length_bytes;
}

static uint64_t unix_time_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static size_t put_frame(uint8_t *out, uint8_t opcode, struct text payload)
{
    size_t len = put_header(out, opcode, payload.len);

    memcpy(out + len, payload.at, payload.len);
    return len + payload.len;
}

/* Of what waited in a mailbox the time says nothing about this gateway. */
static void observe_delivery(const struct output_item *item, uint64_t now_us)
{
    if (item->is_live && item->id.ms > 0 && item->id.ms <= now_us / 1000)
        metrics_observe_us(METRIC_DELIVERY_SECONDS, (int64_t)(now_us - item->id.ms * 1000));
}

/* Moves whole frames from the queue into the scratch until it is full or there is none to write: at
 * least one, however long. Whole ones, because libwebsockets may write a pong of its own between
 * two writes. The ping goes behind them, as its pong says that they have arrived. The length of
 * what was gathered. */
static size_t gather(struct server *server, struct session *session)
{
    uint64_t now_us = unix_time_us();
    const struct output_item *item;
    size_t len = 0;
    uint8_t *out = server_scratch(server, GATHER_BYTES + PING_FRAME_MAX);
    char payload[RECEIPT_PAYLOAD_MAX];

    while ((item = session_next(session)) != NULL) {
        struct text frame = buffer_text(item->frame);

        if (len > 0 && len + FRAME_HEADER_MAX + frame.len > GATHER_BYTES)
            break;
        out = server_scratch(server, len + FRAME_HEADER_MAX + frame.len + PING_FRAME_MAX);
        len += put_frame(out + len, OPCODE_TEXT, frame);
        metrics_add(METRIC_SENT_BYTES, (int64_t)frame.len);
        observe_delivery(item, now_us);
        session_wrote(session);
    }
    struct text ping = session_take_ping(session, payload);

    return ping.len > 0 ? len + put_frame(out + len, OPCODE_PING, ping) : len;
}

/* Everything goes out as raw bytes on libwebsockets' WebSocket connection: it cannot gather frames
 * itself, and one send(2) a frame would be the ceiling (docs/performance.md). No extension is
 * negotiated, so nothing would have to be done to them. */
static int write_queued(struct server *server, struct session *session, struct lws *wsi,
                        struct connection *connection)
{
    size_t len;

    if (connection->closing || connection->peer_closed || lws_partial_buffered(wsi))
        return 0; /* of a partial write libwebsockets sends the rest first, and calls again */
    len = gather(server, session);
    if (len > 0 && lws_write(wsi, server_scratch(server, len), len, LWS_WRITE_RAW) < (int)len)
        return -1;
    feed_wrote(server->settings.feed, session);
    if (session_next(session) != NULL || lws_partial_buffered(wsi)) {
        lws_callback_on_writable(wsi);
        return 0;
    }
    if (session_state(session) == SESSION_CLOSING) {
        connection->closing = true;
        lws_set_timer_usecs(wsi, 1);
    }
    return 0;
}

/* Closing begins here, in a timer's callback: after a writable callback that returns -1, Debian's
 * libwebsockets closes at once and sends no close frame. */
static int close_now(const struct session *session, struct lws *wsi)
{
    lws_close_reason(wsi, (enum lws_close_status)session_close_code(session), NULL, 0);
    return -1;
}

/* What libwebsockets does not check of a client's close frame (RFC 6455, sections 5.5.1, 7.4 and
 * 8.1). It echoes the body as this leaves it, and ends TCP. */
static int peer_closes(struct lws *wsi, uint8_t *body, size_t len)
{
    enum close_code code = CLOSE_NORMAL;

    if (len == 1) { /* no room for a code in the echo */
        lws_close_reason(wsi, (enum lws_close_status)CLOSE_PROTOCOL, NULL, 0);
        return -1;
    }
    if (len >= 2 && (body[0] << 8 | body[1]) >= 5000)
        code = CLOSE_PROTOCOL;
    if (len > 2 && !text_is_utf8((struct text){(const char *)body + 2, len - 2}))
        code = CLOSE_BAD_UTF8;
    if (code != CLOSE_NORMAL) {
        body[0] = (uint8_t)(code >> 8);
        body[1] = (uint8_t)code;
        memset(body + 2, '?', len - 2);
    }
    return 0;
}

int websocket_callback(struct server *server, struct lws *wsi, enum lws_callback_reasons reason,
                       struct connection *connection, void *in, size_t len)
{
    struct session *session = session_of(server, wsi);

    if (session == NULL)
        return -1;
    switch (reason) {
    case LWS_CALLBACK_ESTABLISHED:
        return established(session, wsi, connection);
    case LWS_CALLBACK_RECEIVE:
        if (session_state(session) == SESSION_CLOSING)
            return 0;
        return receive(server, session, wsi, connection, (struct text){in, len});
    case LWS_CALLBACK_RECEIVE_PONG:
        if (session_state(session) != SESSION_CLOSING)
            feed_pong(server->settings.feed, session, (struct text){in, len});
        return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return write_queued(server, session, wsi, connection);
    case LWS_CALLBACK_TIMER:
        return close_now(session, wsi);
    case LWS_CALLBACK_WS_SERVER_DROP_PROTOCOL:
        connection->closing = true; /* also when libwebsockets found the error: it has the word */
        return 0;
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        connection->peer_closed = true; /* libwebsockets answers it */
        router_release(server->settings.router, session);
        session_close(session, CLOSE_NORMAL);
        return peer_closes(wsi, in, len);
    default:
        return 0;
    }
}

static size_t reason_of(const struct session *session)
{
    size_t reason = 0;

    if (session_state(session) != SESSION_CLOSING)
        return REASON_LOST;
    while (reason < REASON_LOST && reason_codes[reason] != (unsigned)session_close_code(session))
        reason++;
    return reason;
}

static bool is_error(size_t reason)
{
    return reason == REASON_LOST ||
           (reason_codes[reason] != CLOSE_NORMAL && reason_codes[reason] != CLOSE_GOING_AWAY);
}

/* The original contract wants the errors of a pair session logged, with both ids. */
static void log_end(const struct session *session, size_t reason)
{
    if (session_is_pair(session) && is_error(reason))
        log_repeated(LOG_LEVEL_WARN, "session_error", LOG_STRING("reason", reasons[reason]),
                     LOG_TEXT("user_a", session_user(session, 0)),
                     LOG_TEXT("user_b", session_other_user(session)));
    log_debug("session_closed", LOG_TEXT("session", session_name(session)),
              LOG_TEXT("user", session_user(session, 0)),
              LOG_TEXT("other", session_other_user(session)),
              LOG_STRING("reason", reasons[reason]));
}

void websocket_destroyed(struct server *server, struct lws *wsi, struct connection *connection)
{
    struct session *session = session_of(server, wsi);
    size_t reason;

    if (connection != NULL) {
        free_partial(connection);
        connection->established = false; /* nothing is to be asked of it any more */
    }
    if (session == NULL)
        return;
    lws_set_opaque_user_data(wsi, NULL);
    router_release(server->settings.router, session);
    reason = reason_of(session);
    metrics_add_labelled(METRIC_SESSIONS_CLOSED, reason, 1);
    log_end(session, reason);
    session_gone(session);
}
