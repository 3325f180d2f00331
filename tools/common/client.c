#include "common/client.h"

#include <assert.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/util.h>

#include "common/dial.h"
#include "common/duration.h"
#include "common/frame.h"
#include "common/handshake.h"

#define HEAD_MAX 16384 /* bytes of the answer's head */
#define BODY_MAX 4096  /* bytes of a refusal's body that are kept */
#define CODE_NOT_ACCEPTED 1003

enum client_state {
    CLIENT_CONNECTING, /* until the request is written */
    CLIENT_ASKED,      /* until the head of the answer is read */
    CLIENT_REFUSED,    /* reading the body of an answer other than 101 */
    CLIENT_OPEN,
    CLIENT_CLOSING, /* our close frame is queued: waiting for the server's, then for its FIN */
    CLIENT_CLOSED   /* closed() was called, the bufferevent is gone */
};

struct client {
    enum client_state state;
    bool reading;   /* read_cb() is on the stack: client_free() leaves the freeing to it */
    bool freed;     /* client_free() was called meanwhile */
    bool end_known; /* while closing: code and reason are final, what else arrives is ignored */
    uint16_t code;
    int http_status;
    char *reason; /* NULL: none */
    size_t body_len;
    int64_t timeout_ms;
    const struct url *url;
    const struct addrinfo *address; /* the one being tried */
    struct in_addr source;          /* INADDR_ANY: the system's choice */
    struct bufferevent *stream;     /* with its socket; NULL once closed */
    struct event timer;
    struct frame_reader reader;
    char key[HANDSHAKE_KEY_SIZE];
    const struct client_handler *handler;
    void *arg;
};

static void start_timer(struct client *client, int64_t delay_ms)
{
    struct timeval delay = duration_timeval(delay_ms);

    evtimer_add(&client->timer, &delay);
}

static void drop_stream(struct client *client)
{
    if (client->stream)
        bufferevent_free(client->stream);
    client->stream = NULL;
    evtimer_del(&client->timer);
}

static void set_end(struct client *client, uint16_t code, struct text reason)
{
    free(client->reason);
    client->code = code;
    client->reason = memory_copy(reason.at, reason.len);
    client->end_known = true;
}

/* The one way into CLIENT_CLOSED by itself. The client may be gone when it returns. */
static void finish(struct client *client, struct text body)
{
    char *reason = client->reason;
    struct client_end end = {
        .code = client->code,
        .reason = text_of(reason),
        .http_status = client->http_status,
        .body = body,
    };

    drop_stream(client);
    client->state = CLIENT_CLOSED;
    client->reason = NULL;
    client->handler->closed(client->arg, &end);
    free(reason);
}

static void fail(struct client *client, const char *reason)
{
    set_end(client, CLIENT_CLOSE_ABNORMAL, text_of(reason));
    finish(client, (struct text){NULL, 0});
}

static void queue_frame(struct client *client, enum frame_opcode opcode, struct text payload)
{
    struct evbuffer *output = bufferevent_get_output(client->stream);
    uint8_t mask[FRAME_MASK_SIZE];
    struct evbuffer_iovec room;
    int extents;

    evutil_secure_rng_get_bytes(mask, sizeof(mask));
    extents = evbuffer_reserve_space(output, (ev_ssize_t)(FRAME_HEAD_MAX + payload.len), &room, 1);
    assert(extents == 1); /* else out of memory */
    room.iov_len = frame_encode(room.iov_base, opcode, payload, mask);
    evbuffer_commit_space(output, &room, 1);
}

/* Our close frame, the last that we send (RFC 6455, section 5.5.1). */
static void start_closing(struct client *client, uint16_t code, struct text reason)
{
    char payload[FRAME_CONTROL_MAX];
    size_t len = 0;

    if (code != CLIENT_CLOSE_WITHOUT_CODE)
        len = frame_write_close(payload, code, reason);
    queue_frame(client, FRAME_CLOSE, (struct text){payload, len});
    client->state = CLIENT_CLOSING;
    start_timer(client, client->timeout_ms);
}

static void read_close_frame(struct client *client, const struct frame *frame)
{
    if (client->state == CLIENT_OPEN)
        start_closing(client, frame->close_code, (struct text){NULL, 0});
    set_end(client, frame->close_code, frame->payload);
    /* The server closes the connection first (section 7.1.1); end_cb() or the timer goes on. */
}

static void break_off(struct client *client, uint16_t code, const char *reason)
{
    if (client->state == CLIENT_OPEN)
        start_closing(client, code, text_of(reason));
    set_end(client, code, text_of(reason));
}

