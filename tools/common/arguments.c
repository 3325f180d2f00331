#include "common/arguments.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

static void print_flags(const struct argument *table)
{
    for (; table->flag; table++)
        fprintf(stderr, " %s", table->flag);
    fputc('\n', stderr);
}

/* The flag that `word` begins with, up to a '='; NULL when there is none. */
static const struct argument *find_flag(const struct argument *table, const char *word)
{
    size_t len = strcspn(word, "=");

    for (; table->flag; table++) {
        if (strlen(table->flag) == len && memcmp(table->flag, word, len) == 0)
            return table;
    }
    return NULL;
}

static bool read_duration(struct text text, uint64_t max_ms, uint64_t *ms)
{
    static const struct {
        const char *name;
        uint64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"", 1000}};
    size_t digits = 0;

    while (digits < text.len && text.at[digits] >= '0' && text.at[digits] <= '9')
        digits++;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        struct text unit = {text.at + digits, text.len - digits};

        if (!text_equal(unit, text_of(units[i].name)))
            continue;
        if (!text_to_number((struct text){text.at, digits}, max_ms / units[i].ms, ms))
            return false;
        *ms *= units[i].ms;
        return true;
    }
    return false;
}

static bool read_number(const struct argument *argument, const char *value)
{
    uint64_t number;

    if (argument->kind == ARGUMENT_NUMBER) {
        if (!text_to_number(text_of(value), argument->max, &number) || number < argument->min)
            return false;
        *(size_t *)argument->to = number;
        return true;
    }
    if (!read_duration(text_of(value), argument->max, &number) || number < argument->min)
        return false;
    *(int64_t *)argument->to = (int64_t)number;
    return true;
}

static bool store(const char *program, const struct argument *argument, const char *value)
{
    struct argument_list *list;

    switch (argument->kind) {
    case ARGUMENT_SWITCH:
        *(bool *)argument->to = true;
        return true;
    case ARGUMENT_TEXT:
        *(const char **)argument->to = value;
        break;
    case ARGUMENT_LIST:
        list = argument->to;
        if (list->count == ARGUMENT_LIST_MAX) {
            fprintf(stderr, "%s: %s may be given %d times\n", program, argument->flag,
                    ARGUMENT_LIST_MAX);
            return false;
        }
        list->items[list->count++] = value;
        break;
    case ARGUMENT_NUMBER:
    case ARGUMENT_DURATION:
        if (!read_number(argument, value)) {
            fprintf(stderr, "%s: %s %s: it takes %s from %" PRIu64 "%s to %" PRIu64 "%s\n", program,
                    argument->flag, value,
                    argument->kind == ARGUMENT_NUMBER ? "a number" : "a duration (500ms, 10s, 5m)",
                    argument->min, argument->kind == ARGUMENT_NUMBER ? "" : "ms", argument->max,
                    argument->kind == ARGUMENT_NUMBER ? "" : "ms");
            return false;
        }
        return true;
    }
    if (*value == '\0')
        fprintf(stderr, "%s: %s needs a value that is not empty\n", program, argument->flag);
    return *value != '\0';
}

/* The flag at argv[*at], with its value; moves *at to the last word it took. */
static bool read_flag(const char *program, const struct argument *table, int argc, char **argv,
                      int *at)
{
    const char *word = argv[*at];
    const struct argument *argument = find_flag(table, word);
    const char *value = strchr(word, '=');

    if (!argument) {
        fprintf(stderr, "%s: there is no flag %.*s; the flags are", program,
                (int)strcspn(word, "="), word);
        print_flags(table);
        return false;
    }
    if (argument->kind == ARGUMENT_SWITCH && value) {
        fprintf(stderr, "%s: %s takes no value\n", program, argument->flag);
        return false;
    }
    if (value) {
        value++;
    } else if (argument->kind != ARGUMENT_SWITCH) {
        if (*at + 1 == argc) {
            fprintf(stderr, "%s: %s needs a value\n", program, argument->flag);
            return false;
        }
        value = argv[++*at];
    }
    return store(program, argument, value);
}

int arguments_read(const char *program, const struct argument *table, int argc, char **argv)
{
    bool flags_ended = false;
    int operands = 0;

    for (int i = 1; i < argc; i++) {
        if (flags_ended || strncmp(argv[i], "--", 2) != 0)
            argv[++operands] = argv[i];
        else if (argv[i][2] == '\0')
            flags_ended = true;
        else if (!read_flag(program, table, argc, argv, &i))
            return -1;
    }
    return operands;
}
