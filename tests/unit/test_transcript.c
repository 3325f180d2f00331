#include "parley/transcript.h"

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

static void assert_message(const char *frame, const char *expected)
{
    struct incoming message;

    ck_assert(incoming_read(text_of(frame), &message));
    transcript_append_message(&message, TEXT("alice"), TEXT("bob"), &out);
    assert_built(expected);
}

START_TEST(a_message_has_its_time_and_its_sender)
{
    assert_message("{\"ts\":1795500159187,\"sender\":\"bob\",\"receiver\":\"alice\",\"content\":\"a"
                   "\"}",
                   "2026-11-24T06:02:39Z bob: a\n");
    assert_message(
        "{\"sender\":\"carol\",\"receiver\":\"alice\",\"content\":{ \"a\" : [1.0, null]}}",
        "- carol: { \"a\" : [1.0, null]}\n");
}
END_TEST

START_TEST(what_the_user_wrote_names_others_than_the_peer)
{
    assert_message("{\"sender\":\"alice\",\"receiver\":\"bob\",\"content\":1}", "- alice: 1\n");
    assert_message("{\"sender\":\"alice\",\"receiver\":\"b\\u006fb\",\"content\":1}",
                   "- alice: 1\n");
    assert_message("{\"sender\":\"alice\",\"receiver\":\"carol\",\"content\":1}",
                   "- alice -> carol: 1\n");
    assert_message("{\"sender\":\"alice\",\"receiver\":\"alice\",\"content\":1}",
                   "- alice -> alice: 1\n");
}
END_TEST

START_TEST(whatever_is_missing_or_of_another_kind_harms_nobody)
{
    assert_message("{}", "- : \n");
    assert_message("{\"sender\":[\"alice\"],\"ts\":-1,\"content\":\"\"}", "- [\"alice\"]: \n");
    assert_message("{\"sender\":\"\\ud800\",\"ts\":1e3,\"content\":\"\\ud800\\n\"}",
                   "- \"\\ud800\": \"\\ud800\\n\"\n");
}
END_TEST

START_TEST(nothing_reaches_the_terminal_but_text)
{
    static const struct {
        const char *text;
        const char *visible;
    } TEXTS[] = {
        {"a\nb\rc\td", "a\\nb\\rc\\td"},
        {"\x1b[2J\x07\x7f", "\\u001b[2J\\u0007\\u007f"},
        {"\xC2\x80\xC2\x9F\xC2\xA0", "\\u0080\\u009f\xC2\xA0"},
        {"\xE2\x80\xA7\xE2\x80\xA8\xE2\x80\xAE\xE2\x80\xAC\xE2\x80\xAF",
         "\xE2\x80\xA7\\u2028\\u202e\\u202c\xE2\x80\xAF"},
        {"\xE2\x81\xA5\xE2\x81\xA6\xE2\x81\xA9\xE2\x81\xAA",
         "\xE2\x81\xA5\\u2066\\u2069\xE2\x81\xAA"},
        {"发送 😀 \\ \"", "发送 😀 \\ \""},
        {"\xE2\x80", "\xE2\x80"}, /* cut off */
    };
    for (size_t i = 0; i < sizeof(TEXTS) / sizeof(*TEXTS); i++) {
        transcript_append_visible(text_of(TEXTS[i].text), &out);
        assert_built(TEXTS[i].visible);
    }
    transcript_append_visible(TEXT("a\0b"), &out);
    assert_built("a\\u0000b");
}
END_TEST

START_TEST(sent_has_a_tick)
{
    transcript_append_sent(1795500159187, TEXT("hello\x1b"), &out);
    assert_built("2026-11-24T06:02:39Z ✓ hello\\u001b\n");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("transcript");

    tcase_add_checked_fixture(tests, begin, clear);
    tcase_add_test(tests, a_message_has_its_time_and_its_sender);
    tcase_add_test(tests, what_the_user_wrote_names_others_than_the_peer);
    tcase_add_test(tests, whatever_is_missing_or_of_another_kind_harms_nobody);
    tcase_add_test(tests, nothing_reaches_the_terminal_but_text);
    tcase_add_test(tests, sent_has_a_tick);
    return unit_run("transcript", tests);
}
