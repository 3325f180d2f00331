#include "base/sources.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/settings.h"

#define VARIABLE_PREFIX "PARLEY_"
#define PATH_VARIABLE VARIABLE_PREFIX "CONFIG"
#define CLIENT_VARIABLE VARIABLE_PREFIX "URL" /* is for the terminal client */
#define NAME_ROOM 64 /* for the name of any setting or variable, with its NUL */
#define HINT_ROOM (NAME_ROOM + 32)

/* Names that are no settings: flags, and what may be a variable. */
static const char *const OTHER_FLAGS[] = {"config", "check-config", "help", "version", NULL};
static const char *const OTHER_VARIABLES[] = {"config", NULL};

struct flag {
    const struct setting *setting;
    struct text value;
};

struct loading {
    struct config *config;
    FILE *err;
    enum sources_command command;
    const char *path;   /* of the file; NULL: none */
    struct flag *flags; /* in the order given */
    size_t flag_count;
};

/* Where a value stands. */
struct source {
    enum { SOURCE_FILE, SOURCE_ENVIRONMENT, SOURCE_FLAG } kind;
    const char *path;
    unsigned line;
};

bool sources_complain(FILE *err, const char *format, ...)
{
    char line[1024];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    for (char *at = line; *at != '\0'; at++)
        if (text_has_control((struct text){at, 1}))
            *at = '?';
    (void)fprintf(err, "parley-gateway: %s\n", line);
    return false;
}

/* mailbox-max to PARLEY_MAILBOX_MAX. */
static struct text variable_of(const char *name, char out[NAME_ROOM])
{
    size_t len = strlen(VARIABLE_PREFIX);

    assert(len + strlen(name) < NAME_ROOM);
    memcpy(out, VARIABLE_PREFIX, len);
    for (; *name != '\0'; name++)
        out[len++] = *name == '-' ? '_' : (char)toupper((unsigned char)*name);
    out[len] = '\0';
    return (struct text){out, len};
}

static size_t smallest(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;

    return least < c ? least : c;
}

/* Levenshtein's: how many bytes to insert, remove or replace. `left` is shorter than NAME_ROOM. */
static size_t edit_distance(struct text left, struct text right)
{
    size_t row[NAME_ROOM]; /* the distances of left's beginnings to right's first i bytes */

    for (size_t j = 0; j <= left.len; j++)
        row[j] = j;
    for (size_t i = 1; i <= right.len; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= left.len; j++) {
            size_t replaced = diagonal + (left.at[j - 1] != right.at[i - 1]);

            diagonal = row[j];
            row[j] = smallest(row[j] + 1, row[j - 1] + 1, replaced);
        }
    }
    return row[left.len];
}

/* The setting, or one of `others`, that `wrong` is a misspelling of; NULL when none is near: at
 * most two bytes are wrong, and not all of them. */
static const char *find_similar(struct text wrong, const char *const *others)
{
    const struct setting *setting = SETTINGS;
    const char *best = NULL;
    const char *name;
    size_t best_distance = 3;

    if (wrong.len >= NAME_ROOM)
        return NULL;
    while ((name = setting->name != NULL ? (setting++)->name : *others++) != NULL) {
        size_t distance = edit_distance(wrong, text_of(name));

        if (distance < best_distance && distance < wrong.len) {
            best_distance = distance;
            best = name;
        }
    }
    return best;
}

/* The end of an error line about an unknown name, maybe over `out`. */
static const char *hint_of(const char *prefix, const char *similar, char out[HINT_ROOM])
{
    if (similar == NULL)
        return "--help lists all";
    (void)snprintf(out, HINT_ROOM, "did you mean %s%s?", prefix, similar);
    return out;
}

static bool apply(struct loading *loading, const struct source *source,
                  const struct setting *setting, struct text value)
{
    char variable[NAME_ROOM];
    struct builder right;
    struct builder shown;
    bool good;

    builder_init(&right, 1024);
    builder_init(&shown, value.len + 3); /* *** may be longer than what it hides */
    good = setting_read(setting, loading->config, value, &right);
    if (!good) {
        setting_append_value(setting, value, &shown);
        switch (source->kind) {
        case SOURCE_FILE:
            sources_complain(loading->err, "%s:%u: %s = %.*s: %.*s", source->path, source->line,
                             setting->name, SHOWN(builder_text(&shown)),
                             SHOWN(builder_text(&right)));
            break;
        case SOURCE_ENVIRONMENT:
            sources_complain(loading->err, "%s=%.*s: %.*s", variable_of(setting->name, variable).at,
                             SHOWN(builder_text(&shown)), SHOWN(builder_text(&right)));
            break;
        case SOURCE_FLAG:
            sources_complain(loading->err, "--%s %.*s: %.*s", setting->name,
                             SHOWN(builder_text(&shown)), SHOWN(builder_text(&right)));
            break;
        }
    }
    builder_clear(&shown);
    builder_clear(&right);
    return good;
}

