/* base/log.c: see log.h.
 *
 * Every value that a stranger can choose passes append_text_value() or append_json_value(): they
 * are the two places that keep one event on one line. */
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/memory.h"

/* write(2) to a pipe is atomic up to PIPE_BUF (pipe(7)). */
#define LINE_MAX_BYTES PIPE_BUF
/* More of one value is not worth a log's room: ids and addresses are shorter. */
#define VALUE_MAX_BYTES 512
#define REPEAT_WINDOW_MS 1000

/* How often one event was asked for in the second that began at `since_ms`. */
struct repeat {
    struct repeat *next;
    const char *event;
    int64_t since_ms;
    unsigned written;
    int64_t suppressed; /* since the last line that was written */
};

const char *const LOG_LEVEL_NAMES[] = {"debug", "info", "warn", "error", NULL};
const char *const LOG_FORMAT_NAMES[] = {"text", "json", NULL};

/* The list grows by one entry for each event word of the program and lives as long as it. */
static struct {
    enum log_level level;
    enum log_format format;
    struct repeat *repeats;
} state = {LOG_LEVEL_INFO, LOG_FORMAT_TEXT, NULL};

void log_configure(enum log_level level, enum log_format format)
{
    state.level = level;
    state.format = format;
}

bool log_enabled(enum log_level level)
{
    return level >= state.level;
}

/* The length of the character at the front of `rest`; 0 when it is not UTF-8. */
static size_t character_length(struct text rest)
{
    for (size_t len = 1; len <= 4 && len <= rest.len; len++)
        if (text_is_utf8((struct text){rest.at, len}))
            return len;
    return 0;
}

/* Controls of both sets: below 0x20, DEL, and U+0080 to U+009F, which terminals obey too. */
static bool is_control(struct text character)
{
    unsigned char first = (unsigned char)character.at[0];

    return character.len == 1 ? first < 0x20 || first == 0x7F
                              : first == 0xC2 && (unsigned char)character.at[1] < 0xA0;
}

static bool is_bare(struct text value)
{
    while (value.len > 0) {
        size_t len = character_length(value);

        if (len == 0 || is_control((struct text){value.at, len}) ||
            strchr(" \"\\=", value.at[0]) != NULL)
            return false;
        value.at += len;
        value.len -= len;
    }
    return true;
}

/* As it is, or in quotes: then `"` and `\` have a backslash before them, and each byte of a control
 * character or of what is not UTF-8 is \xHH. */
static void append_text_value(struct builder *line, struct text value)
{
    if (value.len > 0 && is_bare(value)) {
        builder_append(line, value);
        return;
    }
    builder_append_char(line, '"');
    while (value.len > 0) {
        size_t len = character_length(value);
        struct text character = {value.at, len == 0 ? 1 : len};

        if (len == 0 || is_control(character)) {
            for (size_t i = 0; i < character.len; i++)
                builder_printf(line, "\\x%02X", (unsigned)(unsigned char)character.at[i]);
        } else {
            if (character.at[0] == '"' || character.at[0] == '\\')
                builder_append_char(line, '\\');
            builder_append(line, character);
        }
        value.at += character.len;
        value.len -= character.len;
    }
    builder_append_char(line, '"');
}

/* A JSON string; each byte that is not UTF-8 becomes U+FFFD. */
static void append_json_value(struct builder *line, struct text value)
{
    struct builder clean;

    builder_init(&clean, 3 * VALUE_MAX_BYTES);
    while (value.len > 0) {
        size_t len = character_length(value);

        builder_append(&clean, len > 0 ? (struct text){value.at, len} : TEXT("\xEF\xBF\xBD"));
        value.at += len == 0 ? 1 : len;
        value.len -= len == 0 ? 1 : len;
    }
    builder_append_json(line, builder_text(&clean));
    builder_clear(&clean);
}

/* At most VALUE_MAX_BYTES of it, and no half character at the cut. */
static struct text shortened(struct text value)
{
    if (value.len <= VALUE_MAX_BYTES)
        return value;
    value.len = VALUE_MAX_BYTES;
    for (int i = 0; i < 3 && ((unsigned char)value.at[value.len] & 0xC0) == 0x80; i++)
        value.len--;
    return value;
}

/* Appends the whole field, or nothing when the line has no room for it. */
static void append_field(struct builder *line, const struct log_field *field)
{
    bool json = state.format == LOG_FORMAT_JSON;
    size_t before = line->len;

    if (json)
        builder_printf(line, "%s\"%s\":", before > 1 ? "," : "", field->name);
    else
        builder_printf(line, "%s%s=", before > 0 ? " " : "", field->name);
    if (field->is_number)
        builder_printf(line, "%" PRId64, field->number);
    else if (json)
        append_json_value(line, shortened(field->text));
    else
        append_text_value(line, shortened(field->text));
    if (line->full) {
        line->full = false;
        line->len = before;
    }
}

/* RFC 3339, UTC, milliseconds. */
static struct text timestamp(char out[32])
{
    struct timespec now;
    struct tm utc;
    size_t len;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &utc);
    len = strftime(out, 32, "%Y-%m-%dT%H:%M:%S", &utc);
    len += (size_t)snprintf(out + len, 32 - len, ".%03ldZ", now.tv_nsec / 1000000);
    return (struct text){out, len};
}

static void write_line(enum log_level level, const char *event, const struct log_field *fields,
                       int64_t suppressed)
{
    int saved_errno = errno;
    bool json = state.format == LOG_FORMAT_JSON;
    struct builder line;
    struct text text;
    char ts[32];

    builder_init(&line, LINE_MAX_BYTES - 2); /* the end has its room, whatever the fields are */
    if (json)
        builder_append_char(&line, '{');
    append_field(&line, &LOG_TEXT("ts", timestamp(ts)));
    append_field(&line, &LOG_STRING("level", LOG_LEVEL_NAMES[level]));
    append_field(&line, &LOG_STRING("event", event));
    if (suppressed > 0)
        append_field(&line, &LOG_NUMBER("suppressed", suppressed));
    for (; fields->name != NULL; fields++)
        append_field(&line, fields);
    line.max = LINE_MAX_BYTES;
    builder_append_string(&line, json ? "}\n" : "\n");
    text = builder_text(&line);
    /* A log that cannot be written is no reason to stop serving: only a signal is a retry. */
    while (write(STDERR_FILENO, text.at, text.len) < 0 && errno == EINTR)
        ;
    builder_clear(&line);
    errno = saved_errno; /* callers log first and look at it afterwards */
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
    if (log_enabled(level))
        write_line(level, event, fields, 0);
}

static struct repeat *find_repeat(const char *event)
{
    struct repeat *repeat;

    for (repeat = state.repeats; repeat != NULL; repeat = repeat->next)
        if (strcmp(repeat->event, event) == 0)
            return repeat;
    repeat = memory_alloc(sizeof(*repeat));
    repeat->event = event;
    repeat->next = state.repeats;
    state.repeats = repeat;
    return repeat;
}

void log_write_limited(enum log_level level, const char *event, const struct log_field *fields)
{
    struct timespec now;
    struct repeat *repeat;
    int64_t now_ms;

    if (!log_enabled(level))
        return;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    repeat = find_repeat(event);
    if (repeat->written == 0 || now_ms - repeat->since_ms >= REPEAT_WINDOW_MS) {
        repeat->since_ms = now_ms;
        repeat->written = 0;
    }
    if (repeat->written == LOG_REPEATS_PER_SECOND) {
        repeat->suppressed++;
        return;
    }
    repeat->written++;
    write_line(level, event, fields, repeat->suppressed);
    repeat->suppressed = 0;
}
