/* parley listen: every frame of a session as one line. */
#include <stdio.h>

#include <event2/event.h>

#include "command.h"
#include "common/arguments.h"
#include "common/duration.h"
#include "incoming.h"
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
    struct incoming incoming;

    session_print(&listener->session, frame);
    if (!incoming_read(frame, &incoming) || !incoming_is(&incoming, "message"))
        return;
    listener->messages++;
    if (listener->messages == listener->wanted)
        session_end(&listener->session);
}

static void on_timeout(evutil_socket_t fd, short what, void *arg)
{
    struct listener *listener = arg;

    (void)fd;
    (void)what;
    if (listener->session.ending)
        session_stop(&listener->session);
    else
        session_give_up(&listener->session, "after %lld ms, messages received: %zu",
                        (long long)listener->timeout_ms, listener->messages);
}

static int run(struct listener *listener)
{
    static const struct session_handler handler = {.message = on_message};
    struct timeval timeout = duration_timeval(listener->timeout_ms);
    struct event *timer;

    if (session_open(&listener->session, &handler, listener)) {
        session_watch_interrupts(&listener->session);
        timer = evtimer_new(listener->session.base, on_timeout, listener);
        if (listener->timeout_ms > 0)
            event_add(timer, &timeout);
        event_base_dispatch(listener->session.base);
        event_free(timer);
    }
    return session_finish(&listener->session);
}

int listen_run(int argc, char **argv)
{
    struct listener listener = {
        .session = {.program = PROGRAM,
                    .where = session_default_url(),
                    .timeout_ms = CONNECT_TIMEOUT_MS},
    };
    bool wants_help = false;
    int operands;
    const struct argument flags[] = {
        {"--user", ARGUMENT_TEXT, &listener.session.user, 0, 0},
        {"--device", ARGUMENT_TEXT, &listener.session.device, 0, 0},
        {"--count", ARGUMENT_NUMBER, &listener.wanted, 1, SIZE_MAX},
        {"--timeout", ARGUMENT_DURATION, &listener.timeout_ms, 1, DAY_MS},
        {"--url", ARGUMENT_TEXT, &listener.session.where, 0, 0},
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
    if (operands > 0 || !listener.session.user)
        return session_complain(PROGRAM, listener.session.user ? "it takes flags only"
                                                               : "--user is missing");
    return run(&listener);
}
