/* parley/session.h: what the commands of `parley` that ask a gateway have in common: one session,
 * told about on standard output and standard error. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "common/client.h"
#include "common/url.h"

struct event;

/* Exit status. */
#define STATUS_DONE 0
#define STATUS_FAILED 1
#define STATUS_USAGE 2

struct session_handler {
    void (*opened)(void *arg);                     /* NULL: nothing to do then */
    void (*message)(void *arg, struct text frame); /* valid until it returns */
    /* The connection has ended or was not made; not called after session_end(). NULL: a line on
     * standard error, and the loop ends. */
    void (*closed)(void *arg, const struct client_end *end);
    /* The first interrupt (session_watch_interrupts()). NULL: session_end(). */
    void (*interrupted)(void *arg);
};

struct session {
    /* To be set before session_open(), and to outlive it. */
    const char *program; /* `parley listen`: in front of what is written to standard error */
    const char *where;   /* --url */
    const char *user;
    const char *device; /* NULL: the gateway's default */
    bool acks;          /* it acknowledges by itself (ack=client), if at all */
    const char *since;  /* the id behind which to go on; NULL: where the device is */
    const char *epoch;  /* in which that was; NULL: not known */
    int64_t timeout_ms; /* for connecting, and again for closing */

    struct event_base *base;
    struct event *interrupt; /* NULL until session_watch_interrupts() */
    struct event *terminate;
    struct url url;
    struct client *client; /* NULL: not connected, and not connecting */
    const struct session_handler *handler;
    void *arg;
    bool ending; /* we are closing: the connection's end is no failure */
    int status;  /* of the program; STATUS_DONE until something fails */
};

/* PARLEY_URL, or ws://127.0.0.1:3000. */
const char *session_default_url(void);

/* Reads `where` and makes the event base; `handler` outlives the session. False after a line on
 * standard error, with `status` set. session_finish() is due in either case. */
MUST_USE bool session_prepare(struct session *session, const struct session_handler *handler,
                              void *arg);
/* Starts to connect, or to connect again after closed(). NULL, or why that failed at once, in words
 * that live until the next call. */
MUST_USE const char *session_connect(struct session *session);
/* Both, with a line on standard error for the latter too. */
MUST_USE bool session_open(struct session *session, const struct session_handler *handler,
                           void *arg);

/* From now on the first SIGINT or SIGTERM is told to the handler, and the second one ends the loop.
 */
void session_watch_interrupts(struct session *session);

/* Cuts what is open and frees all; the exit status. */
int session_finish(struct session *session);

/* All is done: starts the closing handshake, at the end of which the loop ends; at once without a
 * connection. */
void session_end(struct session *session);

/* The loop ends after this turn. */
void session_stop(struct session *session);

/* One line on standard error. */
void session_say(const struct session *session, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same; the status becomes STATUS_FAILED. */
void session_fail(struct session *session, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same; and the loop ends. */
void session_give_up(struct session *session, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* `g1:3000 answered HTTP 503: …`, `the connection to g1:3000 was closed (1001): …` */
void session_append_end(const struct session *session, const struct client_end *end,
                        struct builder *out);

/* Writes the frame as one line to standard output, at once. */
void session_print(struct session *session, struct text frame);
/* Writes what was built, whole lines, to standard output, at once; the builder is empty then. */
void session_write(struct session *session, struct builder *lines);

/* `parley send: RECEIVER is missing (parley send --help)` on standard error; STATUS_USAGE. */
int session_complain(const char *program, const char *what);
/* Whether the operands are USER and PEER. False after such a line. */
MUST_USE bool session_check_peers(const char *program, char **operands, int count);
