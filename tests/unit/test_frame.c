/* RFC 6455 framing: what the client writes, and what it makes of a server's bytes. */
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "common/frame.h"
#include "unit.h"

#define MESSAGE_MAX 70000
#define FORBIDDEN_CASES 18

static const uint8_t MASK[FRAME_MASK_SIZE] = {0x37, 0xfa, 0x21, 0x3d};

static struct frame_reader reader;
static struct frame frame;

static void set_up(void)
{
    frame_reader_init(&reader, MESSAGE_MAX);
}

static void tear_down(void)
{
    frame_reader_clear(&reader);
}

static void assert_payload(enum frame_opcode opcode, const char *payload)
{
    ck_assert_int_eq(frame.opcode, opcode);
    ck_assert(text_equal(frame.payload, text_of(payload)));
}

/* A frame as a server writes it: `first` is its first byte; `width` is 0, 2 or 8, the bytes of an
 * extended length. Returns its size. */
static size_t write_server_frame(char *out, unsigned first, size_t width, size_t len)
{
    out[0] = (char)first;
    out[1] = (char)(width == 0 ? len : width == 2 ? 126 : 127);
    for (size_t i = 0; i < width; i++)
        out[2 + i] = (char)(len >> (8 * (width - 1 - i)));
    memset(out + 2 + width, 'x', len);
    return 2 + width + len;
}

/* Section 5.7: "A single-frame masked text message" and the others. */
START_TEST(a_frame_is_written_as_in_the_example)
{
    static const uint8_t expected[] = {0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d,
                                       0x7f, 0x9f, 0x4d, 0x51, 0x58};
    char out[FRAME_HEAD_MAX + 5];

    ck_assert_uint_eq(frame_encode(out, FRAME_TEXT, TEXT("Hello"), MASK), sizeof(expected));
    ck_assert_mem_eq(out, expected, sizeof(expected));
}
END_TEST

START_TEST(the_length_takes_its_shortest_form)
{
    static const struct {
        size_t len;
        size_t head;
        uint8_t second;
    } cases[] = {{0, 6, 0x80},     {125, 6, 0xfd},    {126, 8, 0xfe},
                 {65535, 8, 0xfe}, {65536, 14, 0xff}, {MESSAGE_MAX, 14, 0xff}};
    char *payload = calloc(1, MESSAGE_MAX);
    uint8_t *out = malloc(FRAME_HEAD_MAX + MESSAGE_MAX);
    size_t len = cases[_i].len;
    size_t head = cases[_i].head;

    for (size_t i = 0; i < len; i++)
        payload[i] = (char)(i * 7);
    ck_assert_uint_eq(frame_encode(out, FRAME_BINARY, (struct text){payload, len}, MASK),
                      head + len);
    ck_assert_uint_eq(out[0], 0x82);
    ck_assert_uint_eq(out[1], cases[_i].second);
    if (head == 8)
        ck_assert_uint_eq((unsigned)out[2] << 8 | out[3], len);
    ck_assert_mem_eq(out + head - FRAME_MASK_SIZE, MASK, FRAME_MASK_SIZE);
    for (size_t i = 0; i < len; i++)
        ck_assert_uint_eq(out[head + i] ^ MASK[i % 4], (uint8_t)payload[i]);
    free(payload);
    free(out);
}
END_TEST

START_TEST(a_close_frame_cuts_its_reason_between_characters)
{
    char reason[126];
    char out[FRAME_CONTROL_MAX];

    ck_assert_uint_eq(frame_write_close(out, 1000, TEXT("bye")), 5);
    ck_assert_mem_eq(out,
                     "\x03\xe8"
                     "bye",
                     5);
    memset(reason, 'x', sizeof(reason));
    memcpy(reason + 121, "\xe2\x82\xac",
           sizeof("\xe2\x82\xac")); /* a euro sign over the limit of 123 bytes */
    ck_assert_uint_eq(frame_write_close(out, 1000, (struct text){reason, 124}), 2 + 121);
    ck_assert_uint_eq(frame_write_close(out, 1000, (struct text){reason, 121}), 2 + 121);
}
END_TEST

START_TEST(a_frame_is_read_in_place_and_what_follows_is_left)
{
    struct text bytes = TEXT("\x81\x05"
                             "Hello"
                             "\x81");

    ck_assert_int_eq(frame_read(&reader, bytes, &frame), FRAME_COMPLETE);
    assert_payload(FRAME_TEXT, "Hello");
    ck_assert_uint_eq(frame.size, 7);
    ck_assert_ptr_eq(frame.payload.at, bytes.at + 2);
}
END_TEST