static void read_frame(struct client *client, const struct frame *frame)
{
    bool open = client->state == CLIENT_OPEN;

    switch (frame->opcode) {
    case FRAME_TEXT:
        if (open)
            client->handler->message(client->arg, frame->payload);
        break;
    case FRAME_PING:
        if (open)
            queue_frame(client, FRAME_PONG, frame->payload);
        break;
    case FRAME_CLOSE:
        read_close_frame(client, frame);
        break;
    case FRAME_BINARY:
        break_off(client, CODE_NOT_ACCEPTED, "a binary message");
        break;
    case FRAME_PONG: /* allowed without a ping of ours (section 5.5.3) */
    case FRAME_CONTINUATION:
        break;
    }
}

static bool is_receiving(const struct client *client)
{
    return client->state == CLIENT_OPEN || (client->state == CLIENT_CLOSING && !client->end_known);
}

/* Reads the frames that lie whole in the input's first extent. True when it is worth another
 * round: the next frame is there, and in one extent now. */
static bool read_extent(struct client *client)
{
    struct evbuffer *input = bufferevent_get_input(client->stream);
    size_t len = evbuffer_get_contiguous_space(input);
    struct text rest = {(const char *)evbuffer_pullup(input, (ev_ssize_t)len), len};
    enum frame_result result = FRAME_COMPLETE;
    struct frame frame = {0};

    while (is_receiving(client)) {
        result = frame_read(&client->reader, rest, &frame);
        if (result == FRAME_BROKEN)
            break_off(client, frame.close_code, frame.reason);
        if (result == FRAME_BROKEN || result == FRAME_INCOMPLETE)
            break;
        rest.at += frame.size;
        rest.len -= frame.size;
        if (result == FRAME_COMPLETE)
            read_frame(client, &frame);
    }
    if (!is_receiving(client))
        return false;
    evbuffer_drain(input, len - rest.len);
    return evbuffer_get_length(input) >= frame.size &&
           evbuffer_pullup(input, (ev_ssize_t)frame.size);
}

static void read_head(struct client *client)
{
    struct evbuffer *input = bufferevent_get_input(client->stream);
    struct evbuffer_ptr blank_line = evbuffer_search(input, "\r\n\r\n", 4, NULL);
    struct handshake_answer answer;
    const char *wrong;
    struct text head;

    if (blank_line.pos < 0) {
        if (evbuffer_get_length(input) > HEAD_MAX)
            fail(client, "the head of the answer is too long");
        return;
    }
    head.len = (size_t)blank_line.pos + 4;
    head.at = (const char *)evbuffer_pullup(input, (ev_ssize_t)head.len);
    wrong = handshake_read_answer(head, client->key, &answer);
    if (wrong) {
        fail(client, wrong);
        return;
    }
    evbuffer_drain(input, head.len);
    if (answer.status == HANDSHAKE_SWITCHED) {
        client->state = CLIENT_OPEN;
        evtimer_del(&client->timer);
        client->handler->opened(client->arg);
        return;
    }
    client->state = CLIENT_REFUSED;
    client->http_status = answer.status;
    client->body_len = answer.body_len < BODY_MAX ? answer.body_len : BODY_MAX;
}

static void read_body(struct client *client, bool ended)
{
    struct evbuffer *input = bufferevent_get_input(client->stream);
    char body[BODY_MAX];
    int len;

    if (!ended && evbuffer_get_length(input) < client->body_len)
        return;
    len = evbuffer_remove(input, body, client->body_len);
    set_end(client, CLIENT_CLOSE_ABNORMAL, TEXT("the server refused the upgrade"));
    finish(client, (struct text){body, len > 0 ? (size_t)len : 0});
}

static void release(struct client *client)
{
    free(client->reason);
    frame_reader_clear(&client->reader);
    free(client);
}

static void read_cb(struct bufferevent *stream, void *arg)
{
    struct client *client = arg;

    client->reading = true;
    if (client->state == CLIENT_ASKED)
        read_head(client);
    if (client->state == CLIENT_REFUSED)
        read_body(client, false);
    while (is_receiving(client) && read_extent(client))
        continue;
    if (client->state == CLIENT_CLOSING && client->end_known) {
        struct evbuffer *input = bufferevent_get_input(stream);

        evbuffer_drain(input, evbuffer_get_length(input));
    }
    client->reading = false;
    if (client->freed)
        release(client);
}

