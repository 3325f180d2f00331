/* parley-bench throughput: pairs of users, each with a fixed number of messages under way. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <event2/util.h>

#include "base/buffer.h"
#include "base/loop.h"
#include "command.h"
#include "common/arguments.h"
#include "common/duration.h"
#include "crowd.h"
#include "latency.h"
#include "process.h"
#include "report.h"

#define PROGRAM "parley-bench throughput"
#define PAIRS_MAX 100000
#define IN_FLIGHT_MAX 1000
#define BYTES_MAX 1000000
#define HOUR_MS (3600 * 1000)
#define DRAIN_MS 5000 /* after the measurement: for what is still under way */
#define FRAME_EXTRA 4096

/* A content begins with the run, so that what a mailbox holds of earlier runs is not counted, and
 * the time when it was sent, both in hexadecimal. */
#define RUN_DIGITS 8
#define TIME_DIGITS 16
#define BYTES_MIN (RUN_DIGITS + TIME_DIGITS)
#define CONTENT_MARK "\"content\":\""

enum phase { PHASE_OPENING, PHASE_MEASURING, PHASE_DRAINING };

struct throughput {
    struct event_base *base;
    struct event *timer; /* the end of the phase */
    struct crowd *crowd; /* session 2 * i writes to 2 * i + 1 */
    struct url urls[2];
    struct argument_list pids;
    size_t pairs;
    size_t in_flight_per_pair;
    size_t bytes;
    int64_t duration_ms;
    bool refs;
    bool json;

    enum phase phase;
    char run[RUN_DIGITS + 1];
    struct builder frame; /* the one being sent */
    char *padding;        /* what follows the time in every content */
    uint64_t sent;
    uint64_t in_flight;
    uint64_t answered; /* frames of type sent */
    uint64_t errors;
    int64_t started_us;
    int64_t ended_us;
    double cpu_started[ARGUMENT_LIST_MAX];
    double cpu_used[ARGUMENT_LIST_MAX];
    double own_cpu_started;
    double own_cpu_used;
    bool measured; /* the CPU times above were read */
    struct latency latency;
};

static const struct url *describe(void *arg, size_t index, char user[CROWD_USER_SIZE])
{
    struct throughput *run = arg;

    snprintf(user, CROWD_USER_SIZE, index % 2 == 0 ? "bench-%zu" : "bench-peer-%zu", index / 2 + 1);
    return &run->urls[index % 2];
}

static void send_next(struct throughput *run, size_t pair)
{
    builder_reset(&run->frame);
    builder_printf(&run->frame, "{\"receiverID\":\"bench-peer-%zu\",", pair + 1);
    if (run->refs)
        builder_printf(&run->frame, "\"ref\":\"%s-%" PRIu64 "\",", run->run, run->sent);
    builder_printf(&run->frame, CONTENT_MARK "%s%016" PRIx64, run->run, (uint64_t)loop_clock_us());
    builder_append_string(&run->frame, run->padding);
    builder_append_string(&run->frame, "\"}");
    if (crowd_send(run->crowd, 2 * pair, builder_text(&run->frame))) {
        run->sent++;
        run->in_flight++;
    }
}

/* When a message of this run was sent; false for anything else. */
static bool read_time(const struct throughput *run, struct text frame, uint64_t *sent_us)
{
    const char *mark = memmem(frame.at, frame.len, CONTENT_MARK, strlen(CONTENT_MARK));
    char digits[TIME_DIGITS + 1] = {0};
    const char *content;

    if (!mark)
        return false;
    content = mark + strlen(CONTENT_MARK);
    if ((size_t)(frame.at + frame.len - content) < BYTES_MIN ||
        memcmp(content, run->run, RUN_DIGITS) != 0)
        return false;
    memcpy(digits, content + RUN_DIGITS, TIME_DIGITS);
    *sent_us = strtoull(digits, NULL, 16);
    return true;
}

static void end_when_drained(struct throughput *run)
{
    if (run->phase == PHASE_DRAINING && run->in_flight == 0 &&
        (!run->refs || run->answered + run->errors == run->sent))
        event_base_loopbreak(run->base);
}