/* A line of a file, or an argument when `line` is NULL, that is no setting at all. It is shown with
 * care: it may be an address of Redis that lost its name. */
static bool complain_of_stray(struct loading *loading, const struct source *line, struct text stray,
                              const char *rule)
{
    struct builder shown;

    builder_init(&shown, stray.len + 3);
    redis_address_append_masked(stray, &shown);
    if (line != NULL)
        sources_complain(loading->err, "%s:%u: %.*s: %s", line->path, line->line,
                         SHOWN(builder_text(&shown)), rule);
    else
        sources_complain(loading->err, "%.*s: %s", SHOWN(builder_text(&shown)), rule);
    builder_clear(&shown);
    return false;
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

static struct text trimmed(struct text text)
{
    while (text.len > 0 && is_blank(text.at[text.len - 1]))
        text.len--;
    for (; text.len > 0 && is_blank(text.at[0]); text.len--)
        text.at++;
    return text;
}

static size_t count_settings(void)
{
    size_t count = 0;

    while (SETTINGS[count].name != NULL)
        count++;
    return count;
}

/* lines_of: for each setting, the line that set it, or 0. */
static bool read_line(struct loading *loading, struct source *source, struct text line,
                      unsigned *lines_of)
{
    struct text value = trimmed(line);
    const struct setting *setting;
    char hint[HINT_ROOM];
    struct text name;

    if (value.len == 0 || value.at[0] == '#')
        return true;
    if (value.at[0] == '=' || memchr(value.at, '=', value.len) == NULL)
        return complain_of_stray(loading, source, value, "a line is NAME = VALUE");
    name = trimmed(text_split(&value, '='));
    value = trimmed(value);
    setting = setting_find(name);
    if (setting == NULL) {
        const char *similar = find_similar(name, (const char *const[]){NULL});

        return sources_complain(loading->err, "%s:%u: %.*s: there is no such setting; %s",
                                source->path, source->line, SHOWN(name),
                                hint_of("", similar, hint));
    }
    if (text_has_control(value))
        return sources_complain(loading->err, "%s:%u: %s: a value has no control characters",
                                source->path, source->line, setting->name);
    if (lines_of[setting - SETTINGS] != 0)
        return sources_complain(
            loading->err, "%s:%u: %s: line %u sets it already; keep one of them", source->path,
            source->line, setting->name, lines_of[setting - SETTINGS]);
    lines_of[setting - SETTINGS] = source->line;
    return apply(loading, source, setting, value);
}

static bool read_file(struct loading *loading)
{
    struct source source = {SOURCE_FILE, loading->path, 0};
    unsigned *lines_of = memory_alloc(count_settings() * sizeof(*lines_of));
    FILE *file = fopen(loading->path, "re");
    char *line = NULL;
    size_t room = 0;
    ssize_t len;
    bool good = file != NULL;

    while (good && (errno = 0, len = getline(&line, &room, file)) >= 0) {
        source.line++;
        good = read_line(loading, &source, (struct text){line, (size_t)len}, lines_of);
    }
    if (file == NULL || (good && errno != 0))
        good =
            sources_complain(loading->err, "%s: %s; --config and PARLEY_CONFIG name a file to read",
                             loading->path, strerror(errno));
    if (file != NULL)
        (void)fclose(file);
    free(lines_of);
    free(line);
    return good;
}

static bool read_variable(struct loading *loading, struct text name, struct text value)
{
    struct source source = {SOURCE_ENVIRONMENT, NULL, 0};
    char variable[NAME_ROOM];
    char spelled[NAME_ROOM]; /* as a setting */
    char hint[HINT_ROOM];
    const char *similar;
    size_t len;

    for (const struct setting *setting = SETTINGS; setting->name != NULL; setting++)
        if (text_equal(name, variable_of(setting->name, variable)))
            return apply(loading, &source, setting, value);

    for (len = 0; len < name.len - strlen(VARIABLE_PREFIX) && len < NAME_ROOM; len++) {
        char byte = name.at[strlen(VARIABLE_PREFIX) + len];

        spelled[len] = byte == '_' ? '-' : (char)tolower((unsigned char)byte);
    }
    similar = find_similar((struct text){spelled, len}, OTHER_VARIABLES);
    similar = similar != NULL ? variable_of(similar, variable).at : NULL;
    return sources_complain(loading->err, "%.*s: there is no such setting; %s", SHOWN(name),
                            hint_of("", similar, hint));
}

static bool read_environment(struct loading *loading, char *const *environment)
{
    for (; *environment != NULL; environment++) {
        struct text value = text_of(*environment);
        struct text name = text_split(&value, '=');

        if (text_starts_with(name, TEXT(VARIABLE_PREFIX)) &&
            !text_equal(name, TEXT(PATH_VARIABLE)) && !text_equal(name, TEXT(CLIENT_VARIABLE)) &&
            !read_variable(loading, name, value))
            return false;
    }
    return true;
}

/* The value of PATH_VARIABLE, or NULL. */
static const char *find_path(char *const *environment)
{
    for (; *environment != NULL; environment++)
        if (strncmp(*environment, PATH_VARIABLE "=", strlen(PATH_VARIABLE "=")) == 0)
            return *environment + strlen(PATH_VARIABLE "=");
    return NULL;
}

static bool complain_of_flag(struct loading *loading, struct text name)
{
    char hint[HINT_ROOM];

    return sources_complain(loading->err, "--%.*s: there is no such flag; %s", SHOWN(name),
                            hint_of("--", find_similar(name, OTHER_FLAGS), hint));
}

/* False when it is none of the flags without a value that are no settings. */
static bool take_command(struct loading *loading, struct text name)
{
    if (text_equal(name, TEXT("help")))
        loading->command = SOURCES_HELP;
    else if (text_equal(name, TEXT("version")))
        loading->command = SOURCES_VERSION;
    else if (text_equal(name, TEXT("check-config")))
        loading->command = SOURCES_CHECK;
    else
        return false;
    return true;
}

/* Takes one flag, and the argument behind it when that is its value. Settings are applied later:
 * the file, weaker, may be named by a flag that is still to come. */
static bool read_flag(struct loading *loading, char *const **arguments)
{
    struct text value = text_of(*(*arguments)++);
    bool has_value = strchr(value.at, '=') != NULL;
    const struct setting *setting;
    struct text name;

    if (!text_starts_with(value, TEXT("--")) || value.len == 2)
        return complain_of_stray(loading, NULL, value,
                                 "not a flag; settings are given as --NAME VALUE, and --help "
                                 "lists all");
    name = text_split(&value, '=');
    name = (struct text){name.at + 2, name.len - 2};
    setting = setting_find(name);
    if (setting == NULL && !text_equal(name, TEXT("config"))) {
        if (!take_command(loading, name))
            return complain_of_flag(loading, name);
        return !has_value || sources_complain(loading->err, "--%.*s takes no value", SHOWN(name));
    }
    if (!has_value && setting != NULL && setting->kind == SETTING_SWITCH) {
        value = TEXT("on");
    } else if (!has_value) {
        if (**arguments == NULL || strncmp(**arguments, "--", 2) == 0)
            return sources_complain(loading->err, "--%.*s: its value is missing; --help lists all",
                                    SHOWN(name));
        value = text_of(*(*arguments)++);
    }
    if (setting == NULL)
        loading->path = value.at;
    else
        loading->flags[loading->flag_count++] = (struct flag){setting, value};
    return true;
}

static bool apply_flags(struct loading *loading)
{
    struct source source = {SOURCE_FLAG, NULL, 0};

    for (size_t i = 0; i < loading->flag_count; i++)
        if (!apply(loading, &source, loading->flags[i].setting, loading->flags[i].value))
            return false;
    return true;
}

/* On top of each other, the weakest first. */
static bool read_all(struct loading *loading, char *const *arguments, char *const *environment)
{
    loading->path = find_path(environment);
    while (*arguments != NULL)
        if (!read_flag(loading, &arguments))
            return false;
    if (loading->command == SOURCES_HELP || loading->command == SOURCES_VERSION)
        return true;
    if (loading->path != NULL && loading->path[0] != '\0' && !read_file(loading))
        return false;
    return read_environment(loading, environment) && apply_flags(loading);
}

bool sources_read(struct config *config, int argc, char *const *argv, char *const *environment,
                  FILE *err, enum sources_command *command)
{
    struct loading loading = {.config = config, .err = err};
    bool good;

    loading.flags = memory_alloc((size_t)argc * sizeof(*loading.flags));
    good = read_all(&loading, argv + (argc > 0 ? 1 : 0), environment);
    free(loading.flags);
    *command = loading.command;
    return good;
}