START_TEST(an_incomplete_frame_says_how_much_is_needed)
{
    static const struct {
        size_t width;
        size_t len;
    } cases[] = {{0, 0}, {0, 125}, {2, 126}, {2, 65535}, {8, 65536}, {8, MESSAGE_MAX}};
    char *bytes = malloc(10 + MESSAGE_MAX);
    size_t size = write_server_frame(bytes, 0x81, cases[_i].width, cases[_i].len);
    size_t have = 0;

    /* Given what it asks for, and nothing more, it gets there. */
    while (frame_read(&reader, (struct text){bytes, have}, &frame) == FRAME_INCOMPLETE) {
        ck_assert_uint_gt(frame.size, have);
        ck_assert_uint_le(frame.size, size);
        have = frame.size;
    }
    ck_assert_uint_eq(have, size);
    ck_assert_uint_eq(frame.size, size);
    ck_assert_uint_eq(frame.payload.len, cases[_i].len);
    ck_assert_int_eq(frame_read(&reader, (struct text){bytes, size - 1}, &frame), FRAME_INCOMPLETE);
    free(bytes);
}
END_TEST

START_TEST(fragments_become_one_message_with_a_ping_between)
{
    /* Section 5.4 allows control frames between fragments, and empty fragments. */
    ck_assert_int_eq(frame_read(&reader,
                                TEXT("\x01\x03"
                                     "Hel"),
                                &frame),
                     FRAME_FRAGMENT);
    ck_assert_int_eq(frame_read(&reader,
                                TEXT("\x89\x02"
                                     "hi"),
                                &frame),
                     FRAME_COMPLETE);
    assert_payload(FRAME_PING, "hi");
    ck_assert_int_eq(frame_read(&reader, TEXT("\x00\x00"), &frame), FRAME_FRAGMENT);
    ck_assert_int_eq(frame_read(&reader,
                                TEXT("\x80\x02"
                                     "lo"),
                                &frame),
                     FRAME_COMPLETE);
    assert_payload(FRAME_TEXT, "Hello");
    ck_assert_int_eq(frame_read(&reader,
                                TEXT("\x02\x01"
                                     "a"),
                                &frame),
                     FRAME_FRAGMENT);
    ck_assert_int_eq(frame_read(&reader,
                                TEXT("\x80\x01"
                                     "b"),
                                &frame),
                     FRAME_COMPLETE);
    assert_payload(FRAME_BINARY, "ab");
}
END_TEST

START_TEST(utf8_is_judged_when_the_message_is_whole)
{
    /* A euro sign, split; then its first two bytes alone. */
    ck_assert_int_eq(frame_read(&reader, TEXT("\x01\x01\xe2"), &frame), FRAME_FRAGMENT);
    ck_assert_int_eq(frame_read(&reader, TEXT("\x80\x02\x82\xac"), &frame), FRAME_COMPLETE);
    ck_assert_int_eq(frame_read(&reader, TEXT("\x82\x02\xe2\x82"), &frame), FRAME_COMPLETE);
    ck_assert_int_eq(frame_read(&reader, TEXT("\x81\x02\xe2\x82"), &frame), FRAME_BROKEN);
    ck_assert_uint_eq(frame.close_code, 1007);
}
END_TEST

START_TEST(the_limit_holds_for_all_fragments_together)
{
    char *bytes = malloc(10 + MESSAGE_MAX + 1);
    size_t size;

    write_server_frame(bytes, 0x81, 8, MESSAGE_MAX + 1);
    /* Its head is enough to refuse it. */
    ck_assert_int_eq(frame_read(&reader, (struct text){bytes, 10}, &frame), FRAME_BROKEN);
    ck_assert_uint_eq(frame.close_code, 1009);

    size = write_server_frame(bytes, 0x01, 8, MESSAGE_MAX - 1);
    ck_assert_int_eq(frame_read(&reader, (struct text){bytes, size}, &frame), FRAME_FRAGMENT);
    ck_assert_int_eq(frame_read(&reader,
                                TEXT("\x80\x02"
                                     "xx"),
                                &frame),
                     FRAME_BROKEN);
    ck_assert_uint_eq(frame.close_code, 1009);
    ck_assert_int_eq(frame_read(&reader,
                                TEXT("\x80\x01"
                                     "x"),
                                &frame),
                     FRAME_COMPLETE);
    ck_assert_uint_eq(frame.payload.len, MESSAGE_MAX);
    free(bytes);
}
END_TEST

