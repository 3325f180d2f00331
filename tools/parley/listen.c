/* parley listen: every frame of a session as one line. */
#include <signal.h>
#include <stdio.h>

#include <event2/event.h>

#include "command.h"
#include "common/arguments.h"
#include "common/duration.h"
#include "session.h"

#define PROGRAM "parley listen"
#define CONNECT_TIMEOUT_MS 10000
#define DAY_MS (24 * 3600 * 1000)

static const char help[] =
    "usage: parley listen --user USER [FLAGS]\n"
    "\n"
    "Connects as USER and prints every frame that arrives as one line of JSON.\n"
    "\n"
    "  --user USER         whose messages\n"
    "  --device DEVICE     the place to read (the gateway's default: default)\n"
    "  --count N           end after N messages (default: none, until interrupted)\n"
    "  --timeout DURATION  give up after that time: 500ms, 10s, 5m (default: never)\n"
    "  --url URL           the gateway (default: $PARLEY_URL, else ws://127.0.0.1:3000)\n"
    "\n"
    "Exit status: 0 after N messages or an interrupt; 1 when the time passed first, or when\n"
    "the connection was refused or lost; 2 for wrong usage.\n";

struct listener {
    struct session session;
    size_t messages;
    size_t wanted; /* 0: no end */
    int64_t timeout_ms;
};

static void on_message(void *arg, struct text frame)
{
    struct listener *listener = arg;

    session_print(&listener->session, frame);
    if (!text_equal(session_read_frame(frame).type, TEXT("message")))
        return;
    listener->messages++;
    if (listener->messages == listener->wanted)
        session_end(&listener->session);
}

static void on_interrupt(evutil_socket_t number, short what, void *arg)
{
    struct listener *listener = arg;

    (void)number;
    (void)what;
    if (listener->session.ending) /* the second time: do not wait for the gateway */
        session_stop(&listener->session);
    session_end(&listener->session);
}

static void on_timeout(evutil_socket_t fd, short what, void *arg)
{
    struct listener *listener = arg;

    (void)fd;
    (void)what;
    if (!listener->session.ending)
        session_fail(&listener->session, "after %lld ms, messages received: %zu",
                     (long long)listener->timeout_ms, listener->messages);
    session_stop(&listener->session);
}

static void run(struct listener *listener)
{
    struct event_base *base = listener->session.base;
    struct timeval timeout = duration_timeval(listener->timeout_ms);
    struct event *interrupt = evsignal_new(base, SIGINT, on_interrupt, listener);
    struct event *terminate = evsignal_new(base, SIGTERM, on_interrupt, listener);
    struct event *timer = evtimer_new(base, on_timeout, listener);

    event_add(interrupt, NULL);
    event_add(terminate, NULL);
    if (listener->timeout_ms > 0)
        event_add(timer, &timeout);
    event_base_dispatch(base);
    event_free(interrupt);
    event_free(terminate);
    event_free(timer);
}

int listen_run(int argc, char **argv)
{
    static const struct session_handler handler = {.message = on_message};
    struct listener listener = {.session = {.program = PROGRAM}};
    const char *url = session_default_url();
    const char *device = NULL;
    const char *user = NULL;
    bool wants_help = false;
    int operands;
    const struct argument flags[] = {
        {"--user", ARGUMENT_TEXT, &user, 0, 0},
        {"--device", ARGUMENT_TEXT, &device, 0, 0},
        {"--count", ARGUMENT_NUMBER, &listener.wanted, 1, SIZE_MAX},
        {"--timeout", ARGUMENT_DURATION, &listener.timeout_ms, 1, DAY_MS},
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
    if (operands > 0 || !user) {
        fprintf(stderr, "%s: %s (parley listen --help)\n", PROGRAM,
                user ? "it takes flags only" : "--user is missing");
        return STATUS_USAGE;
    }
    if (session_open(&listener.session, url, user, device, CONNECT_TIMEOUT_MS, &handler, &listener))
        run(&listener);
    session_clear(&listener.session);
    return listener.session.status;
}
