#include "link.h"

#include <limits.h>
#include <string.h>

#include <event2/event.h>
#include <event2/util.h>

#include "base/buffer.h"
#include "common/duration.h"

#define DELAY_FIRST_MS 500
#define DELAY_MAX_MS 30000
#define SILENCE_MS 25000 /* before it is asked whether the gateway is still there */
#define ACK_MS 250       /* between what is told and its acknowledgement */
#define ANSWER_MS 10000  /* for that answer, for `welcome`, and for what was sent */

/* Close codes (docs/protocol.md) and HTTP statuses after which trying again would not help. */
#define CLOSED_TOKEN_EXPIRED 4401
#define CLOSED_BY_OPERATOR 4403
#define CLOSED_TOO_MANY 4409 /* of this user; those of a dead gateway count for some seconds */

#define IDLE_MS 2000 /* for a message that is stored and does not come */

/* The ref of the ping in front of the end. */
#define END_REF "end"

int64_t link_delay(unsigned failures, int64_t longest_ms, uint32_t random)
{
    int64_t delay_ms = DELAY_FIRST_MS;

    while (failures-- > 0 && delay_ms < longest_ms)
        delay_ms *= 2;
    if (delay_ms > longest_ms)
        delay_ms = longest_ms;
    return delay_ms / 2 + random % (uint32_t)(delay_ms / 2 + 1);
}

static uint32_t draw(void)
{
    uint32_t random;

    evutil_secure_rng_get_bytes(&random, sizeof(random));
    return random;
}

static void start_timer(struct event *timer, int64_t delay_ms)
{
    struct timeval delay = duration_timeval(delay_ms);

    event_add(timer, &delay);
}

/* ---- Connecting ---- */

/* Not connected, or not any more. Says so once for each outage. */
static void lose(struct link *link, struct text why, int code)
{
    bool was_up = link->is_up;
    unsigned failures = code == CLOSED_TOO_MANY ? UINT_MAX : link->failures++;

    if (!link->is_lost)
        session_say(&link->session, "%.*s; trying again", (int)why.len, why.at);
    link->is_lost = true;
    link->is_up = false;
    link->is_asked = false;
    link->is_ending = false;
    event_del(link->idle);
    event_del(link->silence);
    start_timer(link->retry, link_delay(failures, DELAY_MAX_MS, draw()));
    if (was_up)
        link->handler->down(link->arg, code);
}

static void connect_now(struct link *link)
{
    struct session *session = &link->session;
    struct builder words;
    const char *wrong;

    session->since = NULL;
    if (link->shown.has_position) {
        message_id_format(link->shown.position, link->since);
        session->since = link->since;
    }
    session->epoch = *link->epoch ? link->epoch : NULL;
    wrong = session_connect(session);
    if (wrong) {
        builder_init(&words, SIZE_MAX);
        builder_printf(&words, "cannot connect to %s: %s", session->url.authority, wrong);
        lose(link, builder_text(&words), CLIENT_CLOSE_ABNORMAL);
        builder_clear(&words);
    }
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    connect_now(arg);
}

static void on_opened(void *arg)
{
    struct link *link = arg;

    start_timer(link->silence, ANSWER_MS);
}

static bool is_final(const struct client_end *end)
{
    return end->code == CLOSED_TOKEN_EXPIRED || end->code == CLOSED_BY_OPERATOR ||
           (end->http_status >= 400 && end->http_status < 500);
}

static void on_closed(void *arg, const struct client_end *end)
{
    struct link *link = arg;
    struct builder words;
    struct text why;

    builder_init(&words, SIZE_MAX);
    session_append_end(&link->session, end, &words);
    why = builder_text(&words);
    if (is_final(end))
        session_give_up(&link->session, "%.*s", (int)why.len, why.at);
    else
        lose(link, why, end->code);
    builder_clear(&words);
}

static void on_silence(evutil_socket_t fd, short what, void *arg)
{
    struct link *link = arg;

    (void)fd;
    (void)what;
    if (link->is_up && !link->is_asked && link_send(link, TEXT("{\"type\":\"ping\"}")))
        return;
    client_free(link->session.client);
    link->session.client = NULL;
    lose(link, TEXT("nothing comes from the gateway"), CLIENT_CLOSE_ABNORMAL);
}

bool link_send(struct link *link, struct text frame)
{
    if (!link->is_up || !client_send(link->session.client, frame))
        return false;
    if (!link->is_asked)
        start_timer(link->silence, ANSWER_MS);
    link->is_asked = true;
    return true;
}

/* ---- Acknowledging ---- */

