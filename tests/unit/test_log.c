/* Lines of the log, as they arrive on standard error. */
#include "base/log.h"

#include <check.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "unit.h"

/* Standard error is a file in memory, for the one process that each test is. */
static char logged[1 << 20];

static void catch_log(void)
{
    int file = memfd_create("log", 0);

    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(dup2(file, STDERR_FILENO), STDERR_FILENO);
    (void)close(file);
}

/* What was written since the last call; the next is written behind it. */
static const char *take_log(void)
{
    static off_t taken;
    ssize_t len = pread(STDERR_FILENO, logged, sizeof(logged) - 1, taken);

    ck_assert_int_ge(len, 0);
    logged[len] = '\0';
    taken += len;
    return logged;
}

/* The value of a field named v in a line of text. */
static void assert_value(struct text value, const char *expected)
{
    char line[2048];

    log_info("x", LOG_TEXT("v", value));
    (void)snprintf(line, sizeof(line), " level=info event=x v=%s\n", expected);
    ck_assert_str_eq(strchr(take_log(), ' '), line);
}

/* The same in a line of JSON. */
static void assert_json_value(struct text value, const char *expected)
{
    char line[2048];

    log_info("x", LOG_TEXT("v", value));
    (void)snprintf(line, sizeof(line), ",\"level\":\"info\",\"event\":\"x\",\"v\":%s}\n", expected);
    ck_assert_str_eq(strchr(take_log(), ','), line);
}

static size_t count_lines(const char *text)
{
    size_t count = 0;

    for (; *text != '\0'; text++)
        count += *text == '\n';
    return count;
}

START_TEST(line_has_time_level_event_and_fields)
{
    struct tm utc = {0};
    const char *rest;

    log_warn("receiver_offline", LOG_STRING("sender", "alice"), LOG_NUMBER("n", -5));
    rest = strptime(take_log(), "ts=%Y-%m-%dT%H:%M:%S", &utc);
    ck_assert_ptr_nonnull(rest);
    ck_assert_int_le(llabs((long long)timegm(&utc) - (long long)time(NULL)), 60);
    ck_assert_int_eq(rest[0], '.');
    ck_assert_uint_eq(strspn(rest + 1, "0123456789"), 3);
    ck_assert_str_eq(rest + 4, "Z level=warn event=receiver_offline sender=alice n=-5\n");

    log_error("alone");
    ck_assert_ptr_nonnull(strstr(take_log(), "Z level=error event=alone\n"));
}
END_TEST

