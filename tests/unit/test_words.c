#include "parley/words.h"

#include <stdlib.h>

#include <check.h>

#include "unit.h"

static struct builder out;

static void begin(void)
{
    builder_init(&out, 4096);
}

static void clear(void)
{
    builder_clear(&out);
}

static void assert_built(const char *expected)
{
    struct text text = builder_text(&out);
    ck_assert_msg(text_equal(text, text_of(expected)), "'%.*s' instead of '%s'", (int)text.len,
                  text.at, expected);
    builder_reset(&out);
}

START_TEST(times_are_utc_to_the_second)
{
    words_append_time(&out, 0);
    assert_built("1970-01-01T00:00:00Z");
    words_append_time(&out, 1795500159999);
    assert_built("2026-11-24T06:02:39Z");
    words_append_time(&out, 4102444800000);
    assert_built("2100-01-01T00:00:00Z");
}
END_TEST

START_TEST(ages_are_rounded_down_to_one_unit)
{
    static const struct {
        int64_t ms;
        const char *words;
    } AGES[] = {
        {-5, "0 s"},         {0, "0 s"},         {999, "0 s"},        {4999, "4 s"},
        {59999, "59 s"},     {60000, "1 min"},   {3599999, "59 min"}, {3600000, "1 h"},
        {172799999, "47 h"}, {172800000, "2 d"}, {864000000, "10 d"},
    };
    for (size_t i = 0; i < sizeof(AGES) / sizeof(*AGES); i++) {
        words_append_age(&out, AGES[i].ms);
        assert_built(AGES[i].words);
    }
}
END_TEST

START_TEST(nouns_agree_with_their_number)
{
    words_append_count(&out, 0, "session");
    assert_built("0 sessions");
    words_append_count(&out, 1, "session");
    assert_built("1 session");
    words_append_count(&out, 12, "session");
    assert_built("12 sessions");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("words");

    tcase_add_checked_fixture(tests, begin, clear);
    tcase_add_test(tests, times_are_utc_to_the_second);
    tcase_add_test(tests, ages_are_rounded_down_to_one_unit);
    tcase_add_test(tests, nouns_agree_with_their_number);
    return unit_run("words", tests);
}