static void on_received(struct throughput *run, size_t pair, struct text frame)
{
    uint64_t sent_us;

    if (!read_time(run, frame, &sent_us))
        return;
    if (run->phase == PHASE_MEASURING) {
        latency_record(&run->latency, (uint64_t)loop_clock_us() - sent_us);
        send_next(run, pair);
    }
    run->in_flight--;
    end_when_drained(run);
}

/* What the gateway says to a sender. The types are read by position: a gateway writes `type`
 * first. */
static void on_answer(struct throughput *run, struct text frame)
{
    if (text_starts_with(frame, TEXT("{\"type\":\"sent\""))) {
        run->answered++;
    } else if (text_starts_with(frame, TEXT("{\"type\":\"error\""))) {
        if (run->errors++ == 0)
            fprintf(stderr, "%s: %.*s\n", PROGRAM, (int)frame.len, frame.at);
        run->in_flight--;
    } else {
        return;
    }
    end_when_drained(run);
}

static void on_message(void *arg, size_t index, struct text frame)
{
    if (index % 2 == 0)
        on_answer(arg, frame);
    else
        on_received(arg, index / 2, frame);
}

static void start_phase(struct throughput *run, enum phase phase, int64_t ms)
{
    struct timeval duration = duration_timeval(ms);

    run->phase = phase;
    event_add(run->timer, &duration);
}

static bool read_cpu(const struct throughput *run, double seconds[ARGUMENT_LIST_MAX])
{
    for (size_t i = 0; i < run->pids.count; i++) {
        if (!process_cpu_seconds(run->pids.items[i], &seconds[i]))
            return false;
    }
    return true;
}

static void on_opened(void *arg)
{
    struct throughput *run = arg;

    if (crowd_count(run->crowd).failed > 0 || !read_cpu(run, run->cpu_started)) {
        event_base_loopbreak(run->base);
        return;
    }
    run->own_cpu_started = process_own_cpu_seconds();
    run->started_us = loop_clock_us();
    start_phase(run, PHASE_MEASURING, run->duration_ms);
    for (size_t i = 0; i < run->in_flight_per_pair; i++) {
        for (size_t pair = 0; pair < run->pairs; pair++)
            send_next(run, pair);
    }
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct throughput *run = arg;

    (void)fd;
    (void)what;
    if (run->phase == PHASE_DRAINING) {
        event_base_loopbreak(run->base);
        return;
    }
    run->ended_us = loop_clock_us();
    run->own_cpu_used = process_own_cpu_seconds() - run->own_cpu_started;
    run->measured = read_cpu(run, run->cpu_used);
    for (size_t i = 0; i < run->pids.count; i++)
        run->cpu_used[i] -= run->cpu_started[i];
    start_phase(run, PHASE_DRAINING, DRAIN_MS);
    end_when_drained(run);
}

static void add_cpu(const struct throughput *run, struct report *report)
{
    double total = 0;
    char name[32];

    for (size_t i = 0; i < run->pids.count; i++) {
        snprintf(name, sizeof(name), "cpu_seconds_%s", run->pids.items[i]);
        report_add(report, name, run->cpu_used[i], 2);
        total += run->cpu_used[i];
    }
    report_add(report, "cpu_seconds", total, 2);
    if (total > 0)
        report_add(report, "messages_per_cpu_second", (double)run->latency.count / total, 0);
}

static void print_report(const struct throughput *run)
{
    static const unsigned percents[] = {50, 90, 99};
    double seconds = (double)(run->ended_us - run->started_us) / 1e6;
    struct report report = {0};
    char name[32];

    report_add(&report, "pairs", (double)run->pairs, 0);
    report_add(&report, "inflight", (double)run->in_flight_per_pair, 0);
    report_add(&report, "bytes", (double)run->bytes, 0);
    report_add(&report, "seconds", seconds, 3);
    report_add(&report, "messages", (double)run->latency.count, 0);
    report_add(&report, "messages_per_second", (double)run->latency.count / seconds, 0);
    for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
        snprintf(name, sizeof(name), "latency_p%u_ms", percents[i]);
        report_add(&report, name, (double)latency_percentile(&run->latency, percents[i]) / 1e3, 3);
    }
    report_add(&report, "latency_max_ms", (double)run->latency.max / 1e3, 3);
    report_add(&report, "sent", (double)run->sent, 0);
    if (run->refs)
        report_add(&report, "answered", (double)run->answered, 0);
    report_add(&report, "errors", (double)run->errors, 0);
    report_add(&report, "not_arrived", (double)run->in_flight, 0);
    report_add(&report, "sessions_lost", (double)crowd_count(run->crowd).lost, 0);
    report_add(&report, "bench_cpu_seconds", run->own_cpu_used, 2);
    if (run->measured && run->pids.count > 0)
        add_cpu(run, &report);
    report_print(&report, run->json);
}

