#include "broker/connection.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/util.h>
#include <hiredis/hiredis.h>

#include "base/log.h"
#include "base/metrics.h"
#include "broker/command.h"
#include "broker/dialer.h"

#define BACKOFF_MIN_MS 50
#define BACKOFF_MAX_MS 2000
#define SINGLE_IO_BYTES ((size_t)256 * 1024) /* libevent's 16 KiB cost a system call each */

enum state { DOWN, CONNECTING, GREETING, USABLE };

struct connection {
    struct connection_settings settings;
    struct loop *loop;
    enum state state;
    bool accepting; /* commands: while USABLE, and while the owner adds to the greeting */
    bool closed;    /* for good */
    bool congested;

    struct bufferevent *bev;    /* NULL while DOWN, and while the host is looked up */
    struct redisReader *reader; /* NULL while DOWN and CONNECTING */
    uint64_t appended;          /* bytes of commands for this bufferevent */
    struct pending_queue pending;
    struct pending_queue not_sent; /* to be told so at the end of the turn */
    struct deferred tell_not_sent;
    struct deferred tell_relieved;

    struct timer *timer; /* DOWN: to the next attempt; else to the next deadline */
    int64_t timer_due_ms;
    int64_t backoff_ms;
    int64_t usable_since_ms;

    struct dialer *dialer;
    char reason[COMMAND_ERROR_MAX]; /* of the last failure; empty once usable */

    loop_cb *drained; /* not NULL while draining */
    void *drained_arg;
    struct deferred check_drained;
};

/* ---- Deadlines ---- */

static int64_t stall_ms(const struct connection *connection)
{
    return CONNECTION_STALL_FACTOR * connection->settings.timeout_ms;
}

static void start_timer(struct connection *connection, int64_t delay_ms)
{
    connection->timer_due_ms = loop_now_ms(connection->loop) + delay_ms;
    timer_start(connection->timer, delay_ms);
}

/* The timer may be early, never late: to move it at each reply would cost more than a useless run
 * now and then. */
static void watch_pending(struct connection *connection)
{
    const struct pending_queue *pending = &connection->pending;
    if (pending->first == NULL)
        return;
    int64_t due_ms = pending_first_ms(pending) + stall_ms(connection);
    if (connection->state == USABLE && pending->waiting != NULL &&
        pending_waiting_ms(pending) + connection->settings.timeout_ms < due_ms)
        due_ms = pending_waiting_ms(pending) + connection->settings.timeout_ms;
    if (timer_is_running(connection->timer) && connection->timer_due_ms <= due_ms)
        return;
    int64_t delay_ms = due_ms - loop_now_ms(connection->loop);
    start_timer(connection, delay_ms > 0 ? delay_ms : 0);
}

static void check_deadlines(struct connection *connection)
{
    int64_t now_ms = loop_now_ms(connection->loop);

    if (connection->state == CONNECTING) {
        connection_reset(connection, "connecting timed out");
        return;
    }
    if (connection->pending.first != NULL &&
        now_ms - pending_first_ms(&connection->pending) >= stall_ms(connection)) {
        connection_reset(connection, "no answer");
        return;
    }
    /* The commands of the greeting have only that one deadline. */
    if (connection->state == USABLE)
        pending_expire(&connection->pending, now_ms - connection->settings.timeout_ms);
    watch_pending(connection);
}

/* ---- Commands ---- */

static void append(struct connection *connection, struct text bytes)
{
    if (evbuffer_add(bufferevent_get_output(connection->bev), bytes.at, bytes.len) != 0)
        abort(); /* only without memory */
    connection->appended += bytes.len;
}

/* Whether `extra` more bytes, and a command, would pass a bound. */
static bool is_over(const struct connection *connection, size_t commands, size_t bytes,
                    size_t extra)
{
    const struct pending_queue *pending = &connection->pending;
    return pending->count >= commands || pending_bytes(pending) + extra > bytes;
}

bool connection_is_congested(const struct connection *connection)
{
    return connection->congested;
}

