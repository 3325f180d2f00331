/* base/log.h: one line per event on standard error, as key=value or JSON.
 *
 *     log_warn("receiver_offline", LOG_TEXT("sender", sender), LOG_TEXT("receiver", receiver));
 *     ts=2026-01-31T12:00:00.123Z level=warn event=receiver_offline sender=alice receiver=bob
 *
 * An event is one word; fields are typed, and quoted in one place. Contents of messages and tokens
 * are never logged. A line is written with one write(2), so the lines of processes that share a
 * descriptor do not mix. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

struct log_field {
    const char *name; /* NULL ends a list */
    bool is_number;
    int64_t number;
    struct text text;
};

#define LOG_TEXT(name, value) ((struct log_field){(name), false, 0, (value)})
#define LOG_STRING(name, value) ((struct log_field){(name), false, 0, text_of(value)})
#define LOG_NUMBER(name, value) ((struct log_field){(name), true, (int64_t)(value), {0}})
#define LOG_FIELDS(...) ((const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){.name = NULL}})

/* NOLINTBEGIN(readability-identifier-naming): they are called as functions are. */
#define log_debug(event, ...) log_write(LOG_LEVEL_DEBUG, (event), LOG_FIELDS(__VA_ARGS__))
#define log_info(event, ...) log_write(LOG_LEVEL_INFO, (event), LOG_FIELDS(__VA_ARGS__))
#define log_warn(event, ...) log_write(LOG_LEVEL_WARN, (event), LOG_FIELDS(__VA_ARGS__))
#define log_error(event, ...) log_write(LOG_LEVEL_ERROR, (event), LOG_FIELDS(__VA_ARGS__))

/* For what a client or an outage can cause any number of times: at most LOG_REPEATS_PER_SECOND
 * lines of one event in a second; the next line after that carries suppressed=N. */
#define LOG_REPEATS_PER_SECOND 50
#define log_repeated(level, event, ...) log_write_limited((level), (event), LOG_FIELDS(__VA_ARGS__))
/* NOLINTEND(readability-identifier-naming) */

/* What --log-level and --log-format take, in the order of the enums; NULL ends each. */
extern const char *const LOG_LEVEL_NAMES[];
extern const char *const LOG_FORMAT_NAMES[];

/* Until it is called: info, text. */
void log_configure(enum log_level level, enum log_format format);
bool log_enabled(enum log_level level);

void log_write(enum log_level level, const char *event, const struct log_field *fields);
/* event: a string that lives as long as the process (a literal). */
void log_write_limited(enum log_level level, const char *event, const struct log_field *fields);
