/* common/arguments.h: the command line of a tool: flags in any order, among operands.
 *
 * `--name value` and `--name=value` mean the same; behind `--` everything is an operand. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"

#define ARGUMENT_LIST_MAX 16

/* What a flag that may be repeated collected. */
struct argument_list {
    const char *items[ARGUMENT_LIST_MAX];
    size_t count;
};

enum argument_kind {
    ARGUMENT_TEXT,     /* to: const char *; not empty */
    ARGUMENT_LIST,     /* to: struct argument_list */
    ARGUMENT_NUMBER,   /* to: size_t */
    ARGUMENT_DURATION, /* to: int64_t milliseconds; 500ms, 10s, 5m, 1h, a bare number is seconds */
    ARGUMENT_SWITCH    /* to: bool; takes no value */
};

struct argument {
    const char *flag; /* with its --; NULL ends a table */
    enum argument_kind kind;
    void *to;     /* untouched when the flag is not given */
    uint64_t min; /* of numbers and durations, in the units of `to` */
    uint64_t max;
};

/* Reads argv[1] and on into the table's variables, which then point into `argv`, and moves the
 * operands to argv[1] and on. Returns how many operands there are; -1 after one line on standard
 * error that begins with `program` and says what was wrong and what would be right. */
MUST_USE int arguments_read(const char *program, const struct argument *table, int argc,
                            char **argv);
