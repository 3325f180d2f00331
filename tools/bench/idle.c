/* parley-bench idle: how fast sessions open, and what memory each takes. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <event2/event.h>

#include "base/loop.h"
#include "command.h"
#include "common/arguments.h"
#include "common/duration.h"
#include "crowd.h"
#include "process.h"
#include "report.h"

#define PROGRAM "parley-bench idle"
#define SESSIONS_MAX 1000000
#define HOUR_MS (3600 * 1000)
#define MESSAGE_MAX 65536

struct idle {
    struct event_base *base;
    struct event *hold; /* runs once all are open */
    struct url url;
    struct argument_list pids;
    size_t sessions;
    int64_t hold_ms;
    int64_t opened_us;
    bool json;
};

static const struct url *describe(void *arg, size_t index, char user[CROWD_USER_SIZE])
{
    struct idle *idle = arg;

    snprintf(user, CROWD_USER_SIZE, "bench-%zu", index + 1);
    return &idle->url;
}

static void on_opened(void *arg)
{
    struct timeval hold;
    struct idle *idle = arg;

    idle->opened_us = loop_clock_us();
    hold = duration_timeval(idle->hold_ms);
    event_add(idle->hold, &hold);
}

static void on_held(evutil_socket_t fd, short what, void *arg)
{
    struct idle *idle = arg;

    (void)fd;
    (void)what;
    event_base_loopbreak(idle->base);
}

static bool read_memory(const struct idle *idle, double *kib)
{
    double one;

    *kib = 0;
    for (size_t i = 0; i < idle->pids.count; i++) {
        if (!process_resident_kib(idle->pids.items[i], &one))
            return false;
        *kib += one;
    }
    return true;
}

static void add_memory(struct report *report, double before, double after, size_t opened)
{
    report_add(report, "rss_before_kib", before, 0);
    report_add(report, "rss_after_kib", after, 0);
    if (opened > 0)
        report_add(report, "kib_per_session", (after - before) / (double)opened, 2);
}

/* Opens, holds and reports. */
static int run(struct idle *idle)
{
    static const struct crowd_handler handler = {describe, on_opened, NULL};
    struct report report = {0};
    struct crowd_counts counts;
    struct crowd *crowd;
    bool measured = true;
    int64_t started_us;
    double seconds;
    double before;
    double after;

    if (!read_memory(idle, &before))
        return STATUS_USAGE;
    crowd = crowd_new(idle->base, idle->sessions, MESSAGE_MAX, &handler, idle);
    if (!crowd)
        return STATUS_FAILED;
    started_us = loop_clock_us();
    event_base_dispatch(idle->base);
    seconds = (double)(idle->opened_us - started_us) / 1e6;
    counts = crowd_count(crowd);

    report_add(&report, "sessions", (double)idle->sessions, 0);
    report_add(&report, "opened", (double)counts.opened, 0);
    report_add(&report, "failed", (double)counts.failed, 0);
    report_add(&report, "lost", (double)counts.lost, 0);
    report_add(&report, "open_seconds", seconds, 3);
    report_add(&report, "opened_per_second", (double)counts.opened / seconds, 0);
    if (idle->pids.count > 0) {
        measured = read_memory(idle, &after);
        if (measured)
            add_memory(&report, before, after, counts.opened - counts.lost);
    }
    report_print(&report, idle->json);
    crowd_free(crowd);
    return measured && counts.failed + counts.lost == 0 ? STATUS_DONE : STATUS_FAILED;
}

int idle_run(int argc, char **argv)
{
    struct idle idle = {.hold_ms = 10000};
    const char *url = NULL;
    bool wants_help = false;
    const char *wrong;
    int operands;
    int status;
    const struct argument flags[] = {
        {"--url", ARGUMENT_TEXT, &url, 0, 0},
        {"--sessions", ARGUMENT_NUMBER, &idle.sessions, 1, SESSIONS_MAX},
        {"--hold", ARGUMENT_DURATION, &idle.hold_ms, 0, HOUR_MS},
        {"--pid", ARGUMENT_LIST, &idle.pids, 0, 0},
        {"--json", ARGUMENT_SWITCH, &idle.json, 0, 0},
        {"--help", ARGUMENT_SWITCH, &wants_help, 0, 0},
        {0},
    };

    operands = arguments_read(PROGRAM, flags, argc, argv);
    if (operands < 0)
        return STATUS_USAGE;
    if (wants_help) {
        fputs(BENCH_HELP, stdout);
        return STATUS_DONE;
    }
    if (operands > 0 || !url || idle.sessions == 0) {
        fprintf(stderr, "%s: it needs --url and --sessions, and takes flags only\n", PROGRAM);
        return STATUS_USAGE;
    }
    wrong = url_parse(&idle.url, url);
    if (!wrong)
        wrong = url_resolve(&idle.url);
    if (wrong) {
        fprintf(stderr, "%s: --url %s: %s\n", PROGRAM, url, wrong);
        return STATUS_USAGE;
    }
    idle.base = event_base_new();
    if (!idle.base) {
        fprintf(stderr, "%s: no event loop: %s\n", PROGRAM, strerror(errno));
        return STATUS_FAILED;
    }
    idle.hold = evtimer_new(idle.base, on_held, &idle);
    status = run(&idle);
    event_free(idle.hold);
    event_base_free(idle.base);
    url_clear(&idle.url);
    return status;
}