static void acknowledge(struct link *link)
{
    char id[MESSAGE_ID_TEXT_MAX];
    struct builder frame;

    if (!link->is_up || !link->is_stored || !link->shown.has_position ||
        message_id_compare(link->shown.position, link->acked) <= 0)
        return;
    message_id_format(link->shown.position, id);
    builder_init(&frame, SIZE_MAX);
    builder_printf(&frame, "{\"type\":\"ack\",\"id\":\"%s\"}", id);
    if (client_send(link->session.client, builder_text(&frame)))
        link->acked = link->shown.position;
    builder_clear(&frame);
}

static void on_ack(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    acknowledge(arg);
}

void link_end(struct link *link)
{
    acknowledge(link);
    session_end(&link->session);
}

static bool has_all(const struct link *link)
{
    return !link->is_stored || message_id_compare(link->shown.position, link->last) >= 0;
}

void link_end_caught_up(struct link *link)
{
    if (link->is_ending)
        return;
    link->is_ending =
        !has_all(link) && link_send(link, TEXT("{\"type\":\"ping\",\"ref\":\"" END_REF "\"}"));
    if (!link->is_ending)
        link_end(link);
}

/* The first page of the mailbox comes before this answer, the others when they are read. The last
 * entry may be none that a client gets. */
static void take_end(struct link *link)
{
    if (!link->has_told)
        link_end(link);
    else
        start_timer(link->idle, IDLE_MS);
}

static void on_idle(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    link_end(arg);
}

/* ---- What comes ---- */

static void take_epoch(struct link *link, struct text epoch)
{
    size_t len = epoch.len < LINK_EPOCH_SIZE ? epoch.len : 0;

    if (len > 0)
        memcpy(link->epoch, epoch.at, len);
    link->epoch[len] = '\0';
}

static void take_gap(struct link *link, bool reset)
{
    if (reset)
        shown_reset(&link->shown);
    link->handler->gap(link->arg, reset);
}

static void take_welcome(struct link *link, const struct incoming *welcome)
{
    link->is_up = true;
    link->is_lost = false;
    link->has_told = false;
    link->failures = 0;
    link->is_stored = welcome->has_last;
    link->last = welcome->last;
    link->acked = (struct message_id){0};
    take_epoch(link, welcome->epoch);
    session_say(&link->session, "connected to %.*s", (int)welcome->gateway.len,
                welcome->gateway.at);
    if (welcome->gap || welcome->reset)
        take_gap(link, welcome->reset);
    link->handler->up(link->arg);
}

static void take_message(struct link *link, const struct incoming *message, struct text frame)
{
    if (shown_take(&link->shown, message->id, frame))
        link->handler->frame(link->arg, message);
    link->has_told = true;
    if (!event_pending(link->ack, EV_TIMEOUT, NULL))
        start_timer(link->ack, ACK_MS);
    if (link->is_ending && has_all(link))
        link_end(link);
    else if (event_pending(link->idle, EV_TIMEOUT, NULL))
        start_timer(link->idle, IDLE_MS);
}

static void on_message(void *arg, struct text frame)
{
    struct link *link = arg;
    struct incoming incoming;

    if (link->session.ending || !incoming_read(frame, &incoming))
        return;
    link->is_asked = false;
    start_timer(link->silence, SILENCE_MS);
    if (incoming_is(&incoming, "welcome")) {
        take_welcome(link, &incoming);
    } else if (incoming_is(&incoming, "gap")) {
        if (incoming.reset)
            take_epoch(link, incoming.epoch);
        take_gap(link, incoming.reset);
    } else if (incoming_is(&incoming, "pong")) {
        if (text_equal(incoming.ref, TEXT(END_REF)))
            take_end(link);
    } else if (incoming_is(&incoming, "message") && incoming.has_id && link->is_stored) {
        take_message(link, &incoming, frame);
    } else {
        link->handler->frame(link->arg, &incoming);
    }
}

static void on_interrupted(void *arg)
{
    const struct link *link = arg;

    link->handler->interrupted(link->arg);
}

/* ---- Begin and end ---- */

bool link_open(struct link *link, const struct link_handler *handler, void *arg)
{
    static const struct session_handler session_handler = {
        .opened = on_opened,
        .message = on_message,
        .closed = on_closed,
        .interrupted = on_interrupted,
    };

    link->handler = handler;
    link->arg = arg;
    link->session.acks = true;
    if (!session_prepare(&link->session, &session_handler, link))
        return false;
    session_watch_interrupts(&link->session);
    link->ack = evtimer_new(link->session.base, on_ack, link);
    link->idle = evtimer_new(link->session.base, on_idle, link);
    link->retry = evtimer_new(link->session.base, on_retry, link);
    link->silence = evtimer_new(link->session.base, on_silence, link);
    connect_now(link);
    return true;
}

void link_clear(struct link *link)
{
    if (link->ack)
        event_free(link->ack);
    if (link->idle)
        event_free(link->idle);
    if (link->retry)
        event_free(link->retry);
    if (link->silence)
        event_free(link->silence);
}
