/* parley history: the end of a conversation, out of USER's mailbox, by way of a gateway. */
#include <stdio.h>
#include <stdlib.h>

#include <event2/event.h>

#include "base/buffer.h"
#include "command.h"
#include "common/arguments.h"
#include "common/duration.h"
#include "incoming.h"
#include "message/scan.h"
#include "session.h"
#include "transcript.h"

#define PROGRAM "parley history"
#define HOUR_MS (3600 * 1000)
#define LIMIT_MAX 10000
#define PAGE_MAX 200 /* of one request (docs/protocol.md) */
#define RETRY_MS 200 /* when the gateway does not say */
#define REF "history"

/* It acknowledges nothing, so that no cursor is left in Redis of who has only looked. */
#define DEVICE "parley-history"

static const char help[] =
    "usage: parley history [FLAGS] USER PEER\n"
    "\n"
    "Connects as USER and prints the last messages between USER and PEER that USER's mailbox\n"
    "holds, the newest last, a line each:\n"
    "\n"
    "  2026-11-24T06:02:39Z bob: hello\n"
    "\n"
    "  --limit N           how many messages at most, 1 to 10000 (default: 50)\n"
    "  --json              whole frames, as they were delivered, a line each\n"
    "  --timeout DURATION  how long to wait for each page: 500ms, 10s, 5m (default: 5s)\n"
    "  --url URL           the gateway (default: $PARLEY_URL, else ws://127.0.0.1:3000)\n"
    "\n"
    "Exit status: 0 when the conversation was read; 1 when the gateway refused or did not\n"
    "answer, or when there was no connection; 2 for wrong usage.\n";

struct history {
    struct session session;
    const char *peer;
    bool json;
    size_t limit;
    size_t count;       /* messages so far */
    struct text *pages; /* owned JSON arrays, the newest page first */
    size_t page_count;
    bool has_before;
    struct message_id before; /* where the next page ends */
    struct event *timer;      /* until the answer has to be there */
    struct event *retry;
};

/* ---- Output ---- */

static void print_message(struct history *history, struct text frame, struct builder *out)
{
    struct incoming message;

    if (history->json)
        session_print(&history->session, frame);
    else if (incoming_read(frame, &message))
        transcript_append_message(&message, text_of(history->session.user), text_of(history->peer),
                                  out);
}

static void print(struct history *history)
{
    struct builder out;

    builder_init(&out, SIZE_MAX);
    for (size_t i = history->page_count; i > 0; i--) {
        struct scanner scanner;
        struct scan_value frame;

        scan_begin(&scanner, history->pages[i - 1], SCAN_DEPTH_LIMIT);
        scan_enter(&scanner, '[');
        while (scan_element(&scanner, &frame))
            print_message(history, frame.text, &out);
        session_write(&history->session, &out);
    }
    builder_clear(&out);
}

/* ---- Pages ---- */

static void ask(struct history *history)
{
    size_t left = history->limit - history->count;
    char before[MESSAGE_ID_TEXT_MAX];
    struct builder frame;

    builder_init(&frame, SIZE_MAX);
    builder_append_string(&frame, "{\"type\":\"history\",\"with\":");
    builder_append_json(&frame, text_of(history->peer));
    builder_printf(&frame, ",\"limit\":%zu,\"ref\":\"" REF "\"", left < PAGE_MAX ? left : PAGE_MAX);
    if (history->has_before) {
        message_id_format(history->before, before);
        builder_printf(&frame, ",\"before\":\"%s\"", before);
    }
    builder_append_char(&frame, '}');
    if (!client_send(history->session.client, builder_text(&frame)))
        session_give_up(&history->session, "a page was not asked for");
    builder_clear(&frame);
}

static void ask_next(struct history *history)
{
    struct timeval timeout = duration_timeval(history->session.timeout_ms);

    event_add(history->timer, &timeout);
    ask(history);
}

static size_t count_elements(struct text array)
{
    struct scanner scanner;
    struct scan_value element;
    size_t count = 0;

    scan_begin(&scanner, array, SCAN_DEPTH_LIMIT);
    scan_enter(&scanner, '[');
    while (scan_element(&scanner, &element))
        count++;
    return count;
}

