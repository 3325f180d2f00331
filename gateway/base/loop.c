#include "base/loop.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/event.h>
#include <event2/event_struct.h>
#include <uv.h>

#include "base/log.h"

struct signal_handler {
    struct event event;
    loop_cb *run;
    void *arg;
    struct signal_handler *next;
};

TAILQ_HEAD(deferred_list, deferred);

struct loop {
    struct event_base *base;
    uv_loop_t uv;
    struct event uv_ready; /* libuv's epoll descriptor has events */
    struct event uv_timer; /* libuv's next timer is due */
    struct deferred_list deferred;
    struct deferred end; /* in the list while it is drained: what comes behind it waits */
    struct signal_handler *signals;
    int64_t now_ms; /* of this turn; 0 until somebody asks */
    bool turning;
    bool busy; /* work is left that no descriptor and no timer announces */
    bool stopping;
};

struct timer {
    struct event event;
    struct loop *loop;
    loop_cb *run;
    void *arg;
    int64_t due_ms;
};

int64_t loop_clock_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t loop_now_ms(struct loop *loop)
{
    if (!loop->turning)
        return loop_clock_us() / 1000;
    if (loop->now_ms == 0)
        loop->now_ms = loop_clock_us() / 1000;
    return loop->now_ms;
}

static void add_event(struct event *event, const struct timeval *timeout)
{
    /* For a timer, and for a descriptor that is open, it fails only without memory. */
    if (event_add(event, timeout) != 0)
        abort();
}

static void add_timeout(struct event *event, int64_t delay_ms)
{
    struct timeval delay = {.tv_sec = delay_ms / 1000, .tv_usec = delay_ms % 1000 * 1000};
    add_event(event, &delay);
}

/* Waking up is all that libuv's events are for: the pump comes in every turn. */
static void wake_up(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
}

/* With epoll or not at all: libevent would fall back to poll(2), which is linear in sockets. */
static struct event_base *base_new(void)
{
    struct event_config *config = event_config_new();
    if (config == NULL || event_config_require_features(config, EV_FEATURE_O1) != 0)
        abort();
    errno = 0;
    struct event_base *base = event_base_new_with_config(config);
    if (base == NULL && errno == 0)
        errno = ENOSYS;
    event_config_free(config);
    return base;
}

/* What libevent says by itself, such as that no name server answers: whoever asked is told too. */
static void log_library_line(int severity, const char *line)
{
    if (severity == EVENT_LOG_ERR)
        log_error("libevent", LOG_STRING("line", line));
    else
        log_debug("libevent", LOG_STRING("line", line));
}

struct loop *loop_new(void)
{
    event_set_log_callback(log_library_line);
    struct event_base *base = base_new();
    if (base == NULL)
        return NULL;

    struct loop *loop = memory_alloc(sizeof(*loop));
    int result = uv_loop_init(&loop->uv);
    if (result != 0) {
        event_base_free(base);
        free(loop);
        errno = -result; /* libuv's errors are negative errno values on Unix */
        return NULL;
    }
    loop->base = base;
    TAILQ_INIT(&loop->deferred);
    deferred_init(&loop->end, NULL, NULL);
    event_assign(&loop->uv_ready, base, uv_backend_fd(&loop->uv), EV_READ | EV_PERSIST, wake_up,
                 NULL);
    add_event(&loop->uv_ready, NULL);
    evtimer_assign(&loop->uv_timer, base, wake_up, NULL);
    loop->busy = true; /* nothing tells what is registered with libuv before the first pump */
    return loop;
}

void loop_free(struct loop *loop)
{
    if (loop == NULL)
        return;
    assert(TAILQ_EMPTY(&loop->deferred));
    while (loop->signals != NULL) {
        struct signal_handler *handler = loop->signals;
        loop->signals = handler->next;
        event_del(&handler->event);
        free(handler);
    }
    event_del(&loop->uv_ready);
    event_del(&loop->uv_timer);
    int result = uv_loop_close(&loop->uv);
    assert(result == 0); /* else a handle was left open */
    event_base_free(loop->base);
    free(loop);
}

struct event_base *loop_event_base(struct loop *loop)
{
    return loop->base;
}

void *loop_uv(struct loop *loop)
{
    return &loop->uv;
}

