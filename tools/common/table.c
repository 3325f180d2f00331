#include "common/table.h"

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

void table_init(struct table *table)
{
    builder_init(&table->cells, SIZE_MAX);
}

void table_clear(struct table *table)
{
    builder_clear(&table->cells);
}

void table_add(struct table *table, struct text cell)
{
    builder_append(&table->cells, cell);
    builder_append_char(&table->cells, '\t');
}

void table_add_id(struct table *table, struct text id)
{
    builder_append_key_part(&table->cells, id);
    builder_append_char(&table->cells, '\t');
}

void table_add_number(struct table *table, int64_t number)
{
    builder_printf(&table->cells, "%" PRId64 "\t", number);
}

void table_end_row(struct table *table)
{
    builder_append_char(&table->cells, '\n');
}

/* Takes the next cell off the row. False when it was the last one. */
static bool next_cell(struct text *row, struct text *cell)
{
    *cell = text_split(row, '\t');
    return row->len > 0;
}

/* The bytes that do not continue a character. */
static size_t width_of(struct text cell)
{
    size_t width = 0;

    for (size_t i = 0; i < cell.len; i++)
        width += ((unsigned char)cell.at[i] & 0xc0) != 0x80;
    return width;
}

static void measure(struct text rows, size_t widths[TABLE_COLUMNS])
{
    struct text cell;

    while (rows.len > 0) {
        struct text row = text_split(&rows, '\n');

        for (size_t column = 0; next_cell(&row, &cell); column++) {
            assert(column < TABLE_COLUMNS);
            if (width_of(cell) > widths[column])
                widths[column] = width_of(cell);
        }
    }
}

void table_append(const struct table *table, const char *indent, struct builder *out)
{
    struct text rows = builder_text(&table->cells);
    size_t widths[TABLE_COLUMNS] = {0};
    struct text cell;

    measure(rows, widths);
    while (rows.len > 0) {
        struct text row = text_split(&rows, '\n');

        builder_append_string(out, indent);
        for (size_t column = 0; next_cell(&row, &cell); column++) {
            builder_append(out, cell);
            for (size_t width = width_of(cell); width < widths[column] + 2; width++)
                builder_append_char(out, ' ');
        }
        builder_append(out, cell);
        builder_append_char(out, '\n');
    }
}