START_TEST(what_the_protocol_forbids_is_1002)
{
    static const struct text cases[] = {
        TEXT("\xc1\x00"),                                 /* reserved bits */
        TEXT("\xa1\x00"),                                 /* */
        TEXT("\x91\x00"),                                 /* */
        TEXT("\x83\x00"),                                 /* opcodes of nobody */
        TEXT("\x8b\x00"),                                 /* */
        TEXT("\x81\x80"),                                 /* a masked frame */
        TEXT("\x80\x00"),                                 /* a continuation of nothing */
        TEXT("\x09\x00"),                                 /* a control frame in fragments */
        TEXT("\x89\x7e"),                                 /* a control frame above 125 bytes */
        TEXT("\x81\x7e\x00\x7d"),                         /* 125 in 16 bits */
        TEXT("\x81\x7f\x00\x00\x00\x00\x00\x00\xff\xff"), /* 65535 in 64 bits */
        TEXT("\x81\x7f\x80\x00\x00\x00\x00\x01\x00\x00"), /* the highest bit of 64 */
        TEXT("\x88\x01\x03"),                             /* half a close code */
        TEXT("\x88\x02\x03\xe7"),                         /* 999 */
        TEXT("\x88\x02\x03\xed"),                         /* 1005 */
        TEXT("\x88\x02\x03\xf7"),                         /* 1015 */
        TEXT("\x88\x02\x0b\xb7"),                         /* 2999 */
        TEXT("\x88\x02\x13\x88"),                         /* 5000 */
    };

    ck_assert_uint_eq(sizeof(cases) / sizeof(cases[0]), FORBIDDEN_CASES);
    ck_assert_int_eq(frame_read(&reader, cases[_i], &frame), FRAME_BROKEN);
    ck_assert_uint_eq(frame.close_code, 1002);
    ck_assert_ptr_nonnull(frame.reason);
}
END_TEST

START_TEST(a_new_message_inside_a_fragmented_one_is_1002)
{
    ck_assert_int_eq(frame_read(&reader,
                                TEXT("\x01\x01"
                                     "a"),
                                &frame),
                     FRAME_FRAGMENT);
    ck_assert_int_eq(frame_read(&reader,
                                TEXT("\x81\x01"
                                     "b"),
                                &frame),
                     FRAME_BROKEN);
    ck_assert_uint_eq(frame.close_code, 1002);
}
END_TEST

START_TEST(a_close_frame_gives_code_and_reason)
{
    ck_assert_int_eq(frame_read(&reader,
                                TEXT("\x88\x06\x11\x31"
                                     "late"),
                                &frame),
                     FRAME_COMPLETE);
    assert_payload(FRAME_CLOSE, "late");
    ck_assert_uint_eq(frame.close_code, 4401);
    ck_assert_int_eq(frame_read(&reader, TEXT("\x88\x00"), &frame), FRAME_COMPLETE);
    assert_payload(FRAME_CLOSE, "");
    ck_assert_uint_eq(frame.close_code, 1005);
    ck_assert_int_eq(frame_read(&reader, TEXT("\x88\x03\x03\xe8\xff"), &frame), FRAME_BROKEN);
    ck_assert_uint_eq(frame.close_code, 1007);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_frame_is_written_as_in_the_example);
    tcase_add_loop_test(tests, the_length_takes_its_shortest_form, 0, 6);
    tcase_add_test(tests, a_close_frame_cuts_its_reason_between_characters);
    tcase_add_test(tests, a_frame_is_read_in_place_and_what_follows_is_left);
    tcase_add_loop_test(tests, an_incomplete_frame_says_how_much_is_needed, 0, 6);
    tcase_add_test(tests, fragments_become_one_message_with_a_ping_between);
    tcase_add_test(tests, utf8_is_judged_when_the_message_is_whole);
    tcase_add_test(tests, the_limit_holds_for_all_fragments_together);
    tcase_add_loop_test(tests, what_the_protocol_forbids_is_1002, 0, FORBIDDEN_CASES);
    tcase_add_test(tests, a_new_message_inside_a_fragmented_one_is_1002);
    tcase_add_test(tests, a_close_frame_gives_code_and_reason);
    return unit_run("frame", tests);
}
