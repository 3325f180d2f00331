/* parley send: messages from the command line or from standard input, each answered. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/util.h>

#include "base/buffer.h"
#include "command.h"
#include "common/arguments.h"
#include "common/duration.h"
#include "message/scan.h"
#include "session.h"

#define PROGRAM "parley send"
#define FRAME_MAX ((size_t)16 << 20)
#define LINE_MAX_BYTES ((size_t)1 << 20)
#define HOUR_MS (3600 * 1000)

/* Its own place to read: what arrives here while sending is not what the user has read. */
#define DEVICE "parley-send"

/* Messages without an answer: a long input goes at the gateway's pace. */
#define IN_FLIGHT_MAX 16

#define REF_BYTES 12
#define REF_SIZE (2 * REF_BYTES + 1) /* in hexadecimal, and a NUL */

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
    bool input_ended;
    int64_t timeout_ms;
    struct evbuffer *lines; /* read, and not sent yet */
    struct event *input;
    struct event *timer; /* runs while an answer is awaited */
    char refs[IN_FLIGHT_MAX][REF_SIZE];
    size_t in_flight;
};

static void draw_ref(char ref[REF_SIZE])
{
    unsigned char random[REF_BYTES];

    evutil_secure_rng_get_bytes(random, sizeof(random));
    for (size_t i = 0; i < REF_BYTES; i++)
        snprintf(ref + 2 * i, 3, "%02x", random[i]);
}

static bool is_json(struct text content)
{
    struct scanner scanner;
    struct scan_value value;

    scan_begin(&scanner, content, SCAN_DEPTH_LIMIT);
    return scan_value(&scanner, &value) && scan_end(&scanner);
}

static void restart_timer(struct sender *sender)
{
    struct timeval delay = duration_timeval(sender->timeout_ms);

    if (sender->in_flight > 0)
        event_add(sender->timer, &delay);
    else
        event_del(sender->timer);
}

static void send_message(struct sender *sender, struct text content)
{
    char *ref = sender->refs[sender->in_flight];
    struct builder frame;

    if (!text_is_utf8(content)) {
        session_fail(&sender->session, "a message that is not UTF-8 was not sent");
        return;
    }
    draw_ref(ref);
    builder_init(&frame, FRAME_MAX);
    builder_append_string(&frame, "{\"receiverID\":");
    builder_append_json(&frame, text_of(sender->receiver));
    builder_append_string(&frame, ",\"content\":");
    if (sender->json && is_json(content))
        builder_append(&frame, content);
    else
        builder_append_json(&frame, content);
    builder_printf(&frame, ",\"ref\":\"%s\"}", ref);
    if (!frame.full && client_send(sender->session.client, builder_text(&frame)))
        sender->in_flight++;
    else
        session_fail(&sender->session, "a message was not sent");
    builder_clear(&frame);
}

/* Sends what may be sent, and ends when all is answered. */
static void proceed(struct sender *sender)
{
    while (sender->in_flight < IN_FLIGHT_MAX && sender->lines) {
        size_t len;
        char *line = evbuffer_readln(sender->lines, &len, EVBUFFER_EOL_CRLF);

        if (!line)
            break;
        send_message(sender, (struct text){line, len});
        free(line);
    }
    if (sender->input_ended && sender->in_flight == 0) {
        session_end(&sender->session);
    } else if (!sender->input_ended && sender->in_flight < IN_FLIGHT_MAX) {
        event_add(sender->input, NULL);
    } else {
        event_del(sender->input);
    }
    restart_timer(sender);
}

static void on_input(evutil_socket_t fd, short what, void *arg)
{
    struct sender *sender = arg;
    int count = evbuffer_read(sender->lines, fd, -1);

    (void)what;
    if (count < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (count < 0)
        session_fail(&sender->session, "cannot read standard input: %s", strerror(errno));
    if (count <= 0) {
        sender->input_ended = true;
        if (evbuffer_get_length(sender->lines) > 0) /* a last line without an end */
            evbuffer_add(sender->lines, "\n", 1);
    }
    proceed(sender);
    if (evbuffer_get_length(sender->lines) > LINE_MAX_BYTES && sender->in_flight < IN_FLIGHT_MAX) {
        session_fail(&sender->session, "a line is longer than %zu bytes", LINE_MAX_BYTES);
        session_stop(&sender->session);
    }
}

static void on_opened(void *arg)
{
    struct sender *sender = arg;

    if (sender->content) {
        send_message(sender, text_of(sender->content));
        sender->input_ended = true;
    }
    proceed(sender);
}

static bool forget_ref(struct sender *sender, struct text ref)
{
    for (size_t i = 0; i < sender->in_flight; i++) {
        if (text_equal(ref, text_of(sender->refs[i]))) {
            sender->in_flight--;
            memmove(sender->refs[i], sender->refs[sender->in_flight], REF_SIZE);
            return true;
        }
    }
    return false;
}

static void on_message(void *arg, struct text frame)
{
    struct sender *sender = arg;
    struct frame_about about = session_read_frame(frame);
    bool refused = text_equal(about.type, TEXT("error"));

    if (!refused && !text_equal(about.type, TEXT("sent")))
        return;
    session_print(&sender->session, frame);
    if (refused)
        sender->session.status = STATUS_FAILED;
    if (forget_ref(sender, about.ref))
        proceed(sender);
}

static void on_timeout(evutil_socket_t fd, short what, void *arg)
{
    struct sender *sender = arg;

    (void)fd;
    (void)what;
    session_fail(&sender->session, "unanswered after %lld ms: %zu", (long long)sender->timeout_ms,
                 sender->in_flight);
    session_stop(&sender->session);
}

static void run(struct sender *sender, const char *url, const char *user)
{
    static const struct session_handler handler = {on_opened, on_message};

    if (session_open(&sender->session, url, user, DEVICE, sender->timeout_ms, &handler, sender)) {
        struct event_base *base = sender->session.base;

        sender->lines = evbuffer_new();
        sender->input = event_new(base, STDIN_FILENO, EV_READ | EV_PERSIST, on_input, sender);
        sender->timer = evtimer_new(base, on_timeout, sender);
        event_base_dispatch(base);
        event_free(sender->input);
        event_free(sender->timer);
        evbuffer_free(sender->lines);
    }
    session_clear(&sender->session);
}

static int complain(const char *what)
{
    fprintf(stderr, "%s: %s (parley send --help)\n", PROGRAM, what);
    return STATUS_USAGE;
}

int send_run(int argc, char **argv)
{
    struct sender sender = {.session = {.program = PROGRAM}, .timeout_ms = 5000};
    const char *url = session_default_url();
    const char *user = NULL;
    bool wants_help = false;
    int operands;
    const struct argument flags[] = {
        {"--user", ARGUMENT_TEXT, &user, 0, 0},
        {"--json", ARGUMENT_SWITCH, &sender.json, 0, 0},
        {"--timeout", ARGUMENT_DURATION, &sender.timeout_ms, 1, HOUR_MS},
        {"--url", ARGUMENT_TEXT, &url, 0, 0},
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
    if (!user)
        return complain("--user is missing");
    if (operands == 0)
        return complain("RECEIVER is missing");
    if (operands > 2)
        return complain("it takes RECEIVER and CONTENT: put quotes around a CONTENT with blanks");
    sender.receiver = argv[1];
    sender.content = operands == 2 ? argv[2] : NULL;
    if (!text_is_utf8(text_of(sender.receiver)) || !text_is_utf8(text_of(sender.content)))
        return complain("RECEIVER and CONTENT must be UTF-8");
    run(&sender, url, user);
    return sender.session.status;
}