static void keep(struct history *history, struct text messages)
{
    size_t count = count_elements(messages);

    if (count == 0)
        return;
    history->count += count;
    history->pages =
        memory_resize(history->pages, (history->page_count + 1) * sizeof(*history->pages));
    history->pages[history->page_count++] =
        (struct text){memory_copy(messages.at, messages.len), messages.len};
}

static void take_page(struct history *history, const struct incoming *page)
{
    struct message_id next;

    keep(history, page->messages);
    if (page->end || history->count >= history->limit) {
        event_del(history->timer);
        print(history);
        session_end(&history->session);
    } else if (!message_id_parse(page->next, &next) ||
               (history->has_before && message_id_compare(next, history->before) >= 0)) {
        session_give_up(&history->session, "the gateway does not say where the next page ends");
    } else {
        history->has_before = true;
        history->before = next;
        ask_next(history);
    }
}

static void take_error(struct history *history, const struct incoming *error)
{
    int64_t delay_ms = error->retry_after_ms > 0 ? error->retry_after_ms : RETRY_MS;
    struct timeval delay = duration_timeval(delay_ms);
    struct builder words;

    if (text_equal(error->code, TEXT("rate_limited")) ||
        text_equal(error->code, TEXT("unavailable"))) {
        event_add(history->retry, &delay);
        return;
    }
    builder_init(&words, SIZE_MAX);
    transcript_append_value(error->message, &words);
    session_give_up(&history->session, "%.*s: %.*s", (int)error->code.len, error->code.at,
                    (int)words.len, words.data);
    builder_clear(&words);
}

static void on_message(void *arg, struct text frame)
{
    struct history *history = arg;
    struct incoming incoming;

    if (history->session.ending || !incoming_read(frame, &incoming))
        return;
    if (incoming_is(&incoming, "welcome"))
        ask_next(history);
    else if (incoming_is(&incoming, "history") && text_equal(incoming.ref, TEXT(REF)))
        take_page(history, &incoming);
    else if (incoming_is(&incoming, "error") && text_equal(incoming.ref, TEXT(REF)))
        take_error(history, &incoming);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    ask(arg);
}

static void on_timeout(evutil_socket_t fd, short what, void *arg)
{
    struct history *history = arg;

    (void)fd;
    (void)what;
    session_give_up(&history->session, "no answer after %lld ms",
                    (long long)history->session.timeout_ms);
}

/* ---- Begin and end ---- */

static int run(struct history *history)
{
    static const struct session_handler handler = {.message = on_message};
    struct timeval timeout = duration_timeval(history->session.timeout_ms);

    if (session_open(&history->session, &handler, history)) {
        history->timer = evtimer_new(history->session.base, on_timeout, history);
        history->retry = evtimer_new(history->session.base, on_retry, history);
        event_add(history->timer, &timeout);
        event_base_dispatch(history->session.base);
        event_free(history->timer);
        event_free(history->retry);
    }
    for (size_t i = 0; i < history->page_count; i++)
        free((void *)(uintptr_t)history->pages[i].at);
    free(history->pages);
    return session_finish(&history->session);
}

int history_run(int argc, char **argv)
{
    struct history history = {
        .session = {.program = PROGRAM,
                    .where = session_default_url(),
                    .device = DEVICE,
                    .acks = true,
                    .timeout_ms = 5000},
        .limit = 50,
    };
    bool wants_help = false;
    int operands;
    const struct argument flags[] = {
        {"--limit", ARGUMENT_NUMBER, &history.limit, 1, LIMIT_MAX},
        {"--json", ARGUMENT_SWITCH, &history.json, 0, 0},
        {"--timeout", ARGUMENT_DURATION, &history.session.timeout_ms, 1, HOUR_MS},
        {"--url", ARGUMENT_TEXT, &history.session.where, 0, 0},
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
    history.session.user = argv[1];
    history.peer = argv[2];
    return run(&history);
}