static void look_if_relieved(struct connection *connection)
{
    const struct broker_bounds *bounds = &connection->settings.bounds;
    if (!connection->congested ||
        is_over(connection, bounds->congestion / 2, bounds->congestion_bytes / 2, 0))
        return;
    connection->congested = false;
    loop_defer(connection->loop, &connection->tell_relieved);
}

static void tell_relieved(void *arg)
{
    struct connection *connection = arg;
    if (!connection->congested) /* again */
        connection->settings.relieved(connection->settings.arg);
}

void connection_send(struct connection *connection, struct text command, pending_cb *done,
                     void *arg)
{
    const struct broker_bounds *bounds = &connection->settings.bounds;
    int64_t now_ms = loop_now_ms(connection->loop);
    bool usable = connection->state == USABLE;
    if (!connection->accepting ||
        (usable && is_over(connection, bounds->max, bounds->max_bytes, command.len))) {
        pending_add(&connection->not_sent, UINT64_MAX, now_ms, done, arg);
        loop_defer(connection->loop, &connection->tell_not_sent);
        return;
    }
    append(connection, command);
    pending_add(&connection->pending, connection->appended, now_ms, done, arg);
    if (usable && is_over(connection, bounds->congestion, bounds->congestion_bytes, 0))
        connection->congested = true;
    watch_pending(connection);
}

void connection_command(struct connection *connection, const struct text *args, size_t count,
                        pending_cb *done, void *arg)
{
    struct text command = command_format(args, count);
    connection_send(connection, command, done, arg);
    command_free(command);
}

void connection_push_command(struct connection *connection, const struct text *args, size_t count)
{
    assert(connection->state == USABLE);
    struct text command = command_format(args, count);
    append(connection, command);
    command_free(command);
}

void connection_flush(struct connection *connection)
{
    if (connection->state != USABLE)
        return;
    struct evbuffer *output = bufferevent_get_output(connection->bev);
    /* A bufferevent keeps its output's front frozen between its own writes. What this one leaves,
     * or an error, is met by the bufferevent's own write event, which is already pending. */
    evbuffer_unfreeze(output, 1);
    evbuffer_write(output, bufferevent_getfd(connection->bev));
    evbuffer_freeze(output, 1);
}

static void tell_not_sent(void *arg)
{
    struct connection *connection = arg;
    pending_abandon(&connection->not_sent, 0);
}

/* ---- Replies ---- */

static void become_usable(struct connection *connection)
{
    connection->state = USABLE;
    connection->accepting = true;
    connection->usable_since_ms = loop_now_ms(connection->loop);
    connection->reason[0] = '\0';
    metrics_add_labelled(METRIC_REDIS_RECONNECTS, connection->settings.metric_value, 1);
    log_info("redis_connected", LOG_STRING("connection", connection->settings.name),
             LOG_STRING("address", dialer_name(connection->dialer)));
    connection->settings.usable(connection->settings.arg);
}

static void handle_reply(struct connection *connection, const struct redisReply *reply)
{
    char text[COMMAND_ERROR_MAX];

    if (connection->state == USABLE && connection->settings.pushed != NULL) {
        connection->settings.pushed(connection->settings.arg, reply);
        return;
    }
    bool greeting = connection->state == GREETING;
    bool refused = reply->type == REDIS_REPLY_ERROR;
    if (!pending_answer(&connection->pending, reply)) {
        /* What Redis says by itself is an error, such as that it has too many clients. */
        connection_reset(connection, refused ? command_error_text(reply, text)
                                             : "an answer that nobody asked for");
    } else if (greeting && refused) {
        connection_reset(connection, command_error_text(reply, text));
    } else if (connection->state == GREETING && connection->pending.first == NULL) {
        become_usable(connection);
    }
}

/* False when the connection was dropped, by what it answered or in a callback. */
static bool handle_replies(struct connection *connection)
{
    while (connection->reader != NULL) {
        void *reply = NULL;
        if (redisReaderGetReply(connection->reader, &reply) != REDIS_OK) {
            connection_reset(connection, "not the protocol of Redis");
            return false;
        }
        if (reply == NULL) {
            look_if_relieved(connection);
            return true;
        }
        handle_reply(connection, reply);
        freeReplyObject(reply);
    }
    return false;
}

