/* base/metrics.c: see metrics.h. */
#include "base/metrics.h"

#include <assert.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"

enum kind { COUNTER, GAUGE, HISTOGRAM };

static const char *const KIND_NAMES[] = {"counter", "gauge", "histogram"};

struct definition {
    enum kind kind;
    const char *name;
    const char *label; /* NULL: one value */
    const char *help;
};

#define METRICS_DEFINITION(symbol, kind, name, label, help) {kind, name, label, help},
static const struct definition DEFINITIONS[METRIC_COUNT] = {METRICS(METRICS_DEFINITION)};
#undef METRICS_DEFINITION

/* The upper bounds of a histogram's buckets; what is above the last goes to +Inf. */
static const struct {
    int64_t us;
    const char *le; /* the same in seconds */
} BUCKETS[] = {
    {100, "0.0001"},  {250, "0.00025"}, {500, "0.0005"},  {1000, "0.001"},
    {2500, "0.0025"}, {5000, "0.005"},  {10000, "0.01"},  {25000, "0.025"},
    {50000, "0.05"},  {100000, "0.1"},  {250000, "0.25"}, {500000, "0.5"},
    {1000000, "1"},   {2500000, "2.5"}, {5000000, "5"},   {10000000, "10"},
};

#define BUCKET_COUNT (sizeof(BUCKETS) / sizeof(BUCKETS[0]))
/* A histogram's row of values: the observations of each bucket alone, those above, their sum. */
#define VALUE_ABOVE BUCKET_COUNT
#define VALUE_SUM_US (BUCKET_COUNT + 1)
_Static_assert(VALUE_SUM_US < METRICS_MAX_VALUES, "a histogram needs a longer row");

static struct {
    const char *const *labels; /* of the label's values; NULL until they are declared */
    size_t label_count;
    int64_t values[METRICS_MAX_VALUES]; /* the first alone, when there is no label */
} state[METRIC_COUNT];

void metrics_label_values(enum metric metric, const char *const *values, size_t count)
{
    assert(DEFINITIONS[metric].label != NULL && count <= METRICS_MAX_VALUES);
    state[metric].labels = values;
    state[metric].label_count = count;
}

void metrics_add(enum metric metric, int64_t amount)
{
    assert(DEFINITIONS[metric].label == NULL && DEFINITIONS[metric].kind != HISTOGRAM);
    state[metric].values[0] += amount;
}

void metrics_add_labelled(enum metric metric, size_t value, int64_t amount)
{
    assert(value < state[metric].label_count);
    state[metric].values[value] += amount;
}

void metrics_set(enum metric metric, int64_t value)
{
    assert(DEFINITIONS[metric].label == NULL && DEFINITIONS[metric].kind == GAUGE);
    state[metric].values[0] = value;
}

void metrics_observe_us(enum metric metric, int64_t microseconds)
{
    int64_t us = microseconds > 0 ? microseconds : 0; /* two clocks may disagree */
    size_t bucket = 0;

    assert(DEFINITIONS[metric].kind == HISTOGRAM);
    while (bucket < BUCKET_COUNT && us > BUCKETS[bucket].us)
        bucket++;
    state[metric].values[bucket]++;
    state[metric].values[VALUE_SUM_US] += us;
}

static void write_head(struct builder *out, enum kind kind, const char *name, const char *help)
{
    builder_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, KIND_NAMES[kind]);
}

/* NAME{LABEL="VALUE"} and a blank; in a label's value `\`, `"` and LF are escaped. */
static void write_labelled_name(struct builder *out, const char *name, const char *label,
                                const char *value)
{
    builder_printf(out, "%s{%s=\"", name, label);
    for (; *value != '\0'; value++) {
        if (*value == '\\' || *value == '"')
            builder_append_char(out, '\\');
        if (*value == '\n')
            builder_append_string(out, "\\n");
        else
            builder_append_char(out, *value);
    }
    builder_append_string(out, "\"} ");
}

static void write_histogram(struct builder *out, const char *name, const int64_t *values)
{
    int64_t sum_us = values[VALUE_SUM_US];
    int64_t count = 0;

    for (size_t i = 0; i < BUCKET_COUNT; i++) {
        count += values[i];
        builder_printf(out, "%s_bucket{le=\"%s\"} %" PRId64 "\n", name, BUCKETS[i].le, count);
    }
    count += values[VALUE_ABOVE];
    builder_printf(out, "%s_bucket{le=\"+Inf\"} %" PRId64 "\n", name, count);
    builder_printf(out, "%s_sum %" PRId64 ".%06" PRId64 "\n", name, sum_us / 1000000,
                   sum_us % 1000000);
    builder_printf(out, "%s_count %" PRId64 "\n", name, count);
}

