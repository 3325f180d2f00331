/* base/memory.h and base/buffer.h. */
#include "base/buffer.h"

#include <stdlib.h>

#include <check.h>

#include "unit.h"

static void assert_text(struct text text, const char *expected)
{
    char *copy = memory_copy(text.at, text.len);
    ck_assert_str_eq(copy, expected);
    ck_assert_uint_eq(text.len, text_of(expected).len);
    free(copy);
}

static void assert_built(const struct builder *builder, const char *expected)
{
    ck_assert(!builder->full);
    assert_text(builder_text(builder), expected);
}

START_TEST(allocation_is_zeroed_and_of_size_zero_not_null)
{
    char *memory = memory_alloc(3);
    ck_assert_mem_eq(memory, "\0\0\0", 3);
    free(memory);
    memory = memory_alloc(0);
    ck_assert_ptr_nonnull(memory);
    memory = memory_resize(memory, 0);
    ck_assert_ptr_nonnull(memory);
    free(memory);
}
END_TEST

START_TEST(copy_of_nothing_is_an_empty_string)
{
    char *copy = memory_copy(NULL, 0);
    ck_assert_str_eq(copy, "");
    free(copy);
}
END_TEST

START_TEST(buffer_is_a_copy_with_one_reference)
{
    char bytes[] = {'a', '\0', 'b'};
    struct buffer *buffer = buffer_new(bytes, sizeof(bytes));

    bytes[0] = 'x';
    ck_assert(text_equal(buffer_text(buffer), TEXT("a\0b")));
    ck_assert_uint_eq(buffer_references(buffer), 1);
    ck_assert_ptr_eq(buffer_ref(buffer), buffer);
    ck_assert_uint_eq(buffer_references(buffer), 2);
    buffer_unref(buffer);
    ck_assert_uint_eq(buffer_references(buffer), 1);
    buffer_unref(buffer);
    buffer_unref(NULL);
}
END_TEST

START_TEST(builder_appends_up_to_its_maximum)
{
    struct builder builder;

    builder_init(&builder, 7);
    builder_append(&builder, TEXT("ab"));
    builder_append(&builder, (struct text){0});
    builder_append_string(&builder, "cd");
    builder_append_char(&builder, 'e');
    builder_printf(&builder, "%d", 42);
    assert_built(&builder, "abcde42");
    ck_assert_uint_le(builder.capacity, 7);
    builder_clear(&builder);
}
END_TEST

START_TEST(builder_past_its_maximum_is_full_and_ignores_the_rest)
{
    struct builder builder;

    builder_init(&builder, 5);
    builder_append(&builder, TEXT("abc"));
    builder_printf(&builder, "%s", "def");
    ck_assert(builder.full);
    builder_append_char(&builder, 'd');
    builder_append_number(&builder, 1);
    ck_assert(builder.full);
    assert_text(builder_text(&builder), "abc");

    builder_reset(&builder);
    builder_append(&builder, TEXT("vwxyz"));
    assert_built(&builder, "vwxyz");
    builder_append_char(&builder, '!');
    ck_assert(builder.full);
    builder_clear(&builder);
}
END_TEST

START_TEST(builder_without_room_takes_only_nothing)
{
    struct builder builder;

    builder_init(&builder, 0);
    builder_printf(&builder, "%s", "");
    assert_built(&builder, "");
    builder_append_char(&builder, 'a');
    ck_assert(builder.full);
    builder_clear(&builder);
}
END_TEST

START_TEST(builder_grows_by_doubling_and_no_further_than_its_maximum)
{
    struct builder builder;
    size_t growths = 0;
    size_t capacity = 0;

    builder_init(&builder, 100000);
    for (size_t i = 0; i < builder.max; i++) {
        builder_append_char(&builder, (char)('a' + i % 26));
        if (builder.capacity != capacity)
            growths++;
        capacity = builder.capacity;
    }
    ck_assert(!builder.full);
    ck_assert_uint_eq(builder.capacity, builder.max);
    ck_assert_uint_lt(growths, 13);
    for (size_t i = 0; i < builder.max; i++)
        ck_assert_int_eq(builder_text(&builder).at[i], (char)('a' + i % 26));
    builder_clear(&builder);
}
END_TEST

