/* parley chat: a conversation in a terminal, or through a pipe. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <event2/util.h>

#include "base/buffer.h"
#include "command.h"
#include "common/arguments.h"
#include "common/duration.h"
#include "incoming.h"
#include "lines.h"
#include "link.h"
#include "outgoing.h"
#include "session.h"
#include "transcript.h"

#define PROGRAM "parley chat"
#define CONNECT_TIMEOUT_MS 10000
#define DAY_MS (24 * 3600 * 1000)
#define DEVICE "parley-chat"

#define WAITING_MAX 100           /* lines that were read and have no answer yet */
#define REFUSED_DELAY_MAX_MS 5000 /* before what Redis did not take is sent again */
#define CLOSED_TOO_LONG 1009

static const char help[] =
    "usage: parley chat [FLAGS] USER PEER\n"
    "\n"
    "Connects as USER. Each line of standard input is a message to PEER; what USER is sent, by\n"
    "whomever, is printed, a line a message, with its time (UTC) and its sender:\n"
    "\n"
    "  2026-11-24T06:02:39Z ✓ hello         sent from here: the gateway has accepted "
    "it\n"
    "  2026-11-24T06:02:41Z bob: hello too\n"
    "  2026-11-24T06:02:44Z alice: bye      sent to PEER from another place of USER's\n"
    "  2026-11-24T06:02:45Z alice -> carol: hi   the same, to somebody else\n"
    "  -- messages may be missing here ...  a gap: they are no longer stored\n"
    "\n"
    "When the connection breaks it is made again, what was missed comes, and what has no answer\n"
    "is sent again, so that PEER gets it once. A message is sent when the one before it is\n"
    "accepted. What is about the connection is written to standard error.\n"
    "\n"
    "At the end of input it ends when all is answered, and what was stored for USER at the\n"
    "begin is printed; Ctrl-C ends it at once.\n"
    "\n"
    "  --device DEVICE     the place to read (default: " DEVICE "): what was printed there does\n"
    "                      not come again; what was sent from there may, at the next start.\n"
    "                      At the first one all that is stored comes\n"
    "  --json              lines that are JSON are sent as such, the rest as strings\n"
    "  --timeout DURATION  give up when a message has no answer for so long, or when there is\n"
    "                      no first connection: 500ms, 10s, 5m (default: never)\n"
    "  --url URL           the gateway (default: $PARLEY_URL, else ws://127.0.0.1:3000)\n"
    "\n"
    "Exit status: 0 when every line was accepted; 1 when one was refused or has no answer, or\n"
    "when the gateway does not want USER; 2 for wrong usage.\n";

struct chat {
    struct link link;
    struct text user;
    struct text peer;
    bool json;
    int64_t timeout_ms; /* 0: none */
    struct lines lines;
    struct refs refs;
    struct outgoing waiting[WAITING_MAX]; /* in order; the first one is on its way, or held back */
    size_t waiting_count;
    bool is_sent;         /* the first one, on this connection */
    bool is_refusal_said; /* that the first one was not taken yet */
    unsigned refusals;    /* of it */
    struct event *hold;   /* pending: the first one is held back until then */
    struct event *deadline;
    struct builder out;
};

static struct session *session_of(struct chat *chat)
{
    return &chat->link.session;
}

/* ---- Out ---- */

static void send_first(struct chat *chat)
{
    if (chat->waiting_count == 0 || chat->is_sent || event_pending(chat->hold, EV_TIMEOUT, NULL))
        return;
    chat->is_sent = link_send(&chat->link, chat->waiting[0].frame);
}

/* Begins anew for each message; and for the first connection. */
static void start_deadline(struct chat *chat)
{
    struct timeval delay = duration_timeval(chat->timeout_ms);

    if (chat->timeout_ms > 0 && (chat->waiting_count > 0 || !chat->lines.read))
        event_add(chat->deadline, &delay);
    else
        event_del(chat->deadline);
}