static int run_load(struct throughput *run)
{
    static const struct crowd_handler handler = {describe, on_opened, on_message};
    struct crowd_counts counts;
    unsigned char random[4];
    bool all_well;

    if (!read_cpu(run, run->cpu_started))
        return STATUS_USAGE;
    run->crowd = crowd_new(run->base, 2 * run->pairs, run->bytes + FRAME_EXTRA, &handler, run);
    if (!run->crowd)
        return STATUS_FAILED;
    evutil_secure_rng_get_bytes(random, sizeof(random));
    snprintf(run->run, sizeof(run->run), "%02x%02x%02x%02x", random[0], random[1], random[2],
             random[3]);
    builder_init(&run->frame, run->bytes + FRAME_EXTRA);
    run->padding = memory_alloc(run->bytes - BYTES_MIN + 1);
    memset(run->padding, 'x', run->bytes - BYTES_MIN);
    event_base_dispatch(run->base);

    if (run->phase != PHASE_OPENING)
        print_report(run);
    counts = crowd_count(run->crowd);
    all_well = run->phase != PHASE_OPENING && run->measured && run->errors == 0 &&
               run->in_flight == 0 && counts.lost == 0 && run->latency.count > 0;
    crowd_free(run->crowd);
    builder_clear(&run->frame);
    free(run->padding);
    return all_well ? STATUS_DONE : STATUS_FAILED;
}

/* The first URL and the last, which may be the same. */
static bool open_urls(struct throughput *run, const struct argument_list *urls)
{
    for (size_t i = 0; i < 2; i++) {
        const char *string = urls->items[i < urls->count ? i : urls->count - 1];
        const char *wrong = url_parse(&run->urls[i], string);

        if (!wrong)
            wrong = url_resolve(&run->urls[i]);
        if (wrong) {
            fprintf(stderr, "%s: --url %s: %s\n", PROGRAM, string, wrong);
            return false;
        }
    }
    return true;
}

static int run_between(struct throughput *run, const struct argument_list *urls)
{
    int status = STATUS_USAGE;

    if (open_urls(run, urls)) {
        run->base = event_base_new();
        if (!run->base) {
            fprintf(stderr, "%s: no event loop: %s\n", PROGRAM, strerror(errno));
            return STATUS_FAILED;
        }
        run->timer = evtimer_new(run->base, on_timer, run);
        status = run_load(run);
        event_free(run->timer);
        event_base_free(run->base);
    }
    url_clear(&run->urls[0]);
    url_clear(&run->urls[1]);
    return status;
}

int throughput_run(int argc, char **argv)
{
    struct throughput run = {.in_flight_per_pair = 1, .duration_ms = 10000, .bytes = 100};
    struct argument_list urls = {0};
    bool wants_help = false;
    int operands;
    const struct argument flags[] = {
        {"--url", ARGUMENT_LIST, &urls, 0, 0},
        {"--pairs", ARGUMENT_NUMBER, &run.pairs, 1, PAIRS_MAX},
        {"--inflight", ARGUMENT_NUMBER, &run.in_flight_per_pair, 1, IN_FLIGHT_MAX},
        {"--duration", ARGUMENT_DURATION, &run.duration_ms, 1, HOUR_MS},
        {"--bytes", ARGUMENT_NUMBER, &run.bytes, BYTES_MIN, BYTES_MAX},
        {"--refs", ARGUMENT_SWITCH, &run.refs, 0, 0},
        {"--pid", ARGUMENT_LIST, &run.pids, 0, 0},
        {"--json", ARGUMENT_SWITCH, &run.json, 0, 0},
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
    if (operands > 0 || urls.count == 0 || urls.count > 2 || run.pairs == 0) {
        fprintf(stderr, "%s: it needs one --url or two and --pairs, and takes flags only\n",
                PROGRAM);
        return STATUS_USAGE;
    }
    return run_between(&run, &urls);
}
