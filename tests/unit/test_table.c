#include "common/table.h"

#include <stdlib.h>

#include <check.h>

#include "unit.h"

static struct table table;
static struct builder out;

static void begin(void)
{
    table_init(&table);
    builder_init(&out, 4096);
}

static void clear(void)
{
    table_clear(&table);
    builder_clear(&out);
}

static void assert_printed(const char *indent, const char *expected)
{
    table_append(&table, indent, &out);
    struct text text = builder_text(&out);
    ck_assert_msg(text_equal(text, text_of(expected)), "'%.*s' instead of '%s'", (int)text.len,
                  text.at, expected);
}

START_TEST(columns_are_aligned_and_lines_end_with_their_last_cell)
{
    table_add(&table, TEXT("NAME"));
    table_add(&table, TEXT("N"));
    table_add(&table, TEXT("LAST"));
    table_end_row(&table);
    table_add(&table, TEXT("a"));
    table_add_number(&table, -12);
    table_add(&table, TEXT("x"));
    table_end_row(&table);
    assert_printed("", "NAME  N    LAST\n"
                       "a     -12  x\n");
}
END_TEST

START_TEST(a_rows_last_cell_makes_no_column_wider)
{
    table_add(&table, TEXT("a"));
    table_add(&table, TEXT("b"));
    table_end_row(&table);
    table_add(&table, TEXT("a long one"));
    table_end_row(&table);
    assert_printed("  ", "  a  b\n"
                         "  a long one\n");
}
END_TEST

START_TEST(width_is_counted_in_characters)
{
    table_add(&table, TEXT("\xc3\xa4\xe2\x82\xac"));
    table_add(&table, TEXT("1"));
    table_end_row(&table);
    table_add(&table, TEXT("abc"));
    table_add(&table, TEXT("2"));
    table_end_row(&table);
    assert_printed("", "\xc3\xa4\xe2\x82\xac   1\n"
                       "abc  2\n");
}
END_TEST

START_TEST(ids_are_one_word_without_control_characters)
{
    table_add_id(&table, TEXT("a b\n\t\x1b[31m"));
    table_add_id(&table, TEXT(""));
    table_add(&table, TEXT("end"));
    table_end_row(&table);
    assert_printed("", "a%20b%0A%09%1B[31m    end\n");
}
END_TEST

START_TEST(an_empty_table_prints_nothing)
{
    assert_printed("  ", "");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("table");

    tcase_add_checked_fixture(tests, begin, clear);
    tcase_add_test(tests, columns_are_aligned_and_lines_end_with_their_last_cell);
    tcase_add_test(tests, a_rows_last_cell_makes_no_column_wider);
    tcase_add_test(tests, width_is_counted_in_characters);
    tcase_add_test(tests, ids_are_one_word_without_control_characters);
    tcase_add_test(tests, an_empty_table_prints_nothing);
    return unit_run("table", tests);
}