static void write_metric(struct builder *out, enum metric metric)
{
    const struct definition *definition = &DEFINITIONS[metric];
    const int64_t *values = state[metric].values;

    write_head(out, definition->kind, definition->name, definition->help);
    if (definition->kind == HISTOGRAM) {
        write_histogram(out, definition->name, values);
    } else if (definition->label == NULL) {
        builder_printf(out, "%s %" PRId64 "\n", definition->name, values[0]);
    } else {
        for (size_t i = 0; i < state[metric].label_count; i++) {
            write_labelled_name(out, definition->name, definition->label, state[metric].labels[i]);
            builder_printf(out, "%" PRId64 "\n", values[i]);
        }
    }
}

/* In bytes; -1 when /proc is not there. */
static int64_t resident_memory(void)
{
    FILE *file = fopen("/proc/self/statm", "re"); /* proc_pid_statm(5): in pages */
    int64_t pages = -1;
    bool found;

    if (file == NULL)
        return -1;
    found = fscanf(file, "%*s %" SCNd64, &pages) == 1;
    (void)fclose(file);
    return found ? pages * sysconf(_SC_PAGESIZE) : -1;
}

/* Unix time in hundredths of a second; -1 when /proc is not there. */
static int64_t start_time(void)
{
    FILE *file = fopen("/proc/self/stat", "re"); /* proc_pid_stat(5): field 22, from 3 on below */
    char line[1024];
    struct timespec now;
    struct timespec since_boot;
    const char *name_end;
    int64_t ticks;

    if (file == NULL)
        return -1;
    /* The program's name, in brackets, may hold blanks and brackets itself. */
    name_end = fgets(line, sizeof(line), file) != NULL ? strrchr(line, ')') : NULL;
    (void)fclose(file);
    if (name_end == NULL ||
        sscanf(name_end + 1,
               "%*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s"
               " %" SCNd64,
               &ticks) != 1)
        return -1;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)clock_gettime(CLOCK_BOOTTIME, &since_boot);
    return (now.tv_sec - since_boot.tv_sec) * 100 + (now.tv_nsec - since_boot.tv_nsec) / 10000000 +
           ticks * 100 / sysconf(_SC_CLK_TCK);
}

/* -1 when /proc is not there. */
static int64_t open_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int64_t count = -3; /* less ".", ".." and the one that reads */

    if (directory == NULL)
        return -1;
    while (readdir(directory) != NULL)
        count++;
    (void)closedir(directory);
    return count;
}

static void write_number(struct builder *out, enum kind kind, const char *name, const char *help,
                         int64_t value)
{
    if (value < 0)
        return;
    write_head(out, kind, name, help);
    builder_printf(out, "%s %" PRId64 "\n", name, value);
}

/* The names that every Prometheus client library uses. */
static void write_process(struct builder *out)
{
    int64_t start = start_time();
    struct timespec cpu;
    struct rlimit files;

    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) == 0) {
        write_head(out, COUNTER, "process_cpu_seconds_total", "User and system CPU time");
        builder_printf(out, "process_cpu_seconds_total %" PRId64 ".%06ld\n", (int64_t)cpu.tv_sec,
                       cpu.tv_nsec / 1000);
    }
    write_number(out, GAUGE, "process_resident_memory_bytes", "Resident memory", resident_memory());
    write_number(out, GAUGE, "process_open_fds", "Open file descriptors", open_descriptors());
    if (getrlimit(RLIMIT_NOFILE, &files) == 0)
        write_number(out, GAUGE, "process_max_fds", "Most file descriptors that may be open",
                     (int64_t)files.rlim_cur);
    if (start >= 0) {
        write_head(out, GAUGE, "process_start_time_seconds", "Start, as Unix time");
        builder_printf(out, "process_start_time_seconds %" PRId64 ".%02" PRId64 "\n", start / 100,
                       start % 100);
    }
}

void metrics_write(struct builder *out)
{
    for (int metric = 0; metric < METRIC_COUNT; metric++)
        write_metric(out, (enum metric)metric);
    write_head(out, GAUGE, "parley_build_info", "1, with the version of the program");
    write_labelled_name(out, "parley_build_info", "version", PARLEY_VERSION);
    builder_append_string(out, "1\n");
    write_process(out);
}