/* Runs what is in the list now; what is deferred meanwhile waits for the next call. */
static void run_deferred(struct loop *loop)
{
    struct deferred *first;

    loop_defer(loop, &loop->end);
    while ((first = TAILQ_FIRST(&loop->deferred)) != &loop->end) {
        loop_cancel(loop, first);
        first->run(first->arg); /* may free `first` */
    }
    loop_cancel(loop, &loop->end);
}

static void pump(struct loop *loop)
{
    uv_run(&loop->uv, UV_RUN_NOWAIT);
    run_deferred(loop);
    uv_update_time(&loop->uv); /* the timeout counts from libuv's idea of now */
    /* 0 also when that work made libuv watch something, which only the next pump tells the kernel;
     * and without an open handle, where it means: return from uv_run(). */
    int timeout_ms = uv_loop_alive(&loop->uv) ? uv_backend_timeout(&loop->uv) : -1;
    if (timeout_ms > 0)
        add_timeout(&loop->uv_timer, timeout_ms);
    else
        event_del(&loop->uv_timer);
    loop->busy = timeout_ms == 0 || !TAILQ_EMPTY(&loop->deferred);
}

static void turn(struct loop *loop)
{
    loop->now_ms = 0;
    if (event_base_loop(loop->base, EVLOOP_ONCE | (loop->busy ? EVLOOP_NONBLOCK : 0)) < 0) {
        /* epoll_wait(2) failed: nothing would ever happen again. */
        log_error("loop_failed", LOG_STRING("reason", strerror(errno)));
        abort();
    }
    run_deferred(loop);
    pump(loop);
}

void loop_run(struct loop *loop)
{
    loop->turning = true;
    while (!loop->stopping)
        turn(loop);
    loop->turning = false;
    loop->stopping = false;
}

void loop_stop(struct loop *loop)
{
    loop->stopping = true;
}

void loop_settle_uv(struct loop *loop)
{
    bool alive;
    do {
        run_deferred(loop);
        alive = uv_run(&loop->uv, UV_RUN_NOWAIT) != 0;
    } while (alive || !TAILQ_EMPTY(&loop->deferred));
}

static void on_timeout(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct timer *timer = arg;

    /* libevent reads a coarse clock and counts from the start of its turn: some ms early. */
    int64_t left_ms = timer->due_ms - loop_now_ms(timer->loop);
    if (left_ms > 0)
        add_timeout(&timer->event, left_ms);
    else
        timer->run(timer->arg); /* may free the timer */
}

struct timer *timer_new(struct loop *loop, loop_cb *run, void *arg)
{
    struct timer *timer = memory_alloc(sizeof(*timer));
    timer->loop = loop;
    timer->run = run;
    timer->arg = arg;
    evtimer_assign(&timer->event, loop->base, on_timeout, timer);
    return timer;
}

void timer_start(struct timer *timer, int64_t delay_ms)
{
    assert(delay_ms >= 0);
    timer->due_ms = loop_now_ms(timer->loop) + delay_ms;
    add_timeout(&timer->event, delay_ms);
}

void timer_stop(struct timer *timer)
{
    event_del(&timer->event);
}

bool timer_is_running(const struct timer *timer)
{
    return evtimer_pending(&timer->event, NULL);
}

void timer_free(struct timer *timer)
{
    if (timer == NULL)
        return;
    event_del(&timer->event);
    free(timer);
}

void deferred_init(struct deferred *deferred, loop_cb *run, void *arg)
{
    *deferred = (struct deferred){.run = run, .arg = arg};
}

void loop_defer(struct loop *loop, struct deferred *deferred)
{
    if (deferred->queued)
        return;
    deferred->queued = true;
    TAILQ_INSERT_TAIL(&loop->deferred, deferred, link);
}

void loop_cancel(struct loop *loop, struct deferred *deferred)
{
    if (!deferred->queued)
        return;
    deferred->queued = false;
    TAILQ_REMOVE(&loop->deferred, deferred, link);
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct signal_handler *handler = arg;
    handler->run(handler->arg);
}

bool loop_on_signal(struct loop *loop, int signal_number, loop_cb *run, void *arg)
{
    struct signal_handler *handler = memory_alloc(sizeof(*handler));
    handler->run = run;
    handler->arg = arg;
    evsignal_assign(&handler->event, loop->base, signal_number, on_signal, handler);
    if (event_add(&handler->event, NULL) != 0) {
        free(handler);
        return false;
    }
    handler->next = loop->signals;
    loop->signals = handler;
    return true;
}
