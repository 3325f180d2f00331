/* session/window.h: how far writing may be ahead of what a client has read.
 *
 * The kernels of both sides buffer megabytes. A ping behind all that would be answered when a slow
 * client has read it, long after it was taken for dead (session/keepalive.h); and after a broken
 * connection all of it would come again. So only WINDOW_BYTES are written ahead of an unanswered
 * ping; the rest waits in the output, and what has no room there in the mailbox. When the half of
 * that is written, a ping goes behind it; one at a time:
 *
 *     written ──half──► ping ──────all────► waits ──pong──► goes on
 *
 * What a client must read in --pong-timeout, not to be dropped, is the window and one message.
 *
 * It is not used where what has no room is lost (--delivery live), nor where nobody is taken for
 * dead
 * (--ping 0). Who sends frames and answers no ping in the time for pongs breaks RFC 6455 (section
 * 5.5.2) and is written to without it until it does. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"

#define WINDOW_BYTES (128 * 1024)

/* Of one session; begins with nothing but `is_used`. */
struct window {
    bool is_used;
    bool is_suspended; /* until a pong comes */
    bool is_pinged;    /* the ping is not answered yet */
    uint32_t ping;     /* its number */
    int64_t pinged_ms; /* when, as loop_now_ms() */
    size_t covered;    /* bytes that were written before it, and since the last answered one */
    size_t written;    /* bytes since the last answered ping */
};

void window_wrote(struct window *window, size_t bytes);
MUST_USE bool window_is_full(const struct window *window);
MUST_USE bool window_wants_ping(const struct window *window);

/* A ping of this number, whyever, goes out behind everything that was written. */
void window_pinged(struct window *window, uint32_t number, int64_t now_ms);
/* A pong of this number, which was pinged. */
void window_pong(struct window *window, uint32_t number);
/* Something came, and pings from before `overdue_ms` should have been answered. True when the
 * window is suspended by that. */
MUST_USE bool window_heard(struct window *window, int64_t overdue_ms);
