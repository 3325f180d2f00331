/* parley/session.h: what the commands of `parley` have in common: one session, told about on
 * standard output and standard error. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "common/client.h"
#include "common/url.h"

/* Exit status. */
#define STATUS_DONE 0
#define STATUS_FAILED 1
#define STATUS_USAGE 2

struct session_handler {
    void (*opened)(void *arg);                     /* NULL: nothing to do then */
    void (*message)(void *arg, struct text frame); /* valid until it returns */
};

struct session {
    const char *program; /* `parley listen`: in front of what is written to standard error */
    struct event_base *base;
    struct url url;
    struct client *client;
    const struct session_handler *handler;
    void *arg;
    bool ending; /* we are closing: the connection's end is no failure */
    int status;  /* of the program; STATUS_DONE until something fails */
};

/* PARLEY_URL, or ws://127.0.0.1:3000. */
const char *session_default_url(void);

/* Makes the event base and starts to connect; `handler` outlives the session. When the connection
 * ends the loop does: with a line on standard error, unless session_end() was called. False after a
 * line on standard error, with `status` set. To be cleared in either case. */
MUST_USE bool session_open(struct session *session, const char *url, const char *user,
                           const char *device, int64_t timeout_ms,
                           const struct session_handler *handler, void *arg);
void session_clear(struct session *session);

/* Starts the closing handshake: all is done. */
void session_end(struct session *session);

/* One line on standard error; the status becomes STATUS_FAILED. */
void session_fail(struct session *session, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Writes the frame as one line to standard output, at once. */
void session_print(struct session *session, struct text frame);

/* The loop ends after this turn. */
void session_stop(struct session *session);

/* What a frame of the gateway says of itself; empty where it does not. Strings are as they were
 * sent, without their quotes; they point into the frame. */
struct frame_about {
    struct text type;
    struct text ref;
};
struct frame_about session_read_frame(struct text frame);
