/* common/table.h: rows of cells as aligned columns, two blanks between them, none at line ends. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/text.h"

#define TABLE_COLUMNS 8 /* at most */

struct table {
    struct builder cells; /* a tab behind each cell, a line feed behind each row */
};

void table_init(struct table *table);
void table_clear(struct table *table);

/* The next cell of the row: text without control characters. */
void table_add(struct table *table, struct text cell);
/* Any bytes, percent-encoded as in the names of keys: one word, and nothing that a terminal obeys.
 */
void table_add_id(struct table *table, struct text id);
void table_add_number(struct table *table, int64_t number);
void table_end_row(struct table *table);

/* Appends all rows, each line behind `indent`. A column is as wide as the longest of its cells that
 * is not its row's last, in characters of UTF-8. */
void table_append(const struct table *table, const char *indent, struct builder *out);
