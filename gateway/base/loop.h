/* base/loop.h: the one loop of the process, its timers, signals and the end of a turn.
 *
 * libevent is the loop. libwebsockets runs on a libuv loop that is driven from here: its epoll
 * descriptor is a read event in libevent, and it is pumped once per turn, always, because only
 * that makes the kernel see what a libevent callback asked of libwebsockets. No other file knows
 * libuv. A turn: libevent's events, what was deferred, the pump, what that deferred. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/memory.h"

struct event_base;
struct loop;
struct timer;

typedef void loop_cb(void *arg);

/* NULL when the system refuses (no epoll, no descriptors); errno says why. */
MUST_USE struct loop *loop_new(void);
void loop_free(struct loop *loop); /* after everything that uses it: nothing may be deferred then,
                                    * no libuv handle open; NULL is allowed */

void loop_run(struct loop *loop);  /* until loop_stop() */
void loop_stop(struct loop *loop); /* after this turn; before loop_run(): that returns at once */

struct event_base *loop_event_base(struct loop *loop); /* for bufferevents and listeners */
void *loop_uv(struct loop *loop);                      /* the uv_loop_t, for libwebsockets */

/* Runs libuv's callbacks, and what is deferred, until nothing is left of either; for libwebsockets'
 * teardown, after loop_run(). */
void loop_settle_uv(struct loop *loop);

/* Monotonic milliseconds, as of the start of this turn's callbacks: cheap, and good for deadlines.
 */
int64_t loop_now_ms(struct loop *loop);

/* Monotonic microseconds, read from the clock at each call: for measuring. */
int64_t loop_clock_us(void);

/* A one-shot timer; starting it again moves it. Never early by loop_now_ms(). `run` may start, stop
 * or free it. The caller frees it, before the loop. */
struct timer *timer_new(struct loop *loop, loop_cb *run, void *arg);
void timer_start(struct timer *timer, int64_t delay_ms); /* 0 or more */
void timer_stop(struct timer *timer);
bool timer_is_running(const struct timer *timer);
void timer_free(struct timer *timer); /* NULL is allowed */

/* Work for the end of this turn: what frees itself is freed there, what was gathered goes out
 * there. Embedded in its owner; deferring it twice in one turn runs it once. */
struct deferred {
    loop_cb *run;
    void *arg;
    TAILQ_ENTRY(deferred) link;
    bool queued;
};
void deferred_init(struct deferred *deferred, loop_cb *run, void *arg);
void loop_defer(struct loop *loop, struct deferred *deferred);
void loop_cancel(struct loop *loop, struct deferred *deferred); /* also when it is not queued */

/* Calls `run` in the loop (not in the signal handler) at each arrival of `signal_number`, until the
 * loop is freed. False when libevent refuses. */
MUST_USE bool loop_on_signal(struct loop *loop, int signal_number, loop_cb *run, void *arg);
