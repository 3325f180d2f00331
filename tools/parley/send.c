/* parley send: messages from the command line or from standard input, each answered. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "command.h"
#include "common/arguments.h"
#include "common/duration.h"
#include "incoming.h"
#include "lines.h"
#include "outgoing.h"
#include "session.h"

#define PROGRAM "parley send"
#define HOUR_MS (3600 * 1000)

/* Its own place to read: what arrives here while sending is not what the user has read. */
#define DEVICE "parley-send"

/* Messages without an answer: a long input goes at the gateway's pace. */
#define IN_FLIGHT_MAX 16

static const char help[] =
    "usage: parley send --user USER [FLAGS] RECEIVER [CONTENT]\n"
    "\n"
    "Sends CONTENT from USER to RECEIVER, or each line of standard input, and prints the\n"
    "gateway's answer to each (`sent` or `error`) as one line of JSON.\n"
    "\n"
    "  --user USER         who sends\n"
    "  --json              what is JSON is sent as such, the rest as a string\n"
    "                      (default: everything is sent as a string)\n"
    "  --timeout DURATION  how long to wait for each answer: 500ms, 10s, 5m (default: 5s)\n"
    "  --url URL           the gateway (default: $PARLEY_URL, else ws://127.0.0.1:3000)\n"
    "\n"
    "Exit status: 0 when every message was accepted; 1 when one was refused or not answered,\n"
    "or when there was no connection; 2 for wrong usage.\n";

struct sender {
    struct session session;
    const char *receiver;
    const char *content; /* NULL: lines of standard input */
    bool json;
    struct lines lines;
    struct event *timer; /* runs while an answer is awaited */
    struct refs refs;
    struct outgoing in_flight[IN_FLIGHT_MAX];
    size_t in_flight_count;
};

static void restart_timer(struct sender *sender)
{
    struct timeval delay = duration_timeval(sender->session.timeout_ms);

    if (sender->in_flight_count > 0)
        event_add(sender->timer, &delay);
    else
        event_del(sender->timer);
}

static void send_message(struct sender *sender, struct text content)
{
    struct outgoing *message = &sender->in_flight[sender->in_flight_count];

    if (!outgoing_make(message, &sender->refs, text_of(sender->receiver), content, sender->json)) {
        session_fail(&sender->session, "a message that is not UTF-8 was not sent");
    } else if (!client_send(sender->session.client, message->frame)) {
        session_fail(&sender->session, "a message was not sent");
        outgoing_clear(message);
    } else {
        sender->in_flight_count++;
    }
}

/* Sends what may be sent, and ends when all is answered. */
static void proceed(void *arg)
{
    struct sender *sender = arg;
    struct text line;
    char *taken = NULL;

    while (sender->in_flight_count < IN_FLIGHT_MAX && (taken = lines_take(&sender->lines, &line))) {
        send_message(sender, line);
        free(taken);
    }
    if (lines_over(&sender->lines) && sender->in_flight_count == 0)
        session_end(&sender->session);
    restart_timer(sender);
}

static void on_opened(void *arg)
{
    struct sender *sender = arg;

    if (sender->content)
        send_message(sender, text_of(sender->content));
    else
        lines_begin(&sender->lines, &sender->session, proceed, sender);
    proceed(sender);
}

static bool forget_ref(struct sender *sender, struct text ref)
{
    for (size_t i = 0; i < sender->in_flight_count; i++) {
        if (text_equal(ref, text_of(sender->in_flight[i].ref))) {
            outgoing_clear(&sender->in_flight[i]);
            sender->in_flight[i] = sender->in_flight[--sender->in_flight_count];
            return true;
        }
    }
    return false;
}

static void on_message(void *arg, struct text frame)
{
    struct sender *sender = arg;
    struct incoming incoming;
    bool refused;

    if (!incoming_read(frame, &incoming))
        return;
    refused = incoming_is(&incoming, "error");
    if (!refused && !incoming_is(&incoming, "sent"))
        return;
    session_print(&sender->session, frame);
    if (refused)
        sender->session.status = STATUS_FAILED;
    if (forget_ref(sender, incoming.ref))
        proceed(sender);
}

static void on_timeout(evutil_socket_t fd, short what, void *arg)
{
    struct sender *sender = arg;

    (void)fd;
    (void)what;
    session_give_up(&sender->session, "unanswered after %lld ms: %zu",
                    (long long)sender->session.timeout_ms, sender->in_flight_count);
}

static int run(struct sender *sender)
{
    static const struct session_handler handler = {.opened = on_opened, .message = on_message};

    if (session_open(&sender->session, &handler, sender)) {
        refs_draw(&sender->refs);
        sender->timer = evtimer_new(sender->session.base, on_timeout, sender);
        event_base_dispatch(sender->session.base);
        event_free(sender->timer);
        lines_clear(&sender->lines);
    }
    for (size_t i = 0; i < sender->in_flight_count; i++)
        outgoing_clear(&sender->in_flight[i]);
    return session_finish(&sender->session);
}

int send_run(int argc, char **argv)
{
    struct sender sender = {
        .session = {.program = PROGRAM,
                    .where = session_default_url(),
                    .device = DEVICE,
                    .timeout_ms = 5000},
    };
    bool wants_help = false;
    int operands;
    const struct argument flags[] = {
        {"--user", ARGUMENT_TEXT, &sender.session.user, 0, 0},
        {"--json", ARGUMENT_SWITCH, &sender.json, 0, 0},
        {"--timeout", ARGUMENT_DURATION, &sender.session.timeout_ms, 1, HOUR_MS},
        {"--url", ARGUMENT_TEXT, &sender.session.where, 0, 0},
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
    if (!sender.session.user)
        return session_complain(PROGRAM, "--user is missing");
    if (operands == 0)
        return session_complain(PROGRAM, "RECEIVER is missing");
    if (operands > 2)
        return session_complain(
            PROGRAM, "it takes RECEIVER and CONTENT: put quotes around a CONTENT with blanks");
    sender.receiver = argv[1];
    sender.content = operands == 2 ? argv[2] : NULL;
    if (!text_is_utf8(text_of(sender.receiver)) || !text_is_utf8(text_of(sender.content)))
        return session_complain(PROGRAM, "RECEIVER and CONTENT must be UTF-8");
    return run(&sender);
}