static void look_if_drained(struct connection *connection)
{
    if (connection->drained != NULL)
        loop_defer(connection->loop, &connection->check_drained);
}

static void on_readable(struct bufferevent *bev, void *arg)
{
    struct connection *connection = arg;
    struct evbuffer *input = bufferevent_get_input(bev);
    size_t len;

    while ((len = evbuffer_get_contiguous_space(input)) > 0) {
        const unsigned char *bytes = evbuffer_pullup(input, (ev_ssize_t)len);
        if (redisReaderFeed(connection->reader, (const char *)bytes, len) != REDIS_OK)
            abort(); /* only without memory */
        evbuffer_drain(input, len);
        if (!handle_replies(connection))
            return; /* `input` is gone */
    }
    look_if_drained(connection);
}

static void on_written(struct bufferevent *bev, void *arg)
{
    (void)bev;
    look_if_drained(arg);
}

/* ---- Connecting ---- */

static void on_greeted(void *arg, enum broker_outcome outcome, const struct redisReply *reply)
{
    /* "OK" and "PONG" are of this type. */
    if (outcome == BROKER_ANSWERED && reply->type != REDIS_REPLY_STATUS)
        connection_reset(arg, "an unexpected answer to the greeting");
}

static void greet(struct connection *connection)
{
    const struct redis_address *address = connection->settings.address;

    connection->state = GREETING;
    connection->reader = redisReaderCreate();
    if (connection->reader == NULL)
        abort(); /* only without memory */
    connection->accepting = true;
    if (address->password != NULL) {
        struct text args[3] = {TEXT("AUTH")};
        size_t count = 1;
        if (address->user != NULL)
            args[count++] = text_of(address->user);
        args[count++] = text_of(address->password);
        connection_command(connection, args, count, on_greeted, connection);
    }
    if (address->db != 0) {
        char db[16];
        snprintf(db, sizeof(db), "%d", address->db);
        const struct text args[] = {TEXT("SELECT"), text_of(db)};
        connection_command(connection, args, 2, on_greeted, connection);
    }
    /* So that there always is an answer: a Redis that still loads its data refuses this one. */
    connection_command(connection, (struct text[]){TEXT("PING")}, 1, on_greeted, connection);
    if (connection->settings.greet != NULL)
        connection->settings.greet(connection->settings.arg);
    connection->accepting = false;
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    struct connection *connection = arg;

    if (what & BEV_EVENT_CONNECTED) {
        bufferevent_enable(bev, EV_READ);
        greet(connection);
    } else if (what & BEV_EVENT_ERROR) {
        connection_reset(connection, evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR()));
    } else {
        connection_reset(connection, "closed by Redis");
    }
}

static void on_dialled(void *arg, int fd, const char *error)
{
    struct connection *connection = arg;

    if (fd < 0) {
        connection_reset(connection, error);
        return;
    }
    struct event_base *base = loop_event_base(connection->loop);
    connection->bev = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (connection->bev == NULL)
        abort(); /* only without memory */
    bufferevent_set_max_single_read(connection->bev, SINGLE_IO_BYTES);
    bufferevent_set_max_single_write(connection->bev, SINGLE_IO_BYTES);
    bufferevent_setcb(connection->bev, on_readable, on_written, on_event, connection);
    /* Without an address it waits for the connecting that is under way. */
    if (bufferevent_socket_connect(connection->bev, NULL, 0) != 0)
        connection_reset(connection, "libevent refused the socket");
}

static void connect_now(struct connection *connection)
{
    connection->state = CONNECTING;
    connection->appended = 0;
    start_timer(connection, stall_ms(connection));
    dialer_start(connection->dialer);
}

static void on_timer(void *arg)
{
    struct connection *connection = arg;
    if (connection->state == DOWN)
        connect_now(connection);
    else
        check_deadlines(connection);
}

/* Full jitter: gateways that lost the same Redis do not come back at the same moment. The delay
 * grows also while connections are made that do not last. */