START_TEST(numbers_are_decimal)
{
    struct builder builder;

    builder_init(&builder, 100);
    builder_append_number(&builder, 0);
    builder_append_char(&builder, ' ');
    builder_append_number(&builder, 1009);
    builder_append_char(&builder, ' ');
    builder_append_number(&builder, UINT64_MAX);
    assert_built(&builder, "0 1009 18446744073709551615");
    builder_clear(&builder);
}
END_TEST

START_TEST(json_string_escapes_what_must_be_escaped_and_nothing_else)
{
    struct builder builder;

    builder_init(&builder, 100);
    builder_append_json(&builder, TEXT(""));
    builder_append_json(&builder, TEXT("\"a\\b/"));
    builder_append_json(&builder, TEXT("\b\f\n\r\t\x01\x1f\x7f"));
    builder_append_json(&builder, TEXT("x\0y\xc3\xa4"));
    assert_built(&builder, "\"\"\"\\\"a\\\\b/\"\"\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\""
                           "\"x\\u0000y\xc3\xa4\"");
    builder_clear(&builder);
}
END_TEST

START_TEST(json_string_that_does_not_fit_leaves_the_builder_full)
{
    struct builder builder;

    for (size_t max = 0; max < 8; max++) {
        builder_init(&builder, max);
        builder_append_json(&builder, TEXT("a\nb\""));
        ck_assert(builder.full);
        builder_clear(&builder);
    }
    builder_init(&builder, 8);
    builder_append_json(&builder, TEXT("a\nb\""));
    assert_built(&builder, "\"a\\nb\\\"\"");
    builder_clear(&builder);
}
END_TEST

START_TEST(key_part_encodes_key_syntax_in_upper_case)
{
    struct builder builder;

    builder_init(&builder, 100);
    builder_append_key_part(&builder, TEXT("a%{b}:c \0\x1f\x7f~!\xc3\xbf"));
    assert_built(&builder, "a%25%7Bb%7D%3Ac%20%00%1F%7F~!\xc3\xbf");
    builder_clear(&builder);
}
END_TEST

START_TEST(builder_to_buffer_copies_and_goes_on_empty)
{
    struct builder builder;

    builder_init(&builder, 4);
    struct buffer *empty = builder_to_buffer(&builder);
    builder_append(&builder, TEXT("abcd"));
    struct buffer *first = builder_to_buffer(&builder);
    builder_append(&builder, TEXT("efgh"));
    assert_built(&builder, "efgh");
    ck_assert_uint_eq(buffer_text(empty).len, 0);
    ck_assert(text_equal(buffer_text(first), TEXT("abcd")));
    ck_assert_uint_eq(buffer_references(first), 1);
    buffer_unref(empty);
    buffer_unref(first);
    builder_clear(&builder);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("buffer");
    tcase_add_test(tests, allocation_is_zeroed_and_of_size_zero_not_null);
    tcase_add_test(tests, copy_of_nothing_is_an_empty_string);
    tcase_add_test(tests, buffer_is_a_copy_with_one_reference);
    tcase_add_test(tests, builder_appends_up_to_its_maximum);
    tcase_add_test(tests, builder_past_its_maximum_is_full_and_ignores_the_rest);
    tcase_add_test(tests, builder_without_room_takes_only_nothing);
    tcase_add_test(tests, builder_grows_by_doubling_and_no_further_than_its_maximum);
    tcase_add_test(tests, numbers_are_decimal);
    tcase_add_test(tests, json_string_escapes_what_must_be_escaped_and_nothing_else);
    tcase_add_test(tests, json_string_that_does_not_fit_leaves_the_builder_full);
    tcase_add_test(tests, key_part_encodes_key_syntax_in_upper_case);
    tcase_add_test(tests, builder_to_buffer_copies_and_goes_on_empty);
    return unit_run("buffer", tests);
}
