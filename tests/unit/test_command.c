#include "broker/command.h"

#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "base/buffer.h"
#include "unit.h"

static void assert_formatted(const struct text *args, size_t count, struct text expected)
{
    struct text command = command_format(args, count);

    ck_assert_msg(text_equal(command, expected), "%.*s", (int)command.len, command.at);
    command_free(command);
}

START_TEST(arguments_are_any_bytes)
{
    assert_formatted(&TEXT("PING"), 1, TEXT("*1\r\n$4\r\nPING\r\n"));
    assert_formatted((struct text[]){TEXT("SET"), {NULL, 0}, TEXT("a\0\r\n")}, 3,
                     TEXT("*3\r\n$3\r\nSET\r\n$0\r\n\r\n$4\r\na\0\r\n\r\n"));
}
END_TEST

/* Around each length that takes a digit more, and as many arguments as there may be. */
START_TEST(lengths_and_counts_of_any_number_of_digits)
{
    static const size_t lens[] = {9, 10, 11, 99, 100, 999, 1000, 9999, 10000, 100000};
    struct text args[COMMAND_MAX_ARGS];
    struct builder expected;
    char *bytes = memory_alloc(100000);

    memset(bytes, 'x', 100000);
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        args[0] = (struct text){bytes, lens[i]};
        builder_init(&expected, SIZE_MAX);
        builder_printf(&expected, "*1\r\n$%zu\r\n%.*s\r\n", lens[i], (int)lens[i], bytes);
        assert_formatted(args, 1, builder_text(&expected));
        builder_clear(&expected);
    }
    builder_init(&expected, SIZE_MAX);
    builder_printf(&expected, "*%d\r\n", COMMAND_MAX_ARGS);
    for (size_t i = 0; i < COMMAND_MAX_ARGS; i++) {
        args[i] = TEXT("0123456789");
        builder_append_string(&expected, "$10\r\n0123456789\r\n");
    }
    assert_formatted(args, COMMAND_MAX_ARGS, builder_text(&expected));
    builder_clear(&expected);
    free(bytes);
}
END_TEST

START_TEST(an_argument_is_found_again)
{
    const struct text args[] = {TEXT("EVALSHA"), TEXT(""), TEXT("$3\r\nkey\r\n"), TEXT("last")};
    struct text command = command_format(args, 4);

    for (size_t i = 0; i < 4; i++)
        ck_assert(text_equal(command_argument(command, i), args[i]));
    command_free(command);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("command");

    tcase_add_test(tests, arguments_are_any_bytes);
    tcase_add_test(tests, lengths_and_counts_of_any_number_of_digits);
    tcase_add_test(tests, an_argument_is_found_again);
    return unit_run("command", tests);
}