START_TEST(json_line_is_one_object)
{
    log_configure(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    log_info("ready", LOG_STRING("address", "::1"), LOG_NUMBER("port", 3000));
    ck_assert_int_eq(strncmp(take_log(), "{\"ts\":\"20", 9), 0);
    ck_assert_str_eq(
        strchr(logged, ','),
        ",\"level\":\"info\",\"event\":\"ready\",\"address\":\"::1\",\"port\":3000}\n");
}
END_TEST

START_TEST(value_is_quoted_when_it_could_be_misread)
{
    assert_value(TEXT("alice"), "alice");
    assert_value(TEXT("redis://:***@h/0"), "redis://:***@h/0");
    assert_value(TEXT("\xE5\xBC\xA0"), "\xE5\xBC\xA0");
    assert_value(TEXT(""), "\"\"");
    assert_value(TEXT("a b"), "\"a b\"");
    assert_value(TEXT("a=b"), "\"a=b\"");
    assert_value(TEXT("a\"b\\"), "\"a\\\"b\\\\\"");
    assert_value(TEXT("a\nlevel=error"), "\"a\\x0Alevel=error\"");
    assert_value(TEXT("\0\x1B[0m\x7F"), "\"\\x00\\x1B[0m\\x7F\"");
    assert_value(TEXT("\xC2\x9B"), "\"\\xC2\\x9B\""); /* CSI in one character */
    assert_value(TEXT("a\xFF\xE5\xBC\xA0\xE5"), "\"a\\xFF\xE5\xBC\xA0\\xE5\"");
}
END_TEST

START_TEST(json_value_is_valid_whatever_the_bytes)
{
    log_configure(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    assert_json_value(TEXT(""), "\"\"");
    assert_json_value(TEXT("a \"b\"\\"), "\"a \\\"b\\\"\\\\\"");
    assert_json_value(TEXT("a\nb"), "\"a\\nb\"");
    assert_json_value(TEXT("\x01"), "\"\\u0001\"");
    assert_json_value(TEXT("\xE5\xBC\xA0"), "\"\xE5\xBC\xA0\"");
    assert_json_value(TEXT("a\xFFz\xE5\xBC"), "\"a\xEF\xBF\xBDz\xEF\xBF\xBD\xEF\xBF\xBD\"");
}
END_TEST

START_TEST(long_value_is_cut_between_characters)
{
    static const char character[] = {'\xE5', '\xBC', '\xA0'};
    char value[1000];
    char expected[512];

    memset(value, 'a', sizeof(value));
    memcpy(value + 510, character, sizeof(character)); /* the limit, 512, is inside */
    memset(expected, 'a', 510);
    expected[510] = '\0';
    assert_value((struct text){value, sizeof(value)}, expected);
}
END_TEST

START_TEST(line_fits_an_atomic_write_and_stays_whole)
{
    char value[512];
    struct text long_value = {value, sizeof(value)};

    memset(value, '\x01', sizeof(value)); /* four bytes each in text, six in JSON */
    for (int format = LOG_FORMAT_TEXT; format <= LOG_FORMAT_JSON; format++) {
        log_configure(LOG_LEVEL_INFO, (enum log_format)format);
        log_info("x", LOG_TEXT("a", long_value), LOG_TEXT("b", long_value),
                 LOG_TEXT("c", long_value), LOG_STRING("d", "last"));
        take_log();
        ck_assert_uint_le(strlen(logged), PIPE_BUF);
        ck_assert_uint_eq(count_lines(logged), 1);
        ck_assert_ptr_nonnull(
            strstr(logged, format == LOG_FORMAT_TEXT ? "\" d=last\n" : "\",\"d\":\"last\"}\n"));
        ck_assert_ptr_null(strstr(logged, format == LOG_FORMAT_TEXT ? " c=" : "\"c\":"));
    }
}
END_TEST

START_TEST(lower_levels_are_left_out)
{
    log_debug("unseen");
    ck_assert(!log_enabled(LOG_LEVEL_DEBUG));
    ck_assert_str_eq(take_log(), "");
    log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    log_warn("unseen");
    log_repeated(LOG_LEVEL_WARN, "unseen");
    ck_assert_str_eq(take_log(), "");
    log_configure(LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT);
    log_debug("seen");
    ck_assert_uint_eq(count_lines(take_log()), 1);
}
END_TEST

START_TEST(errno_outlives_a_line)
{
    (void)close(STDERR_FILENO);
    errno = ENOENT;
    log_info("lost");
    ck_assert_int_eq(errno, ENOENT);
}
END_TEST

START_TEST(repeats_are_limited_for_each_event)
{
    for (int i = 0; i < LOG_REPEATS_PER_SECOND + 7; i++)
        log_repeated(LOG_LEVEL_WARN, "flood", LOG_NUMBER("i", i));
    ck_assert_uint_eq(count_lines(take_log()), LOG_REPEATS_PER_SECOND);
    ck_assert_ptr_null(strstr(logged, "suppressed"));
    log_repeated(LOG_LEVEL_WARN, "drip");
    ck_assert_ptr_nonnull(strstr(take_log(), "event=drip\n"));
    log_warn("flood"); /* what is not limited is not counted */
    ck_assert_uint_eq(count_lines(take_log()), 1);

    /* The next second begins; the first line of it tells how many were left out. */
    char expected[64];
    int suppressed = 7 - 1;
    time_t give_up = time(NULL) + 20;
    do {
        ck_assert_int_lt(time(NULL), give_up);
        (void)poll(NULL, 0, 20);
        log_repeated(LOG_LEVEL_WARN, "flood", LOG_NUMBER("i", 1000));
        suppressed++;
    } while (take_log()[0] == '\0');
    (void)snprintf(expected, sizeof(expected), "event=flood suppressed=%d i=1000\n", suppressed);
    ck_assert_ptr_nonnull(strstr(logged, expected));
    log_repeated(LOG_LEVEL_WARN, "flood");
    ck_assert_ptr_null(strstr(take_log(), "suppressed"));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("log");

    tcase_set_timeout(tests, 30);
    tcase_add_checked_fixture(tests, catch_log, NULL);
    tcase_add_test(tests, line_has_time_level_event_and_fields);
    tcase_add_test(tests, json_line_is_one_object);
    tcase_add_test(tests, value_is_quoted_when_it_could_be_misread);
    tcase_add_test(tests, json_value_is_valid_whatever_the_bytes);
    tcase_add_test(tests, long_value_is_cut_between_characters);
    tcase_add_test(tests, line_fits_an_atomic_write_and_stays_whole);
    tcase_add_test(tests, lower_levels_are_left_out);
    tcase_add_test(tests, errno_outlives_a_line);
    tcase_add_test(tests, repeats_are_limited_for_each_event);
    return unit_run("log", tests);
}
