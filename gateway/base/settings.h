/* base/settings.h: the table of settings, and the reading and printing of one value.
 *
 * What differs between two settings stands in the table; config.c knows where values come from. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/config.h"
#include "base/memory.h"
#include "base/text.h"

struct builder;

/* The kind decides the type of the member of struct config. */
enum setting_kind {
    SETTING_PORT,     /* int */
    SETTING_COUNT,    /* unsigned */
    SETTING_SIZE,     /* size_t */
    SETTING_DURATION, /* int64_t */
    SETTING_SWITCH,   /* bool */
    SETTING_CHOICE,   /* an enum; `choices` has its names */
    SETTING_NAME,     /* this and the rest: char *, NULL when there is none */
    SETTING_ADDRESS,
    SETTING_ENDPOINT, /* ADDRESS:PORT */
    SETTING_REDIS,
    SETTING_ACCOUNT,
};

struct setting {
    const char *name; /* NULL ends the table */
    enum setting_kind kind;
    size_t offset;        /* in struct config */
    const char *fallback; /* the default, as it would be written; NULL: none, or found at start */
    int64_t min;          /* of numbers: inclusive */
    int64_t max;
    const char *zero;           /* what 0 means where it is allowed below `min`; else NULL */
    const char *const *choices; /* ends with NULL */
    const char *help;           /* one line */
};

extern const struct setting SETTINGS[];

/* NULL when there is none of this name. */
const struct setting *setting_find(struct text name);

/* Reads a value (without NUL bytes) into its member of `config`, and frees what was there. False,
 * with `config` as it was and what would be right appended to `right`, when the value is wrong. An
 * empty value unsets a setting that is none by default. */
MUST_USE bool setting_read(const struct setting *setting, struct config *config, struct text value,
                           struct builder *right);

/* Appends a value that somebody wrote for this setting, right or not; a password is ***. */
void setting_append_value(const struct setting *setting, struct text value, struct builder *out);

/* Appends the value as it is in `config`, so that setting_read() could read it again; a password
 * is ***. */
void setting_append(const struct setting *setting, const struct config *config,
                    struct builder *out);

/* Appends its lines of --help: flag, what it is for, default, unit and range. */
void setting_append_help(const struct setting *setting, struct builder *out);

/* Frees the strings of `config`. */
void settings_clear(struct config *config);
