/* Metrics, as Prometheus reads them (text format 0.0.4). */
#include "base/metrics.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "unit.h"

/* The whole text as a string that the caller frees. */
static char *write_all(void)
{
    struct builder out;
    char *text;

    builder_init(&out, 1 << 20);
    metrics_write(&out);
    ck_assert(!out.full);
    text = memory_copy(out.data, out.len);
    builder_clear(&out);
    return text;
}

/* `lines` stand in the text, together, at the beginning of a line. */
static void assert_lines(const char *lines)
{
    char *text = write_all();
    char *found = strstr(text, lines);

    ck_assert_msg(found != NULL && (found == text || found[-1] == '\n'), "%s\nis not in\n%s", lines,
                  text);
    free(text);
}

static double number_of(const char *name)
{
    char *text = write_all();
    char line[128];
    double number;

    (void)snprintf(line, sizeof(line), "\n%s ", name);
    const char *found = strstr(text, line);
    ck_assert_msg(found != NULL, "%s is missing", name);
    number = strtod(found + strlen(line), NULL);
    free(text);
    return number;
}

START_TEST(counters_and_gauges_have_help_and_type)
{
    assert_lines("# HELP parley_users Users with a session on this gateway\n"
                 "# TYPE parley_users gauge\n"
                 "parley_users 0\n");
    metrics_set(METRIC_USERS, 3);
    metrics_add(METRIC_USERS, -1);
    assert_lines("parley_users 2\n");
    metrics_add(METRIC_FRAMES_RECEIVED, INT64_C(1) << 40);
    assert_lines("# TYPE parley_frames_received_total counter\n"
                 "parley_frames_received_total 1099511627776\n");
}
END_TEST

START_TEST(declared_values_of_a_label_are_there_from_the_start)
{
    static const char *const kinds[] = {"native", "pair"};

    metrics_label_values(METRIC_SESSIONS, kinds, 2);
    assert_lines("# TYPE parley_sessions gauge\n"
                 "parley_sessions{kind=\"native\"} 0\n"
                 "parley_sessions{kind=\"pair\"} 0\n");
    metrics_add_labelled(METRIC_SESSIONS, 1, 5);
    metrics_add_labelled(METRIC_SESSIONS, 1, -2);
    assert_lines("parley_sessions{kind=\"native\"} 0\n"
                 "parley_sessions{kind=\"pair\"} 3\n");
}
END_TEST

START_TEST(value_of_a_label_is_escaped)
{
    static const char *const codes[] = {"a\"b\\c\nd"};

    metrics_label_values(METRIC_ERRORS, codes, 1);
    assert_lines("parley_errors_total{code=\"a\\\"b\\\\c\\nd\"} 0\n");
}
END_TEST

START_TEST(histogram_counts_up_to_each_bound)
{
    static const int64_t observed[] = {-5, 0, 100, 101, 2500, 10000000, 10000001};

    for (size_t i = 0; i < sizeof(observed) / sizeof(observed[0]); i++)
        metrics_observe_us(METRIC_DELIVERY_SECONDS, observed[i]);
    assert_lines("# TYPE parley_delivery_seconds histogram\n"
                 "parley_delivery_seconds_bucket{le=\"0.0001\"} 3\n"
                 "parley_delivery_seconds_bucket{le=\"0.00025\"} 4\n"
                 "parley_delivery_seconds_bucket{le=\"0.0005\"} 4\n"
                 "parley_delivery_seconds_bucket{le=\"0.001\"} 4\n"
                 "parley_delivery_seconds_bucket{le=\"0.0025\"} 5\n");
    assert_lines("parley_delivery_seconds_bucket{le=\"5\"} 5\n"
                 "parley_delivery_seconds_bucket{le=\"10\"} 6\n"
                 "parley_delivery_seconds_bucket{le=\"+Inf\"} 7\n"
                 "parley_delivery_seconds_sum 20.002702\n"
                 "parley_delivery_seconds_count 7\n");
    assert_lines("parley_redis_seconds_count 0\n"); /* the other one is its own */
}
END_TEST

START_TEST(process_and_build_are_told)
{
    char *text = write_all();

    ck_assert_ptr_nonnull(strstr(text, "\nparley_build_info{version=\""));
    free(text);
    ck_assert_double_gt(number_of("process_resident_memory_bytes"), 100000);
    ck_assert_double_ge(number_of("process_cpu_seconds_total"), 0);
    ck_assert_double_gt(number_of("process_max_fds"), 3);
    ck_assert_double_lt(number_of("process_start_time_seconds"), (double)time(NULL) + 2);
    ck_assert_double_gt(number_of("process_start_time_seconds"), (double)time(NULL) - 600);
}
END_TEST

START_TEST(open_descriptors_are_counted_without_the_counting)
{
    double before = number_of("process_open_fds");
    int more = dup(STDIN_FILENO);

    ck_assert_int_ge(more, 0);
    ck_assert_double_eq(number_of("process_open_fds"), before + 1);
    (void)close(more);
    ck_assert_double_eq(number_of("process_open_fds"), before);
}
END_TEST

START_TEST(every_line_is_a_comment_or_a_sample)
{
    char *text = write_all();
    char *rest;

    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        const char *value = strrchr(line, ' ');
        char *end;

        ck_assert_ptr_nonnull(value);
        if (strncmp(line, "# HELP ", 7) == 0 || strncmp(line, "# TYPE ", 7) == 0)
            continue;
        (void)strtod(value + 1, &end);
        ck_assert_msg(end != value + 1 && *end == '\0', "%s", line);
        ck_assert_msg(strncmp(line, "parley_", 7) == 0 || strncmp(line, "process_", 8) == 0, "%s",
                      line);
    }
    free(text);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("metrics");

    tcase_add_test(tests, counters_and_gauges_have_help_and_type);
    tcase_add_test(tests, declared_values_of_a_label_are_there_from_the_start);
    tcase_add_test(tests, value_of_a_label_is_escaped);
    tcase_add_test(tests, histogram_counts_up_to_each_bound);
    tcase_add_test(tests, process_and_build_are_told);
    tcase_add_test(tests, open_descriptors_are_counted_without_the_counting);
    tcase_add_test(tests, every_line_is_a_comment_or_a_sample);
    return unit_run("metrics", tests);
}