/* The request is still in the output, and goes out on the new socket. */
static bool connect_next(struct client *client)
{
    int old = bufferevent_getfd(client->stream);
    int fd;

    client->address = client->address->ai_next;
    fd = dial_first(&client->address, client->source);
    if (fd < 0)
        return false;
    bufferevent_setfd(client->stream, fd);
    close(old);
    bufferevent_enable(client->stream, EV_WRITE);
    return true;
}

static void end_closing(struct client *client, const char *otherwise)
{
    if (!client->end_known)
        set_end(client, CLIENT_CLOSE_ABNORMAL, text_of(otherwise));
    finish(client, (struct text){NULL, 0});
}

/* The connection ended, or was never made. */
static void end_cb(struct bufferevent *stream, short what, void *arg)
{
    int error = EVUTIL_SOCKET_ERROR();
    const char *how = "the connection ended without a close frame";
    struct client *client = arg;

    (void)stream;
    /* When writing fails there may be a last word to read; reading will find the end too. */
    if ((what & BEV_EVENT_WRITING) && client->state != CLIENT_CONNECTING)
        return;
    if (what & BEV_EVENT_ERROR)
        how = strerror(error);
    switch (client->state) {
    case CLIENT_CONNECTING:
        if (!connect_next(client))
            fail(client, how);
        break;
    case CLIENT_ASKED:
        fail(client, "the connection ended before the upgrade was answered");
        break;
    case CLIENT_REFUSED:
        read_body(client, true);
        break;
    case CLIENT_OPEN:
        fail(client, how);
        break;
    case CLIENT_CLOSING:
        end_closing(client, how);
        break;
    case CLIENT_CLOSED:
        break;
    }
}

/* The request is written, so there is a connection. Reading begins only now: before, it would take
 * the reason away from the write that fails. */
static void asked_cb(struct bufferevent *stream, void *arg)
{
    struct client *client = arg;

    if (client->state == CLIENT_CONNECTING)
        client->state = CLIENT_ASKED;
    bufferevent_setcb(stream, read_cb, NULL, end_cb, client);
    bufferevent_enable(stream, EV_READ);
}

static void timer_cb(evutil_socket_t fd, short what, void *arg)
{
    struct client *client = arg;

    (void)fd;
    (void)what;
    if (client->state == CLIENT_CONNECTING || client->state == CLIENT_ASKED)
        fail(client, "no answer in time");
    else if (client->state == CLIENT_REFUSED)
        read_body(client, true);
    else
        end_closing(client, "no answer to our close frame in time");
}

static void write_request(struct client *client, const char *target)
{
    struct builder request;
    struct text bytes;

    builder_init(&request, HEAD_MAX + strlen(target));
    handshake_draw_key(client->key);
    handshake_write_request(&request, client->url->authority, text_of(target), client->key);
    bytes = builder_text(&request);
    bufferevent_write(client->stream, bytes.at, bytes.len);
    builder_clear(&request);
}

struct client *client_connect(const struct client_options *options)
{
    struct client *client = memory_alloc(sizeof(*client));
    int fd;

    client->url = options->url;
    client->address = options->url->addresses;
    client->timeout_ms = options->timeout_ms;
    client->handler = options->handler;
    client->arg = options->arg;
    if (options->source)
        client->source = *options->source;
    fd = dial_first(&client->address, client->source);
    if (fd < 0) {
        free(client);
        return NULL;
    }
    frame_reader_init(&client->reader, options->max_message);
    evtimer_assign(&client->timer, options->base, timer_cb, client);
    client->stream = bufferevent_socket_new(options->base, fd, BEV_OPT_CLOSE_ON_FREE);
    assert(client->stream); /* else out of memory */
    bufferevent_setcb(client->stream, read_cb, asked_cb, end_cb, client);
    write_request(client, options->target ? options->target : options->url->target);
    start_timer(client, client->timeout_ms);
    return client;
}

bool client_send(struct client *client, struct text message)
{
    if (client->state != CLIENT_OPEN)
        return false;
    queue_frame(client, FRAME_TEXT, message);
    return true;
}

void client_close(struct client *client, uint16_t code, const char *reason)
{
    if (client->state == CLIENT_OPEN) {
        start_closing(client, code, text_of(reason));
    } else if (client->state < CLIENT_OPEN) {
        set_end(client, CLIENT_CLOSE_ABNORMAL, TEXT("closed before it was open"));
        client->state = CLIENT_CLOSING;
        start_timer(client, 0);
    }
}

void client_free(struct client *client)
{
    if (!client)
        return;
    drop_stream(client);
    client->state = CLIENT_CLOSED;
    if (client->reading)
        client->freed = true;
    else
        release(client);
}