static void retry_later(struct connection *connection, bool was_usable)
{
    unsigned random;

    if (was_usable && loop_now_ms(connection->loop) - connection->usable_since_ms > BACKOFF_MAX_MS)
        connection->backoff_ms = BACKOFF_MIN_MS;
    evutil_secure_rng_get_bytes(&random, sizeof(random));
    start_timer(connection, random % (connection->backoff_ms + 1));
    connection->backoff_ms *= 2;
    if (connection->backoff_ms > BACKOFF_MAX_MS)
        connection->backoff_ms = BACKOFF_MAX_MS;
}

static void log_failure(struct connection *connection, const char *reason)
{
    if (strcmp(connection->reason, reason) == 0)
        return;
    snprintf(connection->reason, sizeof(connection->reason), "%s", reason);
    log_warn("redis_unreachable", LOG_STRING("connection", connection->settings.name),
             LOG_STRING("address", dialer_name(connection->dialer)), LOG_STRING("reason", reason));
}

void connection_reset(struct connection *connection, const char *reason)
{
    if (connection->state == DOWN)
        return;
    bool was_usable = connection->state == USABLE;
    uint64_t handed_over = connection->appended;

    connection->state = DOWN;
    connection->accepting = false;
    dialer_stop(connection->dialer);
    if (connection->bev != NULL) {
        handed_over -= evbuffer_get_length(bufferevent_get_output(connection->bev));
        bufferevent_free(connection->bev); /* bytes that come late have nowhere to go */
        connection->bev = NULL;
    }
    if (connection->reader != NULL)
        redisReaderFree(connection->reader);
    connection->reader = NULL;

    timer_stop(connection->timer);
    look_if_drained(connection);
    if (connection->drained != NULL)
        connection->closed = true;
    if (!connection->closed) {
        log_failure(connection, reason);
        retry_later(connection, was_usable);
    }
    if (was_usable)
        connection->settings.lost(connection->settings.arg);
    pending_abandon(&connection->pending, handed_over);
    look_if_relieved(connection);
}

/* ---- Beginning and end ---- */

static void check_drained(void *arg)
{
    struct connection *connection = arg;

    if (connection->state != DOWN &&
        (connection->pending.first != NULL ||
         evbuffer_get_length(bufferevent_get_output(connection->bev)) > 0))
        return;
    loop_cb *drained = connection->drained;
    connection->drained = NULL;
    drained(connection->drained_arg);
}

struct connection *connection_new(struct loop *loop, const struct connection_settings *settings)
{
    struct connection *connection = memory_alloc(sizeof(*connection));

    connection->settings = *settings;
    connection->loop = loop;
    connection->backoff_ms = BACKOFF_MIN_MS;
    pending_init(&connection->pending);
    pending_init(&connection->not_sent);
    deferred_init(&connection->tell_not_sent, tell_not_sent, connection);
    deferred_init(&connection->tell_relieved, tell_relieved, connection);
    deferred_init(&connection->check_drained, check_drained, connection);
    connection->timer = timer_new(loop, on_timer, connection);
    connection->dialer = dialer_new(loop, settings->address, on_dialled, connection);
    return connection;
}

void connection_start(struct connection *connection)
{
    timer_start(connection->timer, 0);
}

void connection_drain(struct connection *connection, loop_cb *done, void *arg)
{
    connection->accepting = false;
    connection->drained = done;
    connection->drained_arg = arg;
    if (connection->state != USABLE)
        connection_close(connection);
    loop_defer(connection->loop, &connection->check_drained);
}

void connection_close(struct connection *connection)
{
    connection->closed = true;
    timer_stop(connection->timer); /* also when it is down, where resetting does nothing */
    connection_reset(connection, "");
}

void connection_free(struct connection *connection)
{
    if (connection == NULL)
        return;
    connection_close(connection);
    while (connection->not_sent.first != NULL)
        tell_not_sent(connection);
    loop_cancel(connection->loop, &connection->tell_not_sent);
    loop_cancel(connection->loop, &connection->tell_relieved);
    loop_cancel(connection->loop, &connection->check_drained);
    timer_free(connection->timer);
    dialer_free(connection->dialer);
    free(connection);
}