static void on_lines(void *arg)
{
    struct chat *chat = arg;
    bool was_idle = chat->waiting_count == 0;
    char *taken = NULL;
    struct text line;

    while (chat->waiting_count < WAITING_MAX && (taken = lines_take(&chat->lines, &line))) {
        if (line.len == 0) {
            /* Return was pressed: nothing to say. */
        } else if (outgoing_make(&chat->waiting[chat->waiting_count], &chat->refs, chat->peer, line,
                                 chat->json)) {
            chat->waiting_count++;
        } else {
            session_fail(session_of(chat), "a line that is not UTF-8 was not sent");
        }
        free(taken);
    }
    if (was_idle)
        start_deadline(chat);
    send_first(chat);
    if (chat->waiting_count == 0 && lines_over(&chat->lines))
        link_end_caught_up(&chat->link);
}

/* The first one is done with. */
static void go_on(struct chat *chat)
{
    outgoing_clear(&chat->waiting[0]);
    chat->waiting_count--;
    memmove(chat->waiting, chat->waiting + 1, chat->waiting_count * sizeof(chat->waiting[0]));
    chat->is_sent = false;
    chat->is_refusal_said = false;
    chat->refusals = 0;
    event_del(chat->hold);
    start_deadline(chat);
    on_lines(chat);
}

static bool is_first(const struct chat *chat, struct text ref)
{
    return chat->waiting_count > 0 && text_equal(ref, text_of(chat->waiting[0].ref));
}

static void accept_first(struct chat *chat, int64_t unix_ms)
{
    transcript_append_sent(unix_ms, chat->waiting[0].content, &chat->out);
    session_write(session_of(chat), &chat->out);
    go_on(chat);
}

/* `not sent: hello: too_large: …` */
static void say_refused(struct chat *chat, const char *what, struct text code, struct text message)
{
    struct builder words;

    builder_init(&words, SIZE_MAX);
    transcript_append_visible(chat->waiting[0].content, &words);
    builder_append_string(&words, ": ");
    transcript_append_visible(code, &words);
    builder_append_string(&words, message.len > 0 ? ": " : "");
    transcript_append_value(message, &words);
    session_say(session_of(chat), "%s: %.*s", what, (int)words.len, words.data);
    builder_clear(&words);
}

static void refuse_first(struct chat *chat, struct text code, struct text message)
{
    say_refused(chat, "not sent", code, message);
    session_of(chat)->status = STATUS_FAILED;
    go_on(chat);
}

/* Redis is away, or it was too fast: the same again, later. */
static void hold_back(struct chat *chat, const struct incoming *error)
{
    struct timeval delay;
    int64_t delay_ms = error->retry_after_ms;
    uint32_t random;

    evutil_secure_rng_get_bytes(&random, sizeof(random));
    if (delay_ms <= 0)
        delay_ms = link_delay(chat->refusals++, REFUSED_DELAY_MAX_MS, random);
    delay = duration_timeval(delay_ms);
    event_add(chat->hold, &delay);
    chat->is_sent = false;
    if (!chat->is_refusal_said && !text_equal(error->code, TEXT("rate_limited"))) {
        say_refused(chat, "not accepted yet", error->code, error->message);
        chat->is_refusal_said = true;
    }
}

static void take_error(struct chat *chat, const struct incoming *error)
{
    if (!is_first(chat, error->ref)) {
        transcript_append_value(error->message, &chat->out);
        session_say(session_of(chat), "the gateway says %.*s: %.*s", (int)error->code.len,
                    error->code.at, (int)chat->out.len, chat->out.data);
        builder_reset(&chat->out);
    } else if (text_equal(error->code, TEXT("unavailable")) ||
               text_equal(error->code, TEXT("unknown")) ||
               text_equal(error->code, TEXT("rate_limited"))) {
        hold_back(chat, error);
    } else {
        refuse_first(chat, error->code, error->message);
    }
}

static void on_hold_over(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    send_first(arg);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct chat *chat = arg;

    (void)fd;
    (void)what;
    if (!chat->lines.read)
        session_give_up(session_of(chat), "no connection after %lld ms",
                        (long long)chat->timeout_ms);
    else
        session_give_up(session_of(chat), "unanswered after %lld ms: %zu",
                        (long long)chat->timeout_ms, chat->waiting_count);
}

/* ---- In ---- */

static int64_t ms_of(struct text id)
{
    struct message_id parsed;

    return message_id_parse(id, &parsed) ? (int64_t)parsed.ms : 0;
}

