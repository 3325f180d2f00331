/* The reading and printing of one value, by the table of settings. */
#include "base/settings.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "unit.h"

/* Each test runs in a process of its own. */
static struct config config;

static void forget(void)
{
    settings_clear(&config);
}

static bool read_value(const char *name, const char *value)
{
    struct builder right;

    builder_init(&right, 1024);
    bool good = setting_read(setting_find(text_of(name)), &config, text_of(value), &right);
    ck_assert(good == (right.len == 0)); /* it says what would be right when it must, only then */
    builder_clear(&right);
    return good;
}

/* `name`, once `value` was read, is printed as `expected`. */
static void assert_printed(const char *name, const char *value, const char *expected)
{
    struct builder out;

    ck_assert(read_value(name, value));
    builder_init(&out, 1024);
    setting_append(setting_find(text_of(name)), &config, &out);
    ck_assert_msg(text_equal(builder_text(&out), text_of(expected)), "%s: %.*s", value,
                  (int)out.len, out.data);
    builder_clear(&out);
}

START_TEST(durations_have_units)
{
    static const struct {
        const char *text;
        int64_t ms;
    } durations[] = {
        {"1500ms", 1500},    {"45s", 45000},       {"45", 45000}, {"2m", 120000},
        {"3h", 3 * 3600000}, {"2d", 2 * 86400000}, {"0", 0},      {"0ms", 0},
    };

    for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
        ck_assert(read_value("mailbox-ttl", durations[i].text));
        ck_assert_int_eq(config.mailbox_ttl_ms, durations[i].ms);
    }
}
END_TEST

START_TEST(sizes_have_units)
{
    ck_assert(read_value("max-message", "2000"));
    ck_assert_uint_eq(config.max_message, 2000);
    ck_assert(read_value("max-message", "3KiB"));
    ck_assert_uint_eq(config.max_message, 3072);
    ck_assert(read_value("max-message", "2MiB"));
    ck_assert_uint_eq(config.max_message, 2097152);
}
END_TEST

START_TEST(value_is_printed_in_its_largest_unit)
{
    assert_printed("ping", "90", "90s");
    assert_printed("ping", "120000ms", "2m");
    assert_printed("ping", "1500ms", "1500ms");
    assert_printed("ping", "0s", "0");
    assert_printed("mailbox-ttl", "48h", "2d");
    assert_printed("max-message", "65536", "64KiB");
    assert_printed("max-message", "65537", "65537");
    assert_printed("max-message", "1024KiB", "1MiB");
    assert_printed("port", "8080", "8080");
    assert_printed("log-level", "error", "error");
    assert_printed("reuse-port", "on", "on");
    assert_printed("redis", "redis://:secret@h", "redis://:***@h");
    assert_printed("user", "", "");
}
END_TEST

START_TEST(ranges_hold_at_both_ends)
{
    static const struct {
        const char *name;
        const char *good[3];
        const char *wrong[3];
    } cases[] = {
        {"port", {"0", "65535"}, {"65536", "-1"}},
        {"max-message", {"1KiB", "1024"}, {"1023", "0", "17MiB"}},
        {"max-depth", {"1", "512"}, {"0", "513"}},
        {"max-sessions", {"0", "1", "10000000"}, {"10000001"}},
        {"max-sessions-per-user", {"0", "1", "100000"}, {"100001"}},
        {"mailbox-max", {"1", "10000000"}, {"0", "10000001"}},
        {"mailbox-ttl", {"0", "1s", "3650d"}, {"999ms", "3651d"}},
        {"ref-ttl", {"1s", "365d"}, {"0", "366d"}},
        {"ping", {"0", "100ms", "1h"}, {"99ms", "61m"}},
        {"pong-timeout", {"100ms", "1h"}, {"0", "99ms", "3601"}},
        {"handshake-timeout", {"1s", "60m"}, {"0", "999ms", "2h"}},
        {"drain", {"0", "100ms", "1h"}, {"99ms", "61m"}},
        {"max-frame", {"1KiB", "64MiB"}, {"1023", "65MiB"}},
        {"output-max", {"2KiB", "1024MiB"}, {"2047", "1025MiB"}},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (int j = 0; j < 3 && cases[i].good[j] != NULL; j++)
            ck_assert_msg(read_value(cases[i].name, cases[i].good[j]), "%s = %s", cases[i].name,
                          cases[i].good[j]);
        for (int j = 0; j < 3 && cases[i].wrong[j] != NULL; j++)
            ck_assert_msg(!read_value(cases[i].name, cases[i].wrong[j]), "%s = %s", cases[i].name,
                          cases[i].wrong[j]);
    }
}
END_TEST

START_TEST(misspelled_values_are_wrong)
{
    static const struct {
        const char *name;
        const char *value;
    } wrong[] = {
        {"port", ""},
        {"port", "08"},
        {"port", "+1"},
        {"port", "1.0"},
        {"port", "0x10"},
        {"port", "99999999999999999999"},
        {"ping", "5x"},
        {"ping", "s"},
        {"ping", "1.5s"},
        {"ping", "5S"},
        {"max-message", "64KB"},
        {"max-message", "99999999999999MiB"},
        {"id", "a/b"},
        {"id", "a:b"},
        {"prefix", ""},
        {"prefix", "{a}"},
        {"listen", "localhost"},
        {"listen", ""},
        {"listen", "[::1]"},
        {"listen", "1.2.3"},
        {"admin-listen", "127.0.0.1"},
        {"user", "a\x01"},
        {"admin-listen", ":80"},
        {"admin-listen", "::1:80"},
        {"redis", ""},
        {"admin-listen", "a:80"},
        {"log-level", "Info"},
        {"log-format", ""},
        {"id", "0123456789012345678901234567890123456789012345678901234567890123x"},
    };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        ck_assert_msg(!read_value(wrong[i].name, wrong[i].value), "%s = %s", wrong[i].name,
                      wrong[i].value);
}
END_TEST

START_TEST(wrong_value_leaves_the_last_one)
{
    ck_assert(read_value("port", "80"));
    ck_assert(!read_value("port", "65536"));
    ck_assert_int_eq(config.port, 80);
    ck_assert(read_value("id", "a"));
    ck_assert(!read_value("id", "a/b"));
    ck_assert_str_eq(config.id, "a");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("settings");

    tcase_add_checked_fixture(tests, NULL, forget);
    tcase_add_test(tests, durations_have_units);
    tcase_add_test(tests, sizes_have_units);
    tcase_add_test(tests, value_is_printed_in_its_largest_unit);
    tcase_add_test(tests, ranges_hold_at_both_ends);
    tcase_add_test(tests, misspelled_values_are_wrong);
    tcase_add_test(tests, wrong_value_leaves_the_last_one);
    return unit_run("settings", tests);
}