/* What was sent from here comes back as a copy when it was sent on an earlier connection. If the
 * answer was lost with that one, this is the answer. */
static bool take_own_copy(struct chat *chat, const struct incoming *message)
{
    if (!message->is_copy || !refs_have(&chat->refs, message->copy_ref))
        return false;
    if (is_first(chat, message->copy_ref))
        accept_first(chat, ms_of(message->copy_id));
    return true;
}

static void on_frame(void *arg, const struct incoming *frame)
{
    struct chat *chat = arg;

    if (incoming_is(frame, "message")) {
        if (take_own_copy(chat, frame))
            return;
        transcript_append_message(frame, chat->user, chat->peer, &chat->out);
        session_write(session_of(chat), &chat->out);
    } else if (incoming_is(frame, "sent")) {
        if (is_first(chat, frame->ref))
            accept_first(chat, frame->ts);
    } else if (incoming_is(frame, "error")) {
        take_error(chat, frame);
    }
}

static void on_gap(void *arg, bool reset)
{
    struct chat *chat = arg;

    transcript_append_gap(reset, &chat->out);
    session_write(session_of(chat), &chat->out);
}

static void on_up(void *arg)
{
    struct chat *chat = arg;

    if (!chat->lines.read) {
        lines_begin(&chat->lines, session_of(chat), on_lines, chat);
        start_deadline(chat);
    }
    chat->is_sent = false;
    on_lines(chat);
}

static void on_down(void *arg, int code)
{
    struct chat *chat = arg;

    /* Longer than any frame may be: sent again, it would end every connection. */
    if (code == CLOSED_TOO_LONG && chat->is_sent)
        refuse_first(chat, TEXT("too_large"), TEXT("\"longer than any frame may be\""));
    chat->is_sent = false;
}

static void on_interrupted(void *arg)
{
    struct chat *chat = arg;

    if (chat->waiting_count > 0)
        session_fail(session_of(chat), "unanswered: %zu", chat->waiting_count);
    link_end(&chat->link);
}

/* ---- Begin and end ---- */

static int run(struct chat *chat)
{
    static const struct link_handler handler = {
        .up = on_up,
        .down = on_down,
        .gap = on_gap,
        .frame = on_frame,
        .interrupted = on_interrupted,
    };

    refs_draw(&chat->refs);
    builder_init(&chat->out, SIZE_MAX);
    if (link_open(&chat->link, &handler, chat)) {
        chat->hold = evtimer_new(session_of(chat)->base, on_hold_over, chat);
        chat->deadline = evtimer_new(session_of(chat)->base, on_deadline, chat);
        start_deadline(chat);
        event_base_dispatch(session_of(chat)->base);
        event_free(chat->hold);
        event_free(chat->deadline);
        lines_clear(&chat->lines);
    }
    for (size_t i = 0; i < chat->waiting_count; i++)
        outgoing_clear(&chat->waiting[i]);
    builder_clear(&chat->out);
    link_clear(&chat->link);
    return session_finish(session_of(chat));
}

int chat_run(int argc, char **argv)
{
    struct chat chat = {
        .link = {.session = {.program = PROGRAM,
                             .where = session_default_url(),
                             .device = DEVICE,
                             .timeout_ms = CONNECT_TIMEOUT_MS}},
    };
    bool wants_help = false;
    int operands;
    const struct argument flags[] = {
        {"--device", ARGUMENT_TEXT, &chat.link.session.device, 0, 0},
        {"--json", ARGUMENT_SWITCH, &chat.json, 0, 0},
        {"--timeout", ARGUMENT_DURATION, &chat.timeout_ms, 1, DAY_MS},
        {"--url", ARGUMENT_TEXT, &chat.link.session.where, 0, 0},
        {"--help", ARGUMENT_SWITCH, &wants_help, 0, 0},
        {0},
    };

    operands = arguments_read(PROGRAM, flags, argc, argv);
    if (operands < 0)
        return STATUS_USAGE;
    if (wants_help) {
        fputs(help, stdout);
        return STATUS_DONE;
    }
    if (!session_check_peers(PROGRAM, argv + 1, operands))
        return STATUS_USAGE;
    chat.link.session.user = argv[1];
    chat.user = text_of(argv[1]);
    chat.peer = text_of(argv[2]);
    return run(&chat);
}
